"""Bands: what a health score asks a person to do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from holdfast.errors import UsageError, did_you_mean
from holdfast.models.polarity import Polarity, refuse_other


@dataclass(frozen=True)
class Band:
    """A half-open range of scores [low, high); the best band holds its upper end too.

    Examples
    --------
    >>> 60.0 in Band("yellow", 60, 80), 80.0 in Band("yellow", 60, 80)
    (True, False)
    """

    name: str
    low: float
    high: float

    def __contains__(self, score: float) -> bool:
        return self.low <= score < self.high or (score == self.high == 100.0)


UNKNOWN = Band("", float("nan"), float("nan"))
INSUFFICIENT = "insufficient evidence"
"""What a band reads where there is no score."""


@dataclass(frozen=True)
class BandPolicy:
    """Cut 0 to 100 into bands, best first.

    Parameters
    ----------
    names
        Names of the bands, best first.
    floors
        Lower bounds of all bands but the worst, falling.
    polarity
        What it cuts: ``health``, where high is good. A risk is refused.

    Examples
    --------
    >>> ACTION.of(59.99).name
    'orange'
    >>> ACTION.names_of(pd.Series([80.0, 100.0, 0.0])).tolist()
    ['green', 'green', 'red']
    """

    names: tuple[str, ...]
    floors: tuple[float, ...]
    polarity: Polarity = "health"

    def __post_init__(self) -> None:
        ordered = list(self.floors) == sorted(set(self.floors), reverse=True)
        if len(self.names) != len(self.floors) + 1 or not ordered or not all(0 < x < 100 for x in self.floors):
            raise UsageError(
                "BandPolicy",
                "one name more than floors, floors falling inside (0, 100)",
                f"{self.names}, {self.floors}",
                "correct the policy",
            )

    @property
    def bands(self) -> tuple[Band, ...]:
        """The bands, best first."""
        edges = [100.0, *self.floors, 0.0]
        return tuple(Band(name, low, high) for name, high, low in zip(self.names, edges[:-1], edges[1:], strict=True))

    def of(self, score: float) -> Band:
        """Find the band of one score; a missing score has a band without a name.

        Raises
        ------
        UsageError
            When the score lies outside 0 to 100.
        """
        name = str(self.names_of(pd.Series([score], dtype=float)).iloc[0])
        return self[name] if name else UNKNOWN

    def names_of(self, scores: pd.Series) -> pd.Series:
        """Name the band of each score; empty where the score is missing.

        Raises
        ------
        UsageError
            When a score lies outside 0 to 100, or the name of the series says that it is a risk.
        """
        refuse_other(scores.name, self.polarity, "BandPolicy")
        values = scores.to_numpy(dtype=float, na_value=np.nan)
        outside = values[(values < 0) | (values > 100)]
        if len(outside):
            raise UsageError("BandPolicy", "scores from 0 to 100", f"{outside[0]:g}", "clip them, or rescale them")
        place = np.searchsorted(np.array(self.floors[::-1]), values, side="right")
        worst_first = np.array(self.names[::-1], dtype=object)
        named = np.where(np.isnan(values), "", worst_first[np.minimum(place, len(self.floors))])
        return pd.Series(named, index=scores.index, name="band")

    def __getitem__(self, name: str) -> Band:
        for band in self.bands:
            if band.name == name:
                return band
        raise UsageError("BandPolicy", "a known band", f"{name!r}", did_you_mean(name, self.names))


ACTION = BandPolicy(("green", "yellow", "orange", "red"), (80.0, 60.0, 40.0))
"""What to do: green leave be, yellow watch, orange act, red rescue."""

ALERT = BandPolicy(("healthy", "warning", "at_risk", "critical"), (75.0, 60.0, 40.0))
"""What to be alarmed by."""

POLICIES = {"action": ACTION, "alert": ALERT}
