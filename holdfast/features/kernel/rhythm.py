"""Rhythm: what depends on the gaps between records, and on which days had any."""

from __future__ import annotations

import numpy as np

from holdfast.features.kernel.arrays import Bools, Floats, Ints
from holdfast.features.kernel.clock import Reach
from holdfast.features.kernel.selection import Selection
from holdfast.features.time import DAY_US


def gap_spread(chosen: Selection, reach: Reach) -> Floats:
    """Give the standard deviation of the gaps between active days over their mean; nan below two gaps."""
    day = chosen.at // DAY_US
    fresh = _changes(chosen.account) | _changes(day)
    number = np.append(np.cumsum(fresh) - 1, 0)
    day = np.append(day[fresh], 0)
    gap = np.diff(day, prepend=0)
    squares = np.cumsum(gap * gap)
    low, high = chosen.run(reach)
    first, last = number[np.minimum(low, high)], number[high - 1]
    gaps = np.where(low < high, last - first, 0).astype(np.float64)
    gaps = np.where(gaps >= 2, gaps, np.nan)
    mean = (day[last] - day[first]) / gaps
    spread = (squares[last] - squares[first]) / gaps - mean * mean
    return np.asarray(np.sqrt(np.maximum(spread, 0.0)) / mean)


def longest_gap(chosen: Selection, reach: Reach) -> Floats:
    """Give the longest gap between two records, the first record and the last, in microseconds; nan without a record.

    Accounts x cutoffs x 3.
    """
    low, high = chosen.run(reach)
    at = np.append(chosen.at, 0)
    gaps = np.append(np.diff(at), 0)
    bounds = np.stack([low, np.maximum(high - 1, low)], axis=-1)
    inner = np.maximum.reduceat(gaps, bounds.ravel())[::2].reshape(low.shape)
    told = np.stack([np.where(high - low > 1, inner, 0), at[low], at[high - 1]], axis=-1).astype(np.float64)
    return np.where((low < high)[..., None], told, np.nan)


def frequent(chosen: Selection, codes: Ints, reach: Reach, least: int) -> Ints:
    """Count the codes with clean records on at least so many UTC days of the window: accounts x cutoffs.

    A code counts from the day that is its newest until the window leaves the last record of the day that many back.
    """
    code, day, cell = codes, chosen.at // DAY_US, chosen.spread_cells(np.arange(chosen.clock.cells))
    order = np.lexsort((cell, day, code, chosen.account))
    account, code, day, cell = (part[order] for part in (chosen.account, code, day, cell))
    new_code = _changes(account) | _changes(code)
    begins = np.flatnonzero(new_code | _changes(day))
    ends = np.append(begins[1:], len(day))[: len(begins)] - 1
    entity = np.cumsum(new_code)[begins]
    start = reach.since[cell[begins]]
    stop = np.where(
        np.append(entity[1:] == entity[:-1], False)[: len(entity)], np.append(start[1:], 0), chosen.shape[1]
    )
    place = np.arange(len(begins)) - (least - 1)
    back = np.maximum(place, 0)
    reached = (place >= 0) & (entity[back] == entity)
    stop = np.where(reached, np.minimum(stop, reach.until[cell[ends[back]]]), 0)
    held = np.flatnonzero(start < stop)
    wide, rows = chosen.shape[1] + 1, account[begins][held] * (chosen.shape[1] + 1)
    steps = np.bincount(rows + start[held], minlength=chosen.shape[0] * wide)
    steps -= np.bincount(rows + stop[held], minlength=chosen.shape[0] * wide)
    return np.cumsum(steps.reshape(chosen.shape[0], wide), axis=1)[:, :-1]


def _changes(values: Ints) -> Bools:
    """Tell where a value differs from the one before; the first always does."""
    return np.append(True, values[1:] != values[:-1])[: len(values)]
