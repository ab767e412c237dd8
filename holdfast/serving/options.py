"""What several commands take as arguments, and the one reading of the wall clock."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

EXIT_FINDINGS, EXIT_NOTHING_TO_DO = 1, 10

PlanFile = Annotated[Path, typer.Argument(metavar="PLAN", help="The plan.toml, or the folder that holds it.")]
StrictClock = Annotated[bool, typer.Option("--strict-clock", help="Leave out rows whose known_at is assumed.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def now() -> datetime:
    """Read the wall clock; nothing below the commands does."""
    return datetime.now(UTC)
