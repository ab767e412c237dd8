"""Different values: for each account and value the day on which it was last seen, and how often it was seen at all."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from holdfast.features.carry.plan import Plan, present
from holdfast.features.carry.rows import Arrays, Rows
from holdfast.features.carry.sums import Arrivals
from holdfast.features.indicators.expression import Window
from holdfast.features.kernel.arrays import Bools, Floats, Ints

_CODE = 32  # bits of a key that hold the code of a value; the account stands above them


def _none() -> Ints:
    return np.zeros(0, dtype=np.int64)


@dataclass
class Seen:
    """The values of one column under one selection, as seen behind the edge some days before the cutoff.

    Attributes
    ----------
    reach
        After how many days a value is forgotten; none: never.
    keys
        Account and value, ascending.
    newest, times
        The day on which each was last seen, and how often it was seen.
    """

    column: str
    bit: int
    ago: int
    reach: int | None
    keys: Ints = field(default_factory=_none)
    newest: Ints = field(default_factory=_none)
    times: Ints = field(default_factory=_none)

    def step(self, arrivals: Arrivals) -> None:
        """Take in what a step brings."""
        edge = arrivals.now - self.ago
        for rows in (arrivals.fresh, arrivals.moved.get(self.ago)):
            if rows is not None and len(rows):
                self._add(rows, edge)
        if self.reach is not None:
            self._keep(self.newest > edge - self.reach)

    def _add(self, rows: Rows, edge: int) -> None:
        where = np.flatnonzero(rows.chosen(self.bit) & (rows.day <= edge))
        if self.reach is not None:
            where = where[rows.day[where] > edge - self.reach]
        key = (rows.account[where] << _CODE) | rows.codes[self.column][where].astype(np.int64)
        order = np.argsort(key, kind="stable")
        key, day = key[order], rows.day[where][order]
        starts = np.flatnonzero(np.append(True, key[1:] != key[:-1])[: len(key)])
        if not len(starts):
            return
        key, times = key[starts], np.diff(np.append(starts, len(day)))
        newest = np.maximum.reduceat(day, starts)
        place = np.searchsorted(self.keys, key)
        held = np.append(self.keys, -1)[place] == key
        found = place[held]
        self.newest[found] = np.maximum(self.newest[found], newest[held])
        self.times[found] += times[held]
        new = ~held
        self.keys, self.newest, self.times = (
            np.insert(old, place[new], values[new])
            for old, values in ((self.keys, key), (self.newest, newest), (self.times, times))
        )

    def _keep(self, held: Bools) -> None:
        if not held.all():
            self.keys, self.newest, self.times = self.keys[held], self.newest[held], self.times[held]

    def reset(self, gone: Bools) -> None:
        """Forget accounts."""
        self._keep(~gone[self.keys >> _CODE])

    def within(self, length: float | None, now: int, accounts: int) -> Floats:
        """Count the values seen in a window that ends with the edge."""
        account = self.keys >> _CODE
        if length is not None:
            account = account[self.newest > now - self.ago - round(length)]
        return np.bincount(account, minlength=accounts).astype(np.float64)


class Values:
    """All columns of a table of which different values are counted."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.accounts = plan, 0
        reach: dict[tuple[str, int, int], float] = {self._all(name): np.inf for name in plan.counted}
        for leaf in plan.having("values"):
            key = (leaf.column, plan.bit(leaf), round(leaf.ago))
            reach[key] = max(reach.get(key, 0.0), np.inf if leaf.days is None else leaf.days)
        self.seen = {key: Seen(*key, None if np.isinf(far) else round(far)) for key, far in sorted(reach.items())}

    def _all(self, column: str) -> tuple[str, int, int]:
        return column, self.plan.selections.index(present(column)), 0

    def grow(self, accounts: int) -> None:
        """Make room for accounts."""
        self.accounts = accounts

    def reset(self, gone: Bools) -> None:
        """Forget accounts."""
        for one in self.seen.values():
            one.reset(gone)

    def step(self, arrivals: Arrivals) -> None:
        """Take in what a step brings."""
        for one in self.seen.values():
            one.step(arrivals)

    def value(self, leaf: Window, now: int) -> Floats:
        """Measure a leaf."""
        own = self.seen[leaf.column, self.plan.bit(leaf), round(leaf.ago)]
        return own.within(leaf.days, now, self.accounts)

    def counts(self, column: str, held: Bools) -> Ints:
        """Count how often each value occurs, over some accounts, by code."""
        own = self.seen[self._all(column)]
        kept = held[own.keys >> _CODE]
        code = own.keys[kept] & ((1 << _CODE) - 1)
        return np.rint(np.bincount(code, weights=own.times[kept])).astype(np.int64)

    def save(self) -> Arrays:
        """Give what is carried."""
        found: Arrays = {}
        for place, one in enumerate(self.seen.values()):
            found |= {f"{place}/keys": one.keys, f"{place}/newest": one.newest.astype(np.int32)}
            if one.column in self.plan.counted:
                found[f"{place}/times"] = one.times
        return found

    def load(self, arrays: Arrays, accounts: int) -> None:
        """Take up what was carried."""
        self.accounts = accounts
        for place, one in enumerate(self.seen.values()):
            one.keys = np.asarray(arrays[f"{place}/keys"])
            one.newest = np.asarray(arrays[f"{place}/newest"]).astype(np.int64)
            one.times = np.array(arrays.get(f"{place}/times", np.zeros_like(one.keys)))
