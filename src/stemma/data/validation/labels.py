"""Labels that the nearest images or texts contradict: what wrong labels within the classes look like."""

import numpy as np
import pandas as pd

from stemma.data.leakage.thresholds import NEIGHBOURS
from stemma.data.parts import Part

MOST = NEIGHBOURS - 1
"""So many of an example's nearest agree on another label before its own one is suspicious."""
COLUMNS = ["part_a", "row_a", "part_b", "row_b", "label", "agree"]


def suspicious(parts: dict[str, Part], neighbours: np.ndarray) -> pd.DataFrame:
    """One row an example of the task `classify` whose label its nearest contradict, the most unanimous first.

    Only labels count whose neighbourhoods tell the label of what lies in them.

    Args:
        neighbours: int64 `[N, K]` as `leakage.search` returns them of the `parts`.

    Returns:
        Columns part_a and row_a of the example, label (that of its neighbours), agree (how many of them have
        it), part_b and row_b of the nearest of these.
    """
    y, own = np.unique(np.concatenate([part.y for part in parts.values()]), return_inverse=True)
    rows = np.flatnonzero((neighbours >= 0).all(axis=1))
    votes = np.zeros((len(rows), len(y)), np.int64)
    labels = own[neighbours[rows]]
    np.add.at(votes, (np.arange(len(rows))[:, None], labels), 1)
    other, agree = votes.argmax(axis=1), votes.max(axis=1, initial=0)
    agreed = np.flatnonzero(agree >= MOST)
    right = other[agreed] == own[rows[agreed]]
    telling = _telling(np.bincount(own) / len(own), other[agreed], right)
    found = agreed[~right & telling[other[agreed]]]
    found = found[np.argsort(-agree[found], kind="stable")]
    nearest = neighbours[rows[found], (labels[found] == other[found][:, None]).argmax(axis=1)]
    columns = [*_place(parts, rows[found]), *_place(parts, nearest), y[other[found]], agree[found]]
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))


def _telling(share: np.ndarray, label: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Boolean `[labels]`: neighbourhoods that agree on it are right more often than halfway from chance to certainty.

    Args:
        share: of each label among all examples.
        label, right: of each neighbourhood that agrees, its label and whether the example has it too.
    """
    hits = np.bincount(label[right], minlength=len(share))
    return hits > (1 + share) / 2 * np.bincount(label, minlength=len(share))


def _place(parts: dict[str, Part], numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Part and row of examples that are numbered through all parts."""
    starts = np.cumsum([0, *map(len, parts.values())])
    part = np.searchsorted(starts, numbers, side="right") - 1
    return np.array(list(parts), object)[part], numbers - starts[part]


def contradicted(name: str, part: Part, found: pd.DataFrame, classes: tuple[str, ...]) -> np.ndarray:
    """Object `[N]`: of each example of the part `name` the class of its neighbours in `found`, else None."""
    result = np.full(len(part), None, object)
    mine = found[found["part_a"] == name]
    labels = mine["label"].to_list()
    result[mine["row_a"]] = [classes[label] if 0 <= label < len(classes) else str(label) for label in labels]
    return result
