"""A landed table as a DuckDB relation, and the few things that every SQL text about one needs."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from holdfast.features.history.dialect import Dialect


@dataclass(frozen=True)
class RawTable:
    """One landed table: where it lies, what it is called, and the SQL that reads it.

    Attributes
    ----------
    name
        Unique, for people: ``stripe/customers``, ``Kunden.xlsx#Kündigungen``.
    folder
        The folders above in lower case; for a table that lies at the top of the place given, the name of the place.
    stem
        Its last name in lower case, without ending and without a date or number at its end.
    paths
        One file, or the parts that are one table.
    format
        ``csv``, ``json``, ``parquet`` or ``xlsx``.
    columns
        Their names as delivered, without blanks and quotes around them.
    types
        The DuckDB type of each column; text formats give VARCHAR.
    scan
        What can stand after FROM.
    quarantined
        Rows put aside because they could not be read.
    bytes
        The size of the files.
    """

    name: str
    folder: str
    stem: str
    paths: tuple[Path, ...]
    format: str
    columns: tuple[str, ...]
    types: Mapping[str, str]
    scan: str
    dialect: Dialect
    quarantined: int
    bytes: int


def connect(temporary: Path | None = None) -> duckdb.DuckDBPyConnection:
    """Open a database in memory that is frugal, in UTC, and loads nothing from outside.

    Parameters
    ----------
    temporary
        Where it may put what does not fit into memory; a folder of its own under the system's by default.

    Examples
    --------
    >>> connect().execute("SELECT current_setting('TimeZone')").fetchone()
    ('UTC',)
    """
    spill = temporary or Path(tempfile.gettempdir()) / f"holdfast-{uuid.uuid4()}"
    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": 2,
        "memory_limit": "1GB",
        "temp_directory": str(spill),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
        "python_enable_replacements": False,
    }
    con = duckdb.connect(":memory:", config=settings)
    con.execute("SET TimeZone = 'UTC'")
    if con.execute("SELECT current_setting('enable_progress_bar')").fetchall() == [(True,)]:
        con.execute("SET enable_progress_bar = false")  # refused in a notebook without ipywidgets, where it is off
    return con


def quoted(name: str) -> str:
    """Write a name as an SQL identifier.

    Examples
    --------
    >>> print(quoted('the "end" of it'))
    "the ""end"" of it"
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Write a text as an SQL string.

    Examples
    --------
    >>> print(literal("it's"))
    'it''s'
    """
    return "'" + text.replace("'", "''") + "'"


def file_literal(path: Path) -> str:
    """Write a path as an SQL string that names this file alone, whatever its name holds.

    Examples
    --------
    >>> print(file_literal(Path("a[1]*.csv")))
    'a[[]1][*].csv'
    """
    return literal("".join(f"[{one}]" if one in "*?[" else one for one in str(path)))


def files_literal(paths: tuple[Path, ...]) -> str:
    """Write paths as an SQL list."""
    return "[" + ", ".join(map(file_literal, paths)) + "]"
