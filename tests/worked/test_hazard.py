"""The hazard's mathematics: derivatives, known answers, recovery of a known law, and behaviour at the edges."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime

from holdfast.models.calibration import fit_calibration, level, slope_if_it_helps
from holdfast.models.hazard import (
    Exposure,
    HazardFit,
    Link,
    Periods,
    event_probability,
    fit_hazard,
    hazard_objective,
    log_loss,
    loss_terms,
    losses_at_own_level,
)
from holdfast.models.newton import newton
from holdfast.models.periods import choose, churn_probability
from holdfast.models.weights import fit_weights


def draw(n: int, coef: list[float], seed: int = 0) -> tuple[np.ndarray, Periods, np.ndarray]:
    """Three intervals, half of them on the renewal cycle: design, what was observed, and the true eta."""
    rng = np.random.default_rng(seed)
    design = rng.normal(size=(n, len(coef)))
    decisions = rng.integers(0, 3, size=(n, 3)).astype(float)
    exposure = Exposure(np.log(np.where(decisions > 0, decisions, 1.0)), (decisions == 0).astype(float))
    truth = HazardFit(np.array(coef), np.array([-2.5, -2.3, -2.7]), -1.5)
    eta = truth.eta(truth.g(design), exposure)
    event = (rng.random((n, 3)) < -np.expm1(-np.exp(eta))).astype(float)
    weight = np.column_stack([np.ones(n), np.cumprod(1 - event, axis=1)[:, :2]])
    return design, Periods(exposure, event * weight, weight), eta


def test_likelihood_by_hand() -> None:
    """With m = exp(eta) = log 2 both outcomes have probability one half."""
    eta = np.log(np.log([[2.0, 2.0]]))
    value, _, _ = loss_terms(eta, event=np.array([[0.0, 1.0]]), weight=np.ones((1, 2)))
    assert value == pytest.approx(2 * np.log(2.0), abs=1e-14)


@given(st.floats(-30.0, 3.0), st.integers(0, 1), st.sampled_from(get_args(Link)))
@settings(max_examples=120, deadline=None)
def test_derivatives_agree_with_differences(eta: float, event: int, link: Link) -> None:
    def terms(x: float) -> tuple[float, float, float]:
        value, slope, curve = loss_terms(np.array([[x]]), np.array([[float(event)]]), np.ones((1, 1)), link)
        return value, slope.item(), curve.item()

    step = 1e-5
    assert terms(eta)[1] == pytest.approx(
        (terms(eta + step)[0] - terms(eta - step)[0]) / (2 * step), rel=1e-5, abs=1e-7
    )
    assert terms(eta)[2] == pytest.approx(
        (terms(eta + step)[1] - terms(eta - step)[1]) / (2 * step), rel=1e-5, abs=1e-7
    )


def test_gradient_and_hessian_of_the_penalised_objective() -> None:
    design, periods, _ = draw(200, [0.5, -0.3])
    around = np.array([0.4, -0.6])
    objective = hazard_objective(design, periods, np.array([3.0, 0.5]), known=design[:, 0] * 0.1, expected=around)
    theta = np.array([0.2, -0.1, -2.0, -2.2, -2.4, -0.7])
    _, gradient, hessian = objective(theta)
    np.testing.assert_allclose(gradient, approx_fprime(theta, lambda x: objective(x)[0], 1e-7), rtol=1e-4, atol=1e-4)
    differences = approx_fprime(theta, lambda x: objective(x)[1], 1e-7)
    np.testing.assert_allclose(hessian(), differences, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(("left", "near"), [(0, -6.07), (400, -0.774)])
def test_between_decisions_what_is_expected_gives_way_to_what_is_seen(left: int, near: float) -> None:
    """A fifth leaves at a decision; of 4,000 without one nobody, or a tenth.

    Nobody: x + 4 = -4000 log(1.25) exp(x). A tenth: log(log(1 / .9) / log(1 / .8)) = -.750, of which the prior takes
    its distance of 3.25 times the variance of the two rates, 1 / 200 + 1 / 400.
    """
    exposure = Exposure(np.zeros((5_000, 1)), (np.arange(5_000) >= 1_000).astype(float)[:, None])
    event = np.zeros((5_000, 1))
    event[:200], event[1_000 : 1_000 + left] = 1.0, 1.0
    fit = fit_hazard(np.empty((5_000, 0)), Periods(exposure, event, np.ones((5_000, 1))), np.empty(0))
    assert fit.off_cycle == pytest.approx(near, abs=0.01)


@pytest.mark.parametrize("extreme", [-800.0, -40.0, 40.0, 800.0])
@pytest.mark.parametrize("event", [0.0, 1.0])
def test_extreme_log_hazards_stay_finite(extreme: float, event: float) -> None:
    for link in get_args(Link):
        value, slope, curve = loss_terms(np.array([[extreme]]), np.array([[event]]), np.ones((1, 1)), link)
        assert np.isfinite([value, slope.item(), curve.item()]).all()
    assert 0.0 <= event_probability(np.array([[extreme]])).item() <= 1.0


def test_probabilities_never_fall_for_an_event_and_never_rise_for_silence() -> None:
    eta = np.random.default_rng(0).normal(-2.0, 5.0, size=(100_000, 3))
    assert (np.diff(churn_probability(eta, rises=True), axis=1) >= 0).all()
    assert (np.diff(churn_probability(eta, rises=False), axis=1) <= 0).all()
    np.testing.assert_allclose(churn_probability(eta, rises=True) + churn_probability(eta, rises=False), 1.0)


def test_a_known_law_is_recovered() -> None:
    design, periods, truth = draw(20_000, [0.8, -0.5, 0.0])
    fit = fit_hazard(design, periods, np.ones(3))
    np.testing.assert_allclose(fit.coef, [0.8, -0.5, 0.0], atol=0.05)
    np.testing.assert_allclose(fit.intercepts, [-2.5, -2.3, -2.7], atol=0.12)
    assert fit.off_cycle == pytest.approx(-1.5, abs=0.1)
    fresh, later, truth = draw(20_000, [0.8, -0.5, 0.0], seed=1)
    eta = fit.eta(fit.g(fresh), later.exposure)
    assert log_loss(eta, later) <= log_loss(truth, later) + 2e-4
    assert fit_calibration(eta, later).slope == pytest.approx(1.0, abs=0.05)


def test_a_coefficient_is_what_was_expected_where_nothing_is_known() -> None:
    design, periods, _ = draw(50, [0.8, -0.5])
    strict = fit_hazard(design, periods, np.full(2, 1e9), expected=np.array([0.3, 0.0]))
    np.testing.assert_allclose(strict.coef, [0.3, 0.0], atol=1e-6)
    many, seen, _ = draw(20_000, [0.8, -0.5])
    free = fit_hazard(many, seen, np.ones(2), expected=np.array([-3.0, 3.0]))
    np.testing.assert_allclose(free.coef, [0.8, -0.5], atol=0.05)


def test_censored_rows_speak_as_far_as_they_were_observed() -> None:
    design, periods, _ = draw(5_000, [0.8])
    short = Periods(periods.exposure, periods.event, periods.weight * [1.0, 1.0, 0.0])
    fit = fit_hazard(design, short, np.ones(1))
    assert fit.coef.item() == pytest.approx(0.8, abs=0.1)
    other = Periods(periods.exposure, np.where([True, True, False], periods.event, 1.0), short.weight)
    assert (fit_hazard(design, other, np.ones(1)).coef == fit.coef).all()


@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_separable_and_one_sided_data_stay_finite(outcome: float) -> None:
    design, periods, _ = draw(300, [1.0])
    separable = (np.repeat(design > 0, 3, axis=1)).astype(float)
    for event in (separable, np.full_like(separable, outcome)):
        fit = fit_hazard(design, Periods(periods.exposure, event, np.ones_like(event)), np.ones(1))
        assert np.isfinite([*fit.coef, *fit.intercepts, fit.off_cycle]).all()


def test_newton_escapes_where_the_function_is_not_convex() -> None:
    """From a crest of cos the way leads down, to a valley at an odd multiple of pi."""
    valley = newton(lambda x: (float(np.cos(x[0])), -np.sin(x), lambda: -np.cos(np.diag(x))), np.array([0.1]))
    assert np.cos(valley.item()) == pytest.approx(-1.0)


def stretched(eta: np.ndarray, periods: Periods, slope: float) -> np.ndarray:
    """Log-hazards too wide by a factor, the calendar's offset apart."""
    return periods.exposure.offset + slope * (eta - periods.exposure.offset)


def test_calibration_repairs_an_overconfident_model_and_leaves_a_good_one() -> None:
    _, periods, truth = draw(6_000, [0.9])
    half, wild = np.arange(6_000) % 2, stretched(truth, periods, 2.0)
    slope = slope_if_it_helps(wild, periods, half)
    assert slope == pytest.approx(0.5, abs=0.05)
    repaired = level(wild, periods, slope)
    assert log_loss(repaired.apply(wild, periods.exposure), periods) < log_loss(truth, periods) + 1e-3
    assert slope_if_it_helps(stretched(truth, periods, 1.02), periods, half) == 1.0
    few = Periods(periods.exposure, periods.event * (np.arange(6_000) < 50)[:, None], periods.weight)
    assert slope_if_it_helps(wild, few, half) == 1.0


@pytest.mark.parametrize("swing", [-0.6, 0.6])
def test_a_swing_of_the_level_in_the_held_out_block_calibrates_nothing(swing: float) -> None:
    """The final model learns from that block as well; corrected by its swing, it would learn it twice."""
    _, periods, truth = draw(6_000, [0.9])
    assert slope_if_it_helps(truth - swing, periods, np.arange(6_000) % 2) == 1.0


def test_a_calibrated_model_keeps_the_level_of_all_training_rows() -> None:
    _, periods, truth = draw(6_000, [0.9])
    wild = stretched(truth, periods, 1.7)
    repaired = level(wild, periods, 0.6)
    hazard = -np.expm1(-np.exp(repaired.apply(wild, periods.exposure)))
    assert repaired.slope == 0.6
    assert np.sum(hazard * periods.weight) == pytest.approx(periods.events, rel=0.02)
    assert log_loss(repaired.apply(wild, periods.exposure), periods) < log_loss(wild, periods)


@pytest.mark.parametrize("link", get_args(Link))
def test_a_ranking_is_judged_at_the_level_that_fits_it_best(link: Link) -> None:
    """In one interval without a calendar that is the least loss which adding a number can reach."""
    rng = np.random.default_rng(0)
    g, event = rng.normal(size=400), (rng.random((400, 1)) < 0.3).astype(float)
    seen = Periods(Exposure(np.zeros((400, 1)), np.zeros((400, 1))), event, np.ones((400, 1)), link)
    shifts = np.linspace(-4.0, 2.0, 601)
    least = min(loss_terms((g + shift)[:, None], event, seen.weight, link)[0] for shift in shifts)
    assert losses_at_own_level(g, seen).sum() == pytest.approx(least, rel=1e-5)
    assert losses_at_own_level(g + 2.0, seen).sum() == pytest.approx(least, rel=1e-5)
    assert losses_at_own_level(np.zeros(400), seen).sum() < least, "of noise, nothing is the better ranking"


def test_the_stricter_of_two_equal_choices_wins() -> None:
    assert choose(np.array([0.5, 0.4, 0.4, 0.6]), (1.0, 2.0, 3.0, 4.0)) == 3.0


def test_weights_are_a_stationary_point_of_the_documented_objective() -> None:
    """Differences of the objective as SCIENCE writes it, in the coefficients themselves, vanish at the solution."""
    rng = np.random.default_rng(3)
    health, prior = rng.random((3_000, 3)), np.array([0.5, 0.3, 0.2])
    _, periods, _ = draw(3_000, [0.0])
    eta = -2.0 - health @ [3.0, 0.5, 0.5]
    event = (rng.random((3_000, 3)) < -np.expm1(-np.exp(eta))[:, None]).astype(float)
    calendar = Exposure(np.zeros((3_000, 3)), np.ones((3_000, 3)))
    periods = Periods(calendar, event, np.column_stack([np.ones(3_000), np.cumprod(1 - event, axis=1)[:, :2]]))
    learned = fit_weights(health, np.empty((3_000, 0)), periods, prior, 20.0, sign=-1)

    def objective(beta: np.ndarray) -> float:
        value = log_loss(learned.hazard.eta(-health @ beta, calendar), periods) * periods.weight.sum()
        sum_prior = 0.125 * (np.log(beta.sum()) - np.log(4.0)) ** 2
        return value - 20.0 * float(prior @ np.log(beta / beta.sum())) + sum_prior

    slope = approx_fprime(learned.strength * learned.weights, objective, 1e-6)
    np.testing.assert_allclose(slope, 0.0, atol=0.05)
    assert learned.weights[0] > 0.6
