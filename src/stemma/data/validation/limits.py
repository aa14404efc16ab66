"""How far a raw dataset may stray before the stage `validate` says so. Standard library only."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits of the expectations; shares lie between 0 and 1.

    Attributes:
        duplicates: largest share of a part's examples that repeat another one exactly, within the part or in
            another one, or that stand under two labels; None: what the catalogue says of the dataset.
        near: the same for near repetitions.
        dominant: largest share of a part that one content may make up.
        balance: smallest number of a class as a share of the largest class's.
        label_difference: by how much a class's share may differ between train and another part beyond what
            chance explains.
        faulty: largest share of examples that may be constant images, or blank, overlong or garbled texts.
        brightest: images of which no value exceeds this were scaled to 0..1 before they became bytes.
        max_characters: of a text.
        max_steps: of a sequence, and of its target.
        odd: largest share of texts that are a single word or mostly no letters, of sequences that are a single step,
            and of targets whose length is out of proportion.
        suspicious: largest share of examples whose nearest images or texts agree on another label.
        cut: largest share of texts that end within a word.
        unknown: largest share of a part's words or tokens that train does not know.
        unknown_targets: the same of target tokens.
        unknown_categories: largest share of a column's values in a part that train does not know.
        distinct: largest number of different categories as a share of the rows.
        gap: largest distance of a column's outermost value from all others, in widths of those.
        target_beyond: how far a target may lie outside train's range, in widths of that range.
    """

    duplicates: float | None = None
    near: float = 0.05
    dominant: float = 0.05
    balance: float = 0.05
    label_difference: float = 0.1
    faulty: float = 0.0
    brightest: int = 16
    max_characters: int = 20_000
    max_steps: int = 10_000
    odd: float = 0.05
    suspicious: float = 0.03
    cut: float = 0.1
    unknown: float = 0.5
    unknown_targets: float = 0.01
    unknown_categories: float = 0.0
    distinct: float = 0.5
    gap: float = 10.0
    target_beyond: float = 0.1
