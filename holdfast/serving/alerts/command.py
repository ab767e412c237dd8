"""The commands of alerts: what is open, what would be told and how often, and the sending of what waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.serving import show
from holdfast.serving.options import EXIT_NOTHING_TO_DO, Json, PlanFile, StrictClock, now, plan_of, today_of

if TYPE_CHECKING:
    from pathlib import Path

    from holdfast.serving.alerts.delivering import Delivery

app = typer.Typer()
EXIT_NOT_DELIVERED = 60
_OPEN = ["account_id", "rule", "as_of", "text"]


@app.command()
def alerts(
    plan: PlanFile,
    rehearse: Annotated[
        bool, typer.Option("--rehearse", help="Replay the rules over the past: how many a week, and what they catch.")
    ] = False,
    weeks: Annotated[int, typer.Option(min=8, help="Length of the rehearsal.")] = 52,
    csms: Annotated[
        int | None, typer.Option(min=1, help="People who read alerts; default: the owners of accounts.")
    ] = None,
    strict_clock: StrictClock = False,
    json: Json = False,
) -> None:
    """List the alerts that are open and what a message would say; --rehearse: what switching them on would mean."""
    if rehearse:
        _rehearse(plan, weeks, csms, strict_clock, json)
        return
    from holdfast.serving.alerts.delivering import preview
    from holdfast.serving.columns import records

    settings = plan_of(plan)
    episodes, digest = preview(settings)
    if json:
        show.as_json({"open": records(episodes), "message": digest and digest.payload()})
        return
    if not settings.alerts.enabled:
        show.say("Alerts are off. First: holdfast alerts PLAN --rehearse; then set [alerts] enabled = true.")
    show.table(records(episodes), _OPEN)
    show.say(f"{len(episodes)} alerts are open.")
    if digest:
        show.say()
        show.say(digest.title())
        for line in digest.text().splitlines():
            show.say(line)


@app.command()
def deliver(plan: PlanFile, json: Json = False) -> None:
    """Send what is new and what waits. Exit code 10 when nothing does, 60 when a message is given up."""
    from holdfast.serving.alerts.delivering import deliver as delivered

    told = delivered(plan_of(plan), now())
    show.as_json(told.to_dict()) if json else _tell(told)
    if told.failed:
        raise typer.Exit(EXIT_NOT_DELIVERED)
    if not (told.sent or told.waiting):
        raise typer.Exit(EXIT_NOTHING_TO_DO)


def _tell(told: Delivery) -> None:
    for word, rows in (("Given up", told.failed), ("Tried again later", told.troubles)):
        for one in rows:
            show.say(f"{word}: message {one['key']} to {one['channel']}: {one['why']}.")
    if told.quiet_until:
        show.say(f"Quiet hours until {told.quiet_until}.")
    show.say(f"{told.sent} messages sent, {told.waiting} waiting, {len(told.failed)} given up.")


def _rehearse(plan: Path, weeks: int, csms: int | None, strict_clock: bool, json: bool) -> None:
    from holdfast.serving.alerts.rehearsal import rehearse
    from holdfast.serving.columns import records

    settings, history = today_of(plan, strict_clock)
    found = rehearse(settings, history, weeks, csms)
    if json:
        show.as_json(found.to_dict())
        return
    told: list[dict[str, Any]] = records(found.rows)
    show.table(told, list(found.rows.columns))
    show.say(found.text())
