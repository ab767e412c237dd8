"""Distinct counts over windows: every value counts from the record that was seen last."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.features.kernel.arrays import Ints
from holdfast.features.kernel.clock import Reach
from holdfast.features.kernel.selection import Selection


@dataclass(frozen=True)
class Tokens:
    """The newest record of every value: from the cutoff `start` to the cutoff `stop` it lies in the cell `cell`."""

    account: Ints
    start: Ints
    stop: Ints
    cell: Ints


def tokens(chosen: Selection, codes: Ints, reach: Reach) -> Tokens:
    """Follow each value of each account through the cutoffs, clean records alone.

    One integer holds account, value, first cutoff and cell, so that one sort brings them into order; a record known
    late takes its place at the cutoff that sees it first, with the cell in which it happened.
    """
    clock = chosen.clock
    low, middle = _bits(clock.cells), _bits(len(clock) + 1)
    width = low + middle + _bits(int(codes.max(initial=0)) + 1)
    if width + _bits(len(chosen.ends)) > 62:
        codes = np.unique(codes, return_inverse=True)[1]
        width = low + middle + _bits(int(codes.max(initial=0)) + 1)
    cells = (reach.since << low) | np.arange(clock.cells)
    key = chosen.spread_cells((np.arange(len(chosen.ends))[:, None] << width) | cells)
    key += codes.astype(np.int64) << (low + middle)
    if len(chosen.late):
        since = reach.since[chosen.late.cell]
        key[chosen.positions_of(chosen.late.row)] += (np.maximum(chosen.late.stop, since) - since) << low
    key.sort()
    key = key[_last(key >> low)]
    value = key >> (low + middle)
    newest = np.maximum.accumulate((value << low) | (key & ((1 << low) - 1))) & ((1 << low) - 1)
    start = (key >> low) & ((1 << middle) - 1)
    stop = np.append(start[1:], 0)
    stop[_last(value)] = len(clock)
    return Tokens(key >> width, start, stop, newest)


def counted(told: Tokens, reach: Reach, shape: tuple[int, int]) -> Ints:
    """Count the values whose newest record lies in the window: accounts x cutoffs."""
    wide = shape[1] + 1
    stop = np.maximum(np.minimum(told.stop, reach.until[told.cell]), told.start)
    rows = told.account * wide
    steps = np.bincount(rows + told.start, minlength=shape[0] * wide)
    steps -= np.bincount(rows + stop, minlength=shape[0] * wide)
    return np.cumsum(steps.reshape(shape[0], wide), axis=1)[:, :-1]


def _last(ordered: Ints) -> Ints:
    """Give the last position of each run of equal values."""
    return np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)[: len(ordered)])


def _bits(number: int) -> int:
    return max(1, (number - 1).bit_length())
