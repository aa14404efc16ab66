"""How long `dvc repro` takes when nothing changed, against DVC's own floor.

The floor is a pipeline of the same stages, parameters and outputs whose commands copy one small file; what it
lacks is the code and data that our stages depend on.

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


def trivial(folder: Path) -> None:
    """The same stages, parameters and numbers of outputs, with one small file in and as small ones out, up to date."""
    definitions = yaml.safe_load(Path("dvc.yaml").read_text())["stages"]
    for name, stage in definitions.items():
        old = stage.get("do", stage)
        stem = f"{name}-${{key}}" if "foreach" in stage else name
        outputs = [f"{stem}-{n}" for n in range(len(old["outs"] + old.get("metrics", [])))]
        body = {"cmd": f"tee {' '.join(outputs)} < in > /dev/null", "deps": ["in"], "outs": outputs}
        body |= {"params": old["params"]} if "params" in old else {}
        definitions[name] = {"foreach": stage["foreach"], "do": body} if "foreach" in stage else body
    (folder / "in").write_text("in")
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": definitions}))
    (folder / "params.yaml").write_text(Path("params.yaml").read_text())
    for command in (["dvc", "init", "--quiet", "--no-scm"], ["dvc", "repro", "--quiet"]):
        subprocess.run(command, cwd=folder, check=True)


def main() -> None:
    listed = subprocess.run(["dvc", "stage", "list", "--name-only"], check=True, capture_output=True, text=True).stdout
    stages = len(listed.split())
    with tempfile.TemporaryDirectory() as name:
        trivial(Path(name))
        pairs = [(seconds(Path.cwd()), seconds(Path(name))) for _ in range(REPEATS)]
    ours, floor = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"{stages} stages, median of {REPEATS}: {ours:.2f} s, DVC's floor {floor:.2f} s, ratio {ours / floor:.2f}")


if __name__ == "__main__":
    main()
