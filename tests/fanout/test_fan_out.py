"""`stemma fan-out` on a small project whose stages write what they are given: results, kills, signals, failures."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest
import yaml

from stemma.errors import StemmaError
from stemma.fanout import cluster as cluster_of_ray

ROOT = Path(__file__).parents[2]
KEYS = ("a", "b", "c", "d")
STAGES = {
    "preprocess": {"foreach": "${datasets}", "do": {"cmd": "python pipelines/stage.py data/${key}",
                   "deps": ["pipelines/stage.py"], "params": ["datasets.${key}"], "outs": ["data/${key}"]}},
    "train": {"foreach": "${experiments}", "do": {"cmd": "python pipelines/stage.py runs/${key}/train ${key}",
              "deps": ["data/${item.dataset}"], "params": ["experiments.${key}"], "outs": ["runs/${key}/train"]}},
    "evaluate": {"foreach": "${experiments}", "do": {"cmd": "python pipelines/stage.py runs/${key}/test",
                 "deps": ["runs/${key}/train"], "outs": ["runs/${key}/test"]}},
    "transfer": {"foreach": "${transfers}", "do": {"cmd": "python pipelines/stage.py runs/${key}/train ${key}",
                 "deps": ["runs/${item.start.experiment}/train"], "params": ["transfers.${key}"],
                 "outs": ["runs/${key}/train"]}},
    "evaluate_transfer": {"foreach": "${transfers}", "do": {"cmd": "python pipelines/stage.py runs/${key}/test",
                          "deps": ["runs/${key}/train"], "outs": ["runs/${key}/test"]}},
    "compare": {"cmd": "python pipelines/stage.py reports", "deps": ["runs"], "outs": ["reports"]},
}  # fmt: skip
SCRIPT = """
import os, sys, time
from pathlib import Path
out, *key = sys.argv[1:]
told = Path(os.environ["TOLD"])
with told.open("a") as file:
    file.write(out + "\\n")
if key and (told.parent / f"break-{key[0]}").exists():
    sys.exit(f"train {key[0]}: no such luck")
while key and (told.parent / f"hold-{key[0]}").exists():
    time.sleep(0.05)
Path(out).mkdir(parents=True)
(Path(out) / "content").write_text(out)
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four experiments, and `e` that starts from the first; `hold-KEY` beside it holds a training, `break-KEY` fails it."""
    folder = tmp_path / "project"
    (folder / "pipelines").mkdir(parents=True)
    (folder / "pipelines/stage.py").write_text(SCRIPT)
    plain = {"dataset": "grey", "family": "mlp", "architecture": "mlp"}
    values = {
        "datasets": {"grey": {"use": "mnist@sample"}},
        "experiments": {key: dict(plain) for key in KEYS},
        "transfers": {"e": {**plain, "start": {"experiment": "a"}}},
    }
    (folder / "params.yaml").write_text(yaml.safe_dump(values))
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": STAGES}))
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "-q"], cwd=folder, check=True)
    monkeypatch.setenv("TOLD", str(tmp_path / "told"))
    return folder


def begin(project: Path, *options: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "stemma.cli.main", "fan-out", *(options or ("--workers", "2"))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.Popen(
        command, cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which background jobs of a shell ignore
    )  # fmt: skip


def told(project: Path) -> list[str]:
    """Outputs whose stages ran, in that order."""
    path = project.parent / "told"
    return path.read_text().split() if path.exists() else []


def wait_for(process: subprocess.Popen, project: Path, out: str, times: int = 1) -> None:
    deadline = time.monotonic() + 400
    while told(project).count(out) < times:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, told(project)
        time.sleep(0.05)


def stages() -> list[psutil.Process]:
    """Living stages of this test."""
    found = []
    for process in psutil.process_iter():
        try:
            ours = process.environ().get("TOLD") == os.environ["TOLD"] and process.pid != os.getpid()
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def content(project: Path) -> dict[str, str]:
    return {str(p.relative_to(project)): p.read_text() for p in sorted(project.glob("runs/*/*/content"))}


EVERY = {f"runs/{key}/{part}/content": f"runs/{key}/{part}" for key in (*KEYS, "e") for part in ("train", "test")}


def test_all_is_reproduced_once_and_then_up_to_date(project: Path) -> None:
    (project.parent / "break-c").touch()
    first = begin(project)
    output, _ = first.communicate(timeout=120)
    assert first.returncode == 1 and "c: train c: no such luck; see logs/fan-out/c.log" in output, output
    assert set(content(project)) == {name for name in EVERY if "/c/" not in name}
    assert not (project / "reports").exists()
    (project.parent / "break-c").unlink()
    second = begin(project)
    output, _ = second.communicate(timeout=120)
    assert second.returncode == 0 and content(project) == EVERY and (project / "reports/content").exists(), output
    ran = told(project)
    assert sorted(ran) == sorted(
        [*(name.removesuffix("/content") for name in EVERY), "runs/c/train", "data/grey", "reports"]
    )
    assert ran.index("runs/a/train") < ran.index("runs/e/train")
    third = begin(project)
    output, _ = third.communicate(timeout=120)
    assert third.returncode == 0 and told(project) == ran and "[1/" not in output
    status = subprocess.run([sys.executable, "-m", "dvc", "status"], cwd=project, capture_output=True, text=True)
    assert "up to date" in status.stdout


@pytest.mark.parametrize("victim", ["stage.py", "repro"])
def test_what_a_killed_worker_did_is_done_again_and_nothing_else(victim: str, project: Path) -> None:
    (project.parent / "hold-b").touch()
    process = begin(project)
    wait_for(process, project, "runs/b/train")
    target = next(
        p for p in stages()
        if any(word.endswith(victim) for word in p.cmdline()) and ({"runs/b/train", "evaluate@b"} & {*p.cmdline()})
        and "-c" not in p.cmdline()
    )  # fmt: skip
    target.kill()
    wait_for(process, project, "runs/b/train", times=2)
    (project.parent / "hold-b").unlink()
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0 and content(project) == EVERY and "b: killed; see logs/fan-out/b.log" in output, (
        output
    )
    assert sorted(told(project)) == sorted(
        [*(name.removesuffix("/content") for name in EVERY), "runs/b/train", "data/grey", "reports"]
    )


def test_what_is_missing_is_told_before_anything_runs(project: Path) -> None:
    wrong = {"--gpus=99": "--gpus 99: no such GPU here"}
    if find_spec("ray") is None:
        wrong["--ray=nowhere:1"] = "--ray: Ray is not installed; pip install 'stemma[cluster]'"
    for option, reason in wrong.items():
        process = begin(project, option)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 2 and output.endswith(f"stemma: {reason}\n") and not told(project)
    (project / ".dvc").rename(project / "away")
    process = begin(project)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 2 and output.startswith("stemma: .dvc/config: no such file; run from the folder")
    assert not (project / ".dvc").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_workers(number: signal.Signals, project: Path) -> None:
    for key in "ab":
        (project.parent / f"hold-{key}").touch()
    process = begin(project)
    for key in "ab":
        wait_for(process, project, f"runs/{key}/train")
    again = begin(project)
    output, _ = again.communicate(timeout=60)
    assert again.returncode == 2 and "another fan-out is at work here" in output
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode in (130, 143, 1, -2) and not stages()
    for key in "ab":
        (project.parent / f"hold-{key}").unlink()
    last = begin(project)
    output, _ = last.communicate(timeout=120)
    assert last.returncode == 0 and content(project) == EVERY, output


@pytest.fixture
def cluster(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a Ray cluster of two nodes with a core each; the project has a remote."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    remote = ["remote", "add", "--default", "shared", str(project.parent / "remote")]
    subprocess.run([sys.executable, "-m", "dvc", *remote], cwd=project, check=True)
    with TemporaryDirectory(dir="/tmp") as node:  # where nodes keep their cache; names of sockets must be short
        monkeypatch.setenv("TMPDIR", node)
        nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        nodes.add_node(num_cpus=1)
        yield nodes.address
        nodes.shutdown()


def test_a_cluster_needs_a_remote_that_its_nodes_find(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    with pytest.raises(StemmaError, match="no default DVC remote"):
        cluster_of_ray._remote()
    for path in ("../shared", "s3://bucket/shared"):
        (project / ".dvc/config.local").write_text(f"[core]\nremote = r\n['remote \"r\"']\nurl = {path}\n")
        found = path if "://" in path else str(project / "shared")
        assert cluster_of_ray._remote() == {"remote.r.url": found}


def test_a_cluster_reproduces_by_way_of_the_remote(cluster: str, project: Path) -> None:
    for key in "ab":
        (project.parent / f"hold-{key}").touch()
    process = begin(project, "--ray", cluster)
    for key in "ab":
        wait_for(process, project, f"runs/{key}/train")
    next(p for p in stages() if "runs/b/train" in p.cmdline() and "stage.py" in p.cmdline()[1]).kill()
    wait_for(process, project, "runs/b/train", times=2)
    (project.parent / "break-c").touch()
    for key in "ab":
        (project.parent / f"hold-{key}").unlink()
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 1 and "c: train c: no such luck; see node" in output, output
    assert set(content(project)) == {name for name in EVERY if "/c/" not in name}
    (project.parent / "break-c").unlink()
    (project.parent / "hold-c").touch()
    process = begin(project, "--ray", cluster)
    wait_for(process, project, "runs/c/train", times=2)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 143 and not any("stage.py" in " ".join(p.cmdline()) for p in stages()), output
    (project.parent / "hold-c").unlink()
    output, _ = begin(project, "--ray", cluster).communicate(timeout=600)
    assert content(project) == EVERY and (project / "reports/content").exists(), output
    ran = [*(name.removesuffix("/content") for name in EVERY), "runs/b/train", "data/grey", "reports"]
    assert sorted(told(project)) == sorted([*ran, "runs/c/train", "runs/c/train"])
