"""Publishing into a real store."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from made_up_results import EPOCHS, IMAGES, ROWS, experiment, reports

from stemma.errors import StemmaError
from stemma.runs import RunFiles
from stemma.serving.package import log_model
from stemma.tracking import describe, start_links, views
from stemma.tracking.publish import Published, publish
from stemma.tracking.store import connect, runs_of, safe_name

Publishing = Callable[..., Published]


def runs(label: str, filter_string: str = ""):
    client = connect()
    return runs_of(client, client.get_experiment_by_name(label).experiment_id, filter_string)


def no_model(run_id: str, folder: Path) -> str:
    raise AssertionError("nothing is to be logged")


def test_everything_is_there(publishing: Publishing, project: Path) -> None:
    published = publishing("mnist-mlp", "mnist-dbn", "mr-tfidf")
    assert published == Published(added=["mnist-mlp", "mnist-dbn", "mr-tfidf"])
    parents = {run.info.run_name: run for run in runs("mnist@sample", "tags.kind = 'aggregate'")}
    children = {run.info.run_name: run for run in runs("mnist@sample", "tags.kind = 'seed'")}
    assert set(parents) == {"mnist-mlp", "mnist-dbn"}
    assert set(children) == {"mnist-mlp-seed0", "mnist-mlp-seed1", "mnist-dbn-seed0", "mnist-dbn-seed1"}
    parent, child = parents["mnist-dbn"], children["mnist-dbn-seed1"]
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert {run.info.status for run in (parent, child)} == {"FINISHED"}
    known = {"family": "dbn", "architecture": "dbn", "dataset": "mnist", "source": "sample", "data_digest": "a" * 64}
    for run in (parent, child):
        assert known.items() <= run.data.tags.items()
        assert run.data.tags["mlflow.runColor"].startswith("#")
        assert {"family", "architecture", "hidden"} <= set(run.data.params)
        assert run.inputs.dataset_inputs[0].dataset.digest == "a" * 36
    artifacts = {item.path for item in connect().list_artifacts(parent.info.run_id, "figures")}
    assert artifacts == {"figures/confusion_matrix.png", "figures/learning_curves.png"}
    assert not set(parent.data.metrics) & set(child.data.metrics)
    assert len(parent.data.metrics) == 6
    assert parent.data.metrics["acc_mean"] == pytest.approx(0.7)
    images = [item.path for item in connect().list_artifacts(parent.info.run_id, "images")]
    assert {Path(path).name.split("+")[0] for path in images} == {"confusion_matrix", "filters"}


def test_every_point_of_the_curves(publishing: Publishing, project: Path) -> None:
    publishing("mnist-dbn")
    client = connect()
    (run,) = runs("mnist@sample", "tags.seed = '1'")
    history = RunFiles("mnist-dbn", project / "runs").history(1)
    final = history[history.phase == "fit"]
    for metric, column in (("train/loss", "train_loss"), ("val/loss", "val_loss"), ("val/accuracy", "val_accuracy")):
        points = {point.step: point.value for point in client.get_metric_history(run.info.run_id, metric)}
        assert points == dict(enumerate(final[column], start=1))
    before = client.get_metric_history(run.info.run_id, "z_pretrain/rbm1_reconstruction")
    assert [(point.step, point.value) for point in before] == [(1, 1.0), (2, 0.5)]
    assert len(client.get_metric_history(run.info.run_id, "test/accuracy")) == 1


def test_scores_under_perturbations(publishing: Publishing, project: Path) -> None:
    rows = [{"epsilon": e, "seed0": 0.9 - e, "seed1": 0.8 - 2 * e} for e in (0.0, 0.007, 0.2)]
    RunFiles("mnist-dbn", project / "runs").write_robustness("pixels", 100, rows, [])
    publishing("mnist-dbn", "mnist-mlp")
    client = connect()
    children = {run.info.run_name: run for run in runs("mnist@sample", "tags.kind = 'seed'")}
    run = children["mnist-dbn-seed1"]
    points = client.get_metric_history(run.info.run_id, "robustness/accuracy")
    found = {point.step: round(point.value, 6) for point in points}
    assert found == {0: 0.8, 7000: 0.786, 200_000: 0.4}
    assert run.data.metrics["robustness/change_at_0.007"] == pytest.approx(-0.014)
    assert not [name for name in children["mnist-mlp-seed1"].data.metrics if name.startswith("robustness")]


def test_model_of_the_best_seed_has_its_metrics_and_dataset(publishing: Publishing) -> None:
    publishing("mnist-dbn")
    client = connect()
    (parent,) = runs("mnist@sample", "tags.kind = 'aggregate'")
    (model,) = client.search_logged_models([parent.info.experiment_id])
    assert parent.data.tags["model_id"] == model.model_id
    assert [output.model_id for output in parent.outputs.model_outputs] == [model.model_id]
    assert model.source_run_id == runs("mnist@sample", "tags.seed = '1'")[0].info.run_id
    linked = {metric.key: metric for metric in model.metrics}
    assert linked["test/accuracy"].value == pytest.approx(0.7)
    assert linked["test/accuracy"].dataset_name == "mnist@sample"
    assert "note.content" in "".join(model.tags)


def test_twice_adds_nothing(publishing: Publishing, project: Path) -> None:
    publishing("mnist-mlp")
    client = connect()
    into = client.get_experiment_by_name("mnist@sample").experiment_id
    before = [(run.to_dictionary(), client.get_experiment(into).tags) for run in runs("mnist@sample")]
    assert publishing("mnist-mlp", log_model=no_model) == Published(unchanged=["mnist-mlp"])
    assert [(run.to_dictionary(), client.get_experiment(into).tags) for run in runs("mnist@sample")] == before
    timings = RunFiles("mnist-mlp", project / "runs")
    timings.write("train_time.json", {"seed0": 9.0, "seed1": 9.0})
    assert publishing("mnist-mlp", log_model=no_model).added == []
    (parent,) = runs("mnist@sample", "tags.kind = 'aggregate'")
    assert parent.data.metrics["train_s_mean"] == 9


def test_changed_experiment_retires_the_old_one_and_may_come_back(publishing: Publishing, project: Path) -> None:
    publishing("mnist-mlp")
    experiment(project / "runs", "mnist-mlp", "mlp", IMAGES, 0.9, hidden=[8])
    assert publishing("mnist-mlp").added == ["mnist-mlp"]
    current = runs("mnist@sample", f"{views.CURRENT} and tags.kind = 'aggregate'")
    assert [run.data.metrics["acc_mean"] for run in current] == [0.9]
    assert len(runs("mnist@sample", "tags.superseded = 'yes'")) == 3
    experiment(project / "runs", "mnist-mlp", "mlp", IMAGES, 0.8, hidden=[8])
    assert publishing("mnist-mlp", log_model=no_model).added == []
    current = runs("mnist@sample", f"{views.CURRENT} and tags.kind = 'aggregate'")
    assert [run.data.metrics["acc_mean"] for run in current] == [0.8]


def test_interrupted_publish_is_made_anew(publishing: Publishing) -> None:
    def interrupted(run_id: str, folder: Path) -> str:
        log_model(run_id, folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publishing("mnist-mlp", log_model=interrupted)
    (parent,) = runs("mnist@sample", "tags.kind = 'aggregate'")
    assert parent.info.status == "RUNNING"
    publishing("mnist-mlp")
    assert [run.info.status for run in runs("mnist@sample")] == ["FINISHED"] * 3
    assert len(connect().search_logged_models([parent.info.experiment_id])) == 1


def test_saved_views(publishing: Publishing) -> None:
    publishing("mnist-mlp", "mr-tfidf")
    client = connect()
    for label in ("mnist@sample", "mr@./my reviews.csv"):
        tags = client.get_experiment_by_name(label).tags
        saved = {key: json.loads(tags[views.PREFIX + key]) for key in ("leaderboard", "families", "curves")}
        assert [view["name"] for view in saved.values()] == ["1 Leaderboard", "2 Families", "3 Curves"]
        assert [v["createdAt"] for v in saved.values()] == sorted(
            (v["createdAt"] for v in saved.values()), reverse=True
        )
        for view in saved.values():
            state = json.loads(view["state"])
            sections = {section["uuid"] for section in state["compareRunSections"]}
            assert {card["metricSectionId"] for card in state["compareRunCharts"]} <= sections
            assert runs(label, state["searchFilter"])
        assert max(len(tags[views.PREFIX + key]) for key in saved) < 20_000
        assert "viewStateShareKey=curves" in tags["mlflow.note.content"]


def test_start_links_and_names(publishing: Publishing, monkeypatch: pytest.MonkeyPatch) -> None:
    publishing("mnist-mlp")
    (link,) = start_links(connect(), 5001).values()
    assert link.startswith("http://127.0.0.1:5001/#/experiments/1/runs?workflowType=machine_learning")
    assert safe_name("mnist", "sample") == "mnist-sample"
    odd = safe_name("mr", "https://host/a folder/My Reviews@2.csv")
    assert odd.startswith("mr-my-reviews-2-csv-") and not set(odd) & set("@/ :")


def test_artifacts_lie_beside_the_database(
    publishing: Publishing, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project}/mlflow.db")
    (project / "elsewhere").mkdir()
    monkeypatch.chdir(project / "elsewhere")
    publishing("mnist-mlp")
    assert [path.name for path in project.glob("**/mlartifacts/*")] == ["mnist-sample"]


def test_unreachable_server_and_unknown_experiment(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    comparison, _ = reports(project / "runs", ["mnist-mlp"])
    with pytest.raises(StemmaError, match="'mnist-dbn': not in the comparison"):
        publish(["mnist-dbn"], comparison, no_model)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(StemmaError, match="cannot be reached"):
        publish(["mnist-mlp"], comparison, no_model)


def test_curves_leave_out_what_is_not_finite(project: Path) -> None:
    history = RunFiles("mnist-mlp", project / "runs").history(0)
    history.loc[1, "val_loss"] = float("nan")
    steps = [step for name, step, _ in describe.curves(history) if name == "val/loss"]
    assert steps == [n for n in range(1, EPOCHS + 1) if n != 2]


def test_values_have_names_and_an_order_of_their_own(publishing: Publishing, project: Path) -> None:
    from stemma import registry

    for name, architecture, missing in (("diabetes-linear", "linear", 0.5), ("diabetes-ridge", "ridge", 0.45)):
        experiment(project / "runs", name, architecture, ROWS, 1 - missing)
    names = ("diabetes-linear", "diabetes-ridge")
    publishing(*names)
    parents = {run.info.run_name: run for run in runs("diabetes@package", "tags.kind = 'aggregate'")}
    found = parents["diabetes-ridge"].data.metrics
    assert set(found) == {"rmse_mean", "r2_mean", "n_params", "train_s_mean", "rmse_lo", "rmse_hi"}
    assert found["rmse_mean"] == pytest.approx(45)
    (child,) = runs("diabetes@package", "tags.mlflow.runName = 'diabetes-ridge-seed1'")
    epochs, once = {"train/loss", "val/loss", "val/rmse"}, {"test/rmse", "train_s", "best_epoch", "best/val_rmse"}
    assert set(child.data.metrics) == epochs | once
    pictures = {item.path for item in connect().list_artifacts(parents["diabetes-ridge"].info.run_id, "figures")}
    assert pictures == {"figures/predicted_true.png", "figures/learning_curves.png"}
    tags = connect().get_experiment_by_name("diabetes@package").tags
    assert "100 test examples, targets with a standard deviation of" in tags["mlflow.note.content"]
    board = json.loads(json.loads(tags[views.PREFIX + "leaderboard"])["state"])
    assert (board["orderByKey"], board["orderByAsc"]) == ("metrics.`rmse_mean`", True)
    named = {card.get("metricKey") for card in board["compareRunCharts"]} - {None}
    assert named <= set(found)
    comparison, decision = reports(project / "runs", names)
    (outcome,) = registry.promote(decision, comparison, {}, project / "runs")
    assert (outcome.verdict, outcome.champion) == ("promote", "diabetes-ridge")
    card = registry.champion("diabetes", "package").description
    for words in ("RMSE: 45.0000", "MAE: 45.0000", "answers with a value"):
        assert words in card
