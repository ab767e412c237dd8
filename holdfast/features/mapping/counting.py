"""Counting what a mapping made: things, of which a table may hold several versions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.features.history.tables import SOURCE_ID, TABLES, Table
from holdfast.features.landed.files import connect, literal, quoted

if TYPE_CHECKING:
    import duckdb


def things(folder: Path, rows: Mapping[str, int]) -> dict[str, int]:
    """Count the accounts, deals and the like of canonical tables, each once however many versions are told of it.

    Parameters
    ----------
    folder
        Where the tables lie, one Parquet file each.
    rows
        By table, the rows that were written; events have no versions and are counted by them.
    """
    with connect() as con:
        return {name: _things(con, TABLES[name], folder / f"{name}.parquet", count) for name, count in rows.items()}


def _things(con: duckdb.DuckDBPyConnection, table: Table, path: Path, rows: int) -> int:
    if table.shape == "event" or not path.exists():
        return rows
    scan = f"read_parquet({literal(str(path))})"
    there = {row[0] for row in con.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()}
    names = table.entity if table.entity[-1] == SOURCE_ID else table.entity[:1]
    if not set(names) <= there:
        return rows
    listed = ", ".join(map(quoted, names))
    unnamed = " OR ".join(f"{quoted(name)} IS NULL" for name in names)
    query = f"SELECT count(DISTINCT ({listed})) FILTER (NOT ({unnamed})) + count(*) FILTER ({unnamed}) FROM {scan}"
    found = con.execute(query).fetchone()
    return int(found[0]) if found else rows
