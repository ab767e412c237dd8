"""A small company in files, mapped through the command, for tests that look at what comes out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from holdfast.serving.command import run
from tests.mapped_rows import Row, write

ACCOUNTS = "account_id,name,website\nA,Acme GmbH,https://www.acme.example/\nB,Bolt AG,bolt.example\n"
USAGE = "account_id,user,occurred_at,event\nA,u1,2026-01-05,login\nB,u2,2026-01-06 10:00,report_viewed\n"
WORLD: Mapping[str, str | list[Row]] = {"accounts.csv": ACCOUNTS, "usage.csv": USAGE}


def mapped(folder: Path, files: Mapping[str, str | list[Row]] = WORLD, *options: str, code: int = 0) -> Path:
    """Write files below ``folder/in``, map them, and give the workspace."""
    write(folder / "in", files)
    again(folder, *options, code=code)
    return folder / "work"


def again(folder: Path, *options: str, code: int = 0) -> None:
    """Map what lies there."""
    assert run(["map", str(folder / "in"), "--out", str(folder / "work"), "--yes", *options]) == code


def table(work: Path, name: str, *columns: str) -> list[Any]:
    """Give some columns of a canonical table, in the order of the file; one column alone without tuples."""
    path = work / "history" / f"{name}.parquet"
    if not path.exists():
        return []
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        listed = ", ".join(f'"{column}"' for column in columns) or "*"
        rows = con.execute(f"SELECT {listed} FROM read_parquet(?)", [str(path)]).fetchall()  # noqa: S608
    return [row[0] for row in rows] if len(columns) == 1 else rows


def bytes_of(work: Path) -> dict[str, bytes]:
    """Give what a mapping left, by name; the lock is nobody's result."""
    return {
        str(path.relative_to(work)): path.read_bytes()
        for path in sorted(work.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def findings(work: Path) -> dict[str, list[str]]:
    """Give by code the places of what was noticed."""
    told: dict[str, list[str]] = {}
    for one in json.loads((work / "history" / "mapped.json").read_bytes())["findings"]:
        told.setdefault(one["code"], []).append(one["where"])
    return told
