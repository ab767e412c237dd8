"""A part: the rows of one table that belong to one block of accounts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from holdfast.features.indicators.conditions import Condition
from holdfast.features.kernel.arrays import Bools, Floats, Ints
from holdfast.features.kernel.clock import Clock
from holdfast.features.kernel.encoded import Encoded

WIDEST = 2**62  # accounts of a block x microseconds between the first edge and the last


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
class Part:
    """Hold the rows of a table and a block, in the order of account and time."""

    table: Encoded
    block: Block
    rows: slice

    @classmethod
    def of(cls, table: Encoded, block: Block) -> Part:
        """Take the rows of a block."""
        return cls(table, block, block.rows(table))

    def __len__(self) -> int:
        return int(self.rows.stop - self.rows.start)

    @property
    def at(self) -> Ints:
        """When each record happened."""
        return self.table.records.at[self.rows]

    @property
    def known(self) -> Ints:
        """When each record could first be known."""
        return self.table.records.known[self.rows]

    @property
    def superseded(self) -> Ints:
        """When something better was known."""
        return self.table.records.superseded[self.rows]

    @cached_property
    def account(self) -> Ints:
        """The account of each record, counted from the start of the block."""
        return self.table.records.account[self.rows].astype(np.int64) - self.block.start

    def numbers(self, column: str) -> Floats:
        """Give a column as floats, missing as nan."""
        return self.table.numbers(column)[self.rows]

    def codes(self, column: str) -> NDArray[np.int32]:
        """Give a column as codes; missing is -1."""
        return self.table.codes(column)[0][self.rows]

    def instants(self, column: str) -> Ints:
        """Give a time column in microseconds; missing is `FOREVER`."""
        return self.table.instants(column)[self.rows]

    def meets(self, condition: Condition) -> Bools:
        """Tell which rows meet a condition."""
        return self.table.meets(condition, self.rows)

    def span(self, condition: Condition) -> tuple[Bools | None, Ints | None, Ints | None]:
        """Tell when rows meet a condition, see `Encoded.span`."""
        return self.table.span(condition, self.rows)

    def ends(self, rows: slice | Ints, clock: Clock) -> Ints:
        """Count some rows before each account, up to each edge, and up to its end: accounts x (cells + 1)."""
        origin, wide = int(clock.edges[0]) - 1, int(clock.edges[-1] - clock.edges[0]) + 3
        place = self.account[rows] * wide
        place += np.clip(self.at[rows] - origin, 0, wide - 1)
        columns = np.concatenate([[-1], clock.edges - origin, [wide - 1]])
        wanted = np.arange(len(self.block))[:, None] * wide + columns
        return np.asarray(np.searchsorted(place, wanted.ravel(), side="right").reshape(wanted.shape))
