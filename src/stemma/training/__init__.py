"""Training an experiment: its seeds, side by side where they can be, -> run files. Torch-free until a seed runs."""

import logging
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from logging.handlers import QueueHandler, QueueListener
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from stemma.data.store import load_spec
from stemma.errors import StemmaError
from stemma.runs import ROOT, RunFiles, SeedSummary, Summary
from stemma.scores import scoring
from stemma.spec import DataSpec
from stemma.threads import use_one_thread

if TYPE_CHECKING:
    from stemma.config import Experiment

log = logging.getLogger(__name__)
WATCH_SECONDS = 0.2
Result = tuple[SeedSummary, float, list[float]] | None
"""A seed's summary, seconds of training and until each row of history; None where another device tells of it."""


def train(
    name: str, experiment: "Experiment", prepared: Path, root: Path = ROOT, watch: Callable[[], None] | None = None
) -> None:
    """Train every seed of `experiment` on the prepared set and write its run files.

    Args:
        watch: called now and then while the live files grow; an error that it raises ends the training at once.

    Raises:
        TrainingFailed: a loss of some seed was not finite.
        StemmaError: the model or a setting does not fit the data.
    """
    runs, summary = RunFiles(name, root), describe(name, experiment, prepared)
    _check(experiment, scoring(summary.task).primary)
    use_one_thread()
    with _workers(len(experiment.seeds)) as pool:
        side_by_side = pool.submit(_runs_on_cpu, experiment).result()
        submit: Callable[..., Future] = pool.submit if side_by_side else partial(_submit_here, watch=watch)
        futures = {seed: submit(_train_seed, runs, experiment, seed, prepared) for seed in experiment.seeds}
        _until_all_are_done(set(futures.values()), watch)
    results = {seed: future.result() for seed, future in futures.items()}
    told = {f"seed{seed}": result for seed, result in results.items() if result}
    if told:
        runs.write_summary(replace(summary, seeds={seed: summary for seed, (summary, _, _) in told.items()}))
        runs.write("train_time.json", {seed: round(seconds, 3) for seed, (_, seconds, _) in told.items()})
        runs.write("train_epochs_time.json", {seed: epochs for seed, (_, _, epochs) in told.items()})
        shutil.rmtree(checkpoints(runs), ignore_errors=True)


def checkpoints(runs: RunFiles) -> Path:
    """Where the seeds of an experiment keep what a killed training goes on from: beside the folder of all run files,
    which DVC deletes outputs from.
    """
    return Path(str(runs.root)).parent / "checkpoints" / runs.experiment


def _check(experiment: "Experiment", primary: str) -> None:
    """Refuse settings that mean nothing for the data's task, which is known by its `primary` score."""
    if experiment.monitor not in (None, "val_loss", f"val_{primary}"):
        raise StemmaError(
            f"monitor: '{experiment.monitor}' is not measured on these data; use val_loss or val_{primary}"
        )
    if experiment.class_weights != "none" and primary != "accuracy":
        raise StemmaError(f"class_weights: '{experiment.class_weights}', but these data have no classes; use none")


def _submit_here(function: Callable, /, *arguments: Any, **named: Any) -> Future:
    """Call in this process, as on several devices, where Lightning starts the other ones."""
    future: Future = Future()
    future.set_result(function(*arguments, **named))
    return future


def _until_all_are_done(futures: set[Future], watch: Callable[[], None] | None) -> None:
    """Wait for all of them, or for the first that fails, whose error is raised."""
    while futures:
        done, futures = wait(futures, WATCH_SECONDS if watch else None, return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()
        if watch:
            watch()


def spec_of(experiment: "Experiment", prepared: Path) -> DataSpec:
    """What the prepared set says of itself to the experiment's model: with the task that the experiment asks for."""
    return load_spec(prepared).asked(experiment.task)


def describe(name: str, experiment: "Experiment", prepared: Path) -> Summary:
    """What is trained on what, before any seed is."""
    spec = spec_of(experiment, prepared)
    return Summary(
        experiment=name,
        family=experiment.family,
        architecture=experiment.architecture,
        dataset=spec.dataset,
        source=spec.source,
        slot=experiment.dataset,
        digest=spec.digest,
        test_digest=spec.test_digest,
        classes=[] if scoring(spec.task).asked else list(spec.classes),
        settings=experiment.model_dump(mode="json"),
        seeds={},
        task=spec.task,
    )


@contextmanager
def _workers(seeds: int) -> Iterator[ProcessPoolExecutor]:
    """One-thread processes forked from a server that has imported torch once.

    Their log records come to this process. On an error or a signal they are killed at once.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["stemma.training.loop"])
    records = context.Queue()
    listener = QueueListener(records, *logging.getLogger().handlers)
    listener.start()
    workers = min(seeds, os.cpu_count() or 1)
    try:
        with ProcessPoolExecutor(workers, context, _begin_worker, (records,)) as pool:
            try:
                yield pool
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                for child in multiprocessing.active_children():
                    child.kill()
                raise
    finally:
        listener.stop()


def _begin_worker(records: Any) -> None:
    """Send log records to the process that waits for this one, and end with it, even if it is killed."""
    Thread(target=_end_with_parent, daemon=True).start()
    logging.getLogger().handlers = [QueueHandler(records)]
    logging.getLogger().setLevel(logging.INFO)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _runs_on_cpu(experiment: "Experiment") -> bool:
    from stemma.training import loop

    return loop.runs_on_cpu(experiment)


def _train_seed(
    runs: RunFiles, experiment: "Experiment", seed: int, prepared: Path, watch: Callable[[], None] | None = None
) -> Result:
    from stemma.training import loop

    return loop.train_seed(runs, experiment, seed, prepared, watch)
