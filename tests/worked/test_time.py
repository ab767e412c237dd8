"""Instants and cutoffs, worked by hand."""

from datetime import date
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from holdfast.errors import DataError, UsageError
from holdfast.features.time import cutoffs, days, instants, micros, to_instant


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        ("2025-03-01", "2025-03-01T00:00:00Z"),
        (date(2025, 3, 1), "2025-03-01T00:00:00Z"),
        (pd.Timestamp("2025-03-01 12:00"), "2025-03-01T12:00:00Z"),
        ("2025-03-01T00:30:00+01:00", "2025-02-28T23:30:00Z"),
        (
            pd.Timestamp("2026-03-29 03:00", tz="Europe/Berlin"),
            "2026-03-29T01:00:00Z",
        ),  # the hour that summer time skips
        (pd.Timestamp("2025-01-01 00:00:00.123456789"), "2025-01-01T00:00:00.123456Z"),
    ],
)
def test_an_instant_is_utc_in_microseconds(value, instant):
    assert to_instant(value) == pd.Timestamp(instant)
    assert to_instant(value).unit == "us"


@pytest.mark.parametrize("value", ["soon", "", "now", "31.12.2025", None, "2025-13-01"])
def test_what_is_no_instant_is_refused(value):
    with pytest.raises(UsageError, match="ISO date"):
        to_instant(value)


def test_days_and_instants_are_whole_microseconds():
    assert days(28) == 28 * 86_400 * 10**6
    times = pd.DatetimeIndex(["1969-12-31T23:59:59.999999", "2024-02-29"], tz="UTC")
    assert micros(times).tolist() == [-1, 1_709_164_800_000_000]
    assert instants(micros(times)).equals(times.as_unit("us"))


def history(start: str, now: str) -> SimpleNamespace:
    return SimpleNamespace(start=to_instant(start), now=to_instant(now))


def test_days_count_back_from_now_to_28_days_after_the_start():
    index = cutoffs(history("2025-01-01", "2025-04-01"), every="28d")
    assert [f"{day:%m-%d}" for day in index] == ["02-04", "03-04", "04-01"]
    assert index.name == "cutoff"
    assert str(index.dtype) == "datetime64[us, UTC]"


def test_a_cutoff_exactly_28_days_after_the_start_is_there():
    assert len(cutoffs(history("2025-01-01", "2025-01-29"))) == 1
    with pytest.raises(DataError, match="at least one between"):
        cutoffs(history("2025-01-01", "2025-01-28"))


def test_months_are_first_days_and_a_start_inside_a_day_does_not_open_it():
    index = cutoffs(history("2024-01-04 12:00", "2024-04-01"), every="month")
    assert [f"{day:%m-%d}" for day in index] == ["03-01", "04-01"]  # 28 days later is 1 February, noon
    assert np.all(index.hour == 0)


def test_first_and_last_are_taken_as_given():
    index = cutoffs(history("2020-01-01", "2025-01-01"), every="7d", first="2024-12-01", last="2024-12-20")
    assert [f"{day:%m-%d}" for day in index] == ["12-06", "12-13", "12-20"]


@pytest.mark.parametrize("every", ["week", "0d", "-7d", "1.5d", "28", ""])
def test_another_rhythm_is_refused(every):
    with pytest.raises(UsageError, match="cutoffs"):
        cutoffs(history("2024-01-01", "2025-01-01"), every=every)
