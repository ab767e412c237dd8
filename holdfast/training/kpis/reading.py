"""Who pays what, from when until when: every running version of a subscription, as known at the data end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.errors import DataError
from holdfast.features.history.tables import NO_CURRENCY
from holdfast.features.time import FOREVER, micro
from holdfast.training.contracts import dated
from holdfast.training.notice import listed
from holdfast.training.outlook import as_known, texts

if TYPE_CHECKING:
    from holdfast.features.history import History
    from holdfast.training.churn import Churn

UNITS = 10_000  # money is added in whole ten-thousandths, so that a bridge adds up exactly
UNTOLD, SEVERAL, NO_SEGMENT = "not told", "several", "none"
MOST = 1e12


@dataclass(frozen=True)
class Paid:
    """Stretches of running subscriptions.

    Attributes
    ----------
    frame
        ``account`` (id), ``currency, segment, start, stop`` (half-open, int64 microseconds UTC), ``amount`` (MRR in
        ten-thousandths).
    told
        Whether any MRR was delivered.
    since
        When the first row of the subscriptions became known; what ran before is told in hindsight.
    unknown
        Stretches without an MRR, which count as 0.
    """

    frame: pd.DataFrame
    told: bool
    since: int
    unknown: int


def paid(history: History, churn: Churn) -> Paid:
    """Read the subscriptions of all accounts, and the exits of the churn list where there is one.

    Raises
    ------
    DataError
        When there are no subscriptions, or none of them ran by the data end.
    """
    if "subscriptions" not in history:
        do = "deliver the table subscriptions: account_id, subscription_id, status, mrr, valid_from"
        raise DataError("kpis", "a table subscriptions", ", ".join(history.tables), do)
    known = micro(history.end)
    parts = [_part(one, churn, known) for one in history.buckets()]
    frame = pd.concat([one for one, _, _ in parts], ignore_index=True)
    frame = frame[frame["start"] <= known].reset_index(drop=True)
    if frame.empty:
        do = "check status, valid_from and the data end"
        raise DataError("kpis, subscriptions", f"one that ran by {history.end:%Y-%m-%d}", "none", do)
    lacking = frame["amount"].isna()
    frame["amount"] = frame["amount"].fillna(0).astype(np.int64)
    told = any(told for _, told, _ in parts)
    return Paid(frame, told, min(since for _, _, since in parts), int(lacking.sum()) if told else 0)


def _part(history: History, churn: Churn, known: int) -> tuple[pd.DataFrame, bool, int]:
    records = as_known(history.records("subscriptions"), known)
    found = dated(records, churn, as_it_came=False)
    row, columns = found["row"].to_numpy(), records.columns
    money = columns["mrr"].to_numpy(float)[row] if "mrr" in columns else np.full(len(row), np.nan)
    if np.abs(np.nan_to_num(money)).max(initial=0.0) > MOST:
        do = "give MRR in major units of its currency"
        raise DataError("kpis, subscriptions, mrr", f"at most {MOST:,.0f}", f"{np.nanmax(np.abs(money)):,.0f}", do)
    frame = found[["account", "start", "stop"]].assign(
        amount=pd.array(np.rint(money * UNITS), dtype="Float64").astype("Int64"),
        currency=_currencies(texts(columns, "currency", "")[row]),
    )
    if "churn" in history:
        frame = _until_exit(frame, history, churn, known)
    frame["segment"] = _segments(history, known)[frame["account"].to_numpy()]
    frame["account"] = history.accounts[frame["account"].to_numpy()].astype(str)
    return (
        frame[frame["stop"] > frame["start"]],
        bool(np.isfinite(money).any()),
        int(records.known.min(initial=FOREVER)),
    )


def _currencies(told: np.ndarray) -> np.ndarray:
    names = pd.Series(told, dtype="str").str.strip().str.upper()
    return np.asarray(names.where(~names.isin(["", NO_CURRENCY]), UNTOLD), dtype=object)


def _segments(history: History, known: int) -> np.ndarray:
    """Give the last segment of each account that was known."""
    records = as_known(history.records("accounts"), known)
    names = pd.Series(texts(records.columns, "segment", NO_SEGMENT), dtype="str")
    last = names.groupby(records.account).last()
    return np.asarray(last.reindex(range(len(history.accounts))).fillna(NO_SEGMENT), dtype=object)


def _until_exit(frame: pd.DataFrame, history: History, churn: Churn, known: int) -> pd.DataFrame:
    """Take out of every stretch the time from an exit of the churn list until the account is a customer again."""
    exits = listed(history, churn, known)
    gaps: dict[int, list[tuple[int, int]]] = {}
    for account, left, back in sorted(zip(exits.account.tolist(), exits.at.tolist(), exits.back.tolist(), strict=True)):
        gaps.setdefault(account, []).append((left, back))
    touched = frame["account"].isin(list(gaps))
    pieces = [
        {**row, "start": start, "stop": stop}
        for row in frame[touched].to_dict("records")
        for start, stop in _without(row["start"], row["stop"], gaps[row["account"]])
    ]
    cut = pd.DataFrame(pieces, columns=frame.columns).astype(frame.dtypes)
    return pd.concat([frame[~touched], cut], ignore_index=True)


def _without(start: int, stop: int, gaps: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Cut gaps, sorted by their beginning, out of a stretch.

    Examples
    --------
    >>> _without(0, 10, [(2, 3), (8, 12)])
    [(0, 2), (3, 8)]
    """
    kept = []
    for left, back in gaps:
        if left > start:
            kept.append((start, min(left, stop)))
        start = max(start, back)
    kept.append((start, stop))
    return [(low, high) for low, high in kept if low < high and low < stop]


def currencies(history: History, churn: Churn) -> pd.Series[str]:
    """Give the currency of each account that is a customer at the data end; ``several`` where it has more than one.

    Raises
    ------
    DataError
        As `paid`.
    """
    frame = paid(history, churn).frame
    running = frame[frame["stop"] > micro(history.end)]
    found = running.groupby("account")["currency"].agg(["first", "nunique"])
    named: pd.Series[str] = found["first"].mask(found["nunique"] > 1, SEVERAL)
    return named.rename("currency")
