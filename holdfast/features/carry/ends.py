"""Ends: for each account the newest or oldest record, or the largest value, behind an edge."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from holdfast.features.carry.plan import Plan
from holdfast.features.carry.rows import Arrays, Rows
from holdfast.features.carry.sums import Arrivals
from holdfast.features.indicators.expression import Window
from holdfast.features.kernel.arrays import Bools, Floats, Ints
from holdfast.features.time import DAY_US

_KINDS = {
    "latest": "newest",
    "days_since": "newest",
    "first": "oldest",
    "days_since_first": "oldest",
    "max": "largest",
    "min": "smallest",
}
_NEVER = np.iinfo(np.int64).min


@dataclass
class End:
    """One record per account, with its two times and the value of one column; without a record `at` is `_NEVER`."""

    kind: str
    column: str
    bit: int
    ago: int
    at: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    known: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    value: Floats = field(default_factory=lambda: np.zeros(0))

    def grow(self, accounts: int) -> None:
        """Make room for accounts."""
        more = accounts - len(self.at)
        self.at = np.append(self.at, np.full(more, _NEVER))
        self.known = np.append(self.known, np.full(more, _NEVER))
        self.value = np.append(self.value, np.full(more, np.nan))

    def reset(self, gone: Bools) -> None:
        """Forget accounts."""
        self.at[gone], self.known[gone], self.value[gone] = _NEVER, _NEVER, np.nan

    def step(self, arrivals: Arrivals) -> None:
        """Take in what a step brings."""
        for rows in (arrivals.moved.get(self.ago), arrivals.fresh):
            if rows is not None and len(rows):
                where = np.flatnonzero(rows.chosen(self.bit) & (rows.day <= arrivals.now - self.ago))
                if self.kind in ("largest", "smallest"):
                    self._extremes(rows, where)
                else:
                    self._ends(rows, where)

    def _extremes(self, rows: Rows, where: Ints) -> None:
        sign = 1.0 if self.kind == "largest" else -1.0
        values = np.where(np.isnan(self.value), -np.inf, sign * self.value)
        np.maximum.at(values, rows.account[where], sign * rows.numbers[self.column][where])
        self.value = np.where(np.isneginf(values), np.nan, sign * values)

    def _ends(self, rows: Rows, where: Ints) -> None:
        """Rows of one account lie side by side in their order, so that the last of a run is the newest."""
        account = rows.account[where]
        turn = account[1:] != account[:-1]
        newest = self.kind == "newest"
        own = np.flatnonzero(np.append(turn, True) if newest else np.append(True, turn))[: len(account)]
        account, where = account[own], where[own]
        at, known = rows.at[where], rows.known[where]
        before, learnt = self.at[account], self.known[account]
        if newest:
            better = (at > before) | ((at == before) & (known > learnt))
        else:
            better = (before == _NEVER) | (at < before) | ((at == before) & (known < learnt))
        account, where = account[better], where[better]
        self.at[account], self.known[account] = rows.at[where], rows.known[where]
        if self.column:
            self.value[account] = rows.numbers[self.column][where]

    def measure(self, leaf: Window, instant: int) -> Floats:
        """Measure a leaf at a cutoff."""
        if self.kind in ("largest", "smallest"):
            return self.value.copy()
        held = self.at > _NEVER
        if leaf.days is not None:
            held &= self.at > instant - (round(leaf.ago) + round(leaf.days)) * DAY_US
        if self.column:
            return np.where(held, self.value, np.nan)
        return np.where(held, (instant - np.where(held, self.at, 0)) / DAY_US, np.nan)


class Ends:
    """All ends of a table."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.phase = plan, 0
        keys = sorted({self._key(leaf) for leaf in plan.having("ends")})
        self.ends = {key: End(*key) for key in keys}

    def _key(self, leaf: Window) -> tuple[str, str, int, int]:
        return _KINDS[leaf.verb], leaf.column, self.plan.bit(leaf), round(leaf.ago)

    def grow(self, accounts: int) -> None:
        """Make room for accounts."""
        for one in self.ends.values():
            one.grow(accounts)

    def reset(self, gone: Bools) -> None:
        """Forget accounts."""
        for one in self.ends.values():
            one.reset(gone)

    def step(self, arrivals: Arrivals) -> None:
        """Take in what a step brings."""
        for one in self.ends.values():
            one.step(arrivals)

    def value(self, leaf: Window, now: int) -> Floats:
        """Measure a leaf."""
        return self.ends[self._key(leaf)].measure(leaf, self.phase + now * DAY_US)

    def save(self) -> Arrays:
        """Give what is carried."""
        found: Arrays = {}
        for place, one in enumerate(self.ends.values()):
            found |= {f"{place}/at": one.at, f"{place}/known": one.known, f"{place}/value": one.value}
        return found

    def load(self, arrays: Arrays, _: int) -> None:
        """Take up what was carried."""
        for place, one in enumerate(self.ends.values()):
            one.at = np.array(arrays[f"{place}/at"], dtype=np.int64)
            one.known = np.array(arrays[f"{place}/known"], dtype=np.int64)
            one.value = np.array(arrays[f"{place}/value"], dtype=np.float64)
