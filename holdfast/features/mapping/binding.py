"""Binding: the landed tables that lie there, to what the mapping file reads; a change of the schema is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from holdfast.errors import DataError, UsageError, did_you_mean
from holdfast.features.capture import ChangeLog
from holdfast.features.landed.files import RawTable
from holdfast.features.landed.naming import stem_of
from holdfast.features.mapping.adapter import Adapter
from holdfast.features.mapping.mapfile import MapFile, Reading, read_adapter
from holdfast.features.mapping.objects import Landed, Source
from holdfast.features.mapping.sheet_tables import sheet_as_table
from holdfast.findings import Finding

CAPTURED, MANUAL = "captured", ("id_map", "manual")


@dataclass(frozen=True)
class Bound:
    """The sources with the tables that lie there, and what was noticed."""

    sources: tuple[Source, ...]
    findings: tuple[Finding, ...]


def bind(mapping: MapFile, home: Path, tables: Sequence[RawTable], scratch: Path, *, captured: bool = True) -> Bound:
    """Give each source its landed tables, with the versions that were captured of them.

    Parameters
    ----------
    captured
        Whether to read what was captured of a table in place of what lies there today.

    Raises
    ------
    DataError
        When a table or a column that the mapping reads is gone, with what lies there instead.
    """
    log = ChangeLog(home / CAPTURED)
    kept = set(log.tables()) if captured else set()
    adapters = {entry.name: read_adapter(home, entry) for entry in mapping.entries}
    findings: list[Finding] = [*unread(mapping, tables)]
    sources = []
    for entry in mapping.entries:
        landed = []
        for reading in entry.readings:
            _declared(reading, adapters[entry.name])
            for table in _once(_tables(reading, tables, f"the source {entry.name}"), kept):
                read, noticed = _read(reading, table, log if log_name(table) in kept else None, scratch)
                landed.append(Landed(reading.object, read, reading.columns))
                findings += noticed
        sources.append(Source(entry.name, adapters[entry.name], tuple(landed), entry.exported_at, entry.zone))
    return Bound(tuple(sources), tuple(findings))


def _declared(reading: Reading, adapter: Adapter) -> None:
    """Hold that the SQL of a source knows the object and the columns that a reading states."""
    where = f"the table {reading.table}, object"
    if reading.object not in adapter.objects:
        do = did_you_mean(reading.object, adapter.objects)
        raise UsageError(where, f"an object of {adapter.vendor}.sql", repr(reading.object), do)
    fields = adapter.objects[reading.object].fields
    for name in reading.columns:
        if name not in fields:
            do = did_you_mean(name, fields)
            raise UsageError(f"{where} {reading.object}, columns", "a declared column", repr(name), do)


def log_name(table: RawTable) -> str:
    """Give the name under which a table is captured: its own, without the date of an export."""
    return "/".join(filter(None, _family(table.name)))


def _once(tables: Sequence[RawTable], kept: set[str]) -> list[RawTable]:
    """Take the last export of a table that is captured, all of any other."""
    return list(tables[-1:] if tables and log_name(tables[-1]) in kept else tables)


def _read(reading: Reading, table: RawTable, log: ChangeLog | None, scratch: Path) -> tuple[RawTable, list[Finding]]:
    if reading.sheet is not None:
        read, _, findings = sheet_as_table(table, reading.sheet, scratch)
        return read, findings
    return (table if log is None else _versions(table, log)), []


def unread(mapping: MapFile, tables: Sequence[RawTable]) -> Iterator[Finding]:
    """Tell of tables that lie there and that the mapping does not name."""
    named = {reading.table for entry in mapping.entries for reading in entry.readings} | set(mapping.left)
    there = {table.name for table in tables}
    followed = {_family(name) for name in named if name not in there}
    for table in tables:
        if table.name not in named and _family(table.name) not in followed and table.stem not in MANUAL:
            yield Finding("HF040", table.name, 1, "no entry of the mapping names this table")


def _tables(reading: Reading, tables: Sequence[RawTable], where: str) -> list[RawTable]:
    """Find a table by its name, or all of its family: the exports of other days have the same name but for the date."""
    found = [table for table in tables if table.name == reading.table]
    found = found or [table for table in tables if _family(table.name) == _family(reading.table)]
    if not found:
        do = f"export it again, or run `holdfast map` anew; {did_you_mean(reading.table, [one.name for one in tables])}"
        raise DataError(where, f"the table {reading.table}", "none of that name", do)
    for table in found:
        _same_columns(reading, table)
    return found


def _family(name: str) -> tuple[str, str]:
    """Give the folder of a table and its name without a date."""
    folder, _, last = name.rpartition("/")
    return folder.lower(), stem_of(last)


def _same_columns(reading: Reading, table: RawTable) -> None:
    wanted = dict.fromkeys([*reading.reads, *reading.columns.values()])
    gone = [column for column in wanted if column not in table.columns]
    if not gone:
        return
    fresh = [column for column in table.columns if column not in reading.reads]
    hints = "; ".join(f"for {column!r} {did_you_mean(column, fresh or table.columns)}" for column in gone[:5])
    expected = f"the columns {', '.join(map(repr, gone))}"
    raise DataError(
        table.name, expected, "a table without them", f"rename it back, or run `holdfast map` anew: {hints}"
    )


def _versions(table: RawTable, log: ChangeLog) -> RawTable:
    """Read the captured versions in place of today's state."""
    columns: Mapping[str, str] = {**table.types, "_from": "TIMESTAMP WITH TIME ZONE", "_deleted": "BOOLEAN"}
    return replace(table, scan=log.scan(log_name(table)), columns=tuple(columns), types=dict(columns))
