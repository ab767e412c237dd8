"""The clock of one measurement: the cutoffs, and the cells into which their windows cut the time line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from holdfast.features.arrays import Ints
from holdfast.features.time import days

BLOCK = 8  # half-lives in one block of a decayed sum: weights inside a block stay within a factor of 2 ** 8
REACH = 64  # half-lives after which a block has faded out


@dataclass(frozen=True)
class Clock:
    """Hold cutoffs and edges.

    Attributes
    ----------
    cutoffs
        Ascending, int64 microseconds.
    edges
        Every instant ``cutoff - offset`` and every block start of a decay, ascending. A record belongs to the cell of
        the first edge at or after it, so that every window ``(a, b]`` between edges is a union of cells.
    """

    cutoffs: Ints
    edges: Ints

    @classmethod
    def of(cls, cutoffs: Ints, offsets: Iterable[float] = (), half_lives: Iterable[float] = ()) -> Clock:
        """Lay out the edges of all windows of all cutoffs, offsets and half-lives in days."""
        marks = [cutoffs - days(offset) for offset in sorted({0.0, *offsets})]
        marks += [block_starts(cutoffs, half_life) for half_life in sorted(set(half_lives))]
        return cls(cutoffs, np.unique(np.concatenate(marks)))

    def __len__(self) -> int:
        return len(self.cutoffs)

    def cell(self, at: Ints) -> Ints:
        """Give the cell of each instant; behind the last edge it is ``len(edges)``."""
        return np.searchsorted(self.edges, at, side="left")

    def edge(self, offset: float) -> Ints:
        """Give the edge that is ``cutoff - offset``, per cutoff."""
        return np.searchsorted(self.edges, self.cutoffs - days(offset), side="left")

    def first(self, offset: float = 0.0) -> Ints:
        """Give, per cell, the first cutoff whose ``cutoff - offset`` is at or after the records of the cell."""
        behind = np.append(self.edges, np.iinfo(np.int64).max)
        return np.searchsorted(self.cutoffs - days(offset), behind, side="left")

    def reached(self, at: Ints) -> Ints:
        """Give the first cutoff at or after each instant; ``len(cutoffs)`` when none is."""
        return np.searchsorted(self.cutoffs, at, side="left")


def block_starts(cutoffs: Ints, half_life: float) -> Ints:
    """Give the calendar of blocks of a half-life, fixed since the epoch, that the cutoffs can still feel."""
    length = BLOCK * days(half_life)
    low = (int(cutoffs[0]) - REACH * days(half_life)) // length
    return np.arange(low, int(cutoffs[-1]) // length + 1, dtype=np.int64) * length
