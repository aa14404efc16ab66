"""som: the self-organising map (Kohonen 1982; the batch rule Kohonen 2001, section 3.6)."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from stemma.families.base import Model
from stemma.families.dbn.lattice import Lattice
from stemma.families.phase import Phase
from stemma.nn.inputs import Vector

BATCH = 1000
FIRST_RATE, LAST_RATE = 0.5, 0.01
"""Of the online rule: how far the best unit goes towards an example, in the first and the last step."""


class Prototypes(nn.Module):
    """A point of the input space a unit, `weight` `[U, D]`; gives squared distances `[B, U]` of inputs `[B, D]`.

    By a product of matrices, in float64, because it takes the difference of large numbers.
    """

    def __init__(self, units: int, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(units, size))

    def forward(self, v: Tensor) -> Tensor:
        v, weight = v.double(), self.weight.double()
        squares = v.square().sum(1, keepdim=True) - 2 * v @ weight.T + weight.square().sum(1)
        return squares.clamp(min=0).to(self.weight.dtype)


class SOM(Model):
    """Units on a lattice whose prototypes learn together with their neighbours; U = rows * columns.

    Each training example counts for its nearest (best) unit; others share in it by exp(-d^2 / 2 r^2), d their distance
    on the lattice; the radius r shrinks geometrically from `start_radius` (None: half the longer side) to
    `end_radius`. Batch rule: in each of `passes` passes every prototype becomes the weighted mean of all examples.
    Online rule: after each example, in random order, prototypes go towards it by a rate that shrinks likewise.

    Task `classify`: a unit counts the classes of its training examples, and one more example shared by all classes; an
    example belongs to units by exp(-d^2 / w), d its distance to their prototypes, w half the mean gap between the two
    smallest d^2 of an example in train; the log-probabilities of its units are averaged.
    """

    width: Tensor
    head: nn.Linear

    def __init__(
        self,
        spec: dict[str, Any],
        rows: int = 10,
        columns: int = 10,
        lattice: str = "hexagonal",
        rule: str = "batch",
        passes: int = 20,
        start_radius: float | None = None,
        end_radius: float = 0.5,
        words: int = 2000,
    ) -> None:
        super().__init__(spec)
        self.lattice, self.rule, self.passes = Lattice(rows, columns, lattice), rule, passes
        self.start_radius = max(rows, columns) / 2 if start_radius is None else start_radius
        self.end_radius = end_radius
        self.encode = Vector(self.spec, words, standardise=False)
        self.prototypes = Prototypes(rows * columns, self.encode.size)
        if self.spec.task == "classify":
            self.head = nn.Linear(rows * columns, self.spec.outputs, bias=False)
        self.register_buffer("width", torch.ones(()))
        self.save_hyperparameters()

    def phases(self) -> list[Phase]:
        return [Phase("order", solve=self.order), Phase("fit", solve=self.settle)]

    def _encoded(self, split: Any) -> Tensor:
        return torch.cat([self.encode(x) for x, _ in self.pieces(split.x, split.lengths, BATCH)])

    @torch.no_grad()
    def order(self, split: Any) -> list[dict[str, float]]:
        """Order the map on the training split; quantisation and topographic error on it at the start of each pass."""
        v, errors = self._encoded(split), []
        weight = self.prototypes.weight
        weight.copy_(v[torch.randint(len(v), (len(weight),))])
        learn = self.batch_pass if self.rule == "batch" else self.online_pass
        for number in range(self.passes):
            distance, best = self._two_nearest(v)
            apart = ~self.adjacent(best[:, 0], best[:, 1])
            quantisation, topographic = float(distance[:, 0].sqrt().mean()), float(apart.float().mean())
            errors.append({"quantisation_error": quantisation, "topographic_error": topographic})
            learn(v, best[:, 0], number)
        return errors

    @torch.no_grad()
    def settle(self, split: Any) -> None:
        """How far units reach; to classify, count classes by unit."""
        distance, best = self._two_nearest(self._encoded(split))
        self.width.copy_((distance[:, 1] - distance[:, 0]).mean().clamp(min=1e-6) / 2)
        if self.spec.task == "classify":
            labels = torch.from_numpy(np.array(split.y)).to(best)
            counts = torch.full_like(self.head.weight.T, 1 / self.spec.outputs)
            counts.index_put_((best[:, 0], labels), torch.ones_like(distance[:, 0]), accumulate=True)
            self.head.weight.copy_((counts / counts.sum(1, keepdim=True)).log().T)

    def radius(self, progress: float) -> float:
        """Of the neighbourhood, `progress` from 0 to 1 through the training."""
        return self.start_radius * (self.end_radius / self.start_radius) ** progress

    def batch_pass(self, v: Tensor, best: Tensor, number: int) -> None:
        """Every prototype becomes the mean of all examples `[N, D]` by the nearness of their `best` units `[N]`.

        One that is so far from all of them that the weights vanish stays.
        """
        weight = self.prototypes.weight
        near = self.lattice.neighbourhood(self.radius(number / max(self.passes - 1, 1))).to(v)
        sums = torch.zeros_like(weight).index_add_(0, best, v)
        shares = near @ best.bincount(minlength=len(weight)).to(v)
        reached = shares > 0
        weight[reached] = (near @ sums)[reached] / shares[reached, None]

    def online_pass(self, v: Tensor, _: Tensor, number: int) -> None:
        """Once through all examples `[N, D]` in random order."""
        weight, steps = self.prototypes.weight, self.passes * len(v)
        squares = self.lattice.distances().square().to(v)
        for place, one in enumerate(torch.randperm(len(v)).tolist()):
            progress = (number * len(v) + place) / steps
            best = (weight - v[one]).square().sum(1).argmin()
            rate = FIRST_RATE * (LAST_RATE / FIRST_RATE) ** progress
            near = rate * torch.exp(-squares[best] / (2 * self.radius(progress) ** 2))
            weight.add_(near[:, None] * (v[one] - weight))

    def _two_nearest(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """Squared distances to the best and the second best unit, and those units, `[N, 2]` each."""
        found = [self.prototypes(part).topk(2, largest=False) for part in v.split(BATCH)]
        return torch.cat([each.values for each in found]), torch.cat([each.indices for each in found])

    def best_units(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The nearest and the second nearest unit of prepared examples, int `[B]` each."""
        first, second = self._two_nearest(self.encode(x))[1].unbind(1)
        return first, second

    def quantisation(self, x: Tensor) -> Tensor:
        """Distance of prepared examples to their nearest prototype, `[B]`."""
        return self._two_nearest(self.encode(x))[0][:, 0].sqrt()

    def adjacent(self, first: Tensor, second: Tensor) -> Tensor:
        """Whether units lie beside each other on the lattice, bool `[B]`."""
        return self.lattice.adjacency().to(first.device)[first, second]

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Logits; or, without classes, how much each unit has of the examples, `[B, U]`."""
        members = torch.softmax(-self.prototypes(self.encode(x)) / self.width, 1)
        return self.head(members) if self.spec.task == "classify" else members

    def pictures(self) -> dict[str, np.ndarray]:
        """The U-matrix (how far prototypes are from those beside them, white is far); of images the prototypes."""
        weight = self.prototypes.weight.detach().cpu()
        pictures = {"U-matrix": self.lattice.u_matrix(weight)}
        if self.spec.kind == "image":
            shown = (weight.reshape(-1, *self.spec.shape).clamp(0, 1) * 255).byte().permute(0, 2, 3, 1)
            pictures["map of prototypes"] = self.lattice.drawn(shown.numpy())
        return pictures
