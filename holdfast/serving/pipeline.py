"""What a plan leads to, and the steps from a day of history to served scores, shared by the commands and the demo."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pandas as pd

import holdfast
from holdfast.errors import BundleError, UsageError
from holdfast.features.catalog import catalog
from holdfast.features.catalog.own import own_indicators
from holdfast.features.history import History
from holdfast.models.health import HealthScore
from holdfast.safely import TEMPORARY, clearing
from holdfast.serving.alerts.rules import Thresholds
from holdfast.serving.book import Book, book
from holdfast.serving.bundle import Bundle, read_bundle
from holdfast.serving.card import proven
from holdfast.serving.feedback.standing import Standing, acted_on
from holdfast.serving.ledger.entry import enter, scores_sha256
from holdfast.serving.ledger.outcomes import mature
from holdfast.serving.ledger.store import LEDGER, Ledger
from holdfast.serving.opening import definition, refuse_several_currencies
from holdfast.serving.plan import Plan
from holdfast.serving.playbooks import Playbooks
from holdfast.serving.promotion.promotions import Promotions
from holdfast.serving.proof import read_predictions, read_proof
from holdfast.serving.queue.desk import planned_week
from holdfast.serving.report import ACCOUNTS
from holdfast.serving.run_page import EXPLAINED, page_of
from holdfast.serving.runs import Run, existing, run_id, serve, served_day, write_run
from holdfast.serving.scoring import Scores, Stamp
from holdfast.serving.trained_for import same_churn, trained_otherwise
from holdfast.serving.unsound import set_aside
from holdfast.serving.weights import health_of
from holdfast.serving.workspace import Workspace
from holdfast.threads import one_thread
from holdfast.training.champion import Champion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.features.catalog.collection import Catalog
    from holdfast.features.snapshot import Snapshot
    from holdfast.findings import Finding

logger = logging.getLogger("holdfast.pipeline")


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


def template_of(plan: Plan) -> HealthScore:
    """Return the template of a plan as a score, which has learned nothing."""
    return HealthScore.template(health_of(plan, catalog_of(plan)).prior, plan.health.min_coverage)


def predictions_of(plan: Plan) -> pd.DataFrame | None:
    """Read what the models said at the time, in the backtest of the bundle in service; none where there is none."""
    champion = in_service(plan)
    return None if champion is None else read_predictions(workspace(plan).models, champion)


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


def otherwise(plan: Plan, bundle: Bundle) -> list[Finding]:
    """Tell what a plan says otherwise than it did when a model was trained, see `trained_otherwise`."""
    proof = read_proof(workspace(plan).models, bundle.version)
    return trained_otherwise(plan, bundle, proof, catalog_of(plan))


def champion_of(plan: Plan) -> Champion | None:
    """Give the model in service, to be set beside those that are tested; none where there is none that can be read."""
    try:
        bundle = None if in_service(plan) is None else bundle_of(plan)
    except BundleError as problem:
        logger.warning("the champion is not set beside the others: %s", problem)
        return None
    return None if bundle is None else bundle.as_champion()


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
    with TemporaryDirectory(prefix="holdfast-", ignore_cleanup_errors=True) as folder:
        found = _book(plan, history, bundle, name, said or Standing(), Path(folder))
        return found.scores(), found.snapshot()


def _book(plan: Plan, history: History, bundle: Bundle, name: str, said: Standing, folder: Path) -> Book:
    """Score a day, lay over it what people set, and say what is done."""
    stamp = Stamp(name, "holdfast", bundle.version, bundle.sha256)
    found = book(history, bundle, stamp, Thresholds(**plan.alerts.asked), folder)
    rows = said.over(found.rows)
    return replace(found, rows=rows.assign(**playbooks_of(plan).assign(acted_on(rows), history.now)))


def said_on(plan: Plan, day: pd.Timestamp) -> Standing:
    """Read the overrides and snoozes that are in force on a day."""
    return Standing.read(ledger_of(plan), day)


def playbooks_of(plan: Plan) -> Playbooks:
    """Return the playbooks of a plan: those that are shipped, or its own."""
    return Playbooks.read(plan.playbooks.file, plan.playbooks.escalate)


def measure_day(history: History, bundle: Bundle) -> Snapshot:
    """Measure what a bundle reads on the last day of a history; what is infinite is missing, see `unsound`."""
    cutoffs = pd.DatetimeIndex([history.now], name="cutoff")
    X = bundle.catalog.measure(history, cutoffs, bundle.horizons, grace_days=bundle.churn["grace_days"])
    return set_aside(X)[0]


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
        When it did, when the history was read under another clock than the one the bundle learned under, or when the
        plan means another kind of churn.
    DataError
        When amounts are in several currencies.
    PublishError
        When something cannot be written, or a run of the same inputs was served with other scores.
    """
    same_clock(plan, bundle)
    same_churn(plan, bundle)
    refuse_several_currencies(history)
    if bundle.learned_until > history.now and not named:
        found = f"model {bundle.version}, which knows what happened until {bundle.learned_until:%Y-%m-%d}"
        do = f"train with --until {history.now:%Y-%m-%d}, or ask for the model by name: --model {bundle.version}"
        raise UsageError(f"scoring {history.now:%Y-%m-%d}", "a model that learned from earlier days", found, do)
    place, ledger, said = workspace(plan), ledger_of(plan), said_on(plan, history.now)
    noticed = otherwise(plan, bundle)
    for finding in noticed:
        logger.warning("%s", finding)
    name = run_id(history, bundle, plan.sha256(), said.fingerprint(), noticed)
    run = existing(place, name) or _make(plan, history, bundle, name, said, noticed)
    if enter(ledger, run, at, served_day(place)):
        run = serve(place, run)
    mature(ledger, history, definition(plan), at)
    return run


@one_thread()
def _make(plan: Plan, history: History, bundle: Bundle, name: str, said: Standing, noticed: Sequence[Finding]) -> Run:
    """Score a day and write the run."""
    place = workspace(plan)
    facts = {
        "run_id": name,
        "as_of": history.now.isoformat(),
        "model_version": bundle.version,
        "model_sha256": bundle.sha256,
        "churn": bundle.churn["kind"],
        "input_sha256": history.fingerprint(),
        "config_sha256": plan.sha256(),
        "feedback_sha256": said.fingerprint(),
        "holdfast": holdfast.__version__,
    }
    ledger, proof = ledger_of(plan), read_proof(place.models, bundle.version)
    parts = place.runs / f"{TEMPORARY}{os.getpid()}-parts"
    with clearing(place.runs, parts):
        parts.mkdir(parents=True)
        found = _book(plan, history, bundle, name, said, parts)
        page = page_of(plan, history, bundle, found.snapshot(EXPLAINED), proof, facts, playbooks_of(plan), noticed)
        scores = found.scores(ACCOUNTS)
        calls, card = planned_week(ledger, scores, plan.queue, name).frame(), proven(bundle.card, proof.result, facts)
        return write_run(place, scores, page, card, facts, calls, scores_sha256(ledger, name), found.reasons())


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
