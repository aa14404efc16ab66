"""Every architecture: key -> family, tasks, data kinds, parameters, source. Torch-free.

A parameter stands here with its type and range, for `stemma check`; its default stands in the constructor
that takes it. An architecture's class is imported by `load` only when it is built.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from stemma.errors import unknown
from stemma.nn.names import ActivationName, DropName, InitialisationName

FAMILIES = ("cnn", "rnn", "dbn", "mlp", "baseline")

Count = Annotated[int, Field(ge=1)]
NotNegative = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(gt=0, lt=1)]
NotNegativeReal = Annotated[float, Field(ge=0)]
Sizes = Annotated[tuple[Count, ...], Field(min_length=1)]
Activation = Literal["sigmoid", "tanh", "relu"]
CodeActivation = Literal["sigmoid", "tanh", "relu", "linear"]
Pooling = Literal["last", "mean"]


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


def _in(module: str, name: str) -> Callable[[], Any]:
    return lambda: getattr(import_module(f"stemma.families.{module}"), name)


BOTH = ("classify", "regress")
RECONSTRUCTING = (*BOTH, "reconstruct")
RECURRENT = {
    "embedding": Count,
    "hidden": Count,
    "layers": Count,
    "pooling": Pooling,
    "dropout": Fraction,
}
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
CONTRASTIVE = {
    "visible": Literal["auto", "binary", "gaussian", "counts"],
    "learn_variance": bool,
    "words": Count,
    "cd_steps": Count,
    "sample_visible": bool,
    "persistent": bool,
    "chains": Count,
    "sparsity_target": Annotated[float, Field(gt=0, lt=1)],
    "sparsity_weight": Annotated[float, Field(ge=0)],
    "pretrain_epochs": NotNegative,
    "pretrain_learning_rate": Positive,
    "pretrain_schedule": Literal["constant", "cosine", "one_cycle"],
    "pretrain_momentum": Fraction,
    "pretrain_weight_decay": NotNegativeReal,
    "pretrain_batch_size": Count,
}
ANNEALING = {"ais_chains": Annotated[int, Field(ge=2)], "ais_temperatures": Count}

RBMS_ALONE = ("pretrain_momentum", "pretrain_schedule")
LAYER_WISE = {key: CONTRASTIVE[key] for key in CONTRASTIVE if key.startswith("pretrain_") and key not in RBMS_ALONE}
CODING = {
    "output": Literal["auto", "linear", "sigmoid"],
    "reconstruction_loss": Literal["auto", "mse", "cross_entropy"],
    "tied": bool,
    **LAYER_WISE,
}
BOUNDED = Literal["sigmoid", "tanh"]

SHAPELESS = {
    "alpha", "dropout", "initialisation", "passes", "pooling", "solver", "standardise", "cd_steps",
    "sample_visible", "sparsity_target", "sparsity_weight", "up_down_steps", "up_down_epochs", "bound_samples",
    "reconstruction_loss", "rho", "beta", "corruption", "level", "contraction", "sweeps", "joint_epochs",
    "joint_learning_rate", "joint_steps", "fine_tune", *ANNEALING,
    *(key for key in CONTRASTIVE if key.startswith("pretrain_")),
}  # fmt: skip
"""Parameters that change the shape of no weight: one network may start from another that differs in them."""

CATALOG: dict[str, Entry] = {
    "convnet": Entry(
        "cnn",
        ("image",),
        "LeCun et al. 1989, the two-stage form of teaching texts",
        _in("cnn.convnet", "ConvNet"),
        {"dropout": Fraction, "standardise": bool, "initialisation": InitialisationName},
    ),
    "lenet5": Entry(
        "cnn",
        ("image",),
        "LeCun, Bottou, Bengio, Haffner 1998",
        _in("cnn.lenet5", "LeNet5"),
        {"form": Literal["1998", "modern"]},
    ),
    "simple_cnn": Entry(
        "cnn",
        ("image",),
        "Chollet 2017, section 5.1",
        _in("cnn.simple_cnn", "SimpleCNN"),
        {"dropout": Fraction},
    ),
    "resnet": Entry(
        "cnn",
        ("image",),
        "He, Zhang, Ren, Sun 2016, section 4.2",
        _in("cnn.resnet", "ResNet"),
        {"depth": Depth, "width": Count},
    ),
    "kim_cnn": Entry(
        "cnn",
        ("text",),
        "Kim 2014",
        _in("cnn.kim_cnn", "KimCNN"),
        {"embedding": Count, "maps": Count, "widths": Sizes, "dropout": Fraction},
    ),
    "conv1d": Entry(
        "cnn",
        ("image", "text", "table"),
        "Waibel et al. 1989 (time-delay network)",
        _in("cnn.conv1d", "Conv1d"),
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
    "simple_rnn": Entry(
        "rnn",
        ("image", "text", "table"),
        "Elman 1990",
        _in("rnn.simple_rnn", "SimpleRNN"),
        {**RECURRENT, "activation": Activation},
        BOTH,
    ),
    "lstm": Entry(
        "rnn",
        ("image", "text", "table"),
        "Hochreiter, Schmidhuber 1997; Gers et al. 2000 (forget gate)",
        _in("rnn.lstm", "LSTM"),
        RECURRENT,
        BOTH,
    ),
    "rbm": Entry(
        "dbn",
        ("image", "text", "table"),
        "Smolensky 1986; Hinton 2002 (contrastive divergence)",
        _in("dbn.rbm", "RBMModel"),
        {**CONTRASTIVE, **ANNEALING, "hidden": Count},
        (*BOTH, "density"),
        descends="output",
    ),
    "dbn": Entry(
        "dbn",
        ("image", "text", "table"),
        "Hinton, Osindero, Teh 2006; Hinton, Salakhutdinov 2006",
        _in("dbn.dbn", "DBN"),
        {**CONTRASTIVE, "hidden": Sizes, "dropout": Fraction},
        BOTH,
    ),
    "autoencoder": Entry(
        "dbn",
        ("image", "text", "table"),
        "Rumelhart, Hinton, Williams 1986; Hinton, Salakhutdinov 2006",
        _in("dbn.autoencoder", "Autoencoder"),
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
        _in("dbn.conv_ae", "ConvAE"),
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
        _in("dbn.sparse_ae", "SparseAE"),
        {**CODING, "hidden": Sizes, "activation": BOUNDED, "rho": Share, "beta": NotNegativeReal, "words": Count},
        RECONSTRUCTING,
        searches=True,
        descends="output",
    ),
    "denoising_ae": Entry(
        "dbn",
        ("image", "text", "table"),
        "Vincent, Larochelle, Bengio, Manzagol 2008",
        _in("dbn.denoising_ae", "DenoisingAE"),
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
        _in("dbn.contractive_ae", "ContractiveAE"),
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
        _in("dbn.stacked_ae", "StackedAE"),
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
    "dsn": Entry(
        "dbn",
        ("image", "text", "table"),
        "Deng, Yu 2011 (deep convex network); Deng, He, Gao 2013",
        _in("dbn.dsn", "DSN"),
        {
            "blocks": Count,
            "hidden": Count,
            "lower": Literal["random", "differences", "rbm"],
            "field": Annotated[float, Field(gt=0, le=1)],
            "gain": Positive | None,
            "feedback": Positive,
            "ridge": Positive | None,
            "words": Count,
            "pretrain_epochs": Count,
            "pretrain_learning_rate": Positive,
            "tune_epochs": NotNegative,
            "tune_learning_rate": Positive,
            "tune_batch_size": Count,
        },
        BOTH,
        descends="none",
    ),
    "som": Entry(
        "dbn",
        ("image", "text", "table"),
        "Kohonen 1982; Kohonen 2001 (batch rule)",
        _in("dbn.som", "SOM"),
        {
            "rows": Count,
            "columns": Count,
            "lattice": Literal["rectangular", "hexagonal"],
            "rule": Literal["batch", "online"],
            "passes": Count,
            "start_radius": Positive | None,
            "end_radius": Positive,
            "words": Count,
        },
        ("classify", "map"),
        descends="none",
    ),
    "hopfield": Entry(
        "dbn",
        ("image", "table"),
        "Hopfield 1982; Personnaz, Guyon, Dreyfus 1986 (projection rule)",
        _in("dbn.hopfield", "Hopfield"),
        {
            "patterns": Count,
            "storage": Literal["hebb", "projection"],
            "update": Literal["asynchronous", "synchronous"],
            "noise": Annotated[float, Field(ge=0, le=1)],
            "sweeps": Count,
            "side": Count | None,
            "threshold": Share,
        },
        ("recall",),
        descends="none",
    ),
    "boltzmann": Entry(
        "dbn",
        ("image", "table"),
        "Ackley, Hinton, Sejnowski 1985",
        _in("dbn.boltzmann", "Boltzmann"),
        {
            "hidden": NotNegative,
            "sweeps": Count,
            "learn_sweeps": Count,
            "side": Count | None,
            "threshold": Share,
        },
        ("recall",),
    ),
    "generative_dbn": Entry(
        "dbn",
        ("image",),
        "Hinton, Osindero, Teh 2006 (up-down); Salakhutdinov, Murray 2008 (bound)",
        _in("dbn.generative_dbn", "GenerativeDBN"),
        {
            **CONTRASTIVE,
            **ANNEALING,
            "hidden": Sizes,
            "up_down_steps": Count,
            "up_down_epochs": NotNegative,
            "bound_samples": Count,
        },
        ("classify", "density"),
    ),
    "dbm": Entry(
        "dbn",
        ("image",),
        "Salakhutdinov, Hinton 2009",
        _in("dbn.dbm", "DBM"),
        {
            **CONTRASTIVE,
            **ANNEALING,
            "hidden": Sizes,
            "sweeps": Count,
            "joint_epochs": NotNegative,
            "joint_learning_rate": Positive,
            "joint_steps": Count,
            "fine_tune": bool,
        },
        ("classify", "density"),
    ),
    "perceptron": Entry(
        "mlp",
        ("image", "text", "table"),
        "Rosenblatt 1958; Gallant 1990 (pocket)",
        _in("mlp.perceptron", "Perceptron"),
        {"passes": Count, "words": Count},
        descends="none",
    ),
    "linear": Entry(
        "mlp",
        ("image", "text", "table"),
        "Legendre 1805; Gauss 1809",
        _in("mlp.linear", "LinearRegression"),
        {"words": Count, "solver": Literal["least_squares", "gradient"]},
        ("regress",),
        descends="none",
    ),
    "mlp": Entry(
        "mlp",
        ("image", "text", "table"),
        "Rumelhart, Hinton, Williams 1986",
        _in("mlp.mlp", "MLP"),
        {**DENSE, "activation": ActivationName, "alpha": float | None},
        BOTH,
        searches=True,
    ),
    "maxout": Entry(
        "mlp",
        ("image", "text", "table"),
        "Goodfellow, Warde-Farley, Mirza, Courville, Bengio 2013",
        _in("mlp.maxout", "MaxoutNet"),
        DENSE,
        BOTH,
        searches=True,
    ),
    "logistic_regression": Entry(
        "baseline",
        ("image", "table"),
        "Cox 1958",
        _in("baseline.logistic_regression", "LogisticRegression"),
        {"c": Positive, "max_iter": Count},
        descends="none",
    ),
    "colour_statistics": Entry(
        "baseline",
        ("image",),
        "Swain, Ballard 1991 (recognition by colour alone), reduced to mean and deviation of each channel",
        _in("baseline.colour_statistics", "ColourStatistics"),
        {"c": Positive, "max_iter": Count},
        descends="none",
    ),
    "tfidf_logistic_regression": Entry(
        "baseline",
        ("text",),
        "Sparck Jones 1972; Cox 1958",
        _in("baseline.tfidf_logistic_regression", "TfidfLogisticRegression"),
        {"c": Positive, "max_iter": Count, "ngrams": Count, "min_count": Count},
        descends="none",
    ),
    "ridge": Entry(
        "baseline",
        ("image", "text", "table"),
        "Hoerl, Kennard 1970",
        _in("baseline.ridge", "Ridge"),
        {"alpha": Positive},
        ("regress",),
        descends="none",
    ),
    "linear_svm": Entry(
        "baseline",
        ("image", "text", "table"),
        "Cortes, Vapnik 1995",
        _in("baseline.linear_svm", "LinearSVM"),
        {"c": Positive, "max_iter": Count},
        descends="none",
    ),
    "rbf_svm": Entry(
        "baseline",
        ("image", "text", "table"),
        "Boser, Guyon, Vapnik 1992",
        _in("baseline.rbf_svm", "RBFSVM"),
        {"c": Positive, "gamma": Literal["scale"] | Positive},
        descends="none",
    ),
    "naive_bayes": Entry(
        "baseline",
        ("image", "text", "table"),
        "Maron 1961; McCallum, Nigam 1998 (multinomial)",
        _in("baseline.naive_bayes", "NaiveBayes"),
        {"smoothing": Positive},
        descends="none",
    ),
    "decision_tree": Entry(
        "baseline",
        ("image", "text", "table"),
        "Breiman, Friedman, Olshen, Stone 1984",
        _in("baseline.decision_tree", "DecisionTree"),
        {"max_depth": Count, "min_leaf": Count},
        descends="none",
    ),
    "knn": Entry(
        "baseline",
        ("image", "text", "table"),
        "Fix, Hodges 1951; Cover, Hart 1967",
        _in("baseline.knn", "KNN"),
        {"neighbours": Count, "weights": Literal["uniform", "distance"]},
        descends="none",
    ),
    "lda": Entry(
        "baseline",
        ("image", "table"),
        "Fisher 1936; Rao 1948; Ledoit, Wolf 2004 (shrinkage)",
        _in("baseline.lda", "LDA"),
        {},
        descends="none",
    ),
    "pca": Entry(
        "baseline",
        ("image", "text", "table"),
        "Pearson 1901; Hotelling 1933",
        _in("baseline.pca", "PCA"),
        {"components": Count, "words": Count},
        ("reconstruct",),
        descends="none",
    ),
}


def entry(architecture: str) -> Entry:
    """The catalogue's entry, or a `StemmaError` that names the nearest and all known ones."""
    if architecture not in CATALOG:
        raise unknown("architecture", architecture, CATALOG)
    return CATALOG[architecture]
