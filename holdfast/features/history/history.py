"""History: the canonical tables of a company, with two clocks, readable only through a cutoff."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from holdfast.features.history.arriving import arrived
from holdfast.features.history.assembly import arrivals, assemble, records_of
from holdfast.features.history.dialect import Dialect
from holdfast.features.history.facts import Reach, limits
from holdfast.features.history.fingerprint import fingerprint
from holdfast.features.history.ingest import Dialects, deliveries_of, is_mapping, read_folder
from holdfast.features.history.landing import Delivery, Landed
from holdfast.features.history.leaving_out import LeftOut
from holdfast.features.history.manifest import MANIFEST
from holdfast.features.history.money import Rates
from holdfast.features.history.outline import Outline, require
from holdfast.features.history.overview import Overview
from holdfast.features.history.records import Records
from holdfast.features.history.storing import canonical, write_tables
from holdfast.features.history.tables import TABLES
from holdfast.features.history.view import View, known_by, view_of
from holdfast.features.sentiment.moods import MOODS, Moods
from holdfast.features.time import micro, to_instant
from holdfast.findings import Finding

if TYPE_CHECKING:
    from holdfast.features.history.stored import StoredHistory

Instant = str | date | pd.Timestamp


class History(Overview):
    """Hold the canonical tables of a company.

    Build one with `History.read` or `History.from_frames`. What was known on a day is read through `as_of`, everything
    known later is removed by `until`; `records` is the door of the kernel and of the labels, which keep the time rule
    themselves.
    """

    def __init__(
        self,
        landed: Mapping[str, Landed],
        end: pd.Timestamp | None = None,
        clock: pd.Timestamp | None = None,
        notes: tuple[Finding, ...] = (),
    ) -> None:
        require(landed, "the tables")
        frames = {name: one.frame for name, one in landed.items()}
        bounds = limits({name: Reach.of(frame["known_at"]) for name, frame in frames.items()}, clock)
        built = assemble(frames, bounds)
        delivered = (finding for one in landed.values() for finding in one.findings)
        self._outline = Outline(built.facts, end, (*notes, *delivered), built.accounts)
        self._landed = {name: replace(landed[name], frame=frame) for name, frame in sorted(built.kept.items())}
        self._aside = built.aside
        self._clock, self._notes = clock, notes
        self._records: dict[str, Records] = {}
        self._accounts = built.accounts
        self._arrived = arrivals(self._accounts, self._landed["accounts"].frame)
        self._dialects = {name: one.dialect for name, one in landed.items()}

    @classmethod
    def read(
        cls,
        folder: str | Path,
        *,
        end: Instant | None = None,
        clock: Instant | None = None,
        dialect: Dialects | None = None,
        strict_clock: bool = False,
        moods: Moods = MOODS,
        left_out: LeftOut | None = None,
        rates: Rates | None = None,
    ) -> History:
        """Read the canonical tables of a folder: ``<table>.csv``, ``.csv.gz``, ``.parquet``, or ``<table>/*.parquet``.

        Parameters
        ----------
        folder
            Holds ``accounts`` and at least one of ``usage, invoices, touchpoints, tickets``; other tables if there are.
            Or a store, see `build`, which is opened; or a mapping file, see ``holdfast map``, which is run when any
            of its files has changed.
        end
            The data end, when the data themselves do not tell it.
        clock
            Rows known later are set aside as dated in the future.
        dialect
            What to know better than the sniffer, by table:
            ``{"usage": {"delimiter": ";", "decimal": ",", "dayfirst": True, "encoding": "cp1252"}}``.
        strict_clock
            Whether to leave out the rows whose ``known_at`` is assumed, and so might have come late unseen.
        moods
            How ``sentiment`` is read from texts where it is not told; the texts themselves are not kept.
        left_out
            Accounts and persons that were erased. A store must hold none of the accounts.
        rates
            What amounts are converted by into one currency; a store was converted when it was built, or not at all.

        Raises
        ------
        DataError
            When the folder, a file, a column or a value cannot be read as what it should be, or the strict clock leaves
            too little.
        """
        if is_mapping(Path(folder)):
            from holdfast.features.mapping.mapped import tables_of

            folder = tables_of(Path(folder), large=not strict_clock, moods=moods, left_out=left_out, rates=rates)
        if (Path(folder) / MANIFEST).is_file():
            return cls.open(folder, end=end, clock=clock, strict_clock=strict_clock)
        deliveries, notes = read_folder(folder, dialect)
        require({one.table.name: one for one in deliveries}, str(folder))
        return cls._of(deliveries, end, clock, tuple(notes), strict_clock, moods, left_out, rates)

    @classmethod
    def from_frames(
        cls,
        frames: Mapping[str, pd.DataFrame],
        *,
        end: Instant | None = None,
        clock: Instant | None = None,
        strict_clock: bool = False,
        moods: Moods = MOODS,
        rates: Rates | None = None,
    ) -> History:
        """Take the canonical tables from frames, by the same rules as from files.

        Examples
        --------
        >>> history = History.from_frames({
        ...     "accounts": pd.DataFrame({"account_id": ["a", "b"]}),
        ...     "usage": pd.DataFrame({"account_id": ["a", "b"], "occurred_at": ["2025-01-01", "2025-02-01"]}),
        ... })
        >>> history.now, len(history.as_of("2025-01-15")["usage"])
        (Timestamp('2025-02-01 00:00:00+0000', tz='UTC'), 1)
        """
        return cls._of(deliveries_of(frames), end, clock, (), strict_clock, moods, rates=rates)

    @classmethod
    def _of(
        cls,
        deliveries: Sequence[Delivery | Landed],
        end: Instant | None,
        clock: Instant | None,
        notes: tuple[Finding, ...],
        strict_clock: bool = False,
        moods: Moods = MOODS,
        left_out: LeftOut | None = None,
        rates: Rates | None = None,
    ) -> History:
        landed, told = arrived(deliveries, rates, left_out, moods, strict_clock=strict_clock)
        last, today = (None if at is None else to_instant(at) for at in (end, clock))
        return cls(landed, last, today, (*notes, *told))

    @classmethod
    def build(
        cls,
        source: str | Path,
        store: str | Path,
        *,
        buckets: int | None = None,
        end: Instant | None = None,
        clock: Instant | None = None,
        dialect: Dialects | None = None,
        strict_clock: bool = False,
        rates: Rates | None = None,
    ) -> StoredHistory:
        """Build a store from a folder of tables that may be larger than memory, and open it.

        Parameters
        ----------
        source
            A folder as for `read`.
        store
            A new or empty folder.
        buckets
            Into how many ranges of accounts to cut it; by default of about 1.5 million rows each.
        end, clock, dialect, strict_clock, rates
            As for `read`.

        Raises
        ------
        UsageError
            When the store's folder is not empty.
        DataError
            When something cannot be read as what it should be; no store is left then.
        LockHeld
            When another process writes to the store.
        """
        from holdfast.features.history import building

        last, today = (None if at is None else to_instant(at) for at in (end, clock))
        building.build(
            Path(source),
            Path(store),
            buckets=buckets,
            end=last,
            clock=today,
            dialect=dialect,
            strict_clock=strict_clock,
            rates=rates,
        )
        return cls.open(store)

    @classmethod
    def open(
        cls, store: str | Path, *, end: Instant | None = None, clock: Instant | None = None, strict_clock: bool = False
    ) -> StoredHistory:
        """Open a store.

        Parameters
        ----------
        end, clock
            As for `read`; by default as the store was built.
        strict_clock
            Whether the store must have been built under the strict clock.

        Raises
        ------
        DataError
            When it is none, or is damaged.
        """
        from holdfast.features.history.stored import StoredHistory

        return StoredHistory.of(store, end, clock, strict_clock)

    @property
    def accounts(self) -> pd.Index:
        """The account ids, sorted."""
        return self._accounts

    @property
    def dialects(self) -> Mapping[str, Dialect]:
        """How each text file was written, as sniffed or stated."""
        return self._dialects

    def _whole(self) -> Outline:
        return self._outline

    def buckets(self) -> Iterator[History]:
        """Yield the accounts in buckets that fit into memory: here all at once."""
        yield self

    @property
    def bucket_numbers(self) -> tuple[int, ...]:
        """The numbers of the buckets that have accounts, in the order of `buckets`."""
        return (0,)

    def bucket(self, number: int) -> History:  # noqa: ARG002 # as a store has it
        """Give one bucket; what is worked out of it is kept as long as it lives."""
        return self

    def records(self, table: str, columns: Iterable[str] | None = None) -> Records:
        """Give all rows of a table in the order of time, known and superseded when.

        This is the door of the kernel and of the labels, which keep the time rule themselves; to look at a table, use
        `as_of`.

        Parameters
        ----------
        columns
            What will be read, as far as it is there; None gives every column.
        """
        if table not in self._records:
            self._whole().of(table)
            self._records[table] = records_of(TABLES[table], self._landed[table].frame, self.accounts, self._arrived)
        return self._records[table] if columns is None else self._records[table].with_columns(columns)

    def as_of(self, instant: Instant, tables: Iterable[str] | None = None) -> View:
        """Show the tables exactly as they were known at an instant; a date alone means 00:00 UTC.

        Parameters
        ----------
        tables
            The only ones to be shown, as far as they are there; by default all.
        """
        stamp = to_instant(instant)
        frames = {}
        for name in self.tables if tables is None else sorted(set(tables).intersection(self.tables)):
            records = self.records(name)
            frames[name] = view_of(TABLES[name], records.take(records.visible(micro(stamp))), self.accounts, stamp)
        return View(stamp, frames)

    def until(self, instant: Instant, *, end: Instant | None = None) -> History:
        """Give the history that would have been read at an instant: whatever became known later is gone.

        Parameters
        ----------
        end
            The data end of that history, when what was known by then does not tell it; never after the instant.

        Raises
        ------
        DataError
            When nothing, or too little, was known by then.
        """
        stamp = to_instant(instant)
        landed = {}
        for name, one in self._landed.items():
            frame = known_by(one.table, [one.frame, *self._aside[name]], stamp)
            if len(frame):
                landed[name] = replace(one, frame=frame)
        require(landed, f"what was known at {stamp}")
        last = self.stated_end if end is None else to_instant(end)
        return History(landed, None if last is None else min(last, stamp), self._clock, self._notes)

    def fingerprint(self) -> str:
        """Hash what can be read of all tables: SHA-256, in hex; the order of rows and of files does not matter."""
        return self._content

    @cached_property
    def _content(self) -> str:
        return fingerprint(self)

    def write(self, folder: str | Path) -> None:
        """Write the tables as Parquet, with every header column filled; the same content gives the same bytes.

        Raises
        ------
        UsageError
            When the folder already holds something.
        """
        write_tables(self._canonical(), {name: self.supplied(name) for name in self.tables}, Path(folder))

    def _canonical(self) -> dict[str, pd.DataFrame]:
        return {name: canonical(TABLES[name], self._landed[name].frame) for name in self.tables}
