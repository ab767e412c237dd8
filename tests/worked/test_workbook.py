"""The workbook as a person opens it: sheets, headings, what stands beside a band, and what can be filled in."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from holdfast.serving import workbook
from holdfast.serving.evidence import left_by_band
from holdfast.serving.feedback.form import ASKED
from holdfast.serving.headings import title
from tests.served import BANDS, scores, serve

# openpyxl drops what Excel keeps of data bars, and says so
pytestmark = pytest.mark.filterwarnings("ignore:.*extension is not supported:UserWarning")


def sheets(folder: Path, language: str = "en", accounts: int = 12) -> dict[str, Worksheet]:
    place = serve(folder, scores([f"A{i:02d}" for i in range(accounts)]), language)
    book = load_workbook(place.current / "scores.xlsx")
    return {one.title: one for one in book.worksheets}


def column(sheet: Worksheet, heading: str) -> list[Any]:
    place = [cell.value for cell in sheet[1]].index(heading)
    return [row[place] for row in sheet.iter_rows(min_row=2, values_only=True)]


def test_the_sheets_are_named_and_headed_in_the_language_of_the_plan(tmp_path: Path) -> None:
    english, german = sheets(tmp_path / "en"), sheets(tmp_path / "de", "de")
    assert list(english) == ["Queue", "Scores", "Bands", "Columns", "About"]
    assert list(german) == ["Liste", "Scores", "Ampel", "Spalten", "Über"]
    assert column(german["Scores"], "Ampel")[:1] == ["rot"]
    assert column(english["Scores"], "Band")[:1] == ["red"]
    assert column(german["Scores"], "Verlängerung")[0] == datetime(2026, 3, 2)
    place = [cell.value for cell in german["Scores"][1]].index("Verlängerung") + 1
    assert german["Scores"].cell(2, place).number_format == "dd.mm.yyyy"


def test_the_observed_churn_stands_beside_every_band(tmp_path: Path) -> None:
    english, german = sheets(tmp_path / "en"), sheets(tmp_path / "de", "de")
    assert set(column(english["Scores"], "Churn seen from this band")) == {"30.0% (20.0% to 40.0%) in 90 days"}
    assert column(english["Bands"], "Churn seen in the past")[:4] == [
        "1.0% (0.4% to 2.1%) in 90 days",
        "5.0% (2.0% to 10.0%) in 90 days",
        "no figure: 19 accounts seen",
        "30.0% (20.0% to 40.0%) in 90 days",
    ]
    assert column(german["Ampel"], "Kündigungen bisher")[0] == "1,0% (0,4% bis 2,1%) in 90 Tagen"
    assert left_by_band({"bands": BANDS})["orange"] == "no figure, since only 19 accounts were seen in it"
    assert left_by_band({"bands": BANDS})["red"] == "30.0% (20.0% to 40.0%) churned within 90 days"
    assert left_by_band({}) == {}


def test_people_find_their_columns_empty_marked_and_guarded(tmp_path: Path) -> None:
    for name in ("Queue", "Scores"):
        sheet = sheets(tmp_path / name)[name]
        heads = [cell.value for cell in sheet[1]]
        asked = [title(one, "en") for one in ASKED]
        assert heads[-len(asked) - 1 :] == [*asked, "Run"]
        assert all(set(column(sheet, one)) == {None} for one in asked)
        rules = {str(rule.sqref).partition(":")[0]: rule for rule in sheet.data_validations.dataValidation}
        places = {one: sheet.cell(2, heads.index(title(one, "en")) + 1).coordinate for one in ASKED}
        assert set(rules) == set(places.values())
        score, until = rules[places["set_score"]], rules[places["set_until"]]
        assert (score.type, score.formula1, score.formula2) == ("decimal", "0", "100")
        days = (datetime(2026, 1, 1), datetime(2026, 4, 1))
        assert (until.formula1, until.formula2) == tuple(str((one - datetime(1899, 12, 30)).days) for one in days)
        assert rules[places["wrong_reason"]].formula1 == '"1,2,3"'
        assert rules[places["outcome"]].formula1 == '"Stays,Leaves,Grows,Shrinks,No contact"'
        assert sheet.freeze_panes == "D2"
        assert sheet.auto_filter.ref is not None
        letter = sheet.cell(1, heads.index("Run") + 1).column_letter
        assert sheet.column_dimensions[letter].hidden
        note = sheet.cell(1, heads.index("Note") + 1).column_letter
        assert sheet.column_dimensions[note].width > 30


def test_every_column_is_explained_and_every_fact_is_told(tmp_path: Path) -> None:
    book = sheets(tmp_path)
    explained = set(column(book["Columns"], "Column"))
    for name in ("Queue", "Scores"):
        assert {cell.value for cell in book[name][1]} <= explained
    facts = dict(book["About"].iter_rows(min_row=2, max_col=2, values_only=True))
    assert facts == {"run_id": "0123456789abcdef", "verdict": "fine"}


def test_what_a_sheet_does_not_hold_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "_ROWS", 5)
    monkeypatch.setattr(workbook, "QUEUED", 3)
    book = sheets(tmp_path)
    assert len(column(book["Scores"], "Account ID")) == 5
    assert column(book["Queue"], "Account ID") == ["A00", "A01", "A02"]
    facts = [row[1] for row in book["About"].iter_rows(values_only=True)]
    assert "7 accounts more than a sheet holds are in scores.csv and scores.parquet." in facts


def test_a_name_longer_than_a_cell_is_cut_in_the_workbook_alone(tmp_path: Path) -> None:
    told = scores(["a"])
    told.rows["account_name"] = "x" * 1_000_000
    place = serve(tmp_path, told)
    sheet = load_workbook(place.current / "scores.xlsx")["Scores"]
    assert column(sheet, "Account") == ["x" * 32_767]
    assert pd.read_parquet(place.current / "scores.parquet")["account_name"].str.len().tolist() == [1_000_000]


def test_a_run_without_accounts_has_a_workbook(tmp_path: Path) -> None:
    book = sheets(tmp_path, accounts=0)
    assert column(book["Queue"], "Account ID") == []
