"""The families of one ranking, as a whole and within a budget: the best, the median and the spread of each."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from stemma.comparison.pairs import Pairs
from stemma.scores import scoring

Row = dict[str, Any]
COST = {"parameters": lambda row: row["parameters"], "train_seconds": lambda row: row["train_seconds"]["mean"]}


def family_view(rows: list[Row], pairs: Pairs, budgets: Mapping[str, Sequence[float]]) -> list[Row]:
    """An entry a budget, the first without one, for each number of training examples that there is.

    What started from another experiment's models had the work of both and stands for no family.

    Args:
        rows: the ranking, whose places `pairs` knows.
        budgets: what may be spent at most, by the name of the cost: `parameters`, `train_seconds`.
    """
    own = sorted((row for row in rows if not row["start"]), key=lambda row: row["train_examples"])
    limits = [(None, None), *((of, most) for of, each in budgets.items() for most in each)]
    sizes = [list(members) for _, members in groupby(own, key=lambda row: row["train_examples"])]
    return [_within(members, of, most, pairs) for members in sizes for of, most in limits]


def _within(rows: list[Row], of: str | None, most: float | None, pairs: Pairs) -> Row:
    """What the families reach with experiments that cost at most so much; the best family first."""
    keys = ("dataset", "source", "test_digest", "task", "unit", "primary", "kind", "shape", "train_examples")
    able = [row for row in rows if of is None or COST[of](row) <= most]
    families = representatives(able, "family")
    best_first = sorted(families.values(), key=lambda row: row["rank"])
    return {
        **{key: rows[0][key] for key in keys},
        "budget": {"of": of, "at_most": most},
        "families": [
            {
                **_spread([row for row in able if row["family"] == best["family"]]),
                **{key: best[key] for key in ("family", "experiment", "architecture", best["primary"])},
                "to_first": pairs.tell(best_first[0]["rank"] - 1, best["rank"] - 1),
            }
            for best in best_first
        ],
    }


def representatives(rows: list[Row], of: str) -> dict[str, Row]:
    """For each value of the column `of` its best row on *validation*, so that many tries give no advantage on test."""
    chosen: dict[str, Row] = {}
    for row in sorted(rows, key=_on_validation):
        chosen.setdefault(row[of], row)
    return chosen


def _on_validation(row: Row) -> tuple[float, int]:
    judged = scoring(row["task"])
    return judged.key(row[f"validation_{row['primary']}"]["mean"]), row["parameters"]


def _spread(rows: list[Row]) -> Row:
    """Of the experiments' mean scores on test."""
    means = [row[row["primary"]]["mean"] for row in rows]
    return {
        "experiments": len(rows),
        "median": float(np.median(means)),
        "lowest": min(means),
        "highest": max(means),
        "sd": float(np.std(means, ddof=1)) if len(means) > 1 else None,
    }
