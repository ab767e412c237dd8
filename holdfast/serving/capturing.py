"""Capturing what a plan reads, and what that came to, for a person and for a program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from holdfast.errors import UsageError
from holdfast.features.capture import Captured
from holdfast.features.history.ingest import is_mapping
from holdfast.features.mapping.capturing import capture
from holdfast.features.time import to_instant
from holdfast.serving.plan import read_plan


def capture_plan(plan: Path, now: datetime, at: datetime | None, allow_shrink: bool) -> list[Captured]:
    """Capture the tables that the plan's mapping reads.

    Raises
    ------
    UsageError
        When the plan reads canonical tables and no mapping, or the instant lies in the future.
    """
    path = read_plan(plan).data.path
    if not is_mapping(path):
        do = "map the exports of your systems first: `holdfast map FILES --out DIR`"
        raise UsageError(f"{plan}, key data.path", "a mapping.toml", str(path), do)
    stated = None if at is None else to_instant(at)
    if stated is not None and stated > pd.Timestamp(now):
        do = "correct it: no later capture could lie before it"
        raise UsageError("--at", "a day that has begun", f"{stated:%Y-%m-%d}", do)
    return capture(path, pd.Timestamp(now), stated, allow_shrink=allow_shrink)


def summary(captured: Sequence[Captured]) -> dict[str, Any]:
    """Sum up captures as plain values.

    Returns
    -------
    dict
        ``done`` (``captured``, or ``nothing to do`` when all of it was captured before), the counts of all tables
        together, ``tables`` with those of each, and ``findings`` as lines.

    Examples
    --------
    >>> summary([])["done"]
    'nothing to do'
    """
    counts = {name: sum(getattr(one, name) for one in captured) for name in ("rows", "added", "changed", "gone")}
    tables = {one.table: {key: value for key, value in asdict(one).items() if key != "findings"} for one in captured}
    done = "captured" if any(one.fresh for one in captured) else "nothing to do"
    lines = [str(found) for one in captured for found in one.findings]
    return {"done": done, **counts, "tables": tables, "findings": lines}


def told(captured: Sequence[Captured]) -> str:
    """Say what was captured, a line for each table.

    Examples
    --------
    >>> import pandas as pd
    >>> print(told([Captured("customers", pd.Timestamp("2025-03-02", tz="UTC"), 1200, 3, 14, 1, fresh=True)]))
    customers at 2025-03-02 00:00 UTC: 1,200 rows, of which 3 new, 14 changed; 1 gone
    """
    return "\n".join(map(_line, captured)) or "nothing to do: no table to capture"


def _line(one: Captured) -> str:
    where = f"{one.table} at {one.at:%Y-%m-%d %H:%M} UTC"
    if not one.fresh:
        return f"{where}: nothing to do, its {one.rows:,} rows were captured before"
    if not (one.added or one.changed or one.gone):
        return "\n".join([f"{where}: {one.rows:,} rows, nothing has changed", *map(str, one.findings)])
    moved = f"{one.rows:,} rows, of which {one.added:,} new, {one.changed:,} changed; {one.gone:,} gone"
    return "\n".join([f"{where}: {moved}", *map(str, one.findings)])
