"""What a command prints: JSON when asked, a drawn table on a terminal, plain columns into a pipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any


def say(text: str = "") -> None:
    """Print a line of a result to standard output."""
    sys.stdout.write(f"{visible(text)}\n")


def as_json(value: object) -> None:
    """Print a result as JSON, and nothing else."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False, default=_plain) + "\n")


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print rows as a table: drawn on a terminal, tab-separated in a pipe."""
    cells = [[visible(cell(row.get(column))) for column in columns] for row in rows]
    if not sys.stdout.isatty():
        for line in [list(columns), *cells]:
            sys.stdout.write("\t".join(line) + "\n")
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(*columns, box=SIMPLE_HEAD, pad_edge=False)
    for line in cells:
        drawn.add_row(*map(Text, line))
    Console().print(drawn)


def cell(value: object) -> str:
    """Write one value for a person.

    Examples
    --------
    >>> cell(0.123456), cell(-0.0001), cell(None), cell(["usage", "tickets"]), cell(float("nan"))
    ('0.123', '0.000', '', 'usage, tickets', '')
    """
    if value is None or value != value:  # only a NaN differs from itself
        return ""
    if isinstance(value, float):
        return f"{value:z.3f}" if abs(value) < 10 else f"{value:,.1f}"
    return ", ".join(map(cell, value)) if isinstance(value, list | tuple) else str(value)


def visible(text: str) -> str:
    r"""Show control characters instead of sending them to a terminal.

    Examples
    --------
    >>> visible("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def missing_as_none(row: Mapping[str, Any]) -> dict[str, Any]:
    """Turn missing numbers and times into None, for JSON."""
    return {str(key): None if value is None or value != value else value for key, value in row.items()}


def _plain(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    return value.item() if hasattr(value, "item") else str(value)
