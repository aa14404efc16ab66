"""What is asked of a retraining, and what came of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stemma.errors import StemmaError

REASONS = ("push", "pull_request", "schedule", "dispatch")


class RetrainingFailed(StemmaError):
    """A step failed that had begun: the champion is the one before; what was finished is in the cache."""

    exit_code = 1


@dataclass(frozen=True)
class Request:
    """What is to be retrained, and why.

    Attributes:
        reason: one of `REASONS`; a pull request is never published or promoted, a schedule looks for drift first.
        ref: the commit; `HEAD` asks for a checkout without changes.
        branch: on whose behalf, which names the branch of the results; None: the one that is checked out.
        base: the branch with whose results they are compared, and which alone is promoted.
        settings: `KEY=VALUE` for params.yaml.
        drift: `SLOT=PATH`, new data that a schedule compares with the slot.
        git_remote, remote: names of the Git remote and of the DVC remote; None: DVC's default, if there is one.
        publish: to MLflow; None: on the branch `base` only.
        wait: for another retraining of this project to end, instead of giving up.
    """

    reason: str
    ref: str = "HEAD"
    branch: str | None = None
    base: str = "main"
    settings: tuple[str, ...] = ()
    drift: tuple[str, ...] = ()
    git_remote: str = "origin"
    remote: str | None = None
    publish: bool | None = None
    wait: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of it: `retrained`, `unchanged` (no relevant change), `present` (these results are there), `no drift`.

    `branch` is that of the results, `report` the page about them; None where nothing was retrained.
    """

    what: Literal["retrained", "unchanged", "present", "no drift"]
    line: str
    branch: str | None = None
    report: Path | None = None
