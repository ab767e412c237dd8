"""What deserves attention before anything is learned: the contract of the data, its freshness, and leakage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.errors import DataError, UsageError
from holdfast.features.history import History
from holdfast.features.proof import prove
from holdfast.findings import Finding
from holdfast.serving.attributes import stale
from holdfast.serving.opening import known_on
from holdfast.serving.pipeline import examples
from holdfast.serving.plan import Plan
from holdfast.serving.report import SEVERITY, by_reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.features.indicators.indicator import Indicator
    from holdfast.features.snapshot import Snapshot
    from holdfast.training.labels import Labels

TOO_WELL = 0.95
FEWEST_EVENTS = 20
LEARNED_FROM = 50
PROVEN_ON, PROVEN_ROWS = 24, 1_500  # accounts, and records per table


def inspect(plan: Plan, history: History) -> list[Finding]:
    """List what was noticed: at the door, in the sources' freshness, in labels, and in indicators, which are proven.

    Parameters
    ----------
    history
        As read; labels and indicators are looked at as known on its last day.
    """
    found = [*history.findings, *freshness(history)]
    try:
        known = known_on(plan, history, None)
        X, y = examples(plan, known)
    except DataError as problem:
        found.append(Finding("HF012", problem.where, 1, str(problem)))
    else:
        found += [*y.findings, *_scarce(y), *_not_applicable(X), *leaks(X, y), *proven(X.catalog, known)]
    return sorted(found, key=lambda one: SEVERITY[one.severity])


def freshness(history: History) -> list[Finding]:
    """Find the sources of activity that stopped well before the data end."""
    return [
        Finding(
            "HF014",
            table,
            1,
            f"nothing after {history.watermark(table):%Y-%m-%d}; the data end is {history.end:%Y-%m-%d}",
        )
        for table in stale(history, history.end)
    ]


def proven(indicators: Sequence[Indicator], history: History) -> list[Finding]:
    """Prove indicators on some accounts of the history, and tell on how much; a broken law is an error."""
    try:
        proof = prove(indicators, history, accounts=PROVEN_ON, rounds=1, rows=PROVEN_ROWS)
    except UsageError as problem:
        return [Finding("HF036", "indicators", 0, f"nothing could be proven: {problem}")]
    days = ", ".join(f"{one:%Y-%m-%d}" for one in proof.cutoffs)
    tries = sum(one.tried for one in proof.outcomes)
    told = f"{len(proof.columns)} indicators, {proof.accounts} accounts, as of {days}: told otherwise in {tries} ways"
    left = "" if proof.complete or not proof.ok else f"; {proof.verdict}"
    return [*proof.findings(), Finding("HF036", "indicators", len(proof.columns), told + left)]


def leaks(X: Snapshot, y: Labels) -> list[Finding]:
    """Find indicators that alone rank churn better than anything known beforehand can."""
    horizon = y.horizons[0]
    labels = y.on(X.index).frame[horizon].to_numpy()
    return [
        Finding("HF016", str(name), 1, f"{name} alone ranks churn within {horizon} days with AUC {auc:.2f}")
        for name in X.indicators
        if max(auc := _auc(X.indicators[name].to_numpy(), labels), 1 - auc) > TOO_WELL
    ]


def _auc(values: np.ndarray, labels: np.ndarray) -> float:
    """Rank churners against the others where the indicator is present; a coin where too few churned."""
    there = ~np.isnan(values) & ~np.isnan(labels)
    churned = labels[there] == 1
    positive, negative = int(churned.sum()), int((~churned).sum())
    if positive < FEWEST_EVENTS or negative < FEWEST_EVENTS:
        return 0.5
    ranks = pd.Series(values[there]).rank().to_numpy()
    return float((ranks[churned].sum() - positive * (positive + 1) / 2) / (positive * negative))


def _scarce(y: Labels) -> list[Finding]:
    events = y.events
    return [
        Finding(
            "HF015",
            f"horizon {horizon}",
            int(events[horizon]),
            f"{int(events[horizon])} labels of churn within {horizon} days",
        )
        for horizon in y.horizons
        if events[horizon] < LEARNED_FROM
    ]


def _not_applicable(X: Snapshot) -> list[Finding]:
    return [Finding("HF011", ", ".join(names), len(names), why) for why, names in by_reason(X.left_out).items()]
