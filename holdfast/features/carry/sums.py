"""What adds up: running totals at the edges of the windows, and decaying sums by blocks of the calendar.

All are pairs of int64 words, whole parts and 2^-32 fractions as in `kernel.tally`, so that a window is the difference
of two totals, to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from holdfast.features.carry.plan import Plan
from holdfast.features.carry.rows import Arrays, Rows
from holdfast.features.indicators.expression import Window
from holdfast.features.kernel.arrays import Bools, Floats, Ints
from holdfast.features.kernel.tally import FRACTION, joined
from holdfast.features.kernel.windows import VERBS, offsets
from holdfast.features.time import DAY_US, days

Number = TypeVar("Number", bound=np.generic)
BLOCK, REACH = 8, 64  # half-lives in a block of a decaying sum, and until a block has faded out
_LARGEST = 2.0**40  # beyond, sums might leave 64 bits


class TooLarge(Exception):
    """A number is too large to be added up for ever."""


@dataclass(frozen=True)
class Arrivals:
    """What a step brings.

    Attributes
    ----------
    now
        The day of the new cutoff.
    fresh
        Rows that are new, known by the cutoff.
    moved
        By distance in days, rows that were there and have come to lie behind the edge ``now - distance``.
    """

    now: int
    fresh: Rows
    moved: Mapping[int, Rows]


def split(values: Floats) -> tuple[Ints, Ints]:
    """Split numbers into whole parts and 2^-32 fractions; missing ones count nothing."""
    values = np.where(np.isnan(values), 0.0, values)
    whole = np.trunc(values)
    if len(values) and np.abs(whole).max() > _LARGEST:
        raise TooLarge
    return whole.astype(np.int64), np.rint((values - whole) * FRACTION).astype(np.int64)


def widened(table: NDArray[Number], rows: int) -> NDArray[Number]:
    """Give a table of accounts more rows of zeros."""
    return np.concatenate([table, np.zeros((rows - len(table), *table.shape[1:]), dtype=table.dtype)])


class Series:
    """The running totals of one column under one selection, at some distances from the cutoff."""

    def __init__(self, column: str, bit: int, distances: tuple[int, ...]) -> None:
        self.column, self.bit, self.distances = column, bit, distances
        self.words = [np.zeros((0, len(distances)), dtype=np.int64) for _ in range(2 if column else 1)]

    def step(self, arrivals: Arrivals) -> None:
        """Add what is new behind each edge, and what the edges have moved past."""
        fresh = arrivals.fresh
        edges = arrivals.now - np.array(self.distances[::-1], dtype=np.int64)
        where = np.flatnonzero(fresh.chosen(self.bit) & (fresh.day <= edges[-1]))
        cell, account = np.searchsorted(edges, fresh.day[where]), fresh.account[where]
        for word, amount in zip(self.words, self._amounts(fresh, where), strict=True):
            if amount.any():
                held = np.zeros(word.shape, dtype=np.int64)
                np.add.at(held.reshape(-1), account * len(edges) + cell, amount)
                np.add(word, np.cumsum(held, axis=1)[:, ::-1], out=word)
        for place, distance in enumerate(self.distances):
            rows = arrivals.moved.get(distance)
            if rows is not None and len(rows):
                where = np.flatnonzero(rows.chosen(self.bit))
                for word, amount in zip(self.words, self._amounts(rows, where), strict=True):
                    np.add.at(word[:, place], rows.account[where], amount)

    def _amounts(self, rows: Rows, where: Ints) -> tuple[Ints, ...]:
        return split(rows.numbers[self.column][where]) if self.column else (np.ones(len(where), dtype=np.int64),)

    def within(self, length: float | None, ago: float) -> Floats:
        """Sum up the window ``(T - ago - length, T - ago]``."""
        high = self.distances.index(round(ago))
        total = [word[:, high] for word in self.words]
        if length is not None:
            low = self.distances.index(round(ago + length))
            total = [word[:, high] - word[:, low] for word in self.words]
        return joined(total[0], total[1] if self.column else None)


class Sums:
    """All running totals of a table."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        wanted: dict[tuple[str, int], set[int]] = {}
        for leaf in plan.having("sums"):
            distances = {round(one) for one in offsets(leaf)}
            for column in {leaf.column, ""} if leaf.verb == "mean" else {leaf.column}:
                wanted.setdefault((column, plan.bit(leaf)), set()).update(distances)
        self.series = {key: Series(*key, tuple(sorted(found))) for key, found in sorted(wanted.items())}

    def grow(self, accounts: int) -> None:
        """Make room for accounts."""
        for one in self.series.values():
            one.words = [widened(word, accounts) for word in one.words]

    def reset(self, gone: Bools) -> None:
        """Forget accounts."""
        for one in self.series.values():
            for word in one.words:
                word[gone] = 0

    def step(self, arrivals: Arrivals) -> None:
        """Take in what a step brings."""
        for one in self.series.values():
            one.step(arrivals)

    def value(self, leaf: Window) -> Floats:
        """Measure a leaf."""
        verb: Any = VERBS[leaf.verb]
        return np.asarray(verb(_Reader(self), leaf)[:, 0])

    def save(self) -> Arrays:
        """Give what is carried."""
        return {
            f"{place}/{number}": word.reshape(-1)
            for place, one in enumerate(self.series.values())
            for number, word in enumerate(one.words)
        }

    def load(self, arrays: Arrays, accounts: int) -> None:
        """Take up what was carried."""
        for place, one in enumerate(self.series.values()):
            shape = (accounts, len(one.distances))
            one.words = [np.array(arrays[f"{place}/{n}"], dtype=np.int64).reshape(shape) for n in range(len(one.words))]


@dataclass(frozen=True)
class _Reader:
    """Stand where the kernel's verbs expect `Windows`, so that there is one formula for each."""

    sums: Sums

    @property
    def clock(self) -> _Reader:
        return self

    def window(self, length: float | None, ago: float = 0.0) -> tuple[float | None, float]:
        return length, ago

    def total(self, leaf: Window) -> _Total:
        return _Total(self.sums.series[leaf.column, self.sums.plan.bit(leaf)])

    def count(self, leaf: Window) -> _Total:
        return _Total(self.sums.series["", self.sums.plan.bit(leaf)])


@dataclass(frozen=True)
class _Total:
    series: Series

    def within(self, window: tuple[float | None, float]) -> Floats:
        return self.series.within(*window)[:, None]


class Decayed:
    """All decaying sums of a table: accounts x blocks, from a first block on."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.phase = plan, 0
        self.keys = sorted({(leaf.column, plan.bit(leaf), leaf.option) for leaf in plan.having("decayed")})
        self.first = dict.fromkeys(self.keys, 0)
        self.words = {key: [np.zeros((0, 0), dtype=np.int64) for _ in range(2)] for key in self.keys}

    def grow(self, accounts: int) -> None:
        """Make room for accounts."""
        for key, found in self.words.items():
            self.words[key] = [widened(word, accounts) for word in found]

    def reset(self, gone: Bools) -> None:
        """Forget accounts."""
        for found in self.words.values():
            for word in found:
                word[gone] = 0

    def step(self, arrivals: Arrivals) -> None:
        """Add what is new, and let blocks fade out."""
        now = self.phase + arrivals.now * DAY_US
        for key in self.keys:
            self._lay(key, now)
            for rows in (arrivals.fresh, arrivals.moved.get(0)):
                if rows is not None and len(rows):
                    self._add(key, rows, arrivals.now)

    def _lay(self, key: tuple[str, int, float], now: int) -> None:
        """Lay out the blocks that are felt at an instant."""
        length = BLOCK * days(key[2])
        first, last = (now - REACH * days(key[2])) // length, (now - 1) // length
        shift, laid = first - self.first[key], []
        for word in self.words[key]:
            new = np.zeros((len(word), last - first + 1), dtype=np.int64)
            kept = word[:, max(shift, 0) : max(shift, 0) + new.shape[1]]
            new[:, : kept.shape[1]] = kept if shift >= 0 else 0
            laid.append(new)
        self.first[key], self.words[key] = first, laid

    def _add(self, key: tuple[str, int, float], rows: Rows, now: int) -> None:
        column, bit, option = key
        half_life, length = days(option), BLOCK * days(option)
        block = (rows.at - 1) // length - self.first[key]
        where = np.flatnonzero(rows.chosen(bit) & (rows.day <= now) & (block >= 0))
        if not len(where):
            return
        at = rows.at[where]
        weights = np.exp2((at - (at - 1) // length * length) / half_life)
        values = weights * rows.numbers[column][where] if column else weights
        for word, amount in zip(self.words[key], split(values), strict=True):
            np.add.at(word, (rows.account[where], block[where]), amount)

    def value(self, leaf: Window, now: int) -> Floats:
        """Measure a leaf, as `kernel.windows` does: block by block, oldest first."""
        key = (leaf.column, self.plan.bit(leaf), leaf.option)
        half_life, length = days(leaf.option), BLOCK * days(leaf.option)
        whole, fraction = self.words[key]
        result = np.zeros(len(whole))
        for place in range(whole.shape[1]):
            age = self.phase + now * DAY_US - (self.first[key] + place) * length
            if 0 < age <= REACH * half_life:
                result += joined(whole[:, place], fraction[:, place]) * np.exp2(-np.array([float(age)]) / half_life)
        return result

    def save(self) -> Arrays:
        """Give what is carried."""
        found: Arrays = {"first": np.array([self.first[key] for key in self.keys], dtype=np.int64)}
        for place, key in enumerate(self.keys):
            for number, word in enumerate(self.words[key]):
                found[f"{place}/{number}"] = word.reshape(-1)
        return found

    def load(self, arrays: Arrays, accounts: int) -> None:
        """Take up what was carried."""
        self.first = dict(zip(self.keys, arrays["first"].tolist(), strict=True))
        for place, key in enumerate(self.keys):
            found = [np.array(arrays[f"{place}/{n}"], dtype=np.int64) for n in range(2)]
            self.words[key] = [word.reshape(accounts, -1) for word in found] if accounts else self.words[key]
