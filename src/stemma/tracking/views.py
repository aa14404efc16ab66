"""Saved views of the MLflow UI, as experiment tags, and the note that links to them.

The format is MLflow's own and not documented: read off MLflow 3.17, which is why that version is pinned.
A view that MLflow cannot read is ignored by the UI; nothing else depends on it. It
reads 20,000 characters of one.
"""

import json
import math
import time
import uuid
from collections.abc import Mapping
from typing import Any

from stemma.scores import scoring
from stemma.tracking import links
from stemma.tracking.describe import short
from stemma.tracking.tasks import TOLD, label

PREFIX = "mlflow.sharedViewState."
CURRENT = "tags.superseded = 'no'"
SEEDS = f"tags.kind = 'seed' AND {CURRENT} AND attributes.status = 'FINISHED'"
STANDING = f"{SEEDS} AND tags.start IS NULL"
"""Of families, for which what started from trained models does not stand."""
LIVE = "tags.kind = 'seed' AND tags.superseded = 'live'"
"""Trainings that no publish has completed: those that go on, and the last that was killed."""
NAMES = {"leaderboard": "1 Leaderboard", "families": "2 Families", "curves": "3 Curves", "live": "4 Live"}


def tags(present: Mapping[str, str], task: str, means: list[float]) -> dict[str, str]:
    """The views as tags. One that is `present` with the same content keeps its dates and so its bytes.

    The menu lists the newest first: the last view gets the oldest date. `means` are the experiments' primary
    scores; curves of shares begin below the lowest.
    """
    judged = scoring(task)
    lowest = max(0.0, math.floor(20 * min(means) - 2) / 20) if judged.score.share else None
    up, score = not judged.score.higher, judged.primary
    states = {
        "leaderboard": _leaderboard(score, up, judged.score.noun, (TOLD[task].card, *TOLD[task].pictures)),
        "families": _families(score, up, lowest),
        "curves": _curves(score, up, lowest),
    }
    return {**_as_tags(states, present), **live(present, task)}


def live(present: Mapping[str, str], task: str) -> dict[str, str]:
    """The view of trainings that go on, as a tag, if it is not `present`."""
    judged = scoring(task)
    return _as_tags({"live": _live(judged.primary, not judged.score.higher)}, present)


def _as_tags(states: Mapping[str, Any], present: Mapping[str, str]) -> dict[str, str]:
    now, result = int(time.time() * 1000), {}
    for key, state in states.items():
        age, name = list(NAMES).index(key), NAMES[key]
        text = json.dumps(state, separators=(",", ":"))
        old = json.loads(present.get(PREFIX + key, "{}"))
        if (old.get("name"), old.get("state")) == (name, text):
            continue
        view = {"name": name, "createdAt": now - age, "updatedAt": now - age, "state": text}
        result[PREFIX + key] = json.dumps(view, separators=(",", ":"))
    return result


def note(experiment_id: str, dataset: Mapping[str, Any]) -> str:
    """Note of a group of the comparison: a sentence, then links to its views."""
    score, about = scoring(dataset["task"]).score.noun, TOLD[dataset["task"]].about(dataset)
    examples = f"{dataset['test_examples']} test examples"
    rows = [f"Deep-learning families compared on {label(dataset)}: {examples}, {about}.", ""]
    purposes = {
        "leaderboard": f"every experiment, mean test {score} over its seeds and its interval",
        "families": "seeds grouped by family",
        "curves": "learning curves, seeds grouped by architecture",
        "live": "seeds in training",
    }
    for key, name in NAMES.items():
        rows.append(f"- [{name}]({links.view(experiment_id, key)}): {purposes[key]}")
    return "\n".join(rows)


def _leaderboard(score: str, up: bool, noun: str, pictures: tuple[str, ...]) -> dict[str, Any]:
    mean, lo, hi = (f"{short(score)}_{end}" for end in ("mean", "lo", "hi"))
    cards = [
        _card("BAR", "leaderboard", metricKey=mean),
        _scatter("leaderboard", "n_params", mean),
        _scatter("leaderboard", "train_s_mean", mean),
        _parallel("leaderboard", ["family", "architecture"], ["n_params", "train_s_mean", mean]),
        *(_card("IMAGE", "pictures", imageKeys=[picture], step=0) for picture in pictures),
    ]
    columns = {
        "tags.`family`": 100,
        "tags.`architecture`": 190,
        f"metrics.`{mean}`": 110,
        f"metrics.`{lo}`": 90,
        f"metrics.`{hi}`": 90,
        "metrics.`n_params`": 110,
        "metrics.`train_s_mean`": 130,
    }
    kind = f"tags.kind = 'aggregate' AND {CURRENT}"
    sections = [
        _section("leaderboard", f"Test {noun}, mean over seeds"),
        _section("pictures", "Pictures", 3, 480),
    ]
    return _state(kind, f"metrics.`{mean}`", up, columns, None, sections, cards)


def _families(score: str, up: bool, lowest: float | None) -> dict[str, Any]:
    cards = [
        _card("BAR", "families", metricKey=f"test/{score}"),
        _line("families", f"val/{score}", lowest),
        _scatter("families", "train_s", f"test/{score}"),
        _line("families", "val/loss"),
    ]
    columns = {f"metrics.`test/{score}`": 130, f"metrics.`val/{score}`": 130, "metrics.`train_s`": 110}
    sections = [_section("families", "Seeds, grouped by family")]
    return _state(STANDING, f"metrics.`test/{score}`", up, columns, "family", sections, cards)


def _curves(score: str, up: bool, lowest: float | None) -> dict[str, Any]:
    cards = [
        _line("curves", f"val/{score}", lowest),
        _line("curves", "val/loss"),
        _line("curves", "train/loss"),
        _line("curves", f"robustness/{score}"),
    ]
    columns = {f"metrics.`test/{score}`": 130, f"metrics.`val/{score}`": 130, "metrics.`val/loss`": 110}
    sections = [_section("curves", "Learning curves")]
    return _state(SEEDS, f"metrics.`test/{score}`", up, columns, "architecture", sections, cards)


def _live(score: str, up: bool) -> dict[str, Any]:
    cards = [_line("live", metric) for metric in (f"val/{score}", "val/loss", "train/loss")]
    columns = {
        "attributes.`Status`": 90,
        f"metrics.`val/{score}`": 130,
        "metrics.`val/loss`": 110,
        "tags.`family`": 100,
    }
    return _state(LIVE, "attributes.`Created`", False, columns, None, [_section("live", "In training")], cards)


def _state(
    search: str,
    order: str,
    up: bool,
    columns: dict[str, int],
    group: str | None,
    sections: list[Any],
    cards: list[Any],
) -> dict[str, Any]:
    keys = [{"mode": "tag", "groupByData": group}]
    return {
        "searchFilter": search,
        "orderByKey": order,
        "orderByAsc": up,
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
        "compareRunSections": sections,
        "compareRunCharts": cards,
    }


def _section(key: str, title: str, columns: int = 2, height: int = 360) -> dict[str, Any]:
    own = {"uuid": key, "name": title, "columns": columns, "cardHeight": height}
    return {**own, "display": True, "isReordered": True, "deleted": False, "isGenerated": False}


def _card(kind: str, section: str, **fields: Any) -> dict[str, Any]:
    """A chart card; its id depends on its content only, so that an unchanged view stays the same."""
    name = json.dumps([kind, section, fields], sort_keys=True)
    own = {"uuid": str(uuid.uuid5(uuid.NAMESPACE_OID, name)), "type": kind, "metricSectionId": section}
    return {**own, "runsCountToCompare": 100, "deleted": False, "isGenerated": False, **fields}


def _scatter(section: str, x: str, y: str) -> dict[str, Any]:
    return _card("SCATTER", section, xaxis={"key": x, "type": "METRIC"}, yaxis={"key": y, "type": "METRIC"})


def _line(section: str, metric: str, lowest: float | None = None) -> dict[str, Any]:
    """Learning curves as they are: of a card that does not say so the UI draws the moving average of weight 0.7."""
    span = {} if lowest is None else {"range": {"yMin": lowest, "yMax": 1.0}}
    own = {"xAxisKey": "step", "lineSmoothness": 0, **span}
    return _card("LINE", section, metricKey=metric, selectedMetricKeys=[metric], **own)


def _parallel(section: str, parameters: list[str], metrics: list[str]) -> dict[str, Any]:
    return _card("PARALLEL", section, selectedParams=parameters, selectedMetrics=metrics, showAllRuns=False)
