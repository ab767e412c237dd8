"""Texts as they land, to times, numbers and flags: worked by hand, and what cannot be read is missing and counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from holdfast.features.landed.casting import cast, ended, written
from holdfast.features.landed.raw import connect

UNIX = 1_767_225_600  # 2026-01-01


def read(
    kind: str,
    texts: Sequence[str | None],
    landed: str = "VARCHAR",
    zone: str = "UTC",
    delimiter: str = ",",
    known: Sequence[str] | None = None,
) -> tuple[list[object], str]:
    """Read texts as a column of a kind, seen whole or some of it; times as short texts in UTC. Beside them, how."""
    told = sorted({text.strip() for text in known or texts if text})
    how = written([told] if kind == "number" else [], [told] if kind == "time" else [], delimiter, zone)
    one = cast("v", kind, landed, told, how)
    sql = f"({ended(one.sql)})::VARCHAR" if kind == "time" else one.sql
    with connect() as con:
        rows = con.execute(f"SELECT {sql} FROM (SELECT unnest(?::VARCHAR[])::{landed} AS v)", [list(texts)]).fetchall()  # noqa: S608
    return [value.removesuffix("+00") if isinstance(value, str) else value for (value,) in rows], one.how


def times(*texts: str, **options: Any) -> list[object]:
    return read("time", texts, **options)[0]


def numbers(*texts: str, **options: str) -> list[object]:
    return read("number", texts, **options)[0]


# --- times


def test_iso_in_all_its_spellings():
    texts = [
        "2026-01-31T10:00:00Z",
        "2026-01-31 10:00:00 UTC",
        "2026-01-31 10:00:00 GMT",
        "2026-01-31T11:00:00+01:00",
        "2026-01-31 11:00:00+0100",
        "2026-01-31 11:00:00 +0100",
        "2026-01-31 10:00:00 +0000 UTC",
        " 2026-01-31 10:00:00 Z ",
        "2026-01-31T10:00:00",
        "2026-01-31 10:00",
        "2026-01-31T10:00:00.000000Z",
    ]
    assert set(times(*texts)) == {"2026-01-31 10:00:00"}
    assert times("2026-01-31", "2026-01-31T10:00:00.123456Z") == ["2026-01-31 00:00:00", "2026-01-31 10:00:00.123456"]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_north_american_zones_are_read_by_their_names(zone):
    summer = ["2026-07-31 06:00:00 EDT", "2026-07-31 05:00:00 CDT", "2026-07-31 04:00:00 MDT", "2026-07-31 03:00:00PDT"]
    winter = [
        "2026-01-31 05:00:00 EST",
        "2026-01-31 04:00:00 CST",
        "2026-01-31 03:00:00.5 MST",
        " 2026-01-31 02:00 PST ",
    ]
    assert times(*summer, zone=zone) == ["2026-07-31 10:00:00"] * 4
    assert times(*winter, zone=zone) == [f"2026-01-31 10:00:00{part}" for part in ("", "", ".5", "")]
    assert read("time", winter)[1] == "ISO"
    mixed = ["2026-07-31 06:00:00 EDT", "2026-07-31 10:00:00 UTC", "2026-07-31 12:00:00+02:00"]
    assert times(*mixed, zone=zone) == ["2026-07-31 10:00:00"] * 3
    assert times("2026-07-31 10:00 EDT", "2026-07-31 10:00 XST") == ["2026-07-31 14:00:00", None]


@pytest.mark.parametrize(
    ("texts", "how"),
    [
        (["2026-01-31T10:00:00Z"], "ISO"),
        (["2026-01-31 10:00:00"], "ISO, without a zone, read as UTC"),
        (["31.01.2026"], "spelled dates, day first, without a zone, read as UTC"),
        (["01/31/2026"], "spelled dates, month first, without a zone, read as UTC"),
        ([str(UNIX)], "unix seconds"),
        ([f"{UNIX}000"], "unix milliseconds"),
        ([f"{UNIX}000000"], "unix microseconds"),
        ([f"{UNIX}000000000"], "unix nanoseconds"),
    ],
)
def test_how_times_were_read_is_said(texts, how):
    assert read("time", texts)[1] == how


def test_numbers_since_1970_each_by_its_size():
    texts = [str(UNIX), f"{UNIX}.5", f"{UNIX}000", f"{UNIX}000000", f"{UNIX}000000000"]
    day = "2026-01-01 00:00:00"
    assert times(*texts) == [day, f"{day}.5", day, day, day]
    assert times(str(UNIX), landed="BIGINT") == times(str(UNIX), landed="DOUBLE") == [day]
    assert times("inf", "nan", str(UNIX), landed="DOUBLE") == [None, None, day]


def test_a_column_that_mixes_unix_time_and_dates():
    assert times(str(UNIX), "2026-01-01", "01.01.2026") == ["2026-01-01 00:00:00"] * 3


def test_compact_dates_are_no_unix_time():
    assert times("20260131", "20251231") == ["2026-01-31 00:00:00", "2025-12-31 00:00:00"]
    assert times("20260131101500") == ["2026-01-31 10:15:00"]


def test_german_dates():
    assert times("31.12.2025", "1.2.2026 14:05", "01.02.26", "3.4.2026 08:00:30") == [
        "2025-12-31 00:00:00",
        "2026-02-01 14:05:00",
        "2026-02-01 00:00:00",
        "2026-04-03 08:00:30",
    ]


def test_american_dates():
    assert times("12/31/2025", "1/2/2026 2:05 PM", "01/02/26", "Jan 31, 2026, 10:00 AM", "January 5, 2026") == [
        "2025-12-31 00:00:00",
        "2026-01-02 14:05:00",
        "2026-01-02 00:00:00",
        "2026-01-31 10:00:00",
        "2026-01-05 00:00:00",
    ]


def test_an_open_order_of_day_and_month_follows_the_delimiter_and_is_a_doubt():
    assert times("1/2/2026", delimiter=";") == ["2026-02-01 00:00:00"]
    assert times("1/2/2026", delimiter=",") == ["2026-01-02 00:00:00"]
    assert "order of day and month" in written([], [["1/2/2026"]], ",").doubts[0]
    assert "'12/30/2025' has the month first" in written([], [["31/12/2025", "12/30/2025"]], ",").doubts[0]


def test_dates_that_mean_none():
    sentinels = ["0001-01-01", "1900-01-01", "1970-01-01", "2050-01-01", "9999-12-31 23:59:59", "2099-12-31"]
    assert times(*sentinels) == [None] * 6
    assert times("0", "253402300799") == [None, None]
    assert times("2049-12-31", "1970-01-02") == ["2049-12-31 00:00:00", "1970-01-02 00:00:00"]
    assert times("infinity", "-infinity", "2026-01-01", landed="TIMESTAMP") == [None, None, "2026-01-01 00:00:00"]


def test_words_are_no_times():
    assert (
        times(
            "now",
            "today",
            "epoch",
            "infinity",
            "-infinity",
            "soon",
            "Q1 2026",
            "",
            "12-11-10x",
            "2026-13-01",
            "2026-02-30",
            "31.02.2026",
        )
        == [None] * 12
    )


def test_the_clock_of_a_country():
    """In March an hour is missing; in October one comes twice, and the later is taken: it was known no sooner."""
    berlin = {"zone": "Europe/Berlin"}
    assert times("2026-01-31 10:00", "2026-07-31 10:00", **berlin) == ["2026-01-31 09:00:00", "2026-07-31 08:00:00"]
    assert times("2026-03-29 01:59", "2026-03-29 02:30", "2026-03-29 03:00", **berlin) == [
        "2026-03-29 00:59:00",
        "2026-03-29 01:30:00",
        "2026-03-29 01:00:00",
    ]
    assert times("2026-10-25 01:59", "2026-10-25 02:30", "2026-10-25 03:00", **berlin) == [
        "2026-10-24 23:59:00",
        "2026-10-25 01:30:00",
        "2026-10-25 02:00:00",
    ]
    assert (
        times("25.10.2026 02:30", **berlin)
        == times("2026-10-25 02:30:00", landed="TIMESTAMP", **berlin)
        == ["2026-10-25 01:30:00"]
    )
    assert times("2026-10-25T02:30+02:00", "2026-10-25T02:30:00Z ", "2026-10-25 02:30:00 UTC", **berlin) == [
        "2026-10-25 00:30:00",
        "2026-10-25 02:30:00",
        "2026-10-25 02:30:00",
    ]


@pytest.mark.parametrize(("text", "landed"), [("true", "BOOLEAN"), ("10:00:00", "TIME"), ("[2026-01-01]", "DATE[]")])
def test_a_type_that_holds_no_time_is_none(text, landed):
    assert times(text, landed=landed) == [None]


def test_json_texts_are_read_without_their_quotes():
    assert times('"2026-01-01"', landed="JSON") == ["2026-01-01 00:00:00"]
    assert numbers('"5"', "7.5", landed="JSON") == [5, 7.5]
    assert read("flag", ["true", '"no"'], "JSON")[0] == [True, False]
    assert read("text", ['"abc"', "5", "null"], "JSON")[0] == ["abc", "5", None]
    assert read("json", ['{"a": "b"}'], "JSON")[0] == ['{"a": "b"}']


# --- numbers


def test_points_and_commas():
    assert numbers("1,234.50", "5", "-1,000", "1e3", ".5") == [1234.5, 5, -1000, 1000, 0.5]
    assert numbers("1.234,50", "5", "-1.000,00") == [1234.5, 5, -1000]
    assert numbers("1 234,50", "1\u00a0234,50", "1\u202f234,50") == [1234.5] * 3
    assert numbers("1'234.50", "1\u2019234.50") == [1234.5] * 2


def test_a_number_with_the_other_decimal_mark_is_none_and_never_a_tenfold():
    assert numbers("1.5", "1,5", delimiter=",") == [1.5, None]
    assert numbers("1.5", "1,5", delimiter=";") == [None, 1.5]
    assert numbers("1,234.50", "1.234,50", delimiter=",") == [1234.5, None]


def test_what_stands_around_a_number():
    assert numbers("EUR 100.00", "100 EUR", "€ 5", "$5", "US$ 7.50", "5 Euro", "CHF 1'000.50") == [
        100,
        100,
        5,
        5,
        7.5,
        5,
        1000.5,
    ]
    assert numbers("1.000,00 €", "EUR 7,50") == [1000, 7.5]
    assert numbers("50%", "5 %", "-2.5%") == [0.5, 0.05, -0.025]
    assert numbers("50,5 %") == [0.505]


def test_minus_in_all_its_spellings():
    assert numbers("-5", "\u22125", "(5)", "5-", "-$5", "$-5", "(1,000.50)") == [-5, -5, -5, -5, -5, -5, -1000.5]
    assert numbers("-5", "-1,5", "(1,5)", "1,5-") == [-5, -1.5, -1.5, -1.5]


def test_what_is_no_number_is_none():
    texts = [
        "inf",
        "-Infinity",
        "nan",
        "1e400",
        "",
        "n/a",
        "three 3",
        "12-05-2024",
        "Q3 2024",
        "3.5.2024",
        "1.2.3",
        "0x10",
        "1,2,3.4.5",
    ]
    assert numbers(*texts) == [None] * len(texts)
    assert numbers("1.5", "nan", "inf", landed="DOUBLE") == [1.5, None, None]
    assert numbers("[1]", landed="INTEGER[]") == numbers("2026-01-01", landed="DATE") == [None]
    assert numbers("true", landed="BOOLEAN") == [1]
    assert numbers("12345678901234567890", landed="HUGEINT") == [12345678901234567890.0]


def test_an_open_decimal_mark_is_a_doubt():
    assert "'1,234'" in written([["1,234"]], [], ",").doubts[0]
    assert written([["1,234"]], [], ",").decimal == "."
    assert written([["1,234"]], [], ";").decimal == ","
    assert written([["1.000,50 €"], ["EUR 3"]], [], ",").decimal == ","


# --- flags and texts


def test_yes_and_no():
    yes, no = ["True", " yes", "JA", "1", "1.0", "x", "y", "wahr"], ["false", "No", "nein", "0", "0.0", "n"]
    assert read("flag", [*yes, *no, "maybe", "", "2", "-"])[0] == [*[True] * 8, *[False] * 6, *[None] * 4]
    assert read("flag", ["1", "0", "2"], "DOUBLE")[0] == [True, False, None]


def test_texts_lose_blanks_alone():
    assert read("text", [" a b ", "", "  ", "NULL", "0"])[0] == ["a b", None, None, "NULL", "0"]


# --- keys


def keys(*texts: str, landed: str) -> list[object]:
    return read("text", texts, landed=landed)[0]


def test_whole_numbers_with_gaps_are_keys_without_a_point():
    assert keys("1", "-0.0", "20000000001", "nan", landed="DOUBLE") == ["1", "0", "20000000001", None]
    assert keys("1", "16777215", "nan", landed="FLOAT") == ["1", "16777215", None]


def test_decimals_and_numbers_that_a_float_cannot_tell_apart_stay_as_they_are():
    assert keys("1.5", "9007199254740991", "9007199254740992", landed="DOUBLE") == [
        "1.5",
        "9007199254740991",
        "9007199254740992.0",
    ]
    assert keys("16777216", landed="FLOAT") == ["16777216.0"]
    assert keys("9007199254740993", landed="BIGINT") == ["9007199254740993"]
    assert keys("1.00", landed="DECIMAL(9,2)") == ["1.00"]
    assert keys("1.0", landed="VARCHAR") == ["1.0"]
