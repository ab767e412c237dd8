"""Notice: churn read from what the customer said, or from a last term that ended without a successor.

An exit is dated by the day it could be known: the later of the notice and the day it became known. A row of the churn
list without a notice is dated by the day it became known, which is its end when nothing else is delivered. After its
exit an account is not at risk until it is a customer again. With a churn list and subscriptions, that is when a
subscription or a new term starts after the exit and after the end that the list gives; with a churn list alone, when
there is activity more than ``grace_days`` after that end (``active_days`` after a notice whose end is not given).
While a notice stood that was corrected or taken back later, the account was not at risk either. With subscriptions
alone, what was believed at the cutoff decides who is at risk; a contract in which one believed then, and which never
held, ends on the day it was taken back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from holdfast.errors import DataError
from holdfast.features.time import FOREVER, days, micro
from holdfast.findings import Finding
from holdfast.training.contracts import covered, spans, starts
from holdfast.training.outlook import NEVER, Outlook, as_known, first_of, following, latest, texts, times
from holdfast.training.silence import activity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.history import History
    from holdfast.training.churn import Churn
    from holdfast.training.outlook import Instants

REASONS = ("", "has given notice or left", "no active subscription")


@dataclass(frozen=True)
class Exits:
    """The exits of all accounts, each with the instant at which the account was a customer again (`FOREVER`: never)."""

    account: NDArray[np.int32]
    at: Instants
    churned: NDArray[np.bool_]
    back: Instants
    counts: Mapping[str, int]


def notice(history: History, cutoffs: Instants, churn: Churn, known: int) -> Outlook:
    """Look for the first notice after each cutoff, in the churn list when there is one, else in the subscriptions.

    Raises
    ------
    DataError
        When the history has neither table.
    """
    if "churn" not in history and "subscriptions" not in history:
        do = "deliver one of them, or define churn as silence or departure"
        raise DataError("churn, kind 'notice'", "a table churn or subscriptions", ", ".join(history.tables), do)
    exits = listed(history, churn, known) if "churn" in history else _lapsed(history, churn, known)
    size, lost = len(history.accounts), exits.churned
    first = following(size, cutoffs, exits.account[lost], exits.at[lost])
    other = following(size, cutoffs, exits.account[~lost], exits.at[~lost])
    back = latest(size, cutoffs, exits.account, exits.back, exits.at)
    gone = np.zeros(back.shape, dtype=bool)
    if "churn" in history:
        gone = (back > cutoffs) | _stood(history, cutoffs, churn, known)
    bar = gone.astype(np.int8)
    if "subscriptions" in history:
        at_work = spans(as_known(history.records("subscriptions"), known), churn, as_it_came=True)
        believed = latest(size, cutoffs, at_work.account, at_work.stop, at_work.start)
        bar[believed <= cutoffs] = 1
        bar[~covered(size, cutoffs, at_work.without_notice()) & ~gone] = 2
        taken_back = (cutoffs < believed) & (believed < back) & ~gone
        first = np.where(taken_back, np.minimum(first, believed), first)
    return Outlook(first, other, bar, REASONS, exits.counts)


def listed(history: History, churn: Churn, known: int) -> Exits:
    """Read the exits of the churn list, as known at an instant."""
    records = as_known(history.records("churn"), known)
    columns = records.columns
    named = [columns[name] for name in ("source_id", "source") if name in columns]
    told = first_of(named, records.known) if "source_id" in columns else records.known
    lasting = records.superseded == FOREVER
    said, ended = times(columns, "notice_at", NEVER), times(columns, "ended_at", NEVER)
    at, account = np.maximum(said, told)[lasting], records.account[lasting]
    seen = min(known, micro(history.end))  # an end that lies ahead may have been written later, over the same row
    ended = np.where(ended > seen, NEVER, ended)[lasting]
    churned = np.isin(texts(columns, "kind", "voluntary")[lasting].astype(str), churn.lost)
    back = _back(history, churn, known, account, np.maximum(at, ended), ended)
    counts = {"listed": len(at), "undated": int((said[lasting] == NEVER).sum())}
    return Exits(account, at, churned, back, counts)


def _stood(history: History, cutoffs: Instants, churn: Churn, known: int) -> NDArray[np.bool_]:
    """Tell at which cutoffs some version of the churn list stood: told, not yet replaced, the customer not back."""
    records = as_known(history.records("churn"), known)
    said, ended = times(records.columns, "notice_at", NEVER), times(records.columns, "ended_at", NEVER)
    at, ended = np.maximum(said, records.known), np.where(ended > min(known, micro(history.end)), NEVER, ended)
    back = _back(history, churn, known, records.account, np.maximum(at, ended), ended)
    until = np.minimum(back, records.superseded)
    return np.asarray(latest(len(history.accounts), cutoffs, records.account, until, at) > cutoffs)


def findings_of(counts: Mapping[str, int]) -> tuple[Finding, ...]:
    """Tell what the exits of all accounts show."""
    silent = _without_notice(counts.get("undated", 0), counts.get("listed", 0))
    return (*silent, *_end_dates_alone(counts.get("ended", 0), counts.get("told", 0)))


def _without_notice(undated: int, rows: int) -> tuple[Finding, ...]:
    message = (
        f"{undated} of {rows} rows of the churn list have no notice_at and are dated by their end, or when it was known"
    )
    return (Finding("HF013" if undated == rows else "HF019", "churn", undated, message),) if undated else ()


def _back(
    history: History, churn: Churn, known: int, account: NDArray[np.int32], after: Instants, ended: Instants
) -> Instants:
    """Find when each account is a customer again after its exit."""
    if "subscriptions" in history:
        who, when = starts(as_known(history.records("subscriptions"), known))
    else:
        rows = activity(history, churn, known)
        lasting = rows.superseded == FOREVER
        who, when = rows.account[lasting], np.maximum(rows.at, rows.known)[lasting]
        after = after + np.where(ended > NEVER, days(churn.grace_days), days(churn.active_days))
    order = np.lexsort((when, who))
    who, when = who[order], when[order]
    return _next(who, when, account, after)


def _next(who: NDArray[np.int32], when: Instants, account: NDArray[np.int32], after: Instants) -> Instants:
    """Give the first `when` of the same account later than `after`; `who`, `when` are sorted."""
    clock = np.unique(np.concatenate([when, after]))
    stride = len(clock) + 1  # ranks of instants, so that (account, instant) is one integer that cannot overflow
    keys = who.astype(np.int64) * stride + np.searchsorted(clock, when)
    place = np.searchsorted(keys, account.astype(np.int64) * stride + np.searchsorted(clock, after), side="right")
    inside = np.minimum(place, max(len(when) - 1, 0))
    found = (place < len(when)) & (who[inside] == account) if len(when) else np.zeros(len(account), dtype=bool)
    back = np.full(len(account), FOREVER, dtype=np.int64)
    back[found] = when[inside[found]]
    return back


def _lapsed(history: History, churn: Churn, known: int) -> Exits:
    """Read exits from subscriptions: the last one that runs ends, and none of the account takes its place."""
    joined = spans(as_known(history.records("subscriptions"), known), churn, as_it_came=False).joined()
    over = joined.stop < FOREVER
    seen = joined.stop <= micro(history.end)
    following_start = np.full(len(joined.start), FOREVER, dtype=np.int64)
    same = joined.account[1:] == joined.account[:-1]
    following_start[:-1][same] = joined.start[1:][same]
    return Exits(
        joined.account[over],
        joined.stop[over],
        np.ones(int(over.sum()), dtype=bool),
        following_start[over],
        {"ended": int(seen.sum()), "told": int(joined.told[seen].sum())},
    )


def _end_dates_alone(ended: int, told: int) -> tuple[Finding, ...]:
    if ended == 0 or told > 0:
        return ()
    message = (
        f"none of {ended} exits has a notice or cancellation; each is dated by the end of the last term plus grace"
    )
    return (Finding("HF013", "subscriptions", ended, message),)
