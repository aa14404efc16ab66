"""Phase: a stretch of training that a model declares and the one training loop runs."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Phase:
    """One stretch of training, by gradients (`objective`) or on the whole set at once (`solve`).

    Attributes:
        name: prefixes the phase's curves; the last phase of a model is the one whose epoch is chosen.
        objective: batch -> {"loss": scalar to minimise, other scalars to record}, means over the batch.
        solve: training split -> None, or for each pass over it scalars to record; for closed forms and estimators.
            Replaces `objective`.
        trainable: modules whose parameters learn; all others are frozen (DDP aborts on parameters
            without gradient).
        epochs: fixed number of epochs, without choice on validation; None takes the experiment's own
            and keeps the best epoch on validation.
        inputs: batch -> tensor `[B, ...]`; maps the prepared set once, without gradient, before the phase.
        labels: whether the phase looks at labels; one that does not also gets the unlabelled examples.
        frozen: names of parameters among the trainable ones that do not learn in it.
        settings: training settings that the phase replaces, for example its own learning rate.
        together: batches that reach the loop together, each with an optimiser step of its own: for steps so cheap that
            the loop's own cost would count.
        check: training inputs -> None; raises a `StemmaError` where the phase cannot take them, before it begins.
        gradients: batch -> what `objective` gives, and the gradients of the trainable parameters in their order: for
            rules that know them without autograd, where batches come together.
        curves: (training inputs, validation inputs or None) -> {name: scalar}, recorded once an epoch; of a phase that
            solves the splits, recorded at its end.
    """

    name: str
    objective: Callable[[Any], dict[str, Any]] | None = None
    solve: Callable[[Any], Iterable[Mapping[str, Any]] | None] | None = None
    trainable: tuple[Any, ...] = ()
    epochs: int | None = None
    inputs: Callable[[Any], Any] | None = None
    labels: bool = True
    frozen: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    together: int = 1
    gradients: Callable[[Any], tuple[dict[str, Any], tuple[Any, ...]]] | None = None
    check: Callable[[Any], None] | None = None
    curves: Callable[[Any, Any], dict[str, Any]] | None = None
