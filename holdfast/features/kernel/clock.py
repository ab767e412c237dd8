"""The clock of one measurement: the cutoffs, and the cells into which their windows cut the time line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from holdfast.features.kernel.arrays import Ints
from holdfast.features.time import days


@dataclass(frozen=True)
class Clock:
    """Hold cutoffs and edges.

    Attributes
    ----------
    cutoffs
        Ascending, int64 microseconds.
    edges
        Every instant ``cutoff - offset``, ascending. A record belongs to the cell of the first edge at or after it, so
        that every window ``(a, b]`` between edges is a union of cells.
    """

    cutoffs: Ints
    edges: Ints

    @classmethod
    def of(cls, cutoffs: Ints, offsets: Iterable[float] = ()) -> Clock:
        """Lay out the edges of all windows of all cutoffs, offsets in days."""
        return cls(cutoffs, np.unique(np.concatenate([cutoffs - days(offset) for offset in {0.0, *offsets}])))

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
