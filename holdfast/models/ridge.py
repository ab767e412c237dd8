"""The regression: a ridge with complementary log-log link, anchored at the template score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from holdfast.errors import UsageError
from holdfast.models.column import Column
from holdfast.models.encoding import CONTRACT, Encoding
from holdfast.models.hazard import (
    Exposure,
    Floats,
    HazardFit,
    Periods,
    event_probability,
    fit_hazard,
    losses_at_own_level,
)
from holdfast.models.periods import LEARNED_FROM, Observed, account_folds, forward_folds, sampled

LAMBDAS = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
# Below so many churned accounts the template leads: strict on all but its score and the contract, as was measured best.
# From there on, and where no template speaks, the best penalty is chosen; before, one that is clearly better.
CHOSEN_FROM = 100
JUDGED = 50_000  # rows: of more, a part of the accounts is enough to choose by
ANCHORED = 2000.0  # while the template leads, on all but
_ANCHOR, _PART, _CONTRACT = 10.0, 20.0, 50.0  # the score, its parts by dimension, and the contract
# Numbers of the context are free early; levels are many columns, each seen in few of those who left.
_FREE_FROM: Mapping[str, int] = {"number": CHOSEN_FROM, "level": 200}
_LIGHT = 1.0  # on context that is free: enough to keep separable data finite


def read_grid(where: str, told: Any) -> tuple[float, ...]:
    """Read the strengths to choose from, of a penalty or a prior.

    Raises
    ------
    UsageError
        When there is none, or one is no finite number of at least 0.

    Examples
    --------
    >>> read_grid("ChurnModel, lambdas", [3.0, 10.0])
    (3.0, 10.0)
    """
    found = tuple(told) if isinstance(told, Iterable) else ()
    if not found or not all(isinstance(one, Real) and 0 <= float(one) < np.inf for one in found):
        raise UsageError(where, "one or more finite numbers of at least 0", repr(told), "such as (10.0, 100.0)")
    return found


def ridge_penalty(encoding: Encoding, strength: float, evidence: int) -> Floats:
    """Penalise by ``strength``, and less what leads where little is known: template score and contract."""
    spoken = _template_in(encoding)
    free = [role for role, least in _FREE_FROM.items() if evidence >= least or not spoken]
    held = [_LIGHT if column.role in free else _held(column) for column in encoding.columns]
    return np.minimum(strength, held)


def _template_in(encoding: Encoding) -> bool:
    return any(column.role == "template" for column in encoding.columns)


def _held(column: Column) -> float:
    if column.role == "template":
        return _PART if column.level else _ANCHOR
    return _CONTRACT if column.source == CONTRACT and column.role == "level" else np.inf


def fit_ridge(
    design: Floats,
    periods: Periods,
    encoding: Encoding,
    strength: float,
    evidence: int,
    *,
    start: HazardFit | None = None,
    tolerance: float = 1e-10,
) -> HazardFit:
    """Fit the hazard whose penalty is that of `ridge_penalty`, around what is expected of each column."""
    penalty = ridge_penalty(encoding, strength, evidence)
    expected = np.array([column.expected for column in encoding.columns])
    return fit_hazard(design, periods, penalty, expected=expected, start=start, tolerance=tolerance)


def choose_strength(encoding: Encoding, design: Floats, observed: Observed, grid: tuple[float, ...] = LAMBDAS) -> float:
    """Choose the penalty by accounts held out, over all of time and forward in it, between those of a grid.

    With few events the template-anchored default stands unless another is clearly better: by two standard errors of
    the gain, accounts being drawn.
    """
    if len(grid) == 1:
        return grid[0]
    led, some = observed.evidence < CHOSEN_FROM and _template_in(encoding), sampled(observed, JUDGED)
    design, observed = design[some], observed.rows(some)
    folds = [(a, b) for a, b in (*account_folds(observed), *forward_folds(observed)) if a.seen.any() and b.seen.any()]
    if not folds or (led and observed.evidence < LEARNED_FROM):
        return ANCHORED
    losses = _held_out(encoding, design, observed, folds, {*grid, ANCHORED} if led else {*grid})
    totals = {strength: float(one.sum()) for strength, one in losses.items()}
    best = min(totals, key=lambda strength: (totals[strength], -strength))
    return between(totals, best) if not led or _clear(losses[ANCHORED] - losses[best]) else ANCHORED


def _held_out(
    encoding: Encoding, design: Floats, observed: Observed, folds: list[tuple[Periods, Periods]], grid: set[float]
) -> dict[float, Floats]:
    """Give the loss of each account (m,) by penalty, from strict to free with warm starts, until it has risen twice."""
    account, names = pd.factorize(observed.X.index.get_level_values("account_id"))
    losses, fits = dict[float, Floats](), dict[int, HazardFit]()
    for strength in sorted(grid, reverse=True):
        losses[strength] = np.zeros(len(names))
        for i, (train, test) in enumerate(folds):
            learn, judge, evidence = train.seen, test.seen, observed.evidence
            small, start = train.rows(learn), fits.get(i)
            fits[i] = fit_ridge(design[learn], small, encoding, strength, evidence, start=start, tolerance=1e-5)
            told = losses_at_own_level(fits[i].g(design[judge]), test.rows(judge))
            losses[strength] += np.bincount(account[judge], told, minlength=len(names))
        last = [one.sum() for one in losses.values()][-3:]
        if len(last) == 3 and last[0] < last[1] < last[2]:
            break
    return losses


def between(losses: Mapping[float, float], best: float) -> float:
    """Find where the parabola through the best of a grid and its neighbours is least, by the log of what is chosen.

    So a choice moves little where data move little, and does not jump where two of a grid are as good.

    Examples
    --------
    >>> between({10.0: 5.0, 100.0: 1.0, 1000.0: 5.0}, 100.0), between({10.0: 5.0, 100.0: 1.0, 1000.0: 1.0}, 1000.0)
    (100.0, 1000.0)
    >>> between({10.0: 5.0, 100.0: 1.0, 1000.0: 1.001, 10000.0: 5.0}, 100.0)
    316.0
    """
    grid = sorted(losses)
    i = grid.index(best)
    near = grid[max(i - 1, 0) : i + 2]
    if len(near) < 3 or near[0] == 0:
        return best
    (x0, x1, x2), (y0, y1, y2) = np.log(near), (losses[one] for one in near)
    left, right = (y0 - y1) / (x1 - x0), (y2 - y1) / (x2 - x1)
    if left + right == 0:
        return best
    return float(f"{np.exp((left * (x1 + x2) + right * (x0 + x1)) / (2.0 * (left + right))):.3g}")


def _clear(gains: Floats) -> bool:
    return bool(gains.sum() > 2.0 * np.sqrt(len(gains)) * gains.std())


class HazardClassifier(ClassifierMixin, BaseEstimator):
    """Binary classifier with complementary log-log link: P(y = 1) = 1 - exp(-exp(x'b + b0 + offset)).

    Parameters
    ----------
    penalty
        Ridge penalty on the standardised columns; the intercept is free.

    Attributes
    ----------
    classes_, coef_, intercept_, n_features_in_
        As in scikit-learn; coefficients are on the scale of the columns as given.

    Examples
    --------
    >>> X, y = [[0.0], [1.0], [2.0], [3.0], [1.5], [1.4]], [0, 0, 1, 1, 0, 1]
    >>> HazardClassifier().fit(X, y).predict([[0.0], [3.0]])
    array([0, 1])
    """

    def __init__(self, penalty: float = 1.0) -> None:
        self.penalty = penalty

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def fit(self, X: ArrayLike, y: ArrayLike, offset: ArrayLike | None = None) -> Self:
        """Fit by penalised maximum likelihood; ``offset`` (n,) is added to the log-hazard of each row."""
        matrix, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        target = type_of_target(labels, input_name="y", raise_unknown=True)
        if target != "binary":
            raise ValueError(f"Only binary classification is supported. The type of the target is {target}.")
        self.classes_, event = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"HazardClassifier needs two classes, y holds one class: {self.classes_[0]!r}")
        center, scale = matrix.mean(axis=0), matrix.std(axis=0)
        scale = np.where(scale > 1e-12 * np.maximum(1.0, np.abs(center)), scale, np.inf)
        periods = Periods(_calendar(len(matrix), offset), event[:, None].astype(float), np.ones((len(matrix), 1)))
        fit = fit_hazard((matrix - center) / scale, periods, np.full(matrix.shape[1], float(self.penalty)))
        self.coef_ = fit.coef / scale
        self.intercept_ = float(fit.intercepts[0] - center @ self.coef_)
        return self

    def decision_function(self, X: ArrayLike, offset: ArrayLike | None = None) -> NDArray[np.float64]:
        """Compute log-odds (n,), so that 0 lies at a probability of one half."""
        hazard = self._hazard(X, offset)
        with np.errstate(over="ignore"):
            odds: Floats = np.log(np.maximum(np.expm1(np.exp(np.clip(hazard, -700.0, 6.0))), 1e-300))
        return odds

    def predict_proba(self, X: ArrayLike, offset: ArrayLike | None = None) -> NDArray[np.float64]:
        """Predict the probability (n, 2) of each class, in the order of `classes_`."""
        event = event_probability(self._hazard(X, offset)[:, None])[:, 0]
        return np.column_stack([1.0 - event, event])

    def predict(self, X: ArrayLike, offset: ArrayLike | None = None) -> NDArray[Any]:
        """Predict the likelier class (n,)."""
        likelier = (self.decision_function(X, offset) > 0).astype(int)
        return np.asarray(self.classes_[likelier])

    def _hazard(self, X: ArrayLike, offset: ArrayLike | None) -> Floats:
        check_is_fitted(self)
        matrix = validate_data(self, X, dtype=np.float64, reset=False)
        fit = HazardFit(self.coef_, np.array([self.intercept_]), 0.0)
        return fit.eta(fit.g(matrix), _calendar(len(matrix), offset))[:, 0]


def _calendar(n: int, offset: ArrayLike | None) -> Exposure:
    given = np.zeros(n) if offset is None else np.asarray(offset, dtype=float)
    return Exposure(given.reshape(n, 1), np.zeros((n, 1)))
