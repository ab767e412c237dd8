"""Commands about the model in service: retrain, promote, roll back, compare, list."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.serving import show
from holdfast.serving.options import (
    EXIT_NOTHING_TO_DO,
    AllowShrink,
    Json,
    PlanFile,
    StrictClock,
    history_of,
    now,
    plan_of,
)

if TYPE_CHECKING:
    from holdfast.serving.promotion.service import Moved

app = typer.Typer()

EXIT_NOT_PROMOTED = 20
PATIENCE = 600.0  # seconds that a retraining which is done waits for a score to be done, too
Reason = Annotated[str, typer.Option("--reason", help="Why, for the ledger.")]
_CLAUSES = ["clause", "where", "figure", "bound", "verdict", "reason"]
_FIGURES = ["figure", "horizon", "champion", "challenger", "difference", "low", "high"]


@app.command()
def retrain(
    plan: PlanFile,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="Learn only from what was known by then.")] = None,
    allow_shrink: AllowShrink = False,
    strict_clock: StrictClock = False,
    json: Json = False,
) -> None:
    """Train a challenger and promote it if the gate lets it through. Exit code 10: same inputs, 20: not promoted."""
    from holdfast.serving import opening, pipeline
    from holdfast.serving.promotion import retraining
    from holdfast.serving.volumes import guarded
    from holdfast.serving.workable import refuse_unworkable

    settings = plan_of(plan, strict_clock)
    refuse_unworkable(settings)
    history = history_of(settings)
    known = opening.known_on(settings, history, until)
    place, strict = pipeline.workspace(settings), settings.data.strict_clock
    writing = partial(place.lock, PATIENCE)
    with (
        place.training(),
        guarded(place, history, known, strict_clock=strict, allow_shrink=allow_shrink, writing=writing),
    ):
        found = retraining.retrain(settings, known, now())
    if json:
        show.as_json(found.summary())
    elif found.fresh:
        gate = found.decision.gate
        show.table(gate.to_dict()["clauses"], _CLAUSES)
        show.say(gate.text())
        show.say(str(found.report))
    elif found.promoted:
        show.say(f"Model {found.decision.version}, judged before, is in service now.")
    else:
        show.say(f"nothing to do: same inputs, model {found.decision.version}")
    if not found.promoted:
        raise typer.Exit(EXIT_NOT_PROMOTED if found.fresh else EXIT_NOTHING_TO_DO)


@app.command()
def promote(
    plan: PlanFile,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="A model of `holdfast models PLAN`.")],
    reason: Reason = "by hand",
    json: Json = False,
) -> None:
    """Put a model in service by name, whatever the gate said of it. Exit code 10 when it is there already."""
    from holdfast.serving.promotion import service

    _tell(service.promote(plan_of(plan), version, reason, now()), json)


@app.command()
def rollback(plan: PlanFile, reason: Reason = "by hand", json: Json = False) -> None:
    """Put the model in service again that was there before the present one."""
    from holdfast.serving.promotion import service

    _tell(service.roll_back(plan_of(plan), reason, now()), json)


@app.command()
def compare(
    plan: PlanFile,
    champion: Annotated[str | None, typer.Argument(metavar="A", help="Default: the model in service.")] = None,
    challenger: Annotated[str | None, typer.Argument(metavar="B", help="Default: the last other one.")] = None,
    json: Json = False,
) -> None:
    """Set two models side by side, figure by figure, on the days that the backtests of both tested."""
    from holdfast.serving.promotion import service
    from holdfast.training.rows import json_rows

    settings = plan_of(plan)
    old, new, found = service.compare(settings, champion, challenger)
    facts = service.facts(settings, old, new)
    if json:
        show.as_json({"champion": old.version, "challenger": new.version, "facts": facts, **found.to_dict()})
        return
    show.table([*facts, *json_rows(found.rows)], _FIGURES)
    show.say(found.text())


@app.command()
def models(plan: PlanFile, json: Json = False) -> None:
    """List the models of a workspace: which is in service, which were, and what the gate said of the others."""
    from holdfast.serving.promotion import service
    from holdfast.training.rows import json_rows

    rows = json_rows(service.models(plan_of(plan)))
    if json:
        show.as_json(rows)
    elif rows:
        show.table(rows, service.COLUMNS)
    else:
        show.say("No model yet; train first: holdfast retrain PLAN")


def _tell(moved: Moved, json: bool) -> None:
    if json:
        show.as_json(moved.summary())
    elif not moved.changed:
        show.say(f"nothing to do: model {moved.bundle.version} is in service already")
    else:
        for version in moved.skipped:
            show.say(f"Model {version} cannot be read and was passed over.")
        instead = f" in place of {moved.before}" if moved.before else ""
        show.say(f"Model {moved.bundle.version} is in service{instead}. Next: holdfast score PLAN")
        if moved.objection:
            show.say(moved.objection)
    if not moved.changed:
        raise typer.Exit(EXIT_NOTHING_TO_DO)
