"""What a retention programme returns, under assumptions that are printed with it.

Those with most at stake are contacted. What a contact saves is the product of the risk, the save rate, the revenue and
the margin, so the return can never exceed what all of them would pay if every one at risk were saved. The save rate is
an assumption unless it was measured with a holdout; a model of risk does not know it.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.errors import UsageError
from holdfast.training.kpis.forecast import checked
from holdfast.training.rows import json_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

ASSUMED = "assumption-based"


@dataclass(frozen=True)
class Effect:
    """A save rate that was measured: of those who would have left, the share that a contact keeps.

    Attributes
    ----------
    value, low, high
        The rate with its interval.
    source
        The holdout it was measured with.
    """

    value: float
    low: float
    high: float
    source: str

    def __post_init__(self) -> None:
        if not (-1 <= self.low <= self.value <= self.high <= 1 and self.source):
            raise UsageError("Effect", "low <= value <= high, up to 1, and a source", f"{self}", "correct it")


@dataclass(frozen=True)
class Roi:
    """The return of a programme.

    Attributes
    ----------
    gain, gain_low, gain_high
        Margin saved less cost; the ends are missing where the save rate has none.
    ratio
        Gain over cost; missing where nothing is spent.
    cost, at_risk
        What the contacts cost; the margin that those contacted are expected to take away if nobody calls.
    break_even
        The save rate at which it pays for itself; above 1 it never does.
    label
        ``assumption-based``, or by what it was measured.
    assumptions
        ``name, value``, in words.
    """

    gain: float
    gain_low: float
    gain_high: float
    ratio: float
    cost: float
    at_risk: float
    break_even: float
    label: str
    assumptions: pd.DataFrame

    def frame(self) -> pd.DataFrame:
        """Return the assumptions."""
        return self.assumptions

    def text(self) -> str:
        """Tell it in sentences, the assumptions included."""
        ends = "" if math.isnan(self.gain_low) else f" ({self.gain_low:,.0f} to {self.gain_high:,.0f})"
        told = (
            f"{self.label.capitalize()}: a gain of {self.gain:,.0f}{ends} for a cost of {self.cost:,.0f}; no more than "
        )
        told += f"{self.at_risk:,.0f} of margin is at risk among those contacted."
        if math.isfinite(self.break_even):
            told += f" It pays for itself from a save rate of {self.break_even:.1%}"
            told += ", which is none." if self.break_even > 1 else "."
        named = "; ".join(f"{one['name']} {one['value']}" for one in self.assumptions.to_dict("records"))
        return f"{told} Assumed: {named}."

    def to_dict(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        told = {key: value for key, value in asdict(self).items() if key != "assumptions"}
        row: dict[str, Any] = json_rows(pd.DataFrame([told]))[0]
        return row | {"in_words": self.text(), "assumptions": json_rows(self.assumptions)}

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>{escape(self.text())}</p>{self.assumptions.to_html(escape=True, index=False)}"


def roi(
    scores_rows: pd.DataFrame,
    *,
    contacts: int,
    cost_per_contact: float,
    save_rate: float | Sequence[float] | Effect,
    margin: float,
    months: int = 12,
) -> Roi:
    """Reckon what contacting those with most at stake returns.

    Parameters
    ----------
    scores_rows
        As for `forecast`: ``account_id, arr, p90``.
    contacts
        How many accounts are contacted, by ``p90 x arr`` from the top.
    cost_per_contact
        In the currency of the revenue.
    save_rate
        Of those who would have left, the share that a contact keeps: a number, a range (low, high), or an `Effect`.
    margin
        Gross margin, a share.
    months
        How long a saved account pays before it is asked again.

    Raises
    ------
    UsageError
        When an argument is out of its range.
    DataError
        As for `forecast`.

    Examples
    --------
    >>> rows = pd.DataFrame({"account_id": ["a"], "arr": [1000.0], "p90": [0.5]})
    >>> roi(rows, contacts=1, cost_per_contact=20, save_rate=0.2, margin=0.8).gain
    60.0
    """
    value, low, high, label = _rate(save_rate)
    fine = contacts >= 1 and 0 <= cost_per_contact < math.inf and 0 < margin <= 1 and months >= 1
    if not fine:
        expected = "contacts and months 1 or more, a cost of 0 or more, a margin above 0 and up to 1"
        found = f"{contacts}, {months}, {cost_per_contact}, {margin}"
        raise UsageError("roi", expected, found, "correct it")
    rows, _ = checked(scores_rows)
    stake = (rows["p90"] * rows["arr"]).to_numpy(float)
    called = np.sort(stake)[::-1][:contacts]
    at_risk = float(called.sum()) * margin * months / 12
    cost = len(called) * float(cost_per_contact)
    gain, least, most = (at_risk * one - cost for one in (value, low, high))
    rate = f"{value:.0%}" + ("" if math.isnan(low) else f" ({low:.0%} to {high:.0%})")
    told = [
        ("accounts contacted", f"{len(called)}"),
        ("cost of a contact", f"{cost_per_contact:g}"),
        ("save rate", f"{rate}, {label}"),
        ("gross margin", f"{margin:.0%}"),
        ("months that a saved account pays", f"{months}"),
    ]
    ratio = gain / cost if cost > 0 else math.nan
    even = cost / at_risk if at_risk > 0 else math.inf
    table = pd.DataFrame(told, columns=["name", "value"])
    return Roi(gain, least, most, ratio, cost, at_risk, even, label, table)


def _rate(given: float | Sequence[float] | Effect) -> tuple[float, float, float, str]:
    """Read the save rate: value, low, high, and what it rests on."""
    if isinstance(given, Effect):
        return given.value, given.low, given.high, f"measured with a holdout ({given.source})"
    if isinstance(given, int | float):
        value, low, high = float(given), math.nan, math.nan
    else:
        low, high = (float(one) for one in given)
        value = (low + high) / 2
    if not (0 <= value <= 1 and not (low < 0 or high > 1 or low > high)):
        raise UsageError("roi, save_rate", "a share from 0 to 1, or a range of them", str(given), "correct it")
    return value, low, high, ASSUMED
