"""The command that erases an account or a person, wherever holdfast keeps something of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.errors import UsageError
from holdfast.serving import show
from holdfast.serving.options import EXIT_NOTHING_TO_DO, Json, PlanFile, now, plan_of

if TYPE_CHECKING:
    from holdfast.serving.erasure.subject import Subject

app = typer.Typer()


@app.command()
def erase(
    plan: PlanFile,
    account: Annotated[str, typer.Option("--account", metavar="ID", help="The account to erase.")] = "",
    person: Annotated[str, typer.Option("--person", metavar="ID", help="The person, by the id in person_id.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would go, and change nothing.")] = False,
    json: Json = False,
) -> None:
    """Take an account or a person out of history, ledger and publications. Exit code 10 when it was erased before."""
    from holdfast.serving import pipeline
    from holdfast.serving.columns import records
    from holdfast.serving.erasure.erasing import erase as erased

    settings, who = plan_of(plan), _who(account.strip(), person.strip())
    place = pipeline.workspace(settings)
    with place.training(), place.lock():
        found = erased(settings, who, now(), dry_run=dry_run)
    if json:
        show.as_json(found.to_dict())
    else:
        show.say(found.text())
        if len(found.removed):
            show.table(records(found.removed), [str(name) for name in found.removed])
    if not found.fresh and not dry_run:
        raise typer.Exit(EXIT_NOTHING_TO_DO)


def _who(account: str, person: str) -> Subject:
    from holdfast.serving.erasure.subject import Subject

    if bool(account) == bool(person):
        found = "both" if account else "neither"
        raise UsageError("holdfast erase", "--account ID or --person ID", found, "name one of them")
    return Subject("account", account) if account else Subject("person", person)
