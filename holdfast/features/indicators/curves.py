"""Scoring curves: what a value is worth, from 0 to 100 points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from holdfast.errors import UsageError
from holdfast.features.kernel.arrays import Floats


@dataclass(frozen=True)
class Curve:
    """Join points by straight lines; flat beyond both ends.

    A repeated ``x`` is a jump: bands are half-open ``[lo, hi)``, so the later points hold from ``x`` on.

    Parameters
    ----------
    x
        Values of the indicator, in its own unit, ascending.
    points
        What they are worth, 0 to 100.

    Raises
    ------
    UsageError
        When lengths differ, ``x`` falls, or points leave 0 to 100.
    """

    x: tuple[float, ...]
    points: tuple[float, ...]

    def __post_init__(self) -> None:
        fits = len(self.x) == len(self.points) > 0 and all(a <= b for a, b in pairwise(self.x))
        if not fits or not all(0 <= p <= 100 for p in self.points) or not np.isfinite(self.x).all():
            found = f"x={self.x}, points={self.points}"
            raise UsageError("curve", "ascending x, and as many points within 0 to 100", found, "correct the pairs")

    def __call__(self, values: ArrayLike) -> Floats:
        """Map values to [0, 1]; missing stays missing."""
        x, points = np.array(self.x), np.array(self.points)
        value = np.asarray(values, dtype=float)
        left = np.clip(np.searchsorted(x, value, side="right") - 1, 0, len(x) - 1)
        right = np.minimum(left + 1, len(x) - 1)
        width = x[right] - x[left]
        share = np.clip((value - x[left]) / np.where(width > 0, width, 1.0), 0.0, 1.0)
        worth = points[left] + share * np.where(width > 0, points[right] - points[left], 0.0)
        return np.asarray(np.where(np.isnan(value), np.nan, worth / 100.0))

    def __str__(self) -> str:
        """Tell the curve in short: value and points at its corners; a value that stands twice is a jump."""
        return ", ".join(f"{x:g}: {p:g}" for x, p in zip(self.x, self.points, strict=True))

    @property
    def rises(self) -> bool:
        """Whether more is never worth less."""
        return all(a <= b for a, b in pairwise(self.points))

    @property
    def falls(self) -> bool:
        """Whether more is never worth more."""
        return all(a >= b for a, b in pairwise(self.points))

    def to_dict(self) -> dict[str, list[float]]:
        """Give the curve as plain lists, for JSON."""
        return {"x": list(self.x), "points": list(self.points)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Sequence[float]]) -> Curve:
        """Read what ``to_dict`` wrote."""
        return cls(tuple(map(float, stored["x"])), tuple(map(float, stored["points"])))


def bands(*pairs: tuple[float, float]) -> Curve:
    """Draw a curve through (value, points); a repeated value is a jump.

    Examples
    --------
    >>> bands((0.0, 0), (0.4, 49), (0.4, 50), (1.0, 100))([0.0, 0.2, 0.4, 1.0, 7.0]).tolist()
    [0.0, 0.245, 0.5, 1.0, 1.0]
    """
    return Curve(tuple(float(x) for x, _ in pairs), tuple(float(p) for _, p in pairs))


def steps(below: float, *pairs: tuple[float, float]) -> Curve:
    """Draw a stair: ``below`` points up to the first value, then each pair's points from its value on.

    Examples
    --------
    >>> steps(0, (1, 60), (3, 100))([0, 0.99, 1, 2.99, 3]).tolist()
    [0.0, 0.0, 0.6, 0.6, 1.0]
    """
    if not pairs:
        raise UsageError("steps", "at least one (value, points)", "none", "give the value from which points change")
    levels = [float(below), *(float(p) for _, p in pairs)]
    x = [float(v) for v, _ in pairs for _ in range(2)]
    return Curve(tuple(x), tuple(level for pair in pairwise(levels) for level in pair))
