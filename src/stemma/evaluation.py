"""Evaluation: trained models + the test split -> metrics, predictions, pictures. The test split is opened only here."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from stemma import families
from stemma.data.store import Split, load_spec, load_split
from stemma.errors import StemmaError
from stemma.runs import ROOT, RunFiles
from stemma.scores import SCORES
from stemma.threads import use_one_thread

MISTAKES = 24
TIMED = 256
"""Examples in the batch whose prediction is timed."""


def evaluate(name: str, prepared: Path, root: Path = ROOT) -> None:
    """Judge every trained seed of experiment `name` on the test split and write its run files.

    Raises:
        StemmaError: the models were trained on another prepared set than the one that lies there.
    """
    use_one_thread()
    runs, spec, test = RunFiles(name, root), load_spec(prepared), load_split(prepared, "test")
    if runs.summary().digest != spec.digest:
        raise StemmaError(f"{prepared}: not the set that '{name}' was trained on; run `dvc repro`")
    values, times, pictures = {}, {}, dict[str, np.ndarray]()
    for number, seed in enumerate(runs.seeds()):
        model = families.load(runs.model_folder(seed))
        probabilities = model.probabilities(test.x, test.lengths, test.texts)
        runs.write_predictions(seed, test.y, probabilities)
        values[seed] = {metric: round(score(test.y, probabilities), 6) for metric, score in SCORES.items()}
        runs.write(f"test/seed{seed}.json", values[seed])
        times[f"seed{seed}"] = _seconds_an_example(model, test)
        if number == 0:
            pictures = {**model.pictures(), **_mistakes(runs, test, probabilities)}
    runs.write_pictures(pictures)
    means = {metric: round(float(np.mean([v[metric] for v in values.values()])), 4) for metric in SCORES}
    runs.write("metrics.json", means)
    runs.write("test_time.json", times)


def _seconds_an_example(model: Any, test: Split, repeats: int = 3) -> float:
    """Best of `repeats` predictions of one batch, divided by its size."""
    part = Split(*(None if a is None else a[:TIMED] for a in (test.x, test.y, test.lengths, test.texts)))  # type: ignore[arg-type]
    durations = []
    for _ in range(repeats):
        started = time.perf_counter()
        model.probabilities(part.x, part.lengths, part.texts)
        durations.append(time.perf_counter() - started)
    return round(min(durations) / len(part), 9)


def _mistakes(runs: RunFiles, test: Split, probabilities: np.ndarray) -> dict[str, np.ndarray]:
    """Write the mistakes that the model was surest of; return their pictures if the data are images."""
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != test.y)
    worst = wrong[np.argsort(-probabilities[wrong, predicted[wrong]], kind="stable")][:MISTAKES]
    rows: list[dict[str, Any]] = [
        {
            "index": int(i),
            "label": int(test.y[i]),
            "predicted": int(predicted[i]),
            "probability": round(float(probabilities[i, predicted[i]]), 6),
            **({"text": test.texts[i]} if test.texts is not None else {}),
        }
        for i in worst
    ]
    runs.write("test/mistakes.json", rows)
    if test.x.ndim != 4:
        return {}
    return {"mistakes": np.array(test.x[worst]).transpose(0, 2, 3, 1)}
