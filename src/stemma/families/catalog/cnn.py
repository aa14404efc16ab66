"""Convolutional networks."""

from typing import Literal

from stemma.families.catalog.base import BOTH, Activation, Count, Depth, Entry, Fraction, Sizes, at
from stemma.nn.names import InitialisationName

CNN: dict[str, Entry] = {
    "convnet": Entry(
        "cnn",
        ("image",),
        "LeCun et al. 1989, the two-stage form of teaching texts",
        at("cnn.convnet", "ConvNet"),
        {"dropout": Fraction, "standardise": bool, "initialisation": InitialisationName},
    ),
    "lenet5": Entry(
        "cnn",
        ("image",),
        "LeCun, Bottou, Bengio, Haffner 1998",
        at("cnn.lenet5", "LeNet5"),
        {"form": Literal["1998", "modern"]},
    ),
    "simple_cnn": Entry(
        "cnn",
        ("image",),
        "Chollet 2017, section 5.1",
        at("cnn.simple_cnn", "SimpleCNN"),
        {"dropout": Fraction},
    ),
    "resnet": Entry(
        "cnn",
        ("image",),
        "He, Zhang, Ren, Sun 2016, section 4.2",
        at("cnn.resnet", "ResNet"),
        {"depth": Depth, "width": Count},
    ),
    "kim_cnn": Entry(
        "cnn",
        ("text",),
        "Kim 2014",
        at("cnn.kim_cnn", "KimCNN"),
        {"embedding": Count, "maps": Count, "widths": Sizes, "dropout": Fraction},
    ),
    "conv1d": Entry(
        "cnn",
        ("image", "text", "table"),
        "Waibel et al. 1989 (time-delay network)",
        at("cnn.conv1d", "Conv1d"),
        {
            "maps": Sizes,
            "width": Count,
            "pool": Count,
            "summary": Literal["auto", "all", "max", "mean"],
            "activation": Activation,
            "embedding": Count,
            "dropout": Fraction,
        },
        BOTH,
    ),
}
