"""The workbench: a connection on which SQL of sources runs, with the macros it uses, and what is asked of relations."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.errors import UsageError
from holdfast.features.landed.files import connect, literal
from holdfast.features.mapping.objects import Source

if TYPE_CHECKING:
    import duckdb


def workbench(scratch: Path) -> duckdb.DuckDBPyConnection:
    """Open a connection whose tables lie on the disk, with the macros that adapters use."""
    scratch.mkdir(parents=True, exist_ok=True)
    con = connect(scratch / "spill")
    con.execute(f"ATTACH {literal(str(scratch / 'objects.duckdb'))} AS work")
    con.execute("USE work.main")
    con.execute((files("holdfast.features.mapping") / "macros.sql").read_text(encoding="utf-8"))
    return con


def columns_of(con: duckdb.DuckDBPyConnection, relation: str) -> list[str]:
    """Name the columns of a table, a view or a query in brackets."""
    return [row[0] for row in con.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()]


def count_of(con: duckdb.DuckDBPyConnection, relation: str) -> int:
    """Count the rows of a table, a view or a query in brackets."""
    found = con.execute(f"SELECT count(*) FROM {relation}").fetchone()
    return int(found[0]) if found else 0


class telling:  # noqa: N801 # reads as a clause
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
