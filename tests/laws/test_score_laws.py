"""What holds for every health score: no source that goes missing moves it further than the stated bound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from holdfast.features.snapshot import Snapshot
from holdfast.models.health import HealthScore
from holdfast.models.template import Template
from holdfast.models.weighting import Weighting
from tests.outcome import Outcome
from tests.signs import SIGNS, snapshot

NAMES = [one.name for one in SIGNS]
SHARE = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1))
CELL = st.one_of(SHARE, SHARE, SHARE, st.just(float("nan")))
TABLE = arrays(float, (6, len(NAMES)), elements=CELL)
GONE = st.sets(st.sampled_from(NAMES), min_size=1)
SEGMENTS = ["smb", "mid", "smb", "enterprise", "mid", "smb"]

BY = Template.from_dict(
    {
        "name": "by",
        "version": "1",
        "author": "t",
        "levels": {"mood": "low", "logins": "high"},
        "segments": {"smb": {"dimensions": {"product": 70, "business": 30}}},
    }
)


def world(n: int = 500) -> tuple[Snapshot, Outcome]:
    rng = np.random.default_rng(0)
    values = {name: rng.random(n) ** (1 + k) for k, name in enumerate(NAMES)} | {"recency": 0.5 + 0.5 * rng.random(n)}
    segment = rng.choice(["smb", "mid", "enterprise"], n)
    X = snapshot({name: list(one) for name, one in values.items()}, segment=list(segment))
    hazard = np.exp(-1.0 - 2 * values["answers"] - values["logins"])
    left = (rng.exponential(1 / hazard) < 1).astype(float)
    return X, Outcome(pd.DataFrame(dict.fromkeys((30, 60, 90), pd.Series(left, index=X.index))))


@pytest.fixture(scope="module")
def scores() -> dict[str, HealthScore]:
    """One of each kind: a template as it stands, one with a reference, one by segment, and learned weights."""
    X, y = world()
    made = {
        "template": HealthScore.template(min_coverage=0),
        "template by segment": HealthScore.template(BY, min_coverage=0),
        "fitted by segment": HealthScore.template(BY, min_coverage=0).fit(X, y),
        "learned": HealthScore(alphas=(5.0,), min_coverage=0).fit(X, y),
    }
    assert made["learned"].learned
    return made


def of(table: np.ndarray) -> Snapshot:
    return snapshot({name: list(table[:, k]) for k, name in enumerate(NAMES)}, segment=SEGMENTS)


def without(X: Snapshot, gone: set[str]) -> Snapshot:
    values = {name: X.indicators[name].mask(np.full(len(X), name in gone)).tolist() for name in NAMES}
    return snapshot(values, segment=SEGMENTS)


@settings(max_examples=20, deadline=None)
@given(table=TABLE, gone=GONE)
def test_dropping_a_source_moves_coverage_and_the_score_by_no_more_than_the_bound(
    scores: dict[str, HealthScore], table: np.ndarray, gone: set[str]
) -> None:
    before = of(table)
    after = without(before, gone)
    lost = before.indicators[sorted(gone)].notna().any(axis=1)
    assert (after.coverage["all"][lost] < before.coverage["all"][lost]).all()
    for name, health in scores.items():
        moved = (health.score(after) - health.score(before)).abs()
        assert not (moved > health.bound(gone, before) + 1e-9).any(), name


@settings(max_examples=20, deadline=None)
@given(table=TABLE)
def test_a_score_is_never_made_of_nothing_and_lies_from_0_to_100(
    scores: dict[str, HealthScore], table: np.ndarray
) -> None:
    X = of(table)
    for health in scores.values():
        score = health.score(X)
        weighed = (health.weights_of(X).where(X.indicators.notna(), 0.0) > 0).any(axis=1)
        assert score.notna().equals(weighed)
        assert score.dropna().between(0, 100).all()


def test_the_bound_is_reached(scores: dict[str, HealthScore]) -> None:
    """Nothing smaller would hold: one account at its best in what stays and at its worst in what goes."""
    table = np.ones((6, len(NAMES)))
    table[:, NAMES.index("payment")] = 0
    before = of(table)
    health = scores["template"]
    moved = health.score(without(before, {"payment"})) - health.score(before)
    assert moved.tolist() == pytest.approx([30] * 6)
    assert health.bound({"payment"}, before) == pytest.approx(30)


def test_the_bound_of_learned_weights_is_their_points_per_unit(scores: dict[str, HealthScore]) -> None:
    health, X = scores["learned"], of(np.full((6, len(NAMES)), 0.5))
    low, high = health.anchors_.low, health.anchors_.high
    expected = 40 / (high - low) * (health.weights_["answers"] + health.weights_["mood"])
    assert health.bound({"answers", "mood"}, X) == pytest.approx(min(100, expected))


def test_what_is_missing_already_makes_the_rest_of_a_template_weigh_more(scores: dict[str, HealthScore]) -> None:
    table = np.full((6, len(NAMES)), np.nan)
    table[:, NAMES.index("payment")], table[:, NAMES.index("mood")] = 0.0, 1.0
    before, health = of(table), scores["template"]
    moved = health.score(without(before, {"payment"})) - health.score(before)
    assert moved.tolist() == pytest.approx([100 * 30 / 45] * 6)  # 30 of 30 + 15, not of 100
    assert health.bound({"payment"}, before) == pytest.approx(100 * 30 / 45)


def test_where_the_cap_is_lost_the_whole_dimension_may_move(scores: dict[str, HealthScore]) -> None:
    table = np.ones((6, len(NAMES)))
    table[:, NAMES.index("recency")] = 0  # caps the product
    before, health = of(table), scores["template"]
    moved = health.score(without(before, {"recency"})) - health.score(before)
    assert moved.tolist() == pytest.approx([40] * 6)
    assert health.bound({"recency"}, before) == pytest.approx(40)


def test_the_order_of_rows_and_other_accounts_change_no_score(scores: dict[str, HealthScore]) -> None:
    X, _ = world(60)
    back = np.arange(len(X))[::-1]
    parts = ("indicators", "context", "exposure", "coverage")
    turned = replace(X, **{name: getattr(X, name).iloc[back] for name in parts})
    for health in scores.values():
        pd.testing.assert_series_equal(health.score(turned).sort_index(), health.score(X), check_exact=True)
        alone = health.score(X.rows(np.arange(len(X)) == 7))
        assert alone.iloc[0] == health.score(X).iloc[7]


def test_weights_by_row_are_those_that_score(scores: dict[str, HealthScore]) -> None:
    X, _ = world(60)
    for health in scores.values():
        by_hand = (health.weights_of(X) * X.curved()[health.weights_of(X).columns]).sum(axis=1)
        assert health.score(X).tolist() == pytest.approx(health.anchors.points(by_hand.to_numpy()).tolist())


def test_a_segment_of_its_own_weighs_for_nobody_else() -> None:
    weighting = Weighting(pd.Series({"a": 1.0}), {"smb": pd.Series({"b": 1.0})})
    told = weighting.table(pd.Series(["mid", "smb", None, ""]))
    assert told["a"].tolist() == [1, 0, 1, 1]
    assert told["b"].tolist() == [0, 1, 0, 0]
