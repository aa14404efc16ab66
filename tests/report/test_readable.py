"""What a keyboard, a screen reader and weak eyes need of the page, as far as its text tells."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from made_up_runs import EXPERIMENTS, write_all, write_values
from page_parser import Page

from stemma import report
from stemma.comparison import FAMILY_COLOURS, FAMILY_COLOURS_DARK, compare
from stemma.families.catalog import CATALOG
from stemma.runs import RunFiles

CSS = (Path(report.__file__).parent / "report.css").read_text()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readable")
    keys = [*write_all(folder / "runs", examples=200), *write_values(folder / "runs")]
    report.render(compare(keys, folder / "runs", bootstrap=100), folder / "runs", folder, CATALOG)
    return folder


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page((folder / "comparison.html").read_text("utf-8"))


def test_headings_leave_out_no_level(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_sections_and_regions_have_names(page: Page) -> None:
    ids = {attributes.get("id") for _, attributes in page.tags}
    assert all(each.get("aria-labelledby") in ids for each in page.all("section"))
    regions = [each for _, each in page.tags if each.get("role") == "region" or each.get("tabindex") == "0"]
    assert regions and all(each.get("aria-label") for each in regions)
    first = next(attributes for tag, attributes in page.tags if tag == "a")
    assert first == {"class": "skip", "href": "#summary"} and "summary" in ids
    assert page.all("html") == [{"lang": "en"}]


def test_every_control_has_a_label(page: Page) -> None:
    controls = [path for (tag, _), path in zip(page.tags, page.paths, strict=True) if tag in ("input", "select")]
    assert len(controls) > 20
    assert all("label" in [tag for tag, _ in path] for path in controls)


def test_what_sorts_has_a_value_in_every_row(page: Page, folder: Path) -> None:
    tables = re.findall(r'<table class="[a-z]+ sortable">.*?</table>', (folder / "comparison.html").read_text(), re.S)
    assert len(tables) == 2 * 4 + 3  # of four rankings; three tell apart classes
    for text in tables:
        table = Page(text)
        heads, cells, row = [], [], -1
        for (tag, attributes), path in zip(table.tags, table.paths, strict=True):
            inside = [name for name, _ in path]
            row += tag == "tr" and "tbody" in inside
            if tag in ("th", "td"):
                (heads if "thead" in inside else cells).append((row, attributes))
        width = len(heads)
        sorting = [place for place, (_, head) in enumerate(heads) if head.get("data-sorts") in ("up", "down")]
        assert len(sorting) > 3 and len(cells) == width * (row + 1)
        for place in sorting:
            column = [attributes.get("data-value") for _, attributes in cells[place::width]]
            known = [value for value in column if value]
            assert len(known) >= len(column) - 1  # the best has no difference to itself
            assert len({re.fullmatch(r"[-+.e\d]+", value) is None for value in known}) == 1


def test_each_experiment_tells_where_it_comes_from(page: Page, folder: Path) -> None:
    details = [path for (tag, _), path in zip(page.tags, page.paths, strict=True) if tag == "summary"]
    experiments = [f"{name.partition('_')[0]}-{row[0]}" for name, rows in EXPERIMENTS.items() for row in rows]
    assert len(details) == len(experiments) + 3
    html = (folder / "comparison.html").read_text("utf-8")
    for experiment in experiments:
        own = html[html.index(f'<div class="provenance" id="x-{experiment}">') :]
        own = own[: own.index("</details>")]
        summary = RunFiles(experiment, folder / "runs").summary()
        for told in (summary.digest, summary.test_digest, summary.architecture, f"{summary.dataset}@{summary.source}"):
            assert told in own
        assert f"tags.experiment = &#39;{experiment}&#39; AND" in own
        assert f'href="#x-{experiment}"' in html


def luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    """WCAG 2.1, 1.4.3."""
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_as_the_standard_has_it() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize(("block", "families"), [(0, FAMILY_COLOURS), (1, FAMILY_COLOURS_DARK)])
def test_text_stands_out_from_the_ground(block: int, families: dict[str, str]) -> None:
    colours = dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6});", re.findall(r":root \{(.*?)\}", CSS, re.S)[block]))
    grounds = [colours.pop("ground"), colours.pop("raised")]
    colours.pop("rule")
    texts = {**colours, **families}
    assert len(texts) == 6 + 5
    assert {
        name: contrast(colour, g) for name, colour in texts.items() for g in grounds if contrast(colour, g) < 4.5
    } == {}
