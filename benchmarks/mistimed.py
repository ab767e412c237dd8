"""Feature code as it is written on a working day: what reads the wrong time, each beside what does not.

The leaks are those that reviews keep finding. A pipeline takes the canonical tables as frames, or the history, with the
cutoffs; an indicator takes what was known at one cutoff. `benchmarks.leaking` holds the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from holdfast.features.history import History
from holdfast.features.history.view import View
from holdfast.features.indicators.indicator import Indicator, indicator
from holdfast.features.time import micro

Frames = Mapping[str, pd.DataFrame]
MONTH, QUARTER = pd.Timedelta(days=30), pd.Timedelta(days=90)
SIZES = {"smb": 1.0, "mid": 2.0, "enterprise": 3.0}


def panel(frames: Frames, cutoffs: Iterable[pd.Timestamp], at: Callable[[pd.Timestamp], Any]) -> pd.DataFrame:
    """Lay out one number per account and cutoff."""
    accounts = pd.Index(sorted(frames["accounts"]["account_id"].unique()), name="account_id")
    columns = {cutoff: pd.Series(at(cutoff), dtype=float).reindex(accounts) for cutoff in cutoffs}
    return pd.DataFrame(columns).rename_axis(columns="cutoff").stack(future_stack=True).to_frame("value")


def happened(frame: pd.DataFrame, cutoff: pd.Timestamp, time: str = "occurred_at") -> pd.DataFrame:
    """Keep what was known and had happened."""
    return frame[(frame["known_at"] <= cutoff) & (frame[time] <= cutoff)]


def versions(frame: pd.DataFrame, key: str, cutoff: pd.Timestamp) -> pd.DataFrame:
    """Keep the version of each record that was known last, unless it says that there is none."""
    known = frame[frame["known_at"] <= cutoff].sort_values("known_at").drop_duplicates(key, keep="last")
    return known[known["deleted"] != 1]


def per_account(frame: pd.DataFrame) -> Any:
    return frame.groupby("account_id")


# 1. the upper end of the window was forgotten


def recent_use_open_ended(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    usage = frames["usage"]
    return panel(frames, cutoffs, lambda t: per_account(usage[usage["occurred_at"] > t - MONTH]).size())


def recent_use(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    usage = frames["usage"]
    return panel(frames, cutoffs, lambda t: per_account(happened(usage[usage["occurred_at"] > t - MONTH], t)).size())


# 2. scaled by the mean and spread of the whole table, before the split


def use_standardised(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    table = recent_use(frames, cutoffs)
    return (table - table.mean()) / table.std()


def use_against_own_past(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    usage = frames["usage"]

    def at(t: pd.Timestamp) -> pd.Series:
        seen = happened(usage, t)
        before = per_account(seen[seen["occurred_at"] > t - 6 * MONTH]).size() / 6
        return per_account(seen[seen["occurred_at"] > t - MONTH]).size() / before

    return panel(frames, cutoffs, at)


# 3. recency by the clock on the wall


def days_since_login_today(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    today = datetime.now(UTC)
    return panel(
        frames, cutoffs, lambda t: (today - per_account(happened(frames["usage"], t))["occurred_at"].max()).dt.days
    )


def days_since_login(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    return panel(
        frames, cutoffs, lambda t: (t - per_account(happened(frames["usage"], t))["occurred_at"].max()).dt.days
    )


# 4. a category replaced by its churn rate


def _segment(frames: Frames, cutoff: pd.Timestamp) -> pd.Series:
    known = happened(frames["accounts"], cutoff, "valid_from").sort_values(["valid_from", "known_at"])
    return known.drop_duplicates("account_id", keep="last").set_index("account_id")["segment"]


def segment_churn_rate(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    accounts = frames["accounts"].drop_duplicates("account_id", keep="last").set_index("account_id")
    churned = accounts.index.to_series().isin(frames["churn"]["account_id"]).astype(float)
    rate = churned.groupby(accounts["segment"]).transform("mean")
    return panel(frames, cutoffs, lambda _: rate)


def segment_size(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    return panel(frames, cutoffs, lambda t: _segment(frames, t).map(SIZES))


# 5. a note written weeks later, under the date of the meeting


def notes_by_meeting_date(history: History, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    return _notes(history, cutoffs, late=True)


def notes_as_written(history: History, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    return _notes(history, cutoffs, late=False)


def _notes(history: History, cutoffs: pd.DatetimeIndex, late: bool) -> pd.DataFrame:
    records, found = history.records("touchpoints"), {}
    for cutoff in cutoffs:
        now = micro(cutoff)
        seen = (records.at <= now) & (records.at > now - micro(pd.Timestamp(0, tz="UTC") + QUARTER))
        seen &= np.True_ if late else records.visible(now)
        found[cutoff] = np.bincount(records.account[seen], minlength=len(history.accounts)).astype(float)
    frame = pd.DataFrame(found, index=history.accounts.rename("account_id")).rename_axis(columns="cutoff")
    return frame.stack(future_stack=True).to_frame("notes")


# 6. an invoice in its latest version


def billed_latest_version(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    invoices = frames["invoices"].sort_values("known_at").drop_duplicates("invoice_id", keep="last")
    return panel(frames, cutoffs, lambda t: per_account(invoices[invoices["issued_at"] <= t])["amount"].sum())


def billed_as_known(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    def at(t: pd.Timestamp) -> pd.Series:
        known = versions(frames["invoices"], "invoice_id", t)
        return per_account(known[known["issued_at"] <= t])["amount"].sum()

    return panel(frames, cutoffs, at)


# 7. the last sign of life ever, which stands still once an account has left


def silent_days_by_last_event(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    last = per_account(frames["usage"])["occurred_at"].max()
    return panel(frames, cutoffs, lambda t: (t - last).dt.days.clip(lower=0))


def silent_days(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    def at(t: pd.Timestamp) -> pd.Series:
        return (t - per_account(happened(frames["usage"], t))["occurred_at"].max()).dt.days.clip(lower=0)

    return panel(frames, cutoffs, at)


# 8. the list of exits, though only as known by then


def declared(function: Callable[[View], pd.Series], *needs: str, lookback: float | None = None) -> Indicator:
    declare = indicator(
        needs=needs,
        dimension="product",
        healthy="unclear",
        unit="records",
        title=function.__name__.replace("_", " "),
        evidence="{value:.0f}",
        lookback_days=lookback,
    )
    return declare(function)


def has_left_already(view: View) -> pd.Series:
    return per_account(view["churn"]).size()


def has_asked_to_leave(view: View) -> pd.Series:
    held = view["subscriptions"]
    return per_account(held)["cancel_requested_at"].count()


# 9. one record too many at the edge of the window


def uses_from_thirty_days_ago(view: View) -> pd.Series:
    used = view["usage"]
    return per_account(used[used["occurred_at"] >= view.instant - MONTH]).size()


def uses_in_thirty_days(view: View) -> pd.Series:
    used = view["usage"]
    return per_account(used[used["occurred_at"] > view.instant - MONTH]).size()


# 10. the day of the cutoff taken whole


def use_until_end_of_day(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    usage = frames["usage"]
    day, known = (usage[name].dt.floor("D") for name in ("occurred_at", "known_at"))

    def at(t: pd.Timestamp) -> pd.Series:
        today = t.floor("D")
        return per_account(usage[(day > today - MONTH) & (day <= today) & (known <= today)]).size()

    return panel(frames, cutoffs, at)


def use_of_whole_days(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    usage = frames["usage"]

    def at(t: pd.Timestamp) -> pd.Series:
        today = t.floor("D")
        seen = happened(usage, t)
        return per_account(seen[(seen["occurred_at"] >= today - MONTH) & (seen["occurred_at"] < today)]).size()

    return panel(frames, cutoffs, at)


# 11. local days instead of UTC


def active_days_local(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    usage, here = frames["usage"], "America/New_York"
    local = usage.assign(**{n: usage[n].dt.tz_convert(here).dt.tz_localize(None) for n in ("occurred_at", "known_at")})
    return panel(
        frames, cutoffs, lambda t: per_account(happened(local, t.tz_localize(None)))["occurred_at"].apply(_days)
    )


def active_days_utc(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    def at(t: pd.Timestamp) -> pd.Series:
        return per_account(happened(frames["usage"], t))["occurred_at"].apply(_days)

    return panel(frames, cutoffs, at)


def _days(times: pd.Series) -> int:
    return int(times.dt.floor("D").nunique())
