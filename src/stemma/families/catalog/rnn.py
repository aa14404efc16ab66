"""Recurrent networks."""

from typing import Literal

from stemma.families.catalog.base import BOTH, Activation, Count, Entry, Fraction, at

RECURRENT = {
    "embedding": Count,
    "hidden": Count,
    "layers": Count,
    "pooling": Literal["last", "mean"],
    "dropout": Fraction,
}

RNN: dict[str, Entry] = {
    "simple_rnn": Entry(
        "rnn",
        ("image", "text", "table"),
        "Elman 1990",
        at("rnn.simple_rnn", "SimpleRNN"),
        {**RECURRENT, "activation": Activation},
        BOTH,
    ),
    "lstm": Entry(
        "rnn",
        ("image", "text", "table"),
        "Hochreiter, Schmidhuber 1997; Gers et al. 2000 (forget gate)",
        at("rnn.lstm", "LSTM"),
        RECURRENT,
        BOTH,
    ),
}
