"""Tasks that an experiment asks for, from params.yaml to the report, on a made-up architecture that learns them all."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from asked import ENTRY, TASKS, MadeUp, run, settings
from made_up import GREY, examples
from stemma import config, evaluation, families, report, training
from stemma.comparison import compare
from stemma.data.store import load_spec
from stemma.drift.features import answers
from stemma.errors import StemmaError
from stemma.families import catalog
from stemma.families.features import hidden_spec
from stemma.families.start import take_over
from stemma.files import read_json
from stemma.report.page import _labelled
from stemma.runs import RunFiles
from stemma.scores import scoring


@pytest.fixture(scope="module", autouse=True)
def known() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(catalog.CATALOG, "made_up", ENTRY)
        yield


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, prepared: dict[str, Path]) -> Path:
    """Run files of an experiment a task, one that also reads tables, and one of the slot's own task."""
    root = tmp_path_factory.mktemp("asked") / "runs"
    for task in TASKS:
        run(f"grey-{task}", settings(task), prepared["grey"], root)
    run("grey-wide", settings("reconstruct", seeds=(0,), parameters={"code": 20}), prepared["grey"], root)
    knn = {"family": "baseline", "architecture": "knn", "seeds": (0,), "parameters": {}}
    run("grey-knn", settings("reconstruct", **knn).model_copy(update={"task": None}), prepared["grey"], root)
    run(
        "values-ridge",
        settings("map", **{**knn, "architecture": "ridge"}).model_copy(update={"task": None}),
        prepared["table_values"],
        root,
    )
    return root


EXPERIMENTS = [*(f"grey-{task}" for task in TASKS), "grey-wide", "grey-knn", "values-ridge"]


@pytest.mark.parametrize("task", TASKS)
def test_run_files(task: str, runs: Path, prepared: dict[str, Path]) -> None:
    files, judged = RunFiles(f"grey-{task}", runs), scoring(task)
    summary = files.summary()
    assert (summary.task, summary.classes, summary.settings["task"]) == (task, [], task)
    last = files.history(0).iloc[-1]
    assert {f"{stage}_{name}" for stage in ("train", "val") for name in ("loss", judged.primary)} <= set(last.index)
    best = last if task != "reconstruct" else files.history(0).set_index("epoch").loc[summary.seeds["seed0"].epochs]
    assert summary.seeds["seed0"].val_score == pytest.approx(best[f"val_{judged.primary}"])
    frame = pd.read_parquet(files.folder / "test/seed0.parquet")
    assert list(frame) == ["spread", *judged.columns] and len(frame) == 40
    tested = read_json(files.folder / "test/seed0.json")
    assert tested == pytest.approx(
        judged.measure(*files.predictions(0)) | {name: tested[name] for name in judged.beside_model}, abs=1e-6
    )
    assert files.robustness() is None and "test_time.json" in {path.name for path in files.folder.iterdir()}
    worst = files.read("test/mistakes.json")
    best_first = sorted(frame[judged.columns[0]], reverse=judged.score.higher)
    assert [row["score"] for row in worst] == pytest.approx(best_first[::-1][: len(worst)], abs=1e-6)
    assert set(read_json(files.folder / "metrics.json")) == set(judged.scores)


def test_the_model_knows_the_task_and_is_loaded_with_it(runs: Path, prepared: dict[str, Path]) -> None:
    model = families.load(RunFiles("grey-reconstruct", runs).model_folder(0))
    split = examples(GREY, 5, seed=9)
    assert model.spec.task == "reconstruct" and model.spec.classes == GREY.classes
    answer = model.predict(split.x)
    x = torch.as_tensor(split.x)
    assert answer.shape == (5, 784) and np.allclose(answer, model.reconstruct(x).detach(), atol=1e-6)


def test_learning_to_reconstruct_beats_the_mean(runs: Path, prepared: dict[str, Path]) -> None:
    files = RunFiles("grey-wide", runs)
    run(
        "longer",
        settings("reconstruct", seeds=(0,), epochs=30, batch_size=20, parameters={"code": 20}),
        prepared["grey"],
        runs,
    )
    short, longer = (read_json(f.folder / "metrics.json")["explained"] for f in (files, RunFiles("longer", runs)))
    assert longer > 0.3 and longer > short


def test_a_score_of_the_task_chooses_the_epoch(prepared: dict[str, Path], tmp_path: Path) -> None:
    chosen = settings("reconstruct", seeds=(0,), epochs=4, learning_rate=0.3, monitor="val_reconstruction_error")
    files = run("watched", chosen, prepared["grey"], tmp_path)
    history, row = files.history(0), files.summary().seeds["seed0"]
    assert row.val_score == pytest.approx(history["val_reconstruction_error"].min(), abs=1e-6)
    assert row.epochs == history["epoch"][history["val_reconstruction_error"].idxmin()]


def test_an_objective_without_the_score_is_scored_at_its_end(
    prepared: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = MadeUp.objective
    monkeypatch.setattr(MadeUp, "objective", lambda self, batch: {"loss": whole(self, batch)["loss"]})
    files = run("bare", settings("reconstruct", seeds=(0,), monitor="val_loss"), prepared["grey"], tmp_path)
    row, history = files.summary().seeds["seed0"], files.history(0)
    assert row.val_score == pytest.approx(row.val_loss, rel=1e-3)
    assert history["val_reconstruction_error"].notna().sum() == 1


def test_compared_and_reported(runs: Path, tmp_path: Path) -> None:
    found = compare(EXPERIMENTS, runs, bootstrap=100)
    report.render(found, runs, tmp_path, catalog.CATALOG)
    page, text = ((tmp_path / f"comparison.{kind}").read_text() for kind in ("html", "md"))
    for label in ("made_up@grey", *(f"made_up@grey ({task})" for task in TASKS), "made_up@table_values"):
        assert f"## {label}\n" in text
    for said in (
        "wide (DBN) reconstructs best: a mean squared error of",
        "Always answering with the mean of the test examples would leave an error of",
        "its log Z, 2.000, is an estimate to ± 0.50.",
        "to the nearest unit on 40 test examples",
        "% of the bits right on 40 test examples",
    ):
        assert said in text.replace("\u00a0", " "), said
    assert page.count("What is taken for what") == page.count("Predicted against true") == 1
    assert page.count("Hardest examples") == 4 and "reconstructions, each beside its original" in page
    assert "log Z, nats" in page and "2.000 ± 0.50" in page.replace("\u00a0", " ")
    assert "nats" in page and "Explained variance, %" in page


def test_other_test_examples_or_units_have_labels_of_their_own(runs: Path, prepared: dict[str, Path]) -> None:
    group = {"dataset": "a", "source": "b", "task": "map", "unit": "variance 0.1", "test_digest": "c" * 64}
    other = {**group, "unit": "variance 1.2"}
    assert [label for _, label in _labelled([group])] == ["a@b (map)"]
    assert [label for _, label in _labelled([group, other])] == ["a@b (map, variance 0.1)", "a@b (map, variance 1.2)"]
    again = {**group, "task": "classify", "unit": ""}
    assert [label for _, label in _labelled([group, again])] == ["a@b (map)", "a@b"]
    assert [label for _, label in _labelled([again, {**again, "test_digest": "d" * 64}])] == [
        "a@b (test cccccccc)",
        "a@b (test dddddddd)",
    ]


def test_a_network_that_reconstructs_lends_its_weights_and_its_codes(prepared: dict[str, Path]) -> None:
    spec = replace(GREY, task="reconstruct").to_dict()
    torch.manual_seed(1)
    source, model = MadeUp(spec), MadeUp(spec)
    take_over(model, source, "new")
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), source.parameters(), strict=True))
    assert hidden_spec(source, GREY).shape == (4,)
    assert source.hidden(examples(GREY, 3).x).shape == (3, 4)


def test_drift_takes_no_answers_of_another_task(runs: Path, prepared: dict[str, Path]) -> None:
    reference = SimpleNamespace(spec=load_spec(prepared["grey"]), name="grey")
    with pytest.raises(StemmaError, match="its task is map; drift compares answers of the task classify"):
        answers(RunFiles("grey-map", runs).model_folder(0), reference)


def message(folder: Path, **written: Any) -> str:
    experiment = {"dataset": "grey", "family": "dbn", "architecture": "made_up", "task": "reconstruct", **written}
    values = {"datasets": {"grey": {"use": "mnist@sample"}}, "experiments": {"a": experiment}}
    (folder / "params.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(StemmaError) as caught:
        config.load(folder / "params.yaml")
    (line,) = str(caught.value).splitlines()
    return line


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"architecture": "lenet5", "family": "cnn"}, "experiments.a.task: 'reconstruct', but 'lenet5' learns to classify"),
        ({"task": None}, "'made_up' learns to reconstruct and density and map and recall; slot 'grey' (mnist@sample) has the task classify; write task: reconstruct or density or map or recall"),
        ({"task": "recnstruct"}, "experiments.a.task: input should be 'reconstruct', 'density', 'map' or 'recall', found 'recnstruct'"),
        ({"task": "classify"}, "experiments.a.task: input should be 'reconstruct', 'density', 'map' or 'recall', found 'classify'"),
        ({"monitor": "val_accuracy"}, "experiments.a.monitor: 'val_accuracy' is none of the task reconstruct; val_loss or val_reconstruction_error"),
        ({"task": "density", "monitor": "val_reconstruction_error"}, "is none of the task density; val_loss or val_log_likelihood"),
        ({"loss": "mse"}, "experiments.a.loss: 'mse' is none for reconstruct; known: auto"),
        ({"companion": "centre"}, "experiments.a.companion: 'centre' is of classes; the task is reconstruct; allowed: none"),
        ({"class_weights": "balanced"}, "experiments.a.class_weights: 'balanced' is of classes; the task is reconstruct; allowed: none"),
        ({"label_smoothing": 0.1}, "experiments.a.label_smoothing: '0.1' is of classes; the task is reconstruct; allowed: 0"),
    ],
)  # fmt: skip
def test_settings_that_mean_nothing_for_the_task(written: dict[str, Any], said: str, tmp_path: Path) -> None:
    assert said in message(tmp_path, **written)


def test_a_head_is_kept_for_its_task_alone(tmp_path: Path) -> None:
    made = {"dataset": "grey", "family": "dbn", "architecture": "made_up"}
    start = {"experiment": "a", "head": "keep"}
    values: dict[str, Any] = {
        "datasets": {"grey": {"use": "mnist@sample"}},
        "experiments": {"a": {**made, "task": "reconstruct"}},
        "transfers": {"b": {**made, "task": "map", "start": start}},
    }
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(
        StemmaError, match=r"start.head: keep, but the task of 'a' is reconstruct, here map; write head"
    ):
        config.load(tmp_path / "params.yaml")
    values["transfers"]["b"]["task"] = "reconstruct"
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    assert config.load(tmp_path / "params.yaml").trained["b"].task == "reconstruct"


def test_an_estimator_on_a_hidden_layer_has_no_such_task(tmp_path: Path) -> None:
    knn = {"dataset": "grey", "family": "baseline", "architecture": "knn", "task": "map", "start": {"experiment": "a"}}
    made = {"dataset": "grey", "family": "dbn", "architecture": "made_up", "task": "reconstruct"}
    values = {"datasets": {"grey": {"use": "mnist@sample"}}, "experiments": {"a": made}, "transfers": {"b": knn}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(StemmaError, match=r"transfers.b.task: 'map' is of a model of its own"):
        config.load(tmp_path / "params.yaml")


def test_a_prepared_set_that_changed_is_refused(runs: Path, prepared: dict[str, Path]) -> None:
    with pytest.raises(StemmaError, match="not the set that 'grey-map' was trained on"):
        evaluation.evaluate("grey-map", prepared["colour"], runs)
    assert training.spec_of(settings("map"), prepared["grey"]).task == "map"
