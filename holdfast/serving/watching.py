"""Watching: collecting what the monitor asks for, from the history of a day, the model in service and the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.findings import Finding
from holdfast.models.bands import ACTION
from holdfast.serving import pipeline
from holdfast.serving.contract.contract import contract
from holdfast.serving.ledger.as_served import became
from holdfast.serving.opening import known_on
from holdfast.serving.proof import read_predictions
from holdfast.serving.queue.log import interventions
from holdfast.serving.queue.treated import touchpoints
from holdfast.serving.report import SEVERITY
from holdfast.serving.volumes import last_volumes, shrunk
from holdfast.training.capacity import calls_of
from holdfast.training.churn import Churn
from holdfast.training.labels import at_risk
from holdfast.training.monitoring import Effect, Impact, Monitor, defeat, drift, performance
from holdfast.training.monitoring.defeat import Defeat
from holdfast.training.monitoring.monitor import defeated, drifted
from holdfast.training.treatment import Treatments

if TYPE_CHECKING:
    from holdfast.features.history import History
    from holdfast.features.snapshot import Snapshot
    from holdfast.serving.bundle import Bundle
    from holdfast.serving.plan import Plan

OF_TODAY = ("HF014", "HF051", "HF055", "HF080")  # what the contract tells of the last days; `check` tells the rest
MODEL = "churn"


def watch(plan: Plan, history: History, day: str | None = None) -> Monitor:
    """Watch data and model on a day, by default the last one of a history; nothing is written.

    Parameters
    ----------
    history
        As read.

    Raises
    ------
    UsageError
        When nothing has been trained yet, or the history was read under another clock than the model's.
    BundleError
        When the model in service cannot be read.
    PublishError
        When the ledger cannot be read.
    """
    bundle = pipeline.bundle_of(plan)
    pipeline.same_clock(plan, bundle)
    known = known_on(plan, history, day)
    news = history if day is None else known
    now = _at_risk(pipeline.measure_day(known, bundle), known, bundle)
    moved, together, why = _drift(plan, bundle, now)
    cells = became(pipeline.ledger_of(plan), known.now)
    told = _defeat(plan, known, bundle, cells)
    before = last_volumes(pipeline.workspace(plan), strict_clock=plan.data.strict_clock)
    data = [*shrunk(news, before), *contract(news, plan.churn.grace_days)]
    findings = [one for one in data if one.code in OF_TODAY]
    findings += pipeline.otherwise(plan, bundle)
    findings += [Finding("HF089", "drift", 1, why)] if why else []
    findings += drifted(moved, together, len(now), plan.monitor.matters, plan.monitor.stops)
    findings += defeated(told)
    ordered = tuple(sorted(findings, key=lambda one: SEVERITY[one.severity]))
    return Monitor(known.now, bundle.version, ordered, moved, together, performance(cells), told)


def _at_risk(now: Snapshot, known: History, bundle: Bundle) -> Snapshot:
    why = at_risk(known, now.cutoffs, Churn(**bundle.churn)).reindex(now.index)
    return now.rows(why == "")


def _drift(plan: Plan, bundle: Bundle, now: Snapshot) -> tuple[pd.DataFrame, Effect, str]:
    """Give the signs that drift by their effect, that of all together, and why nothing could be judged."""
    if bundle.reference is None:
        none = pd.DataFrame(columns=["sign", "kind", "before", "now", "distance", "p", "adjusted", "drifts"])
        return none.assign(change=[], share=[], queue=[], bands=[]), Effect(), "the model keeps no reference"
    found = drift(now, bundle.reference)
    why = "" if len(found) else "the model learned from too few days, or no account is at risk"
    last = bundle.horizons[-1]
    arr = now.context["arr"].to_numpy(float)
    worth = np.nan_to_num(arr) if np.isfinite(arr).any() else np.ones(len(now))
    impact = Impact(
        now,
        bundle.reference,
        lambda X: bundle.model.predict_proba(X)[last].to_numpy(),
        lambda X: ACTION.names_of(bundle.health.score(X)).to_numpy(dtype=object),
        worth,
        calls_of(plan.gate.capacity, len(now)),
    )
    ranked = impact.ranked(found)
    pairs = list(ranked[["sign", "kind"]].itertuples(index=False, name=None))
    return ranked, impact.of(pairs) if pairs else Effect(), why


def _helped(plan: Plan, known: History) -> Treatments:
    """Give all help that is logged, by lot or not: who was helped outside a lot is not among those nobody helped."""
    log = interventions(pipeline.ledger_of(plan))
    ours = touchpoints(log[log["recorded_at"] <= known.now])
    theirs = known.records("touchpoints", ("playbook",)).columns if "touchpoints" in known else pd.DataFrame()
    names = {str(one) for rows in (ours, theirs) if "playbook" in rows for one in rows["playbook"].dropna().unique()}
    logs = (Treatments.read(known, names), Treatments.of_actions(ours, names))
    return Treatments.of(pd.concat([one.frame for one in logs if len(one)] or [logs[0].frame]))


def _defeat(plan: Plan, known: History, bundle: Bundle, cells: pd.DataFrame) -> Defeat:
    past = read_predictions(pipeline.workspace(plan).models, bundle.version)
    proven = None if past is None else past[past["model"] == MODEL]
    served = cells.rename(columns={"as_of": "cutoff"})
    return defeat(served, proven, _helped(plan, known), replicates=plan.backtest.bootstrap, seed=plan.model.seed)
