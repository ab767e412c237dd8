"""Excel workbooks: every visible sheet with rows becomes a table of texts, written as a person would read them."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from holdfast.errors import DataError
from holdfast.features.landed.archives import check_size
from holdfast.features.landed.naming import distinct, hidden, safe_name


@dataclass(frozen=True)
class Sheet:
    """A sheet, laid down as Parquet.

    Attributes
    ----------
    header
        The row in which the names of the columns stand, counted from 1; 0 when the sheet was left unread.
    note
        What is to be said about it.
    """

    name: str
    path: Path
    header: int
    note: str = ""


def read_workbook(path: Path, scratch: Path) -> list[Sheet]:
    """Lay down the sheets of a workbook.

    Raises
    ------
    DataError
        When it is damaged, locked or a bomb.
    """
    from python_calamine import CalamineError, CalamineWorkbook, SheetVisibleEnum

    try:
        with zipfile.ZipFile(path) as archive:
            check_size(path, archive.infolist())
        with CalamineWorkbook.from_path(path) as book:
            sheets = [one for one in book.sheets_metadata if not hidden(one.name)]
            return [
                _sheet(path, one.name, book.get_sheet_by_name(one.name).to_python(), scratch)
                if one.visible == SheetVisibleEnum.Visible
                else Sheet(one.name, path, 0, "the sheet is hidden")
                for one in sheets
            ]
    # zipfile does not know every way to write an archive, and says so by a RuntimeError
    except (zipfile.BadZipFile, CalamineError, OSError, RuntimeError) as problem:
        do = "open it in Excel, take a password off, and save it as .xlsx"
        raise DataError(str(path), "an Excel workbook", str(problem), do) from None


def _sheet(path: Path, name: str, rows: Sequence[Sequence[Any]], scratch: Path) -> Sheet:
    texts = [[text_of(cell) for cell in row] for row in rows]
    header = _header(texts, rows)
    below = [] if header is None else [row for row in texts[header + 1 :] if any(row)]
    if header is None or not below:
        return Sheet(name, path, 0, "the sheet has no rows under a header")
    used = [place for place, cell in enumerate(texts[header]) if cell or any(row[place] for row in below)]
    target = scratch / "sheets" / f"{safe_name(f'{path}#{name}')}.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    raw = [texts[header][place] or "" for place in used]
    columns = [pa.array([row[place] for row in below], pa.string()) for place in used]
    pq.write_table(pa.Table.from_arrays(columns, distinct(raw)), target)
    notes = [f"the header is row {header + 1}; what stands above was skipped"] * any(map(any, texts[:header]))
    notes += [f"the header names {name!r} more than once" for name in _repeated(raw)]
    return Sheet(name, target, header + 1, "; ".join(notes))


def _repeated(names: Sequence[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name and name.lower() in seen:
            yield name
        seen.add(name.lower())


def _header(texts: Sequence[Sequence[str | None]], rows: Sequence[Sequence[Any]]) -> int | None:
    """Find the first row where at least half of the columns that are ever filled hold text."""
    width = sum(any(column) for column in zip(*texts, strict=True))
    for place, row in enumerate(rows):
        words = sum(isinstance(cell, str) and bool(cell.strip()) for cell in row)
        if words and words * 2 >= width:
            return place
    return None


def text_of(cell: object) -> str | None:
    """Write a cell as text: whole numbers without a point, times in ISO, an empty cell as none.

    Examples
    --------
    >>> text_of(12.0), text_of("0012"), text_of(datetime(2025, 1, 31)), text_of(True), text_of("")
    ('12', '0012', '2025-01-31', 'true', None)
    """
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1 << 53 else repr(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    return None if cell is None or str(cell).strip() == "" else str(cell)
