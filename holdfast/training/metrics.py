"""Metrics: plain functions of labels, probabilities and weights, exact where predictions are tied.

A row has a label ``y`` (0 or 1), a probability ``p`` and a ``weight`` (1 each when left out). Each function returns one
number, missing where it is not defined: a ranking without both outcomes, a lift without an event.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

NAMES = ("auc", "ap", "log_loss", "skill", "skill_context", "brier", "ece", "slope", "intercept", "ratio", "lift_10")
PLAIN = ("ece_floor", "n", "events")  # told without an interval
EPSILON = 1e-15
BINS = 10


@dataclass(frozen=True)
class Ranking:
    """Rows in descending order of probability, laid out once and weighted often.

    Attributes
    ----------
    order
        Row positions, most probable first.
    starts
        Where each group starts: rows of equal probability, or a run of rows without a positive, inside which no ranking
        metric changes.
    y
        Labels in that order.
    """

    order: NDArray[np.intp]
    starts: NDArray[np.intp]
    y: Floats

    @classmethod
    def of(cls, y: ArrayLike, p: ArrayLike) -> Ranking:
        """Sort the rows."""
        y, p = np.asarray(y, dtype=float), np.asarray(p, dtype=float)
        order = np.argsort(-p, kind="stable")
        ranked = p[order]
        starts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1])) if len(p) else np.empty(0, dtype=np.intp)
        if len(starts) > 1:
            positive = np.add.reduceat(y[order], starts) > 0
            starts = starts[np.append(True, positive[1:] | positive[:-1])]
        return cls(order, starts, y[order])

    def tally(self, weight: Floats | None = None) -> tuple[Floats, Floats]:
        """Sum the weights of positives, and of all rows, in each group; weights by row."""
        return self.sums(np.ones(len(self.y)) if weight is None else weight[self.order])

    def sums(self, ordered: Floats) -> tuple[Floats, Floats]:
        """Do the same with weights that are in the order of the ranking already."""
        if not len(self.y):
            return np.zeros(0), np.zeros(0)
        return np.add.reduceat(ordered * self.y, self.starts), np.add.reduceat(ordered, self.starts)


def auc(y: ArrayLike, p: ArrayLike, weight: Floats | None = None) -> float:
    """Compute the area under the ROC curve; a tie counts one half.

    Examples
    --------
    >>> auc([0, 1, 1], [0.2, 0.2, 0.9])
    0.75
    """
    return auc_of(*Ranking.of(y, p).tally(weight))


def auc_of(positive: Floats, total: Floats) -> float:
    """Compute the area under the ROC curve from a tally in descending order."""
    negative = total - positive
    pairs = positive.sum() * negative.sum()
    if pairs <= 0:
        return np.nan
    below = negative.sum() - np.cumsum(negative)
    return float((positive * (below + 0.5 * negative)).sum() / pairs)


def average_precision(y: ArrayLike, p: ArrayLike, weight: Floats | None = None) -> float:
    """Compute the mean precision over the positives, by the step rule of scikit-learn.

    Examples
    --------
    >>> round(average_precision([0, 1, 1], [0.5, 0.2, 0.9]), 4)
    0.8333
    """
    return average_precision_of(*Ranking.of(y, p).tally(weight))


def average_precision_of(positive: Floats, total: Floats) -> float:
    """Compute average precision from a tally in descending order."""
    if positive.sum() <= 0:
        return np.nan
    seen = np.cumsum(total)
    precision = np.divide(np.cumsum(positive), seen, out=np.zeros_like(seen), where=seen > 0)
    return float((positive * precision).sum() / positive.sum())


def lift(y: ArrayLike, p: ArrayLike, weight: Floats | None = None, share: float = 0.1) -> float:
    """Compare the churn rate in the most probable share of rows with the overall rate; ties by expectation.

    Examples
    --------
    >>> lift([1, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0.9, *[0.1] * 9])
    10.0
    """
    return lift_of(*Ranking.of(y, p).tally(weight), share)


def lift_of(positive: Floats, total: Floats, share: float = 0.1) -> float:
    """Compute the lift from a tally in descending order."""
    captured = captured_of(positive, total, np.array([share]))[0]
    return float(captured / share)


def captured_of(positive: Floats, total: Floats, shares: Floats) -> Floats:
    """Give the share of positives among the most probable shares of rows; inside a tie, in proportion."""
    if positive.sum() <= 0:
        return np.full(len(shares), np.nan)
    reached = np.append(0.0, np.cumsum(total)) / total.sum()
    return np.asarray(np.interp(shares, reached, np.append(0.0, np.cumsum(positive)) / positive.sum()))


def log_loss(y: ArrayLike, p: ArrayLike, weight: Floats | None = None) -> float:
    """Average the negative log-likelihood; probabilities are kept 1e-15 away from 0 and 1.

    Examples
    --------
    >>> round(log_loss([0, 1], [0.5, 0.5]), 4)
    0.6931
    """
    return _mean(losses(y, p), weight)


def losses(y: ArrayLike, p: ArrayLike) -> Floats:
    """Give the negative log-likelihood of each row."""
    y, p = np.asarray(y, dtype=float), _inside(p)
    return np.asarray(-(y * np.log(p) + (1 - y) * np.log1p(-p)))


def skill(y: ArrayLike, p: ArrayLike, base: ArrayLike, weight: Floats | None = None) -> float:
    """Give the share of the base rate's log loss that the probabilities save: 1 - LL / LL_base.

    Examples
    --------
    >>> skill([0, 1], [0.5, 0.5], [0.5, 0.5])
    0.0
    """
    worst = log_loss(y, base, weight)
    return 1 - log_loss(y, p, weight) / worst if worst > 0 else np.nan


def brier(y: ArrayLike, p: ArrayLike, weight: Floats | None = None) -> float:
    """Average the squared error of the probabilities.

    Examples
    --------
    >>> brier([0, 1], [0.5, 0.5])
    0.25
    """
    return _mean((np.asarray(y, dtype=float) - np.asarray(p, dtype=float)) ** 2, weight)


def ece(y: ArrayLike, p: ArrayLike, weight: Floats | None = None) -> float:
    """Average the gap between predicted and observed rate over ten bins of equal mass.

    Examples
    --------
    >>> round(ece([0, 0, 0, 1], [0.25] * 4), 12)
    0.0
    """
    y, p = np.asarray(y, dtype=float), np.asarray(p, dtype=float)
    weight = np.ones(len(y)) if weight is None else weight
    gaps = np.bincount(equal_mass(p), weights=weight * (p - y), minlength=BINS)
    return float(np.abs(gaps).sum() / weight.sum()) if weight.sum() > 0 else np.nan


def ece_floor(p: ArrayLike, draws: int = 1000, level: float = 0.95, seed: int = 0) -> float:
    """Give the calibration error that true probabilities would stay below in so many of a hundred samples.

    The labels of a bin are drawn by the normal approximation, as of independent rows; a calibration error below it
    tells nothing against the probabilities.

    Examples
    --------
    >>> round(ece_floor(np.full(10_000, 0.1)), 3)
    0.006
    """
    p = np.asarray(p, dtype=float)
    if not len(p):
        return np.nan
    spread = np.sqrt(np.bincount(equal_mass(p), weights=p * (1 - p), minlength=BINS))
    gaps = np.abs(np.random.default_rng(seed).normal(size=(draws, BINS)) * spread).sum(axis=1) / len(p)
    return float(np.quantile(gaps, level))


def equal_mass(p: ArrayLike, bins: int = BINS) -> NDArray[np.intp]:
    """Assign rows to bins of equal mass, ascending; equal probabilities share the bin of their middle rank.

    Examples
    --------
    >>> equal_mass([0.1, 0.3, 0.2, 0.2], bins=2).tolist()
    [0, 1, 1, 1]
    """
    p = np.asarray(p, dtype=float)
    _, group, counts = np.unique(p, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    return np.minimum((bins * middle[group] / max(len(p), 1)).astype(np.intp), bins - 1)


def calibration_line(y: ArrayLike, p: ArrayLike, weight: Floats | None = None) -> tuple[float, float]:
    """Regress labels on the logit of probabilities; returns (slope, intercept), (1, 0) when calibrated.

    The intercept is that of the same regression. Both are missing when there is one outcome only, or one probability.
    """
    y, z = np.asarray(y, dtype=float), logit(p)
    weight = np.ones(len(y)) if weight is None else weight
    seen = weight > 0
    if not seen.any() or np.ptp(y[seen]) == 0 or np.ptp(z[seen]) < 1e-9:  # no spread to speak of
        return np.nan, np.nan
    at = np.array([0.0, 1.0])  # intercept, slope
    loss = _line_loss(y, z, at, weight)
    for _ in range(50):
        step = np.clip(newton_step((score_sums(y, z, at).T * weight).sum(axis=1)[None, :])[0], -10, 10)
        if not np.isfinite(step).all():  # no line fits: the outcomes are apart, or all but so
            return np.nan, np.nan
        while (tried := _line_loss(y, z, at + step, weight)) > loss and np.abs(step).max() > 1e-10:
            step = step / 2  # far from the line a whole step may lead away from it
        at, loss = at + step, tried
        if np.abs(step).max() < 1e-10:
            break
    return float(at[1]), float(at[0])


def _line_loss(y: Floats, z: Floats, at: Floats, weight: Floats) -> float:
    eta = at[0] + at[1] * z
    return float((weight * (np.logaddexp(0.0, eta) - y * eta)).sum())


def logit(p: ArrayLike) -> Floats:
    """Give the log-odds."""
    p = _inside(p)
    return np.asarray(np.log(p) - np.log1p(-p))


def score_sums(y: Floats, z: Floats, at: Floats) -> Floats:
    """Give, per row, gradient (2) and information (3: 00, 01, 11) of the logistic line at (intercept, slope)."""
    q = 1 / (1 + np.exp(-np.clip(at[0] + at[1] * z, -35, 35)))
    return np.column_stack([y - q, (y - q) * z, q * (1 - q), q * (1 - q) * z, q * (1 - q) * z * z])


def newton_step(sums: Floats) -> Floats:
    """Solve the 2 x 2 system of each row of sums (n, 5); missing where it has no solution."""
    g0, g1, h00, h01, h11 = np.asarray(sums, dtype=float).T
    det = h00 * h11 - h01**2
    det = np.where(det > 1e-12 * np.maximum(h00 * h11, 1e-300), det, np.nan)  # numerically singular
    return np.asarray(np.column_stack([(h11 * g0 - h01 * g1) / det, (h00 * g1 - h01 * g0) / det]))


def _inside(p: ArrayLike) -> Floats:
    return np.asarray(np.clip(np.asarray(p, dtype=float), EPSILON, 1 - EPSILON))


def _mean(values: Floats, weight: Floats | None) -> float:
    total: Any = len(values) if weight is None else weight.sum()
    return float((values if weight is None else values * weight).sum() / total) if total > 0 else np.nan
