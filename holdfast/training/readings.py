"""Readings: what was said of each account at each cutoff, with what is known of it and the days until it left."""

from __future__ import annotations

import numpy as np
import pandas as pd


def readings(predictions: pd.DataFrame, facts: pd.DataFrame) -> pd.DataFrame:
    """Put the predictions of the longest horizon beside what is known of the accounts.

    Parameters
    ----------
    predictions, facts
        See `Backtest.frame` and `Backtest`.

    Returns
    -------
    DataFrame
        The rows of the longest horizon, with the columns of `facts` and ``ahead``: days from the cutoff until the
        account left, missing where it did not.
    """
    rows = predictions[predictions["horizon"] == predictions["horizon"].max()].reset_index(drop=True)
    beside = facts.reindex(pd.MultiIndex.from_frame(rows[["account_id", "cutoff"]])).reset_index(drop=True)
    ahead = (pd.DatetimeIndex(beside["event_at"]) - pd.DatetimeIndex(rows["cutoff"])) / pd.Timedelta(days=1)
    told: pd.DataFrame = rows.join(beside).assign(ahead=np.asarray(ahead, dtype=float))
    return told


def shared(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of accounts and cutoffs that all models of a horizon predicted.

    A model that had too few events to learn from at first is silent there, and what it is set beside must be as well.

    Examples
    --------
    >>> rows = pd.DataFrame({"account_id": "a", "cutoff": [1, 2, 2], "horizon": 30, "model": ["x", "x", "y"]})
    >>> shared(rows)["cutoff"].tolist()
    [2, 2]
    """
    told = rows.groupby(["account_id", "cutoff", "horizon"], observed=True)["model"].transform("size")
    return rows[told == rows.groupby("horizon", observed=True)["model"].transform("nunique")]


def last_before_exit(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep the last reading of each account that left before the next one would have come.

    Who left later than that had been out of the test before, and tells nothing of what was seen at the end.
    """
    before = rows[rows["ahead"] > 0].sort_values(["account_id", "cutoff"], kind="stable")
    last = before.drop_duplicates("account_id", keep="last")
    return last[last["ahead"] <= longest_gap(rows)]


def longest_gap(rows: pd.DataFrame) -> float:
    """Give the longest distance between neighbouring cutoffs, in days; of one cutoff alone, the horizon."""
    stands = pd.DatetimeIndex(rows["cutoff"].unique()).sort_values()
    gaps = np.diff(stands.to_numpy()) / np.timedelta64(1, "D")
    return float(gaps.max()) if len(gaps) else float(rows["horizon"].max())
