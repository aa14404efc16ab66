"""What DVC takes for a pipeline of many experiments in which nothing changed.

    python benchmarks/many_stages.py [--experiments 20 100 400]

The stages are those of dvc.yaml with their real code and parameters, for so many copies of params.yaml's experiments;
their outputs are made-up small files, which `dvc commit` takes for the results. Prints wall and processor seconds of
each command. Run it from the repository.
"""

import argparse
import resource
import shutil
import subprocess
import tempfile
import time
from itertools import cycle
from pathlib import Path
from typing import Any

import yaml

COMMANDS = (["commit", "--force", "--quiet"], ["status"], ["repro"], ["repro", "--single-item", "decide"])


def parameters(count: int) -> dict[str, Any]:
    """params.yaml with `count` experiments, which are its own ones under new names."""
    values = yaml.safe_load(Path("params.yaml").read_text())
    kinds = cycle(values["experiments"].items())
    return {
        **values,
        "experiments": {f"{name}-{n}": entry for n, (name, entry) in zip(range(count), kinds, strict=False)},
    }


def make(folder: Path, count: int) -> None:
    """A project whose every output is there."""
    values, stages = parameters(count), yaml.safe_load(Path("dvc.yaml").read_text())["stages"]
    for name in ("src", "pipelines"):
        shutil.copytree(name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy("dvc.yaml", folder)
    shutil.copy(".dvcignore", folder)
    (folder / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    for stage in stages.values():
        body = stage.get("do", stage)
        keys = values[stage["foreach"].strip("${}")] if "foreach" in stage else [""]
        for key in keys:
            for out in (*body["outs"], *body.get("metrics", [])):
                path = folder / out.replace("${key}", key)
                path = path if path.suffix else path / "content"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f'{{"{out}": "{key}"}}')
    subprocess.run(["dvc", "init", "--quiet", "--no-scm"], cwd=folder, check=True)


def timed(folder: Path, words: list[str]) -> str:
    wall, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(["dvc", *words], cwd=folder, capture_output=True, text=True, check=True)
    if "Running stage" in done.stdout:
        raise SystemExit("the pipeline was not up to date")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return f"dvc {' '.join(words)}: {time.perf_counter() - wall:.1f} s, {used:.1f} s of processor"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, nargs="+", default=[20, 100, 400])
    for count in parser.parse_args().experiments:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            make(folder, count)
            print(f"{count} experiments")
            for words in COMMANDS:
                print(" ", timed(folder, words), flush=True)
            print(f"  dvc.lock: {(folder / 'dvc.lock').stat().st_size / 2**20:.1f} MiB", flush=True)


if __name__ == "__main__":
    main()
