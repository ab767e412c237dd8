"""From a plan to a bundle: rows with labels, models with their proof, and what is put in service."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from holdfast.errors import DataError
from holdfast.features.history import History
from holdfast.models.churn import ChurnModel
from holdfast.serving import proving
from holdfast.serving.bundle import Bundle, write_bundle
from holdfast.serving.card import card, notes
from holdfast.serving.growth import learn_growth
from holdfast.serving.opening import cutoffs_of, definition, refuse_several_currencies
from holdfast.serving.pipeline import catalog_of, champion_of, workspace
from holdfast.serving.plan import Plan
from holdfast.serving.promotion.promotions import Promotions
from holdfast.serving.proof import Proof, write_proof
from holdfast.serving.queue.treated import treatments_of
from holdfast.serving.tracking.mirror import mirror
from holdfast.serving.tracking.recording import record_of
from holdfast.serving.tracking.spool import Spool
from holdfast.serving.weights import health_of
from holdfast.threads import one_thread
from holdfast.training.backtest import Backtest
from holdfast.training.champion import Champion
from holdfast.training.labels import Labels, label
from holdfast.training.monitoring.reference import Reference
from holdfast.training.treatment import Treatments

if TYPE_CHECKING:
    from holdfast.features.snapshot import Snapshot
    from holdfast.models.untreated import Untreated
    from holdfast.training.promotion import Gate

logger = logging.getLogger("holdfast.learning")


@dataclass(frozen=True)
class Trained:
    """What training made: the bundle, its proof, the rows it learned from, and the backtest where there is one."""

    bundle: Bundle
    proof: Proof
    X: Snapshot
    y: Labels
    result: Backtest | None

    def summary(self) -> dict[str, Any]:
        """Tell in plain values what was learned."""
        return {
            "model": self.bundle.version,
            "sha256": self.bundle.sha256,
            "learned_until": f"{self.bundle.learned_until:%Y-%m-%d}",
            "horizons": list(self.y.horizons),
            "dropped": {str(days): why for days, why in self.y.dropped.items()},
            "events": {str(days): int(n) for days, n in self.y.events.items()},
            "verdict": self.proof.result["verdict"],
            "weights": self.proof.evidence.get("weights_shift", {}).get("in_words", ""),
        }


def examples(plan: Plan, history: History) -> tuple[Snapshot, Labels]:
    """Label and measure every cutoff of the plan, for the horizons that the history is long enough for."""
    refuse_several_currencies(history)
    days = cutoffs_of(plan, history)
    y = label(history, days, plan.horizons.days, definition(plan))
    for finding in (one for one in y.findings if one.severity == "warning"):
        logger.warning("%s", finding)
    X = catalog_of(plan).measure(history, days, y.horizons, grace_days=plan.churn.grace_days)
    return X, y.on(X.index)


def train(plan: Plan, history: History, at: datetime) -> Trained:
    """Fit on all that is settled, prove, write the bundle with its proof beside it, and put it in service.

    Parameters
    ----------
    history
        As known on the day of training, see `opening.known_on`.
    at
        The time of the command, for the ledger.

    Raises
    ------
    TooFewEvents
        When too few accounts churned, or stayed; nothing is written, the champion stays.
    """
    trained = learn(plan, history, champion_of(plan))
    record(plan, history, trained, at)
    Promotions(workspace(plan)).serve(trained.bundle.sha256, reason="trained", at=at)
    mirror(plan, catalog_of(plan))
    return trained


def record(plan: Plan, history: History, trained: Trained, at: datetime, gate: Gate | None = None) -> None:
    """Keep what MLflow is to hear of a training, where the plan asks for it."""
    if plan.tracking.enabled:
        Spool(workspace(plan)).put(record_of(plan, history, trained.bundle, trained.proof, at, gate))


@one_thread()
def learn(plan: Plan, history: History, incumbent: Champion | None) -> Trained:
    """Fit on all that is settled, prove, and write the bundle with its proof beside it; what is in service stays.

    Parameters
    ----------
    history
        As known on the day of training, see `opening.known_on`.
    incumbent
        The model in service, which is set beside the others on what came after it learned.

    Raises
    ------
    TooFewEvents
        When too few accounts churned, or stayed; nothing is written.
    """
    X, y = examples(plan, history)
    health = health_of(plan, catalog_of(plan)).fit(X, y)
    model = ChurnModel(seed=plan.model.seed).fit(X, y, untreated=_untreated(plan, history, X, y))
    in_use = None if incumbent is None else incumbent.health
    if incumbent is not None and incumbent.learned_until >= history.now:  # nothing came after it
        incumbent = None
    result, evidence = proving.prove_if_possible(plan, X, y, catalog_of(plan), incumbent)
    evidence |= proving.audited(plan, health, history, X, y)
    evidence |= proving.shifted(in_use, health, X)
    expansion, evidence["expansion"] = learn_growth(plan, history, X, y)
    models = workspace(plan).models
    bundle = write_bundle(
        models,
        health,
        model,
        X,
        churn=plan.churn.model_dump(mode="json"),
        learned_until=history.now,
        card=card(health, model, X, y, history.now),
        strict_clock=plan.data.strict_clock,
        known=catalog_of(plan),
        expansion=expansion,
        reference=Reference.of(X.rows(y.frame.notna().any(axis=1))),
    )
    findings = result.findings if result else y.findings
    proof = write_proof(models, bundle.version, result, evidence, findings, notes(health, model), X.left_out)
    return Trained(bundle, proof, X, y, result)


def _untreated(plan: Plan, history: History, X: Snapshot, y: Labels) -> Untreated | None:
    """Weigh what the model learns from for the risk without help, where the plan asks for it.

    Raises
    ------
    DataError
        When neither the history nor the ledger logs an intervention.
    """
    if plan.model.risk == "as_treated":
        return None
    log = Treatments.read(history).beside(treatments_of(plan, history.now))
    if not len(log):
        expected, do = (
            "interventions: touchpoints of kind action with a playbook",
            'log them, or leave risk = "as_treated"',
        )
        raise DataError("plan, section model, risk", expected, "none", do)
    return log.untreated(X.index, y.horizons)


@one_thread()
def prove(plan: Plan, X: Snapshot, y: Labels, *, open_holdout: bool = False) -> tuple[Backtest, dict[str, Any]]:
    """Backtest the models of a plan beside the baselines and the champion.

    Parameters
    ----------
    open_holdout
        Judge on the block of cutoffs that was kept, once.
    """
    if open_holdout:
        return proving.open_holdout(plan, X, y, catalog_of(plan)), {}
    return proving.prove(plan, X, y, catalog_of(plan), champion_of(plan))
