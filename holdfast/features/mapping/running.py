"""Running a mapping: landed tables through their SQL and the id map to canonical tables as Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from holdfast.errors import DataError, UsageError, did_you_mean
from holdfast.features.history.tables import SOURCE_ID, TABLES, Column, Table
from holdfast.features.landed.files import connect, literal, quoted
from holdfast.features.mapping.adapter import shipped
from holdfast.features.mapping.exporting import dated
from holdfast.features.mapping.identity import UNMATCHED, collect, joined, list_accounts, place_mails, resolve
from holdfast.features.mapping.objects import SMALL, Source, lay_out, schema_of
from holdfast.findings import Finding
from holdfast.progress import progress

if TYPE_CHECKING:
    import duckdb

_HELP = ("_email", "_domain")
COPIES = "_copies"  # how often an event came, alike in everything; such events are one
_TYPES = {"text": "VARCHAR", "number": "DOUBLE", "flag": "BOOLEAN", "time": "TIMESTAMPTZ"}
_ROW_GROUP, _LOOKED_AT = 122_880, 200_000


@dataclass(frozen=True)
class Mapped:
    """What a mapping made.

    Attributes
    ----------
    rows
        Rows written, by canonical table.
    unmatched
        One row per source and key that leads to no account: ``source, key, rows, tables``, the worst first.
    layout
        How each landed column was read; see `lay_out`.
    identities
        The id map: ``source, kind, source_key, account_id, person_id, method, confidence, ground``.
    """

    rows: Mapping[str, int]
    unmatched: pd.DataFrame
    layout: pd.DataFrame
    identities: pd.DataFrame
    findings: tuple[Finding, ...]


def workbench(scratch: Path) -> duckdb.DuckDBPyConnection:
    """Open a connection whose tables lie on the disk, with the macros that adapters use."""
    scratch.mkdir(parents=True, exist_ok=True)
    con = connect(scratch / "spill")
    con.execute(f"ATTACH {literal(str(scratch / 'objects.duckdb'))} AS work")
    con.execute("USE work.main")
    con.execute((files("holdfast.features.mapping") / "macros.sql").read_text(encoding="utf-8"))
    return con


def run(
    sources: Sequence[Source],
    hub: str,
    tables: Mapping[str, Sequence[str]],
    manual: pd.DataFrame,
    out: Path,
    scratch: Path,
) -> Mapped:
    """Map all sources and write one Parquet file per canonical table.

    Parameters
    ----------
    hub
        The source that says what an account is.
    tables
        By canonical table the sources it comes from.
    manual
        Ids stated by hand: ``source, kind, source_key, account_id``.
    out, scratch
        Existing folders, for the tables and for what is needed on the way.

    Raises
    ------
    DataError
        When there are no rows.
    UsageError
        When the SQL of a source does not run, or gives a column that no canonical table has.
    """
    con = workbench(scratch / "run")
    try:
        by_name = {source.name: source for source in sources}
        findings: list[Finding] = []
        layout = pd.concat([_laid_out(con, source, findings) for source in progress(sources, "reading", len(sources))])
        own = [name for name in by_name if name not in shipped()]
        if "accounts" not in tables:
            _named_accounts(con, hub, [source for source in sources if source.name in (hub, *own)])
            _stated_accounts(con, hub, manual)
        elif hub in tables["accounts"]:
            _listed(con, by_name[hub])
        findings += resolve(con, hub, own, manual)
        findings += _unreadable(layout)
        rows: dict[str, int] = {}
        for name, origins in progress(tables.items(), "mapping", len(tables)):
            written, found = _write(con, TABLES[name], [by_name[one] for one in origins], out / f"{name}.parquet")
            findings += found
            if written:
                rows[name] = written
        if "accounts" not in rows and (alone := _accounts_alone(con, out, rows)):
            rows["accounts"] = alone
        unmatched = _unmatched(con, out, rows)
        identities = con.execute("SELECT * FROM main.id_map ORDER BY ALL").df()
    finally:
        con.close()
    findings += _told(unmatched)
    return Mapped(dict(sorted(rows.items())), unmatched, layout, identities, tuple(findings))


def _laid_out(con: duckdb.DuckDBPyConnection, source: Source, findings: list[Finding]) -> pd.DataFrame:
    source, later = dated(con, source)
    findings += later
    layout = lay_out(con, source)
    with _telling(source, "identities"):
        collect(con, source)
    return layout.assign(source=source.name)


def _listed(con: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Keep which accounts the hub lists."""
    statement = source.adapter.statements.get("accounts")
    if statement is not None:
        con.execute("SET search_path = ?", [f"{schema_of(source)},main"])
        with _telling(source, "accounts"):
            list_accounts(con, statement)


def _named_accounts(con: duckdb.DuckDBPyConnection, hub: str, sources: Sequence[Source]) -> None:
    """Where no source lists accounts, take those that the rows name for the hub's."""
    for source in sources:
        con.execute("SET search_path = ?", [f"{schema_of(source)},main"])
        for table, statement in source.adapter.statements.items():
            with _telling(source, table):
                if table in TABLES and "account_id" in _columns(con, f"({statement})"):
                    con.execute(
                        "INSERT INTO main.identities (source, kind, source_key) SELECT DISTINCT ?, 'account', "
                        f"account_id::VARCHAR FROM ({statement}) WHERE account_id IS NOT NULL",
                        [hub],
                    )


def _stated_accounts(con: duckdb.DuckDBPyConnection, hub: str, manual: pd.DataFrame) -> None:
    """Where nothing names an account either, take those that are stated by hand."""
    if not _count(con, "main.identities WHERE kind = 'account' AND source_key IS NOT NULL"):
        named = [(hub, account) for account in sorted(set(manual["account_id"]))]
        if named:
            con.executemany("INSERT INTO main.identities (source, kind, source_key) VALUES (?, 'account', ?)", named)


class _telling:  # noqa: N801 # reads as a clause
    """Tell of SQL that does not run, in which file."""

    def __init__(self, source: Source, table: str) -> None:
        self._where = f"{source.name}.sql, -- table: {table}"

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> None:
        import duckdb

        if isinstance(problem, duckdb.Error):
            found = " ".join(str(problem).split())[:300]
            raise UsageError(self._where, "SQL that runs", found, "correct it") from problem


def _write(
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
    there = set(_columns(con, f"({body})"))
    keyed = table.shape in ("state", "milestone")
    rows = _once(table, body, there, [one.name for one in sources]) if keyed else body
    large = not keyed and any(landed.table.bytes > SMALL for source in sources for landed in source.landed)
    with _telling(sources[0], table.name), _streaming(con, large):
        con.execute(
            f"COPY (SELECT * FROM ({rows}) {'' if large else _order(table, there)}) TO {literal(str(path))} "
            f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROW_GROUP})"
        )
    written = _count(con, f"read_parquet({literal(str(path))})")
    if not written:
        path.unlink()
        return 0, []
    with _streaming(con, large):
        noticed = [*_copies(con, table, sources), *_foreign(con, table, sources)]
    return written, [*noticed, *(_repeated(con, table, body, written) if keyed else [])]


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


def _copies(con: duckdb.DuckDBPyConnection, table: Table, sources: Sequence[Source]) -> Iterator[Finding]:
    """Tell of events that came twice, where the SQL of a source counts them."""
    for source in sources:
        view = f"{schema_of(source)}.{quoted('_' + table.name)}"
        if table.name in source.adapter.statements and COPIES in _columns(con, view):
            found = con.execute(f"SELECT sum({COPIES} - 1)::BIGINT FROM {view}").fetchone()
            if found and found[0]:
                yield Finding("HF044", source.name, found[0], f"{found[0]} events came twice, alike in everything")


def _foreign(con: duckdb.DuckDBPyConnection, table: Table, sources: Sequence[Source]) -> Iterator[Finding]:
    """Count words and numbers of your own lists that a column may not hold, in a large list among the first rows.

    What the SQL derives by itself is left out.
    """
    strict = [column for column in table.columns.values() if column.words or column.within is not None]
    for source in sources:
        view = f"{schema_of(source)}.{quoted('_' + table.name)}"
        read = {name for one in source.adapter.objects.values() for name in one.fields}
        own = set() if source.name in shipped() else read.intersection(_columns(con, view))
        for column in (one for one in strict if one.name in own):
            name = quoted(column.name)
            wrong = f"FROM (SELECT {name} FROM {view} LIMIT {_LOOKED_AT}) WHERE NOT ({_right(column, name)})"
            count, example = con.execute(f"SELECT count(*), min({name}::VARCHAR) {wrong}").fetchone() or (0, None)
            if count:
                message = f"{count} values of {column.name}, such as {example!r}, are none that it may hold"
                yield Finding("HF047", source.name, count, message)


def _right(column: Column, value: str) -> str:
    """Write the condition under which a column may hold a value."""
    if column.words:
        return f"{value} IN ({', '.join(map(literal, column.words))})"
    low, high = column.within or (0, 0)
    return f"{value} BETWEEN {low} AND {high}"


def _columns(con: duckdb.DuckDBPyConnection, relation: str) -> list[str]:
    return [row[0] for row in con.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()]


def _count(con: duckdb.DuckDBPyConnection, relation: str) -> int:
    found = con.execute(f"SELECT count(*) FROM {relation}").fetchone()
    return int(found[0]) if found else 0


def _repeated(con: duckdb.DuckDBPyConnection, table: Table, body: str, written: int) -> Iterator[Finding]:
    double = _count(con, f"({body})") - written
    if double:
        yield Finding("HF044", table.name, double, f"{double} rows say the same thing at the same time as another row")


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
    with _telling(source, table.name):
        con.execute(f"CREATE OR REPLACE VIEW {quoted('_' + table.name)} AS {statement}")
        view = f"{schema_of(source)}.{quoted('_' + table.name)}"
        columns = _columns(con, view)
    for name in columns:
        if name not in table.columns and name not in (*_HELP, COPIES):
            where = f"{source.name}.sql, -- table: {table.name}"
            raise UsageError(where, f"columns of {table.name}", repr(name), did_you_mean(name, table.columns))
    with _telling(source, table.name):
        place_mails(con, view, columns)
    passed = [name for name in columns if name not in ("source", "account_id", "person_id", COPIES, *_HELP)]
    values = [_typed(table.columns[name], source.name, table, several) for name in passed]
    return joined(view, columns, source.name, [f"{literal(source.name)} AS source", *values])


def _typed(column: Column, source: str, table: Table, several: bool) -> str:
    name = quoted(column.name)
    value = f"CAST(t.{name} AS {_TYPES[column.kind]})"
    if column.words or column.within is not None:
        value = f"CASE WHEN {_right(column, value)} THEN {value} END"
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


def _accounts_alone(con: duckdb.DuckDBPyConnection, out: Path, rows: Mapping[str, int]) -> int:
    """Take as accounts whatever account the rows name, where no source lists them."""
    if not rows:
        raise DataError(str(out), "rows of any canonical table", "none", "name files that holdfast can read as tables")
    listed = ", ".join(literal(str(out / f"{name}.parquet")) for name in rows if name != "churn") or "NULL"
    path = out / "accounts.parquet"
    matched = f"account_id NOT LIKE '{UNMATCHED}:%'"
    query = f"SELECT DISTINCT account_id FROM read_parquet([{listed}], union_by_name = true) WHERE {matched} ORDER BY 1"
    named = _count(con, f"({query})")
    if named:
        con.execute(f"COPY ({query}) TO {literal(str(path))} (FORMAT parquet, COMPRESSION zstd)")
    return named


def _unmatched(con: duckdb.DuckDBPyConnection, out: Path, rows: Mapping[str, int]) -> pd.DataFrame:
    parts = [
        f"SELECT {literal(name)} AS tab, account_id FROM read_parquet({literal(str(out / f'{name}.parquet'))}) "
        f"WHERE account_id >= '{UNMATCHED}:' AND account_id < '{UNMATCHED};'"  # the file's own statistics tell
        for name in rows
    ]
    query = f"""
    SELECT split_part(account_id, ':', 2) AS source,
      substr(account_id, length('{UNMATCHED}:') + length(split_part(account_id, ':', 2)) + 2) AS key,
      count(*) AS rows, string_agg(DISTINCT tab, ', ' ORDER BY tab) AS tables
    FROM ({" UNION ALL ".join(parts)}) GROUP BY 1, 2 ORDER BY rows DESC, source, key
    """
    return con.execute(query).df()


def _told(unmatched: pd.DataFrame) -> Iterator[Finding]:
    for source, keys in unmatched.groupby("source", sort=True):
        count, worst = (
            int(keys["rows"].sum()),
            ", ".join(f"{key or '(empty)'!r} ({n})" for key, n in zip(keys["key"][:3], keys["rows"][:3], strict=True)),
        )
        yield Finding(
            "HF043", str(source), count, f"{count} rows of {len(keys)} keys lead to no account, most of them {worst}"
        )


def _unreadable(layout: pd.DataFrame) -> Iterator[Finding]:
    columns = ["table", "column", "how", "unreadable"]
    for table, column, how, count in layout.loc[layout["unreadable"] > 0, columns].to_numpy():
        message = f"{count} values of {column} could not be read as what they should be ({how})"
        yield Finding("HF047", str(table), int(count), message)
