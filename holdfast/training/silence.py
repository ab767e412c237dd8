"""Silence and departure: churn read from what an account does, for companies without a day of notice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.errors import DataError, did_you_mean
from holdfast.features.time import FOREVER, days
from holdfast.training.churn import ACTIVITY, Churn
from holdfast.training.outlook import NEVER, Outlook, following, latest, texts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.history import History
    from holdfast.features.history.records import Records
    from holdfast.training.outlook import Instants

_READ = ("kind", "direction", "status", "count", "amount")
NOT_HELD = ("no_show", "cancelled")  # appointments that did not happen


@dataclass(frozen=True)
class Activity:
    """What counts as activity, one entry per record, sorted by account and time; fields as in `Records`."""

    account: NDArray[np.int32]
    at: Instants
    known: Instants
    superseded: Instants

    def rows(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> Activity:
        """Keep the entries where a mask holds, or those at these positions."""
        return Activity(self.account[keep], self.at[keep], self.known[keep], self.superseded[keep])


def activity_names(history: History, churn: Churn) -> tuple[str, ...]:
    """Name what counts as activity: as defined, else the first table that is present.

    Raises
    ------
    DataError
        When a named table is absent.
    """
    names = churn.activity or tuple(name for name in ACTIVITY if name in history)[:1]
    for name in names:
        if name.partition(".")[0] not in history:
            found = ", ".join(history.tables)
            raise DataError(f"churn, activity {name!r}", "a table of the history", found, "deliver it, or name another")
    if not names:
        raise DataError("churn", f"a table of activity: {', '.join(ACTIVITY)}", "none", "deliver one of them")
    return names


def activity(history: History, churn: Churn, known: int) -> Activity:
    """Collect what counts as activity, as known at an instant (int64 microseconds)."""
    parts = []
    for name in activity_names(history, churn):
        table, _, kind = name.partition(".")
        records = history.records(table, _READ)
        counts = _counts(records, table, kind) & (records.known <= known)
        until = np.where(records.superseded <= known, records.superseded, FOREVER)
        parts.append(Activity(records.account, records.at, records.known, until).rows(counts))
    if len(parts) == 1:
        return parts[0]
    joined = Activity(*(np.concatenate([getattr(part, name) for part in parts]) for name in Activity.__annotations__))
    return joined.rows(np.lexsort((joined.at, joined.account)))


def refuse_unknown_kinds(history: History, churn: Churn) -> None:
    """Refuse a kind of record that is named as activity and occurs nowhere.

    Raises
    ------
    DataError
        When a named kind is absent from a table that has rows.
    """
    for name in activity_names(history, churn):
        table, _, kind = name.partition(".")
        if not kind:
            continue
        others: set[str] = set()
        for bucket in history.buckets():
            others |= set(texts(bucket.records(table, ("kind",)).columns, "kind", ""))
            if kind in others:
                break
        if others and kind not in others:
            found = did_you_mean(kind, others - {""})
            raise DataError(f"churn, activity '{table}.{kind}'", f"rows of the kind {kind!r}", "none", found)


def silence(history: History, cutoffs: Instants, churn: Churn, known: int) -> Outlook:
    """Look for the first activity after each cutoff: where it lies beyond the horizon, the account was silent."""
    rows = activity(history, churn, known)
    size, lasting = len(history.accounts), rows.rows(rows.superseded == FOREVER)
    first = following(size, cutoffs, lasting.account, lasting.at)
    return _outlook(size, cutoffs, rows, first, churn.active_days)


def departure(history: History, cutoffs: Instants, churn: Churn, known: int) -> Outlook:
    """Look for the first activity, from the last one before each cutoff on, after which an account stays away.

    It departs with the activity that ``confirm_days`` of silence follow. An account whose silence is that long at the
    cutoff has departed, and is not at risk even when ``active_days`` is longer.
    """
    rows = activity(history, churn, known)
    size, lasting = len(history.accounts), rows.rows(rows.superseded == FOREVER)
    account, at = lasting.account, lasting.at
    nearest = np.full(len(at), FOREVER, dtype=np.int64)
    same = account[1:] == account[:-1]
    nearest[:-1][same] = at[1:][same]
    leaves = nearest > at + days(churn.confirm_days)
    left, gone = account[leaves], at[leaves]
    before, over = latest(size, cutoffs, account, at, at), latest(size, cutoffs, left, gone, gone)
    first = np.where((before == over) & (before > NEVER), before, following(size, cutoffs, left, gone))
    return _outlook(size, cutoffs, rows, first, min(churn.active_days, churn.confirm_days))


def _outlook(size: int, cutoffs: Instants, rows: Activity, first: Instants, active_days: int) -> Outlook:
    inactive = _last_seen(size, cutoffs, rows) <= cutoffs - days(active_days)
    reasons = ("", f"no activity in the last {active_days} days")
    return Outlook(first, np.full_like(first, FOREVER), inactive.astype(np.int8), reasons)


def _last_seen(size: int, cutoffs: Instants, rows: Activity) -> Instants:
    """Give the last activity up to each cutoff among the records visible then."""
    since = np.maximum(rows.at, rows.known)
    lasting = rows.superseded == FOREVER
    seen = latest(size, cutoffs, rows.account[lasting], rows.at[lasting], since[lasting])
    passing, start = rows.rows(~lasting), since[~lasting]
    for column, cutoff in enumerate(cutoffs):
        now = (start <= cutoff) & (cutoff < passing.superseded)
        np.maximum.at(seen, (passing.account[now], column), passing.at[now])
    return seen


def _counts(records: Records, table: str, kind: str) -> NDArray[np.bool_]:
    columns = records.columns
    keep = np.ones(len(columns), dtype=bool)
    if kind:
        keep &= _is_one_of(columns, "kind", (kind,))
    if table == "touchpoints":
        keep &= _is_one_of(columns, "direction", ("in", None))
        keep &= ~_is_one_of(columns, "status", NOT_HELD)
    for amount in ("count", "amount"):
        if amount in columns:
            keep &= ~(columns[amount].to_numpy(dtype=float) <= 0)
    return keep


def _is_one_of(columns: pd.DataFrame, name: str, words: tuple[str | None, ...]) -> NDArray[np.bool_]:
    """Tell which rows have one of some words; None stands for a missing one."""
    if name not in columns:
        return np.full(len(columns), None in words)
    column = columns[name]
    if isinstance(column.dtype, pd.CategoricalDtype):
        found = np.append(np.isin(column.cat.categories.astype(object), [w for w in words if w]), None in words)
        return np.asarray(found[column.cat.codes.to_numpy()])
    return np.asarray(column.isin([w for w in words if w]) | (column.isna() & (None in words)), dtype=bool)
