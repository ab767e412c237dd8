"""pandas, the loop one writes first: for every cutoff filter what was known, for every window group and count.

Ids are made categorical once, which the first version often forgets; everything else is as it comes to mind.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.speed.clock import CUTOFFS, MOST

DAY = pd.Timedelta(days=1)
IDS = ["account_id", "person_id", "event", "kind"]


def run(folder: Path) -> pd.DataFrame:
    usage, tickets, invoices, accounts = (
        pd.read_parquet(folder / "history" / f"{name}.parquet") for name in ("usage", "tickets", "invoices", "accounts")
    )
    usage[IDS] = usage[IDS].astype("category")
    usage["day"] = usage["occurred_at"].dt.floor("D")
    parts = []
    for cutoff in map(pd.Timestamp, CUTOFFS):
        known = accounts.loc[accounts["known_at"] <= cutoff, "account_id"]
        out = pd.DataFrame(index=pd.Index(known, name="account_id"))
        _usage(out, usage[(usage["known_at"] <= cutoff) & (usage["occurred_at"] <= cutoff)], cutoff)
        _tickets(out, tickets[tickets["known_at"] <= cutoff], cutoff)
        _invoices(out, invoices[invoices["known_at"] <= cutoff], cutoff)
        parts.append(out.reset_index().assign(cutoff=cutoff))
    return pd.concat(parts, ignore_index=True)


def write(result: pd.DataFrame, out: Path) -> None:
    result.to_parquet(out, index=False)


def _within(seen: pd.DataFrame, at: str, cutoff: pd.Timestamp, days: int, ago: int = 0) -> pd.DataFrame:
    recent = seen[seen[at] > cutoff - (ago + days) * DAY]
    return recent[recent[at] <= cutoff - ago * DAY] if ago else recent


def _usage(out: pd.DataFrame, seen: pd.DataFrame, cutoff: pd.Timestamp) -> None:
    for days in (7, 30, 60, 90, 180, None):
        part = seen if days is None else _within(seen, "occurred_at", cutoff, days)
        by, name = part.groupby("account_id", observed=True), days or "ever"
        _put(out, f"events_{name}", by.size())
        _put(out, f"people_{name}", by["person_id"].nunique())
        _put(out, f"active_{name}", by["day"].nunique())
        if days in (30, 60, 90):
            _put(out, f"minutes_{name}", by["duration_min"].sum())
        if days in (30, 90, 180):
            _put(out, f"amount_{name}", by["count"].sum())
            _put(out, f"kinds_{name}", by["event"].nunique())
        if days in (30, 90):
            kinds = part.groupby(["account_id", "kind"], observed=True).size().unstack()
            for kind in ("login", "feature", "api"):
                _put(out, f"{kind}_{name}", kinds.get(kind, pd.Series(dtype=float)))
    last = seen.groupby("account_id", observed=True)["occurred_at"].max()
    out["since_any"] = (cutoff - _aligned(out, last)) / DAY
    last = seen.groupby(["account_id", "kind"], observed=True)["occurred_at"].max().unstack()
    for kind in ("login", "feature", "api"):
        out[f"since_{kind}"] = (cutoff - _aligned(out, last[kind])) / DAY if kind in last else np.nan
    _compared(out, seen, cutoff)
    age = (cutoff - seen["occurred_at"]) / DAY
    for half_life in (7, 30):
        weight = 2.0 ** (-age / half_life)
        _put(out, f"events_half_{half_life}", weight.groupby(seen["account_id"], observed=True).sum())
    _slopes(out, seen, cutoff)


def _compared(out: pd.DataFrame, seen: pd.DataFrame, cutoff: pd.Timestamp) -> None:
    before = _within(seen, "occurred_at", cutoff, 30, ago=30).groupby("account_id", observed=True)
    earlier = _within(seen, "occurred_at", cutoff, 90, ago=90).groupby("account_id", observed=True)
    for name, previous in {
        "events_30": before.size(),
        "people_30": before["person_id"].nunique(),
        "active_30": before["day"].nunique(),
        "minutes_30": before["duration_min"].sum(),
        "events_90": earlier.size(),
    }.items():
        then = _aligned(out, previous).fillna(0)
        compared = (out[name] / then.where(then > 0)).clip(upper=MOST)
        out[f"{name}_vs"] = compared.where(then > 0, np.where(out[name] > 0, MOST, 1.0))


def _slopes(out: pd.DataFrame, seen: pd.DataFrame, cutoff: pd.Timestamp) -> None:
    months = []
    for ago in range(150, -1, -30):
        month = _within(seen, "occurred_at", cutoff, 30, ago=ago).groupby("account_id", observed=True)
        both = pd.DataFrame({"events": month.size(), "minutes": month["duration_min"].sum()})
        months.append(both.reindex(out.index).fillna(0))
    for name, number in (("events", 3), ("events", 6), ("minutes", 3)):
        height = np.column_stack([month[name] for month in months[-number:]])
        place = np.arange(number) - (number - 1) / 2
        mean = np.where(height.mean(axis=1) == 0, np.nan, height.mean(axis=1))
        out[f"{name}_slope_{number * 30}"] = height @ place / (place @ place) / mean


def _tickets(out: pd.DataFrame, seen: pd.DataFrame, cutoff: pd.Timestamp) -> None:
    for days in (30, 90, 180):
        _put(out, f"tickets_{days}", _within(seen, "opened_at", cutoff, days).groupby("account_id").size())
    _put(out, "tickets_ever", seen.groupby("account_id").size())
    still = seen[~(seen["solved_at"] <= cutoff)].groupby("account_id")["opened_at"]
    _put(out, "tickets_open", still.size())
    _put(out, "tickets_open_age", (cutoff - still.min()) / DAY)


def _invoices(out: pd.DataFrame, seen: pd.DataFrame, cutoff: pd.Timestamp) -> None:
    for days in (90, 180):
        part = _within(seen, "issued_at", cutoff, days)
        _put(out, f"billed_{days}", part.groupby("account_id")["amount"].sum())
    _put(out, "billed_ever", seen.groupby("account_id")["amount"].sum())
    unpaid = seen[~(seen["paid_at"] <= cutoff)]
    _put(out, "unpaid", unpaid.groupby("account_id")["amount"].sum())
    overdue = unpaid[unpaid["due_at"] <= cutoff].groupby("account_id")
    _put(out, "overdue", overdue["amount"].sum())
    _put(out, "overdue_invoices", overdue.size())
    _put(out, "overdue_days", (cutoff - overdue["due_at"].min()) / DAY)


def _aligned(out: pd.DataFrame, values: pd.Series) -> pd.Series:
    return values.reindex(out.index)


def _put(out: pd.DataFrame, name: str, values: pd.Series) -> None:
    out[name] = _aligned(out, values).fillna(0)
