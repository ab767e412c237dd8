"""Laws of the churn model: coherence, order of columns, batching, determinism, additivity, direction, known truth."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from threadpoolctl import threadpool_limits

from holdfast.features.indicators.curves import bands
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.indicators.sources import usage
from holdfast.features.snapshot import INDEX, Snapshot
from holdfast.models.baselines import Age, BaseRate, Context, Recency, ScoreAlone
from holdfast.models.churn import ChurnModel
from holdfast.models.health import HealthScore
from tests.outcome import Outcome

HORIZONS = (30, 60, 90)


@dataclass(frozen=True)
class World:
    X: Snapshot
    y: Outcome
    truth: pd.DataFrame


def catalog(k: int) -> tuple[Indicator, ...]:
    return tuple(
        Indicator(
            usage.count(days=30 + j),
            name=f"sign_{j}",
            dimension=("product", "relationship", "business")[j % 3],
            healthy=("high", "low", "unclear")[j % 3 if j > 2 else 0],
            unit="events",
            title=f"Sign {j}",
            curve=bands((0.0, 0), (20.0, 100)) if j <= 2 else None,
            evidence="{value}",
        )
        for j in range(k)
    )


def world(accounts: int, cutoffs: int = 8, kind: str = "notice", seed: int = 0, k: int = 7) -> World:
    """Counts per account and cutoff; the log-hazard falls by the log of the first two, per renewal decision."""
    rng = np.random.default_rng(seed)
    n = accounts * cutoffs
    ids = np.repeat([f"A{i:05d}" for i in range(accounts)], cutoffs)
    days = np.tile(pd.date_range("2025-01-01", periods=cutoffs, freq="28D", tz="UTC").as_unit("us"), accounts)
    index = pd.MultiIndex.from_arrays([ids, days], names=INDEX)
    level = np.repeat(rng.gamma(2.0, 4.0, size=(accounts, k)), cutoffs, axis=0)
    counts = rng.poisson(level).astype(float)
    counts[:, k - 1] = np.where(rng.random(n) < 0.3, np.nan, counts[:, k - 1])
    annual = np.repeat(rng.random(accounts) < 0.4, cutoffs)
    renews = (np.arange(n) % 12)[:, None] == np.arange(3)
    decisions = np.where(annual[:, None], renews, 1.0)
    g = 1.0 - 0.9 * np.log1p(counts[:, 0]) - 0.6 * np.log1p(counts[:, 1])
    hazard = np.exp(g)[:, None] * np.where(decisions > 0, decisions, 0.05)
    if kind == "silence":
        hazard = np.exp(-0.5 - 0.7 * g)[:, None] * np.ones(3)
    churn = -np.expm1(-np.cumsum(hazard, axis=1))
    event = (rng.random(n)[:, None] < churn).astype(float)
    labels = pd.DataFrame(event if kind != "silence" else 1 - event, index=index, columns=list(HORIZONS))
    for h in HORIZONS[1:]:
        labels.loc[np.asarray(days > days[cutoffs - 1] - pd.Timedelta(days=h - 30)), h] = np.nan
    context = {
        "segment": np.repeat(rng.choice(["SMB", "ENT"], accounts), cutoffs),
        "plan": np.repeat(rng.choice(["basic", "pro", None], accounts), cutoffs),
        "contract": np.where(annual, "annual", "monthly"),
        "tenure_days": 60.0 + 28.0 * (np.arange(n) % cutoffs),
        "recency_days": rng.integers(0, 30, n).astype(float),
        "arr": np.where(annual, 12_000.0, np.nan),
    }
    X = Snapshot(
        indicators=pd.DataFrame(counts, index=index, columns=[f"sign_{j}" for j in range(k)]),
        context=pd.DataFrame(context, index=index),
        exposure=pd.DataFrame(decisions, index=index, columns=list(HORIZONS)),
        coverage=pd.DataFrame({"all": np.ones(n)}, index=index),
        catalog=catalog(k),
    )
    truth = pd.DataFrame(churn if kind != "silence" else 1 - churn, index=index, columns=list(HORIZONS))
    return World(X, Outcome(labels, kind), truth)


@pytest.fixture(scope="module", params=["notice", "silence"])
def fitted(request: pytest.FixtureRequest) -> tuple[World, ChurnModel]:
    made = world(500, kind=request.param)
    model = ChurnModel().fit(made.X, made.y)
    assert model.members_.trees is not None
    return made, model


def shuffled(X: Snapshot) -> Snapshot:
    return replace(X, indicators=X.indicators.iloc[:, ::-1], context=X.context.iloc[:, ::-1], catalog=X.catalog[::-1])


ALONE = (BaseRate, Age, Recency, Context, ScoreAlone)


def wild(X: Snapshot, seed: int = 1) -> Snapshot:
    """Rows far outside of anything that training saw."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=X.indicators.shape) * np.exp(rng.normal(0, 6, size=X.indicators.shape))
    values[rng.random(values.shape) < 0.2] = np.nan
    exposure = rng.integers(0, 5, size=X.exposure.shape)
    return replace(
        X,
        indicators=pd.DataFrame(values, index=X.index, columns=X.indicators.columns),
        exposure=pd.DataFrame(exposure, index=X.index, columns=X.exposure.columns),
    )


def test_horizons_are_coherent_for_every_account(fitted: tuple[World, ChurnModel]) -> None:
    made, model = fitted
    for one in (model, HealthScore().fit(made.X, made.y), *(b().fit(made.X, made.y) for b in ALONE)):
        for X in (made.X, wild(made.X)):
            p = one.predict_proba(X)
            assert p.index.equals(X.index)
            assert tuple(p.columns) == HORIZONS
            assert ((p >= 0) & (p <= 1)).all(axis=None)
            steps = np.diff(p.to_numpy(), axis=1)
            assert (steps >= 0).all() if made.y.rises else (steps <= 0).all()


def test_the_same_rows_give_the_same_model_whatever_the_order_of_columns(fitted: tuple[World, ChurnModel]) -> None:
    made, model = fitted
    expected = model.predict_proba(made.X)
    pd.testing.assert_frame_equal(model.predict_proba(shuffled(made.X)), expected, check_exact=True)
    again = ChurnModel().fit(shuffled(made.X), made.y)
    assert json.dumps(again.to_dict()) == json.dumps(model.to_dict())


def test_the_same_rows_give_the_same_model_whatever_threads_there_are() -> None:
    of, states = world(240, k=100), []  # wide enough to be shared between threads
    for threads in (1, 2):
        with threadpool_limits(threads):
            states.append([one.fit(of.X, of.y).to_dict() for one in (ChurnModel(), HealthScore())])
    assert states[0] == states[1]


def test_scoring_in_batches_changes_no_bit(fitted: tuple[World, ChurnModel]) -> None:
    made, model = fitted
    whole = model.predict_proba(made.X)
    for rows in (np.arange(len(made.X)) == 17, np.arange(len(made.X)) % 3 == 1):
        part = model.predict_proba(made.X.rows(rows))
        pd.testing.assert_frame_equal(part, whole[rows], check_exact=True)


def test_state_survives_json_to_the_last_bit(fitted: tuple[World, ChurnModel]) -> None:
    made, model = fitted
    again = ChurnModel.from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False)))
    assert again.to_dict() == model.to_dict()
    pd.testing.assert_frame_equal(again.predict_proba(made.X), model.predict_proba(made.X), check_exact=True)


def test_contributions_add_up_and_positive_raises_churn(fitted: tuple[World, ChurnModel]) -> None:
    made, model = fitted
    for X in (made.X, wild(made.X)):
        why = model.explain(X)
        gap = why.base + why.contributions.sum(axis=1) - why.g
        assert np.abs(gap).max() <= 1e-9
        np.testing.assert_allclose(why.dimensions().sum(axis=1), why.contributions.sum(axis=1), atol=1e-12)
    why = model.explain(made.X)
    same_calendar = (made.X.exposure == 1.0).all(axis=1).to_numpy()
    ranks = pd.DataFrame({"g": why.g, "p": model.predict_proba(made.X)[90]})[same_calendar].rank()
    assert ranks.corr().iloc[0, 1] == pytest.approx(1.0)
    weak = made.X.indicators["sign_0"] <= 1
    assert why.contributions["sign_0"][weak].mean() > 0 > why.contributions["sign_0"][~weak].mean()
    assert why.importance()["indicator"].iloc[0] == "sign_0"


def test_indicators_act_in_their_healthy_direction(fitted: tuple[World, ChurnModel]) -> None:
    """The trees are monotone in each indicator that has a direction, also where the data would have it otherwise."""
    made, model = fitted
    trees, encoding = model.members_.trees, model.encoding_
    assert trees is not None
    features = encoding.features(made.X)[:300]
    for name, direction in encoding.signs.items():
        j = encoding.feature_sources.index(name)
        grid = np.unique(np.nan_to_num(features[:, j]))
        swept = np.repeat(features[:, None, :], len(grid), axis=1)
        swept[:, :, j] = grid
        g = trees.g(swept.reshape(-1, features.shape[1])).reshape(len(features), len(grid))
        toward_churn = np.diff(g, axis=1) * (1 if made.y.rises else -1)
        assert (toward_churn * direction <= 1e-12).all(), name


@pytest.mark.parametrize("kind", ["notice", "silence"])
def test_a_known_law_is_nearly_recovered(kind: str) -> None:
    made, fresh = world(1_200, kind=kind), world(1_000, kind=kind, seed=9)
    model = ChurnModel().fit(made.X, made.y)
    p, health = model.predict_proba(fresh.X), HealthScore().fit(made.X, made.y).predict_proba(fresh.X)
    base = BaseRate().fit(made.X, made.y).predict_proba(fresh.X)
    for h in HORIZONS:
        known = fresh.y.frame[h].notna()
        y = fresh.y.frame[h][known]
        oracle, ours, floor = (log_loss(y, one[h][known]) for one in (fresh.truth, p, base))
        assert (floor - ours) / (floor - oracle) > 0.95
        assert roc_auc_score(y, p[h][known]) > roc_auc_score(y, fresh.truth[h][known]) - 0.005
        assert roc_auc_score(y, p[h][known]) > roc_auc_score(y, health[h][known]) - 0.003
        assert p[h][known].mean() == pytest.approx(fresh.truth[h][known].mean(), rel=0.05, abs=0.01)
        log_odds = np.log(p[h][known] / (1 - p[h][known])).to_frame()
        assert LogisticRegression(C=1e6).fit(log_odds, y).coef_.item() == pytest.approx(1.0, abs=0.15)


def test_the_calendar_moves_probability_and_not_health(fitted: tuple[World, ChurnModel]) -> None:
    made, model = fitted
    busy = replace(made.X, exposure=made.X.exposure + 1.0)
    p, more = model.predict_proba(made.X), model.predict_proba(busy)
    assert (more[90] >= p[90]).all() if made.y.rises else more.equals(p)
    health = HealthScore().fit(made.X, made.y)
    assert health.score(busy).equals(health.score(made.X))
    assert model.explain(busy).g.equals(model.explain(made.X).g)
