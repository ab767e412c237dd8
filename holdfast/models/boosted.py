"""Gradient boosting as it is mostly used: the whole table, default settings, a classifier per horizon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from holdfast.errors import TooFewEvents
from holdfast.models.hazard import Floats
from holdfast.models.outcomes import Outcomes
from holdfast.models.periods import MIN_EVENTS

if TYPE_CHECKING:
    from holdfast.features.snapshot import Snapshot

_DEFAULTS: dict[str, Any] = {
    "objective": "binary",
    "max_bin": 63,  # half the time, much the same figures
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}


class Boosted(BaseEstimator):
    """Fit one LightGBM classifier per horizon as it comes: 100 trees of 31 leaves, no hazard, no prior.

    A model to compare with, not one to serve: its probabilities are overconfident and may contradict one another over
    the horizons. It can learn accounts by heart, so that a leak in the protocol shows.

    Parameters
    ----------
    horizons
        Which to learn, in days; by default all that are labelled.
    seed
        Seed of the trees.

    Attributes
    ----------
    models_
        By horizon, the booster as text.
    """

    def __init__(self, horizons: tuple[int, ...] | None = None, seed: int = 0) -> None:
        self.horizons = horizons
        self.seed = seed

    def fit(self, X: Snapshot, y: Outcomes) -> Self:
        """Learn each horizon from the rows whose label is known.

        Raises
        ------
        TooFewEvents
            When fewer than five accounts churned, or stayed, at every horizon.
        """
        import lightgbm

        labels = y.frame if y.frame.index.equals(X.index) else y.frame.reindex(X.index)
        wanted = [h for h in y.horizons if self.horizons is None or h in self.horizons]
        accounts = X.index.get_level_values("account_id")
        counts = {h: min(accounts[labels[h] == value].nunique() for value in (0, 1)) for h in wanted}
        if max(counts.values(), default=0) < MIN_EVENTS:
            expected = f"at least {MIN_EVENTS} accounts that churned and {MIN_EVENTS} that stayed"
            found = f"{max(counts.values(), default=0)} of the rarer"
            raise TooFewEvents("labels", expected, found, "lengthen the history, or add cutoffs")
        self.levels_ = {str(name): _levels(X.context[name]) for name in X.context if _is_text(X.context[name])}
        table, self.models_ = self._table(X), {}
        for horizon in (h for h in wanted if counts[h] >= MIN_EVENTS):
            label = labels[horizon].to_numpy(float)
            known = np.isfinite(label)
            data = lightgbm.Dataset(table[known], label[known], params={"verbosity": -1})
            booster = lightgbm.train({**_DEFAULTS, "seed": self.seed}, data, num_boost_round=100)
            self.models_[horizon] = booster.model_to_string()
        return self

    def predict_proba(self, X: Snapshot) -> pd.DataFrame:
        """Probability of churn within each horizon learned, on the index of X."""
        import lightgbm

        check_is_fitted(self)
        table = self._table(X)
        told = {
            h: np.asarray(lightgbm.Booster(model_str=text).predict(table, num_threads=1)) if len(table) else np.empty(0)
            for h, text in self.models_.items()
        }
        return pd.DataFrame(told, index=X.index).rename_axis(columns="horizon")

    def _table(self, X: Snapshot) -> Floats:
        """Lay out everything that a snapshot holds, texts as one column per level."""
        columns = [X.frame().drop(columns=list(self.levels_)).to_numpy(float, na_value=np.nan)]
        for name, levels in self.levels_.items():
            texts = X.context[name].astype(object).to_numpy()
            columns += [(texts == level).astype(float) for level in levels]
        return np.column_stack(columns)


def _is_text(values: pd.Series) -> bool:
    return not pd.api.types.is_numeric_dtype(values)


def _levels(values: pd.Series) -> list[str]:
    return sorted(values.dropna().astype(str).unique())
