"""Learning rates step by step."""

from typing import Any, get_args

import pytest
import torch
from torch import nn

from stemma.errors import StemmaError
from stemma.nn.names import ScheduleName
from stemma.nn.optimizers import make_optimizer, make_schedule


def rates(name: str, steps: int, optimizer: str = "sgd", momentum: float = 0.0, **settings: Any) -> list[float]:
    """The rate of each step, largest 0.4."""
    made = make_optimizer(optimizer, [nn.Parameter(torch.zeros(1))], 0.4, momentum, 0.0)
    schedule, found = make_schedule(name, made, 0.4, steps, **settings), []
    for _ in range(steps):
        found.append(made.param_groups[0]["lr"])
        made.step()
        if schedule:
            schedule.step()
    return found


def test_constant_is_no_schedule() -> None:
    assert rates("constant", 3) == [0.4] * 3


def test_steps_at_milestones_and_every_so_many_epochs() -> None:
    """12 steps in 6 epochs, two each."""
    falls = rates("steps", 12, epochs=6, milestones=[2, 5], factor=0.5)
    assert falls == pytest.approx([0.4] * 4 + [0.2] * 6 + [0.1] * 2)
    assert rates("steps", 12, epochs=6, every=3) == pytest.approx([0.4] * 6 + [0.04] * 6)


def test_cosine_falls_from_all_to_nothing() -> None:
    found = rates("cosine", 11)
    assert found[0] == 0.4 and found[5] == pytest.approx(0.4 * (1 + 0.14231483827) / 2) and 0 < found[-1] < 0.01
    assert found == sorted(found, reverse=True)


def test_warmup_rises_linearly_and_stays_or_falls() -> None:
    found = rates("warmup", 8, epochs=4, warmup=2)
    assert found == pytest.approx([0.08, 0.16, 0.24, 0.32, 0.4, 0.4, 0.4, 0.4])
    found = rates("warmup_cosine", 8, epochs=4, warmup=2)
    assert found[:5] == pytest.approx([0.08, 0.16, 0.24, 0.32, 0.4]) and found[6] == pytest.approx(0.2)
    assert found[4:] == sorted(found[4:], reverse=True)


def test_a_warmup_longer_than_training_never_arrives() -> None:
    assert max(rates("warmup_cosine", 4, epochs=2, warmup=5)) < 0.4


@pytest.mark.parametrize(("optimizer", "momentum"), [("sgd", 0.9), ("sgd", 0.0), ("adam", 0.0), ("adagrad", 0.0)])
def test_one_cycle_rises_and_falls_with_every_optimiser(optimizer: str, momentum: float) -> None:
    found = rates("one_cycle", 20, optimizer, momentum)
    assert max(found) == pytest.approx(0.4, rel=0.01) and found[0] < 0.02 and found[-1] < 0.01


def test_one_cycle_gives_no_momentum_to_who_has_none() -> None:
    made = make_optimizer("sgd", [nn.Parameter(torch.zeros(1))], 0.4, 0.0, 0.0)
    make_schedule("one_cycle", made, 0.4, 10)
    assert made.param_groups[0]["momentum"] == 0


@pytest.mark.parametrize("name", get_args(ScheduleName))
def test_every_name_is_made(name: str) -> None:
    found = rates(name, 5)
    assert len(found) == 5 and all(0 < rate <= 0.4 for rate in found)


def test_an_unknown_name() -> None:
    with pytest.raises(StemmaError, match=r"schedule: unknown name 'cosin' .did you mean 'cosine'"):
        rates("cosin", 3)
