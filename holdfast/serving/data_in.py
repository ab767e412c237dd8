"""The commands that bring data in: from files, databases and services to a history."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from holdfast.serving import show
from holdfast.serving.options import EXIT_NOTHING_TO_DO, Json

app = typer.Typer()


@app.command()
def ingest(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="A folder of tables as files.")],
    store: Annotated[Path, typer.Argument(metavar="STORE", help="The store: a new folder, or one to add to.")],
    buckets: Annotated[int | None, typer.Option(min=1, help="Ranges of accounts; default: by rows.")] = None,
    compact: Annotated[bool, typer.Option("--compact", help="Make a store that was added to fast again.")] = False,
    json: Json = False,
) -> None:
    """Turn files larger than memory into a store, or add a delivery to it. Exit code 10 when the files are in it."""
    from holdfast.serving import ingesting

    summary = ingesting.ingest(source, store, buckets, compact)
    show.as_json(summary) if json else show.say(ingesting.told(summary))
    if summary["done"] == "nothing to do":
        raise typer.Exit(EXIT_NOTHING_TO_DO)
