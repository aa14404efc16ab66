"""Learning curves: what history files say of the final phase, as a mean over the seeds."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from stemma.runs import RunFiles

COLUMNS = ["dataset", "source", "experiment", "family", "epoch", "val_accuracy", "val_loss"]


def learning_curves(experiments: Iterable[str], root: Path) -> pd.DataFrame:
    """A row an experiment and epoch of its final phase, epochs counted from 1.

    Seeds that stopped earlier drop out of the mean. Pre-training phases are left out: their losses are not
    comparable. A value that a history does not hold is missing (an empty field of `reports/curves.csv`).
    """
    frames = [pd.DataFrame(columns=COLUMNS), *(_of(experiment, Path(root)) for experiment in experiments)]
    return pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)


def _of(experiment: str, root: Path) -> pd.DataFrame:
    runs = RunFiles(experiment, root)
    summary = runs.summary()
    histories = pd.concat([_final_phase(runs.history(seed)) for seed in runs.seeds()])
    means = histories.groupby("epoch", as_index=False).mean()
    values = {name: getattr(summary, name) for name in COLUMNS[:4]}
    return means.assign(**values).reindex(columns=COLUMNS)


def _final_phase(history: pd.DataFrame) -> pd.DataFrame:
    final = history[history["phase"] == history["phase"].iloc[-1]]
    values = final.reindex(columns=["epoch", "val_accuracy", "val_loss"]).dropna(subset="epoch")
    return values.assign(epoch=values["epoch"].astype(int) - int(values["epoch"].min()) + 1)
