"""What a measurement found, before it is judged, and the words for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, isnan, log, nan
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import norm

from holdfast.training.bootstrap import LEVEL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.training.metrics import Floats

EVENTS, EXPECTED = (
    20,
    5.0,
)  # accounts with an event in all, and expected in the smaller group, below which none is judged
Z = float(norm.ppf((1 + LEVEL) / 2))


@dataclass(frozen=True)
class Side:
    """One of the groups that are compared.

    Attributes
    ----------
    words
        Who is in it.
    rows, accounts, events
        Rows, accounts, and accounts with the event.
    rate
        Events for each decision or window; of two groups, as if both had the same mix of contracts and segments.
    """

    words: str = ""
    rows: int = 0
    accounts: int = 0
    events: int = 0
    rate: float = nan

    @classmethod
    def of(
        cls,
        words: str,
        here: NDArray[np.bool_],
        event: Floats,
        account: NDArray[np.intp],
        rate: float = nan,
    ) -> Side:
        """Count the rows of a mask."""
        accounts, events = np.unique(account[here]), np.unique(account[here & (event > 0)])
        return cls(words, int(here.sum()), len(accounts), len(events), rate)


@dataclass(frozen=True)
class Found:
    """What was found.

    Attributes
    ----------
    measure
        What ``value`` is, in words.
    more, less
        The group of which the claim says that it has the event more often, and the other one.
    value, low, high
        The figure with its 95 % interval; missing where there are too few events.
    claimed
        What the claim says it is at least, or at most.
    crude
        The ratio of the plain shares of rows, for comparison.
    p
        Chance of a figure so far from what is claimed if that were just so, on either side; missing when not judged.
    satisfied
        Whether the figure lies on the side of the claim.
    told
        The figure in words.
    holds, fails, open
        What to add when the claim holds, when it does not, and when that cannot be told.
    too_few
        Why it is not judged; empty when it is.
    """

    measure: str
    more: Side = field(default_factory=Side)
    less: Side = field(default_factory=Side)
    value: float = nan
    low: float = nan
    high: float = nan
    claimed: float = nan
    crude: float = nan
    p: float = nan
    satisfied: bool = False
    told: str = ""
    holds: str = ""
    fails: str = ""
    open: str = ""
    too_few: str = ""


def two_sided(distance: float, error: float) -> float:
    """Give the chance to lie so far from the truth, on either side, under a normal law.

    Examples
    --------
    >>> round(two_sided(1.96, 1.0), 3)
    0.05
    """
    return float(2 * norm.sf(abs(distance) / error)) if error > 0 else float(distance == 0)


def on_a_log(value: float, error: float) -> tuple[float, float]:
    """Give the 95 % interval of a positive figure whose logarithm has this standard error."""
    return value * float(np.exp(-Z * error)), value * float(np.exp(Z * error))


def few(events: int, expected: float, what: str, smaller: str) -> str:
    """Say how many more events are needed; nothing where they suffice.

    Examples
    --------
    >>> few(9, 4.0, "left", "no power user")
    '9 accounts left in both groups together and 20 are needed: 11 more'
    >>> few(60, 1.2, "left", "no power user")
    'of 60 accounts that left, 1.2 would be expected in the group "no power user" and 5 are needed: 5 times the data'
    """
    if events < EVENTS:
        return f"{events} accounts {what} in both groups together and {EVENTS} are needed: {EVENTS - events} more"
    if expected < EXPECTED:
        told = f'of {events} accounts that {what}, {expected:.1f} would be expected in the group "{smaller}" and'
        return f"{told} {EXPECTED:.0f} are needed: {ceil(EXPECTED / max(expected, 1e-3))} times the data"
    return ""


def number(value: float) -> str:
    """Write a figure as it is read out.

    Examples
    --------
    >>> number(0.734), number(1.84), number(3.26), number(41.2)
    ('0.73', '1.84', '3.3', '41')
    """
    return f"{value:.2f}" if abs(value) < 2 else f"{value:.1f}" if abs(value) < 10 else f"{value:.0f}"


def logged(value: float) -> float:
    """Take the logarithm; missing where there is none."""
    return log(value) if not isnan(value) and value > 0 else nan
