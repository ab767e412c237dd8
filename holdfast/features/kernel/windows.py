"""The kernel: every verb over windows, for all accounts of a block and all cutoffs at once, in plain numpy.

Integer arithmetic carries every sum (whole part and 2^-32 fractions as two int64 words), so that the same window gives
the same bits whatever other cutoffs, accounts or row orders it is measured with. A window is
``(T - ago - days, T - ago]``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from holdfast.errors import DataError
from holdfast.features.indicators.conditions import Condition
from holdfast.features.indicators.expression import Window
from holdfast.features.kernel.arrays import Floats, Ints
from holdfast.features.kernel.distinct import distinct
from holdfast.features.kernel.encoded import Encoded
from holdfast.features.kernel.rhythm import frequent, gap_spread
from holdfast.features.kernel.selection import Selection, spread
from holdfast.features.time import DAY_US, days

Select = Callable[[tuple[Condition, ...]], Selection]

FRACTION = 2.0**32
_HOUR_US = DAY_US / 24
_BLOCK = 8  # half-lives in one block of a decayed sum: weights inside a block stay within a factor of 2 ** 8
_REACH = 64  # half-lives after which a block has faded out


def offsets(leaf: Window) -> tuple[float, ...]:
    """Give the distances from the cutoff, in days, at which a leaf's windows begin and end."""
    if leaf.verb == "trend" and leaf.days is not None:
        return tuple(leaf.ago + step * leaf.days / leaf.option for step in range(round(leaf.option) + 1))
    return (leaf.ago,) if leaf.days is None else (leaf.ago, leaf.ago + leaf.days)


def aggregate(leaf: Window, table: Encoded, select: Select) -> Floats:
    """Measure a leaf: accounts x cutoffs, missing as nan.

    Parameters
    ----------
    select
        Gives the selection of the leaf's table and block for a set of conditions.
    """
    present = (Condition(leaf.column, "known"),) if leaf.column else ()
    chosen = select((*leaf.filters, *present))
    if leaf.verb == "hours_to":
        return _hours_to(leaf, table, select(leaf.filters), chosen)
    return _VERBS[leaf.verb](leaf, table, chosen)


def words(values: Floats, where: str) -> tuple[Ints, Ints | None]:
    """Split numbers into whole parts and 2^-32 fractions (None when all are whole).

    Raises
    ------
    DataError
        When their sum could leave 64 bits.
    """
    whole = np.floor(values)
    if len(values) and float(np.abs(whole).max()) * len(values) >= 2.0**62:
        do = "deliver it in a larger unit, or correct the values that are out of scale"
        raise DataError(where, "numbers whose sum stays below 4e18", f"values up to {np.abs(whole).max():g}", do)
    fraction = values - whole
    return whole.astype(np.int64), np.rint(fraction * FRACTION).astype(np.int64) if fraction.any() else None


def total(chosen: Selection, values: Floats, leaf: Window, length: float | None, ago: float) -> Floats:
    """Add up values over windows of a length in days (None: from the beginning), exactly."""
    whole, fraction = words(values, f"{leaf.table}.{leaf.column}")
    result = _add(chosen, whole, length, ago).astype(np.float64)
    return result if fraction is None else result + _add(chosen, fraction, length, ago) / FRACTION


def _add(chosen: Selection, values: Ints, length: float | None, ago: float) -> Ints:
    low, high = chosen.run(length, ago)
    running = np.append(0, np.cumsum(values[chosen.clean]))  # integers wrap around: a difference of two is exact
    result = running[high] - running[low]
    if len(chosen.odd):
        start, stop = (side[chosen.odd] for side in chosen.span(length, ago))
        result += spread(chosen.account[chosen.odd], start, stop, values[chosen.odd], result.shape)
    return np.asarray(result)


def _count(leaf: Window, table: Encoded, chosen: Selection) -> Floats:
    low, high = chosen.run(leaf.days, leaf.ago)
    result = high - low
    if len(chosen.odd):
        start, stop = (side[chosen.odd] for side in chosen.span(leaf.days, leaf.ago))
        ones = np.ones(len(chosen.odd), dtype=np.int64)
        result = result + spread(chosen.account[chosen.odd], start, stop, ones, result.shape)
    return result.astype(np.float64)


def _sum(leaf: Window, table: Encoded, chosen: Selection) -> Floats:
    return total(chosen, table.numbers(leaf.column)[chosen.rows], leaf, leaf.days, leaf.ago)


def _mean(leaf: Window, table: Encoded, chosen: Selection) -> Floats:
    return ratio(_sum(leaf, table, chosen), _count(leaf, table, chosen))


def _max(leaf: Window, table: Encoded, chosen: Selection) -> Floats:
    return _largest(chosen, table.numbers(leaf.column)[chosen.rows], leaf)


def _min(leaf: Window, table: Encoded, chosen: Selection) -> Floats:
    return -_largest(chosen, -table.numbers(leaf.column)[chosen.rows], leaf)


def _largest(chosen: Selection, values: Floats, leaf: Window) -> Floats:
    low, high = chosen.run(leaf.days, leaf.ago)
    padded = np.append(values[chosen.clean], -np.inf)
    runs = np.maximum.reduceat(padded, np.stack([low, high], axis=-1).ravel())[::2].reshape(low.shape)
    result = np.where(low < high, runs, -np.inf)
    position, cutoff = chosen.pairs(leaf.days, leaf.ago)
    np.maximum.at(result, (chosen.account[position], cutoff), values[position])
    return np.where(np.isneginf(result), np.nan, result)


def _last(leaf: Window, chosen: Selection) -> Ints:
    """Give the position of the latest record, -1 where there is none."""
    low, high = chosen.run(leaf.days, leaf.ago)
    result = np.where(low < high, np.append(chosen.clean, -1)[high - 1], -1)
    position, cutoff = chosen.pairs(leaf.days, leaf.ago)
    np.maximum.at(result, (chosen.account[position], cutoff), position)
    return result


def _earliest(leaf: Window, chosen: Selection) -> Ints:
    """Give the position of the earliest record, -1 where there is none."""
    low, high = chosen.run(leaf.days, leaf.ago)
    none = len(chosen.rows)
    result = np.where(low < high, np.append(chosen.clean, none)[low], none)
    position, cutoff = chosen.pairs(leaf.days, leaf.ago)
    np.minimum.at(result, (chosen.account[position], cutoff), position)
    return np.where(result == none, -1, result)


def _at(values: Floats, position: Ints) -> Floats:
    return np.append(values, np.nan)[position]  # -1 finds the nan


def _latest(leaf: Window, table: Encoded, chosen: Selection) -> Floats:
    return _at(table.numbers(leaf.column)[chosen.rows], _last(leaf, chosen))


def _first(leaf: Window, table: Encoded, chosen: Selection) -> Floats:
    return _at(table.numbers(leaf.column)[chosen.rows], _earliest(leaf, chosen))


def _age(chosen: Selection, position: Ints) -> Floats:
    at = np.append(chosen.at, 0)[position]
    return np.where(position < 0, np.nan, (chosen.clock.cutoffs - at) / DAY_US)


def _days_since(leaf: Window, table: Encoded, chosen: Selection) -> Floats:
    return _age(chosen, _last(leaf, chosen))


def _days_since_first(leaf: Window, table: Encoded, chosen: Selection) -> Floats:
    return _age(chosen, _earliest(leaf, chosen))


def _distinct(leaf: Window, table: Encoded, chosen: Selection) -> Floats:
    codes = table.codes(leaf.column)[0][chosen.rows]
    return distinct(chosen, codes.astype(np.int64), leaf.days, leaf.ago).astype(np.float64)


def _active_days(leaf: Window, table: Encoded, chosen: Selection) -> Floats:
    day = chosen.at // DAY_US
    return distinct(chosen, day - day.min(initial=0), leaf.days, leaf.ago).astype(np.float64)


def _regularity(leaf: Window, table: Encoded, chosen: Selection) -> Floats:
    start, stop = chosen.span(leaf.days, leaf.ago)
    return np.stack([gap_spread(chosen, (start <= k) & (k < stop)) for k in range(len(chosen.clock))], axis=1)


def _frequent(leaf: Window, table: Encoded, chosen: Selection) -> Floats:
    codes = table.codes(leaf.column)[0][chosen.rows]
    return frequent(chosen, codes.astype(np.int64), leaf.days, leaf.ago, round(leaf.option)).astype(np.float64)


def _trend(leaf: Window, table: Encoded, chosen: Selection) -> Floats:
    values = table.numbers(leaf.column)[chosen.rows] if leaf.column else np.ones(len(chosen.rows))
    bounds = offsets(leaf)
    length = float(leaf.days or 0.0) / leaf.option
    height = np.stack([total(chosen, values, leaf, length, ago) for ago in bounds[-2::-1]])  # oldest bucket first
    place = (np.arange(len(height)) - (len(height) - 1) / 2) * length / 30.0
    slope = np.tensordot(place, height, axes=1) / (place @ place)
    return ratio(slope, height.mean(axis=0))


def _decayed(leaf: Window, table: Encoded, chosen: Selection) -> Floats:
    """Add up at decaying weight, by blocks of a calendar fixed since the epoch, so that the sum in a block is exact.

    A record at t in block j weighs ``2 ** ((t - start_j) / half_life)`` there, and the block as a whole
    ``2 ** -((T - start_j) / half_life)`` at T: no rounding travels from one cutoff to another.
    """
    half_life, length = days(leaf.option), _BLOCK * days(leaf.option)
    values = table.numbers(leaf.column)[chosen.rows] if leaf.column else np.ones(len(chosen.rows))
    block = (chosen.at - 1) // length
    whole, fraction = words(values * np.exp2((chosen.at - block * length) / half_life), f"{leaf.table}.{leaf.column}")
    result = np.zeros((chosen.accounts, len(chosen.clock)))
    for number in np.unique(block).tolist():
        age = chosen.clock.cutoffs - number * length
        felt = (age > 0) & (age <= _REACH * half_life)
        inside = (block == number).astype(np.int64)
        summed = _add(chosen, whole * inside, None, 0.0).astype(np.float64)
        if fraction is not None:
            summed += _add(chosen, fraction * inside, None, 0.0) / FRACTION
        result += summed * np.exp2(-np.where(felt, age, np.inf) / half_life)
    return result


def _hours_to(leaf: Window, table: Encoded, every: Selection, reached: Selection) -> Floats:
    """Average min(date, T) - at: of what was reached the dates, of the rest T, of all the beginnings."""

    def add(chosen: Selection, instants: Ints) -> Floats:
        return total(chosen, instants / _HOUR_US, leaf, leaf.days, leaf.ago)

    number, done = _count(leaf, table, every), _count(leaf, table, reached)
    dates = np.maximum(table.instants(leaf.column)[reached.rows], reached.at)
    now = (number - done) * (every.clock.cutoffs / _HOUR_US)
    return ratio(add(reached, dates) + now - add(every, every.at), number)


def ratio(above: Floats, below: Floats) -> Floats:
    """Divide; by zero is missing."""
    return np.asarray(above / np.where(below == 0, np.nan, below))


_VERBS: Mapping[str, Callable[[Window, Encoded, Selection], Floats]] = {
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
    "frequent": _frequent,
    "decayed": _decayed,
    "trend": _trend,
}
