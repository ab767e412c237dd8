"""Claims about sponsors, champions, reviews, tickets and answers."""

from __future__ import annotations

from holdfast.training.hypotheses.claim import Hypothesis
from holdfast.training.hypotheses.ratio import Group, Ratio

RELATIONSHIP: tuple[Hypothesis, ...] = (
    Hypothesis(
        "S032",
        "An active sponsor means three times the retention (read as: a third of the churn)",
        ("sponsor_engagement",),
        Ratio(
            Group("no active sponsor", lambda s: s["sponsor_engagement"] < 2),
            Group("active sponsor", lambda s: s["sponsor_engagement"] >= 2),
            times=3.0,
        ),
    ),
    Hypothesis(
        "S032",
        "An active sponsor means five times the expansion",
        ("sponsor_engagement",),
        Ratio(
            Group("active sponsor", lambda s: s["sponsor_engagement"] >= 2),
            Group("no active sponsor", lambda s: s["sponsor_engagement"] < 2),
            times=5.0,
            of="growth",
        ),
    ),
    Hypothesis(
        "S033",
        "Business reviews that are cancelled or missed come before churn",
        ("reviews_missed", "reviews_held"),
        Ratio(
            Group("a review missed", lambda s: s["reviews_missed"] >= 1),
            Group("reviews held, none missed", lambda s: (s["reviews_missed"] < 1) & (s["reviews_held"] >= 1)),
        ),
    ),
    Hypothesis(
        "S035",
        "A mood of tickets that stays bad foretells churn, even where all were solved",
        ("negative_persistence", "open_tickets"),
        Ratio(
            Group(
                "bad in two spells of three, none open",
                lambda s: (s["negative_persistence"] >= 2) & (s["open_tickets"] < 1),
            ),
            Group("never bad, none open", lambda s: (s["negative_persistence"] < 1) & (s["open_tickets"] < 1)),
        ),
    ),
    Hypothesis(
        "S038",
        "A rating below 3 of 5 in surveys shows a relationship in trouble",
        ("csat_surveys",),
        Ratio(
            Group("below 3 of 5", lambda s: s["csat_surveys"] < 3),
            Group("3 of 5 and more", lambda s: s["csat_surveys"] >= 3),
        ),
    ),
    Hypothesis(
        "S038",
        "A rating of tickets below the middle shows a relationship in trouble",
        ("csat",),
        Ratio(
            Group("below the middle", lambda s: s["csat"] < 0.5),
            Group("the middle and more", lambda s: s["csat"] >= 0.5),
        ),
    ),
    Hypothesis(
        "S039",
        "Who answers us within a day is engaged, who takes weeks is not",
        ("reply_hours",),
        Ratio(
            Group("two weeks and more to answer", lambda s: s["reply_hours"] >= 336),
            Group("a day at most", lambda s: s["reply_hours"] <= 24),
        ),
    ),
    Hypothesis(
        "S039",
        "Answers that take longer and longer come before churn",
        ("reply_hours_change",),
        Ratio(
            Group("half as long again as the quarter before, or more", lambda s: s["reply_hours_change"] >= 1.5),
            Group("no longer than the quarter before", lambda s: s["reply_hours_change"] <= 1),
        ),
    ),
    Hypothesis(
        "S042",
        "A champion who leaves without a successor endangers the account",
        ("champions", "champions_change"),
        Ratio(
            Group(
                "champion half a year ago, none now",
                lambda s: (s["champions"] < 1) & (s["champions"] - s["champions_change"] >= 1),
            ),
            Group(
                "champion then and now",
                lambda s: (s["champions"] >= 1) & (s["champions"] - s["champions_change"] >= 1),
            ),
        ),
    ),
)
