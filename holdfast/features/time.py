"""The time rule, written once.

*A cutoff T is an instant; an indicator reads records with ``known_at <= T`` that happened in ``(T - window, T]``;
a label reads ``(T, T + horizon]``; nothing else reads time.*

Instants are UTC in microseconds: ``datetime64[us, UTC]`` in frames, int64 since the epoch in arrays. A day is 24 hours,
whatever the clocks of a country do, and a date alone means 00:00 UTC of that day: what became known on a date alone is
known to every cutoff of that day.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.errors import DataError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.history.history import History

DAY_US: int = 86_400_000_000
FOREVER: int = int(np.iinfo(np.int64).max)


def days(n: float) -> int:
    """Convert days to microseconds.

    Examples
    --------
    >>> days(1.5)
    129600000000
    """
    return round(n * DAY_US)


IMPOSSIBLE_OFFSET = r":\d{2}(?:[.,]\d+)?\s*(?:UTC|GMT)?[+-](?:1[5-9]|[2-9]\d|14:?(?:0[1-9]|[1-9]\d)|\d{2}:?[6-9]\d)"
"""A time whose offset no clock on earth has: they go up to 14:00, and their minutes to 59."""
POSSIBLE_OFFSET = "an offset from UTC of up to 14:00"


def to_instant(value: str | date | np.datetime64 | pd.Timestamp) -> pd.Timestamp:
    """Read a point in time as UTC, in microseconds; what has no zone is taken as UTC.

    Raises
    ------
    UsageError
        When the value is no ISO 8601 date or time, or its offset is none.

    Examples
    --------
    >>> to_instant("2025-03-01")
    Timestamp('2025-03-01 00:00:00+0000', tz='UTC')
    >>> to_instant("2025-03-01T01:30+02:00")
    Timestamp('2025-02-28 23:30:00+0000', tz='UTC')
    """
    stamp: pd.Timestamp | None = None
    if not isinstance(value, str) or value[:4].isdigit():  # pandas would read "now" off the clock
        with suppress(ValueError, TypeError):
            stamp = pd.Timestamp(pd.to_datetime(value, format="ISO8601") if isinstance(value, str) else value)
    if isinstance(value, str) and re.search(IMPOSSIBLE_OFFSET, value):
        raise UsageError("a point in time", POSSIBLE_OFFSET, repr(value), "correct the offset")
    if stamp is None or pd.isna(stamp):
        raise UsageError("a point in time", "an ISO date or time such as 2025-03-01", repr(value), "write it that way")
    stamp = stamp.tz_localize("UTC") if stamp.tz is None else stamp.tz_convert("UTC")
    return stamp.as_unit("us", round_ok=True)


def micro(instant: pd.Timestamp) -> int:
    """Give the microseconds of one UTC instant.

    Examples
    --------
    >>> micro(to_instant("1970-01-02"))
    86400000000
    """
    return int(micros([instant])[0])


def micros(times: Any) -> NDArray[np.int64]:
    """Give the int64 microseconds of UTC instants; missing becomes the smallest int64.

    Examples
    --------
    >>> micros(pd.DatetimeIndex(["1970-01-02"], tz="UTC")).tolist()
    [86400000000]
    """
    return np.asarray(pd.DatetimeIndex(times).as_unit("us").asi8)


def instants(microseconds: NDArray[np.int64]) -> pd.DatetimeIndex:
    """Give the UTC instants of int64 microseconds.

    Examples
    --------
    >>> instants(np.array([DAY_US]))[0]
    Timestamp('1970-01-02 00:00:00+0000', tz='UTC')
    """
    return pd.DatetimeIndex(np.asarray(microseconds).view("M8[us]")).tz_localize("UTC")


def cutoffs(
    history: History,
    every: str = "28d",
    first: str | date | pd.Timestamp | None = None,
    last: str | date | pd.Timestamp | None = None,
) -> pd.DatetimeIndex:
    """Lay out the days on which to stand and look back.

    Parameters
    ----------
    history
        Gives the defaults: `last` is ``history.now``, `first` is 28 days after ``history.start``.
    every
        ``"28d"`` (any whole number of days) counts back from `last`, so that the newest cutoff is always there;
        ``"month"`` takes the first day of each month.

    Returns
    -------
    DatetimeIndex
        Ascending, UTC, named ``cutoff``.

    Raises
    ------
    UsageError
        When `every` is neither.
    DataError
        When no cutoff fits between `first` and `last`.
    """
    start = history.start + pd.Timedelta(days=28) if first is None else to_instant(first)
    end = history.now if last is None else to_instant(last)
    index = _months(start, end) if every == "month" else _steps(start, end, every)
    if index.empty:
        do = "deliver a longer history, or choose first and last"
        raise DataError("cutoffs", f"at least one between {start:%Y-%m-%d} and {end:%Y-%m-%d}", "none", do)
    return index


def _steps(start: pd.Timestamp, end: pd.Timestamp, every: str) -> pd.DatetimeIndex:
    match = re.fullmatch(r"0*([1-9]\d{0,3})d", every)
    if not match:
        raise UsageError(
            "cutoffs, every", "'month' or a number of days such as '28d'", repr(every), "write one of them"
        )
    back = np.arange(micro(end), micro(start) - 1, -days(int(match[1])), dtype=np.int64)[::-1]
    return instants(back).rename("cutoff")


def _months(start: pd.Timestamp, end: pd.Timestamp) -> pd.DatetimeIndex:
    return pd.date_range(start.ceil("D"), end, freq="MS", unit="us", name="cutoff")
