"""Intervals for the probability of each account: they hold what is true, and are wide where little is known."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from holdfast.errors import UsageError
from holdfast.features.snapshot import INDEX, Snapshot
from holdfast.models.churn import ChurnModel
from holdfast.models.hazard import OFF_CYCLE, OFF_CYCLE_PENALTY, Exposure, Periods, fit_hazard
from holdfast.models.interval import APART, Doubt, bounds
from tests.outcome import Outcome


def company(accounts: int, seed: int, cutoffs: int = 3) -> tuple[Snapshot, Outcome, np.ndarray]:
    """Draw accounts whose log-hazard follows two indicators and a rest that nobody measures."""
    rng = np.random.default_rng(seed)
    days = pd.date_range("2025-01-01", periods=cutoffs, freq="90D", tz="UTC").as_unit("us")
    ids = np.repeat([f"A{i:05d}" for i in range(accounts)], cutoffs)
    index = pd.MultiIndex.from_arrays([ids, np.tile(days, accounts)], names=INDEX)
    x = rng.normal(size=(len(index), 6))
    eta = -3.2 + 0.8 * x[:, 0] - 0.5 * x[:, 1] + 0.5 * rng.normal(size=len(index))
    hazard = np.exp(eta)
    when = rng.exponential(30 / hazard)
    event = np.column_stack([when <= h for h in (30, 60, 90)]).astype(float)
    X = Snapshot(
        indicators=pd.DataFrame(x, index=index, columns=[f"x{i}" for i in range(6)]),
        context=pd.DataFrame(index=index),
        exposure=pd.DataFrame(0.0, index=index, columns=[30, 60, 90]),
        coverage=pd.DataFrame({"all": 1.0}, index=index),
        catalog=(),
    )
    return X, Outcome(pd.DataFrame(event, index=index, columns=[30, 60, 90])), -np.expm1(-3 * hazard)


@pytest.mark.parametrize("accounts", [150, 600, 2_000])
def test_nine_in_ten_intervals_hold_the_true_probability(accounts: int) -> None:
    held = []
    for seed in range(4):
        X, y, _ = company(accounts, seed)
        now, _, truth = company(500, 100 + seed)
        bounds = ChurnModel().fit(X, y).predict_interval(now)
        held.append(((truth >= bounds[90, "low"]) & (truth <= bounds[90, "high"])).mean())
    assert 0.85 <= np.mean(held) <= 1.0, held


def test_the_estimate_lies_inside_also_where_it_is_nearly_certain() -> None:
    X, y, _ = company(600, 1)
    model = ChurnModel().fit(X, y)
    certain, calendar = X.rows(np.arange(len(X)) < 50), model.members_.calendar
    sure = replace(model.members_, calendar=replace(calendar, intercepts=calendar.intercepts + 8.0))
    model.members_ = sure
    bounds, p = model.predict_interval(certain), model.predict_proba(certain)
    assert (p[90] > 0.98).mean() > 0.5
    for horizon in (30, 60, 90):
        assert (bounds[horizon, "low"] <= p[horizon]).all()
        assert (bounds[horizon, "high"] >= p[horizon]).all()


def test_few_events_make_wide_intervals_and_the_estimate_lies_inside() -> None:
    widths = {}
    for accounts in (80, 2_000):
        X, y, _ = company(accounts, 1)
        model = ChurnModel().fit(X, y)
        bounds, p = model.predict_interval(X), model.predict_proba(X)
        for horizon in (30, 60, 90):
            assert (bounds[horizon, "low"] <= p[horizon]).all()
            assert (bounds[horizon, "high"] >= p[horizon]).all()
        for side in ("low", "high"):
            assert (bounds[30, side] <= bounds[90, side] + 1e-12).mean() > 0.99
        widths[accounts] = (bounds[90, "high"] - bounds[90, "low"]).mean()
    assert widths[80] > widths[2_000]
    narrow, wide = (model.predict_interval(X, level) for level in (0.5, 0.95))
    assert (narrow[90, "high"] < wide[90, "high"]).all()


def test_a_level_that_is_no_share_is_refused() -> None:
    X, y, _ = company(80, 1)
    with pytest.raises(UsageError, match="level"):
        ChurnModel().fit(X, y).predict_interval(X, 90)


def test_silence_turns_the_bounds_around() -> None:
    X, y, _ = company(300, 2)
    quiet = Outcome(1 - y.frame, "silence")
    model = ChurnModel().fit(X, quiet)
    bounds, p = model.predict_interval(X), model.predict_proba(X)
    assert (bounds[60, "low"] <= p[60]).all()
    assert (bounds[60, "high"] >= p[60]).all()


def test_the_covariance_is_that_of_drawing_accounts_anew() -> None:
    rng = np.random.default_rng(3)
    accounts, times = 400, 4  # every account appears four times with the same outcome
    x = np.repeat(rng.normal(size=(accounts, 2)), times, axis=0)
    event = np.repeat(rng.random(accounts) < -np.expm1(-np.exp(-1.0 + 0.7 * x[::times, 0])), times).astype(float)
    n, account = len(x), np.repeat(np.arange(accounts), times)
    periods = Periods(Exposure(np.zeros((n, 1)), np.zeros((n, 1))), event[:, None], np.ones((n, 1)))
    penalty = np.full(2, 1e-3)
    doubt = Doubt.learn(x, periods, fit_hazard(x, periods, penalty), penalty, account)
    drawn = []
    for _ in range(200):
        often = np.bincount(rng.integers(0, accounts, accounts), minlength=accounts)[account]
        again = Periods(periods.exposure, periods.event, periods.weight * often[:, None])
        drawn.append(fit_hazard(x, again, penalty, tolerance=1e-8).coef)
    assert np.sqrt(np.diag(doubt.covariance)[:2]) == pytest.approx(np.std(drawn, axis=0), rel=0.2)
    assert Doubt.from_dict(json.loads(json.dumps(doubt.to_dict()))).covariance.tolist() == doubt.covariance.tolist()


def test_what_nothing_was_observed_of_stays_as_unsure_as_before() -> None:
    """Nobody left between decisions: how often that happens is known no better than before any data."""
    rng = np.random.default_rng(4)
    n = 300
    x, decided = rng.normal(size=(n, 1)), np.arange(n) % 20 > 0
    off_cycle = (~decided).astype(float)[:, None]
    event = (decided & (rng.random(n) < 0.1)).astype(float)[:, None]
    periods = Periods(Exposure(np.zeros((n, 1)), off_cycle), event, np.ones((n, 1)))
    penalty = np.ones(1)
    fit = fit_hazard(x, periods, penalty)
    doubt = Doubt.learn(x, periods, fit, penalty, np.arange(n))
    assert fit.off_cycle == pytest.approx(OFF_CYCLE, abs=0.2)
    assert doubt.covariance[-1, -1] * OFF_CYCLE_PENALTY == pytest.approx(1.0, abs=0.1)


def test_one_learner_alone_is_as_unsure_as_two_that_are_as_far_apart_as_usual() -> None:
    eta, spread = np.array([[-3.0, -2.5]]), np.array([[0.3, 0.2]])
    alone, apart = bounds(eta, spread, None, 0.9), bounds(eta, spread, np.array([APART]), 0.9)
    assert [one.tolist() for one in alone] == [one.tolist() for one in apart]
    agreed = bounds(eta, spread, np.zeros(1), 0.9)
    assert (agreed[0] > alone[0]).all()
    assert (agreed[1] < alone[1]).all()
