"""The canonical rows that an adapter makes of landed files, for tests that state them by hand."""

# ruff: noqa: S608  (the adapters' own SQL)

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from holdfast.features.history.tables import BASES, TABLES
from holdfast.features.landed.files import discover
from holdfast.features.mapping.adapter import IDENTITIES, shipped
from holdfast.features.mapping.objects import Landed, Source, lay_out
from holdfast.features.mapping.recognise import recognise
from holdfast.features.mapping.workbench import workbench

Row = dict[str, Any]


def write(folder: Path, files: Mapping[str, str | list[Row]]) -> Path:
    """Write files: a text as it stands, a list as JSON."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return folder


def landed(place: Path, scratch: Path, vendor: str, exported_at: str | None = None) -> Source:
    """Find the tables of a vendor in a folder, by their names and columns alone."""
    tables, _ = discover([place], scratch)
    found = [one for one in recognise(tables, {vendor: shipped()[vendor]}) if one.vendor == vendor]
    at = pd.Timestamp(exported_at, tz="UTC") if exported_at else None
    return Source(vendor, shipped()[vendor], tuple(Landed(one.object, one.table) for one in found), at)


def mapped(source: Source, scratch: Path) -> dict[str, list[Row]]:
    """Run every SELECT of an adapter; times are shown as short texts, and what is empty is left out."""
    scratch.mkdir(parents=True, exist_ok=True)
    con = workbench(scratch)
    try:
        lay_out(con, source)
        return {name: _rows(con, name, sql) for name, sql in source.adapter.statements.items()}
    finally:
        con.close()


def of(
    folder: Path, vendor: str, files: Mapping[str, str | list[Row]], exported_at: str | None = None
) -> dict[str, list[Row]]:
    """Write files and give the canonical rows that they make."""
    place = write(folder / vendor, files)
    return mapped(landed(place, folder / "scratch", vendor, exported_at), folder / "work")


def _rows(con: duckdb.DuckDBPyConnection, name: str, sql: str) -> list[Row]:
    found = con.execute(f"SELECT * FROM ({sql}) ORDER BY ALL")
    columns = [one[0] for one in found.description or []]
    cells = (zip(columns, row, strict=True) for row in found.fetchall())
    rows = [{key: _shown(value) for key, value in row if value is not None} for row in cells]
    if name != IDENTITIES:
        assert set(columns) <= {*TABLES[name].columns, "_email", "_domain"}, name
        _unique(name, columns, rows)
    return rows


def _unique(name: str, columns: list[str], rows: list[Row]) -> None:
    """Hold that a version is told once, in the words that may stand, and that a row says what it must say."""
    table = TABLES[name]
    for column in (one for one in table.columns.values() if one.words):
        assert {row[column.name] for row in rows if column.name in row} <= set(column.words), column.name
    keys = [tuple(row.get(key) for key in (*table.key, "known_at") if key in columns) for row in rows]
    assert len(set(keys)) == len(keys), f"{name}: one version twice"
    if table.shape != "event":
        assert len({row["source_id"] for row in rows}) == len(rows), f"{name}: one source_id twice"
    assert all("known_at" in row and row["known_basis"] in BASES for row in rows)


def _shown(value: Any) -> Any:
    if hasattr(value, "astimezone"):
        stamp = pd.Timestamp(value).tz_convert("UTC")
        return f"{stamp:%Y-%m-%d}" if stamp == stamp.normalize() else f"{stamp:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, float):
        return round(value, 4)
    return value
