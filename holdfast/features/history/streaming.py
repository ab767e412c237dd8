"""Files larger than memory, landed batch by batch as if they had been read at once.

How a text file is written is settled by the first rows that tell, and stated for all later ones; a row that contradicts
it is refused.
"""

from __future__ import annotations

import codecs
import gzip
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from holdfast.errors import DataError
from holdfast.features.history.convert import as_text, inexact
from holdfast.features.history.dialect import Dialect, encoding_of, stated
from holdfast.features.history.ingest import (
    HEAD,
    csv_options,
    head_of,
    no_rows,
    once,
    read_table,
    readable,
    said,
    supplied_in,
    telling_rows,
)
from holdfast.features.history.landing import Delivery, Landed, Seen, land, told_outside
from holdfast.features.history.money import Rates
from holdfast.features.history.tables import TABLES
from holdfast.features.sentiment.step import without_text
from holdfast.findings import Finding

BATCH_ROWS = 1 << 19
WHOLE_BYTES = 1 << 25  # a text file up to this size is read at once
_BLOCK = 1 << 24


class Stream:
    """Land one table in batches, and tell afterwards what the file as a whole showed.

    Attributes
    ----------
    rows, dateless
        Rows delivered, and those among them that have no date at all.
    outside
        Those among them that are dated outside the years that count.
    findings
        What concerns the file and not single rows.
    dialect
        How the file is written.
    """

    def __init__(
        self, name: str, path: Path, override: Mapping[str, object] | None = None, rates: Rates | None = None
    ) -> None:
        self.name, self.path, self._override, self._rates = name, path, stated(f"dialect of {name}", override), rates
        self.rows = self.dateless = self.outside = self.unheard = 0
        self.findings: tuple[Finding, ...] = ()
        self.dialect = Dialect()
        self._seen = Seen()

    def account_ids(self) -> Counter[str]:
        """Count the rows of each account, without looking at anything else."""
        counts: Counter[str] = Counter()
        with readable(self.path):
            for delivery in self._deliveries("account_id"):
                column = next((c for n, c in delivery.columns.items() if n.strip().lower() == "account_id"), None)
                if column is not None:
                    found = pc.value_counts(pc.drop_null(as_text(column)))
                    counts.update(dict(zip(found.field(0).to_pylist(), found.field(1).to_pylist(), strict=True)))
        return counts

    def landed(self) -> Iterator[Landed]:
        """Give the rows, batch by batch."""
        with readable(self.path):
            for delivery in self._deliveries():
                rows = len(next(iter(delivery.columns.values()), ()))
                if rows:
                    yield self._land(delivery, rows)
        if not self.rows:
            raise no_rows(self.path)

    def _land(self, delivery: Delivery, rows: int) -> Landed:
        with _counting_from(self.rows, self.dialect):
            landed, unheard = without_text(land(replace(delivery, stated=self._settled()), self._rates))
            self._settle(landed.seen)
        self.unheard += unheard
        self.rows += rows
        self.dateless += sum(one.count for one in landed.findings if one.code == "HF005")
        self.outside += sum(one.count for one in landed.findings if one.code == "HF007")
        number, date = self._seen.doubts
        self.dialect = replace(
            delivery.dialect,
            decimal=str(self._settled().get("decimal", landed.dialect.decimal)),
            dayfirst=self._seen.dayfirst,
            doubts=tuple(doubt for doubt in (number, date) if doubt),
        )
        unread = [one for one in landed.findings if one.code == "HF009"]
        sniffed = [] if self.dialect.plain else [Finding("HF003", delivery.file, 1, str(self.dialect))]
        outside = [told_outside(self.name, self.outside, self.rows)] if self.outside else []
        told = f"{self.unheard} of {self.rows} rows have a text and no sentiment: in a store it is not read from texts"
        silent = [Finding("HF069", self.name, self.unheard, told)] if self.unheard else []
        self.findings = (*unread, *sniffed, *outside, *silent)
        return replace(landed, dialect=self.dialect)

    def _settled(self) -> dict[str, object]:
        told = {"decimal": self._seen.decimal, "dayfirst": self._seen.dayfirst}
        return {name: value for name, value in told.items() if value is not None} | dict(self._override)

    def _settle(self, seen: Seen) -> None:
        """Add what a batch shows to what the file showed so far."""
        before = self._seen
        mixed = sorted((before.zoned | seen.zoned) & (before.naive | seen.naive))
        if mixed:
            where = f"{self.path}, column {mixed[0]}"
            found = "times with a zone and, elsewhere in the file, times without one"
            raise DataError(where, "times that all carry a zone, or none", found, "add the zone to every time")
        decimal, number = _evidence(before.decimal, before.doubts[0], seen.decimal, seen.doubts[0])
        dayfirst, date = _evidence(before.dayfirst, before.doubts[1], seen.dayfirst, seen.doubts[1])
        if "decimal" in self._override:
            number = None
        if "dayfirst" in self._override and dayfirst is not None:
            dayfirst, date = bool(self._override["dayfirst"]), None
        zoned, naive = before.zoned | seen.zoned, before.naive | seen.naive
        self._seen = Seen(decimal, dayfirst, (number, date), zoned, naive)

    def _deliveries(self, only: str | None = None) -> Iterator[Delivery]:
        if self.path.is_dir() or self.path.name.lower().endswith(".parquet"):
            return _parquet(self.name, self.path, only)
        small = self.path.stat().st_size <= WHOLE_BYTES // (8 if self.path.name.lower().endswith(".gz") else 1)
        if small:
            return iter([read_table(self.name, self.path, self._override)])
        return _csv(self.name, self.path, self._override, only)


def _evidence(before: Any, doubt: str | None, now: Any, new_doubt: str | None) -> tuple[Any, str | None]:
    """Keep what was settled; a doubt ends with the first batch that leaves none."""
    if before is None:
        return now, new_doubt
    return before, None if now is not None and new_doubt is None else doubt


@contextmanager
def _counting_from(first: int, dialect: Dialect) -> Iterator[None]:
    """Name the row of the file where a batch names one of its own."""
    try:
        yield
    except DataError as error:
        if not first:
            raise
        where, found = (
            re.sub(r"\brow (\d+)", lambda m: f"row {int(m[1]) + first}", t) for t in (error.where, error.found)
        )
        do = f"{error.do}; earlier rows were read with {dialect}: state the dialect if that is wrong"
        raise DataError(where, error.expected, found, do) from error


def _parquet(name: str, path: Path, only: str | None) -> Iterator[Delivery]:
    parts = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not parts:
        raise DataError(str(path), "Parquet files", "none", "remove the folder or put the parts into it")
    schemas = [pa.parquet.read_schema(part) for part in parts]
    schema = pa.unify_schemas(schemas, promote_options="permissive")
    for one in schemas:
        once(path, one.names)
    texts = _broken_numbers(name, parts, schema)
    supplied = supplied_in(schemas[0])
    known = [
        n
        for n in schema.names
        if (n.strip().lower() in TABLES[name].columns if only is None else n.strip().lower() == only)
    ]
    for file in map(pa.parquet.ParquetFile, parts):
        there = [n for n in known if n in file.schema_arrow.names]
        for batch in _batches(file, there):
            columns = (
                {n: pa.nulls(len(batch), pa.null()) for n in schema.names if n not in known} if only is None else {}
            )
            for n in known:
                kind = schema.field(n).type
                column = batch.column(n) if n in there else pa.nulls(len(batch), kind)
                columns[n] = _written(column) if n in texts else column.cast(kind) if column.type != kind else column
            chunked = {n: pa.chunked_array([columns[n]]) for n in schema.names if n in columns}
            yield Delivery(TABLES[name], str(path), chunked, supplied=supplied)


def _batches(file: pa.parquet.ParquetFile, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Read a file group by group: what one reading of all groups has read, it keeps in memory to its end."""
    for group in range(file.num_row_groups):
        yield from file.iter_batches(BATCH_ROWS, row_groups=[group], columns=columns, use_threads=False)


def _broken_numbers(name: str, parts: list[Path], schema: pa.Schema) -> set[str]:
    """Find text columns delivered as numbers that are not all whole, which then are written as they stand."""
    kinds = TABLES[name].columns
    text = [n for n in schema.names if n.strip().lower() in kinds and kinds[n.strip().lower()].kind == "text"]
    broken, doubtful = set(), set()  # what is doubtful stays as it is, to be refused by its row
    for n in (one for one in text if pa.types.is_floating(schema.field(one).type)):
        for file in (f for f in map(pa.parquet.ParquetFile, parts) if n in f.schema_arrow.names):
            for batch in _batches(file, [n]):
                finite = batch.column(0).filter(pc.is_finite(batch.column(0)))
                if pc.all(pc.equal(finite, pc.round(finite))).as_py() is False:
                    broken.add(n)
                if inexact(batch.column(0)).any():
                    doubtful.add(n)
    return broken - doubtful


def _written(numbers: pa.Array) -> pa.Array:
    numbers = numbers.cast(pa.float64())
    return pc.if_else(pc.is_finite(numbers), numbers, None).cast(pa.large_string())


def _csv(name: str, path: Path, override: Mapping[str, object], only: str | None) -> Iterator[Delivery]:
    encoding, quoted, head = _scan(path, said(override, "encoding"))
    dialect, names = head_of(name, head, encoding, override)
    once(path, names)
    held: list[pa.RecordBatch] = []
    with _opened(path) as handle, telling_rows(path) as wrong:
        options = csv_options(dialect, names, quoted, wrong)
        if only is not None:
            options["convert_options"].include_columns = [n for n in names if n.strip().lower() == only]
        for batch in pa.csv.open_csv(handle, **options):
            held.append(batch)
            if sum(map(len, held)) >= BATCH_ROWS:
                yield _delivery(name, path, held, dialect, override)
                held = []
        if held:
            yield _delivery(name, path, held, dialect, override)


def _delivery(
    name: str, path: Path, held: list[pa.RecordBatch], dialect: Dialect, override: Mapping[str, object]
) -> Delivery:
    table = pa.Table.from_batches(held)
    return Delivery(
        TABLES[name], str(path), dict(zip(table.column_names, table.columns, strict=True)), dialect, override
    )


def _opened(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path)) if path.name.lower().endswith(".gz") else path.open("rb")


def _scan(path: Path, encoding: str | None) -> tuple[str, bool, bytes]:
    """Find the encoding of a file, whether any cell is quoted, and its first lines."""
    tried = ["utf-8", "cp1252"] if encoding is None else [encoding]
    decoders = {one: codecs.getincrementaldecoder(one)() for one in tried}
    head, quoted, lines = b"", False, 0
    with _opened(path) as handle:
        while block := handle.read(_BLOCK):
            head = head or block[:HEAD]
            quoted = quoted or b'"' in block
            _read_on(decoders, block, encoding is None, f"{path}, after line {lines}")
            lines += block.count(b"\n")
    _read_on(decoders, b"", False, f"{path}, line {lines}", final=True)
    found = next(iter(decoders))
    marked = encoding is None and found == "utf-8" and head.startswith(codecs.BOM_UTF8)
    return ("utf-8-sig" if marked else found), quoted, head


def _read_on(
    decoders: dict[str, codecs.IncrementalDecoder], block: bytes, sniffing: bool, where: str, final: bool = False
) -> None:
    """Strike the encodings under which a block cannot be read; refuse the file when none is left."""
    if sniffing and b"\0" in block:
        encoding_of(block, where)
    for name, decoder in list(decoders.items()):
        try:
            decoder.decode(block, final)
        except UnicodeDecodeError as error:
            del decoders[name]
            if not decoders:
                byte = f"byte {error.object[error.start]:#04x}"
                raise DataError(where, f"text in {name}", byte, "save it as UTF-8, or state its encoding") from error
