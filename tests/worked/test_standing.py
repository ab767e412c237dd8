"""What people set stands until its day, beside what the model says; playbook and queue go by it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.serving.columns import in_order
from holdfast.serving.feedback.entry import Entry, Kind
from holdfast.serving.feedback.keeping import record
from holdfast.serving.feedback.standing import Standing, acted_on
from holdfast.serving.ledger.store import Ledger, stamp
from holdfast.serving.playbooks import Playbooks
from holdfast.serving.queue.week import queue
from holdfast.serving.scoring import Scores
from holdfast.serving.sections import Queue

DAY = pd.Timestamp("2026-01-01", tz="UTC")


def day(number: int) -> pd.Timestamp:
    return DAY + pd.Timedelta(days=number)


def say(ledger: Ledger, kind: Kind, value: str, until: int, on: int = 0, at: int = 0, account: str = "a") -> int:
    entry = Entry(account, kind, "r", value, "why" if kind == "override" else "", "Ann", stamp(day(until)))
    return record(ledger, [entry], day(on), datetime(2026, 1, 1, tzinfo=UTC) + pd.Timedelta(hours=at))


def book() -> pd.DataFrame:
    """Two accounts in each of green and red, one in orange, one that gave notice."""
    return in_order(
        pd.DataFrame(
            {
                "schema_version": 4,
                "as_of": DAY,
                "account_id": list("abcdef"),
                "arr": 1000.0,
                "health": [90.0, 85.0, 50.0, 30.0, 20.0, 50.0],
                "band": ["green", "green", "orange", "red", "red", "orange"],
                "p30": [0.01, 0.02, 0.05, 0.1, 0.2, 0.5],
                "p90": [0.02, 0.04, 0.1, 0.3, 0.5, 0.9],
                "expected_arr_at_risk_90": [20.0, 40.0, 100.0, 300.0, 500.0, 900.0],
                "score_status": ["scored"] * 5 + ["not_scored"],
                "score_reason": [""] * 5 + ["gave notice"],
            }
        )
    )


def test_an_override_counts_from_its_day_until_its_last(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    say(ledger, "override", "80", until=30, on=10)
    found = {number: len(Standing.read(ledger, day(number)).rows) for number in (9, 10, 29, 30, 31)}
    assert found == {9: 0, 10: 1, 29: 1, 30: 0, 31: 0}


def test_the_last_word_counts_and_the_day_itself_ends_it(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    say(ledger, "override", "80", until=30)
    say(ledger, "override", "20", until=40)  # in the same second
    say(ledger, "snooze", "", until=5)
    assert Standing.read(ledger, day(1)).rows[["kind", "value"]].values.tolist() == [["override", "20"], ["snooze", ""]]
    say(ledger, "override", "20", until=2, on=2, at=1)
    assert Standing.read(ledger, day(1)).rows["value"].tolist() == ["20", ""]  # that day has not heard of it
    assert Standing.read(ledger, day(2)).rows["kind"].tolist() == ["snooze"]
    assert Standing.read(ledger, day(39)).rows.empty  # nor does the earlier one come back


def test_a_run_of_the_past_is_seen_as_it_was(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    marks = [Standing.read(ledger, DAY).fingerprint()]
    for value in ("10", "20", "30"):  # all in the same second
        say(ledger, "override", value, until=5)
        marks.append(Standing.read(ledger, DAY).fingerprint())
    assert marks[0] == ""
    assert len(set(marks)) == 4
    seen = [Standing.seen(ledger, DAY, mark) for mark in marks]
    assert [one.rows["value"].tolist() for one in seen if one is not None] == [[], ["10"], ["20"], ["30"]]
    assert Standing.seen(ledger, DAY, "another") is None


def test_what_is_said_of_outcomes_changes_no_run(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    record(ledger, [Entry("a", "outcome", "r", "stays", "", "Ann", None)], DAY, datetime(2026, 1, 1, tzinfo=UTC))
    assert Standing.read(ledger, DAY).fingerprint() == ""


@settings(deadline=None, max_examples=25)
@given(
    said=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.sampled_from("ab"), st.integers(0, 100))),
    now=st.integers(0, 7),
)
def test_what_stands_is_the_last_word_that_has_not_ended(
    said: list[tuple[int, int, str, int]], now: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ledger, last = Ledger(tmp_path_factory.mktemp("said") / "ledger.db"), {}
    for place, (on, lasting, account, value) in enumerate(sorted(said, key=lambda one: one[0])):
        new = say(ledger, "override", str(value), on + lasting, on, place, account)
        if new and on <= now:
            last[account] = (str(value), on + lasting)
    expected = {account: value for account, (value, until) in last.items() if until > now}
    rows = Standing.read(ledger, day(now)).rows
    assert dict(zip(rows["account_id"], rows["value"], strict=True)) == expected


def standing(*rows: tuple[str, str, str]) -> Standing:
    told = [(account, kind, value, "why", "Ann", "2026-02-01T00:00:00Z") for account, kind, value in rows]
    return Standing(pd.DataFrame(told, columns=["account_id", "kind", "value", "reason", "author", "expires"]))


def test_the_score_of_the_model_stays_beside_it() -> None:
    rows = book()
    found = standing(("b", "override", "12.5"), ("c", "snooze", ""), ("zz", "override", "1")).over(rows)
    own = [name for name in rows if not name.startswith(("override_", "snoozed_"))]
    pd.testing.assert_frame_equal(found[own], rows[own])
    assert found.loc[1, ["override_health", "override_reason", "override_author"]].tolist() == [12.5, "why", "Ann"]
    assert found["override_expires"].tolist()[1] == found["snoozed_until"].tolist()[2] == day(31)
    assert found["override_health"].notna().sum() == found["snoozed_until"].notna().sum() == 1
    assert list(in_order(found).columns) == list(rows.columns)
    pd.testing.assert_frame_equal(Standing().over(rows), rows)


def test_queue_and_playbook_go_by_what_was_set() -> None:
    rows = standing(("a", "override", "39"), ("e", "override", "100"), ("f", "override", "1")).over(book())
    acted = acted_on(rows)
    assert acted["health"].tolist()[:2] == [39.0, 85.0]
    assert acted["band"].tolist()[:5] == ["red", "green", "orange", "red", "green"]
    # the other red one is d, the other green one is b: each alone is the median of its band
    assert acted["p90"].tolist()[:5] == [0.3, 0.04, 0.1, 0.3, 0.04]
    assert acted["expected_arr_at_risk_90"].tolist()[:5] == [300.0, 40.0, 100.0, 300.0, 40.0]
    assert pd.isna(acted["p90"].tolist()[5])  # who is not scored stays so
    books = Playbooks.read().assign(acted, DAY)["playbook_id"].tolist()
    assert books == ["action.red", "action.green", "action.orange", "action.red", "action.green", ""]
    waiting = queue(Scores(DAY, rows, pd.DataFrame()), Queue()).frame()
    assert waiting["account_id"].tolist() == ["a", "d", "c", "b", "e"]
    assert waiting["rank"].tolist() == [1, 2, 3, 4, 5]
    assert waiting["health"].tolist() == [90.0, 30.0, 50.0, 85.0, 20.0]  # the model's own


def test_where_the_band_is_empty_the_own_probabilities_stay() -> None:
    acted = acted_on(standing(("c", "override", "70")).over(book()))
    assert (acted.loc[2, "band"], acted.loc[2, "p90"]) == ("yellow", 0.1)


def test_who_is_snoozed_rests_at_the_end_of_the_queue() -> None:
    rows = standing(("e", "snooze", "")).over(book())
    waiting = queue(Scores(DAY, rows, pd.DataFrame()), Queue()).frame()
    assert waiting["account_id"].tolist() == ["d", "c", "b", "a", "e"]
    assert waiting["decision"].tolist() == ["call"] * 4 + ["resting"]
    assert waiting["why"].tolist()[-1] == "snoozed until 2026-02-01"
