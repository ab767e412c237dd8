"""The mapping file: which landed table is what, from which source each canonical table comes, and on what ground.

``mapping.toml`` is written by ``holdfast map`` and edited by hand; the SQL of each source lies beside it. Nothing in it
was chosen silently: every choice stands there with its ground.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd

from holdfast.errors import UsageError, did_you_mean
from holdfast.features.history.ingest import MAPPING
from holdfast.features.history.tables import TABLES
from holdfast.features.mapping.adapter import Adapter, parse

VERSION = 1
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Reading:
    """A landed table, taken as an object of its source.

    Attributes
    ----------
    columns
        By declared column the landed one, where the names do not tell.
    reads
        The landed columns that are read: one of them missing is a change of the schema.
    sheet
        Which sheet of the templates for customer success it is, if it is one.
    """

    table: str
    object: str
    ground: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    reads: tuple[str, ...] = ()
    sheet: str | None = None


@dataclass(frozen=True)
class Entry:
    """A source: its tables, its SQL, and what is stated of its clock.

    Attributes
    ----------
    sql
        Its adapter's file, relative to the mapping file.
    exported_at
        When tables that carry no time of loading were exported; until then nobody can have known their overwritten
        columns.
    zone
        Time zone of times without one.
    """

    name: str
    sql: str
    readings: tuple[Reading, ...]
    exported_at: pd.Timestamp | None = None
    zone: str = "UTC"
    grounds: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MapFile:
    """The whole of it.

    Attributes
    ----------
    places
        Folders and files, or a database as a folder that was fetched, relative to the mapping file.
    database
        The SQL URL, without a password, from which one of the places is fetched.
    accounts
        The source that says what an account is; empty where none lists them.
    tables
        By canonical table the sources it comes from.
    left
        Landed tables that are not read, with why.
    """

    places: tuple[str, ...]
    accounts: str
    tables: Mapping[str, tuple[str, ...]]
    entries: tuple[Entry, ...]
    database: str | None = None
    left: Mapping[str, str] = field(default_factory=dict)
    grounds: Mapping[str, str] = field(default_factory=dict)


def mapping_path(path: Path) -> Path:
    """Give the mapping file that a path means."""
    return path if path.name == MAPPING else path / MAPPING


def read_adapter(home: Path, entry: Entry) -> Adapter:
    """Read the SQL of a source.

    Raises
    ------
    UsageError
        When it is missing or is no adapter.
    """
    path = home / entry.sql
    try:
        return parse(path.read_text(encoding="utf-8"), entry.name)
    except (OSError, UnicodeDecodeError) as problem:
        do = "put it back, or run `holdfast map` again"
        raise UsageError(str(path), f"the SQL of the source {entry.name}", str(problem), do) from None


def read_mapping(path: Path) -> MapFile:
    """Read and validate a mapping file.

    Raises
    ------
    UsageError
        When it is missing, is no TOML, or has an unknown or wrong key.
    """
    where = str(path)
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(where, "a mapping file", "no such file", "`holdfast map FILES --out DIR` writes one") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise UsageError(where, "a TOML file", str(problem), "correct that line") from None
    _known(said, ("version", "places", "database", "accounts", "tables", "sources", "left"), where)
    if said.get("version") != VERSION:
        do = "run `holdfast map` again" if "version" in said else f"add version = {VERSION}"
        raise UsageError(f"{where}, key version", str(VERSION), repr(said.get("version")), do)
    sources = _typed(said, "sources", dict, where)
    entries = tuple(_entry(name, one, f"{where}, [sources.{name}]") for name, one in sources.items())
    mapping = MapFile(
        tuple(_texts(said, "places", where)),
        _typed(said, "accounts", str, where),
        {name: tuple(_texts(said["tables"], name, where)) for name in _typed(said, "tables", dict, where)},
        entries,
        _typed(said, "database", str, where) if "database" in said else None,
        _pairs(said, "left", where),
    )
    _consistent(mapping, where)
    return mapping


def _consistent(mapping: MapFile, where: str) -> None:
    names = [entry.name for entry in mapping.entries]
    for table, sources in mapping.tables.items():
        if table not in TABLES:
            raise UsageError(f"{where}, [tables]", "a canonical table", repr(table), did_you_mean(table, TABLES))
        for name in sources:
            if name not in names:
                raise UsageError(f"{where}, key tables.{table}", "a source", repr(name), did_you_mean(name, names))
    if mapping.accounts and mapping.accounts not in names:
        do = did_you_mean(mapping.accounts, names)
        raise UsageError(f"{where}, key accounts", "a source", repr(mapping.accounts), do)


def _entry(name: str, said: Any, where: str) -> Entry:
    _known(said, ("sql", "exported_at", "zone", "readings"), where)
    readings = _typed(said, "readings", list, where)
    zone = said.get("zone", "UTC")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, TypeError):
        raise UsageError(f"{where}, key zone", "a time zone such as Europe/Berlin", repr(zone), "correct it") from None
    return Entry(
        name,
        _typed(said, "sql", str, where),
        tuple(_reading(one, f"{where}, reading {number}") for number, one in enumerate(readings, 1)),
        _instant(said.get("exported_at"), f"{where}, key exported_at"),
        zone,
    )


def _reading(said: Any, where: str) -> Reading:
    _known(said, ("table", "object", "columns", "reads", "sheet"), where)
    reads = tuple(_texts(said, "reads", where)) if "reads" in said else ()
    sheet = _typed(said, "sheet", str, where) if "sheet" in said else None
    return Reading(
        _typed(said, "table", str, where),
        _typed(said, "object", str, where),
        "",
        _pairs(said, "columns", where),
        reads,
        sheet,
    )


def _instant(value: object, where: str) -> pd.Timestamp | None:
    if value is None:
        return None
    if isinstance(value, (date, datetime)):
        stamp = pd.Timestamp(value)
        return stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")
    raise UsageError(where, "a TOML date or time such as 2026-01-31", repr(value), "write it without quotes")


def _known(said: Any, keys: Sequence[str], where: str) -> None:
    if not isinstance(said, dict):
        raise UsageError(where, f"a table with {', '.join(keys)}", repr(said)[:80], "correct it")
    for key in said:
        if key not in keys:
            raise UsageError(f"{where}, key {key}", "a known key", repr(key), did_you_mean(key, keys))


def _typed(said: Mapping[str, Any], key: str, kind: type[_Value], where: str) -> _Value:
    value = said.get(key)
    if not isinstance(value, kind):
        found = "nothing" if value is None else repr(value)[:80]
        raise UsageError(f"{where}, key {key}", f"a {kind.__name__}", found, "add or correct it")
    return value


def _texts(said: Mapping[str, Any], key: str, where: str) -> list[str]:
    values = _typed(said, key, list, where)
    for value in values:
        if not isinstance(value, str):
            raise UsageError(f"{where}, key {key}", "a list of texts", repr(value)[:80], "correct it")
    return values


def _pairs(said: Mapping[str, Any], key: str, where: str) -> dict[str, str]:
    values = _typed(said, key, dict, where) if key in said else {}
    for name, value in values.items():
        if not isinstance(value, str):
            raise UsageError(f"{where}, key {key}.{name}", "a text", repr(value)[:80], "correct it")
    return values


def mapping_text(mapping: MapFile) -> str:
    """Write a mapping file; the grounds stand in its comments."""
    return "\n".join(_lines(mapping)) + "\n"


def _lines(mapping: MapFile) -> Iterator[str]:
    yield "# How your files become a history. Written by `holdfast map`; edit it, and run the next command again."
    yield "# The SQL of each source lies beside this file. Rows that lead to no account are listed in unmatched.csv;"
    yield "# say in manual.csv whose they are."
    yield ""
    yield f"version = {VERSION}"
    yield f"places = {_list(mapping.places)}"
    if mapping.database is not None:
        yield f"database = {toml(mapping.database)}  # fetched again by `holdfast map`, the password is never kept"
    yield from _noted(f"accounts = {toml(mapping.accounts)}", mapping.grounds.get("accounts"))
    yield ""
    yield "[tables]  # where each canonical table comes from"
    for table, sources in mapping.tables.items():
        yield from _noted(f"{table} = {_list(sources)}", mapping.grounds.get(table))
    for entry in mapping.entries:
        yield from _entry_lines(entry)
    if mapping.left:
        yield ""
        yield "[left]  # not read"
        yield from (f"{toml(name)} = {toml(why)}" for name, why in mapping.left.items())


def _entry_lines(entry: Entry) -> Iterator[str]:
    yield ""
    yield f"[sources.{_key(entry.name)}]"
    yield f"sql = {toml(entry.sql)}"
    if entry.exported_at is not None:
        yield from _noted(f"exported_at = {entry.exported_at:%Y-%m-%dT%H:%M:%SZ}", entry.grounds.get("exported_at"))
    yield from _noted(f"zone = {toml(entry.zone)}", entry.grounds.get("zone"))
    for reading in entry.readings:
        yield ""
        yield f"[[sources.{_key(entry.name)}.readings]]"
        yield from _noted(f"table = {toml(reading.table)}", None)
        yield from _noted(f"object = {toml(reading.object)}", reading.ground)
        if reading.columns:
            pairs = ", ".join(f"{toml(name)} = {toml(column)}" for name, column in reading.columns.items())
            yield f"columns = {{ {pairs} }}"
        if reading.sheet is not None:
            yield f"sheet = {toml(reading.sheet)}"
        yield f"reads = {_list(reading.reads)}"


def _noted(line: str, ground: str | None) -> Iterator[str]:
    told = "".join(one if one.isprintable() else " " for one in ground or "")
    yield f"{line}  # {told}" if told else line


def _key(name: str) -> str:
    return name if name.isascii() and name.replace("_", "").isalnum() else toml(name)


def _list(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(toml, texts))}]"


def toml(text: str) -> str:
    r"""Write a text as TOML.

    Examples
    --------
    >>> toml('a "b"')
    '"a \\"b\\""'
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(one if one.isprintable() else f"\\U{ord(one):08x}" for one in escaped) + '"'
