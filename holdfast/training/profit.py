"""What a ranking is worth in money, when those most probable to leave are offered something to stay.

The expected maximum profit of churn (EMPC: Verbraken, Verbeke and Baesens, IEEE TKDE 25(5), 2013) and its form for
business customers of unequal value (EMPB: Janssens, Bogaert, Bagué and Van den Poel, Annals of Operations Research
341, 2022), computed by empulse. Both assume what an offer costs and that between a tenth and a half of those who would
leave accept it; they rank models under that assumption and promise no return.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.errors import DataError, UsageError
from holdfast.training.readings import shared
from holdfast.training.rows import json_rows
from holdfast.training.verdict import in_words

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Offer:
    """What is assumed of an offer to stay.

    Attributes
    ----------
    years
        Customer lifetime value, in years of ARR.
    incentive
        What is given to who stays, as a share of that value.
    contact
        What a call costs, in the currency of the ARR.
    alpha, beta
        The share of those about to leave who accept is Beta distributed: 6 and 14 give 30 % on average.
    """

    years: float = 3.0
    incentive: float = 0.05
    contact: float = 15.0
    alpha: float = 6.0
    beta: float = 14.0

    def __post_init__(self) -> None:
        if not (self.years > 0 and 0 <= self.incentive < 1 and self.contact >= 0 and self.alpha > 1 and self.beta > 1):
            expected = "years above 0, incentive from 0 to 1, contact 0 or more, alpha and beta above 1"
            raise UsageError("Offer", expected, f"{self}", "correct it")

    def text(self) -> str:
        """Say what is assumed."""
        accept = self.alpha / (self.alpha + self.beta)
        return (
            f"Assumed: a customer is worth {self.years:g} years of its ARR, an offer costs {self.incentive:.0%} of "
            f"that, a call {self.contact:g}; {accept:.0%} of those about to leave accept."
        )


@dataclass(frozen=True)
class Profit:
    """Expected maximum profit.

    Attributes
    ----------
    rows
        ``model, empb, empb_share, empc, empc_share``: profit for each account and cutoff at the best number of calls,
        by the value of each account, and by their mean; and the share of accounts that would be called.
    offer, horizon
        What was assumed, and the days ahead.
    """

    rows: pd.DataFrame
    offer: Offer
    horizon: int

    def frame(self) -> pd.DataFrame:
        """Return the rows."""
        return self.rows

    def text(self) -> str:
        """Say it in a sentence, with what is assumed."""
        best = self.rows.sort_values("empb", ascending=False, kind="stable").iloc[0]
        return (
            f"By expected profit {in_words(best['model'])} comes first: {best['empb']:,.0f} for each account and "
            f"cutoff, when {best['empb_share']:.0%} of the accounts are called; an estimate without an interval, that "
            f"few large accounts decide. {self.offer.text()}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        return {"horizon": self.horizon, "in_words": self.text(), "rows": json_rows(self.rows)}

    def _repr_html_(self) -> str:
        from html import escape

        table = self.rows.to_html(escape=True, index=False, float_format="{:.2f}".format)
        return f"{table}<p>{escape(self.offer.text())}</p>"


def profit(
    predictions: pd.DataFrame, arr: pd.Series[float], offer: Offer | None = None, models: Sequence[str] | None = None
) -> Profit:
    """Compute the expected maximum profit of each model at the longest horizon.

    Parameters
    ----------
    predictions
        Long, see `Backtest.frame`; told on the rows that all models predicted.
    arr
        What each account is worth a year at each cutoff; rows without it are left out.

    Raises
    ------
    DataError
        When no account has a value, or nobody churned.
    """
    from empulse.metrics import empb_score, empc_score

    assumed = offer or Offer()
    horizon = int(predictions["horizon"].max())
    wanted = predictions if models is None else predictions[predictions["model"].isin(list(models))]
    rows = shared(wanted[wanted["horizon"] == horizon].dropna(subset=["p", "y"]))
    value = arr.reindex(pd.MultiIndex.from_frame(rows[["account_id", "cutoff"]])).to_numpy(float) * assumed.years
    rows = rows.assign(value=value)[value > 0]
    if rows["y"].nunique() < 2:
        do = "deliver subscriptions with amounts, or leave profit out"
        raise DataError("profit", "accounts with ARR that left, and such that stayed", f"{len(rows)} rows", do)
    common = {"alpha": assumed.alpha, "beta": assumed.beta, "contact_cost": assumed.contact}
    found = []
    for model, mine in rows.groupby("model", observed=True, sort=False):
        y, p, worth = (mine[name].to_numpy(float) for name in ("y", "p", "value"))
        each = common | {"clv": worth, "incentive_fraction": assumed.incentive}
        mean = common | {"clv": float(np.mean(worth)), "incentive_cost": assumed.incentive * float(np.mean(worth))}
        figures = [
            (float(score(y.astype(int), p, **how)), float(score.optimal_rate(y.astype(int), p, **how)))
            for score, how in ((empb_score, each), (empc_score, mean))
        ]
        found.append((str(model), *figures[0], *figures[1]))
    return Profit(pd.DataFrame(found, columns=["model", "empb", "empb_share", "empc", "empc_share"]), assumed, horizon)
