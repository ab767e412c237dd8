"""Judging: collecting what the clauses of the gate ask for, from two bundles and the history of one day."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pandas as pd

import holdfast
from holdfast.serving.bundle import Bundle, definitions
from holdfast.serving.inspection import proven
from holdfast.serving.learning import Trained
from holdfast.serving.pipeline import measure_day, workspace
from holdfast.serving.proof import read_predictions
from holdfast.serving.workspace import canonical_json
from holdfast.training.champion import came_after
from holdfast.training.labels import Churn, at_risk
from holdfast.training.leaks import leaks
from holdfast.training.promotion import Clause, Duel, Gate, Margins, clauses, duel
from holdfast.training.stability import likeness

if TYPE_CHECKING:
    from holdfast.features.history import History
    from holdfast.findings import Finding
    from holdfast.serving.plan import Plan

MODEL = "churn"
_KEYS = ["account_id", "cutoff", "horizon", "p", "y"]


def judge(
    plan: Plan, history: History, trained: Trained, champion: Bundle | None, *, known: Sequence[str], again: bool
) -> Gate:
    """Ask every clause of the gate whether a challenger may replace the champion.

    Parameters
    ----------
    history
        As known on the day of training.
    champion
        The bundle in service; without one, only proofs and events are asked for.
    known
        The catalogues that were proven before, see `signs_sha256`; they are not proven anew.
    again
        Whether this very challenger was rolled back before.
    """
    margins = margins_of(plan)
    challenger = trained.bundle
    asked = [
        clauses.proofs(_findings(trained, history, known), trained.proof.evidence.get("null_tests")),
        clauses.events(challenger.model.evidence_, margins.min_events),
    ]
    if champion is not None:
        asked += [clauses.rolled_back(again), clauses.schema(_interface(champion), _interface(challenger))]
        asked += _against(plan, history, trained, champion, margins)
    return Gate(challenger.version, "" if champion is None else champion.version, tuple(asked))


def margins_of(plan: Plan) -> Margins:
    """Read the margins of a plan."""
    told = plan.gate.model_dump(exclude={"keep"})
    return Margins(**told | {"unjudged": plan.gate.unjudged == "pass"})


def signs_sha256(bundle: Bundle) -> str:
    """Hash what a bundle reads, as it is defined and measured by this version."""
    return hashlib.sha256(canonical_json([holdfast.__version__, definitions(bundle.catalog)])).hexdigest()


def _findings(trained: Trained, history: History, known: Sequence[str]) -> list[Finding]:
    found = leaks(trained.X.indicators, trained.y.frame)
    return found if signs_sha256(trained.bundle) in known else [*found, *proven(trained.X.catalog, history)]


def _against(plan: Plan, history: History, trained: Trained, champion: Bundle, margins: Margins) -> Iterator[Clause]:
    result, facts = trained.result, trained.X.context
    both = _duel(plan, trained, champion)
    predicts = list(clauses.skill(both, margins))
    yield from predicts
    yield clauses.revenue(both, _column(facts, "arr"), margins)
    metrics = pd.DataFrame(columns=["horizon", "metric", "value", "low", "high"])
    counts = dict.fromkeys(trained.bundle.horizons, 0)
    if result is not None:
        metrics = result.metrics()[result.metrics()["model"] == MODEL]
        counts |= {one.horizon: one.evidence for one in result.comparisons if one.model == MODEL}
    yield from clauses.calibration(metrics, counts, both, margins)
    yield clauses.segments(both, _column(facts, "segment"), margins)
    yield from _today(history, trained.bundle, champion, clauses.better(predicts, both), margins)


def _today(
    history: History, challenger: Bundle, champion: Bundle, improved: bool, margins: Margins
) -> Iterator[Clause]:
    """Compare what both say of the accounts of today."""
    new = measure_day(history, challenger)
    there = at_risk(history, new.cutoffs, Churn(**challenger.churn)).reindex(new.index) == ""
    old = new if _reads(champion) == _reads(challenger) else measure_day(history, champion)
    new, old = new.rows(there), old.rows(there.reindex(old.index, fill_value=False))
    if not len(new):
        nobody = pd.Series(dtype=float)
        yield clauses.reasons(float("nan"), 0, improved, margins)
        yield from clauses.bands(nobody, nobody, margins)
        return
    healths = (challenger.health, champion.health)
    alike = likeness(challenger.model.explain(new), champion.model.explain(old), healths)
    yield clauses.reasons(alike["top_3"], len(new), improved, margins)
    yield from clauses.bands(champion.health.score(old), challenger.health.score(new), margins)


def _reads(bundle: Bundle) -> tuple[object, ...]:
    """Tell what a snapshot has to hold for a bundle."""
    return definitions(bundle.catalog), bundle.horizons, bundle.churn["grace_days"]


def _duel(plan: Plan, trained: Trained, champion: Bundle) -> Duel:
    """Set both against each other: since the champion learned, and in the walks forward of both."""
    walked = since = before = pd.DataFrame(columns=["model", *_KEYS])
    stored = read_predictions(workspace(plan).models, champion.version)
    if stored is not None:
        before = stored[stored["model"] == MODEL]
    if trained.result is not None:
        told = trained.result.frame()
        walked = told[told["model"] == MODEL]
        if _readable(trained, champion):
            since = came_after(trained.result, champion.as_champion(), trained.X, [MODEL])
    draws, horizons = plan.backtest.bootstrap, trained.bundle.horizons
    return duel(since, walked[_KEYS], before[_KEYS], horizons, replicates=draws, seed=plan.model.seed)


def _readable(trained: Trained, champion: Bundle) -> bool:
    """Tell whether the champion finds what it reads among what was measured."""
    return set(champion.catalog.names) <= {str(name) for name in trained.X.indicators}


def _interface(bundle: Bundle) -> clauses.Interface:
    signs = {one["name"]: hashlib.sha256(canonical_json(one)).hexdigest()[:12] for one in definitions(bundle.catalog)}
    return clauses.Interface(bundle.horizons, bundle.churn, bundle.strict_clock, signs)


def _column(facts: pd.DataFrame, name: str) -> pd.Series:
    return facts[name] if name in facts else pd.Series(None, index=facts.index, dtype=object)
