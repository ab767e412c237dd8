"""The time line that every engine shares: two years of history, 24 monthly cutoffs, the lengths of the windows.

Standard library only, so that the environments of the peers can import it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

START = datetime(2023, 1, 1, tzinfo=UTC)
END = datetime(2025, 1, 2, tzinfo=UTC)  # a day behind the last cutoff, so that the data reach it
DAYS = (END - START).days
CUTOFFS = tuple(datetime(2023 + month // 12, month % 12 + 1, 1, tzinfo=UTC) for month in range(1, 25))

DAY_US = 86_400_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OFFSETS = (0, 7, 30, 60, 90, 120, 150, 180)  # where windows begin and end, in days before a cutoff
MOST = 10.0  # the most that a comparison with the window before says


def micro(instant: datetime) -> int:
    """Give an instant in microseconds since 1970.

    Examples
    --------
    >>> micro(CUTOFFS[0]) == 1_675_209_600_000_000
    True
    """
    return (instant - EPOCH) // timedelta(microseconds=1)


def day(instant: datetime) -> int:
    """Give the day of a midnight, counted since 1970."""
    return (instant - EPOCH).days


CUTOFF_DAYS = tuple(day(cutoff) for cutoff in CUTOFFS)
EDGE_DAYS = tuple(sorted({cutoff - offset for cutoff in CUTOFF_DAYS for offset in OFFSETS}))
