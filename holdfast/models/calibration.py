"""Calibration: a straight line on the log-hazard, only where later data shows that it helps.

Its slope is learned on a later block that the model had not seen: there overconfidence shows. Its level is that of all
training rows. The level of the block is no guide to it: it differs from the earlier rows by a swing of the base rate,
which the final model, having learned from the block as well, has taken up already.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.models.hazard import Exposure, Floats, Periods, log_loss, loss_terms
from holdfast.models.newton import newton

MIN_BLOCK_EVENTS = 50
# Less than 2 in log-likelihood is won by chance, and less than 1 % is not worth a line.
MIN_GAIN, MIN_SHARE = 2.0, 0.01
_STEADY = 10.0  # weak prior on (slope, shift) at (1, 0): about ten events' worth


@dataclass(frozen=True)
class Calibration:
    """Stretch and shift the log-hazard, the calendar's offset apart: offset + slope * (eta - offset) + shift.

    The slope is positive, so the order of accounts that face the same calendar is kept.

    Examples
    --------
    >>> calendar = Exposure(offset=np.zeros((1, 1)), off_cycle=np.zeros((1, 1)))
    >>> Calibration(slope=0.5, shift=0.1).apply(np.array([[-2.0]]), calendar)
    array([[-0.9]])
    """

    slope: float = 1.0
    shift: float = 0.0

    def apply(self, eta: Floats, exposure: Exposure) -> Floats:
        """Calibrate log-hazards (n, K)."""
        if self == Calibration():
            return eta
        calibrated: Floats = exposure.offset + self.slope * (eta - exposure.offset) + self.shift
        return calibrated

    def to_dict(self) -> dict[str, Any]:
        """State as numbers."""
        return {"slope": self.slope, "shift": self.shift}


def fit_calibration(eta: Floats, periods: Periods) -> Calibration:
    """Fit slope (as its logarithm, so it stays positive) and shift to log-hazards that were predicted blindly."""
    raw = eta - periods.exposure.offset

    def objective(theta: Floats) -> tuple[float, Floats, Callable[[], Floats]]:
        stretched = np.exp(theta[0]) * raw
        value, slope, curve = loss_terms(
            stretched + theta[1] + periods.exposure.offset, periods.event, periods.weight, periods.link
        )
        gradient = np.array([np.sum(slope * stretched), np.sum(slope)]) + _STEADY * theta
        cross = np.sum(curve * stretched)
        hessian = np.array([[np.sum(curve * stretched**2 + slope * stretched), cross], [cross, np.sum(curve)]])
        return value + 0.5 * _STEADY * float(theta @ theta), gradient, lambda: hessian + _STEADY * np.eye(2)

    log_slope, shift = newton(objective, np.zeros(2))
    return Calibration(float(np.exp(log_slope)), float(shift))


def level(eta: Floats, periods: Periods, slope: float) -> Calibration:
    """Give the line of this slope whose level is the likeliest for these rows."""
    offset = periods.exposure.offset
    line = offset + slope * (eta - offset)

    def objective(theta: Floats) -> tuple[float, Floats, Callable[[], Floats]]:
        value, gradient, curve = loss_terms(line + theta[0], periods.event, periods.weight, periods.link)
        return value, np.array([np.sum(gradient)]), lambda: np.array([[np.sum(curve)]])

    return Calibration(slope, float(newton(objective, np.zeros(1))[0]))


def slope_if_it_helps(eta: Floats, periods: Periods, half: Floats) -> float:
    """Give a slope other than 1 only where each half of the accounts clearly gains from that of the other half.

    Gains are measured against a level alone, so that a block with more or less churn than before calibrates nothing.

    Parameters
    ----------
    eta, periods
        Log-hazards of a later block, predicted by a model that had not seen it, and what happened.
    half
        (n,) 0 or 1 by account.
    """
    events = [periods.rows(half == one).events for one in (0, 1)]
    if periods.events < MIN_BLOCK_EVENTS or not all(events):
        return 1.0
    for one in (0, 1):
        here, there = half == one, half != one
        mine, other = periods.rows(here), periods.rows(there)
        drawn, flat = fit_calibration(eta[there], other), level(eta[there], other, 1.0)
        losses = [log_loss(line.apply(eta[here], mine.exposure), mine) for line in (flat, drawn)]
        if losses[0] - losses[1] < max(MIN_SHARE * losses[0], MIN_GAIN / mine.weight.sum()):
            return 1.0
    return fit_calibration(eta, periods).slope
