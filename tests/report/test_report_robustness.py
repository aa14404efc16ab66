"""The report's section on perturbations: its sentence, curves, table and pictures."""

import re
from pathlib import Path

import numpy as np
from made_up_runs import write_all, write_values

from stemma import report
from stemma.comparison import compare
from stemma.families.catalog import CATALOG
from stemma.runs import RunFiles

TITLE = "Under perturbations against the model"


def perturb(root: Path, key: str, losses: dict[float, float], start: float = 0.9, space: str = "pixels") -> RunFiles:
    """Three seeds that score `start`, less what each epsilon takes."""
    runs = RunFiles(key, root)
    rows = [
        {"epsilon": epsilon, **{f"seed{seed}": start - lost + 0.01 * (seed - 1) for seed in range(3)}}
        for epsilon, lost in {0.0: 0.0, **losses}.items()
    ]
    runs.write_robustness(space, 50, rows, [])
    return runs


def section(keys: list[str], folder: Path, name: str) -> tuple[str, str]:
    """The dataset's section of the page, and the page in Markdown."""
    report.render(compare(keys, folder / "runs", bootstrap=100), folder / "runs", folder / "out", CATALOG)
    html, text = ((folder / "out" / f"comparison.{kind}").read_text("utf-8") for kind in ("html", "md"))
    part = html[html.index(f'<section id="{name}') :]
    return part[: part.index("</section>")], text


def test_least_most_pictures_and_whoever_took_no_part(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    keys = write_all(root, examples=200)
    runs = perturb(root, "mnist-lenet5", {0.007: 0.02, 0.2: 0.5})
    perturb(root, "mnist-lstm", {0.007: 0.11, 0.1: 0.3})
    perturb(root, "mnist-mlp", {0.007: 0.05})
    item = {"index": 7, "label": 3, "epsilon": 0.007, "read": 8, "before": 0.8, "after": 0.6}
    found = runs.robustness()
    runs.write_robustness("pixels", 50, found["rows"], [item])
    runs.write_pictures({"adversarial": np.zeros((1, 28, 84, 1), np.uint8)})
    html, text = section(keys, tmp_path, "mnist-sample")
    said = (
        "Against 0.007 of the full range of a pixel, lenet5 (CNN) loses least: 2.0 points (90.0 to 88.0\u00a0%); "
        "lstm (RNN) loses most, 11.0 points."
    )
    assert said in html and f"- {said}" in text
    assert TITLE in html and "50 test examples" in html
    table = html[html.index("by epsilon on") :]
    table = table[: table.index("</table>")]
    assert re.findall(r">([^<>\n]+)</t[dh]>", table)[:6] == ["Experiment", "0", "0.007", "0.1", "0.2", "90.0"]
    cells = [re.findall(r'class="num">([^<]*)</td>', row) for row in table.split("<tr>")[2:]]
    assert cells == [["90.0", "88.0", "–", "40.0"], ["90.0", "79.0", "60.0", "–"], ["90.0", "85.0", "–", "–"]]
    assert "dbn" not in table and "logistic" not in table
    assert "read as <b>3</b> (80.0 %), at 0.007 as <b>8</b> (60.0 %)" in html
    other, _ = section(keys, tmp_path, "photo-patches-sample")
    assert TITLE not in other


def test_what_is_moved_differently_is_not_compared(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    keys = write_all(root, examples=200)
    perturb(root, "rotten-kim_cnn", {0.007: 0.03}, space="word vectors")
    perturb(root, "rotten-simple_rnn", {0.007: -0.01}, space="word vectors")
    perturb(root, "rotten-dbn", {0.007: 0.2}, space="bag of words")
    html, _ = section(keys, tmp_path, "rotten-tomatoes-sample")
    assert "simple_rnn (RNN) loses least: nothing (90.0 to 91.0\u00a0%); kim_cnn (CNN) loses most, 3.0 points." in html
    assert "a text's bag of words, dbn (DBN) loses 20.0 points" in html.replace("&#39;", "'")
    assert "not comparable with each other" in html and "<td>word vectors</td>" in html


def test_an_error_that_grows_is_a_loss(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    keys = write_values(root)
    perturb(root, "diabetes-mlp", {0.007: -1.5}, start=55.0, space="columns")
    perturb(root, "diabetes-lstm", {0.007: -0.5}, start=66.0, space="columns")
    html, _ = section(keys, tmp_path, "diabetes-package")
    assert "lstm (RNN) loses least: 0.50 of RMSE (66.0 to 66.5); mlp (MLP) loses most, 1.5 of RMSE." in html


def test_a_report_without_any_says_nothing(tmp_path: Path) -> None:
    keys = write_all(tmp_path / "runs", examples=200)
    html, text = section(keys, tmp_path, "mnist-sample")
    assert TITLE not in html and "Against" not in text
    assert compare(keys, tmp_path / "runs", bootstrap=100)["rows"][0]["robustness"] is None
