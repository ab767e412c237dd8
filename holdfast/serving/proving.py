"""Proving the models of a plan: the backtest, and the evidence that stands beside it in the report."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from holdfast.errors import BundleError, DataError, TooFewEvents, UsageError
from holdfast.models.churn import ChurnModel
from holdfast.models.health import HealthScore
from holdfast.serving.opening import expansion_of
from holdfast.serving.weights import health_of
from holdfast.serving.workspace import Workspace
from holdfast.training.backtest import Backtest, Model, backtest
from holdfast.training.champion import Champion, since_champion
from holdfast.training.gate import by_dimension, moved_in_words
from holdfast.training.green_churn import green_churn
from holdfast.training.holdout import Holdout
from holdfast.training.hypotheses import hypotheses
from holdfast.training.queue.regret import regret
from holdfast.training.rows import json_rows

if TYPE_CHECKING:
    from holdfast.features.catalog.collection import Catalog
    from holdfast.features.history import History
    from holdfast.features.snapshot import Snapshot
    from holdfast.serving.plan import Plan
    from holdfast.training.labels import Labels

logger = logging.getLogger("holdfast.proving")
_DRAWS = 60  # of accounts, for the intervals of the weights


def models_of(plan: Plan, catalog: Catalog) -> dict[str, Model]:
    """Give the models that a plan tests; the baselines come with the backtest."""
    health = health_of(plan, catalog)
    return {
        "churn": ChurnModel(seed=plan.model.seed),
        "health": health,
        "template": HealthScore.template(health.prior),
    }


def holdout_of(plan: Plan) -> Holdout:
    """Give the holdout of a workspace, which remembers what was opened."""
    return Holdout(Workspace(plan.output.workspace).models / "holdout.json", plan.backtest.retrain_every)


def prove(
    plan: Plan, X: Snapshot, y: Labels, catalog: Catalog, champion: Champion | None = None
) -> tuple[Backtest, dict[str, Any]]:
    """Backtest the models beside the baselines, and collect what else the walk tells, as JSON values.

    Raises
    ------
    TooFewEvents
        When the past holds too few events to test on.
    """
    how = plan.backtest
    result = backtest(
        models_of(plan, catalog), X, y,
        retrain_every=how.retrain_every, window=how.window, holdout=holdout_of(plan) if how.holdout else None,
        bootstrap=how.bootstrap, seed=plan.model.seed, threads=plan.model.threads,
    )  # fmt: skip
    return result, _evidence(result, X, champion)


def open_holdout(plan: Plan, X: Snapshot, y: Labels, catalog: Catalog) -> Backtest:
    """Judge the models on the cutoffs that were kept, once.

    Raises
    ------
    UsageError
        When the plan keeps none, so that they were seen in every backtest, or they were opened before.
    """
    how = plan.backtest
    if not how.holdout:
        do = (
            "set holdout = true in [backtest], and test on what remains; it can be opened once new cutoffs have settled"
        )
        raise UsageError("--open-holdout", "cutoffs that were kept from every test", "a plan that keeps none", do)
    return holdout_of(plan).open(
        models_of(plan, catalog), X, y, window=how.window, bootstrap=how.bootstrap, seed=plan.model.seed
    )


def prove_if_possible(
    plan: Plan, X: Snapshot, y: Labels, catalog: Catalog, champion: Champion | None
) -> tuple[Backtest | None, dict[str, Any]]:
    """Backtest, unless the past holds too few events to test on while they suffice to learn from."""
    try:
        return prove(plan, X, y, catalog, champion)
    except TooFewEvents as problem:
        logger.warning("the models could not be tested: %s", problem)
        return None, {}


def audited(plan: Plan, health: HealthScore, history: History, X: Snapshot, y: Labels) -> Mapping[str, Any]:
    """Audit what was learned and the test itself, where the plan asks for it.

    Learned weights are set against those set by hand; what is claimed of customers is measured; what usual mistakes
    would have claimed, and null tests, show whether the test can be believed.
    """
    if not plan.backtest.audits:
        return {}
    found = _audit_of_weights(plan, health, X, y)
    found["hypotheses"] = hypotheses(
        X, y, expansion=expansion_of(plan, history, y), health=HealthScore.template(health.prior), seed=plan.model.seed
    ).to_dict()
    try:
        found |= _audit_of_the_test(plan, history, X, y)
    except TooFewEvents as problem:
        logger.warning("the test was not audited: %s", problem)
    return found


def shifted(in_use: HealthScore | None, health: HealthScore, X: Snapshot) -> Mapping[str, Any]:
    """Set newly learned weights beside the learned ones in use, by dimension."""
    if in_use is None or not (in_use.learned and health.learned):
        return {}
    sides = by_dimension(in_use, health, X)
    return {"weights_shift": {"in_words": moved_in_words(sides), "rows": json_rows(sides.reset_index())}}


def _audit_of_weights(plan: Plan, health: HealthScore, X: Snapshot, y: Labels) -> dict[str, Any]:
    from holdfast.models.audit import inference, weight_table

    if not health.learned:
        return {}
    weights = weight_table(health, X, y, replicates=_DRAWS, seed=plan.model.seed)
    return {"weights": json_rows(weights), "inference": json_rows(inference(health, X, y))}


def _audit_of_the_test(plan: Plan, history: History, X: Snapshot, y: Labels) -> dict[str, Any]:
    from holdfast.models.boosted import Boosted
    from holdfast.training.inflation import inflation
    from holdfast.training.null_tests import null_tests

    how: dict[str, Any] = {"retrain_every": plan.backtest.retrain_every, "bootstrap": plan.backtest.bootstrap}
    learner = Boosted((y.horizons[-1],), plan.model.seed)
    claims = inflation(history, y.cutoffs, learner, measured=(X, y), seed=plan.model.seed, **how)
    nulls = null_tests(learner, X, y, predictions=claims.predictions, seed=plan.model.seed, **how)
    return {"inflation": claims.to_dict(), "null_tests": nulls.to_dict()}


def _evidence(result: Backtest, X: Snapshot, champion: Champion | None) -> dict[str, Any]:
    """Collect what needs the snapshot beside the result."""
    found: dict[str, Any] = {"green_churn": green_churn(result, X).to_dict()}
    found["queue"] = regret(result.frame(), result.facts).to_dict()
    moved = result.weights_moved()
    if len(moved):
        found["weights_moved"] = {"mean": float(moved.mean()), "most": float(moved.max()), "refits": len(moved)}
    try:
        found["profit"] = result.profit().to_dict()
    except DataError as problem:
        logger.info("%s", problem)
    if champion is not None:
        found["champion"] = _beside(result, X, champion)
    return found


def _beside(result: Backtest, X: Snapshot, champion: Champion) -> dict[str, Any]:
    try:
        return since_champion(result, champion, X, ["churn", "health"]).to_dict()
    except BundleError as problem:
        told = f"The champion {champion.version} reads other signs and cannot be compared: {problem}"
        logger.warning("%s", told)
        return {"version": champion.version, "in_words": told, "rows": []}
