"""The commands of the queue: whom to call this week, what was done, what a trial would need and what it has shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.serving import show
from holdfast.serving.options import EXIT_NOTHING_TO_DO, Json, PlanFile, now, plan_of

if TYPE_CHECKING:
    from holdfast.serving.queue.desk import Desk
    from holdfast.serving.queue.log import Done
    from holdfast.serving.queue.week import Queue

app = typer.Typer()
_SHOWN = ["rank", "decision", "account_id", "account_name", "csm", "call_by", "hours", "expected_saved", "why"]
_WEEK = ["account_id", "arm", "at", "playbook_id", "author", "done_on", "reason"]
_POWER = ["share", "held_out", "called", "weeks", "why_never"]
_LOAD = ["csm", "hours", "planned", "calls", "expected_saved"]
_LATER = 20  # accounts that are told of those the hours do not reach


@app.command()
def queue(
    plan: PlanFile,
    csm: Annotated[str | None, typer.Option(metavar="NAME", help="Only the accounts of this CSM.")] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Write down who is called and who is left alone. Exit code 10 when it was.")
    ] = False,
    by: Annotated[str, typer.Option(metavar="NAME", help="Who decided; default: each CSM.")] = "",
    week: Annotated[bool, typer.Option("--week", help="What was recorded this week, and what of it is done.")] = False,
    power: Annotated[bool, typer.Option("--power", help="How long it takes to measure what a call does.")] = False,
    points: Annotated[
        float | None, typer.Option(min=0.1, max=100, help="The effect to be shown, in points; default: as assumed.")
    ] = None,
    effect: Annotated[bool, typer.Option("--effect", help="What calls did, where lots allow to tell.")] = False,
    json: Json = False,
) -> None:
    """Say whom to call this week: what is worth most within the hours of each CSM."""
    from holdfast.serving.queue.desk import Desk

    _one_of(record=record, week=week, power=power, effect=effect)
    desk = Desk.of(plan_of(plan))
    if power:
        _tell_power(desk, points, json)
    elif effect:
        _tell_effect(desk, plan, json)
    elif week:
        _tell_week(desk, json)
    else:
        _tell_queue(desk, csm, json) if not record else _record(desk, by, json)


@app.command()
def did(
    plan: PlanFile,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="A CSV: account_id, playbook, by, on, and reason if you like."),
    ] = None,
    account: Annotated[str, typer.Option(metavar="ID", help="With whom something was done.")] = "",
    playbook: Annotated[str, typer.Option(metavar="ID", help="By which playbook.")] = "",
    by: Annotated[str, typer.Option(metavar="NAME", help="By whom.")] = "",
    on: Annotated[str, typer.Option(metavar="DATE", help="On which day.")] = "",
    why: Annotated[str, typer.Option(metavar="TEXT", help="Why.")] = "",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the whole log as canonical touchpoints (Parquet).")
    ] = None,
    json: Json = False,
) -> None:
    """Log what was done with accounts, one or a file of them. Exit code 10 when it was logged before."""
    from holdfast.errors import UsageError
    from holdfast.safely import refuse_in_the_way
    from holdfast.serving.queue.desk import Desk
    from holdfast.serving.queue.doing import checked, entry, read_file, write_out
    from holdfast.serving.queue.log import did as log

    if file is None and out is None and not any((account, playbook, by, on, why)):
        found, do = "neither", "name what was done: --account ID --playbook ID --by NAME --on DATE, or a CSV file of it"
        raise UsageError("holdfast did", "an account by --account, or a file", found, do)
    if out is not None:
        refuse_in_the_way(out)
    desk, today = Desk.of(plan_of(plan)), now()
    one = entry(account, playbook, by, on, why) if account or playbook or by or on or why else None
    said: Sequence[tuple[str, Done]] = [*(read_file(file) if file else ()), *([one] if one else ())]
    added = log(desk.ledger, checked(desk, said, today), today) if said else 0
    told: dict[str, object] = {"said": len(said), "added": added}
    if out is not None:
        told |= {"written": write_out(desk.ledger, out), "file": out}
    if json:
        show.as_json(told)
    else:
        show.say(f"{added} of {len(said)} entries are new in the log." + (f" Wrote {out}." if out else ""))
    if not added and out is None:
        raise typer.Exit(EXIT_NOTHING_TO_DO)


def _one_of(**asked: bool) -> None:
    from holdfast.errors import UsageError

    named = [f"--{name}" for name, on in asked.items() if on]
    if len(named) > 1:
        raise UsageError("holdfast queue", "one of these at a time", ", ".join(named), "leave the others out")


def _tell_queue(desk: Desk, csm: str | None, json: bool) -> None:
    planned = desk.week()
    shown = planned if csm is None else planned.purview(csm)
    past = desk.regret(planned)
    if json:
        show.as_json(shown.to_dict() | {"run": desk.run.run_id, "past": past})
        return
    _tell_rows(shown)
    show.say(shown.text())
    if past:
        show.say(past)
    if desk.plan.queue.holdout:
        show.say("Those left alone are part of a trial: please do not call them.")


def _tell_rows(shown: Queue) -> None:
    from holdfast.serving.columns import records
    from holdfast.serving.queue.week import LATER

    later = shown.of(LATER).index
    rows = shown.rows.drop(index=later[_LATER:])
    rows = rows.assign(call_by=rows["call_by"].dt.strftime("%Y-%m-%d"), expected_saved=rows["expected_saved"].round(1))
    show.table(records(rows[_SHOWN]), _SHOWN)
    if len(later) > _LATER:
        show.say(f"... and {len(later) - _LATER} more for later weeks; queue.csv of the run holds all.")
    if len(shown.load) > 1:
        show.say()
        show.table(records(shown.load), _LOAD)
    show.say()


def _record(desk: Desk, by: str, json: bool) -> None:
    from holdfast.serving.queue.log import chance_of, record
    from holdfast.serving.queue.week import CALL, LEFT_ALONE

    planned, how = desk.week(), desk.plan.queue
    added = record(desk.ledger, planned, desk.run.run_id, chance_of(how.holdout), by, now())
    counts = {"called": len(planned.of(CALL)), "left_alone": len(planned.of(LEFT_ALONE))} if added else {}
    if json:
        show.as_json({"run": desk.run.run_id, "added": added, **counts})
    elif added:
        show.say(f"Recorded: {counts['called']} to be called, {counts['left_alone']} left alone by lot.")
    else:
        show.say("nothing to do: the queue of this run was recorded before, or calls nobody")
    if not added:
        raise typer.Exit(EXIT_NOTHING_TO_DO)


def _tell_week(desk: Desk, json: bool) -> None:
    from holdfast.serving.columns import records
    from holdfast.serving.queue.log import interventions, recorded
    from holdfast.training.rows import dated, json_rows

    rows = recorded(interventions(desk.ledger), desk.scores.as_of)
    if json:
        show.as_json(json_rows(dated(rows)))
        return
    days = {name: rows[name].dt.strftime("%Y-%m-%d") for name in ("at", "done_on")}
    show.table(records(rows.assign(**days)[_WEEK]), _WEEK)
    done = int(rows["done_on"].notna().sum())
    show.say(f"{len(rows)} recorded in the week of {desk.scores.as_of:%Y-%m-%d}, something was done with {done}.")


def _tell_power(desk: Desk, points: float | None, json: bool) -> None:
    from holdfast.serving.columns import records

    found = desk.power(points)
    if json:
        show.as_json(found.to_dict())
        return
    show.table(records(found.rows), _POWER)
    show.say(found.text())
    if not desk.plan.queue.holdout:
        show.say("Nobody is left alone now: [queue] holdout = 0.")


def _tell_effect(desk: Desk, plan: Path, json: bool) -> None:
    from holdfast.serving.opening import definition
    from holdfast.serving.options import today_of
    from holdfast.serving.queue.log import interventions
    from holdfast.serving.queue.trial import trials_of
    from holdfast.training.queue.uplift import uplift

    settings, history = today_of(plan)
    trials = trials_of(interventions(desk.ledger), history, definition(settings), desk.horizon)
    found = uplift(trials, desk.horizon)
    show.as_json(found.to_dict()) if json else show.say(found.text())
