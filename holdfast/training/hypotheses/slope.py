"""What a fall of the score says beside its level: a hazard that is as many times as high for each point of it.

The kinds of rows (contract, segment, decisions ahead, level of the score) have hazards of their own, which are
conditioned out, as in a Cox regression; what was faced counts as exposure. The error is that of the accounts, as they
are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from holdfast.training.hypotheses.bench import FALL, HEALTH
from holdfast.training.hypotheses.found import EVENTS, Found, Side, number, on_a_log, two_sided

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.training.hypotheses.bench import Bench
    from holdfast.training.metrics import Floats

_STEPS = 25
_BAND = 5.0  # points: scores of one band are of one level, and what differs inside it is a slope of its own
_ALONE = 1e-6  # share of the information on the first column that the others must leave to it


@dataclass(frozen=True)
class Slope:
    """Measure how many times as often an account leaves for so many points that its score has fallen in a month.

    Parameters
    ----------
    points
        Points of health.
    """

    points: float = 20.0

    def find(self, bench: Bench, needs: Sequence[str]) -> Found | str:
        """Measure it, at the same level now."""
        units, signs = bench.churn, bench.signs(needs)
        here = signs.notna().all(axis=1).to_numpy() & units.counted
        side = Side.of("", here, units.event, bench.account)
        measure = f"churn per {units.each} for {self.points:.0f} points fallen in a month, at the same level now, times"
        found = Found(measure, side, claimed=1.0)
        if side.events < EVENTS:
            told = f"{side.events} accounts left that had a score a month before, and {EVENTS} are needed"
            return Found(measure, side, claimed=1.0, too_few=f"{told}: {EVENTS - side.events} more")
        fall, level = signs[FALL].to_numpy(float)[here], signs[HEALTH].to_numpy(float)[here]
        z = np.column_stack([fall, level - level.mean()]) / self.points
        strata = bench.strata(units, match=signs[HEALTH].floordiv(_BAND))[here]
        fitted = conditional(z, units.event[here], units.faced[here], strata)
        if fitted is None:
            return Found(measure, side, claimed=1.0, too_few="the scores hardly differ")
        beta, scores, information = fitted
        parts = np.zeros((bench.weights.shape[1], z.shape[1]))
        np.add.at(parts, bench.account[here], scores)
        moved = (bench.weights[1:] @ parts) @ np.linalg.pinv(information, hermitian=True)
        error = float(moved[:, 0].std())
        ratio = float(np.exp(beta[0]))
        low, high = on_a_log(ratio, error)
        told = f"{number(ratio)} times ({number(low)} to {number(high)})"
        return Found(
            found.measure, side, value=ratio, low=low, high=high, claimed=1.0,
            p=two_sided(float(beta[0]), error), satisfied=ratio > 1, told=told,
            fails=", the other way round", open=": no difference is seen",
        )  # fmt: skip


def conditional(
    z: Floats, event: Floats, faced: Floats, strata: NDArray[np.intp]
) -> tuple[Floats, Floats, Floats] | None:
    """Fit log-hazards that are linear in z, each kind of row having a level of its own that is conditioned out.

    Returns
    -------
    tuple
        Coefficients, the score of each row (n, p) and the information (p, p); None where the first column says nothing
        that the others do not.

    Examples
    --------
    >>> z, event = np.repeat([[0.0], [1.0]], 100, axis=0), np.r_[np.arange(100) < 10, np.arange(100) < 30].astype(float)
    >>> beta, _, _ = conditional(z, event, np.ones(200), np.zeros(200, dtype=int))
    >>> np.exp(beta).round(6).tolist()
    [3.0]
    """
    _, kind = np.unique(strata, return_inverse=True)
    events = np.bincount(kind, weights=event)
    beta = np.zeros(z.shape[1])
    for _ in range(_STEPS):
        rate = faced * np.exp(np.clip(z @ beta, -30, 30))
        total = np.bincount(kind, weights=rate)
        mean = np.column_stack([np.bincount(kind, weights=rate * one) for one in z.T]) / total[:, None]
        away = z - mean[kind]
        expected = rate * (events / total)[kind]
        scores = (event - expected)[:, None] * away
        information = (away * expected[:, None]).T @ away
        if not _identified(information):
            return None
        step = np.linalg.pinv(information, hermitian=True) @ scores.sum(axis=0)
        beta = beta + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            return beta, scores, information
    return None


def _identified(information: Floats) -> bool:
    """Tell whether the first column varies beside the others."""
    first, shared, others = information[0, 0], information[0, 1:], information[1:, 1:]
    if not np.isfinite(information).all() or first <= 0:
        return False
    return bool(first - shared @ np.linalg.pinv(others, hermitian=True) @ shared > _ALONE * first)
