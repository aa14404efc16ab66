"""The section `datasets`: slots."""

import codecs
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from stemma.config.section import Section, Seed, Share
from stemma.data import catalog
from stemma.errors import StemmaError


class Resize(Section):
    """Brings images to one size."""

    height: int = Field(ge=1, le=4096, description="pixels")
    width: int = Field(ge=1, le=4096, description="pixels")
    method: Literal["mean", "max", "bilinear", "bicubic", "lanczos"] = Field(description="mean: of the area")


Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
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
    suspicious: Part = Field(0.03, description="examples whose nearest nearly all have one other label")
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
    vectors_digest: Digest | None = Field(None, description="SHA-256 that it must have")
    scaling: Literal["standard", "minmax", "none"] = Field("standard", description="table: of numbers, from train")
    allow_unverified: bool = Field(False, description="accept files whose digest the catalogue does not know")
    digest: Digest | None = Field(None, description="SHA-256 of a path source, written by `stemma data use`")
    test_digest: Digest | None = Field(None, description="the same of `test`")

    @model_validator(mode="after")
    def test_fits(self) -> "Dataset":
        """A separate test source holds the same kind of data."""
        if self.test is not None:
            (mine, _), (other, _) = catalog.parse(self.use), catalog.parse(self.test)
            if (mine.kind, mine.task) != (other.kind, other.task):
                raise ValueError(
                    f"test '{self.test}' holds {other.kind} to {other.task}, '{self.use}' {mine.kind} to {mine.task}"
                )
            if mine.classes and other.classes and mine.classes != other.classes:
                raise ValueError(f"test '{self.test}' does not hold the classes of '{self.use}'")
        elif self.test_digest is not None:
            raise ValueError("test_digest: is of `test`, which is not given")
        return self

    @field_validator("encoding")
    @classmethod
    def encodes(cls, value: str) -> str:
        try:
            codecs.lookup(value or "utf-8")
        except LookupError:
            raise ValueError(f"unknown encoding '{value}'; for example utf-8, latin-1, cp1252, gb18030") from None
        return value

    @model_validator(mode="after")
    def fold_exists(self) -> "Dataset":
        if self.fold >= (self.folds or 1):
            raise ValueError(f"fold: {self.fold} of folds: {self.folds}; the first fold is 0")
        return self

    @model_validator(mode="after")
    def options_fit(self) -> "Dataset":
        """The readers take the encoding and the names of columns that are given."""
        try:
            catalog.check_options(self.use, self.test, self.encoding, self.columns)
        except StemmaError as error:
            raise ValueError(str(error)) from None
        return self

    @field_validator("use", "test")
    @classmethod
    def known(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                catalog.parse(value)
            except StemmaError as error:
                raise ValueError(str(error)) from None
        return value
