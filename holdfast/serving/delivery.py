"""The files of a run: the same scores as Parquet for machines, CSV and Excel for people, and a queue.

Text that a spreadsheet would run as a formula is made inert in CSV and Excel; Parquet stays raw. The same scores give
the same bytes.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from holdfast.serving.columns import Kind, horizon, kind
from holdfast.serving.scoring import Scores

if TYPE_CHECKING:
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

_DANGEROUS = ("=", "+", "-", "@", "\t", "\n", "\0")
_BANDS = {"green": "#CFE8DD", "yellow": "#FBF0C4", "orange": "#F9DCC0", "red": "#F3C9C5"}
_FORMATS: dict[Kind, str] = {"money": "#,##0", "points": "0.0", "share": "0.0%", "count": "0"}
_QUEUE = (
    *("account_id", "account_name", "segment", "csm", "arr", "currency", "renewal_date", "health", "band"),
    *("expected_arr_at_risk_90", "driver_1", "driver_2", "driver_3"),
)


def inert(text: str) -> str:
    """Make a text cell safe for a spreadsheet: no formula, no bare carriage return (readers take it for a new row).

    Examples
    --------
    >>> inert("=1+1"), inert("Acme")
    ("'=1+1", 'Acme')
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{text}" if text.startswith(_DANGEROUS) else text


def write_scores(scores: Scores, folder: Path, about: dict[str, Any]) -> None:
    """Write ``scores.parquet``, ``scores.csv``, ``scores.xlsx``, ``drivers.parquet`` and ``queue.csv`` into a folder.

    Parameters
    ----------
    about
        What the second sheet of the workbook says of the run.
    """
    rows = scores.frame()
    (folder / "scores.parquet").write_bytes(parquet(rows))
    scores.reasons.to_parquet(folder / "drivers.parquet", index=False)
    write_csv(rows, folder / "scores.csv")
    queue = scores.riskiest(len(rows))[[c for c in rows if c in _QUEUE or horizon(str(c))]]
    queue.insert(0, "rank", range(1, len(queue) + 1))
    write_csv(queue, folder / "queue.csv")
    _workbook(spreadsheet(rows), folder / "scores.xlsx", about)


def parquet(rows: pd.DataFrame) -> bytes:
    """Write scores as Parquet: the bytes by which one tells whether they are the same."""
    return rows.to_parquet(None, index=False)


def write_csv(rows: pd.DataFrame, path: Path) -> None:
    """Write a table for spreadsheets: UTF-8, dates as ``2026-06-30``, ten significant digits, inert text."""
    spreadsheet(rows).to_csv(path, index=False, float_format="%.10g", lineterminator="\n", encoding="utf-8")


def spreadsheet(rows: pd.DataFrame) -> pd.DataFrame:
    """Turn times into ISO text and make other text inert; numbers stay numbers."""
    out = rows.copy()
    for column in out.columns:
        if kind(column) == "time":
            out[column] = [_iso(value) for value in out[column]]
        elif not pd.api.types.is_numeric_dtype(out[column]):
            out[column] = [inert(str(value)) for value in out[column]]
    return out


def _iso(value: Any) -> str:
    if pd.isna(value):
        return ""
    return str(value.strftime("%Y-%m-%d" if value == value.floor("D") else "%Y-%m-%dT%H:%M:%SZ"))


def _workbook(rows: pd.DataFrame, path: Path, about: dict[str, Any]) -> None:
    import xlsxwriter

    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(str(path), options) as book:
        book.set_properties({"title": "holdfast scores", "created": datetime(2000, 1, 1)})
        _sheet(book, book.add_worksheet("Scores"), rows)
        sheet = book.add_worksheet("About")
        sheet.set_column(0, 0, 22)
        sheet.set_column(1, 1, 80)
        for line, (key, value) in enumerate(about.items()):
            sheet.write_string(line, 0, key)
            sheet.write_string(line, 1, inert(str(value)))


def _sheet(book: Workbook, sheet: Worksheet, rows: pd.DataFrame) -> None:
    head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
    formats = {column: book.add_format({"num_format": _FORMATS.get(kind(column), "@")}) for column in rows.columns}
    sheet.freeze_panes(1, 4)
    sheet.set_row(0, 30)
    for position, column in enumerate(rows.columns):
        sheet.set_column(position, position, _width(column))
        sheet.write_string(0, position, str(column), head)
    for line, row in enumerate(rows.itertuples(index=False), start=1):
        for position, value in enumerate(row):
            if isinstance(value, str):
                sheet.write_string(line, position, value)
            elif pd.notna(value):
                sheet.write_number(line, position, value, formats[rows.columns[position]])
    sheet.autofilter(0, 0, len(rows), len(rows.columns) - 1)
    _colours(book, sheet, rows)


def _colours(book: Workbook, sheet: Worksheet, rows: pd.DataFrame) -> None:
    band = rows.columns.get_loc("band")
    for name, colour in _BANDS.items():
        rule = {"type": "cell", "criteria": "==", "value": f'"{name}"', "format": book.add_format({"bg_color": colour})}
        sheet.conditional_format(1, band, max(len(rows), 1), band, rule)
    for column in (one for one in rows.columns if horizon(one)):
        at = rows.columns.get_loc(column)
        sheet.conditional_format(
            1, at, max(len(rows), 1), at, {"type": "data_bar", "bar_color": "#D9A066", "bar_solid": True}
        )


def _width(column: str) -> int:
    if column.startswith("driver_"):
        return 52
    return 26 if column in {"account_name", "score_reason"} else 13
