"""The section `Every architecture, by task`."""

from pathlib import Path

import made_up_runs
import pytest
from made_up_runs import write_all, write_values

from stemma import report
from stemma.comparison import compare
from stemma.families.catalog import CATALOG
from stemma.report.architectures import by_task, without_result
from stemma.runs import roots_of
from stemma.scores import scoring


def group(task: str, *rows: tuple[str, str]) -> dict:
    """A ranking on data of the same name as the task; `rows` are architecture and experiment."""
    shown = [{"architecture": name, "experiment": key, "family": CATALOG[name].family} for name, key in rows]
    return {"task": task, "scoring": scoring(task), "label": f"{task}@here", "id": task, "rows": shown}


def test_stands_by_task_and_family_in_the_order_of_the_catalogue() -> None:
    first = group("classify", ("knn", "a-knn"), ("mlp", "a-mlp"), ("lenet5", "a-1998"), ("lenet5", "a-modern"))
    second, values = group("classify", ("mlp", "b-mlp")), group("regress", ("mlp", "c-mlp"))
    classify, regress = by_task([first, values, second], CATALOG)
    assert [(each["name"], [row["experiment"] for row in each["rows"]]) for each in classify["architectures"]] == [
        ("lenet5", ["a-1998", "a-modern"]),
        ("mlp", ["a-mlp", "b-mlp"]),
        ("knn", ["a-knn"]),
    ]
    assert classify["architectures"][0]["paper"] == CATALOG["lenet5"].paper
    assert (regress["task"], regress["score"].title) == ("regress", "RMSE")
    assert [each["name"] for each in regress["architectures"]] == ["mlp"]


def test_names_what_has_no_result() -> None:
    few = {name: CATALOG[name] for name in ("lenet5", "lstm", "ridge")}
    assert without_result([group("classify", ("lstm", "a"))], few) == ["lenet5", "ridge", "lstm (regress)"]
    all_of_them = [group("classify", ("lstm", "a"), ("lenet5", "b")), group("regress", ("lstm", "c"), ("ridge", "d"))]
    assert without_result(all_of_them, few) == []


def test_an_architecture_that_the_catalogue_no_longer_knows_stands_last() -> None:
    rest = {name: entry for name, entry in CATALOG.items() if name != "lenet5"}
    (classify,) = by_task([group("classify", ("lenet5", "a"), ("knn", "b"))], rest)
    assert [(each["name"], each["paper"]) for each in classify["architectures"]][-1] == ("lenet5", "")


def test_two_folders_of_run_files_stand_in_one_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made_up_runs, "EXPERIMENTS", {"rotten_tomatoes": made_up_runs.EXPERIMENTS["rotten_tomatoes"]})
    core, more = tmp_path / "runs", tmp_path / "more/runs"
    roots = roots_of([(core, write_all(core, examples=100)), (more, write_values(more))])
    found = compare(roots, roots, bootstrap=100)
    assert len(found["rows"]) == len(roots)
    report.render(found, roots, tmp_path, CATALOG, "all")
    html, text = ((tmp_path / f"all.{kind}").read_text("utf-8") for kind in ("html", "md"))
    section = html[html.index('<section id="architectures"') :]
    for words in (CATALOG["kim_cnn"].paper, "<h3>Classify</h3>", "<h3>Regress</h3>", "Without a result here: "):
        assert words in section and words in html
    assert "all.json" in html and "comparison.json" not in html
    line = next(line for line in text.splitlines() if line.startswith("| `ridge` | baseline | Hoerl, Kennard 1970 |"))
    row = next(row for row in found["rows"] if row["experiment"] == "diabetes-ridge")
    assert line.split("|")[6].split()[0] == f"{row['rmse']['mean']:.1f}"
