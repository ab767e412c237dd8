"""History: the canonical tables of a company, with two clocks, readable only through a cutoff."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from holdfast.errors import DataError, UsageError, did_you_mean
from holdfast.features.history.assembly import arrivals, assemble, happened, records_of
from holdfast.features.history.defaults import BASIS
from holdfast.features.history.ingest import Dialects, deliveries_of, read_folder
from holdfast.features.history.landing import Delivery, Landed, land
from holdfast.features.history.noticed import noticed, supplied
from holdfast.features.history.records import Records
from holdfast.features.history.storing import canonical, fingerprint, write_tables
from holdfast.features.history.tables import ACTIVITY_TABLES, BASES, Table
from holdfast.features.history.view import View, blank_later, view_of
from holdfast.features.time import instants, micro, to_instant
from holdfast.findings import Finding, findings_frame

Instant = str | date | pd.Timestamp


_STILL_DAYS = 45  # contracts may stand still for so long without a word


class History:
    """Hold the canonical tables of a company.

    Build one with `History.read` or `History.from_frames`. What was known on a day is read through `as_of`, everything
    known later is removed by `until`; `records` is the door of the kernel and of the labels, which keep the time rule
    themselves.

    Attributes
    ----------
    tables
        The canonical tables that are present, sorted.
    accounts
        The account ids, sorted.
    start
        The first event of any activity table, else the first ``valid_from``.
    end
        The data end: the argument `end`, else the watermark of ``subscriptions``, else that of the activity tables.
    stated_end
        The argument `end`, none when the data tell it themselves.
    now
        `end` floored to 00:00 UTC: the default day of scoring.
    findings
        What was noticed on the way in.
    dialects
        How each text file was written, as sniffed or stated.
    """

    def __init__(
        self,
        landed: Mapping[str, Landed],
        end: pd.Timestamp | None = None,
        clock: pd.Timestamp | None = None,
        notes: tuple[Finding, ...] = (),
    ) -> None:
        _require(landed, "the tables")
        built = assemble({name: one.frame for name, one in landed.items()}, clock)
        kept = {name: replace(landed[name], frame=frame) for name, frame in sorted(built.kept.items())}
        self._landed = {name: one for name, one in kept.items() if len(one.frame)}
        self._emptied = {name: one for name, one in kept.items() if not len(one.frame)}
        self._aside = built.aside
        _require(self._landed, "the tables, once rows without date or account are left out,")
        self.stated_end, self._clock, self._notes = end, clock, notes
        self._records: dict[str, Records] = {}
        self.accounts = built.accounts
        self._arrived = arrivals(self.accounts, self._landed["accounts"].frame)
        self.dialects = {name: one.dialect for name, one in landed.items()}
        delivered = (finding for one in landed.values() for finding in one.findings)
        self.start, self.end = self._start(), end if end is not None else self._data_end()
        found = (*notes, *delivered, *built.findings, *noticed(self._landed), *self._outlasting())
        self.findings = tuple(sorted(found, key=lambda one: (one.code, one.where)))
        self.now = self.end.floor("D")

    @classmethod
    def read(
        cls,
        folder: str | Path,
        *,
        end: Instant | None = None,
        clock: Instant | None = None,
        dialect: Dialects | None = None,
    ) -> History:
        """Read the canonical tables of a folder: ``<table>.csv``, ``.csv.gz``, ``.parquet``, or ``<table>/*.parquet``.

        Parameters
        ----------
        folder
            Holds ``accounts`` and at least one of ``usage, invoices, touchpoints, tickets``; other tables if there are.
        end
            The data end, when the data themselves do not tell it.
        clock
            Rows known later are set aside as dated in the future.
        dialect
            What to know better than the sniffer, by table:
            ``{"usage": {"delimiter": ";", "decimal": ",", "dayfirst": True, "encoding": "cp1252"}}``.

        Raises
        ------
        DataError
            When the folder, a file, a column or a value cannot be read as what it should be.
        """
        deliveries, notes = read_folder(folder, dialect)
        _require({one.table.name: one for one in deliveries}, str(folder))
        return cls._of(deliveries, end, clock, tuple(notes))

    @classmethod
    def from_frames(
        cls, frames: Mapping[str, pd.DataFrame], *, end: Instant | None = None, clock: Instant | None = None
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
        return cls._of(deliveries_of(frames), end, clock, ())

    @classmethod
    def _of(
        cls, deliveries: list[Delivery], end: Instant | None, clock: Instant | None, notes: tuple[Finding, ...]
    ) -> History:
        landed = {one.table.name: land(one) for one in deliveries}
        last, today = (None if at is None else to_instant(at) for at in (end, clock))
        return cls(landed, last, today, notes)

    @property
    def tables(self) -> tuple[str, ...]:
        """The canonical tables that are present, sorted."""
        return tuple(self._landed)

    def __contains__(self, table: object) -> bool:
        return table in self._landed

    def _rows(self, table: str) -> tuple[Table, pd.DataFrame]:
        if table not in self._landed:
            raise UsageError("History", "a table of this history", repr(table), did_you_mean(table, self.tables))
        return self._landed[table].table, self._landed[table].frame

    def supplied(self, table: str) -> frozenset[str]:
        """Give the canonical columns that the source really delivered; a default does not count."""
        return supplied(*self._rows(table))

    def watermark(self, table: str) -> pd.Timestamp:
        """Give the last instant at which something of a table became known, rows dated in the future set aside."""
        known: pd.Timestamp = self._rows(table)[1]["known_at"].max()
        return known

    def buckets(self) -> Iterator[History]:
        """Yield the accounts in buckets that fit into memory: here all at once."""
        yield self

    def records(self, table: str, columns: Iterable[str] | None = None) -> Records:
        """Give all rows of a table in the order of time, known and superseded when.

        This is the door of the kernel and of the labels, which keep the time rule themselves; to look at a table, use
        `as_of`.
        """
        if table not in self._records:
            self._records[table] = records_of(*self._rows(table), self.accounts, self._arrived)
        return self._records[table] if columns is None else self._records[table].with_columns(columns)

    def as_of(self, instant: Instant) -> View:
        """Show the tables exactly as they were known at an instant; a date alone means 00:00 UTC."""
        stamp = to_instant(instant)
        frames = {}
        for name, one in self._landed.items():
            records = self.records(name)
            frames[name] = view_of(one.table, records.take(records.visible(micro(stamp))), self.accounts, stamp)
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
        for name, one in (self._landed | self._emptied).items():
            frame = pd.concat([one.frame, *self._aside[name]], ignore_index=True) if self._aside[name] else one.frame
            known = (frame["known_at"] <= stamp).to_numpy()
            if known.any():
                frame = frame if known.all() else frame[known].reset_index(drop=True)
                landed[name] = replace(one, frame=blank_later(one.table, frame, stamp))
        _require(landed, f"what was known at {stamp}")
        last = self.stated_end if end is None else to_instant(end)
        return History(landed, None if last is None else min(last, stamp), self._clock, self._notes)

    def fingerprint(self) -> str:
        """Hash the content of all tables: SHA-256, in hex; the order of rows and of files does not matter."""
        return fingerprint(self._canonical())

    def write(self, folder: str | Path) -> None:
        """Write the tables as Parquet, with every header column filled; the same content gives the same bytes.

        Raises
        ------
        UsageError
            When the folder already holds something.
        """
        write_tables(self._canonical(), {name: self.supplied(name) for name in self.tables}, Path(folder))

    def _canonical(self) -> dict[str, pd.DataFrame]:
        return {name: canonical(one.table, one.frame) for name, one in self._landed.items()}

    def report(self) -> pd.DataFrame:
        """Tabulate the findings."""
        return findings_frame(self.findings)

    def _start(self) -> pd.Timestamp:
        active = [happened(*self._rows(name)).min() for name in ACTIVITY_TABLES if name in self]
        return instants(np.array([min(active)]))[0]

    def _data_end(self) -> pd.Timestamp:
        active = max(self.watermark(name) for name in ACTIVITY_TABLES if name in self)
        if "subscriptions" not in self:
            return active
        known, frame = self.watermark("subscriptions"), self._rows("subscriptions")[1]
        assumed = (frame[BASIS] == BASES.index("assumed")).to_numpy()
        if known > active and assumed.any():
            # a contract signed ahead, dated by its start alone, does not tell that the data reach that far
            told = frame["known_at"].mask(assumed & (frame["known_at"] > active).to_numpy(), active)
            known = told.max()
        return known

    def _outlasting(self) -> Iterator[Finding]:
        """Tell where activity goes on long after the data end that the contracts tell."""
        if self.stated_end is None and "subscriptions" in self:
            for name in (one for one in ACTIVITY_TABLES if one in self):
                late = (self.watermark(name) - self.end).days
                if late > _STILL_DAYS:
                    after = f"goes on for {late} days after the last record of subscriptions, {self.end:%Y-%m-%d}"
                    yield Finding("HF020", name, late, after)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{name}</td><td>{len(one.frame):,}</td><td>{one.frame['known_at'].min():%Y-%m-%d}</td>"
            f"<td>{self.watermark(name):%Y-%m-%d}</td></tr>"
            for name, one in self._landed.items()
        )
        head = "<tr><th>table</th><th>rows</th><th>known since</th><th>until</th></tr>"
        told = self.report()[["code", "severity", "where", "message"]].to_html(escape=True, index=False)
        summary = f"<p>{len(self.accounts):,} accounts, {self.start:%Y-%m-%d} to {self.end:%Y-%m-%d}</p>"
        return f"{summary}<table>{head}{rows}</table>{told if self.findings else ''}"


def _require(tables: Mapping[str, object], where: str) -> None:
    if "accounts" in tables and any(name in tables for name in ACTIVITY_TABLES):
        return
    expected = f"accounts and at least one of {', '.join(ACTIVITY_TABLES)}"
    raise DataError(where, expected, ", ".join(sorted(tables)) or "no table", "add what is missing")
