"""What all tests share."""

from pathlib import Path

import pytest

from made_up import SETS, prepare
from stemma.threads import use_one_thread

use_one_thread()  # `make test` runs a process a core


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Prepared sets by slot: grey, colour, text, table, and with a number to predict table_values and others."""
    root = tmp_path_factory.mktemp("prepared")
    for name, spec in SETS.items():
        prepare(root / name, spec)
    return {name: root / name for name in SETS}
