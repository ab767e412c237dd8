"""What calls did: those called beside those whom the lot left alone.

Everybody counts in the arm that the lot gave, whether the call was made or not: what is told is the effect of being on
the list. Without a lot there is no such figure, since those that are called are those that were going to leave.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from holdfast.training.rows import json_rows

FEWEST, EVENTS = 20, 10  # in each arm; that left, in both together
_LEVEL = 0.95


@dataclass(frozen=True)
class Uplift:
    """The effect of calls, or why there is no figure.

    Attributes
    ----------
    arms
        ``called, held_out``: ``decisions, left, rate``, of those whose outcome has been seen; ``standardised`` is the
        rate with lots of different chance weighed alike in both arms, so that the two differ by `points`.
    points, low, high
        By how many points of a hundred fewer left among those called (95 %); missing where `why_not` says why.
    waiting
        Decisions whose outcome has not been seen yet.
    lots
        How many chances to be called there were.
    crossed
        Of those left alone, how many were helped all the same.
    horizon
        Days within which they left.
    why_not
        Why no figure is told; empty where one is.
    """

    arms: pd.DataFrame
    points: float
    low: float
    high: float
    waiting: int
    lots: int
    crossed: int
    horizon: int
    why_not: str

    def frame(self) -> pd.DataFrame:
        """Return the arms."""
        return self.arms

    def text(self) -> str:
        """Say it in sentences that promise no more than was measured."""
        if self.why_not:
            more = f" {self.waiting} decisions are still being observed." if self.waiting else ""
            return f"The effect of calls cannot be told: {self.why_not}.{more}"
        number, rate = self.arms["decisions"], self.arms["standardised"]
        told = (
            f"Of {number['called']} on the list {rate['called']:.1%} left within {self.horizon} days, of "
            f"{number['held_out']} left alone by lot {rate['held_out']:.1%}: {self.points:+z.1f} points for the calls "
            f"(95 %: {self.low:+z.1f} to {self.high:+z.1f})."
        )
        if self.lots > 1:
            told += f" Lots of {self.lots} different chances are weighed alike in both shares."
        if self.low <= 0 <= self.high:
            told += " Chance alone can make such a difference."
        if self.crossed:
            told += f" {self.crossed} of those left alone were helped all the same, which makes it look smaller."
        return told + " It holds for accounts like these, called as these were."

    def to_dict(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        names = ("points", "low", "high", "waiting", "lots", "crossed", "horizon", "why_not")
        told = json_rows(pd.DataFrame([{name: getattr(self, name) for name in names}]))[0]
        return told | {"in_words": self.text(), "arms": json_rows(self.arms.reset_index(names="arm"))}

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>{escape(self.text())}</p>{self.arms.to_html(escape=True, float_format='{:.3f}'.format)}"


def uplift(trials: pd.DataFrame, horizon: int) -> Uplift:
    """Compare those called with those left alone by lot.

    Parameters
    ----------
    trials
        One row per decision: ``called`` (False: left alone), ``propensity`` (the chance to be called, missing where no
        lot was drawn), ``left`` (1 left within the horizon, 0 did not, missing where that is not known yet), ``helped``
        (whether help was given in that time).
    horizon
        In days.

    Examples
    --------
    >>> none = pd.DataFrame({"called": [True], "propensity": [float("nan")], "left": [0.0], "helped": [True]})
    >>> uplift(none, 90).why_not
    'no lot was drawn; set holdout in [queue], and record the queue'
    """
    chance = trials["propensity"].to_numpy(float)
    drawn = trials[(chance > 0) & (chance < 1)]
    seen = drawn.dropna(subset="left")
    seen = seen[seen.groupby("propensity")["called"].transform("nunique") == 2]  # a lot of one arm compares nothing
    held = ~seen["called"].to_numpy(bool)
    arms = pd.DataFrame(
        {"decisions": [int((~held).sum()), int(held.sum())],
         "left": [float(seen.loc[~held, "left"].sum()), float(seen.loc[held, "left"].sum())]},
        index=["called", "held_out"],
    )  # fmt: skip
    arms["rate"] = arms["left"] / arms["decisions"].where(arms["decisions"] > 0)
    lots = _lots(seen)
    arms["standardised"] = [(lots["share"] * lots[f"{arm}_rate"]).sum(min_count=1) for arm in arms.index]
    crossed = int((held & seen["helped"].to_numpy(bool)).sum())
    why_not = _why_not(drawn, arms)
    figures = (math.nan,) * 3 if why_not else _difference(lots)
    return Uplift(arms, *figures, int(drawn["left"].isna().sum()), len(lots), crossed, horizon, why_not)


def _lots(seen: pd.DataFrame) -> pd.DataFrame:
    """Count each arm by chance, with the share that Mantel and Haenszel give to lots of that chance."""
    called, told = seen["called"].astype(bool), dict[str, pd.Series]()
    for arm, mask in (("called", called), ("held_out", ~called)):
        count = seen[mask].groupby("propensity", sort=True)["left"].agg(["sum", "size"])
        told |= {arm: count["size"], f"{arm}_left": count["sum"], f"{arm}_rate": count["sum"] / count["size"]}
    lots = pd.DataFrame(told)
    weight = 1 / (1 / lots["called"] + 1 / lots["held_out"])
    return lots.assign(share=weight / weight.sum())


def _why_not(drawn: pd.DataFrame, arms: pd.DataFrame) -> str:
    if drawn.empty:
        return "no lot was drawn; set holdout in [queue], and record the queue"
    fewest, events = int(arms["decisions"].min()), int(arms["left"].sum())
    if fewest < FEWEST:
        arm = "called" if arms["decisions"].idxmin() == "called" else "left alone"
        return f"the outcome of {fewest} {arm} has been seen, {FEWEST} are needed"
    if events < EVENTS:
        return f"{events} left in both arms together, {EVENTS} are needed"
    return ""


def _difference(lots: pd.DataFrame) -> tuple[float, float, float]:
    """Give the difference in points with its interval, over lots of the same chance, put together.

    Each has Newcombe's interval, and they are put together as variances are (Zou and Donner, Statistics in Medicine
    27(10), 2008).
    """
    from statsmodels.stats.proportion import confint_proportions_2indep

    counts = lots[["held_out_left", "held_out", "called_left", "called"]].to_numpy(float)
    bounds = [confint_proportions_2indep(*each, method="newcomb", compare="diff", alpha=1 - _LEVEL) for each in counts]
    each, share = (lots["held_out_rate"] - lots["called_rate"]).to_numpy(float), lots["share"].to_numpy(float)
    low, high = np.array(bounds).T
    middle = float(share @ each)
    down, up = (float(np.sqrt(np.sum((share * one) ** 2))) for one in (each - low, high - each))
    return 100 * middle, 100 * (middle - down), 100 * (middle + up)
