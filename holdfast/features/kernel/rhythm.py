"""Rhythm: what depends on which days were active, read cutoff by cutoff."""

from __future__ import annotations

import numpy as np

from holdfast.features.kernel.arrays import Bools, Floats, Ints
from holdfast.features.kernel.distinct import by_entity
from holdfast.features.kernel.selection import Selection
from holdfast.features.time import DAY_US


def gap_spread(chosen: Selection, seen: Bools) -> Floats:
    """Give the standard deviation of the gaps between active days over their mean, per account; nan below two gaps."""
    account, day = chosen.account[seen], chosen.at[seen] // DAY_US
    fresh = _changes(account) | _changes(day)
    account, day = account[fresh], day[fresh]
    inside = np.diff(account) == 0
    of, gap = account[1:][inside], np.diff(day)[inside].astype(np.float64)
    number, sums, squares = (np.bincount(of, weights=w, minlength=chosen.accounts) for w in (None, gap, gap * gap))
    number = np.where(number >= 2, number, np.nan)
    mean = sums / number
    return np.asarray(np.sqrt(np.maximum(squares / number - mean * mean, 0.0)) / mean)


def frequent(chosen: Selection, codes: Ints, days: float | None, ago: float, least: int) -> Ints:
    """Count the codes per account with records on at least so many UTC days of the window: accounts x cutoffs."""
    entity = chosen.account * (int(codes.max(initial=0)) + 1) + codes
    order = by_entity(entity)
    entity, day, account = entity[order], chosen.at[order] // DAY_US, chosen.account[order]
    start, stop = (side[order] for side in chosen.span(days, ago))
    told = _changes(entity) | _changes(day) | _changes(start) | _changes(stop)
    entity, day, account, start, stop = (part[told] for part in (entity, day, account, start, stop))
    counts = np.zeros((chosen.accounts, len(chosen.clock)), dtype=np.int64)
    for k in range(len(chosen.clock)):
        seen = (start <= k) & (k < stop)
        begins = _changes(entity[seen])
        fresh = begins | _changes(day[seen])
        days_on = np.bincount(np.cumsum(begins)[fresh] - 1, minlength=int(begins.sum()))
        counts[:, k] = np.bincount(account[seen][begins][days_on >= least], minlength=chosen.accounts)
    return counts


def _changes(values: Ints) -> Bools:
    """Tell where a value differs from the one before; the first always does."""
    return np.append(True, values[1:] != values[:-1])[: len(values)]
