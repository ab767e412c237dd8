"""What a data scientist would fit to the same rows: one classifier per horizon on the columns of the snapshot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from holdfast.features.snapshot import Snapshot
from holdfast.models.encoding import signed_log
from holdfast.models.outcomes import Outcomes

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
