"""What is known at an instant, worked by hand, table by table."""

import pandas as pd
import pytest

from holdfast.errors import DataError, UsageError
from holdfast.features.history import History
from holdfast.features.time import FOREVER

DAY = "2025-06-{:02d}".format


def company(**tables) -> History:
    frames = {
        "accounts": pd.DataFrame({"account_id": ["a", "b"], "valid_from": ["2025-01-01", "2025-01-01"]}),
        "usage": pd.DataFrame({"account_id": ["a", "b"], "occurred_at": ["2025-01-02", "2025-12-30"]}),
    }
    return History.from_frames({**frames, **{name: pd.DataFrame(rows) for name, rows in tables.items()}})


def test_a_record_is_seen_from_the_instant_it_is_known():
    at = pd.Timestamp("2025-06-10 12:00", tz="UTC")
    history = company(
        touchpoints={"account_id": ["a"], "kind": ["call"], "occurred_at": ["2025-06-01"], "known_at": [at]}
    )
    assert len(history.as_of(at - pd.Timedelta(1, "us"))["touchpoints"]) == 0
    assert len(history.as_of(at)["touchpoints"]) == 1


def test_a_record_known_before_it_happens_is_seen_when_it_happens():
    history = company(
        invoices={"account_id": ["a"], "issued_at": [DAY(10)], "known_at": [DAY(1)], "amount": [5], "currency": ["EUR"]}
    )
    assert len(history.as_of(DAY(9))["invoices"]) == 0
    assert len(history.as_of(DAY(10))["invoices"]) == 1


def test_a_later_known_row_of_the_same_key_corrects_and_a_deletion_takes_away():
    history = company(
        tickets={
            "account_id": ["a", "a", "a"],
            "ticket_id": ["t", "t", "t"],
            "opened_at": [DAY(1)] * 3,
            "known_at": [DAY(1), DAY(5), DAY(9)],
            "priority": ["low", "high", "high"],
            "deleted": ["", "false", "true"],
        }
    )
    seen = {day: list(history.as_of(DAY(day))["tickets"]["priority"]) for day in (1, 4, 5, 8, 9)}
    assert seen == {1: ["low"], 4: ["low"], 5: ["high"], 8: ["high"], 9: []}
    records = history.records("tickets")
    assert len(records) == 2
    assert "deleted" not in records.columns
    assert (records.superseded < FOREVER).all()


def test_milestones_that_lie_ahead_are_missing_with_what_depends_on_them():
    history = company(
        tickets={
            "account_id": ["a"],
            "opened_at": [DAY(1)],
            "first_reply_at": [DAY(2)],
            "solved_at": [DAY(5)],
            "satisfaction": [0.5],
            "priority": ["high"],
        }
    )
    early, late = (history.as_of(DAY(day))["tickets"].iloc[0] for day in (3, 5))
    assert early["first_reply_at"] == pd.Timestamp(DAY(2), tz="UTC")
    assert pd.isna(early["solved_at"])
    assert pd.isna(early["satisfaction"])
    assert late["satisfaction"] == 0.5  # a rating without a date is known when the ticket is solved
    assert pd.isna(late["priority"])  # overwritten without a date, and the row is no version
    assert "HF017" in {finding.code for finding in history.findings}


def test_what_cannot_be_dated_is_read_from_versions():
    history = company(
        tickets={"account_id": ["a"], "opened_at": [DAY(1)], "known_at": [DAY(1)], "priority": ["high"], "reopens": [2]}
    )
    row = history.as_of(DAY(2))["tickets"].iloc[0]
    assert (row["priority"], row["reopens"]) == ("high", 2.0)


def test_the_latest_version_of_a_state_holds_until_its_end():
    history = company(
        subscriptions={
            "account_id": ["a"] * 3,
            "subscription_id": ["s"] * 3,
            "valid_from": [DAY(1), DAY(10), DAY(10)],
            "valid_to": ["", "", DAY(20)],
            "known_at": [DAY(1), DAY(12), DAY(15)],
            "seats": [5, 7, 8],
        }
    )
    seen = {day: list(history.as_of(DAY(day))["subscriptions"]["seats"]) for day in (1, 11, 12, 15, 19, 20)}
    assert seen == {1: [5], 11: [5], 12: [7], 15: [8], 19: [8], 20: []}
    assert history.as_of(DAY(16))["subscriptions"]["valid_to"].isna().all()


def test_a_deleted_state_is_absent_and_may_come_back():
    history = company(
        people={
            "account_id": ["a"] * 3,
            "person_id": ["p"] * 3,
            "valid_from": [DAY(1), DAY(5), DAY(9)],
            "deleted": [False, True, False],
        }
    )
    assert [len(history.as_of(DAY(day))["people"]) for day in (1, 5, 9)] == [1, 0, 1]
    assert history.records("people").columns["deleted"].tolist() == [False, True, False]


def test_an_announced_end_is_unseen_until_it_was_announced():
    rows = {
        "account_id": ["a", "b"],
        "subscription_id": ["s", "r"],
        "valid_from": [DAY(1)] * 2,
        "cancel_requested_at": [DAY(10), None],
        "ends_at": [DAY(25), DAY(20)],
        "cancel_reason": ["price", None],
    }
    history = company(subscriptions=rows)
    frames = {day: history.as_of(DAY(day))["subscriptions"].set_index("account_id") for day in (9, 10, 20)}
    assert frames[9][["cancel_requested_at", "ends_at", "cancel_reason"]].isna().all(axis=None)
    assert frames[10].loc["a", "ends_at"] == pd.Timestamp(DAY(25), tz="UTC")
    assert pd.isna(frames[10].loc["b", "ends_at"])
    assert frames[20].loc["b", "ends_at"] == pd.Timestamp(DAY(20), tz="UTC")


def test_rows_of_an_account_are_unseen_until_the_account_is_known():
    accounts = pd.DataFrame({"account_id": ["a"], "known_at": [DAY(10)]})
    usage = pd.DataFrame({"account_id": ["a", "a"], "occurred_at": [DAY(1), DAY(20)]})
    history = History.from_frames({"accounts": accounts, "usage": usage})
    assert len(history.as_of(DAY(9))["usage"]) == 0
    assert len(history.as_of(DAY(10))["usage"]) == 1
    assert history.as_of(DAY(10))["accounts"]["valid_from"].iloc[0] == pd.Timestamp(DAY(1), tz="UTC")


def test_an_account_without_dates_begins_with_what_was_first_known_of_it():
    frames = {
        "accounts": pd.DataFrame({"account_id": ["a", "b", "c"]}),
        "usage": pd.DataFrame(
            {"account_id": ["a", "b"], "occurred_at": [DAY(3), DAY(4)], "known_at": [DAY(8), DAY(4)]}
        ),
        "tickets": pd.DataFrame({"account_id": ["a"], "opened_at": [DAY(5)]}),
    }
    history = History.from_frames(frames)
    assert list(history.accounts) == ["a", "b"]
    assert [f"{day:%d}" for day in history.as_of(DAY(30))["accounts"]["valid_from"]] == ["05", "04"]
    assert {f.where for f in history.findings if f.code == "HF005"} == {"accounts"}


def test_end_now_and_start():
    rows = {"account_id": ["a"], "valid_from": [DAY(1)], "known_at": ["2025-06-03T15:00Z"]}
    history = company(subscriptions=rows)
    assert history.end == pd.Timestamp("2025-06-03T15:00Z")
    assert history.now == pd.Timestamp("2025-06-03T00:00Z")
    assert history.start == pd.Timestamp("2025-01-02T00:00Z")
    assert company().end == pd.Timestamp("2025-12-30T00:00Z")


def test_a_contract_dated_ahead_does_not_stretch_the_data():
    history = company(subscriptions={"account_id": ["a", "b"], "valid_from": [DAY(1), "2026-09-01"]})
    assert history.end == pd.Timestamp("2025-12-30T00:00Z")


def test_activity_that_outlasts_the_contracts_is_told():
    history = company(subscriptions={"account_id": ["a", "b"], "valid_from": [DAY(1), "2025-03-01"]})
    assert history.end == pd.Timestamp(DAY(1), tz="UTC")
    told = [one for one in history.findings if one.code == "HF020"]
    assert told
    assert all(f"subscriptions, {history.end:%Y-%m-%d}" in one.message for one in told)
    assert "HF020" not in {one.code for one in history.until(history.end, end=history.end).findings}


def test_until_ends_where_the_records_known_by_then_end():
    history = company()
    assert history.until("2025-07-01").end == pd.Timestamp("2025-01-02T00:00Z")
    stated = History.from_frames({n: history.as_of("2026-01-01")[n] for n in history.tables}, end="2026-01-05")
    assert stated.end == pd.Timestamp("2026-01-05", tz="UTC")
    assert stated.until("2025-07-01").end == pd.Timestamp("2025-07-01", tz="UTC")
    with pytest.raises(DataError, match="what was known at 1999"):
        history.until("1999-01-01")


def test_until_ends_where_the_caller_says_but_never_later():
    history = company()
    assert history.until("2025-07-01", end="2025-07-01").now == pd.Timestamp("2025-07-01", tz="UTC")
    assert history.until("2025-07-01", end="2025-09-01").now == pd.Timestamp("2025-07-01", tz="UTC")


def test_supplied_columns_are_those_with_a_delivered_value():
    history = company(touchpoints={"account_id": ["a"], "kind": ["call"], "occurred_at": [DAY(1)], "owner": [None]})
    assert history.supplied("touchpoints") == {"account_id", "kind", "occurred_at"}
    assert history.supplied("usage") == {"account_id", "occurred_at"}
    assert {"count", "kind", "event"} <= set(history.records("usage").columns)
    with pytest.raises(UsageError, match="did you mean 'usage'"):
        history.supplied("usgae")


def test_an_event_after_its_receipt_is_moved_to_it():
    rows = {"account_id": ["a"], "kind": ["call"], "occurred_at": [DAY(9)], "known_at": [DAY(3)]}
    history = company(touchpoints=rows)
    assert history.as_of(DAY(3))["touchpoints"]["occurred_at"].iloc[0] == pd.Timestamp(DAY(3), tz="UTC")
    assert [f.count for f in history.findings if f.code == "HF010"] == [1]


def test_churn_happens_at_notice_else_at_the_end():
    rows = {"account_id": ["a", "b", "b"], "notice_at": [DAY(2), None, None], "ended_at": [DAY(30), DAY(4), None]}
    history = company(churn=rows)
    records = history.records("churn")
    assert [pd.Timestamp(at, unit="us").day for at in records.at] == [2, 4]
    assert history.as_of(DAY(5))["churn"]["ended_at"].dt.day.tolist() == [30, 4]  # an announced end is known
    assert [f.count for f in history.findings if f.code == "HF005"] == [1]
    assert records.columns["kind"].tolist() == ["voluntary", "voluntary"]


def test_a_correction_counts_when_its_account_is_known():
    accounts = pd.DataFrame({"account_id": ["a", "b"], "known_at": [DAY(1), DAY(20)]})
    tickets = {
        "account_id": ["a", "b"],
        "ticket_id": ["t", "t"],
        "opened_at": [DAY(2)] * 2,
        "known_at": [DAY(2), DAY(5)],
    }
    history = History.from_frames({"accounts": accounts, "tickets": pd.DataFrame(tickets)})
    seen = {day: list(history.as_of(DAY(day))["tickets"]["account_id"]) for day in (5, 19, 20)}
    assert seen == {5: ["a"], 19: ["a"], 20: ["b"]}
    overtaken = History.from_frames(
        {"accounts": accounts, "tickets": pd.DataFrame(tickets)[::-1].assign(known_at=[DAY(2), DAY(5)])}
    )
    assert list(overtaken.as_of(DAY(20))["tickets"]["account_id"]) == ["a"]
    assert len(overtaken.records("tickets")) == 1
