"""Distinct counts over windows: every value counts from the record that was seen last."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

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
    shape: tuple[int, int]

    @cached_property
    def begun(self) -> Ints:
        """How many begin per account and cutoff, flat, with a cutoff behind the last."""
        wide = self.shape[1] + 1
        return np.bincount(self.account * wide + self.start, minlength=self.shape[0] * wide)


def tokens(chosen: Selection, codes: Ints, reach: Reach) -> Tokens:
    """Follow each value of each account through the cutoffs, clean records alone.

    One integer holds account, value, first cutoff and cell, so that one sort brings them into order; a record known
    late takes its place at the cutoff that sees it first, with the cell in which it happened.
    """
    clock, accounts = chosen.clock, len(chosen.ends)
    low, middle = _bits(clock.cells), _bits(len(clock) + 1)
    if low + middle + _bits(int(codes.max(initial=0)) + 1) + _bits(accounts) > 62:
        codes = np.unique(codes, return_inverse=True)[1]
    width = low + middle + _bits(int(codes.max(initial=0)) + 1)
    kind: type[np.integer[Any]] = (
        np.int32 if width + _bits(accounts) < 32 else np.int64
    )  # half the bytes, half the time
    cells = (np.arange(accounts)[:, None] << width) | (reach.since << low) | np.arange(clock.cells)
    key = chosen.spread_cells(cells.astype(kind))
    key += codes.astype(kind) << (low + middle)
    if len(chosen.late):
        since = reach.since[chosen.late.cell]
        later = (np.maximum(chosen.late.stop, since) - since) << low
        key[chosen.positions_of(chosen.late.row)] += later.astype(kind)
    key.sort()
    key = key[_last(key >> low)]
    value = key >> (low + middle)
    newest = np.maximum.accumulate((value << low) | (key & ((1 << low) - 1))) & ((1 << low) - 1)
    start = ((key >> low) & ((1 << middle) - 1)).astype(np.int64)
    stop = np.append(start[1:], 0)
    stop[_last(value)] = len(clock)
    return Tokens((key >> width).astype(np.int64), start, stop, newest, chosen.shape)


def counted(told: Tokens, reach: Reach) -> Ints:
    """Count the values whose newest record lies in the window: accounts x cutoffs."""
    accounts, wide = told.shape[0], told.shape[1] + 1
    stop = np.maximum(np.minimum(told.stop, reach.until[told.cell]), told.start)
    ended = np.bincount(told.account * wide + stop, minlength=accounts * wide)
    return np.cumsum((told.begun - ended).reshape(accounts, wide), axis=1)[:, :-1]


def _last(ordered: Ints) -> Ints:
    """Give the last position of each run of equal values."""
    return np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)[: len(ordered)])


def _bits(number: int) -> int:
    return max(1, (number - 1).bit_length())
