"""The page of a study: its files, its figures, and text that is no markup."""

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from stemma.studies import Case, Figure, Study, Table, verdict, write
from stemma.studies.figures import Series, dots, lines

HOSTILE = "a|<script>alert('x')</script>"


def drawn(values: np.ndarray, log: str = "") -> str:
    return str(lines([Series("one", [1, 2, 3], values)], "epoch", "loss", "f", "Loss by epoch.", log))


def test_bounds_cut_the_band() -> None:
    shares = Series("one", [1, 2], np.array([[20.0, 95.0], [90.0, 99.0]]))
    assert ">400<" in str(lines([shares], "epoch", "accuracy, %", "f", "Two seeds."))
    within = str(lines([shares], "epoch", "accuracy, %", "f", "Two seeds.", bounds=(0, 100)))
    assert ">100<" in within and ">200<" not in within


@pytest.fixture
def study() -> Study:
    verdicts = [
        verdict("It is so.", "text 003", [Case("a", True, "2"), Case(HOSTILE, None, "0 to 1")]),
        verdict("It is not.", "text 004", [Case("b", True, "1")]),
        verdict("It is.", "text 004", [Case("b", True, "1")]),
    ]
    figure = Figure("Loss", "by epoch", lines([Series("one", [1, 2], np.ones((3, 2)))], "x", "y", "f", "Loss."))
    return Study(
        "made_up", "Is it so?", ["By looking."], verdicts, [figure], [Table("Of all.", ("Net", "n"), [(HOSTILE, "1")])]
    )


def test_a_page_shows_every_verdict_and_no_markup_from_names(study: Study, tmp_path: Path) -> None:
    page = write(study, tmp_path).read_text()
    for found in study.verdicts:
        assert found.claim in page and found.outcome in page
    assert "<script>" not in page and "&lt;script&gt;" in page
    assert "Of 3 claims of the texts 2 hold and 1 holds in part." in page
    text = (tmp_path / "study.md").read_text()
    assert "![Loss](study-1.svg)" in text and r"| a\|&lt;script>" in text


def test_what_the_verdicts_rest_on_is_written_as_json(study: Study, tmp_path: Path) -> None:
    write(study, tmp_path)
    found = json.loads((tmp_path / "study.json").read_text())
    assert [each["outcome"] for each in found["verdicts"]] == ["holds in part", "holds", "holds"]
    assert found["verdicts"][0]["cases"][0] == {"where": "a", "holds": True, "found": "2"}


def test_a_figure_is_a_file_of_its_own_with_colours_for_both_grounds(study: Study, tmp_path: Path) -> None:
    write(study, tmp_path)
    text = (tmp_path / "study-1.svg").read_text()
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg" and root.get("width") == "640"
    used = {part.partition(")")[0] for part in text.split("var(")[1:]}
    light, dark = text.split("prefers-color-scheme: dark")
    assert used and all(f"{name}: #" in light and f"{name}: #" in dark for name in used)


def test_equal_numbers_give_equal_bytes(study: Study, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write(study, tmp_path / folder)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def paths(svg: str, part: str) -> list[str]:
    """Outlines within the groups whose id holds `part`."""
    space = "{http://www.w3.org/2000/svg}"
    groups = [g for g in ElementTree.fromstring(svg).iter(f"{space}g") if part in (g.get("id") or "")]
    return [path.get("d") or "" for g in groups for path in g.iter(f"{space}path")]


def test_the_band_is_there_for_several_seeds_alone() -> None:
    rng = np.random.default_rng(0)
    assert paths(drawn(rng.random((3, 3))), "FillBetween") and not paths(drawn(rng.random((1, 3))), "FillBetween")


def test_a_line_ends_where_its_last_seed_stopped() -> None:
    """Its name stands at the height of the last mean that there is."""
    stopped = np.array([[1.0, 2.0, np.nan], [1.5, 2.5, np.nan]])
    whole = [Series("one", [1, 2], stopped[:, :2]), Series("two", [1, 2, 3], np.ones((2, 3)))]
    series = [Series("one", [1, 2, 3], stopped), whole[1]]
    assert str(lines(series, "x", "y", "f", "Loss.")) == str(lines(whole, "x", "y", "f", "Loss."))


def test_logarithmic_ticks_are_plain_numbers() -> None:
    text = drawn(np.array([[1e-9, 1e-4, 1.0], [2e-9, 1e-4, 1.0]]), "y")
    assert "mathdefault" not in text
    assert ">1e-08<" in text and ">0.01<" in text


def test_dots_name_their_rows_and_groups() -> None:
    text = str(dots(["a", "b"], {"before": [[1, 2], [3, 4]], "after": [[2, 3], [4, 5]]}, "score", "d", "Scores."))
    for name in ("a", "b", "before", "after", "score"):
        assert f">{name}<" in text
