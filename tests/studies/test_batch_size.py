"""Study `batch_size`: single steps by hand, and verdicts of planted runs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_up_study import script, write
from torch.nn.functional import cross_entropy

from stemma import families
from stemma.data.store import load_spec, load_split
from stemma.runs import RunFiles
from stemma.studies import Study, load
from stemma.studies.probes import steps_down

module = script("batch_size")
RATE = 0.5
module.STEPS = 2  # single steps a size and seed: as many as it takes to see that they are told


def net(prepared: Path) -> Any:
    torch.manual_seed(0)
    return families.build("mlp", load_spec(prepared).to_dict(), {"hidden": (8,)})


@pytest.mark.parametrize(("rate", "share"), [(1e-4, 1.0), (-1e-4, 0.0)])
def test_the_whole_gradient_leads_down_and_its_opposite_up(
    prepared: dict[str, Path], rate: float, share: float
) -> None:
    split = load_split(prepared["grey"], "train")
    assert steps_down(net(prepared["grey"]), split, len(split), rate, 5, seed=0) == share


def test_single_steps_are_those_by_hand(prepared: dict[str, Path]) -> None:
    split, model = load_split(prepared["grey"], "train"), net(prepared["grey"])
    start = {name: value.clone() for name, value in model.state_dict().items()}
    found = steps_down(model, split, 2, RATE, 20, seed=3)
    assert all(torch.equal(value.float(), start[name]) for name, value in model.state_dict().items()), "left as it was"
    x, y = (torch.from_numpy(np.array(part)) for part in (split.x, split.y))
    generator, down = torch.Generator().manual_seed(3), []
    for _ in range(20):
        rows, each = torch.randperm(len(y), generator=generator)[:2], net(prepared["grey"]).double()
        step = torch.optim.SGD(each.parameters(), lr=RATE)
        before = cross_entropy(each(x), y)
        cross_entropy(each(x[rows]), y[rows]).backward()
        step.step()
        down.append(bool(cross_entropy(each(x), y) < before))
    assert found == np.mean(down) and 0 < found < 1


def planted(prepared: Path, runs: Path, accuracy: dict[int, float]) -> Study:
    """Test accuracy by batch size, alike in all four sweeps; 16 is the base. An epoch of 8 takes 4 s, of 64 1 s."""
    for fixed in module.FIXED:
        for rate in module.RATES:
            for size, reached in accuracy.items():
                key = "base" if size == 16 else f"{fixed}-{rate}-{size}"
                two = (reached, reached + 0.001)
                write(runs, prepared, key, {"hidden": (2,)}, two, batch_size=size, epochs=2)
                ends = [32 / size, 64 / size, 96 / size]
                RunFiles(key, runs).write("train_epochs_time.json", {"seed0": ends[:2], "seed1": ends[:2]})
    keys = ["base", *(f"{f}-{r}-{s}" for f in module.FIXED for r in module.RATES for s in (8, 64))]
    return module.study(load(keys, runs, prepared.parent))


def test_verdicts_follow_the_numbers(prepared: dict[str, Path], tmp_path: Path) -> None:
    flat = planted(prepared["grey"], tmp_path / "a", {8: 0.9, 16: 0.902, 64: 0.897})
    scaled, gap = flat.verdicts[3:]
    assert scaled.outcome == "holds" and gap.cases[0].holds is True
    steep = planted(prepared["grey"], tmp_path / "b", {8: 0.8, 16: 0.9, 64: 0.95})
    scaled, gap = steep.verdicts[3:]
    assert scaled.outcome == "does not hold here" and gap.outcome == "does not hold here"
    assert steep.verdicts[2].outcome == "holds in part", "the largest is the best: not between"


def test_a_step_of_a_large_batch_costs_more_and_an_epoch_less(prepared: dict[str, Path], tmp_path: Path) -> None:
    step, epoch = planted(prepared["grey"], tmp_path, {8: 0.9, 16: 0.9, 64: 0.9}).verdicts[1].cases
    assert epoch.holds is False and "0.12 times" in epoch.found
    count = len(load_split(prepared["grey"], "train"))
    ratio = 8 / 64 * -(-count // 8) / -(-count // 64)
    assert step.holds is (ratio > 1)
