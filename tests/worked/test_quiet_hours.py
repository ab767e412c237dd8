"""Quiet hours by the clock on the wall, also on the days on which it is changed."""

from datetime import UTC, date, datetime

import pytest

from holdfast.serving.alerts.quiet import next_loud, period

BERLIN = "Europe/Berlin"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "hours", "expected"),
    [
        ("2026-01-05T18:59:59+00:00", "20:00-07:00", "2026-01-05T18:59:59+00:00"),
        ("2026-01-05T19:00:00+00:00", "20:00-07:00", "2026-01-06T06:00:00+00:00"),  # 20:00 in Berlin
        ("2026-01-06T05:59:59+00:00", "20:00-07:00", "2026-01-06T06:00:00+00:00"),
        ("2026-01-06T06:00:00+00:00", "20:00-07:00", "2026-01-06T06:00:00+00:00"),
        ("2026-07-06T04:30:00+00:00", "20:00-07:00", "2026-07-06T05:00:00+00:00"),  # summer: an hour earlier
        ("2026-01-06T11:30:00+00:00", "12:00-13:00", "2026-01-06T12:00:00+00:00"),
        ("2026-01-06T23:30:00+00:00", "", "2026-01-06T23:30:00+00:00"),
        # 28 to 29 March: the clock goes from 02:00 to 03:00, the night is an hour shorter
        ("2026-03-28T21:00:00+00:00", "20:00-07:00", "2026-03-29T05:00:00+00:00"),
        ("2026-03-28T23:00:00+00:00", "22:00-02:30", "2026-03-29T01:30:00+00:00"),  # 02:30 never comes: 03:30
        # 24 to 25 October: 02:00 to 03:00 comes twice
        ("2026-10-24T21:00:00+00:00", "20:00-07:00", "2026-10-25T06:00:00+00:00"),
        ("2026-10-24T22:00:00+00:00", "22:00-02:30", "2026-10-25T00:30:00+00:00"),  # the first 02:30
        ("2026-10-25T01:10:00+00:00", "22:00-02:30", "2026-10-25T01:30:00+00:00"),  # 02:10 again: the second
    ],
)
def test_the_next_instant_that_is_not_quiet(now: str, hours: str, expected: str) -> None:
    assert next_loud(at(now), hours, BERLIN) == at(expected)


def test_days_and_weeks_are_those_of_the_place() -> None:
    late = at("2026-10-25T23:30:00+00:00")  # Monday in Berlin already
    assert period(late, "daily", BERLIN) == date(2026, 10, 26)
    assert period(late, "weekly", BERLIN) == date(2026, 10, 26)
    assert period(late, "weekly", "UTC") == date(2026, 10, 19)
