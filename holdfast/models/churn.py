"""The churn model: one hazard for all horizons, the average of an anchored ridge and boosted trees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, overload

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from holdfast.errors import UsageError
from holdfast.features.snapshot import Snapshot
from holdfast.models.calibration import Calibration, level
from holdfast.models.churn_notes import notes_of
from holdfast.models.encoding import CONTRACT, Encoding
from holdfast.models.hazard import Exposure, Floats, Link
from holdfast.models.interval import Doubt, bounds
from holdfast.models.members import ENOUGH, LARGE, Members, average, learn
from holdfast.models.outcomes import Outcomes
from holdfast.models.periods import (
    EXPANSION,
    Observed,
    churn_frame,
    exposure,
    observe,
    refuse_too_few,
    sampled,
)
from holdfast.models.plain import FrameClassifier, PlainOutcomes, Table, own_index, read, read_rows
from holdfast.models.plain_columns import Reading
from holdfast.models.rehearsal import Rehearsal, rehearse
from holdfast.models.ridge import LAMBDAS, choose_strength, read_grid, ridge_penalty
from holdfast.models.timing import Timing
from holdfast.threads import one_thread

if TYPE_CHECKING:
    from holdfast.models.explain import Explanation
    from holdfast.models.untreated import Untreated


class ChurnModel(FrameClassifier):
    """Probability of churn within each horizon, coherent by construction.

    A discrete-time hazard with complementary log-log link carries all horizons; renewal decisions enter as exposure.
    With 5 to 49 churned accounts the template score leads; from 200 on LightGBM joins the regression.

    Parameters
    ----------
    lambdas
        Penalties to choose from and between, by accounts held out, over all of time and forward in it.
    calibrate
        Whether a rehearsal on the later part of the training rows may settle how many trees are grown, how much they
        count, and whether a calibration line is kept; each default stands unless that shows a clear gain.
    seed
        Seed of the trees.

    Attributes
    ----------
    kind_, horizons_, rises_, link_
        Kind of the labels, horizons learned, whether probability rises with them (all kinds but silence), and the scale
        of what is learned: that of a hazard, or of log-odds for a plain frame, which has no time.
    encoding_, members_, calibration_, strength_
        Columns, fitted parts, calibration line and chosen penalty.
    classes_, n_features_in_, feature_names_in_
        The two outcomes, and what was seen of them, as scikit-learn has it.
    events_, notes
        Accounts that churned in training, and what a reader of the figures must know.
    """

    def __init__(self, lambdas: Sequence[float] = LAMBDAS, calibrate: bool = True, seed: int = 0) -> None:
        self.lambdas = lambdas
        self.calibrate = calibrate
        self.seed = seed

    @one_thread()
    def fit(self, X: Snapshot | Table, y: Outcomes | ArrayLike, untreated: Untreated | None = None) -> Self:
        """Learn from the rows of a snapshot whose labels are known, censored rows as far as they were observed.

        Parameters
        ----------
        X, y
            A snapshot and labels; or a plain frame or array, a row per account, with a label of two classes, the second
            of which is the churn. There numbers are signs, and so are texts that all read as numbers where there are
            more than 20 of them; other texts are context. `notes` names what is of no use.
        untreated
            What is known of interventions: with it, the risk of accounts that nobody helps is learned.

        Raises
        ------
        TooFewEvents
            When fewer than five accounts churned, or stayed.
        """
        grid = read_grid("ChurnModel, lambdas", self.lambdas)
        rows, outcomes = read(self, X, y)
        observed = observe(rows, outcomes) if untreated is None else untreated.applied(observe(rows, outcomes))
        self.link_: Link = "logit" if isinstance(outcomes, PlainOutcomes) else "cloglog"
        observed = replace(observed, periods=replace(observed.periods, link=self.link_))
        self.ground_ = "" if untreated is None else untreated.ground
        refuse_too_few(observed)
        self.kind_, self.horizons_, self.rises_ = outcomes.kind, observed.horizons, observed.rises
        self.events_, self.evidence_, self.timing_ = observed.events, observed.evidence, observed.timing
        calendar = self.calendar and not isinstance(outcomes, PlainOutcomes)
        asked = calendar and CONTRACT in observed.X.context
        self.decided_ = not asked or bool((observed.periods.exposure.off_cycle == 0).any())
        some = sampled(observed, LARGE)
        sample = observed.rows(some)
        self.encoding_ = Encoding.fit(sample.X, decided=asked and self.decided_)
        self.encoding_.check(observed.X)
        how = self._rehearsed(observed.rows(sampled(observed, ENOUGH)), grid)
        design = self.encoding_.design(sample.X)
        self.members_ = learn(observed, some, design, self.encoding_, self.strength_, how, self.seed)
        self.calibration_ = self._levelled(observed, how.slope)
        accounts = pd.factorize(sample.X.index.get_level_values("account_id"))[0]
        penalty = ridge_penalty(self.encoding_, self.strength_, observed.evidence)
        self.doubt_ = Doubt.learn(design, sample.periods, self.members_.ridge, penalty, accounts)
        return self

    @overload
    def predict_proba(self, X: Snapshot) -> pd.DataFrame: ...

    @overload
    def predict_proba(self, X: Table) -> Floats: ...

    def predict_proba(self, X: Snapshot | Table) -> pd.DataFrame | Floats:
        """Probability of churn within each horizon, on the index of X, one column per horizon in days.

        For a plain frame or array: the probability (n, 2) of each class.
        """
        check_is_fitted(self)
        if not isinstance(X, Snapshot):
            event = self.predict_proba(read_rows(self, X, reset=False)).to_numpy()[:, -1]
            return np.column_stack([1.0 - event, event])
        calendar = self.exposure(X)
        eta = self.members_.eta(self.encoding_.design(X), self.encoding_.features(X), calendar)
        eta = self.calibration_.apply(eta, calendar)
        return churn_frame(eta, X, self.horizons_, rises=self.rises_, link=self.link_)

    def predict_interval(self, X: Snapshot | Table, level: float = 0.9) -> pd.DataFrame:
        """Bound the probability of churn of each account, on the index of X: columns (horizon, ``low`` or ``high``).

        The interval is for the account's own probability, given what is measured of it; it is wide where few accounts
        churned in training, and where regression and trees disagree.

        Raises
        ------
        UsageError
            When the level does not lie between 0 and 1.
        """
        check_is_fitted(self)
        if not isinstance(level, int | float | np.floating) or not 0 < level < 1:
            raise UsageError("predict_interval, level", "a share between 0 and 1", repr(level), "such as 0.9")
        rows = X if isinstance(X, Snapshot) else read_rows(self, X, reset=False)
        design, features, calendar = self.encoding_.design(rows), self.encoding_.features(rows), self.exposure(rows)
        regression, trees = self.members_.parts(design, features)
        apart = None if trees is None else np.abs(regression - trees)
        mean = self.members_.calendar.eta(self.members_.blend(regression, trees), calendar)
        eta = self.calibration_.apply(mean, calendar)
        spread = self.doubt_.spread(design, eta, calendar)
        ends = bounds(eta, spread, apart, level, self.link_)
        low, high = ends if self.rises_ else (1.0 - ends[1], 1.0 - ends[0])
        told = {
            (h, side): of[:, k] for k, h in enumerate(self.horizons_) for side, of in (("low", low), ("high", high))
        }
        return pd.DataFrame(told, index=own_index(X, rows)).rename_axis(columns=["horizon", "bound"])

    def exposure(self, X: Snapshot) -> Exposure:
        """Read the decisions of each interval from a snapshot, by the timing of exits that was learned."""
        check_is_fitted(self)
        return exposure(X, self.horizons_, decided=self.calendar, timing=self.timing_)

    def _rehearsed(self, observed: Observed, grid: tuple[float, ...]) -> Rehearsal:
        design = self.encoding_.design(observed.X)
        self.strength_ = choose_strength(self.encoding_, design, observed, grid)
        return rehearse(observed, design, self.encoding_, self.strength_, self.seed) if self.calibrate else Rehearsal()

    @property
    def calendar(self) -> bool:
        """Whether renewal decisions have a say: not in the return of silent accounts, nor in growth."""
        check_is_fitted(self)
        return self.rises_ and self.kind_ != EXPANSION

    def explain(self, X: Snapshot | Table) -> Explanation:
        """Split the risk of each row exactly over indicators and context.

        The rows of a plain frame or array go by their places as accounts: "0", "1" and so on.
        """
        from holdfast.models.explain import explain

        check_is_fitted(self)
        return explain(self, X if isinstance(X, Snapshot) else read_rows(self, X, reset=False))

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
    def notes(self) -> tuple[str, ...]:
        """What a reader of the figures must know."""
        check_is_fitted(self)
        return notes_of(self)

    def to_dict(self) -> dict[str, Any]:
        """State as JSON-able values; `from_dict` restores it to the last bit."""
        check_is_fitted(self)
        return {
            "parameters": self.get_params() | {"lambdas": list(self.lambdas)},
            "kind": self.kind_,
            "classes": self.classes_.tolist(),
            "features": [self.n_features_in_, list(getattr(self, "feature_names_in_", []))],
            **({"reading": self.reading_.to_dict()} if self.reading_ else {}),
            "horizons": list(self.horizons_),
            "rises": self.rises_,
            "link": self.link_,
            "events": self.events_,
            "evidence": self.evidence_,
            "encoding": self.encoding_.to_dict(),
            "strength": self.strength_,
            "ground": self.ground_,
            "decided": self.decided_,
            "timing": self.timing_.to_dict(),
            "doubt": self.doubt_.to_dict(),
            **self.members_.to_dict(),
            "calibration": self.calibration_.to_dict(),
        }

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> Self:
        """Restore a fitted model from `to_dict`."""
        model = cls(**state["parameters"])
        model.classes_, model.n_features_in_ = np.array(state["classes"]), state["features"][0]
        if state["features"][1]:
            model.feature_names_in_ = np.array(state["features"][1], dtype=object)
        model.reading_ = Reading.from_dict(state["reading"]) if "reading" in state else None
        model.kind_, model.horizons_, model.rises_ = state["kind"], tuple(state["horizons"]), bool(state["rises"])
        model.link_ = state.get("link", "cloglog")  # models of before knew no other
        model.events_, model.evidence_ = state["events"], state["evidence"]
        model.encoding_ = Encoding.from_dict(state["encoding"])
        model.strength_, model.ground_, model.decided_ = state["strength"], state["ground"], state["decided"]
        model.doubt_ = Doubt.from_dict(state["doubt"])
        model.timing_ = Timing.from_dict(state["timing"])
        model.members_ = Members.from_dict(state)
        model.calibration_ = Calibration(**state["calibration"])
        return model

    def _levelled(self, observed: Observed, slope: float) -> Calibration:
        if slope == 1.0:
            return Calibration()
        g = average(self.members_, self.encoding_, observed.X)
        return level(self.members_.calendar.eta(g, observed.periods.exposure), observed.periods, slope)
