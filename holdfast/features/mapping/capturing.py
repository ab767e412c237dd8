"""Capturing what a mapping reads: today's state of every table that keeps no history of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeAlias

import pandas as pd

from holdfast.errors import UsageError
from holdfast.features.capture import Captured, ChangeLog
from holdfast.features.history.tables import ACTIVITY_TABLES, TABLES
from holdfast.features.landed.files import RawTable, connect, file_literal, quoted
from holdfast.features.mapping.adapter import Object
from holdfast.features.mapping.binding import CAPTURED, bind, log_name
from holdfast.features.mapping.fetches import fetches, held
from holdfast.features.mapping.mapfile import mapping_path, read_mapping
from holdfast.features.mapping.mapped import TABLES as TABLES_FOLDER
from holdfast.features.mapping.mapped import find, sweep
from holdfast.features.mapping.objects import Landed, keeps_versions, landed_key
from holdfast.progress import progress
from holdfast.safely import TEMPORARY, alone

OLD = pd.Timedelta(days=31)
State: TypeAlias = tuple[pd.Timestamp, str]  # since when it holds, and the SQL that reads it

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
            told = {table.name: sorted({min(now, one) for one in fetches(table)}) for table, _ in wanted}
            exported = [_written(table) for table, _ in wanted if not told[table.name]]
            written = _since(home / TABLES_FOLDER, min(now, max(exported, default=now)))
            found = []
            for table, key in progress(wanted, "capturing"):
                states = [(at or written, f"SELECT * FROM {table.scan}")]
                if told[table.name]:
                    states = _fetched(log, table, key, told[table.name], at)
                found.append(_captured(log, table, key, states, allow_shrink))
            return found


def _fetched(
    log: ChangeLog, table: RawTable, key: Sequence[str], told: Sequence[pd.Timestamp], at: pd.Timestamp | None
) -> list[State]:
    """Give what a table held after each fetch since its last capture, the last as it lies there.

    Where no fetch came since there is nothing to do: its rows may be fewer than they were, for some may be erased.
    """
    before = _last_capture(log, table)
    new = [one for one in told if before is None or one > before]
    new = new if at is None else [*(one for one in new if one < at), at]
    return [(one, held(table, key, one if one < new[-1] else None)) for one in new]


def _last_capture(log: ChangeLog, table: RawTable) -> pd.Timestamp | None:
    name = log_name(table)
    return None if log.since(name) is None else log.captures(name)[-1].at


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


def _captured(
    log: ChangeLog, table: RawTable, key: Sequence[str], states: Sequence[State], allow_shrink: bool
) -> Captured:
    """Capture states of a table, and tell them as one."""
    found = []
    with connect() as con:
        if not states:
            ((count,),) = con.execute(f"SELECT count(*) FROM ({held(table, key)})").fetchall()
            return Captured(log_name(table), log.captures(log_name(table))[-1].at, count, 0, 0, 0, fresh=False)
        for at, query in states:
            rows = con.sql(query).to_arrow_reader(1 << 16)
            found.append(log.add(log_name(table), rows, key, at, allow_shrink=allow_shrink))
    added, changed, gone = (sum(getattr(one, name) for one in found) for name in ("added", "changed", "gone"))
    fresh = any(one.fresh for one in found)
    return replace(found[-1], added=added, changed=changed, gone=gone, fresh=fresh)
