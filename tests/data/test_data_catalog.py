import re

import pytest

from stemma.data.catalog import CATALOG, parse
from stemma.data.readers import READERS
from stemma.errors import StemmaError


@pytest.mark.parametrize("entry", CATALOG.values(), ids=list(CATALOG))
def test_entries_are_whole(entry):
    readers = {entry.path_reader, *(source.reader for source in entry.sources.values())} - {""}
    assert readers and readers <= set(READERS)
    assert entry.licence and entry.title
    for source in entry.sources.values():
        for file in source.files:
            assert file.sha256 is None or re.fullmatch("[0-9a-f]{64}", file.sha256)
            assert bool(file.package) != bool(file.urls)
            assert not file.package or re.fullmatch(r"[\w-]+==[\w.]+", file.package)


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
