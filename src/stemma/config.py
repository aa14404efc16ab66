"""params.yaml -> typed, frozen objects. The only reader of that file; torch-free.

`load` checks the whole file at once and raises one `StemmaError` that lists every mistake, a line each:
the key, what was found and what is allowed.
"""

import dataclasses
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, field_validator, model_validator

from stemma.data import catalog as data_catalog
from stemma.errors import StemmaError, unknown
from stemma.families import catalog
from stemma.yaml_loader import Loader

Fraction = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(gt=0, lt=1)]
Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Count = Annotated[int, Field(ge=1)]
Limit = Count | Annotated[float, Field(gt=0, le=1)]


Plain = TypeVar("Plain")


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    def to(self, kind: type[Plain]) -> Plain:
        """The dataclass `kind`, whose fields are keys of this section."""
        return kind(**{f.name: getattr(self, f.name) for f in dataclasses.fields(kind)})  # type: ignore[arg-type]


class Resize(Section):
    """Brings images to one size."""

    height: int = Field(ge=1, description="pixels")
    width: int = Field(ge=1, description="pixels")
    method: Literal["mean", "max", "bilinear", "bicubic", "lanczos"] = Field(description="mean: of the area")


Part = Annotated[float, Field(ge=0, le=1)]


class Limits(Section):
    """How far raw data may stray before the stage `validate` says so; shares lie between 0 and 1."""

    duplicates: Part | None = Field(None, description="exact repetitions; null: as the catalogue says of the dataset")
    near: Part = Field(0.05, description="near repetitions")
    dominant: Part = Field(0.05, description="share of a part that one content may make up")
    balance: Part = Field(0.05, description="smallest class as a share of the largest")
    label_difference: Part = Field(0.1, description="a class's share in a part against train, beyond chance")
    faulty: Part = Field(0.0, description="constant images; blank, overlong or garbled texts")
    brightest: int = Field(16, ge=0, le=255, description="images of which no value exceeds this were scaled to 0..1")
    max_characters: int = Field(20_000, ge=1, description="of a text")
    max_steps: int = Field(10_000, ge=1, description="of a sequence, and of its target")
    odd: Part = Field(0.05, description="texts of one word or mostly no letters, sequences of one step")
    cut: Part = Field(0.1, description="texts that end within a word")
    unknown: Part = Field(0.5, description="words or tokens of a part that train does not know")
    unknown_targets: Part = Field(0.01, description="the same of target tokens")
    unknown_categories: Part = Field(0.0, description="values of a table's column that train does not know")
    distinct: Part = Field(0.5, description="different categories of a column as a share of the rows")
    gap: float = Field(10.0, gt=0, description="distance of an outermost number from all others, in widths of those")
    target_beyond: float = Field(0.1, ge=0, description="target outside train's range, in widths of that range")


class Dataset(Section):
    """A slot: which dataset from which source, and how it is read, split and encoded."""

    use: str = Field(description="dataset@source: a catalogue name, then sample, canonical, a path or a URL")
    test: str | None = Field(None, description="a separate dataset@source to take the test split from")
    limits: Limits = Limits()
    offline: bool = Field(False, description="open no connection; what is not here is an error")
    encoding: str = Field("", description="of text files whose format leaves it open; empty: UTF-8")
    columns: dict[Literal["text", "label", "group", "source", "target"], str] = Field(
        default_factory=dict, description="role -> the table's own name of that column, where it differs"
    )
    resize: Resize | None = Field(None, description="images of another size: null refuses them")
    mirrored: bool | None = Field(
        None, description="whether an image and its mirror image are near duplicates; null: colour images are"
    )
    validation: Share = Field(0.1, description="share of the training examples held out for choosing")
    test_share: Share = Field(0.2, description="share split off as test when the source has none of its own")
    seed: Seed = Field(0, description="of the split")
    folds: int | None = Field(None, ge=2, description="k-fold: the number of folds, instead of a share")
    fold: int = Field(0, ge=0, description="the fold held out: as test, or as validation of a source with its own test")
    duplicates: Literal["separate", "keep"] = Field(
        "separate", description="near duplicates of an official part: taken out of train, or kept as published"
    )
    train_fraction: float = Field(1.0, gt=0, le=1, description="share of the training examples that is used")
    labels_per_class: int | None = Field(
        None, ge=1, description="training labels kept a class; the other examples serve pre-training alone"
    )
    tokens: Literal["word", "character", "byte"] = Field("word", description="text: what it is cut into")
    max_length: int | None = Field(
        None, ge=1, description="tokens kept of an example; null: 48 of a text, all of a sequence"
    )
    vocabulary: int = Field(10_000, ge=3, description="text: most frequent training tokens kept")
    min_count: int = Field(2, ge=1, description="text: occurrences in train that a token needs")
    vectors: str | None = Field(None, description="text: a file of word vectors in the form of word2vec or GloVe")
    vectors_digest: str | None = Field(None, description="SHA-256 that it must have")
    scaling: Literal["standard", "minmax", "none"] = Field("standard", description="table: of numbers, from train")
    allow_unverified: bool = Field(False, description="accept files whose digest the catalogue does not know")
    digest: str | None = Field(None, description="SHA-256 of a path source, written by `stemma data use`")
    test_digest: str | None = Field(None, description="the same of `test`")

    @model_validator(mode="after")
    def test_fits(self) -> "Dataset":
        """A separate test source holds the same kind of data."""
        if self.test is not None:
            (mine, _), (other, _) = data_catalog.parse(self.use), data_catalog.parse(self.test)
            if mine.kind != other.kind or (mine.classes and other.classes and mine.classes != other.classes):
                raise ValueError(f"test '{self.test}' does not hold the classes of '{self.use}'")
        return self

    @model_validator(mode="after")
    def fold_exists(self) -> "Dataset":
        if self.fold >= (self.folds or 1):
            raise ValueError(f"fold: {self.fold} of folds: {self.folds}; the first fold is 0")
        return self

    @field_validator("use", "test")
    @classmethod
    def known(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                data_catalog.parse(value)
            except StemmaError as error:
                raise ValueError(str(error)) from None
        return value


class Augment(Section):
    """Random changes of a training batch of images, on the device."""

    shift: int = Field(0, ge=0, description="shift by up to so many pixels, zeros move in")
    flip: bool = Field(False, description="mirror left to right with probability 1/2")


class Training(Section):
    """Settings of the one training loop; an experiment overrides any of them."""

    seeds: tuple[Seed, ...] = Field((0, 1, 2), min_length=1, description="a training each; distinct")
    epochs: int = Field(10, ge=1, description="at most; of phases that fix their own number only the others")
    batch_size: int = Field(64, ge=1, description="the global one, whatever the number of devices")
    optimizer: Literal["sgd", "adam", "adamw", "rmsprop", "adagrad", "adadelta"] = Field("adam", description="of torch")
    learning_rate: float = Field(1e-3, gt=0, description="the largest one of a schedule")
    momentum: Fraction = Field(0.0, description="of sgd and rmsprop")
    weight_decay: float = Field(0.0, ge=0)
    schedule: Literal["constant", "cosine", "one_cycle"] = Field("constant", description="over the steps of all epochs")
    loss: Literal["cross_entropy", "mse"] = Field("cross_entropy", description="mse: on one-hot labels")
    class_weights: Literal["none", "balanced"] = Field(
        "none", description="of the loss; balanced: a class weighs the inverse of its number in train"
    )
    bucket_by_length: bool = Field(True, description="text: batches of about equally long examples, in random order")
    memory_gb: float = Field(4.0, gt=0, description="a larger array is read from disk batch by batch")
    augment: Augment = Augment()
    monitor: Literal["val_loss", "val_accuracy"] = Field("val_loss", description="what the best epoch is chosen by")
    patience: int | None = Field(3, ge=1, description="epochs without a better `monitor` before stopping")
    refit: bool = Field(False, description="choose the epochs on validation, then train anew on train + validation")
    accelerator: Literal["auto", "cpu", "gpu", "mps"] = Field("auto", description="auto: GPUs where there are any")
    devices: Count | Literal["auto"] | tuple[Annotated[int, Field(ge=0)], ...] = Field(
        "auto", description="how many, or which; auto: all GPUs"
    )
    strategy: Literal["auto", "ddp", "ddp_find_unused_parameters_true"] = Field(
        "auto", description="auto: DDP on several devices"
    )
    precision: Literal["32-true", "bf16-mixed", "16-mixed", "bf16-true", "64-true"] = "32-true"
    matmul_precision: Literal["highest", "high", "medium"] = Field(
        "medium",
        description="of float32 products; on a CPU `medium` takes the faster of two exact kernels where there is one",
    )
    gradient_clip_val: float | None = Field(None, gt=0, description="largest norm of a step's gradient")
    deterministic: bool = Field(True, description="deterministic algorithms only")
    fast_dev_run: bool = Field(False, description="one batch of one epoch, to try the code")
    limit_train_batches: Limit = Field(1.0, description="batches, or a share of them, of an epoch")
    limit_val_batches: Limit = Field(1.0, description="the same for validation")

    @field_validator("seeds")
    @classmethod
    def distinct(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds):
            raise ValueError("seeds must be distinct")
        return seeds


class Experiment(Training):
    """A training of one architecture on one slot; `family` is written out because dvc.yaml depends on its code."""

    dataset: str = Field(description="a slot of `datasets`")
    family: str = Field(description="of the architecture, written out because dvc.yaml depends on its code")
    architecture: str = Field(description="a key of `stemma list`")
    parameters: dict[str, Any] = Field(default_factory=dict, description="of the architecture, below")


class Comparison(Section):
    confidence: float = Field(0.95, gt=0.5, lt=1, description="of the intervals")
    bootstrap: int = Field(1000, ge=100, description="resamples of the test examples")
    seed: int = Field(0, ge=0, description="of the resampling")


class Gate(Section):
    """When a challenger may take the alias `champion`."""

    alpha: float = Field(0.05, gt=0, lt=1, description="probability of a false promotion")
    min_effect: Fraction = Field(0.0, description="smallest gain in accuracy that counts")
    max_latency_ms: float | None = Field(None, gt=0, description="prediction time of one example")
    max_model_bytes: int | None = Field(None, gt=0, description="of the saved model")


class Config(Section):
    datasets: dict[Key, Dataset]
    training: Training = Training()
    experiments: dict[Key, Experiment]
    comparison: Comparison = Comparison()
    gate: Gate = Gate()

    def experiment(self, key: str) -> Experiment:
        if key not in self.experiments:
            raise unknown("experiment", key, self.experiments)
        return self.experiments[key]

    def slot(self, key: str) -> Dataset:
        if key not in self.datasets:
            raise unknown("dataset slot", key, self.datasets)
        return self.datasets[key]


UNION_MEMBERS = ("function-", "tuple[", "constrained-", "literal[")


def load(path: Path = Path("params.yaml")) -> Config:
    """Read and check `path`.

    Raises:
        StemmaError: the file is missing, is not YAML, or holds any mistake.
    """
    values, mistakes = _read(path), list[str]()
    training, experiments, datasets = (_mapping(values, name) for name in ("training", "experiments", "datasets"))
    if training and _validate(Training, training, "training", mistakes) is None:
        values["training"] = training = {}
    for key, entry in experiments.items():
        if isinstance(entry, dict):
            experiments[key] = {**training, **entry}
    checked = [
        mistake
        for key, entry in experiments.items()
        if isinstance(entry, dict)
        for mistake in _architecture_mistakes(f"experiments.{key}", entry, datasets)
    ]
    config = _validate(Config, values, "", mistakes)
    mistakes += checked
    if mistakes or config is None:
        raise StemmaError("\n".join(f"{path}: {mistake}" for mistake in mistakes))
    return config


def _mapping(values: dict[str, Any], name: str) -> dict[str, Any]:
    """The section `name` if it is a mapping, else an empty one: what else it may be is told by `_validate`."""
    return values[name] if isinstance(values.get(name), dict) else {}


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise StemmaError(f"{path}: no such file; run from the folder that holds params.yaml")
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader)  # noqa: S506
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" in line {where.line + 1}" if where else ""
        raise StemmaError(f"{path}: not valid YAML{line}: {getattr(error, 'problem', None) or error}") from None
    if not isinstance(values, dict):
        raise StemmaError(
            f"{path}: expected a mapping with datasets, training, experiments; found {type(values).__name__}"
        )
    return values


def _validate(model: type[Section], values: Any, prefix: str, mistakes: list[str]) -> Any:
    """`model` made from `values` with lists as tuples, or None with the mistakes appended."""
    try:
        return model.model_validate(_tuples(values))
    except ValidationError as error:
        found = {_place(item, prefix, ints=False): item for item in reversed(error.errors())}
        mistakes += [_line(model, item, prefix) for item in reversed(found.values())]
        return None


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _tuples(v) for k, v in value.items()}
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value


def _place(item: Any, prefix: str, ints: bool = True) -> str:
    """The key that an error of pydantic is about, with dots; without positions in lists if not `ints`.

    What pydantic adds for the members of a union and for keys is left out.
    """
    parts = [p for p in item["loc"] if isinstance(p, str) or ints]
    own = [str(p) for p in parts if not str(p).startswith(UNION_MEMBERS) and str(p) not in ("int", "float", "[key]")]
    return ".".join(filter(None, [prefix, *own]))


def _line(model: type[BaseModel], item: Any, prefix: str) -> str:
    """One pydantic error in the form `key: what is wrong, found ...`."""
    where = _place(item, prefix)
    kind, message = item["type"], item["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        *parents, key = map(str, item["loc"])
        section = ".".join(filter(None, [prefix, *parents])) or "top level"
        return str(unknown(section, key, _fields(model, parents))).replace("name", "key", 1)
    if kind == "missing":
        return f"{where}: missing"
    found = "" if kind == "value_error" else f", found {item['input']!r}"
    message = message.replace("tuple", "list").replace("dictionary", "mapping")
    return f"{where}: {message[0].lower()}{message[1:]}{found}"


def _fields(model: type[BaseModel], parts: list[str]) -> list[str]:
    """Keys that are allowed where `parts` leads, walking sections and dicts of sections."""
    current: Any = model
    for part in parts:
        if get_origin(current) is dict:
            current = get_args(current)[1]
        elif part in getattr(current, "model_fields", {}):
            current = current.model_fields[part].annotation
    return list(getattr(current, "model_fields", {}))


def _architecture_mistakes(where: str, entry: dict[str, Any], datasets: dict[str, Any]) -> list[str]:
    """What only the catalogue knows: names, family, parameters, and whether the data kind is accepted."""
    name, slot = entry.get("architecture"), entry.get("dataset")
    mistakes = []
    if isinstance(slot, str) and slot not in datasets:
        mistakes.append(f"{where}.{unknown('dataset', slot, datasets)}")
    if not isinstance(name, str):
        return mistakes
    if name not in catalog.CATALOG:
        return [*mistakes, f"{where}.{unknown('architecture', name, catalog.CATALOG)}"]
    known = catalog.CATALOG[name]
    if entry.get("family") not in (None, known.family):
        mistakes.append(f"{where}.family: '{name}' belongs to '{known.family}', found '{entry['family']}'")
    entry["parameters"] = check_parameters(name, entry.get("parameters"), f"{where}.parameters", mistakes)
    use = _mapping(datasets, slot).get("use") if isinstance(slot, str) else None
    if isinstance(use, str) and use.partition("@")[0] in data_catalog.CATALOG:
        kind = data_catalog.CATALOG[use.partition("@")[0]].kind
        if kind not in known.kinds:
            kinds = " and ".join(known.kinds)
            mistakes.append(f"{where}.architecture: '{name}' accepts {kinds}; slot '{slot}' ({use}) holds {kind}")
    return mistakes


def check_parameters(architecture: str, values: Any, where: str, mistakes: list[str]) -> dict[str, Any]:
    """The given parameters of an architecture, checked; constructor defaults stand for the others."""
    fields: Any = {name: (kind, None) for name, kind in catalog.CATALOG[architecture].parameters.items()}
    model = create_model(architecture, __base__=Section, **fields)
    if isinstance(values, dict):
        values = {name: _as_text(value, fields.get(name)) for name, value in values.items()}
    result = _validate(model, values if values is not None else {}, where, mistakes)
    return result.model_dump(exclude_unset=True) if result else {}


def _as_text(value: Any, field: Any) -> Any:
    """A number where only words are allowed, as the word that YAML took for one: 1998 for '1998'."""
    words = get_args(field[0]) if field and get_origin(field[0]) is Literal else ()
    return str(value) if isinstance(value, int) and str(value) in words else value
