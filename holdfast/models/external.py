"""A score that was made elsewhere, as a model of its own: one slope, learned on what was known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from holdfast.models.periods import observe, refuse_too_few
from holdfast.models.score_hazard import ScoreHazard

if TYPE_CHECKING:
    from holdfast.features.snapshot import Snapshot
    from holdfast.models.hazard import Floats
    from holdfast.models.outcomes import Outcomes

SCORE = "external_score"  # the field of the context that holds it


class ExternalScore(BaseEstimator):
    """Churn by a score that was made elsewhere, alone.

    A score that works the other way round than it is said to is not turned around in secret: it tells nothing.

    Parameters
    ----------
    healthy
        Whether ``high`` or ``low`` scores are healthy.
    """

    def __init__(self, healthy: str = "high") -> None:
        self.healthy = healthy

    def fit(self, X: Snapshot, y: Outcomes) -> Self:
        """Learn the slope of the score on rows whose labels are known."""
        observed = observe(X, y)
        refuse_too_few(observed)
        risk = self._risk(observed.X)
        self.sound_ = True
        self.hazard_ = ScoreHazard.learn(risk, observed, calendar=False)
        if self.hazard_.fit.coef[0] < 0.0:
            self.sound_ = False
            self.hazard_ = ScoreHazard.learn(np.zeros_like(risk), observed, calendar=False)
        return self

    def predict_proba(self, X: Snapshot) -> pd.DataFrame:
        """Probability of churn within each horizon, on the index of X."""
        check_is_fitted(self)
        risk = self._risk(X)
        return self.hazard_.predict(risk if self.sound_ else np.zeros_like(risk), X)

    def _risk(self, X: Snapshot) -> Floats:
        values: Floats = X.context[SCORE].to_numpy(float)[:, None]
        return -values if self.healthy == "high" else values
