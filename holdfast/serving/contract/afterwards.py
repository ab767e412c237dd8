"""What accounts do after their end, and what labels make of those that come back, merge or belong together.

The end of an account is the ``ended_at`` of its last exit in the churn list, unless a subscription or a term starts
after it; without one it is the day on which its last subscription ran out. Activity more than the days of grace after
that is a reactivation that no contract tells, a wrong date, or a wrong account id.

Labels follow each account by itself:

- *Merger.* An exit of a kind that is no loss (``merger``, ``trial``, ``other``) ends the observation and is no churn:
  the windows that it falls into are missing.
- *Reactivation.* After an exit an account is not at risk until it is a customer again; from then on it is, and may
  churn once more.
- *Parent and child.* A parent's exit is not its children's, and theirs is not the parent's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from holdfast.features.history.tables import ACTIVITY_TABLES
from holdfast.features.time import DAY_US, FOREVER, days, instants
from holdfast.findings import Finding
from holdfast.serving.contract.tally import coded
from holdfast.training.churn import LOST, Churn
from holdfast.training.contracts import spans, starts
from holdfast.training.outlook import NEVER, as_known, texts, times
from holdfast.training.silence import activity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.history import History

    Ints = NDArray[np.int64]

WORST = 3


@dataclass
class After:
    """What was seen after ends, in counts that add up over accounts.

    Attributes
    ----------
    accounts, rows
        Accounts with activity after their end, and their rows by table.
    worst
        Those with the latest activity: days after the end, negative for sorting; id; instants of end and activity.
    ended, several, back, merged, children
        Accounts that have ended; with several exits; that came back after one; whose exit is no churn; with a parent.
    parents
        The ids of the parents.
    """

    accounts: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    worst: list[tuple[int, str, int, int]] = field(default_factory=list)
    ended: int = 0
    several: int = 0
    back: int = 0
    merged: int = 0
    children: int = 0
    parents: set[str] = field(default_factory=set)

    def add(self, other: After) -> None:
        """Take in other accounts."""
        for name in ("accounts", "ended", "several", "back", "merged", "children"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.rows.update(other.rows)
        self.parents |= other.parents
        self.worst = sorted([*self.worst, *other.worst])[:WORST]


def after_of(bucket: History, now: int, grace_days: int) -> After:
    """See what the accounts of a bucket did after their end, as known at an instant (int64 microseconds)."""
    found = After()
    ends = np.full(len(bucket.accounts), FOREVER, dtype=np.int64)
    if "subscriptions" in bucket:
        ends = _run_out(bucket, now, grace_days)
    if "churn" in bucket:
        ends = _listed(bucket, now, ends, found)
    found.ended = int((ends < FOREVER).sum())
    _kin(bucket, found)
    if found.ended:
        _activity_after(bucket, now, ends, days(grace_days), found)
    return found


def afterwards(seen: After) -> Iterator[Finding]:
    """Tell of activity after the end, and of accounts whose labels deserve a word."""
    if seen.accounts:
        rows = ", ".join(f"{table} {count}" for table, count in sorted(seen.rows.items()))
        shown = "; ".join(
            f"{name[:40]!r} ended {_day(end)}, last seen {_day(last)}" for _, name, end, last in seen.worst
        )
        told = f"{seen.accounts} of {seen.ended} accounts that ended have later rows ({rows}): {shown}"
        yield Finding("HF056", "accounts", seen.accounts, told)
    kinds = {
        "have several exits, each of which counts": seen.several,
        "came back after an exit, and are at risk again": seen.back,
        "left by a merger or otherwise without churning; their windows are missing": seen.merged,
        f"belong to one of {len(seen.parents)} parents; an exit is of the account that has it": seen.children,
    }
    told = "; ".join(f"{count} {what}" for what, count in kinds.items() if count)
    if told:
        yield Finding("HF058", "accounts", sum(kinds.values()), told)


def _run_out(bucket: History, now: int, grace_days: int) -> Ints:
    """Give the day on which the last subscription of each account ran out, `FOREVER` where one runs or none was."""
    rule = Churn("notice", grace_days=grace_days)
    held = spans(as_known(bucket.records("subscriptions"), now), rule, as_it_came=False).without_notice().joined()
    ends = np.full(len(bucket.accounts), NEVER, dtype=np.int64)
    np.maximum.at(ends, held.account, held.stop)
    return np.where((ends == NEVER) | (ends > now), FOREVER, ends)


def _listed(bucket: History, now: int, ends: Ints, found: After) -> Ints:
    """Let the churn list say when an account ended, and count what else it tells."""
    records = as_known(bucket.records("churn"), now)
    lasting = records.superseded == FOREVER
    account = records.account[lasting]
    ended = times(records.columns, "ended_at", NEVER)[lasting]
    size = len(bucket.accounts)
    exits = np.bincount(account, minlength=size)
    kinds = texts(records.columns, "kind", LOST[0])[lasting].astype(str)
    found.several = int((exits > 1).sum())
    found.merged = len(np.unique(account[~np.isin(kinds, LOST)]))
    last = np.full(size, NEVER, dtype=np.int64)
    np.maximum.at(last, account, np.where(ended > now, NEVER, ended))
    again = np.zeros(size, dtype=bool)
    if "subscriptions" in bucket:
        who, when = starts(as_known(bucket.records("subscriptions"), now))
        np.logical_or.at(again, who, (last[who] > NEVER) & (when > last[who]))
    found.back = int(again.sum())
    return np.where((last > NEVER) & ~again, last, ends)


def _kin(bucket: History, found: After) -> None:
    records = bucket.records("accounts", ("parent_account_id",))
    if "parent_account_id" in records.columns:
        codes, names = coded(records.columns["parent_account_id"])
        there = codes >= 0
        found.children = len(np.unique(records.account[there]))
        found.parents = {str(names[code]) for code in np.unique(codes[there])}


def _activity_after(bucket: History, now: int, ends: Ints, grace: int, found: After) -> None:
    limit = np.where(ends < FOREVER - grace, ends + grace, FOREVER)
    last = np.full(len(ends), NEVER, dtype=np.int64)
    for table in (name for name in ACTIVITY_TABLES if name in bucket):
        rows = activity(bucket, Churn("silence", activity=(table,)), now)
        late = (rows.superseded == FOREVER) & (rows.at > limit[rows.account]) & (rows.at <= now)
        if late.any():
            found.rows[table] = int(late.sum())
            np.maximum.at(last, rows.account[late], rows.at[late])
    seen = np.flatnonzero(last > NEVER).tolist()
    found.accounts = len(seen)
    worst = sorted(
        (int(ends[i] - last[i]) // DAY_US, str(bucket.accounts[i]), int(ends[i]), int(last[i])) for i in seen
    )
    found.worst = worst[:WORST]


def _day(instant: int) -> str:
    return f"{instants(np.array([instant]))[0]:%Y-%m-%d}"
