"""How far a probability can be trusted: an interval for each account.

Three things are unsure about the log-hazard of an account. The coefficients of the regression: their covariance is that
of a sandwich clustered by account, in which what was expected of them before any data counts too, since what is shrunk
is biased by as much as that allows. Which learner is right: the distance between regression and trees tells, or, where
few churned and there are no trees, how far they usually are from each other. And what no indicator says: a floor. Both
are set where nine in ten intervals hold what a particle filter knows in simulated companies, be it from 33 churned
accounts or from 700 (``python -m benchmarks.quality``, and its study of intervals).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit
from scipy.stats import norm

from holdfast.models.hazard import (
    Exposure,
    Floats,
    HazardFit,
    Link,
    Periods,
    hazard_objective,
    loss_terms,
    prior_precision,
)
from holdfast.models.periods import hedged

Ints = NDArray[np.int64]
DISAGREEMENT = 0.8  # of the distance between the learners, as a standard deviation
APART = 0.8  # how far the learners usually are from each other (root mean square), where there is one alone
UNSAID = 0.75  # standard deviation of the log-hazard that the indicators leave open
_CHUNK = 50_000


@dataclass(frozen=True)
class Doubt:
    """Covariance of coefficients, interval intercepts and off-cycle shift, (p + K + 1) squared."""

    covariance: Floats

    @classmethod
    def learn(cls, design: Floats, periods: Periods, fit: HazardFit, penalty: Floats, account: Ints) -> Self:
        """Estimate the covariance around a fit; ``account`` (n,) numbers the accounts."""
        theta = np.concatenate([fit.coef, fit.intercepts, [fit.off_cycle]])
        _, _, curvature = hazard_objective(design, periods, penalty)(theta)
        hessian = curvature()
        factor = cho_factor(hessian)
        prior = prior_precision(penalty, len(fit.intercepts))
        inner = _clustered(design, periods, fit, account) + prior
        half = cho_solve(factor, inner)
        covariance = cho_solve(factor, half.T)
        return cls(0.5 * (covariance + covariance.T))

    def spread(self, design: Floats, eta: Floats, exposure: Exposure) -> Floats:
        """Give the standard deviation of the log of the hazard summed up to each horizon (n, K)."""
        n, k = eta.shape
        hazard = np.exp(eta - eta.max(axis=1, keepdims=True))
        spread = np.empty((n, k))
        for last in range(k):
            share = hazard[:, : last + 1] / hazard[:, : last + 1].sum(axis=1, keepdims=True)
            weights = np.zeros((n, k + 1))
            weights[:, : last + 1] = share
            weights[:, k] = (share * exposure.off_cycle[:, : last + 1]).sum(axis=1)
            row = np.hstack([design, weights])
            reach = np.einsum("ij,jk->ik", row, self.covariance)  # as @ may not: the same bits whatever rows are beside
            spread[:, last] = np.sqrt(np.maximum(np.einsum("ij,ij->i", reach, row), 0.0))
        return spread

    def to_dict(self) -> dict[str, Any]:
        """State as plain numbers: the lower triangle, row by row."""
        size = len(self.covariance)
        return {"size": size, "triangle": self.covariance[np.tril_indices(size)].tolist()}

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> Self:
        """Restore from `to_dict`, to the last bit."""
        covariance = np.zeros((state["size"], state["size"]))
        covariance[np.tril_indices(state["size"])] = state["triangle"]
        return cls(covariance + np.tril(covariance, -1).T)


def bounds(
    eta: Floats, spread: Floats, apart: Floats | None, level: float, link: Link = "cloglog"
) -> tuple[Floats, Floats]:
    """Give the lower and upper bound of the probability of the event by each horizon (n, K).

    Parameters
    ----------
    spread
        (n, K): from `Doubt.spread`.
    apart
        (n,): distance between the log-hazards of the two learners; None where there is one alone.
    level
        Share of the accounts whose probability should lie inside.
    """
    total = eta if link == "logit" else np.log(np.cumsum(np.exp(hedged(eta)), axis=1))
    distance = APART if apart is None else apart[:, None]
    deviation = np.sqrt(spread**2 + (DISAGREEMENT * distance) ** 2 + UNSAID**2)
    reach = norm.ppf(0.5 + level / 2) * deviation
    ends = (total + side * reach for side in (-1.0, 1.0))
    low, high = (expit(one) if link == "logit" else -np.expm1(-np.exp(one)) for one in ends)
    return low, high


def _clustered(design: Floats, periods: Periods, fit: HazardFit, account: Ints) -> Floats:
    """Sum the outer products of the accounts' gradients."""
    width, accounts = design.shape[1] + periods.event.shape[1] + 1, int(account.max()) + 1
    total, together = np.zeros((width, width)), max(1, _CHUNK * accounts // len(account))
    for first in range(0, accounts, together):
        some = (account >= first) & (account < first + together)
        part = periods.rows(some)
        eta = fit.eta(fit.g(design[some]), part.exposure)
        _, slope, _ = loss_terms(eta, part.event, part.weight, part.link)
        cycle = (slope * part.exposure.off_cycle).sum(axis=1, keepdims=True)
        rows = np.hstack([design[some] * slope.sum(axis=1, keepdims=True), slope, cycle])
        sums = np.zeros((together, width))
        np.add.at(sums, account[some] - first, rows)
        total += sums.T @ sums
    return total
