"""Fetching one table: what is selected, read in chunks, freed of what was read before, and written as parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from holdfast.errors import UsageError
from holdfast.features.database.choosing import reflected, refuse_drift
from holdfast.features.database.fetched import Landed, Part, folder_of, sound
from holdfast.features.database.rereads import Rereads
from holdfast.features.database.sqltypes import ARROW, Carried, Misfit, carried
from holdfast.features.database.watermarks import Boundary, boundary, latest, named, recognise
from holdfast.findings import Finding
from holdfast.safely import flush, publishing, sha256_of

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select, Table

FETCHED_AT = "_fetched_at"
_STAMP = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class Order:
    """What is to be fetched, and how.

    Attributes
    ----------
    folder, stage
        Where parts that count lie, and where those that do not yet count are written.
    at
        The instant of the fetch.
    """

    where: str
    folder: Path
    stage: Path
    at: datetime
    schema: str | None
    lag: timedelta
    chunk_rows: int


@dataclass(frozen=True)
class Taken:
    """One table as it was fetched: what is known of it now, the new parts, and what was noticed."""

    landed: Landed
    rows: int
    ground: str
    staged: tuple[Path, ...] = ()
    findings: tuple[Finding, ...] = ()


class Passed(Exception):  # it says what is the case, and never leaves this package
    """A table that is passed over, with the finding that tells why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


@dataclass
class _Reading:
    """One attempt at a table, with the columns that are carried as text or left out because their values ask for it."""

    order: Order
    table: Table
    backend: str
    before: Landed | None
    wish: str | None
    as_text: set[str] = field(default_factory=set)
    left: dict[str, str] = field(default_factory=dict)

    @property
    def where(self) -> str:
        return f"{self.order.where}, table {self.table.name}"

    @property
    def stage(self) -> Path:
        return self.order.stage / folder_of(self.order.schema, self.table.name)

    def columns(self) -> list[Carried]:
        """List the columns that are carried."""
        known = self.before.columns if self.before else {}
        found = []
        for column in self.table.columns:
            if column.name.lower() == FETCHED_AT:
                self.left[column.name] = "the name is taken by the instant of the fetch"
            if column.name in self.left:
                continue
            text = column.name in self.as_text or known.get(column.name) == "string"
            one = carried(column, self.backend, as_text=text)
            if one is None:
                self.left[column.name] = f"its type {column.type!r} cannot be carried"
            else:
                found.append(one)
        return found

    def mark(self, columns: Sequence[Carried]) -> tuple[Carried | None, str]:
        """Choose the watermark, and say on what ground."""
        before = self.before.watermark if self.before else None
        if self.wish:
            return named(self.wish, columns, self.where), f"{self.wish} was named as its watermark"
        if before and self.wish == "":
            do = "fetch it whole into a new folder, for here its versions would be lost"
            raise UsageError(self.where, f"a table fetched by {before}", "the wish to fetch it whole", do)
        if before:
            return named(before, columns, self.where), f"{before} was its watermark before"
        found = recognise(columns) if self.before is None and self.wish is None else None
        if found:
            return found, f"{found.name} dates the last change of a row, by its name"
        return None, "read whole: it has no column known to date changes, or none was wished for"

    def since(self, mark: Carried | None) -> Boundary | None:
        """Tell from where on rows are read; None for all of them."""
        before = self.before
        if mark is None or before is None or before.until is None or before.watermark != mark.name:
            return None
        return boundary(mark, before.until, self.order.lag, self.backend)

    def take(self, connection: Connection) -> Taken:
        """Read the table once."""
        columns = self.columns()
        if not columns:
            raise Passed(
                Finding("HF064", self.where, len(self.left), "the table is left out: no column can be carried")
            )
        types = {one.name: str(ARROW[one.kind]) for one in columns}
        if self.before:
            refuse_drift(self.where, self.before, types)
        mark, ground = self.mark(columns)
        since = self.since(mark)
        kept = self.before.parts if self.before and self.before.watermark else ()
        rereads = self._rereads(columns, since) if kept else None
        until = self.before.until if self.before and since else None
        first = max((int(Path(part.file).stem) for part in (self.before.parts if self.before else ())), default=0) + 1
        parts: list[Part] = []
        rows = 0
        for chunk in self._chunks(connection, columns, since):
            if mark is not None:
                until = latest(until, chunk[mark.name], mark, self.order.at)
            fresh = rereads.fresh(chunk) if rereads else chunk
            if len(fresh) or not (kept or parts):
                rows += len(fresh)
                parts.append(self._write(fresh, first + len(parts)))
        landed = Landed(
            schema=self.order.schema,
            name=self.table.name,
            watermark=mark.name if mark else None,
            until=until,
            columns=types,
            fetched_at=self.order.at.isoformat(),
            parts=(*kept, *parts),
        )
        staged = tuple(self.stage / part.file for part in parts)
        return Taken(landed, rows, ground, staged, tuple(self._noticed(landed, columns)))

    def _rereads(self, columns: Sequence[Carried], since: Boundary | None) -> Rereads:
        """Take in what was fetched before of the rows that are read again."""
        names = [one.name for one in columns]
        key = [column.name for column in self.table.primary_key]
        rereads = Rereads(names, key if set(key) <= set(names) else [])
        if self.before:
            wanted = since.among() if since else None
            for path in sound(self.order.folder / self.stage.name, self.before):
                rereads.remember(pq.read_table(path, filters=wanted, partitioning=None))
        return rereads

    def _chunks(self, connection: Connection, columns: Sequence[Carried], since: Boundary | None) -> Iterator[pa.Table]:
        """Read rows in bounded memory, the first chunk even when there is none."""
        from sqlalchemy.exc import DataError

        schema = pa.schema([(one.name, ARROW[one.kind]) for one in columns])
        options = {"stream_results": True, "yield_per": self.order.chunk_rows}
        first = True
        try:
            with connection.execute(self._statement(columns, since), execution_options=options) as result:
                for rows in result.partitions():
                    first = False
                    arrays = [one.array(values) for one, values in zip(columns, zip(*rows, strict=True), strict=True)]
                    yield pa.Table.from_arrays(arrays, schema=schema)
        except DataError:
            times = [one.name for one in columns if one.kind in ("zoned", "naive", "day")]
            if not times:
                raise
        else:
            if first:
                yield schema.empty_table()
            return
        raise Misfit(times)  # PostgreSQL has infinite times, and years that Python does not know

    def _statement(self, columns: Sequence[Carried], since: Boundary | None) -> Select[Any]:
        import sqlalchemy as sa

        statement = sa.select(*(one.read.label(f"c{i}") for i, one in enumerate(columns))).select_from(self.table)
        if since is not None:
            statement = statement.where(since.condition(self.backend))
        return statement.order_by(*self.table.primary_key)

    def _write(self, rows: pa.Table, number: int) -> Part:
        path = self.stage / f"{number:04d}.parquet"
        stamp = pa.repeat(pa.scalar(self.order.at, _STAMP), len(rows))
        with publishing(path):
            path.parent.mkdir(exist_ok=True)
            pq.write_table(rows.append_column(FETCHED_AT, stamp), path, compression="zstd")
            flush(path)
            return Part(file=path.name, rows=len(rows), sha256=sha256_of(path))

    def _noticed(self, landed: Landed, columns: Sequence[Carried]) -> Iterator[Finding]:
        for name, why in self.left.items():
            yield Finding("HF064", self.where, 1, f"column {name} is left out: {why}")
        for name in sorted(self.as_text & {one.name for one in columns}):
            yield Finding("HF064", self.where, 1, f"column {name} is carried as text: not all its values have its type")
        if not landed.rows:
            yield Finding("HF065", self.where, 0, "the table has no rows")

    def misfit(self, names: Sequence[str]) -> None:
        """Carry columns as text from now on; what text cannot hold either is left out."""
        for name in names:
            if name in self.as_text:
                self.left[name] = "it holds values that are neither of its type nor text"
            self.as_text.add(name)


def take(connection: Connection, order: Order, name: str, before: Landed | None, wish: str | None) -> Taken:
    """Fetch one table into staged parts.

    Raises
    ------
    DataError
        When columns are gone or of another type than at the last fetch, or a part was damaged.
    UsageError
        When the watermark that was named cannot be one.
    Passed
        When no column of it can be carried.
    """
    reading = _Reading(order, reflected(connection, name, order.schema), connection.dialect.name, before, wish)
    while True:
        try:
            # a refused table must not end the transaction of the others; SQLite refuses none
            with nullcontext() if reading.backend == "sqlite" else connection.begin_nested():
                return reading.take(connection)
        except Misfit as problem:
            reading.misfit(problem.columns)
