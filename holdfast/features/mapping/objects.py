"""Objects: the tables of a vendor as its SELECTs read them, whatever the layout in which they landed.

Every object has all its declared columns in their declared type; what did not land is NULL, and an object of which
nothing landed has no rows. Beside them stand four columns on how a row came to be known:

``_from``     since when this version of the row holds, where versions were kept (by the connector or by `capture`)
``_seen``     since when this state of the row can be known: ``_from``, else when it was loaded or exported
``_basis``    ``history`` where versions were kept, else ``snapshot``
``_deleted``  whether the row had been deleted

The end of a version is never read: it is where the next one begins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from holdfast.features.landed.casting import Cast, Written, as_text, cast, ended, written
from holdfast.features.landed.files import RawTable, literal, quoted
from holdfast.features.mapping.adapter import Adapter, Field, Object
from holdfast.features.mapping.paths import find, json_path, plain, spellings

if TYPE_CHECKING:
    import duckdb

SMALL = 64 << 20  # bytes of a table up to which each value is looked at
_SAMPLE, _TEXTS = 20_000, 1_000
_TYPES = {"text": "VARCHAR", "json": "VARCHAR", "time": "TIMESTAMPTZ", "number": "DOUBLE", "flag": "BOOLEAN"}
_FROM = Field("_from", "time", ("_from", "_captured_from", "_fivetran_start", "_dlt_valid_from", "dbt_valid_from"))
_SYNCED = Field(
    "_synced",
    "time",
    ("_fetched_at", "_fivetran_synced", "_airbyte_extracted_at", "_airbyte_emitted_at", "_dlt_load_id"),
)
_DELETED = Field("_deleted", "flag", ("_deleted", "_fivetran_deleted", "is_deleted", "IsDeleted"))
_DLT_ID, _DLT_PARENT = "_dlt_id", "_dlt_parent_id"
_META = {one.name: one for one in (_FROM, _SYNCED, _DELETED)}


@dataclass(frozen=True)
class Landed:
    """A table that was recognised.

    Attributes
    ----------
    object
        The name of the object that it is.
    columns
        By declared column the landed one, where it is stated.
    """

    object: str
    table: RawTable
    columns: Mapping[str, str] = field(default_factory=dict)


def keeps_versions(table: RawTable) -> bool:
    """Tell whether the connector of a table keeps its versions: it dates them, or names the table a history."""
    return any(name in table.columns for name in _FROM.names) or "history" in plain(table.stem).split("_")


def landed_key(one: Object, landed: Landed) -> list[str]:
    """Give the landed columns that name a row; none when one lies inside a JSON text, or the object has none."""
    columns, found = spellings(landed.table.columns), []
    for name in one.key:
        stated = landed.columns.get(name)
        near = (columns[plain(path)] for path in one.fields[name].names if plain(path) in columns)
        column = stated or next(near, None)
        if column is None:
            return []
        found.append(column)
    return found


@dataclass(frozen=True)
class Source:
    """The landed tables of one vendor, and what is stated of them.

    Attributes
    ----------
    name
        What its rows name as their source.
    exported_at
        When tables were exported that do not tell by themselves.
    zone
        The time zone of times without one.
    """

    name: str
    adapter: Adapter
    landed: tuple[Landed, ...]
    exported_at: pd.Timestamp | None = None
    zone: str = "UTC"


@dataclass(frozen=True)
class Part:
    """One SELECT that gives rows of an object."""

    table: RawTable
    scan: str
    fields: Mapping[str, Cast]
    raw: Mapping[str, str]
    written: Written


def schema_of(source: Source) -> str:
    """Quote the schema of a source, called like no part of the database, whatever the source is called."""
    return quoted(f"of {source.name}")


def lay_out(con: duckdb.DuckDBPyConnection, source: Source, head: int | None = None) -> pd.DataFrame:
    """Lay out all objects of a source in a schema of its name, and make it the one that is read.

    Parameters
    ----------
    head
        Take so many rows of a large table, to look at; None takes all.

    Returns
    -------
    pandas.DataFrame
        One row per object, landed table and column: ``object, table, column, read`` (the SQL, empty when it did not
        land), ``how``, ``unreadable`` (values that are there and could not be read).
    """
    con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema_of(source)}")
    con.execute("SET search_path = ?", [f"{schema_of(source)},main"])
    rows = []
    for one in source.adapter.objects.values():
        parts = [*parts_of(con, source, one)]
        _create(con, source, one, parts, head)
        for part in parts:
            unreadable = _unreadable(con, part) if head is None else {}
            rows += [
                (one.name, part.table.name, name, part.raw.get(name, ""), cast_.how, unreadable.get(name, 0))
                for name, cast_ in part.fields.items()
            ]
    return pd.DataFrame(rows, columns=["object", "table", "column", "read", "how", "unreadable"])


def parts_of(con: duckdb.DuckDBPyConnection, source: Source, one: Object) -> list[Part]:
    """Give the SELECTs that together are an object: its own tables, else the lists inside its parents."""
    own = [landed for landed in source.landed if landed.object == one.name]
    if own:
        return [_own(con, source, one, landed) for landed in own]
    if one.inside is None:
        return []
    parent = source.adapter.objects[one.inside.object]
    parents = [landed for landed in source.landed if landed.object == parent.name]
    return [_inside(con, source, one, parent, landed) for landed in parents]


def _part(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    one: Object,
    table: RawTable,
    scan: str,
    stated: Mapping[str, str],
    inner: Mapping[str, str] | None = None,
) -> Part:
    """Find each declared column, and how its texts are to be read.

    Parameters
    ----------
    inner
        Columns whose SQL is known already.
    """
    columns = spellings(table.columns)
    raw: dict[str, str] = {}
    for column in (*one.fields.values(), *_META.values()):
        sql = quoted(stated[column.name]) if column.name in stated else None
        sql = sql or (inner or {}).get(column.name) or _first(column, columns, table)
        if sql is not None:
            raw[column.name] = sql
    kinds = {name: _kind(one, name) for name in raw}
    texts = _texts(con, scan, raw, kinds)
    types = _landed_types(table, raw)
    how = written(
        [texts[name] for name, kind in kinds.items() if kind == "number" and types[name] == "VARCHAR"],
        [texts[name] for name, kind in kinds.items() if kind == "time" and types[name] == "VARCHAR"],
        table.dialect.delimiter,
        source.zone,
    )
    fields = {name: cast(sql, kinds[name], types[name], texts[name], how) for name, sql in raw.items()}
    return Part(table, scan, fields, raw, how)


def _kind(one: Object, name: str) -> str:
    return (_META.get(name) or one.fields[name]).kind


def _first(column: Field, columns: Mapping[str, str], table: RawTable) -> str | None:
    """Take the first column that is there; a value inside a JSON text gives way to the next where the text has none."""
    found: list[str] = []
    for path in column.names:
        sql = find(path, columns, table.types)
        if sql is not None:
            found.append(sql)
            if not sql.startswith("json_extract_string("):
                break
    if len(found) < 2:
        return next(iter(found), None)
    return f"coalesce({', '.join(_as_texts({sql: sql for sql in found}, table).values())})"


def _landed_types(table: RawTable, raw: Mapping[str, str]) -> dict[str, str]:
    own = {quoted(name): kind for name, kind in table.types.items()}
    return {name: own.get(sql, "VARCHAR") for name, sql in raw.items()}


def _as_texts(found: Mapping[str, str], table: RawTable) -> dict[str, str]:
    return {name: as_text(found[name], kind) for name, kind in _landed_types(table, found).items()}


def _texts(
    con: duckdb.DuckDBPyConnection, scan: str, raw: Mapping[str, str], kinds: Mapping[str, str]
) -> dict[str, list[str]]:
    """Take some distinct values of every column whose writing matters."""
    wanted = {name: sql for name, sql in raw.items() if kinds[name] in ("time", "number")}
    found: dict[str, list[str]] = {name: [] for name in raw}
    if not wanted:
        return found
    listed = ", ".join(f"trim(({sql})::VARCHAR) AS {quoted(name)}" for name, sql in wanted.items())
    con.execute(f"CREATE OR REPLACE TEMP TABLE _head AS SELECT {listed} FROM {scan} LIMIT {_SAMPLE}")
    for name in wanted:
        query = f"SELECT DISTINCT {quoted(name)} FROM _head WHERE {quoted(name)} <> '' ORDER BY 1 LIMIT {_TEXTS}"
        found[name] = [text for (text,) in con.execute(query).fetchall()]
    return found


def _inside(con: duckdb.DuckDBPyConnection, source: Source, one: Object, parent: Object, landed: Landed) -> Part:
    """Read a list inside its parent, a JSON text."""
    assert one.inside is not None  # noqa: S101 # asked for by the caller
    columns = spellings(landed.table.columns)
    given = _passed_on(parent, landed.table)
    listed = find(one.inside.path, columns, landed.table.types)
    if listed is None:
        return Part(landed.table, landed.table.scan, {}, {}, Written())
    passed = "".join(f", {sql} AS {quoted(name)}" for name, sql in given.items())
    items = f"unnest(json_extract(CASE WHEN json_valid({listed}) THEN {listed} END, '$[*]')) AS _item"
    scan = f"(SELECT {items}{passed} FROM {landed.table.scan})"
    inner = {
        column.name: "coalesce("
        + ", ".join(f"json_extract_string(_item, {literal(json_path(path))})" for path in column.names)
        + ", NULL)"
        for column in one.fields.values()
    }
    return _part(con, source, one, _bare(landed.table), scan, {}, inner | {name: quoted(name) for name in given})


def _passed_on(parent: Object, table: RawTable) -> dict[str, str]:
    """Give as text what a row of a list has from its parent: the key, and how it came to be known."""
    columns = spellings(table.columns)
    keys = {f"{parent.name}_{key}": _first(parent.fields[key], columns, table) for key in parent.key}
    meta = {name: _first(column, columns, table) for name, column in _META.items()}
    return _as_texts({name: sql for name, sql in (keys | meta).items() if sql is not None}, table)


def _own(con: duckdb.DuckDBPyConnection, source: Source, one: Object, landed: Landed) -> Part:
    """Read a table of its own; a child table of dlt knows by its parent alone whose it is and when it was loaded."""
    table = landed.table
    parents = [other.table for other in source.landed if one.inside is not None and other.object == one.inside.object]
    parents = [other for other in parents if _DLT_ID in other.columns]
    if one.inside is None or not parents or _DLT_PARENT not in table.columns:
        return _part(con, source, one, table, table.scan, landed.columns)
    parent = source.adapter.objects[one.inside.object]
    given = {f"_parent_{name}": sql for name, sql in _passed_on(parent, parents[0]).items()}
    passed = "".join(f", {sql} AS {quoted(name)}" for name, sql in given.items())
    rows = " UNION ALL ".join(f"SELECT {_DLT_ID} AS _parent_row{passed} FROM {other.scan}" for other in parents)
    scan = f"(SELECT * FROM {table.scan} JOIN ({rows}) ON _parent_row = {_DLT_PARENT})"
    return _part(con, source, one, table, scan, landed.columns, {name[8:]: quoted(name) for name in given})


def _bare(table: RawTable) -> RawTable:
    from dataclasses import replace

    return replace(table, columns=(), types={})


def _create(
    con: duckdb.DuckDBPyConnection, source: Source, one: Object, parts: Sequence[Part], head: int | None
) -> None:
    selects = [_select(source, one, part, head) for part in parts if part.fields] or [_nothing(one)]
    body = " UNION ALL BY NAME ".join(selects)
    distinct = f"SELECT DISTINCT * FROM ({body})" if one.key else body
    kind = "VIEW" if head is None and not one.key and parts and all(map(_read_through, parts)) else "TABLE"
    con.execute(f"CREATE OR REPLACE {kind} {quoted(one.name)} AS {distinct}")


def _read_through(part: Part) -> bool:
    """Tell a large table that is as fast to read again as to keep."""
    return part.table.bytes > SMALL and part.table.format in ("csv", "parquet")


def _select(source: Source, one: Object, part: Part, head: int | None) -> str:
    """Read the declared columns, then what follows from them; each value is read once."""
    limit = "" if head is None or part.table.bytes <= SMALL else f" LIMIT {head}"
    names = (*one.fields, *_META)
    read = ", ".join(
        f"{part.fields[name].sql if name in part.fields else f'NULL::{_TYPES[_kind(one, name)]}'} AS {quoted(name)}"
        for name in names
    )
    real = ", ".join(
        f"{ended(quoted(name)) if column.kind == 'time' else quoted(name)} AS {quoted(name)}"
        for name, column in one.fields.items()
    )
    exported = f"TIMESTAMPTZ {literal(source.exported_at.isoformat())}" if source.exported_at is not None else "NULL"
    return f"""
    SELECT {real}, _from, coalesce(_from, _synced, {exported}::TIMESTAMPTZ) AS _seen,
      CASE WHEN _from IS NULL THEN 'snapshot' ELSE 'history' END AS _basis, coalesce(_deleted, false) AS _deleted
    FROM (SELECT {read} FROM {part.scan}{limit})
    """


def _nothing(one: Object) -> str:
    columns = [f"NULL::{_TYPES[column.kind]} AS {quoted(column.name)}" for column in one.fields.values()]
    meta = "NULL::TIMESTAMPTZ AS _from, NULL::TIMESTAMPTZ AS _seen, NULL::VARCHAR AS _basis, NULL::BOOLEAN AS _deleted"
    return f"SELECT {', '.join(columns)}, {meta} WHERE false"


def _unreadable(con: duckdb.DuckDBPyConnection, part: Part) -> dict[str, int]:
    """Count the values that are there and could not be read, in a large table among its first rows."""
    typed = {name: one.sql for name, one in part.fields.items() if one.how != "as it is"}
    if not typed:
        return {}
    counts = ", ".join(
        f"count(*) FILTER (nullif(trim(({part.raw[name]})::VARCHAR), '') IS NOT NULL AND ({sql}) IS NULL)"
        for name, sql in typed.items()
    )
    limit = "" if part.table.bytes <= SMALL else f" LIMIT {_SAMPLE}"
    found = con.execute(f"SELECT {counts} FROM (SELECT * FROM {part.scan}{limit})").fetchone()
    return dict(zip(typed, found or (), strict=True))
