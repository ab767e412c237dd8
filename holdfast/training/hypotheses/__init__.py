"""The hypothesis bench: what the literature of customer success claims, measured on a company's own data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.errors import UsageError
from holdfast.models.health import HealthScore
from holdfast.progress import progress
from holdfast.training.hypotheses.bench import Bench
from holdfast.training.hypotheses.claim import Hypothesis as Hypothesis
from holdfast.training.hypotheses.claims import CLAIMS as CLAIMS
from holdfast.training.hypotheses.found import Found
from holdfast.training.hypotheses.ranking import Better as Better
from holdfast.training.hypotheses.ranking import Strongest as Strongest
from holdfast.training.hypotheses.ranking import Weighty as Weighty
from holdfast.training.hypotheses.rate import Rate as Rate
from holdfast.training.hypotheses.ratio import Group as Group
from holdfast.training.hypotheses.ratio import Ratio as Ratio
from holdfast.training.hypotheses.slope import Slope as Slope
from holdfast.training.hypotheses.verdicts import FAILS, HOLDS, OPEN, UNMEASURED, VERDICTS, judged
from holdfast.training.rows import json_rows

if TYPE_CHECKING:
    from holdfast.features.snapshot import Snapshot
    from holdfast.training.labels import Labels

_SIDE = ("rows", "accounts", "events", "rate")
_FIGURES = ("value", "low", "high", "claimed", "crude")
_SAID = {
    HOLDS: ("holds", "hold"),
    FAILS: ("does not hold", "do not hold"),
    OPEN: ("cannot be told yet", "cannot be told yet"),
    UNMEASURED: ("is not measured", "are not measured"),
}


@dataclass(frozen=True, eq=False)
class Hypotheses:
    """Claims with what was found.

    Attributes
    ----------
    rows
        One row per claim: ``id, claim, measure`` (what ``value`` is)``, more, less`` (the group that is said to have
        the event more often, and the other one), of each ``rows_more, accounts_more, events_more`` (accounts with
        it), ``rate_more`` ..., ``value, low, high`` (95 %, accounts drawn together)``, claimed, crude`` (ratio of the
        plain shares of rows)``, verdict`` (``holds``, ``does not hold``, ``cannot tell``, ``not measured``) and
        ``why``. Rates and figures are missing where there are too few events.
    each
        What churn is counted by: ``renewal decision``, or such as ``90 days``.
    """

    rows: pd.DataFrame
    each: str

    def frame(self) -> pd.DataFrame:
        """Return the rows."""
        return self.rows

    def counts(self) -> dict[str, int]:
        """Count the claims by verdict."""
        return {one: int((self.rows["verdict"] == one).sum()) for one in VERDICTS}

    def summary(self) -> str:
        """Count the verdicts in a sentence."""
        counts = {verdict: n for verdict, n in self.counts().items() if n}
        parts = [f"{n} {_SAID[verdict][n != 1]}" for verdict, n in counts.items()]
        return f"Of {len(self.rows)} claims {', '.join(parts)}." if parts else "No claim was given."

    def text(self) -> str:
        """Tell it in sentences."""
        told = [self.summary()]
        judged_ones = self.rows[self.rows["verdict"].isin([HOLDS, FAILS])].to_dict("records")
        told += [f"{row['id']} {row['verdict']}: {row['claim']}; {row['why']}." for row in judged_ones]
        return " ".join(told)

    def to_dict(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        return {
            "in_words": self.text(),
            "counted_by": self.each,
            "verdicts": self.counts(),
            "claims": json_rows(self.rows),
        }

    def _repr_html_(self) -> str:
        shown = self.rows[["id", "claim", "more", "less", "value", "low", "high", "crude", "verdict", "why"]]
        return f"<p>{escape(self.text())}</p>{shown.to_html(escape=True, index=False, float_format='{:.2f}'.format)}"


def hypotheses(
    X: Snapshot,
    y: Labels,
    *,
    expansion: Labels | None = None,
    health: HealthScore | None = None,
    claims: Sequence[Hypothesis] = CLAIMS,
    replicates: int = 500,
    seed: int = 0,
) -> Hypotheses:
    """Measure what is claimed of customers on a company's own history.

    Parameters
    ----------
    X, y
        Snapshot and labels at many cutoffs of the same history.
    expansion
        Labels of expansion; without them nothing is said of growth.
    health
        A template, by whose score falls are measured; 40/30/30 unless given.
    claims
        What is claimed; you may add your own.
    replicates
        How often accounts are drawn for the intervals.

    Raises
    ------
    UsageError
        When the health score was learned, labels are of the wrong kind, or fewer than 100 draws are asked for.
    """
    _checked(y, expansion, health, replicates)
    grown = None if expansion is None else expansion.on(X.index)
    score = HealthScore.template() if health is None else health
    bench = Bench.of(X, y.on(X.index), grown, score, replicates=replicates, seed=seed)
    found = [_found(one, bench) for one in progress(claims, "claims", len(claims))]
    return Hypotheses(_rows(claims, found), bench.churn.each)


def _found(one: Hypothesis, bench: Bench) -> Found | str:
    return bench.missing(one.needs) or one.by.find(bench, one.needs)


def _checked(y: Labels, expansion: Labels | None, health: HealthScore | None, replicates: int) -> None:
    if y.kind == "expansion":
        raise UsageError("hypotheses, y", "labels of churn", "of expansion", "give those as expansion=")
    if expansion is not None and expansion.kind != "expansion":
        do = "make them with label(..., churn='expansion')"
        raise UsageError("hypotheses, expansion", "labels of expansion", f"of {expansion.kind}", do)
    if health is not None and health.learned:
        do = "take HealthScore.template()"
        raise UsageError("hypotheses, health", "a template", "weights that were learned from the same churn", do)
    if replicates < 100:
        raise UsageError("hypotheses, replicates", "100 draws or more", str(replicates), "draw more often")


def _rows(claims: Sequence[Hypothesis], found: Sequence[Found | str]) -> pd.DataFrame:
    told = []
    for one, what, (verdict, why) in zip(claims, found, judged(found), strict=True):
        facts = Found("") if isinstance(what, str) else what
        row: dict[str, Any] = {"id": one.id, "claim": one.claim, "measure": facts.measure}
        row |= {"more": facts.more.words, "less": facts.less.words}
        for which in ("more", "less"):
            side = asdict(getattr(facts, which))
            row |= {f"{name}_{which}": side[name] for name in _SIDE}
        row |= {name: getattr(facts, name) for name in _FIGURES}
        told.append(row | {"verdict": verdict, "why": why})
    sides = [f"{name}_{which}" for which in ("more", "less") for name in _SIDE]
    columns = ["id", "claim", "measure", "more", "less", *sides, *_FIGURES, "verdict", "why"]
    return pd.DataFrame(told, columns=columns).replace([np.inf, -np.inf], np.nan)
