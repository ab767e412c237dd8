"""Views of a backtest: each is a frame first, computed from the long frame of predictions.

Models stand side by side in them, and so on the rows that all of them predicted.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from holdfast.training.metrics import NAMES, PLAIN, Ranking, captured_of, equal_mass
from holdfast.training.readings import shared

SHARES = np.round(np.arange(0, 1.0001, 0.02), 2)
TOP = 0.2
WEEKS = ((1, 4), (5, 8), (9, 12), (13, 16), (17, 26))


def metrics_table(metrics: pd.DataFrame) -> pd.DataFrame:
    """Lay tidy metrics out by horizon and model."""
    order = {name: i for i, name in enumerate(dict.fromkeys(metrics["model"]))}
    wide = metrics.pivot(index=["horizon", "model"], columns="metric", values="value")[[*NAMES, *PLAIN]]
    wide = wide.astype({"n": int, "events": int}).rename_axis(columns=None)
    return wide.sort_index(level=[0, 1], key=lambda level: level.map(order) if level.name == "model" else level)


def calibration_frame(predictions: pd.DataFrame) -> pd.DataFrame:
    """Compare predicted and observed churn in ten bins of equal mass.

    Returns
    -------
    DataFrame
        ``model, horizon, bin, n, predicted, observed, low, high``; the bounds are Wilson's 95 % for independent rows.
    """
    known = shared(predictions.dropna(subset=["p", "y"]))
    parts = []
    for (horizon, model), rows in known.groupby(["horizon", "model"], observed=True, sort=True):
        binned = rows[["p", "y"]].groupby(equal_mass(rows["p"]))
        part = binned.mean().set_axis(["predicted", "observed"], axis=1).assign(n=binned.size())
        parts.append(part.rename_axis("bin").reset_index().assign(model=str(model), horizon=int(str(horizon))))
    frame = pd.concat(parts, ignore_index=True)
    frame["low"], frame["high"] = wilson(frame["observed"].to_numpy(), frame["n"].to_numpy())
    return frame[["model", "horizon", "bin", "n", "predicted", "observed", "low", "high"]]


def lift_frame(predictions: pd.DataFrame) -> pd.DataFrame:
    """Give the share of churn caught, and the lift, when the most probable share of accounts is contacted.

    Returns
    -------
    DataFrame
        ``model, horizon, share, captured, lift``; missing where nobody churned. Ties by expectation.
    """
    known = shared(predictions.dropna(subset=["p", "y"]))
    parts = []
    for (horizon, model), rows in known.groupby(["horizon", "model"], observed=True, sort=True):
        captured = captured_of(*Ranking.of(rows["y"], rows["p"]).tally(), SHARES)
        parts.append(pd.DataFrame({"model": str(model), "horizon": horizon, "share": SHARES, "captured": captured}))
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(lift=(frame["captured"] / frame["share"]).where(frame["share"] > 0))


def lead_time_frame(predictions: pd.DataFrame, event_at: pd.Series[pd.Timestamp]) -> pd.DataFrame:
    """Give, by weeks before the churn, the share of churned accounts that stood among the most probable fifth.

    The rank is taken at each cutoff among all tested accounts, at the longest horizon; ties by expectation. Silence has
    no day of churn, and gives no rows.

    Returns
    -------
    DataFrame
        ``model, weeks, from_day, to_day, flagged, churned, share``.
    """
    rows = shared(predictions[predictions["horizon"] == predictions["horizon"].max()].dropna(subset=["p"]))
    at = event_at.reindex(pd.MultiIndex.from_frame(rows[["account_id", "cutoff"]])).array
    ahead = (pd.DatetimeIndex(at) - pd.DatetimeIndex(rows["cutoff"])).total_seconds().to_numpy() / 86_400
    flagged = rows.assign(ahead=ahead, flag=_among_top(rows))
    parts = []
    for first, last in WEEKS:
        low, high = 7 * (first - 1), 7 * last
        inside = flagged[(flagged["ahead"] > low) & (flagged["ahead"] <= high)]
        counts = inside.groupby("model", observed=True)["flag"].agg(["sum", "size"])
        counts = counts.set_axis(["flagged", "churned"], axis=1).rename_axis("model").reset_index()
        parts.append(counts.assign(weeks=f"{first}-{last}", from_day=low, to_day=high))
    frame = pd.concat(parts, ignore_index=True)
    frame["model"], frame["share"] = frame["model"].astype(str), frame["flagged"] / frame["churned"]
    columns = ["model", "weeks", "from_day", "to_day", "flagged", "churned", "share"]
    return pd.DataFrame(frame, columns=columns)


def _among_top(rows: pd.DataFrame) -> pd.Series[float]:
    """Give the chance of each row to be among the top share of its cutoff when ties are broken at random."""
    groups = rows.groupby(["model", "cutoff"], observed=True)["p"]
    room = TOP * groups.transform("size")
    above = groups.rank(method="min", ascending=False) - 1
    tied = rows.groupby(["model", "cutoff", "p"], observed=True)["p"].transform("size")
    return ((room - above) / tied).clip(0.0, 1.0)


def wilson(
    rate: NDArray[np.float64], n: NDArray[np.float64], z: float = 1.96
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bound shares by Wilson's interval, for independent rows; missing where there are none."""
    middle = (rate + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2))
    return np.clip(middle - half, 0, rate), np.clip(middle + half, rate, 1)
