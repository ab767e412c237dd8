"""Metrics against scikit-learn, with ties and weights, and the bootstrap against plain resampling."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn import metrics as reference
from sklearn.linear_model import LogisticRegression

from holdfast.training import bootstrap, metrics
from holdfast.training.metrics import NAMES, Floats


def sample(seed: int, n: int = 400, *, ties: bool = False) -> tuple[Floats, Floats, Floats]:
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 6, n)
    p = np.round(p, 1) * 0.9 + 0.01 if ties else p
    return (rng.random(n) < p).astype(float), p, rng.integers(0, 4, n).astype(float)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_metrics_equal_scikit_learn(seed: int, *, ties: bool) -> None:
    y, p, w = sample(seed, ties=ties)
    for weight in (None, w):
        assert metrics.auc(y, p, weight) == pytest.approx(
            reference.roc_auc_score(y, p, sample_weight=weight), abs=1e-12
        )
        precision = reference.average_precision_score(y, p, sample_weight=weight)
        assert metrics.average_precision(y, p, weight) == pytest.approx(precision, abs=1e-12)
        assert metrics.log_loss(y, p, weight) == pytest.approx(
            reference.log_loss(y, p, sample_weight=weight), abs=1e-12
        )
        brier = reference.brier_score_loss(y, p, sample_weight=weight)
        assert metrics.brier(y, p, weight) == pytest.approx(brier, abs=1e-12)


def test_the_calibration_line_is_found_where_whole_steps_lead_away() -> None:
    rng = np.random.default_rng(0)
    p = rng.beta(1, 20, 5_000)
    y = (rng.random(5_000) < p).astype(float)
    p[:30], p[30:60] = 1 - 1e-9, 1e-12  # sure, and wrong
    slope, intercept = metrics.calibration_line(y, p)
    at = np.array([intercept, slope])
    gradient = metrics.score_sums(y, metrics.logit(p), at)[:, :2].sum(axis=0)
    assert np.abs(gradient).max() < 1e-6
    assert 0 < slope < 0.2


@pytest.mark.parametrize("seed", range(3))
def test_the_calibration_line_is_the_logistic_regression_on_the_logit(seed: int) -> None:
    y, p, w = sample(seed)
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(metrics.logit(p)[:, None], y, sample_weight=w)
    slope, intercept = metrics.calibration_line(y, p, w)
    assert slope == pytest.approx(model.coef_[0, 0], abs=1e-4)
    assert intercept == pytest.approx(model.intercept_[0], abs=1e-4)


def test_lift_shares_a_tie_by_expectation() -> None:
    y = np.array([1, 0, 0, 0, 1, 0, 0, 0, 0, 0], dtype=float)
    assert metrics.lift(y, np.full(10, 0.2)) == pytest.approx(1.0)
    assert metrics.lift(y, [0.9, 0.9, *[0.1] * 8]) == pytest.approx(2.5)  # one of two tied rows, half a positive
    assert metrics.lift(y, [0.9, 0.8, *[0.1] * 8], share=0.2) == pytest.approx(2.5)


def test_ece_by_hand() -> None:
    p = np.repeat([0.1, 0.6], 10)
    y = np.concatenate([[1, 1, 0, 0, 0, 0, 0, 0, 0, 0], [1] * 5, [0] * 5]).astype(float)
    assert metrics.ece(y, p) == pytest.approx(0.5 * 0.1 + 0.5 * 0.1)


def test_skill_is_what_is_saved_of_the_base_rate() -> None:
    y, p, _ = sample(0)
    base = np.full(len(y), y.mean())
    assert metrics.skill(y, base, base) == 0
    assert metrics.skill(y, p, base) == pytest.approx(1 - metrics.log_loss(y, p) / metrics.log_loss(y, base))


def test_what_is_not_defined_is_missing() -> None:
    ones = np.ones(5)
    assert np.isnan(metrics.auc(ones, ones * 0.5))
    assert np.isnan(metrics.average_precision(0 * ones, ones * 0.5))
    assert np.isnan(metrics.lift(0 * ones, ones * 0.5))
    assert np.isnan(metrics.calibration_line(ones, ones * 0.5)).all()
    assert np.isnan(metrics.auc([], []))
    assert np.isfinite(metrics.log_loss([0, 1], [1.0, 0.0]))


@pytest.mark.parametrize("ties", [False, True])
def test_a_replicate_equals_the_metrics_of_the_rows_drawn(*, ties: bool) -> None:
    y, p, _ = sample(1, n=600, ties=ties)
    account = np.random.default_rng(0).integers(0, 60, len(y))
    base, weights = np.full(len(y), y.mean()), bootstrap.draw(60, 5, seed=3)
    found = bootstrap.replicate(y, p, base, account, weights)
    for counts, values in zip(weights, found, strict=True):
        rows = np.repeat(np.arange(len(y)), counts[account].astype(int))
        value = dict(zip(NAMES, values, strict=True))
        drawn = y[rows], p[rows]
        assert value["auc"] == pytest.approx(metrics.auc(*drawn), abs=1e-12)
        assert value["ap"] == pytest.approx(metrics.average_precision(*drawn), abs=1e-12)
        assert value["lift_10"] == pytest.approx(metrics.lift(*drawn), abs=1e-9)
        assert value["log_loss"] == pytest.approx(metrics.log_loss(*drawn), abs=1e-12)
        assert value["brier"] == pytest.approx(metrics.brier(*drawn), abs=1e-12)
        assert value["skill"] == pytest.approx(metrics.skill(*drawn, base[rows]), abs=1e-12)
        slope, intercept = metrics.calibration_line(*drawn)  # replicates take one Newton step of it
        assert (value["slope"], value["intercept"]) == pytest.approx((slope, intercept), abs=0.05)
    assert dict(zip(NAMES, found[0], strict=True))["ece"] == pytest.approx(metrics.ece(y, p), abs=1e-12)
    assert found[0, NAMES.index("slope")] == pytest.approx(metrics.calibration_line(y, p)[0], abs=1e-9)


def test_the_interval_covers_the_truth_when_accounts_repeat_their_rows() -> None:
    covered, widths = 0, []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        p = np.repeat(rng.beta(2, 6, 80), 6)  # six copies of each account: 480 rows that say as much as 80
        y = np.repeat((rng.random(80) < p[::6]).astype(float), 6)
        values = bootstrap.replicate(
            y, p, np.full(480, y.mean()), np.repeat(np.arange(80), 6), bootstrap.draw(80, 100, seed)
        )
        low, high = bootstrap.interval(values[1:])
        loss = NAMES.index("log_loss")
        truth = 0.5053  # expected log loss of p ~ Beta(2, 6)
        covered += low[loss] <= truth <= high[loss]
        widths.append(high[loss] - low[loss])
    assert covered >= 52
    assert 0.08 < np.mean(widths) < 0.25


def test_an_interval_of_fewer_accounts_is_never_narrower() -> None:
    drawn = np.random.default_rng(0).normal(size=(400, 1))
    wide = [float(np.ptp(bootstrap.interval(drawn, evidence=one))) for one in (0, 1, 2, 3, 10, 100, 10_000)]
    assert wide == sorted(wide, reverse=True)
    assert wide[0] == np.ptp(drawn)
    assert wide[-1] == pytest.approx(float(np.ptp(bootstrap.interval(drawn))), rel=0.01)


def test_draws_are_seeded() -> None:
    assert np.array_equal(bootstrap.draw(9, 3, seed=1), bootstrap.draw(9, 3, seed=1))
    assert not np.array_equal(bootstrap.draw(9, 3, seed=1), bootstrap.draw(9, 3, seed=2))
