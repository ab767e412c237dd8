"""The file of one capture: the rows that are new or changed as they were delivered, then those that are gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from holdfast.errors import DataError
from holdfast.features.capture.compare import Moves
from holdfast.features.capture.naming import same
from holdfast.features.capture.spool import DELETED, FROM, writer
from holdfast.safely import flush, publishing

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TIME = pa.timestamp("us", tz="UTC")
_BATCH = 1 << 16


def write_changes(
    path: Path, today: Path, moves: Moves, files: Mapping[int, Path], at: pd.Timestamp, table: str, key: Sequence[str]
) -> None:
    """Write the changes of a capture, and have the disk hold them.

    Parameters
    ----------
    files
        Those of the captures before, by number.

    Raises
    ------
    DataError
        When a key that is gone cannot be written beside those of today.
    PublishError
        When the disk refuses; nothing counts then.
    """
    own = pa.parquet.read_schema(today)
    schema = _with_former(own, [pa.parquet.read_schema(files[number]) for number in moves.gone])
    whole = pa.schema([*schema, (FROM, _TIME), (DELETED, pa.bool_())])
    with writer(path, whole, table) as out:
        for rows in picked(today, moves.taken):
            with publishing(path):
                out.write_table(_stamped(_fitted(rows, schema), whole, at, deleted=False))
        for number, places in moves.gone.items():
            for rows in picked(files[number], places):
                fitted = _fitted(rows, schema, table, key)
                with publishing(path):
                    out.write_table(_stamped(fitted, whole, at, deleted=True))
    with publishing(path):
        flush(path)
        flush(path.parent)


def picked(path: Path, places: NDArray[np.int64]) -> Iterator[pa.Table]:
    """Read some rows of a file.

    Parameters
    ----------
    places
        Their numbers, ascending.
    """
    file = pa.parquet.ParquetFile(path, page_checksum_verification=True)
    start = 0
    for batch in file.iter_batches(batch_size=_BATCH) if len(places) else ():
        first, last = np.searchsorted(places, [start, start + len(batch)])
        if last > first:
            yield pa.Table.from_batches([batch]).take(pa.array(places[first:last] - start))
        start += len(batch)


def _with_former(own: pa.Schema, former: Sequence[pa.Schema]) -> pa.Schema:
    """Add the columns that only rows have which are gone, as they were."""
    fields = {same(one.name): one for one in own}
    for schema in former:
        for one in schema:
            if one.name not in (FROM, DELETED):
                fields.setdefault(same(one.name), one)
    return pa.schema(fields.values())


def _fitted(rows: pa.Table, schema: pa.Schema, table: str = "", key: Sequence[str] = ()) -> pa.Table:
    """Give rows the columns of a file. What an old row has in a type that has changed since is left out if need be.

    Nothing is lost by that: the version before says it.
    """
    own = {same(name): rows.column(place) for place, name in enumerate(rows.column_names)}
    keys = {same(name) for name in key}
    columns = []
    for one in schema:
        column = own.get(same(one.name))
        if column is None:
            column = pa.nulls(len(rows), one.type)
        elif column.type != one.type:
            column = _cast(column, one, f"{table}, column {one.name}" if same(one.name) in keys else None)
        columns.append(column)
    return pa.table(columns, schema=schema)


def _cast(column: pa.ChunkedArray, to: pa.Field, needed: str | None) -> pa.ChunkedArray | pa.Array:
    try:
        return column.cast(to.type)
    except pa.ArrowException as problem:
        if needed is None:
            return pa.nulls(len(column), to.type)
        found = f"{to.type}, where keys that are gone today were {column.type}"
        raise DataError(needed, "keys of one type", found, "deliver the key as text, as it was") from problem


def _stamped(rows: pa.Table, schema: pa.Schema, at: pd.Timestamp, *, deleted: bool) -> pa.Table:
    since = pa.repeat(pa.scalar(at.to_pydatetime(), _TIME), len(rows))
    return pa.table([*rows.columns, since, pa.repeat(pa.scalar(deleted), len(rows))], schema=schema)
