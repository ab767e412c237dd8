"""Labels by hand: the edges of the window, late news, returns, and lists that are not complete."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

import holdfast as hf
from holdfast.errors import DataError, UsageError
from holdfast.features.history import History
from holdfast.training import labels
from holdfast.training.label_cells import read_cells
from holdfast.training.labels import Churn, Labels, at_risk, label

T = "2024-06-01"
END = "2025-01-01"


def history(end: str | None = END, **tables: Sequence[dict[str, object]]) -> History:
    born = [{"account_id": name, "valid_from": "2023-01-01"} for name in ("a", "b", "steady")]
    rows = {"accounts": born, "usage": [{"account_id": "steady", "occurred_at": "2023-02-01"}], **tables}
    return History.from_frames({name: pd.DataFrame(list(lines)) for name, lines in rows.items()}, end=end)


def gave(notice: str | None, known: str | None = None, **more: object) -> dict[str, object]:
    dates = {name: day for name, day in (("notice_at", notice), ("known_at", known)) if day}
    return {"account_id": "a", "source": "list", "source_id": "1", **dates, **more}


def of(y: Labels, account: str = "a", cutoff: str = T) -> list[float]:
    return y.frame.loc[(account, pd.Timestamp(cutoff, tz="UTC"))].tolist()


def why(y: Labels, account: str = "a", cutoff: str = T) -> str:
    return str(y.at_risk.loc[(account, pd.Timestamp(cutoff, tz="UTC"))])


def subscribed(account: str, start: str, number: str = "s", **more: object) -> dict[str, object]:
    return {
        "account_id": account,
        "subscription_id": f"{account}{number}",
        "valid_from": start,
        "status": "active",
        **more,
    }


@pytest.mark.parametrize(
    ("notice", "expected"),
    [
        ("2024-06-01T00:00:00.000000Z", [np.nan] * 3),  # at T: notice was given, no longer at risk
        ("2024-06-01T00:00:00.000001Z", [1, 1, 1]),
        ("2024-07-01T00:00:00.000000Z", [1, 1, 1]),  # at T + 30 days: inside
        ("2024-07-01T00:00:00.000001Z", [0, 1, 1]),
        ("2024-08-30T00:00:00.000000Z", [0, 0, 1]),
        ("2024-08-30T00:00:00.000001Z", [0, 0, 0]),
    ],
)
def test_a_notice_counts_after_the_cutoff_and_up_to_the_horizon(notice: str, expected: list[float]) -> None:
    y = label(history(churn=[gave(notice)]), [T])
    np.testing.assert_array_equal(of(y), expected)
    assert of(y, "steady") == [0, 0, 0]


def test_a_notice_is_dated_by_the_day_it_became_known() -> None:
    y = label(history(churn=[gave("2024-05-20", "2024-07-15")]), [T])
    assert of(y) == [0, 1, 1]
    assert y.event_at.dropna().tolist() == [pd.Timestamp("2024-07-15", tz="UTC")]


def test_what_has_not_happened_by_the_data_end_is_no_exit() -> None:
    running = subscribed("a", "2024-04-25", term_end="2024-12-31", auto_renew=False)
    y = label(history(subscriptions=[running], end="2024-10-15"), [T])
    assert of(y) == [0, 0, 0]
    assert y.event_at.isna().all()
    y = label(history(subscriptions=[running], end="2025-06-01"), [T])
    assert y.event_at.dropna().tolist() == [pd.Timestamp("2025-01-14", tz="UTC")]
    usage = active("2024-05-01", "2024-07-20", "2024-09-20")
    y = label(history(usage=usage, end="2024-10-15"), [T, "2024-04-01"], churn="departure")
    assert y.event_at.isna().all()  # nobody knows yet whether it comes back


def test_a_correction_does_not_move_the_day_on_which_the_notice_became_known() -> None:
    late = gave("2024-06-10", "2024-09-20", reason="price")
    y = label(history(churn=[gave("2024-06-10", "2024-06-12"), late]), [T])
    assert of(y) == [1, 1, 1]


def test_an_end_that_lies_ahead_is_unseen_whoever_asks() -> None:
    """Until the old contract has ended, one signed after the notice looks like a return."""
    exits = [gave("2024-06-10", ended_at="2024-09-20")]
    told = history(churn=exits, subscriptions=[subscribed("a", "2024-06-12"), subscribed("steady", "2024-01-01")])
    y = label(told, ["2024-07-01"])
    assert why(y, cutoff="2024-07-01") == "has given notice or left"
    for asked in (y.known("2024-09-01"), label(told.until("2024-09-01"), ["2024-07-01"])):
        assert why(asked, cutoff="2024-07-01") == ""


def test_a_missing_notice_falls_back_on_the_end_and_is_counted() -> None:
    other = {"account_id": "b", "source": "list", "source_id": "2", "ended_at": "2024-07-20"}
    y = label(history(churn=[gave("2024-06-10"), other]), [T])
    assert of(y, "b") == [0, 1, 1]
    assert [(f.code, f.count) for f in y.findings] == [("HF019", 1)]
    alone = label(history(churn=[other]), [T])
    assert [f.code for f in alone.findings] == ["HF013"]


def test_a_merger_censors_the_windows_it_falls_into() -> None:
    y = label(history(churn=[gave("2024-07-15", kind="merger")]), [T, "2024-08-01"])
    np.testing.assert_array_equal(of(y), [0, np.nan, np.nan])
    assert why(y, cutoff="2024-08-01") == "has given notice or left"


def test_a_payment_failure_is_churn() -> None:
    assert of(label(history(churn=[gave("2024-06-10", kind="payment")]), [T])) == [1, 1, 1]


def test_who_comes_back_is_at_risk_again_and_may_leave_again() -> None:
    first, second = gave("2024-02-01"), gave("2024-06-20", source_id="2")
    terms = [subscribed("a", "2023-01-01"), subscribed("a", "2024-04-15", "t"), subscribed("steady", "2023-01-01")]
    y = label(history(churn=[first, second], subscriptions=terms), ["2024-01-15", "2024-03-01", T, "2024-07-01"])
    assert of(y, cutoff="2024-01-15") == [1, 1, 1]
    assert why(y, cutoff="2024-03-01") == "has given notice or left"
    assert of(y) == [1, 1, 1]
    assert why(y, cutoff="2024-07-01") == "has given notice or left"


def test_a_change_of_seats_after_the_notice_is_no_return() -> None:
    more = {"term_start": "2024-01-01", "term_end": "2025-01-01"}
    terms = [subscribed("a", "2024-01-01", **more), subscribed("a", "2024-03-01", seats=5, **more)]
    y = label(history(churn=[gave("2024-02-01")], subscriptions=[*terms, subscribed("b", "2024-01-01")]), [T])
    assert why(y) == "has given notice or left"
    assert of(y, "b") == [0, 0, 0]


def test_without_subscriptions_activity_after_the_end_is_a_return() -> None:
    seen = [{"account_id": "a", "occurred_at": day} for day in ("2024-02-20", "2024-04-01")]
    gone = gave("2024-02-01", ended_at="2024-02-15")
    y = label(history(churn=[gone], usage=seen), ["2024-03-15", "2024-04-02"])
    assert why(y, cutoff="2024-03-15") == "has given notice or left"  # five days after the end is winding down
    assert why(y, cutoff="2024-04-02") == ""


def test_from_subscriptions_the_request_to_cancel_is_the_notice() -> None:
    asked = subscribed("a", "2024-01-01", cancel_requested_at="2024-07-10", ends_at="2024-12-31")
    y = label(history(subscriptions=[asked, subscribed("steady", "2024-01-01")]), [T, "2024-08-01"])
    assert of(y) == [0, 1, 1]
    assert why(y, cutoff="2024-08-01") == "has given notice or left"
    assert why(y, "b") == "no active subscription"
    assert not y.findings


def test_a_cancellation_recorded_as_a_version_counts_when_it_became_known() -> None:
    over = subscribed("a", "2024-06-10") | {"status": "canceled", "known_at": "2024-07-15"}
    y = label(history(subscriptions=[subscribed("a", "2024-01-01"), over]), [T])
    assert of(y) == [0, 1, 1]
    assert not y.findings


def test_dropping_one_of_two_subscriptions_is_no_churn() -> None:
    asked = subscribed("a", "2024-01-01", cancel_requested_at="2024-06-10")
    other = subscribed("a", "2024-01-01", "t", term_end="2024-07-20")
    y = label(history(subscriptions=[asked, other]), [T])
    assert of(y) == [0, 0, 1]  # the last one lapses on 2024-07-20 and counts 14 days later


@pytest.mark.parametrize(("grace", "expected"), [(0, [1, 1, 1]), (14, [0, 1, 1])])
def test_end_dates_alone_are_dated_by_end_plus_grace_and_said_loudly(grace: int, expected: list[float]) -> None:
    y = label(
        history(subscriptions=[subscribed("a", "2024-01-01", term_end="2024-07-01")]),
        [T],
        churn=Churn(grace_days=grace),
    )
    assert of(y) == expected
    assert [f.code for f in y.findings] == ["HF013"]


@pytest.mark.parametrize(("start", "lapses"), [("2024-07-01", False), ("2024-07-15", False), ("2024-07-16", True)])
def test_a_successor_within_the_grace_continues(start: str, lapses: bool) -> None:
    terms = [subscribed("a", "2024-01-01", term_end="2024-07-01"), subscribed("a", start, "t", term_end="2025-01-01")]
    assert of(label(history(subscriptions=terms), [T])) == ([0, 1, 1] if lapses else [0, 0, 0])


def test_a_renewal_that_was_booked_late_is_no_lapse() -> None:
    late = subscribed("a", "2024-07-01", "t", known_at="2024-09-10")
    terms = [subscribed("a", "2024-01-01", term_end="2024-07-01"), late]
    full = label(history(subscriptions=terms), [T, "2024-08-01"])
    assert of(full) == [0, 0, 0]
    assert why(full, cutoff="2024-08-01") == "no active subscription"  # as it looked on that day
    early = label(history(subscriptions=terms), [T], churn=Churn(settlement_days=0))
    assert of(early)[1] == 0
    assert of(early.known("2024-08-01"))[1] == 1  # as it had to be believed then


def test_a_term_that_renews_itself_does_not_lapse() -> None:
    term = subscribed("a", "2024-01-01", term_end="2024-07-01", auto_renew=True)
    assert of(label(history(subscriptions=[term]), [T])) == [0, 0, 0]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, [0, 1, 1]),
        ({"notice_days": 60.0}, [0, 0, 0]),  # notice has to be given, so without one it goes on
        ({"notice_days": 60.0, "auto_renew": False}, [0, 1, 1]),
    ],
    ids=["nothing told", "notice period", "told to end"],
)
def test_where_renewal_is_not_told_labels_follow_the_calendar(more: dict[str, object], expected: list[float]) -> None:
    company = history(
        subscriptions=[subscribed("a", "2024-01-01", term_start="2024-01-01", term_end="2024-07-01", **more)]
    )
    assert of(label(company, [T])) == expected
    decided = hf.catalog.measure(company, pd.DatetimeIndex([T], tz="UTC")).calendar.loc["a"].to_numpy()
    assert (((decided > 0) & (decided <= 60)).any()) == (expected != [0, 0, 0])


def active(*days: str, account: str = "a") -> list[dict[str, object]]:
    return [{"account_id": account, "occurred_at": day} for day in days]


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2024-06-01T00:00:00.000000Z", [1, 1, 1]),  # at T: before the window
        ("2024-06-01T00:00:00.000001Z", [0, 0, 0]),
        ("2024-07-01T00:00:00.000000Z", [0, 0, 0]),
        ("2024-07-01T00:00:00.000001Z", [1, 0, 0]),
    ],
)
def test_silence_reads_the_window_only(day: str, expected: list[float]) -> None:
    y = label(history(usage=active("2024-05-01", day)), [T], churn="silence")
    assert of(y) == expected
    assert y.event_at.isna().all()


@pytest.mark.parametrize(
    ("day", "reason"), [("2024-03-03T00:00:01Z", ""), ("2024-03-03", "no activity in the last 90 days")]
)
def test_silence_is_asked_of_the_lately_active(day: str, reason: str) -> None:
    assert at_risk(history(usage=active(day)), [T], "silence")["a"].tolist() == [reason]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (["2024-05-20"], [1, 1, 1]),  # gone before T, confirmed by 90 days of silence
        (["2024-05-20", "2024-08-17"], [0, 0, 1]),  # back after 89 days, and then gone
        (["2024-05-20", "2024-08-19"], [1, 1, 1]),  # back after 91 days: it had departed
        (["2024-05-20", "2024-07-01"], [1, 1, 1]),
        (["2024-05-20", "2024-07-01T00:00:00.000001Z"], [0, 1, 1]),
    ],
)
def test_departure_is_the_last_activity_before_a_long_silence(days: list[str], expected: list[float]) -> None:
    assert of(label(history(usage=active(*days), end="2025-06-01"), [T], churn="departure")) == expected


def test_activity_is_what_was_named() -> None:
    touch = [
        {"account_id": "a", "occurred_at": "2024-05-01", "kind": "meeting"},
        {"account_id": "a", "occurred_at": "2024-06-10", "kind": "message", "direction": "out"},
        {"account_id": "a", "occurred_at": "2024-07-10", "kind": "message", "direction": "in"},
    ]
    company = history(touchpoints=touch)
    assert of(label(company, [T], churn=Churn("silence", activity=("touchpoints",)))) == [1, 0, 0]
    assert of(label(company, [T], churn=Churn("silence", activity=("touchpoints.meeting",)))) == [1, 1, 1]


def test_a_deleted_record_is_no_activity_and_a_late_one_counts_when_it_happened() -> None:
    rows = [
        {"account_id": "a", "occurred_at": "2024-05-01", "source_id": "1", "known_at": "2024-05-01"},
        {"account_id": "a", "occurred_at": "2024-06-10", "source_id": "2", "known_at": "2024-06-10"},
        {"account_id": "a", "occurred_at": "2024-06-10", "source_id": "2", "known_at": "2024-08-01", "deleted": True},
        {"account_id": "a", "occurred_at": "2024-07-10", "source_id": "3", "known_at": "2024-09-20"},
    ]
    y = label(history(usage=[{"deleted": False, "source": "t", **row} for row in rows]), [T], churn="silence")
    assert of(y) == [1, 0, 0]
    assert of(y.known("2024-07-20"))[0] == 0  # before the deletion
    np.testing.assert_array_equal(of(y.known("2024-08-14")), [1, 1, np.nan])  # before the late arrival


@pytest.mark.parametrize(("kept", "read"), [(100, 2), (0, 3)])
def test_what_was_known_on_a_day_is_read_once_as_long_as_there_is_room(
    monkeypatch: pytest.MonkeyPatch, kept: int, read: int
) -> None:
    y = label(history(churn=[gave("2024-06-05")]), [T])
    asked: list[object] = []
    monkeypatch.setattr(labels, "_KEPT", kept)
    monkeypatch.setattr(labels, "read_cells", lambda *question: asked.append(question) or read_cells(*question))
    once, other, again = (y.known(day) for day in ("2024-07-20", "2024-12-01", "2024-07-20T00:00Z"))
    assert len(asked) == read
    assert of(once) != of(other)
    pd.testing.assert_frame_equal(once.frame, again.frame)


def test_windows_are_settled_for_all_or_for_none() -> None:
    y = label(history(end="2024-07-15", churn=[gave("2024-06-05")]), [T, "2024-06-02"])
    assert y.horizons == (30,)
    assert list(y.dropped) == [60, 90]
    assert "settled on 2024-08-14" in y.dropped[60]
    assert of(y) == [1]
    assert np.isnan(of(y, "steady", "2024-06-02")[0])
    assert y.resolved_at.loc[("a", pd.Timestamp(T, tz="UTC")), 30] == pd.Timestamp("2024-07-15", tz="UTC")


def test_a_history_too_short_for_every_horizon_is_refused() -> None:
    with pytest.raises(DataError, match="at least one horizon that can be labelled") as refused:
        label(history(end="2024-06-15", churn=[gave("2024-06-05")]), [T])
    assert refused.value.exit_code == 30


def test_a_history_that_is_long_enough_for_other_cutoffs_says_which() -> None:
    long = history(churn=[gave("2024-06-11")])
    with pytest.raises(DataError, match="from 2023-02-01 to 2025-01-01") as refused:
        label(long, hf.cutoffs(long, every="2800d"))
    assert 'look back at days up to 2024-11-18, such as every = "28d" in [cutoffs]' in refused.value.do
    with pytest.raises(DataError) as short:
        label(history(end="2023-02-20", churn=[gave("2023-02-10")]), ["2023-02-05"])
    assert short.value.do == "deliver more history: the shortest horizon is settled after 44 days"


def test_who_is_at_risk_can_be_asked_on_the_last_day() -> None:
    reasons = at_risk(history(end="2024-06-15", churn=[gave("2024-06-05")]), ["2024-06-15"])
    assert reasons.droplevel("cutoff").to_dict() == {"a": "has given notice or left", "b": "", "steady": ""}


def test_silence_ends_with_the_last_activity_when_no_end_is_given() -> None:
    company = history(end=None, usage=active("2024-05-01", "2024-08-01"))
    assert label(company, [T], churn="silence").end == pd.Timestamp("2024-08-01", tz="UTC")


def test_young_accounts_are_not_at_risk() -> None:
    born = [{"account_id": "a", "valid_from": "2024-05-04T00:00:01Z"}, {"account_id": "b", "valid_from": "2024-05-04"}]
    y = label(history(accounts=born, usage=active("2024-05-05"), churn=[gave("2024-06-10")]), [T])
    assert why(y) == "a customer for less than 28 days"
    assert why(y, "b") == ""


def test_notice_needs_a_table_to_read_it_from() -> None:
    with pytest.raises(DataError, match="define churn as silence or departure"):
        label(history(), [T])


def test_settings_are_checked() -> None:
    with pytest.raises(UsageError, match="did you mean 'silence'"):
        Churn("silense")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="did you mean 'usage'"):
        Churn("silence", activity=("usge",))
    with pytest.raises(UsageError, match="invoices has no kinds"):
        Churn("silence", activity=("invoices.paid",))
    with pytest.raises(UsageError, match="grace_days: expected days, 0 or more"):
        Churn(grace_days=-1)
    company = history(usage=[{"account_id": "a", "occurred_at": "2024-05-01", "kind": "login"}])
    with pytest.raises(DataError, match="did you mean 'login'"):
        label(company, [T], churn=Churn("silence", activity=("usage.logins",)))
    with pytest.raises(UsageError, match="ascending whole days"):
        label(history(churn=[gave("2024-06-05")]), [T], horizons=(60, 30))


def test_labels_show_themselves() -> None:
    y = label(history(churn=[gave("2024-07-05")]), [T])
    assert y.summary().loc[60, ["at_risk", "labelled", "events", "accounts"]].tolist() == [3, 3, 1, 1]
    assert y.events.to_dict() == {30: 0, 60: 1, 90: 1}
    assert "<table" in y._repr_html_()
    moved = y.on(pd.MultiIndex.from_tuples([("zz", y.cutoffs[0]), ("a", y.cutoffs[0])], names=["account_id", "cutoff"]))
    assert moved.at_risk.tolist() == ["not known at the cutoff", ""]
    assert moved.frame[60].isna().tolist() == [True, False]
