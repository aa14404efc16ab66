"""From a model back to the bytes it was made of: champion, run, parameters, prepared set, raw files, addresses."""

import subprocess
from pathlib import Path
from typing import Any

from stemma.errors import StemmaError
from stemma.files import read_json
from stemma.runs import ROOT, RunFiles

DATA = Path("data")
BACK = "`git checkout` of the model's revision and `dvc checkout` bring them back"


def trace(model: str) -> dict[str, Any]:
    """The chain behind `model`, an experiment in `runs/` or a registered model (NAME, NAME@ALIAS, NAME/VERSION).

    Keys: `model` (name, version, aliases; None for an experiment alone), `run`, `experiment`, `seeds` (a version's
    best one), `parameters`, `revision`, `use`, `prepared`, `raw`, `start` (None, or the chain behind the experiment
    whose models it started from), and `missing`: a line for each link that is not here.

    Raises:
        StemmaError: neither an experiment nor a registered model has that name.
    """
    runs = RunFiles(model)
    chain = _of_experiment(runs) if (runs.folder / "train/summary.json").is_file() else _of_version(model)
    prepared = DATA / "prepared" / chain["slot"]
    chain["prepared"], absent = _prepared(prepared, chain.pop("digest"))
    raw, lacking = (None, []) if absent else _raw(DATA / "raw" / chain["slot"], chain["use"])
    start, unknown_start = _start(chain.pop("start"))
    return {**chain, "raw": raw, "start": start, "missing": absent + lacking + unknown_start}


def _start(experiment: str) -> tuple[dict[str, Any] | None, list[str]]:
    """The chain behind the experiment that a model started from, if it did; it is one of `runs/`."""
    if not experiment:
        return None, []
    folder = RunFiles(experiment).folder / "train"
    if not (folder / "summary.json").is_file():
        return None, [
            f"{folder}: not here, from which it started; `dvc pull {folder}` or `dvc repro {folder}` brings it"
        ]
    return trace(experiment), []


def _of_experiment(runs: RunFiles) -> dict[str, Any]:
    summary = runs.summary()
    settings = {name: value for name, value in summary.settings.items() if name != "dataset"}
    return {
        "model": None,
        "run": None,
        "experiment": summary.experiment,
        "seeds": sorted(int(name.removeprefix("seed")) for name in summary.seeds),
        "parameters": settings,
        "revision": _revision(),
        "slot": summary.slot,
        "use": f"{summary.dataset}@{summary.source}",
        "digest": summary.digest,
        "start": summary.start,
    }


def _of_version(model: str) -> dict[str, Any]:
    from stemma import registry

    try:
        version, parameters = registry.version(model)
    except StemmaError as error:
        raise StemmaError(f"'{model}': no such experiment in {ROOT}/; {error}") from None
    tags = version.tags
    return {
        "model": {"name": version.name, "version": str(version.version), "aliases": list(version.aliases)},
        "run": tags["run_id"],
        "experiment": tags["experiment"],
        "seeds": [int(tags["best_seed"])],
        "revision": parameters.pop("git_revision"),
        "slot": parameters.pop("slot"),
        "parameters": parameters,
        "use": f"{tags['dataset']}@{tags['source']}",
        "digest": tags["data_digest"],
        "start": parameters.get("start.experiment", ""),
    }


def _revision() -> str:
    """The commit that recorded the present dvc.lock; `+` where it has changed since; empty where Git has none."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603, S607

    found = git("log", "-1", "--format=%H", "--", "dvc.lock")
    return found and found + "+" * bool(git("status", "--porcelain", "--", "dvc.lock"))


def _prepared(folder: Path, digest: str) -> tuple[dict[str, Any], list[str]]:
    """The prepared set with its `settings`, and what is to be said if it is not the one the model was trained on."""
    found: dict[str, Any] = {"path": folder.as_posix(), "digest": digest, "settings": None}
    if not (folder / "spec.json").is_file():
        return found, [f"{folder}: not here; `dvc pull {folder}` or `dvc repro preprocess@{folder.name}` brings it"]
    present = read_json(folder / "spec.json")["digest"]
    if present == digest:
        settings = folder / "settings.json"
        return {**found, "settings": read_json(settings) if settings.is_file() else None}, []
    return found, [f"{folder}: another set is here now (digest {present}); {BACK}"]


def _raw(folder: Path, use: str) -> tuple[dict[str, Any] | None, list[str]]:
    if not (folder / "provenance.json").is_file():
        return None, [f"{folder}: not here; `dvc pull {folder}` or `dvc repro ingest@{folder.name}` brings it"]
    meta = read_json(folder / "meta.json")
    present, licence = f"{meta['dataset']}@{meta['source']}", meta["licence"]
    if present != use:
        return None, [f"{folder}: holds {present} now, the model's data came from {use}; {BACK}"]
    return {"path": folder.as_posix(), "licence": licence, "files": read_json(folder / "provenance.json")}, []
