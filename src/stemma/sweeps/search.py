"""The loop over the trials of one sweep."""

import logging
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from optuna import Trial as Asked
from optuna import TrialPruned

from stemma import training
from stemma.config import Experiment
from stemma.config.sweep import Sweep, changed
from stemma.errors import StemmaError
from stemma.families.catalog import CATALOG
from stemma.files import Unwritable
from stemma.runs import RunFiles
from stemma.sweeps.record import About, SweepFiles, Trial
from stemma.sweeps.study import Study

log = logging.getLogger(__name__)
ATTEMPTS = 3
"""How often a trial is begun that ends its process before its first epoch is over."""
Row = dict[str, Any]


class Search:
    """Trials one after the other; each is on disk before Optuna is told of it, and told before the next begins."""

    def __init__(self, files: SweepFiles, about: About, sweep: Sweep, params: Path, prepared: Path) -> None:
        self.files, self.about, self.sweep, self.params, self.prepared = files, about, sweep, params, prepared
        experiment = changed(sweep, {}, params)
        by_gradient = CATALOG[experiment.architecture].solved_by(experiment.parameters).by_gradient
        self.study = Study(files, sweep, about.higher, by_gradient)
        self.study.begin_with(_present(experiment, sweep))
        self._reach_the_start()

    def run(self, done: Callable[[SweepFiles], None]) -> dict[str, float]:
        """All that is left to do; the importance of each key."""
        self._mend()
        while (number := len(self.files.trials()) + 1) <= self.sweep.trials:
            asked = self.study.ask(number)
            over = self._same(asked) or self._train(asked)
            self.files.write_trial(over)
            self.study.tell(asked.number, over)
            log.info("trial %d of %d: %s", number, self.sweep.trials, sentence(over, self.about.objective))
            done(self.files)
        return self.study.importances()

    def _reach_the_start(self) -> None:
        """Let trials find the models of the experiment that they start from, beside their own run files."""
        start = self.about.info["settings"].get("start")
        if start and not (link := self.files.runs / start["experiment"]).is_symlink():
            self.files.runs.mkdir(parents=True, exist_ok=True)
            link.symlink_to(Path("runs", start["experiment"]).absolute())

    def _mend(self) -> None:
        """Bring to an end what a process left that was killed: what is on disk is told, anything else begins again."""
        known = {trial.number: trial for trial in self.files.trials()}
        for broken in self.study.broken():
            told = broken.user_attrs
            number, attempts = told.get("number", len(known) + 1), told.get("attempts", 1)
            idle = told.get("idle", 0) + (not self._rows(self._files(number)))
            if number not in known and idle >= ATTEMPTS:
                known[number] = self._given_up(number, broken.params, attempts)
                self.files.write_trial(known[number])
            if number in known:
                self.study.tell(broken.number, known[number])
            else:
                log.info("trial %d was broken off and begins again", number)
                self.study.again(broken, {"attempts": attempts + 1, "idle": idle})

    def _files(self, number: int) -> RunFiles:
        return RunFiles(f"trial{number}", self.files.runs)

    def _given_up(self, number: int, params: Mapping[str, Any], attempts: int) -> Trial:
        values = self.study.values(params)
        settings = changed(self.sweep, values, self.params).model_dump(mode="json")
        error = f"the process ended in it {attempts} times"
        return Trial(number, "failed", None, values, settings, 0, _now(), 0.0, attempts, [], error)

    def _same(self, asked: Asked) -> Trial | None:
        """The result of an earlier trial with the same values, as training is deterministic."""
        values, number = self.study.values(asked.params), asked.user_attrs["number"]
        other = next((t for t in self.files.trials() if t.values == values and t.state != "failed"), None)
        if other is None:
            return None
        for row in filter(self._judged, other.rows):
            asked.report(row[self.about.objective], row["epoch"])
        same_as = other.same_as or other.number
        again = {"as_it_stands": False, "attempts": 1, "began": _now(), "seconds": 0.0}
        return replace(other, number=number, same_as=same_as, **again)  # type: ignore[arg-type]

    def _train(self, asked: Asked) -> Trial:
        """Train a trial until it ends, is pruned or fails; its model is not kept."""
        number, values = asked.user_attrs["number"], self.study.values(asked.params)
        runs, began = self._files(number), _now()
        seen, settings, state, value, error = list[Row](), Row(), "failed", None, ""
        shutil.rmtree(runs.live_folder, ignore_errors=True)
        try:
            experiment = changed(self.sweep, values, self.params)
            settings = experiment.model_dump(mode="json")
            watch = self._watch(asked, runs, experiment, seen)
            training.train(runs.experiment, experiment, self.prepared, runs.root, watch)
            state, value = "finished", self._value(runs)
        except TrialPruned:
            state = "pruned"
        except Unwritable:
            raise
        except StemmaError as reason:
            error = str(reason).splitlines()[0]
        rows = seen if state == "pruned" else self._rows(runs)
        for folder in (runs.folder, runs.live_folder, training.checkpoints(runs)):
            shutil.rmtree(folder, ignore_errors=True)
        epochs, seconds, told = sum(row["last"] for row in rows), (_now() - began) / 1000, asked.user_attrs
        stands = told.get("as_it_stands", False)
        return Trial(
            number, state, value, values, settings, epochs, began, seconds, told.get("attempts", 1), rows, error,
            as_it_stands=stands,
        )  # fmt: skip

    def _watch(self, asked: Asked, runs: RunFiles, experiment: Experiment, seen: list[Row]) -> Callable[[], None]:
        """What tells Optuna of each epoch of the first seed, and ends the training if it says so.

        It is not asked at the last epoch, when nothing is left to spare. `seen` are the rows told of so far.
        """

        def watch() -> None:
            for row in self._rows(runs)[len(seen) :]:
                seen.append(row)
                if self._judged(row):
                    asked.report(row[self.about.objective], row["epoch"])
                    if row["epoch"] < experiment.epochs and asked.should_prune():
                        raise TrialPruned

        return watch

    def _rows(self, runs: RunFiles) -> list[Row]:
        """History so far of the first seed, without what is no number, which JSON does not know."""
        rows = runs.live_rows(self.about.info["settings"]["seeds"][0])
        return [{k: v for k, v in row.items() if not isinstance(v, float) or abs(v) < float("inf")} for row in rows]

    def _judged(self, row: Row) -> bool:
        """Whether it is of the model's last phase and has a value of the objective."""
        return bool(row["last"]) and self.about.objective in row

    def _value(self, runs: RunFiles) -> float:
        """Mean of the objective over the seeds, each at its chosen epoch."""
        seeds = runs.summary().seeds.values()
        found = [seed.val_loss if self.about.objective == "val_loss" else seed.val_score for seed in seeds]
        return sum(found) / len(found)


def _present(experiment: Experiment, sweep: Sweep) -> dict[str, Any]:
    """The values that the entry has now of the keys that are searched, of those that it names."""
    told, found = experiment.model_dump(mode="json"), dict[str, Any]()
    for name in sweep.space:
        key, dot, inner = name.partition(".")
        held = told.get(key)
        if not dot:
            found[name] = held
        elif isinstance(held, dict) and inner in held:
            found[name] = held[inner]
    return found


def sentence(trial: Trial, objective: str) -> str:
    """`val_accuracy 0.953 (learning_rate 0.01), 4.2 s`, or what became of it instead."""
    values = ", ".join(f"{key} {value}" for key, value in trial.values.items())
    told = f"{objective} {trial.value:.4g}" if trial.value is not None else trial.state
    same = f", as trial {trial.same_as}" if trial.same_as is not None else ""
    return f"{told}{same} ({values}), {trial.seconds:.1f} s" + (f": {trial.error}" if trial.error else "")


def _now() -> int:
    """Milliseconds since 1970."""
    return int(1000 * time.time())
