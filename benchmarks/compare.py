"""How long `stemma.comparison.compare` and the report take for many experiments, on made-up results.

    python benchmarks/compare.py [--experiments 100] [--seeds 5] [--examples 1000] [--datasets 1]

Prints processor and wall seconds of both and the sizes of what they write. All experiments of a dataset stand in one
ranking: 100 are 4,950 pairs.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from stemma import report
from stemma.comparison import compare
from stemma.config import Budgets
from stemma.families.catalog import CATALOG
from stemma.runs import RunFiles, SeedSummary, Summary

CLASSES = [str(digit) for digit in range(10)]
KNOWN = [(key, entry.family) for key, entry in CATALOG.items() if "classify" in entry.tasks]


def write(root: Path, experiments: int, seeds: int, examples: int, datasets: int) -> list[str]:
    """Run files of the experiments, dealt out to the datasets and to the architectures that there are; their keys."""
    return [_write(root, n, seeds, examples, n % datasets) for n in range(experiments)]


def _write(root: Path, number: int, seeds: int, examples: int, dataset: int) -> str:
    rng, shared = np.random.default_rng(number), np.random.default_rng([dataset])
    labels, ease = shared.integers(0, len(CLASSES), examples), shared.normal(2, 1, examples)
    architecture, family = KNOWN[number % len(KNOWN)]
    runs, names = RunFiles(f"{architecture}-{number}", root), [f"seed{seed}" for seed in range(seeds)]
    skill, rows = rng.normal(0.5, 0.5), {}
    for seed, name in enumerate(names):
        logits = rng.normal(0, 1, (examples, len(CLASSES)))
        logits[np.arange(examples), labels] += ease + skill + rng.normal(0, 0.1)
        odds = np.exp(logits)
        runs.write_predictions(seed, labels, (odds / odds.sum(1, keepdims=True)).astype(np.float32))
        history = [{"phase": "fit", "epoch": e, "val_accuracy": 1 - 0.5 / e, "val_loss": 1 / e} for e in range(1, 11)]
        runs.write_history(seed, history)
        runs.write(f"test/{name}.json", {"temperature": float(rng.uniform(0.8, 1.5))})
        rows[name] = SeedSummary(10, 0.5, skill, int(10 ** rng.uniform(3, 7)), 10**6)
    digest = f"{dataset:064x}"
    described = (
        runs.experiment,
        family,
        architecture,
        f"made_up_{dataset}",
        "sample",
        f"slot{dataset}",
        digest,
        digest,
    )
    runs.write_summary(Summary(*described, CLASSES, {}, rows))
    runs.write("train_time.json", dict.fromkeys(names, float(10 ** rng.uniform(-1, 2))))
    runs.write(
        "test_time.json", dict.fromkeys(names, 1e-4) | {"alone": dict.fromkeys(names, 1e-3), "peak_memory": 10**8}
    )
    facts = {"kind": "image", "shape": [1, 28, 28], "train_examples": 1000, "groups": None, "multiply_adds": 10**6}
    runs.write("test/facts.json", facts)
    runs.write("test/mistakes.json", [])
    runs.write_pictures({})
    return runs.experiment


def timed(name: str, call: Callable[[], Any]) -> Any:
    wall, processor = time.perf_counter(), time.process_time()
    result = call()
    print(f"{name}: {time.process_time() - processor:.1f} s of processor, {time.perf_counter() - wall:.1f} s")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("experiments", 100), ("seeds", 5), ("examples", 1000), ("datasets", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root, out = Path(folder) / "runs", Path(folder) / "reports"
        keys = write(root, **vars(arguments))
        found = timed("compare", lambda: compare(keys, root, budgets=Budgets().model_dump()))
        print(f"comparison.json: {len(json.dumps(found)):,} bytes")
        timed("report", lambda: report.render(found, root, out, CATALOG))
        print(f"comparison.html: {(out / 'comparison.html').stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
