"""The label ledger by hand: what is open, final and censored, and what comes late and changes it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import holdfast as hf
from holdfast.errors import UsageError
from holdfast.features.history import History
from holdfast.training.label_ledger import HIDDEN, LabelLedger, label_ledger
from holdfast.training.labels import Churn, at_risk, label
from tests.worked.test_labels_worked import END, T, active, gave, history, subscribed

WITHDRAWN = [gave("2024-06-10", "2024-06-10"), gave("2024-06-10", "2024-10-15", deleted=True)]


def ledger(
    of: History, day: str | None = None, *, since: str | None = None, churn: Churn | str = "notice"
) -> LabelLedger:
    return label_ledger(label(of, [T], churn=churn), day, since=since)


def told(of: LabelLedger, account: str = "a", *columns: str) -> list[list[object]]:
    rows = of.frame()
    shown = rows.loc[rows["account_id"] == account, list(columns) or ["first_value", "value"]]
    return [[None if one != one else one for one in row] for row in shown.to_numpy(object).tolist()]


def when(of: LabelLedger) -> list[str]:
    return of.reopened()["known_at"].dt.strftime("%Y-%m-%d").tolist()


def touched(number: str, at: str, known: str, *, deleted: bool = False) -> dict[str, object]:
    return {
        "account_id": "a",
        "source": "t",
        "source_id": number,
        "occurred_at": at,
        "known_at": known,
        "deleted": deleted,
    }


def test_a_label_is_open_until_its_window_and_the_lag_have_passed() -> None:
    company = history(churn=[gave("2024-06-10")])
    early = ledger(company, "2024-08-13")
    assert told(early, "steady", "state", "value") == [["final", 0], ["open", None], ["open", None]]
    assert told(early, "a", "state", "value") == [["final", 1], ["open", None], ["open", None]]
    assert told(ledger(company, "2024-08-14"), "a", "state") == [["final"], ["final"], ["open"]]
    assert early.frame()["settled_at"].dt.strftime("%m-%d").tolist()[:3] == ["07-15", "08-14", "09-13"]
    assert early.summary().loc[30, ["cells", "open", "final", "censored", "not_at_risk", "events"]].tolist() == [
        *(3, 0, 3, 0, 0, 1)
    ]
    assert early.reopened().empty


def test_another_exit_censors_and_who_is_not_at_risk_says_why() -> None:
    of = label(history(churn=[gave("2024-07-15", kind="merger")]), [T, "2024-08-01"])
    found = told(label_ledger(of), "a", "state", "reason")
    assert found[:3] == [["final", ""], ["censored", HIDDEN], ["censored", HIDDEN]]
    assert found[3:] == [["not at risk", "has given notice or left"]] * 3


def test_where_observation_ends_first_the_label_is_censored_when_it_should_have_settled() -> None:
    company = history(end="2024-07-20", churn=[gave("2024-06-10")])
    y = label(company, [T])
    assert y.horizons == (30,)  # the others were dropped, and are told all the same
    assert told(label_ledger(y), "b", "horizon", "state") == [[30, "final"], [60, "open"], [90, "open"]]
    late = told(label_ledger(y, "2024-08-20"), "b", "state", "reason")
    assert late == [["final", ""], ["censored", "observation ended on 2024-07-20"], ["open", ""]]


def test_a_notice_that_is_withdrawn_reopens_its_labels() -> None:
    found = ledger(history(churn=WITHDRAWN))
    assert told(found) == [[1, 0]] * 3
    assert when(found) == ["2024-10-15"] * 3
    assert found.reopened()["why"].tolist() == ["a record of churn was withdrawn"] * 3
    assert told(found, "steady", "reopened") == [[False]] * 3
    before = ledger(history(churn=WITHDRAWN), "2024-10-14")
    assert told(before) == [[1, 1]] * 3
    assert before.reopened().empty


def test_whoever_had_given_notice_was_not_at_risk_that_day_even_if_it_is_withdrawn_later() -> None:
    company = history(churn=WITHDRAWN)
    found = label_ledger(label(company, ["2024-07-01"]))
    assert told(found, "a", "first_state", "state") == [["not at risk", "not at risk"]] * 3
    assert found.reopened().empty
    for day in pd.date_range("2024-06-20", "2024-10-20", freq="11D", tz="UTC"):
        pd.testing.assert_series_equal(at_risk(company, [day]), at_risk(company.until(day), [day]))
    assert at_risk(company, ["2024-10-15"]).loc["a"].tolist() == [""]


def test_a_withdrawal_before_the_label_settled_reopens_nothing() -> None:
    early = [gave("2024-06-10", "2024-06-10"), gave("2024-06-10", "2024-07-15", deleted=True)]
    found = ledger(history(churn=early))
    assert told(found) == [[0, 0]] * 3
    assert found.reopened().empty


def test_a_notice_that_arrives_late_counts_when_it_became_known_and_reopens_nothing() -> None:
    y = label(history(churn=[gave("2024-06-10", "2024-10-20")]), [T, "2024-09-01"])
    found = label_ledger(y, "2024-12-31")
    assert told(found) == [[0, 0]] * 3 + [[0, 0], [1, 1], [1, 1]]
    assert found.reopened().empty


def test_a_renewal_that_arrives_late_takes_the_lapse_back() -> None:
    late = subscribed("a", "2024-07-01", "t", known_at="2024-09-20")
    terms = [subscribed("a", "2024-01-01", term_end="2024-07-01"), late, subscribed("steady", "2024-01-01")]
    found = ledger(history(subscriptions=terms))
    assert told(found) == [[0, 0], [1, 0], [1, 0]]  # 15 July is the day of the lapse
    assert when(found) == ["2024-09-20"] * 2
    assert found.reopened()["why"].tolist() == ["a record of subscriptions became known"] * 2


def test_a_changed_date_moves_the_notice_out_of_its_windows() -> None:
    moved = [gave("2024-06-10", "2024-06-10"), gave("2024-08-20", "2024-10-15")]
    found = ledger(history(churn=moved))
    assert told(found) == [[1, 0], [1, 0], [1, 1]]
    assert found.reopened()["why"].tolist() == ["a record of churn was corrected"] * 2


def test_a_changed_kind_of_exit_censors() -> None:
    merged = [gave("2024-06-10", "2024-06-10"), gave("2024-06-10", "2024-10-15", kind="merger")]
    found = ledger(history(churn=merged))
    assert told(found, "a", "first_state", "first_value", "state", "value") == [["final", 1, "censored", None]] * 3
    assert "3 read otherwise than on the day they settled: 3 from 1 to censored." in found.text()


def test_an_end_that_comes_later_can_bar_an_account_from_risk() -> None:
    """A new contract looked like a return, until the end of the old one came and showed that it was none."""
    gone = gave("2024-05-10", "2024-05-10", ended_at="2024-12-01")
    terms = [subscribed("a", "2023-01-01"), subscribed("a", "2024-05-20", "t"), subscribed("steady", "2024-01-01")]
    found = ledger(history(churn=[gone], subscriptions=terms))
    assert told(found, "a", "first_state", "first_value", "state") == [["final", 0, "not at risk"]] * 3
    assert when(found) == ["2024-12-01"] * 3
    assert found.reopened()["why"].unique().tolist() == ["the end told in a record of churn came"]


def test_silence_is_broken_by_a_late_record_and_restored_by_a_deletion() -> None:
    late = [*active("2024-05-01"), *active("2024-05-02", account="steady"), touched("1", "2024-07-10", "2024-09-20")]
    found = ledger(history(usage=late), churn="silence")
    assert told(found) == [[1, 1], [1, 0], [1, 0]]
    assert when(found) == ["2024-09-20"] * 2
    gone = [
        *active("2024-05-01"),
        touched("1", "2024-06-10", "2024-06-10"),
        touched("1", "2024-06-10", "2024-08-01", deleted=True),
    ]
    found = ledger(history(usage=gone), churn="silence")
    assert told(found) == [[0, 1], [1, 1], [1, 1]]  # the deletion came before the longer windows settled
    assert found.reopened()["why"].tolist() == ["a record of usage was withdrawn"]


@pytest.mark.parametrize(
    ("at", "known", "expected"),
    [
        ("2024-07-01T00:00:00.000000Z", "2024-07-15T00:00:00.000000Z", [0, 0]),  # known when the label settles: in time
        ("2024-07-01T00:00:00.000000Z", "2024-07-15T00:00:00.000001Z", [1, 0]),
        ("2024-07-01T00:00:00.000001Z", "2024-07-15T00:00:00.000001Z", [1, 1]),  # beyond the window of 30 days
    ],
)
def test_late_is_what_is_known_after_the_label_settled(at: str, known: str, expected: list[float]) -> None:
    late = [*active("2024-05-01"), touched("1", at, known)]
    assert told(ledger(history(usage=late), churn="silence"))[0] == expected


def test_a_departure_is_undone_by_a_late_record_and_found_by_a_deletion() -> None:
    back = [*active("2024-05-20"), touched("1", "2024-08-10", "2025-01-20")]
    found = ledger(history(usage=back, end="2025-06-01"), churn="departure")
    assert told(found) == [[1, 0], [1, 0], [1, 1]]  # then it stayed away from 10 August on
    gone = [
        *active("2024-05-20"),
        touched("1", "2024-08-10", "2024-08-10"),
        touched("1", "2024-08-10", "2025-02-01", deleted=True),
    ]
    found = ledger(history(usage=gone, end="2025-06-01"), churn="departure")
    assert told(found) == [[0, 1], [0, 1], [1, 1]]
    assert when(found) == ["2025-02-01"] * 2


def test_of_several_late_records_the_one_that_made_the_difference_is_named() -> None:
    several = [
        *active("2024-05-01"),
        touched("1", "2024-05-03", "2024-08-20"),  # before the window
        touched("2", "2024-06-20", "2024-09-20"),
        touched("3", "2024-06-25", "2024-10-20"),  # changes nothing more
    ]
    found = ledger(history(usage=several), churn="silence")
    assert when(found) == ["2024-09-20"] * 3


def test_what_changed_and_changed_back_is_not_reopened() -> None:
    flip = [
        *active("2024-05-01"),
        touched("1", "2024-06-20", "2024-09-20"),
        touched("1", "2024-06-20", "2024-10-20", deleted=True),
    ]
    company = history(usage=flip)
    assert len(ledger(company, "2024-10-01", churn="silence").reopened()) == 3
    assert ledger(company, churn="silence").reopened().empty
    again = ledger(company, since="2024-10-01", churn="silence").changed()
    assert again[["since_value", "value"]].to_numpy().tolist() == [[0, 1]] * 3


def test_after_several_changes_the_last_one_is_named() -> None:
    flip = [
        *active("2024-05-01"),
        touched("1", "2024-06-20", "2024-09-20"),
        touched("1", "2024-06-20", "2024-10-20", deleted=True),
        touched("2", "2024-06-22", "2024-11-20"),
    ]
    found = ledger(history(usage=flip), churn="silence")
    assert told(found) == [[1, 0]] * 3
    assert when(found) == ["2024-11-20"] * 3


def test_since_tells_what_settled_and_what_changed_after_an_earlier_day() -> None:
    found = ledger(history(churn=WITHDRAWN), since="2024-08-20")
    assert told(found, "a", "since_state", "since_value") == [["final", 1], ["final", 1], ["open", None]]
    changed = found.changed()
    assert changed["horizon"].tolist() == [30, 60]
    assert changed[["since_value", "value"]].to_numpy().tolist() == [[1, 0]] * 2
    assert found.text() == (
        "On 2025-01-01, 9 of 9 labels are final, 0 of them 1; 0 are open, 0 censored and 0 not at risk. "
        "3 read otherwise than on the day they settled: 3 from 1 to 0. "
        "Since 2024-08-20, 3 labels have settled. 2 that had settled by then read otherwise now: 2 from 1 to 0."
    )
    calm = ledger(history(churn=[gave("2024-06-10")]), since="2024-08-20").text()
    assert "None read otherwise than on the day they settled." in calm
    assert calm.endswith("None of those that had settled by then reads otherwise now.")


def test_cutoffs_after_the_day_are_left_out() -> None:
    y = label(history(churn=WITHDRAWN), [T, "2024-07-01"])
    assert len(label_ledger(y, "2024-06-30")) == 9
    late = label_ledger(y, "2024-08-01", since="2024-06-15").frame()
    assert (late.loc[late["cutoff"] > "2024-06-15", "since_state"] == "").all()


def test_growth_has_a_ledger_too() -> None:
    more = subscribed("a", "2024-06-20", seats=10, known_at="2024-06-20", source_id="2")
    first = subscribed("a", "2024-01-01", seats=5)
    wrong = subscribed("a", "2024-05-15", seats=10, known_at="2024-11-01", source_id="3")
    found = label_ledger(label(history(subscriptions=[first, more, wrong]), [T], churn="expansion"))
    assert told(found) == [[1, 0]] * 3  # the seats were there before: nothing grew in the window
    assert found.kind == "expansion"


def test_growth_that_turns_out_to_be_a_renewal_is_told() -> None:
    first = subscribed("a", "2024-01-01", seats=5)
    renewal = subscribed("a", "2024-06-20", "next", seats=5, source_id="2")
    ended = subscribed("a", "2024-07-03", status="canceled", known_at="2024-11-01", source_id="3")
    found = label_ledger(label(history(subscriptions=[first, renewal, ended]), [T], churn="expansion"))
    assert told(found) == [[1, 0]] * 3
    in_time = history(subscriptions=[first, renewal, ended | {"known_at": "2024-07-20"}])
    assert told(label_ledger(label(in_time, [T], churn="expansion"))) == [[0, 0]] * 3


def test_it_hands_itself_over() -> None:
    found = ledger(history(churn=WITHDRAWN), since="2024-08-20")
    values = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert values["reopened"][0]["known_at"] == "2024-10-15T00:00:00+00:00"
    assert values["reopened"][0]["why"] == "a record of churn was withdrawn"
    assert values["changed"][0]["since_state"] == "final"
    assert [row["horizon"] for row in values["summary"]] == [30, 60, 90]
    assert "<table" in found._repr_html_()
    calm = ledger(history(churn=[gave("2024-06-10")])).to_dict()
    assert (calm["since"], calm["reopened"], calm["changed"]) == (None, [], [])


def test_rows_that_were_kept_are_told_alone() -> None:
    y = label(history(churn=WITHDRAWN), [T])
    mine = y.rows(y.frame.index.get_level_values("account_id") == "a")
    assert len(label_ledger(mine).reopened()) == 3
    assert len(label_ledger(y.rows(~y.frame.index.isin(mine.frame.index))).reopened()) == 0


def test_a_stored_history_gives_the_same_ledger(tmp_path: Path) -> None:
    usage = [
        *active("2024-05-01"),
        *active("2024-05-02", "2024-06-20", account="b"),
        touched("1", "2024-07-10", "2024-09-20"),
    ]
    company = history(usage=usage, churn=WITHDRAWN)
    company.write(tmp_path / "tables")
    stored = History.build(tmp_path / "tables", tmp_path / "store", buckets=2, end=END)
    assert len(list(stored.buckets())) == 2
    for kind in ("notice", "silence"):
        here, there = (label_ledger(label(of, [T], churn=kind), since="2024-09-25") for of in (company, stored))
        pd.testing.assert_frame_equal(here.frame(), there.frame())
        assert len(here.reopened()) > 0


def test_wrong_days_are_refused() -> None:
    y = label(history(churn=WITHDRAWN), [T])
    with pytest.raises(UsageError, match="2024-06-01, the first cutoff, or later"):
        label_ledger(y, "2024-05-31")
    with pytest.raises(UsageError, match="since: expected a day from 2024-06-01"):
        label_ledger(y, "2024-08-01", since="2024-08-02")
    with pytest.raises(UsageError, match="an ISO date"):
        label_ledger(y, "tomorrow")
    with pytest.raises(UsageError, match="at least one account"):
        label_ledger(y.rows(np.zeros(len(y), dtype=bool)))
    with pytest.raises(UsageError, match="labels made by label"):
        label_ledger(replace(y, _history=None))
    assert hf.label_ledger is label_ledger
