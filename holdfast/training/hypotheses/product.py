"""Claims about the use of the product."""

from __future__ import annotations

from holdfast.training.hypotheses.claim import Hypothesis, thirds
from holdfast.training.hypotheses.ranking import Better
from holdfast.training.hypotheses.ratio import Group, Ratio

_DAILY = 125  # days with use in a year: half a year of working days

PRODUCT: tuple[Hypothesis, ...] = (
    Hypothesis(
        "S012",
        "Three weeks of silence mean danger, however often the product was used before",
        ("days_since_usage", "active_days_365"),
        Ratio(
            Group("silent for three weeks", lambda s: s["days_since_usage"] >= 21),
            Group("used within the week", lambda s: s["days_since_usage"] < 7),
            match=lambda s: thirds(s["active_days_365"]),
        ),
    ),
    Hypothesis(
        "S015",
        "Ten features at moderate depth keep a customer better than two at expert depth",
        ("features_used", "feature_depth"),
        Ratio(
            Group(
                "2 features at most, depth in the upper third",
                lambda s: (s["features_used"] <= 2) & (thirds(s["feature_depth"]) == 2),
            ),
            Group(
                "10 features and more, depth in the middle third",
                lambda s: (s["features_used"] >= 10) & (thirds(s["feature_depth"]) == 1),
            ),
        ),
    ),
    Hypothesis(
        "S015",
        "Breadth of use foretells retention better than depth",
        ("features_used", "feature_depth"),
        Better("features_used", "feature_depth"),
    ),
    Hypothesis(
        "S018",
        "Where most seats are used, more seats are bought",
        ("seat_penetration",),
        Ratio(
            Group("80 % of the seats active and more", lambda s: s["seat_penetration"] >= 0.8),
            Group("less than 40 %", lambda s: s["seat_penetration"] < 0.4),
            of="growth",
        ),
    ),
    Hypothesis(
        "S018",
        "Where few seats are used, the customer is in danger",
        ("seat_penetration",),
        Ratio(
            Group("less than 40 % of the seats active", lambda s: s["seat_penetration"] < 0.4),
            Group("80 % and more", lambda s: s["seat_penetration"] >= 0.8),
        ),
    ),
    Hypothesis(
        "S020",
        "Connected integrations keep a customer",
        ("integrations",),
        Ratio(
            Group("no integration", lambda s: s["integrations"] < 1),
            Group("an integration and more", lambda s: s["integrations"] >= 1),
        ),
    ),
    Hypothesis(
        "S022",
        "With three power users a customer rarely leaves, without any it often does",
        ("power_users",),
        Ratio(
            Group("no power user", lambda s: s["power_users"] < 1),
            Group("3 power users and more", lambda s: s["power_users"] >= 3),
        ),
    ),
    Hypothesis(
        "S066",
        "Half a year of daily use does not protect an account that has been silent for four weeks",
        ("active_days_365", "days_since_usage"),
        Ratio(
            Group(
                "daily use, then silent for four weeks",
                lambda s: (s["active_days_365"] >= _DAILY) & (s["days_since_usage"] >= 28),
            ),
            Group(
                "daily use, up to this week", lambda s: (s["active_days_365"] >= _DAILY) & (s["days_since_usage"] < 7)
            ),
        ),
    ),
)
