"""JSON rows as DuckDB reads them: the keys that occur are the columns, every value is text."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from holdfast.errors import DataError
from holdfast.features.landed.delimited import united
from holdfast.features.landed.jsonlayout import PAGE, Layout, layout_of
from holdfast.features.landed.naming import distinct, safe_name
from holdfast.features.landed.quarantine import Bad, Quarantine
from holdfast.features.landed.raw import file_literal, literal, quoted
from holdfast.features.landed.sniffing import opened, zipped

_OBJECT = 1 << 24  # bytes of the longest row
_PACKED = 20  # how much longer than its packed form


def read_json(
    con: duckdb.DuckDBPyConnection, paths: Sequence[Path], scratch: Path, bad: Quarantine
) -> dict[str, tuple[str, list[str]]]:
    """Read JSON files that are one table, or a table for each list when pages hold several.

    Returns
    -------
    dict
        By list (empty when there is one table) the SQL that reads it and its columns.

    Raises
    ------
    DataError
        When a file is no JSON, or holds no rows.
    """
    scans: dict[str, list[tuple[str, list[str]]]] = {}
    for (layout, packed), files in _alike(paths).items():
        several = len(layout.lists) > 1
        for key in layout.lists or ("",):
            scan = _rows(con, layout, packed, key, files, scratch, bad)
            if scan is not None:
                scans.setdefault(key if several else "", []).append(scan)
    if not scans:
        raise DataError(str(paths[0]), "objects with keys", "none", "export it anew if it should have some")
    return {key: (united([scan for scan, _ in found]), _merged(found)) for key, found in scans.items()}


def _alike(paths: Sequence[Path]) -> dict[tuple[Layout, bool], list[Path]]:
    groups: dict[tuple[Layout, bool], list[Path]] = {}
    for path in paths:
        groups.setdefault((layout_of(path), zipped(path)), []).append(path)
    return groups


def _merged(found: Sequence[tuple[str, list[str]]]) -> list[str]:
    return list({name.lower(): name for _, names in reversed(found) for name in reversed(names)}.values())[::-1]


def _rows(
    con: duckdb.DuckDBPyConnection,
    layout: Layout,
    packed: bool,
    key: str,
    files: list[Path],
    scratch: Path,
    bad: Quarantine,
) -> tuple[str, list[str]] | None:
    """Write the SQL of the rows of files that are alike, once DuckDB has read them all."""
    try:
        return _scan(con, layout, packed, key, files, bad)
    except duckdb.Error as problem:
        if layout.form != "newline_delimited":
            found = str(problem).splitlines()[0]
            raise DataError(str(files[0]), "JSON", found, "export it anew") from None
    saved = [_saved(path, scratch, bad) for path in files]
    return _scan(con, layout, False, key, saved, bad)


def _scan(
    con: duckdb.DuckDBPyConnection, layout: Layout, packed: bool, key: str, files: list[Path], bad: Quarantine
) -> tuple[str, list[str]] | None:
    """List the keys of all rows, and write the SQL that gives each as a column."""
    listed = "[" + ", ".join(map(file_literal, files)) + "]"
    options = (
        f"format = {literal(layout.form)}, compression = {literal('gzip' if packed else 'none')}, "
        f"maximum_object_size = {_room(layout, packed, files)}, hive_partitioning = false"
    )
    objects = f"(SELECT json AS j FROM read_json_objects({listed}, {options}))"
    if key:
        objects = f"(SELECT unnest(json_extract(j, {literal(_step(key) + '[*]')})) AS j FROM {objects})"
    keys, strange = _keys(con, objects)
    if strange:
        _put_aside(con, objects, files[0], bad)
    if not keys:
        return None
    columns = distinct(keys)
    if not key and not strange and columns == keys:
        types = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in keys)
        return f"read_json({listed}, auto_detect = false, records = true, columns = {{{types}}}, {options})", columns
    steps = ", ".join(literal(_step(name)) for name in keys)
    cells = ", ".join(f"v[{place}] AS {quoted(name)}" for place, name in enumerate(columns, start=1))
    values = f"SELECT json_extract_string(j, [{steps}]) AS v FROM {objects} WHERE json_type(j) = 'OBJECT'"
    return f"(SELECT {cells} FROM ({values}))", columns


def _room(layout: Layout, packed: bool, files: Sequence[Path]) -> int:
    """Bytes of the longest object to expect: a page is no longer than its file, and DuckDB sets aside twice as much."""
    if not layout.lists:
        return _OBJECT
    longest = max(path.stat().st_size for path in files) * (_PACKED if packed else 1)
    return min(PAGE, max(_OBJECT, longest + 1))


def _step(key: str) -> str:
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'$."{escaped}"'


def _keys(con: duckdb.DuckDBPyConnection, objects: str) -> tuple[list[str], int]:
    """List the keys in the order in which they first occur, and count the values that are no objects."""
    query = (
        "SELECT CASE WHEN json_type(j) = 'OBJECT' THEN json_keys(j) END AS keys, min(n), count(*) "
        f"FROM (SELECT j, row_number() OVER () AS n FROM {objects}) GROUP BY 1 ORDER BY 2"
    )
    found: dict[str, None] = {}
    strange = 0
    for keys, _, count in con.execute(query).fetchall():
        strange += count if keys is None else 0
        found.update(dict.fromkeys(keys or ()))
    return list(found), strange


def _put_aside(con: duckdb.DuckDBPyConnection, objects: str, path: Path, bad: Quarantine) -> None:
    """Put values that are no objects aside, under their place in the list."""
    rows = f"SELECT j, row_number() OVER () AS n FROM {objects}"
    con.execute(f"SELECT n, j::VARCHAR FROM ({rows}) WHERE json_type(j) IS DISTINCT FROM 'OBJECT' ORDER BY n")
    while batch := con.fetchmany(1000):
        for place, text in batch:
            bad.add(path, Bad(place, "no JSON object", text or ""))


def _saved(path: Path, scratch: Path, bad: Quarantine) -> Path:
    """Read a file line by line; lay down anew what is an object, put aside what is not."""
    target = scratch / "rows" / f"{safe_name(str(path))}.jsonl"
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        opened(path) as handle,
        io.TextIOWrapper(handle, "utf-8-sig", "surrogateescape", newline="\n") as lines,
        target.open("w", encoding="utf-8", newline="\n") as out,
    ):
        for number, line in enumerate(_limited(lines), start=1):
            fault = _fault(line)
            if fault is None:
                out.write(line.strip() + "\n")
            elif line.strip():
                bad.add(path, Bad(number, fault, line.rstrip("\r\n")))
    return target


def _limited(lines: io.TextIOWrapper) -> Iterator[str]:
    while line := lines.readline(_OBJECT):
        rest = line
        while rest and not rest.endswith("\n"):
            rest = lines.readline(_OBJECT)
        yield line


def _fault(line: str) -> str | None:
    """Say what is wrong with a line that should be an object."""
    try:
        line.encode()
        value = json.loads(line)
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return "bytes that are not UTF-8, or half a character"
    except (ValueError, RecursionError) as problem:
        return f"no JSON: {problem}"
    return None if isinstance(value, dict) else "no JSON object"
