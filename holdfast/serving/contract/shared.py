"""Subscriptions that run under several accounts at once, and so count in each of them.

One that has moved ends under its first account by a version that says so; without it the first account never leaves,
and its revenue stands twice. Accounts that number their own subscriptions look the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from holdfast.findings import Finding
from holdfast.serving.contract.tally import some

if TYPE_CHECKING:
    from holdfast.features.history.records import Records


def running(accounts: pd.Index, records: Records, rows: pd.DataFrame, now: int) -> pd.DataFrame:
    """Name the subscriptions that run at an instant: ``account`` and ``subscription``.

    Parameters
    ----------
    rows
        The versions of the records that run, from `holdfast.training.contracts.dated`.
    """
    rows = rows[(rows["start"] <= now) & (rows["stop"] > now)]
    told = {
        "account": accounts[rows["account"].to_numpy()],
        "subscription": records.columns["subscription_id"].to_numpy()[rows["row"]],
    }
    return pd.DataFrame(told, dtype="string[pyarrow]").drop_duplicates()


def shared(parts: Sequence[pd.DataFrame]) -> Iterator[Finding]:
    """Tell which subscriptions run under several accounts."""
    if not parts:
        return
    every = pd.concat(parts, ignore_index=True)
    twice = every[every["subscription"].duplicated(keep=False)]
    if twice.empty:
        return
    holders = twice.sort_values("account").groupby("subscription")["account"].agg(list)
    names = [f"{name} of {' and '.join(accounts)}" for name, accounts in holders.items()]
    told = f"{len(names)} run under several accounts at once, and count in each: {some(names)}"
    yield Finding("HF073", "subscriptions, column subscription_id", len(names), told)
