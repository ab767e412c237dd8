"""The command that writes back: the scores of the run that is served, into the tools that the plan names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.serving import show
from holdfast.serving.options import EXIT_FINDINGS, EXIT_NOTHING_TO_DO, Json, PlanFile, now

if TYPE_CHECKING:
    from holdfast.serving.plan import Plan
    from holdfast.serving.writeback.settings import Sink

app = typer.Typer()
_EXIT_STOPPED = 60
_COLUMNS = ["sink", "confirmed", "sent", "failed", "left", "unchanged", "older", "stopped"]
_PLANNED = ["sink", "changed", "failed_before", "unchanged", "older"]


@app.command()
def writeback(
    plan: PlanFile,
    sink: Annotated[str | None, typer.Option(metavar="NAME", help="This tool alone.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written; send nothing.")] = False,
    json: Json = False,
) -> None:
    """Write the scores that are served into CRM and customer-success tools: changed values only, failures again.

    Exit code 1 when a tool refused accounts, 10 when nothing has changed, 60 when a tool could not be written to.
    """
    from holdfast.safely import alone
    from holdfast.serving.ledger.store import LEDGER, Ledger
    from holdfast.serving.plan import read_plan
    from holdfast.serving.runs import current, read_scores
    from holdfast.serving.workspace import Workspace
    from holdfast.serving.writeback.writing import planned, write_back

    settings = read_plan(plan)
    wanted = _wanted(settings, sink)
    place = Workspace(settings.output.workspace)
    scores, ledger = read_scores(current(place)), Ledger(place.root / LEDGER)
    if dry_run:
        _tell([_due(name, planned(ledger, scores, name, one)) for name, one in wanted.items()], _PLANNED, json)
        return
    with alone(place.root / "writeback"):
        done = [write_back(ledger, scores, name, one, now()) for name, one in wanted.items()]
    _tell([one.to_dict() for one in done], _COLUMNS, json)
    if any(one.stopped for one in done):
        raise typer.Exit(_EXIT_STOPPED)
    if any(one.failed for one in done):
        raise typer.Exit(EXIT_FINDINGS)
    if not any(one.confirmed or one.sent for one in done):
        raise typer.Exit(EXIT_NOTHING_TO_DO)


def _wanted(settings: Plan, name: str | None) -> dict[str, Sink]:
    from holdfast.errors import UsageError, did_you_mean

    there = {key: one for key, one in settings.writeback if one is not None}
    if not there:
        do = "add a section such as [writeback.hubspot], see docs/writeback.md"
        raise UsageError("plan, section writeback", "a tool to write to", "none", do)
    if name is not None and name not in there:
        raise UsageError("--sink", "a tool that the plan names", repr(name), did_you_mean(name, there))
    return there if name is None else {name: there[name]}


def _due(name: str, found: Any) -> dict[str, Any]:
    counts = {"changed": len(found.new), "failed_before": len(found.again)}
    return {"sink": name, **counts, "unchanged": found.unchanged, "older": found.older}


def _tell(rows: list[dict[str, Any]], columns: list[str], json: bool) -> None:
    if json:
        show.as_json(rows)
        return
    show.table(rows, columns)
    for row in rows:
        for account, error in list(row.get("errors", {}).items())[:5]:
            show.say(f"{row['sink']}, account {account}: {error}")
