"""The tail: the records of the last days, in a file for each day on which they happened, and a pool of the few others.

A file is never rewritten. Records that became known later than on their day are few and lie in the pool.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from holdfast.features.carry.files import Entry, entry_of, read_table
from holdfast.features.carry.plan import Plan
from holdfast.features.carry.rows import Arrays, Rows, joined, nothing, of_arrays
from holdfast.features.kernel.arrays import Bools, Ints

_FEW = 100_000  # rows of other days that the pool takes at once


@dataclass(frozen=True)
class DayFile:
    """The records of a day, as far as the step `batch` brought them."""

    day: int
    batch: int
    entry: Entry


class Tail:
    """Hold the tail of one table.

    Attributes
    ----------
    files
        Day files, oldest first.
    pool
        The other records.
    """

    def __init__(self, plan: Plan, phase: int, folder: Path) -> None:
        self.plan, self.phase, self.folder = plan, phase, folder
        self.files: list[DayFile] = []
        self.pool = nothing(plan)
        self._waiting: list[Rows] = []
        self._writers: dict[int, tuple[Path, pa.ipc.RecordBatchStreamWriter]] = {}

    def add(self, rows: Rows, now: int, before: int | None, place: Path) -> None:
        """Take in new rows, into files at a place; `before` is the day of the cutoff before, none at the start."""
        rows = rows.take(rows.day > now - self.plan.tail)
        own = rows.day <= now
        if before is not None:
            prompt = own & (rows.day > before)
            own = own if int((own & ~prompt).sum()) > _FEW else prompt
        if not own.all():
            self._waiting.append(rows.take(~own))
            rows = rows.take(own)
        order = np.argsort(rows.day, kind="stable")
        day = rows.day[order]
        starts = np.flatnonzero(np.append(True, day[1:] != day[:-1])[: len(day)])
        for start, stop in pairwise(np.append(starts, len(day))):
            self._write(int(day[start]), rows.take(order[start:stop]), place)

    def _write(self, day: int, rows: Rows, place: Path) -> None:
        batch = pa.record_batch({name: pa.array(values) for name, values in rows.arrays().items()})
        if day not in self._writers:
            place.mkdir(parents=True, exist_ok=True)
            path = place / f"{self.plan.table}-{day:06d}.arrow"
            self._writers[day] = (path, pa.ipc.new_stream(path, batch.schema))
        self._writers[day][1].write_batch(batch)

    def forget(self, gone: Bools) -> None:
        """Drop accounts from the pool; from the files they are dropped by `since`."""
        if len(self.pool):
            self.pool = self.pool.take(~gone[self.pool.account])

    def close(self, now: int, batch: int) -> None:
        """End a step: what was written counts from now on."""
        for day, (path, writer) in sorted(self._writers.items()):
            writer.close()
            self.files.append(DayFile(day, batch, entry_of(self.folder, path)))
        self.files = [one for one in self.files if one.day > now - self.plan.tail]
        self.files.sort(key=lambda one: (one.day, one.batch))
        pool = joined([self.pool, *self._waiting])
        self.pool = pool.take(pool.day > now - self.plan.tail)
        self._waiting, self._writers = [], {}

    def between(self, after: int, until: int, since: Ints) -> Rows:
        """Give the rows that happened in the days (after, until], in order.

        Parameters
        ----------
        since
            By account the first step whose rows count.
        """
        pool = self.pool.take((self.pool.day > after) & (self.pool.day <= until))
        return joined([*self._files_between(after, until, since), pool]).ordered()

    def _files_between(self, after: int, until: int, since: Ints) -> Iterator[Rows]:
        for one in self.files:
            if after < one.day <= until:
                rows = of_arrays(read_table(one.entry.read(self.folder)), self.plan, self.phase)
                counted = since[rows.account] <= one.batch
                yield rows if counted.all() else rows.take(counted)

    def save(self) -> tuple[list[dict[str, Any]], Arrays]:
        """Give what is carried: the files, and the pool."""
        return [asdict(one) for one in self.files], self.pool.arrays()

    def load(self, files: list[dict[str, Any]], pool: Arrays) -> None:
        """Take up what was carried."""
        self.files = [DayFile(one["day"], one["batch"], Entry(**one["entry"])) for one in files]
        self.pool = of_arrays(pool, self.plan, self.phase)
