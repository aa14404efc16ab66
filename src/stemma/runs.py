"""The run-files contract: where the results of an experiment lie and how they are read and written.

    runs/<experiment>/
        train/summary.json          what was trained on what, and a row a seed (see `Summary`)
        train/seed<k>/history.csv   a row an epoch of a phase: phase, epoch, train_loss, val_loss, val_accuracy|rmse
        train/seed<k>/model/        weights, description, vocabulary.json or table.json; for an estimator on a network's
                                    hidden layer the model folder `network`; `stemma.families.load` reads it
        train_time.json             {"seed<k>": seconds}
        train_epochs_time.json      {"seed<k>": [seconds from the start to the end of each row of history]}
        test/seed<k>.json           test metrics of a seed, and for the task density log_z, log_z_low, log_z_high;
                                    for classify the temperature fitted on validation, scaled_calibration_error with it
        test/seed<k>.parquet        a row a test example: label, p0, p1, ... (class probabilities);
                                    for the task regress: target, value; for one that the experiment asks for: spread
                                    (what `stemma.scores` calls targets) and what is kept of an example, such as
                                    reconstruction_error
        test/mistakes.json          most confident mistakes of the first seed:
                                    index, label, predicted, probability[, text];
                                    regress: largest errors: index, target, value[, text];
                                    other tasks: the examples with the worst score: index, score[, text]
        test/robustness.json        of models with a gradient, the primary score under perturbations against them:
                                    {space, examples, rows: [{epsilon, seed<k>, ...}], turned: [...]}; what `space` and
                                    `turned` (the pictures `adversarial`) hold is told in `stemma.robustness`
        test/corruption.json        of the data's own task, the primary score on corrupted examples:
                                    {examples, rows: [{kind, strength, seed<k>, ...}]}, first kind `none`, strength 0
        test/facts.json             of the data: kind, shape, train_examples, groups (a number a test example, equal
                                    where they belong together; null if none do); of the model: multiply_adds of one
                                    prediction (null of an estimator)
        test/pictures.npz           uint8 [n, H, W, C] (C 1 or 3): `mistakes`, `filters`, `samples`, `adversarial`
                                    (original, sign pattern and perturbed, side by side: 3 W); those that exist
        metrics.json                means over the seeds, for `dvc metrics show`
        test_time.json              {"seed<k>": seconds to predict one example within a batch of 256,
                                    "alone": {"seed<k>": seconds to predict one example by itself},
                                    "peak_memory": bytes that the evaluating process held at most}

    logs/live/<experiment>/seed<k>.jsonl, beside the folder of all run files and no output: history as it grows

No date, path, duration or run id lies in a file other than `*_time.json`: equal results have equal bytes.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stemma.errors import StemmaError
from stemma.files import read_json, replacing, write_json, write_text

ROOT = Path("runs")
SPREAD = "spread"
Root = Path | Mapping[str, Path]
"""Where run files lie: the folder that holds all experiments, or the one that holds each."""


@dataclass(frozen=True)
class SeedSummary:
    """What training says of one seed. `epochs` is the number of epochs of the final phase that the model stands for,
    `val_score` its task's primary score on validation, such as accuracy or RMSE.
    """

    epochs: int
    val_loss: float
    val_score: float
    parameters: int
    model_bytes: int


@dataclass(frozen=True)
class Summary:
    """What was trained on what. `settings` is the whole experiment as resolved from params.yaml; `classes` are those
    that the task tells apart.
    """

    experiment: str
    family: str
    architecture: str
    dataset: str
    source: str
    slot: str
    digest: str
    test_digest: str
    classes: list[str]
    settings: dict[str, Any]
    seeds: dict[str, SeedSummary]
    task: str = "classify"

    @property
    def start(self) -> str:
        """The experiment whose trained models it started from; empty if none."""
        return str(self.settings.get("start", {}).get("experiment", ""))

    def best_seed(self, key: Callable[[float], float]) -> int:
        """The seed with the least `key` (`Scoring.key`) of its validation score, then the lowest loss, then number."""
        order = [(key(row.val_score), row.val_loss, int(name.removeprefix("seed"))) for name, row in self.seeds.items()]
        return min(order)[2]


def roots_of(sets: Iterable[tuple[Path, Iterable[str]]]) -> dict[str, Path]:
    """The folder of run files that holds each experiment of several (folder, experiments).

    Raises:
        StemmaError: two folders hold experiments of one name.
    """
    roots: dict[str, Path] = {}
    for folder, experiments in sets:
        for experiment in experiments:
            if roots.setdefault(experiment, folder) != folder:
                where = f"in {roots[experiment]} and in {folder}"
                raise StemmaError(f"experiment '{experiment}': {where}; rename one of them")
    return roots


class RunFiles:
    """Paths and files of one experiment below `root`."""

    def __init__(self, experiment: str, root: Root = ROOT) -> None:
        self.experiment = experiment
        self.root = root[experiment] if isinstance(root, Mapping) else Path(root)
        self.folder = self.root / experiment

    def seed_folder(self, seed: int) -> Path:
        return self.folder / "train" / f"seed{seed}"

    def model_folder(self, seed: int) -> Path:
        return self.seed_folder(seed) / "model"

    @property
    def live_folder(self) -> Path:
        return self.root.parent / "logs" / "live" / self.experiment

    def live(self, seed: int) -> Path:
        return self.live_folder / f"seed{seed}.jsonl"

    def live_rows(self, seed: int) -> list[dict[str, Any]]:
        """History so far, each row with `last`, whether its phase is the model's last; none if it has none yet."""
        path = self.live(seed)
        if not path.is_file():
            return []
        *lines, _ = path.read_text(encoding="utf-8").split("\n")
        return [json.loads(line) for line in lines]

    def write_history(self, seed: int, rows: list[dict[str, Any]]) -> None:
        write_text(self.seed_folder(seed) / "history.csv", pd.DataFrame(rows).to_csv(index=False))

    def history(self, seed: int) -> pd.DataFrame:
        return pd.read_csv(self._existing(self.seed_folder(seed) / "history.csv"))

    def write_summary(self, summary: Summary) -> None:
        write_json(self.folder / "train" / "summary.json", asdict(summary))

    def summary(self) -> Summary:
        """What was trained.

        Raises:
            StemmaError: the file is missing, or another version wrote it.
        """
        path = self._existing(self.folder / "train" / "summary.json")
        values = read_json(path)
        try:
            return Summary(**{**values, "seeds": {key: SeedSummary(**row) for key, row in values["seeds"].items()}})
        except (TypeError, KeyError):
            raise StemmaError(f"{path}: written by another version; run `dvc repro` to train it again") from None

    def seeds(self) -> list[int]:
        return sorted(int(name.removeprefix("seed")) for name in self.summary().seeds)

    def write_predictions(
        self, seed: int, targets: np.ndarray, outputs: np.ndarray, names: tuple[str, ...] = ()
    ) -> None:
        """`targets` `[N]`: labels int with `outputs` float `[N, classes]`, or float with values float `[N]`; or the
        spread float with what is kept of an example, float `[N, C]`, under `names`.
        """
        if names:
            columns = {SPREAD: targets, **dict(zip(names, outputs.T, strict=True))}
        elif outputs.ndim == 1:
            columns = {"target": targets, "value": outputs}
        else:
            columns = {"label": targets, **{f"p{k}": outputs[:, k] for k in range(outputs.shape[1])}}
        with replacing(self.folder / "test" / f"seed{seed}.parquet") as path:
            pd.DataFrame(columns).to_parquet(path, index=False)

    def predictions(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Of the test split: labels int `[N]` and probabilities `[N, classes]`, or targets and values, both `[N]`; or
        the spread `[N]` and what was kept of each example `[N, C]`.
        """
        frame = pd.read_parquet(self._existing(self.folder / "test" / f"seed{seed}.parquet"))
        if "value" in frame:
            return frame["target"].to_numpy(), frame["value"].to_numpy()
        return frame.pop(SPREAD if SPREAD in frame else "label").to_numpy(), frame.to_numpy()

    def write_pictures(self, pictures: dict[str, np.ndarray]) -> None:
        with replacing(self.folder / "test" / "pictures.npz") as path, path.open("wb") as file:
            np.savez(file, allow_pickle=False, **pictures)

    def pictures(self) -> dict[str, np.ndarray]:
        with np.load(self._existing(self.folder / "test" / "pictures.npz"), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}

    def write_robustness(
        self, space: str, examples: int, rows: list[dict[str, float]], turned: list[dict[str, Any]]
    ) -> None:
        """`rows`: one an epsilon, 0 first, each with a score a seed."""
        self.write("test/robustness.json", {"space": space, "examples": examples, "rows": rows, "turned": turned})

    def robustness(self) -> dict[str, Any] | None:
        """What `write_robustness` wrote; None if it was not measured."""
        path = self.folder / "test" / "robustness.json"
        return read_json(path) if path.is_file() else None

    def corruption(self) -> dict[str, Any] | None:
        """What lies in `test/corruption.json`; None if it was not measured."""
        path = self.folder / "test" / "corruption.json"
        return read_json(path) if path.is_file() else None

    def write(self, name: str, value: Any) -> None:
        write_json(self.folder / name, value)

    def read(self, name: str) -> Any:
        return read_json(self._existing(self.folder / name))

    def _existing(self, path: Path) -> Path:
        if not path.is_file():
            raise StemmaError(f"{path}: missing; run `dvc repro` (experiment '{self.experiment}')")
        return path
