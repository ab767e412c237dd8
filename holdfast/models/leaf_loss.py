"""The loss of boosted trees: all intervals of a row share its leaf, so that their derivatives are those of one number.

Of a hazard, exp(eta + g) = exp(eta) exp(g): what rows survived is summed up once, and each tree costs one exponential a
row and a few for the events, however many intervals there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.models.hazard import LEAST, MOST, Floats, Periods, event_terms, loss_terms


@dataclass(frozen=True)
class LeafLoss:
    """Negative log-likelihood of rows, as a function of what is added to their log-hazards.

    Attributes
    ----------
    eta
        (n, K): log-hazards, or log-odds, without the addition.
    periods
        What was observed of the n rows.
    survived
        (n,): hazard summed over the intervals that a row survived.
    row, base, weight
        Of each event: the row it happened to, its log-hazard without the addition, and how much it counts.

    Examples
    --------
    >>> from holdfast.models.hazard import Exposure
    >>> calendar = Exposure(np.zeros((2, 2)), np.zeros((2, 2)))
    >>> periods = Periods(calendar, event=np.array([[0.0, 0.0], [0.0, 1.0]]), weight=np.ones((2, 2)))
    >>> loss = LeafLoss.of(np.full((2, 2), -2.0), periods)
    >>> slope, curvature = loss.derivatives(np.zeros(2))
    >>> slope.round(2).tolist(), round(loss.mean(np.zeros(2)), 4)
    ([0.27, -0.8], 0.6182)
    """

    eta: Floats
    periods: Periods
    survived: Floats
    row: NDArray[np.intp]
    base: Floats
    weight: Floats

    @classmethod
    def of(cls, eta: Floats, periods: Periods) -> LeafLoss:
        """Sum up once what every tree needs."""
        happened = periods.weight * periods.event
        there = np.nonzero(happened)
        hazard = np.exp(np.clip(eta, LEAST, MOST))
        survived = np.einsum("ij->i", periods.weight * (1.0 - periods.event) * hazard)
        return cls(eta, periods, survived, there[0], eta[there], happened[there])

    def derivatives(self, g: Floats) -> tuple[Floats, Floats]:
        """Give the first and second derivative of the loss with respect to g (n,)."""
        if self.periods.link == "logit":
            _, slope, curve = self._terms(g)
            return slope.sum(axis=1), curve.sum(axis=1)
        survived = self.survived * np.exp(np.clip(g, LEAST, MOST))
        _, slope, curve = event_terms(self.base + g[self.row], self.weight)
        gained, curved = (np.bincount(self.row, one, minlength=len(g)) for one in (slope, curve))
        return survived + gained, survived + curved

    def mean(self, g: Floats) -> float:
        """Give the mean loss per observed interval."""
        if self.periods.link == "logit":
            value, _, _ = self._terms(g)
        else:
            costs, _, _ = event_terms(self.base + g[self.row], self.weight)
            value = float(np.sum(self.survived * np.exp(np.clip(g, LEAST, MOST))) + costs.sum())
        return value / max(float(self.periods.weight.sum()), 1.0)

    def _terms(self, g: Floats) -> tuple[float, Floats, Floats]:
        return loss_terms(self.eta + g[:, None], self.periods.event, self.periods.weight, self.periods.link)
