"""The one error for a user's mistake, and the hint that goes with it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any


def without_credentials(text: str) -> str:
    """`text` with no user's name or password in its addresses."""
    return re.sub(r"(?<=://)[^/\s]*@", "", text)


class StemmaError(Exception):
    """A mistake that the user can mend: one line that says what, where and what is allowed.

    Commands and stages print it without a stack trace and exit with `exit_code`; an address loses its credentials.
    """

    exit_code = 2

    def __init__(self, message: str) -> None:
        super().__init__(without_credentials(message))


class TrainingFailed(StemmaError):
    """Training of `seed` produced nothing usable (a loss is not finite, for example); `history` is what it left."""

    exit_code = 1

    def __init__(self, message: str, seed: int | None = None, history: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(message)
        self.seed, self.history = seed, history


def unknown(what: str, name: object, known: Iterable[str]) -> StemmaError:
    """The error for a `name` that is none of the `known` ones: names the nearest and lists all."""
    known = sorted(map(str, known))
    near = get_close_matches(str(name), known, n=1)
    hint = f" (did you mean '{near[0]}'?)" if near else ""
    return StemmaError(f"{what}: unknown name '{name}'{hint}; known: {', '.join(known)}")
