"""Every architecture: key -> family, tasks, data kinds, parameters, source. Torch-free.

A parameter stands here with its type and range, for `stemma check`; its default stands in the constructor
that takes it. An architecture's class is imported by `load` only when it is built.
"""

from stemma.errors import unknown
from stemma.families.catalog.autoencoders import AUTOENCODERS
from stemma.families.catalog.base import Entry
from stemma.families.catalog.baseline import BASELINE
from stemma.families.catalog.cnn import CNN
from stemma.families.catalog.dbn import ANNEALING, CONTRASTIVE, DBN
from stemma.families.catalog.mlp import MLP
from stemma.families.catalog.rnn import RNN

__all__ = ["CATALOG", "FAMILIES", "SHAPELESS", "Entry", "entry"]

FAMILIES = ("cnn", "rnn", "dbn", "mlp", "baseline")
CATALOG: dict[str, Entry] = {**CNN, **RNN, **DBN, **AUTOENCODERS, **MLP, **BASELINE}

SHAPELESS = {
    "alpha", "dropout", "initialisation", "passes", "pooling", "solver", "standardise", "cd_steps",
    "sample_visible", "sparsity_target", "sparsity_weight", "up_down_steps", "up_down_epochs", "bound_samples",
    "reconstruction_loss", "rho", "beta", "corruption", "level", "contraction", "sweeps", "joint_epochs",
    "joint_learning_rate", "joint_steps", "fine_tune", *ANNEALING,
    *(key for key in CONTRASTIVE if key.startswith("pretrain_")),
}  # fmt: skip
"""Parameters that change the shape of no weight: one network may start from another that differs in them."""


def entry(architecture: str) -> Entry:
    """The catalogue's entry, or a `StemmaError` that names the nearest and all known ones."""
    if architecture not in CATALOG:
        raise unknown("architecture", architecture, CATALOG)
    return CATALOG[architecture]
