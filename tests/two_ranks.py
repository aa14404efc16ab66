"""Trains what it is told on one or two processes and writes the weights after each phase: `tests/test_ddp.py` runs it.

Random draws within a step are those of the whole batch, of which each process takes its rows.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import torch

from stemma.config import Experiment
from stemma.data.store import load_split
from stemma.families.base import Model
from stemma.families.dbn import contrastive, deep_machine, generative_dbn, labelled, layerwise, machine
from stemma.training import callbacks, spec_of
from stemma.training.loop import SeedRun

PLACE = [0, 1]
SHARED, WHOLE = [True], [False]


class Recorder:
    """In the place of a bookmark: keeps the weights after each phase."""

    due, path = False, None

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def found(self) -> None:
        return None

    def between(self, model: Model, ended: int, best: Any) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        torch.save(model.state_dict(), self.folder / f"rank{os.environ.get('LOCAL_RANK', 0)}-{ended}.pt")


def embedded(rows: torch.Tensor) -> torch.Tensor:
    """This process's rows where they stand in the whole batch."""
    rank, ranks = PLACE
    whole = rows.new_ones(len(rows) * ranks, *rows.shape[1:])
    whole[rank::ranks] = rows
    return whole


def share_draws() -> None:
    def shared(draw: Any) -> Any:
        def drawn(rows: torch.Tensor, *arguments: Any) -> torch.Tensor:
            if not WHOLE[0]:
                return draw(rows, *arguments)
            return draw(embedded(rows), *arguments)[PLACE[0] :: PLACE[1]]

        return drawn

    bernoulli = shared(contrastive.bernoulli)
    for module in (contrastive, deep_machine, generative_dbn, labelled, machine):
        module.bernoulli = bernoulli  # type: ignore[attr-defined]
    torch.multinomial, torch.rand_like = shared(torch.multinomial), shared(torch.rand_like)  # type: ignore[assignment]
    mixed, step = callbacks._mixed, Model._step
    callbacks._mixed = lambda *place: mixed(*place[:3], 0 if SHARED[0] else place[3], *place[4:])

    def stepped(self: Model, *arguments: Any, **named: Any) -> torch.Tensor:
        PLACE[:] = self.global_rank, self.devices
        WHOLE[0] = SHARED[0]
        found = step(self, *arguments, **named)
        WHOLE[0] = False
        return found

    Model._step = stepped  # type: ignore[method-assign]


def main(cases: str, devices: str, data: str, out: str) -> None:
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    layerwise.TOGETHER = 1
    share_draws()
    for name, settings in json.loads(Path(cases).read_text()).items():
        SHARED[0] = not name.startswith("own")
        experiment, prepared = Experiment(**settings, devices=int(devices)), Path(data)
        run = SeedRun(name, experiment, 3, spec_of(experiment, prepared).to_dict())
        splits = load_split(prepared, "train"), load_split(prepared, "validation")
        run.fit(*splits, run.epochs, [], Recorder(Path(out) / name))  # type: ignore[arg-type]


if __name__ == "__main__":
    main(*sys.argv[1:])
