"""A project to retrain: a checkout, its bare Git remote and DVC remote side by side in a folder, without mocks."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml

ROOT = Path(__file__).parents[2]
MLP = {"dataset": "rows", "family": "mlp", "architecture": "mlp", "parameters": {"hidden": [2]}}
BETTER = {"dataset": "rows", "family": "baseline", "architecture": "logistic_regression"}


def rows(path: Path, seed: int, shift: float = 0.0) -> Path:
    """A table of 400 rows and two classes that a line tells apart nine times in ten; `shift` moves every column."""
    draw = np.random.default_rng(seed)
    label = draw.integers(0, 2, 400)
    x = draw.normal(size=(400, 4)) + 1.2 * label[:, None] + shift
    lines = [
        ",".join(f"{value:.4f}" for value in row) + f",{'no' if y == 0 else 'yes'}"
        for row, y in zip(x, label, strict=True)
    ]
    path.write_text("a,b,c,d,label\n" + "\n".join(lines) + "\n")
    return path


@dataclass
class Played:
    """The folder with `project`, `origin.git`, `store` and the data; `environment` is added to that of commands."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def project(self) -> Path:
        return self.folder / "project"

    @property
    def workspace(self) -> Path:
        return self.project / "build/retrain"

    def run(self, *command: str, cwd: Path | None = None) -> str:
        done = subprocess.run(command, cwd=cwd or self.project, env=self._environment(), capture_output=True, text=True)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout.strip()

    def git(self, *words: str, cwd: Path | None = None) -> str:
        return self.run("git", "-c", "user.name=T", "-c", "user.email=t@example.org", *words, cwd=cwd)

    def command(self, *options: str) -> list[str]:
        return [sys.executable, "-m", "stemma.cli.main", "retrain", *options]

    def start(self, *options: str, cwd: Path | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*options), cwd=cwd or self.project, env=self._environment(), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def retrain(self, *options: str, cwd: Path | None = None) -> tuple[int, str]:
        """Exit code and all that was said."""
        process = self.start(*options, cwd=cwd)
        told, _ = process.communicate(timeout=600)
        return process.returncode, told

    def _environment(self) -> dict[str, str]:
        known = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith(("STEMMA_", "MLFLOW_TRACKING", "MLFLOW_REGISTRY", "GIT_"))
        }
        quiet = {"OMP_NUM_THREADS": "1", "GX_ANALYTICS_ENABLED": "false", "STEMMA_LIVE_AFTER": "never"}
        return {**known, **quiet, "PYTHONPATH": str(ROOT / "src"), **self.environment}

    def commit(self, experiments: dict | None = None, push: bool = True, **sections: object) -> str:
        """Change params.yaml, commit, push; the commit."""
        path = self.project / "params.yaml"
        values = yaml.safe_load(path.read_text())
        values.update({"experiments": experiments} if experiments is not None else {}, **sections)
        path.write_text(yaml.safe_dump(values))
        self.git("commit", "-qam", "change")
        if push:
            self.git("push", "-q", "origin", "HEAD")
        return self.git("rev-parse", "HEAD")

    def branches(self) -> dict[str, str]:
        """Branches of the remote with results -> their commit."""
        lines = self.git(
            "for-each-ref",
            "--format=%(refname:short) %(objectname)",
            "refs/heads/retrain",
            cwd=self.folder / "origin.git",
        )
        return dict(line.split() for line in lines.splitlines())

    def show(self, branch: str, path: str) -> str:
        return self.git("show", f"{branch}:{path}", cwd=self.folder / "origin.git")

    def champion(self) -> tuple[str, int]:
        """Experiment of the champion and number of registered versions."""
        code = (
            "import json, mlflow; c = mlflow.MlflowClient(); m = c.search_registered_models()\n"
            "vs = c.search_model_versions('')\n"
            "a = [c.get_model_version(x.name, x.aliases['champion']) for x in m if 'champion' in x.aliases]\n"
            "print(json.dumps([a[0].tags['experiment'] if a else None, len(vs)]))"
        )
        uri = self.environment.get("MLFLOW_TRACKING_URI", f"sqlite:///{self.project}/mlflow.db")
        out = subprocess.run(
            [sys.executable, "-c", code], env={**self._environment(), "MLFLOW_TRACKING_URI": uri}, capture_output=True, text=True
        )  # fmt: skip
        assert out.returncode == 0, out.stderr
        return tuple(json.loads(out.stdout.splitlines()[-1]))

    def report(self) -> str:
        return (self.workspace / "reports/retrain.md").read_text()

    def stored(self) -> set[str]:
        """Objects of the DVC remote."""
        return {
            str(path.relative_to(self.folder / "store"))
            for path in (self.folder / "store").rglob("*")
            if path.is_file()
        }


def make(folder: Path) -> Played:
    """A project of one table and one small network, committed and pushed, nothing run yet."""
    folder.mkdir(parents=True, exist_ok=True)
    played = Played(folder)
    data = rows(folder / "rows.csv", seed=0)
    for name in ("src", "pipelines"):
        shutil.copytree(ROOT / name, played.project / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("dvc.yaml", ".gitignore", ".dvcignore", ".dvc/config", ".dvc/.gitignore"):
        (played.project / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, played.project / name)
    values = {
        "datasets": {"rows": {"use": f"table@{data}"}},
        "training": {"seeds": [0], "epochs": 1, "accelerator": "cpu", "learning_rate": 1e-5},
        "experiments": {"rows-mlp": MLP},
        "transfers": {},
        "evaluation": {"perturbed": 20, "epsilons": []},
        "comparison": {"bootstrap": 100},
        "gate": {},
    }
    (played.project / "params.yaml").write_text(yaml.safe_dump(values))
    (folder / "store").mkdir()
    played.run("git", "init", "-q", "--bare", "-b", "main", str(folder / "origin.git"), cwd=folder)
    played.git("init", "-q", "-b", "main")
    played.git("remote", "add", "origin", "../origin.git")
    played.run(sys.executable, "-m", "dvc", "remote", "add", "-q", "-d", "store", "../store")
    played.run(sys.executable, "-m", "stemma.cli.main", "data", "use", "rows", f"table@{data}")
    played.git("add", "-A")
    played.git("commit", "-qm", "project")
    played.git("push", "-q", "origin", "main")
    return played


def copy(template: Played, folder: Path) -> Played:
    """A copy to play with. Its worktree is made anew; what the template published stays where it lies."""
    shutil.copytree(template.folder, folder, symlinks=True, ignore=shutil.ignore_patterns("build", "__pycache__"))
    return Played(folder)
