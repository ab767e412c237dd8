"""Expansion: an account grows its recurring revenue or its seats, or a deal of expansion is won.

Growth is read from the last word on each version of a subscription, dated by the later of its start and the day it was
first told: more revenue or more seats than in the version before, a further subscription beside one that runs, or one
in the place of what ended that is more than that was. What ends within the days of grace after another began gives way
to it: a renewal may begin before the old term is over. What was put right or never was is no growth. An account that
leaves first is no longer observed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from holdfast.errors import UsageError
from holdfast.features.time import FOREVER, days
from holdfast.training.churn import Churn
from holdfast.training.contracts import deleted, versions
from holdfast.training.notice import notice
from holdfast.training.outlook import NEVER, Outlook, as_known, first_of, following, texts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.history import History
    from holdfast.features.history.records import Records
    from holdfast.training.outlook import Instants

FIGURES = ("mrr", "seats")


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
    118
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
        """Days from the cutoff until a label of this horizon can be read: until what gives way has ended."""
        return self.churn.resolution_days(horizon) + self.churn.grace_days


def expansion(history: History, cutoffs: Instants, rule: Expansion, known: int) -> Outlook:
    """Look for the first growth after each cutoff; leaving ends the observation."""
    leaving = notice(history, cutoffs, rule.churn, known)
    account, at = np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int64)
    if "subscriptions" in history:
        account, at = _grown(as_known(history.records("subscriptions"), known), rule)
    if "deals" in history:
        who, when = _won(as_known(history.records("deals"), known))
        account, at = np.concatenate([account, who]), np.concatenate([at, when])
    first = following(len(history.accounts), cutoffs, account, at)
    return Outlook(first, np.minimum(leaving.first, leaving.exit), leaving.bar, leaving.reasons)


def _grown(records: Records, rule: Expansion) -> tuple[NDArray[np.int32], Instants]:
    """Date each version that grows by the day on which more was first told, if it is the last word that tells it."""
    rows = _running(records)
    last = rows[rows["superseded"] == FOREVER]
    before = last.groupby("entity")[list(FIGURES)].shift().add_suffix("_before")
    opened = _opened(last, rule)
    each = rows.merge(last[["entity", "at"]].join(before).assign(opened=opened), on=["entity", "at"])
    more = [each[name] > (1 + rule.growth) * each[f"{name}_before"] for name in FIGURES]
    return _instants(_told(each[each["opened"] | more[0] | more[1]], "entity"))


def _running(records: Records) -> pd.DataFrame:
    """Lay out the versions that run, with their figures and ``stop``: the next last word, or the end of what is agreed.

    An end that was told late counts from its own day, so that what replaces it does not seem to stand beside it.
    """
    rows, columns = versions(records), records.columns
    for name in FIGURES:
        rows[name] = columns[name].to_numpy(float)[rows["row"]] if name in columns else np.nan
    replaced = rows[rows["superseded"] == FOREVER].groupby("entity")["at"].shift(-1, fill_value=FOREVER)
    rows["stop"] = np.minimum(replaced.reindex(rows.index, fill_value=FOREVER), rows["end"])
    return rows[rows["running"]]


def _reach(rows: pd.DataFrame) -> pd.Series[int]:
    """Give how far the subscriptions reach that an account had begun before each version, `NEVER` where none had."""
    stop = rows.groupby(["account", "at"])["stop"].max().groupby("account").cummax()
    before = stop.groupby("account").shift(fill_value=NEVER)
    return pd.Series(before.loc[pd.MultiIndex.from_frame(rows[["account", "at"]])].to_numpy(), rows.index)


def _opened(rows: pd.DataFrame, rule: Expansion) -> pd.Series[bool]:
    """Tell which versions open a subscription that is more than what gives way to it, or to which nothing does."""
    opens, reach, names = ~rows.duplicated("entity"), _reach(rows), list(FIGURES)
    place = pd.MultiIndex.from_frame(rows[["account", "at"]])
    ended = rows[rows["stop"] > rows["at"]].groupby(["account", "stop"])[names].sum(min_count=1)
    before = ended.reindex(pd.MultiIndex.from_arrays([rows["account"], reach])).set_axis(rows.index)
    yielding = _yielding(rows, days(rule.churn.grace_days)).groupby(["account", "by"])[names].sum(min_count=1)
    renews = pd.Series(place.isin(yielding.index), rows.index)
    before = before.where(~renews, yielding.reindex(place).set_axis(rows.index))
    now = rows[names].where(opens).groupby([rows["account"], rows["at"]]).transform("sum", min_count=1)
    further = ~renews & (reach > rows["at"])
    return opens & (further | (now > (1 + rule.growth) * before).any(axis=1))


def _yielding(rows: pd.DataFrame, grace: int) -> pd.DataFrame:
    """List what ends within the grace after a later subscription of its account began, the first of which is ``by``."""
    begun = rows.groupby("entity")["at"].transform("min")
    goes_on = rows.groupby("entity")["at"].shift(-1) == rows["stop"]
    ended = rows[~goes_on & (rows["stop"] < FOREVER)]
    ended = ended.assign(since=np.maximum(begun[ended.index] + 1, ended["stop"] - grace)).sort_values("since")
    openings = rows.loc[~rows.duplicated("entity"), ["account", "at"]].rename(columns={"at": "by"}).sort_values("by")
    found = pd.merge_asof(ended, openings, left_on="since", right_on="by", by="account", direction="forward")
    return found[found["by"] <= found["stop"]].astype({"by": np.int64})


def _won(records: Records) -> tuple[NDArray[np.int32], Instants]:
    columns = records.columns
    won = columns["is_won"].to_numpy(float) == 1 if "is_won" in columns else np.zeros(len(columns), dtype=bool)
    won &= (texts(columns, "kind", "other").astype(str) == "expansion") & ~deleted(columns)
    frame = pd.DataFrame({name: getattr(records, name) for name in ("account", "at", "known", "superseded")})
    frame["deal"] = texts(columns, "deal_id", "")
    first = _told(frame[won], "deal").sort_values("at", kind="stable").drop_duplicates(["account", "deal"])
    return _instants(first)


def _told(rows: pd.DataFrame, entity: str) -> pd.DataFrame:
    """Keep what the last word says, dated by the day on which a version of it first did."""
    told = first_of([rows["account"], rows[entity], rows["at"]], rows["known"].to_numpy())
    return rows.assign(at=np.maximum(rows["at"], told))[rows["superseded"] == FOREVER]


def _instants(rows: pd.DataFrame) -> tuple[NDArray[np.int32], Instants]:
    return rows["account"].to_numpy(dtype=np.int32), rows["at"].to_numpy(dtype=np.int64)
