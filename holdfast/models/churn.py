"""The churn model: one hazard for all horizons, the average of an anchored ridge and boosted trees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self
from zlib import crc32

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from holdfast.features.snapshot import Snapshot
from holdfast.models.calibration import Calibration, level, slope_if_it_helps
from holdfast.models.encoding import Encoding
from holdfast.models.hazard import Exposure, Floats, HazardFit, fit_calendar, fit_hazard
from holdfast.models.outcomes import Outcomes
from holdfast.models.periods import (
    LEARNED_FROM,
    TREES_FROM,
    Observed,
    churn_frame,
    exposure,
    last_block,
    observe,
    refuse_too_few,
)
from holdfast.models.ridge import LAMBDAS, choose_strength, ridge_penalty
from holdfast.models.timing import Timing
from holdfast.models.trees import Trees, fit_trees, monotone_signs

if TYPE_CHECKING:
    from holdfast.features.history import History
    from holdfast.models.explain import Explanation


@dataclass(frozen=True)
class Members:
    """The regression and, where there were events enough, the trees, averaged on the log-hazard.

    The intercepts in ``calendar`` belong to the average, fitted once more when its two parts are known.
    """

    ridge: HazardFit
    trees: Trees | None
    calendar: HazardFit

    def g(self, design: Floats, features: Floats) -> Floats:
        """Average the exposure-free log-hazards (n,)."""
        g = self.ridge.g(design)
        return g if self.trees is None else 0.5 * (g + self.trees.g(features))

    def eta(self, design: Floats, features: Floats, exposure: Exposure) -> Floats:
        """Set the average in its calendar (n, K)."""
        return self.calendar.eta(self.g(design, features), exposure)


class ChurnModel(BaseEstimator):
    """Probability of churn within each horizon, coherent by construction.

    A discrete-time hazard with complementary log-log link carries all horizons; renewal decisions enter as exposure.
    With 5 to 49 churned accounts the template score leads; from 200 on LightGBM joins the regression.

    Parameters
    ----------
    lambdas
        Penalties to choose from, by account-grouped validation forward in time.
    calibrate
        Whether a calibration line may be kept, where a later block of the training rows shows that it helps.
    seed
        Seed of the trees.

    Attributes
    ----------
    kind_, horizons_, rises_
        Kind of the labels, horizons learned, and whether probability rises with them (all kinds but silence).
    encoding_, members_, calibration_, strength_
        Columns, fitted parts, calibration line and chosen penalty.
    events_, notes
        Accounts that churned in training, and what a reader of the figures must know.
    """

    def __init__(self, lambdas: Sequence[float] = LAMBDAS, calibrate: bool = True, seed: int = 0) -> None:
        self.lambdas = lambdas
        self.calibrate = calibrate
        self.seed = seed

    def fit(self, X: Snapshot, y: Outcomes) -> Self:
        """Learn from the rows of a snapshot whose labels are known, censored rows as far as they were observed.

        Raises
        ------
        TooFewEvents
            When fewer than five accounts churned, or stayed.
        """
        observed = observe(X, y)
        refuse_too_few(observed)
        self.kind_, self.horizons_, self.rises_ = y.kind, observed.horizons, observed.rises
        self.events_, self.evidence_, self.timing_ = observed.events, observed.evidence, observed.timing
        self.encoding_ = Encoding.fit(observed.X)
        design, features = self.encoding_.design(observed.X), self.encoding_.features(observed.X)
        self.strength_ = choose_strength(self.encoding_, design, observed, tuple(self.lambdas))
        self.members_ = self._learn(observed, design, features)
        self.calibration_ = self._calibrated(observed, design, features) if self.calibrate else Calibration()
        return self

    def predict_proba(self, X: Snapshot) -> pd.DataFrame:
        """Probability of churn within each horizon, on the index of X, one column per horizon in days."""
        check_is_fitted(self)
        calendar = self.exposure(X)
        eta = self.members_.eta(self.encoding_.design(X), self.encoding_.features(X), calendar)
        eta = self.calibration_.apply(eta, calendar)
        return churn_frame(eta, X, self.horizons_, rises=self.rises_)

    def exposure(self, X: Snapshot) -> Exposure:
        """Read the decisions of each interval from a snapshot, by the timing of exits that was learned."""
        check_is_fitted(self)
        return exposure(X, self.horizons_, rises=self.rises_, timing=self.timing_)

    def explain(self, X: Snapshot, history: History | None = None) -> Explanation:
        """Split the risk of each row exactly over indicators and context; evidence is told from the history."""
        from holdfast.models.explain import explain

        check_is_fitted(self)
        return explain(self, X, history)

    @property
    def horizons(self) -> tuple[int, ...]:
        """Horizons learned, in days."""
        check_is_fitted(self)
        return self.horizons_

    @property
    def kind(self) -> str:
        """Kind of the labels learned from: "notice", "silence" or "departure"."""
        check_is_fitted(self)
        return self.kind_

    @property
    def rises(self) -> bool:
        """Whether probability rises with the horizon (all kinds but silence)."""
        check_is_fitted(self)
        return self.rises_

    @property
    def n_features_in_(self) -> int:
        """Number of indicators seen in training."""
        return len(self.encoding_.indicators)

    @property
    def feature_names_in_(self) -> np.ndarray[Any, Any]:
        """Names of the indicators seen in training, sorted."""
        return np.array(self.encoding_.indicators, dtype=object)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the figures must know."""
        check_is_fitted(self)
        notes = []
        if self.evidence_ < LEARNED_FROM:
            notes.append(f"{self.events_} accounts churned in training: the template leads, and figures are uncertain")
        if self.members_.trees is None:
            notes.append(f"boosted trees join from {TREES_FROM} churned accounts on; the regression stands alone")
        if self.calibration_ != Calibration():
            notes.append("calibrated on the last block of training, which gained from it")
        return tuple(notes)

    def to_dict(self) -> dict[str, Any]:
        """State as JSON-able values; `from_dict` restores it to the last bit."""
        check_is_fitted(self)
        return {
            "parameters": self.get_params() | {"lambdas": list(self.lambdas)},
            "kind": self.kind_,
            "horizons": list(self.horizons_),
            "rises": self.rises_,
            "events": self.events_,
            "evidence": self.evidence_,
            "encoding": self.encoding_.to_dict(),
            "strength": self.strength_,
            "timing": self.timing_.to_dict(),
            "ridge": self.members_.ridge.to_dict(),
            "calendar": self.members_.calendar.to_dict(),
            "trees": None if self.members_.trees is None else self.members_.trees.to_dict(),
            "calibration": self.calibration_.to_dict(),
        }

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> ChurnModel:
        """Restore a fitted model from `to_dict`."""
        model = cls(**state["parameters"])
        model.kind_, model.horizons_, model.rises_ = state["kind"], tuple(state["horizons"]), bool(state["rises"])
        model.events_, model.evidence_ = state["events"], state["evidence"]
        model.encoding_ = Encoding.from_dict(state["encoding"])
        model.strength_ = state["strength"]
        model.timing_ = Timing.from_dict(state["timing"])
        trees = None if state["trees"] is None else Trees.from_dict(state["trees"])
        model.members_ = Members(HazardFit.from_dict(state["ridge"]), trees, HazardFit.from_dict(state["calendar"]))
        model.calibration_ = Calibration(**state["calibration"])
        return model

    def _learn(self, observed: Observed, design: Floats, features: Floats) -> Members:
        ridge = fit_hazard(design, observed.periods, ridge_penalty(self.encoding_, self.strength_))
        trees = None
        if observed.evidence >= TREES_FROM:
            signs = monotone_signs(self.encoding_, observed.health_sign)
            trees = fit_trees(features, observed.periods, signs, self.seed)
        members = Members(ridge, trees, ridge.calendar)
        if trees is None:
            return members
        return replace(members, calendar=fit_calendar(observed.periods, members.g(design, features)))

    def _calibrated(self, observed: Observed, design: Floats, features: Floats) -> Calibration:
        """Fit on the early part of training, and see whether a slope improves what that predicts of the late part."""
        blocks = last_block(observed, share=0.25)
        if blocks is None:
            return Calibration()
        early, late = blocks
        learn, judge = early.seen, late.seen
        blind = self._learn(replace(observed, periods=early).rows(learn), design[learn], features[learn])
        held_out = late.rows(judge)
        eta = blind.eta(design[judge], features[judge], held_out.exposure)
        accounts = observed.X.index.get_level_values("account_id")[judge]
        half = np.array([crc32(str(name).encode()) % 2 for name in accounts])
        slope = slope_if_it_helps(eta, held_out, half)
        if slope == 1.0:
            return Calibration()
        return level(self.members_.eta(design, features, observed.periods.exposure), observed.periods, slope)
