"""Selections: the records of one table, one block of accounts and one filter, laid over the cells of a clock.

Records that arrived before the first cutoff at or after them, and were never superseded, are *clean*: a window of them
is a run of rows, found by counting per (account, cell). The rest (late, corrected, deleted) is *odd*: each counts from
one cutoff to another, and is added to those alone. So a cutoff sees exactly what had arrived.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from holdfast.features.indicators.conditions import Condition
from holdfast.features.kernel.arrays import Bools, Ints
from holdfast.features.kernel.clock import Clock
from holdfast.features.kernel.encoded import Encoded


@dataclass(frozen=True)
class Block:
    """A run of accounts, by position."""

    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def rows(self, table: Encoded) -> slice:
        """Give the rows of a table that belong to the block."""
        low, high = np.searchsorted(table.records.account, [self.start, self.stop])
        return slice(int(low), int(high))


@dataclass(frozen=True)
class Selection:
    """Hold records in the order (account, time).

    Attributes
    ----------
    accounts
        How many accounts the block holds.
    rows
        Row of each record in its table.
    account
        Account of each record, counted from the start of the block.
    known, gone
        The first cutoff that knows the record, and the first that knows better.
    """

    clock: Clock
    accounts: int
    rows: Ints
    account: Ints
    at: Ints
    cell: Ints
    known: Ints
    gone: Ints

    def keep(self, mask: Bools) -> Selection:
        """Keep the records where a mask holds."""
        if mask.all():
            return self
        kept = np.flatnonzero(mask)  # a list of positions is taken faster than a mask
        parts = (self.rows, self.account, self.at, self.cell, self.known, self.gone)
        return Selection(self.clock, self.accounts, *(part[kept] for part in parts))

    @cached_property
    def odd(self) -> Ints:
        """Positions of the records that count for a span of cutoffs only."""
        return np.flatnonzero((self.known > self.clock.first()[self.cell]) | (self.gone < len(self.clock)))

    @cached_property
    def clean(self) -> Ints:
        """Positions of all other records."""
        if not len(self.odd):
            return np.arange(len(self.rows))
        return np.setdiff1d(np.arange(len(self.rows)), self.odd, assume_unique=True)

    @cached_property
    def _starts(self) -> Ints:
        """Count the clean records of all accounts before each, as a column."""
        per_account = np.bincount(self.account[self.clean], minlength=self.accounts)
        return (np.cumsum(per_account) - per_account)[:, None]

    @cached_property
    def _until(self) -> NDArray[np.int32]:
        """Count the clean records before and of each account up to each edge."""
        cells = len(self.clock.edges) + 1
        flat = self.account[self.clean] * cells + self.cell[self.clean]
        counts = np.bincount(flat, minlength=self.accounts * cells).reshape(self.accounts, cells)
        return (np.cumsum(counts, axis=1) + self._starts).astype(np.int32)

    def run(self, days: float | None, ago: float = 0.0) -> tuple[Ints, Ints]:
        """Give the clean records in ``(T - ago - days, T - ago]`` as runs [low, high), each accounts x cutoffs."""
        high = self._until[:, self.clock.edge(ago)]
        low = self._starts if days is None else self._until[:, self.clock.edge(ago + days)]
        return np.broadcast_to(low, high.shape).astype(np.int64), high.astype(np.int64)

    def span(self, days: float | None, ago: float = 0.0) -> tuple[Ints, Ints]:
        """Give the cutoffs [start, stop) for which each record lies in the window and is the word that counts."""
        start = np.maximum(self.clock.first(ago)[self.cell], self.known)
        stop = self.gone if days is None else np.minimum(self.gone, self.clock.first(ago + days)[self.cell])
        return start, stop

    def pairs(self, days: float | None, ago: float = 0.0) -> tuple[Ints, Ints]:
        """Pair every odd record with every cutoff that counts it: (positions, cutoffs)."""
        start, stop = (side[self.odd] for side in self.span(days, ago))
        which, cutoff = expand(start, stop)
        return self.odd[which], cutoff


def every(table: Encoded, block: Block, clock: Clock) -> Selection:
    """Select all records of a block that some cutoff can see."""
    part, records = block.rows(table), table.records
    at = records.at[part]
    known, gone = clock.reached(np.maximum(records.known[part], at)), clock.reached(records.superseded[part])
    account, rows = records.account[part].astype(np.int64) - block.start, np.arange(part.start, part.stop)
    return Selection(clock, len(block), rows, account, at, clock.cell(at), known, gone).keep(known < gone)


def narrowed(chosen: Selection, table: Encoded, conditions: tuple[Condition, ...]) -> Selection:
    """Keep the records that meet conditions, for as long as they do."""
    mask, known, gone = np.ones(len(chosen.rows), dtype=bool), chosen.known, chosen.gone
    for one in conditions:
        meets, since, until = table.span(one)
        mask = mask if meets is None else mask & meets[chosen.rows]
        known = known if since is None else np.maximum(known, chosen.clock.reached(since[chosen.rows]))
        gone = gone if until is None else np.minimum(gone, chosen.clock.reached(until[chosen.rows]))
    return replace(chosen, known=known, gone=gone).keep(mask & (known < gone))


def expand(start: Ints, stop: Ints) -> tuple[Ints, Ints]:
    """List the integers of each span [start, stop) with the position of the span.

    Examples
    --------
    >>> [part.tolist() for part in expand(np.array([1, 5]), np.array([3, 5]))]
    [[0, 0], [1, 2]]
    """
    length = np.maximum(stop - start, 0)
    which = np.repeat(np.arange(len(length)), length)
    first = np.repeat(np.cumsum(length) - length, length)
    return which, np.arange(len(which)) - first + start[which]


def spread(account: Ints, start: Ints, stop: Ints, amount: Ints, shape: tuple[int, int]) -> Ints:
    """Add an integer amount to every cutoff in [start, stop) of its account; shape is accounts x cutoffs."""
    wide = shape[1] + 1
    steps = np.zeros(shape[0] * wide, dtype=np.int64)
    held = start < stop
    np.add.at(steps, account[held] * wide + start[held], amount[held])
    np.subtract.at(steps, account[held] * wide + stop[held], amount[held])
    return np.cumsum(steps.reshape(shape[0], wide), axis=1)[:, :-1]
