"""Publishing tasks that an experiment asks for: a leaderboard of their own, a packaged model, and nothing to promote."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pytest
from made_up_results import IMAGES, experiment, reports

from asked import ENTRY, run, settings
from made_up import examples
from stemma import families, registry
from stemma.data import store as prepared_store
from stemma.families import catalog
from stemma.runs import RunFiles
from stemma.serving.package import log_model
from stemma.tracking import record_failure, start_links, store
from stemma.tracking.publish import publish
from stemma.tracking.store import connect, runs_of

TASKS = ("reconstruct", "density")


@pytest.fixture(scope="module")
def published(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The working directory: experiments, one of them of the slot's own task, that are published."""
    project = tmp_path_factory.mktemp("published")
    shutil.copy(empty_store, project / store.DATABASE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setitem(catalog.CATALOG, "made_up", ENTRY)
        _publish(project)
        yield project


def _publish(project: Path) -> None:
    spec = prepared_store.save(
        project / "prepared",
        IMAGES,
        {name: examples(IMAGES, 40, seed) for seed, name in enumerate(prepared_store.SPLITS)},
    )
    for task in TASKS:
        run(f"mnist-{task}", settings(task), project / "prepared", project / "runs")
    experiment(project / "runs", "mnist-own", "mlp", spec, 0.8, hidden=[8])
    names = [*(f"mnist-{task}" for task in TASKS), "mnist-own"]
    comparison, decision = reports(project / "runs", names)
    assert [entry["candidate"] for entry in decision["slots"].values()] == ["mnist-own"]
    publish(names, comparison, log_model, project / "runs")


def test_each_task_has_a_leaderboard_of_its_own(published: Path) -> None:
    client = connect()
    labels = ["mnist@sample", "mnist@sample (density)", "mnist@sample (reconstruct)"]
    assert sorted(start_links(client)) == labels
    for label, experiment_name in zip(labels, ("mnist-own", "mnist-density", "mnist-reconstruct"), strict=True):
        into = client.get_experiment_by_name(label)
        names = {run.info.run_name for run in runs_of(client, into.experiment_id, "tags.kind = 'aggregate'")}
        assert names == {experiment_name}
    state = json.loads(json.loads(into.tags["mlflow.sharedViewState.leaderboard"])["state"])
    assert state["orderByKey"] == "metrics.`mse_mean`" and state["orderByAsc"]
    assert "of a variance of 0.0" in into.tags["mlflow.note.content"]


def test_metrics_have_the_names_of_the_task(published: Path) -> None:
    client = connect()
    into = client.get_experiment_by_name("mnist@sample (reconstruct)").experiment_id
    parent, *_ = runs_of(client, into, "tags.kind = 'aggregate'")
    seed, *_ = runs_of(client, into, "tags.seed = '1'")
    row = RunFiles("mnist-reconstruct", published / "runs").read("test/seed1.json")
    assert seed.data.metrics["test/reconstruction_error"] == pytest.approx(row["reconstruction_error"], abs=1e-4)
    assert {"val/reconstruction_error", "val/loss"} <= set(seed.data.metrics)
    assert {"mse_mean", "mse_lo", "explained_mean"} <= set(parent.data.metrics)
    assert seed.data.params["task"] == "reconstruct"
    figures = {item.path for item in client.list_artifacts(parent.info.run_id, "figures")}
    assert figures == {"figures/by_example.png", "figures/learning_curves.png"}
    images = {Path(item.path).name.split("+")[0] for item in client.list_artifacts(parent.info.run_id, "images")}
    assert images == {"by_example", "reconstructions", "mistakes"}


@pytest.mark.parametrize(("task", "column"), [("reconstruct", "reconstruction"), ("density", "log_likelihood")])
def test_the_packaged_model_answers_raw_images(task: str, column: str, published: Path) -> None:
    client = connect()
    into = client.get_experiment_by_name(f"mnist@sample ({task})").experiment_id
    parent, *_ = runs_of(client, into, "tags.kind = 'aggregate'")
    served = mlflow.pyfunc.load_model(f"models:/{parent.data.tags['model_id']}")
    x = examples(IMAGES, 3, seed=8).x
    answer = served.predict(x[:, 0])
    files = RunFiles(f"mnist-{task}", published / "runs")
    model = families.load(files.model_folder(int(parent.data.tags["best_seed"])))
    assert list(answer.columns) == [column]
    np.testing.assert_allclose(np.array(answer[column].tolist()), model.predict(x), rtol=1e-4, atol=1e-5)


def test_only_the_slots_own_task_is_promoted(published: Path) -> None:
    names = ["mnist-reconstruct", "mnist-own"]
    comparison, decision = reports(published / "runs", names)
    decision["rules"] = {}
    (outcome,) = registry.promote(decision, comparison, {}, published / "runs")
    assert (outcome.candidate, outcome.verdict) == ("mnist-own", "promote")


def test_a_failure_is_recorded_where_its_task_is(project: Path) -> None:
    info = {"dataset": "mnist", "source": "sample", "slot": "grey", "digest": "a" * 64, "family": "dbn"}
    info |= {"architecture": "made_up", "settings": {"task": "reconstruct"}, "task": "reconstruct"}
    record_failure("broken", None, None, "no", info)
    client = connect()
    into = client.get_experiment_by_name("mnist@sample (reconstruct)")
    assert [run.info.status for run in runs_of(client, into.experiment_id, "")] == ["FAILED"]
