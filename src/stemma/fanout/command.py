"""DVC's command, run."""

import subprocess
from pathlib import Path

from stemma.dvc import COMMAND
from stemma.errors import StemmaError


def dvc(*words: str, told: bool = True, folder: Path = Path()) -> str:
    """Run `dvc WORDS` in `folder`; what it prints goes to the terminal, or is returned if it is not to be `told`.

    Raises:
        StemmaError: it failed.
    """
    ran = subprocess.run([*COMMAND, *words], cwd=folder, stdout=None if told else subprocess.PIPE, text=True)  # noqa: S603
    if ran.returncode:
        raise StemmaError(f"`dvc {' '.join(words[:2])}` failed, see above")
    return ran.stdout or ""
