"""The fingerprint of tables that come in parts: spooled to a folder, then hashed column by column."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from holdfast.features.history.tables import TABLES
from holdfast.features.time import micros

if TYPE_CHECKING:
    from hashlib import _Hash

    from numpy.typing import NDArray


def fingerprint_of(parts: Iterable[Mapping[str, pd.DataFrame]], folder: Path) -> str:
    """Hash canonical frames that come in parts, as `storing.fingerprint` hashes them at once.

    Parameters
    ----------
    folder
        An empty folder for what does not fit into memory.
    """
    spooled: dict[str, list[Path]] = {}
    rows: dict[str, int] = {}
    for number, part in enumerate(parts):
        for name, frame in part.items():
            path = folder / f"{name}-{number}.parquet"
            pa.parquet.write_table(_held(name, frame), path, compression="lz4")
            spooled.setdefault(name, []).append(path)
            rows[name] = rows.get(name, 0) + len(frame)
    whole = hashlib.sha256()
    for name, paths in sorted(spooled.items()):
        whole.update(f"table {name} {rows[name]}\n".encode())
        there = pa.parquet.read_schema(paths[0]).names
        for column in (one for one in TABLES[name].columns if one in there):
            _add_column(whole, column, paths)
    return whole.hexdigest()


def _held(name: str, frame: pd.DataFrame) -> pa.Table:
    arrays = {}
    for column in (one for one in TABLES[name].columns if one in frame):
        series, kind = frame[column], TABLES[name].columns[column].kind
        missing = series.isna().to_numpy()
        if kind == "text":
            arrays[column] = pa.array(series, pa.large_string(), from_pandas=True)
        elif kind == "time":
            arrays[column] = pa.array(np.where(missing, 0, micros(series)), mask=missing)
        else:
            arrays[column] = pa.array(np.where(missing, 0.0, series.to_numpy(dtype="f8")), mask=missing)
    return pa.table(arrays)


def _add_column(whole: _Hash, column: str, paths: list[Path]) -> None:
    def parts() -> Iterator[pa.Array]:
        for path in paths:
            yield pa.parquet.read_table(path, columns=[column], use_threads=False).column(0).combine_chunks()

    if all(part.null_count == len(part) for part in parts()):
        return
    whole.update(f"column {column}\n".encode())
    carried = np.zeros(0, dtype=bool)
    for part in parts():
        bits = np.concatenate([carried, np.asarray(part.is_null().to_numpy(zero_copy_only=False), dtype=bool)])
        ready = len(bits) // 8 * 8
        whole.update(np.packbits(bits[:ready]).tobytes())
        carried = bits[ready:]
    whole.update(np.packbits(carried).tobytes())
    if pa.parquet.read_schema(paths[0]).field(column).type != pa.large_string():
        for part in parts():
            whole.update(part.fill_null(0).to_numpy().tobytes())
        return
    reached = 0
    whole.update(np.zeros(1, dtype=np.int64).tobytes())
    for part in parts():
        ends = _ends(part) + reached
        whole.update(ends.tobytes())
        reached = int(ends[-1]) if len(ends) else reached
    for part in parts():
        texts = pa.concat_arrays([part.fill_null("")])
        ends = _ends(part)
        if len(ends) and ends[-1]:
            whole.update(memoryview(texts.buffers()[2])[: int(ends[-1])])


def _ends(part: pa.Array) -> NDArray[np.int64]:
    """Give where each text ends among the bytes of all."""
    texts = pa.concat_arrays([part.fill_null("")])
    offsets = np.frombuffer(texts.buffers()[1], dtype=np.int64)[: len(part) + 1] if len(part) else np.zeros(1, np.int64)
    return np.asarray(offsets[1:] - offsets[0])
