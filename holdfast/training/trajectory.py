"""The path of a health score before customers leave, beside comparable customers that stayed.

Each reading was made at its cutoff by the model of that time. It is compared with the mean of the accounts of the same
segment and kind of contract, read at the same cutoff, that did not leave within a year; so a season, a release or an
ageing book does not pass for a warning.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.training.bootstrap import draw_accounts, interval, ratios
from holdfast.training.phrases import joined
from holdfast.training.plots import COLOURS, axes_or_new
from holdfast.training.readings import readings, shared
from holdfast.training.rows import json_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from holdfast.training.metrics import Floats

EDGES = (0, 30, 60, 90, 120, 180, 270, 365)  # days before the exit
_REPLICATES = 200
_FEWEST = 10  # accounts below which a window is not told


@dataclass(frozen=True)
class Trajectory:
    """Health before an exit.

    Attributes
    ----------
    rows
        ``model, from_day, to_day, accounts, health, lower, upper`` (mean and quartiles of those that left, so many days
        before), ``stayed`` (mean of the accounts they are compared with), ``difference, low, high`` (95 %, accounts
        drawn together; missing below ten accounts).
    """

    rows: pd.DataFrame

    def frame(self) -> pd.DataFrame:
        """Return the rows."""
        return self.rows

    def text(self, model: str) -> str:
        """Say it in a sentence; nothing where too few left, or the model is no health score."""
        mine = self.rows[(self.rows["model"] == model) & self.rows["low"].notna()]
        if mine.empty:
            return ""
        parts = [_gap(row) for row in mine.head(3).to_dict("records")]
        return f"Beside comparable accounts that stayed, those that left stood {joined(parts)} before they left."

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the mean health of those that left against those that stayed, the exit at the right."""
        ax = axes_or_new(ax)
        for place, (model, rows) in enumerate(self.rows.groupby("model", sort=False)):
            middle, colour = (rows["from_day"] + rows["to_day"]) / 2, COLOURS[place % len(COLOURS)]
            ax.plot(middle, rows["health"], marker="o", markersize=4, color=colour, label=f"{model}, left")
            ax.plot(middle, rows["stayed"], linestyle="--", color=colour, label=f"{model}, stayed")
            ax.fill_between(middle, rows["lower"], rows["upper"], color=colour, alpha=0.12, linewidth=0)
        ax.set_xlim(EDGES[-1], 0)
        ax.set_ylim(0, 100)
        ax.set_xlabel("days before the exit")
        ax.set_ylabel("health")
        ax.set_title("Health before customers left")
        if len(self.rows):
            ax.legend(frameon=False, fontsize="small")
        return ax

    def to_dict(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        words = {str(model): self.text(str(model)) for model in self.rows["model"].unique()}
        return {"in_words": words, "rows": json_rows(self.rows)}

    def _repr_html_(self) -> str:
        return str(self.rows.to_html(escape=True, index=False, float_format="{:.1f}".format))


def trajectory(predictions: pd.DataFrame, facts: pd.DataFrame, *, seed: int = 0) -> Trajectory:
    """Follow the health scores of accounts that left back from their exit.

    Parameters
    ----------
    predictions
        Long, see `Backtest.frame`; models without ``health`` are left out, and those with it told on
        the rows that all of them have.
    facts
        What is known of each account at each cutoff, see `Backtest`.
    """
    rows = shared(readings(predictions, facts).dropna(subset=["health"])).reset_index(drop=True)
    alike = [name for name in ("segment", "contract") if name in facts]
    rows[alike] = rows[alike].astype(object).fillna("")
    rows["stayed"] = _comparable(rows, ["model", "cutoff", *alike])
    return Trajectory(_windows(rows[rows["ahead"].between(0, EDGES[-1], inclusive="right")], seed))


def _gap(row: dict[Any, Any]) -> str:
    """Say how far apart both stood in a window: 20 points lower (14 to 27) 0 to 30 days."""
    low, high = row["low"], row["high"]
    if low * high > 0:  # on one side: as sizes, the smaller first
        low, high = sorted((abs(low), abs(high)))
    way = "lower" if row["difference"] < 0 else "higher"
    when = f"{row['from_day']} to {row['to_day']} days"
    return f"{abs(row['difference']):.0f} points {way} ({low:.0f} to {high:.0f}) {when}"


def _comparable(rows: pd.DataFrame, alike: list[str]) -> pd.Series[float]:
    """Average, for every row, the accounts like it that did not leave within a year of that cutoff."""
    stayed = rows["health"].where(~(rows["ahead"] <= EDGES[-1]))
    return stayed.groupby([rows[name] for name in alike], observed=True).transform("mean")


def _windows(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Summarise each window; an account that was read twice inside it counts once, by its mean."""
    code, weights = draw_accounts(rows["account_id"], _REPLICATES, seed)
    rows, found = rows.assign(code=code), []
    for model in rows["model"].cat.categories[rows["model"].cat.categories.isin(rows["model"])]:
        for start, stop in pairwise(EDGES):
            inside = rows[(rows["model"] == model) & (rows["ahead"] > start) & (rows["ahead"] <= stop)]
            mine = inside.dropna(subset="stayed").groupby("code")[["health", "stayed"]].mean()
            found.append((str(model), start, stop, len(mine), *_summary(mine, weights)))
    columns = ["model", "from_day", "to_day", "accounts", "health", "lower", "upper", "stayed"]
    return pd.DataFrame(found, columns=[*columns, "difference", "low", "high"])


def _summary(mine: pd.DataFrame, weights: Floats) -> tuple[float, ...]:
    if mine.empty:
        return (np.nan,) * 7
    lower, upper = np.quantile(mine["health"], [0.25, 0.75])
    gap = (mine["health"] - mine["stayed"]).to_numpy(float)
    drawn = ratios(gap, np.ones(len(gap)), mine.index.to_numpy(), weights)
    low, high = (
        interval(drawn[1:, None], evidence=len(mine))
        if len(mine) >= _FEWEST
        else (np.array([np.nan]), np.array([np.nan]))
    )
    stayed = float(mine["stayed"].mean())
    return (
        float(mine["health"].mean()),
        float(lower),
        float(upper),
        stayed,
        float(drawn[0]),
        float(low[0]),
        float(high[0]),
    )
