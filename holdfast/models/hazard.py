"""The hazard: complementary log-log per interval, its likelihood, and how it becomes a probability.

An account that is observed over the intervals (0, h1], (h1, h2], ... has in each one the log-hazard

    eta = g(x) + b_interval + c * off_cycle + offset,        P(event by h) = 1 - exp(-sum of exp(eta) up to h).

As g depends on the account alone, an account needs one row of features and K columns of eta; nothing is stacked.

A table without time has one interval and no hazard: its eta is the log-odds, whose link can tell probabilities near 1
apart where that of a hazard soon promises certainty.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from holdfast.models.newton import Objective, newton

Floats = NDArray[np.float64]
Link = Literal["cloglog", "logit"]

# Before any data: log-hazards of intervals differ by about 1 (sd), and a month without a decision carries a fiftieth of
# what a decision does (exp(-4), sd 1), as was best in simulated companies. A handful of events outweighs it.
INTERVAL_PENALTY, OFF_CYCLE_PENALTY, OFF_CYCLE = 1.0, 1.0, -4.0
LEAST, MOST = -200.0, 30.0  # log-hazards between which the likelihood is computed


@dataclass(frozen=True)
class Exposure:
    """What the calendar says of n accounts in K intervals.

    Attributes
    ----------
    offset
        (n, K): log of the renewal decisions in the interval, or log of its days / 30 where it holds none.
    off_cycle
        (n, K): 1 where the interval holds no decision, else 0.
    """

    offset: Floats
    off_cycle: Floats

    def rows(self, mask: NDArray[np.bool_]) -> Exposure:
        """Keep the accounts where a mask holds."""
        return Exposure(self.offset[mask], self.off_cycle[mask])


@dataclass(frozen=True)
class Periods:
    """What was observed of n accounts in K intervals: exposure, event and weight, each (n, K).

    The weight is 0 where the interval was not observed or the account was no longer at risk. The link is that of a
    hazard, but for tables without time, whose only interval has log-odds.
    """

    exposure: Exposure
    event: Floats
    weight: Floats
    link: Link = "cloglog"

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which accounts were observed in any interval (n,)."""
        return np.asarray(self.weight.any(axis=1), dtype=bool)

    @property
    def events(self) -> float:
        """Number of observed events."""
        return float(np.sum(self.event * self.weight))

    def rows(self, mask: NDArray[np.bool_]) -> Periods:
        """Keep the accounts where a mask holds."""
        return Periods(self.exposure.rows(mask), self.event[mask], self.weight[mask], self.link)


@dataclass(frozen=True)
class HazardFit:
    """Fitted coefficients of a hazard that is linear in its design.

    Examples
    --------
    >>> fit = HazardFit(coef=np.array([1.0]), intercepts=np.array([-2.0, -2.0]), off_cycle=-1.0)
    >>> calendar = Exposure(offset=np.zeros((1, 2)), off_cycle=np.array([[0.0, 1.0]]))
    >>> fit.eta(np.array([0.5]), calendar)
    array([[-1.5, -2.5]])
    """

    coef: Floats
    intercepts: Floats
    off_cycle: float

    def g(self, design: Floats) -> Floats:
        """Multiply a design (n, p) by the coefficients, column by column, so that batching never changes a bit."""
        g = np.zeros(len(design))
        for values, weight in zip(design.T, self.coef, strict=True):
            g += values * weight
        return g

    def eta(self, g: Floats, exposure: Exposure) -> Floats:
        """Add intercepts, off-cycle shift and offset to g (n,); gives (n, K)."""
        eta: Floats = g[:, None] + self.intercepts + self.off_cycle * exposure.off_cycle + exposure.offset
        return eta

    @property
    def calendar(self) -> HazardFit:
        """The intercepts alone, for a g that is known."""
        return replace(self, coef=np.empty(0))

    def to_dict(self) -> dict[str, Any]:
        """State as plain lists and numbers."""
        return {"coef": self.coef.tolist(), "intercepts": self.intercepts.tolist(), "off_cycle": self.off_cycle}

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> HazardFit:
        """Restore from `to_dict`, to the last bit."""
        return cls(np.array(state["coef"], float), np.array(state["intercepts"], float), float(state["off_cycle"]))


def event_probability(eta: Floats) -> Floats:
    """Turn log-hazards (n, K) into the probability of the event by the end of each interval.

    Never falls from one interval to the next, since each adds a non-negative hazard.

    Examples
    --------
    >>> event_probability(np.log([[0.1, 0.2]])).round(4)
    array([[0.0952, 0.2592]])
    """
    with np.errstate(over="ignore"):
        total = np.cumsum(np.exp(eta), axis=1)
    probability: Floats = -np.expm1(-total)
    return probability


def loss_terms(eta: Floats, event: Floats, weight: Floats, link: Link = "cloglog") -> tuple[float, Floats, Floats]:
    """Negative log-likelihood, and its first and second derivative with respect to each eta.

    Of a hazard, with m = exp(eta) and r = m / (exp(m) - 1): an event costs -log(1 - exp(-m)), slope -r, curvature
    r (r + m - 1); survival costs m, as do its slope and curvature. Both are convex in eta, as is the loss of log-odds.
    """
    if link == "logit":
        p = expit(eta)
        value = float(np.sum(weight * (np.logaddexp(0.0, eta) - event * eta)))
        return value, weight * (p - event), weight * p * (1.0 - p)
    slope = weight * (1.0 - event) * np.exp(np.clip(eta, LEAST, MOST))
    curve, value, happened = slope.copy(), float(np.sum(slope)), weight * event
    there = np.nonzero(happened)
    cost, falls, bends = event_terms(eta[there], happened[there])
    slope[there] += falls
    curve[there] += bends
    return value + float(np.sum(cost)), slope, curve


def event_terms(eta: Floats, weight: Floats) -> tuple[Floats, Floats, Floats]:
    """Cost of each event, and its first and second derivative with respect to the log-hazard: see `loss_terms`.

    Events are few, and cost four times what survival does to compute.
    """
    m = np.exp(np.clip(eta, LEAST, MOST))
    with np.errstate(over="ignore"):
        r = m / np.expm1(m)
    return -weight * np.log(-np.expm1(-m)), -weight * r, weight * r * np.maximum(r + m - 1.0, 0.0)


def row_losses(eta: Floats, periods: Periods) -> Floats:
    """Negative log-likelihood of each row (n,), summed over its observed intervals."""
    if periods.link == "logit":
        told = np.logaddexp(0.0, eta) - periods.event * eta
    else:
        m = np.exp(np.clip(eta, LEAST, MOST))
        told = np.where(periods.event > 0, -np.log(-np.expm1(-m)), m)
    return np.asarray((periods.weight * told).sum(axis=1))


def log_loss(eta: Floats, periods: Periods) -> float:
    """Mean negative log-likelihood per observed interval."""
    value, _, _ = loss_terms(eta, periods.event, periods.weight, periods.link)
    return value / max(float(periods.weight.sum()), 1.0)


def hazard_objective(
    design: Floats, periods: Periods, penalty: Floats, known: Floats | None = None, expected: Floats | None = None
) -> Objective:
    """Build the penalised objective of (coef, intercepts, off_cycle) for Newton's method.

    Parameters
    ----------
    design, periods
        (n, p) features, and what was observed of the same n accounts.
    penalty
        (p,): ridge penalty of each coefficient.
    known
        (n,): a part of g that is given, for instance by trees.
    expected
        (p,): the coefficients towards which the penalty pulls, 0 unless given.
    """
    exposure, (n, p), k = periods.exposure, design.shape, periods.event.shape[1]
    given = np.zeros(n) if known is None else known
    prior, center = prior_precision(penalty, k), np.zeros(p + k + 1)
    center[:p], center[-1] = 0.0 if expected is None else expected, OFF_CYCLE

    def objective(theta: Floats) -> tuple[float, Floats, Callable[[], Floats]]:
        fit = HazardFit(theta[:p], theta[p : p + k], float(theta[-1]))
        eta = fit.eta(design @ fit.coef + given, exposure)
        value, slope, curve = loss_terms(eta, periods.event, periods.weight, periods.link)
        cycle = exposure.off_cycle
        gradient = np.concatenate([design.T @ slope.sum(axis=1), slope.sum(axis=0), [np.sum(slope * cycle)]])

        def hessian() -> Floats:
            return _hessian(design, curve, cycle) + prior

        away = theta - center
        return value + 0.5 * float(away @ prior @ away), gradient + prior @ away, hessian

    return objective


def prior_precision(penalty: Floats, k: int) -> Floats:
    """Give the precision (p + k + 1 squared) of what is expected of coefficients, k intercepts and off-cycle shift.

    Examples
    --------
    >>> prior_precision(np.array([5.0]), 1).diagonal().tolist()
    [5.0, 0.0, 1.0]
    """
    p = len(penalty)
    prior = np.zeros((p + k + 1, p + k + 1))
    prior[range(p), range(p)] = penalty
    prior[p : p + k, p : p + k] = INTERVAL_PENALTY * (np.eye(k) - 1.0 / k)
    prior[-1, -1] = OFF_CYCLE_PENALTY
    return prior


def _hessian(design: Floats, curve: Floats, cycle: Floats) -> Floats:
    p, k = design.shape[1], curve.shape[1]
    root = design * np.sqrt(curve.sum(axis=1))[:, None]
    hessian = np.zeros((p + k + 1, p + k + 1))
    hessian[:p, :p] = root.T @ root  # a matrix times itself: half the work
    hessian[:p, p:] = design.T @ np.column_stack([curve, (curve * cycle).sum(axis=1)])
    hessian[p:, :p] = hessian[:p, p:].T
    hessian[p:, p:] = _calendar_block(curve, cycle)
    return hessian


def _calendar_block(curve: Floats, cycle: Floats) -> Floats:
    per_interval, off = curve.sum(axis=0), (curve * cycle).sum(axis=0)
    block = np.diag([*per_interval, float(np.sum(curve * cycle * cycle))])
    block[:-1, -1] = block[-1, :-1] = off
    return block


def fit_hazard(
    design: Floats,
    periods: Periods,
    penalty: Floats,
    *,
    known: Floats | None = None,
    expected: Floats | None = None,
    start: HazardFit | None = None,
    tolerance: float = 1e-10,
) -> HazardFit:
    """Fit a hazard by penalised maximum likelihood (convex, Newton's method); see `hazard_objective`."""
    p, k = design.shape[1], periods.event.shape[1]
    rate = first_guess(periods)
    theta = np.concatenate([np.zeros(p), np.full(k, rate), [0.0]])
    if start is not None:
        theta = np.concatenate([start.coef, start.intercepts, [start.off_cycle]])
    theta = newton(hazard_objective(design, periods, penalty, known, expected), theta, tolerance=tolerance)
    return HazardFit(theta[:p], theta[p : p + k], float(theta[-1]))


def fit_calendar(periods: Periods, known: Floats) -> HazardFit:
    """Fit intercepts and off-cycle shift to a g (n,) that is known."""
    return fit_hazard(np.empty((len(known), 0)), periods, np.empty(0), known=known)


def first_guess(periods: Periods) -> float:
    """Log-hazard of the average interval, calendar apart: where fits begin."""
    return float(np.log(max(periods.events, 0.5) / max(float(periods.weight.sum()), 1.0)))


def losses_at_own_level(g: Floats, periods: Periods) -> Floats:
    """Negative log-likelihood of each row (n,) under g (n,) and the calendar that fits these rows best.

    Their sum tells how well accounts are told apart, whatever the level of the days on which they are judged.
    """
    return row_losses(fit_calendar(periods, g).eta(g, periods.exposure), periods)
