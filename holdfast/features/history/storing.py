"""Canonical tables as they are stored: the whole header filled, and the same bytes for the same content."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from holdfast.errors import UsageError
from holdfast.features.history.defaults import BASIS
from holdfast.features.history.ingest import SUPPLIED
from holdfast.features.history.naming import source_ids
from holdfast.features.history.tables import BASES, SOURCE_ID, TABLES, Table

GROUP_ROWS = 1 << 20
_TYPES = {
    "text": pa.large_string(),
    "number": pa.float64(),
    "flag": pa.bool_(),
    "time": pa.timestamp("us", tz="UTC"),
}


def canonical(table: Table, frame: pd.DataFrame) -> pd.DataFrame:
    """Give rows with their whole header: where they came from, their name there, and the ground of `known_at`."""
    basis = np.array(BASES, dtype=object)[frame[BASIS].to_numpy()]
    header = {"known_basis": pd.Series(basis, dtype="str")}
    source = frame["source"].astype("str").fillna(table.name) if "source" in frame else table.name
    header["source"] = pd.Series(source, index=frame.index, dtype="str")
    header[SOURCE_ID] = frame[SOURCE_ID] if SOURCE_ID in frame else source_ids(table, frame)
    texts = {name: "str" for name in frame if isinstance(frame[name].dtype, pd.CategoricalDtype)}
    whole = frame.astype(texts).assign(**header)
    return whole[[name for name in table.columns if name in whole]]


def write_tables(frames: Mapping[str, pd.DataFrame], supplied: Mapping[str, frozenset[str]], folder: Path) -> None:
    """Write canonical frames as one Parquet file each.

    Raises
    ------
    UsageError
        When the folder already holds something.
    """
    _new(folder)
    for name, frame in sorted(frames.items()):
        schema = _schema(name, frame, supplied[name])
        table = pa.Table.from_arrays([_array(frame[field.name], field.type) for field in schema], schema=schema)
        pa.parquet.write_table(table, folder / f"{name}.parquet", compression="zstd", row_group_size=GROUP_ROWS)


def _new(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise UsageError(str(folder), "an empty folder", "files", "name a new folder")


def _schema(name: str, frame: pd.DataFrame, supplied: frozenset[str]) -> pa.Schema:
    columns = TABLES[name].columns
    fields = [pa.field(column, _TYPES[columns[column].kind]) for column in columns if column in frame]
    return pa.schema(fields, metadata={SUPPLIED: json.dumps(sorted(supplied)).encode()})


def write_streamed(
    frames: Iterable[Mapping[str, pd.DataFrame]], supplied: Mapping[str, frozenset[str]], folder: Path
) -> None:
    """Write canonical frames that come in parts, to the same bytes as `write_tables` writes them at once."""
    _new(folder)
    held: dict[str, pa.Table] = {}
    with ExitStack() as stack:
        writers: dict[str, pa.parquet.ParquetWriter] = {}
        for part in frames:
            for name, frame in part.items():
                schema = _schema(name, frame, supplied[name])
                if name not in writers:
                    writer = pa.parquet.ParquetWriter(folder / f"{name}.parquet", schema, compression="zstd")
                    writers[name], held[name] = stack.enter_context(writer), schema.empty_table()
                rows = pa.Table.from_arrays([_array(frame[field.name], field.type) for field in schema], schema=schema)
                held[name] = pa.concat_tables([held[name], rows])
                while len(held[name]) >= GROUP_ROWS:
                    writers[name].write_table(held[name].slice(0, GROUP_ROWS).combine_chunks(), GROUP_ROWS)
                    held[name] = held[name].slice(GROUP_ROWS)
        for name, writer in writers.items():
            if len(held[name]):
                writer.write_table(held[name].combine_chunks(), GROUP_ROWS)


def _array(series: pd.Series, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    if pa.types.is_boolean(kind):
        return pa.array(series.to_numpy(), from_pandas=True).cast(kind)
    if pa.types.is_timestamp(kind):
        return pa.array(series.dt.tz_localize(None).to_numpy(), from_pandas=True).cast(kind)
    return pa.array(series, kind, from_pandas=True)
