"""Dense networks and what they began with."""

from typing import Annotated, Literal

from pydantic import Field

from stemma.families.catalog.base import BOTH, Count, Entry, Fraction, Sizes, at
from stemma.nn.names import ActivationName, DropName, InitialisationName

DENSE = {
    "hidden": Sizes,
    "pieces": Annotated[int, Field(ge=2)],
    "batch_norm": bool,
    "drop": DropName,
    "initialisation": InitialisationName,
    "dropout": Fraction,
    "words": Count,
    "starts": Count,
}

MLP: dict[str, Entry] = {
    "perceptron": Entry(
        "mlp",
        ("image", "text", "table"),
        "Rosenblatt 1958; Gallant 1990 (pocket)",
        at("mlp.perceptron", "Perceptron"),
        {"passes": Count, "words": Count},
        descends="none",
    ),
    "linear": Entry(
        "mlp",
        ("image", "text", "table"),
        "Legendre 1805; Gauss 1809",
        at("mlp.linear", "LinearRegression"),
        {"words": Count, "solver": Literal["least_squares", "gradient"]},
        ("regress",),
        descends="none",
    ),
    "mlp": Entry(
        "mlp",
        ("image", "text", "table"),
        "Rumelhart, Hinton, Williams 1986",
        at("mlp.mlp", "MLP"),
        {**DENSE, "activation": ActivationName, "alpha": float | None},
        BOTH,
        searches=True,
    ),
    "maxout": Entry(
        "mlp",
        ("image", "text", "table"),
        "Goodfellow, Warde-Farley, Mirza, Courville, Bengio 2013",
        at("mlp.maxout", "MaxoutNet"),
        DENSE,
        BOTH,
        searches=True,
    ),
}
