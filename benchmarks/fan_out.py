"""What `stemma fan-out` gains over `dvc repro`: the same experiments, one seed each, both times from prepared data.

    python benchmarks/fan_out.py [--workers 2] [--experiments KEY ...]

Prints the wall seconds of both and their ratio, with and without the comparison, which both do alike. Run it in the
repository, on a machine that does nothing else.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

CONTENT = ("dvc.yaml", ".dvcignore", "src", "pipelines")


def make(folder: Path, keys: list[str]) -> None:
    """A project with the experiments `keys`, or all, and their data prepared."""
    values: dict[str, Any] = yaml.safe_load(Path("params.yaml").read_text())
    chosen = {key: entry for key, entry in values["experiments"].items() if key in keys or not keys}
    for entry in chosen.values():
        entry.pop("seeds", None)
    slots = {entry["dataset"] for entry in chosen.values()}
    values.update(experiments=chosen, datasets={slot: values["datasets"][slot] for slot in slots}, transfers={})
    values["training"]["seeds"] = [0]
    for name in filter(os.path.exists, CONTENT):
        (shutil.copytree if Path(name).is_dir() else shutil.copy)(name, folder / name)
    (folder / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    ran(folder, "dvc", "init", "--quiet", "--no-scm")
    ran(folder, "dvc", "repro", "preprocess")


def ran(folder: Path, *words: str) -> float:
    """Wall seconds of a command of this environment."""
    began = time.perf_counter()
    own = {"PYTHONPATH": str(folder / "src"), "STEMMA_LIVE_AFTER": "never"}
    command = [str(Path(sys.executable).parent / words[0]), *words[1:]]
    done = subprocess.run(command, cwd=folder, env={**os.environ, **own}, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}: {done.stdout}{done.stderr}")
    return time.perf_counter() - began


def measure(keys: list[str], *words: str) -> tuple[float, float]:
    """Wall seconds of `words` in a fresh project, and those without its comparison."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, keys)
        wall = ran(folder, *words)
        own = wall - ran(folder, "dvc", "repro", "--force", "--single-item", "compare", "decide")
    print(f"{' '.join(words)}: {wall:.1f} s, {own:.1f} s without the comparison", flush=True)
    return wall, own


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--experiments", nargs="*", default=[])
    chosen = parser.parse_args()
    serial = measure(chosen.experiments, "dvc", "repro")
    side = measure(chosen.experiments, "stemma", "fan-out", "--workers", str(chosen.workers))
    print(f"{serial[0] / side[0]:.2f} x in all, {serial[1] / side[1]:.2f} x without the comparison")


if __name__ == "__main__":
    main()
