"""The boosted trees: LightGBM on the hazard's own likelihood, monotone where an indicator has a direction."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.models.encoding import Encoding
from holdfast.models.hazard import Floats, Periods, fit_calendar
from holdfast.models.leaf_loss import LeafLoss
from holdfast.models.tree_text import check_trees

if TYPE_CHECKING:
    import lightgbm

ROUNDS = 220
MOST, PATIENCE = 30.0, 1.8  # in steps of a learning rate of 1: half the rate takes twice as many trees
SIZES = (8, 12, 31)  # leaves: more of them where columns act together, which accounts' indicators hardly do
SMALL = SIZES[0]
_CAUTIOUS = {"learning_rate": 0.03, "feature_fraction": 0.4, "bagging_fraction": 0.7, "lambda_l2": 10.0}
_TOGETHER = {
    "learning_rate": 0.02,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.9,
    "lambda_l2": 1.0,
    "min_data_in_leaf": 20,
}
_PARAMETERS: dict[str, Any] = {
    "bagging_freq": 1,
    "monotone_constraints_method": "intermediate",  # "advanced" violates its constraints in LightGBM 4.7
    "deterministic": True,
    "force_col_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}


@dataclass(frozen=True)
class Trees:
    """A fitted booster as text, and how many trees it holds.

    Trees see indicators and context but never the interval or its exposure, so g is one number per account and its
    contributions hold at every horizon.
    """

    booster: str
    rounds: int = 0

    def g(self, features: Floats) -> Floats:
        """Sum the leaves of each row (n,)."""
        return np.asarray(self._predict(features), dtype=float).reshape(len(features))

    def contributions(self, features: Floats) -> Floats:
        """Split g over the features by TreeSHAP (n, q + 1); the last column is the base."""
        parts = np.asarray(self._predict(features, pred_contrib=True), dtype=float)
        return parts.reshape(len(features), features.shape[1] + 1)

    def loaded(self) -> lightgbm.Booster:
        """Load the booster, for the plots and measures of shap."""
        return _load(self.booster)

    def _predict(self, features: Floats, **options: Any) -> Any:
        return _load(self.booster).predict(features, num_threads=1, **options) if len(features) else []

    def to_dict(self) -> dict[str, Any]:
        """State: the booster as text."""
        return {"booster": self.booster, "rounds": self.rounds}

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> Trees:
        """Restore from `to_dict`, to the last bit.

        Raises
        ------
        ValueError
            When the text is no booster of ours.
        """
        check_trees(state["booster"])
        return cls(state["booster"], int(state["rounds"]))


def monotone_signs(encoding: Encoding, health_sign: int) -> list[int]:
    """Direction in which each feature may move the hazard: that of health for indicators, free for context."""
    return [encoding.signs.get(source, 0) * health_sign for source in encoding.feature_sources]


@dataclass(frozen=True)
class Grown:
    """Trees with what they say of the rows they were grown on, and of those they were checked by (none otherwise)."""

    trees: Trees
    g: Floats
    checked: Floats


def fit_trees(
    features: Floats,
    periods: Periods,
    signs: list[int],
    seed: int = 0,
    *,
    rounds: int = ROUNDS,
    leaves: int = SMALL,
    check: tuple[Floats, Periods] | None = None,
) -> Grown | None:
    """Boost the complementary log-log likelihood from the calendar's own hazard.

    All intervals of a row share its leaf, so their derivatives are added and one row per account is enough. None when
    no feature can be split on.

    Parameters
    ----------
    rounds, leaves
        Number of trees, and of the leaves of each, of `SIZES`.
    check
        Features and periods of other rows: trees are grown, up to `MOST` steps, until these stop to gain.
    """
    import lightgbm

    n, q = features.shape
    if q == 0 or n < 40:
        return None
    nothing = np.zeros(n)
    calendar = fit_calendar(periods, nothing)
    learned = LeafLoss.of(calendar.eta(nothing, periods.exposure), periods)

    def objective(g: Floats, _data: lightgbm.Dataset) -> tuple[Floats, Floats]:
        return learned.derivatives(g)

    shape = _CAUTIOUS if leaves == SMALL else _TOGETHER
    parameters = {
        **_PARAMETERS,
        "min_data_in_leaf": max(20, min(150, n // 200)),
        **shape,
        "num_leaves": leaves,
        "objective": objective,
        "monotone_constraints": signs,
        "seed": seed,
    }
    data = lightgbm.Dataset(features, params={"verbosity": -1}, free_raw_data=True)
    follow, sets = _Follow(data), [data]
    stop: list[Callable[..., Any]] = []
    if check is not None:
        other, judged = check
        follow.judged = LeafLoss.of(calendar.eta(np.zeros(len(other)), judged.exposure), judged)
        sets.append(lightgbm.Dataset(other, reference=data, params={"verbosity": -1}))
        stop.append(lightgbm.early_stopping(round(PATIENCE / shape["learning_rate"]), verbose=False))
        rounds = round(MOST / shape["learning_rate"])
    booster = lightgbm.train(parameters, data, num_boost_round=rounds, valid_sets=sets, feval=follow, callbacks=stop)
    rounds = rounds if check is None else booster.best_iteration
    g, checked = follow.best or (follow.now, np.empty(0))
    return Grown(Trees(_normalise(booster.model_to_string(num_iteration=rounds)), rounds), g, checked)


@dataclass
class _Follow:
    """Hold what boosting knows of the rows anyway, since to ask all trees again takes long where rows are many.

    Where others are ``judged``, the best is that of the trees with the least loss there.
    """

    rows: lightgbm.Dataset
    judged: LeafLoss | None = None
    least: float = np.inf
    now: Floats = field(default_factory=lambda: np.empty(0))
    best: tuple[Floats, Floats] | None = None

    def __call__(self, g: Floats, data: lightgbm.Dataset) -> tuple[str, float, bool]:
        if data is self.rows or self.judged is None:
            self.now = g
            return "rows", float(len(g)), True
        loss = self.judged.mean(g)
        if loss < self.least:
            self.least, self.best = loss, (self.now.copy(), g.copy())  # boosting writes both anew for each tree
        return "loss", loss, False


def _load(text: str) -> lightgbm.Booster:
    import lightgbm

    try:
        return lightgbm.Booster(model_str=text)
    except lightgbm.basic.LightGBMError as problem:
        raise ValueError(f"LightGBM does not take the trees: {problem}") from problem


def _normalise(text: str) -> str:
    """Leave out what the text records of the machine and not of the model."""
    return re.sub(r"\[num_threads: \d+\]", "[num_threads: 1]", text)
