"""Withdrawing captured rows: those that hold one of some keys leave the log of a table for good."""

from __future__ import annotations

import shutil
from collections.abc import Set
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from holdfast.features.capture.log import Log
from holdfast.features.capture.naming import table_of
from holdfast.safely import folder_atomic, sha256_of, sweep


def withdraw(folder: Path, keys: Set[str], *, dry_run: bool = False) -> int:
    """Take the rows out of which a value is one of the keys, of all tables of a folder, a table at once.

    A capture of later may bring them back, as long as the source has them.

    Returns
    -------
    int
        How many rows.

    Raises
    ------
    DataError
        When a log is damaged.
    PublishError
        When the disk refuses; the table is as it was.
    """
    if not dry_run:
        sweep(folder)
    homes = [one for one in sorted(folder.glob("*/")) if table_of(one.name) is not None]
    return sum(_withdraw(one, keys, dry_run=dry_run) for one in homes)


def _withdraw(home: Path, keys: Set[str], *, dry_run: bool) -> int:
    log = Log.read(home)
    if log is None:
        return 0
    hits = {path: holding(pq.read_table(path), keys) for path in log.files(home).values()}
    count = sum(int(one.sum()) for one in hits.values())
    if dry_run or not count:
        return count
    entries = list(log.entries)
    with folder_atomic(home) as new:
        shutil.copytree(home, new, dirs_exist_ok=True)
        for number, path in log.files(home).items():
            if not hits[path].any():
                continue
            kept, there = pq.read_table(path).filter(pa.array(~hits[path])), new / path.name
            there.unlink()
            if len(kept):
                pq.write_table(kept, there, compression="zstd", write_page_checksum=True)
                entries[number] = replace(entries[number], bytes=there.stat().st_size, sha256=sha256_of(there))
            else:
                entries[number] = replace(entries[number], bytes=0, sha256=None)
        replace(log, entries=tuple(entries)).write(new)
    return count


def holding(rows: pa.Table, keys: Set[str]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Tell which rows hold one of the keys as a whole value, be it text or number.

    Examples
    --------
    >>> holding(pa.table({"id": [1, 2], "of": ["a", "b"]}), {"b", "1"}).tolist()
    [True, True]
    """
    found, wanted = np.zeros(len(rows), dtype=bool), pa.array(sorted(keys), pa.string())
    for column in rows.columns:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type) or pa.types.is_integer(column.type):
            found |= np.asarray(pc.is_in(column.cast(pa.string()), wanted), dtype=bool)
    return found
