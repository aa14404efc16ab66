"""Learning curves: what history files say of the final phase, as a mean over the seeds."""

from collections.abc import Iterable

import pandas as pd

from stemma.runs import Root, RunFiles, Summary
from stemma.scores import scoring

COLUMNS = ["dataset", "source", "experiment", "family", "epoch"]


def learning_curves(experiments: Iterable[str], root: Root) -> pd.DataFrame:
    """A row an experiment and epoch of its final phase, epochs counted from 1.

    Columns are `COLUMNS`, then a validation score a task that is there (`val_accuracy`, `val_rmse`), and `val_loss`.
    Seeds that stopped earlier drop out of the mean. Pre-training phases are left out: their losses are not
    comparable. A value that a history does not hold is missing (an empty field of `reports/curves.csv`).
    """
    found = [RunFiles(experiment, root) for experiment in experiments]
    summaries = [runs.summary() for runs in found]
    scores = dict.fromkeys(_score(summary) for summary in summaries) or {"val_accuracy": None}
    columns = [*COLUMNS, *scores, "val_loss"]
    frames = [pd.DataFrame(columns=columns), *(_of(*each) for each in zip(found, summaries, strict=True))]
    joined = pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)
    return joined.reindex(columns=columns)


def _score(summary: Summary) -> str:
    return f"val_{scoring(summary.task).primary}"


def _of(runs: RunFiles, summary: Summary) -> pd.DataFrame:
    histories = pd.concat([_final_phase(runs.history(seed), _score(summary)) for seed in runs.seeds()])
    means = histories.groupby("epoch", as_index=False).mean()
    return means.assign(**{name: getattr(summary, name) for name in COLUMNS[:4]})


def _final_phase(history: pd.DataFrame, score: str) -> pd.DataFrame:
    final = history[history["phase"] == history["phase"].iloc[-1]]
    values = final.reindex(columns=["epoch", score, "val_loss"]).dropna(subset="epoch")
    return values.assign(epoch=values["epoch"].astype(int) - int(values["epoch"].min()) + 1)
