"""The command that watches: whether data and model are still those that were proven."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.serving import show
from holdfast.serving.options import EXIT_FINDINGS, Json, PlanFile, StrictClock, history_of, plan_of

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer()
EXIT_DRIFT = 40
_FINDINGS = ["code", "severity", "where", "message", "remedy"]
_DAYS = 12


@app.command()
def monitor(
    plan: PlanFile,
    at: Annotated[str | None, typer.Option(metavar="DATE", help="Watch as of then; default: the data end.")] = None,
    strict_clock: StrictClock = False,
    json: Json = False,
) -> None:
    """Watch data and model: freshness, drift, performance, decay. Exit code 1 on findings, 40 when drift says stop."""
    from holdfast.serving.watching import watch

    settings = plan_of(plan, strict_clock)
    found = watch(settings, history_of(settings), at)
    if json:
        show.as_json(found.to_dict())
    else:
        show.say(found.text())
        _table(found.frame()[_FINDINGS])
        _table(found.drift.drop(columns=["p", "drifts"]).round(4))
        last = found.performance.tail(_DAYS)
        _table(last.assign(as_of=[f"{one:%Y-%m-%d}" for one in last["as_of"]]).round(3))
        _table(found.defeat.frame().round(3))
    if found.stops:
        raise typer.Exit(EXIT_DRIFT)
    if found.alarms:
        raise typer.Exit(EXIT_FINDINGS)


def _table(rows: pd.DataFrame) -> None:
    from holdfast.training.rows import json_rows

    if len(rows):
        show.say()
        show.table(json_rows(rows), [str(name) for name in rows])
