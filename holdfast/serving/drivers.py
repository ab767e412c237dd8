"""Drivers: the strongest reasons behind one account's risk, in sentences with their numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from holdfast.features.catalog.collection import Catalog
from holdfast.serving.columns import records

if TYPE_CHECKING:
    from holdfast.features.history import History
    from holdfast.features.snapshot import Snapshot
    from holdfast.models.explain import Explanation

DRIVERS = 3
KEPT = 8


@dataclass(frozen=True)
class Driver:
    """One contribution to one account's log-hazard, with what was seen; positive raises the risk."""

    account_id: str
    rank: int
    code: str
    dimension: str
    text: str
    value: float
    direction: Literal["raises", "lowers"]
    contribution: float


def drivers(explanation: Explanation, now: Snapshot, history: History, ids: Iterable[str]) -> list[Driver]:
    """Rank the reasons of each account: what raises the risk, strongest first, then what lowers it, strongest first.

    Segment, plan, the contract calendar and other context that nobody can act on, and what is not on record, is left to
    the full explanation.

    Parameters
    ----------
    ids
        The accounts wanted; at most eight reasons each, the first three are the drivers shown.
    """
    frame = explanation.frame()
    wanted = frame["account_id"].isin(set(ids)) & frame["indicator"].isin(
        {one.name for one in now.catalog if not one.calendar}
    )
    frame = frame[wanted & (frame["contribution"] != 0.0) & frame["value"].notna()]
    frame = frame.assign(lowers=frame["contribution"] < 0, size=-frame["contribution"].abs())
    frame = frame.sort_values(["account_id", "lowers", "size", "indicator"], kind="stable")
    frame["rank"] = frame.groupby("account_id").cumcount() + 1
    frame = frame[frame["rank"] <= KEPT]
    if frame.empty:
        return []
    said = Catalog(now.catalog, fixed=True).evidence(history, frame["account_id"].unique(), now.cutoffs[0])
    return [
        Driver(
            account_id=row["account_id"],
            rank=row["rank"],
            code=row["indicator"],
            dimension=row["dimension"],
            text=str(said.at[row["account_id"], row["indicator"]]),
            value=row["value"],
            direction="lowers" if row["lowers"] else "raises",
            contribution=row["contribution"],
        )
        for row in records(frame)
    ]
