"""Optuna's side of a sweep: its study on disk, what it proposes next, and what is left of a process that was killed."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState

from stemma.config.sweep import Dimension, Sweep
from stemma.sweeps.record import SweepFiles, Trial

DIGITS = 4
"""Significant ones of a number that is proposed: what is written into params.yaml is what was trained."""
STATE = {"finished": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}


class Study:
    """The study of a sweep. What it proposes depends on the sweep's seed and the trials before, not on how often the
    process was begun: each trial has a sampler of its own seed.
    """

    def __init__(self, files: SweepFiles, sweep: Sweep, higher: bool, prunes: bool) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        pruner = optuna.pruners.MedianPruner(sweep.startup, n_warmup_steps=sweep.warmup + 1)
        self.sweep, self.space = sweep, {key: distribution(where) for key, where in sweep.space.items()}
        self.study = optuna.create_study(
            storage=f"sqlite:///{(files.folder / 'study.db').absolute()}",
            study_name=files.name,
            direction="maximize" if higher else "minimize",
            pruner=pruner if prunes and sweep.pruner == "median" else optuna.pruners.NopPruner(),
            load_if_exists=True,
        )

    def begin_with(self, values: Mapping[str, Any]) -> None:
        """Let the first trial have these values, if they are those of all keys and the space has them."""
        space = self.sweep.space
        known = values.keys() == space.keys() and all(space[key].holds(value) for key, value in values.items())
        if known and not self.study.trials:
            params = {key: encoded(space[key], value) for key, value in values.items()}
            self.study.enqueue_trial(params, user_attrs={"as_it_stands": True})

    def ask(self, number: int) -> optuna.Trial:
        """The next trial, which is the sweep's `number`."""
        sampler = {"tpe": optuna.samplers.TPESampler, "random": optuna.samplers.RandomSampler}[self.sweep.sampler]
        self.study.sampler = sampler(seed=int(np.random.SeedSequence((self.sweep.seed, number)).generate_state(1)[0]))
        trial = self.study.ask(self.space)
        trial.set_user_attr("number", number)
        return trial

    def values(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """What keys have of what Optuna proposes."""
        return {key: decoded(where, params[key]) for key, where in self.sweep.space.items()}

    def tell(self, trial: int, over: Trial) -> None:
        self.study.tell(trial, over.value if over.state == "finished" else None, STATE[over.state])

    def broken(self) -> list[FrozenTrial]:
        """Those that a process left which was killed; there is one at most."""
        return self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))

    def again(self, trial: FrozenTrial, more: Mapping[str, Any]) -> None:
        """Mark a trial failed that was broken off, and put it in the queue once more, with `more` told of it."""
        waiting = self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
        if trial.params.keys() == self.space.keys() and not waiting:
            self.study.enqueue_trial(trial.params, user_attrs={**trial.user_attrs, **more})
        self.study.tell(trial.number, state=TrialState.FAIL)

    def importances(self) -> dict[str, float]:
        """Share of each key in how values differ (PED-ANOVA); empty where too little is known."""
        finished = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if len({trial.value for trial in finished}) < 2 or len(self.space) < 2:
            return {}
        return dict(optuna.importance.get_param_importances(self.study))


def distribution(where: Dimension) -> BaseDistribution:
    """Of Optuna's kinds; choices are its as JSON, which lists have too."""
    if where.choices is not None:
        return CategoricalDistribution([json.dumps(choice) for choice in where.choices])
    assert where.low is not None and where.high is not None
    if where.whole:
        return IntDistribution(int(where.low), int(where.high), where.log, int(where.step or 1))
    return FloatDistribution(where.low, where.high, where.log, where.step)


def decoded(where: Dimension, value: Any) -> Any:
    """The value of a key: JSON read, numbers to `DIGITS` digits and within the range."""
    if where.choices is not None:
        return json.loads(value)
    if where.whole:
        return value
    assert where.low is not None and where.high is not None
    return min(max(float(f"{value:.{DIGITS}g}"), float(where.low)), float(where.high))


def encoded(where: Dimension, value: Any) -> Any:
    """What Optuna knows the value of a key as."""
    return json.dumps(value) if where.choices is not None else value
