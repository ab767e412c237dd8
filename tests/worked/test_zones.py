"""Names of zones behind a time, and times that a zone has twice or not at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from holdfast.features.landed.zones import OFFSETS
from tests.worked.test_casting import read, times

BOTH = pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
_RFC_822 = {"CST", "CDT", "PST"}  # China, Cuba and the Philippines use them too
_NOT_THERE = {"MEZ", "MESZ", "SGT"}  # German, and one that the tz database calls +08


def test_an_abbreviation_means_the_same_wherever_it_is_used():
    told: dict[str, set[timedelta | None]] = {}
    for place in sorted(one for one in available_timezones() if "/" in one and one != "Asia/Pyongyang"):
        clock = ZoneInfo(place)
        for month in range(16 * 13):
            local = (datetime(2010, 1, 1, tzinfo=UTC) + timedelta(days=28 * month)).astimezone(clock)
            told.setdefault(local.tzname() or "", set()).add(local.utcoffset())
    strict = OFFSETS.keys() - _RFC_822 - _NOT_THERE
    assert {name: told[name] for name in strict} == {
        name: {datetime.fromisoformat(f"2025-01-01T00:00{OFFSETS[name]}").utcoffset()} for name in strict
    }


@BOTH
def test_zones_are_read_by_their_names(zone):
    named = ["12:00 CEST", "11:00:00 BST", "11:00:00.0 CET", "20:00 aest", "19:00JST", " 13:00 EEST "]
    assert times(*(f"2026-07-31 {one}" for one in named), zone=zone) == ["2026-07-31 10:00:00"] * 6


@BOTH
def test_places_and_offsets_in_all_their_spellings(zone):
    told = ["12:00 Europe/Berlin", "15:30 Asia/Kolkata", "12:00 UTC+2", "12:00 GMT+02:00", "12:00:00 +0200 CEST"]
    assert times(*(f"2026-07-31 {one}" for one in told), zone=zone) == ["2026-07-31 10:00:00"] * 5


@BOTH
@pytest.mark.parametrize("offset", ["+25:00", "+15:00", "-14:01", "+1430", "-99:99", "+02:75", " UTC+20"])
def test_an_offset_that_no_clock_on_earth_has_is_none(zone, offset):
    sound = "2026-07-31T12:00:00+14:00"
    assert times(sound, f"2026-07-31T10:00:00{offset}", zone=zone) == ["2026-07-30 22:00:00", None]
    assert times(f"2026-07-31T10:00:00{offset}", known=[sound, sound], zone=zone) == [None]


@BOTH
@pytest.mark.parametrize("name", ["IST", "MSK", "XST", "ABC", "A"])
def test_a_name_that_may_mean_several_zones_is_none_and_says_so(zone, name):
    found, how = read("time", [f"2026-07-31 10:00:00 {name}", "2026-07-31T10:00:00+00:00"], zone=zone)
    assert [found[0], str(found[1])[:19]] == [None, "2026-07-31 10:00:00"]
    assert f"{name} behind a time may mean several zones, or none: export it with its offset" in how


@BOTH
def test_a_name_beyond_the_first_rows_is_never_taken_for_another_zone(zone):
    """The SQL is written from some values and meets all of them."""
    known = ["2026-07-31T10:00:00Z"]
    for text in ("2026-07-31 10:00:00 IST", "2026-07-31 10:00:00 BST", "2026-07-31 10:00:00 CET"):
        assert times(text, known=known, zone=zone) == [None]


@BOTH
def test_an_afternoon_behind_an_iso_date_is_no_morning(zone):
    at = {"UTC": "22:00:00", "Europe/Berlin": "20:00:00", "America/New_York": "02:00:00"}[zone]
    assert times("2026-07-31 10:00 PM", "2026-07-31 10:00:00 PM", zone=zone)[0][11:] == at
