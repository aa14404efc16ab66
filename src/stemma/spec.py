"""DataSpec: what a prepared set says about itself, and all that a model knows of its data."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

Kind = Literal["image", "text", "table", "sequence"]
Task = Literal["classify", "regress", "label", "transduce", "reconstruct", "density", "map", "recall"]
Asked = Literal["reconstruct", "density", "map", "recall"]
"""Tasks that no data have of their own: an experiment asks for one, and nothing but the examples is needed for it."""

PAD, UNKNOWN, START, END = 0, 1, 2, 3
"""Token ids: every vocabulary starts with the first two, that of a task's output sequences with all four."""
IGNORE = -100
"""The target of a position behind the end of a labelled sequence; losses skip it."""


@dataclass(frozen=True)
class DataSpec:
    """Description of a prepared set.

    Attributes:
        dataset, source: where it came from; models never look at them.
        kind: `image` (uint8 `[N, C, H, W]`), `text` (int32 token ids `[N, T]` and lengths), `table` (float32
            `[N, F]`), `sequence` (as text, or float32 `[N, T, F]` and lengths).
        shape: of one example: `(C, H, W)`, `(T,)`, `(F,)` or `(T, F)`.
        classes: names by label; for `label` the tags, for `transduce` the output tokens by id; none for `regress`.
        task: what y holds: `classify` labels int64 `[N]`; `regress` float32 `[N]`; `label` int32 `[N, T]`, a tag
            a step, IGNORE behind the end; `transduce` int32 `[N, U]` output ids and target_lengths. To a model it may
            say another one, see `Asked`, for which y is not read.
        mean, std: of the training split: a channel of an image scaled to [0, 1]. Tables are stored scaled.
        target_mean, target_std: of y in train, for `regress`.
        features: names of a table's columns as encoded.
        vocabulary_size: number of token ids, padding (0) and unknown (1) included; 0 if not tokens.
        tokens: how a text is cut: word, character or byte.
        resize: how images of another size were brought to `shape`; empty if none was.
        columns, encoding: how the source's tables and texts were read: (role, name) where a column is called
            otherwise, and the encoding if it is not the format's own.
        class_counts: training examples a class, for class weights.
        vectors: length of the word vectors that came with the set; 0 if none did.
        sizes: examples a split.
        digest: SHA-256 over the prepared arrays of all splits.
        test_digest: SHA-256 over labels and content (images, or texts before encoding) of the test split;
            results are comparable when it is equal.
    """

    dataset: str
    source: str
    kind: Kind
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    task: Task = "classify"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    target_mean: float = 0.0
    target_std: float = 1.0
    features: tuple[str, ...] = ()
    vocabulary_size: int = 0
    tokens: Literal["word", "character", "byte"] = "word"
    resize: str = ""
    columns: tuple[tuple[str, str], ...] = ()
    encoding: str = ""
    class_counts: tuple[int, ...] = ()
    vectors: int = 0
    sizes: dict[str, int] = field(default_factory=dict)
    digest: str = ""
    test_digest: str = ""

    @property
    def label(self) -> str:
        """`dataset@source`, as it stands on every result."""
        return f"{self.dataset}@{self.source}"

    @property
    def outputs(self) -> int:
        """Numbers that a network's last layer gives of an example: a logit a class, or the one value."""
        return 1 if self.task == "regress" else len(self.classes)

    def asked(self, task: Asked | None) -> "DataSpec":
        """The same data with the task that an experiment asks for; None leaves them their own."""
        return self if task is None else replace(self, task=task)

    def to_dict(self) -> dict[str, Any]:
        return {k: _lists(v) for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "DataSpec":
        return cls(**{k: _tuples(v) for k, v in values.items()})


def _lists(value: Any) -> Any:
    return [_lists(v) for v in value] if isinstance(value, tuple) else value


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value
