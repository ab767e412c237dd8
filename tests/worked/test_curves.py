"""Curves at their boundaries: bands are half-open, and every point is exact."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import UsageError
from holdfast.features.catalog import catalog
from holdfast.features.indicators.curves import Curve, bands, steps

BELOW = 1e-9


@pytest.mark.parametrize(
    ("value", "points"),
    [(0.0, 0), (0.4 - BELOW, 49), (0.4, 50), (0.6 - BELOW, 69), (0.6, 70), (0.8 - BELOW, 89), (0.8, 90), (1.0, 100)],
)
def test_s017_penetration_bands(value: float, points: float) -> None:
    curve = catalog["seat_penetration"].curve
    assert curve is not None
    assert curve([value])[0] * 100 == pytest.approx(points, abs=1e-6)


@pytest.mark.parametrize(
    ("days", "low", "high"),
    [(30, 90, 100), (20, 90, 100), (19, 70, 89), (4, 70, 89), (3, 50, 69), (2, 50, 69), (1, 30, 49), (0, 0, 29)],
)
def test_s011_login_bands(days: int, low: float, high: float) -> None:
    curve = catalog["login_days"].curve
    assert curve is not None
    assert low <= curve([days])[0] * 100 <= high


@pytest.mark.parametrize(("users", "low", "high"), [(0, 0, 59), (1, 60, 79), (2, 60, 79), (3, 90, 100), (9, 90, 100)])
def test_s022_power_user_bins(users: int, low: float, high: float) -> None:
    curve = catalog["power_users"].curve
    assert curve is not None
    assert low <= curve([users])[0] * 100 <= high


@pytest.mark.parametrize(("level", "low", "high"), [(0, 0, 49), (1, 50, 69), (2, 70, 89), (4, 70, 89), (5, 90, 100)])
def test_s031_sponsor_bands(level: int, low: float, high: float) -> None:
    curve = catalog["sponsor_engagement"].curve
    assert curve is not None
    assert low <= curve([level])[0] * 100 <= high


@pytest.mark.parametrize(("score", "low", "high"), [(6, 0, 49), (7, 50, 89), (8, 50, 89), (9, 90, 100), (10, 90, 100)])
def test_s037_promoters_and_detractors(score: int, low: float, high: float) -> None:
    curve = catalog["nps_latest"].curve
    assert curve is not None
    assert low <= curve([score])[0] * 100 <= high


@pytest.mark.parametrize(("rating", "problem"), [(0.5 - BELOW, True), (0.5, False)])
def test_s038_satisfaction_below_three_of_five(rating: float, problem: bool) -> None:
    curve = catalog["csat"].curve
    assert curve is not None
    assert (curve([rating])[0] < 0.5) == problem


@pytest.mark.parametrize(
    ("multiple", "low", "high"), [(1 - BELOW, 0, 39), (1, 40, 89), (3 - BELOW, 40, 89), (3, 90, 100)]
)
def test_s052_return_on_investment(multiple: float, low: float, high: float) -> None:
    curve = catalog["roi_multiple"].curve
    assert curve is not None
    assert low - 1e-6 <= curve([multiple])[0] * 100 <= high + 1e-6


def test_s034_ticket_volume_is_not_monotone() -> None:
    curve = catalog["tickets_90"].curve
    assert curve is not None
    assert not curve.rises
    assert not curve.falls


def test_missing_stays_missing() -> None:
    assert np.isnan(bands((0, 0), (1, 100))([np.nan])[0])


def test_a_single_point_is_a_constant() -> None:
    assert bands((3, 40))([-1, 3, 9]).tolist() == [0.4, 0.4, 0.4]


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(0, 100)), min_size=1, max_size=8), st.floats(-60, 60))
def test_a_curve_is_exact_at_its_points_and_stays_between_them(pairs: list[tuple[int, int]], value: float) -> None:
    pairs = sorted(pairs, key=lambda pair: pair[0])
    curve = bands(*pairs)
    last = dict(pairs)
    assert curve(list(last)).tolist() == [points / 100 for points in last.values()]
    assert min(curve.points) / 100 <= curve([value])[0] <= max(curve.points) / 100
    assert Curve.from_dict(json.loads(json.dumps(curve.to_dict()))) == curve


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=5, unique=True), st.integers(-30, 30))
def test_steps_hold_from_their_value_on(edges: list[int], value: int) -> None:
    edges = sorted(edges)
    points = [10 * (i + 1) for i in range(len(edges))]
    reached = sum(edge <= value for edge in edges)
    assert steps(0, *zip(edges, points, strict=True))([value])[0] == pytest.approx(reached / 10)


@pytest.mark.parametrize("pairs", [((1, 0), (0, 100)), ((0, -1),), ((0, 101),), ((np.nan, 5),), ()])
def test_refused(pairs: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(UsageError, match="within 0 to 100"):
        bands(*pairs)
