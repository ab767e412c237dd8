"""How often news comes from a source, and whether it has fallen silent while others go on.

A source is what the column ``source`` says within a table; a table with one source, or with so many that the column
cannot name systems, counts as one. News is a day on which something became known. The cadence is the median distance of
such days in the last year of the source.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.features.history.tables import ACTIVITY_TABLES
from holdfast.features.time import DAY_US, micro
from holdfast.findings import Finding
from holdfast.serving.contract.tally import coded, counted

if TYPE_CHECKING:
    from holdfast.features.history import History
    from holdfast.features.history.records import Records

News = dict[str, Counter[int]]
"""By source, the rows that became known on each day (days since 1970)."""

MOST_SOURCES = 20
FEWEST_GAPS, FEWEST_ROWS = 4, 3.0  # below these a gap tells of rare events, not of deliveries
SURE_GAPS = 8
STALE_GAPS, BEYOND = 3, 1.5  # times the usual gap, and times the longest: the next longest one is no news
UNHEARD = 14  # days of silence, where no rhythm can be told
YEAR = 365
_TOO_MANY = 1_000


@dataclass(frozen=True)
class Cadence:
    """How often news comes from a source.

    Attributes
    ----------
    where
        The table, with the source where it has several.
    gap, longest
        Median and greatest of the days from news to news, in the last year of the source.
    gaps
        How many there were.
    rows
        Mean number of rows on a day with news.
    silent
        Days since the last news.
    """

    where: str
    gap: float
    longest: float
    gaps: int
    rows: float
    silent: int

    @property
    def told(self) -> bool:
        """Whether there is enough to speak of a rhythm of deliveries."""
        return self.gaps >= FEWEST_GAPS and self.rows >= FEWEST_ROWS

    @property
    def sure(self) -> bool:
        """Whether its silence can be measured by its own rhythm."""
        return self.told and self.gaps >= SURE_GAPS and self.silent <= YEAR

    @property
    def seldom(self) -> bool:
        """Whether it is silent no longer than it often is, however few rows it has."""
        return self.gaps >= SURE_GAPS and self.silent <= BEYOND * self.longest

    @property
    def stale(self) -> bool:
        """Whether it has been silent for three times its cadence, and half as long again as ever in its last year."""
        return self.sure and self.silent >= STALE_GAPS * self.gap and self.silent > BEYOND * self.longest


def news_of(records: Records) -> News:
    """Count the rows of one table by source and day on which they became known."""
    day = records.known // DAY_US
    if "source" not in records.columns:
        return {"": Counter({one[0]: rows for one, rows in counted(day).items()})}
    codes, names = coded(records.columns["source"])
    if len(names) > _TOO_MANY:
        codes, names = np.zeros(len(day), dtype=np.int64), names[:0]
    found: News = {}
    for (code, on), rows in counted(codes, day).items():
        name = str(names[code]) if 0 <= code < len(names) else ""
        found.setdefault(name, Counter())[on] += rows
    return found


def cadences(table: str, news: News, today: int) -> list[Cadence]:
    """Give the cadence of each source of a table, as of a day (days since 1970).

    Examples
    --------
    >>> monthly = {"crm": Counter({0: 9, 30: 9, 61: 9, 91: 9})}
    >>> [(one.where, one.gap, one.silent) for one in cadences("usage", monthly, 100)]
    [('usage', 30.0, 9)]
    """
    if len(news) > MOST_SOURCES or "" in news:
        news = {"": sum(news.values(), Counter())}
    several = len(news) > 1
    return [
        _cadence(f"{table}, source {name[:40]!r}" if several else table, days, today)
        for name, days in sorted(news.items())
        if days
    ]


def fallen_silent(own: Sequence[Cadence]) -> bool:
    """Tell whether a table has: a source of it by its own rhythm, or, where none can be told, all by two weeks.

    Examples
    --------
    >>> monthly = {"": Counter(dict.fromkeys(range(0, 300, 30), 9))}
    >>> [fallen_silent(cadences("invoices", monthly, 270 + days)) for days in (20, 60, 91)]
    [False, False, True]
    >>> [fallen_silent(cadences("calls", {"": Counter([0])}, days)) for days in (14, 15)]
    [False, True]
    """
    if any(one.sure or one.seldom for one in own):
        return any(one.stale for one in own)
    return bool(own) and min(one.silent for one in own) > UNHEARD


def stale(history: History, day: pd.Timestamp) -> list[str]:
    """List the activity tables that have fallen silent by a day, each heard as one source.

    What became known after the day does not count.
    """
    end, news = micro(day), dict[str, News]()
    for bucket in history.buckets():
        for table in (one for one in ACTIVITY_TABLES if one in bucket):
            records = bucket.records(table, ())
            heard = news_of(records.take(records.known <= end))
            news.setdefault(table, {"": Counter()})[""].update(heard[""])
    return [table for table in ACTIVITY_TABLES if fallen_silent(cadences(table, news.get(table, {}), end // DAY_US))]


def silent(found: Mapping[str, list[Cadence]], history: History) -> Iterator[Finding]:
    """Tell which sources have fallen silent.

    Parameters
    ----------
    found
        The cadence of the sources of each table.
    """
    for table in history.tables:
        own = found.get(table, [])
        for one in (one for one in own if one.stale):
            told = f"no news for {one.silent} days, where it came every {one.gap:g}; what is absent may only be late"
            yield Finding("HF014", one.where, one.silent, told)
        if table in ACTIVITY_TABLES and fallen_silent(own) and not any(one.stale for one in own):
            told = f"nothing after {history.watermark(table):%Y-%m-%d}; the data end is {history.end:%Y-%m-%d}"
            yield Finding("HF014", table, 1, told)


def _cadence(where: str, days: Counter[int], today: int) -> Cadence:
    known = np.array(sorted(days))
    known = known[known > known[-1] - YEAR]
    gaps = np.diff(known)
    gap, longest = (float(np.median(gaps)), float(gaps.max())) if len(gaps) else (np.nan, np.nan)
    rows = sum(days[int(day)] for day in known) / len(known)
    return Cadence(where, gap, longest, len(gaps), rows, max(today - int(known[-1]), 0))
