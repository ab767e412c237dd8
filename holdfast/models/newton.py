"""Minimising smooth functions: Newton's method, damped where a function is not convex."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from threadpoolctl import threadpool_limits

Floats = NDArray[np.float64]
Objective = Callable[
    [Floats], tuple[float, Floats, Callable[[], Floats]]
]  # value, gradient, and how to get the Hessian


def newton(objective: Objective, start: Floats, *, tolerance: float = 1e-10, steps: int = 200) -> Floats:
    """Minimise a smooth function by damped Newton steps (Levenberg), also where it is not convex.

    A Hessian is kept for as long as each step leaves less than a tenth of what was to gain. Ends when less than
    ``tolerance`` of the value is to be gained.

    Examples
    --------
    >>> def cosh(x):
    ...     return float(np.cosh(x - 2).sum()), np.sinh(x - 2), lambda: np.diag(np.cosh(x - 2))
    >>> newton(cosh, np.zeros(1)).round(3)
    array([2.])
    """
    with threadpool_limits(limits=1, user_api="blas"):  # the number of cores must not change a bit
        return _descend(objective, start, tolerance, steps)


def _descend(objective: Objective, start: Floats, tolerance: float, steps: int) -> Floats:
    theta, damping, last_gain, fresh = start, 0.0, np.inf, True
    value, gradient, curvature = objective(theta)
    hessian = curvature()
    for _ in range(steps):
        step = _solve(hessian, gradient, damping)
        gain = np.inf if step is None else -float(gradient @ step)
        if gain <= tolerance * (1.0 + abs(value)):
            break
        stalls = not fresh and gain > 0.1 * last_gain
        trial = None if step is None or stalls else objective(theta + step)
        if step is not None and trial is not None and trial[0] <= value - 1e-4 * gain:
            theta, (value, gradient, curvature) = theta + step, trial
            damping, last_gain, fresh = (damping / 20.0 if damping > 1e-4 else 0.0), gain, False
        elif not fresh:
            hessian, fresh = curvature(), True
        elif damping > 1e12:
            break
        else:
            damping = max(damping * 20.0, 1e-4)
    return theta


def _solve(hessian: Floats, gradient: Floats, damping: float) -> Floats | None:
    """Solve for the step, with damping relative to the largest curvature; None where the Hessian is not positive."""
    ridge = damping * max(float(np.abs(np.diag(hessian)).max()), 1e-12)
    try:
        factor = cho_factor(hessian + ridge * np.eye(len(hessian)))
    except LinAlgError:
        return None
    step: Floats = cho_solve(factor, -gradient)
    return step
