"""Dates as spreadsheets and people leave them: read where they mean one thing, else missing and counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.features.landed.casting import written
from tests.mapping_world import ACCOUNTS, findings, mapped, table
from tests.worked.test_casting import read, times


def test_days_of_a_spreadsheet_are_days_in_the_zone():
    assert times("46053", "46054.5", "25571") == ["2026-01-31 00:00:00", "2026-02-01 12:00:00", "1970-01-03 00:00:00"]
    assert times("46053.25", landed="DOUBLE", zone="Europe/Berlin") == ["2026-01-31 05:00:00"]
    assert times("2026-01-31", "46053") == ["2026-01-31 00:00:00"] * 2
    assert read("time", ["46053"])[1] == "days of a spreadsheet, since 1899-12-30"


@pytest.mark.parametrize("texts", [["2026"], ["7", "2026"], ["86399"], ["-5"]])
def test_numbers_that_are_neither_days_nor_seconds_are_none_and_counted(tmp_path: Path, texts):
    events = "account_id,user,event,occurred_at\n" + "".join(f"A,u,login,{one}\n" for one in texts)
    work = mapped(tmp_path, {"accounts.csv": ACCOUNTS, "usage.csv": events})
    assert table(work, "usage", "occurred_at") == [None] * len(texts)
    assert findings(work)["HF047"] == ["usage"]


def test_two_digits_of_a_year_tell_the_order_of_day_and_month_too():
    assert times("01/02/26", "13/02/26") == ["2026-02-01 00:00:00", "2026-02-13 00:00:00"]
    assert times("01/02/26", "01/13/26") == ["2026-01-02 00:00:00", "2026-01-13 00:00:00"]
    assert times("01/02/26", "13/02/26", "01/13/26")[2] is None
    assert "leaves the order of day and month open" in written([], [["01/02/26"]], ",").doubts[0]
    assert written([], [["01/02/26"]], ";").dayfirst is True


def test_two_digits_between_dashes_may_be_a_year_first():
    found, how = read("time", ["26-01-31", "12-11-10", "2026-01-31"])
    assert found[:2] == [None, None]
    assert "write the year with four digits" in how


def test_months_by_name_with_two_digits_of_a_year():
    assert times("31-Jan-26", "01-Feb-2026") == ["2026-01-31 00:00:00", "2026-02-01 00:00:00"]


def test_the_end_of_a_day_and_what_no_clock_shows():
    assert times("2026-01-31 24:00:00", "2026-06-30 23:59:60", "2026-01-31 25:00") == [
        "2026-02-01 00:00:00",
        None,
        None,
    ]
