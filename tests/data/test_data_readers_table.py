import gzip

import making
import numpy as np
import pandas as pd
import pytest

from stemma.data.catalog import CATALOG
from stemma.data.parts import Options, Reading
from stemma.data.readers import covertype, pairs, sklearn_diabetes, sklearn_digits, sklearn_table, table, table_of_texts
from stemma.errors import StemmaError

TABLE, REGRESSION, PAIRS, CSV = CATALOG["table"], CATALOG["regression"], CATALOG["pairs"], CATALOG["csv"]
ROWS = "size,colour,label\n1,red,yes\n2.5,,no\n,blue,yes\n"


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_numbers_stay_and_texts_are_categories(tmp_path):
    raw = making.read(table, write(tmp_path / "a.csv", ROWS), TABLE)
    x = raw.parts["train"].x
    assert x["size"].tolist()[:2] == [1, 2.5] and np.isnan(x["size"][2]) and x["size"].dtype == np.float64
    assert x["colour"].tolist()[::2] == ["red", "blue"] and x["colour"].isna().tolist() == [False, True, False]
    assert raw.classes == ("no", "yes") and raw.parts["train"].y.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    "ending", ["csv", "tsv", "jsonl", "parquet", "csv.gz", "jsonl.bz2", "tsv.xz", "csv.zst", "csv.zip"]
)
def test_every_format_says_the_same(tmp_path, ending):
    frame = pd.DataFrame(
        {"n": [1, 2, 3], "word": ["a", 'b "c"', "d,\te"], "label": [10, 9, 10], "group": ["g", "g", "h"]}
    )
    path = tmp_path / f"a.{ending}"
    kind, packed = ending.split(".")[0], ending.partition(".")[2]
    if kind == "parquet":
        frame.to_parquet(path)
    else:
        content = (
            frame.to_json(orient="records", lines=True)
            if kind == "jsonl"
            else frame.to_csv(sep={"csv": ",", "tsv": "\t"}[kind], index=False)
        )
        if packed == "zst":
            import pyarrow

            with pyarrow.CompressedOutputStream(str(path), "zstd") as file:
                file.write(content.encode())
        elif packed == "zip":
            making.wheel(path, {"a.csv": content.encode()})
        elif packed:
            import bz2
            import lzma

            path.write_bytes({"gz": gzip, "bz2": bz2, "xz": lzma}[packed].compress(content.encode()))
        else:
            path.write_text(content)
    raw = making.read(table, path, TABLE)
    assert raw.parts["train"].x["n"].tolist() == [1, 2, 3]
    assert raw.parts["train"].x["word"].tolist() == ["a", 'b "c"', "d,\te"]
    assert raw.classes == ("9", "10") and raw.parts["train"].y.tolist() == [1, 0, 1]
    assert raw.parts["train"].groups == ["g", "g", "h"]


def test_a_column_has_one_type_over_all_parts(tmp_path):
    write(tmp_path / "train.csv", "a,label\n1,0\n2,1\n")
    write(tmp_path / "test.csv", "a,label\nx,1\n")
    raw = making.read(table, tmp_path, TABLE)
    assert raw.parts["train"].x["a"].tolist() == ["1", "2"] and raw.parts["test"].x["a"].tolist() == ["x"]
    write(tmp_path / "test.csv", "b,label\nx,1\n")
    with pytest.raises(StemmaError, match=r"test.csv: columns b, label; expected those of .*train.csv"):
        making.read(table, tmp_path, TABLE)


def test_regression(tmp_path):
    raw = making.read(table, write(tmp_path / "a.csv", "a,label\n1,2.5\n2,-1e3\n"), REGRESSION)
    assert raw.parts["train"].y.tolist() == [2.5, -1000] and raw.classes == ()
    for bad in ("", "x", "nan", "inf"):
        with pytest.raises(StemmaError, match=r"row 2: label .* is no finite number"):
            making.read(table, write(tmp_path / "b.csv", f"a,label\n1,2.5\n2,{bad}\n"), REGRESSION)


def test_columns_of_other_names_and_encodings(tmp_path):
    path = write(tmp_path / "a.csv", "Satz,Art\nschön,gut\nübel,schlecht\n".encode("latin-1"))
    raw = making.read(table_of_texts, path, CSV, columns={"text": "Satz", "label": "Art"}, encoding="latin-1")
    assert raw.parts["train"].x == ["schön", "übel"] and raw.classes == ("gut", "schlecht")
    for options, said in [
        ({"encoding": "latin1"}, "column 'text' is missing"),
        ({}, r"not UTF-8 at byte 12 \(0xf6\)"),
        ({"encoding": "ascii"}, "not ascii at byte 12"),
        ({"encoding": "utf9"}, "encoding: unknown name 'utf9'"),
        ({"encoding": "rot13"}, "encoding"),
        ({"encoding": "latin-1", "columns": {"text": "Saz"}}, r"columns.text: no such column.*did you mean 'Satz'"),
        ({"encoding": "latin-1", "columns": {"Satz": "Art"}}, "there is a column 'Satz' as well"),
    ]:
        with pytest.raises(StemmaError, match=said):
            making.read(table_of_texts, path, CSV, **options)


def test_mixed_encodings_name_the_byte(tmp_path):
    content = "text,label\nschön,a\n".encode() + "übel,b\n".encode("latin-1")
    with pytest.raises(StemmaError, match=rf"not UTF-8 at byte {content.index(0xFC)} \(0xfc\)"):
        making.read(table_of_texts, write(tmp_path / "a.csv", content), CSV)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", 'text,label\n"a"b,0\nc,1\n', "line 2: not a readable table"),
        ("a.csv", 'text,label\n"a,0\nc,1\n', "not a readable table"),
        ("a.csv", "text,label\na\nb,1\n", "row 1: 1 fields, the header has 2"),
        ("a.csv", "text,label,text\na,0,b\n", "column 'text' stands in the header twice"),
        ("a.csv", "text,label\na\0,0\n", "holds NUL at character 12"),
        ("a.jsonl", '{"text": "a", "label": 0}\n{"text": "b"}\n', "line 2: key 'label' is not in every line"),
        ("a.jsonl", '{"text": "a", "label": 0}\n{"text": "b", "label": 1', "line 2: not readable JSON"),
        ("a.jsonl", "[1]\n", "line 1: expected an object"),
        ("a.jsonl", "[" * 5000, "line 1: not readable JSON"),
        ("a.jsonl", '{"text": ["a"], "label": 0}\n', "line 1: text: expected a text, a number"),
        ("a.jsonl", '{"text": "\\ud800", "label": 0}\n', "line 1: not readable JSON"),
        ("a.jsonl", '{"text": 3, "label": 0}\n{"text": 4, "label": 1}\n', "row 1: text: expected a text, found 3"),
        ("a.jsonl", "\n", "holds no rows"),
        ("a.parquet", b"PAR1 and then nothing PAR1", "not a readable Parquet file"),
        ("a.csv.gz", gzip.compress(bytes(30 << 20)), "unpacks to more than 200 times its size"),
        ("a.csv", 'text,"la\nbel"\na,0\n', r"known: la\\nbel, text"),
        ("a.csv", 'text,label\na,"0\n1"\n', r"only the class '0\\n1'"),
        ("a.jsonl", '{"text": "a", "la\\nbel": [0]}\n', r"line 1: la\\nbel: expected"),
        ("a.csv.zip", b"PK", "broken or truncated .zip"),
    ],
)
def test_faults(tmp_path, name, content, said):
    with pytest.raises(StemmaError, match=said) as found:
        making.read(table_of_texts, write(tmp_path / name, content), CSV)
    assert "\n" not in str(found.value)


def test_table_without_features_or_with_odd_cells(tmp_path):
    with pytest.raises(StemmaError, match="no column but the label"):
        making.read(table, write(tmp_path / "a.csv", "label\na\nb\n"), TABLE)
    frame = pd.DataFrame({"when": pd.to_datetime(["2020-01-01", "2020-01-02"]), "label": ["a", "b"]})
    frame.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(StemmaError, match="column 'when': expected numbers or texts"):
        making.read(table, tmp_path / "a.parquet", TABLE)


def test_pairs(tmp_path):
    part = making.read(pairs, write(tmp_path / "a.tsv", "source\ttarget\nc a t\tK AE T\nd o\tD UW\n"), PAIRS).parts[
        "train"
    ]
    assert part.x == [["c", "a", "t"], ["d", "o"]] and part.y == [["K", "AE", "T"], ["D", "UW"]]
    with pytest.raises(StemmaError, match="row 1: target holds no token"):
        making.read(pairs, write(tmp_path / "b.tsv", "source\ttarget\nc a t\t \n"), PAIRS)


def test_sklearn_table(tmp_path):
    entry = making.entry("sklearn_table", "table", ("x", "y"))
    options = Options(generate={"features": ("a", "b")})

    def read(content):
        return sklearn_table.read(Reading(write(tmp_path / "t.csv", content), entry, tmp_path, options)).parts["train"]

    part = read("2,2,x,y\n1,2,0\n3,4.5,1\n")
    assert part.x.to_dict("list") == {"a": [1, 3], "b": [2, 4.5]} and part.y.tolist() == [0, 1]
    for content, said in [
        ("3,2,x,y\n1,2,0\n3,4.5,1\n", "2 rows, its first line says 3"),
        ("2,2,y,x\n1,2,0\n3,4.5,1\n", "expected the number of rows and 2,x,y"),
        ("2,2,x,y\n1,2,0\n3,4.5,2\n", "label 2.0 of example 1"),
        ("2,2,x,y\n1,2,0\n3,,1\n", "row 2, column 2: missing or not finite"),
        ("2,2,x,y\n1,2,0\n3,a,1\n", "expected rows of 3 numbers"),
        ("0,2,x,y\n", "holds no rows"),
    ]:
        with pytest.raises(StemmaError, match=said):
            read(content)


def test_small_digits(tmp_path):
    rows = np.random.default_rng(0).integers(0, 17, (5, 65))
    rows[:, -1] = range(5)
    path = write(tmp_path / "d.csv.gz", gzip.compress(pd.DataFrame(rows).to_csv(header=False, index=False).encode()))
    part = making.read(sklearn_digits, path, CATALOG["digits"]).parts["train"]
    assert np.array_equal(part.x.reshape(5, 64), rows[:, :-1] * 15) and part.y.tolist() == list(range(5))
    rows[0, 0] = 17
    write(path, gzip.compress(pd.DataFrame(rows).to_csv(header=False, index=False).encode()))
    with pytest.raises(StemmaError, match="values from 0 to 17, expected whole numbers 0 to 16"):
        making.read(sklearn_digits, path, CATALOG["digits"])


def test_diabetes(tmp_path):
    write(tmp_path / "diabetes_data_raw.csv.gz", gzip.compress(b"59 2 32.1 101.0 157 93.2 38.0 4.0 4.8598 87\n"))
    write(tmp_path / "diabetes_target.csv.gz", gzip.compress(b"1.51e+02\n"))
    part = making.read(sklearn_diabetes, tmp_path, CATALOG["diabetes"]).parts["train"]
    assert part.y.tolist() == [151] and part.x["sex"].tolist() == ["2"] and part.x["s5"].tolist() == [4.8598]
    write(tmp_path / "diabetes_target.csv.gz", gzip.compress(b"1\n2\n"))
    with pytest.raises(StemmaError, match="1 rows of measurements, but 2 targets"):
        making.read(sklearn_diabetes, tmp_path, CATALOG["diabetes"])


def test_covertype(tmp_path):
    rows = np.zeros((6, 55), int)
    rows[:, 0], rows[:, 11], rows[:, -1] = range(6), 1, [1, 2, 3, 7, 5, 6]
    path = write(
        tmp_path / "covtype.data.gz", gzip.compress(pd.DataFrame(rows).to_csv(header=False, index=False).encode())
    )
    entry = CATALOG["covertype"]
    part = making.read(covertype, path, entry).parts["train"]
    assert part.y.tolist() == [0, 1, 2, 6, 4, 5] and part.x["elevation"].tolist() == list(range(6))
    assert part.x["wilderness_area_2"].all() and part.x["wilderness_area_2"].dtype == bool and part.x.shape == (6, 54)
    split = Options(generate={"rows": {"train": 3, "validation": 1, "test": 2}})
    parts = covertype.read(Reading(path, entry, tmp_path, split)).parts
    assert {n: p.x["elevation"].tolist() for n, p in parts.items()} == {
        "train": [0, 1, 2],
        "validation": [3],
        "test": [4, 5],
    }
    assert parts["test"].y.tolist() == [4, 5]
    with pytest.raises(StemmaError, match="6 rows, expected 9"):
        covertype.read(Reading(path, entry, tmp_path, Options(generate={"rows": {"train": 9}})))
