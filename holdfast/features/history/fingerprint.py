"""The fingerprint of a history: what can be read of it, hashed column by column, bucket after bucket."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from holdfast.features.history.tables import SOURCE_ID
from holdfast.features.time import micros

if TYPE_CHECKING:
    from hashlib import _Hash

    from numpy.typing import NDArray

    from holdfast.features.history.history import History
    from holdfast.features.history.records import Records

_CLOCKS = ("account", "at", "known", "superseded")
_ORIGIN = ("source", SOURCE_ID)  # worked out from the rest where nothing is delivered


def fingerprint(history: History) -> str:
    """Hash the accounts, and of every table the records, their columns, and on what ground they were known.

    A column without a single value counts like an absent one. How the accounts are cut into buckets does not matter.

    Returns
    -------
    str
        SHA-256, in hex.
    """
    columns: dict[tuple[str, str], _Column] = {}
    first = 0
    for bucket in history.buckets():
        columns.setdefault(("", "account_id"), _Column()).add(pd.Series(bucket.accounts))
        for table in bucket.tables:
            records = bucket.records(table)
            for name, values in _cells(records, first, history.supplied(table)).items():
                columns.setdefault((table, name), _Column()).add(values)
        first += len(bucket.accounts)
    whole = hashlib.sha256()
    for table in history.tables:
        bases = sorted(history.facts_of(table).bases.items())
        whole.update(f"table {table} {sorted(history.supplied(table))} {bases}\n".encode())
    for (table, name), column in sorted(columns.items()):
        if column.filled:
            whole.update(f"column {table} {name} {column.digest()}\n".encode())
    return whole.hexdigest()


def _cells(records: Records, first: int, supplied: frozenset[str]) -> dict[str, pd.Series]:
    """Name what is hashed of records; accounts count from the first of all."""
    clocks = {f"_{name}": pd.Series(getattr(records, name), dtype="int64") for name in _CLOCKS}
    clocks["_account"] += first
    columns = {str(name): records.columns[name] for name in records.columns if name not in {*_ORIGIN} - supplied}
    deleted = columns.pop("deleted", None)
    gone = np.zeros(len(records)) if deleted is None else np.asarray(deleted, dtype="f8")
    return {**clocks, **columns, "deleted": pd.Series(gone).replace(0.0, np.nan)}


@dataclass
class _Column:
    """The bytes of a column so far: which cells are empty, how long each text is, and the values."""

    filled: bool = False
    empty: _Hash = field(default_factory=hashlib.sha256)
    lengths: _Hash = field(default_factory=hashlib.sha256)
    values: _Hash = field(default_factory=hashlib.sha256)

    def add(self, series: pd.Series) -> None:
        missing = series.isna().to_numpy()
        self.filled = self.filled or not missing.all()
        self.empty.update(missing.tobytes())
        if isinstance(series.dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(series.dtype):
            lengths, texts = _texts(series)
            self.lengths.update(lengths.tobytes())
            self.values.update(texts)
        else:
            self.values.update(_numbers(series, missing).tobytes())

    def digest(self) -> str:
        return " ".join(one.hexdigest() for one in (self.empty, self.lengths, self.values))


def _numbers(series: pd.Series, missing: NDArray[np.bool_]) -> NDArray[np.generic]:
    if series.dtype.kind == "M":
        return np.where(missing, 0, micros(series))
    if series.dtype.kind == "i":
        return series.to_numpy(dtype="i8")
    return np.where(missing, 0.0, series.to_numpy(dtype="f8", na_value=np.nan))


def _texts(series: pd.Series) -> tuple[NDArray[np.int32], memoryview]:
    """Give the length in bytes of each text, 0 where there is none, and the bytes of all."""
    if isinstance(series.dtype, pd.CategoricalDtype):
        codes = series.cat.codes.to_numpy().astype(np.int32)
        words = pa.array(pd.Series(series.cat.categories, dtype="str"), pa.large_string(), from_pandas=True)
        coded = pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), words)
        texts = coded.cast(pa.large_string())
    else:
        texts = pa.array(series, pa.large_string(), from_pandas=True)
    texts = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    texts = pa.concat_arrays([texts.fill_null("")])
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, dtype=np.int64)[: len(texts) + 1]
    told = memoryview(b"") if data is None or not len(texts) else memoryview(data)[int(ends[0]) : int(ends[-1])]
    return np.diff(ends).astype(np.int32), told
