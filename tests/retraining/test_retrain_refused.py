"""Bad input: one clear line, and nothing half-done."""

import subprocess
from pathlib import Path

import pytest
from playing import Played, make

from stemma.errors import StemmaError
from stemma.retraining import Request, retrain


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return make(tmp_path_factory.mktemp("refused") / "it")


@pytest.fixture(autouse=True)
def inside(project: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.project)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def refused(**asked: object) -> str:
    with pytest.raises(StemmaError) as told:
        retrain(Request(**{"reason": "push", **asked}))
    assert told.value.exit_code == 2
    assert "\n" not in str(told.value)
    return str(told.value)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"reason": "pusch"}, "--reason: unknown name 'pusch' (did you mean 'push'?)"),
        ({"reason": "schedule"}, "--reason schedule: --drift SLOT=PATH goes with a schedule"),
        ({"drift": ("rows=.",)}, "--reason push: --drift"),
        ({"reason": "schedule", "drift": ("rows",)}, "--drift rows: expected SLOT=PATH"),
        ({"reason": "schedule", "drift": ("rows=nowhere.csv",)}, "--drift rows=nowhere.csv: no such file"),
        ({"settings": ("training.epochs=1", "training.epochs=2")}, "--set training.epochs: given twice"),
        ({"ref": "v9"}, "--ref v9: no such commit here"),
        ({"ref": "--output=/tmp/x"}, "--ref --output=/tmp/x: no such commit here"),
        ({"branch": "a b"}, "--branch: not a name that Git takes"),
        ({"git_remote": "upstream"}, "Git remote 'upstream': not configured; known: origin"),
        ({"remote": "s3"}, "DVC remote 's3': not configured; known: store"),
    ],
)  # fmt: skip
def test_a_wrong_request(asked: dict, told: str, project: Played) -> None:
    assert refused(**asked).startswith(told)
    assert not (project.project / "build").exists()


def test_a_dirty_tree_unless_a_commit_is_named(project: Played) -> None:
    path = project.project / "pipelines/new.py"
    path.write_text("x = 1\n")
    try:
        assert refused().startswith("not committed: pipelines/new.py; commit or stash it")
        assert refused(ref="main", remote="none").startswith("DVC remote 'none'")
    finally:
        path.unlink()


def test_a_developers_own_lock_is_no_dirt(project: Played) -> None:
    lock = project.project / "dvc.lock"
    lock.write_text("stages: {}\n")
    try:
        assert refused(remote="none").startswith("DVC remote 'none'")
    finally:
        lock.unlink()


def test_a_detached_head_without_a_branch(project: Played) -> None:
    project.git("checkout", "-q", "--detach")
    try:
        assert refused() == "no branch is checked out; name the one that the results are for by --branch"
    finally:
        project.git("checkout", "-q", "main")


def test_a_git_remote_that_is_gone_or_refuses(project: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEMMA_GIT_TOKEN", "CANARY-token")
    for address in ("/nowhere/origin.git", "https://user:CANARY-url@127.0.0.1:1/origin.git"):
        project.git("remote", "add", "gone", address)
        told = refused(git_remote="gone")
        assert told.startswith("Git remote 'gone': fetch refused (") and "CANARY" not in told
        project.git("remote", "remove", "gone")
    assert not (project.workspace / ".git").exists()


def test_a_base_that_the_git_remote_lacks(project: Played) -> None:
    assert refused(branch="feature", base="mian") == "--base mian: no such branch in the Git remote 'origin'"
    assert not (project.workspace / ".git").exists()


def test_a_remote_folder_that_is_not_mounted(project: Played) -> None:
    (project.folder / "store").rename(project.folder / "away")
    try:
        assert refused().endswith("/store; is it mounted?")
    finally:
        (project.folder / "away").rename(project.folder / "store")


def test_elsewhere_than_at_the_top_of_a_checkout(
    tmp_path: Path, project: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert refused().startswith("not the top of a Git checkout")
    monkeypatch.chdir(project.project / "src")
    assert refused().startswith("not the top of a Git checkout")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("training.epochs=many", "params.yaml: training.epochs: input should be a valid integer"),
        ("trainig.epochs=2", "params.yaml: top level: unknown key 'trainig' (did you mean 'training'?)"),
        ("experiments.$(touch x)={dataset: rows, family: mlp, architecture: mlp}", "params.yaml: experiments.$(touch x)"),
        ("datasets.rows.use=table@https://user:CANARY@host/x.csv", "params.yaml: datasets.rows.use: an address with"),
    ],
)  # fmt: skip
def test_a_parameter_that_the_configuration_refuses(setting: str, told: str, project: Played) -> None:
    message = refused(reason="dispatch", settings=(setting,))
    assert message.startswith(told) and "CANARY" not in message
    assert project.branches() == {} and project.stored() == set() and not (project.project / "mlflow.db").exists()
    assert project.git("status", "--porcelain") == ""


@pytest.mark.slow
def test_a_tracking_server_that_does_not_answer(project: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:CANARY-password@127.0.0.1:1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    told = refused()
    assert told.startswith("MLflow store http://127.0.0.1:1: cannot be reached") and "CANARY" not in told
    assert not (project.workspace / "dvc.lock").exists() and project.stored() == set()


def test_two_at_once_in_one_project(project: Played) -> None:
    hold = project.project / "build/retrain.lock"
    hold.parent.mkdir(exist_ok=True)
    code = f"import fcntl, sys; f = open({str(hold)!r}, 'a+'); fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(["python", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        assert refused().startswith("another retraining is at work here (")
