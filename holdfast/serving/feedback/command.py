"""Commands that listen: what people wrote into the files of a run, taken in and told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.serving import show
from holdfast.serving.options import EXIT_NOTHING_TO_DO, Json, PlanFile, now, plan_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.serving.feedback.keeping import Imported
    from holdfast.serving.feedback.summary import Feedback

app = typer.Typer()
_SHOWN = 10  # accounts that are named
_PROBLEM = ["where", "row", "column", "found", "expected"]
_SAID = ["account_id", "kind", "value", "reason", "author", "expires", "state"]


@app.command("import")
def import_(
    plan: PlanFile,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The filled scores.xlsx or feedback.csv of a run.")],
    author: Annotated[str, typer.Option(metavar="NAME", help="Who speaks where a row names nobody.")] = "",
    json: Json = False,
) -> None:
    """Take in what people wrote: scores set by hand, snoozes, outcomes, wrong reasons. Exit code 10 when all was known.

    A file is taken wholly: when a cell cannot be read, each of them is named and nothing is written.
    """
    from holdfast.errors import DataError
    from holdfast.serving.feedback.keeping import import_form
    from holdfast.serving.workspace import Workspace

    found = import_form(Workspace(plan_of(plan).output.workspace), file, author, now())
    show.as_json(found.to_dict()) if json else _tell_import(found)
    if found.problems:
        expected, do = "rows that can be read", "correct them and import the file again; nothing was written"
        raise DataError(str(file), expected, f"{len(found.problems)} cells that cannot", do)
    if not found.new:
        raise typer.Exit(EXIT_NOTHING_TO_DO)


@app.command()
def feedback(plan: PlanFile, json: Json = False) -> None:
    """Tell what people said of accounts: what is in force, what has ended, and which reasons were called wrong."""
    import pandas as pd

    from holdfast.serving.feedback.keeping import READ
    from holdfast.serving.feedback.summary import Feedback
    from holdfast.serving.ledger.store import LEDGER, Ledger
    from holdfast.serving.runs import current
    from holdfast.serving.workspace import Workspace

    place = Workspace(plan_of(plan).output.workspace)
    day = pd.Timestamp(current(place, *READ).manifest["as_of"])
    said = Feedback.read(Ledger(place.root / LEDGER), day, place.runs)
    show.as_json(said.to_dict()) if json else _tell(said)


def _tell_import(found: Imported) -> None:
    from dataclasses import asdict

    for one in found.unread:
        show.say(f"left unread: {one}")
    if found.problems:
        show.table([asdict(one) for one in found.problems], _PROBLEM)
    elif found.new:
        once = ", a set score once its account is scored" if found.idle else ""
        show.say(f"{found.new} entries taken, {found.known} known before. They count from the next score on{once}.")
    elif found.known:
        show.say(f"nothing to do: {found.known} entries, all known before")
    else:
        show.say("nothing to do: the file says nothing")
    if found.replaced:
        said = f"Said before and replaced since, so that it does not count: {_some(found.replaced)}."
        show.say(f"{said} Say it in the file of a later run.")
    if found.idle:
        show.say(f"Set for an account that is not scored, and without effect until it is: {_some(found.idle)}.")


def _some(told: Sequence[str]) -> str:
    more = f" and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    return ", ".join(told[:_SHOWN]) + more


def _tell(said: Feedback) -> None:
    from holdfast.serving.columns import records

    if said.rows.empty:
        show.say("Nothing has been said yet: fill in scores.xlsx or feedback.csv of a run, then holdfast import.")
        return
    show.table(records(said.rows), _SAID)
    for title, table in (("Reasons called wrong", said.wrong_reasons), ("Outcomes", said.outcomes)):
        if len(table):
            show.say()
            show.say(title)
            show.table(records(table), list(map(str, table.columns)))
