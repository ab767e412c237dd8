"""What is noticed while sources are mapped: what came twice, what a column may not hold, what leads to no account."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from holdfast.features.history.lookalikes import ALIKE, alike
from holdfast.features.history.tables import Column, Table
from holdfast.features.landed.files import literal, quoted
from holdfast.features.mapping.adapter import shipped
from holdfast.features.mapping.identity import UNMATCHED
from holdfast.features.mapping.objects import Source, schema_of
from holdfast.features.mapping.workbench import columns_of, count_of
from holdfast.findings import Finding

if TYPE_CHECKING:
    import duckdb

COPIES = "_copies"  # how often an event came, alike in everything; such events are one
_LOOKED_AT = 200_000


def copies(con: duckdb.DuckDBPyConnection, table: Table, sources: Sequence[Source]) -> Iterator[Finding]:
    """Tell of events that came twice, where the SQL of a source counts them."""
    for source in sources:
        view = f"{schema_of(source)}.{quoted('_' + table.name)}"
        if table.name in source.adapter.statements and COPIES in columns_of(con, view):
            found = con.execute(f"SELECT sum({COPIES} - 1)::BIGINT FROM {view}").fetchone()
            if found and found[0]:
                yield Finding("HF044", source.name, found[0], f"{found[0]} events came twice, alike in everything")


def foreign(con: duckdb.DuckDBPyConnection, table: Table, sources: Sequence[Source]) -> Iterator[Finding]:
    """Count words and numbers of your own lists that a column may not hold, in a large list among the first rows.

    What the SQL derives by itself is left out.
    """
    strict = [column for column in table.columns.values() if column.words or column.within is not None]
    for source in sources:
        view = f"{schema_of(source)}.{quoted('_' + table.name)}"
        read = {name for one in source.adapter.objects.values() for name in one.fields}
        own = set() if source.name in shipped() else read.intersection(columns_of(con, view))
        for column in (one for one in strict if one.name in own):
            name = quoted(column.name)
            wrong = f"FROM (SELECT {name} FROM {view} LIMIT {_LOOKED_AT}) WHERE NOT ({may_hold(column, name)})"
            count, example = con.execute(f"SELECT count(*), min({name}::VARCHAR) {wrong}").fetchone() or (0, None)
            if count:
                message = f"{count} values of {column.name}, such as {example!r}, are none that it may hold"
                yield Finding("HF047", source.name, count, message)


def may_hold(column: Column, value: str) -> str:
    """Write the condition under which a column may hold a value."""
    if column.words:
        return f"{value} IN ({', '.join(map(literal, column.words))})"
    low, high = column.within or (0, 0)
    return f"{value} BETWEEN {low} AND {high}"


def repeated(con: duckdb.DuckDBPyConnection, table: Table, body: str, written: int) -> Iterator[Finding]:
    """Tell of rows of a state or milestone that say the same as another one."""
    double = count_of(con, f"({body})") - written
    if double:
        yield Finding("HF044", table.name, double, f"{double} rows say the same thing at the same time as another row")


def unmatched_in(con: duckdb.DuckDBPyConnection, out: Path, rows: Mapping[str, int]) -> pd.DataFrame:
    """Count in the written tables the keys that lead to no account: ``source, key, rows, tables``, the worst first."""
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


def unmatched_keys(unmatched: pd.DataFrame, accounts: Iterable[str]) -> Iterator[Finding]:
    """Tell of each source how many of its rows lead to no account, for which keys, and why where that shows."""
    for source, keys in unmatched.groupby("source", sort=True):
        count, names = int(keys["rows"].sum()), keys["key"].tolist()
        worst = ", ".join(f"{key or '(empty)'!r} ({n})" for key, n in zip(names[:3], keys["rows"][:3], strict=True))
        why = alike(names, len(names), accounts)
        told = f"{count} rows of {len(keys)} keys lead to no account, most of them {worst}{why and f'; {why}'}"
        yield Finding("HF043", str(source), count, told, ALIKE if why else "")


def unreadable(layout: pd.DataFrame) -> Iterator[Finding]:
    """Tell of columns with values that cannot be read as what they should be."""
    columns = ["table", "column", "how", "unreadable"]
    for table, column, how, count in layout.loc[layout["unreadable"] > 0, columns].to_numpy():
        message = f"{count} values of {column} could not be read as what they should be ({how})"
        yield Finding("HF047", str(table), int(count), message)
