"""The kernel: every verb over windows, for all accounts of a block and all cutoffs at once, in plain numpy.

Integer arithmetic carries every sum (whole part and 2^-32 fractions as two int64 words), so that the same window gives
the same bits whatever other cutoffs, accounts or row orders it is measured with. A window is
``(T - ago - days, T - ago]``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

import numpy as np

from holdfast.features.indicators.conditions import Condition
from holdfast.features.indicators.expression import Window
from holdfast.features.kernel.arrays import Bools, Floats, Ints, Small
from holdfast.features.kernel.clock import Clock, Reach
from holdfast.features.kernel.distinct import Tokens, counted, seen, tokens
from holdfast.features.kernel.part import Part
from holdfast.features.kernel.rhythm import frequent, gap_spread, longest_gap
from holdfast.features.kernel.selection import Selection, expand, narrowed, reached, select
from holdfast.features.kernel.tally import Tally, Total, Words, fractions, words
from holdfast.features.time import DAY_US, FOREVER, days

_HOUR_US = DAY_US / 24
_BLOCK = 8  # half-lives in one block of a decayed sum: weights inside a block stay within a factor of 2 ** 8
_REACH = 64  # half-lives after which a block has faded out

Filters = tuple[Condition, ...]
Made = TypeVar("Made")


class Windows:
    """Measure the windows of one part; what several leaves share is made once."""

    def __init__(self, part: Part, clock: Clock) -> None:
        self.part, self.clock = part, clock
        self._made: dict[Hashable, Any] = {}

    def __call__(self, leaf: Window) -> Floats:
        """Measure a leaf: accounts x cutoffs, missing as nan."""
        return VERBS[leaf.verb](self, leaf)

    def selection(self, leaf: Window) -> Selection:
        """Give the records that a leaf reads: those that meet its filters and have its column."""
        return self.selected((*leaf.filters, present(leaf)) if leaf.column else leaf.filters)

    def selected(self, filters: Filters) -> Selection:
        """Give the records that meet conditions."""
        return self.once(("selection", frozenset(filters)), lambda: self._select(filters))

    def _select(self, filters: Filters) -> Selection:
        unique = tuple(sorted(set(filters), key=str))
        if not unique or any(self.part.table.dated(one) for one in unique):
            return select(self.part, self.clock, unique)
        return narrowed(self.selected(()), unique)

    def count(self, leaf: Window) -> Tally:
        """Count the records that a leaf reads."""
        return Tally.of(self.selection(leaf))

    def total(self, leaf: Window) -> Total:
        """Add up the column of a leaf, or count its records when it names none."""
        key = ("total", leaf.column, frozenset(leaf.filters))
        return self.once(key, lambda: self._total(leaf))

    def _total(self, leaf: Window) -> Total:
        if not leaf.column:
            return Total(self.count(leaf), None)
        account, where = self.part.account, f"{leaf.table}.{leaf.column}"
        split = self.once(
            ("words", leaf.column), lambda: words(self.part.numbers(leaf.column), account, where, self.seen)
        )
        filters = leaf.filters if not self.part.table.dated(present(leaf)) else (*leaf.filters, present(leaf))
        return Total.of(self.selected(filters), split)  # what is missing adds nothing

    def seen(self) -> Bools:
        """Tell which records the last cutoff sees, or an earlier one has seen."""
        return np.asarray(np.maximum(self.part.known, self.part.at) <= self.clock.cutoffs[-1])

    def tokens(self, leaf: Window, kind: str, codes: Callable[[Selection], Ints | Small]) -> Tokens:
        """Follow the values of a leaf through the cutoffs."""
        chosen, key = self.selection(leaf), (kind, frozenset(leaf.filters))
        told = self.once(("seen", *key), lambda: seen(chosen, codes(chosen)))
        return self.once(("tokens", *key, leaf.ago), lambda: tokens(chosen, told, self.clock.window(None, leaf.ago)))

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Make something the first time it is asked for."""
        if key not in self._made:
            self._made[key] = make()
        made: Made = self._made[key]
        return made


def present(leaf: Window) -> Condition:
    """Give the condition that the column of a leaf has a value."""
    return Condition(leaf.column, "known")


def offsets(leaf: Window) -> tuple[float, ...]:
    """Give the distances from the cutoff, in days, at which a leaf's windows begin and end."""
    if leaf.verb == "trend" and leaf.days is not None:
        return tuple(leaf.ago + step * leaf.days / leaf.option for step in range(round(leaf.option) + 1))
    return (leaf.ago,) if leaf.days is None else (leaf.ago, leaf.ago + leaf.days)


def blocks(leaf: Window, cutoffs: Ints) -> Ints:
    """Give the blocks of a decayed sum that some cutoff still feels: begin and end of each, in microseconds."""
    if leaf.verb != "decayed":
        return np.zeros((0, 2), dtype=np.int64)
    length = _BLOCK * days(leaf.option)
    number = np.unique(cutoffs[:, None] // length - np.arange(_REACH // _BLOCK + 2))
    return np.stack([number * length, (number + 1) * length], axis=1)


def ratio(above: Floats, below: Floats) -> Floats:
    """Divide; by zero is missing."""
    return np.asarray(above / np.where(below == 0, np.nan, below))


def _reach(leaf: Window, clock: Clock) -> Reach:
    return clock.window(leaf.days, leaf.ago)


def _exactly(chosen: Selection, reach: Reach, measure: Callable[[Selection, Reach], Any], *, late: bool = True) -> Any:
    """Measure runs of clean records, and again, record by record, where these are not what the cutoff sees."""
    result = measure(chosen, reach)
    for account, cutoff, own in chosen.exploded(reach, late=late):
        result[account, cutoff] = measure(own, own.clock.window(None))[:, 0]
    return result


def _count(windows: Windows, leaf: Window) -> Floats:
    return windows.count(leaf).within(_reach(leaf, windows.clock)).astype(np.float64)


def _sum(windows: Windows, leaf: Window) -> Floats:
    return windows.total(leaf).within(_reach(leaf, windows.clock))


def _mean(windows: Windows, leaf: Window) -> Floats:
    return ratio(_sum(windows, leaf), _count(windows, leaf))


def _max(windows: Windows, leaf: Window) -> Floats:
    return _largest(windows, leaf, 1.0)


def _min(windows: Windows, leaf: Window) -> Floats:
    return -_largest(windows, leaf, -1.0)


def _largest(windows: Windows, leaf: Window, sign: float) -> Floats:
    values = sign * windows.part.numbers(leaf.column)

    def largest(chosen: Selection, reach: Reach) -> Floats:
        low, high = chosen.run(reach)
        padded = np.append(values[chosen.rows], -np.inf)
        runs = np.maximum.reduceat(padded, np.stack([low, high], axis=-1).ravel())[::2].reshape(low.shape)
        return np.where(low < high, runs, np.nan)

    return np.asarray(_exactly(windows.selection(leaf), _reach(leaf, windows.clock), largest))


def _last(chosen: Selection, reach: Reach) -> Ints:
    """Give the row of the latest record that each cutoff sees in its window, -1 where there is none."""
    low, high = chosen.run(reach)
    newest = high - 1
    if len(chosen.late):
        position = chosen.positions_of(chosen.late.row)
        newest = chosen.prompt(newest)
        seen = np.full((chosen.shape[0], chosen.shape[1] + 1), -1, dtype=np.int64)
        np.maximum.at(
            seen, (chosen.late.account, np.maximum(chosen.late.stop, reach.since[chosen.late.cell])), position
        )
        newest = np.maximum(newest, np.maximum.accumulate(seen, axis=1)[:, :-1])
    row = np.where(newest >= low, chosen.rows_at(np.maximum(newest, 0)) if len(chosen.at) else -1, -1)
    which, cutoff = expand(*chosen.extra.inside(reach))
    np.maximum.at(row, (chosen.extra.account[which], cutoff), chosen.extra.row[which])
    return row


def _earliest(chosen: Selection, reach: Reach) -> Ints:
    """Give the row of the earliest record that each cutoff sees in its window, -1 where there is none."""

    def earliest(chosen: Selection, reach: Reach) -> Ints:
        low, high = chosen.run(reach)
        return np.where(low < high, chosen.rows_at(np.minimum(low, len(chosen.at) - 1)) if len(chosen.at) else -1, -1)

    return np.asarray(_exactly(chosen, reach, earliest))


def _first_ever(chosen: Selection, reach: Reach) -> Ints:
    """Do what `_earliest` does for windows without a beginning, where a record that is seen stays seen."""
    low, high = chosen.run(reach)
    place = chosen.next_prompt(low)
    none = np.iinfo(np.int64).max
    row = np.where(
        place < high, chosen.rows_at(np.minimum(place, len(chosen.at) - 1)) if len(chosen.at) else none, none
    )
    if len(chosen.late):
        known = np.full((chosen.shape[0], chosen.shape[1] + 1), none, dtype=np.int64)
        start = np.maximum(chosen.late.stop, reach.since[chosen.late.cell])
        np.minimum.at(known, (chosen.late.account, start), chosen.late.row)
        row = np.minimum(row, np.minimum.accumulate(known, axis=1)[:, :-1])
    which, cutoff = expand(*chosen.extra.inside(reach))
    np.minimum.at(row, (chosen.extra.account[which], cutoff), chosen.extra.row[which])
    return np.where(row == none, -1, row)


def _latest(windows: Windows, leaf: Window) -> Floats:
    row = _last(windows.selection(leaf), _reach(leaf, windows.clock))
    return np.asarray(np.append(windows.part.numbers(leaf.column), np.nan)[row])  # -1 finds the nan


def _first(windows: Windows, leaf: Window) -> Floats:
    return np.asarray(np.append(windows.part.numbers(leaf.column), np.nan)[_oldest(windows, leaf)])


def _oldest(windows: Windows, leaf: Window) -> Ints:
    find = _first_ever if leaf.days is None else _earliest
    return find(windows.selection(leaf), _reach(leaf, windows.clock))


def _age(windows: Windows, leaf: Window, row: Ints) -> Floats:
    at = np.append(windows.part.at, 0)[row]
    return np.where(row < 0, np.nan, (windows.clock.cutoffs - days(leaf.ago) - at) / DAY_US)


def _days_since(windows: Windows, leaf: Window) -> Floats:
    return _age(windows, leaf, _last(windows.selection(leaf), _reach(leaf, windows.clock)))


def _days_since_first(windows: Windows, leaf: Window) -> Floats:
    return _age(windows, leaf, _oldest(windows, leaf))


def _distinct(windows: Windows, leaf: Window) -> Floats:
    codes = windows.part.codes(leaf.column)
    return _different(windows, leaf, leaf.column, lambda chosen: codes[chosen.rows])


def _active_days(windows: Windows, leaf: Window) -> Floats:
    first = int(windows.part.at.min(initial=2**62) // DAY_US)
    return _different(windows, leaf, "", lambda chosen: chosen.at // DAY_US - first)


def _different(windows: Windows, leaf: Window, kind: str, codes: Callable[[Selection], Ints | Small]) -> Floats:
    def count(chosen: Selection, reach: Reach) -> Ints:
        if chosen.clock is windows.clock:
            return counted(windows.tokens(leaf, kind, codes), reach)
        return counted(tokens(chosen, seen(chosen, codes(chosen)), reach), reach)

    chosen = windows.selection(leaf)
    return np.asarray(_exactly(chosen, _reach(leaf, windows.clock), count, late=False), dtype=np.float64)


def _regularity(windows: Windows, leaf: Window) -> Floats:
    return np.asarray(_exactly(windows.selection(leaf), _reach(leaf, windows.clock), gap_spread))


def _silence(windows: Windows, leaf: Window) -> Floats:
    """Take the longest of the gaps inside, the one before the first record (of a window) and the one after the last."""
    told = _exactly(windows.selection(leaf), _reach(leaf, windows.clock), longest_gap)
    end = (windows.clock.cutoffs - days(leaf.ago)).astype(np.float64)
    longest = np.maximum(told[..., 0], end - told[..., 2])
    if leaf.days is None:
        return np.asarray(longest / DAY_US)
    longest = np.fmax(np.maximum(longest, told[..., 1] - (end - days(leaf.days))), 0.0)
    return np.where(np.isnan(told[..., 0]), leaf.days, longest / DAY_US)


def _frequent(windows: Windows, leaf: Window) -> Floats:
    codes, least = windows.part.codes(leaf.column), round(leaf.option)

    def count(chosen: Selection, reach: Reach) -> Ints:
        return frequent(chosen, codes[chosen.rows].astype(np.int64), reach, least)

    reach = _reach(leaf, windows.clock)
    return np.asarray(_exactly(windows.selection(leaf), reach, count), dtype=np.float64)


def _trend(windows: Windows, leaf: Window) -> Floats:
    total, bounds = windows.total(leaf), offsets(leaf)
    length = float(leaf.days or 0.0) / leaf.option
    heights = [total.within(windows.clock.window(length, ago)) for ago in bounds[-2::-1]]  # oldest first
    places = [(number - (len(heights) - 1) / 2) * length / 30.0 for number in range(len(heights))]
    slope = sum(place * height for place, height in zip(places, heights, strict=True))  # in one order for every block
    mean = sum(heights) / len(heights)
    return ratio(np.asarray(slope) / sum(place * place for place in places), np.asarray(mean))


def _decayed(windows: Windows, leaf: Window) -> Floats:
    """Add up at decaying weight, by blocks of a calendar fixed since the epoch, so that the sum in a block is exact.

    A record at t in block j weighs ``2 ** ((t - start_j) / half_life)`` there, and the block as a whole
    ``2 ** -((T - start_j) / half_life)`` at T: no rounding travels from one cutoff to another.
    """
    clock, half_life = windows.clock, days(leaf.option)
    weights = windows.once(("weights", leaf.column, leaf.option), lambda: _weighted(windows, leaf))
    total = Total.of(windows.selection(leaf), weights)
    result = np.zeros((len(windows.part.block), len(clock)))
    for start, stop in blocks(leaf, clock.cutoffs).tolist():
        age = clock.cutoffs - start
        felt = (age > 0) & (age <= _REACH * half_life)
        low, high = (int(np.searchsorted(clock.edges, instant)) + 1 for instant in (start, stop))
        decay = np.exp2(-np.where(felt, age, np.inf) / half_life)
        result += np.where(felt, total.between(low, high), 0.0) * decay
    return result


def _weighted(windows: Windows, leaf: Window) -> Words:
    part, half_life, length = windows.part, days(leaf.option), _BLOCK * days(leaf.option)
    weights = np.exp2((part.at - (part.at - 1) // length * length) / half_life)
    if leaf.column:
        return words(weights * part.numbers(leaf.column), part.account, f"{leaf.table}.{leaf.column}", windows.seen)
    return fractions(weights) if len(part) < 2.0**30 / 2**_BLOCK else words(weights, part.account, leaf.table)


def _hours_to(windows: Windows, leaf: Window) -> Floats:
    """Average min(date, then) - at, then = T - ago: of what was reached by then the dates, of all the beginnings."""
    part, reach, where = windows.part, _reach(leaf, windows.clock), f"{leaf.table}.{leaf.column}"
    every, done_by = windows.selected(leaf.filters), _reached(windows, leaf)
    number = Tally.of(every).within(reach).astype(np.float64)
    done = Tally.of(done_by).within(reach).astype(np.float64)
    dates = np.maximum(np.where(part.meets(Condition(leaf.column, "known")), part.instants(leaf.column), 0), part.at)
    begun = Total.of(every, words(part.at / _HOUR_US, part.account, where)).within(reach)
    ended = Total.of(done_by, words(dates / _HOUR_US, part.account, where)).within(reach)
    then = (windows.clock.cutoffs - days(leaf.ago)) / _HOUR_US
    return ratio(ended + (number - done) * then - begun, number)


def _reached(windows: Windows, leaf: Window) -> Selection:
    """Select what had reached its date by ``T - ago``: a wait is compared with waits that had lasted as long."""
    if not leaf.ago:
        return windows.selection(leaf)
    conditions = (*leaf.filters, present(leaf))
    since = np.minimum(windows.part.instants(leaf.column), FOREVER - days(leaf.ago)) + days(leaf.ago)
    key = ("reached", frozenset(conditions), leaf.ago)
    return windows.once(key, lambda: reached(windows.part, windows.clock, conditions, since))


VERBS: Mapping[str, Callable[[Windows, Window], Floats]] = {
    "count": _count,
    "sum": _sum,
    "mean": _mean,
    "min": _min,
    "max": _max,
    "distinct": _distinct,
    "latest": _latest,
    "first": _first,
    "days_since": _days_since,
    "days_since_first": _days_since_first,
    "active_days": _active_days,
    "regularity": _regularity,
    "silence": _silence,
    "frequent": _frequent,
    "decayed": _decayed,
    "trend": _trend,
    "hours_to": _hours_to,
}
