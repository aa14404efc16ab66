"""params.yaml -> typed, frozen objects. The only reader of that file; torch-free.

`load` checks the whole file at once and raises one `StemmaError` that lists every mistake, a line each:
the key, what was found and what is allowed.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, field_validator

from stemma.data import catalog as data_catalog
from stemma.errors import StemmaError, unknown
from stemma.families import catalog

Fraction = Annotated[float, Field(ge=0, lt=1)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Dataset(Section):
    """A slot: which dataset from which source, and how it is split and encoded."""

    use: str = Field(description="dataset@source: a catalogue name, then sample, canonical, a path or a URL")
    test: str | None = Field(None, description="a separate dataset@source to take the test split from")
    validation: Fraction = Field(0.1, description="share of the training examples held out for choosing")
    test_share: Fraction = Field(0.2, description="share split off as test when the source has none of its own")
    seed: int = Field(0, ge=0, description="of the split")
    max_length: int = Field(48, ge=1, description="text: tokens kept of an example")
    vocabulary: int = Field(10_000, ge=3, description="text: most frequent training tokens kept")
    min_count: int = Field(2, ge=1, description="text: occurrences in train that a token needs")
    allow_unverified: bool = Field(False, description="accept files whose digest the catalogue does not know")
    digest: str | None = Field(None, description="SHA-256 of a path source, written by `stemma data use`")
    test_digest: str | None = Field(None, description="the same of `test`")

    @field_validator("use", "test")
    @classmethod
    def known(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                data_catalog.parse(value)
            except StemmaError as error:
                raise ValueError(str(error)) from None
        return value


class Augment(Section):
    """Random changes of a training batch of images, on the device."""

    shift: int = Field(0, ge=0, description="shift by up to so many pixels, zeros move in")
    flip: bool = Field(False, description="mirror left to right with probability 1/2")


class Training(Section):
    """Settings of the one training loop; an experiment overrides any of them."""

    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=1, description="a training each; distinct")
    epochs: int = Field(10, ge=1, description="at most; of phases that fix their own number only the others")
    batch_size: int = Field(64, ge=1, description="the global one, whatever the number of devices")
    optimizer: Literal["sgd", "adam", "adamw", "rmsprop", "adagrad", "adadelta"] = Field("adam", description="of torch")
    learning_rate: float = Field(1e-3, gt=0, description="the largest one of a schedule")
    momentum: Fraction = Field(0.0, description="of sgd and rmsprop")
    weight_decay: float = Field(0.0, ge=0)
    schedule: Literal["constant", "cosine", "one_cycle"] = Field("constant", description="over the steps of all epochs")
    loss: Literal["cross_entropy", "mse"] = Field("cross_entropy", description="mse: on one-hot labels")
    augment: Augment = Augment()
    monitor: Literal["val_loss", "val_accuracy"] = Field("val_loss", description="what the best epoch is chosen by")
    patience: int | None = Field(3, ge=1, description="epochs without a better `monitor` before stopping")
    refit: bool = Field(False, description="choose the epochs on validation, then train anew on train + validation")
    accelerator: Literal["auto", "cpu", "gpu", "mps"] = Field("auto", description="auto: GPUs where there are any")
    devices: int | Literal["auto"] | tuple[int, ...] = Field("auto", description="how many, or which; auto: all GPUs")
    strategy: str = Field("auto", description="of Lightning, such as ddp; auto: DDP on several devices")
    precision: Literal["32-true", "bf16-mixed", "16-mixed", "bf16-true", "64-true"] = "32-true"
    matmul_precision: Literal["highest", "high", "medium"] = Field(
        "medium",
        description="of float32 products; on a CPU `medium` takes the faster of two exact kernels where there is one",
    )
    gradient_clip_val: float | None = Field(None, gt=0, description="largest norm of a step's gradient")
    deterministic: bool = Field(True, description="deterministic algorithms only")
    fast_dev_run: bool = Field(False, description="one batch of one epoch, to try the code")
    limit_train_batches: int | float = Field(1.0, gt=0, description="batches, or a share of them, of an epoch")
    limit_val_batches: int | float = Field(1.0, gt=0, description="the same for validation")

    @field_validator("seeds")
    @classmethod
    def distinct(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds) or min(seeds) < 0:
            raise ValueError("seeds must be distinct and not negative")
        return seeds


class Experiment(Training):
    """A training of one architecture on one slot; `family` is written out because dvc.yaml depends on its code."""

    dataset: str = Field(description="a slot of `datasets`")
    family: str = Field(description="of the architecture, written out because dvc.yaml depends on its code")
    architecture: str = Field(description="a key of `stemma list`")
    parameters: dict[str, Any] = Field(default_factory=dict, description="of the architecture, below")


class Comparison(Section):
    confidence: float = Field(0.95, gt=0.5, lt=1, description="of the intervals")
    bootstrap: int = Field(1000, ge=100, description="resamples of the test examples")
    seed: int = Field(0, ge=0, description="of the resampling")


class Gate(Section):
    """When a challenger may take the alias `champion`."""

    alpha: float = Field(0.05, gt=0, lt=1, description="probability of a false promotion")
    min_effect: Fraction = Field(0.0, description="smallest gain in accuracy that counts")
    max_latency_ms: float | None = Field(None, gt=0, description="prediction time of one example")
    max_model_bytes: int | None = Field(None, gt=0, description="of the saved model")


class Config(Section):
    datasets: dict[str, Dataset]
    training: Training = Training()
    experiments: dict[str, Experiment]
    comparison: Comparison = Comparison()
    gate: Gate = Gate()

    def experiment(self, key: str) -> Experiment:
        if key not in self.experiments:
            raise unknown("experiment", key, self.experiments)
        return self.experiments[key]

    def slot(self, key: str) -> Dataset:
        if key not in self.datasets:
            raise unknown("dataset slot", key, self.datasets)
        return self.datasets[key]


def load(path: Path = Path("params.yaml")) -> Config:
    """Read and check `path`.

    Raises:
        StemmaError: the file is missing, is not YAML, or holds any mistake.
    """
    values, mistakes = _read(path), list[str]()
    training, experiments, datasets = (_mapping(values, name) for name in ("training", "experiments", "datasets"))
    if training and _validate(Training, training, "training", mistakes) is None:
        values["training"] = training = {}
    for key, entry in experiments.items():
        if isinstance(entry, dict):
            experiments[key] = {**training, **entry}
    config = _validate(Config, values, "", mistakes)
    for key, entry in experiments.items():
        if isinstance(entry, dict):
            mistakes += _architecture_mistakes(f"experiments.{key}", entry, datasets)
    if mistakes or config is None:
        raise StemmaError("\n".join(f"{path}: {mistake}" for mistake in mistakes))
    return config


def _mapping(values: dict[str, Any], name: str) -> dict[str, Any]:
    """The section `name` if it is a mapping, else an empty one: what else it may be is told by `_validate`."""
    return values[name] if isinstance(values.get(name), dict) else {}


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise StemmaError(f"{path}: no such file; run from the folder that holds params.yaml")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" in line {where.line + 1}" if where else ""
        raise StemmaError(f"{path}: not valid YAML{line}: {getattr(error, 'problem', None) or error}") from None
    if not isinstance(values, dict):
        raise StemmaError(
            f"{path}: expected a mapping with datasets, training, experiments; found {type(values).__name__}"
        )
    return values


def _validate(model: type[Section], values: Any, prefix: str, mistakes: list[str]) -> Any:
    """`model` made from `values` with lists as tuples, or None with the mistakes appended."""
    try:
        return model.model_validate(_tuples(values))
    except ValidationError as error:
        mistakes += [_line(model, item, prefix) for item in error.errors()]
        return None


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _tuples(v) for k, v in value.items()}
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value


def _line(model: type[BaseModel], item: Any, prefix: str) -> str:
    """One pydantic error in the form `key: what is wrong, found ...`."""
    parts = [str(p) for p in item["loc"] if not str(p).startswith(("function-", "tuple[", "constrained-"))]
    where = ".".join(filter(None, [prefix, *parts]))
    kind, message = item["type"], item["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        return str(unknown(where.rpartition(".")[0] or "top level", parts[-1], _fields(model, parts[:-1]))).replace(
            "name", "key", 1
        )
    if kind == "missing":
        return f"{where}: missing"
    found = "" if kind == "value_error" else f", found {item['input']!r}"
    return f"{where}: {message[0].lower()}{message[1:]}{found}"


def _fields(model: type[BaseModel], parts: list[str]) -> list[str]:
    """Keys that are allowed where `parts` leads, walking sections and dicts of sections."""
    current: Any = model
    for part in parts:
        if get_origin(current) is dict:
            current = get_args(current)[1]
        elif part in getattr(current, "model_fields", {}):
            current = current.model_fields[part].annotation
    return list(getattr(current, "model_fields", {}))


def _architecture_mistakes(where: str, entry: dict[str, Any], datasets: dict[str, Any]) -> list[str]:
    """What only the catalogue knows: names, family, parameters, and whether the data kind is accepted."""
    name, slot = entry.get("architecture"), entry.get("dataset")
    mistakes = []
    if isinstance(slot, str) and slot not in datasets:
        mistakes.append(f"{where}.{unknown('dataset', slot, datasets)}")
    if not isinstance(name, str):
        return mistakes
    if name not in catalog.CATALOG:
        return [*mistakes, f"{where}.{unknown('architecture', name, catalog.CATALOG)}"]
    known = catalog.CATALOG[name]
    if entry.get("family") not in (None, known.family):
        mistakes.append(f"{where}.family: '{name}' belongs to '{known.family}', found '{entry['family']}'")
    check_parameters(name, entry.get("parameters"), f"{where}.parameters", mistakes)
    use = _mapping(datasets, slot).get("use") if isinstance(slot, str) else None
    if isinstance(use, str) and use.partition("@")[0] in data_catalog.CATALOG:
        kind = data_catalog.CATALOG[use.partition("@")[0]].kind
        if kind not in known.kinds:
            kinds = " and ".join(known.kinds)
            mistakes.append(f"{where}.architecture: '{name}' accepts {kinds}; slot '{slot}' ({use}) holds {kind}")
    return mistakes


def check_parameters(architecture: str, values: Any, where: str, mistakes: list[str]) -> dict[str, Any]:
    """The given parameters of an architecture, checked; constructor defaults stand for the others."""
    fields: Any = {name: (kind, None) for name, kind in catalog.CATALOG[architecture].parameters.items()}
    model = create_model(architecture, __base__=Section, **fields)
    result = _validate(model, values if values is not None else {}, where, mistakes)
    return result.model_dump(exclude_unset=True) if result else {}
