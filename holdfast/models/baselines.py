"""What any model must beat: the base rate, the age of an account, the days since it was last seen."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from holdfast.features.snapshot import Snapshot
from holdfast.models.hazard import Floats
from holdfast.models.outcomes import Outcomes
from holdfast.models.periods import observe, refuse_too_few
from holdfast.models.score_hazard import ScoreHazard


class _Baseline(BaseEstimator):
    """A hazard on the logarithm of one field of the context; it knows no contract calendar."""

    field: ClassVar[str | None] = None

    def fit(self, X: Snapshot, y: Outcomes) -> Self:
        """Learn on the rows whose labels are known."""
        observed = observe(X, y)
        refuse_too_few(observed)
        logs = self._logs(observed.X)
        known = logs[np.isfinite(logs)] if np.isfinite(logs).any() else np.zeros(1)
        self.range_ = float(known.min()), float(known.max())
        self.hazard_ = ScoreHazard.learn(self._columns(observed.X), observed, calendar=False)
        return self

    def predict_proba(self, X: Snapshot) -> pd.DataFrame:
        """Probability of churn within each horizon, on the index of X."""
        check_is_fitted(self)
        return self.hazard_.predict(self._columns(X), X)

    def to_dict(self) -> dict[str, Any]:
        """State as JSON-able values."""
        check_is_fitted(self)
        return {"range": list(self.range_), "hazard": self.hazard_.to_dict()}

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> Self:
        """Restore from `to_dict`, to the last bit."""
        model = cls()
        low, high = state["range"]
        model.range_ = low, high
        model.hazard_ = ScoreHazard.from_dict(state["hazard"])
        return model

    def _logs(self, X: Snapshot) -> Floats:
        if self.field is None:
            return np.empty(0)
        logs: Floats = np.log1p(np.maximum(X.context[self.field].to_numpy(float, na_value=np.nan), 0.0))
        return logs

    def _columns(self, X: Snapshot) -> Floats:
        if self.field is None:
            return np.empty((len(X), 0))
        return np.clip(self._logs(X), *self.range_)[:, None]  # beyond what training saw, its ends hold


class BaseRate(_Baseline):
    """The same probability for every account: what happened in training."""


class Age(_Baseline):
    """Churn by the tenure of the account alone."""

    field = "tenure_days"


class Recency(_Baseline):
    """Churn by the days since the last activity alone."""

    field = "recency_days"
