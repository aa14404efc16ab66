import base64
import hashlib
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_runs import EXPERIMENTS, HOSTILE, write_all
from page_parser import Page

from stemma import report
from stemma.comparison import compare
from stemma.families.catalog import CATALOG
from stemma.report.provenance import UI
from stemma.tracking import links


def render(folder: Path, **options: Any) -> tuple[str, str]:
    keys = write_all(folder / "runs", examples=200, **options)
    report.render(compare(keys, folder / "runs", bootstrap=100), folder / "runs", folder / "out", CATALOG)
    return tuple((folder / "out" / f"comparison.{kind}").read_text("utf-8") for kind in ("html", "md"))


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    return render(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def page(pages: tuple[str, str]) -> Page:
    return Page(pages[0])


def test_loads_nothing_and_runs_its_own_script_only(pages: tuple[str, str], page: Page):
    for tag, attributes in page.tags:
        for name in ("src", "href", "xlink:href", "srcset", "data", "action"):
            value = attributes.get(name)
            inside = ("#", "data:image/png;base64,", *([f"{UI}/#/"] if tag == "a" else []))
            assert value is None or value.startswith(inside), (tag, value)
        assert not [name for name in attributes if name.startswith("on")]
    assert not {"link", "iframe", "object", "embed", "base"} & {tag for tag, _ in page.tags}
    assert not re.findall(r"@import|url\((?!#)", pages[0])
    assert page.all("script") == [{}]
    digest = base64.b64encode(hashlib.sha256(page.scripts.encode()).digest()).decode()
    policy = next(each["content"] for each in page.all("meta") if each.get("http-equiv") == "Content-Security-Policy")
    assert policy and "default-src 'none'" in policy and f"script-src 'sha256-{digest}';" in policy
    assert page.scripts == (Path(report.__file__).parent / "report.js").read_text().rstrip()


def test_leads_to_the_ui_where_it_answers(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert links.base() == UI


def test_hostile_text_is_shown_and_not_obeyed(pages: tuple[str, str], page: Page):
    assert pages[0].count("<script") == 1
    assert HOSTILE in page.text


def test_every_table_and_picture_says_what_it_is(pages: tuple[str, str], page: Page):
    assert pages[0].count("<table") == pages[0].count("<caption")
    assert all(attributes.get("alt") for attributes in page.all("img"))
    assert all(attributes.get("aria-label") or "aria-hidden" in attributes for attributes in page.all("svg"))
    assert all(attributes.get("scope") in ("col", "row", "rowgroup") for attributes in page.all("th"))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = [attributes["href"] for attributes in page.all("a")]
    assert {target[1:] for target in targets if target and target.startswith("#")} <= set(ids)


def test_every_dataset_and_experiment_is_there(pages: tuple[str, str]):
    for dataset, rows in EXPERIMENTS.items():
        for text in pages:
            assert f"{dataset}@sample" in text
            assert all(row[0] in text.replace("_<wbr>", "_") for row in rows)


def test_colours_follow_the_page(pages: tuple[str, str]):
    assert "var(--cnn)" in pages[0]
    assert not re.findall("#0[1-4]0[2-5]0[3-6]", pages[0])
    assert "prefers-color-scheme: dark" in pages[0]


def test_markdown_tables_are_whole(pages: tuple[str, str]):
    ranked, _, architectures = pages[1].partition("## Every architecture")
    experiments = sum(map(len, EXPERIMENTS.values()))
    expected = (
        (ranked, {12: experiments + 2 * len(EXPERIMENTS)}),
        (architectures, {9: experiments + 2}),
    )
    for part, rows_of_bars in expected:
        rows = [line.replace("\\|", "") for line in part.splitlines() if line.startswith("|")]
        assert Counter(row.count("|") for row in rows) == rows_of_bars


def test_markdown_says_which_family_a_budget_buys_and_how_many_datasets_there_are(pages: tuple[str, str]):
    _, _, told = pages[1].partition("\nWhich family for grey images with 1,000 labels?\n\n")
    assert re.match(r"- Without a limit.*: the CNN family, of which lenet5 reaches [\d.]+", told)
    assert told.count("\nWhich family for ") == len(EXPERIMENTS) - 1
    assert "- Classify, families: too few datasets: 3 of at least 5." in pages[1]


def test_renders_without_pictures_and_with_one_seed(tmp_path: Path):
    html, _ = render(tmp_path, pictures=False, seeds=1)
    assert "data:image" not in html
    assert "one seed" in html


def test_equal_runs_give_equal_bytes(tmp_path: Path, pages: tuple[str, str]):
    assert render(tmp_path) == pages


def test_many_classes_show_the_worst_confusions_only(tmp_path: Path):
    from stemma.report.confusion import confusion
    from stemma.runs import RunFiles, SeedSummary, Summary

    runs, names = RunFiles("wide", tmp_path), [f"c{k}" for k in range(25)]
    labels = np.arange(50) % 25
    runs.write_predictions(0, labels, np.eye(25)[np.where(labels == 3, 4, labels)])
    row = {"seed0": SeedSummary(1, 0.1, 0.9, 1, 1)}
    runs.write_summary(Summary("wide", "cnn", "net", "d", "s", "grey", "0", "0", names, {}, row))
    found = confusion(runs, names)
    assert found == {"shares": None, "worst": [{"true": "c3", "read": "c4", "share": 1.0}]}


def test_values_have_a_section_of_their_own(tmp_path: Path):
    from made_up_runs import write_values

    keys = [*write_all(tmp_path / "runs", examples=200), *write_values(tmp_path / "runs")]
    report.render(compare(keys, tmp_path / "runs", bootstrap=100), tmp_path / "runs", tmp_path / "out", CATALOG)
    html, text = ((tmp_path / "out" / f"comparison.{kind}").read_text("utf-8") for kind in ("html", "md"))
    section = html[html.index('<section id="diabetes-package"') :]
    section = section[: section.index("</section>")]
    for words in ("test RMSE, mean over", ">MAE<", ">R²<", "Predicted against true", "Largest errors", "errs least"):
        assert words in section
    for words in ("ccuracy", "points", "confused", "sure", "Macro-F1"):
        assert words not in Page(section).text
    assert "Test accuracy in percent, or RMSE where a number is predicted, of each" in html
    assert "too little" in section and "too much" in section
    rows = [line for line in text[text.index("## diabetes@package") :].splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows[:5]} == {13}
    ids = [attributes["id"] for _, attributes in Page(html).tags if "id" in attributes]
    assert len(ids) == len(set(ids))
