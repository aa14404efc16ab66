"""What evaluation writes beside predictions, made up: facts of the data and the model, times, temperatures."""

from collections.abc import Iterable, Sequence
from typing import Any

from stemma.runs import RunFiles


def write_beside(
    runs: RunFiles,
    seeds: Iterable[str],
    seconds: float = 0.0001,
    kind: str = "image",
    shape: Sequence[int] = (1, 28, 28),
    train_examples: int = 1000,
    groups: Sequence[int] | None = None,
    temperature: float | None = 1.0,
    multiply_adds: int | None = 1000,
) -> None:
    """Write `test/facts.json` and `test_time.json`, and for classes a temperature a seed into `test/seed<k>.json`."""
    names = list(seeds)
    facts: dict[str, Any] = {"kind": kind, "shape": list(shape), "train_examples": train_examples}
    groups = None if groups is None else [int(group) for group in groups]
    runs.write("test/facts.json", facts | {"groups": groups, "multiply_adds": multiply_adds})
    alone = dict.fromkeys(names, 5 * seconds)
    runs.write("test_time.json", dict.fromkeys(names, seconds) | {"alone": alone, "peak_memory": 300_000_000})
    if temperature is not None:
        for name in names:
            runs.write(f"test/{name}.json", {"temperature": temperature})
