"""SQL sources: the tables of PostgreSQL, SQLite and whatever else SQLAlchemy reads, fetched into Parquet.

Everything is read in one read-only snapshot, in chunks. Where rows carry a *watermark*, a later fetch reads again
only what changed since; where they do not, the table is read whole and replaces what was fetched of it.

**What the parts of a watermarked table hold.** Nothing is rewritten: every row that reads otherwise than before is
one more row, under the ``_fetched_at`` of the fetch that found it, so several versions of one key may stand there,
and the one with the latest ``_fetched_at`` is current. Rows that read as before are dropped, so the re-read of a
boundary or a lag adds none. Rows that the source deletes stay; a table in which that matters is read whole (name ""
as its watermark) and captured.

**What a watermark does not find.** A row that changes while its watermark stays, or that is committed under an
earlier one after the fetch, is found only by a `lag` that reaches back to it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from holdfast.errors import DataError, UsageError
from holdfast.features.database.choosing import chosen
from holdfast.features.database.fetched import Landed, State, begin, clean_stage, folder_of, publish
from holdfast.features.database.fetching import Order, Passed, Taken, take
from holdfast.features.database.sqlsource import Source, denied, is_url, persevering, source_of
from holdfast.features.database.watermarks import only_of
from holdfast.findings import Finding
from holdfast.progress import progress
from holdfast.safely import alone, publishing

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["Fetched", "fetch", "is_url"]

_log = logging.getLogger("holdfast.features.database.fetch")
_NO_LAG = timedelta(0)
_LONGEST = timedelta(days=36525)


@dataclass(frozen=True)
class Fetched:
    """What was fetched of one table.

    Attributes
    ----------
    table
        The name of its folder: the table, with its schema when one was named.
    rows, total
        Rows that are new with this fetch, and all that its parts hold.
    columns
        The columns of its parts; ``_fetched_at`` comes on top.
    watermark, until
        The column that dates changes, and the last value seen; None when the table is read whole.
    ground
        Why it was read as it was.
    files
        Its parts, the oldest first.
    findings
        What was noticed; HF063 when the table could not be read.
    """

    table: str
    rows: int
    total: int
    columns: tuple[str, ...]
    watermark: str | None
    until: str | None
    ground: str
    files: tuple[Path, ...] = ()
    findings: tuple[Finding, ...] = ()


def fetch(
    url: str,
    folder: Path,
    *,
    at: datetime,
    tables: Sequence[str] | None = None,
    schema: str | None = None,
    watermarks: Mapping[str, str] | None = None,
    lag: timedelta = _NO_LAG,
    chunk_rows: int = 100_000,
    secrets: Path | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Fetched]:
    """Fetch tables of a database into a folder, from the second time on only what changed.

    All tables are of one instant. The folder gets one folder of Parquet parts per table and ``fetched.json``, which is
    replaced last: a fetch that fails or is killed leaves everything as it was, and the next one begins where the last
    complete one ended. Read the folder through `holdfast.features.database.fetched.parts_of`.

    Parameters
    ----------
    url
        The address, without a password: ``postgresql://reader@host/crm``, ``sqlite:///crm.db``.
    folder
        A new folder, or one that was fetched into from the same database.
    at
        The instant of the fetch, which the rows get as ``_fetched_at``.
    tables
        Names of tables or views; default: all tables.
    schema
        Where they are; default: the schema that the database has as default.
    watermarks
        By table, the column that grows with every change of a row; "" reads the table whole. Default: a column that is
        known by its name, such as ``updated_at``. ``created_at`` must be named: it holds only where rows never change.
    lag
        How far before the last watermark to read again.
    chunk_rows
        How many rows are held at a time, and written as a part.
    secrets
        A TOML file with the password under ``[database]`` or ``[sql]``, which only its owner may read.
    sleep
        Waits some seconds before another attempt.

    Returns
    -------
    list of Fetched
        One per table, in the order of their names or as they were named.

    Raises
    ------
    UsageError
        When the address, a name, the folder or the secrets file cannot be used, or the driver is not installed.
    DataError
        When the database cannot be read, a table or column that was fetched before is gone, or a part is damaged.
    LockHeld, PublishError
        When another process writes into the folder, or the disk refuses.
    """
    source = source_of(url, secrets)
    _check(lag, chunk_rows, at)
    folder = Path(folder)
    instant = pd.Timestamp(at).tz_convert("UTC").floor("us").to_pydatetime()
    with alone(folder):
        with publishing(folder):
            state = begin(folder, str(source))
        _check_order(state, instant)

        def work(connection: Connection) -> dict[str, Taken | Finding]:
            order = Order(str(source), folder, clean_stage(folder), instant, schema, lag, chunk_rows)
            names = chosen(connection, order.where, tables, schema, state.tables)
            only_of(watermarks or {}, names)
            return _taken(connection, source, order, names, state, watermarks or {})

        found = persevering(source, work, sleep)
        new = {name: one for name, one in found.items() if isinstance(one, Taken)}
        if not new:
            _refuse_none(source, found)
        with publishing(folder):
            landed = {name: one.landed for name, one in new.items()}
            state = publish(folder, state, landed, [path for one in new.values() for path in one.staged])
    return [_told(folder, name, one, state.tables.get(name)) for name, one in found.items()]


def _check(lag: timedelta, chunk_rows: int, at: datetime) -> None:
    if not _NO_LAG <= lag <= _LONGEST:
        raise UsageError("lag", "a duration from zero to a hundred years", str(lag), "say how long rows keep changing")
    if chunk_rows < 1:
        raise UsageError("chunk_rows", "one row or more", str(chunk_rows), "leave it at its default")
    if at.tzinfo is None:
        raise UsageError("at", "an instant with its time zone", str(at), "give it in UTC")


def _check_order(state: State, at: datetime) -> None:
    """Refuse a fetch before the last one: a later version of a row would count as an earlier one."""
    last = max((datetime.fromisoformat(one.fetched_at) for one in state.tables.values()), default=at)
    if at < last:
        raise UsageError("at", f"{last.isoformat()} or later", at.isoformat(), "correct the clock")


def _taken(
    connection: Connection,
    source: Source,
    order: Order,
    names: Sequence[str],
    state: State,
    watermarks: Mapping[str, str],
) -> dict[str, Taken | Finding]:
    """Fetch the tables one by one; one that the role may not read does not stop the others."""
    from sqlalchemy.exc import SQLAlchemyError

    found: dict[str, Taken | Finding] = {}
    for name in progress(names, "fetching", len(names)):
        key = folder_of(order.schema, name)
        try:
            found[key] = take(connection, order, name, state.tables.get(key), watermarks.get(name))
        except Passed as problem:
            found[key] = problem.finding
        except SQLAlchemyError as problem:
            if not denied(problem):
                problem.add_note(f"table {name}")
                raise
            role = source.url.username or "the role"
            found[key] = Finding("HF063", f"{order.where}, table {name}", 1, f"{role} may not read it")
        _log.info("%s, table %s: %s", order.where, name, _short(found[key]))
    return found


def _short(one: Taken | Finding) -> str:
    return one.message if isinstance(one, Finding) else f"{one.rows} new rows; {one.ground}"


def _refuse_none(source: Source, found: Mapping[str, Taken | Finding]) -> None:
    told = "; ".join(f"{name}: {_short(one)}" for name, one in list(found.items())[:5])
    raise DataError(str(source), "a table that can be read", told, "grant SELECT on the tables to the role")


def _told(folder: Path, name: str, one: Taken | Finding, landed: Landed | None) -> Fetched:
    total = landed.rows if landed else 0
    columns = tuple(landed.columns) if landed else ()
    files = tuple(folder / name / part.file for part in landed.parts) if landed else ()
    mark, until = (landed.watermark, landed.until) if landed else (None, None)
    if isinstance(one, Finding):
        return Fetched(name, 0, total, columns, mark, until, "not read", files, (one,))
    return Fetched(name, one.rows, total, columns, mark, until, one.ground, files, one.findings)
