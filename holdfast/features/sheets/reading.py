"""Filled sheets as files: a workbook, a folder of CSV files, or one file, read into canonical frames."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from holdfast.errors import DataError
from holdfast.features.history.dialect import Dialect, delimiter_of, encoding_of
from holdfast.features.history.tables import SOURCE_ID, TABLES
from holdfast.features.sheets.binding import recognise
from holdfast.features.sheets.cells import shown, text_of
from holdfast.features.sheets.rows import canonical
from holdfast.features.sheets.sheet import ACCOUNT, NOTED, fold
from holdfast.features.sheets.sheets import HOW_TO, SHEETS
from holdfast.findings import Finding

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

__all__ = ["canonical", "grids", "read_sheets", "recognise"]

_BOOKS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_HEAD = 20  # rows in which a header may stand
_HEADERS = tuple(
    name for sheet in SHEETS.values() for column in sheet.columns for name in (column.header, *column.also)
)


@dataclass(frozen=True)
class Grid:
    """The filled cells of one sheet or file.

    Attributes
    ----------
    where
        The file, and the sheet in it, for messages.
    name
        Of the sheet, or of the file without its ending.
    rows
        By number, each as long as it is.
    """

    where: str
    name: str
    rows: dict[int, list[object]]
    dialect: Dialect = field(default_factory=Dialect)


def read_sheets(path: Path) -> tuple[dict[str, pd.DataFrame], list[Finding]]:
    """Read what customer success managers filled in: a workbook, a CSV file, or a folder of them.

    A sheet is told by its header, else by its name; a header may stand below a title. What belongs to no sheet is left
    unread and told.

    Returns
    -------
    tuple
        Canonical frames by table, for the tables that got rows; and what was noticed.

    Raises
    ------
    DataError
        When a file cannot be read, or a sheet lacks a column that it cannot do without.
    """
    frames: dict[str, list[pd.DataFrame]] = {}
    findings: list[Finding] = []
    for one in _files(path):
        for grid in grids(one, _HEADERS):
            found = _read(grid)
            if isinstance(found, Finding):
                findings.append(found)
                continue
            table, frame, told = found
            frames.setdefault(table, []).append(frame)
            findings += [replace(finding, where=grid.where) for finding in told]
    joined = {table: _joined(table, parts) for table, parts in sorted(frames.items())}
    return {table: frame for table, frame in joined.items() if len(frame)}, findings


def grids(path: Path, headers: Iterable[str]) -> Iterator[Grid]:
    """Yield the sheets of a workbook, or the one of a CSV file, that hold anything.

    Parameters
    ----------
    headers
        Those that may stand in a CSV file, by which its delimiter is told.

    Raises
    ------
    DataError
        When the file cannot be read.
    """
    return _book(path) if path.suffix.lower() in _BOOKS else _csv(path, headers)


def _joined(table: str, parts: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [part for part in parts if len(part)] or parts[:1]
    frame = pd.concat(filled, ignore_index=True)[[n for n in TABLES[table].columns if any(n in one for one in filled)]]
    return frame.sort_values([ACCOUNT, NOTED, SOURCE_ID], kind="stable", ignore_index=True)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        if path.suffix.lower() not in (*_BOOKS, ".csv"):
            raise DataError(
                str(path), "a workbook, a CSV file or a folder", shown(path.name), "save it as .xlsx or .csv"
            )
        return [path]
    visible = (one for one in sorted(path.iterdir()) if not one.name.startswith((".", "~$")))
    files = [one for one in visible if one.is_file() and one.suffix.lower() in (*_BOOKS, ".csv")]
    if not files:
        raise DataError(str(path), "workbooks or CSV files", "none", "name the folder of the filled sheets")
    return files


def _read(grid: Grid) -> tuple[str, pd.DataFrame, list[Finding]] | Finding:
    """Read one grid, or tell that it belongs to no sheet."""
    heads = [number for number, row in grid.rows.items() if any(map(text_of, row))][:_HEAD]
    headers = {number: [text_of(cell) for cell in grid.rows[number]] for number in heads}
    number, sheet = next(((n, found) for n in heads if (found := recognise(headers[n]))), (heads[0], _by_name(grid)))
    if sheet is None:
        return Finding("HF009", grid.where, 1, "no customer-success sheet has its header; it was left unread")
    below = {place: row for place, row in grid.rows.items() if place > number}
    width = max([len(headers[number]), *(len(row) for row in below.values())])
    filled = [[*row, *[None] * (width - len(row))] for row in below.values()]
    header = [*headers[number], *[""] * (width - len(headers[number]))]
    frame = pd.DataFrame(filled, columns=pd.Index(header, dtype="object"), dtype="object")
    try:
        return canonical(sheet, frame, rows=list(below), dialect=grid.dialect)
    except DataError as problem:
        raise DataError(grid.where, problem.expected, problem.found, problem.do) from problem


def _by_name(grid: Grid) -> str | None:
    return next((one.name for one in SHEETS.values() if fold(grid.name) in (fold(one.name), fold(one.title))), None)


def _book(path: Path) -> Iterator[Grid]:
    """Yield the sheets of a workbook that hold anything."""
    from python_calamine import CalamineWorkbook, SheetTypeEnum

    with _telling(path), CalamineWorkbook.from_path(path) as book:
        for one in book.sheets_metadata:
            if one.typ != SheetTypeEnum.WorkSheet or fold(one.name) == fold(HOW_TO):
                continue
            rows = _unmerged(book.get_sheet_by_name(one.name))
            if any(any(map(text_of, row)) for row in rows.values()):
                yield Grid(f"{path.name}, sheet {one.name}", one.name, rows)


def _unmerged(sheet: CalamineSheet) -> dict[int, list[object]]:
    """Give the rows by their number; a cell merged over several rows says the same for each of them."""
    rows: dict[int, list[object]] = {i: list(row) for i, row in enumerate(sheet.iter_rows(), 1)}
    for (top, left), (bottom, _) in sheet.merged_cell_ranges or []:
        for number in range(top + 2, min(bottom + 1, len(rows)) + 1):
            rows[number][left] = rows[top + 1][left]
    return rows


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    """Tell of a workbook that cannot be opened."""
    from python_calamine import CalamineError, PasswordError

    try:
        yield
    except PasswordError as error:
        raise DataError(str(path), "a readable workbook", "a password", "save it without a password") from error
    except (CalamineError, OSError) as error:
        found = " ".join(str(error).split())[:80] or "a damaged file"
        raise DataError(str(path), "a readable workbook", found, "open and save it again as .xlsx") from error


def _csv(path: Path, headers: Iterable[str]) -> Iterator[Grid]:
    """Yield the rows of a CSV file, numbered by the line on which they begin."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(str(path), "a readable file", error.strerror or "none", "name a file that exists") from error
    encoding = encoding_of(data, str(path))
    text = data.decode(encoding)
    header = next((line for line in text.splitlines() if line.strip()), "")
    dialect = Dialect(delimiter_of(header, [name.lower() for name in headers]), encoding)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=dialect.delimiter)
    rows, begins = {}, 1
    try:
        for row in reader:
            rows[begins], begins = list[object](row), reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}, line {begins}", "CSV", str(error), "save it again as CSV") from error
    if any(any(map(text_of, row)) for row in rows.values()):
        yield Grid(path.name, path.stem, rows, dialect)
