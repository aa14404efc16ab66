"""How long `dvc repro` takes when nothing changed, against DVC's own floor: as many stages that do nothing.

Run in a project whose pipeline is up to date: python benchmarks/noop_repro.py
"""

import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import yaml

REPEATS = 5


def seconds(folder: Path) -> float:
    started = time.perf_counter()
    done = subprocess.run(["dvc", "repro"], cwd=folder, check=True, capture_output=True, text=True)
    if "Running stage" in done.stdout:
        raise SystemExit(f"{folder}: the pipeline was not up to date; run `dvc repro` first")
    return time.perf_counter() - started


def trivial(folder: Path, stages: int) -> None:
    """A DVC project of `stages` stages, each with a file of its own in and out, brought up to date."""
    definitions = {f"s{n}": {"cmd": f"cp in{n} out{n}", "deps": [f"in{n}"], "outs": [f"out{n}"]} for n in range(stages)}
    for n in range(stages):
        (folder / f"in{n}").write_text(str(n))
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": definitions}))
    for command in (["dvc", "init", "--quiet", "--no-scm"], ["dvc", "repro", "--quiet"]):
        subprocess.run(command, cwd=folder, check=True)


def main() -> None:
    listed = subprocess.run(["dvc", "stage", "list", "--name-only"], check=True, capture_output=True, text=True).stdout
    stages = len(listed.split())
    with tempfile.TemporaryDirectory() as name:
        trivial(Path(name), stages)
        pairs = [(seconds(Path.cwd()), seconds(Path(name))) for _ in range(REPEATS)]
    ours, floor = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"{stages} stages, median of {REPEATS}: {ours:.2f} s, DVC's floor {floor:.2f} s, ratio {ours / floor:.2f}")


if __name__ == "__main__":
    main()
