"""What any model must beat: the base rate, one field of the context, contract dates, a score as a platform shows it."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from holdfast.features.snapshot import Snapshot
from holdfast.models.encoding import Encoding
from holdfast.models.hazard import Floats
from holdfast.models.health import HealthScore
from holdfast.models.outcomes import Outcomes
from holdfast.models.periods import observe, refuse_too_few
from holdfast.models.score_hazard import ScoreHazard
from holdfast.models.template import DEFAULT, Template


class _Baseline(BaseEstimator):
    """A hazard of few columns, learned on training rows only."""

    calendar: ClassVar[bool] = False  # whether renewal decisions count as exposure

    def fit(self, X: Snapshot, y: Outcomes) -> Self:
        """Learn on the rows whose labels are known."""
        observed = observe(X, y)
        refuse_too_few(observed)
        self._prepare(observed.X)
        self.hazard_ = ScoreHazard.learn(self._columns(observed.X), observed, calendar=self.calendar)
        return self

    def predict_proba(self, X: Snapshot) -> pd.DataFrame:
        """Probability of churn within each horizon, on the index of X."""
        check_is_fitted(self)
        return self.hazard_.predict(self._columns(X), X)

    def _prepare(self, X: Snapshot) -> None:
        """Learn what `_columns` needs from training rows; nothing unless a baseline says so."""

    def _columns(self, X: Snapshot) -> Floats:
        return np.empty((len(X), 0))


class BaseRate(_Baseline):
    """The same probability for every account: what happened in training."""


class _Field(_Baseline):
    """The logarithm of one field of the context."""

    field: ClassVar[str]

    def _prepare(self, X: Snapshot) -> None:
        logs = self._logs(X)
        known = logs[np.isfinite(logs)] if np.isfinite(logs).any() else np.zeros(1)
        self.range_ = float(known.min()), float(known.max())

    def _columns(self, X: Snapshot) -> Floats:
        return np.clip(self._logs(X), *self.range_)[:, None]  # beyond what training saw, its ends hold

    def _logs(self, X: Snapshot) -> Floats:
        values = X.context[self.field].to_numpy(float, na_value=np.nan)
        logs: Floats = np.log1p(np.maximum(values, 0.0))
        return logs


class Age(_Field):
    """Churn by the tenure of the account alone."""

    field = "tenure_days"


class Recency(_Field):
    """Churn by the days since the last activity alone."""

    field = "recency_days"


class Context(_Baseline):
    """Churn by what is no health: contract dates, segment, plan, kind of contract, tenure and size."""

    calendar = True

    def _prepare(self, X: Snapshot) -> None:
        self.encoding_ = Encoding.fit(X).context_only()

    def _columns(self, X: Snapshot) -> Floats:
        return self.encoding_.design(X)


class ScoreAlone(_Baseline):
    """Churn by the score of a template alone, as a platform shows it: no contract date stands beside it.

    Parameters
    ----------
    prior
        The template, or the name of a shipped one.
    """

    def __init__(self, prior: Template | str = DEFAULT) -> None:
        self.prior = prior

    def _columns(self, X: Snapshot) -> Floats:
        return HealthScore.template(self.prior).index(X)[:, None]
