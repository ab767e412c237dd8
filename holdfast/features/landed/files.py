"""The landed tables of a company, in files and folders as it has them, each as a DuckDB relation."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from holdfast.errors import DataError
from holdfast.features.history.dialect import Dialect
from holdfast.features.landed.columnar import read_parquet, unwrapped
from holdfast.features.landed.delimited import read_delimited
from holdfast.features.landed.jsonlike import read_json
from holdfast.features.landed.naming import format_of, stem_of
from holdfast.features.landed.profile import profile
from holdfast.features.landed.quarantine import Quarantine
from holdfast.features.landed.raw import RawTable, connect, file_literal, literal, quoted
from holdfast.features.landed.sniffing import regular, sniff
from holdfast.features.landed.walking import Unit, units, unread, walk
from holdfast.features.landed.workbook import read_workbook
from holdfast.findings import Finding
from holdfast.progress import progress

__all__ = ["RawTable", "connect", "discover", "file_literal", "literal", "profile", "quoted"]

_log = logging.getLogger("holdfast.mapping")
_GENERIC = ("sheet", "tabelle", "table", "feuil", "hoja", "foglio", "data", "daten", "export")


def discover(places: Sequence[Path], scratch: Path) -> tuple[list[RawTable], list[Finding]]:
    """Find the landed tables in files and folders, and say what was left unread or put aside.

    A file that cannot be read costs nobody else anything: it is left unread and told. Rows that cannot be read lie
    under ``scratch/quarantine``.

    Parameters
    ----------
    scratch
        Where unpacked and repaired files go; the tables read from there, so keep it as long as them.

    Raises
    ------
    DataError
        When a place does not exist.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    scratch = scratch.resolve()
    files, findings = walk(places, scratch)
    tables: list[RawTable] = []
    with connect(scratch / "spill") as con:
        for unit in progress(units(files), "reading the files"):
            _log.debug("reading %s", unit.name)
            found, told = _read(con, unit, scratch)
            tables += found
            findings += told
    return tables, findings


def _read(con: duckdb.DuckDBPyConnection, unit: Unit, scratch: Path) -> tuple[list[RawTable], list[Finding]]:
    bad = Quarantine(scratch, unit.name)
    try:
        tables, findings = _READERS[unit.format](con, unit, scratch, bad)
    except DataError as refused:
        return [], [unread(_shown(unit), f"expected {refused.expected}, found {refused.found}")]
    except (duckdb.Error, OSError, ValueError, EOFError) as problem:
        return [], [unread(_shown(unit), str(problem).splitlines()[0])]
    if bad.count:
        message = f"{bad.count} rows could not be read; they lie in {bad.path}"
        findings.append(Finding("HF041", unit.name, bad.count, message))
    return tables, findings


def _shown(unit: Unit) -> str:
    return str(unit.paths[0] if len(unit.paths) == 1 else unit.paths[0].parent)


def _table(con: duckdb.DuckDBPyConnection, unit: Unit, scan: str, bad: Quarantine, dialect: Dialect) -> RawTable:
    scan, types = unwrapped(con, scan, unit.paths[0], bad)
    size = sum(path.stat().st_size for path in unit.paths)
    return RawTable(
        unit.name, unit.folder, unit.stem, unit.paths, unit.format, tuple(types), types, scan, dialect, bad.count, size
    )


Answer = tuple[list[RawTable], list[Finding]]


def _csv(con: duckdb.DuckDBPyConnection, unit: Unit, scratch: Path, bad: Quarantine) -> Answer:
    first = unit.paths[0]
    if ".txt" in first.name.lower() and not regular(sniff(first)):
        raise DataError(str(first), "columns", "running text", "name it .csv if it is a table of one column")
    scan, dialect, repeated = read_delimited(con, unit.paths, scratch, bad)
    findings = [Finding("HF003", unit.name, 1, _written(dialect))] if not dialect.plain else []
    findings += [
        Finding("HF003", unit.name, 1, f"the header repeats a name; the later column is read as {name!r}")
        for name in repeated
    ]
    return [_table(con, unit, scan, bad, dialect)], findings


def _json(con: duckdb.DuckDBPyConnection, unit: Unit, scratch: Path, bad: Quarantine) -> Answer:
    tables = []
    for key, (scan, _) in read_json(con, unit.paths, scratch, bad).items():
        own = replace(unit, name=f"{unit.name}#{key}", stem=stem_of(key)) if key else unit
        tables.append(_table(con, own, scan, bad, Dialect()))
    return tables, []


def _parquet(con: duckdb.DuckDBPyConnection, unit: Unit, _: Path, bad: Quarantine) -> Answer:
    return [_table(con, unit, read_parquet(con, unit.paths), bad, Dialect())], []


def _xlsx(con: duckdb.DuckDBPyConnection, unit: Unit, scratch: Path, bad: Quarantine) -> Answer:
    tables, findings = [], []
    for sheet in read_workbook(unit.paths[0], scratch):
        name = f"{unit.name}#{sheet.name}"
        if not sheet.header:
            findings.append(unread(name, sheet.note))
            continue
        if sheet.note:
            findings.append(Finding("HF003", name, 1, sheet.note))
        generic = stem_of(sheet.name).rstrip("0123456789 ") in _GENERIC
        stem = stem_of(format_of(unit.paths[0].name)[0] if generic else sheet.name)
        dialect = Dialect(doubts=(sheet.note,)) if sheet.note else Dialect()
        own = replace(unit, name=name, stem=stem)
        tables.append(_table(con, own, f"read_parquet({file_literal(sheet.path)})", bad, dialect))
    return tables, findings


_READERS = {"csv": _csv, "json": _json, "parquet": _parquet, "xlsx": _xlsx}


def _written(dialect: Dialect) -> str:
    """Say how a file is written; decimals and dates are told column by column."""
    return f"delimiter {dialect.delimiter!r}, encoding {dialect.encoding}"
