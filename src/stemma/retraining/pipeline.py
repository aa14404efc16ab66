"""The DVC side: remote, pull, repro, push, and what differs from earlier results."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stemma.errors import StemmaError
from stemma.retraining.process import Commands, Done
from stemma.retraining.repository import LOCK
from stemma.retraining.request import RetrainingFailed

UP_TO_DATE = "Data and pipelines are up to date."
RAN, RESTORED = re.compile(r"^Running stage '(.+)':"), re.compile(r"^Stage '(.+)' is cached")
FAILED = re.compile(r"failed to reproduce '([^']+)'")
WRONG = re.compile(r"'(?:\./)?dvc\.yaml'")
"""What DVC calls the file that it cannot read."""
NOISE = re.compile(r"^(> |ERROR|Running stage|Updating lock|Generating lock|To track|\s*git add|To enable|Use `dvc)")


class Pipeline:
    """The workspace's pipeline; `remote` is the DVC remote, empty if there is none."""

    def __init__(self, commands: Commands, remote: str) -> None:
        self.commands, self.remote = commands, remote

    def take_lock(self, reference: str) -> None:
        """Start from the dvc.lock of earlier results, so that DVC knows what is made already."""
        if self.commands.git("ls-files", LOCK).text:
            return
        found = self.commands.git("show", f"{reference}:{LOCK}")
        if not found.code:
            (self.commands.folder / LOCK).write_text(found.text + "\n", encoding="utf-8")

    def changed(self) -> bool:
        """Whether any stage would have to run or to be restored, without any data here.

        Raises:
            StemmaError: dvc.yaml cannot be read.
        """
        done = self.commands.dvc("repro", "--dry", "--allow-missing")
        if done.code and (told := next((line for line in done.lines if WRONG.search(line)), None)):
            raise StemmaError(self.commands.secrets.hide(told.removeprefix("ERROR: ")))
        return UP_TO_DATE not in done.lines

    def pull(self, *paths: str) -> None:
        """Bring outputs and what was ever run from the remote; what it lacks is made anew.

        Raises:
            StemmaError: the remote cannot be reached.
        """
        if not self.remote:
            return
        more = () if paths else ("--run-cache",)
        done = self.commands.dvc("pull", "--force", "--allow-missing", *more, "-r", self.remote, *paths)
        if done.code:
            raise StemmaError(f"DVC remote '{self.remote}': cannot be read ({done.reason()})")

    def repro(self) -> tuple[list[str], list[str]]:
        """Run what changed; the stages that ran and those that came from the cache.

        Raises:
            RetrainingFailed: a stage failed; it and its reason are named. What others made is kept in the remote.
        """
        pulling = ("--pull",) if self.remote else ()
        done = self.commands.dvc("repro", *pulling, show=True)
        if done.code:
            self._keep()
            raise RetrainingFailed(failure(done))
        return [m[1] for m in map(RAN.match, done.lines) if m], [m[1] for m in map(RESTORED.match, done.lines) if m]

    def _keep(self) -> None:
        """Push what was made before a failure: the next retraining goes on from there."""
        if self.remote:
            self.commands.dvc("push", "--run-cache", "-r", self.remote)

    def push(self) -> None:
        if not self.remote:
            return
        done = self.commands.dvc("push", "--run-cache", "-r", self.remote)
        if done.code:
            raise RetrainingFailed(f"DVC remote '{self.remote}': outputs not pushed ({done.reason()})")

    def metrics_diff(self, reference: str) -> dict[str, dict[str, Any]]:
        """`runs/NAME/metrics.json` -> metric -> `old`, `new`, `diff`, of what differs from `reference`."""
        return self._json("metrics", "diff", reference)

    def params_diff(self, reference: str) -> dict[str, dict[str, Any]]:
        """File -> key -> `old` and `new` of the parameters that differ from `reference`."""
        return self._json("params", "diff", reference)

    def _json(self, *words: str) -> dict[str, Any]:
        done = self.commands.dvc(*words, "--json")
        if done.code:
            raise RetrainingFailed(f"dvc {' '.join(words[:2])}: {done.reason()}")
        return dict(json.loads(done.lines[-1]))


def chosen_remote(checkout: Commands, known: dict[str, str], name: str | None) -> str:
    """The DVC remote `name` of the `known` ones (name -> address), else the default one, else empty.

    Raises:
        StemmaError: there is no such remote, or the folder that it names is not there.
    """
    chosen = name or checkout.dvc("config", "core.remote").text.strip()
    if not chosen:
        return ""
    if chosen not in known:
        told = f"known: {', '.join(known)}" if known else f"there is none; `dvc remote add {chosen} ADDRESS`"
        raise StemmaError(f"DVC remote '{chosen}': not configured; {told}")
    if not urlsplit(known[chosen]).scheme and not Path(known[chosen]).is_dir():
        raise StemmaError(f"DVC remote '{chosen}': no folder {known[chosen]}; is it mounted?")
    return chosen


def failure(done: Done) -> str:
    """Which stage failed, and the last that it said."""
    place = next((i for i, line in enumerate(done.lines) if FAILED.search(line)), None)
    if place is None:
        return f"dvc repro: {done.reason()}"
    stage = FAILED.search(done.lines[place])
    starts = [i for i, line in enumerate(done.lines[:place]) if RAN.match(line)]
    told = [line.strip() for line in done.lines[(starts or [0])[-1] : place] if line.strip() and not NOISE.match(line)]
    return done.secrets.hide(f"stage {stage[1] if stage else '?'} failed: {(told or [done.lines[place]])[-1][:500]}")
