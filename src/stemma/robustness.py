"""Sign-of-gradient perturbation: how far the smallest changes against a model carry (Goodfellow, Shlens, Szegedy 2015).

What a network first computes on, x, becomes x + epsilon sign(dL/dx), with L the loss of the right answer at x.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stemma.corruption import spread
from stemma.data.store import Split
from stemma.families.base import Model
from stemma.nn.perturbation import changing, encoder_of, space_of
from stemma.scores import scoring

BATCH = 64
SHOWN = 4
"""Pictures whose answer a perturbation changes."""


@dataclass(frozen=True)
class Sweep:
    """Answers of one model to the same `N` examples under growing perturbations.

    Attributes:
        answers: as `Model.predict` gives them, `[1 + E, N, ...]`: untouched, then at each of the `E` epsilons.
        signs: int8, of images, what was added is epsilon times these: `[N, C, H, W]`; else None.
    """

    answers: np.ndarray
    signs: np.ndarray | None


@dataclass(frozen=True)
class Judged:
    """What a sweep says of one model.

    Attributes:
        space: what of the input was changed.
        examples: how many.
        scores: the task's primary score, untouched and at each epsilon.
        turned, pictures: of images of classes, see `turned`; `adversarial` is the pictures' name.
    """

    space: str
    examples: int
    scores: list[float]
    turned: list[dict[str, Any]]
    pictures: dict[str, np.ndarray]


def judge(model: Any, split: Split, epsilons: Sequence[float], most: int) -> Judged | None:
    """Sweep `model` over at most `most` examples spread over `split`; None where there is no gradient to follow."""
    where = space(model)
    if where is None:
        return None
    some = spread(len(split), most)
    x, y = np.asarray(split.x[some]), np.asarray(split.y[some])
    found = sweep(model, x, y, None if split.lengths is None else split.lengths[some], epsilons)
    score = scoring(model.spec.task).score
    scores = [round(score.of(y, answers), 6) for answers in found.answers]
    return Judged(where, len(some), scores, *turned(found, x, y, some, epsilons))


def space(model: Any) -> str | None:
    """What of its input a perturbation of `model` changes; None where there is no gradient to follow."""
    if not isinstance(model, Model) or model.spec.task not in LOSSES:
        return None
    encoder = encoder_of(model)
    return None if encoder is None else space_of(encoder).name


def sweep(model: Model, x: np.ndarray, y: np.ndarray, lengths: np.ndarray | None, epsilons: Sequence[float]) -> Sweep:
    """Answers of `model` to prepared examples, and to the same perturbed by each of `epsilons`.

    The direction is that at the untouched example, the size in units of the input (`nn.perturbation`). Parameters,
    their gradients and whether they learn stay as they are, and so does training mode.
    """
    was_training = model.training
    model.eval()
    targets = torch.as_tensor(np.array(y)).to(model.device).split(BATCH)
    found = [
        _of_batch(model, piece, sizes, part, epsilons)
        for (piece, sizes), part in zip(model.pieces(x, lengths, BATCH), targets, strict=True)
    ]
    model.train(was_training)
    image = model.spec.kind == "image"
    signs = np.concatenate([sign.to(torch.int8).cpu().numpy() for _, sign in found]) if image else None
    return Sweep(np.concatenate([answers for answers, _ in found], axis=1), signs)


def _of_batch(
    model: Model, x: Tensor, lengths: Tensor | None, y: Tensor, epsilons: Sequence[float]
) -> tuple[np.ndarray, Tensor]:
    outputs, sign = gradient_sign(model, x, lengths, y)
    with torch.inference_mode():
        moved = [at(model, x, lengths, epsilon * sign) for epsilon in epsilons]
        answers = [model.answer(each.float()) for each in (outputs, *moved)]
        return torch.stack(answers).cpu().numpy(), sign


def gradient_sign(model: Model, x: Tensor, lengths: Tensor | None, y: Tensor) -> tuple[Tensor, Tensor]:
    """The outputs `[B, spec.outputs]` and, of the encoder's output's shape, the signs of the loss's gradient there.

    cuDNN has no backward pass of recurrent layers outside training: other kernels take its place.
    """
    inner: list[Tensor] = []

    def cut(_: torch.nn.Module, __: Tensor, values: Tensor) -> Tensor:
        inner.append(values.detach().requires_grad_())
        return inner[0]

    encoder = encoder_of(model)
    assert encoder is not None
    with torch.backends.cudnn.flags(enabled=False), torch.enable_grad(), changing(encoder, cut):
        outputs = model(x, lengths)
        (gradient,) = torch.autograd.grad(LOSSES[model.spec.task](model, outputs, y), inner)
    return outputs.detach(), gradient.sign()


def at(model: Model, x: Tensor, lengths: Tensor | None, step: Tensor) -> Tensor:
    """Outputs `[B, spec.outputs]` where the encoder's output is `step` away from what it makes of `x`."""
    encoder = encoder_of(model)
    assert encoder is not None
    moved = space_of(encoder).moved
    with changing(encoder, lambda module, seen, values: moved(module, seen, values, step)):
        return model(x, lengths)


def _classify(_: Model, logits: Tensor, labels: Tensor) -> Tensor:
    """Sum over the examples of log((1 - p) / p), p the probability of the label.

    Cross-entropy is log(1 + e^this): its gradient is this one's times a positive number an example, hence of the same
    signs, which this keeps where p is so near to 1 that cross-entropy's own gradient is lost in rounding.
    """
    own = labels.long()[:, None]
    return (logits.scatter(1, own, -torch.inf).logsumexp(1) - logits.gather(1, own)[:, 0]).sum()


def _regress(model: Model, outputs: Tensor, y: Tensor) -> Tensor:
    """Sum of squared errors of standardised values."""
    return (outputs.squeeze(1) - (y - model.spec.target_mean) / model.spec.target_std).square().sum()


LOSSES: dict[str, Callable[[Model, Tensor, Tensor], Tensor]] = {"classify": _classify, "regress": _regress}
"""By task: what a perturbation raises, whatever loss the model was trained with."""


def turned(
    found: Sweep, x: np.ndarray, labels: np.ndarray, positions: np.ndarray, epsilons: Sequence[float]
) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """Images of different classes whose right answer the least epsilon turns, the surest wrong answers first.

    Returns:
        A row each: index in the split, label, epsilon, what it is `read` as then, and the probabilities of the answers
        `before` and `after`; and, if there are any, their pictures `adversarial`, uint8 `[n, H, 3 W, C]`: original,
        sign pattern, perturbed. Of other data, nothing.
    """
    if found.signs is None or found.answers.ndim < 3:
        return [], {}
    told, sure = found.answers.argmax(2), found.answers.max(2)
    wrong = (told[1:] != labels) & (told[0] == labels)
    first = wrong.argmax(0)
    able = np.flatnonzero(wrong.any(0))
    order = able[np.lexsort((-sure[1 + first[able], able], first[able]))]
    each = list({int(labels[n]): int(n) for n in reversed(order)}.values())
    chosen = sorted(each, key=list(order).index)[:SHOWN]
    rows = [
        {
            "index": int(positions[n]),
            "label": int(labels[n]),
            "epsilon": epsilons[first[n]],
            "read": int(told[1 + first[n], n]),
            "before": round(float(sure[0, n]), 6),
            "after": round(float(sure[1 + first[n], n]), 6),
        }
        for n in chosen
    ]
    triples = _triples(x[chosen], found.signs[chosen], [row["epsilon"] for row in rows])
    return rows, {"adversarial": triples} if rows else {}


def _triples(x: np.ndarray, signs: np.ndarray, epsilons: Sequence[float]) -> np.ndarray:
    """uint8 images `[n, C, H, W]` -> original, sign pattern (grey: zero), perturbed side by side, `[n, H, 3 W, C]`."""
    changed = np.clip(x + 255 * np.array(epsilons)[:, None, None, None] * signs, 0, 255).round()
    panels = np.concatenate([x, 127.5 * signs + 127.5, changed], axis=3)
    return panels.astype(np.uint8).transpose(0, 2, 3, 1)
