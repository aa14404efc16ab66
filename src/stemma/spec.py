"""DataSpec: what a prepared set says about itself, and all that a model knows of its data."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal["image", "text", "table"]
Task = Literal["classify"]

PAD, UNKNOWN = 0, 1
"""Token ids that every vocabulary starts with."""


@dataclass(frozen=True)
class DataSpec:
    """Description of a prepared set.

    Attributes:
        dataset, source: where it came from; models never look at them.
        kind: `image` (uint8 arrays `[N, C, H, W]`), `text` (int32 token ids `[N, T]` and lengths),
            `table` (float32 `[N, F]`).
        shape: of one example: `(C, H, W)`, `(T,)` or `(F,)`.
        classes: names by label.
        mean, std: of the training split: a channel of an image scaled to [0, 1], a column of a table.
        vocabulary_size: number of token ids, padding (0) and unknown (1) included; 0 if not text.
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
    vocabulary_size: int = 0
    sizes: dict[str, int] = field(default_factory=dict)
    digest: str = ""
    test_digest: str = ""

    @property
    def label(self) -> str:
        """`dataset@source`, as it stands on every result."""
        return f"{self.dataset}@{self.source}"

    def to_dict(self) -> dict[str, Any]:
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "DataSpec":
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**plain)
