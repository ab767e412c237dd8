"""The health score: 0 to 100, high is healthy, weighted by the template or by what churn has taught."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, overload

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from holdfast.errors import BundleError, did_you_mean
from holdfast.features.snapshot import Snapshot
from holdfast.models.anchors import Anchors
from holdfast.models.bands import ACTION, BandPolicy
from holdfast.models.encoding import Encoding, refuse_infinite
from holdfast.models.hazard import Floats
from holdfast.models.health_notes import notes_of
from holdfast.models.health_state import restore, state_of, template_in
from holdfast.models.outcomes import Outcomes
from holdfast.models.periods import LEARNED_FROM, Observed, observe, refuse_too_few
from holdfast.models.plain import FrameClassifier, PlainOutcomes, Table, own_index, read, read_rows, with_curves
from holdfast.models.pooling import learn_pooled
from holdfast.models.ridge import read_grid
from holdfast.models.score_hazard import ScoreHazard
from holdfast.models.template import DEFAULT, SHARES, Template, scored
from holdfast.models.weighting import Weighting
from holdfast.models.weights import ALPHAS
from holdfast.threads import one_thread

if TYPE_CHECKING:
    from holdfast.features.indicators.indicator import Indicator

MIN_COVERAGE = 0.25


class HealthScore(FrameClassifier):
    """Score each account from 0 to 100 by weighted indicators, each on its own curve.

    Learned weights are the non-negative coefficients of a hazard with the template as prior; context and contract
    calendar are held apart and never enter the score. The score is the log-hazard, put on a scale where the riskiest
    fifth of the training rows lies at or below 40 and the best fifth at or above 80.

    Parameters
    ----------
    learn
        Whether weights are learned; else those of the template stand and the score is the plain weighted mean.
    alphas
        Strengths of the prior to choose from, in events.
    prior
        The template whose weights stand, or are the prior of what is learned; or the name of a shipped one.
    min_coverage
        Share of the applicable indicators, 0 to 1, below which there is no score: the evidence does not suffice.

    Attributes
    ----------
    weights_, reference_
        Weight and mean curve value of each indicator.
    anchors_, mix_
        What scores 40 and 80, and the shares of the training rows by band; both frozen with the model.
    segments_, heard_
        Weights of the segments that churned enough to have their own, and the accounts that churned by segment.
    strength_, alpha_, context_
        Log-hazard between the worst and the best account, the chosen strength of the prior, and the columns held apart
        from the score; all missing when the template's weights stand.

    Examples
    --------
    >>> HealthScore.template()
    HealthScore(learn=False)
    """

    def __init__(
        self,
        learn: bool = True,
        alphas: Sequence[float] = ALPHAS,
        prior: Template | str = DEFAULT,
        min_coverage: float = MIN_COVERAGE,
    ) -> None:
        self.learn = learn
        self.alphas = alphas
        self.prior = prior
        self.min_coverage = min_coverage

    @classmethod
    def template(cls, prior: Template | str = DEFAULT, min_coverage: float = MIN_COVERAGE) -> HealthScore:
        """Score by a template, unless named by 40 % product, 30 % relationship, 30 % business; a fit only predicts."""
        return cls(learn=False, prior=prior, min_coverage=min_coverage)

    @one_thread()
    def fit(self, X: Snapshot | Table, y: Outcomes | ArrayLike) -> Self:
        """Learn weights, anchors and the recalibration to probabilities from the rows whose labels are known.

        Parameters
        ----------
        X, y
            A snapshot and labels; or a plain frame or array, a row per account, with a label of two classes, the second
            of which is the churn. There each number gets a curve by its own deciles, and so does a text that reads as
            one (see `ChurnModel.fit`). `notes` names what is of no use.

        Raises
        ------
        TooFewEvents
            When fewer than five accounts churned, or stayed.
        """
        rows, outcomes = read(self, X, y)
        self.columns_: tuple[Indicator, ...] = ()
        if isinstance(outcomes, PlainOutcomes):
            rows = with_curves(rows, outcomes)
            self.columns_ = rows.catalog
        return self.learn_from(observe(rows, outcomes))

    def learn_from(self, observed: Observed) -> Self:
        """Learn from rows and intervals that are paired already; `fit` is what to call."""
        X, alphas = observed.X, read_grid("HealthScore, alphas", self.alphas)
        refuse_too_few(observed)
        self.evidence_, self.events_ = observed.evidence, observed.events
        self.horizons_, self.rises_ = observed.horizons, observed.rises
        self.prior_ = self.weights_ = self.start.weights(X.catalog)
        told = [(one.name, one.title, one.dimension) for one in scored(X.catalog) if one.name in self.weights_.index]
        self.table_ = pd.DataFrame(told, columns=["indicator", "title", "dimension"])
        learns = self.learn and observed.evidence >= LEARNED_FROM
        self.segments_ = {} if learns else dict(Weighting.by(self.start, X.catalog).segments)
        self._names(X)
        self.heard_: dict[str, int] = {}
        self.unseen_ = tuple(sorted(set(self.start.segments) - set(_segment(X))))
        self.reference_ = observed.X.curved().mean().fillna(0.5)
        self.strength_: float | None = None
        self.alpha_: float | None = None
        self.context_: Encoding | None = None
        if learns:
            self._learn_weights(observed, alphas)
        self.anchors_ = Anchors.learn(self.index(observed.X)) if self.learn else Anchors()
        self.hazard_ = ScoreHazard.learn(self._beside_context(observed.X), observed, calendar=True)
        self.mix_ = self._shares(observed.X, ACTION)
        return self

    def score(self, X: Snapshot | Table) -> pd.Series:
        """Health of each row, 0 to 100, on the index of X.

        Missing where the share of the applicable indicators that are present lies below `min_coverage`, and where
        nothing is present that weighs anything.

        Raises
        ------
        BundleError
            When an indicator of training is absent.
        DataError
            When one that is weighed is infinite.
        """
        rows = self._rows(X)
        points = self.anchors.points(self.index(rows))
        return pd.Series(np.where(self._suffices(rows, "all"), points, np.nan), index=own_index(X, rows), name="health")

    def mix(self, X: Snapshot) -> pd.DataFrame:
        """Compare the shares of accounts by band with those of the reference rows: band, reference, now, change.

        The anchors of the scale are frozen with the model, so a book that gets worse moves the shares; an alarm is due
        where green has moved by more than 5 points. The reference rows are of accounts that could still leave; pass
        such rows, as those who have left are seldom healthy.
        """
        check_is_fitted(self)
        now = self._shares(X, ACTION)
        return pd.DataFrame({"reference": self.mix_, "now": now, "change": now - self.mix_}).rename_axis("band")

    def dimensions(self, X: Snapshot | Table) -> pd.DataFrame:
        """Weighted mean of the curve points, 0 to 100, inside product, relationship and business.

        The columns of a plain frame or array are all of the first.
        """
        rows = self._rows(X)
        curved, by, segment = self.curves(rows), self.weighting(rows), _segment(rows)
        columns = {}
        for dimension in SHARES:
            points = 100.0 * by.mean(curved, segment, _of(rows, dimension).__contains__)
            columns[dimension] = np.where(self._suffices(rows, dimension), points, np.nan)
        return pd.DataFrame(columns, index=own_index(X, rows))

    def weighting(self, X: Snapshot) -> Weighting:
        """Tell what each indicator weighs; until a fit, by the template for what the snapshot holds."""
        if hasattr(self, "weights_"):
            return Weighting(self.weights_, self.segments_)
        if self.learn:
            raise NotFittedError("This HealthScore is not fitted yet: call fit(X, y), or use HealthScore.template().")
        return Weighting.by(self.start, X.catalog)

    def weights_of(self, X: Snapshot | Table) -> pd.DataFrame:
        """Weight of every indicator for every row, summing to 1: those of its segment, where the template has any."""
        rows = self._rows(X)
        return self.weighting(rows).table(_segment(rows)).set_axis(own_index(X, rows), axis=0)

    def bound(self, missing: Iterable[str], X: Snapshot) -> float:
        """Give the points by which no score of these rows can move further when these indicators go missing.

        A curve value lies between 0 and 1, and so does what stands in for it: after a fit the reference mean, before
        one the mean of the rest. So the weighted mean moves by at most the weight that was present and is lost (before
        a fit: its share of the weight that was present). Where what caps a dimension is lost, nothing caps its rest.
        """
        gone = set(missing)
        for cap in (one for one in X.catalog if one.caps and one.name in gone):
            gone |= _of(X, cap.dimension)
        table = self.weights_of(X).where(X.indicators[self._names(X)].notna(), 0.0)
        lost = table[[name for name in table if name in gone]].sum(axis=1)
        if not hasattr(self, "reference_"):
            lost = lost / table.sum(axis=1)
        return min(100.0, float(lost.max()) * self.anchors.span) if lost.notna().any() else 0.0

    @property
    def start(self) -> Template:
        """The template whose weights stand, or are the prior."""
        return self.prior if isinstance(self.prior, Template) else Template.named(self.prior)

    @property
    def learned(self) -> bool:
        """Whether the weights were learned."""
        return getattr(self, "alpha_", None) is not None

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
        return float("nan") if self.strength_ is None else self.anchors_.span * np.log(2.0) / self.strength_

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the score must know."""
        check_is_fitted(self)
        return notes_of(self)

    @overload
    def predict_proba(self, X: Snapshot) -> pd.DataFrame: ...

    @overload
    def predict_proba(self, X: Table) -> Floats: ...

    def predict_proba(self, X: Snapshot | Table) -> pd.DataFrame | Floats:
        """Probability of churn within each horizon: the score in its calendar, recalibrated on training rows.

        With learned weights contract, segment, plan, tenure and size stand beside the score, as they did in learning.
        For a plain frame or array: the probability (n, 2) of each class.
        """
        check_is_fitted(self)
        if not isinstance(X, Snapshot):
            event = self.predict_proba(self._rows(X)).to_numpy()[:, -1]
            return np.column_stack([1.0 - event, event])
        return self.hazard_.predict(self._beside_context(X), X)

    def to_dict(self) -> dict[str, Any]:
        """State as JSON-able values; `from_dict` restores it to the last bit."""
        check_is_fitted(self)
        return state_of(self)

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> HealthScore:
        """Restore a fitted score from `to_dict`."""
        return restore(cls(**{**state["parameters"], "prior": template_in(state)}), state)

    def _learn_weights(self, observed: Observed, alphas: tuple[float, ...]) -> None:
        self.context_ = Encoding.fit(observed.X).context_only()
        context = self.context_.design(observed.X)
        curves, prior = self.curves(observed.X).to_numpy(float), self.weights_.to_numpy(float)
        segment = _segment(observed.X)
        pooled = learn_pooled(curves, context, observed, prior, alphas, segment)
        names = self.weights_.index
        self.weights_ = pd.Series(pooled.every.weights, index=names, name="weight")
        self.segments_ = {of: pd.Series(one, index=names, name="weight") for of, one in pooled.segments.items()}
        self.alpha_, self.strength_, self.heard_ = pooled.alpha, pooled.every.strength, pooled.heard

    def _rows(self, X: Snapshot | Table) -> Snapshot:
        """Read a plain frame as in training; a snapshot is what it is."""
        if isinstance(X, Snapshot):
            return X
        check_is_fitted(self)
        return replace(read_rows(self, X, reset=False), catalog=self.columns_)

    def _shares(self, X: Snapshot, policy: BandPolicy) -> pd.Series:
        bands = policy.names_of(self.score(X).dropna())
        return bands.value_counts(normalize=True).reindex(policy.names, fill_value=0.0).rename("share")

    def _suffices(self, X: Snapshot, of: str) -> NDArray[np.bool_]:
        """Whether the evidence of a dimension, or of all, is enough to judge by."""
        known, inside = X.indicators[self._names(X)], _of(X, of)
        there = np.isfinite(self.weighting(X).mean(known, _segment(X), inside.__contains__))
        return there & np.asarray(X.coverage[of].fillna(0.0) >= self.min_coverage) if of in X.coverage else there

    def _names(self, X: Snapshot) -> list[str]:
        """Name what is weighed; refuse a snapshot that does not hold it, or holds infinities in it."""
        names = self.weighting(X).names
        for name in (one for one in names if one not in X.indicators):
            do = did_you_mean(name, X.indicators.columns)
            raise BundleError("Snapshot", f"the indicator {name!r} of training", f"none ({do})", "measure it")
        for name, values in zip(names, X.indicators[names].to_numpy(float).T, strict=True):
            refuse_infinite(name, values)
        return names

    def curves(self, X: Snapshot) -> pd.DataFrame:
        """Curve values, 0 to 1, of what is weighed; once fitted, what is missing contributes the reference mean."""
        names = self._names(X)
        curved = X.curved()[names]
        if not hasattr(self, "reference_"):
            return curved
        values, reference = curved.to_numpy(float), self.reference_.reindex(names).to_numpy(float)
        return pd.DataFrame(np.where(np.isnan(values), reference, values), curved.index, curved.columns)

    def index(self, X: Snapshot) -> Floats:
        """Weighted mean of the curve values, 0 to 1."""
        return self.weighting(X).mean(self.curves(X), _segment(X))

    def _beside_context(self, X: Snapshot) -> Floats:
        index = self.index(X)[:, None]
        return index if self.context_ is None else np.hstack([index, self.context_.design(X)])

    @property
    def anchors(self) -> Anchors:
        """What scores 40 and 80: until a fit, as the template has it."""
        return getattr(self, "anchors_", Anchors())


def _segment(X: Snapshot) -> pd.Series:
    """Give the segment of each row, empty where segments are not known at all."""
    return X.context["segment"] if "segment" in X.context else pd.Series("", index=X.index)


def _of(X: Snapshot, dimension: str) -> set[str]:
    """Name the indicators of a dimension, or of all."""
    return {one.name for one in X.catalog if dimension in ("all", one.dimension)}
