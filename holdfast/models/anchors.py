"""The anchors of the health score: which weighted mean of curve values scores 40, and which 80."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np

from holdfast.models.hazard import Floats

Index = TypeVar("Index", float, Floats)
RISKIEST, BEST = 0.20, 0.80  # quantiles of the reference rows that score 40 and 80


@dataclass(frozen=True)
class Anchors:
    """Weighted means of curve values, 0 to 1, that score 40 and 80.

    Examples
    --------
    >>> Anchors().points(np.array([0.3, 0.6, 1.0])).round(6).tolist()
    [30.0, 60.0, 100.0]
    """

    low: float = 0.4
    high: float = 0.8

    @classmethod
    def learn(cls, index: Floats) -> Self:
        """Put the riskiest fifth of reference rows at or below 40, the best at or above 80; not where all are alike."""
        low, high = (float(x) for x in np.quantile(index, [RISKIEST, BEST]))
        return cls(low, high) if high - low > 1e-6 else cls()

    @property
    def span(self) -> float:
        """Points between a weighted mean of 0 and one of 1."""
        return 40.0 / (self.high - self.low)

    def beyond(self, index: Index) -> Index:
        """Put one weighted mean, or many, on a scale without ends."""
        return 40.0 + 40.0 * (index - self.low) / (self.high - self.low)

    def points(self, index: Floats) -> Floats:
        """Put weighted means on the scale of the score, 0 to 100."""
        return np.asarray(np.clip(self.beyond(index), 0.0, 100.0))
