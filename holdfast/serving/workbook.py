"""The workbook of a run: the queue, every score, the bands, what the columns mean, and where it all comes from.

Headed in the language of the plan. The coloured columns are empty and belong to people, see `feedback.form`. Text is
never run as a formula nor made a link. The same scores give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from holdfast.models.bands import ACTION, ALERT
from holdfast.serving.columns import Kind, cut, horizon, kind, records
from holdfast.serving.evidence import seen_by_band
from holdfast.serving.feedback.form import ASKED, MOST_DAYS, words
from holdfast.serving.headings import about as meaning
from holdfast.serving.headings import text, title, value
from holdfast.serving.inert import inert
from holdfast.serving.playbooks import ESCALATION

if TYPE_CHECKING:
    from xlsxwriter.workbook import Format, Workbook
    from xlsxwriter.worksheet import Worksheet

    from holdfast.features.indicators.wording import Language
    from holdfast.serving.report import Page

QUEUED = 1_000  # accounts on the sheet of the queue; queue.csv has them all
_ROWS, _CELL = 1_048_575, 32_767  # rows below a header, and characters in a cell, that a sheet holds
_EPOCH = pd.Timestamp("1899-12-30", tz="UTC")  # from which a spreadsheet counts days
_TOLD_ONCE = ("schema_version", "as_of", "model_name", "model_version", "model_sha256")  # on the last sheet
_WHO = (
    *("rank", "account_id", "account_name", "decision", "call_by", "csm", "segment", "arr", "currency"),
    *("renewal_date", "notice_deadline"),
    *("health", "band", "band_churn"),
)
_WHY = (
    *("expected_arr_at_risk_90", "expected_saved", "driver_1", "driver_2", "driver_3", "playbook_id", "due_date"),
    *("override_health", "override_reason", "override_author", "override_expires"),
)
_COLOURS = {
    **dict(zip(ACTION.names, ("#CFE8DD", "#FBF0C4", "#F9DCC0", "#F3C9C5"), strict=True)),
    **dict(zip(ALERT.names, ("#CFE8DD", "#FBF0C4", "#F9DCC0", "#F3C9C5"), strict=True)),
}
_SHARE, _YOURS, _HEAD = "#D9A066", "#FFF7DF", "#E9EDF0"
_DATES: dict[Language, str] = {"en": "yyyy-mm-dd", "de": "dd.mm.yyyy"}
_FORMATS: dict[Kind, str] = {"money": "#,##0", "points": "0", "share": "0.0%", "count": "0", "text": "@"}
_REASON, _LINE, _TALLEST = 40, 15, 8  # width of a reason, height of a line, lines of the tallest row
_WIDE = {"account_name": 26, "band_churn": 34, "score_reason": 30, "override_reason": 18, "set_reason": 34, "note": 34}
_NARROW = {"rank": 6, "currency": 10, "grade": 10, "health": 13, "band": 10}
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


def write_workbook(path: Path, rows: pd.DataFrame, queue: pd.DataFrame, about: Mapping[str, Any], page: Page) -> None:
    """Write the workbook.

    Parameters
    ----------
    rows
        Of all accounts, with the columns of the contract.
    queue
        Of those that are waiting, in their order, with ``rank``.
    about
        What is told of the run.
    page
        What stands beside the scores: language, playbooks, and what the backtest saw.
    """
    from xlsxwriter import Workbook

    language, day = page.language, rows["as_of"].iloc[0] if len(rows) else None
    with Workbook(str(path), _OPTIONS) as book:
        book.set_properties({"title": "holdfast", "created": datetime(2000, 1, 1)})
        pen = _Pen(book, language)
        seen, books = _seen(page), dict(zip(page.playbooks["id"], page.playbooks.get("title", ()), strict=True))
        for name, table in (("queue", _queued(queue, rows)), ("scores", _scored(rows))):
            sheet = book.add_worksheet(text(name, language))
            told = {
                "band_churn": table["band"].map(seen).fillna(""),
                "playbook_id": table["playbook_id"].replace(books),
            }
            pen.accounts(sheet, table.assign(**told), day)
            if name == "queue":
                sheet.print_area(0, 0, len(table), list(table.columns).index("due_date"))
                sheet.fit_to_pages(1, 0)
        pen.table(
            book.add_worksheet(text("bands", language)), _bands(rows, seen, page), (16, 12, 14, 34, 60, 14, 10, 12)
        )
        pen.table(book.add_worksheet(text("columns", language)), _columns(rows, language), (30, 26, 100))
        left = len(rows) - _ROWS
        facts = {**about, **({"": text("left_out", language, n=left)} if left > 0 else {})}
        pen.table(
            book.add_worksheet(text("about", language)), [(text("about", language), ""), *facts.items()], (26, 90)
        )


def _queued(queue: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Lay out the head of the queue: who, what is at stake, why, and what to do."""
    chances = [str(name) for name in queue if horizon(str(name))]
    names = [*_WHO, *chances, *_WHY, "run_id"]
    return queue.head(QUEUED).merge(rows[["account_id", "run_id"]], on="account_id").assign(band_churn="")[names]


def _scored(rows: pd.DataFrame) -> pd.DataFrame:
    """Lay out every account, without what is told once on the last sheet; what was seen of a band stands beside it."""
    names = [str(name) for name in rows if name not in (*_TOLD_ONCE, "run_id")]
    names.insert(names.index("band") + 1, "band_churn")
    return rows.head(_ROWS).assign(band_churn="")[[*names, "run_id"]]


def _seen(page: Page) -> dict[str, str]:
    """Say what the backtest saw of each band."""
    found = seen_by_band(page.result)
    told = {}
    for band in ACTION.names:
        one = found.get(band)
        if one is None:
            told[band] = text("untested", page.language)
        elif one["rate"] is None:
            told[band] = text("too_few", page.language, n=one["accounts"])
        else:
            told[band] = text("seen", page.language, **one)
    return told


Line = Sequence[object]


def _bands(rows: pd.DataFrame, seen: Mapping[str, str], page: Page) -> list[Line]:
    """Lay out each band: where it begins, who is in it now, what became of such accounts, and what is done."""
    names = ("from", "accounts", "seen_head", "actions", "owner", "due_days", "every_days")
    head = (title("band", page.language), *(text(name, page.language) for name in names))
    judged = rows[rows["health"].notna() & (rows["score_status"] != "not_scored")]
    counts, books = judged["band"].value_counts(), {row["id"]: row for row in records(page.playbooks)}
    lines: list[Line] = [head]
    for band in ACTION.bands:
        told = (value(band.name, page.language), f"{band.low:g}", int(counts.get(band.name, 0)), seen[band.name])
        lines.append((*told, *_done(books.get(f"action.{band.name}"))))
    escalated = int((rows["playbook_id"] == ESCALATION).sum())
    return [*lines, (text("escalated", page.language), "", escalated, "", *_done(books.get(ESCALATION)))]


def _done(book: Mapping[str, Any] | None) -> Line:
    if book is None:
        return ("", "", "", "")
    return (f"{book['title']}: {book['actions']}", book["owner"], book["due_days"], book["every_days"])


def _columns(rows: pd.DataFrame, language: Language) -> list[Line]:
    """Explain every column."""
    names = ["rank", "decision", "call_by", "expected_saved", *(str(name) for name in rows), *ASKED]
    names.insert(names.index("band") + 1, "band_churn")
    head = (text("column", language), text("name", language), text("meaning", language))
    ours = [(title(name, language), name, meaning(name, language)) for name in names]
    return [head, ("", "", text("fill", language)), *ours]


@dataclass(frozen=True)
class _Pen:
    """Writes sheets in one language; whatever is text stays text."""

    book: Workbook
    language: Language

    def accounts(self, sheet: Worksheet, table: pd.DataFrame, day: pd.Timestamp | None) -> None:
        """Write one row per account, and the columns that people fill in before the last one, which is hidden."""
        names = [*map(str, table.columns[:-1]), *ASKED, str(table.columns[-1])]
        filled = {name: place for place, name in enumerate(names) if name not in ASKED}
        sheet.freeze_panes(1, 3)
        sheet.set_row(0, 45)
        for place, name in enumerate(names):
            sheet.set_column(place, place, _width(name), self._body(name), {"hidden": name == "run_id"})
            sheet.write_string(0, place, title(name, self.language), self._head(asked=name in ASKED))
        formats = [self._body(name) for name in filled]
        long = [place for place, name in enumerate(filled) if name.startswith("driver_")]
        for number, row in enumerate(self._rows(table[list(filled)]), start=1):
            _tall(sheet, number, [(row[place], _REASON) for place in long])
            for place, cell, form in zip(filled.values(), row, formats, strict=True):
                if isinstance(cell, str):
                    sheet.write_string(number, place, cell, form)
                elif cell is not None:
                    sheet.write_number(number, place, cell, form)
        last = max(len(table), 1)
        sheet.autofilter(0, 0, last, len(names) - 1)
        self._marks(sheet, names, last)
        self._asks(sheet, names, last, day)
        self._printed(sheet)
        sheet.repeat_columns(0, 2)

    def _rows(self, table: pd.DataFrame) -> Iterator[tuple[str | float | None, ...]]:
        for part in cut(table):
            yield from zip(*(_cells(part[name], self.language) for name in part), strict=True)

    def table(self, sheet: Worksheet, lines: Sequence[Line], widths: Sequence[int]) -> None:
        """Write a table that explains; the first line is its head."""
        body = self.book.add_format({"text_wrap": True, "valign": "top"})
        for place, width in enumerate(widths):
            sheet.set_column(place, place, width, body)
        for number, line in enumerate(lines):
            _tall(sheet, number, list(zip(line, widths, strict=True)))
            for place, cell in enumerate(line):
                sheet.write_string(number, place, _text(cell), body if number else self._head())
        sheet.freeze_panes(1, 0)
        self._printed(sheet)
        sheet.fit_to_pages(1, 0)

    def _printed(self, sheet: Worksheet) -> None:
        sheet.set_landscape()
        sheet.set_paper(8)  # A3
        sheet.repeat_rows(0)

    def _head(self, *, asked: bool = False) -> Format:
        colour = "#F2D37C" if asked else _HEAD
        return self.book.add_format(
            {
                "bold": True,
                "bottom": 1,
                "text_wrap": True,
                "valign": "top",
                "align": "left",
                "indent": 1,
                "bg_color": colour,
            }
        )

    def _body(self, name: str) -> Format:
        asked, of = ASKED.get(name), "count" if name == "rank" else kind(name)
        dated = asked == "date" or (asked is None and of == "time")
        number = _DATES[self.language] if dated else "General" if asked in ("number", "choice") else _FORMATS[of]
        form: dict[str, Any] = {"num_format": number, "valign": "top", "text_wrap": name.startswith("driver_")}
        form |= {"align": "left", "indent": 1} if number == "@" else {}
        return self.book.add_format(form | ({"bg_color": _YOURS, "border": 7} if asked else {}))

    def _marks(self, sheet: Worksheet, names: Sequence[str], last: int) -> None:
        for place in (names.index(name) for name in ("band", "alert_band") if name in names):
            for band, colour in _COLOURS.items():
                form = self.book.add_format({"bg_color": colour})
                rule = {"type": "cell", "criteria": "==", "value": f'"{value(band, self.language)}"', "format": form}
                sheet.conditional_format(1, place, last, place, rule)
        for place in (place for place, name in enumerate(names) if horizon(name)):
            bar = {"type": "data_bar", "bar_color": _SHARE, "bar_solid": True}
            sheet.conditional_format(1, place, last, place, bar)

    def _asks(self, sheet: Worksheet, names: Sequence[str], last: int, day: pd.Timestamp | None) -> None:
        """Help whoever fills in: lists to choose from, and what can be read back."""
        for name in ASKED:
            place, rule = names.index(name), _rule(name, self.language, day)
            help_text = {"input_title": title(name, self.language)[:32], "input_message": meaning(name, self.language)}
            sheet.data_validation(1, place, last, place, rule | help_text)


def _rule(name: str, language: Language, day: pd.Timestamp | None) -> dict[str, Any]:
    if words(name):
        shown = [value(one.value, language) for one in words(name)]
        return {"validate": "list", "source": shown, "error_message": text("listed", language)}
    if name == "set_score":
        between = {"validate": "decimal", "criteria": "between", "minimum": 0, "maximum": 100}
        return between | {"error_message": text("between", language)}
    if ASKED[name] == "date" and day is not None:
        first, last = (one.to_pydatetime().replace(tzinfo=None) for one in (day, day + pd.Timedelta(days=MOST_DAYS)))
        said = {"first": first.strftime(_PY_DATES[language]), "last": last.strftime(_PY_DATES[language])}
        between = {"validate": "date", "criteria": "between", "minimum": first, "maximum": last}
        return between | {"error_message": text("within", language, **said)}
    return {"validate": "any"}


_PY_DATES: dict[Language, str] = {"en": "%Y-%m-%d", "de": "%d.%m.%Y"}


def _cells(column: pd.Series, language: Language) -> list[str | float | None]:
    """Turn a column into what a sheet holds: numbers, days as numbers, text; None where nothing is."""
    if kind(str(column.name)) == "time":
        column = (column - _EPOCH).dt.floor("D") / pd.Timedelta(days=1)
    if pd.api.types.is_numeric_dtype(column):
        return [None if one != one else one for one in column.tolist()]  # only a NaN differs from itself
    known = {one: _text(value(one, language)) or None for one in set(column.tolist())}
    return [known[one] for one in column.tolist()]


def _text(cell: object) -> str:
    return inert(str(cell))[:_CELL]


def _tall(sheet: Worksheet, number: int, cells: Iterable[tuple[object, int]]) -> None:
    """Give a row the height that its longest cell needs, since not every program reckons it."""
    lines = max((-(-len(str(cell or "")) // width) for cell, width in cells), default=1)
    if lines > 1:
        sheet.set_row(number, _LINE * min(lines, _TALLEST))


def _width(name: str) -> int:
    return _REASON if name.startswith("driver_") else _WIDE.get(name) or _NARROW.get(name, 15)
