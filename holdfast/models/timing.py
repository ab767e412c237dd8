"""When exits become known, measured from the renewal decision they belong to.

A decision has a last day: the end of the notice period, or of the grace. Customers give notice before it, and the
company may learn of it after it. How early and how late is learned from those that left, so that a decision whose last
day lies behind a horizon counts in it by the share of exits that are known by then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Self

import numpy as np
import pandas as pd

from holdfast.features.exposure import AHEAD, BEHIND
from holdfast.models.hazard import Floats

_PRIOR = 5.0  # exits' worth of belief that an exit is known on the last day
_STRAY = 0.1  # share of exits that belong to no decision
_NEAR = 7.0  # days: of several decisions a near one is likelier at first, lest monthly terms be taken for one another
_STEPS = 40
_DAYS = np.arange(-AHEAD, BEHIND + 1)  # of an exit, from the last day of its decision
_POINT = (_DAYS == 0).astype(float)


@dataclass(frozen=True)
class Timing:
    """Share of the exits that are known on each day around the last day of their decision.

    Attributes
    ----------
    shares
        For the days from 45 before it to 21 after it; they sum to 1. Unless learned, all are known on the last day.

    Examples
    --------
    >>> calendar = np.array([[10.0, 40.0]])
    >>> Timing().expected(calendar, (30, 60)).tolist()
    [[1.0, 1.0]]
    """

    shares: Floats = field(default_factory=_POINT.copy)

    def expected(self, calendar: Floats, horizons: tuple[int, ...]) -> Floats:
        """Count decisions by the share of their exits that are known in each interval: (n, K).

        Parameters
        ----------
        calendar
            (n, k): days to the last day of each decision, negative behind, missing where there is none.
        """
        below = np.concatenate([[0.0], np.cumsum(self.shares)])

        def known_by(day: float) -> Floats:
            place = np.clip(np.nan_to_num(day - calendar, nan=-np.inf) + AHEAD + 1, 0, len(self.shares))
            return np.asarray(below[place.astype(int)].sum(axis=1))

        reached = [known_by(float(day)) for day in (0, *horizons)]
        return np.column_stack([later - earlier for earlier, later in pairwise(reached)])

    @classmethod
    def learn(cls, calendar: pd.DataFrame, event_at: pd.Series) -> Self:
        """Learn from what was known last of each account that left.

        A stray exit belongs to no decision; one near several counts for each by how likely that is (expectation and
        maximisation, on days smoothed over a week).
        """
        away = _away(calendar, event_at)
        if not len(away):
            return cls()
        inside = np.isfinite(away) & (away >= -AHEAD) & (away <= BEHIND)
        place = np.where(inside, away + AHEAD, 0).astype(int)
        shares = _smooth(np.exp(-np.abs(_DAYS) / _NEAR))
        for _ in range(_STEPS):
            likely = np.where(inside, shares[place], 0.0)
            likely /= likely.sum(axis=1, keepdims=True) + _STRAY / len(_DAYS)
            counts = np.bincount(place[inside], weights=likely[inside], minlength=len(_DAYS))
            shares = _smooth(counts.astype(float))
        weight = np.bincount(place[inside], weights=likely[inside], minlength=len(_DAYS)).astype(float)
        found = _smooth(weight) * weight.sum() + _PRIOR * _POINT
        return cls(found / found.sum())

    def to_dict(self) -> dict[str, Any]:
        """State as plain numbers."""
        return {"shares": self.shares.tolist()}

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> Self:
        """Restore from `to_dict`, to the last bit."""
        return cls(np.array(state["shares"], float))


def _away(calendar: pd.DataFrame, event_at: pd.Series) -> Floats:
    """Give the days from each decision to the exit (exits, k), as known at the last cutoff before it."""
    left = event_at.notna().to_numpy()
    rows = pd.DataFrame({"place": np.flatnonzero(left), "at": event_at[left].to_numpy()})
    rows["account"] = np.asarray(event_at.index.get_level_values(0))[left]
    rows["cutoff"] = pd.DatetimeIndex(event_at.index.get_level_values("cutoff"))[rows["place"]]
    rows = rows.sort_values("cutoff", kind="stable").drop_duplicates(["account", "at"], keep="last")
    rows = rows.sort_values("place")
    last, stands = rows["place"].to_numpy(), pd.DatetimeIndex(rows["cutoff"])
    ahead = np.ceil((pd.DatetimeIndex(event_at.iloc[last]) - stands) / pd.Timedelta(days=1))
    away: Floats = np.asarray(ahead, dtype=float)[:, None] - calendar.to_numpy(float)[last]
    return away


def _smooth(counts: Floats) -> Floats:
    kernel = np.array([1.0, 2.0, 3.0, 4.0, 3.0, 2.0, 1.0])
    smooth = np.convolve(counts, kernel, mode="same")
    return smooth / max(float(smooth.sum()), 1e-300)
