"""Two results side by side: the same accounts at the same cutoffs, and the same numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

KEYS = ["account_id", "cutoff"]
TOLERANCE, FLOOR = 1e-6, 1e-3  # relative, below the floor relative to the floor


@dataclass(frozen=True)
class Equality:
    """How far two results agree.

    Attributes
    ----------
    cells
        How many were compared.
    largest
        The largest difference, relative.
    wrong
        Columns that differ by more than the tolerance, are missing, or miss values elsewhere; and by how much.
    """

    cells: int
    largest: float
    wrong: dict[str, str] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """Give what goes into the JSON."""
        return asdict(self) | {"equal": not self.wrong}


def compare(reference: Path, other: Path) -> Equality:
    """Compare two results, column by column, so that large ones fit into memory."""
    files = [pq.ParquetFile(path) for path in (reference, other)]
    orders, keys = zip(*(_keys(file) for file in files), strict=True)
    if not keys[0].equals(keys[1]):
        return Equality(0, float("inf"), {"rows": f"{len(keys[0])} and {len(keys[1])}, not the same"})
    names, others = ([n for n in file.schema_arrow.names if n not in KEYS] for file in files)
    wrong = dict.fromkeys(set(names) ^ set(others), "in one of them alone")
    largest = 0.0
    for name in (one for one in names if one in others):
        left, right = (_numbers(file, name, order) for file, order in zip(files, orders, strict=True))
        elsewhere = int((np.isnan(left) != np.isnan(right)).sum())
        apart = np.abs(left - right) / np.maximum(np.abs(left), FLOOR)
        most = float(np.nan_to_num(apart, nan=0.0).max(initial=0.0))
        largest = max(largest, most)
        if elsewhere or most > TOLERANCE:
            wrong[name] = f"{most:.2g} at most, {elsewhere} missing in one of them"
    return Equality(len(keys[0]) * len(set(names) & set(others)), largest, wrong)


def _keys(file: pq.ParquetFile) -> tuple[pa.Array, pa.Table]:
    table = file.read(columns=KEYS, use_threads=False)
    at = table["cutoff"]
    at = pc.assume_timezone(at, "UTC") if at.type.tz is None else at
    ids = table["account_id"].cast(pa.string())
    table = pa.table({"account_id": ids, "cutoff": at.cast(pa.timestamp("us", "UTC"))}).combine_chunks()
    order = pc.sort_indices(table, [(name, "ascending") for name in KEYS])
    return order, table.take(order).combine_chunks()


def _numbers(file: pq.ParquetFile, name: str, order: pa.Array) -> np.ndarray[Any, np.dtype[np.float64]]:
    column = file.read(columns=[name], use_threads=False)[name].cast(pa.float64()).take(order)
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
