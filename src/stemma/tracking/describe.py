"""What a run says of itself in MLflow, from the run files alone: tags, parameters, metrics, notes."""

import hashlib
import json
import math
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from stemma.comparison import FAMILY_COLOURS
from stemma.files import sha256
from stemma.runs import RunFiles, SeedSummary
from stemma.scores import SCORING, scoring

PER_EPOCH = {
    "train_loss": "train/loss",
    "val_loss": "val/loss",
    **{f"val_{judged.primary}": f"val/{judged.primary}" for judged in SCORING.values()},
}
OF_EPOCHS = ("train/", "val/", "z_pretrain/")
"""What the names of metrics begin with that have a value an epoch."""
SHORT = {
    "accuracy": "acc",
    "reconstruction_error": "mse",
    "log_likelihood": "loglik",
    "quantisation_error": "quant",
    "topographic_error": "topo",
    "bits_right": "bits",
    "patterns_right": "whole",
}
"""Short names of scores: the UI cuts the heads of its columns."""
AT_A_GLANCE = ("parameters", "epochs", "batch_size", "optimizer", "learning_rate")
PHASE_METRICS = 3
"""Metrics of an earlier phase that are shown, losses last; more clutter the UI."""


def key(runs: RunFiles) -> str:
    """SHA-256 over names and contents of an experiment's output files, its timings left out.

    Equal results have equal keys, whenever and wherever they were made.
    """
    digest = hashlib.sha256()
    for path in sorted(runs.folder.rglob("*")):
        if path.is_file() and not path.name.endswith("_time.json"):
            digest.update(f"{path.relative_to(runs.folder).as_posix()} {sha256(path)}\n".encode())
    return digest.hexdigest()


def tags(summary: Mapping[str, Any], kind: str, stage: str) -> dict[str, str]:
    """Tags of a run; `summary` has the fields of `runs.Summary`, `stage` is the last that it passed."""
    names = ("experiment", "family", "architecture", "dataset", "source", "slot")
    colour = FAMILY_COLOURS[summary["family"]]
    own = {
        "kind": kind,
        "stage": stage,
        "superseded": "no",
        "data_digest": summary["digest"],
        "mlflow.runColor": colour,
    }
    start = (summary["settings"].get("start") or {}).get("experiment")
    if start:
        own["start"] = start
    if (tried := summary["settings"].get("tried", 1)) > 1:
        own["tried"] = str(tried)
    revision = git_revision()
    if revision:
        own |= {"git_revision": revision, "mlflow.source.git.commit": revision}
    return {name: summary[name] for name in names} | own | {"mlflow.source.name": "stemma"}


def git_revision() -> str:
    """The commit that the working directory stands on, `+` if tracked files differ; empty where Git knows none."""
    if shutil.which("git") is None:
        return ""
    command = ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+"]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()  # noqa: S603


def parameters(summary: Mapping[str, Any], kind: str) -> dict[str, str]:
    """Family, architecture and settings of an experiment, flattened with dots; the seeds are told by the runs.

    Charts take parameters and no tags, hence the family and the architecture once more. Aggregates have those
    settings only that tell experiments apart at a glance: the UI prints all of them over each picture.
    """
    settings = {name: value for name, value in summary["settings"].items() if name not in ("dataset", "seeds")}
    if kind == "aggregate":
        settings = {name: value for name, value in settings.items() if name in AT_A_GLANCE}
    named = {name: summary[name] for name in ("family", "architecture", "slot")}
    return {name: value[:6000] for name, value in _flat(settings, "")} | named


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, "" if name == "parameters" else f"{name}.")
        else:
            yield f"{prefix}{name}", value if isinstance(value, str) else json.dumps(value)


def curves(history: pd.DataFrame, final: str | None = None) -> Iterator[tuple[str, int, float]]:
    """(metric, step, value) of every epoch; values that are not finite are left out.

    The last phase has the names that all families share and counts its epochs from 1; earlier phases
    stand in the section `z_pretrain`, which the UI sorts last. `final` names the last phase of a history that may not
    have reached it.
    """
    final = history["phase"].iloc[-1] if final is None else final
    for phase, rows in history.groupby("phase", sort=False):
        names = PER_EPOCH if phase == final else _phase_names(str(phase), rows)
        for column in [c for c in names if c in rows]:
            for step, value in enumerate(rows[column].astype(float), start=1):
                if math.isfinite(value):
                    yield names[column], step, value


def growing(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, int, float]]:
    """`curves` of what there is of a history (`RunFiles.live_rows`)."""
    if rows:
        yield from curves(pd.DataFrame(rows).drop(columns="last"), next((r["phase"] for r in rows if r["last"]), ""))


def _phase_names(phase: str, rows: pd.DataFrame) -> dict[str, str]:
    columns = [c for c in rows.columns if c not in ("phase", "epoch") and rows[c].notna().any()]
    shown = sorted(columns, key=lambda column: column.endswith("loss"))[:PHASE_METRICS]
    return {c: f"z_pretrain/{phase}_{c.removeprefix('train_')}" for c in shown}


def short(score: str) -> str:
    """The name under which a score stands on experiments: `acc` of accuracy."""
    return SHORT.get(score, score)


def aggregates(row: Mapping[str, Any]) -> dict[str, float]:
    """Metrics of an experiment, six at most: the UI's comparison misplaces the values of a longer table."""
    score, name = row[row["primary"]], short(row["primary"])
    values = {
        f"{name}_mean": score["mean"],
        f"{name}_lo": score["lo"],
        f"{name}_hi": score["hi"],
        **_beside(row),
        "n_params": row["parameters"],
        "train_s_mean": row["train_seconds"]["mean"],
    }
    return {name: round(float(value), 4) for name, value in values.items() if value is not None}


def _beside(row: Mapping[str, Any]) -> dict[str, float]:
    """The one score that stands beside the first: the error of an accuracy, R² of an RMSE."""
    own = {
        "classify": lambda: {"err_mean": 1 - row["accuracy"]["mean"]},
        "regress": lambda: {"r2_mean": row["r2"]["mean"]},
    }
    if row["task"] in own:
        return own[row["task"]]()
    judged = scoring(row["task"])
    return {f"{short(name)}_mean": row[name]["mean"] for name in list(judged.scores)[1 : 1 + min(judged.beside, 1)]}


def seed_metrics(row: Mapping[str, Any], seed: int) -> dict[str, float]:
    """Metrics that a seed has once. `row` is the experiment's row of `reports/comparison.json`."""
    place = row["seeds"].index(seed)
    values = {f"test/{row['primary']}": row[row["primary"]], "train_s": row["train_seconds"]}
    return {name: round(float(value["values"][place]), 4) for name, value in values.items()}


def chosen(seed: SeedSummary, primary: str) -> dict[str, float]:
    """The epoch whose weights a seed's model has, and its primary score on validation."""
    return {"best_epoch": seed.epochs, f"best/val_{primary}": round(seed.val_score, 6)}


def perturbed(row: Mapping[str, Any], seed: int) -> Iterator[tuple[str, int, float]]:
    """(metric, step, value) of a seed under perturbations, and the change that the least one makes.

    A step is a whole number, so it is epsilon in millionths: that of 0.007 shows as 7k. Nothing of a model that was
    not perturbed.
    """
    if row["robustness"] is None:
        return
    place, score = row["seeds"].index(seed), row["primary"]
    points = [(point["epsilon"], point["values"][place]) for point in row["robustness"]["points"]]
    for epsilon, value in points:
        yield f"robustness/{score}", round(1_000_000 * epsilon), value
    (_, before), (least, after), *_ = points
    yield f"robustness/change_at_{least:g}", 0, round(after - before, 6)


def sentence(row: Mapping[str, Any]) -> str:
    """One plain sentence, which is all that the UI shows of a note until it is unfolded."""
    score, value, seeds = scoring(row["task"]).score, row[row["primary"]], len(row["seeds"])
    interval = "" if value["lo"] is None else f" [{score.shown(value['lo'])}, {score.shown(value['hi'])}]"
    start = f", from the models of {row['start']}," if row["start"] else ""
    return (
        f"{row['architecture']} ({row['family']}){start} on {row['dataset']}@{row['source']}: test {score.noun} "
        f"{score.shown(value['mean'])}{interval} over {seeds} seed{'s' if seeds > 1 else ''}."
    )
