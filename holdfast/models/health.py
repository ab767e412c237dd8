"""The health score: 0 to 100, high is healthy, weighted by the template or by what churn has taught."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from holdfast.errors import BundleError, did_you_mean
from holdfast.features.snapshot import Snapshot
from holdfast.models.encoding import Encoding
from holdfast.models.hazard import Floats
from holdfast.models.outcomes import Outcomes
from holdfast.models.periods import LEARNED_FROM, Observed, observe, refuse_too_few
from holdfast.models.score_hazard import ScoreHazard
from holdfast.models.template import SHARES, scored, template_weights, weighted_mean
from holdfast.models.weights import ALPHAS, choose_alpha, fit_weights

RISKIEST, BEST = 0.20, 0.80  # quantiles of the reference rows that score 40 and 80


class HealthScore(BaseEstimator):
    """Score each account from 0 to 100 by weighted indicators, each on its own curve.

    Learned weights are the non-negative coefficients of a hazard with the template as prior; context and contract
    calendar are held apart and never enter the score. The score is the log-hazard, put on a scale where the riskiest
    fifth of the training rows lies at or below 40 and the best fifth at or above 80.

    Parameters
    ----------
    learn
        Whether weights are learned; else the template's 40/30/30 stand and the score is the plain weighted mean.
    alphas
        Strengths of the prior to choose from, in events.

    Attributes
    ----------
    weights_, reference_
        Weight and mean curve value of each indicator.
    anchors_
        Weighted means that score 40 and 80.
    strength_, alpha_, context_
        Log-hazard between the worst and the best account, the chosen strength of the prior, and the columns held apart
        from the score; all missing when the template's weights stand.

    Examples
    --------
    >>> HealthScore.template()
    HealthScore(learn=False)
    """

    def __init__(self, learn: bool = True, alphas: Sequence[float] = ALPHAS) -> None:
        self.learn = learn
        self.alphas = alphas

    @classmethod
    def template(cls) -> HealthScore:
        """Score by 40 % product, 30 % relationship, 30 % business; needs no fit to score, only to predict."""
        return cls(learn=False)

    def fit(self, X: Snapshot, y: Outcomes) -> Self:
        """Learn weights, anchors and the recalibration to probabilities from the rows whose labels are known.

        Raises
        ------
        TooFewEvents
            When fewer than five accounts churned, or stayed.
        """
        observed = observe(X, y)
        refuse_too_few(observed)
        self.evidence_, self.events_ = observed.evidence, observed.events
        self.horizons_, self.rises_ = observed.horizons, observed.rises
        self.weights_ = template_weights(X.catalog)
        self.table_ = _table(X)
        curved = observed.X.curved()[list(self.weights_.index)]
        self.reference_ = curved.mean().fillna(0.5)
        self.strength_: float | None = None
        self.alpha_: float | None = None
        self.context_: Encoding | None = None
        if self.learn and observed.evidence >= LEARNED_FROM:
            self._learn_weights(observed)
        self.anchors_ = _anchors(self._index(observed.X)) if self.learn else (0.4, 0.8)
        self.hazard_ = ScoreHazard.learn(self._beside_context(observed.X), observed, calendar=True)
        return self

    def score(self, X: Snapshot) -> pd.Series:
        """Health of each row, 0 to 100; the template gives no score where no indicator is present."""
        low, high = self._anchors_or_template()
        points = 40.0 + 40.0 * (self._index(X) - low) / (high - low)
        return pd.Series(np.clip(points, 0.0, 100.0), index=X.index, name="health")

    def dimensions(self, X: Snapshot) -> pd.DataFrame:
        """Weighted mean of the curve points, 0 to 100, inside product, relationship and business."""
        weights, curved = self._weights(X), self._curved(X)
        home = {one.name: one.dimension for one in scored(X.catalog)}
        columns = {}
        for dimension in SHARES:
            inside = weights[[name for name in weights.index if home.get(str(name)) == dimension]]
            columns[dimension] = 100.0 * weighted_mean(curved, inside)
        return pd.DataFrame(columns, index=X.index)

    @property
    def weights(self) -> pd.DataFrame:
        """What each indicator weighs: indicator, title, dimension, weight; the weights sum to 100."""
        check_is_fitted(self)
        table = self.table_.assign(weight=100.0 * self.weights_.to_numpy())
        order = table["dimension"].map({name: i for i, name in enumerate(SHARES)})
        return (
            table.assign(_order=order)
            .sort_values(["_order", "weight", "indicator"], ascending=[True, False, True], ignore_index=True)
            .drop(columns="_order")
        )

    @property
    def points_per_doubling(self) -> float:
        """Health points that stand for twice the hazard; missing when no weights were learned."""
        check_is_fitted(self)
        low, high = self.anchors_
        return float("nan") if self.strength_ is None else 40.0 * np.log(2.0) / (self.strength_ * (high - low))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the score must know."""
        check_is_fitted(self)
        if self.learn and self.alpha_ is None:
            return (f"{self.events_} accounts churned in training: the template's weights stand",)
        return ()

    def predict_proba(self, X: Snapshot) -> pd.DataFrame:
        """Probability of churn within each horizon: the score in its calendar, recalibrated on training rows.

        With learned weights contract, segment, plan, tenure and size stand beside the score, as they did in learning.
        """
        check_is_fitted(self)
        return self.hazard_.predict(self._beside_context(X), X)

    def to_dict(self) -> dict[str, Any]:
        """State as JSON-able values; `from_dict` restores it to the last bit."""
        check_is_fitted(self)
        return {
            "parameters": self.get_params() | {"alphas": list(self.alphas)},
            "table": self.table_.to_dict("list"),
            "weights": self.weights_.tolist(),
            "reference": self.reference_.tolist(),
            "anchors": list(self.anchors_),
            "strength": self.strength_,
            "alpha": self.alpha_,
            "events": self.events_,
            "evidence": self.evidence_,
            "horizons": list(self.horizons_),
            "rises": self.rises_,
            "context": None if self.context_ is None else self.context_.to_dict(),
            "hazard": self.hazard_.to_dict(),
        }

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> HealthScore:
        """Restore a fitted score from `to_dict`."""
        health = cls(**state["parameters"])
        health.table_ = pd.DataFrame(state["table"])
        names = pd.Index(state["table"]["indicator"])
        health.weights_ = pd.Series(state["weights"], index=names, name="weight")
        health.reference_ = pd.Series(state["reference"], index=names)
        low, high = state["anchors"]
        health.anchors_ = (low, high)
        health.strength_, health.alpha_ = state["strength"], state["alpha"]
        health.events_, health.evidence_ = state["events"], state["evidence"]
        health.horizons_, health.rises_ = tuple(state["horizons"]), state["rises"]
        health.context_ = None if state["context"] is None else Encoding.from_dict(state["context"])
        health.hazard_ = ScoreHazard.from_dict(state["hazard"])
        return health

    def _learn_weights(self, observed: Observed) -> None:
        self.context_ = Encoding.fit(observed.X).context_only()
        context = self.context_.design(observed.X)
        curves, prior = self._curved(observed.X).to_numpy(float), self.weights_.to_numpy(float)
        alpha = choose_alpha(curves, context, observed, prior, tuple(self.alphas))
        learned = fit_weights(curves, context, observed.periods, prior, alpha, sign=observed.health_sign)
        self.weights_ = pd.Series(learned.weights, index=self.weights_.index, name="weight")
        self.alpha_, self.strength_ = alpha, learned.strength

    def _weights(self, X: Snapshot) -> pd.Series:
        if hasattr(self, "weights_"):
            return self.weights_
        if self.learn:
            raise NotFittedError("This HealthScore is not fitted yet: call fit(X, y), or use HealthScore.template().")
        return template_weights(X.catalog)

    def _curved(self, X: Snapshot) -> pd.DataFrame:
        """Curve values; with learned weights what is missing contributes the reference mean."""
        curved, names = X.curved(), [str(name) for name in self._weights(X).index]
        for name in names:
            if name not in curved.columns:
                raise BundleError(
                    "Snapshot", f"the indicator {name!r} of training", did_you_mean(name, curved.columns), "measure it"
                )
        curved = curved[names]
        return curved.fillna(self.reference_) if self.learn else curved

    def _index(self, X: Snapshot) -> Floats:
        """Weighted mean of the curve values, 0 to 1."""
        index: Floats = weighted_mean(self._curved(X), self._weights(X)).to_numpy(float)
        return index

    def _beside_context(self, X: Snapshot) -> Floats:
        index = self._index(X)[:, None]
        return index if self.context_ is None else np.hstack([index, self.context_.design(X)])

    def _anchors_or_template(self) -> tuple[float, float]:
        anchors: tuple[float, float] = getattr(self, "anchors_", (0.4, 0.8))
        return anchors


def _anchors(index: Floats) -> tuple[float, float]:
    """Weighted means that score 40 and 80; where the reference rows are all alike, those of the template."""
    low, high = (float(x) for x in np.quantile(index, [RISKIEST, BEST]))
    return (low, high) if high - low > 1e-6 else (0.4, 0.8)


def _table(X: Snapshot) -> pd.DataFrame:
    rows = [(one.name, one.title, one.dimension) for one in scored(X.catalog)]
    return pd.DataFrame(rows, columns=["indicator", "title", "dimension"])
