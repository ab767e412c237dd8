"""When a rule of alerts fires, holds and is clear, at the edges, with figures reckoned by hand."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdfast.models.health import HealthScore
from holdfast.serving.alerts.facts import facts, past_days, readings
from holdfast.serving.alerts.rules import COMPANY, FIRES, HOLDS, RULES, Thresholds, codes, judge, muted
from holdfast.serving.contract.cadence import stale
from tests import tiny

DAY = pd.Timestamp("2026-01-01", tz="UTC")
CALM = {
    "health": 70.0, "health_before": 70.0, "fall": 0.0, "noise": 2.0, "coverage": 0.9, "coverage_before": 0.9,
    "sponsors": 1.0, "sponsors_before": 1.0, "champions": 2.0, "champions_before": 2.0, "silent_days": 1.0,
    "silent_times": 1.0, "decision_days": 200.0,
}  # fmt: skip


def table(**changes: float) -> pd.DataFrame:
    row = CALM | changes
    row["fall"] = row["health_before"] - row["health"]
    return pd.DataFrame([row], index=pd.Index(["A1"], name="account_id"))


def state(rule: str, limits: Thresholds | None = None, **changes: float) -> str:
    told = judge(table(**changes), limits)
    return "".join(told.loc[told["rule"] == rule, "state"]) or "clear"


def test_a_calm_account_is_clear_of_every_rule() -> None:
    assert judge(table()).empty


@pytest.mark.parametrize(
    ("rule", "changes", "expected"),
    [
        ("drop", {"health_before": 90.0, "health": 70.0}, FIRES),  # 20 points, though still yellow
        ("drop", {"health_before": 90.0, "health": 70.01}, HOLDS),
        ("drop", {"health_before": 85.0, "health": 70.0}, HOLDS),  # three quarters of 20
        ("drop", {"health_before": 84.99, "health": 70.0}, "clear"),
        ("unusual", {"health_before": 76.0}, FIRES),  # three times a noise of 2
        ("unusual", {"health_before": 75.9}, HOLDS),
        ("unusual", {"health_before": 72.9}, "clear"),
        ("unusual", {"health_before": 75.0, "noise": 1.0}, FIRES),
        ("unusual", {"health_before": 74.9, "noise": 1.0}, HOLDS),  # too small to tell, however calm it was
        ("unusual", {"health_before": 99.0, "noise": np.nan}, "clear"),  # too young to know its noise
        ("band", {"health_before": 60.0, "health": 57.99}, FIRES),
        ("band", {"health_before": 60.0, "health": 58.0}, HOLDS),  # below the floor, not well below
        ("band", {"health_before": 61.0, "health": 60.0}, "clear"),
        ("band", {"health_before": 59.0, "health": 61.0}, "clear"),  # upward
        ("sponsor", {"sponsors": 0.0}, FIRES),
        ("sponsor", {"sponsors": 0.0, "sponsors_before": 0.0}, HOLDS),  # lost longer ago
        ("sponsor", {"sponsors_before": 2.0}, "clear"),  # one is left
        ("champion", {"champions": 0.0}, FIRES),
        ("silence", {"silent_days": 14.0, "silent_times": 3.0}, FIRES),
        ("silence", {"silent_days": 14.0, "silent_times": 2.9}, HOLDS),  # a monthly user in its own rhythm
        ("silence", {"silent_days": 13.9, "silent_times": 9.0}, HOLDS),
        ("silence", {"silent_days": 6.9, "silent_times": 9.0}, "clear"),
        ("renewal", {"decision_days": 90.0, "health_before": 80.0}, FIRES),
        ("renewal", {"decision_days": 91.0, "health_before": 80.0}, "clear"),
        ("renewal", {"decision_days": 30.0, "health_before": 79.9}, HOLDS),
        ("renewal", {"decision_days": np.nan, "health_before": 90.0}, "clear"),  # decided
        ("data_gap", {"coverage": 0.5, "coverage_before": 0.75}, FIRES),
        ("data_gap", {"coverage": 0.55, "coverage_before": 0.75}, HOLDS),
        ("data_gap", {"coverage": 0.65, "coverage_before": 0.75}, "clear"),
    ],
)
def test_where_each_rule_fires_and_lets_go(rule: str, changes: dict[str, float], expected: str) -> None:
    assert state(rule, **changes) == expected


def test_s067_a_fall_of_twenty_points_in_a_month_is_an_alert_though_the_score_is_fine() -> None:
    assert state("drop", health_before=100.0, health=80.0) == FIRES  # green before, and green still
    assert state("band", health_before=100.0, health=80.0) == "clear"


def test_a_score_that_is_missing_today_lets_nothing_go() -> None:
    assert state("drop", health=np.nan, health_before=90.0) == HOLDS
    assert state("drop", health=np.nan, health_before=np.nan) == "clear"  # there was none before


def test_thresholds_and_the_choice_of_rules_are_those_of_the_plan() -> None:
    limits = Thresholds(("drop", "sponsor"), drop=10)
    told = judge(table(health_before=80.0, sponsors=0.0, champions=0.0), limits)
    assert codes(told).to_dict() == {"A1": "drop sponsor"}
    assert told.loc[told["rule"] == "drop", "text"].item() == "Health fell by 10 points in 30 days, from 80 to 70"


def test_a_source_that_has_gone_quiet_is_one_alert_and_silences_what_it_would_set_off() -> None:
    failing = table(health_before=99.0, silent_days=40.0, silent_times=9.0, sponsors=0.0)
    told = judge(failing, stale=["tickets", "usage"], stale_before=["tickets"])
    assert told[["account_id", "rule", "state"]].values.tolist() == [
        [COMPANY, "data_gap", FIRES],
        ["A1", "sponsor", FIRES],  # which no source of activity tells
    ]
    assert "from usage for" in told["text"].iloc[0]
    assert muted(told) == set(RULES) - {"sponsor", "champion"}
    assert codes(told).to_dict() == {"A1": "sponsor"}
    later = judge(failing, stale=["usage"], stale_before=["usage"])  # known by now: both readings are without it
    assert muted(later) == set()
    assert later.loc[later["account_id"] == COMPANY, "state"].item() == HOLDS


def test_the_sentences_are_told_in_german() -> None:
    told = judge(table(health_before=85.0, health=59.0, champions=0.0), language="de").set_index("rule")["text"]
    assert told["drop"] == "Gesundheit fiel in 30 Tagen um 26 Punkte, von 85 auf 59"
    assert told["band"] == "Binnen 30 Tagen von Grün auf Orange, Gesundheit 85 auf 59"
    assert told["champion"] == "Kein Fürsprecher mehr; 30 Tage zuvor: 2"


def read(health: list[float], **signs: Any) -> pd.DataFrame:
    """Give the readings of one account, today first and 30 days apart."""
    names = ["coverage", "sponsors", "champions", "silent_days", "silent_times", "decision_days"]
    days = [DAY, *past_days(DAY)][: len(health)]
    index = pd.MultiIndex.from_product([["A1"], days], names=["account_id", "cutoff"])
    return pd.DataFrame({"health": health, **dict.fromkeys(names, 1.0), **signs}, index=index)


def test_noise_is_read_from_earlier_changes_and_not_from_the_one_that_is_judged() -> None:
    # changes before the last 30 days: 2, 4, 2, 4, 2, 4; their median is 3, times 1.4826
    one = facts(read([30, 70, 72, 68, 70, 66, 68, 64]), DAY).loc["A1"]
    assert one["fall"] == 40
    assert one["noise"] == pytest.approx(4.4478)
    assert np.isnan(facts(read([30, 70, 72, 68, 70]), DAY).loc["A1", "noise"])  # three changes: too few
    assert facts(read([70.0] * 8), DAY).loc["A1", "noise"] == 1.0  # nobody is quieter than a point


def test_an_account_that_was_not_there_before_has_nothing_to_fall_from() -> None:
    one = facts(read([30.0]), DAY)
    assert one[["fall", "noise", "health_before", "sponsors_before"]].isna().all(axis=None)
    assert judge(one).empty


def test_a_source_that_was_not_known_yet_had_not_gone_quiet() -> None:
    young = tiny.history(tiny.rows("usage", [20.0, 18.0]))
    assert stale(young, tiny.T) == ["usage"]
    assert stale(young, tiny.ago(30)) == stale(young, tiny.ago(2000)) == []


def test_facts_are_read_from_a_history_as_known_on_the_day() -> None:
    days = [float(day) for day in range(20, 400)]
    people = pd.DataFrame(
        {
            "account_id": "a", "person_id": "p", "role": "champion", "valid_from": tiny.ago(300),
            "valid_to": tiny.ago(10), "known_at": tiny.ago(300),
        },
        index=[0],
    )  # fmt: skip
    one = tiny.history(tiny.rows("usage", days), people=people)
    X = tiny.measured(one, "champions", "days_since_usage", "silence_against_rhythm", at=[0.0, 30.0])
    template = HealthScore.template()
    told = facts(readings(X, template), tiny.T).loc["a"]
    assert (told["champions"], told["champions_before"]) == (0, 1)
    assert (told["silent_days"], told["silent_times"]) == (20, 20)
    assert np.isnan(told["sponsors"])  # a sign that is not measured is missing
    fired = codes(judge(facts(readings(X, template), tiny.T)))
    assert {"champion", "silence"} <= set(fired["a"].split())
