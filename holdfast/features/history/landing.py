"""One table as it lands: delivered columns in canonical types, and every default that a row can be given by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.errors import DataError, did_you_mean
from holdfast.features.history.convert import ZONED, Coded, Raw, coded, convert
from holdfast.features.history.defaults import (
    DIGEST,
    FLAGS,
    LOST,
    OUTSIDE,
    blank_undated,
    date_rows,
    fill,
    mark_not_supplied,
)
from holdfast.features.history.dialect import Dialect, dayfirst_of, decimal_of
from holdfast.features.history.money import Rates
from holdfast.features.history.tables import SOURCE_ID, Table
from holdfast.findings import Finding

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Delivery:
    """One table as delivered.

    Attributes
    ----------
    where
        The file, for messages.
    columns
        By name, of any Arrow type.
    dialect
        What was sniffed or stated so far; a frame or a Parquet file counts as plain.
    stated
        What the caller states about the dialect.
    supplied
        The columns the source had really delivered, when an earlier History wrote this file; else None.
    """

    table: Table
    where: str
    columns: Mapping[str, pa.ChunkedArray]
    dialect: Dialect = field(default_factory=Dialect)
    stated: Mapping[str, object] = field(default_factory=dict)
    supplied: frozenset[str] | None = None

    @property
    def file(self) -> str:
        """The file without its folder, for findings, which stay the same wherever the folder lies."""
        return Path(self.where).name


@dataclass(frozen=True)
class Seen:
    """What the texts of some rows show by themselves.

    Attributes
    ----------
    decimal, dayfirst
        The decimal mark and the order of day and month; None when nothing tells.
    doubts
        What the numbers and what the dates leave open, in words.
    zoned, naive
        The columns that hold times with a zone, and times without.
    """

    decimal: str | None = None
    dayfirst: bool | None = None
    doubts: tuple[str | None, str | None] = (None, None)
    zoned: frozenset[str] = frozenset()
    naive: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Landed:
    """The rows of one table before they meet each other.

    Attributes
    ----------
    frame
        Canonical columns, and two or three of bookkeeping: `FLAGS` (what befell a row, as bits), `BASIS` (position in
        `BASES`) and, where it cannot be told later, `DIGEST` (a hash of what identifies the content of a row).
    findings
        What concerns the file and not single rows.
    seen
        What its texts show.
    """

    table: Table
    frame: pd.DataFrame
    dialect: Dialect
    findings: tuple[Finding, ...]
    seen: Seen = field(default_factory=Seen)


def land(delivery: Delivery, rates: Rates | None = None) -> Landed:
    """Convert one delivered table and give each row the defaults that need no other row.

    Parameters
    ----------
    rates
        What amounts are converted by; none: they are kept as delivered.

    Raises
    ------
    DataError
        When a required column is absent, a value does not convert, or an amount has no rate.
    """
    table, delivery = delivery.table, _named(delivery)
    frame, lost, dialect, seen = _converted(delivery)
    if rates is not None:
        rates.exchange(table, frame, delivery.where)
    flags = np.zeros(len(frame), dtype=np.uint16)
    for name, rows in lost.items():
        flags[rows] |= LOST | OUTSIDE if name in dating(table) else LOST
    date_rows(table, frame, flags)
    blank_undated(table, frame, flags)
    fill(table, frame, flags)
    if delivery.supplied is not None:
        mark_not_supplied(table, delivery.supplied, frame, flags)
    frame, flags, dateless = _dated(table, frame, flags)
    frame[FLAGS] = flags
    if table.name == "accounts" and DIGEST not in frame:  # what dates an account later is no part of its identity
        frame[DIGEST] = digest(frame, identity(table, frame))
    findings = [_unread(delivery), *dateless]
    if not dialect.plain:
        findings.append(Finding("HF003", delivery.file, 1, str(dialect)))
    return Landed(table, frame, dialect, tuple(f for f in findings if f is not None), seen)


def _named(delivery: Delivery) -> Delivery:
    """Trim and lower the column names, and refuse a table without what it cannot do without."""
    names = [str(name).strip().lower() for name in delivery.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(delivery.where, "each column once", f"{', '.join(twice)} twice", "remove or rename one of them")
    columns = dict(zip(names, delivery.columns.values(), strict=True))
    missing = [name for name in delivery.table.required if name not in columns]
    if delivery.table.name == "churn" and not {"notice_at", "ended_at"} & set(columns):
        missing.append("notice_at or ended_at")
    if missing:
        spare = [name for name in columns if name not in delivery.table.columns]
        hints = "; ".join(f"for {name} {did_you_mean(name, spare or columns)}" for name in missing)
        found = f"no {', '.join(missing)}"
        raise DataError(
            delivery.where, f"the columns {', '.join(delivery.table.required)}", found, f"add or rename: {hints}"
        )
    return replace(delivery, columns=columns)


def _unread(delivery: Delivery) -> Finding | None:
    extra = [name for name in delivery.columns if name not in delivery.table.columns]
    if not extra:
        return None
    return Finding("HF009", delivery.file, len(extra), "columns left unread: " + ", ".join(map(repr, extra[:20])))


def _sniffed(delivery: Delivery, raw: Mapping[str, Raw]) -> tuple[Dialect, Seen]:
    """Complete the dialect by what the values themselves show."""
    delimiter, kinds = delivery.dialect.delimiter, delivery.table.columns
    texts = {name: values for name, values in raw.items() if isinstance(values, Coded)}
    numbers = [values.distinct for name, values in texts.items() if kinds[name].kind == "number"]
    dates = [values.distinct for name, values in texts.items() if kinds[name].kind == "time"]
    decimal, number_doubt = decimal_of(numbers, delimiter)
    telling = any(pc.any(pc.match_substring_regex(one, "[.,]")).as_py() for one in numbers)
    dayfirst, date_doubt, contradiction = dayfirst_of(dates, delimiter)
    if contradiction is not None and "dayfirst" not in delivery.stated:
        raise _two_orders(delivery, texts, contradiction)
    zoned, naive = _zones({name: values for name, values in raw.items() if kinds[name].kind == "time"})
    seen = Seen(decimal if telling else None, dayfirst, (number_doubt, date_doubt), zoned, naive)
    if "decimal" in delivery.stated:
        decimal, number_doubt = str(delivery.stated["decimal"]), None
    if "dayfirst" in delivery.stated and dayfirst is not None:
        dayfirst, date_doubt = bool(delivery.stated["dayfirst"]), None
    doubts = tuple(doubt for doubt in (number_doubt, date_doubt) if doubt)
    return replace(delivery.dialect, decimal=decimal, dayfirst=dayfirst, doubts=doubts), seen


def _zones(times: Mapping[str, Raw]) -> tuple[frozenset[str], frozenset[str]]:
    """Tell which columns hold times written with a zone, and which without."""
    zoned, naive = set(), set()
    for name, values in times.items():
        if isinstance(values, Coded):
            of_day = pc.match_substring(values.distinct, ":")
            with_zone = pc.match_substring_regex(values.distinct, ZONED)
            zoned |= {name} if pc.any(with_zone).as_py() else set()
            naive |= {name} if pc.any(pc.and_not(of_day, with_zone)).as_py() else set()
        elif getattr(values.type, "tz", None) is None:
            naive.add(name)
    return frozenset(zoned), frozenset(naive)


def _two_orders(delivery: Delivery, texts: Mapping[str, Coded], value: str) -> DataError:
    times = [name for name in texts if delivery.table.columns[name].kind == "time"]
    name = next(name for name in times if value in texts[name].distinct.to_pylist())
    row, _ = texts[name].first(_equal(texts[name], value))
    found = f"{value!r}, while other dates of the file have the day first"
    where = f"{delivery.where}, column {name}, row {row + 1}"
    return DataError(where, "one order of day and month", found, "write dates as 2025-12-31")


def _equal(texts: Coded, value: str) -> NDArray[np.bool_]:
    return np.array([text == value for text in texts.distinct.to_pylist()], dtype=bool)


def _converted(delivery: Delivery) -> tuple[pd.DataFrame, dict[str, NDArray[np.bool_]], Dialect, Seen]:
    known = {name: column for name, column in delivery.table.columns.items() if name in delivery.columns}
    raw = {name: coded(delivery.columns[name], column) for name, column in known.items()}
    dialect, seen = _sniffed(delivery, raw)
    lost, series = {}, {}
    for name, column in known.items():
        values = convert(raw.pop(name), column, delivery.where, dialect)
        series[name] = values.series
        if values.lost is not None:
            lost[name] = values.lost
    return pd.DataFrame(series, copy=False), lost, dialect, seen


def _dated(
    table: Table, frame: pd.DataFrame, flags: NDArray[np.uint16]
) -> tuple[pd.DataFrame, NDArray[np.uint16], list[Finding]]:
    """Leave out what has no date; an account may still get one from its first record."""
    if table.name == "accounts" or not frame["known_at"].isna().any():
        return frame, flags, []
    dated, findings = frame["known_at"].notna().to_numpy(), []
    outside = int((~dated & ((flags & OUTSIDE) > 0)).sum())
    if dateless := int((~dated).sum()) - outside:
        message = f"{dateless} of {len(frame)} rows have no date at all"
        findings.append(Finding("HF005", table.name, dateless, message))
    if outside:
        findings.append(told_outside(table.name, outside, len(frame)))
    return frame[dated].reset_index(drop=True), flags[dated], findings


def dating(table: Table) -> frozenset[str]:
    """Name the columns that can date a row."""
    return frozenset({table.time, "known_at"} | ({"ended_at"} if table.name == "churn" else set()))


def told_outside(name: str, count: int, rows: int) -> Finding:
    """Tell of rows left out because of the years in which they are dated."""
    message = f"{count} of {rows} rows are dated outside 1970 to 2199 and were left out"
    return Finding("HF007", name, count, message)


def identity(table: Table, frame: pd.DataFrame) -> list[str]:
    """Name the columns that tell one row from another."""
    own = {name for name, column in table.columns.items() if column.default == SOURCE_ID} | {SOURCE_ID}
    return [name for name in table.columns if name in frame and name not in table.late | own]


def digest(frame: pd.DataFrame, names: list[str]) -> NDArray[np.uint64]:
    """Hash each row over some columns; a missing value hashes like an absent column.

    Examples
    --------
    >>> one, two = digest(pd.DataFrame({"a": [1.0, 1.0], "b": [None, "x"]}), ["a", "b"])
    >>> bool(one == digest(pd.DataFrame({"a": [1.0]}), ["a"])[0]), bool(one == two)
    (True, False)
    """
    total = np.zeros(len(frame), dtype=np.uint64)
    for name in names:
        salt = pd.util.hash_array(np.array([name], dtype=object), categorize=False)[0]
        cells = pd.util.hash_pandas_object(frame[name], index=False).to_numpy()
        mixed = (cells ^ salt) * np.uint64(0x9E3779B97F4A7C15)
        total += np.where(frame[name].isna().to_numpy(), np.uint64(0), mixed ^ (mixed >> np.uint64(32)))
    return total
