"""What a data scientist would fit to the same rows: one classifier per horizon on the columns of the snapshot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from holdfast.features.snapshot import Snapshot
from holdfast.models.encoding import Encoding, signed_log
from holdfast.models.hazard import Exposure, Periods, event_probability, fit_calendar
from holdfast.models.outcomes import Outcomes
from holdfast.models.periods import exposure, observe
from holdfast.models.score_hazard import ScoreHazard
from holdfast.models.trees import fit_trees, monotone_signs

Make = Callable[[], Any]


class PerHorizon(BaseEstimator):
    """One classifier per horizon on plain columns: indicators, context, and the decisions up to each horizon."""

    def __init__(self, make: Make, indicators: bool = True) -> None:
        self.make = make
        self.indicators = indicators

    def fit(self, X: Snapshot, y: Outcomes) -> PerHorizon:
        """Fit each horizon to the rows whose label is known."""
        labels, table = y.frame.reindex(X.index), self.columns(X)
        self.models_ = {}
        for horizon in labels.columns:
            known = labels[horizon].notna().to_numpy()
            if labels[horizon][known].nunique() == 2:
                self.models_[horizon] = self.make().fit(table[known], labels[horizon][known].astype(int))
        return self

    def predict_proba(self, X: Snapshot) -> pd.DataFrame:
        """Predict the probability of churn by each horizon."""
        table = self.columns(X)
        return pd.DataFrame({h: model.predict_proba(table)[:, 1] for h, model in self.models_.items()}, index=X.index)

    def columns(self, X: Snapshot) -> pd.DataFrame:
        """Lay out what a snapshot holds as plain columns."""
        parts = [X.context, X.exposure.cumsum(axis=1).add_prefix("decisions_")]
        table = pd.concat([X.indicators, *parts] if self.indicators else parts, axis=1)
        table = table.loc[:, ~table.columns.duplicated()]
        texts = [name for name in table if not pd.api.types.is_numeric_dtype(table[name])]
        return table.astype(dict.fromkeys(texts, "category"))


class ContractDates(BaseEstimator):
    """What the contract alone says: a hazard on segment, plan, contract, tenure and size, in the calendar."""

    def fit(self, X: Snapshot, y: Outcomes) -> ContractDates:
        """Fit to the rows whose labels are known."""
        observed = observe(X, y)
        self.encoding_ = Encoding.fit(observed.X).context_only()
        self.hazard_ = ScoreHazard.learn(self.encoding_.design(observed.X), observed, calendar=True)
        return self

    def predict_proba(self, X: Snapshot) -> pd.DataFrame:
        """Predict the probability of churn by each horizon."""
        return self.hazard_.predict(self.encoding_.design(X), X)


class WithInterval(BaseEstimator):
    """Boosted trees on the same likelihood that may split on the interval, its length and its decisions too.

    What it gains over trees that may not is the price of contributions that hold at every horizon.
    """

    def fit(self, X: Snapshot, y: Outcomes) -> WithInterval:
        """Fit to the rows whose labels are known, an interval a row."""
        observed = observe(X, y)
        self.encoding_, self.timing_, self.horizons_ = Encoding.fit(observed.X), observed.timing, observed.horizons
        periods = observed.periods
        which = np.repeat(np.arange(len(self.horizons_)), len(observed.X))
        flat = Periods(_flat(periods.exposure), _column(periods.event), _column(periods.weight))
        seen = flat.seen
        features = self._stacked(observed.X, periods.exposure)
        signs = [*monotone_signs(self.encoding_, observed.health_sign), 0, 0, 0]
        grown = fit_trees(features[seen], flat.rows(seen), signs)
        self.trees_ = None if grown is None else grown.trees
        g = np.zeros(len(which)) if self.trees_ is None else self.trees_.g(features)
        self.calendar_ = fit_calendar(flat.rows(seen), g[seen])
        return self

    def predict_proba(self, X: Snapshot) -> pd.DataFrame:
        """Predict the probability of churn by each horizon."""
        calendar = exposure(X, self.horizons_, decided=True, timing=self.timing_)
        features = self._stacked(X, calendar)
        g = np.zeros(len(features)) if self.trees_ is None else self.trees_.g(features)
        eta = self.calendar_.eta(g, _flat(calendar)).reshape(len(self.horizons_), len(X)).T
        return pd.DataFrame(event_probability(eta), index=X.index, columns=list(self.horizons_))

    def _stacked(self, X: Snapshot, calendar: Exposure) -> NDArray[np.float64]:
        """Put the intervals below one another, with interval, offset and cycle as further columns."""
        plain, (n, k) = self.encoding_.features(X), calendar.offset.shape
        interval = np.repeat(np.arange(k), n)
        return np.column_stack(
            [np.tile(plain, (k, 1)), interval, _column(calendar.offset), _column(calendar.off_cycle)]
        )


class TreesAlone(WithInterval):
    """The trees of the churn model without the regression, for comparison with those that see the interval."""

    def _stacked(self, X: Snapshot, calendar: Exposure) -> NDArray[np.float64]:
        stacked = super()._stacked(X, calendar)
        stacked[:, -3:] = 0.0
        return stacked


def _column(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values.T.reshape(-1, 1)


def _flat(calendar: Exposure) -> Exposure:
    return Exposure(_column(calendar.offset), _column(calendar.off_cycle))


def logistic() -> Pipeline:
    """Logistic regression as it should be done: signed logs, means for what is missing, unit scale, dummies."""
    numbers = make_pipeline(SimpleImputer(add_indicator=True), FunctionTransformer(signed_log), StandardScaler())
    words = OneHotEncoder(handle_unknown="ignore", min_frequency=0.01)
    columns = ColumnTransformer([("numbers", numbers, _numbers), ("words", words, _words)])
    return make_pipeline(columns, LogisticRegression(C=0.1, max_iter=300))


def lightgbm_default() -> Any:
    """LightGBM as it comes."""
    from lightgbm import LGBMClassifier

    return LGBMClassifier(verbosity=-1, num_threads=1, random_state=0)


def _words(table: pd.DataFrame) -> list[str]:
    return [str(name) for name in table if isinstance(table[name].dtype, pd.CategoricalDtype)]


def _numbers(table: pd.DataFrame) -> list[str]:
    return [str(name) for name in table if not isinstance(table[name].dtype, pd.CategoricalDtype)]
