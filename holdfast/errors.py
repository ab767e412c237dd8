"""What can go wrong, as one tree.

HoldfastError            exit 71  internal
├── UsageError           exit 2   a wrong argument, plan or name
├── DataError            exit 30  the data cannot be used as it is
├── TooFewEvents         exit 31  too few churn events to learn from
├── LockHeld             exit 50  another run works in this workspace
├── PublishError         exit 60  publishing failed, what was there before is intact
└── BundleError          exit 70  a stored model is damaged or does not fit

Every message says where, what was expected, what was found, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar

_TOLD = 10  # names that a message lists


class HoldfastError(Exception):
    """Say where something went wrong, what was expected and found, and what to do.

    Parameters
    ----------
    where
        The place: a file, a table and column, a plan key, an argument.
    expected
        What would have been right.
    found
        What was there instead.
    do
        The remedy, as an instruction.

    Examples
    --------
    >>> print(DataError("usage.csv, column occurred_at", "a time", "'soon'", "correct the row"))
    usage.csv, column occurred_at: expected a time, found 'soon'. Do: correct the row.
    """

    exit_code: ClassVar[int] = 71

    def __init__(self, where: str, expected: str, found: str, do: str) -> None:
        self.where, self.expected, self.found, self.do = where, expected, found, do
        super().__init__(f"{where}: expected {expected}, found {found}. Do: {do}.")

    def __reduce__(self) -> tuple[type[HoldfastError], tuple[str, str, str, str]]:
        return type(self), (self.where, self.expected, self.found, self.do)


class UsageError(HoldfastError):
    """A wrong argument, plan key or name; the caller can mend it."""

    exit_code = 2


class DataError(HoldfastError):
    """Data that cannot be used as it is; nothing was written."""

    exit_code = 30


class TooFewEvents(HoldfastError, ValueError):
    """Too few churn events, or none that stayed, to learn from."""

    exit_code = 31


class LockHeld(HoldfastError):
    """Another run holds the workspace."""

    exit_code = 50


class PublishError(HoldfastError):
    """Publishing failed; what had been published before is intact."""

    exit_code = 60


class BundleError(HoldfastError):
    """A stored model is damaged, or does not fit this catalogue or schema."""

    exit_code = 70


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Suggest the nearest known name, or name a few of those that are known, as the last words of a message.

    Examples
    --------
    >>> did_you_mean("usgae", ["usage", "tickets"])
    "did you mean 'usage'?"
    >>> did_you_mean("x", ["usage", "tickets"])
    'known are tickets, usage'
    >>> did_you_mean("x", [f"A{i:03d}" for i in range(200)])
    'known are A000, A001, A002, A003, A004, A005, A006, A007, A008, A009 and 190 more'
    """
    known = sorted(known)
    if near := get_close_matches(name, known, n=1):
        return f"did you mean {near[0]!r}?"
    more = f" and {len(known) - _TOLD} more" if len(known) > _TOLD else ""
    return f"known are {', '.join(known[:_TOLD])}{more}"
