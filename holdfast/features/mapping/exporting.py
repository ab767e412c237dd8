"""When tables that do not tell were exported: no earlier than the last thing that their source has recorded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from holdfast.features.landed.casting import ended
from holdfast.features.mapping.adapter import Object
from holdfast.features.mapping.objects import Part, Source, parts_of
from holdfast.findings import Finding

if TYPE_CHECKING:
    import duckdb


def last_recorded(con: duckdb.DuckDBPyConnection, source: Source) -> pd.Timestamp | None:
    """Give the last thing that the tables of a source have recorded, when one of them tells no time of loading.

    Whole tables are read, however large: a head of them would date today's state too early, and let it reach the past.
    """
    there = [(one, part) for one in source.adapter.objects.values() for part in parts_of(con, source, one)]
    if not any(one.key and _silent(con, part) for one, part in there):
        return None
    latest = [_latest(con, one, part) for one, part in there]
    known = [micros for micros in latest if micros is not None]
    return pd.Timestamp(max(known), unit="us", tz="UTC").ceil("s") if known else None


def _silent(con: duckdb.DuckDBPyConnection, part: Part) -> bool:
    """Tell whether a row of a table says neither since when it holds nor when it was loaded."""
    told = [part.fields[name].sql for name in ("_from", "_synced") if name in part.fields]
    query = f"SELECT 1 FROM {part.scan} WHERE coalesce({', '.join([*told, 'NULL'])}) IS NULL LIMIT 1"
    return bool(part.fields) and con.execute(query).fetchone() is not None


def _latest(con: duckdb.DuckDBPyConnection, one: Object, part: Part) -> int | None:
    times = [ended(f"({part.fields[name].sql})") for name in one.recorded if name in part.fields]
    if not times:
        return None
    found = con.execute(f"SELECT epoch_us(max(greatest({', '.join(times)}, NULL))) FROM {part.scan}").fetchone()
    return None if found is None or found[0] is None else int(found[0])


def dated(con: duckdb.DuckDBPyConnection, source: Source) -> tuple[Source, list[Finding]]:
    """Date a source by what it has recorded, where that is later than what is stated of its export.

    The mapping states when the export was made that lay there first; a later one must not be taken for known by then.
    """
    if source.exported_at is None:
        return source, []
    latest = last_recorded(con, source)
    if latest is None or latest <= source.exported_at:
        return source, []
    found, said = (f"{one:%Y-%m-%d %H:%M}" for one in (latest, source.exported_at))
    message = f"its tables record things up to {found}, its export is said to be of {said}"
    return replace(source, exported_at=latest), [Finding("HF048", source.name, 1, message)]
