"""The health score by hand: the template's arithmetic, learned weights, anchors, dimensions, missing values."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from holdfast.errors import TooFewEvents, UsageError
from holdfast.features.indicators.curves import bands
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.indicators.sources import usage
from holdfast.features.snapshot import INDEX, Snapshot
from holdfast.models.health import HealthScore
from holdfast.models.template import template_weights
from tests.outcome import Outcome

SHARE = bands((0.0, 0), (1.0, 100))


def sign(name: str, dimension: str, healthy: str = "high", *, caps: bool = False) -> Indicator:
    return Indicator(
        usage.count(days=30),
        name=name,
        dimension=dimension,
        healthy=healthy,
        unit="share",
        title=name.capitalize(),
        curve=SHARE,
        evidence="{value}",
        caps=caps,
    )


CATALOG = (
    sign("logins", "product"),
    sign("recency", "product", caps=True),
    sign("answers", "relationship"),
    sign("payment", "business"),
    sign("mood", "business", healthy="unclear"),
)


def snapshot(values: dict[str, list[float]], catalog: tuple[Indicator, ...] = CATALOG, cutoffs: int = 1) -> Snapshot:
    n = len(next(iter(values.values())))
    ids = [f"A{i // cutoffs:05d}" for i in range(n)]
    days = pd.date_range("2025-01-01", periods=cutoffs, freq="28D", tz="UTC").as_unit("us")
    index = pd.MultiIndex.from_arrays([ids, np.tile(days, n // cutoffs)], names=INDEX)
    context = {"segment": "SMB", "contract": "monthly", "tenure_days": 100.0, "recency_days": 1.0}
    return Snapshot(
        indicators=pd.DataFrame(values, index=index, dtype=float),
        context=pd.DataFrame({name: [value] * n for name, value in context.items()}, index=index),
        exposure=pd.DataFrame(1.0, index=index, columns=[30, 60, 90]),
        coverage=pd.DataFrame({"all": np.ones(n)}, index=index),
        catalog=tuple(one for one in catalog if one.name in values),
    )


def world(n: int, strength: dict[str, float], seed: int = 0, kind: str = "notice") -> tuple[Snapshot, Outcome]:
    """Two cutoffs per account; the log-hazard falls by ``strength`` from the worst to the best value."""
    rng = np.random.default_rng(seed)
    values = {one.name: rng.random(n) for one in CATALOG if not one.caps} | {"recency": np.ones(n)}
    health = sum(weight * values[name] for name, weight in strength.items())
    hazard = np.exp((-1.0 - health) if kind == "notice" else (-3.0 + health))
    when = rng.exponential(30.0 / hazard)
    event = np.column_stack([when <= h for h in (30, 60, 90)]).astype(float)
    X = snapshot({name: list(v) for name, v in values.items()}, cutoffs=2)
    labels = pd.DataFrame(event if kind == "notice" else 1 - event, index=X.index, columns=[30, 60, 90])
    return X, Outcome(labels, kind)


def test_template_shares_are_40_30_30_split_evenly_inside() -> None:
    weights = template_weights(CATALOG)
    assert weights.to_dict() == pytest.approx({"answers": 0.3, "logins": 0.2, "payment": 0.3, "recency": 0.2})


def test_the_share_of_an_absent_dimension_goes_to_the_others_in_proportion() -> None:
    weights = template_weights(CATALOG[:3])
    assert weights.to_dict() == pytest.approx({"answers": 3 / 7, "logins": 2 / 7, "recency": 2 / 7})


def test_template_score_by_hand() -> None:
    X = snapshot({"logins": [0.5, 1.0], "recency": [1.0, 1.0], "answers": [0.0, 1.0], "payment": [1.0, 1.0]})
    health = HealthScore.template()
    assert health.score(X).tolist() == pytest.approx([20 * 0.5 + 20 + 0 + 30, 100.0])
    assert health.dimensions(X).iloc[0].to_dict() == pytest.approx({"product": 75, "relationship": 0, "business": 100})


def test_recency_caps_its_dimension_and_no_other() -> None:
    X = snapshot({"logins": [1.0], "recency": [0.1], "answers": [1.0], "payment": [1.0]})
    assert HealthScore.template().score(X).tolist() == pytest.approx([40 * 0.1 + 60])


def test_template_weighs_what_is_present_and_gives_no_score_to_nothing() -> None:
    nan = np.nan
    X = snapshot({"logins": [1.0, nan], "recency": [1.0, nan], "answers": [nan, nan], "payment": [0.0, nan]})
    score = HealthScore.template().score(X)
    assert score.iloc[0] == pytest.approx(100 * 40 / 70)
    assert np.isnan(score.iloc[1])


def test_an_unclear_indicator_has_no_place_in_the_score() -> None:
    values = {"logins": [0.5], "recency": [1.0], "answers": [0.5], "payment": [0.5]}
    with_mood = snapshot({**values, "mood": [1.0]})
    assert HealthScore.template().score(with_mood).tolist() == HealthScore.template().score(snapshot(values)).tolist()


def test_no_scored_indicator_at_all_is_refused() -> None:
    with pytest.raises(UsageError, match="a curve and a direction"):
        HealthScore.template().score(snapshot({"mood": [1.0]}))


def test_unfitted_scores_are_refused_and_clones_are_unfitted() -> None:
    X, y = world(800, {"logins": 3.0})
    fitted = HealthScore().fit(X, y)
    for health in (HealthScore(), clone(fitted)):
        with pytest.raises(NotFittedError):
            health.score(X)
    with pytest.raises(NotFittedError):
        HealthScore.template().predict_proba(X)


def test_learned_weights_sum_to_100_find_the_planted_sign_and_shrink_the_useless() -> None:
    X, y = world(6_000, {"answers": 3.0, "payment": 1.0})
    health = HealthScore().fit(X, y)
    table = health.weights.set_index("indicator")["weight"]
    assert table.sum() == pytest.approx(100.0)
    assert (table >= 0).all()
    assert table["answers"] > 60 > 30 > table["payment"] > table["logins"]
    assert table["logins"] < 8
    assert list(health.weights["dimension"].unique()) == ["product", "relationship", "business"]


@pytest.mark.parametrize("kind", ["notice", "silence"])
def test_anchors_hold_on_the_training_rows_and_high_is_healthy(kind: str) -> None:
    X, y = world(4_000, {"answers": 3.0, "logins": 2.0}, kind=kind)
    health = HealthScore().fit(X, y)
    score = health.score(X)
    assert (score <= 40.0).mean() == pytest.approx(0.2, abs=0.01)
    assert (score >= 80.0).mean() == pytest.approx(0.2, abs=0.01)
    churned = y.frame[90] == 1
    assert score[churned].mean() < score[~churned].mean() - 5
    p = health.predict_proba(X)
    assert np.corrcoef(score, p[90])[0, 1] < -0.8
    steps = np.diff(p.to_numpy(), axis=1)
    assert (steps >= 0).all() if kind == "notice" else (steps <= 0).all()


def test_points_per_doubling_of_the_hazard() -> None:
    X, y = world(20_000, {"answers": 3.0})
    health = HealthScore().fit(X, y)
    low, high = health.anchors_.low, health.anchors_.high
    assert health.points_per_doubling == pytest.approx(40 * np.log(2) / (health.strength_ * (high - low)))
    assert health.strength_ * health.weights_["answers"] == pytest.approx(3.0, abs=0.3)


def test_what_is_missing_contributes_the_reference_mean() -> None:
    X, y = world(2_000, {"answers": 3.0})
    health = HealthScore().fit(X, y)
    mean = float(X.indicators["answers"].mean())
    row = {"logins": [0.5, 0.5], "recency": [1.0, 1.0], "payment": [0.5, 0.5], "answers": [np.nan, mean]}
    gone, average = health.score(snapshot(row))
    assert gone == pytest.approx(average)


def test_few_events_leave_the_template_and_fewer_are_refused() -> None:
    X, y = world(400, {"answers": 3.0})
    churned = (y.frame == 1).any(axis=1)
    few = y.frame.mask((churned.cumsum() > 20) & churned, 0.0)
    health = HealthScore().fit(X, Outcome(few))
    assert health.weights_.to_dict() == pytest.approx(template_weights(CATALOG).to_dict())
    assert "the template's weights stand" in health.notes[0]
    with pytest.raises(TooFewEvents, match="3 churned"):
        HealthScore().fit(X, Outcome(y.frame.mask((churned.cumsum() > 4) & churned, 0.0)))
    with pytest.raises(TooFewEvents, match="0 stayed"):
        HealthScore().fit(X, Outcome(y.frame * 0 + 1.0))


def test_separable_data_gives_finite_weights() -> None:
    X, _ = world(1_000, {"answers": 0.0})
    event = (X.indicators["answers"] < 0.3).astype(float)
    health = HealthScore().fit(X, Outcome(pd.DataFrame(dict.fromkeys((30, 60, 90), event))))
    assert np.isfinite(health.weights["weight"]).all()
    assert np.isfinite(health.predict_proba(X)).all(axis=None)


def test_state_survives_json_to_the_last_bit() -> None:
    X, y = world(1_500, {"answers": 3.0, "logins": 1.0})
    for health in (HealthScore().fit(X, y), HealthScore.template().fit(X, y)):
        again = HealthScore.from_dict(json.loads(json.dumps(health.to_dict(), allow_nan=False)))
        assert again.to_dict() == health.to_dict()
        pd.testing.assert_series_equal(again.score(X), health.score(X), check_exact=True)
        pd.testing.assert_frame_equal(again.predict_proba(X), health.predict_proba(X), check_exact=True)
        pd.testing.assert_frame_equal(again.weights, health.weights, check_exact=True)
