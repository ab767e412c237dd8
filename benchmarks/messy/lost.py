"""The list of lost customers, kept by hand in a German workbook: by name, some dates as text, some forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import pandas as pd

from benchmarks.messy.company import Company, bare

SHEET = "Kündigungen"
HEADER = ("Kunde", "Kündigung am", "Vertragsende", "Grund", "Bemerkung")
STRANGERS = ("Muster & Partner", "Altkunde Süd", "Testkunde 3")
FOOT = "* Vertragsende laut Vertrag, nicht laut Rechnung"
WITHOUT_NOTICE, WITHOUT_DATE = 3, 2
_REASONS = {
    "product gaps": "Produkt",
    "relationship": "Betreuung",
    "budget or value": "Budget",
    "no reason given": "",
}
_REMARKS = ("Rückruf Vertrieb", "", "siehe E-Mail", "Größe falsch?", "")
_WRITTEN = datetime(2026, 1, 1)


@dataclass(frozen=True)
class Line:
    """One line of the list.

    Attributes
    ----------
    account_id
        Whose it is; none for a customer whom no system knows.
    as_text
        Whether somebody typed the dates, so that Excel holds texts.
    """

    account_id: str | None
    kunde: str
    notice: date | None
    end: date | None
    reason: str
    remark: str
    as_text: bool


def lines(company: Company) -> list[Line]:
    """Give the lines of the list, the latest exit last."""
    exits = company.tables["churn"].sort_values("known_at").reset_index(drop=True)
    told = exits.index[exits["notice_at"].notna()][1::3]
    no_notice = told[:WITHOUT_NOTICE]
    no_date = told[WITHOUT_NOTICE : WITHOUT_NOTICE + WITHOUT_DATE]
    known = [
        Line(
            row.account_id,
            _as_typed(company.accounts.at[row.account_id, "name"], place),
            None if place in no_notice or place in no_date else _day(row.notice_at),
            None if place in no_date else _day(row.ended_at),
            _REASONS[row.reason],
            _REMARKS[place % len(_REMARKS)],
            place % 3 == 0,
        )
        for place, row in enumerate(exits.itertuples())
    ]
    return known + [
        Line(None, name, date(2025, 3 + place, 14), date(2025, 6 + place, 30), "", "", False)
        for place, name in enumerate(STRANGERS)
    ]


def write_lost(path: Path, company: Company) -> None:
    """Write the workbook: a title above the header, a remark below the rows."""
    import xlsxwriter

    with xlsxwriter.Workbook(path, {"in_memory": True, "strings_to_formulas": False}) as book:
        book.set_properties({"created": _WRITTEN})
        dated = book.add_format({"num_format": "dd.mm.yyyy"})
        sheet = book.add_worksheet(SHEET)
        sheet.write_string(0, 0, "Gekündigte Kunden, Stand 31.12.2025")
        sheet.write_string(1, 0, "Pflege: Vertriebsinnendienst, bitte nicht umsortieren")
        for place, name in enumerate(HEADER):
            sheet.write_string(3, place, name)
        for number, line in enumerate(lines(company), 4):
            for place, cell in enumerate(_cells(line)):
                if isinstance(cell, date):
                    sheet.write_datetime(number, place, datetime(cell.year, cell.month, cell.day), dated)
                elif cell:
                    sheet.write_string(number, place, cell)
        sheet.write_string(number + 2, HEADER.index("Bemerkung"), FOOT)


def _cells(line: Line) -> Iterator[date | str | None]:
    yield line.kunde
    for day in (line.notice, line.end):
        yield f"{day:%d.%m.%Y}" if day and line.as_text else day
    yield line.reason
    yield line.remark


def _as_typed(name: str, place: int) -> str:
    """Write a name as people do: without its legal form, in capitals, or as it stands."""
    return (name, bare(name), name.upper(), name.replace(".", ""), f" {name}")[place % 5]


def _day(time: pd.Timestamp) -> date | None:
    return None if pd.isna(time) else time.date()
