import re
from typing import get_args

import pytest

from stemma.data.catalog import CATALOG, check_options, is_url, parse
from stemma.data.readers import READERS
from stemma.errors import StemmaError
from stemma.spec import Kind, Task


@pytest.mark.parametrize("entry", CATALOG.values(), ids=list(CATALOG))
def test_entries_are_whole(entry):
    readers = {entry.path_reader, *(source.reader for source in entry.sources.values())} - {""}
    assert readers and readers <= set(READERS)
    assert entry.licence and entry.title and (entry.citation or not entry.sources)
    assert entry.kind in get_args(Kind) and entry.task in get_args(Task)
    assert (entry.shape is not None) == (entry.kind == "image" and entry.name != "images")
    assert entry.classes is None or (
        entry.task in ("classify", "label") and len(set(entry.classes)) == len(entry.classes)
    )
    for source in entry.sources.values():
        assert source.files or {"length", "seed", "train", "test"} <= set(source.options)
        assert all(count > 0 for count in source.counts.values())
        assert len({file.name for file in source.files}) == len(source.files)
        for file in source.files:
            assert file.sha256 is None or re.fullmatch("[0-9a-f]{64}", file.sha256)
            assert bool(file.package) != bool(file.urls)
            assert not file.package or (re.fullmatch(r"[\w-]+==[\w.]+", file.package) and file.member and file.sha256)
            assert all(is_url(url) for url in file.urls)


def test_the_fields_datasets_are_there():
    images = ("mnist", "fashion_mnist", "kmnist", "emnist", "cifar10", "cifar100", "digits", "photo_patches")
    texts = ("mr", "trec", "imdb", "ag_news", "rotten_tomatoes", "chinese_reviews")
    tables = ("iris", "wine", "breast_cancer", "diabetes", "covertype")
    sequences = ("cmudict", "peoples_daily", "adding", "copy_memory", "parity", "sorting")
    for kind, names in {"image": images, "text": texts, "table": tables, "sequence": sequences}.items():
        assert {CATALOG[name].kind for name in names} == {kind}
    sizes = {
        "mnist": 10,
        "emnist": 0,
        "cifar100": 100,
        "cifar100_coarse": 20,
        "trec": 6,
        "ag_news": 4,
        "peoples_daily": 44,
    }
    assert {name: len(CATALOG[name].classes or ()) for name in sizes} == sizes


def test_one_digest_stands_for_one_file():
    seen = {}
    for entry in CATALOG.values():
        for source in entry.sources.values():
            for file in source.files:
                assert seen.setdefault(file.sha256, (file.name, file.bytes)) == (file.name, file.bytes)


def test_parse_takes_names_paths_and_addresses(tmp_path):
    assert parse("mnist@sample")[1] == "sample"
    assert parse("mnist@./here")[1] == "./here"
    assert parse("cifar10@https://host/a@b.tar.gz")[1] == "https://host/a@b.tar.gz"
    assert parse(f"csv@{tmp_path}")[0].name == "csv"


@pytest.mark.parametrize(
    ("use", "said"),
    [
        ("mnis@sample", "did you mean 'mnist'"),
        ("mnist@sampel", "did you mean 'sample'"),
        ("mnist", "expected mnist@SOURCE"),
        ("mnist@", "expected mnist@SOURCE"),
        ("photo_patches@./folder", "known: sample"),
        ("", "dataset: unknown name ''"),
    ],
)
def test_parse_refuses(use, said):
    with pytest.raises(StemmaError, match=re.escape(said)):
        parse(use)


@pytest.mark.parametrize(
    ("use", "test", "encoding", "roles", "said"),
    [
        ("mnist@sample", None, "latin-1", (), "encoding: mnist@sample takes none"),
        ("rotten_tomatoes@sample", None, "", ("text",), "columns: rotten_tomatoes@sample takes none"),
        ("mr@canonical", None, "cp1252", ("label",), "columns: mr@canonical takes none"),
        ("table@./t.csv", None, "", ("label", "text"), "columns: role for table@./t.csv: unknown name 'text'"),
        ("csv@./a.csv", "csv@./b.csv", "", ("source",), "role for csv@./a.csv and csv@./b.csv: unknown name 'source'"),
    ],
)
def test_options_that_nothing_would_heed_are_refused(use, test, encoding, roles, said):
    with pytest.raises(StemmaError, match=said):
        check_options(use, test, encoding, roles)


def test_options_that_a_source_heeds():
    check_options("mnist@sample", None, "", ())
    check_options("mr@canonical", None, "cp1252", ())
    check_options("rotten_tomatoes@sample", "csv@./a.csv", "latin-1", ("text", "label", "group"))
    check_options("pairs@./p.tsv", None, "gb18030", ("source", "target", "group"))


@pytest.mark.parametrize("source", ["ftp://example.org/x", "file:///x/y"])
def test_an_address_of_another_kind_is_no_path(source):
    with pytest.raises(StemmaError, match=f"source of 'mnist': unknown name '{source}'.*PATH, URL"):
        parse(f"mnist@{source}")
