"""What a figure is held against, each with where it comes from.

Only what the literature states with a source that can be named is built in, and it is stated there without data. What
vendors claim without a source is not; a company's own target is given as a `Benchmark`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import pandas as pd

from holdfast.errors import UsageError, did_you_mean
from holdfast.training.kpis.terms import TERMS

STATED = "stated in the literature without data"


@dataclass(frozen=True)
class Benchmark:
    """Hold a figure against a range.

    Parameters
    ----------
    figure
        A name of `definitions`.
    says
        What lies inside the range, in words.
    low, high
        The range; both ends belong to it unless `beyond`.
    source
        Where it comes from.
    beyond
        Whether the ends themselves do not belong to it.

    Raises
    ------
    UsageError
        When the figure is unknown, or the range is empty.

    Examples
    --------
    >>> Benchmark("grr", "our own target", low=0.9, source="board, 2025").holds(0.93)
    True
    """

    figure: str
    says: str
    low: float = -math.inf
    high: float = math.inf
    source: str = "your own"
    beyond: bool = False

    def __post_init__(self) -> None:
        names = [one.name for one in TERMS]
        if self.figure not in names:
            raise UsageError("Benchmark, figure", "a figure", repr(self.figure), did_you_mean(str(self.figure), names))
        if not self.low < self.high:
            raise UsageError("Benchmark, low and high", "low below high", f"{self.low}, {self.high}", "correct them")

    def holds(self, value: float) -> bool:
        """Tell whether a value lies in the range; a missing one does not."""
        return self.low < value < self.high if self.beyond else self.low <= value <= self.high


BENCHMARKS = (
    Benchmark("nps", "good", 30, 50, STATED),
    Benchmark("nps", "among the best", 70, source=STATED, beyond=True),
    Benchmark("logo_churn", "as it should ideally be", high=0.05, source=f"{STATED}, nor a period", beyond=True),
)


def against(rows: pd.DataFrame, benchmarks: Iterable[Benchmark]) -> pd.DataFrame:
    """Hold the last whole period of every table against benchmarks, one row each where the figure is there."""
    keys, found = ["period", "currency", "segment"], []
    last = rows[~rows["partial"]].drop_duplicates(["currency", "segment"], keep="last")
    for row in last.to_dict("records"):
        for one in benchmarks:
            value = float(row.get(one.figure, math.nan))
            if not math.isnan(value):
                told = {"value": value, "holds": one.holds(value)} | asdict(one)
                found.append({key: row[key] for key in keys} | told)
    columns = [*keys, "figure", "value", "says", "low", "high", "holds", "source"]
    return pd.DataFrame(found, columns=columns).replace([math.inf, -math.inf], math.nan)
