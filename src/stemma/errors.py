"""The one error for a user's mistake, and the hint that goes with it."""

from collections.abc import Iterable
from difflib import get_close_matches


class StemmaError(Exception):
    """A mistake that the user can mend: one line that says what, where and what is allowed.

    Commands and stages print it without a stack trace and exit with `exit_code`.
    """

    exit_code = 2


class TrainingFailed(StemmaError):
    """Training ran and produced nothing usable (a loss that is not finite, for example)."""

    exit_code = 1


def unknown(what: str, name: object, known: Iterable[str]) -> StemmaError:
    """The error for a `name` that is none of the `known` ones: names the nearest and lists all."""
    known = sorted(known)
    near = get_close_matches(str(name), known, n=1)
    hint = f" (did you mean '{near[0]}'?)" if near else ""
    return StemmaError(f"{what}: unknown name '{name}'{hint}; known: {', '.join(known)}")
