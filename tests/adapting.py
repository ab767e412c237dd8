"""Landed files through one adapter to canonical rows, as tests write them by hand."""

# ruff: noqa: S608  (the adapters' own SQL)

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from holdfast.features.history.tables import TABLES
from holdfast.features.landed.files import discover
from holdfast.features.mapping.adapter import IDENTITIES, shipped
from holdfast.features.mapping.objects import Landed, Source, lay_out
from holdfast.features.mapping.recognise import recognise
from holdfast.features.mapping.workbench import workbench

Rows = list[dict[str, Any]]
_LANDED = Path(os.environ.get("HOLDFAST_LANDED", Path(__file__).parents[2] / "shared" / "landed"))


def canonical(
    vendor: str, files: Mapping[str, object] | Path, scratch: Path, exported: str | None = None
) -> dict[str, Rows]:
    """Give by table the rows that a vendor's adapter makes of files, without what is missing, in order.

    Parameters
    ----------
    files
        By name the text of a file, or what is written as JSON; or a folder.
    exported
        When the files were exported.
    """
    adapter = shipped()[vendor]
    folder = files if isinstance(files, Path) else _written(files, scratch / vendor)
    tables, findings = discover([folder], scratch / "scratch")
    assert not [one for one in findings if one.code in ("HF040", "HF041", "HF042")], findings
    matches = recognise(tables, {vendor: adapter})
    landed = tuple(Landed(one.object, one.table) for one in matches if one.sure)
    source = Source(vendor, adapter, landed, pd.Timestamp(exported) if exported else None)
    with workbench(scratch) as con:
        layout = lay_out(con, source)
        unread = layout[layout["unreadable"] > 0]
        assert unread.empty, unread
        made = {}
        for name, statement in adapter.statements.items():
            answer = con.execute(f"SELECT * FROM ({statement}) ORDER BY ALL")
            columns = [one[0] for one in answer.description or []]
            made[name] = [_plain(dict(zip(columns, row, strict=True))) for row in answer.fetchall()]
    for name, rows in made.items():
        if name != IDENTITIES:
            _lawful(name, rows)
    return made


def _written(files: Mapping[str, object], folder: Path) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content.strip() + "\n" if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return folder


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    there = {name: value for name, value in row.items() if value is not None and value is not False}
    return {name: _instant(value) if hasattr(value, "isoformat") else value for name, value in there.items()}


def _instant(value: Any) -> str:
    text: str = value.isoformat().removesuffix("+00:00").removesuffix(":00")
    return text.replace("T", " ")


def _lawful(name: str, rows: Rows) -> None:
    """Hold the rows against the contract: a name and a clock each, one row per version, only words that may stand."""
    table = TABLES[name]
    for row in rows:
        assert {"source_id", "known_at", "known_basis"} <= set(row), row
        assert table.shape in ("state", "milestone") or row[table.time] <= row["known_at"], row
        for column in table.columns.values():
            assert not column.words or row.get(column.name) in (None, *column.words), row
    for key in (("source_id",) if table.shape == "event" else (*table.key, "account_id"), ("source_id",)):
        versions = [tuple(row.get(column) for column in (*key, "known_at")) for row in rows]
        assert len(versions) == len(set(versions)), (name, key)


def landed(vendor: str) -> Path:
    """Give the folder of real-schema samples, or skip."""
    folder = _LANDED / vendor
    if not folder.is_dir():
        pytest.skip(f"no sample files at {folder}; HOLDFAST_LANDED names their folder")
    return folder


def where(rows: Rows, **wanted: object) -> Rows:
    """Choose the rows that have the given values."""
    return [row for row in rows if all(row.get(name) == value for name, value in wanted.items())]


def only(rows: Rows, *names: str) -> list[tuple[Any, ...]]:
    """Choose columns."""
    return [tuple(row.get(name) for name in names) for row in rows]
