"""Who an account is on one day: name, segment, owner, contract end; and which sources had gone quiet by then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from holdfast.features.history.tables import ACTIVITY_TABLES

if TYPE_CHECKING:
    from holdfast.features.history import History
    from holdfast.features.history.view import View

STALE_AFTER = pd.Timedelta(days=14)
_RUNNING = ("active", "past_due", "trialing")


def attributes(history: History, as_of: pd.Timestamp, ids: pd.Index[str]) -> pd.DataFrame:
    """Tabulate name, segment, CSM, currency and next renewal date as known on a day.

    Parameters
    ----------
    ids
        The accounts, one row each in this order.

    Returns
    -------
    DataFrame
        Columns ``account_name, segment, csm, currency, renewal_date``; what no table tells is missing.
    """
    view = history.as_of(as_of)
    accounts = _latest(view["accounts"])
    frame = pd.DataFrame(index=ids)
    for column, source in {
        "account_name": "name",
        "segment": "segment",
        "csm": "owner",
        "currency": "currency",
    }.items():
        frame[column] = accounts[source].reindex(ids) if source in accounts else None
    frame["renewal_date"] = pd.Series(pd.NaT, index=ids, dtype="datetime64[us, UTC]")
    if "subscriptions" in view.tables:
        running = _running(view, as_of)
        if "term_end" in running:
            coming = running.loc[running["term_end"] >= as_of]
            frame["renewal_date"] = coming.groupby("account_id")["term_end"].min().reindex(ids)
        if "currency" in running:
            frame["currency"] = frame["currency"].fillna(_only(running, "currency").reindex(ids))
    return frame


def stale(history: History, day: pd.Timestamp) -> list[str]:
    """List the activity tables of which nothing was heard in the 14 days before a day.

    Parameters
    ----------
    history
        As known on that day.
    """
    return [one for one in ACTIVITY_TABLES if one in history and history.watermark(one) < day - STALE_AFTER]


def _latest(accounts: pd.DataFrame) -> pd.DataFrame:
    return accounts.drop_duplicates("account_id", keep="last").set_index("account_id")


def _running(view: View, as_of: pd.Timestamp) -> pd.DataFrame:
    subscriptions = view["subscriptions"]
    open_ = (
        subscriptions["valid_to"].isna() | (subscriptions["valid_to"] > as_of) if "valid_to" in subscriptions else True
    )
    return subscriptions[subscriptions["status"].isin(_RUNNING) & open_]


def _only(rows: pd.DataFrame, column: str) -> pd.Series:
    """Give the value of an account where all its rows agree."""
    groups = rows.groupby("account_id")[column]
    return groups.first().where(groups.nunique() == 1)
