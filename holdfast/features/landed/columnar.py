"""Parquet with its own types, nested columns as JSON text; and the one JSON column in which Airbyte lands raw rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import duckdb

from holdfast.errors import DataError
from holdfast.features.landed.naming import distinct
from holdfast.features.landed.quarantine import Bad, Quarantine
from holdfast.features.landed.raw import files_literal, literal, quoted

AIRBYTE = "_airbyte_data"
_KEPT = ("_airbyte_extracted_at", "_airbyte_emitted_at")
_NESTED = re.compile(r"^(STRUCT|MAP|UNION|VARIANT)\b|\]$")


def read_parquet(con: duckdb.DuckDBPyConnection, paths: Sequence[Path]) -> str:
    """Write the SQL that reads Parquet files as one table, once DuckDB has read them all.

    Raises
    ------
    DataError
        When one is damaged, or none has rows.
    """
    for path in paths:
        with path.open("rb") as handle:
            if handle.read(4) != b"PAR1":
                found = "a file that does not begin like one"
                raise DataError(str(path), "a Parquet file", found, "export it anew")
    scan = f"read_parquet({files_literal(tuple(paths))}, union_by_name = true, hive_partitioning = false)"
    try:
        types = described(con, scan)
        hashed = ", ".join(map(quoted, types))
        rows, _ = con.execute(f"SELECT count(*), max(hash({hashed})) FROM {scan}").fetchone() or (0, 0)
    except duckdb.Error as problem:
        found = str(problem).splitlines()[0]
        raise DataError(str(paths[0]), "a Parquet file that is whole", found, "export it anew") from None
    if not rows:
        raise DataError(str(paths[0]), "rows", "none", "export it anew if it should have some")
    return _flat(scan, types)


def described(con: duckdb.DuckDBPyConnection, scan: str) -> dict[str, str]:
    """Give the columns of a relation and their DuckDB types."""
    return {row[0]: row[1] for row in con.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()}


def _flat(scan: str, types: dict[str, str]) -> str:
    """Give nested columns as JSON text, and names without blanks and quotes around them."""
    names = distinct(types)
    nested = {name for name, kind in types.items() if _NESTED.search(kind)}
    if not nested and names == list(types):
        return scan
    cells = ", ".join(
        f"{f'to_json({quoted(raw)})::VARCHAR' if raw in nested else quoted(raw)} AS {quoted(name)}"
        for raw, name in zip(types, names, strict=True)
    )
    return f"(SELECT {cells} FROM {scan})"


def unwrapped(con: duckdb.DuckDBPyConnection, scan: str, path: Path, bad: Quarantine) -> tuple[str, dict[str, str]]:
    """Give the keys of ``_airbyte_data`` as columns when a relation has it; of the others only the times of loading.

    Returns
    -------
    tuple
        The SQL of the relation, and the types of its columns.
    """
    types = described(con, scan)
    if AIRBYTE not in types:
        return scan, types
    data = f"TRY_CAST({quoted(AIRBYTE)} AS JSON)"
    right = f"json_type({data}) = 'OBJECT'"
    lists = con.execute(f"SELECT DISTINCT json_keys({data}) FROM {scan} WHERE {right} ORDER BY 1").fetchall()
    keys = list(dict.fromkeys(key for (found,) in lists for key in found))
    if not keys:
        return scan, types
    cells = f"row_number() OVER () AS n, {quoted(AIRBYTE)}::VARCHAR AS d, {right} AS r"
    wrong = f"SELECT n, d FROM (SELECT {cells} FROM {scan}) WHERE r IS NOT true ORDER BY n"
    for place, text in con.execute(wrong).fetchall():
        bad.add(path, Bad(place, f"{AIRBYTE} is no JSON object", text or ""))
    kept = [name for name in _KEPT if name in types]
    columns = distinct([*kept, *keys])
    steps = ", ".join(literal(f'$."{_escaped(key)}"') for key in keys)
    values = [f"v[{place}] AS {quoted(name)}" for place, name in enumerate(columns[len(kept) :], start=1)]
    inner = ", ".join([*map(quoted, kept), f"json_extract_string({data}, [{steps}]) AS v"])
    listed = ", ".join([*values, *map(quoted, kept)])
    scan = f"(SELECT {listed} FROM (SELECT {inner} FROM {scan} WHERE {right}))"
    return scan, {name: types.get(name, "VARCHAR") for name in (*columns[len(kept) :], *kept)}


def _escaped(key: str) -> str:
    return key.replace("\\", "\\\\").replace('"', '\\"')
