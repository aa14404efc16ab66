"""Whole retrainings, played: push, pull request, schedule, dispatch; failures, kills and rivals."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from playing import BETTER, MLP, Played, rows

pytestmark = pytest.mark.slow


def test_the_first_push_trains_all_and_makes_a_champion(retrained: Played) -> None:
    commit = retrained.git("rev-parse", "HEAD")
    branch = f"retrain/main/{commit[:12]}"
    results = retrained.branches()
    assert list(results) == [branch]
    assert set(yaml.safe_load(retrained.show(branch, "dvc.lock"))["stages"]) >= {"train@rows-mlp", "compare", "decide"}
    assert retrained.git("rev-parse", f"{results[branch]}^", cwd=retrained.folder / "origin.git") == commit
    assert retrained.champion() == ("rows-mlp", 1)
    assert "7 ran, 0 came from the cache" in retrained.report() and f"`{branch}`" in retrained.report()
    assert any("runs/" in path for path in retrained.stored()), "the run cache is in the remote"
    page = (retrained.workspace / "reports/comparison.html").read_text()
    assert "<svg" in page and 'src="http' not in page
    assert retrained.git("status", "--porcelain") == "" and not (retrained.project / "dvc.lock").exists()


def test_again_and_without_a_relevant_change_nothing_runs(played: Played) -> None:
    before, stored = played.branches(), played.stored()
    code, told = played.retrain()
    assert code == 0 and "holds these results already; nothing is retrained" in told
    (played.project / "README.md").write_text("words\n")
    played.git("add", "-A")
    played.git("commit", "-qm", "words")
    code, told = played.retrain()
    assert code == 0 and "no change that results depend on since retrain/main/" in told and "Running stage" not in told
    assert (played.branches(), played.stored(), played.champion()) == (before, stored, ("rows-mlp", 1))


def test_a_better_challenger_is_promoted(played: Played) -> None:
    commit, stored = played.commit({"rows-mlp": MLP, "rows-logistic": BETTER}), played.stored()
    code, told = played.retrain()
    assert code == 0, told
    assert "Running stage 'train@rows-mlp'" not in told and "Running stage 'train@rows-logistic'" in told
    assert played.champion() == ("rows-logistic", 2)
    assert f"retrain/main/{commit[:12]}" in played.branches() and played.stored() > stored
    report = played.report()
    assert "rows: promote rows-logistic" in report and "`experiments.rows-logistic.family` | `–` | `baseline`" in report


def test_a_worse_challenger_is_kept_out(played: Played) -> None:
    worse = {**MLP, "epochs": 2, "learning_rate": 1e-6}
    commit = played.commit({"rows-mlp": worse})
    code, told = played.retrain()
    assert code == 0, told
    assert played.champion()[0] == "rows-mlp" and "rows: keep rows-mlp" in played.report()
    assert f"retrain/main/{commit[:12]}" in played.branches()
    assert "`experiments.rows-mlp.epochs` | `1` | `2`" in played.report() or "`–` | `2`" in played.report()


def test_a_pull_request_is_compared_and_touches_no_registry(played: Played) -> None:
    name = "faster;touch${IFS}HACKED"
    played.git("checkout", "-q", "-b", name)
    commit = played.commit({"rows-logistic": BETTER}, push=False)
    code, told = played.retrain("--reason", "pull_request")
    assert code == 0, told
    assert f"retrain/{name}/{commit[:12]}" in played.branches()
    assert (
        "would be: rows: promote rows-logistic" in played.report()
        and "compared with | `retrain/main/" in played.report()
    )
    assert played.champion() == ("rows-mlp", 1)
    assert not list(played.folder.rglob("HACKED"))


def test_a_merged_pull_request_comes_from_the_cache_and_is_promoted(played: Played) -> None:
    played.git("checkout", "-q", "-b", "feature")
    played.commit({"rows-logistic": BETTER}, push=False)
    assert played.retrain("--reason", "pull_request")[0] == 0
    played.git("checkout", "-q", "main")
    played.git("merge", "-q", "--no-ff", "-m", "merge", "feature")
    code, told = played.retrain()
    assert code == 0 and "Running stage" not in told
    assert played.champion() == ("rows-logistic", 2)


def test_a_schedule_retrains_upon_drift_alone(played: Played) -> None:
    source = Path(
        yaml.safe_load((played.project / "params.yaml").read_text())["datasets"]["rows"]["use"].partition("@")[2]
    )
    same = rows(played.folder / "same.csv", seed=1)
    before = played.branches()
    code, told = played.retrain("--reason", "schedule", "--drift", f"rows={same}")
    assert code == 0 and "no drift" in told and "nothing is retrained" in told and "Running stage" not in told
    assert played.branches() == before and (played.workspace / "reports/drift/rows/drift.html").is_file()

    moved = rows(played.folder / "moved.csv", seed=8, shift=1.5)
    code, told = played.retrain("--reason", "schedule", "--drift", f"rows={moved}")
    assert code == 0 and "Running stage 'ingest@rows'" in told, told
    (name,) = set(played.branches()) - set(before)
    assert name.startswith(f"retrain/main/{played.git('rev-parse', 'HEAD')[:12]}-")
    assert yaml.safe_load(played.show(name, "params.yaml"))["datasets"]["rows"]["use"] == f"table@{moved}"
    changed = played.git("show", "--format=", "--name-only", f"{name}~1", cwd=played.folder / "origin.git")
    assert changed == "params.yaml", "the parameters are a commit of their own, to be picked"
    assert "drift in" in played.report() and str(source) in played.report()

    code, told = played.retrain("--reason", "schedule", "--drift", f"rows={moved}")
    assert code == 0 and "holds these results already" in told


def test_a_dispatch_with_a_parameter(played: Played) -> None:
    commit = played.git("rev-parse", "HEAD")
    played.environment["STEMMA_SETTINGS"] = "training.epochs=2\n\nexperiments.rows-mlp.learning_rate=0.05\n"
    code, told = played.retrain("--reason", "dispatch")
    assert code == 0, told
    (name,) = [branch for branch in played.branches() if branch.startswith(f"retrain/main/{commit[:12]}-")]
    params = yaml.safe_load(played.show(name, "params.yaml"))
    assert params["training"]["epochs"] == 2 and params["experiments"]["rows-mlp"]["learning_rate"] == 0.05
    assert "`training.epochs` | `1` | `2`" in played.report() and "rows-mlp: accuracy" in played.report()
    assert played.git("status", "--porcelain") == "" and played.git("rev-parse", "HEAD") == commit


def test_a_failing_validation_leaves_the_champion(played: Played) -> None:
    before = played.branches()
    code, told = played.retrain("--reason", "dispatch", "--set", "datasets.rows.limits.balance=1.0")
    assert code == 1, told
    last = told.strip().splitlines()[-1]
    assert last.startswith("stemma: stage validate@rows failed: ") and "classes balanced" in last
    assert "**Failed:** stage validate@rows failed" in played.report()
    assert played.branches() == before and played.champion() == ("rows-mlp", 1)


def test_killed_in_the_middle_it_goes_on_where_the_cache_ends(project: Played) -> None:
    process = project.start()
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Running stage 'train@"):
            break
    for each in [process.pid, *_children(process.pid)]:
        os.kill(each, signal.SIGKILL)
    process.wait()
    assert project.branches() == {} and not (project.project / "mlflow.db.promote.lock").exists()
    _until(lambda: not _left(project.workspace))
    code, told = project.retrain()
    assert code == 0, told
    assert "Running stage 'validate@rows'" not in told and "Running stage 'train@rows-mlp'" in told
    assert len(project.branches()) == 1 and project.champion() == ("rows-mlp", 1)


def test_terminated_it_ends_its_stage_too(project: Played) -> None:
    process = project.start()
    assert process.stdout is not None
    next(line for line in process.stdout if line.startswith("Running stage"))
    process.terminate()
    assert process.wait(timeout=60) == 143
    _until(lambda: not _left(project.workspace))
    assert project.branches() == {} and project.stored() == set()


def test_two_at_once_in_one_project(project: Played) -> None:
    first = project.start()
    assert first.stdout is not None
    next(line for line in first.stdout if line.startswith("Running stage"))
    code, told = project.retrain()
    assert code == 2 and f"another retraining is at work here (process {first.pid}); --wait waits for it" in told
    waiting = project.start("--wait")
    told, _ = first.communicate(timeout=300)
    assert first.returncode == 0, told
    told, _ = waiting.communicate(timeout=300)
    assert waiting.returncode == 0 and "holds these results already" in told
    assert len(project.branches()) == 1 and project.champion() == ("rows-mlp", 1)


def test_two_at_once_on_two_machines(played: Played, another: Callable[[Played], Path]) -> None:
    """Of the same commit, with one Git remote and one MLflow store: one branch, one version, and both say so."""
    other = another(played)
    played.environment["MLFLOW_TRACKING_URI"] = f"sqlite:///{played.project}/mlflow.db"
    commit = played.commit({"rows-mlp": MLP, "rows-logistic": BETTER})
    played.git("pull", "-q", cwd=other)
    processes = [played.start(), played.start(cwd=other)]
    told = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    assert (
        sorted(played.branches())[-1:] == [f"retrain/main/{commit[:12]}"]
        or f"retrain/main/{commit[:12]}" in played.branches()
    )
    assert played.champion() == ("rows-logistic", 2)


def _children(pid: int) -> list[int]:
    """All processes below `pid`."""
    found = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return found + [below for each in found for below in _children(each)]


def _left(workspace: Path) -> list[str]:
    """Processes that work in the workspace."""
    places = [path / "cwd" for path in Path("/proc").iterdir() if path.name.isdecimal()]
    return [
        str(place) for place in places if os.access(place, os.R_OK) and place.exists() and place.resolve() == workspace
    ]


def _until(done: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.2)
