"""Quiet hours: when nothing is sent, by the clock on the wall of a place."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


def quiet_hours(hours: str) -> tuple[time, time]:
    """Read quiet hours; they may reach over midnight.

    Raises
    ------
    ValueError
        When they are written otherwise, or begin when they end.

    Examples
    --------
    >>> quiet_hours("20:00-07:00")
    (datetime.time(20, 0), datetime.time(7, 0))
    """
    found = _HOURS.fullmatch(hours)
    if found is None or hours[:5] == hours[6:]:
        raise ValueError("hours such as 20:00-07:00")
    first, last = time.fromisoformat(hours[:5]), time.fromisoformat(hours[6:])
    return first, last


def next_loud(now: datetime, hours: str, zone: str) -> datetime:
    """Give the next instant at which a message may go: now, or when the quiet hours end.

    An end that the clock skips in spring comes as much later; one that it shows twice in autumn is the first that lies
    ahead.

    Examples
    --------
    >>> next_loud(datetime(2026, 1, 5, 21, tzinfo=UTC), "20:00-07:00", "Europe/Berlin").isoformat()
    '2026-01-06T06:00:00+00:00'
    """
    if not hours or not _quiet(now, hours, zone):
        return now
    last, today = quiet_hours(hours)[1], now.astimezone(ZoneInfo(zone)).date()
    ends = [_instant(today + timedelta(days=n), last, fold, zone) for n in (0, 1) for fold in (0, 1)]
    return min(one for one in ends if one > now and not _quiet(one, hours, zone))


def period(now: datetime, digest: Literal["daily", "weekly"], zone: str) -> date:
    """Give the day, or the Monday of the week, in which an instant lies.

    Examples
    --------
    >>> period(datetime(2026, 1, 4, 23, 30, tzinfo=UTC), "weekly", "Europe/Berlin").isoformat()
    '2026-01-05'
    """
    day = now.astimezone(ZoneInfo(zone)).date()
    return day if digest == "daily" else day - timedelta(days=day.weekday())


def _quiet(instant: datetime, hours: str, zone: str) -> bool:
    (first, last), clock = quiet_hours(hours), instant.astimezone(ZoneInfo(zone)).time()
    return first <= clock < last if first < last else clock >= first or clock < last


def _instant(day: date, clock: time, fold: int, zone: str) -> datetime:
    return datetime.combine(day, clock).replace(fold=fold, tzinfo=ZoneInfo(zone)).astimezone(UTC)
