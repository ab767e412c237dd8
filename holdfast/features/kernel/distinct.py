"""Distinct counts over windows: every value counts from the time it was last seen."""

from __future__ import annotations

import numpy as np

from holdfast.features.kernel.arrays import Ints
from holdfast.features.kernel.selection import Selection, spread


def distinct(chosen: Selection, codes: Ints, days: float | None, ago: float) -> Ints:
    """Count the different codes per account in ``(T - ago - days, T - ago]``: accounts x cutoffs.

    Sorted by (account, code, time), a clean record speaks for its value until the next one does or until the window
    has passed it. Odd records add the values for which no clean record speaks.
    """
    entity = chosen.account * (int(codes.max(initial=0)) + 1) + codes
    order = chosen.clean[by_entity(entity[chosen.clean])]
    start = chosen.clock.first(ago)[chosen.cell[order]]
    until = np.append(start[1:], 0)
    until[np.append(entity[order][1:] != entity[order][:-1], True)[: len(order)]] = len(chosen.clock)
    speaks = start < until
    order, start, until = order[speaks], start[speaks], until[speaks]
    if days is not None:
        until = np.minimum(until, chosen.clock.first(ago + days)[chosen.cell[order]])
    shape = (chosen.accounts, len(chosen.clock))
    counts = spread(chosen.account[order], start, until, np.ones(len(order), dtype=np.int64), shape)
    if len(chosen.odd):
        counts += _added(chosen, entity, days, ago, (entity[order], start, until))
    return counts


def _added(chosen: Selection, entity: Ints, days: float | None, ago: float, spoken: tuple[Ints, Ints, Ints]) -> Ints:
    """Count the values that only odd records speak for."""
    wide = len(chosen.clock) + 1
    position, cutoff = chosen.pairs(days, ago)
    pair = np.unique(entity[position] * wide + cutoff)
    value, cutoff = pair // wide, pair % wide
    clean, start, until = spoken
    found = np.searchsorted(clean * wide + start, pair, side="right") - 1
    covered = (found >= 0) & (np.append(clean, -1)[found] == value) & (np.append(until, 0)[found] > cutoff)
    known, first = np.unique(entity[position], return_index=True)
    account = chosen.account[position][first][np.searchsorted(known, value)]
    counts = np.zeros((chosen.accounts, len(chosen.clock)), dtype=np.int64)
    np.add.at(counts, (account[~covered], cutoff[~covered]), 1)
    return counts


def by_entity(entity: Ints) -> Ints:
    """Order by entity and keep the order of time inside it."""
    if (entity[1:] >= entity[:-1]).all():
        return np.arange(len(entity))
    if float(entity.max()) * len(entity) < 2.0**62:  # one sort of unique integers beats a stable one
        return np.argsort(entity * len(entity) + np.arange(len(entity)))
    return np.argsort(entity, kind="stable")
