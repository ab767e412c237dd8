"""Active days: for each account the UTC days with a record, told apart by the cutoff's time of day.

Two bits tell whether a day has a record up to the time of day of the cutoffs, and whether it has one after it. As all
windows begin and end at that time of day, these decide for whole days and for the days at their ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from holdfast.features.carry.plan import Plan
from holdfast.features.carry.rows import Arrays
from holdfast.features.carry.sums import Arrivals, widened
from holdfast.features.indicators.expression import Window
from holdfast.features.kernel.arrays import Bools, Floats, Ints
from holdfast.features.kernel.windows import offsets
from holdfast.features.time import DAY_US

Marks = NDArray[np.uint8]
_BEFORE, _AFTER = 1, 2


@dataclass
class Calendar:
    """The days of one selection.

    Attributes
    ----------
    reach
        After how many days a day is forgotten; none: never.
    days
        The UTC days that any account has, ascending.
    marks
        Accounts x days.
    """

    bit: int
    reach: int | None
    days: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    marks: Marks = field(default_factory=lambda: np.zeros((0, 0), dtype=np.uint8))

    def step(self, arrivals: Arrivals) -> None:
        """Mark the days of what is new, and forget those that no window reaches."""
        rows = arrivals.fresh
        where, day = np.flatnonzero(rows.chosen(self.bit)), rows.at // DAY_US
        oldest = self.days[:1] if self.reach is None else np.array([arrivals.now - self.reach])
        if self.reach is not None:
            where = where[day[where] >= oldest[0]]
        day = day[where]
        self._lay(np.union1d(self.days[self.days >= oldest[0]] if len(oldest) else self.days, day))
        place, after = np.searchsorted(self.days, day), rows.day[where] > day
        for mask, mark in ((~after, _BEFORE), (after, _AFTER)):
            account, column = rows.account[where[mask]], place[mask]
            self.marks[account, column] |= np.uint8(mark)

    def _lay(self, days: Ints) -> None:
        if np.array_equal(days, self.days):
            return
        marks = np.zeros((len(self.marks), len(days)), dtype=np.uint8)
        kept = np.isin(self.days, days, assume_unique=True)
        place = np.searchsorted(days, self.days[kept])
        if len(place) and place[-1] - place[0] + 1 == len(place):  # the usual case, much faster
            first = int(np.argmax(kept))
            marks[:, place[0] : place[-1] + 1] = self.marks[:, first : first + len(place)]
        else:
            marks[:, place] = self.marks[:, kept]
        self.days, self.marks = days, marks

    def inside(self, length: float | None, high: int) -> tuple[Ints, Bools]:
        """Give the days of a window up to an edge, and which accounts have them."""
        low = None if length is None else high - round(length)
        first = 0 if low is None else int(np.searchsorted(self.days, low))
        last = int(np.searchsorted(self.days, high, side="right"))
        days = self.days[first:last]
        wanted = np.full(len(days), _BEFORE | _AFTER, dtype=np.uint8)
        wanted[days == high] = _BEFORE
        if low is not None:
            wanted[days == low] = _AFTER
        return days, (self.marks[:, first:last] & wanted) != 0


class Days:
    """All selections of a table of which active days are asked for."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        reach: dict[int, float] = {}
        for leaf in plan.having("days"):
            far = np.inf if leaf.days is None else max(offsets(leaf))
            reach[plan.bit(leaf)] = max(reach.get(plan.bit(leaf), 0.0), far)
        self.calendars = {
            bit: Calendar(bit, None if np.isinf(far) else round(far)) for bit, far in sorted(reach.items())
        }

    def grow(self, accounts: int) -> None:
        """Make room for accounts."""
        for one in self.calendars.values():
            one.marks = widened(one.marks, accounts)

    def reset(self, gone: Bools) -> None:
        """Forget accounts."""
        for one in self.calendars.values():
            one.marks[gone] = 0

    def step(self, arrivals: Arrivals) -> None:
        """Take in what a step brings."""
        for one in self.calendars.values():
            one.step(arrivals)

    def value(self, leaf: Window, now: int) -> Floats:
        """Measure a leaf."""
        days, held = self.calendars[self.plan.bit(leaf)].inside(leaf.days, now - round(leaf.ago))
        if leaf.verb == "active_days":
            return np.asarray(np.count_nonzero(held, axis=1), dtype=np.float64)
        return _spread(days, held)

    def save(self) -> Arrays:
        """Give what is carried."""
        found: Arrays = {}
        for place, one in enumerate(self.calendars.values()):
            found[f"{place}/days"] = one.days
            for mark in (_BEFORE, _AFTER):
                found[f"{place}/marks/{mark}"] = np.packbits(one.marks.reshape(-1) & mark)
        return found

    def load(self, arrays: Arrays, accounts: int) -> None:
        """Take up what was carried."""
        for place, one in enumerate(self.calendars.values()):
            one.days = np.asarray(arrays[f"{place}/days"])
            one.marks, size = np.zeros((accounts, len(one.days)), dtype=np.uint8), accounts * len(one.days)
            for mark in (_BEFORE, _AFTER):
                held = np.unpackbits(np.asarray(arrays[f"{place}/marks/{mark}"], dtype=np.uint8), count=size)
                one.marks |= (held * np.uint8(mark)).reshape(one.marks.shape)


def _spread(days: Ints, held: Bools) -> Floats:
    """Give the spread of the gaps between the days over their mean, as `kernel.rhythm` does; nan below two gaps."""
    account, column = np.nonzero(held)
    day = days[column]
    ends = np.cumsum(np.count_nonzero(held, axis=1))
    gap = np.diff(day, prepend=0)
    squares = np.append(0, np.cumsum(gap * gap))
    starts = np.append(0, ends)[:-1]
    first, last = np.minimum(starts, len(day) - 1), np.maximum(ends - 1, 0)
    told = np.append(day, 0)
    gaps = np.where(starts < ends, last - first, 0).astype(np.float64)
    gaps = np.where(gaps >= 2, gaps, np.nan)
    mean = (told[last] - told[first]) / gaps
    spread = (squares[last + 1] - squares[first + 1]) / gaps - mean * mean if len(account) else gaps
    return np.asarray(np.sqrt(np.maximum(spread, 0.0)) / mean)
