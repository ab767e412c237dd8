"""Cells as people fill them in, turned into values; a cell that is none is told, with what would be right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time

import pandas as pd
import pyarrow as pa

from holdfast.errors import DataError, did_you_mean
from holdfast.features.history.convert import coded, convert
from holdfast.features.history.dialect import Dialect, dayfirst_of, decimal_of
from holdfast.features.history.tables import Column, Kind
from holdfast.features.sheets.sheet import SheetColumn, fold

Value = str | float | pd.Timestamp | None
_NOTHING = ("-", "\N{EN DASH}", "\N{EM DASH}", "n/a")
_EXACT = 1e15  # a spreadsheet keeps 15 digits of a number
_EARLIEST, _LATEST = pd.Timestamp("1970-01-01", tz="UTC"), pd.Timestamp("2200-01-01", tz="UTC")
_PARSED: Mapping[str, Kind] = {"number": "number", "date": "time"}


@dataclass(frozen=True)
class Bad:
    """Tell why a cell is no value: what was found, and what would be right."""

    found: str
    expected: str

    def __str__(self) -> str:
        return f"found {self.found}, expected {self.expected}"


def text_of(cell: object) -> str:
    """Give a cell as the text that a person sees, empty when there is none.

    Examples
    --------
    >>> text_of(12.0), text_of(None), text_of(date(2025, 3, 1)), text_of(" a ")
    ('12', '', '2025-03-01', 'a')
    """
    if cell is None or cell is pd.NaT or cell is pd.NA or (isinstance(cell, float) and cell != cell):
        return ""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < _EXACT:
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ")
    return str(cell).strip()


def shown(cell: object) -> str:
    """Quote a cell for a message: at most 40 characters, on one line."""
    text = text_of(cell)
    return repr(text if len(text) <= 40 else f"{text[:39]}…")


def dialect_of(columns: Iterable[tuple[SheetColumn, Sequence[object]]], dialect: Dialect) -> Dialect:
    """Complete a dialect by what the numbers and dates typed as text show."""
    texts: dict[str, list[pa.Array]] = {"number": [], "date": []}
    for column, cells in columns:
        if column.kind in texts:
            texts[column.kind].append(pa.array(_typed(cells), pa.large_string()))
    decimal, number_doubt = decimal_of(texts["number"], dialect.delimiter)
    dayfirst, date_doubt, _ = dayfirst_of(texts["date"], dialect.delimiter)
    doubts = tuple(doubt for doubt in (number_doubt, date_doubt) if doubt)
    return replace(dialect, decimal=decimal, dayfirst=dayfirst, doubts=doubts)


def _typed(cells: Iterable[object]) -> list[str]:
    """Give the distinct texts among cells, in their order."""
    texts = (cell.strip() for cell in cells if isinstance(cell, str))
    return list(dict.fromkeys(text for text in texts if text and text not in _NOTHING))


def read_cells(column: SheetColumn, cells: Sequence[object], dialect: Dialect) -> list[Value | Bad]:
    """Turn the cells of one column into values: text, float, or an instant in UTC; None where there is none.

    Examples
    --------
    >>> from holdfast.features.sheets.sheets import SHEETS
    >>> read_cells(SHEETS["reviews"].column("status"), ["abgesagt", "No-Show", ""], Dialect())
    ['cancelled', 'no_show', None]
    >>> print(read_cells(SHEETS["reviews"].column("status"), ["helt"], Dialect())[0])
    found 'helt', expected one of Held, No show, Cancelled, Scheduled; did you mean 'Held'?
    """
    if column.kind == "text":
        return [_text(cell) for cell in cells]
    if column.kind == "choice":
        words = {text: _choice(column, text) for text in dict.fromkeys(map(text_of, cells))}
        return [words[text_of(cell)] for cell in cells]
    parsed = _parsed(_typed(cells), Column(column.header, _PARSED[column.kind]), dialect)
    return [_measured(column, cell, parsed) for cell in cells]


def _text(cell: object) -> Value | Bad:
    if isinstance(cell, int | float) and not isinstance(cell, bool) and abs(cell) >= _EXACT:
        return Bad(f"{cell:.0f}", "text: a spreadsheet keeps only 15 digits of a number")
    return text_of(cell) or None


def _choice(column: SheetColumn, text: str) -> Value | Bad:
    if not text:
        return None
    word = column.meaning.get(fold(text))
    if word is not None:
        return word
    ways = {way.casefold(): one.shown for one in column.words for way in (one.value, one.shown, *one.also)}
    near = did_you_mean(text.casefold(), ways)
    hint = next((f"; did you mean {ways[way]!r}?" for way in ways if near == f"did you mean {way!r}?"), "")
    return Bad(shown(text), f"one of {', '.join(column.shown)}{hint}")


def _measured(column: SheetColumn, cell: object, parsed: Mapping[str, Value | Bad]) -> Value | Bad:
    """Read a number or a date: as the spreadsheet holds it, or as it was typed as text."""
    text = text_of(cell)
    if not text or text in _NOTHING:
        return None
    if isinstance(cell, str):
        return parsed[text]
    return _number(cell) if column.kind == "number" else _date(cell)


def _number(cell: object) -> Value | Bad:
    if isinstance(cell, bool) or not isinstance(cell, int | float) or abs(cell) == float("inf"):
        return Bad(shown(cell), "a number")
    return float(cell) + 0.0


def _date(cell: object) -> Value | Bad:
    if not isinstance(cell, date):
        return Bad(text_of(cell), "a date; give the cell a date format")
    stamp = pd.Timestamp(cell)
    stamp = stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")
    if not _EARLIEST <= stamp < _LATEST:
        return Bad(shown(cell), "a date from 1970 to 2199")
    return stamp.as_unit("us")


def _parsed(texts: list[str], column: Column, dialect: Dialect) -> dict[str, Value | Bad]:
    """Read distinct texts all at once, and by halves when that fails, until those that cannot be read are alone."""
    if not texts:
        return {}
    try:
        values = convert(coded(pa.chunked_array([pa.array(texts, pa.large_string())]), column), column, "", dialect)
    except DataError as problem:
        if len(texts) == 1:
            return {texts[0]: Bad(shown(texts[0]), problem.expected)}
        half = len(texts) // 2
        return _parsed(texts[:half], column, dialect) | _parsed(texts[half:], column, dialect)
    pairs = zip(texts, values.series, values.series.isna(), strict=True)
    span = "a finite number" if column.kind == "number" else "a date from 1970 to 2199"
    return {text: Bad(shown(text), span) if lost else value for text, value, lost in pairs}
