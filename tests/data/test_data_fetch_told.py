"""What cannot be fetched unchecked is named with its place."""

import pytest

from stemma.data.entry import File
from stemma.data.fetching.fetch import fetch
from stemma.errors import StemmaError


@pytest.mark.parametrize(
    ("file", "place"),
    [
        (File("a.csv", None, urls=("https://me:secret@x.org/a.csv",)), "https://x.org/a.csv"),
        (File("a.csv", None, package="p==1", member="d/a.csv"), "p==1: d/a.csv"),
    ],
)
def test_a_file_without_digest_is_named_with_its_place(tmp_path, file, place):
    with pytest.raises(StemmaError) as error:
        fetch((file,), tmp_path)
    assert str(error.value).startswith(f"a.csv from {place}: its SHA-256 is not known, so it cannot be checked")
