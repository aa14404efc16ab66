"""Saved views of the MLflow UI, as experiment tags, and the note that links to them.

The format is MLflow's own and not documented: read off MLflow 3.17, which is why that version is pinned.
A view that MLflow cannot read is ignored by the UI; nothing else depends on it.
"""

import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

from stemma.tracking import links

PREFIX = "mlflow.sharedViewState."
LIMIT = 20_000
"""Characters that the UI reads of a view."""
CURRENT = "tags.superseded = 'no'"


def tags(present: Mapping[str, str]) -> dict[str, str]:
    """The views as tags. One that is `present` with the same content keeps its dates and so its bytes.

    The menu lists the newest first: the last view gets the oldest date.
    """
    now = int(time.time() * 1000)
    result = {}
    for age, (key, (name, state)) in enumerate(_views().items()):
        text = json.dumps(state, separators=(",", ":"))
        old = json.loads(present.get(PREFIX + key, "{}"))
        if (old.get("name"), old.get("state")) == (name, text):
            continue
        view = {"name": name, "createdAt": now - age, "updatedAt": now - age, "state": text}
        result[PREFIX + key] = json.dumps(view, separators=(",", ":"))
    return result


def note(experiment_id: str, dataset: Mapping[str, Any]) -> str:
    """Note of a `dataset@source`: a sentence, then links to its views."""
    label = f"{dataset['dataset']}@{dataset['source']}"
    rows = [
        f"Deep-learning families compared on {label}: {dataset['test_examples']} test examples, "
        f"{len(dataset['classes'])} classes, the largest {dataset['largest_class']:.1%}.",
        "",
    ]
    purposes = {
        "leaderboard": "every experiment, mean test accuracy over its seeds and its interval",
        "families": "seeds grouped by family",
        "curves": "learning curves, seeds grouped by architecture",
    }
    for key, (name, _) in _views().items():
        rows.append(f"- [{name}]({links.view(experiment_id, key)}): {purposes[key]}")
    return "\n".join(rows)


def _views() -> dict[str, tuple[str, dict[str, Any]]]:
    """Key -> name and state, in the order of the menu."""
    return {
        "leaderboard": ("1 Leaderboard", _leaderboard()),
        "families": ("2 Families", _families()),
        "curves": ("3 Curves", _curves()),
    }


def _leaderboard() -> dict[str, Any]:
    cards = [
        _card("BAR", "leaderboard", metricKey="acc_mean"),
        _scatter("leaderboard", "n_params", "acc_mean"),
        _scatter("leaderboard", "train_s_mean", "acc_mean"),
        _parallel("leaderboard", ["family", "architecture"], ["n_params", "train_s_mean", "acc_mean"]),
        _card("IMAGE", "leaderboard", imageKeys=["confusion_matrix"], step=0),
        _card("IMAGE", "leaderboard", imageKeys=["filters"], step=0),
    ]
    columns = {
        "tags.`family`": 100,
        "tags.`architecture`": 190,
        "metrics.`acc_mean`": 110,
        "metrics.`acc_lo`": 90,
        "metrics.`acc_hi`": 90,
        "metrics.`n_params`": 110,
        "metrics.`train_s_mean`": 130,
    }
    kind = f"tags.kind = 'aggregate' AND {CURRENT}"
    return _state(
        kind, "metrics.`acc_mean`", columns, None, "Test accuracy, mean over seeds", "leaderboard", cards
    )


def _families() -> dict[str, Any]:
    cards = [
        _card("BAR", "families", metricKey="test/accuracy"),
        _line("families", "val/accuracy"),
        _scatter("families", "train_s", "test/accuracy"),
        _line("families", "val/loss"),
    ]
    columns = {"metrics.`test/accuracy`": 130, "metrics.`val/accuracy`": 130, "metrics.`train_s`": 110}
    return _state(
        SEEDS, "metrics.`test/accuracy`", columns, "family", "Seeds, grouped by family", "families", cards
    )


def _curves() -> dict[str, Any]:
    cards = [_line("curves", name) for name in ("val/accuracy", "val/loss", "train/loss")]
    columns = {"metrics.`test/accuracy`": 130, "metrics.`val/accuracy`": 130, "metrics.`val/loss`": 110}
    return _state(
        SEEDS, "metrics.`test/accuracy`", columns, "architecture", "Learning curves", "curves", cards
    )


SEEDS = f"tags.kind = 'seed' AND {CURRENT} AND attributes.status = 'FINISHED'"


def _state(
    search: str,
    order: str,
    columns: dict[str, int],
    group: str | None,
    title: str,
    section: str,
    cards: list[Any],
) -> dict[str, Any]:
    keys = [{"mode": "tag", "groupByData": group}]
    return {
        "searchFilter": search,
        "orderByKey": order,
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": list(columns),
        "columnOrder": list(columns),
        "columnWidths": columns,
        "runsHiddenMode": "SHOW_ALL",
        "groupBy": {"aggregateFunction": "average", "groupByKeys": keys} if group else None,
        "isAccordionReordered": True,
        "compareRunSections": [
            {
                "uuid": section,
                "name": title,
                "display": True,
                "isReordered": True,
                "deleted": False,
                "isGenerated": False,
            }
        ],
        "compareRunCharts": cards,
    }


def _card(kind: str, section: str, **fields: Any) -> dict[str, Any]:
    """A chart card; its id depends on its content only, so that an unchanged view stays the same."""
    name = json.dumps([kind, section, fields], sort_keys=True)
    own = {"uuid": str(uuid.uuid5(uuid.NAMESPACE_OID, name)), "type": kind, "metricSectionId": section}
    return {**own, "runsCountToCompare": 100, "deleted": False, "isGenerated": False, **fields}


def _scatter(section: str, x: str, y: str) -> dict[str, Any]:
    return _card("SCATTER", section, xaxis={"key": x, "type": "METRIC"}, yaxis={"key": y, "type": "METRIC"})


def _line(section: str, metric: str) -> dict[str, Any]:
    return _card("LINE", section, metricKey=metric, selectedMetricKeys=[metric], xAxisKey="step")


def _parallel(section: str, parameters: list[str], metrics: list[str]) -> dict[str, Any]:
    return _card("PARALLEL", section, selectedParams=parameters, selectedMetrics=metrics, showAllRuns=False)
