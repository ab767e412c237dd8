"""Templates for what customer success managers hold: a workbook with lists to choose from, and the same as CSV."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from holdfast.features.sheets.sheet import Sheet, SheetColumn
from holdfast.features.sheets.sheets import EXAMPLE, HOW_TO, SHEETS

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

_LAST_ROW = 1_048_575  # of a worksheet, counted from 0
_CREATED = datetime(2020, 1, 1)  # fixed, so that the same template has the same bytes
_PLAIN = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
_FORMATS = {"text": "@", "choice": "@", "date": "yyyy-mm-dd", "number": "General"}
_ADVICE = (
    "One sheet per kind of knowledge. Fill in what you have and leave the rest; an empty sheet is fine.",
    "Columns may be moved or left out, rows sorted, and columns of your own added; only the headers must stay.",
    f"The row of the account {EXAMPLE!r} shows how it is meant. It is never read; delete it or leave it.",
    "Noted on is the day you wrote a row. It lets the past be replayed as it was known, so never date it back.",
    "When something changes, add a row, or change the row together with its Noted on.",
    "Account takes the id or the name of an account, as your other systems write it.",
)


def csv_template(sheet: Sheet) -> bytes:
    """Write the header and the example row of a sheet as CSV."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(sheet.headers)
    writer.writerow([column.example for column in sheet.columns])
    return text.getvalue().encode()


def workbook_template() -> bytes:
    """Write the workbook: one sheet per kind of row, and one that explains; the same bytes each time.

    Examples
    --------
    >>> workbook_template() == workbook_template()
    True
    """
    from xlsxwriter import Workbook

    content = io.BytesIO()
    with Workbook(content, _PLAIN) as book:
        book.set_properties({"title": "Customer success", "created": _CREATED})
        _explain(book)
        for sheet in SHEETS.values():
            _lay_out(book, sheet)
    return content.getvalue()


def _explain(book: Workbook) -> None:
    page = book.add_worksheet(HOW_TO)
    bold, wrapped = book.add_format({"bold": True}), book.add_format({"text_wrap": True, "valign": "top"})
    page.set_column(0, 1, 18)
    page.set_column(2, 4, 52, wrapped)
    for row, line in enumerate(_ADVICE):
        page.write_string(row, 0, line)
    top = len(_ADVICE) + 1
    for place, title in enumerate(("Sheet", "Column", "What to write", "Words", "Needed")):
        page.write_string(top, place, title, bold)
    lines = [line for sheet in SHEETS.values() for line in _explained(sheet)]
    for row, cells in enumerate(lines, top + 1):
        for place, text in enumerate(cells):
            page.write_string(row, place, text)


def _explained(sheet: Sheet) -> list[tuple[str, ...]]:
    columns = [
        (sheet.title, one.header, one.help, ", ".join(one.shown), "yes" if one.needed else "") for one in sheet.columns
    ]
    return [(sheet.title, "", sheet.about), *columns]


def _lay_out(book: Workbook, sheet: Sheet) -> None:
    page = book.add_worksheet(sheet.title)
    head = book.add_format({"bold": True, "bg_color": "#DDE6F0", "bottom": 1})
    grey = {"italic": True, "font_color": "#808080"}
    formats = {kind: book.add_format({"num_format": code}) for kind, code in _FORMATS.items()}
    examples = {kind: book.add_format({"num_format": code, **grey}) for kind, code in _FORMATS.items()}
    page.freeze_panes(1, 0)
    for place, column in enumerate(sheet.columns):
        page.set_column(place, place, _width(column), formats[column.kind])
        page.write_string(0, place, column.header, head)
        _write_example(page, place, column, examples[column.kind])
        page.data_validation(1, place, _LAST_ROW, place, _validation(column))


def _width(column: SheetColumn) -> int:
    return max(12, *(len(text) + 3 for text in (column.header, column.example, *column.shown)))


def _write_example(page: Worksheet, place: int, column: SheetColumn, style: Any) -> None:
    if not column.example:
        return
    if column.kind == "date":
        page.write_datetime(1, place, datetime.fromisoformat(column.example), style)
    elif column.kind == "number":
        page.write_number(1, place, float(column.example), style)
    else:
        page.write_string(1, place, column.example, style)


def _validation(column: SheetColumn) -> dict[str, Any]:
    """Have the spreadsheet help with a cell: say what to write, and refuse what would not be read."""
    told = {"input_title": column.header, "input_message": column.help}
    if column.kind == "choice":
        said = {"error_title": column.header, "error_message": "Choose one of the list, or leave it empty."}
        return {"validate": "list", "source": list(column.shown), **told, **said}
    if column.kind == "date":
        span = {"criteria": "between", "minimum": date(1970, 1, 1), "maximum": date(2199, 12, 31)}
        return {"validate": "date", **span, **told, "error_title": column.header, "error_message": "Write a date."}
    if column.kind == "number":
        span_of_numbers = {"criteria": "between", "minimum": -1e14, "maximum": 1e14}
        said = {"error_title": column.header, "error_message": "Write a number, without its unit."}
        return {"validate": "decimal", **span_of_numbers, **told, **said}
    return {"validate": "any", **told}
