"""Which published model a name means, and the model itself, as it was when it was published."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from stemma import config, registry
from stemma.data.catalog import provenance
from stemma.errors import StemmaError, unknown
from stemma.serving import integrity
from stemma.tracking.store import connect, first_line, runs_of

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.pyfunc import PyFuncModel

CURRENT = "tags.kind = 'aggregate' and tags.superseded = 'no' and attributes.status = 'FINISHED'"


@dataclass(frozen=True)
class Published:
    """A logged model: its `title` for people, the registered `model` and `version` it is (of an experiment: its name,
    and none), and the id under which MLflow has it.
    """

    title: str
    model: str
    version: str | None
    model_id: str


def find(name: str, params: Path) -> Published:
    """The model that `name` means: a slot's champion, an experiment's best seed, or NAME@ALIAS or NAME/VERSION of the
    registry.

    Args:
        params: the parameter file that knows slots and experiments; not read for a name of the registry.

    Raises:
        StemmaError: there is none, or it is not published.
    """
    if "@" in name or "/" in name:
        return _registered(registry.version(name)[0])
    known = config.load(params)
    if name in known.datasets:
        chosen = known.slot(name)
        entry, source = provenance(chosen.use, chosen.test)
        return _registered(registry.champion(entry.name, source))
    if name in known.trained:
        return _of_experiment(name)
    raise unknown("dataset slot or experiment", name, [*known.datasets, *known.trained])


@contextmanager
def fetched(published: Published) -> Iterator[Path]:
    """A copy of the package, checked against the digest that the store keeps apart from it.

    Raises:
        StemmaError: it cannot be read, or differs from what was published.
    """
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    told = connect().get_logged_model(published.model_id).tags.get("sha256")
    with TemporaryDirectory() as scratch:
        try:
            folder = Path(download_artifacts(f"models:/{published.model_id}", dst_path=scratch))
        except (MlflowException, OSError) as error:
            raise StemmaError(f"{published.title}: its package cannot be read ({first_line(error)})") from None
        for cache in [*folder.rglob("__pycache__")]:
            shutil.rmtree(cache)
        if integrity.seal(integrity.executed(folder)) != told:
            raise StemmaError(
                f"{published.title}: refused, its package is not the one that was published; "
                "delete its run in MLflow and run `stemma publish`"
            )
        yield folder


def load(published: Published) -> "PyFuncModel":
    """The model of a checked copy of the package.

    Raises:
        StemmaError: see `fetched`; or it cannot be loaded.
    """
    import mlflow

    with fetched(published) as folder:
        return mlflow.pyfunc.load_model(str(folder))


def _registered(version: "ModelVersion") -> Published:
    number = str(version.version)
    return Published(f"{version.name} version {number}", version.name, number, version.tags["model_id"])


def _of_experiment(name: str) -> Published:
    client = connect()
    wanted = f"{CURRENT} and tags.experiment = '{name}'"
    for each in client.search_experiments():
        for run in runs_of(client, str(each.experiment_id), wanted):
            return Published(f"experiment {name}", name, None, run.data.tags["model_id"])
    raise StemmaError(f"experiment '{name}': not published; run `stemma publish`")
