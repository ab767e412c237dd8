"""Who an account is on one day: name, segment, owner, contract dates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.features.exposure import next_ends
from holdfast.features.history.records import Records
from holdfast.features.kernel.encoded import Encoded
from holdfast.features.time import FOREVER, instants, micro, micros

if TYPE_CHECKING:
    from holdfast.features.history import History
    from holdfast.features.history.view import View

_RUNNING = ("active", "past_due", "trialing")


def attributes(history: History, as_of: pd.Timestamp, ids: pd.Index[str]) -> pd.DataFrame:
    """Tabulate name, segment, CSM, currency, next renewal and the last day to give notice, as known on a day.

    Parameters
    ----------
    ids
        The accounts, one row each in this order.

    Returns
    -------
    DataFrame
        Columns ``account_name, segment, csm, currency, renewal_date, notice_deadline``; what no table tells is missing.
    """
    view = history.as_of(as_of, ("accounts", "subscriptions"))
    accounts = _latest(view["accounts"])
    frame = pd.DataFrame(index=ids)
    for column, source in {
        "account_name": "name",
        "segment": "segment",
        "csm": "owner",
        "currency": "currency",
    }.items():
        frame[column] = accounts[source].reindex(ids) if source in accounts else None
    for date in ("renewal_date", "notice_deadline"):
        frame[date] = pd.Series(pd.NaT, index=ids, dtype="datetime64[us, UTC]")
    if "subscriptions" in view.tables:
        running = _running(view, as_of)
        coming = going_on(running, as_of).dropna(subset="term_end")
        first = coming[coming["term_end"] == coming.groupby("account_id")["term_end"].transform("min")]
        for date, days in (("renewal_date", first["term_end"]), ("notice_deadline", deadlines(first))):
            frame[date] = days.groupby(first["account_id"]).min().reindex(ids)
        if "currency" in running:
            frame["currency"] = frame["currency"].fillna(_only(running, "currency").reindex(ids))
    return frame


def _latest(accounts: pd.DataFrame) -> pd.DataFrame:
    return accounts.drop_duplicates("account_id", keep="last").set_index("account_id")


def _running(view: View, as_of: pd.Timestamp) -> pd.DataFrame:
    subscriptions = view["subscriptions"]
    open_ = (
        subscriptions["valid_to"].isna() | (subscriptions["valid_to"] > as_of) if "valid_to" in subscriptions else True
    )
    return subscriptions[subscriptions["status"].isin(_RUNNING) & open_]


def going_on(terms: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Let each term that lies behind a day be followed by others, until one ends on the day or later.

    A trial, and a term that is told not to renew itself, is followed by none: its ``term_end`` is missing then.

    Parameters
    ----------
    terms
        Subscriptions that run on that day.
    """
    at = micros(terms["valid_from"])
    whose, never = np.zeros(len(terms), dtype=np.int32), np.full(len(terms), FOREVER, dtype=np.int64)
    ends = next_ends(Encoded("subscriptions", Records(whose, at, at, never, terms)), micro(as_of))
    dated = pd.Series(instants(np.where(ends < FOREVER, ends, pd.NaT.value)), terms.index)
    once = terms["status"] == "trialing"
    if "auto_renew" in terms:
        once |= terms["auto_renew"] == 0
    ahead = terms["term_end"] >= as_of if "term_end" in terms else pd.Series(False, terms.index)
    return terms.assign(term_end=dated.where(~once | ahead))


def deadlines(terms: pd.DataFrame) -> pd.Series:
    """Give the last day of notice of each term that renews itself; missing where no notice period is told."""
    absent = pd.Series(np.nan, index=terms.index)
    notice, renews = (terms[name].astype(float) if name in terms else absent for name in ("notice_days", "auto_renew"))
    return (terms["term_end"] - pd.to_timedelta(notice, unit="D")).where(renews.isna() | (renews == 1))


def _only(rows: pd.DataFrame, column: str) -> pd.Series:
    """Give the value of an account where all its rows agree."""
    groups = rows.groupby("account_id")[column]
    return groups.first().where(groups.nunique() == 1)
