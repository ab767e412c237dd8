"""Judging a walk: metrics of all models on the same rows, comparisons with the best baseline, and what was noticed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from holdfast.errors import TooFewEvents
from holdfast.findings import Finding
from holdfast.training.bootstrap import draw_accounts
from holdfast.training.contest import Scores
from holdfast.training.verdict import MIN_EVENTS, Comparison

if TYPE_CHECKING:
    from holdfast.training.labels import Labels


@dataclass(frozen=True)
class Judged:
    """What predictions are worth.

    Attributes
    ----------
    metrics
        ``model, horizon, metric, value, low, high``.
    comparisons
        Each model against the best baseline of its horizon, on the same rows.
    dropped
        Horizons that could not be tested, each with the reason.
    """

    metrics: pd.DataFrame
    comparisons: tuple[Comparison, ...]
    dropped: Mapping[int, str]


def judge(predictions: pd.DataFrame, y: Labels, replicates: int, seed: int) -> Judged:
    """Measure all models of a horizon on the rows that all of them predicted, with accounts drawn anew.

    Raises
    ------
    TooFewEvents
        When no horizon has such a row with a settled label.
    """
    known = predictions.dropna(subset=["p", "y"])
    names = [name for name in predictions["model"].cat.categories if (known["model"] == name).any()]
    code, weights = draw_accounts(known["account_id"], replicates, seed)
    rows: list[pd.DataFrame] = []
    comparisons: list[Comparison] = []
    dropped = dict(y.dropped)
    for horizon in y.horizons:
        here = (known["horizon"] == horizon).to_numpy()
        scores = Scores.of(known[here], code[here], names, weights)
        if scores is None:
            dropped[horizon] = "no settled label in the test"
            continue
        rows.append(scores.tidy(horizon))
        comparisons += scores.compare(horizon)
    if not rows:
        found = "; ".join(f"{horizon} days: {why}" for horizon, why in sorted(dropped.items()))
        raise TooFewEvents(
            "backtest", "a horizon that can be tested", found, "lengthen the history, or shorten horizons"
        )
    return Judged(pd.concat(rows, ignore_index=True), tuple(comparisons), dropped)


def noticed(
    comparisons: Sequence[Comparison], skipped: Mapping[str, tuple[pd.Timestamp, ...]], refits: int
) -> list[Finding]:
    """Report horizons with few events, and refits at which a model had too few to learn from."""
    few = {one.horizon: one.evidence for one in comparisons if one.evidence < MIN_EVENTS}
    found = [
        Finding("HF015", f"horizon {h}", count, f"the rarer outcome was seen in {count} accounts of the test")
        for h, count in few.items()
    ]
    for name, at in skipped.items():
        found.append(Finding("HF015", f"model {name}", len(at), f"{len(at)} of {refits} refits had too few events"))
    return found
