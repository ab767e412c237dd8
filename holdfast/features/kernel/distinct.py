"""Distinct counts over windows: every value counts from the record that was seen last."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from holdfast.features.kernel.arrays import Ints, Small
from holdfast.features.kernel.clock import Reach
from holdfast.features.kernel.selection import Selection


@dataclass(frozen=True)
class Seen:
    """Which value was seen in which cell, sorted by account, value and cell; what was known late apart.

    Attributes
    ----------
    value
        Account and value in one integer; the account is what is left when `bits` are shifted out.
    """

    bits: int
    value: Ints
    cell: Ints
    late: Ints


@dataclass(frozen=True)
class Tokens:
    """The newest record of every value: from one cutoff to another it lies in the cell `cell`.

    Attributes
    ----------
    place
        The account's first place in a flat array of accounts x (cutoffs + 1).
    """

    place: Small
    start: Small
    stop: Small
    cell: Small
    shape: tuple[int, int]

    @cached_property
    def begun(self) -> Ints:
        """How many begin per account and cutoff, flat, with a cutoff behind the last."""
        return np.bincount(self.place + self.start, minlength=self.shape[0] * (self.shape[1] + 1))


def seen(chosen: Selection, codes: Ints | Small) -> Seen:
    """List the values of the clean records: one integer holds account, value and cell, so that one sort orders them."""
    accounts, cells = len(chosen.ends), chosen.clock.cells
    low = _bits(cells)
    if low + _bits(int(codes.max(initial=0)) + 1) + _bits(accounts) + _bits(len(chosen.clock) + 1) > 62:
        codes = np.unique(codes, return_inverse=True)[1]
    bits = _bits(int(codes.max(initial=0)) + 1)
    short = low + bits + _bits(accounts) < 32  # half the bytes, half the time
    kind: type[np.integer[Any]] = np.int32 if short else np.int64
    key = chosen.spread_cells(((np.arange(accounts)[:, None] << (low + bits)) | np.arange(cells)).astype(kind))
    key += codes.astype(kind) << low
    late = chosen.positions_of(chosen.late.row)
    later = key[late] >> low
    if len(late):
        key = np.delete(key, late)
    key.sort()
    key = key[_last(key)]
    return Seen(bits, key >> low, key & ((1 << low) - 1), later)


def tokens(chosen: Selection, told: Seen, reach: Reach) -> Tokens:
    """Follow each value of each account through the cutoffs, clean records alone.

    A record known late takes its place at the cutoff that sees it first, with the cell in which it happened.
    """
    clock = chosen.clock
    low, middle = _bits(clock.cells), _bits(len(clock) + 1)
    key = (told.value.astype(np.int64) << (low + middle)) | ((reach.since << low) | np.arange(clock.cells))[told.cell]
    if len(told.late):
        first = np.maximum(chosen.late.stop, reach.since[chosen.late.cell])
        later = np.sort((told.late.astype(np.int64) << (low + middle)) | (first << low) | chosen.late.cell)
        key = np.insert(key, np.searchsorted(key, later), later)
    key = key[_last(key >> low)]
    value = key >> (low + middle)
    cell = np.maximum.accumulate((value << low) | (key & ((1 << low) - 1))) & ((1 << low) - 1)
    start = ((key >> low) & ((1 << middle) - 1)).astype(np.int32)
    stop = np.append(start[1:], np.int32(0))
    stop[_last(value)] = len(clock)
    place = ((value >> told.bits) * (len(clock) + 1)).astype(np.int32)
    return Tokens(place, start, stop, cell.astype(np.int32), chosen.shape)


def counted(told: Tokens, reach: Reach) -> Ints:
    """Count the values whose newest record lies in the window: accounts x cutoffs."""
    accounts, wide = told.shape[0], told.shape[1] + 1
    stop = reach.until.astype(np.int32)[told.cell]
    np.minimum(stop, told.stop, out=stop)
    np.maximum(stop, told.start, out=stop)
    stop += told.place
    ended = np.bincount(stop, minlength=accounts * wide)
    return np.cumsum((told.begun - ended).reshape(accounts, wide), axis=1)[:, :-1]


def _last(ordered: Ints) -> Ints:
    """Give the last position of each run of equal values."""
    return np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)[: len(ordered)])


def _bits(number: int) -> int:
    return max(1, (number - 1).bit_length())
