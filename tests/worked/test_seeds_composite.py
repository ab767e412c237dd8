"""What the score was asked for, S065 to S068: fading, silence after a busy half year, and falls that a level hides."""

from __future__ import annotations

import pandas as pd
import pytest

import holdfast as hf
from holdfast.features.catalog import catalog
from holdfast.features.catalog.collection import Catalog
from holdfast.features.history import History
from holdfast.features.indicators.curves import bands
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.indicators.sources import usage
from holdfast.features.snapshot import Snapshot
from holdfast.models.health import HealthScore
from tests.tiny import Rows, T, history, measured, points, rows, said, value, values

STEADY = 1 / (1 - 2 ** (-1 / 30))  # daily use without beginning, one event a day, half-life 30 days
HALF_YEAR, SILENT = 180, 28


def used(*days: float, account: str = "a", **columns: object) -> Rows:
    return rows("usage", days, account, **columns)


def company(*later: float) -> History:
    """Two companies of five seats, all used daily for 180 days: one until T, one until 28 days ago and then as told."""
    busy = {"kind": "login", "feature": "f0", "advanced": True, "duration_min": 60.0}
    silent = [*later, *range(SILENT, SILENT + HALF_YEAR)]
    parts = [used(*silent, account="silent", person_id=f"p{n}", **busy) for n in range(5)]
    parts += [used(*range(HALF_YEAR), account="daily", person_id=f"q{n}", **busy) for n in range(5)]
    seats = {"seats": 5, "features_available": 1}
    bought = [rows("subscriptions", [400], name, subscription_id=name, **seats) for name in ("silent", "daily")]
    return history(usage=parts, subscriptions=bought)


def product_points(of: History) -> dict[str, float]:
    """Give the product dimension, 0 to 100, by the template."""
    product = HealthScore.template().dimensions(catalog.measure(of, [T]))["product"].droplevel("cutoff")
    return {str(name): float(one) for name, one in product.items()}


def test_s065_use_of_thirty_days_ago_counts_half() -> None:
    weight = {0: 1.0, 15: 2**-0.5, 30: 0.5, 60: 0.25, 300: 2**-10}
    of = history(usage=[used(age, account=str(age)) for age in weight])
    assert values(of, "usage_decayed") == pytest.approx({str(age): one for age, one in weight.items()}, rel=1e-9)


def test_s065_the_last_month_weighs_most_and_the_one_before_half_of_it() -> None:
    months = {"last": range(30), "before": range(30, 60), "first": range(60, 90)}
    weight = values(history(usage=[used(*days, account=name) for name, days in months.items()]), "usage_decayed")
    assert weight["before"] / weight["last"] == pytest.approx(0.5)
    assert weight["first"] / weight["before"] == pytest.approx(0.5)


def test_s065_what_is_decayed_is_the_number_of_events() -> None:
    of = history(used(0, 30, count=[10, 10]))
    assert value(of, "usage_decayed") == pytest.approx(15)
    assert said(of, "usage_decayed") == "Usage adds up to 15.0 events when use of 30 days ago counts half"


def test_s066_decay_alone_leaves_half_of_the_full_value() -> None:
    of = history(used(*range(SILENT, SILENT + HALF_YEAR)))
    assert value(of, "usage_decayed") / STEADY == pytest.approx(0.516, abs=0.001)


def test_s066_half_a_year_of_daily_use_and_four_silent_weeks_do_not_score_high() -> None:
    worth = product_points(company())
    assert worth["silent"] < 40  # red, whichever half year went before
    assert worth["daily"] > 80


def test_s066_nothing_in_the_product_looks_better_than_the_silence() -> None:
    now = catalog.measure(company(), [T])
    curved = now.curved().droplevel("cutoff").loc["silent"]
    product = [one.name for one in now.catalog if one.dimension == "product" and one.curve is not None]
    assert points("days_since_usage", SILENT) == [25]
    assert curved[product].max() == 0.25


def test_s066_without_the_cap_the_past_would_speak_louder() -> None:
    loud = ("usage_decayed", "usage_90", "feature_breadth", "feature_depth", "usage_regularity")
    now = measured(company(), *loud).indicators.droplevel("cutoff")
    assert min(points(name, now[name].to_dict()["silent"])[0] for name in loud) > 60


def test_s066_the_first_use_after_the_silence_lifts_the_cap() -> None:
    assert product_points(company())["silent"] < 25 < 40 < product_points(company(1.0))["silent"]


LEVEL = Indicator(
    usage.sum("count", days=30) / 100,
    name="level",
    dimension="product",
    healthy="high",
    unit="share",
    title="Level",
    curve=bands((0, 0), (1, 100)),
    evidence="{value:.0%}",
)


@pytest.fixture(scope="module")
def falling() -> History:
    """Accounts whose health, worked out as use of a month in points, was this a month ago and is that today."""
    moved = {"falling": (85, 65), "stable": (60, 60), "slipping": (85, 66), "rising": (40, 80), "new": (None, 90)}
    parts = [
        used(day, account=name, count=float(level))
        for name, both in moved.items()
        for day, level in zip((45, 15), both, strict=True)
        if level is not None
    ]
    met = [rows("accounts", [29 if name == "new" else 400], name) for name in moved]
    return history(usage=parts, accounts=met)


@pytest.fixture(scope="module")
def model() -> hf.ChurnModel:
    """A churn model of the one indicator, learned elsewhere."""
    company = hf.simulate(accounts=60, seed=2, months=12)
    X = Catalog((LEVEL,)).measure(company, hf.cutoffs(company, every="84d"))
    return hf.ChurnModel().fit(X, hf.label(company, X.cutoffs, horizons=(30, 60, 90)))


def scored(model: hf.ChurnModel, of: History) -> pd.DataFrame:
    now: Snapshot = Catalog((LEVEL,)).measure(of, [T])
    return hf.score(now, HealthScore.template(), model, of).rows.set_index("account_id")


def test_s067_scores_carry_a_fall_of_twenty_points_in_a_month_for_the_alert_to_come(
    model: hf.ChurnModel, falling: History
) -> None:
    row = scored(model, falling)
    healthy = {"falling": 65, "stable": 60, "slipping": 66, "rising": 80, "new": 90}
    assert row["health"].to_dict() == pytest.approx(healthy)
    delta = row["delta_health_30"]
    assert delta.drop("new").to_dict() == pytest.approx({"falling": -20, "stable": 0, "slipping": -19, "rising": 40})
    assert str(delta["stable"]) == "0.0"  # not -0.0
    assert pd.isna(delta["new"])  # nobody was there a month ago: no fall, and no rise from nothing
    assert set(delta.index[delta.round(6) <= -20]) == {"falling"}


def test_s067_a_fall_is_carried_even_where_the_level_is_fine(model: hf.ChurnModel, falling: History) -> None:
    row = scored(model, falling).loc["falling"]
    assert row["band"] == "yellow"
    assert row["delta_health_30"] == pytest.approx(-20)


def test_s068_a_fall_from_85_to_65_is_told_apart_from_a_stable_60(model: hf.ChurnModel, falling: History) -> None:
    level = values(falling, "usage_30")
    change = values(falling, "usage_30_change")
    assert level["falling"] > level["stable"]
    assert change["falling"] == pytest.approx(65 / 85)
    assert change["stable"] == 1
    fall, steady = points("usage_30_change", change["falling"], change["stable"])
    assert fall < steady
    row = scored(model, falling)
    health, delta = row["health"].to_dict(), row["delta_health_30"].to_dict()
    assert health["falling"] > health["stable"]
    assert delta["falling"] < delta["stable"]


def test_s068_the_trend_tells_a_slow_fall_too() -> None:
    of = history(
        used(15, 45, 75, account="falling", count=[65, 75, 85]),
        used(15, 45, 75, account="stable", count=[60, 60, 60]),
    )
    trend = values(of, "usage_30_trend")
    assert trend["falling"] == pytest.approx(1.5 * (65 - 85) / 225)
    assert trend["stable"] == 0
    assert points("usage_30_trend", trend["falling"])[0] < points("usage_30_trend", 0)[0]
    assert measured(of, "usage_30_trend").catalog[0].variant_of == "usage_30"
