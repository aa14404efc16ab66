"""When a process looks for garbage."""

import subprocess
import sys

import pytest

TOLD = {
    "import stemma; print(gc.get_threshold()[0])": "50000",
    "from stemma.garbage import collect_as_usual; collect_as_usual(); print(gc.get_threshold(), gc.get_count()[2])": (
        "{threshold} 0"
    ),
    "atexit.register(lambda: print(gc.get_freeze_count() > len(gc.get_objects()))); import stemma": "True",
    "from stemma.garbage import collect_as_usual; collect_as_usual(); print(gc.get_freeze_count() > 1000)": "True",
}


@pytest.mark.parametrize("code", TOLD)
def test_seldom_at_the_start_as_usual_in_training_not_at_the_end(code: str) -> None:
    usual = subprocess.run(
        [sys.executable, "-c", "import gc; print(gc.get_threshold())"], capture_output=True, text=True
    )
    told = subprocess.run(
        [sys.executable, "-c", f"import atexit, gc; {code}"], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == TOLD[code].format(threshold=usual.stdout.strip())
