"""Evaluation: trained models + the test split -> metrics, predictions, pictures. The test split is opened only here."""

import resource
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stemma import calibration, corruption, families
from stemma.data import store
from stemma.data.store import Split, load_spec, load_split
from stemma.errors import StemmaError
from stemma.runs import ROOT, RunFiles
from stemma.scores import Scoring, scoring
from stemma.spec import DataSpec
from stemma.threads import use_one_thread

MISTAKES = 24
TIMED = 256
"""Examples in the batch whose prediction is timed."""
FITTED = 1000
"""Validation examples to which a temperature is fitted, at most."""
Strengths = Mapping[str, Sequence[float]]


def evaluate(
    name: str,
    prepared: Path,
    root: Path = ROOT,
    epsilons: Sequence[float] = (),
    perturbed: int = 500,
    corruptions: Strengths | None = None,
) -> None:
    """Judge every trained seed of experiment `name` on the test split and write its run files.

    Args:
        epsilons: sizes of the perturbations under which models with a gradient are judged again; none: they are not.
        perturbed: examples that are perturbed or corrupted, at most, spread over the split.
        corruptions: strengths by kind under which every model is judged again (`stemma.corruption`).

    Raises:
        StemmaError: the models were trained on another prepared set than the one that lies there.
    """
    use_one_thread()
    runs, spec, test = RunFiles(name, root), load_spec(prepared), load_split(prepared, "test")
    summary = runs.summary()
    if summary.digest != spec.digest:
        raise StemmaError(f"{prepared}: not the set that '{name}' was trained on; run `dvc repro`")
    judged, values, pictures = scoring(summary.task), [], dict[str, np.ndarray]()
    sweeps: dict[str, Any] = {}
    times: dict[str, Any] = {"alone": {}}
    worse = _Corruptions(prepared, spec, test, corruptions or {}, perturbed) if not judged.asked else None
    for number, seed in enumerate(runs.seeds()):
        model, key = families.load(runs.model_folder(seed)), f"seed{seed}"
        targets, outputs, beside = _answers(model, test, judged)
        if summary.classes:
            beside = _temperature(model, prepared, targets, outputs)
        runs.write_predictions(seed, targets, outputs, judged.columns)
        values.append({metric: round(value, 6) for metric, value in judged.measure(targets, outputs).items()})
        runs.write(f"test/{key}.json", values[-1] | beside)
        times[key], times["alone"][key] = _seconds_an_example(model, test), _seconds_an_example(model, test, 1)
        if number == 0:
            pictures = {**model.pictures(), **_mistakes(runs, test, judged, targets, outputs)}
            times["peak_memory"] = _peak_memory(model)
            runs.write("test/facts.json", _facts(model, prepared, spec, test))
        if worse is not None:
            worse.judge(model, key, outputs, judged)
        if epsilons and model.differentiable:
            sweeps[key] = _perturbed(model, test, epsilons, perturbed)
    means = {metric: round(float(np.mean([v[metric] for v in values])), 4) for metric in judged.scores}
    if any(sweeps.values()):
        means[f"{judged.primary}_change_at_{epsilons[0]:g}"] = _write_sweeps(runs, sweeps, epsilons)
        pictures |= next(iter(sweeps.values())).pictures
    if worse is not None and worse.splits:
        means |= worse.write(runs, judged)
    runs.write_pictures(pictures)
    runs.write("metrics.json", means)
    runs.write("test_time.json", times)


class _Corruptions:
    """The corrupted examples, the same for every seed, and the primary scores on them."""

    def __init__(self, prepared: Path, spec: DataSpec, test: Split, strengths: Strengths, most: int) -> None:
        self.some = corruption.spread(len(test), most)
        self.y = np.asarray(test.y)[self.some]
        plain = corruption.some(test, self.some)
        self.splits = list(corruption.corrupted(plain, spec, strengths, store.load_vocabulary(prepared)))
        self.rows: list[dict[str, Any]] = [{"kind": "none", "strength": 0.0}]
        self.rows += [{"kind": kind, "strength": strength} for kind, strength, _ in self.splits]

    def judge(self, model: Any, key: str, outputs: np.ndarray, judged: Scoring) -> None:
        answers = (model.predict(split.x, split.lengths, split.texts) for _, _, split in self.splits)
        for row, answer in zip(self.rows, (outputs[self.some], *answers), strict=True):
            row[key] = round(judged.score.of(self.y, answer), 6)

    def write(self, runs: RunFiles, judged: Scoring) -> dict[str, float]:
        """The file, and the mean change under the least strength of each kind, by the name of a metric."""
        runs.write("test/corruption.json", {"examples": len(self.some), "rows": self.rows})
        keys = [key for key in self.rows[0] if key.startswith("seed")]
        least = {row["kind"]: row for row in reversed(self.rows[1:])}
        return {
            f"{judged.primary}_change_{kind}_{row['strength']:g}": round(
                float(np.mean([row[key] - self.rows[0][key] for key in keys])), 4
            )
            for kind, row in least.items()
        }


def _temperature(model: Any, prepared: Path, labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """The temperature fitted on validation, and the calibration error of the test split at it."""
    validation = load_split(prepared, "validation")
    known = corruption.some(validation, corruption.spread(len(validation), FITTED))
    by = round(calibration.temperature(known.y, model.predict(known.x, known.lengths, known.texts)), 6)
    error = calibration.calibration_error(labels, calibration.scaled(probabilities, by))
    return {"temperature": by, "scaled_calibration_error": round(error, 6)}


def _facts(model: Any, prepared: Path, spec: DataSpec, test: Split) -> dict[str, Any]:
    """What the comparison has to know of the data and the model besides its answers."""
    return {
        "kind": spec.kind,
        "shape": list(spec.shape),
        "train_examples": spec.sizes["train"],
        "groups": store.load_test_groups(prepared),
        "multiply_adds": _multiply_adds(model, test),
    }


def _multiply_adds(model: Any, test: Split) -> int | None:
    """Of one answer, to the longest example; None of an estimator of scikit-learn."""
    if not hasattr(model, "forward"):
        return None
    from stemma.nn.cost import multiply_adds

    one = corruption.some(test, np.array([0 if test.lengths is None else int(np.argmax(test.lengths))]))
    return multiply_adds(model.predict, one.x, one.lengths, one.texts)


def _peak_memory(model: Any) -> int:
    """Bytes: the most that this process has held so far, libraries included; on a GPU, what its tensors took there."""
    if getattr(getattr(model, "device", None), "type", "cpu") == "cuda":
        import torch

        return int(torch.cuda.max_memory_allocated(model.device))
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


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


def _seconds_an_example(model: Any, test: Split, batch: int = TIMED, repeats: int = 3) -> float:
    """Best of `repeats` predictions of one batch, divided by its size."""
    part = corruption.some(test, np.arange(min(batch, len(test))))
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
