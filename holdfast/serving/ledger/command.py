"""The commands that look into the ledger: what became of what was served, and whether it can be made again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.serving import show
from holdfast.serving.options import EXIT_FINDINGS, Json, PlanFile, StrictClock, history_of, now, plan_of

if TYPE_CHECKING:
    import pandas as pd

    from holdfast.serving.plan import Plan

app = typer.Typer()
SHOWN = 20


@app.command()
def ledger(
    plan: PlanFile,
    reopen: Annotated[bool, typer.Option("--reopen", help="Read every outcome anew; needs the history.")] = False,
    strict_clock: StrictClock = False,
    json: Json = False,
) -> None:
    """Tell what was served, what became of it, and how good it was. Exit code 1 when outcomes must be read anew."""
    from holdfast.serving import pipeline
    from holdfast.serving.ledger.as_served import as_served

    settings = plan_of(plan, strict_clock)
    if reopen:
        _reopen(settings)
    found = as_served(pipeline.ledger_of(settings), bootstrap=settings.backtest.bootstrap, seed=settings.model.seed)
    if json:
        show.as_json(found.to_dict())
    else:
        show.say(found.text())
        for rows in (found.cells, found.figures.drop(columns="why"), found.reopened):
            _table(rows)
    if found.rewritten:
        raise typer.Exit(EXIT_FINDINGS)


@app.command()
def replay(
    plan: PlanFile,
    at: Annotated[str, typer.Option(metavar="DATE", help="The day that was scored.")],
    model: Annotated[
        str | None, typer.Option(metavar="VERSION", help="Make it with another bundle than the one that served.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--run", metavar="RUN", help="One of several runs of that day; default: the last.")
    ] = None,
    strict_clock: StrictClock = False,
    json: Json = False,
) -> None:
    """Make again what was served on a day, and list what is otherwise. Exit code 1 when something has no cause."""
    from holdfast.serving.ledger.replay import replay as replayed

    settings = plan_of(plan, strict_clock)
    found = replayed(settings, history_of(settings), at, model, name)
    if json:
        show.as_json(found.to_dict())
    else:
        show.say(found.text())
        _table(found.causes)
        _table(found.differences)
    if found.unexplained:
        raise typer.Exit(EXIT_FINDINGS)


def _reopen(settings: Plan) -> None:
    from holdfast.serving import opening, pipeline
    from holdfast.serving.ledger.outcomes import mature

    known = opening.known_on(settings, history_of(settings), None)
    with pipeline.workspace(settings).lock():
        mature(pipeline.ledger_of(settings), known, opening.definition(settings), now(), anew=True)


def _table(rows: pd.DataFrame) -> None:
    """Print the first rows, and say how many more there are."""
    from holdfast.serving.columns import records

    if len(rows):
        show.table(records(rows.head(SHOWN)), [str(name) for name in rows])
    if len(rows) > SHOWN:
        show.say(f"{len(rows) - SHOWN:,} more; --json prints all of them.")
