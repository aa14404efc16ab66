"""The pages that a user opens, in headless Chromium, from a tracking server on SQLite and on PostgreSQL."""

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from faults import stored
from made_up_results import reports
from rounds import LICENCES
from servers import POSTGRES, free_port, postgresql, server, wait_for

from browser import CHROMIUM, Tab, tab
from stemma import registry
from stemma.comparison import FAMILY_COLOURS
from stemma.tracking import links, store
from stemma.tracking.publish import Published
from stemma.tracking.store import connect, runs_of

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")]
NAMES = ("mnist-mlp", "mnist-dbn")
LINES = (
    "[...document.querySelectorAll('.js-plotly-plot')].flatMap(p => p.data.filter(t => t.type.startsWith('scatter')))"
)
NO_POSTGRES = POSTGRES is None or find_spec("psycopg") is None


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.skipif(NO_POSTGRES, reason="needs it"))])
def address(
    request: pytest.FixtureRequest, publishing: Callable[..., Published], project: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A server that has two experiments and their champion; what it has is what a database in the project has."""
    publishing(*NAMES)
    clean, port = stored(), free_port()
    sqlite = nullcontext(f"sqlite:///{project}/pages.db")
    with postgresql() if request.param == "postgresql" else sqlite as database, server(database, project, port):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
        assert publishing(*NAMES).added == [*NAMES]
        assert publishing(*NAMES) == Published(unchanged=[*NAMES])
        assert stored() == clean
        comparison, decision = reports(project / "runs", NAMES)
        registry.promote(decision, comparison, LICENCES, project / "runs")
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def page(address: str, tmp_path: Path) -> Iterator[Tab]:
    with tab(tmp_path / "profile") as opened:
        opened.size(1600, 2400)
        opened.open(address)
        yield opened


def shows(page: Tab, address: str, *words: str) -> None:
    """Open an address and wait for all `words`; none of it is NaN, and nothing is asked for elsewhere."""
    page.open("about:blank")
    page.open(address)
    wait_for(lambda: set(words) <= {word for word in words if word in page.run("document.body.innerText")})
    assert "NaN" not in page.run("document.body.innerText")
    assert {
        each for each in page.requests if not each.startswith((store.tracking_uri(), "data:", "blob:", "about:"))
    } == set()


def test_the_pages_show_what_was_published(page: Tab, address: str) -> None:
    about = "Deep-learning families compared on mnist@sample: 100 test examples"
    board = f"{address}/{links.view('1', 'leaderboard')}"
    shows(page, board, "1 Leaderboard", about, *NAMES, "2 matching runs")
    linked = page.run("[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))")
    assert {links.view("1", key) for key in ("leaderboard", "families", "curves", "live")} <= set(linked)

    shows(page, f"{board}&compareRunsMode=CHART", "acc_mean", "Parallel Coordinates", "confusion_matrix", "filters")
    wait_for(lambda: page.run("document.querySelectorAll('.bars path').length") >= 2)
    fills = set(page.run("[...document.querySelectorAll('.bars path')].map(p => p.style.fill)"))
    assert fills == {_rgb(FAMILY_COLOURS[family]) for family in ("mlp", "dbn")}
    wait_for(lambda: page.run("document.querySelectorAll('.parcoords text.label').length") >= 3)
    wait_for(
        lambda: page.run("[...document.querySelectorAll('img')].filter(i => i.src.includes('confusion')).length") == 2
    )

    shows(page, f"{address}/{links.view('1', 'families')}", "Group: mlp", "Group: dbn", "4 matching runs")
    shows(page, f"{address}/{links.view('1', 'live')}", "4 Live", "0 matching runs")

    (run,) = runs_of(connect(), "1", "attributes.run_name = 'mnist-dbn'")
    shows(page, links.run("1", run.info.run_id), "mnist-dbn-seed0", "mnist-dbn-seed1", "dbn (dbn) on mnist@sample")
    shows(page, f"{address}/#/models?{links.MODE}", "mnist-sample", "champion")
    version = f"{address}/#/models/mnist-sample/versions/1?{links.MODE}"
    shows(page, version, "Limits.", "Licence.", LICENCES["mnist"], "Why it was promoted.", "champion")


def test_curves_are_drawn_as_they_are(page: Tab, address: str) -> None:
    """Each seed's points, in the chart of its last phase, are the points in the store."""
    shows(page, f"{address}/{links.view('1', 'curves')}", "3 Curves", "Group: mlp", "val/loss")
    (parent,) = runs_of(connect(), "1", "attributes.run_name = 'mnist-mlp'")
    seeds = runs_of(connect(), "1", f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
    curves = [[p.value for p in connect().get_metric_history(seed.info.run_id, "val/loss")] for seed in seeds]
    mean = [sum(values) / len(values) for values in zip(*curves, strict=True)]
    wait_for(lambda: any(_same(line, mean) for line in drawn(page)))


def drawn(page: Tab) -> list[Any]:
    """The heights of every line in the page's charts."""
    return list(json.loads(page.run(f"JSON.stringify({LINES}.map(line => [...(line.y || [])]))")))


def _same(line: list[Any], values: list[float]) -> bool:
    return len(line) == len(values) and all(
        y == pytest.approx(value, rel=1e-6) for y, value in zip(line, values, strict=True)
    )


def _rgb(colour: str) -> str:
    return f"rgb({', '.join(str(int(colour[at : at + 2], 16)) for at in (1, 3, 5))})"
