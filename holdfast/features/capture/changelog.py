"""The change log: a folder of captures, of which each adds what has changed and none rewrites what is there.

::

    <folder>/<table>/0000-20250301T060000Z.parquet   all rows of the first day
    <folder>/<table>/0003-20250304T060000Z.parquet   rows of the fourth day that are new, changed or gone
    <folder>/<table>/log.json                        which captures count, with the hash of each file
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pandas as pd
import pyarrow as pa

from holdfast.errors import DataError, UsageError, did_you_mean
from holdfast.features.capture.compare import Comparing, Moves, read
from holdfast.features.capture.drift import BOOKKEEPING, Drift, drift, drifted
from holdfast.features.capture.log import LOG, SCRATCH, Entry, Log, sweep
from holdfast.features.capture.naming import file_of, folder_of, same, table_of
from holdfast.features.capture.spool import DELETED, FROM, Rows, spool
from holdfast.features.capture.writing import write_changes
from holdfast.features.history.history import Instant
from holdfast.features.landed.raw import files_literal
from holdfast.features.time import to_instant
from holdfast.findings import Finding
from holdfast.safely import alone, publishing, remove, sha256_of

_FEWEST = 0.5  # of the rows of the last whole table; fewer are half an extract


@dataclass(frozen=True)
class Captured:
    """What a capture of one table came to.

    Attributes
    ----------
    rows
        Rows delivered.
    added, changed, gone
        Rows that are new or back again, rows with other values, and rows that are there no more.
    fresh
        False when this was captured before, and nothing was done.
    findings
        A column that the source has no more.
    """

    table: str
    at: pd.Timestamp
    rows: int
    added: int
    changed: int
    gone: int
    fresh: bool
    findings: tuple[Finding, ...] = ()


class ChangeLog:
    """Keep the versions of tables that know only their current state, in a folder.

    A row is a version when a value of it differs from the last capture. An empty cell and an absent column are the
    same: a column that appears makes a version of the rows in which it is filled and of no other, and one that
    vanishes makes a version of the rows in which it was. So the rows read as of a capture are exactly those
    delivered then.

    Parameters
    ----------
    folder
        Made by the first capture.

    Examples
    --------
    >>> import tempfile
    >>> log = ChangeLog(Path(tempfile.mkdtemp()))
    >>> for day, plan in (("2025-03-01", "basic"), ("2025-03-02", "pro"), ("2025-03-03", "pro")):
    ...     captured = log.add("customers", pa.table({"id": [1], "plan": [plan]}), ["id"], pd.Timestamp(day))
    >>> captured.changed, log.versions("customers").column("plan").to_pylist(), len(log.captures("customers"))
    (0, ['basic', 'pro'], 3)
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def add(
        self,
        table: str,
        rows: Rows,
        key: Sequence[str],
        at: Instant,
        *,
        complete: bool = True,
        allow_shrink: bool = False,
        ignore: Sequence[str] = BOOKKEEPING,
    ) -> Captured:
        """Capture the state of a table at an instant; what was captured before is done once.

        Parameters
        ----------
        rows
            The whole table as it is, or a part of it.
        key
            The columns that name a row, the same for all captures.
        at
            From when on the state holds; after the captures before, or the same rows as then.
        complete
            Whether rows that are not delivered are gone; False for a partial load.
        allow_shrink
            Whether to take less than half of the rows of the last whole table.
        ignore
            Columns, or patterns of them, whose changes alone make no version.

        Raises
        ------
        UsageError
            When the instant lies before the last capture, or the key is not that of the log.
        DataError
            When there are no rows, far fewer than last time, keys that are empty or repeated, other rows than were
            captured at this instant, or a damaged log. Nothing was written then.
        LockHeld
            When another process captures into the folder.
        PublishError
            When the disk refuses; what was there before is intact.
        """
        home, instant = self.folder / folder_of(table), to_instant(at)
        with alone(self.folder), _scratch(home, table) as (before, scratch):
            log, today = before or Log(table, tuple(key)), scratch / "rows.parquet"
            _same_key(log, key)
            count = spool(rows, today, table, key)
            compared = Comparing(table, tuple(key), tuple(ignore), complete, scratch)
            if log.entries and instant <= log.entries[-1].at:
                moves = compared.moves(today, log.files(home, instant), log.instants)
                return _again(log, instant, count, moves)
            _refuse_shrunk(log, count, complete=complete, allow_shrink=allow_shrink)
            files = log.files(home)
            moves = compared.moves(today, files, log.instants)
            columns = tuple(rows.schema.names)
            now = drift(log.columns, columns, ignore) if log.entries else Drift()
            entry = Entry(instant, count, moves.added, moves.changed, moves.lost, complete, now.appeared, now.vanished)
            after = log.with_entry(_filed(home, log, entry, today, moves, files), columns)
            after.write(home)
        found = tuple(drifted(replace(after, entries=(entry,))))
        return Captured(table, instant, count, moves.added, moves.changed, moves.lost, fresh=True, findings=found)

    def versions(self, table: str) -> pa.Table:
        """Give all versions of the rows of a table, oldest capture first.

        Returns
        -------
        Table
            The columns of the source, those of all captures by name; `_from`, the capture from which on the version
            holds; and `_deleted`, true where the row was there no more, with its values as last seen.
        """
        found = read(self.scan(table), table)
        names = [name for name in found.column_names if name not in (FROM, DELETED)]
        return found.select([*names, FROM, DELETED])

    def paths(self, table: str) -> tuple[Path, ...]:
        """Give the files with the versions of a table, oldest first, each compared with its hash.

        Raises
        ------
        UsageError
            When the table was never captured.
        DataError
            When the log or a file is damaged.
        """
        return tuple(self._log(table).files(self.folder / folder_of(table)).values())

    def scan(self, table: str) -> str:
        """Give what DuckDB reads the versions of a table from; it stands after FROM."""
        return f"read_parquet({files_literal(self.paths(table))}, union_by_name = true, hive_partitioning = false)"

    def since(self, table: str) -> pd.Timestamp | None:
        """Give the instant of the first capture of a table; None when there is none."""
        log = self._read(table)
        return log.entries[0].at if log is not None and log.entries else None

    def captures(self, table: str) -> tuple[Entry, ...]:
        """Give the captures of a table, oldest first.

        Raises
        ------
        UsageError
            When the table was never captured.
        """
        return self._log(table).entries

    def key(self, table: str) -> tuple[str, ...]:
        """Give the columns that name a row of a table."""
        return self._log(table).key

    def columns(self, table: str) -> tuple[str, ...]:
        """Give the columns of a table at its last capture."""
        return self._log(table).columns

    def tables(self) -> tuple[str, ...]:
        """Give the tables that were captured, sorted."""
        names = (table_of(path.name) for path in self.folder.iterdir()) if self.folder.is_dir() else ()
        return tuple(sorted(name for name in names if name is not None and self.since(name) is not None))

    def findings(self) -> list[Finding]:
        """Tell which columns the sources have no more, under HF060."""
        return [found for table in self.tables() for found in drifted(self._log(table))]

    def frame(self) -> pd.DataFrame:
        """Tabulate the captures, one row per table and capture."""
        columns = ["table", "at", "rows", "added", "changed", "gone", "complete", "appeared", "vanished", "bytes"]
        told = [{"table": table, **asdict(one)} for table in self.tables() for one in self.captures(table)]
        for one in told:
            one |= {name: ", ".join(one[name]) for name in ("appeared", "vanished")}
        return pd.DataFrame(told, columns=columns)

    def _repr_html_(self) -> str:
        return str(self.frame().to_html(escape=True, index=False))

    def _read(self, table: str) -> Log | None:
        return Log.read(self.folder / folder_of(table))

    def _log(self, table: str) -> Log:
        log = self._read(table)
        if log is None or not log.entries:
            known = self.tables()
            do = did_you_mean(table, known) if known else "capture it first"
            raise UsageError(str(self.folder), "a table that was captured", repr(table[:80]), do)
        return log


@contextmanager
def _scratch(home: Path, table: str) -> Iterator[tuple[Log | None, Path]]:
    """Give the log of a table and a place for what is passing, and leave nothing of it behind."""
    log = Log.read(home)
    if log is not None and log.table != table:
        raise DataError(str(home / LOG), f"the log of {table!r}", f"that of {log.table!r}", "put it back in its folder")
    sweep(home, log)
    scratch = home / SCRATCH
    try:
        with publishing(home):
            scratch.mkdir(parents=True)
        yield log, scratch
    finally:
        remove(scratch)
        if log is None and home.is_dir() and not any(home.iterdir()):
            home.rmdir()


def _filed(home: Path, log: Log, entry: Entry, today: Path, moves: Moves, files: Mapping[int, Path]) -> Entry:
    """Write the changes of a capture into a file of their own, if there are any; only the log makes it count."""
    if not moves:
        return entry
    path = home / file_of(len(log.entries), entry.at)
    if not log.entries:
        log.write(home)  # a file without any log tells that the log was lost
    write_changes(path, today, moves, files, entry.at, log.table, log.key)
    return replace(entry, bytes=path.stat().st_size, sha256=sha256_of(path))


def _same_key(log: Log, key: Sequence[str]) -> None:
    if not key or list(map(same, log.key)) != list(map(same, key)):
        found = ", ".join(key) or "none"
        expected = (
            f"the key {', '.join(log.key)} of its first capture" if log.entries else "the columns that name a row"
        )
        raise UsageError(f"the key of {log.table}", expected, found, "name the same columns, or use another folder")


def _again(log: Log, at: pd.Timestamp, count: int, moves: Moves) -> Captured:
    """Accept what was captured at this instant before, and nothing else."""
    before = next((one for one in log.entries if one.at == at), None)
    if before is None:
        do = "capture states in the order of time"
        raise UsageError(log.table, f"an instant after the last capture, {log.entries[-1].at}", str(at), do)
    if moves or count != before.rows:
        found = f"{moves.added} rows more, {moves.changed} with other values and {moves.lost} gone, of {count}"
        do = "capture them under the instant at which they were read; what was captured stays as it is"
        raise DataError(log.table, f"the rows that were captured at {at}", found, do)
    return Captured(log.table, at, count, 0, 0, 0, fresh=False)


def _refuse_shrunk(log: Log, count: int, *, complete: bool, allow_shrink: bool) -> None:
    before = next((one.rows for one in reversed(log.entries) if one.complete), 0)
    if complete and not allow_shrink and count < _FEWEST * before:
        do = "deliver the whole table; if it has really shrunk, allow it this once"
        raise DataError(log.table, f"at least half of the {before} rows of the last capture", str(count), do)
