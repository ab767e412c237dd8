"""Files of snapshots, one bucket each, so that memory holds one bucket, or one column of all of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.lib.format import open_memmap
from pyarrow import feather

from holdfast.features.catalog.measure import coverage
from holdfast.features.kernel.arrays import Floats
from holdfast.features.snapshot import INDEX, Snapshot, arrow_columns

if TYPE_CHECKING:
    from holdfast.features.indicators.indicator import Indicator

VALUES = "values"
_FRAMES = ("context", "exposure", "inapplicable", "calendar")
_NUMBERED = ("exposure", "calendar")  # whose columns are numbers
_LEFT_OUT = b"holdfast.left_out"


@dataclass(frozen=True)
class SnapshotFiles:
    """Snapshots of successive buckets of accounts, each written once, in any order, by whatever process.

    Attributes
    ----------
    folder
        Where the files lie.
    catalog
        The indicators of every one.
    buckets
        How many there are.
    """

    folder: Path
    catalog: tuple[Indicator, ...]
    buckets: int

    def write(self, bucket: int, X: Snapshot) -> None:
        """Write the snapshot of a bucket."""
        np.save(self._matrix(bucket, VALUES), np.ascontiguousarray(X.indicators.to_numpy(float).T), allow_pickle=False)
        columns = X.arrow_index()
        for kind in _FRAMES:
            columns |= arrow_columns(getattr(X, kind), f"{kind}.")
        told = {_LEFT_OUT: json.dumps(dict(X.left_out))}
        table = pa.table(columns).replace_schema_metadata(told)
        feather.write_feather(table, str(self._rest(bucket)), compression="uncompressed")

    def read(self, bucket: int) -> Snapshot:
        """Read the snapshot of a bucket."""
        table = feather.read_table(str(self._rest(bucket)), memory_map=False)
        ids, cutoffs = (table.column(name).to_pandas() for name in INDEX)
        index = pd.MultiIndex.from_arrays([pd.Index(ids, dtype="str"), pd.DatetimeIndex(cutoffs)], names=INDEX)
        names = [one.name for one in self.catalog]
        values = pd.DataFrame(np.load(self._matrix(bucket, VALUES), allow_pickle=False).T, index, names, copy=False)
        frames = {kind: _frame(table, kind, index) for kind in _FRAMES}
        share = coverage(values, frames["inapplicable"], self.catalog)  # of what is there now, see `placing`
        left_out = json.loads(table.schema.metadata[_LEFT_OUT])
        return Snapshot(indicators=values, coverage=share, catalog=self.catalog, left_out=left_out, **frames)

    def column(self, bucket: int, name: str) -> pd.Series:
        """Read one column of a bucket: ``account_id``, ``cutoff``, or such as ``context.segment``."""
        table = feather.read_table(str(self._rest(bucket)), columns=[name], memory_map=False)
        column: pd.Series = table.column(0).to_pandas()
        return column

    def matrix(self, bucket: int, name: str = VALUES) -> Floats:
        """Open numbers of a bucket where they lie, to be read and set: by default its values, (indicators, rows)."""
        numbers: Floats = np.load(self._matrix(bucket, name), mmap_mode="r+", allow_pickle=False)
        return numbers

    def lay_out(self, bucket: int, name: str, shape: tuple[int, int]) -> Floats:
        """Lay out further numbers of a bucket, to be set."""
        return open_memmap(self._matrix(bucket, name), mode="w+", dtype=np.float64, shape=shape)

    def _matrix(self, bucket: int, name: str) -> Path:
        return self.folder / f"{bucket:06d}.{name}.npy"

    def _rest(self, bucket: int) -> Path:
        return self.folder / f"{bucket:06d}.arrow"


def _frame(table: pa.Table, kind: str, index: pd.MultiIndex) -> pd.DataFrame:
    names = [name for name in table.column_names if name.startswith(f"{kind}.")]
    frame: pd.DataFrame = table.select(names).to_pandas() if names else pd.DataFrame(index=range(len(index)))
    plain: list[Any] = [name.partition(".")[2] for name in names]
    columns = [int(one) for one in plain] if kind in _NUMBERED else plain
    return frame.set_axis(index, axis=0).set_axis(columns, axis=1)
