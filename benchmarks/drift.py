"""How often `stemma drift` cries wolf, and how often it finds a shift that is there.

Every trial draws a reference and current examples anew, and both come from one population unless a shift is made.

    python benchmarks/drift.py null [image] [text] [table]     false alarms over --trials splits of the same data
    python benchmarks/drift.py power [image] [text] [table]    detected shifts
    python benchmarks/drift.py speed                           CPU seconds a comparison

Run in a project whose prepared sets `grey` (mnist) and `text` (rotten_tomatoes) lie under data/; --mr is the folder
of rt-polarity.pos and rt-polarity.neg (Pang and Lee 2005), for the shift to another review source.
"""

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.stats import beta
from sklearn.datasets import load_breast_cancer

from stemma.data import store, text
from stemma.drift import samples
from stemma.drift.detect import detect
from stemma.drift.samples import Sample
from stemma.spec import DataSpec
from stemma.threads import use_one_thread

GREY, TEXT = Path("data/prepared/grey"), Path("data/prepared/text")
REFERENCE = {"image": 2000, "text": 2000, "table": 369}
CURRENT = {"image": 300, "text": 500, "table": 200}
MR: list[Path] = []


@cache
def population(kind: str) -> Sample:
    """All examples of a kind, whatever split they are in; texts with their films."""
    if kind == "table":
        x, y = load_breast_cancer(return_X_y=True)
        x = ((x - x.mean(0)) / x.std(0)).astype(np.float32)
        features = tuple(load_breast_cancer().feature_names)
        return Sample("breast_cancer", DataSpec("", "", "table", (30,), ("0", "1"), features=features), x, y)
    folder = GREY if kind == "image" else TEXT
    parts = [samples.reference(folder, split) for split in store.SPLITS]
    whole = [np.concatenate([np.asarray(getattr(part, name)) for part in parts]) for name in ("x", "y")]
    if kind == "image":
        return replace(parts[0], x=whole[0], y=whole[1])
    lengths = np.concatenate([np.asarray(part.lengths) for part in parts])
    texts = [value for part in parts for value in part.texts or []]
    groups = [value for part in parts for value in part.groups or []]
    assert groups, "no raw data beside the prepared texts"
    return replace(parts[0], x=whole[0], y=whole[1], lengths=lengths, texts=texts, groups=groups)


@cache
def texts_of(split: str) -> Sample:
    return samples.reference(TEXT, split)


@cache
def tokens() -> list[str]:
    return store.load_vocabulary(TEXT) or []


@cache
def other_reviews(folder: Path) -> Sample:
    """The sentences of MR, encoded with the vocabulary of the reference; no film is known of them."""
    lines = [(folder / f"rt-polarity.{end}").read_text("latin-1").splitlines() for end in ("neg", "pos")]
    texts = [line.strip() for part in lines for line in part]
    y = np.repeat([0, 1], [len(part) for part in lines])
    x, lengths = text.encode(texts, tokens(), population("text").spec.shape[0])
    return replace(population("text"), name="mr", x=x, y=y, lengths=lengths, texts=texts, groups=None)


def split(whole: Sample, kind: str, random: np.random.Generator) -> tuple[Sample, Sample]:
    """A reference and current examples without overlap; texts by whole films."""
    if whole.groups is None:
        order = random.permutation(len(whole))
        sizes = REFERENCE[kind], REFERENCE[kind] + CURRENT[kind]
        return whole.take(np.sort(order[: sizes[0]])), whole.take(np.sort(order[sizes[0] : sizes[1]]))
    films, number = np.unique(np.array(whole.groups), return_inverse=True)
    order = random.permutation(len(films))
    reached = np.cumsum(np.bincount(number)[order])
    first = int(np.searchsorted(reached, REFERENCE[kind]))
    second = int(np.searchsorted(reached, reached[first] + CURRENT[kind]))
    sides = order[: first + 1], order[first + 1 : second + 1]
    chosen = [whole.take(np.flatnonzero(np.isin(number, side))) for side in sides]
    return chosen[0], chosen[1]


def rotated(x: np.ndarray, degrees: float) -> np.ndarray:
    turned = [Image.fromarray(i[0]).rotate(degrees, Image.Resampling.BILINEAR) for i in x]
    return np.stack([np.asarray(i)[None] for i in turned])


def half_contrast(x: np.ndarray) -> np.ndarray:
    """Each image halfway to its own mean."""
    mean = x.mean((1, 2, 3), keepdims=True)
    return np.rint(mean + (x - mean) / 2).astype(np.uint8)


def null(kind: str, seed: int) -> tuple[bool, ...]:
    """The combined verdict, then each test by itself at 5 %."""
    before, after = split(population(kind), kind, np.random.default_rng(seed))
    report = detect(before, after, tokens=tokens() if kind == "text" else None, seed=seed)
    return (report.drift, *(test.p_value <= 0.05 for test in report.tests))


def without_groups(kind: str, seed: int) -> tuple[bool, ...]:
    """As `null` for texts, films ignored."""
    before, after = split(population("text"), "text", np.random.default_rng(seed))
    plain = [replace(sample, groups=None) for sample in (before, after)]
    return (detect(*plain, tokens=tokens(), seed=seed).drift,)


Shift = Callable[[Sample, int, np.random.Generator], Sample]


def changed(change: Callable[[np.ndarray], np.ndarray]) -> Shift:
    """`size` examples whose x is changed."""

    def shift(sample: Sample, size: int, random: np.random.Generator) -> Sample:
        rows = sample.take(np.sort(random.permutation(len(sample))[:size]))
        return replace(rows, x=change(rows.x))

    return shift


def first_half(share: float, labels: bool) -> Shift:
    """`size` examples in which the first half of the classes holds `share`."""

    def shift(sample: Sample, size: int, random: np.random.Generator) -> Sample:
        assert sample.y is not None
        low = sample.y < len(sample.spec.classes) / 2
        wanted = int(size * share)
        rows = [random.permutation(np.flatnonzero(side))[:n] for side, n in ((low, wanted), (~low, size - wanted))]
        taken = sample.take(np.sort(np.concatenate(rows)))
        return taken if labels else replace(taken, y=None)

    return shift


def from_mr(sample: Sample, size: int, random: np.random.Generator) -> Sample:
    other = other_reviews(MR[0])
    return other.take(np.sort(random.permutation(len(other))[:size]))


def one_column(x: np.ndarray) -> np.ndarray:
    return x + np.eye(x.shape[1], dtype=np.float32)[0] / 2


SHIFTS: dict[str, dict[str, Shift]] = {
    "image": {
        "rotation 15 degrees": changed(lambda x: rotated(x, 15)),
        "contrast halved": changed(half_contrast),
        "digits 0-4 from 50 to 65 %, labels known": first_half(0.65, True),
        "digits 0-4 from 50 to 75 %, no labels": first_half(0.75, False),
    },
    "text": {
        "another review source (mr)": from_mr,
        "rotten from 42 to 60 %, labels known": first_half(0.6, True),
    },
    "table": {
        "one of 30 columns shifted by half a deviation": changed(one_column),
        "malignant from 37 to 55 %, labels known": first_half(0.55, True),
        "malignant from 37 to 60 %, no labels": first_half(0.6, False),
    },
}
SIZES = {"image": (200, 500), "text": (200, 500), "table": (100,)}


def power(kind: str, name: str, size: int, seed: int) -> tuple[bool, ...]:
    """Whether a shift is found, and whether by each test; the reference of texts is the train split."""
    random = np.random.default_rng(seed)
    if kind == "text":
        before, rest = texts_of("train"), texts_of("test")
    else:
        order = random.permutation(len(population(kind)))
        before, rest = (population(kind).take(rows) for rows in np.split(order, [REFERENCE[kind]]))
    after = SHIFTS[kind][name](rest, size, random)
    report = detect(before, after, tokens=tokens() if kind == "text" else None, seed=seed)
    return (report.drift, *(test.drifted for test in report.tests))


def upper(found: int, trials: int, confidence: float = 0.99) -> float:
    """One-sided upper limit of a rate (Clopper and Pearson 1934)."""
    return float(beta.ppf(confidence, found + 1, trials - found)) if found < trials else 1.0


def prepare_worker(mr: list[Path]) -> None:
    use_one_thread()
    MR[:] = mr


def rates(workers: int, trials: int, work: Callable[..., tuple[bool, ...]], *arguments: object) -> list[int]:
    """How often each of the answers of `work(*arguments, seed)` is true, over seeds from 0."""
    with ProcessPoolExecutor(workers, initializer=prepare_worker, initargs=(MR,)) as pool:
        columns = [[argument] * trials for argument in arguments]
        return np.sum(list(pool.map(work, *columns, range(trials), chunksize=10)), axis=0).tolist()


def show_null(kind: str, trials: int, workers: int) -> None:
    names = [test.name for test in detect(*split(population(kind), kind, np.random.default_rng(0)),
                                          tokens=tokens() if kind == "text" else None).tests]  # fmt: skip
    for name, found in zip(["verdict", *names], rates(workers, trials, null, kind), strict=True):
        print(
            f"{kind:6} {name:12} {found / trials:6.1%} of {trials}, upper 99 % limit {upper(found, trials):.1%}",
            flush=True,
        )
    if kind == "text":
        (found,) = rates(workers, trials // 5, without_groups, kind)
        print(f"{kind:6} verdict with films ignored {found / (trials // 5):6.1%} of {trials // 5}", flush=True)


def show_power(kind: str, trials: int, workers: int) -> None:
    for name in SHIFTS[kind]:
        if name.endswith("(mr)") and not MR:
            continue
        for size in SIZES[kind]:
            found, *single = rates(workers, trials, power, kind, name, size)
            tests = ", ".join(f"{n / trials:.0%}" for n in single)
            print(
                f"{kind:6} {size:4} examples {found / trials:6.1%} of {trials}: {name} (test by test {tests})",
                flush=True,
            )


def show_speed(kind: str) -> None:
    random = np.random.default_rng(0)
    whole = replace(population(kind), groups=None)
    before, after = whole.take(random.permutation(len(whole))[:2000]), whole.take(random.permutation(len(whole))[:500])
    known = tokens() if kind == "text" else None
    detect(before, after, tokens=known)
    started = time.process_time()
    detect(before, after, tokens=known)
    print(
        f"{kind:6} {len(before)} against {len(after)} examples: {time.process_time() - started:.2f} CPU s", flush=True
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=["null", "power", "speed"])
    parser.add_argument("kinds", nargs="*", default=["image", "text", "table"])
    parser.add_argument("--trials", type=int, help="default 1000 (null) or 100 (power)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--mr", type=Path)
    options = parser.parse_args()
    MR[:] = [options.mr] if options.mr else []
    use_one_thread()
    for kind in options.kinds:
        if options.what == "null":
            show_null(kind, options.trials or 1000, options.workers)
        elif options.what == "power":
            show_power(kind, options.trials or 100, options.workers)
        else:
            show_speed(kind)


if __name__ == "__main__":
    main()
