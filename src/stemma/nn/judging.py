"""Tasks that an experiment asks for: what a model answers, and how well it does at each example.

A model of such a task offers what stands here under the task, with x prepared examples `[B, ...]`, and for each
`targets(x)` `[B, D]`: what of the examples it is judged on, flat, in the unit of its encoder.

    reconstruct    reconstruct(x, lengths) `[B, D]`
    density        log_likelihood(x, lengths) `[B]`, in nats; numbers log_z, log_z_low, log_z_high
    map            best_units(x): the nearest unit and the second nearest, int `[B]` each; adjacent(first, second),
                   bool `[B]`: whether two units are neighbours; quantisation(x) `[B]`: distance to the nearest
    recall         corrupt(x, generator): targets with bits turned `[B, D]`; recall(states): where they settle `[B, D]`
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

SEED = 0
"""Of the bits that are turned: every model and seed is given the same."""


@dataclass(frozen=True)
class Asked:
    """One task.

    Attributes:
        answer: (model, x, lengths) -> what the model says, `[B]` or `[B, D]`.
        judge: (model, x, lengths, generator) -> what is kept of each example `[B, C]`, the columns of `stemma.scores`.
    """

    answer: Callable[[Any, Tensor, Tensor | None], Tensor]
    judge: Callable[[Any, Tensor, Tensor | None, torch.Generator], Tensor]


def _reconstruction(model: Any, x: Tensor, lengths: Tensor | None, generator: torch.Generator) -> Tensor:
    return (model.reconstruct(x, lengths) - model.targets(x)).square().mean(1, keepdim=True)


def _density(model: Any, x: Tensor, lengths: Tensor | None, generator: torch.Generator) -> Tensor:
    return model.log_likelihood(x, lengths).unsqueeze(1)


def _map(model: Any, x: Tensor, lengths: Tensor | None, generator: torch.Generator) -> Tensor:
    apart = ~model.adjacent(*model.best_units(x))
    return torch.stack([model.quantisation(x), apart.float()], dim=1)


def _recall(model: Any, x: Tensor, lengths: Tensor | None, generator: torch.Generator) -> Tensor:
    targets, corrupted = model.targets(x), model.corrupt(x, generator)
    before, after = corrupted == targets, model.recall(corrupted) == targets
    return torch.stack([after.float().mean(1), after.all(1).float(), before.float().mean(1)], dim=1)


ASKED: dict[str, Asked] = {
    "reconstruct": Asked(lambda model, x, lengths: model.reconstruct(x, lengths), _reconstruction),
    "density": Asked(lambda model, x, lengths: model.log_likelihood(x, lengths), _density),
    "map": Asked(lambda model, x, lengths: model.best_units(x)[0], _map),
    "recall": Asked(lambda model, x, lengths: model.recall(model.targets(x)), _recall),
}


def answers(model: Any, split: Any) -> tuple[np.ndarray, np.ndarray]:
    """Targets and outputs of `model` on a split, as `stemma.scores` takes them."""
    if model.spec.task not in ASKED:
        return split.y, model.predict(split.x, split.lengths, split.texts)
    return _spread(model, split), _per_example(model, split)


def beside(model: Any, names: tuple[str, ...]) -> dict[str, float]:
    """Numbers of the model itself by name, such as log Z and the ends of its interval."""
    return {name: round(float(getattr(model, name)), 6) for name in names}


@torch.inference_mode()
def _per_example(model: Any, split: Any, batch: int = 256) -> np.ndarray:
    """What is kept of each example, float32 `[N, C]`."""
    judge, generator = ASKED[model.spec.task].judge, torch.Generator(device=model.device).manual_seed(SEED)
    model.eval()
    pieces = model.pieces(split.x, split.lengths, batch)
    return torch.cat([judge(model, x, lengths, generator).float().cpu() for x, lengths in pieces]).numpy()


@torch.inference_mode()
def _spread(model: Any, split: Any, batch: int = 256) -> np.ndarray:
    """Squared distance of each example's targets to the mean of all, a value: float32 `[N]`."""
    model.eval()
    total = sum(model.targets(x).double().sum(0) for x, _ in model.pieces(split.x, split.lengths, batch))
    pieces = model.pieces(split.x, split.lengths, batch)
    spread = [(model.targets(x) - total / len(split)).square().mean(1) for x, _ in pieces]
    return torch.cat(spread).float().cpu().numpy()
