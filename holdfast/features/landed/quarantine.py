"""Rows that cannot be read are put aside with their line and the reason; the others are kept."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from holdfast.features.landed.naming import safe_name

CELL = 1 << 20  # characters of the longest cell
_LINE = 1 << 24
_BATCH_ROWS, _BATCH_CHARACTERS = 50_000, 1 << 25
_UNREADABLE = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True)
class Bad:
    """A row that cannot be read."""

    line: int
    reason: str
    text: str


class Quarantine:
    """The file of the rows of one table that could not be read; it comes into being with the first of them.

    Attributes
    ----------
    count
        How many there are.
    """

    def __init__(self, scratch: Path, name: str) -> None:
        self.path = scratch / "quarantine" / f"{safe_name(name)}.csv"
        self.path.unlink(missing_ok=True)
        self.count = 0

    def add(self, file: Path, bad: Bad) -> None:
        """Put one row aside."""
        new = not self.count
        if new:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8", errors="backslashreplace", newline="") as handle:
            rows = csv.writer(handle, lineterminator="\n")
            if new:
                rows.writerow(["file", "line", "reason", "text"])
            rows.writerow([file.name, bad.line, bad.reason, bad.text])
        self.count += 1


class _Lines:
    """The lines of a file, some of which may be given back."""

    def __init__(self, handle: IO[str], skip: int) -> None:
        self._handle, self._waiting = handle, deque[str]()
        self.taken: list[str] = []
        self.number = 0
        for _ in range(skip):
            next(self, None)

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._waiting.popleft() if self._waiting else self._read()
        self.taken.append(line)
        self.number += 1
        return line

    def _read(self) -> str:
        line = self._handle.readline(_LINE)
        if not line:
            raise StopIteration
        rest = line
        while len(rest) == _LINE and rest[-1] not in "\r\n":
            rest = self._handle.readline(_LINE)
        return line

    def give_back(self) -> None:
        """Give back all lines that were taken but the first."""
        self._waiting.extendleft(reversed(self.taken[1:]))
        self.number -= len(self.taken) - 1
        del self.taken[1:]


def sift(handle: IO[str], delimiter: str, width: int, skip: int) -> Iterator[list[str] | Bad]:
    """Read rows one by one, each as its cells or as what is wrong with it.

    A quote that does not close costs its own line and no other: reading goes on with the next.

    Parameters
    ----------
    handle
        Opened with ``errors="surrogateescape"`` and ``newline=""``.
    width
        How many cells a row has.
    skip
        How many lines lie before the header, which is left out with them.
    """
    lines = _Lines(handle, skip)
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    with _long_cells():
        next(rows, None)
        while True:
            lines.taken, first = [], lines.number + 1
            row: list[str] = []
            fault: str | None
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as problem:
                fault = _said(str(problem))
            else:
                fault = _fault(row, lines.taken, width)
            if fault is None:
                if row or width == 1:
                    yield [*row, ""][:width]
                continue
            if fault not in _IN_PLACE:
                lines.give_back()
            yield Bad(first, fault, "".join(lines.taken).rstrip("\r\n"))


_NUL, _BYTES, _LONG = "a NUL byte", "bytes that are not text in the encoding of the file", "a line above 16 MB"
_IN_PLACE = (_NUL, _BYTES, _LONG)  # the row is where it seems to be


def _fault(row: Sequence[str], taken: Sequence[str], width: int) -> str | None:
    if row and (len(row) < width or any(row[width:])):
        return f"{len(row)} cells instead of {width}"
    for line in taken:
        if "\0" in line:
            return _NUL
        if not line.isascii() and _UNREADABLE.search(line):
            return _BYTES
        if len(line) >= _LINE:
            return _LONG
    return None


def _said(problem: str) -> str:
    return "a cell above 1 MB" if "field limit" in problem else "a quote that does not close, or text behind one"


@contextmanager
def _long_cells() -> Iterator[None]:
    before = csv.field_size_limit(CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def keep(rows: Iterator[list[str] | Bad], columns: Sequence[str], target: Path, source: Path, bad: Quarantine) -> int:
    """Write the rows that can be read to a Parquet file of texts, put the others aside, and count what is kept."""
    schema = pa.schema([(name, pa.string()) for name in columns])
    target.parent.mkdir(parents=True, exist_ok=True)
    kept, size = 0, 0
    batch: list[list[str]] = []
    with pq.ParquetWriter(target, schema) as writer:
        for row in rows:
            if isinstance(row, Bad):
                bad.add(source, row)
                continue
            batch.append(row)
            kept, size = kept + 1, size + sum(map(len, row))
            if len(batch) >= _BATCH_ROWS or size >= _BATCH_CHARACTERS:
                writer.write_table(_table(batch, schema))
                batch, size = [], 0
        if batch:
            writer.write_table(_table(batch, schema))
    return kept


def _table(rows: list[list[str]], schema: pa.Schema) -> pa.Table:
    columns = [pa.array([cell or None for cell in column], pa.string()) for column in zip(*rows, strict=True)]
    return pa.Table.from_arrays(columns, schema=schema)
