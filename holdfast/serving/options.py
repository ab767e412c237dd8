"""What several commands take as arguments and open first, and the one reading of the wall clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.serving import show

if TYPE_CHECKING:
    from holdfast.features.history import History
    from holdfast.serving.plan import Plan

EXIT_FINDINGS, EXIT_NOTHING_TO_DO = 1, 10

PlanFile = Annotated[Path, typer.Argument(metavar="PLAN", help="The plan.toml, or the folder that holds it.")]
StrictClock = Annotated[bool, typer.Option("--strict-clock", help="Leave out rows whose known_at is assumed.")]
AllowShrink = Annotated[
    bool, typer.Option("--allow-shrink", help="Let an extract through that is far smaller than the last ones, once.")
]
Page = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it as a page (HTML).")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def now() -> datetime:
    """Read the wall clock; nothing below the commands does."""
    return datetime.now(UTC)


def plan_of(path: Path, strict_clock: bool = False) -> Plan:
    """Read a plan, under the strict clock where the command asks for it."""
    from holdfast.serving.plan import read_plan

    settings = read_plan(path)
    return settings.with_strict_clock() if strict_clock else settings


def history_of(settings: Plan) -> History:
    """Read the history of a plan; what is dated after this moment is set aside."""
    from holdfast.serving.opening import read_history

    return read_history(settings, now())


def today_of(path: Path, strict_clock: bool = False) -> tuple[Plan, History]:
    """Read a plan, and its history as known on its last day."""
    from holdfast.serving.opening import known_on

    settings = plan_of(path, strict_clock)
    return settings, known_on(settings, history_of(settings), None)


def handed_over(out: Path | None, page: Callable[[], str], json: bool, value: Callable[[], object]) -> bool:
    """Write the page and print the JSON that were asked for; tell whether either was, so that no text need be told."""
    from holdfast.safely import write_atomic

    if out is not None:
        write_atomic(out, page().encode())
    if json:
        show.as_json(value())
    elif out is not None:
        show.say(f"Wrote {out}.")
    return json or out is not None
