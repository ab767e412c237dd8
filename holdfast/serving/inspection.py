"""What deserves attention before anything is learned: the contract of the data, labels, and leakage."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from holdfast.errors import BundleError, DataError, UsageError
from holdfast.features.capture import truth
from holdfast.features.catalog import catalog
from holdfast.features.history import History
from holdfast.features.proof import prove
from holdfast.findings import Finding
from holdfast.serving.contract.contract import contract, foretellers
from holdfast.serving.contract.mapped import mapped
from holdfast.serving.learning import examples
from holdfast.serving.opening import known_on
from holdfast.serving.pipeline import bundle_of, catalog_of, in_service, otherwise, workspace
from holdfast.serving.plan import Plan
from holdfast.serving.report import SEVERITY, by_reason
from holdfast.serving.volumes import last_volumes, shrunk
from holdfast.training.leaks import leaks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from holdfast.features.indicators.indicator import Indicator
    from holdfast.features.snapshot import Snapshot
    from holdfast.training.labels import Labels

LEARNED_FROM = 50
PROVEN_ON, PROVEN_ROWS = 24, 1_500  # accounts, and records per table


def inspect(plan: Plan, history: History) -> list[Finding]:
    """List what was noticed: at the door, in the contract of the data, in labels, in the model, and in indicators.

    Parameters
    ----------
    history
        As read; labels and indicators are looked at as known on its last day.
    """
    before = last_volumes(workspace(plan), strict_clock=plan.data.strict_clock)
    found = [*shrunk(history, before), *of_model(plan), *of_data(plan, history)]
    try:
        known = known_on(plan, history, None)
        X, y = examples(plan, known)
    except DataError as problem:
        refused = f"expected {problem.expected}, found {problem.found}"
        found.append(Finding("HF022", problem.where, 1, refused, problem.do))
        found += truth.findings(history, pd.DatetimeIndex([], tz="UTC"))
    else:
        found += [*of_labels(known, X, y), *truth.findings(history, y.cutoffs)]
        found += [*leaks(X.indicators, y.on(X.index).frame), *_placed(proven(X.catalog, known), plan)]
    return by_severity(found)


def of_model(plan: Plan) -> list[Finding]:
    """List what the plan says otherwise than when the model in service was trained; nothing where none can be read."""
    try:
        return [] if in_service(plan) is None else otherwise(plan, bundle_of(plan))
    except BundleError:  # of which `score` and `monitor` tell
        return []


def of_data(plan: Plan, history: History) -> list[Finding]:
    """List what was noticed at the door, when sources were mapped, and in the contract of the data."""
    return [*history.findings, *mapped(plan.data.path), *contract(history, plan.churn.grace_days)]


def of_labels(known: History, X: Snapshot, y: Labels) -> list[Finding]:
    """List what was noticed in labels, and which indicators do not apply.

    Parameters
    ----------
    known
        The history that was labelled and measured.
    """
    return [*y.findings, *_scarce(y), *_not_applicable(X), *foretellers(known, y)]


def by_severity(found: Iterable[Finding]) -> list[Finding]:
    """Put what matters most first."""
    return sorted(found, key=lambda one: SEVERITY[one.severity])


def proven(indicators: Sequence[Indicator], history: History) -> list[Finding]:
    """Prove indicators on some accounts of the history, and tell on how much; a broken law is an error.

    Raises
    ------
    UsageError
        When a function of one's own fails on these accounts.
    """
    try:
        proof = prove(indicators, history, accounts=PROVEN_ON, rounds=1, rows=PROVEN_ROWS)
    except UsageError as problem:
        first = problem.__cause__ if isinstance(problem.__cause__, UsageError) else problem
        if not first.where.startswith("prove"):  # a function that fails on some of the accounts, and not the proof
            raise first from None
        return [Finding("HF036", "indicators", 0, f"nothing could be proven: {problem}")]
    days = ", ".join(f"{one:%Y-%m-%d}" for one in proof.cutoffs)
    tries = sum(one.tried for one in proof.outcomes)
    told = f"{len(proof.columns)} indicators, {proof.accounts} accounts, as of {days}: told otherwise in {tries} ways"
    left = "" if proof.complete or not proof.ok else f"; {proof.verdict}"
    return [*proof.findings(), Finding("HF036", "indicators", len(proof.columns), told + left)]


def _placed(findings: Sequence[Finding], plan: Plan) -> list[Finding]:
    """Name the file, where the indicator at fault is one of the plan's own."""
    own = set(catalog_of(plan).names) - set(catalog.names)
    return [
        replace(one, message=f"{one.message} (declared in {plan.indicators.file})")
        if own.intersection(one.where.split(", "))
        else one
        for one in findings
    ]


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
