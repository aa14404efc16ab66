"""DVC's command."""

import subprocess
import sys
from pathlib import Path

from stemma.errors import StemmaError

COMMAND = [sys.executable, "-m", "dvc"]


def dvc(*words: str, told: bool = True, folder: Path = Path()) -> str:
    """Run `dvc WORDS` in `folder`; what it prints goes to the terminal, or is returned if it is not to be `told`.

    Raises:
        StemmaError: it failed.
    """
    ran = subprocess.run([*COMMAND, *words], cwd=folder, stdout=None if told else subprocess.PIPE, text=True)  # noqa: S603
    if ran.returncode:
        raise StemmaError(f"`dvc {' '.join(words[:2])}` failed, see above")
    return ran.stdout or ""
