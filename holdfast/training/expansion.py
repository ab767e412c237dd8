"""Expansion: an account grows its recurring revenue or its seats, or a deal of expansion is won.

Growth is read from the versions of subscriptions, each dated by the later of its start and the day it became known:
more revenue or more seats than in the version before, or a further subscription beside one that runs. An account that
leaves first is no longer observed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from holdfast.errors import UsageError
from holdfast.training.churn import Churn
from holdfast.training.contracts import RUNNING
from holdfast.training.notice import notice
from holdfast.training.outlook import NEVER, Outlook, as_known, following, texts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.history import History
    from holdfast.features.history.records import Records
    from holdfast.training.outlook import Instants


@dataclass(frozen=True)
class Expansion:
    """Define expansion.

    Parameters
    ----------
    growth
        Share by which revenue or seats of a subscription must grow.
    churn
        Who is a customer, and when a customer leaves.

    Raises
    ------
    UsageError
        When the growth is not above 0, or churn is no notice.

    Examples
    --------
    >>> Expansion(growth=0.05).resolution_days(90)
    104
    """

    growth: float = 0.02
    churn: Churn = field(default_factory=Churn)
    kind: ClassVar[str] = "expansion"
    rises: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.growth > 0:
            raise UsageError("expansion, growth", "a share above 0", str(self.growth), "such as 0.02")
        if self.churn.kind != "notice":
            raise UsageError("expansion, churn", "churn by notice", self.churn.kind, "Churn('notice')")

    @property
    def min_tenure_days(self) -> int:
        """Younger accounts are not asked about yet."""
        return self.churn.min_tenure_days

    def resolution_days(self, horizon: int) -> int:
        """Days from the cutoff until a label of this horizon can be read."""
        return self.churn.resolution_days(horizon)


def expansion(history: History, cutoffs: Instants, rule: Expansion, known: int) -> Outlook:
    """Look for the first growth after each cutoff; leaving ends the observation."""
    leaving = notice(history, cutoffs, rule.churn, known)
    account, at = np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int64)
    if "subscriptions" in history:
        account, at = _grown(as_known(history.records("subscriptions"), known), rule.growth)
    if "deals" in history:
        who, when = _won(as_known(history.records("deals"), known))
        account, at = np.concatenate([account, who]), np.concatenate([at, when])
    first = following(len(history.accounts), cutoffs, account, at)
    return Outlook(first, np.minimum(leaving.first, leaving.exit), leaving.bar, leaving.reasons)


def _grown(records: Records, growth: float) -> tuple[NDArray[np.int32], Instants]:
    frame = pd.DataFrame({"account": records.account, "at": records.at, "known": records.known})
    columns = records.columns
    frame["subscription"] = texts(columns, "subscription_id", "")
    for name in ("mrr", "seats"):
        frame[name] = columns[name].to_numpy(float) if name in columns else np.nan
    running = np.isin(texts(columns, "status", RUNNING[0]).astype(str), RUNNING)
    frame = frame[running].sort_values(["account", "subscription", "at", "known"], kind="stable")
    before = frame.groupby(["account", "subscription"])[["mrr", "seats"]].shift()
    more = (frame[["mrr", "seats"]] > (1 + growth) * before).any(axis=1)
    start = frame.groupby("account")["at"].transform("min")
    further = ~frame.duplicated(["account", "subscription"]) & (frame["at"] > start)
    grown = frame[more | further]
    at = np.maximum(grown["at"].to_numpy(), grown["known"].to_numpy())
    return grown["account"].to_numpy(dtype=np.int32), at


def _won(records: Records) -> tuple[NDArray[np.int32], Instants]:
    columns = records.columns
    won = columns["is_won"].to_numpy(float) == 1 if "is_won" in columns else np.zeros(len(columns), dtype=bool)
    won &= texts(columns, "kind", "other").astype(str) == "expansion"
    frame = pd.DataFrame({"account": records.account, "at": np.maximum(records.at, records.known)})
    frame["deal"] = texts(columns, "deal_id", "")
    first = frame[won].groupby(["account", "deal"], as_index=False)["at"].min()
    at = first["at"].to_numpy(dtype=np.int64)
    return first["account"].to_numpy(dtype=np.int32)[at > NEVER], at[at > NEVER]
