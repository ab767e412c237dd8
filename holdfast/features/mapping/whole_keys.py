r"""Keys that are whole numbers, written as 1.0 because a column with gaps held them as floats: read as 1.

Each such column is looked at whole. It is read so only where all of its keys are written so, and where no column of the
same name, in any table, has keys with a point that are no such numbers: there 1.0 may be another key than 1. From
sixteen digits on a float may stand for another whole number; such keys stay as they are, and lead nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from holdfast.features.landed.files import literal, quoted
from holdfast.features.mapping.objects import Landed, Source
from holdfast.features.mapping.paths import plain, spellings
from holdfast.findings import Finding

if TYPE_CHECKING:
    import duckdb

_KEY = re.compile(r"(.*_)?(id|key)")
_FLOATED, _POINTED = r"(0|[1-9]\d{0,14})\.0", r"\d+\.\d+"
_HEAD = 20_000


@dataclass(frozen=True)
class _Column:
    """A landed text column that holds keys: under which name it is read, of which table."""

    name: str
    landed: str
    table: str
    scan: str


def whole_keys(con: duckdb.DuckDBPyConnection, sources: Sequence[Source]) -> tuple[list[Source], list[Finding]]:
    """Give sources whose keys are read without the point of a float, and say in which columns there was one."""
    columns = [one for source in sources for landed in source.landed for one in _keys(source, landed)]
    if not any(floated for floated, _ in _written(con, columns, f"LIMIT {_HEAD}").values()):
        return [*sources], []
    found = _written(con, columns, "")
    own = {one.name for one, (floated, pointed) in found.items() if pointed and not floated}
    told = [one for one, (floated, _) in found.items() if floated and one.name not in own]
    return [replace(one, landed=tuple(_read(each, told) for each in one.landed)) for one in sources], [*_tell(told)]


def _keys(source: Source, landed: Landed) -> Iterator[_Column]:
    columns, there = spellings(landed.table.columns), set[str]()
    for field in source.adapter.objects[landed.object].fields.values():
        if field.kind != "text" or not _KEY.fullmatch(field.name):
            continue
        paths = (columns[plain(path)] for path in field.names if plain(path) in columns)
        for name in [landed.columns[field.name]] if field.name in landed.columns else paths:
            if name not in there and landed.table.types.get(name) == "VARCHAR":
                there.add(name)
                yield _Column(field.name, name, landed.table.name, landed.table.scan)


def _written(
    con: duckdb.DuckDBPyConnection, columns: Sequence[_Column], limit: str
) -> dict[_Column, tuple[bool, bool]]:
    """Tell of each column whether all of its keys are floats without a fraction, and whether any has a point."""
    tables: dict[str, list[_Column]] = {}
    for one in columns:
        tables.setdefault(one.scan, []).append(one)
    found: dict[_Column, tuple[bool, bool]] = {}
    for scan, own in tables.items():
        counts = ", ".join(
            f"count(nullif(trim({name}), '')), {_matching(name, _FLOATED)}, {_matching(name, _POINTED)}"
            for name in (quoted(one.landed) for one in own)
        )
        told = con.execute(f"SELECT {counts} FROM (SELECT * FROM {scan} {limit})").fetchone() or ()
        for place, one in enumerate(own):
            there, floated, pointed = told[3 * place : 3 * place + 3]
            found[one] = (0 < there == floated, pointed > 0)
    return found


def _matching(column: str, pattern: str) -> str:
    return f"count(*) FILTER (regexp_full_match(trim({column}), {literal(pattern)}))"


def _read(landed: Landed, told: Sequence[_Column]) -> Landed:
    table = landed.table
    names = sorted({quoted(one.landed) for one in told if one.scan == table.scan})
    if not names:
        return landed
    bare = ", ".join(f"regexp_replace(trim({name}), '\\.0$', '') AS {name}" for name in names)
    return replace(landed, table=replace(table, scan=f"(SELECT * REPLACE ({bare}) FROM {table.scan})"))


def _tell(told: Sequence[_Column]) -> Iterator[Finding]:
    tables: dict[str, list[str]] = {}
    for one in told:
        tables.setdefault(one.table, []).append(one.landed)
    for name, columns in sorted(tables.items()):
        listed = ", ".join(sorted(set(columns)))
        yield Finding("HF003", name, len(set(columns)), f"keys written as 1.0 are read as 1: {listed}")
