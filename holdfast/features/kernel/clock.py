"""The clock of one measurement: the cutoffs, and the cells into which their windows cut the time line."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field

import numpy as np

from holdfast.features.kernel.arrays import Ints
from holdfast.features.time import days


@dataclass(frozen=True)
class Reach:
    """Say which cells the window of each cutoff takes in, and for each cell which cutoffs' windows do.

    Attributes
    ----------
    low, high
        Per cutoff, columns of `Selection.ends`: the window holds what lies between them.
    since, until
        Per cell, the cutoffs [since, until) whose windows hold it.
    """

    low: Ints
    high: Ints
    since: Ints
    until: Ints


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
    _made: dict[Hashable, Reach] = field(default_factory=dict)

    @classmethod
    def of(cls, cutoffs: Ints, offsets: Iterable[float] = (), instants: Iterable[int] = ()) -> Clock:
        """Lay out the edges of all windows of all cutoffs (offsets in days), and further instants."""
        edges = [cutoffs - days(offset) for offset in {0.0, *offsets}]
        return cls(cutoffs, np.unique(np.concatenate([*edges, np.array([*instants], dtype=np.int64)])))

    def __len__(self) -> int:
        return len(self.cutoffs)

    @property
    def cells(self) -> int:
        """The number of cells: one before each edge, and one behind the last."""
        return len(self.edges) + 1

    def first(self, offset: float = 0.0) -> Ints:
        """Give, per cell, the first cutoff whose ``cutoff - offset`` is at or after the records of the cell."""
        behind = np.append(self.edges, np.iinfo(np.int64).max)
        return np.searchsorted(self.cutoffs - days(offset), behind, side="left")

    def reached(self, at: Ints) -> Ints:
        """Give the first cutoff at or after each instant; ``len(cutoffs)`` when none is."""
        return np.searchsorted(self.cutoffs, at, side="left")

    def window(self, length: float | None, ago: float = 0.0) -> Reach:
        """Give the reach of ``(T - ago - length, T - ago]``, in days; without a length it has no beginning."""
        return self._once((length, ago), lambda: self._window(length, ago))

    def _once(self, key: Hashable, make: Callable[[], Reach]) -> Reach:
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def _window(self, length: float | None, ago: float) -> Reach:
        high = self.column(ago)
        if length is None:
            return Reach(np.zeros_like(high), high, self.first(ago), np.full(self.cells, len(self), dtype=np.int64))
        return Reach(self.column(ago + length), high, self.first(ago), self.first(ago + length))

    def column(self, offset: float = 0.0) -> Ints:
        """Give, per cutoff, the column of `Selection.ends` up to ``cutoff - offset``."""
        return np.searchsorted(self.edges, self.cutoffs - days(offset), side="left") + 1
