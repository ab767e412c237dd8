"""How fast an account may be gone, against how often one hears from it.

Monthly data is of no use where a customer may cancel monthly: the next look comes when it has left. The notice period
of a running subscription is its ``notice_days``; where they are not told, or are none, the customer may let the term
run out, so the term stands in: ``term_months``, else ``billing_months``, at 30 days each, whether it renews itself or
not. Where nothing is told the account is left out. An account is as fast as its fastest subscription.

It becomes acute where the last day of notice of an account comes before the next news.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.features.history.tables import ACTIVITY_TABLES, NO_CURRENCY, TABLES
from holdfast.features.history.view import view_of
from holdfast.features.time import micro
from holdfast.findings import Finding
from holdfast.serving.attributes import deadlines, going_on
from holdfast.serving.contract.cadence import Cadence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.history import History

_RUNNING = ("active", "past_due", "trialing")
_READ = (
    *("subscription_id", "status", "valid_to", "mrr", "currency"),
    *("notice_days", "term_months", "billing_months", "term_start", "term_end", "auto_renew", "deleted"),
)
DAYS_PER_MONTH = 30.0


@dataclass(frozen=True)
class Terms:
    """The accounts under contract: the notice period in days (missing: not told), and revenue per month.

    Attributes
    ----------
    deadline
        Days to the next last day of notice; missing where there is none.
    currencies
        Those in which the revenue is told.
    """

    period: NDArray[np.float64]
    deadline: NDArray[np.float64]
    mrr: NDArray[np.float64]
    currencies: frozenset[str]


def terms(bucket: History, now: pd.Timestamp) -> Terms:
    """Read the notice period of every account with a running subscription on a day."""
    records = bucket.records("subscriptions", _READ)
    rows = view_of(TABLES["subscriptions"], records.take(records.visible(micro(now))), bucket.accounts, now)
    rows = rows[rows["status"].isin(_RUNNING)]
    paid = pd.Series(_numbers(rows, "mrr"), index=rows.index)
    found = pd.DataFrame({"account": rows["account_id"], "period": _periods(rows), "mrr": paid})
    found["deadline"] = (deadlines(going_on(rows, now)) - now).dt.total_seconds() / 86_400
    found.loc[found["deadline"] < 0, "deadline"] = np.nan
    by = found.groupby("account", observed=True)
    money = rows["currency"][paid.notna()].dropna().astype(str) if "currency" in rows else pd.Series(dtype=str)
    return Terms(
        by["period"].min().to_numpy(dtype=np.float64),
        by["deadline"].min().to_numpy(dtype=np.float64),
        by["mrr"].sum().to_numpy(dtype=np.float64),
        frozenset(money) - {NO_CURRENCY},
    )


def joined(parts: Sequence[Terms]) -> Terms:
    """Put the accounts of several buckets together."""
    return Terms(
        np.concatenate([one.period for one in parts]),
        np.concatenate([one.deadline for one in parts]),
        np.concatenate([one.mrr for one in parts]),
        frozenset().union(*(one.currencies for one in parts)),
    )


def too_seldom(cadences: Sequence[Cadence], under: Terms) -> Iterator[Finding]:
    """Tell for each source how many accounts could give notice, and be gone, between two looks at it."""
    for one in cadences:
        look = max(one.gap, one.silent)
        fast = under.period <= look
        if one.told and fast.any():
            shortest = under.period[fast].min()
            told = (
                f"news comes every {one.gap:g} days, the last {one.silent} days ago; {int(fast.sum())} of "
                f"{len(fast)} accounts under contract may leave within {look:g} days (the fastest within "
                f"{shortest:g}){_money(under, fast)}"
            )
            yield Finding("HF050", one.where, int(fast.sum()), told)


def too_late(cadences: Sequence[Cadence], under: Terms) -> Iterator[Finding]:
    """Tell how many accounts can give notice for the last time before a source has news again.

    Asked are the activity that is heard of most often, and what has fallen silent: a source that comes seldom by
    nature, such as invoices, does no harm beside one that comes daily. One that is overdue may stay silent as long
    again.
    """
    told = [one for one in cadences if one.told and one.where.partition(",")[0] in ACTIVITY_TABLES]
    fastest = min((one.gap for one in told), default=0.0)
    for one in (one for one in told if one.stale or one.gap == fastest):
        look = max(one.gap, one.silent)
        wait = one.gap - one.silent if one.silent < one.gap else look
        late = (under.deadline <= wait) & (under.period <= look)
        if late.any():
            count, shortest = int(late.sum()), under.period[late].min()
            message = (
                f"news comes every {one.gap:g} days, the last {one.silent} days ago; {count} of {len(late)} accounts "
                f"under contract can give notice for the last time within {wait:g} days, before the next news (the "
                f"shortest notice is {shortest:g} days){_money(under, late)}"
            )
            yield Finding("HF080", one.where, count, message)


def _money(under: Terms, fast: NDArray[np.bool_]) -> str:
    yearly = 12.0 * float(under.mrr[fast].sum())
    if not yearly > 0 or len(under.currencies) > 1:
        return ""
    return f", with ARR {yearly:,.0f} {next(iter(under.currencies), '')}".rstrip()


def _periods(rows: pd.DataFrame) -> NDArray[np.float64]:
    notice, term, billing = (_numbers(rows, name) for name in ("notice_days", "term_months", "billing_months"))
    months = np.where(term > 0, term, np.where(billing > 0, billing, np.nan))
    return np.where(notice > 0, notice, months * DAYS_PER_MONTH)


def _numbers(rows: pd.DataFrame, name: str) -> NDArray[np.float64]:
    return rows[name].to_numpy(dtype=np.float64) if name in rows else np.full(len(rows), np.nan)
