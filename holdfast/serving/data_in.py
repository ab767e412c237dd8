"""The commands that bring data in: from files, databases and services to a history."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from holdfast.serving import show
from holdfast.serving.options import EXIT_FINDINGS, EXIT_NOTHING_TO_DO, Json, PlanFile, now

app = typer.Typer()


@app.command("map")
def map_(
    places: Annotated[
        list[str], typer.Argument(metavar="PLACE...", help="Files, folders, or the SQL URL of a database.")
    ],
    out: Annotated[Path, typer.Option(help="The workspace to write to.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Take every proposal; for scripts.")] = False,
    anew: Annotated[bool, typer.Option("--anew", help="Replace a mapping that lies there.")] = False,
    secrets: Annotated[Path | None, typer.Option(metavar="FILE", help="TOML with the password of a database.")] = None,
    schema: Annotated[str | None, typer.Option(metavar="NAME", help="The schema of a database.")] = None,
    json: Json = False,
) -> None:
    """Turn what lies there into a history: recognise tables, join who is who, write a mapping to edit and a plan.

    Exit code 1 when nothing leads to an account.
    """
    from holdfast.serving import mapped_told, mapping

    mapping.refuse_absent(places)
    confirm = mapping.asking(yes)
    found = [mapping.landed(place, out, schema, secrets, now()) for place in places]
    noticed = [finding for _, findings in found for finding in findings]
    work = mapping.map_places([path for path, _ in found], out, confirm, anew=anew, noticed=noticed)
    show.as_json(work.summary()) if json else mapped_told.tell(work)
    if not work.usable:
        raise typer.Exit(EXIT_FINDINGS)


@app.command()
def capture(
    plan: PlanFile,
    at: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Since when the state holds; default: since the files were written."),
    ] = None,
    allow_shrink: Annotated[bool, typer.Option("--allow-shrink", help="Take a table that lost half its rows.")] = False,
    json: Json = False,
) -> None:
    """Keep today's state of tables that overwrite theirs, as versions; run it daily. Exit code 10 when it was kept."""
    from holdfast.serving import capturing

    captured = capturing.capture_plan(plan, now(), at, allow_shrink)
    if json:
        show.as_json(capturing.summary(captured))
    else:
        for line in capturing.told(captured).splitlines():
            show.say(line)
    if not any(one.fresh for one in captured):
        raise typer.Exit(EXIT_NOTHING_TO_DO)


@app.command()
def sources(json: Json = False) -> None:
    """Print what each source feeds, which history it keeps, and what it loses."""
    from holdfast.serving.support import COLUMNS, support

    show.as_json(support()) if json else show.table(support(), list(COLUMNS))


@app.command()
def ingest(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="A folder of tables as files.")],
    store: Annotated[Path, typer.Argument(metavar="STORE", help="The store: a new folder, or one to add to.")],
    buckets: Annotated[int | None, typer.Option(min=1, help="Ranges of accounts; default: by rows.")] = None,
    compact: Annotated[bool, typer.Option("--compact", help="Make a store that was added to fast again.")] = False,
    currency: Annotated[str | None, typer.Option(metavar="CODE", help="What all amounts are told in.")] = None,
    rate: Annotated[list[str] | None, typer.Option(metavar="CODE=NUMBER", help="What one unit is worth in it.")] = None,
    json: Json = False,
) -> None:
    """Turn files larger than memory into a store, or add a delivery to it. Exit code 10 when the files are in it."""
    from holdfast.serving import ingesting

    rates = ingesting.rates_from(currency, rate or ())
    summary = ingesting.ingest(source, store, buckets, compact, rates)
    show.as_json(summary) if json else show.say(ingesting.told(summary))
    if summary["done"] == "nothing to do":
        raise typer.Exit(EXIT_NOTHING_TO_DO)


@app.command()
def pull(
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="stripe or zendesk.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder in which its tables land.")],
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Read what came on or after.")] = None,
    base_url: Annotated[str | None, typer.Option(metavar="URL", help="Another address of the service.")] = None,
    json: Json = False,
) -> None:
    """Pull what changed in a service, for map; secrets from the environment. Exit code 10 when nothing changed."""
    from holdfast.serving import pulling

    summary = pulling.pull_service(service, out, since, base_url, now)
    show.as_json(summary) if json else show.say(pulling.told(summary))
    if summary["done"] == "nothing to do":
        raise typer.Exit(EXIT_NOTHING_TO_DO)
