"""What customer success managers hold: templates written, filled in, and read back, against rows written by hand."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from holdfast.features.catalog import catalog
from holdfast.features.history import History
from holdfast.features.history.dialect import Dialect
from holdfast.features.history.tables import TABLES
from holdfast.features.sheets.cells import read_cells
from holdfast.features.sheets.reading import canonical, read_sheets, recognise
from holdfast.features.sheets.rows import named
from holdfast.features.sheets.sheets import EXAMPLE, HOW_TO, SHEETS
from holdfast.serving.starter import write_starter
from holdfast.serving.templates import csv_template, workbook_template

LINK = '=HYPERLINK("http://x","y")'
FILLED: dict[str, list[dict[str, Any]]] = {
    "goals": [
        {"Account": "A-1", "Goal": "Costs down", "Kind": "Goal", "Target": 100, "Actual": 40, "Status": "Behind",
         "Reading on": date(2025, 1, 10), "Noted on": date(2025, 1, 12)},
        {"Account": "A-1", "Goal": "costs  DOWN", "Kind": "Goal", "Target": 100, "Actual": "75,5", "Status": "erreicht",
         "Value delivered": 9000, "Reading on": "10.04.2025", "Noted on": "14.04.2025"},
    ],
    "roles": [
        {"Account": "A-1", "Person": "Anna", "Role": "Executive sponsor", "Has a seat": "Ja", "From": date(2024, 6, 1)},
        {"Account": "A-1", "Person": "Ben", "Role": "champion", "Has a seat": False, "From": date(2024, 6, 1),
         "Until": date(2025, 2, 1), "Noted on": date(2024, 6, 3)},
        {"Account": "0012", "Person": "Cem", "Role": "economic-buyer", "From": date(2025, 1, 1),
         "Noted on": date(2025, 1, 1)},
    ],
    "reviews": [
        {"Account": "A-1", "Review on": datetime(2025, 3, 4, 15, 30), "Status": "Held", "Kind": "Quarterly review",
         "Minutes": 45, "Note": LINK, "Noted on": date(2025, 3, 4)},
        {"Account": "A-1", "Review on": "05.05.2025", "Status": "nicht erschienen", "Noted on": date(2025, 5, 6)},
        {"Account": "A-1", "Review on": date(2025, 9, 1), "Status": "Scheduled", "Note": "+49 30 1",
         "Noted on": date(2025, 5, 20)},
    ],
    "advocacy": [{"Account": "A-1", "Advocacy on": date(2025, 4, 1), "Act": "case-study", "Person": "@Ben"}],
    "budget": [
        {"Account": "A-1", "Budget status": "Contested", "Budget amount": 20000, "Currency": "EUR",
         "Budget from": date(2024, 10, 1), "Noted on": date(2024, 10, 2)},
        {"Account": "A-1", "Budget status": "Dedicated", "Budget amount": 30000, "Currency": "EUR",
         "Budget from": date(2025, 5, 1), "Noted on": date(2025, 5, 2)},
    ],
    "churn": [
        {"Account": "0012", "Notice on": date(2025, 4, 1), "Ended on": date(2025, 6, 30), "Kind": "Gave notice",
         "Reason": "-20 % budget", "Noted on": date(2025, 4, 3)},
    ],
}  # fmt: skip


def day(*days: str | None) -> pd.Series:
    return pd.Series(pd.to_datetime(list(days), utc=True, format="ISO8601").as_unit("us"))


def text(*texts: str | None) -> pd.Series:
    return pd.Series(list(texts), dtype="str")


def number(*numbers: float | None) -> pd.Series:
    return pd.Series(list(numbers), dtype="float64")


def expected() -> dict[str, pd.DataFrame]:
    """Give the canonical rows of FILLED, written by hand, sorted by account and the day on which they were known."""
    created, none = "created", None
    return {
        "churn": pd.DataFrame({
            "account_id": text("0012"), "known_at": day("2025-04-03"), "known_basis": text(created),
            "notice_at": day("2025-04-01"), "ended_at": day("2025-06-30"), "kind": text("voluntary"),
            "reason": text("-20 % budget"),
        }),
        "deals": pd.DataFrame({
            "account_id": text("A-1", "A-1"), "known_at": day("2024-10-02", "2025-05-02"),
            "known_basis": text(created, created), "valid_from": day("2024-10-01", "2025-05-01"),
            "deal_id": text("A-1/budget", "A-1/budget"), "kind": text("other", "other"),
            "stage": text("budget", "budget"), "currency": text("EUR", "EUR"),
            "budget_status": text("contested", "dedicated"), "budget_amount": number(20000, 30000),
        }),
        "goals": pd.DataFrame({
            "account_id": text("A-1", "A-1"), "known_at": day("2025-01-12", "2025-04-14"),
            "known_basis": text(created, created), "valid_from": day("2025-01-10", "2025-04-10"),
            "goal_id": text("A-1/costs down", "A-1/costs down"), "kind": text("goal", "goal"),
            "name": text("Costs down", "costs  DOWN"), "metric": text(none, none), "unit": text(none, none),
            "status": text("behind", "reached"), "currency": text(none, none), "baseline": number(none, none),
            "target": number(100, 100), "actual": number(40, 75.5), "value_delivered": number(none, 9000),
            "due_at": day(none, none),
        }),
        "people": pd.DataFrame({
            "account_id": text("0012", "A-1", "A-1"), "known_at": day("2025-01-01", "2024-06-01", "2024-06-03"),
            "known_basis": text(created, "assumed", created),
            "valid_from": day("2025-01-01", "2024-06-01", "2024-06-01"),
            "valid_to": day(none, none, "2025-02-01"), "person_id": text("Cem", "Anna", "Ben"),
            "role": text("economic_buyer", "exec_sponsor", "champion"), "seat": number(none, 1, 0),
            "title": text(none, none, none),
        }),
        "touchpoints": pd.DataFrame({
            "account_id": text("A-1", "A-1", "A-1", "A-1"),
            "known_at": day("2025-03-04 15:30", "2025-04-01", "2025-05-06", "2025-05-20"),
            "known_basis": text(created, "assumed", created, created),
            "occurred_at": day("2025-03-04 15:30", "2025-04-01", "2025-05-05", "2025-05-20"),
            "scheduled_at": day(none, none, none, "2025-09-01"),
            "kind": text("review", "advocacy", "review", "review"), "person_id": text(none, "@Ben", none, none),
            "subtype": text("qbr", "case_study", none, none), "status": text("held", none, "no_show", "scheduled"),
            "owner": text(none, none, none, none), "outcome": text(none, none, none, none),
            "text": text(LINK, none, none, "+49 30 1"), "duration_min": number(45, none, none, none),
        }),
    }  # fmt: skip


@pytest.fixture
def book(tmp_path: Path) -> Path:
    write_starter(tmp_path)
    return tmp_path / "templates" / "customer_success.xlsx"


def fill(page: Worksheet, rows: list[dict[str, Any]], first: int) -> None:
    headers = {cell.value: cell.column for cell in page[1]}
    for number, row in enumerate(rows, first):
        for header, value in row.items():
            cell = page.cell(number, headers[header])
            cell.value = value
            if isinstance(value, str):
                cell.data_type = "s"  # typed into a text cell, where a spreadsheet takes it for no formula


def filled(book: Path, rows: dict[str, list[dict[str, Any]]], first: int = 4) -> Path:
    """Fill the workbook as a person would: by default below the example row and a blank one."""
    opened = openpyxl.load_workbook(book)
    for name, lines in rows.items():
        fill(opened[SHEETS[name].title], lines, first)
    opened.save(book)
    return book


def same(found: dict[str, pd.DataFrame], wanted: dict[str, pd.DataFrame]) -> None:
    assert sorted(found) == sorted(wanted)
    for name, frame in wanted.items():
        assert set(found[name]["source"]) == {"customer_success"}
        assert found[name]["source_id"].is_unique
        rest = found[name].drop(columns=["source", "source_id"])
        assert list(rest.columns) == [one for one in TABLES[name].columns if one in frame]
        pd.testing.assert_frame_equal(rest, frame[list(rest.columns)])


def test_a_filled_workbook_gives_the_rows_written_by_hand(book: Path) -> None:
    frames, findings = read_sheets(filled(book, FILLED))
    assert [finding.code for finding in findings] == ["HF003", "HF003"]  # the two sheets with dates typed as text
    assert "decimal ',', day first" in findings[0].message
    same(frames, expected())


def test_sorting_moving_columns_and_deleting_the_example_change_nothing(book: Path, tmp_path: Path) -> None:
    before, _ = read_sheets(filled(book, FILLED))
    other = openpyxl.load_workbook(io.BytesIO(workbook_template()))
    for name, rows in FILLED.items():
        page = other[SHEETS[name].title]
        page.delete_rows(2)
        headers = list(reversed(SHEETS[name].headers))
        for place, header in enumerate(headers, 1):
            page.cell(1, place).value = f" {header.upper()}*"
        for number, row in enumerate(reversed(rows), 2):
            for header, value in row.items():
                cell = page.cell(number, headers.index(header) + 1)
                cell.value = value
                if isinstance(value, str):
                    cell.data_type = "s"
    other.save(tmp_path / "other.xlsx")
    after, _ = read_sheets(tmp_path / "other.xlsx")
    assert sorted(after) == sorted(before)
    for name, frame in before.items():
        pd.testing.assert_frame_equal(after[name], frame)


def test_csv_files_as_a_german_excel_saves_them_give_the_same_rows(tmp_path: Path) -> None:
    write_starter(tmp_path)
    folder = tmp_path / "templates" / "customer_success"

    def spelled(value: Any) -> str:
        if isinstance(value, datetime):
            return f"{value:%d.%m.%Y %H:%M}"
        if isinstance(value, date):
            return f"{value:%d.%m.%Y}"
        return {True: "WAHR", False: "FALSCH"}[value] if isinstance(value, bool) else str(value)

    for name, rows in FILLED.items():
        header = next(csv.reader((folder / f"{name}.csv").read_text().splitlines()))
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter=";")
        writer.writerow(header)
        writer.writerows([[spelled(row[h]) if h in row else "" for h in header] for row in [*rows, {}]])
        (folder / f"{name}.csv").write_bytes(text.getvalue().encode("cp1252"))
    frames, findings = read_sheets(folder)
    assert {finding.code for finding in findings} == {"HF003"}
    same(frames, expected())


@pytest.mark.parametrize("path", ["templates/customer_success.xlsx", "templates/customer_success"])
def test_untouched_templates_hold_nothing(tmp_path: Path, path: str) -> None:
    write_starter(tmp_path)
    assert read_sheets(tmp_path / path) == ({}, [])


def test_the_rows_make_indicators_of_the_catalogue_applicable(book: Path) -> None:
    frames, _ = read_sheets(filled(book, FILLED))
    company = {
        "accounts": pd.DataFrame({"account_id": ["A-1", "0012"], "valid_from": ["2024-01-01"] * 2}),
        "usage": pd.DataFrame({"account_id": ["A-1", "0012"], "occurred_at": ["2024-02-01", "2024-03-01"]}),
    }
    with_sheets = History.from_frames({**company, **frames}, end="2025-06-01")
    snapshot = catalog.measure(with_sheets, ["2025-03-01", "2025-06-01"])
    got = snapshot.indicators.loc["A-1"]
    wanted = {
        "goals_reached": [0, 1],
        "goal_progress": [0.4, 0.755],
        "executive_sponsor": [1, 1],
        "sponsor_engagement": [1, 2],
        "champions": [0, 0],
        "champions_change": [-1, -1],
        "reviews_held": [0, 1],
        "reviews_missed": [0, 1],
        "advocacy": [0, 2 ** (-61 / 90)],
        "budget_dedicated": [0, 1],
    }
    for name, values in wanted.items():
        assert got[name].tolist() == pytest.approx(values), name
    assert got["budget_change"].tolist()[1] == 1.5
    without = catalog.measure(History.from_frames(company, end="2025-06-01"), ["2025-06-01"])
    assert {*wanted, "budget_change"} <= set(without.left_out)


# --- the clocks


@pytest.mark.parametrize(
    ("row", "known", "basis", "happened"),
    [
        ({"Review on": "2025-03-04", "Noted on": "2025-03-06"}, "2025-03-06", "created", "2025-03-04"),
        ({"Review on": "2025-03-04"}, "2025-03-04", "assumed", "2025-03-04"),
        ({"Noted on": "2025-03-06"}, "2025-03-06", "created", "2025-03-06"),
        # a status that was changed without its Noted on must not be known before it came about
        ({"Review on": "2025-03-04", "Noted on": "2025-01-10"}, "2025-03-04", "assumed", "2025-03-04"),
        (
            {"Review on": "2025-03-04 15:00", "Noted on": "2025-03-04"},
            "2025-03-04 15:00",
            "created",
            "2025-03-04 15:00",
        ),
    ],
)
def test_when_a_held_review_was_known(row: dict[str, str], known: str, basis: str, happened: str) -> None:
    cells = {header: [row.get(header)] for header in ("Review on", "Noted on")}
    _, frame, _ = canonical("reviews", pd.DataFrame({"Account": ["A"], "Status": ["Held"], **cells}))
    one = frame.iloc[0]
    assert (one["known_at"], one["known_basis"]) == (pd.Timestamp(known, tz="UTC"), basis)
    assert one["occurred_at"] == pd.Timestamp(happened, tz="UTC")
    assert one["scheduled_at"] is pd.NaT


@pytest.mark.parametrize(
    ("status", "noted", "happened"),
    [("Scheduled", "2025-01-10", "2025-01-10"), ("Cancelled", "2025-02-20", "2025-02-20"),
     ("Cancelled", "2025-03-09", "2025-03-04")],
)  # fmt: skip
def test_a_plan_happens_when_it_is_noted_and_keeps_its_date(status: str, noted: str, happened: str) -> None:
    cells = {"Account": ["A"], "Status": [status], "Review on": ["2025-03-04"], "Noted on": [noted]}
    _, frame, _ = canonical("reviews", pd.DataFrame(cells))
    assert frame["known_at"].tolist() == [pd.Timestamp(noted, tz="UTC")]
    assert frame["occurred_at"].tolist() == [pd.Timestamp(happened, tz="UTC")]
    assert frame["scheduled_at"].tolist() == [pd.Timestamp("2025-03-04", tz="UTC")]


def test_a_loss_is_known_when_it_was_noted_and_else_by_its_first_date() -> None:
    cells = {
        "Account": ["A", "B", "C"],
        "Notice on": ["2025-03-04", None, "2025-06-20"],
        "Ended on": ["2025-06-30", "2025-06-30", None],
        "Noted on": [None, None, "2025-07-01"],
    }
    _, frame, findings = canonical("churn", pd.DataFrame(cells))
    assert [f"{one:%Y-%m-%d}" for one in frame["known_at"]] == ["2025-03-04", "2025-06-30", "2025-07-01"]
    assert frame["known_basis"].tolist() == ["assumed", "assumed", "created"]
    assert findings == []


def test_things_are_named_anew_once_accounts_are_resolved() -> None:
    cells = {"Account": ["Acme", "A-1"], "Goal": ["Save time", "save time "], "Noted on": ["2025-01-01", "2025-02-01"]}
    _, frame, _ = canonical("goals", pd.DataFrame(cells))
    assert sorted(frame["goal_id"]) == ["A-1/save time", "Acme/save time"]
    foreign = frame.iloc[:1].assign(source="crm", goal_id="G7")
    resolved = pd.concat([frame.assign(account_id="A-1"), foreign], ignore_index=True)
    assert named("goals", resolved)["goal_id"].tolist() == ["A-1/save time", "A-1/save time", "G7"]


# --- which sheet


@pytest.mark.parametrize("sheet", SHEETS.values(), ids=list(SHEETS))
def test_a_sheet_is_recognised_by_its_header_and_no_canonical_table_is(sheet: Any) -> None:
    assert recognise(sheet.headers) == sheet.name
    assert recognise([f"{header} " for header in reversed(sheet.headers)] + ["Mine", ""]) == sheet.name
    assert recognise([one for one in sheet.headers if one != "Account"]) is None
    assert recognise(["Account", "Noted on", "Note", "Kind"]) is None
    assert [name for name, table in TABLES.items() if recognise(list(table.columns))] == []


def test_a_sheet_is_found_below_a_title_and_in_a_workbook_of_other_things(book: Path, tmp_path: Path) -> None:
    opened = openpyxl.load_workbook(filled(book, {"reviews": FILLED["reviews"]}, first=3))
    opened["Reviews"].insert_rows(1, 2)
    opened["Reviews"]["A1"] = "Reviews of the year"
    opened["Reviews"].title = "Q1"
    opened.create_sheet("Pivot")["B2"] = "sum"
    opened.save(tmp_path / "larger.xlsx")
    frames, findings = read_sheets(tmp_path / "larger.xlsx")
    assert frames["touchpoints"]["status"].tolist() == ["held", "no_show", "scheduled"]
    assert [(one.code, one.where) for one in findings if one.code != "HF003"] == [("HF009", "larger.xlsx, sheet Pivot")]


# --- the templates


def test_the_lists_to_choose_from_are_the_words_that_reading_accepts(book: Path) -> None:
    opened = openpyxl.load_workbook(book)
    assert opened.sheetnames == [HOW_TO, *(sheet.title for sheet in SHEETS.values())]
    for sheet in SHEETS.values():
        page = opened[sheet.title]
        areas = {next(iter(rule.sqref.ranges)): rule for rule in page.data_validations.dataValidation}
        assert {(area.min_row, area.max_row) for area in areas} == {(2, 1_048_576)}
        rules = {area.min_col: rule for area, rule in areas.items()}
        for place, column in enumerate(sheet.columns, 1):
            rule = rules[place]
            assert rule.type == {"choice": "list", "date": "date", "number": "decimal", "text": None}[column.kind]
            if column.kind == "choice":
                listed = rule.formula1.strip('"').split(",")
                assert read_cells(column, listed, Dialect()) == [word.value for word in column.words]


def test_a_template_is_laid_out_to_be_filled_in(book: Path) -> None:
    opened = openpyxl.load_workbook(book)
    for sheet in SHEETS.values():
        page = opened[sheet.title]
        assert page.freeze_panes == "A2"
        assert all(cell.font.bold for cell in page[1])
        assert [cell.value for cell in page[1]] == list(sheet.headers)
        assert page["A2"].value == EXAMPLE
        assert page["A2"].font.italic
        assert all(page.column_dimensions[cell.column_letter].width >= 12 for cell in page[1])
        assert page.column_dimensions["A"].number_format == "@"  # so that 0012 stays 0012
    told = {cell.value for row in opened[HOW_TO].iter_rows() for cell in row}
    assert {column.help for sheet in SHEETS.values() for column in sheet.columns} <= told


def test_the_workbook_holds_no_time_of_writing() -> None:
    with zipfile.ZipFile(io.BytesIO(workbook_template())) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        core = archive.read("docProps/core.xml").decode()
    assert core.count("2020-01-01T00:00:00Z") == 2


def test_what_is_declared_fits_the_canonical_tables() -> None:
    for sheet in SHEETS.values():
        columns = TABLES[sheet.table].columns
        assert len({column.to for column in sheet.columns}) == len(sheet.columns)
        for name, value in sheet.fixed.items():
            assert not columns[name].words or value in columns[name].words
        for column in sheet.columns:
            kind = columns[column.to].kind
            assert (
                kind
                in {"text": ["text"], "number": ["number"], "date": ["time"], "choice": ["text", "flag"]}[column.kind]
            )
            if columns[column.to].words:
                assert {word.value for word in column.words} <= set(columns[column.to].words)
            ways = [way for word in column.words for way in word.accepted]
            assert len(set(ways)) == len(ways), f"{sheet.name}, {column.header}: a word of two meanings"


def test_a_csv_template_has_the_header_and_the_example_of_its_sheet() -> None:
    rows = list(csv.reader(csv_template(SHEETS["churn"]).decode().splitlines()))
    assert rows == [
        ["Account", "Notice on", "Ended on", "Kind", "Reason", "Noted on"],
        [EXAMPLE, "2025-03-12", "2025-06-30", "Gave notice", "budget cut", "2025-03-14"],
    ]


def test_the_example_row_left_in_says_nothing_of_how_numbers_are_written() -> None:
    goals = SHEETS["goals"]
    mine = {"Account": "A", "Goal": "x", "Actual": "11,5", "Noted on": "14.03.2025"}
    frame = pd.DataFrame([[one.example for one in goals.columns], [mine.get(one, "") for one in goals.headers]])
    _, rows, (finding,) = canonical("goals", frame.set_axis(list(goals.headers), axis=1))
    assert rows["actual"].tolist() == [11.5]
    assert finding.code == "HF003"
