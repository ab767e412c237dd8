"""Rows as they are delivered, once through and onto the disk, so that they can be compared and then read again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet

from holdfast.errors import DataError, did_you_mean
from holdfast.features.capture.naming import same
from holdfast.safely import publishing

FROM, DELETED = "_from", "_deleted"
_RESERVED = (FROM, DELETED, "file_row_number")
_GROUP_ROWS = 1 << 16
_VIEWS = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}

Rows: TypeAlias = pa.Table | pa.RecordBatchReader


def spool(rows: Rows, path: Path, table: str, key: Sequence[str]) -> int:
    """Write rows to a file of their own, and count them.

    Raises
    ------
    DataError
        When there are none, a column cannot be told from another or cannot be stored, or the key is not there.
    PublishError
        When the disk refuses.
    """
    schema = plain(rows.schema)
    _checked(schema, table, key)
    count = 0
    with writer(path, schema, table) as out:
        for group in _groups(rows, schema):
            with publishing(path):
                out.write_table(group, row_group_size=_GROUP_ROWS)
            count += len(group)
    if not count:
        do = "deliver the table; to say that all rows are gone, leave the table as it was and say so in the source"
        raise DataError(table, "the rows of today", "none", do)
    return count


def plain(schema: pa.Schema) -> pa.Schema:
    """Give the types as they are stored: what is only a layout of the same values is undone."""
    return pa.schema([one.with_type(_plain(one.type)) for one in schema])


def _plain(kind: pa.DataType) -> pa.DataType:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return _VIEWS.get(kind, kind)


def writer(path: Path, schema: pa.Schema, table: str) -> Any:
    """Open a file for rows.

    Raises
    ------
    DataError
        When a column is of a type that no Parquet file holds.
    """
    try:
        with publishing(path):
            return pa.parquet.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True)
    except pa.ArrowException as problem:
        found = str(problem).splitlines()[0][:200]
        raise DataError(table, "columns that a Parquet file can hold", found, "cast the column to text") from problem


def _groups(rows: Rows, schema: pa.Schema) -> Iterator[pa.Table]:
    """Give the rows in groups that are neither tiny nor larger than they came."""
    batches = rows.to_batches(max_chunksize=_GROUP_ROWS) if isinstance(rows, pa.Table) else rows
    held: list[pa.Table] = []
    for batch in batches:
        held.append(pa.Table.from_batches([batch]).cast(schema))
        if sum(map(len, held)) >= _GROUP_ROWS:
            yield pa.concat_tables(held)
            held = []
    if held:
        yield pa.concat_tables(held)


def _checked(schema: pa.Schema, table: str, key: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for name in schema.names:
        if same(name) in _RESERVED:
            do = "leave it out or rename it in the query or view that delivers the table"
            raise DataError(table, f"no column {', '.join(_RESERVED)}", repr(name), do)
        if same(name) in seen:
            found = f"{seen[same(name)]!r} and {name!r}"
            raise DataError(table, "column names that differ in more than capitals", found, "rename one of them")
        seen[same(name)] = name
    for name in key:
        if same(name) not in seen:
            do = f"name the columns that tell its rows apart: {did_you_mean(name, schema.names)}"
            raise DataError(table, f"the key column {name!r}", "no such column", do)
        kind = schema.field(seen[same(name)]).type
        if pa.types.is_nested(kind) or pa.types.is_null(kind):
            raise DataError(f"{table}, column {name}", "a key of plain values", str(kind), "take another column as key")
