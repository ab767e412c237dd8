"""Withdrawing captured rows: those that name somebody leave the log of a table for good."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from holdfast.features.capture.log import Log
from holdfast.features.capture.naming import table_of
from holdfast.safely import folder_atomic, sha256_of, sweep

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Judging = Callable[[str, pa.Table], NDArray[np.bool_]]


def withdraw(folder: Path, naming: Judging, *, dry_run: bool = False) -> int:
    """Take the rows out that name somebody, of all tables of a folder, a table at once.

    A capture of later may bring them back, as long as the source has them.

    Parameters
    ----------
    naming
        Tells of the name of a table and some of its rows which of them do.

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
    return sum(_withdraw(one, naming, dry_run=dry_run) for one in homes)


def _withdraw(home: Path, naming: Judging, *, dry_run: bool) -> int:
    log = Log.read(home)
    if log is None:
        return 0
    hits = {path: naming(log.table, pq.read_table(path)) for path in log.files(home).values()}
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
