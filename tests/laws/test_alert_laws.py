"""Laws of episodes: whatever the days say, no alert opens twice without closing, nor sooner than the cool-down."""

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.serving.alerts.episodes import CLOSED, OPENED, Key, Last, step
from holdfast.serving.alerts.facts import facts
from holdfast.serving.alerts.rules import FIRES, HOLDS, Thresholds, judge
from tests.alerted import judged

START = pd.Timestamp("2026-01-01", tz="UTC")
States = st.lists(st.tuples(st.integers(1, 9), st.sampled_from([FIRES, HOLDS, "clear"])), max_size=40)
Log = list[tuple[str, pd.Timestamp]]


def replayed(days: list[tuple[int, str]], cool_down: int, twice: bool = False) -> Log:
    past: dict[Key, Last] = {}
    log: Log = []
    day = START
    for wait, state in days:
        day += pd.Timedelta(days=wait)
        rows = judged() if state == "clear" else judged(("A1", "drop", state))
        for _ in range(1 + twice):
            for event in step(past, rows, day, cool_down):
                past[event.account_id, event.rule] = Last(event.event, day)
                log.append((event.event, day))
    return log


@settings(deadline=None)
@given(States, st.integers(1, 40))
def test_openings_and_closings_alternate_and_keep_their_distance(days: list[tuple[int, str]], cool_down: int) -> None:
    log = replayed(days, cool_down)
    assert [event for event, _ in log] == [OPENED, CLOSED] * (len(log) // 2) + [OPENED] * (len(log) % 2)
    for (_, closed), (_, opened) in zip(log[1::2], log[2::2], strict=False):
        assert opened - closed >= pd.Timedelta(days=cool_down)


@settings(deadline=None)
@given(States, st.integers(1, 40))
def test_a_day_that_is_judged_twice_adds_nothing(days: list[tuple[int, str]], cool_down: int) -> None:
    assert replayed(days, cool_down, twice=True) == replayed(days, cool_down)


@settings(deadline=None)
@given(States, st.integers(1, 400))
def test_a_day_before_the_last_event_changes_nothing(days: list[tuple[int, str]], back: int) -> None:
    log = replayed(days, 30)
    if log:
        event, day = log[-1]
        past = {("A1", "drop"): Last(event, day)}
        for rows in (judged(), judged(("A1", "drop"), ("A2", "band"))):
            assert step(past, rows, day - pd.Timedelta(days=back), 1) == []


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(-249, -151), min_size=1, max_size=20))
def test_a_score_that_trembles_about_the_threshold_opens_one_episode(tenths: list[int]) -> None:
    past: dict[Key, Last] = {}
    opened = 0
    for n, change in enumerate(tenths):
        day = START + pd.Timedelta(days=n)
        index = pd.MultiIndex.from_tuples(
            [("A1", day - pd.Timedelta(days=30)), ("A1", day)], names=["account_id", "cutoff"]
        )
        names = ["coverage", "sponsors", "champions", "silent_days", "silent_times", "decision_days"]
        read = pd.DataFrame({"health": [90.0, (900 + change) / 10], **dict.fromkeys(names, 1.0)}, index=index)
        for event in step(past, judge(facts(read, day), Thresholds(("drop",))), day, 1):
            past[event.account_id, event.rule] = Last(event.event, day)
            opened += event.event == OPENED
    assert opened == (min(tenths) <= -200)


def test_what_is_open_stays_open_while_its_source_is_silent_and_closes_when_its_account_is_gone() -> None:
    past = {("A1", "drop"): Last(OPENED, START), ("A1", "sponsor"): Last(OPENED, START)}
    day = START + pd.Timedelta(days=1)
    silent = step(past, judged(("", "data_gap")), day, 30)
    assert [(one.account_id, one.rule, one.event) for one in silent] == [
        ("", "data_gap", OPENED),
        ("A1", "sponsor", CLOSED),
    ]
    assert {one.event for one in step(past, judged(), day, 30)} == {CLOSED}
