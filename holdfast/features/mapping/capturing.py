"""Capturing what a mapping reads: today's state of every table that keeps no history of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pandas as pd

from holdfast.errors import UsageError
from holdfast.features.capture import Captured, ChangeLog
from holdfast.features.database.fetching import FETCHED_AT
from holdfast.features.history.tables import ACTIVITY_TABLES, TABLES
from holdfast.features.landed.files import RawTable, connect, file_literal, quoted
from holdfast.features.mapping.adapter import Object
from holdfast.features.mapping.binding import CAPTURED, bind, log_name
from holdfast.features.mapping.mapfile import mapping_path, read_mapping
from holdfast.features.mapping.mapped import TABLES as TABLES_FOLDER
from holdfast.features.mapping.mapped import find, sweep
from holdfast.features.mapping.objects import Landed, keeps_versions, landed_key
from holdfast.progress import progress
from holdfast.safely import TEMPORARY, alone

OLD = pd.Timedelta(days=31)

if TYPE_CHECKING:
    import duckdb

    from holdfast.features.mapping.mapfile import MapFile


def capture(
    path: Path, now: pd.Timestamp, at: pd.Timestamp | None = None, *, allow_shrink: bool = False
) -> list[Captured]:
    """Keep the present state of the tables of a mapping that overwrite theirs, as versions; run it daily.

    Events never change and are not captured, nor are tables whose connector keeps versions.

    Parameters
    ----------
    path
        The mapping file, or the folder that holds it.
    now
        The present, which no state can lie after.
    at
        Since when the state holds; by default since the files were written, or, where nothing has happened in the
        mapped tables for a month before that, since the last thing that did: an old export that was copied today does
        not pass for the present.
    allow_shrink
        Whether to take a table of less than half of the rows of the last time.

    Raises
    ------
    UsageError
        When no table can be captured, or the instant lies before the last capture.
    DataError
        When a table has no rows, far fewer than last time, or keys that are empty or repeated.
    LockHeld
        When another process works on it.
    """
    file = mapping_path(path)
    home, mapping = file.parent, read_mapping(file)
    with alone(home):
        sweep(home)
        with TemporaryDirectory(prefix=TEMPORARY, dir=home) as scratch:
            wanted = list(_wanted(mapping, home, Path(scratch)))
            if not wanted:
                do = "capture is for tables that overwrite their rows, such as customers or subscriptions"
                raise UsageError(str(file), "a table that keeps no history of its own", "none", do)
            log = ChangeLog(home / CAPTURED)
            since = at or _since(home / TABLES_FOLDER, min(now, max(_written(table) for table, _ in wanted)))
            return [_captured(log, table, key, since, allow_shrink) for table, key in progress(wanted, "capturing")]


def _since(folder: Path, written: pd.Timestamp) -> pd.Timestamp:
    """Give the day of an export: when it was written, or the last thing that it tells when that is long before."""
    there = [name for name in ACTIVITY_TABLES if (folder / f"{name}.parquet").is_file()]
    with connect() as con:
        lasts = [_last(con, folder / f"{name}.parquet", TABLES[name].time, written) for name in there]
    told = [one for one in lasts if one is not None]
    return max(told).ceil("s") if told and written - max(told) > OLD else written


def _last(con: duckdb.DuckDBPyConnection, path: Path, time: str, written: pd.Timestamp) -> pd.Timestamp | None:
    query = f"SELECT epoch_us(max({quoted(time)})) FROM read_parquet({file_literal(path)}) WHERE {quoted(time)} <= ?"
    found = con.execute(query, [written]).fetchone()
    return None if found is None or found[0] is None else pd.Timestamp(found[0], unit="us", tz="UTC")


def _written(table: RawTable) -> pd.Timestamp:
    return max(pd.Timestamp(path.stat().st_mtime, unit="s", tz="UTC").floor("s") for path in table.paths)


def _wanted(mapping: MapFile, home: Path, scratch: Path) -> Iterator[tuple[RawTable, list[str]]]:
    """Name the tables to capture, with the landed columns of their keys; of several exports of a table the last one."""
    found = find([home / place for place in mapping.places], scratch)
    bound = bind(mapping, home, found.tables, scratch, captured=False)
    last: dict[str, tuple[Object, Landed]] = {}
    for source in bound.sources:
        for landed in sorted(source.landed, key=lambda one: one.table.name):
            last[log_name(landed.table)] = source.adapter.objects[landed.object], landed
    for one, landed in last.values():
        key = landed_key(one, landed)
        if key and not keeps_versions(landed.table):
            yield landed.table, key


def _captured(log: ChangeLog, table: RawTable, key: Sequence[str], at: pd.Timestamp, allow_shrink: bool) -> Captured:
    with connect() as con:
        rows = con.sql(f"SELECT * FROM {table.scan} {_current(table, key)}").to_arrow_reader(1 << 16)
        return log.add(log_name(table), rows, key, at, allow_shrink=allow_shrink)


def _current(table: RawTable, key: Sequence[str]) -> str:
    """Take of each key what was fetched last, where every version lies that ever was; rows of one fetch all stay."""
    if not _is_fetched(table):
        return ""
    told = ", ".join(map(quoted, key))
    return f"QUALIFY rank() OVER (PARTITION BY {told} ORDER BY {FETCHED_AT} DESC) = 1 ORDER BY {told}"


def _is_fetched(table: RawTable) -> bool:
    return table.types.get(FETCHED_AT) == "TIMESTAMP WITH TIME ZONE"
