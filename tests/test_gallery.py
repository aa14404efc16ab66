"""The gallery shows every architecture on every kind of data and task that it accepts."""

from pathlib import Path
from typing import get_args

import pytest
import yaml

from stemma import config
from stemma.config import Config, Experiment
from stemma.data import catalog as data
from stemma.families.catalog import CATALOG
from stemma.spec import Asked

ASKED = get_args(Asked)
ROOT = Path(__file__).parents[1]
PARAMS = ROOT / "gallery/params.yaml"


def ships(use: str) -> bool:
    """Whether a source needs no network beyond the package index: files of packages, or made up."""
    entry, source = data.parse(use)
    return source in entry.sources and all(file.package for file in entry.sources[source].files)


def kind_and_task(use: str) -> tuple[str, str]:
    entry, _ = data.parse(use)
    return entry.kind, entry.task


SHIPPED = {
    kind_and_task(use)
    for entry in data.CATALOG.values()
    for use in (f"{entry.name}@{source}" for source in entry.sources)
    if ships(use)
}


def missing(gallery: Config) -> list[str]:
    """What must be added to the gallery, a line each (architecture, kind of data, task)."""
    shown = set()
    for experiment in gallery.experiments.values():
        kind, task = kind_and_task(gallery.slot(experiment.dataset).use)
        shown.add((experiment.architecture, kind, experiment.task or task))
    return [
        f"gallery/params.yaml: no experiment of '{key}' on {kind} data with the task {task}; add one, such as "
        f"`SLOT-{key}: {{dataset: SLOT, family: {entry.family}, architecture: {key}"
        f"{f', task: {task}' if task in ASKED else ''}}}`, then `make gallery`"
        for key, entry in CATALOG.items()
        for kind in entry.kinds
        for task in entry.tasks
        if ((kind, task) in SHIPPED or task in ASKED) and (key, kind, task) not in shown
    ]


@pytest.fixture(scope="module")
def gallery() -> Config:
    return config.load(PARAMS)


def test_every_architecture_is_shown_on_every_kind_and_task(gallery: Config) -> None:
    assert not missing(gallery), "\n" + "\n".join(missing(gallery))


def test_what_ships_is_what_the_gallery_is_about() -> None:
    assert {("image", "classify"), ("text", "classify"), ("table", "classify"), ("table", "regress")} <= SHIPPED
    assert ("image", "regress") not in SHIPPED


def test_an_architecture_without_its_experiment_is_told(gallery: Config) -> None:
    def others(entry: Experiment) -> bool:
        return (entry.architecture, entry.dataset) != ("lstm", "diabetes")

    less = {key: entry for key, entry in gallery.experiments.items() if others(entry)}
    (line,) = missing(gallery.model_copy(update={"experiments": less}))
    assert "'lstm' on table data with the task regress" in line and "family: rnn, architecture: lstm}" in line


def test_a_task_that_an_experiment_asks_for_is_told(gallery: Config) -> None:
    less = {key: entry for key, entry in gallery.experiments.items() if key != "wine-sparse_ae-16"}
    (line,) = missing(gallery.model_copy(update={"experiments": less}))
    assert "'sparse_ae' on table data with the task reconstruct" in line and "task: reconstruct}" in line


def test_needs_no_more_than_what_packages_bring(gallery: Config) -> None:
    assert [slot.use for slot in gallery.datasets.values() if not ships(slot.use)] == []


def test_can_stand_in_one_report_with_the_core_set(gallery: Config) -> None:
    """Keys differ, and both are tested on the same examples where they name the same data."""
    assert set(gallery.trained) & set(config.load(ROOT / "params.yaml").trained) == set()
    assert gallery.transfers
    core = yaml.safe_load((ROOT / "params.yaml").read_text())["datasets"]
    mine = yaml.safe_load(PARAMS.read_text())["datasets"]
    by_use = {slot["use"]: slot for slot in core.values()}
    same = [(slot, by_use[slot["use"]]) for slot in mine.values() if slot["use"] in by_use]
    assert len(same) == 3 and all(a == b for a, b in same)
