"""Commands that a retraining gives: in the workspace, their words without secrets on the terminal and in a log."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from stemma.retraining.secrets import Secrets

TOKEN = "STEMMA_GIT_TOKEN"  # noqa: S105 - the variable's name
"""The variable with the token for the Git remote; only Git's own commands that reach the remote see it."""
QUIET = {
    "DVC_NO_ANALYTICS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
    "PYTHONUNBUFFERED": "1",
}
"""An unattended command must fail, not ask; what the environment says otherwise holds."""
ASKED = f'!f() {{ echo username=x-access-token; echo "password=${TOKEN}"; }}; f'
"""A credential helper that answers with the token out of the environment: it stands in no file and no argument."""


@dataclass(frozen=True)
class Done:
    """A command that ended; `lines` are what it said, to be read and not to be told."""

    code: int
    lines: list[str]
    secrets: Secrets

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def reason(self) -> str:
        """The last line that names an error, else the last line; without secrets."""
        told = [line.strip() for line in self.lines if line.strip()]
        errors = [line for line in told if line.lower().startswith(("error", "fatal", "stemma:", "remote:"))]
        return self.secrets.hide((errors or told or [f"exit code {self.code}"])[-1])[:500]


class Commands:
    """Runs commands in `folder`.

    Args:
        keep: file descriptors that they inherit: the lock, which so outlives this process as long as they live.
    """

    def __init__(self, folder: Path, secrets: Secrets, environment: Mapping[str, str], keep: Sequence[int] = ()):
        self.folder, self.secrets, self.keep = folder, secrets, tuple(keep)
        self.environment = {**QUIET, **environment}
        self.token = self.environment.pop(TOKEN, "")
        self.log: TextIO | None = None

    def git(self, *words: str, remote: bool = False) -> Done:
        """A Git command; with the token if it talks to the `remote`."""
        more = {TOKEN: self.token} if remote and self.token else {}
        helper = ["-c", "credential.helper=", "-c", f"credential.helper={ASKED}"] if more else []
        return self.run(["git", *helper, *words], more)

    def dvc(self, *words: str, show: bool = False) -> Done:
        """A DVC command, whose lists are not to be folded to the width of a terminal."""
        return self.run([sys.executable, "-m", "dvc", *words], {"COLUMNS": "10000"}, show)

    def stemma(self, *words: str, show: bool = False) -> Done:
        return self.run([sys.executable, "-m", "stemma.cli.main", *words], show=show)

    def run(self, command: Sequence[str], more: Mapping[str, str] | None = None, show: bool = False) -> Done:
        """Run `command`; every line goes to the log, and to the terminal if it is to `show`."""
        process = subprocess.Popen(  # noqa: S603 - a list of words, no shell
            command, cwd=self.folder, env={**self.environment, **(more or {})}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", pass_fds=self.keep,
            start_new_session=True,
        )  # fmt: skip
        lines: list[str] = []
        try:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line.rstrip("\n"))
                self._tell(lines[-1], show)
            return Done(process.wait(), lines, self.secrets)
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            raise

    def _tell(self, line: str, show: bool) -> None:
        line = self.secrets.hide(line)
        if self.log is not None:
            print(line, file=self.log, flush=True)
        if show:
            print(line, flush=True)
