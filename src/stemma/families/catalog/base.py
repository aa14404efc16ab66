"""What the catalogue says of one architecture, and the types of parameters that several share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

Count = Annotated[int, Field(ge=1)]
NotNegative = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(gt=0, lt=1)]
NotNegativeReal = Annotated[float, Field(ge=0)]
Sizes = Annotated[tuple[Count, ...], Field(min_length=1)]
Activation = Literal["sigmoid", "tanh", "relu"]
CodeActivation = Literal["sigmoid", "tanh", "relu", "linear"]


def _six_n_plus_two(depth: int) -> int:
    if depth < 8 or (depth - 2) % 6:
        raise ValueError(f"depth must be 6n + 2 (8, 14, 20, 32, 44, 56, 110, ...), found {depth}")
    return depth


def _odd(size: int) -> int:
    if size % 2 == 0:
        raise ValueError(f"must be odd (1, 3, 5, ...), found {size}")
    return size


Odd = Annotated[int, Field(ge=1), AfterValidator(_odd)]
Depth = Annotated[int, AfterValidator(_six_n_plus_two)]


@dataclass(frozen=True)
class Entry:
    """One architecture. `load` imports its module and returns the class.

    Attributes:
        searches: optimisers that search their own step with several evaluations of a batch may train it.
        descends: what its last phase changes by gradients: all layers, the output layer alone, or none, where it
            solves for the weights.
    """

    family: str
    kinds: tuple[str, ...]
    paper: str
    load: Callable[[], Any]
    parameters: dict[str, Any]
    tasks: tuple[str, ...] = ("classify",)
    searches: bool = False
    descends: Literal["all", "output", "none"] = "all"

    @property
    def by_gradient(self) -> bool:
        """Whether it is a network that learns by gradients, whose weights another experiment may start from."""
        return self.descends != "none"

    def solved_by(self, parameters: Mapping[str, Any]) -> "Entry":
        """This entry as an experiment with such parameters has it: the solver `gradient` descends, and may search."""
        by_gradient = parameters.get("solver") == "gradient"
        return replace(self, descends="all", searches=True) if by_gradient else self


def at(module: str, name: str) -> Callable[[], Any]:
    """What `load` does: import the class from that module of `stemma.families`."""
    return lambda: getattr(import_module(f"stemma.families.{module}"), name)


BOTH = ("classify", "regress")
RECONSTRUCTING = (*BOTH, "reconstruct")
