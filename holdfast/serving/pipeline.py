"""The steps from a plan to served scores, as plain functions that the commands and the demo share."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

import holdfast
from holdfast.errors import BundleError, DataError, UsageError
from holdfast.features.catalog import catalog
from holdfast.features.catalog.own import own_indicators
from holdfast.features.history import History
from holdfast.models.churn import ChurnModel
from holdfast.models.health import HealthScore
from holdfast.serving import proving
from holdfast.serving.alerts.facts import past_days
from holdfast.serving.alerts.rules import Thresholds
from holdfast.serving.bundle import Bundle, read_bundle, write_bundle
from holdfast.serving.card import card, notes, proven
from holdfast.serving.feedback.standing import Standing, acted_on
from holdfast.serving.growth import learn_growth
from holdfast.serving.ledger.entry import enter, scores_sha256
from holdfast.serving.ledger.outcomes import mature
from holdfast.serving.ledger.store import LEDGER, Ledger
from holdfast.serving.opening import cutoffs_of, definition
from holdfast.serving.plan import Plan
from holdfast.serving.playbooks import Playbooks
from holdfast.serving.promotion.promotions import Promotions
from holdfast.serving.proof import Proof, read_predictions, read_proof, write_proof
from holdfast.serving.queue.treated import treatments_of
from holdfast.serving.queue.week import queue
from holdfast.serving.run_page import page_of
from holdfast.serving.runs import Run, existing, run_id, serve, served_day, write_run
from holdfast.serving.scoring import Before, Scores, Stamp, score
from holdfast.serving.tracking.mirror import mirror
from holdfast.serving.tracking.recording import record_of
from holdfast.serving.tracking.spool import Spool
from holdfast.serving.weights import health_of
from holdfast.serving.workspace import Workspace
from holdfast.training.backtest import Backtest
from holdfast.training.champion import Champion
from holdfast.training.labels import Churn, Labels, label
from holdfast.training.monitoring.reference import Reference
from holdfast.training.treatment import Treatments

if TYPE_CHECKING:
    from holdfast.features.catalog.collection import Catalog
    from holdfast.features.snapshot import Snapshot
    from holdfast.models.untreated import Untreated
    from holdfast.training.promotion import Gate

logger = logging.getLogger("holdfast.pipeline")


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep numerical libraries to one thread: how many share a sum shows in its last digits, and so in the hash."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


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
        }


def workspace(plan: Plan) -> Workspace:
    """Return the workspace of a plan."""
    return Workspace(plan.output.workspace)


def ledger_of(plan: Plan) -> Ledger:
    """Return the ledger of a plan's workspace."""
    return Ledger(workspace(plan).root / LEDGER)


def catalog_of(plan: Plan) -> Catalog:
    """Return the indicators of a plan: those that are shipped, and its own, told in its language."""
    own = () if plan.indicators.file is None else own_indicators(plan.indicators.file, catalog)
    return catalog.adding(*own).told_in(plan.output.language)


def examples(plan: Plan, history: History) -> tuple[Snapshot, Labels]:
    """Label and measure every cutoff of the plan, for the horizons that the history is long enough for."""
    days = cutoffs_of(plan, history)
    y = label(history, days, plan.horizons.days, definition(plan))
    for finding in (one for one in y.findings if one.severity == "warning"):
        logger.warning("%s", finding)
    X = catalog_of(plan).measure(history, days, y.horizons, grace_days=plan.churn.grace_days)
    return X, y.on(X.index)


def template_of(plan: Plan) -> HealthScore:
    """Return the template of a plan as a score, which has learned nothing."""
    return HealthScore.template(health_of(plan, catalog_of(plan)).prior, plan.health.min_coverage)


def predictions_of(plan: Plan) -> pd.DataFrame | None:
    """Read what the models said at the time, in the backtest of the bundle in service; none where there is none."""
    champion = in_service(plan)
    return None if champion is None else read_predictions(workspace(plan).models, champion)


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
    if incumbent is not None and incumbent.learned_until >= history.now:  # nothing came after it
        incumbent = None
    result, evidence = proving.prove_if_possible(plan, X, y, catalog_of(plan), incumbent)
    evidence |= proving.audited(plan, health, history, X, y)
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


def in_service(plan: Plan) -> str | None:
    """Tell the version of the bundle in service; none where nothing has been trained yet."""
    return Promotions(workspace(plan)).champion


def bundle_of(plan: Plan, version: str | None = None) -> Bundle:
    """Read the bundle in service, or the one that is named.

    Raises
    ------
    UsageError
        When nothing has been trained yet.
    BundleError
        When it is damaged or does not fit.
    """
    place = workspace(plan)
    wanted = version or in_service(plan)
    if wanted is None:
        raise UsageError(str(place.models), "a trained model", "none", "train first: holdfast train PLAN")
    try:
        return read_bundle(place.models, wanted, catalog_of(plan))
    except BundleError as problem:
        if version is not None:
            raise
        raise BundleError(
            problem.where, problem.expected, problem.found, f"{problem.do}; {_way_back(plan)}"
        ) from problem


def _way_back(plan: Plan) -> str:
    """Say what can be gone back to when the model in service cannot be read."""
    for version in Promotions(workspace(plan)).before:
        with suppress(BundleError):
            bundle_of(plan, version)
            return f"or go back to {version} by `holdfast rollback PLAN`"
    return "there is no other model to go back to"


def champion_of(plan: Plan) -> Champion | None:
    """Give the model in service, to be set beside those that are tested; none where there is none that can be read."""
    try:
        bundle = None if in_service(plan) is None else bundle_of(plan)
    except BundleError as problem:
        logger.warning("the champion is not set beside the others: %s", problem)
        return None
    return None if bundle is None else Champion(bundle.version, bundle.model, bundle.learned_until)


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


@one_thread()
def score_day(
    plan: Plan, history: History, bundle: Bundle, name: str = "", said: Standing | None = None
) -> tuple[Scores, Snapshot]:
    """Score every account known on the last day of a history, with the snapshot of that day.

    Parameters
    ----------
    said
        The overrides and snoozes in force, see `said_on`; default: none.

    Raises
    ------
    UsageError
        When the history was read under another clock than the one the bundle learned under.
    """
    same_clock(plan, bundle)
    now, before = _today(history, bundle)
    stamp = Stamp(name, "holdfast", bundle.version, bundle.sha256)
    churn, limits = Churn(**bundle.churn), Thresholds(**plan.alerts.asked)
    found = score(
        now, bundle.health, bundle.model, history,
        churn=churn, stamp=stamp, thresholds=limits, expansion=bundle.expansion, before=before,
    )  # fmt: skip
    rows = (said or Standing()).over(found.rows)
    return replace(found, rows=rows.assign(**playbooks_of(plan).assign(acted_on(rows), found.as_of))), now


def said_on(plan: Plan, day: pd.Timestamp) -> Standing:
    """Read the overrides and snoozes that are in force on a day."""
    return Standing.read(ledger_of(plan), day)


def playbooks_of(plan: Plan) -> Playbooks:
    """Return the playbooks of a plan: those that are shipped, or its own."""
    return Playbooks.read(plan.playbooks.file, plan.playbooks.escalate)


def measure_day(history: History, bundle: Bundle) -> Snapshot:
    """Measure what a bundle reads on the last day of a history."""
    return _measured(history, bundle, [history.now])


def _today(history: History, bundle: Bundle) -> tuple[Snapshot, Before]:
    """Measure the last day of a history, and the days before that scores compare with."""
    X = _measured(history, bundle, [history.now, *past_days(history.now)])
    there = X.index.get_level_values("cutoff") == history.now
    return X.rows(there), Before.of(X.rows(~there), bundle.health, history.now)


def _measured(history: History, bundle: Bundle, days: list[pd.Timestamp]) -> Snapshot:
    cutoffs = pd.DatetimeIndex(days, name="cutoff")
    return bundle.catalog.measure(history, cutoffs, bundle.horizons, grace_days=bundle.churn["grace_days"])


def publish(plan: Plan, history: History, bundle: Bundle, at: datetime, *, named: bool = False) -> Run:
    """Score a day, write the run, enter it into the ledger and serve it; finish it when it was begun before.

    In this order: the folder of the run whole, its entry in the ledger in one transaction, ``current``, and the
    outcomes of what was served earlier. Whatever ends it half-way, the same call does what is missing.

    Parameters
    ----------
    history
        As known on the day to score.
    at
        When this is done, as the ledger tells it.
    named
        Whether the bundle was asked for by name; else one that learned from later days is refused.

    Raises
    ------
    UsageError
        When it did, or when the history was read under another clock than the one the bundle learned under.
    PublishError
        When something cannot be written, or a run of the same inputs was served with other scores.
    """
    same_clock(plan, bundle)
    if bundle.learned_until > history.now and not named:
        found = f"model {bundle.version}, which knows what happened until {bundle.learned_until:%Y-%m-%d}"
        do = f"train with --until {history.now:%Y-%m-%d}, or ask for the model by name: --model {bundle.version}"
        raise UsageError(f"scoring {history.now:%Y-%m-%d}", "a model that learned from earlier days", found, do)
    place, ledger, said = workspace(plan), ledger_of(plan), said_on(plan, history.now)
    name = run_id(history, bundle, plan.sha256(), said.fingerprint())
    run = existing(place, name) or _make(plan, history, bundle, name, said)
    if enter(ledger, run, at, served_day(place)):
        run = serve(place, run)
    mature(ledger, history, definition(plan), at)
    return run


@one_thread()
def _make(plan: Plan, history: History, bundle: Bundle, name: str, said: Standing) -> Run:
    """Score a day and write the run."""
    place = workspace(plan)
    scores, now = score_day(plan, history, bundle, name, said)
    facts = {
        "run_id": name,
        "as_of": history.now.isoformat(),
        "model_version": bundle.version,
        "model_sha256": bundle.sha256,
        "input_sha256": history.fingerprint(),
        "config_sha256": plan.sha256(),
        "feedback_sha256": said.fingerprint(),
        "holdfast": holdfast.__version__,
    }
    proof = read_proof(place.models, bundle.version)
    page = page_of(plan, history, bundle, now, proof, facts, playbooks_of(plan))
    entered, calls = scores_sha256(ledger_of(plan), name), queue(scores, plan.queue).frame()
    return write_run(place, scores, page, proven(bundle.card, proof.result, facts), facts, calls, entered)


def same_clock(plan: Plan, bundle: Bundle) -> None:
    """Refuse rows that a model learned to do without, and the lack of rows that it learned from.

    Raises
    ------
    UsageError
        When the plan reads the history under another clock than the one the bundle learned under.
    """
    if plan.data.strict_clock == bundle.strict_clock:
        return
    with_it, without = "score with --strict-clock, or set it in [data]", "leave strict_clock off"
    do = f"{with_it if bundle.strict_clock else without}; or train again"
    words = {True: "on", False: "off"}
    found = f"{words[plan.data.strict_clock]}, as the plan or the command has it"
    expected = f"{words[bundle.strict_clock]}, as it was when model {bundle.version} was trained"
    raise UsageError("strict_clock", expected, found, do)
