"""Whether the copies that MLflow keeps of the present results are still what was published."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from stemma.files import replacing, sha256
from stemma.runs import ROOT, RunFiles
from stemma.tracking import describe
from stemma.tracking.store import connect, runs_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

CURRENT = "tags.kind = 'aggregate' and tags.superseded = 'no'"


@dataclass(frozen=True)
class Copy:
    """A stored file that differs from its original among the run files; digests are SHA-256, or `missing`."""

    path: Path
    original: Path
    expected: str
    found: str

    def restore(self) -> None:
        with replacing(self.path) as temporary:
            shutil.copyfile(self.original, temporary)


def spoilt(root: Path = ROOT) -> list[Copy]:
    """Stored run files and models, on this machine, that differ from the run files they were published from.

    Experiments whose run files have changed since, or are not here, cannot be compared and are passed over.

    Raises:
        StemmaError: the store cannot be reached.
    """
    client = connect()
    runs = [run for each in client.search_experiments() for run in runs_of(client, str(each.experiment_id), CURRENT)]
    return [copy for run in runs for copy in _of_run(client, run, root)]


def _of_run(client: "MlflowClient", run: "Run", root: Path) -> Iterator[Copy]:
    tags, files = run.data.tags, RunFiles(run.data.tags["experiment"], root)
    if run.info.status != "FINISHED" or not files.folder.is_dir() or describe.key(files) != tags["key"]:
        return
    stored, model = run.info.artifact_uri or "", client.get_logged_model(tags["model_id"]).artifact_location
    if urlsplit(stored).scheme in ("", "file"):
        yield from _differing(_path(stored) / "runs" / files.experiment, files.folder, whole=False)
        here = files.model_folder(int(tags["best_seed"]))
        yield from _differing(_path(model) / "artifacts" / here.name, here, whole=True)


def _differing(stored: Path, here: Path, *, whole: bool) -> Iterator[Copy]:
    """Files that differ; `whole`: each file of `here` must be among the stored ones. Timings may differ."""
    names = {path.relative_to(base) for base in [stored, *[here] * whole] for path in base.rglob("*") if path.is_file()}
    for name in sorted(names):
        copy, original = stored / name, here / name
        if original.is_file() and not name.name.endswith("_time.json"):
            expected, found = sha256(original), sha256(copy) if copy.is_file() else "missing"
            if found != expected:
                yield Copy(copy, original, expected, found)


def _path(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path))
