"""How long it takes until the effect of calls can be told from chance, with the numbers of this company."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from holdfast.training.rows import json_rows

ALPHA, POWER = 0.05, 0.8
LONGEST = 260  # weeks; what would take longer than five years is not promised
SHARES = (0.05, 0.1, 0.2, 0.3, 0.5)


@dataclass(frozen=True)
class Power:
    """What a random holdout could show, and when.

    Attributes
    ----------
    rows
        By ``share`` (left alone): ``held_out, called`` (decisions needed), ``weeks`` (until the last outcome is seen;
        missing where it never would be), ``why_never``.
    base, points
        Share of those left alone that leave within the horizon; how much less is to be shown, in points of a hundred.
    weekly, horizon
        Accounts that enter the trial in a week; days until an outcome is seen.
    """

    rows: pd.DataFrame
    base: float
    points: float
    weekly: float
    horizon: int

    def frame(self) -> pd.DataFrame:
        """Return the rows."""
        return self.rows

    def text(self) -> str:
        """Say it in sentences."""
        head = (
            f"Of those the queue would call, {self.base:.1%} are expected to leave within {self.horizon} days if left "
            f"alone, and {self.weekly:.1f} enter the trial in a week."
        )
        told = self.rows.dropna(subset="weeks")
        if told.empty:
            nearest = self.rows.sort_values("called", kind="stable").iloc[0]
            return f"{head} An effect of {self.points:.3g} points cannot be shown: {nearest['why_never']}."
        best = told.sort_values(["weeks", "share"], kind="stable").iloc[0]
        return (
            f"{head} To show an effect of {self.points:.3g} points with {POWER:.0%} power at the {ALPHA:.0%} level "
            f"takes {best['weeks']:.0f} weeks at best, with {best['share']:.0%} left alone. It is reckoned with "
            "probabilities that may be off, and with a stream of accounts that stays as it is."
        )

    def to_dict(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        told = {name: getattr(self, name) for name in ("base", "points", "weekly", "horizon")}
        return told | {"in_words": self.text(), "rows": json_rows(self.rows)}

    def _repr_html_(self) -> str:
        from html import escape

        table = self.rows.to_html(escape=True, index=False, na_rep="never", float_format="{:.2f}".format)
        return f"<p>{escape(self.text())}</p>{table}"


def power(base: float, points: float, weekly: float, horizon: int, share: float = 0.0) -> Power:
    """Reckon how many weeks it takes to show an effect, for several shares left alone.

    Parameters
    ----------
    base
        Share that leaves if left alone.
    points
        By how many points of a hundred a call lowers it.
    weekly
        Accounts that enter the trial in a week, called or left alone.
    share
        A share of your own, beside the usual ones; 0: none.
    """
    wanted = sorted({*SHARES, share} - {0.0})
    rows = [(one, *_needed(base, points / 100, weekly, horizon, one)) for one in wanted]
    table = pd.DataFrame(rows, columns=["share", "held_out", "called", "weeks", "why_never"])
    return Power(table, base, points, weekly, horizon)


def _needed(base: float, effect: float, weekly: float, horizon: int, share: float) -> tuple[float, float, float, str]:
    from statsmodels.stats.power import NormalIndPower
    from statsmodels.stats.proportion import proportion_effectsize

    if not weekly > 0:
        return math.nan, math.nan, math.nan, "nobody enters the trial"
    if not effect > 0:
        return math.nan, math.nan, math.nan, "there is none to be shown"
    if effect > base and not math.isclose(effect, base):
        return math.nan, math.nan, math.nan, f"only {base:.1%} would leave, so no call can keep {effect:.1%}"
    size = proportion_effectsize(base, max(base - effect, 0.0))
    held = NormalIndPower().solve_power(size, None, ALPHA, POWER, ratio=(1 - share) / share)
    held_out, total = math.ceil(held), math.ceil(held / share)
    weeks = math.ceil(total / weekly) + math.ceil(horizon / 7)
    if weeks > LONGEST:
        return (
            held_out,
            total - held_out,
            math.nan,
            f"it would take {weeks} weeks, and {LONGEST} are the most we promise",
        )
    return held_out, total - held_out, weeks, ""
