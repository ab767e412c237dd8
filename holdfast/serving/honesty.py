"""The command that puts the test itself to the test: what mistakes would have claimed, and what null tests find."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.errors import UsageError
from holdfast.serving import show
from holdfast.serving.options import Json, PlanFile, StrictClock, today_of

if TYPE_CHECKING:
    from holdfast.training.backtest import Model

app = typer.Typer()
_LINES = ["line", "n", "events", "auc", "auc_low", "auc_high", "auc_diff", "auc_diff_low", "auc_diff_high"]
_LINES += ["skill", "skill_diff", "log_loss", "log_loss_diff", "wrong"]
_NULLS = ["test", "passed", "n", "events", "auc", "auc_low", "auc_high", "slope", "slope_low", "slope_high"]
_NULLS += ["ece", "floor", "finding"]


class Learner(StrEnum):
    """What is tested: gradient boosting as it comes, or the churn model of the house."""

    boosted = "boosted"
    churn = "churn"


@app.command()
def inflation(
    plan: PlanFile,
    horizon: Annotated[int | None, typer.Option(help="Days ahead; default: the longest of the plan.")] = None,
    model: Annotated[
        Learner,
        typer.Option(help="boosted: default gradient boosting, which shows leaks best; churn: our own, slower."),
    ] = Learner.boosted,
    strict_clock: StrictClock = False,
    json: Json = False,
) -> None:
    """Say what the usual mistakes would have claimed on this data, and try the backtest on null tests."""
    from holdfast.serving import learning
    from holdfast.serving.columns import records
    from holdfast.training.inflation import inflation as inflated
    from holdfast.training.null_tests import null_tests

    settings, history = today_of(plan, strict_clock)
    X, y = learning.examples(settings, history)
    days = y.horizons[-1] if horizon is None else horizon
    if days not in y.horizons:
        known = ", ".join(map(str, y.horizons))
        raise UsageError("--horizon", f"one that is labelled: {known}", str(days), "choose one of them")
    learner, seed = _learner(model, days, settings.model.seed), settings.model.seed
    every, draws = settings.backtest.retrain_every, settings.backtest.bootstrap
    found = inflated(history, y.cutoffs, learner, measured=(X, y), retrain_every=every, bootstrap=draws, seed=seed)
    nulls = null_tests(learner, X, y, predictions=found.predictions, retrain_every=every, bootstrap=draws, seed=seed)
    if json:
        show.as_json({"inflation": found.to_dict(), "null_tests": nulls.to_dict()})
        return
    show.say(found.text(days))
    show.table(records(found.rows[found.rows["horizon"] == days][_LINES]), _LINES)
    show.say(nulls.text())
    show.table(records(nulls.rows[nulls.rows["horizon"] == days][_NULLS]), _NULLS)


def _learner(name: Learner, days: int, seed: int) -> Model:
    from holdfast.models.boosted import Boosted
    from holdfast.models.churn import ChurnModel

    return ChurnModel(seed=seed) if name == Learner.churn else Boosted((days,), seed)
