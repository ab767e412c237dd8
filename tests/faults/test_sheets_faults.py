"""Sheets as people really fill them in: every row that cannot be read is told with its place, none is lost unseen."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import openpyxl
import pandas as pd
import pytest
import xlsxwriter

from holdfast.errors import DataError, UsageError
from holdfast.features.history import History
from holdfast.features.sheets.reading import canonical, read_sheets
from holdfast.features.sheets.sheets import EXAMPLE
from holdfast.findings import Finding
from holdfast.serving.command import run
from holdfast.serving.templates import workbook_template

LIST = "one of Held, No show, Cancelled, Scheduled"
GOOD = {"Account": "A", "Review on": "2025-03-04", "Status": "Held", "Noted on": "2025-03-05"}


def reviews(*rows: dict[str, Any]) -> tuple[pd.DataFrame, list[Finding]]:
    headers = list(dict.fromkeys(header for row in (GOOD, *rows) for header in row))
    _, frame, findings = canonical(
        "reviews", pd.DataFrame([[row.get(one) for one in headers] for row in rows], columns=headers)
    )
    return frame, findings


def left_out(*rows: dict[str, Any]) -> str:
    """Read a good row and others; give what is told of the others, which are all left out."""
    frame, findings = reviews(GOOD, *rows)
    assert len(frame) == 1
    (finding,) = [one for one in findings if one.code == "HF045"]
    assert finding.severity == "warning"
    assert finding.count == len(rows)
    assert finding.message.startswith(f"{len(rows)} of {len(rows) + 1} rows were left out: ")
    return finding.message.split(": ", 1)[1]


def book(tmp_path: Path, title: str, *rows: list[Any], merged: str | None = None) -> Path:
    opened = openpyxl.Workbook()
    page = opened.active
    assert page is not None
    page.title = title
    for row in rows:
        page.append(row)
    if merged:
        page.merge_cells(merged)
    opened.save(tmp_path / "book.xlsx")
    return tmp_path / "book.xlsx"


# --- cells


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({"Status": "helt"}, f"row 3: Status found 'helt', expected {LIST}; did you mean 'Held'?"),
        ({"Status": "abgesgt"}, f"row 3: Status found 'abgesgt', expected {LIST}; did you mean 'Cancelled'?"),
        ({"Status": "=1+1"}, f"row 3: Status found '=1+1', expected {LIST}"),
        ({"Review on": "soon"}, "row 3: Review on found 'soon', expected a date or time"),
        ({"Review on": "2025-02-30"}, "row 3: Review on found '2025-02-30', expected a date or time"),
        ({"Review on": 45000.0}, "row 3: Review on found 45000, expected a date; give the cell a date format"),
        ({"Review on": date(1899, 12, 30)}, "row 3: Review on found '1899-12-30', expected a date from 1970 to 2199"),
        ({"Review on": "3025-03-04"}, "row 3: Review on found '3025-03-04', expected a date from 1970 to 2199"),
        ({"Minutes": "an hour"}, "row 3: Minutes found 'an hour', expected a number with decimal '.'"),
        ({"Minutes": "inf"}, "row 3: Minutes found 'inf', expected a finite number"),
        ({"Minutes": True}, "row 3: Minutes found 'True', expected a number"),
        (
            {"Account": 1234567890123456.0},
            "row 3: Account found 1234567890123456, expected text: a spreadsheet keeps only 15 digits of a number",
        ),
        ({"Account": " "}, "row 3: no Account"),
        ({"Account": None, "Status": None}, "row 3: no Account, no Status"),
        ({"Review on": None, "Noted on": "-"}, "row 3: no Review on and no Noted on"),
        (
            {"Status": "helt", "Minutes": "x"},
            f"row 3: Status found 'helt', expected {LIST}; did you mean 'Held'?; "
            "Minutes found 'x', expected a number with decimal '.'",
        ),
        ({"Account": EXAMPLE}, f"row 3: the account is still {EXAMPLE!r}"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_read_is_left_out_and_told(cells: dict[str, Any], told: str) -> None:
    assert left_out({**GOOD, **cells}) == told


def test_long_and_many_cells_are_told_in_short() -> None:
    told = left_out(*({**GOOD, "Status": f"{n}{'x' * 999}\n"} for n in range(9)))
    assert told.endswith("; and 4 more")
    assert len(told) < 1000
    assert "\n" not in told


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("no show", "no_show"), ("No-Show", "no_show"), ("NO_SHOW ", "no_show"), ("nicht erschienen", "no_show"),
        ("stattgefunden", "held"), ("Abgesagt", "cancelled"), ("canceled", "cancelled"), ("geplant", "scheduled"),
    ],
)  # fmt: skip
def test_words_are_read_as_they_are_meant(written: str, meant: str) -> None:
    frame, findings = reviews({**GOOD, "Status": written})
    assert frame["status"].tolist() == [meant]
    assert findings == []


def test_day_and_month_in_two_orders_leave_out_what_contradicts() -> None:
    frame, findings = reviews({**GOOD, "Review on": "13.02.2025"}, {**GOOD, "Review on": "02/14/2025"})
    assert frame["occurred_at"].tolist() == [pd.Timestamp("2025-02-13", tz="UTC")]
    assert {one.code for one in findings} == {"HF045", "HF003"}
    assert "'02/14/2025', expected a date or time, day first" in findings[0].message


def test_what_a_text_leaves_open_is_said() -> None:
    _, findings = reviews({**GOOD, "Minutes": "1.500"})
    assert [one.code for one in findings] == ["HF003"]
    assert "'1.500' could be read with point or comma as the decimal mark; '.' is assumed" in findings[0].message


def test_dashes_and_blank_rows_say_nothing() -> None:
    frame, findings = reviews(
        {}, {**GOOD, "Minutes": "-"}, dict.fromkeys(GOOD, "  "), {**GOOD, "Minutes": "\N{EN DASH}"}
    )
    assert len(frame) == 2
    assert frame["duration_min"].isna().all()
    assert findings == []


def test_rows_that_contradict_each_other_are_both_left_out_and_repetitions_are_not() -> None:
    rows = [("A", "Save time", 10), ("A", "save  time", 12), ("B", "Save time", 10), ("B", "Save time", 10)]
    frame = pd.DataFrame(rows, columns=["Account", "Goal", "Actual"]).assign(**{"Noted on": "2025-03-05"})
    _, goals, (finding,) = canonical("goals", frame)
    assert goals["account_id"].tolist() == ["B", "B"]
    same_day = "says otherwise than row {}, on the same day"
    assert finding.message == f"2 of 4 rows were left out: row 2: {same_day.format(3)}; row 3: {same_day.format(2)}"
    company = {
        "accounts": pd.DataFrame({"account_id": ["B"], "valid_from": ["2025-01-01"]}),
        "usage": pd.DataFrame({"account_id": ["B"], "occurred_at": ["2025-04-01"]}),
        "goals": goals,
    }
    history = History.from_frames(company)
    assert [(one.code, one.count) for one in history.findings if one.code == "HF008"] == [("HF008", 1)]


def test_hostile_cells_stay_the_text_they_are() -> None:
    hostile = [
        '=HYPERLINK("http://x")',
        "+1",
        "-1",
        "@SUM(A1)",
        "<script>",
        "'; DROP TABLE goals; --",
        "\x00\x07",
        "Łódź",
    ]
    frame, findings = reviews(*({**GOOD, "Account": one, "Note": one} for one in hostile))
    assert sorted(frame["account_id"]) == sorted(hostile)
    assert (frame["text"] == frame["account_id"]).all()
    assert findings == []


# --- the example row


def test_an_example_row_that_somebody_wrote_over_is_told(tmp_path: Path) -> None:
    opened = openpyxl.load_workbook(io.BytesIO(workbook_template()))
    opened["Budget"]["C2"] = 77000
    opened.save(tmp_path / "book.xlsx")
    frames, findings = read_sheets(tmp_path / "book.xlsx")
    assert frames == {}
    assert [(one.code, one.where) for one in findings] == [("HF045", "book.xlsx, sheet Budget")]
    assert findings[0].message == f"1 of 1 rows were left out: row 2: the account is still {EXAMPLE!r}"


# --- columns


def test_columns_of_ones_own_are_left_unread_and_told() -> None:
    frame, findings = reviews({**GOOD, "Colour": "red", "": "x", "Empty": None})
    assert "Colour" not in frame
    assert [(one.code, one.severity, one.count) for one in findings] == [("HF046", "info", 2)]
    assert findings[0].message == "columns left unread: 'Colour', column 6 without a header"


def test_a_missing_column_is_refused_with_what_it_may_be_called() -> None:
    with pytest.raises(DataError, match=r"sheet Reviews: .*Account.*found no Status.*for Status did you mean 'Statsu'"):
        canonical("reviews", pd.DataFrame({"Account": ["A"], "Statsu": ["Held"], "Noted on": ["2025-01-01"]}))
    with pytest.raises(DataError, match="found no Review on or Noted on"):
        canonical("reviews", pd.DataFrame({"Account": ["A"], "Status": ["Held"]}))


def test_a_column_that_is_there_twice_is_refused_and_its_own_header_wins() -> None:
    twice = pd.DataFrame([["A", "Held", "Held", "2025-01-01"]], columns=["Account", "Status", "status ", "Noted on"])
    with pytest.raises(DataError, match="expected each column once, found 'Status' and 'status'"):
        canonical("reviews", twice)
    _, frame, (finding,) = canonical("reviews", pd.DataFrame([{**GOOD, "Customer": "Acme"}]))
    assert frame["account_id"].tolist() == ["A"]
    assert finding.code == "HF046"


def test_an_unknown_sheet_is_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'reviews'"):
        canonical("review", pd.DataFrame())


# --- files


def test_merged_cells_say_the_same_for_each_row(tmp_path: Path) -> None:
    rows = [["A", "2025-03-04", "Held", "2025-03-05"], [None, "2025-04-04", "Held", "2025-04-05"], [None] * 4]
    frames, findings = read_sheets(book(tmp_path, "x", list(GOOD), *rows, merged="A2:A3"))
    assert frames["touchpoints"]["account_id"].tolist() == ["A", "A"]
    assert findings == []


def test_rows_are_numbered_as_the_spreadsheet_numbers_them(tmp_path: Path) -> None:
    rows = [["Our reviews"], [], list(GOOD), list(GOOD.values()), [], ["B", "never", "Held"]]
    _, (finding,) = read_sheets(book(tmp_path, "x", *rows))
    assert "row 6: Review on found 'never'" in finding.message
    (tmp_path / "r.csv").write_text('Account,Status,Noted on,Note,Kind\nA,Held,2025-01-01,"a\nb",\n\nB,,2025-01-01,,\n')
    _, (finding,) = read_sheets(tmp_path / "r.csv")
    assert finding.message == "1 of 2 rows were left out: row 5: no Status"


def test_a_sheet_of_a_known_name_without_its_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"book.xlsx, sheet Goals: .*found no Goal.*did you mean 'Gaol'"):
        read_sheets(book(tmp_path, "Goals", ["Account", "Gaol", "Noted on"], ["A", "x", "2025-01-01"]))


def test_longer_rows_and_empty_sheets(tmp_path: Path) -> None:
    (tmp_path / "reviews.csv").write_text("Account,Status,Noted on\nA,Held,2025-01-01,what is this\nB,Held\n")
    (tmp_path / "goals.csv").write_text("\n\n")
    (tmp_path / "~$lock.xlsx").write_bytes(b"x")
    frames, findings = read_sheets(tmp_path)
    assert frames["touchpoints"]["account_id"].tolist() == ["A"]
    told = {one.code: one.message for one in findings}
    assert told["HF046"] == "columns left unread: column 4 without a header"
    assert told["HF045"] == "1 of 2 rows were left out: row 3: no Review on and no Noted on"


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("x.xlsx", b"PK nonsense", "a readable workbook"),
        ("x.xlsx", b"", "a readable workbook"),
        ("x.ods", b"\x00" * 99, "a readable workbook"),
        ("x.csv", b"Account,Status\n\x00\x00", "NUL byte"),
        ("x.csv", b"Account,Status\n\x81\x8d", "UTF-8 or Windows-1252"),
        ("x.csv", b"Account,Status\nA,\"" + b"x" * 200_000, "line 2: expected CSV"),
        ("x.pdf", b"%PDF", "a workbook, a CSV file or a folder, found 'x.pdf'"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_read_are_refused(tmp_path: Path, name: str, content: bytes, match: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=match) as caught:
        read_sheets(tmp_path / name)
    assert str(tmp_path / name) in caught.value.where
    assert caught.value.do


def test_a_workbook_that_is_damaged_inside_is_refused(tmp_path: Path) -> None:
    whole, damaged = tmp_path / "whole.xlsx", tmp_path / "damaged.xlsx"
    with xlsxwriter.Workbook(whole) as opened:
        opened.add_worksheet("Reviews").write_row(0, 0, list(GOOD))
    with ZipFile(whole) as before, ZipFile(damaged, "w") as after:
        for name in before.namelist():
            after.writestr(name, before.read(name).replace(b"</si></sst>", b"</si8</sst>"))
    with pytest.raises(DataError, match="a readable workbook, found a damaged file"):
        read_sheets(damaged)


@pytest.mark.parametrize("name", ["none.xlsx", "none.csv"])
def test_a_file_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="none"):
        read_sheets(tmp_path / name)


def test_a_folder_without_sheets_is_refused_and_other_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="workbooks or CSV files, found none"):
        read_sheets(tmp_path)
    (tmp_path / "export.csv").write_text("id,amount\n1,2\n")
    frames, (finding,) = read_sheets(tmp_path)
    assert frames == {}
    assert (finding.code, finding.where) == ("HF009", "export.csv")


@pytest.mark.parametrize("taken", ["customer_success.xlsx", "customer_success/goals.csv"])
def test_init_never_writes_over_a_filled_sheet(tmp_path: Path, taken: str, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "templates" / taken
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    assert run(["init", str(tmp_path)]) == 2
    assert "nothing was overwritten" in capsys.readouterr().err
    assert mine.read_text() == "mine"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [mine]


def test_a_loss_without_a_date_of_its_own_is_left_out() -> None:
    cells = {"Account": ["A", "B"], "Notice on": ["2025-01-01", None], "Noted on": ["2025-01-02", "2025-01-02"]}
    _, frame, (finding,) = canonical("churn", pd.DataFrame(cells))
    assert frame["account_id"].tolist() == ["A"]
    assert finding.message == "1 of 2 rows were left out: row 3: no Notice on and no Ended on"
