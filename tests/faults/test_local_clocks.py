"""Clocks of a country, and leap days: an instant is an instant, and a day is 24 hours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdfast.features.catalog import catalog
from holdfast.features.history import History
from holdfast.features.indicators.sources import usage
from tests.faults.test_bad_input import BERLIN, history, measured, value

SPRING, AUTUMN = pd.Timestamp("2026-03-29", tz=BERLIN), pd.Timestamp("2026-10-25", tz=BERLIN)


def local(*texts: str) -> History:
    return history({"occurred_at": list(texts)}, end="2026-12-01")


def test_the_missing_hour_takes_no_time_and_the_doubled_one_two_hours():
    spring = local("2026-03-29T01:59:59+01:00", "2026-03-29T03:00:00+02:00")
    assert np.diff(spring.records("usage").at).tolist() == [1_000_000]
    autumn = local("2026-10-25T02:30+02:00", "2026-10-25T02:30+01:00")
    assert np.diff(autumn.records("usage").at).tolist() == [3600_000_000]
    assert value(autumn, usage.count(), "2026-10-25T02:30+02:00") == 1
    assert value(autumn, usage.count(), "2026-10-25T02:30+01:00") == 2


def test_a_local_day_of_23_hours_and_one_of_25_are_not_windows_of_a_day():
    """A day is 24 hours: at local midnight after the change the window of a day is not that of the local date."""
    for midnight, hours in ((SPRING, 23), (AUTUMN, 25)):
        following = midnight + pd.offsets.Day(1)
        assert (following - midnight) == pd.Timedelta(hours=hours)
        every = pd.date_range(midnight - pd.Timedelta(days=3), following + pd.Timedelta(days=3), freq="h")
        one = history({"occurred_at": list(every)}, end="2026-12-01")
        assert value(one, usage.count(days=1), following) == 24
        assert value(one, usage.count(days=2), following) == 48
        assert value(one, usage.days_since_first(days=1), following) == pytest.approx(23 / 24)
        edge = local((following - pd.Timedelta(days=1)).isoformat())
        assert value(edge, usage.count(days=1), following) == 0
        assert value(edge, usage.days_since(), following) == 1


def test_a_column_with_a_zone_reads_like_its_texts():
    every = pd.date_range(AUTUMN, periods=30, freq="h")
    frame, texts = (history({"occurred_at": told}) for told in (every, [at.isoformat() for at in every]))
    assert frame.fingerprint() == texts.fingerprint()
    assert value(frame, usage.active_days(), every[-1]) == 3  # UTC days, whatever the country


def test_equal_instants_written_in_two_zones_are_one_row():
    one = local("2026-03-28T23:30+01:00", "2026-03-29T03:30+02:00")
    places = (BERLIN, "UTC", "America/St_Johns", "Pacific/Kiritimati", "Pacific/Marquesas", "Asia/Kathmandu")
    instant = pd.Timestamp("2026-03-30", tz=BERLIN)
    told = measured(
        one, *(instant.tz_convert(place) for place in places), *(instant.tz_convert(p).isoformat() for p in places)
    )
    assert list(told.index) == [("a", pd.Timestamp("2026-03-29 22:00", tz="UTC"))]
    pd.testing.assert_frame_equal(told, measured(one, "2026-03-29T22:00"), check_exact=True)


def test_nanoseconds_of_a_cutoff_are_cut_off():
    one = local("2026-03-28T12:00:00.000001Z")
    assert value(one, usage.count(), pd.Timestamp("2026-03-28T12:00:00.000001999", tz="UTC")) == 1
    with pytest.raises(KeyError):  # not known yet: the account has no row
        value(one, usage.count(), pd.Timestamp("2026-03-28T12:00:00.000000999", tz="UTC"))


# --- leap days


def test_windows_run_over_the_leap_day():
    one = history({"occurred_at": ["2024-02-28", "2024-02-29", "2024-03-01", "2025-02-28"]}, end="2026-01-01")
    assert [value(one, usage.count(days=n), "2024-03-01") for n in (1, 2, 3)] == [1, 2, 3]
    assert value(one, usage.days_since(days=2), "2024-03-01T12:00") == 0.5
    assert value(one, usage.count(days=365), "2025-02-28") == 2  # the leap day is 365 days ago: outside
    assert value(one, usage.count(days=366), "2025-02-28") == 3
    assert value(one, usage.active_days(), "2025-02-28") == 4


def decisions(at: str, horizons: tuple[int, ...], **terms: Any) -> list[float]:
    held = {"account_id": ["a"], "valid_from": ["2023-12-31"], **{name: [told] for name, told in terms.items()}}
    one = history({"occurred_at": ["2024-01-01"]}, subscriptions=held, end="2028-12-31")
    chosen = catalog.select(["subscriptions_held"]).measure(one, [at], horizons, grace_days=0)
    return chosen.exposure.iloc[0].tolist()


@pytest.mark.parametrize(
    ("at", "horizons", "terms", "expected"),
    [
        ("2024-02-01", (27, 28, 29), {"term_end": "2024-02-29", "term_months": 12}, [0, 1, 0]),
        ("2025-02-01", (26, 27, 28), {"term_end": "2024-02-29", "term_months": 12}, [0, 1, 0]),  # 28 February
        ("2028-02-01", (27, 28, 29), {"term_end": "2024-02-29", "term_months": 12}, [0, 1, 0]),  # 29 February again
        ("2024-02-15", (13, 14, 15), {"term_end": "2024-01-31", "term_months": 1}, [0, 1, 0]),
        ("2024-03-15", (15, 16, 17), {"term_end": "2024-01-31", "term_months": 1}, [0, 1, 0]),  # 31 March, not 29
        ("2024-02-01", (27, 28, 29), {"term_end": "2024-03-01", "notice_days": 1, "term_months": 12}, [0, 1, 0]),
        ("2024-02-01", (27, 28, 29), {"term_start": "2023-02-28", "term_months": 12}, [1, 0, 0]),
    ],
)  # fmt: skip
def test_terms_run_over_the_leap_day(at, horizons, terms, expected):
    assert decisions(at, horizons, **terms) == expected


def test_a_month_from_the_31st_does_not_drift_after_february():
    terms = {"term_start": "2024-01-31", "term_months": 1}
    assert decisions("2024-02-15", (13, 14, 15), **terms) == [0, 1, 0]
    assert decisions("2024-03-15", (14, 15, 16), **terms) == [0, 0, 1]
