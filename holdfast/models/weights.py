"""Learning the weights of the health score: non-negative, with the template as prior."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from holdfast.models.hazard import Floats, HazardFit, Periods, fit_hazard, hazard_objective, losses_at_own_level
from holdfast.models.newton import newton
from holdfast.models.periods import Observed, account_folds, choose, forward_folds

ALPHAS = (1.0, 5.0, 20.0, 60.0)
# Weak prior on the sum of the coefficients, log-normal: separable data pulls it up without end, noise to zero.
_SUM, _SUM_PENALTY = np.log(4.0), 0.25


@dataclass(frozen=True)
class LearnedWeights:
    """Weights that sum to 1, the log-hazard between the worst and the best account, and the hazard around them."""

    weights: Floats
    strength: float
    hazard: HazardFit
    theta: Floats


def fit_weights(
    health: Floats,
    context: Floats,
    periods: Periods,
    prior: Floats,
    alpha: float,
    *,
    sign: int,
    start: Floats | None = None,
    tolerance: float = 1e-9,
) -> LearnedWeights:
    """Fit eta = sign * health @ beta + context @ gamma + calendar with beta > 0.

    Minimises the negative log-likelihood - alpha * sum_j prior_j log(beta_j / sum(beta)), a Dirichlet prior on the
    weights beta / sum(beta), over log(beta), where both are smooth.

    Parameters
    ----------
    health
        (n, J) on [0, 1], 1 healthy, nothing missing.
    context
        (n, p) standardised.
    prior
        (J,) template weights that sum to 1; ``alpha`` events' worth of them.
    sign
        -1 where health lowers the hazard, +1 for the return from silence.
    """
    j, p = health.shape[1], context.shape[1]
    plain = hazard_objective(np.hstack([sign * health, context]), periods, np.r_[np.zeros(j), np.ones(p)])

    def objective(theta: Floats) -> tuple[float, Floats, Callable[[], Floats]]:
        beta = np.exp(np.clip(theta[:j], -50.0, 20.0))
        value, gradient, curvature = plain(np.r_[beta, theta[j:]])
        chain = np.r_[beta, np.ones(len(theta) - j)]
        gradient = gradient * chain
        share, excess = beta / beta.sum(), float(np.log(beta.sum()) - _SUM)
        bend = np.diag(np.maximum(gradient[:j], 0.0))
        value += alpha * float(np.log(beta.sum()) - prior @ theta[:j]) + 0.5 * _SUM_PENALTY * excess**2
        gradient[:j] += alpha * (share - prior) + _SUM_PENALTY * excess * share

        def hessian() -> Floats:
            bent: Floats = curvature() * np.outer(chain, chain)
            bent[:j, :j] += bend + alpha * (np.diag(share) - np.outer(share, share))
            bent[:j, :j] += _SUM_PENALTY * np.outer(share, share)
            return bent

        return value, gradient, hessian

    begin = _begin(health, context, periods, prior, sign) if start is None else start
    theta = newton(objective, begin, tolerance=tolerance)
    beta = np.exp(theta[:j])
    k = periods.event.shape[1]
    hazard = HazardFit(theta[j : j + p], theta[j + p : j + p + k], float(theta[-1]))
    return LearnedWeights(beta / beta.sum(), float(beta.sum()), hazard, theta)


def choose_alpha(
    health: Floats, context: Floats, observed: Observed, prior: Floats, grid: tuple[float, ...] = ALPHAS
) -> float:
    """Choose the strength of the prior by account-grouped validation forward in time; of equals the strictest.

    Where the history is too short to look forward, accounts alone are kept apart.
    """
    if len(grid) == 1:
        return grid[0]
    losses, sign = np.zeros(len(grid)), observed.health_sign
    for train, test in [*forward_folds(observed)] or account_folds(observed):
        learn, judge = train.seen, test.seen
        if not (learn.any() and judge.any()):
            continue
        small, held_out, start = train.rows(learn), test.rows(judge), None
        for i in reversed(range(len(grid))):
            one = fit_weights(
                health[learn], context[learn], small, prior, grid[i], sign=sign, start=start, tolerance=1e-6
            )
            start = one.theta
            g = sign * one.strength * (health[judge] @ one.weights) + context[judge] @ one.hazard.coef
            losses[i] += losses_at_own_level(g, held_out).sum()
    return choose(losses, grid)


def _begin(health: Floats, context: Floats, periods: Periods, prior: Floats, sign: int) -> Floats:
    """Start from the template's weights, as strong as they are found to be."""
    template = np.column_stack([sign * (health @ prior), context])
    fit = fit_hazard(template, periods, np.ones(template.shape[1]), tolerance=1e-6)
    beta = max(float(fit.coef[0]), 0.5) * prior
    return np.concatenate([np.log(beta), fit.coef[1:], fit.intercepts, np.array([fit.off_cycle])])
