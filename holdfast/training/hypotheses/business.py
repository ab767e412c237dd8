"""Claims about goals, returns, contracts and invoices."""

from __future__ import annotations

from holdfast.training.hypotheses.bench import CONTRACT
from holdfast.training.hypotheses.claim import Hypothesis
from holdfast.training.hypotheses.ranking import Strongest
from holdfast.training.hypotheses.rate import Rate
from holdfast.training.hypotheses.ratio import Group, Ratio

_YEARLY = ("annual", "multi-year")

BUSINESS: tuple[Hypothesis, ...] = (
    Hypothesis(
        "S051",
        "Customers who reach their goals renew: 95 % and more",
        ("goals_reached", CONTRACT),
        Rate(
            Group(
                "all goals reached, yearly contract", lambda s: (s["goals_reached"] >= 1) & s[CONTRACT].isin(_YEARLY)
            ),
            most=0.05,
        ),
    ),
    Hypothesis(
        "S051",
        "Customers who fall behind their goals leave: 40 % and more",
        ("goals_behind", CONTRACT),
        Rate(
            Group("a goal behind, yearly contract", lambda s: (s["goals_behind"] > 0) & s[CONTRACT].isin(_YEARLY)),
            least=0.4,
        ),
    ),
    Hypothesis(
        "S051",
        "Progress towards goals is the single strongest predictor",
        ("goal_progress",),
        Strongest("goal_progress", ("S050", "S051")),
    ),
    Hypothesis(
        "S052",
        "A return of three times the price is safe, one below the price is not",
        ("roi_multiple",),
        Ratio(
            Group("less than the price", lambda s: s["roi_multiple"] < 1),
            Group("3 times the price and more", lambda s: s["roi_multiple"] >= 3),
        ),
    ),
    Hypothesis(
        "S055",
        "Monthly contracts are left sooner than yearly ones",
        (CONTRACT,),
        Ratio(
            Group("monthly contract", lambda s: s[CONTRACT] == "monthly"),
            Group("yearly contract", lambda s: s[CONTRACT] == "annual"),
            per="window",
            within=("segment",),
        ),
    ),
    Hypothesis(
        "S055",
        "Yearly contracts are left sooner than those of several years",
        (CONTRACT,),
        Ratio(
            Group("yearly contract", lambda s: s[CONTRACT] == "annual"),
            Group("contract of several years", lambda s: s[CONTRACT] == "multi-year"),
            per="window",
            within=("segment",),
        ),
    ),
    Hypothesis(
        "S056",
        "Who pays late leaves more often",
        ("overdue_invoices",),
        Ratio(
            Group("an overdue invoice", lambda s: s["overdue_invoices"] >= 1),
            Group("none overdue", lambda s: s["overdue_invoices"] < 1),
        ),
    ),
)
