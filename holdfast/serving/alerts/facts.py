"""Facts: what the rules of alerts read of each account on one day, beside the same account 30 days before.

Health of the past is measured again with the model of today. What was served then came from the model of that time, and
a new model moves every score on the day it comes into service, though no account has changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from holdfast.features.snapshot import Snapshot
    from holdfast.models.health import HealthScore

STEP = pd.Timedelta(days=30)
STEPS = 7  # past readings, one each 30 days: six changes before the one that is judged
_FEWEST = 4  # earlier changes from which an account's own noise can be told
_CALM = 1.0  # points: no account is quieter than this
_SIGNS = {
    "sponsors": "executive_sponsor",
    "champions": "champions",
    "silent_days": "days_since_usage",
    "silent_times": "silence_against_rhythm",
}


def past_days(day: pd.Timestamp) -> list[pd.Timestamp]:
    """Give the days before a day that `facts` reads, the latest first."""
    return [day - n * STEP for n in range(1, STEPS + 1)]


def readings(X: Snapshot, health: HealthScore) -> pd.DataFrame:
    """Read health, evidence and signs of every row of a snapshot.

    Returns
    -------
    DataFrame
        Index (account_id, cutoff): ``health`` (0 to 100), ``coverage`` (0 to 1), ``sponsors, champions`` (people),
        ``silent_days`` (since the last use), ``silent_times`` (of the usual gap), ``decision_days`` (to the next
        renewal decision). What is not measured is missing.
    """
    told = pd.DataFrame({"health": health.score(X), "coverage": X.coverage["all"]}, index=X.index)
    for name, sign in _SIGNS.items():
        told[name] = X.indicators.get(sign, np.nan)
    ahead = X.calendar.where(X.calendar >= 0) if len(X.calendar) else pd.DataFrame(index=X.index)
    told["decision_days"] = ahead.min(axis=1) if ahead.shape[1] else np.nan
    return told.astype(float)


def facts(read: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    """Set the readings of a day beside those of 30 days before, and beside the noise of each account.

    Parameters
    ----------
    read
        Readings of the day and of its `past_days`; an account that was not there then has none.

    Returns
    -------
    DataFrame
        By account: the readings of the day; ``health_before, coverage_before, sponsors_before, champions_before``;
        ``fall`` (points of health in 30 days, a rise is negative); ``noise`` (points: what the account moves in
        30 days as a rule, 1.4826 times the median size of its earlier changes, missing below four of them).
    """
    now = read.xs(day, level="cutoff")
    past = read.loc[read.index.get_level_values("cutoff").isin(past_days(day))]
    before = past.loc[past.index.get_level_values("cutoff") == day - STEP].droplevel("cutoff").reindex(now.index)
    for name in ("health", "coverage", "sponsors", "champions"):
        now = now.assign(**{f"{name}_before": before[name]})
    return now.assign(fall=now["health_before"] - now["health"], noise=_noise(past["health"], now.index, day))


def _noise(health: pd.Series, ids: pd.Index, day: pd.Timestamp) -> pd.Series:
    """Measure how far each account moved in earlier spells of 30 days that do not overlap, nor reach into the last."""
    wide = health.unstack("cutoff").reindex(index=ids, columns=past_days(day)).to_numpy(float)
    moved = pd.DataFrame(np.abs(np.diff(wide, axis=1)), index=ids)
    usual = (1.4826 * moved.median(axis=1)).clip(lower=_CALM)
    return usual.where(moved.notna().sum(axis=1) >= _FEWEST)
