"""Feature code as it is written on a working day: what borrows from other rows or accounts, beside what does not.

`PAIRS` holds these leaks and those of `benchmarks.mistimed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd

from benchmarks import mistimed as time
from benchmarks.mistimed import MONTH, QUARTER, Frames, declared, happened, panel, per_account, recent_use, versions
from holdfast.features.history import History
from holdfast.features.time import instants, micro


@dataclass(frozen=True)
class Pair:
    """A leak, and the honest code for the same purpose."""

    name: str
    leaking: Any
    honest: Any
    reads: str = "frames"


# 12. the place among all accounts


def usage_percentile(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    return recent_use(frames, cutoffs).groupby(level="cutoff").rank(pct=True)


def usage_against_own_best(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    def at(t: pd.Timestamp) -> pd.Series:
        seen = happened(frames["usage"], t)
        age = (t - seen["occurred_at"]) // MONTH
        months = seen.groupby(["account_id", age]).size().unstack(fill_value=0)
        return months.get(0, 0) / months.max(axis=1)

    return panel(frames, cutoffs, at)


# 13. the last row taken for the latest


def last_event_minutes_unsorted(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    return panel(
        frames, cutoffs, lambda t: per_account(happened(frames["usage"], t))["count"].nth(-1).pipe(_keyed, frames)
    )


def _keyed(series: pd.Series, frames: Frames) -> pd.Series:
    return series.set_axis(frames["usage"]["account_id"].loc[series.index])


def last_event_minutes(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    ordered = frames["usage"].sort_values(["occurred_at", "known_at", "source_id"])
    return panel(frames, cutoffs, lambda t: per_account(happened(ordered, t))["count"].last())


# 14. an invoice seen paid before it was


def days_to_pay_in_full_view(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    def at(t: pd.Timestamp) -> pd.Series:
        bills = versions(frames["invoices"], "invoice_id", t)
        bills = bills[bills["issued_at"] <= t]
        return (bills["paid_at"] - bills["issued_at"]).dt.days.groupby(bills["account_id"]).mean()

    return panel(frames, cutoffs, at)


def days_to_pay(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    def at(t: pd.Timestamp) -> pd.Series:
        bills = versions(frames["invoices"], "invoice_id", t)
        bills = bills[bills["paid_at"] <= t]
        return (bills["paid_at"] - bills["issued_at"]).dt.days.groupby(bills["account_id"]).mean()

    return panel(frames, cutoffs, at)


# 15. today's contract for every day of the past


def seats_today(history: History, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    held = history.as_of(history.end)["subscriptions"]
    seats = per_account(held)["seats"].sum()
    return pd.concat(dict.fromkeys(cutoffs, seats), names=["cutoff"]).swaplevel().to_frame("seats")


def seats_then(history: History, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    views = {cutoff: per_account(history.as_of(cutoff)["subscriptions"])["seats"].sum() for cutoff in cutoffs}
    return pd.concat(views, names=["cutoff"]).swaplevel().to_frame("seats")


# 16. a sample without a seed


def sampled_features(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    usage = frames["usage"].sample(frac=0.5)
    return panel(frames, cutoffs, lambda t: per_account(happened(usage, t))["event"].nunique())


def sampled_features_by_id(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    chosen = [crc32(name.encode()) % 2 == 0 for name in frames["usage"]["source_id"]]
    return panel(frames, cutoffs, lambda t: per_account(happened(frames["usage"][chosen], t))["event"].nunique())


# 17. holes filled from behind


def satisfaction_filled(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    talks = frames["touchpoints"].dropna(subset=["score"]).sort_values(["occurred_at", "known_at", "source_id"])
    weekly = (
        talks.groupby(["account_id", pd.Grouper(key="occurred_at", freq="W")])["score"].last().unstack("account_id")
    )
    filled = weekly.resample("W").last().bfill()
    return panel(frames, cutoffs, lambda t: filled[filled.index <= t + pd.Timedelta(days=7)].ffill().iloc[-1])


def satisfaction_last(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    talks = frames["touchpoints"].dropna(subset=["score"]).sort_values(["occurred_at", "known_at", "source_id"])
    return panel(frames, cutoffs, lambda t: per_account(happened(talks, t))["score"].last())


# 18. records that were deleted later are gone from the past too


def tickets_still_there(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    tickets = frames["tickets"]
    gone = set(tickets.loc[tickets["deleted"] == 1, "ticket_id"])
    kept = tickets[~tickets["ticket_id"].isin(gone)]
    return panel(frames, cutoffs, lambda t: per_account(happened(kept, t, "opened_at"))["ticket_id"].nunique())


def tickets_there_then(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    def at(t: pd.Timestamp) -> pd.Series:
        known = versions(frames["tickets"], "ticket_id", t)
        return per_account(known[known["opened_at"] <= t]).size()

    return panel(frames, cutoffs, at)


# 19. only those who are customers to this day


def use_of_survivors(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    held = frames["subscriptions"].sort_values("known_at").drop_duplicates("subscription_id", keep="last")
    living = set(held.loc[held["status"] == "active", "account_id"])
    table = recent_use(frames, cutoffs)
    return table[table.index.get_level_values("account_id").isin(living)]


def use_of_customers(history: History, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    found = {}
    for cutoff in cutoffs:
        view = history.as_of(cutoff)
        living = set(view["subscriptions"].loc[view["subscriptions"]["status"] == "active", "account_id"])
        used = view["usage"][view["usage"]["occurred_at"] > cutoff - MONTH]
        found[cutoff] = per_account(used[used["account_id"].isin(living)]).size()
    return pd.concat(found, names=["cutoff"]).swaplevel().to_frame("uses")


# 20. growth since whatever cutoff came before


def growth_between_rows(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    return recent_use(frames, cutoffs).groupby(level="account_id").diff()


def growth_in_a_month(frames: Frames, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    def at(t: pd.Timestamp) -> pd.Series:
        seen = happened(frames["usage"], t)
        months = (t - seen["occurred_at"]) // MONTH
        now, before = (per_account(seen[months == one]).size() for one in (0, 1))
        return now.sub(before, fill_value=0)

    return panel(frames, cutoffs, at)


# 21. a smoothing window that looks both ways


def smoothed_use_centred(history: History, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    return _smoothed(history, cutoffs, centred=True)


def smoothed_use(history: History, cutoffs: pd.DatetimeIndex) -> pd.DataFrame:
    return _smoothed(history, cutoffs, centred=False)


def _smoothed(history: History, cutoffs: pd.DatetimeIndex, centred: bool) -> pd.DataFrame:
    records, found = history.records("usage"), {}
    for cutoff in cutoffs:
        known = records.visible(micro(cutoff)) if not centred else records.known < np.iinfo(np.int64).max
        day = instants(records.at[known]).floor("D")
        counts = pd.Series(1.0, index=[history.accounts[records.account[known]], day]).groupby(level=[0, 1]).sum()
        days = pd.date_range(cutoff.floor("D") - QUARTER, cutoff.floor("D") + QUARTER)
        daily = counts.unstack(level=0).reindex(days).fillna(0.0)
        found[cutoff] = daily.rolling(29, center=centred).sum().loc[cutoff.floor("D")]
    frame = pd.DataFrame(found).rename_axis(index="account_id", columns="cutoff")
    return frame.stack(future_stack=True).to_frame("uses")


PAIRS = (
    Pair("reads after the cutoff", time.recent_use_open_ended, recent_use),
    Pair("full-table normalisation", time.use_standardised, time.use_against_own_past),
    Pair("now()", time.days_since_login_today, time.days_since_login),
    Pair("target encoding", time.segment_churn_rate, time.segment_size),
    Pair("back-dated note", time.notes_by_meeting_date, time.notes_as_written, "history"),
    Pair("revised invoice", time.billed_latest_version, time.billed_as_known),
    Pair("post-churn freeze", time.silent_days_by_last_event, time.silent_days),
    Pair(
        "label table read", declared(time.has_left_already, "churn"), declared(time.has_asked_to_leave, "subscriptions")
    ),
    Pair(
        "off by one at the window's start",
        declared(time.uses_from_thirty_days_ago, "usage", lookback=30),
        declared(time.uses_in_thirty_days, "usage", lookback=30),
    ),
    Pair("off by a day at the cutoff", time.use_until_end_of_day, time.use_of_whole_days),
    Pair("time-zone slip", time.active_days_local, time.active_days_utc),
    Pair("global ranking", usage_percentile, usage_against_own_best),
    Pair("unsorted input", last_event_minutes_unsorted, last_event_minutes),
    Pair("milestone read early", days_to_pay_in_full_view, days_to_pay),
    Pair("current attribute", seats_today, seats_then, "history"),
    Pair("sample without a seed", sampled_features, sampled_features_by_id),
    Pair("backward fill", satisfaction_filled, satisfaction_last),
    Pair("later deletion", tickets_still_there, tickets_there_then),
    Pair("survivors only", use_of_survivors, use_of_customers),
    Pair("difference of requested rows", growth_between_rows, growth_in_a_month),
    Pair("centred smoothing", smoothed_use_centred, smoothed_use, "history"),
)
