"""Canonical tables as they are stored: the whole header filled, and the same bytes for the same content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from holdfast.errors import UsageError
from holdfast.features.history.assembly import source_ids
from holdfast.features.history.defaults import BASIS
from holdfast.features.history.ingest import SUPPLIED
from holdfast.features.history.tables import BASES, SOURCE_ID, TABLES, Table
from holdfast.features.time import micros

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
    source = frame["source"].fillna(table.name) if "source" in frame else table.name
    header["source"] = pd.Series(source, index=frame.index, dtype="str")
    header[SOURCE_ID] = frame[SOURCE_ID] if SOURCE_ID in frame else source_ids(frame)
    whole = frame.assign(**header)
    return whole[[name for name in table.columns if name in whole]]


def fingerprint(frames: Mapping[str, pd.DataFrame]) -> str:
    """Hash the content of canonical frames: SHA-256, in hex.

    A column without a single value counts like an absent one.
    """
    whole = hashlib.sha256()
    for name, frame in sorted(frames.items()):
        whole.update(f"table {name} {len(frame)}\n".encode())
        for column in TABLES[name].columns:
            if column in frame and frame[column].notna().any():
                whole.update(f"column {column}\n".encode())
                for part in _bytes(frame[column]):
                    whole.update(part)
    return whole.hexdigest()


def _bytes(series: pd.Series) -> Iterable[memoryview | bytes]:
    """Give what a column holds as bytes: which cells are empty, then the values."""
    empty = series.isna()
    yield np.packbits(empty.to_numpy()).tobytes()
    if not pd.api.types.is_string_dtype(series.dtype):
        filled = series.fillna(pd.Timestamp(0, tz="UTC") if series.dtype.kind == "M" else 0)
        yield (micros(filled) if series.dtype.kind == "M" else filled.to_numpy(dtype="f8")).tobytes()
        return
    texts = pa.array(series.fillna(""), pa.large_string())
    texts = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    _, offsets, data = pa.concat_arrays([texts]).buffers()
    yield memoryview(offsets)[: 8 * (len(series) + 1)]
    yield memoryview(data)[: int.from_bytes(memoryview(offsets)[8 * len(series) : 8 * (len(series) + 1)], "little")]


def write_tables(frames: Mapping[str, pd.DataFrame], supplied: Mapping[str, frozenset[str]], folder: Path) -> None:
    """Write canonical frames as one Parquet file each.

    Raises
    ------
    UsageError
        When the folder already holds something.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise UsageError(str(folder), "an empty folder", "files", "name a new folder")
    for name, frame in sorted(frames.items()):
        fields = [
            pa.field(column, _TYPES[TABLES[name].columns[column].kind])
            for column in TABLES[name].columns
            if column in frame
        ]
        note = {SUPPLIED: json.dumps(sorted(supplied[name])).encode()}
        arrays = [_array(frame[field.name], field.type) for field in fields]
        table = pa.Table.from_arrays(arrays, schema=pa.schema(fields, metadata=note))
        pa.parquet.write_table(table, folder / f"{name}.parquet", compression="zstd", row_group_size=1 << 20)


def _array(series: pd.Series, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    if pa.types.is_boolean(kind):
        return pa.array(series.to_numpy(), from_pandas=True).cast(kind)
    if pa.types.is_timestamp(kind):
        return pa.array(series.dt.tz_localize(None).to_numpy(), from_pandas=True).cast(kind)
    return pa.array(series, kind, from_pandas=True)
