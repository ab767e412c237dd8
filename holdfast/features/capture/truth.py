"""Since when the past of a table is true, and what a backtest may therefore use of it.

What is overwritten in place has no past: today's value says nothing about last year. It is true since its versions
were kept, or since the first snapshot of it; an event, and a date that came to pass, are true since they were known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.errors import UsageError
from holdfast.features.capture.changelog import ChangeLog
from holdfast.features.history.tables import SOURCE_ID, TABLES, Table
from holdfast.features.time import FOREVER, cutoffs, instants
from holdfast.findings import Finding

if TYPE_CHECKING:
    from holdfast.features.history.facts import Facts
    from holdfast.features.history.history import History

_COLUMNS = ["table", "kept_as", "true_since", "missing_before", "a_backtest_may_use"]
_HEADER = ("source", SOURCE_ID, "account_id", "known_at", "known_basis", "valid_from", "valid_to", "deleted")
_SAID = ("history", "created", "event")  # grounds on which a row was written down at a known time
_SHOWN = 6


@dataclass(frozen=True)
class Truth:
    """Since when one table tells the past.

    Attributes
    ----------
    kept_as
        ``versions``, ``events``, ``milestones`` or ``current state``.
    since
        From when on all of it is true; None when nobody can tell.
    missing
        The columns that are overwritten and have no value before.
    may_use
        What a backtest may use, in words.
    overwritten
        Whether a backtest that looks further back reads something else than was known.
    """

    table: str
    kept_as: str
    since: pd.Timestamp | None
    missing: tuple[str, ...]
    may_use: str
    overwritten: bool = False


def true_since(source: History | ChangeLog) -> pd.DataFrame:
    """Tabulate since when the past is true.

    Returns
    -------
    DataFrame
        One row per table: ``table, kept_as, true_since`` (None when nobody can tell), ``missing_before`` (the columns
        that are overwritten and have no value before, a text) and ``a_backtest_may_use``.

    Examples
    --------
    >>> from holdfast.features.history.history import History
    >>> history = History.from_frames({
    ...     "accounts": pd.DataFrame({"account_id": ["a"], "known_at": ["2025-03-01"], "known_basis": ["snapshot"]}),
    ...     "usage": pd.DataFrame({"account_id": ["a"], "occurred_at": ["2025-02-01"], "known_at": ["2025-02-01"]}),
    ... })
    >>> true_since(history)[["table", "kept_as"]].values.tolist()
    [['accounts', 'current state'], ['usage', 'events']]
    """
    rows = [
        (one.table, one.kept_as, None if one.since is None else one.since.date(), ", ".join(one.missing), one.may_use)
        for one in truths(source)
    ]
    return pd.DataFrame(rows, columns=_COLUMNS).astype({"true_since": object})


def findings(history: History, at: pd.DatetimeIndex | None = None) -> list[Finding]:
    """Tell since when each table is true, and where a backtest looks further back.

    Parameters
    ----------
    at
        The cutoffs of the backtest; by default those laid out over the history every 28 days.
    """
    at = _laid_out(history) if at is None else at
    found = []
    for one in truths(history):
        day = "since when nobody can tell" if one.since is None else f"true since {one.since:%Y-%m-%d}"
        told = f"kept as {one.kept_as}, {day}; a backtest may use {one.may_use}"
        found.append(Finding("HF061", one.table, history.facts_of(one.table).rows, told))
        if one.overwritten:
            found += _too_early(one, at)
    return found


def truths(source: History | ChangeLog) -> list[Truth]:
    """Tell for each table since when it is true."""
    if isinstance(source, ChangeLog):
        return [_captured(source, table) for table in source.tables()]
    return [_told(source, name) for name in source.tables if TABLES[name].shape != "map"]


def _too_early(one: Truth, at: pd.DatetimeIndex) -> Iterator[Finding]:
    early = len(at) if one.since is None else int((at < one.since).sum())
    if early:
        day = "all are" if one.since is None else f"before {one.since:%Y-%m-%d}"
        what = f"{_listed(one.missing)} missing there" if one.missing else "values there are not those of then"
        what = "today's values stand for those of then" if one.since is None else what
        yield Finding("HF062", one.table, early, f"{early} of {len(at)} cutoffs, {day}; {what}")


def _laid_out(history: History) -> pd.DatetimeIndex:
    try:
        return cutoffs(history)
    except UsageError:  # too short for any
        return pd.DatetimeIndex([], tz="UTC")


def _captured(log: ChangeLog, table: str) -> Truth:
    taken = log.captures(table)
    since, last = taken[0].at, taken[-1].at
    gap = (last - since) / pd.Timedelta(days=1) / max(len(taken) - 1, 1)
    often = f", every {gap:.3g} days on average" if len(taken) > 1 else ""
    named = {*log.key(table), "_from", "_deleted"}
    missing = tuple(name for name in log.columns(table) if name not in named)
    may_use = f"all columns from then on, captured {len(taken)} times{often}; changes in between are lost"
    return Truth(table, "versions", since, missing, may_use, overwritten=True)


def _told(history: History, name: str) -> Truth:
    table, facts = TABLES[name], history.facts_of(name)
    if table.shape == "event":
        return _event(name, facts)
    names = _overwritten(table)
    own = [one for one in names if one in history.supplied(name)]
    return _milestone(history, table, facts, own) if table.shape == "milestone" else _state(history, table, facts, own)


def _event(name: str, facts: Facts) -> Truth:
    if facts.assumed == facts.rows:
        may_use = "all of it by the time of the event; late arrival cannot be replayed"
        return Truth(name, "events", None, (), may_use)
    may_use = f"all of it, each row from the moment at which it was known{_doubt(facts)}"
    return Truth(name, "events", _instant(facts.known_first), (), may_use)


def _milestone(history: History, table: Table, facts: Facts, names: list[str]) -> Truth:
    known = None if facts.assumed == facts.rows else _instant(facts.known_first)
    first = _first(facts, ("snapshot", "history"))
    missing = () if first is None else _seen_from(history, table, names, first)[0]
    dates = f"its dates, each from the day on which it came to pass{_doubt(facts)}"
    if missing and first is not None:
        may_use = f"{dates}; {_listed(missing)} only from {_instant(first):%Y-%m-%d} on"
        return Truth(table.name, "milestones", _instant(first), missing, may_use, overwritten=True)
    blank = facts.counts.get("HF017", 0)
    return Truth(
        table.name, "milestones", known, (), dates + ("; what is overwritten without a date is left out" * bool(blank))
    )


def _state(history: History, table: Table, facts: Facts, names: list[str]) -> Truth:
    said, seen = _first(facts, _SAID), facts.bases_since.get("snapshot")
    if seen is None and said is None:
        may_use = "what does not change; of the rest nobody can tell when it came to be so"
        return Truth(table.name, "current state", None, (), may_use, overwritten=True)
    missing, again = ((), False) if seen is None else _seen_from(history, table, names, seen)
    if seen is None or (said is not None and not missing):
        may_use = f"all of it from then on, each version from the day on which it was known{_doubt(facts)}"
        return Truth(table.name, "versions", _instant(said or 0), (), may_use, overwritten=True)
    may_use = "all of it from then on, as far as snapshots show; changes between two of them are lost"
    kept_as = "versions" if again else "current state"
    before = f"; before, all columns but {_listed(missing)}" if said is not None else ""
    return Truth(table.name, kept_as, _instant(seen), missing, may_use + before + _doubt(facts), overwritten=True)


def _overwritten(table: Table) -> tuple[str, ...]:
    """Give the columns that hold what is so now, and not what happened."""
    if table.shape == "milestone":
        return table.undated
    return tuple(name for name in table.columns if name not in (*_HEADER, *table.entity))


def _seen_from(history: History, table: Table, names: list[str], instant: int) -> tuple[tuple[str, ...], bool]:
    """Tell which columns have no value before an instant, and whether any was overwritten after it."""
    early: set[str] = set()
    late: set[str] = set()
    again = False
    for bucket in history.buckets():
        records = bucket.records(table.name, names)
        after, told = records.known >= instant, np.zeros(len(records), dtype=bool)
        for name in records.columns:
            filled = records.columns[name].notna().to_numpy(dtype=bool)
            told |= filled
            early |= {str(name)} if (filled & ~after).any() else set()
            late |= {str(name)} if (filled & after).any() else set()
        again |= bool((told & after & (records.superseded < FOREVER)).any())
    return tuple(name for name in names if name in late - early), again


def _first(facts: Facts, bases: tuple[str, ...]) -> int | None:
    return min((facts.bases_since[name] for name in bases if name in facts.bases_since), default=None)


def _instant(microseconds: int) -> pd.Timestamp:
    return instants(np.array([microseconds]))[0]


def _doubt(facts: Facts) -> str:
    return f"; of {facts.assumed} of {facts.rows} rows that is assumed" if facts.assumed else ""


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
