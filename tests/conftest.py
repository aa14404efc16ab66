"""What all tests share."""

from pathlib import Path

import pytest

from made_up import COLOUR, GREY, TEXT, prepare


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Prepared sets by slot: grey, colour, text."""
    root = tmp_path_factory.mktemp("prepared")
    for name, spec in (("grey", GREY), ("colour", COLOUR), ("text", TEXT)):
        prepare(root / name, spec)
    return {name: root / name for name in ("grey", "colour", "text")}
