"""What the product was asked for, S030 to S042: sponsors, reviews, tickets, surveys, answers, champions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdfast.features.catalog import catalog
from holdfast.features.snapshot import MEASURED, MISSING, NOT_APPLICABLE
from holdfast.models.encoding import Encoding
from tests.tiny import (
    Rows,
    ago,
    assert_bands,
    below,
    daily,
    history,
    measured,
    points,
    rows,
    said,
    states,
    value,
    values,
)

HALF_A_YEAR = (20.0, 80.0, 140.0)  # one day in each of the last three spells of 60 days


def met(*days: float, account: str = "a", kind: str = "review", **columns: Any) -> Rows:
    return rows("touchpoints", days, account, kind=kind, **columns)


def tickets(*days: float, account: str = "a", **columns: Any) -> Rows:
    named = {"ticket_id": [f"{account}-{day:g}-{number}" for number, day in enumerate(days)]}
    return rows("tickets", days, account, **named | columns)


def person(role: str, *days: float, account: str = "a", **columns: Any) -> Rows:
    named = {"person_id": [f"{account}-{role}-{day:g}" for day in days]}
    return rows("people", days, account, role=role, **named | columns)


def test_s030_reviews_budget_talks_and_recommendations_are_acts_of_support() -> None:
    of = history(
        people=[person("exec_sponsor", 400), person("user", 400, account="b")],
        touchpoints=[
            met(10, 100, status=["held", "no_show"]),
            met(20, kind="budget", status="done"),
            met(30, 366, kind="advocacy", status="done"),
            met(5, kind="meeting"),
            met(5, account="b", status="scheduled"),
            met(4, account="b", kind="call", status="cancelled"),
        ],
    )
    assert values(of, "executive_sponsor") == {"a": 1, "b": 0}
    assert values(of, "sponsor_acts") == {"a": 3, "b": 0}
    assert values(of, "meetings") == {"a": 2, "b": 0}
    assert said(of, "sponsor_acts").endswith("in the last 365 days: 3")
    assert points("sponsor_acts", 0, 1, 4, 8) == [30, 60, 90, 100]


def test_s030_talks_without_a_status_took_place() -> None:
    of = history(touchpoints=[met(10, kind="call"), met(100, account="b", kind="meeting")])
    assert values(of, "meetings") == {"a": 1, "b": 0}


def test_s030_a_recommendation_counts_without_a_status() -> None:
    """The sheet of advocacy has none: what is an act has been done."""
    of = history(
        people=person("exec_sponsor", 400),
        touchpoints=[met(30, kind="advocacy", subtype="recommendation"), met(400, status="held")],
    )
    assert value(of, "advocacy") > 0
    assert value(of, "sponsor_acts") == 1
    assert value(of, "sponsor_engagement") == 2


def test_s031_sponsor_bands_are_half_open() -> None:
    assert_bands("sponsor_engagement", (0, 1, 0, 49), (1, 2, 50, 69), (2, 5, 70, 89), (5, 6, 90, 100))
    edges = [0, below(1), 1, below(2), 2, below(5), 5]
    assert points("sponsor_engagement", *edges) == pytest.approx([25, 25, 60, 60, 75, 89, 95])


ENGAGEMENT = {
    "none identified, whatever else happens": (0, (10, 100, 190, 280), 0, 49),
    "informed": (1, (), 50, 69),
    "informed, and engaged before the year": (1, (400,), 50, 69),
    "engaged once in the year": (1, (300,), 70, 89),
    "engaged in three quarters": (2, (10, 100, 190), 70, 89),
    "engaged four times in one quarter": (1, (10, 20, 30, 40), 70, 89),
    "active in every quarter": (1, (10, 100, 190, 280), 90, 100),
}


def test_s031_measured_engagement_falls_into_its_band() -> None:
    of = history(
        people=[
            person("exec_sponsor" if sponsors else "user", *range(400, 400 + max(sponsors, 1)), account=name)
            for name, (sponsors, *_) in ENGAGEMENT.items()
        ],
        touchpoints=[met(*acts, 450, account=name, status="held") for name, (_, acts, *_) in ENGAGEMENT.items()],
    )
    level = values(of, "sponsor_engagement")
    for name, (_, _, least, most) in ENGAGEMENT.items():
        assert least <= points("sponsor_engagement", level[name])[0] <= most, name


def test_s031_a_review_in_every_calendar_quarter_is_active_on_every_day() -> None:
    quarters = pd.date_range("2023-10-01", "2025-10-01", freq="QS", tz="UTC") + pd.Timedelta(hours=9)
    of = history(
        people=person("exec_sponsor", 490),
        touchpoints=rows("touchpoints", list(quarters), kind="review", status="held"),
    )
    level = daily(of, "sponsor_engagement", 100, 150)
    fallen = [day for day, one in level.items() if points("sponsor_engagement", one)[0] < 90]
    assert fallen == []  # a quarter has up to 92 days


def test_s031_a_review_once_a_year_is_engaged_on_every_day() -> None:
    years = [pd.Timestamp(f"{year}-03-01T09:00", tz="UTC") for year in (2024, 2025)]
    of = history(
        people=person("exec_sponsor", 490), touchpoints=rows("touchpoints", years, kind="review", status="held")
    )
    level = daily(of, "sponsor_engagement", 400, 200)
    fallen = [day for day, one in level.items() if points("sponsor_engagement", one)[0] < 70]
    assert fallen == []


def test_s032_a_sponsor_is_healthy_and_losing_one_is_seen() -> None:
    of = history(
        people=[
            person("exec_sponsor", 400, account="kept"),
            person("exec_sponsor", 400, account="lost", valid_to=ago(30)),
            person("user", 400, account="never"),
            person("exec_sponsor", 30, account="won"),
        ]
    )
    assert values(of, "executive_sponsor") == {"kept": 1, "lost": 0, "never": 0, "won": 1}
    assert values(of, "executive_sponsor_change") == {"kept": 0, "lost": -1, "never": 0, "won": 1}
    assert points("executive_sponsor_change", -1, 0, 1) == [0, 75, 100]
    assert points("executive_sponsor", 0, below(1), 1) == pytest.approx([25, 25, 80])
    assert catalog["executive_sponsor"].healthy == "high"
    assert "S032" in catalog["executive_sponsor"].seeds


def test_s033_reviews_are_invited_held_cancelled_and_missed() -> None:
    of = history(
        touchpoints=[
            met(30, 60, 120, 150, status=["held", "done", "no_show", "cancelled"]),
            met(5, status="scheduled"),
            met(200, status="no_show"),
            met(20, account="planned", status="scheduled"),
            met(20, account="never met", kind="message"),
        ]
    )
    assert value(of, "reviews_held") == 2
    assert value(of, "reviews_missed") == 2
    assert value(of, "reviews_no_show") == 1
    assert value(of, "review_attendance") == 2 / 5
    told = states(of, "review_attendance")
    assert told == {"a": MEASURED, "planned": NOT_APPLICABLE, "never met": NOT_APPLICABLE}
    assert said(of, "review_attendance") == "Business reviews held in the last 365 days: 2 of 5 agreed"
    assert points("review_attendance", 0, 0.5, 0.8, 1) == [0, 45, 80, 100]


def test_s033_what_was_missed_is_unhealthy_and_a_no_show_worse_than_a_cancellation() -> None:
    cancelled = points("reviews_missed", 1)[0]
    no_show = points("reviews_no_show", 1)[0]
    assert no_show < cancelled < points("reviews_missed", 0)[0]
    assert [catalog[name].healthy for name in ("review_attendance", "reviews_missed", "reviews_no_show")] == [
        "high",
        "low",
        "low",
    ]
    of = history(
        touchpoints=[
            met(300, 250, 200, status="held"),  # all attended until half a year ago
            met(90, 30, status=["cancelled", "no_show"]),
        ]
    )
    assert value(of, "review_attendance_change") == pytest.approx(3 / 5 - 1)


def test_s034_volume_has_no_healthy_direction() -> None:
    one = catalog["tickets_90"]
    assert one.healthy not in ("high", "low")
    assert one.curve is not None
    assert not one.curve.rises
    assert not one.curve.falls
    none, some, many = points("tickets_90", 0, 3, 15)
    assert many < none < some
    assert points("tickets_90", 1, 4) == [80, 80]


def test_s034_a_model_is_free_to_bend_on_volume_and_not_on_mood() -> None:
    of = history(tickets=[tickets(*range(1, n + 2), account=f"a{n}", sentiment=n / 10 - 0.5) for n in range(9)])
    signs = Encoding.fit(measured(of, "tickets_90", "ticket_sentiment", "negative_tickets")).signs
    assert signs.get("tickets_90", 0) == 0
    assert signs["ticket_sentiment"] == -signs["negative_tickets"] != 0


def test_s034_volume_and_mood_tell_the_healthy_from_the_frustrated() -> None:
    of = history(
        tickets=[
            tickets(5, 20, 40, account="moderate", sentiment=[0.4, 0.2, 0.6]),
            tickets(*range(1, 16), account="frustrated", sentiment=-0.7),
            tickets(200, account="silent", sentiment=0.5),
            tickets(5, account="unread", sentiment=np.nan),
        ]
    )
    now = measured(of, "tickets_90", "ticket_sentiment", "negative_tickets")
    row = now.indicators.droplevel("cutoff")
    assert row["tickets_90"].to_dict() == {"moderate": 3, "frustrated": 15, "silent": 0, "unread": 1}
    assert row["ticket_sentiment"].to_dict() == pytest.approx(
        {"moderate": 0.4, "frustrated": -0.7, "silent": np.nan, "unread": np.nan}, nan_ok=True
    )
    assert row.loc[["moderate", "frustrated"], "negative_tickets"].tolist() == [0, 1]
    assert states(of, "ticket_sentiment") == {
        "moderate": MEASURED,
        "frustrated": MEASURED,
        "silent": NOT_APPLICABLE,
        "unread": MISSING,
    }
    healthy, bad = (points("ticket_sentiment", mood)[0] for mood in (0.4, -0.7))
    assert healthy > 60 > 40 > bad


def test_s034_volume_against_the_own_past_has_no_direction_either() -> None:
    assert catalog["tickets_90_change"].healthy not in ("high", "low")


def test_s035_a_bad_mood_persists_though_everything_was_solved() -> None:
    solved = [ago(day - 1) for day in HALF_A_YEAR]
    of = history(
        tickets=[
            tickets(*HALF_A_YEAR, account="persistent", sentiment=-0.6, solved_at=solved),
            tickets(*HALF_A_YEAR, account="once", sentiment=[0.3, -0.6, 0.3], solved_at=solved),
            tickets(10, 20, 30, account="one bad month", sentiment=-0.6),
            tickets(*HALF_A_YEAR, account="content", sentiment=0.5),
        ]
    )
    spells = values(of, "negative_persistence")
    assert spells == {"persistent": 3, "once": 1, "one bad month": 1, "content": 0}
    assert points("negative_persistence", 0, 1, 2, 3) == [100, 65, 30, 0]
    assert values(of, "open_tickets")["persistent"] == 0
    assert said(of, "negative_persistence", "persistent").startswith("Of the last three spells of 60 days, 3 had")
    assert catalog["negative_persistence"].healthy == "low"


def test_s035_negative_begins_below_a_quarter_under_zero() -> None:
    negative = {-0.26: 1, -0.25: 0, 0.0: 0}
    of = history(tickets=[tickets(10, account=f"{mood}", sentiment=mood) for mood in negative])
    expected = {f"{mood}": number for mood, number in negative.items()}
    assert values(of, "negative_persistence") == values(of, "negative_tickets") == expected


def test_s035_spells_of_sixty_days_are_open_at_their_beginning() -> None:
    of = history(
        tickets=[tickets(0, 60, 120, account="edges", sentiment=-1.0), tickets(180, account="old", sentiment=-1)]
    )
    assert values(of, "negative_persistence")["edges"] == 3


def test_s035_a_mood_that_nobody_told_is_not_a_good_one() -> None:
    of = history(
        tickets=[
            tickets(10, 70, account="unread", sentiment=np.nan),
            tickets(10, account="read", sentiment=0.5),
        ]
    )
    assert value(of, "negative_persistence", "read") == 0
    assert np.isnan(value(of, "negative_persistence", "unread"))


def test_s036_difficulty_and_kind_of_requests() -> None:
    first = ago(-9)
    versions: dict[str, Any] = {"known_at": [ago(day) for day in (100.0, 40.0, 20.0, 10.0)]}
    of = history(
        tickets=[
            tickets(
                *(100, 40, 20, 10),
                priority=["low", "high", "urgent", None],
                category=["bug", "bug", "question", "billing"],
                reopens=[0, 2, 0, 0],
                first_reply_at=[ago(99.5), ago(39), first, first],
                solved_at=[ago(90), ago(30), None, None],
                **versions,
            ),
            tickets(300, account="long ago", solved_at=ago(299)),
        ]
    )
    assert value(of, "urgent_tickets") == 2 / 3  # of those with a priority
    assert value(of, "reopened_tickets") == 2 / 4
    assert value(of, "ticket_kinds") == 3
    assert value(of, "open_tickets") == 2
    assert value(of, "oldest_ticket") == 20
    assert value(of, "reply_to_tickets") == pytest.approx((24 + 20 * 24 + 10 * 24) / 3)  # 90 days: unanswered so far
    names = ("urgent_tickets", "reopened_tickets", "reply_to_tickets")
    assert [states(of, name)["long ago"] for name in names] == [NOT_APPLICABLE] * 3
    assert states(of, "open_tickets")["long ago"] == MEASURED
    assert points("urgent_tickets", 0, 1) == [100, 0]
    assert points("open_tickets", 0, 10) == [100, 0]
    assert catalog["ticket_kinds"].healthy == "unclear"


def test_s037_promoters_and_detractors_are_half_open() -> None:
    assert_bands("nps_latest", (0, 7, 0, 49), (7, 9, 50, 89), (9, np.inf, 90, 100))
    assert points("nps_latest", 6, below(7), 7, 8, below(9), 9, 10) == pytest.approx([42, 49, 50, 69.5, 89, 90, 100])


def test_s037_each_answer_is_a_promoter_a_detractor_or_neither() -> None:
    net = {0: -1, 6: -1, 6.5: -1, 7: 0, 8: 0, 8.5: 0, 9: 1, 10: 1}
    of = history(touchpoints=[met(10, account=f"{score}", kind="survey", score=score, score_max=10) for score in net])
    assert values(of, "nps_net") == {f"{score}": one for score, one in net.items()}
    assert values(of, "nps_latest") == {f"{score}": score for score in net}


def test_s037_promoters_less_detractors_over_all_answers() -> None:
    of = history(
        touchpoints=[
            met(*range(10, 15), kind="survey", score=[10, 9, 8, 3, None], score_max=10),
            met(366, 5, kind="survey", score=[0, 2], score_max=[10, 5]),  # too old, and another scale
            met(5, account="b", kind="survey", score=[4], score_max=5),
        ]
    )
    assert value(of, "nps_net") == 0.25  # two promoters, one detractor, four answers
    assert value(of, "nps_latest") == 10
    assert np.isnan(value(of, "nps_net", "b"))
    assert said(of, "nps_net") == "Surveys in the last 365 days: 4; 2 promoters, 1 detractor"


def stars(number: float) -> float:
    """Put one to five stars on the scale from 0 to 1, as ratings of tickets land."""
    return (number - 1) / 4


@pytest.mark.parametrize("name", ["csat", "csat_latest"])
def test_s038_below_three_of_five_is_a_problem_of_the_relationship(name: str) -> None:
    assert_bands(name, (0, stars(3), 0, 49), (stars(3), 1.01, 50, 100))
    assert points(name, below(stars(3)), stars(3), stars(5)) == pytest.approx([49, 50, 100])


def test_s038_surveys_of_five_keep_the_same_edge() -> None:
    assert_bands("csat_surveys", (1, 3, 0, 49), (3, 5.01, 50, 100))
    assert points("csat_surveys", 1, below(3), 3, 4, 5) == pytest.approx([0, 49, 50, 80, 100])


def test_s038_the_mean_decides() -> None:
    given = {"2 and 4": (2, 4, False), "2 and 3": (2, 3, True), "3 and 3": (3, 3, False), "1 and 4": (1, 4, True)}
    of = history(
        tickets=[
            tickets(10, 20, account=name, satisfaction=[stars(a), stars(b)], satisfaction_at=ago(9), solved_at=ago(9))
            for name, (a, b, _) in given.items()
        ],
        touchpoints=[
            met(10, 20, account=name, kind="survey", score=[a, b], score_max=5) for name, (a, b, _) in given.items()
        ],
    )
    problem = {name: one for name, (_, _, one) in given.items()}
    for rating in ("csat", "csat_surveys"):
        assert {name: points(rating, mean)[0] < 50 for name, mean in values(of, rating).items()} == problem
    assert values(of, "csat_latest") == {name: stars(a) for name, (a, _, _) in given.items()}


def test_s039_an_answer_within_a_day_is_engaged_and_weeks_are_not() -> None:
    assert all(one >= 90 for one in points("reply_hours", 0, 1, below(24), 24))
    assert points("reply_hours", 24.01)[0] < 90
    day, days, week, weeks, month = points("reply_hours", 24, 72, 168, 336, 720)
    assert [day, days, week, weeks, month] == [90, 70, 45, 20, 0]


def outreach(*days: float, account: str = "a", hours: float | None = None) -> Rows:
    replied = [None if hours is None else ago(day) + pd.Timedelta(hours=hours) for day in days]
    return met(*days, account=account, kind="outreach", replied_at=pd.Series(replied, dtype="datetime64[us, UTC]"))


def test_s039_never_answered_is_not_missing_and_the_wait_counts_so_far() -> None:
    of = history(
        touchpoints=[
            outreach(10, 20, account="prompt", hours=12),
            outreach(10, 20, account="never"),
            outreach(5, account="half", hours=24),
            outreach(3, account="half"),
            outreach(91, account="not written to", hours=1),
        ]
    )
    now = measured(of, "reply_hours", "outreach_answered")
    row = now.indicators.droplevel("cutoff")
    assert row["reply_hours"].drop("not written to").to_dict() == pytest.approx(
        {"prompt": 12, "never": 15 * 24, "half": (24 + 72) / 2}
    )
    assert row["outreach_answered"].drop("not written to").to_dict() == {"prompt": 1, "never": 0, "half": 0.5}
    assert states(of, "reply_hours")["not written to"] == NOT_APPLICABLE
    assert points("reply_hours", 15 * 24)[0] < 20


def test_s039_an_answer_that_comes_after_the_cutoff_is_a_wait() -> None:
    of = history(touchpoints=outreach(10, hours=24 * 11))
    assert value(of, "reply_hours") == 240
    assert value(of, "outreach_answered") == 0
    assert value(of, "reply_hours", at=-2) == 264
    assert value(of, "outreach_answered", at=-2) == 1


def test_s039_whoever_never_answers_does_not_look_improving() -> None:
    weekly = [float(day) for day in range(-60, 300, 7)]
    of = history(
        touchpoints=[
            outreach(*weekly, account="never"),
            outreach(*(day for day in weekly if day > 90), account="stopped", hours=6),
            outreach(*(day for day in weekly if day <= 90), account="stopped"),
            outreach(*(day for day in weekly if day > 90), account="woke up"),
            outreach(*(day for day in weekly if day <= 90), account="woke up", hours=6),
            outreach(*weekly, account="always", hours=6),
        ]
    )
    now = values(of, "reply_hours_change")
    assert now["always"] == pytest.approx(1)
    assert now["stopped"] == 10
    assert now["woke up"] < 0.1
    never = daily(of, "reply_hours_change", 60, 30, account="never").values()
    assert min(never) > 0.95  # the dates of the letters differ by a day or two between the two quarters, no more
    assert max(points("reply_hours_change", *never)) < 85
    assert catalog["reply_hours_change"].healthy == "low"


def test_s040_advocacy_fades_by_half_in_ninety_days() -> None:
    of = history(
        touchpoints=[
            met(0, 90, 180, kind="advocacy", subtype=["reference", "case_study", "talk"]),
            met(0, account="none", kind="meeting"),
            met(-1, account="none", kind="advocacy"),
        ]
    )
    assert value(of, "advocacy") == pytest.approx(1.75)
    assert value(of, "advocacy", "none") == 0
    assert points("advocacy", 0, 0.5, 1, 3) == [50, 80, 90, 100]
    assert said(of, "advocacy").startswith("References and recommendations add up to 1.8")


def test_s041_mood_of_messages_and_surveys() -> None:
    of = history(
        touchpoints=[
            met(10, 20, kind="message", sentiment=[0.5, -0.1]),
            met(30, kind="survey", sentiment=0.5, score=4, score_max=5),
            met(181, kind="message", sentiment=-1.0),
            met(10, account="silent", kind="message", sentiment=np.nan),
        ]
    )
    assert value(of, "message_sentiment") == pytest.approx(0.3)
    assert np.isnan(value(of, "message_sentiment", "silent"))
    assert value(of, "csat_surveys") == 4
    assert points("message_sentiment", -1, 0, 1) == [0, 60, 100]
    assert said(of, "message_sentiment", "silent") == "Mood of messages and surveys: nothing on record"


def test_s042_a_champion_left_and_nobody_continues() -> None:
    left = {"valid_to": ago(20)}
    of = history(
        people=[
            person("champion", 400, account="left", **left),
            person("champion", 400, account="replaced", **left),
            person("champion", 10, account="replaced"),
            person("champion", 400, account="stays"),
            person("user", 400, account="never had one"),
        ]
    )
    assert values(of, "champions") == {"left": 0, "replaced": 1, "stays": 1, "never had one": 0}
    assert values(of, "champions_change") == {"left": -1, "replaced": 0, "stays": 0, "never had one": 0}
    assert value(of, "champions", "left", at=21) == 1
    lost, same = points("champions_change", -1, 0)
    assert lost == 0
    assert same == 75
    assert points("champions", 0, 1) == [30, 80]
    assert said(of, "champions_change", "left") == "Champions: now 0, 180 days earlier 1"


def test_s042_a_departure_is_unseen_until_it_is_known() -> None:
    known = person("champion", 400, known_at=ago(400))
    left = person("champion", 400, known_at=ago(20), valid_to=ago(30))
    of = history(people=[known, left])
    assert value(of, "champions", at=25) == 1
    assert value(of, "champions", at=10) == 0


def test_every_asked_for_sign_of_the_relationship_is_declared() -> None:
    declared = {seed for one in catalog if one.dimension == "relationship" for seed in one.seeds}
    assert {f"S0{n}" for n in range(30, 43)} - declared == set()
