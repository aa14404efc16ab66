"""Evaluation: trained models + the test split -> metrics, predictions, pictures. The test split is opened only here."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stemma import families
from stemma.data.store import Split, load_spec, load_split
from stemma.errors import StemmaError
from stemma.runs import ROOT, RunFiles
from stemma.scores import Scoring, scoring
from stemma.threads import use_one_thread

MISTAKES = 24
TIMED = 256
"""Examples in the batch whose prediction is timed."""


def evaluate(
    name: str, prepared: Path, root: Path = ROOT, epsilons: Sequence[float] = (), perturbed: int = 500
) -> None:
    """Judge every trained seed of experiment `name` on the test split and write its run files.

    Args:
        epsilons: sizes of the perturbations under which models with a gradient are judged again; none: they are not.
        perturbed: examples that are perturbed, at most, spread over the split.

    Raises:
        StemmaError: the models were trained on another prepared set than the one that lies there.
    """
    use_one_thread()
    runs, spec, test = RunFiles(name, root), load_spec(prepared), load_split(prepared, "test")
    if runs.summary().digest != spec.digest:
        raise StemmaError(f"{prepared}: not the set that '{name}' was trained on; run `dvc repro`")
    judged, values, times, pictures = scoring(runs.summary().task), [], {}, dict[str, np.ndarray]()
    sweeps: dict[str, Any] = {}
    for number, seed in enumerate(runs.seeds()):
        model = families.load(runs.model_folder(seed))
        targets, outputs, beside = _answers(model, test, judged)
        runs.write_predictions(seed, targets, outputs, judged.columns)
        values.append({metric: round(value, 6) for metric, value in judged.measure(targets, outputs).items()})
        runs.write(f"test/seed{seed}.json", values[-1] | beside)
        times[f"seed{seed}"] = _seconds_an_example(model, test)
        if number == 0:
            pictures = {**model.pictures(), **_mistakes(runs, test, judged, targets, outputs)}
        if epsilons and model.differentiable:
            sweeps[f"seed{seed}"] = _perturbed(model, test, epsilons, perturbed)
    means = {metric: round(float(np.mean([v[metric] for v in values])), 4) for metric in judged.scores}
    if any(sweeps.values()):
        means[f"{judged.primary}_change_at_{epsilons[0]:g}"] = _write_sweeps(runs, sweeps, epsilons)
        pictures |= next(iter(sweeps.values())).pictures
    runs.write_pictures(pictures)
    runs.write("metrics.json", means)
    runs.write("test_time.json", times)


def _answers(model: Any, test: Split, judged: Scoring) -> tuple[np.ndarray, np.ndarray, dict[str, float]]:
    """Targets and outputs as `judged` takes them, and the numbers of the model that those rest on."""
    if not judged.asked:
        return test.y, model.predict(test.x, test.lengths, test.texts), {}
    from stemma.nn.judging import answers, beside

    return *answers(model, test), beside(model, judged.beside_model)


def _perturbed(model: Any, test: Split, epsilons: Sequence[float], most: int) -> Any:
    """`robustness.Judged`. What it imports a baseline has no need of."""
    from stemma import robustness

    return robustness.judge(model, test, epsilons, most)


def _write_sweeps(runs: RunFiles, sweeps: dict[str, Any], epsilons: Sequence[float]) -> float:
    """Write the scores under each perturbation, by seed; the mean change under the first."""
    first = next(iter(sweeps.values()))
    rows = [
        {"epsilon": epsilon, **{seed: found.scores[place] for seed, found in sweeps.items()}}
        for place, epsilon in enumerate((0.0, *epsilons))
    ]
    runs.write_robustness(first.space, first.examples, rows, first.turned)
    return round(float(np.mean([found.scores[1] - found.scores[0] for found in sweeps.values()])), 4)


def _seconds_an_example(model: Any, test: Split, repeats: int = 3) -> float:
    """Best of `repeats` predictions of one batch, divided by its size."""
    part = Split(*(None if a is None else a[:TIMED] for a in (test.x, test.y, test.lengths, test.texts)))  # type: ignore[arg-type]
    durations = []
    for _ in range(repeats):
        started = time.perf_counter()
        model.predict(part.x, part.lengths, part.texts)
        durations.append(time.perf_counter() - started)
    return round(min(durations) / len(part), 9)


def _mistakes(
    runs: RunFiles, test: Split, judged: Scoring, targets: np.ndarray, outputs: np.ndarray
) -> dict[str, np.ndarray]:
    """Write the worst mistakes; return their pictures if the data are images."""
    if judged.asked:
        rows = _worst_examples(judged, targets, outputs)
    else:
        rows = _largest_errors(targets, outputs) if outputs.ndim == 1 else _surest_mistakes(targets, outputs)
    worst = [row["index"] for row in rows]
    texts = [{} if test.texts is None else {"text": test.texts[i]} for i in worst]
    runs.write("test/mistakes.json", [{**row, **text} for row, text in zip(rows, texts, strict=True)])
    if test.x.ndim != 4:
        return {}
    return {"mistakes": np.array(test.x[np.array(worst, int)]).transpose(0, 2, 3, 1)}


def _surest_mistakes(labels: np.ndarray, probabilities: np.ndarray) -> list[dict[str, Any]]:
    """The mistakes that the model was surest of."""
    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    worst = wrong[np.argsort(-probabilities[wrong, predicted[wrong]], kind="stable")][:MISTAKES]
    return [
        {
            "index": int(i),
            "label": int(labels[i]),
            "predicted": int(predicted[i]),
            "probability": round(float(probabilities[i, predicted[i]]), 6),
        }
        for i in worst
    ]


def _worst_examples(judged: Scoring, targets: np.ndarray, outputs: np.ndarray) -> list[dict[str, Any]]:
    scores = judged.per_example(targets, outputs)
    worst = np.argsort(-scores if judged.key(1) > 0 else scores, kind="stable")[:MISTAKES]
    return [{"index": int(i), "score": round(float(scores[i]), 6)} for i in worst]


def _largest_errors(targets: np.ndarray, values: np.ndarray) -> list[dict[str, Any]]:
    worst = np.argsort(-np.abs(values - targets), kind="stable")[:MISTAKES]
    return [{"index": int(i), "target": float(targets[i]), "value": round(float(values[i]), 6)} for i in worst]
