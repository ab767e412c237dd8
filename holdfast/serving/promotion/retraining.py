"""Retraining: one step that any scheduler may take again at any time.

The bundle with its proof comes first, then what MLflow is to hear, then the decision beside it, then the promotion in
the ledger, then the file that names the champion; MLflow hears of it last. Each is whole or absent, and made of the
same inputs again it is the same: whoever is killed between two of them finds the first ones done the next time, and
goes on from there.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import holdfast
from holdfast.errors import BundleError
from holdfast.serving import learning, pipeline
from holdfast.serving.bundle import Bundle
from holdfast.serving.promotion.checking import afterthoughts, sound
from holdfast.serving.promotion.decision import Decision, decisions, report_of, write_decision
from holdfast.serving.promotion.judging import judge, signs_sha256
from holdfast.serving.promotion.keeping import discard
from holdfast.serving.promotion.promotions import Promotions
from holdfast.serving.tracking.mirror import mirror
from holdfast.threads import one_thread
from holdfast.training.promotion import Gate

if TYPE_CHECKING:
    from holdfast.features.history import History
    from holdfast.serving.plan import Plan
    from holdfast.serving.workspace import Workspace

logger = logging.getLogger("holdfast.retraining")


@dataclass(frozen=True)
class Retrained:
    """What came of it.

    Attributes
    ----------
    fresh
        Whether a model was trained and judged now; else the same inputs were decided on before.
    promoted
        Whether a model was put in service now.
    """

    decision: Decision
    place: Workspace
    fresh: bool
    promoted: bool

    @property
    def report(self) -> Path:
        """The page on the decision."""
        return report_of(self.place.models, self.decision.version)

    def summary(self) -> dict[str, Any]:
        """Tell in plain values what came of it."""
        decision = self.decision
        return {
            "retrain": decision.retrain,
            "model": decision.version,
            "champion": Promotions(self.place).champion,
            "as_of": decision.as_of,
            "fresh": self.fresh,
            "promoted": self.promoted,
            "report": self.report,
            "gate": decision.gate.to_dict(),
            "findings": [one.to_dict() for one in decision.findings],
        }


def retrain(plan: Plan, history: History, at: datetime) -> Retrained:
    """Train a challenger, set it against the champion, and promote it if every clause of the gate lets it through.

    Parameters
    ----------
    history
        As known on the day of training, see `opening.known_on`.
    at
        The time of the command, for the ledger.

    Raises
    ------
    DataError
        When a finding in the data is an error; nothing is written, the champion stays.
    TooFewEvents
        When too few accounts churned, or stayed; nothing is written, the champion stays.
    BundleError
        When the champion cannot be read.
    LockHeld
        When somebody put another model in service meanwhile; the next run judges anew.
    """
    place, name = pipeline.workspace(plan), retrain_id(plan, history)
    promotions = Promotions(place)
    promotions.repair()
    decision = _settled(plan, name)
    fresh = decision is None
    if decision is None:
        decision = _decide(plan, history, name, at)
    promoted = decision.gate.passed and not decision.same and not promotions.decided(name)
    if promoted:
        before = decision.gate.champion or None
        reason = "passed the gate" if before else "the first model"
        promotions.add("promote", decision.sha256, replaces=before, reason=reason, at=at, retrain=name)
    mirror(plan, pipeline.catalog_of(plan))
    discard(place, plan.gate.keep)
    return Retrained(decision, place, fresh and not decision.same, promoted)


def retrain_id(plan: Plan, history: History) -> str:
    """Name a retraining by what it is made of: the day, the history as known on it, and the settings.

    The model in service is no part of it: what was decided once is not decided again because somebody went back.
    """
    parts = [history.now.isoformat(), history.fingerprint(), plan.training_sha256(), holdfast.__version__]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _settled(plan: Plan, name: str) -> Decision | None:
    """Find what was decided on the same inputs, unless it was never carried out and cannot be any more."""
    place = pipeline.workspace(plan)
    promotions = Promotions(place)
    found = next((one for one in decisions(place.models) if one.retrain == name), None)
    if found is None or not found.gate.passed or found.same or promotions.decided(name):
        return found
    if (promotions.champion or "") != found.gate.champion:
        logger.info("another model was put in service since model %s was judged; judging anew", found.version)
        return None
    try:
        pipeline.bundle_of(plan, found.version)
    except BundleError as problem:
        logger.warning("%s", problem)
        return None
    return found


def _decide(plan: Plan, history: History, name: str, at: datetime) -> Decision:
    """Check, train, judge, and write down what was decided."""
    place = pipeline.workspace(plan)
    before = None if pipeline.in_service(plan) is None else pipeline.bundle_of(plan)
    incumbent = None if before is None else before.as_champion()
    noticed = sound(plan, history)
    trained = learning.learn(plan, history, incumbent)
    gate = _judged(plan, history, trained, before)
    found = (*noticed, *afterthoughts(history, trained))
    signs, sha256 = signs_sha256(trained.bundle), trained.bundle.sha256
    decision = Decision(name, history.now.isoformat(), sha256, signs, gate, found)
    learning.record(plan, history, trained, at, gate)
    write_decision(place.models, decision, trained)
    return decision


@one_thread()
def _judged(plan: Plan, history: History, trained: learning.Trained, champion: Bundle | None) -> Gate:
    version, place = trained.bundle.version, pipeline.workspace(plan)
    if champion is not None and champion.version == version:
        return Gate(version, version, ())
    known = [one.signs for one in decisions(place.models) if one.unleaking]
    return judge(plan, history, trained, champion, known=known, again=Promotions(place).rolled_back(version))
