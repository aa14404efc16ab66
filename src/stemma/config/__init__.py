"""params.yaml -> typed, frozen objects. The only reader of that file; torch-free.

`load` checks the whole file at once and raises one `StemmaError` that lists every mistake, a line each:
the key, what was found and what is allowed.
"""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from stemma.config.datasets import Dataset, Limits, Resize
from stemma.config.fits import architecture_mistakes, check_parameters, slot_mistakes
from stemma.config.gate import Gate, gate_mistakes
from stemma.config.messages import validated
from stemma.config.section import Key, Section
from stemma.config.training import Augment, Experiment, Training
from stemma.config.transfers import Start, Transfer, transfer_mistakes
from stemma.errors import StemmaError, unknown
from stemma.yaml_loader import read_mapping

__all__ = [
    "Augment", "Budgets", "Comparison", "Config", "Corruptions", "Dataset", "Evaluation", "Experiment", "Gate",
    "Limits", "Resize", "Start", "Training", "Transfer", "check_parameters", "load",
]  # fmt: skip


Strengths = tuple[Annotated[float, Field(gt=0)], ...]


def _ascending(strengths: Strengths, info: ValidationInfo) -> Strengths:
    if any(low >= high for low, high in pairwise(strengths)):
        raise ValueError(f"{info.field_name} must ascend and be distinct, found {list(strengths)}")
    return strengths


class Corruptions(Section):
    """What may happen to what is tested with nobody against the model; an empty list: it is not tried."""

    noise: Strengths = Field((), description="images: standard deviation, of a pixel's range; tables: of the columns")
    blur: Strengths = Field((), description="images: standard deviation in pixels")
    shift: tuple[Annotated[int, Field(ge=1)], ...] = Field((), description="images: pixels along both axes")
    drop: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field((), description="texts: share of the words lost")

    ascending = field_validator("noise", "blur", "shift", "drop")(_ascending)


class Evaluation(Section):
    """Sign-of-gradient perturbation and corruption of what is tested."""

    epsilons: Strengths = Field(
        (0.007, 0.02, 0.05, 0.1, 0.2), description="sizes of the perturbation, ascending; an empty list: none"
    )
    perturbed: int = Field(500, ge=1, description="test examples that are perturbed and corrupted, at most")
    corruptions: Corruptions = Corruptions()

    ascending = field_validator("epsilons")(_ascending)


class Budgets(Section):
    """Within which the families are compared once more; an empty list: not within such a one."""

    parameters: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (10_000, 100_000, 1_000_000), description="of the model, at most"
    )
    train_seconds: Strengths = Field((1.0, 10.0), description="of training a seed, at most")

    ascending = field_validator("parameters", "train_seconds")(_ascending)


class Comparison(Section):
    confidence: float = Field(0.95, gt=0.5, lt=1, description="of the intervals")
    bootstrap: int = Field(1000, ge=100, description="resamples of the test examples")
    seed: int = Field(0, ge=0, description="of the resampling")
    budgets: Budgets = Budgets()


class Config(Section):
    datasets: dict[Key, Dataset]
    training: Training = Training()
    experiments: dict[Key, Experiment]
    transfers: dict[Key, Transfer] = Field(default_factory=dict)
    evaluation: Evaluation = Evaluation()
    comparison: Comparison = Comparison()
    gate: Gate = Gate()

    @property
    def trained(self) -> dict[str, Experiment]:
        """All experiments, those of `transfers` last."""
        return {**self.experiments, **self.transfers}

    def experiment(self, key: str) -> Experiment:
        if key not in self.trained:
            raise unknown("experiment", key, self.trained)
        return self.trained[key]

    def slot(self, key: str) -> Dataset:
        if key not in self.datasets:
            raise unknown("dataset slot", key, self.datasets)
        return self.datasets[key]


def load(path: Path = Path("params.yaml"), changes: Mapping[str, Mapping[str, Any]] | None = None) -> Config:
    """Read and check `path`; `changes`: keys of an experiment's entry that stand in place of the file's.

    Raises:
        StemmaError: the file is missing, is not YAML, or holds any mistake.
    """
    values, mistakes = _read(path), list[str]()
    for key, change in (changes or {}).items():
        _entry(values, key).update(change)
    training, datasets = (_mapping(values, name) for name in ("training", "datasets"))
    if training and validated(Training, training, "training", mistakes) is None:
        values["training"] = training = {}
    sections = {name: _mapping(values, name) for name in ("experiments", "transfers")}
    own = {
        key: set(entry) for section in sections.values() for key, entry in section.items() if isinstance(entry, dict)
    }
    for section in sections.values():
        section.update({k: {**training, **entry} for k, entry in section.items() if isinstance(entry, dict)})
    checked = [line for name in sections for line in _misfits(name, sections, datasets, own)]
    checked += [mistake for key, slot in datasets.items() for mistake in slot_mistakes(f"datasets.{key}", slot)]
    config = validated(Config, values, "", mistakes)
    mistakes += checked + ([] if config is None else gate_mistakes(config.gate, config.evaluation.epsilons))
    if mistakes or config is None:
        raise StemmaError("\n".join(f"{path}: {mistake}" for mistake in mistakes))
    return config


def _misfits(
    name: str, sections: dict[str, dict[str, Any]], datasets: dict[str, Any], own: dict[str, set[str]]
) -> list[str]:
    """What the catalogues know to be wrong with the experiments of section `name`; `own`: the keys each writes."""
    everything, found = {**sections["experiments"], **sections["transfers"]}, list[str]()
    for key, entry in sections[name].items():
        where = f"{name}.{key}"
        if name == "transfers" and key in sections["experiments"]:
            found.append(f"{where}: experiments has this key too; each key is one experiment")
        elif isinstance(entry, dict):
            if name == "experiments" and entry.pop("start", None) is not None:
                found.append(f"{where}.start: what starts from another experiment stands in the section `transfers`")
            found += architecture_mistakes(where, entry, datasets, own[key])
            found += transfer_mistakes(where, entry, everything, datasets) if name == "transfers" else []
    return found


def _mapping(values: dict[str, Any], name: str) -> dict[str, Any]:
    """The section `name` if it is a mapping, else an empty one: what else it may be is told by `_validate`."""
    return values[name] if isinstance(values.get(name), dict) else {}


def written(path: Path, key: str) -> dict[str, Any]:
    """The entry of the experiment `key` as the file `path`, which is known to hold no mistake, has it."""
    return _entry(_read(path), key)


def section_of(path: Path, key: str) -> str:
    """Which section of `path` holds the experiment `key`."""
    return "transfers" if key in _mapping(_read(path), "transfers") else "experiments"


def _entry(values: dict[str, Any], key: str) -> dict[str, Any]:
    experiments = {**_mapping(values, "experiments"), **_mapping(values, "transfers")}
    if not isinstance(experiments.get(key), dict):
        raise unknown("experiment", key, experiments)
    return experiments[key]


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise StemmaError(f"{path}: no such file; run from the folder that holds params.yaml")
    return read_mapping(path, "datasets, training, experiments")
