"""Columns that look written with hindsight: today's state on yesterday's rows, and values that only leavers have.

What a system overwrites (a stage, a lifecycle, a health score) is honest only as versions. Without them the row of two
years ago says how things stand today, and a model that reads it foretells the past.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.features.time import days
from holdfast.findings import Finding
from holdfast.serving.contract.tally import coded, some
from holdfast.training.outlook import NEVER, times

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.history import History
    from holdfast.features.history.records import Records

WORDS: Mapping[str, tuple[str, ...]] = {
    "accounts": ("segment", "industry", "country", "owner", "lifecycle", "currency"),
    "people": ("role", "title", "seat"),
    "subscriptions": ("plan", "auto_renew"),
    "deals": ("kind", "stage", "budget_status", "is_closed", "is_won"),
    "goals": ("status",),
    "tickets": ("channel", "category", "priority", "lang"),
    "touchpoints": ("subtype", "status", "owner", "playbook", "outcome"),
}


@dataclass(frozen=True)
class End:
    """A column whose value says that something is over, and the dates, the nearest first, that say when."""

    column: str
    value: object
    dates: tuple[str, ...]
    what: str


TELLING = (
    "status",
    "health",
    "churn",
    "cancel",
    "risk",
    "lifecycle",
    "renew",
    "stage",
    "delinquent",
    "archived",
    "last_",
)
ENDS = {
    "deals": End("is_closed", 1.0, ("close_date",), "closed"),
    "subscriptions": End("status", "canceled", ("cancel_requested_at", "ends_at"), "canceled"),
}
MOST = 0.5  # a deal may close before its planned day
LEAD_DAYS = 30
ONLY = 0.95
FEWEST_LEAVERS = 8
CHANCE = 1e-4  # that so many who have a value all leave, at the share that leaves anyway
FEWEST_ACCOUNTS = 20
_MOST_VALUES, _ATTRS = 200, 2_000

Holders = dict[tuple[str, str, str], tuple[int, int]]
"""By table, column and value: the accounts that have it, and those among them that left."""


@dataclass
class Overwritten:
    """Signs of today's state on old rows, in counts that add up over accounts.

    Attributes
    ----------
    staged, moved
        Accounts that tell a lifecycle, and those whose lifecycle ever changed.
    stages
        The lifecycles that are told.
    said, early
        By table, rows that tell an end, and those among them that were known before it.
    attrs
        Accounts by telling key of ``attrs``.
    """

    staged: int = 0
    moved: int = 0
    stages: set[str] = field(default_factory=set)
    said: Counter[str] = field(default_factory=Counter)
    early: Counter[str] = field(default_factory=Counter)
    attrs: Counter[str] = field(default_factory=Counter)

    def add(self, other: Overwritten) -> None:
        """Take in other accounts."""
        self.staged, self.moved = self.staged + other.staged, self.moved + other.moved
        self.stages |= other.stages
        self.said.update(other.said)
        self.early.update(other.early)
        self.attrs.update(other.attrs)


def overwritten_of(bucket: History) -> Overwritten:
    """Look for today's state on old rows in the accounts of a bucket."""
    found = Overwritten()
    accounts = bucket.records("accounts", ("lifecycle", "attrs"))
    if "lifecycle" in accounts.columns:
        who, what, names = _pairs(accounts, "lifecycle")
        each = np.unique(who, return_counts=True)[1]
        found.stages = {str(names[code]) for code in np.unique(what)[:_MOST_VALUES]}
        found.staged, found.moved = len(each), int((each > 1).sum())
    if "attrs" in accounts.columns:
        found.attrs = _telling(accounts.columns["attrs"])
    for table, ends in ENDS.items():
        if table in bucket:
            said, ahead = _told_early(bucket.records(table, (ends.column, *ends.dates)), ends)
            found.said[table], found.early[table] = said, ahead
    return found


def overwritten(seen: Overwritten) -> Iterator[Finding]:
    """Tell where today's state seems to stand on old rows."""
    if seen.staged >= FEWEST_ACCOUNTS and len(seen.stages) > 1 and not seen.moved:
        told = f"of {seen.staged} accounts none ever changes it: today's value may stand for the past"
        yield Finding("HF057", "accounts, column lifecycle", seen.staged, told)
    for table, ends in ENDS.items():
        rows, of = seen.early[table], seen.said[table]
        if rows and rows >= MOST * of:
            told = f"{rows} of {of} rows that say {ends.what} were known more than a day before it"
            yield Finding("HF057", f"{table}, column {ends.column}", rows, told)
    if seen.attrs:
        keys = sorted(seen.attrs, key=lambda name: (-seen.attrs[name], name))
        told = f"its keys {some(keys)} are overwritten in most systems; no indicator of the catalogue reads them"
        yield Finding("HF057", "accounts, column attrs", sum(seen.attrs.values()), told)


def holders_of(bucket: History, exits: pd.Series, now: int) -> Holders:
    """Count, for each value of each column of few words, the accounts that have it and those that left.

    Only rows known at least 30 days before the exit count, before `now` for those that stayed.

    Parameters
    ----------
    exits
        First churn by account id, missing for those that stayed; accounts that were never at risk are absent.
    """
    place = bucket.accounts.get_indexer(exits.index)
    limit = np.full(len(bucket.accounts), NEVER, dtype=np.int64)
    left = np.zeros(len(bucket.accounts), dtype=bool)
    here = place >= 0
    gone = exits.notna().to_numpy()
    when = np.where(gone, pd.DatetimeIndex(exits).as_unit("us").asi8, now)
    limit[place[here]], left[place[here]] = when[here] - days(LEAD_DAYS), gone[here]
    found: Holders = {}
    for table, columns in WORDS.items():
        if table not in bucket:
            continue
        records = bucket.records(table, columns)
        early = records.known <= limit[records.account]
        for column in (name for name in columns if name in records.columns):
            who, what, names = _pairs(records, column, early)
            if len(names) <= _MOST_VALUES:
                had = np.bincount(what, minlength=len(names)), np.bincount(what[left[who]], minlength=len(names))
                values = zip(names, *(counts.tolist() for counts in had), strict=True)
                found |= {(table, column, str(name)): (all_, gone_) for name, all_, gone_ in values if all_}
    return found


def telltales(holders: Mapping[tuple[str, str, str], tuple[int, int]], share: float) -> Iterator[Finding]:
    """Tell which values (nearly) only accounts have that left later.

    Parameters
    ----------
    share
        The share of all accounts that left.
    """
    for (table, column, value), (had, left) in sorted(holders.items()):
        if left >= FEWEST_LEAVERS and left >= ONLY * had and share**left < CHANCE:
            told = (
                f"{left} of {had} accounts that had {value[:40]!r} 30 days before left later; of all, {share:.0%} did"
            )
            yield Finding("HF057", f"{table}, column {column}", had, told)


def _pairs(
    records: Records, column: str, keep: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64], pd.Index]:
    """Give each account once with each value it has."""
    codes, names = coded(records.columns[column])
    there = codes >= 0 if keep is None else (codes >= 0) & keep
    wide = max(len(names), 1)
    pairs = np.unique(records.account[there].astype(np.int64) * wide + codes[there])
    return pairs // wide, pairs % wide, names


def _told_early(records: Records, ends: End) -> tuple[int, int]:
    """Count the rows that tell an end, and those among them that were known more than a day before it."""
    if ends.column not in records.columns:
        return 0, 0
    column = records.columns[ends.column]
    over = np.asarray(column == ends.value, dtype=bool)
    date = np.full(len(over), NEVER, dtype=np.int64)
    for name in reversed(ends.dates):
        told = times(records.columns, name, NEVER)
        date = np.where(told > NEVER, told, date)
    return int(over.sum()), int((over & (date > records.known + days(1))).sum())


def _telling(attrs: pd.Series) -> Counter[str]:
    found = Counter[str]()
    for text in attrs.dropna().astype(str).unique()[:_ATTRS]:
        found.update({key for key in _keys(text) if any(word in key.lower() for word in TELLING)})
    return found


def _keys(text: str) -> list[str]:
    try:
        value: Any = json.loads(text)
    except ValueError:
        return []
    return [str(key) for key in value] if isinstance(value, dict) else []
