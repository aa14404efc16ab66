"""What an example is compared by: simple statistics, and a representation for the kernel test.

Whatever is learnt here (frequent tokens, components) is learnt from both samples together: it then does not depend
on which example belongs to which, and the permutation tests stay exact. What the prepared set knows from train
alone (its vocabulary) would make train itself look special.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stemma.drift.samples import Sample
from stemma.errors import StemmaError
from stemma.runs import ROOT, RunFiles
from stemma.scores import scoring
from stemma.spec import PAD, UNKNOWN

if TYPE_CHECKING:
    from scipy.sparse import csr_array

COMPONENTS = 32
SIDE = 32
"""Images are averaged down to at most this many pixels a side before their components are taken."""
FREQUENT = 200
"""Tokens that are counted one by one; all others are rare."""
FEWEST_TEXTS = 5
"""Texts that a token must stand in to be frequent."""


def pixel_columns(x: np.ndarray) -> dict[str, np.ndarray]:
    """Of each image uint8 `[N, C, H, W]`: mean, deviation and sharpness of its channels, shares of ends.

    Sharpness is the mean difference of neighbouring pixels; all on the scale 0 to 255.
    """
    values = x.astype(np.float32)
    names = {1: [""], 3: ["red ", "green ", "blue "]}.get(x.shape[1], [f"channel {c} " for c in range(x.shape[1])])
    found: dict[str, np.ndarray] = {}
    for channel, name in enumerate(names):
        plane = values[:, channel]
        found[f"{name}mean"] = plane.mean((1, 2))
        found[f"{name}deviation"] = plane.std((1, 2))
        found[f"{name}maximum"] = plane.max((1, 2))
        across, down = np.abs(np.diff(plane, axis=2)), np.abs(np.diff(plane, axis=1))
        found[f"{name}sharpness"] = (across.sum((1, 2)) + down.sum((1, 2))) / max(across[0].size + down[0].size, 1)
    return found


def pixel_components(x: np.ndarray) -> np.ndarray:
    """Principal components `[N, D]` of images uint8 `[N, C, H, W]`."""
    step = -(-max(x.shape[2:]) // SIDE)
    small = x.astype(np.float32)
    if step > 1:
        pad = [(0, 0), (0, 0), *((0, -size % step) for size in x.shape[2:])]
        small = np.pad(small, pad, mode="edge")
        n, c, h, w = small.shape
        small = small.reshape(n, c, h // step, step, w // step, step).mean((3, 5))
    flat = small.reshape(len(x), -1)
    return _components(flat - flat.mean(0))


def _components(matrix: Any) -> np.ndarray:
    """The rows of `matrix` `[N, D]` on its leading singular vectors."""
    from sklearn.utils.extmath import randomized_svd

    count = min(COMPONENTS, *matrix.shape)
    u, s, _ = randomized_svd(matrix, count, n_iter=2, random_state=0)
    return np.asarray(u * s)


def token_counts(x: np.ndarray, size: int) -> "csr_array":
    """How often each token id stands in each text of `x` int32 `[N, T]`, sparse `[N, size]`; padding does not count."""
    from scipy.sparse import coo_array

    rows, places = np.nonzero(x != PAD)
    ones = np.ones(len(rows), np.float32)
    return coo_array((ones, (rows, x[rows, places])), shape=(len(x), size)).tocsr()


def frequent_tokens(counts: "csr_array") -> np.ndarray:
    """Ids of the tokens that stand in most texts.

    Not UNKNOWN: train has fewer unknown tokens than any new text, since its own made the vocabulary.
    """
    texts = np.asarray((counts > 0).sum(0)).ravel()
    texts[UNKNOWN] = 0
    order = np.argsort(-texts, kind="stable")[:FREQUENT]
    return order[texts[order] >= FEWEST_TEXTS]


def word_counts(counts: "csr_array", tokens: np.ndarray) -> np.ndarray:
    """Counts float32 `[N, K + 1]` of the frequent `tokens`, and of all rarer ones together in the last column."""
    frequent = counts[:, tokens].toarray()
    rare = np.asarray(counts.sum(1)).ravel() - frequent.sum(1)
    return np.column_stack([frequent, rare]).astype(np.float32)


def text_columns(texts: list[str]) -> dict[str, np.ndarray]:
    """Of each text as it was read: its characters, and the shares of them that are of a kind."""
    size = np.array([max(len(text), 1) for text in texts], np.float64)

    def share(test: Callable[[str], bool]) -> np.ndarray:
        return np.array([sum(map(test, text)) for text in texts]) / size

    return {
        "characters": size,
        "share of capitals": share(str.isupper),
        "share of letters": share(str.isalpha),
        "share of digits": share(str.isdecimal),
        "share of blanks": share(str.isspace),
    }


def text_components(words: np.ndarray) -> np.ndarray:
    """Latent semantic components `[N, D]` of `word_counts`: singular vectors of TF-IDF (Deerwester et al. 1990)."""
    from sklearn.feature_extraction.text import TfidfTransformer

    return _components(TfidfTransformer(sublinear_tf=True).fit_transform(words))


def table_components(x: np.ndarray) -> np.ndarray:
    """Columns `[N, F]` as ranks between 0 and 1, ties shared: scale and outliers do not matter."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(x, axis=0) / len(x))


def model_folder(model: Path) -> Path:
    """The model folder that `model` names: itself, or the best seed of an experiment (`runs/<name>` or its name).

    Raises:
        StemmaError: neither.
    """
    if (model / "model.json").is_file():
        return model
    for path in (model, ROOT / model):
        if (path / "train" / "summary.json").is_file():
            runs = RunFiles(path.name, path.parent)
            summary = runs.summary()
            return runs.model_folder(summary.best_seed(scoring(summary.task).key))
    raise StemmaError(f"{model}: no model folder (model.json) and no experiment under {ROOT}/")


def answers(model: Path, *samples: Sample) -> np.ndarray:
    """What a model answers to all examples of the `samples`, one after the other: class probabilities `[N, K]`, or
    values `[N]` of a regression.

    Raises:
        StemmaError: no such model, or one of another prepared set.
    """
    from stemma import families

    folder = model_folder(model)
    loaded, reference = families.load(folder), samples[0]
    if loaded.spec.digest != reference.spec.digest:
        raise StemmaError(f"{folder}: was not trained on the reference {reference.name}, but on {loaded.spec.label}")
    if loaded.spec.task != reference.spec.task:
        raise StemmaError(
            f"{folder}: its task is {loaded.spec.task}; drift compares answers of the task {reference.spec.task}"
        )
    return np.concatenate([loaded.predict(s.x, s.lengths, s.texts) for s in samples])
