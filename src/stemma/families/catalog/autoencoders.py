"""Autoencoders, of the family dbn."""

from typing import Literal

from stemma.families.catalog.base import (
    RECONSTRUCTING,
    CodeActivation,
    Count,
    Entry,
    Fraction,
    NotNegativeReal,
    Odd,
    Positive,
    Share,
    Sizes,
    at,
)
from stemma.families.catalog.dbn import CONTRASTIVE

RBMS_ALONE = ("pretrain_momentum", "pretrain_schedule")
LAYER_WISE = {key: CONTRASTIVE[key] for key in CONTRASTIVE if key.startswith("pretrain_") and key not in RBMS_ALONE}
CODING = {
    "output": Literal["auto", "linear", "sigmoid"],
    "reconstruction_loss": Literal["auto", "mse", "cross_entropy"],
    "tied": bool,
    **LAYER_WISE,
}
BOUNDED = Literal["sigmoid", "tanh"]

AUTOENCODERS: dict[str, Entry] = {
    "autoencoder": Entry(
        "dbn",
        ("image", "text", "table"),
        "Rumelhart, Hinton, Williams 1986; Hinton, Salakhutdinov 2006",
        at("dbn.autoencoder", "Autoencoder"),
        {
            **CODING,
            "hidden": Sizes,
            "activation": CodeActivation,
            "linear_code": bool,
            "words": Count,
        },
        RECONSTRUCTING,
        searches=True,
        descends="output",
    ),
    "conv_ae": Entry(
        "dbn",
        ("image",),
        "Masci, Meier, Ciresan, Schmidhuber 2011",
        at("dbn.conv_ae", "ConvAE"),
        {
            **CODING,
            "maps": Sizes,
            "kernel": Odd,
            "code": Count,
            "activation": CodeActivation,
            "linear_code": bool,
        },
        RECONSTRUCTING,
        searches=True,
        descends="output",
    ),
    "sparse_ae": Entry(
        "dbn",
        ("image", "text", "table"),
        "Lee, Ekanadham, Ng 2008; Ng 2011",
        at("dbn.sparse_ae", "SparseAE"),
        {**CODING, "hidden": Sizes, "activation": BOUNDED, "rho": Share, "beta": NotNegativeReal, "words": Count},
        RECONSTRUCTING,
        searches=True,
        descends="output",
    ),
    "denoising_ae": Entry(
        "dbn",
        ("image", "text", "table"),
        "Vincent, Larochelle, Bengio, Manzagol 2008",
        at("dbn.denoising_ae", "DenoisingAE"),
        {
            **CODING,
            "hidden": Sizes,
            "activation": CodeActivation,
            "corruption": Literal["masking", "gaussian", "salt_and_pepper"],
            "level": Positive,
            "linear_code": bool,
            "words": Count,
        },
        RECONSTRUCTING,
        searches=True,
        descends="output",
    ),
    "contractive_ae": Entry(
        "dbn",
        ("image", "text", "table"),
        "Rifai, Vincent, Muller, Glorot, Bengio 2011",
        at("dbn.contractive_ae", "ContractiveAE"),
        {
            **CODING,
            "hidden": Count,
            "activation": BOUNDED,
            "form": Literal["encoder", "reconstruction"],
            "contraction": NotNegativeReal,
            "words": Count,
        },
        RECONSTRUCTING,
        searches=True,
        descends="output",
    ),
    "stacked_ae": Entry(
        "dbn",
        ("image", "text", "table"),
        "Bengio, Lamblin, Popovici, Larochelle 2007; Vincent et al. 2010",
        at("dbn.stacked_ae", "StackedAE"),
        {
            **CODING,
            "hidden": Sizes,
            "activation": CodeActivation,
            "corruption": Literal["none", "masking", "gaussian", "salt_and_pepper"],
            "level": Positive,
            "dropout": Fraction,
            "linear_code": bool,
            "words": Count,
        },
        RECONSTRUCTING,
        searches=True,
    ),
}
