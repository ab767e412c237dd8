"""What a team of a given size would have caught: as many accounts called at every cutoff as it can call.

Two views. Of each cutoff: how many of those called were about to leave, and how many of those about to leave were
called. Of each account that left: since when it stood on the list without a gap until it left. An account that was
listed and then dropped counts as missed, since nobody would have been on it when it mattered.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.errors import UsageError
from holdfast.training.bootstrap import draw_accounts, interval, ratios
from holdfast.training.plots import plot_held
from holdfast.training.readings import last_before_exit, readings, shared
from holdfast.training.rows import json_rows, stacked

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from holdfast.training.metrics import Floats

SHARE = 0.05  # of the accounts at risk, called at every cutoff, unless a number is given
LEADS = (30, 60, 90)
CURVE = tuple(range(0, 181, 10))  # days
BY = ("p", "value")
_REPLICATES = 200


@dataclass(frozen=True)
class Capacity:
    """What would have been caught.

    Attributes
    ----------
    rows
        ``model, by`` (``p``: ranked by probability, ``value``: by probability times ARR)``, metric, value, low, high``
        (95 %, accounts drawn together; missing for medians). Metrics of a cutoff: ``precision, recall, arr_recall``. Of
        accounts that left: ``caught, arr_caught`` (on the list when they left), ``held_30, held_60, held_90`` (on it
        for so many days and more), ``dropped`` (listed once, and not when they left), ``lead_days`` (median days on the
        list of those caught). Of the work: ``alerts_per_week`` (accounts that were not on the list before).
    curve
        ``model, by, days, share, arr_share, low, high``: of the accounts that left, and of their revenue, the share
        that had been on the list without a gap for so many days when they left.
    horizon, calls
        Days ahead, and accounts called at each cutoff, on average.
    left
        Accounts that left while they were tested.
    """

    rows: pd.DataFrame
    curve: pd.DataFrame
    horizon: int
    calls: float
    left: int

    def frame(self) -> pd.DataFrame:
        """Return the rows."""
        return self.rows

    def value(self, model: str, metric: str, by: str = "p") -> float:
        """Look up one figure; missing where it is not defined."""
        rows = self.rows
        found = rows.loc[(rows["model"] == model) & (rows["metric"] == metric) & (rows["by"] == by), "value"]
        return float(found.iloc[0]) if len(found) else math.nan

    def burden(self, csms: float, model: str, by: str = "p") -> float:
        """Give the alerts that reach each of so many people in a week."""
        return self.value(model, "alerts_per_week", by) / csms

    def plot(self, ax: Axes | None = None, by: str = "p") -> Axes:
        """Draw the share of the accounts that left and had been on the list for so many days."""
        return plot_held(self.curve[self.curve["by"] == by], ax)

    def text(self, model: str) -> str:
        """Say it in a sentence; nothing where nobody left, or there is no such model."""
        caught, money, days = (self.value(model, name) for name in ("caught", "arr_caught", "lead_days"))
        if not self.left or math.isnan(caught):
            return ""
        stake = "" if math.isnan(money) else f", and {money:.0%} of the revenue that left"
        since = "" if math.isnan(days) else f", for a median of {days:.0f} days before they did"
        return (
            f"With {self.calls:.0f} accounts called at each cutoff, {caught:.0%} of the {self.left} accounts that left "
            f"would have been on the list{stake}{since}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        words = {str(model): self.text(str(model)) for model in self.rows["model"].unique()}
        return {
            "horizon": self.horizon,
            "calls": self.calls,
            "left": self.left,
            "in_words": words,
            "rows": json_rows(self.rows),
            "curve": json_rows(self.curve),
        }

    def _repr_html_(self) -> str:
        wide = self.rows.pivot_table(index=["model", "by"], columns="metric", values="value", sort=False, observed=True)
        return str(wide.to_html(escape=True, float_format="{:.2f}".format))


def capacity(predictions: pd.DataFrame, facts: pd.DataFrame, calls: float | None = None, *, seed: int = 0) -> Capacity:
    """Work through the accounts of every cutoff from the top, as far as a team gets.

    Parameters
    ----------
    predictions
        Long: ``account_id, cutoff, horizon, model, p, y``; told on the rows that all models predicted.
    facts
        By account and cutoff: ``event_at`` (when it left, missing where it did not) and ``arr``.
    calls
        Accounts at each cutoff: a number, or below 1 a share; by default a twentieth.

    Raises
    ------
    UsageError
        When calls is not above 0.
    """
    share = SHARE if calls is None else calls
    if not share > 0:
        raise UsageError(
            "capacity, calls", "a number of accounts, or a share of them, above 0", str(calls), "correct it"
        )
    horizon = int(predictions["horizon"].max())
    long = shared(readings(predictions, facts).dropna(subset=["p"])).reset_index(drop=True)
    long["code"], weights = draw_accounts(long["account_id"], _REPLICATES, seed)
    parts: list[pd.DataFrame] = []
    curves: list[pd.DataFrame] = []
    called = []
    for (model, by), rows in _ranked(long):
        on = listed(rows, share)
        held = _held(rows.assign(listed=on))
        called.append(on.sum() / max(1, rows["cutoff"].nunique()))
        parts.append(_measured(rows, on, held, weights).assign(model=model, by=by))
        curves.append(_curve(held, weights).assign(model=model, by=by))
    table = stacked(parts, ["model", "by", "metric", "value", "low", "high"])
    curve = stacked(curves, ["model", "by", "days", "share", "arr_share", "low", "high"])
    left = last_before_exit(long)["account_id"].nunique()
    return Capacity(table, curve, horizon, float(np.mean(called)) if called else 0.0, left)


def _ranked(long: pd.DataFrame) -> Iterable[tuple[tuple[str, str], pd.DataFrame]]:
    """Yield the rows of every model, with what they are ranked by; by value only where values are known."""
    for model, rows in long.groupby("model", observed=True, sort=False):
        yield (str(model), "p"), rows.assign(rank_by=rows["p"])
        if rows["arr"].notna().any():
            yield (str(model), "value"), rows.assign(rank_by=rows["p"] * rows["arr"].fillna(0.0))


def calls_of(capacity: float, accounts: int) -> int:
    """Give how many accounts are called: a number, or below 1 a share of them, rounded up.

    A share counts as it is written: 0.07 of 100 are 7, though the nearest number to 0.07 that a computer holds is more.

    Examples
    --------
    >>> calls_of(0.07, 100), calls_of(0.05, 50), calls_of(20, 50), calls_of(20, 10)
    (7, 3, 20, 10)
    """
    if capacity < 1:
        return math.ceil(Fraction(repr(float(capacity))) * accounts)
    return int(min(capacity, accounts))


def listed(rows: pd.DataFrame, share: float) -> NDArray[np.bool_]:
    """Tell which rows are on the list of their cutoff; ties by account.

    Parameters
    ----------
    rows
        ``account_id, cutoff, p``, and what they are ranked by: ``rank_by``.
    share
        Accounts at each cutoff: a number, or below 1 a share.
    """
    order = rows.sort_values(["cutoff", "rank_by", "account_id"], ascending=[True, False, True], kind="stable")
    place = order.groupby("cutoff").cumcount()
    size = order.groupby("cutoff")["p"].transform("size")
    room = size.map({one: calls_of(share, int(one)) for one in size.unique()})
    return np.asarray((place < room).reindex(rows.index), dtype=bool)


def _measured(rows: pd.DataFrame, on: NDArray[np.bool_], held: pd.DataFrame, weights: Floats) -> pd.DataFrame:
    known, y = rows["y"].notna().to_numpy(), rows["y"].fillna(0.0).to_numpy(float)
    arr = rows["arr"].fillna(0.0).to_numpy(float)
    seen = {
        "precision": (on * y, on & known),
        "recall": (on * y, y),
        "arr_recall": (on * y * arr, y * arr),
    }
    code = rows["code"].to_numpy()
    drawn = {name: ratios(*pair, code, weights) for name, pair in seen.items()}
    there, size, worth = (held["days"] > 0).to_numpy(float), np.ones(len(held)), held["arr"].fillna(0.0).to_numpy(float)
    later = {
        "caught": (there, size),
        "arr_caught": (there * worth, worth),
        **{f"held_{days}": ((held["days"] >= days).to_numpy(float), size) for days in LEADS},
        "dropped": (((held["days"] <= 0) & held["ever"]).to_numpy(float), size),
    }
    places = held["code"].to_numpy()
    drawn |= {name: ratios(*pair, places, weights) for name, pair in later.items()}
    values = np.column_stack(list(drawn.values()))
    low, high = interval(values[1:], evidence=len(held))
    found = list(zip(drawn, *(one.tolist() for one in (values[0], low, high)), strict=True))
    lead = held.loc[held["days"] > 0, "days"].median()
    found.append(("lead_days", float(lead) if len(held) else math.nan, math.nan, math.nan))
    found.append(("alerts_per_week", _alerts(rows, on), math.nan, math.nan))
    return pd.DataFrame(found, columns=["metric", "value", "low", "high"])


def _curve(held: pd.DataFrame, weights: Floats) -> pd.DataFrame:
    """Give the share that had been held for at least so many days, and at all at day 0."""
    code, size, worth = held["code"].to_numpy(), np.ones(len(held)), held["arr"].fillna(0.0).to_numpy(float)
    days = held["days"].to_numpy(float)
    on = [np.asarray((days >= one) & (days > 0), dtype=float) for one in CURVE]
    share = np.column_stack([ratios(one, size, code, weights) for one in on])
    money = [ratios(one * worth, worth, code, weights)[0] for one in on]
    low, high = interval(share[1:], evidence=len(held))
    table = {"days": CURVE, "share": share[0], "arr_share": money, "low": low, "high": high}
    return pd.DataFrame(table).astype(float)


def _alerts(rows: pd.DataFrame, listed: NDArray[np.bool_]) -> float:
    """Count the accounts that came onto the list, per week; missing with one cutoff."""
    stands = pd.DatetimeIndex(rows["cutoff"].unique()).sort_values()
    if len(stands) < 2:
        return math.nan
    on = rows.loc[listed, ["code", "cutoff"]]
    earlier = on[on["cutoff"] < stands[-1]]
    before = earlier.assign(cutoff=stands[stands.searchsorted(earlier["cutoff"]) + 1])
    news = on[on["cutoff"] > stands[0]].merge(before, how="left", indicator=True)["_merge"] == "left_only"
    return float(news.sum() / ((stands[-1] - stands[0]) / pd.Timedelta(days=7)))


def _held(rows: pd.DataFrame) -> pd.DataFrame:
    """Follow every account that left back from its last cutoff: days on the list without a gap, 0 when not on it.

    An account counts as having left while tested when it did so before the next cutoff would have come.
    """
    left = last_before_exit(rows).set_index("code")["arr"]
    before = rows[rows["code"].isin(left.index) & (rows["ahead"] > 0)].sort_values(["code", "cutoff"], kind="stable")
    told = []
    for code, one in before.groupby("code", sort=True):
        flags, ahead = one["listed"].to_numpy(), one["ahead"].to_numpy(float)
        run = int(np.argmin(flags[::-1])) if not flags.all() else len(flags)
        told.append((code, float(ahead[-run]) if run else 0.0, bool(flags.any()), float(left[code])))
    return pd.DataFrame(told, columns=["code", "days", "ever", "arr"]).astype({"code": int, "ever": bool})
