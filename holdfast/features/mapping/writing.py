"""Writing one canonical table: the SELECTs of its sources, joined to their accounts, as one Parquet file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.errors import UsageError, did_you_mean
from holdfast.features.history.tables import SOURCE_ID, Column, Table
from holdfast.features.landed.files import literal, quoted
from holdfast.features.mapping.identity import joined, place_mails
from holdfast.features.mapping.noticing import COPIES, copies, foreign, may_hold, repeated
from holdfast.features.mapping.objects import SMALL, Source, schema_of
from holdfast.features.mapping.workbench import columns_of, count_of, telling
from holdfast.findings import Finding

if TYPE_CHECKING:
    import duckdb

_HELP = ("_email", "_domain")
_TYPES = {"text": "VARCHAR", "number": "DOUBLE", "flag": "BOOLEAN", "time": "TIMESTAMPTZ"}
_ROW_GROUP = 122_880


def write(
    con: duckdb.DuckDBPyConnection, table: Table, sources: Sequence[Source], path: Path
) -> tuple[int, list[Finding]]:
    """Write one canonical table; give its rows and what was noticed."""
    selects = [
        _select(con, table, source, several=len(sources) > 1)
        for source in sources
        if table.name in source.adapter.statements
    ]
    if not selects:
        return 0, []
    body = " UNION ALL BY NAME ".join(selects)
    there = set(columns_of(con, f"({body})"))
    keyed = table.shape in ("state", "milestone")
    rows = _once(table, body, there, [one.name for one in sources]) if keyed else body
    large = not keyed and any(landed.table.bytes > SMALL for source in sources for landed in source.landed)
    with telling(sources[0], table.name), _streaming(con, large):
        con.execute(
            f"COPY (SELECT * FROM ({rows}) {'' if large else _order(table, there)}) TO {literal(str(path))} "
            f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROW_GROUP})"
        )
    written = count_of(con, f"read_parquet({literal(str(path))})")
    if not written:
        path.unlink()
        return 0, []
    with _streaming(con, large):
        noticed = [*copies(con, table, sources), *foreign(con, table, sources)]
    return written, [*noticed, *(repeated(con, table, body, written) if keyed else [])]


def _order(table: Table, there: set[str]) -> str:
    first = [name for name in ("account_id", table.time, SOURCE_ID) if name in there]
    return f"ORDER BY {', '.join(map(quoted, [*first, *sorted(there - set(first))]))}"


@contextmanager
def _streaming(con: duckdb.DuckDBPyConnection, wanted: bool) -> Iterator[None]:
    """Have many events stream past the small tables that they are joined to, in the order of their files.

    Nobody knows how many rows a CSV file has, so it must be said which side is small; and a join keeps the order of
    rows on one thread alone, which costs less than to sort them.
    """
    if wanted:
        con.execute("SET disabled_optimizers = 'build_side_probe_side'; SET threads = 1")
    yield
    con.execute("RESET disabled_optimizers; SET threads = 2")


def _once(table: Table, body: str, there: set[str], sources: Sequence[str]) -> str:
    """Keep one row for each version of a thing; the source that is named first has the word."""
    key = [name for name in (*table.key, "known_at") if name in there]
    if not set(table.entity) <= there or "known_at" not in there:
        return body
    first = f"list_position([{', '.join(map(literal, sources))}], {quoted('source')})"
    rest = ", ".join([first, *(quoted(name) for name in sorted(there - set(key)))])
    keys = ", ".join(map(quoted, key))
    unnamed = [f"{quoted(name)} IS NULL OR " for name in table.entity if table.columns[name].default == SOURCE_ID]
    return (
        f"SELECT * FROM ({body}) QUALIFY {''.join(unnamed)}row_number() OVER (PARTITION BY {keys} ORDER BY {rest}) = 1"
    )


def _select(con: duckdb.DuckDBPyConnection, table: Table, source: Source, *, several: bool) -> str:
    con.execute("SET search_path = ?", [f"{schema_of(source)},main"])
    statement = source.adapter.statements[table.name]
    with telling(source, table.name):
        con.execute(f"CREATE OR REPLACE VIEW {quoted('_' + table.name)} AS {statement}")
        view = f"{schema_of(source)}.{quoted('_' + table.name)}"
        columns = columns_of(con, view)
    for name in columns:
        if name not in table.columns and name not in (*_HELP, COPIES):
            where = f"{source.name}.sql, -- table: {table.name}"
            raise UsageError(where, f"columns of {table.name}", repr(name), did_you_mean(name, table.columns))
    with telling(source, table.name):
        place_mails(con, view, columns)
    passed = [name for name in columns if name not in ("source", "account_id", "person_id", COPIES, *_HELP)]
    values = [_typed(table.columns[name], source.name, table, several) for name in passed if name != "known_at"]
    if "known_at" in passed:
        values.append(f"{_known(table, passed, source.zone)} AS known_at")
    return joined(view, columns, source.name, [f"{literal(source.name)} AS source", *values])


def _known(table: Table, there: Sequence[str], zone: str) -> str:
    """Write when a row was known: what was known on the day it happened, without an hour there, when it happened."""
    known, happened = (f"CAST(t.{quoted(name)} AS TIMESTAMPTZ)" for name in ("known_at", table.time))
    if table.ahead or table.time not in there:
        return known
    day = f"date_trunc('day', timezone({literal(zone)}, {happened}))"
    bare = f"{known} < {happened} AND timezone({literal(zone)}, {known}) = {day}"
    return f"CASE WHEN {bare} THEN {happened} ELSE {known} END"


def _typed(column: Column, source: str, table: Table, several: bool) -> str:
    name = quoted(column.name)
    value = f"CAST(t.{name} AS {_TYPES[column.kind]})"
    if column.words or column.within is not None:
        value = f"CASE WHEN {may_hold(column, value)} THEN {value} END"
    if several and column.name in _own_ids(table):
        value = f"{literal(source + ':')} || {value}"
    return f"{value} AS {name}"


def _own_ids(table: Table) -> set[str]:
    """Name the ids that two sources may both give out; people and accounts are joined by the id map instead."""
    return (set(table.entity) | {"subscription_id", "flow_id", "ref_id"}) - {
        "account_id",
        "person_id",
        "role",
        "source",
        "source_id",
    }
