"""What a ranking would have caught of the revenue that left, beside two plain ones, and what it missed.

Regret against someone who knows the future can be told where the future is simulated. On real data the queue is set
beside what a team would do without it: call those most probable to leave, or the largest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.training.bootstrap import draw_accounts, interval, ratios
from holdfast.training.capacity import SHARE, listed
from holdfast.training.readings import readings
from holdfast.training.rows import json_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHARES = (0.01, 0.02, 0.05, 0.1, 0.2)  # of the accounts at risk, called at each cutoff
QUEUE, RISK, REVENUE = "value", "p", "arr"
_BY = {QUEUE: "probability times ARR", RISK: "probability alone", REVENUE: "ARR alone"}
_REPLICATES = 200
_COLUMNS = ["share", "by", "caught", "low", "high", "gain", "gain_low", "gain_high"]


@dataclass(frozen=True)
class Regret:
    """What the queue and two plain rankings would have caught.

    Attributes
    ----------
    rows
        ``share`` (of the accounts at risk, called at each cutoff), ``by`` (``value``: the queue, ``p``, ``arr``),
        ``caught`` (share of the ARR that left within the horizon), ``low, high`` (95 %, accounts drawn together),
        ``gain, gain_low, gain_high`` (the queue less this ranking, on the same draws). Empty where no ARR left.
    horizon, left
        Days ahead, and accounts with ARR that left within them.
    """

    rows: pd.DataFrame
    horizon: int
    left: int

    def frame(self) -> pd.DataFrame:
        """Return the rows."""
        return self.rows

    def at(self, share: float) -> pd.DataFrame:
        """Give the rows of the share that lies nearest, indexed by ranking."""
        shares = self.rows["share"].unique()
        nearest = shares[np.argmin(np.abs(np.log(shares / share)))]
        rows: pd.DataFrame = self.rows[self.rows["share"] == nearest]
        return rows.set_index("by")

    def text(self, share: float = SHARE) -> str:
        """Say it in a sentence, for the share of accounts that lies nearest; nothing where no ARR left."""
        if self.rows.empty:
            return ""
        near = {str(row["by"]): row for row in self.at(share).reset_index().to_dict("records")}
        plain = "; ".join(
            f"{_BY[by]} {near[by]['caught']:.0%} (the queue {near[by]['gain'] * 100:+z.0f} points, 95 % "
            f"{near[by]['gain_low'] * 100:+z.0f} to {near[by]['gain_high'] * 100:+z.0f})"
            for by in (RISK, REVENUE)
        )
        return (
            f"With {near[QUEUE]['share']:.0%} of the accounts called at each cutoff of the backtest, the queue would "
            f"have caught {near[QUEUE]['caught']:.0%} of the revenue that left within {self.horizon} days; {plain}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        told = {"horizon": self.horizon, "left": self.left, "in_words": self.text()}
        return told | {"rows": json_rows(self.rows)}

    @classmethod
    def of(cls, told: dict[str, Any]) -> Regret:
        """Read what `to_dict` wrote."""
        return cls(pd.DataFrame(told["rows"], columns=_COLUMNS), told["horizon"], told["left"])

    def _repr_html_(self) -> str:
        from html import escape

        table = self.rows.to_html(escape=True, index=False, float_format="{:.3f}".format)
        return f"<p>{escape(self.text())}</p>{table}"


def regret(predictions: pd.DataFrame, facts: pd.DataFrame, *, model: str = "churn", seed: int = 0) -> Regret:
    """Set the queue beside ranking by probability and by ARR, at the longest horizon of a backtest.

    Parameters
    ----------
    predictions, facts
        See `Backtest.frame` and `Backtest`: ``account_id, cutoff, horizon, model, p, y``, and ``event_at, arr``.
    model
        Whose probabilities are used.
    """
    long = readings(predictions[predictions["model"] == model], facts).dropna(subset=["p", "arr"])
    long = long.reset_index(drop=True)
    horizon, lost = int(predictions["horizon"].max()), (long["y"].fillna(0.0) * long["arr"]).to_numpy(float)
    if not lost.sum() > 0:
        return Regret(pd.DataFrame(columns=_COLUMNS), horizon, 0)
    left = long.loc[lost > 0, "account_id"].nunique()
    code, weights = draw_accounts(long["account_id"], _REPLICATES, seed)
    ranked = {QUEUE: long["p"] * long["arr"], RISK: long["p"], REVENUE: long["arr"]}
    found = []
    for share in SHARES:
        drawn = {
            by: ratios(listed(long.assign(rank_by=rank), share) * lost, lost, np.asarray(code), weights)
            for by, rank in ranked.items()
        }
        found += [(share, by, *_figures(drawn[by], drawn[QUEUE] - drawn[by], left)) for by in ranked]
    return Regret(pd.DataFrame(found, columns=_COLUMNS), horizon, left)


def _figures(caught: NDArray[np.float64], gain: NDArray[np.float64], evidence: int) -> tuple[float, ...]:
    """Give value, low, high of the share caught and of the gain; the first draw is what was observed."""
    told: list[float] = []
    for values in (caught, gain):
        low, high = interval(values[1:, None], evidence=evidence)
        told += [float(values[0]), float(low[0]), float(high[0])]
    return tuple(told)
