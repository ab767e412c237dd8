"""The contract of the data, looked at in one pass over the accounts.

Each idea has a module of its own, which reads rows of one bucket into counts that add up; what is told follows from
the counts alone, so that a history in memory and the same in a store tell the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.features.history.tables import ACTIVITY_TABLES
from holdfast.features.time import DAY_US, micro
from holdfast.serving.contract import (
    afterwards,
    cadence,
    clocks,
    drift,
    hindsight,
    keys,
    notice,
    revenue,
    shared,
    swapped,
    units,
    volume,
)
from holdfast.serving.contract.afterwards import After
from holdfast.serving.contract.cadence import News
from holdfast.serving.contract.hindsight import Holders, Overwritten
from holdfast.serving.contract.keys import Links
from holdfast.serving.contract.revenue import Revenue
from holdfast.serving.contract.spread import NUMBERS, Spread, spreads_of, switched
from holdfast.serving.contract.swapped import Places
from holdfast.serving.contract.tally import counted, months_of
from holdfast.training.churn import Churn
from holdfast.training.contracts import dated
from holdfast.training.outlook import as_known

if TYPE_CHECKING:
    from holdfast.features.history import History
    from holdfast.findings import Finding
    from holdfast.training.labels import Labels

_MONEY = ("subscriptions", "invoices", "deals", "goals")
_QUIET = ("churn", "id_map")  # lists that have nothing to say for long


@dataclass
class Seen:
    """What one pass over a history has counted."""

    news: dict[str, News] = field(default_factory=dict)
    months: dict[str, Counter[int]] = field(default_factory=dict)
    spreads: dict[tuple[str, str], Spread] = field(default_factory=dict)
    currencies: dict[str, tuple[int, int]] = field(default_factory=dict)
    links: dict[tuple[str, str, str], Links] = field(default_factory=dict)
    terms: list[notice.Terms] = field(default_factory=list)
    running: list[pd.DataFrame] = field(default_factory=list)
    revenue: Revenue = field(default_factory=Revenue)
    places: Places = field(default_factory=Places)
    after: After = field(default_factory=After)
    overwritten: Overwritten = field(default_factory=Overwritten)


def contract(history: History, grace_days: int) -> list[Finding]:
    """Tell how far the data can be relied on: freshness, volume, keys, units, ends, hindsight and clocks.

    Parameters
    ----------
    history
        As known on the day that one stands on.
    grace_days
        Days after an end in which activity is nothing strange.
    """
    latest = max([history.end, *(history.watermark(name) for name in ACTIVITY_TABLES if name in history)])
    seen = Seen()
    for bucket in history.buckets():
        _look(bucket, seen, latest, history.accounts, grace_days)
    return list(_told(history, seen, latest))


def foretellers(history: History, y: Labels) -> list[Finding]:
    """Tell which words in the data (nearly) only accounts have that left later; nothing for silence, which has no day.

    Parameters
    ----------
    history
        The one that was labelled.
    """
    if y.event_at.isna().all():
        return []
    risked = y.event_at[y.at_risk == ""]
    exits = risked.groupby(level="account_id").min()
    holders: Holders = {}
    for bucket in history.buckets():
        _add_holders(holders, hindsight.holders_of(bucket, exits, micro(y.end)))
    return list(hindsight.telltales(holders, float(exits.notna().mean())))


def _look(bucket: History, seen: Seen, latest: pd.Timestamp, accounts: pd.Index, grace_days: int) -> None:
    now = micro(latest)
    for table in bucket.tables:
        records = bucket.records(table, ("source", "currency", *NUMBERS.get(table, ())))
        if not len(records):
            continue
        _add_news(seen.news.setdefault(table, {}), cadence.news_of(records))
        if table in ACTIVITY_TABLES:
            months = counted(months_of(records.at[records.at <= now]))
            seen.months.setdefault(table, Counter()).update({month: rows for (month,), rows in months.items()})
        for column, spread in spreads_of(table, records, now):
            seen.spreads.setdefault((table, column), Spread()).add(spread)
        if table in _MONEY:
            old, new = seen.currencies.get(table, (0, 0)), switched(records)
            seen.currencies[table] = (old[0] + new[0], old[1] + new[1])
    for link, found in keys.links_of(bucket, accounts).items():
        seen.links.setdefault(link, Links()).add(found)
    if "subscriptions" in bucket:
        seen.terms.append(notice.terms(bucket, latest))
        records = as_known(bucket.records("subscriptions"), now)
        rows = dated(records, Churn("notice", grace_days=grace_days), as_it_came=False)
        seen.running.append(shared.running(bucket.accounts, records, rows, now))
        seen.places.add(swapped.places_of(records))
        seen.revenue.add(revenue.revenue_of(bucket.accounts, records, rows))
    seen.after.add(afterwards.after_of(bucket, now, grace_days))
    seen.overwritten.add(hindsight.overwritten_of(bucket))


def _told(history: History, seen: Seen, latest: pd.Timestamp) -> Iterator[Finding]:
    today = micro(latest) // DAY_US
    rhythm = {
        table: cadence.cadences(table, seen.news[table], today) for table in sorted(seen.news) if table not in _QUIET
    }
    yield from cadence.silent(rhythm, history)
    if seen.terms:
        every = [one for several in rhythm.values() for one in several]
        under = notice.joined(seen.terms)
        yield from notice.too_seldom(every, under)
        yield from notice.too_late(every, under)
    yield from volume.holes(seen.months)
    yield from keys.unmatched(seen.links)
    yield from shared.shared(seen.running)
    yield from units.jumps(seen.spreads)
    yield from units.currencies(seen.currencies)
    yield from revenue.impossible(seen.revenue)
    yield from swapped.swapped(seen.places)
    yield from drift.drifts(seen.spreads, int(months_of(np.array([micro(latest)]))[0]))
    yield from afterwards.afterwards(seen.after)
    yield from hindsight.overwritten(seen.overwritten)
    yield from clocks.clocks(history)


def _add_news(into: News, more: News) -> None:
    for source, days in more.items():
        into.setdefault(source, Counter()).update(days)


def _add_holders(into: Holders, more: Holders) -> None:
    for key, (had, left) in more.items():
        before = into.get(key, (0, 0))
        into[key] = (before[0] + had, before[1] + left)
