"""Plain frames: a table with a label, no history needed, read as a snapshot of accounts that are seen once.

Numbers are indicators, texts are context, as they were in training. No renewal is known, so exposure is the same for
all rows, and the one horizon stands for whatever the label means.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from holdfast.errors import DataError, TooFewEvents, UsageError
from holdfast.features.indicators.curves import Curve, bands
from holdfast.features.indicators.expression import Constant
from holdfast.features.indicators.indicator import Healthy, Indicator
from holdfast.features.snapshot import INDEX, Snapshot
from holdfast.models.outcomes import Outcomes
from holdfast.models.periods import MIN_EVENTS
from holdfast.models.plain_columns import Reading

Table: TypeAlias = pd.DataFrame | NDArray[Any]
HORIZON = 30  # in days; it names the only interval and has no other meaning
_MOMENT = pd.Timestamp(0, tz="UTC")
_DECILES = np.linspace(0.05, 0.95, 7)


@dataclass(frozen=True)
class PlainOutcomes:
    """A label of two classes as the outcomes of one horizon: 1 for the second of the classes."""

    frame: pd.DataFrame
    classes: np.ndarray[Any, Any] = field(repr=False)
    kind: str = "notice"
    rises: bool = True
    horizons: tuple[int, ...] = (HORIZON,)

    @property
    def event_at(self) -> pd.Series:
        """Nothing is known of when it happened."""
        return pd.Series(pd.NaT, index=self.frame.index, dtype="datetime64[us, UTC]")


class FrameClassifier(ClassifierMixin, BaseEstimator):
    """What a model that gives probabilities has to say of plain frames, as a classifier of scikit-learn."""

    def predict(self, X: Table) -> NDArray[Any]:
        """Predict the likelier class of each row of a plain frame or array (n,)."""
        check_is_fitted(self)
        model = cast("Any", self)
        return np.asarray(model.classes_[(model.predict_proba(X)[:, 1] > 0.5).astype(int)])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = True
        return tags


def read(estimator: Any, X: Snapshot | Table, y: Outcomes | ArrayLike) -> tuple[Snapshot, Outcomes]:
    """Read rows and label of whatever kind, and tell the estimator what was seen, as scikit-learn has it.

    Raises
    ------
    UsageError
        When a snapshot comes without labels of its rows, or a table with labels of a history.
    """
    if isinstance(X, Snapshot):
        if not _labels(y):
            do = "pass the labels that hf.label gives, not their frame"
            raise UsageError("fit(X, y)", "labels of the rows of a snapshot", f"y of type {type(y).__name__}", do)
        estimator.reading_, estimator.classes_ = None, np.array([0, 1])
        names = np.empty(X.indicators.shape[1], dtype=object)
        names[:] = sorted(map(str, X.indicators.columns))
        estimator.feature_names_in_, estimator.n_features_in_ = names, len(names)
        return X, cast("Outcomes", y)
    if _labels(y):
        raise UsageError(
            "fit(X, y)", "a snapshot, as y holds labels of one", f"X of type {type(X).__name__}", "pass it"
        )
    rows = read_rows(estimator, X, reset=True)
    label = read_label(y, rows)
    estimator.classes_ = label.classes
    return rows, label


def _labels(y: Any) -> bool:
    return all(hasattr(y, name) for name in ("frame", "kind", "horizons", "rises"))


def read_rows(estimator: Any, X: Any, *, reset: bool) -> Snapshot:
    """Read a frame, or an array of numbers, as a snapshot; columns are bound by name where they have names.

    Raises
    ------
    UsageError
        When a column of training is absent, or training was on a snapshot.
    DataError
        When the frame has no rows, a name stands for several columns, or a number of training is no number now.
    ValueError
        When the array is not one of finite numbers and NaN, with as many columns as in training.
    """
    if not isinstance(X, pd.DataFrame):
        matrix = validate_data(estimator, X, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan")
        frame = pd.DataFrame(matrix, columns=[f"x{place}" for place in range(matrix.shape[1])])
        reading = Reading.learn(frame)
    else:
        frame, reading = X, Reading.learn(X) if reset else _known(estimator)
    if reset:
        estimator.reading_ = reading
    if reset and frame is X:
        validate_data(estimator, X, reset=True, skip_check_array=True)
    return _snapshot(frame, reading)


def own_index(X: Snapshot | Table, rows: Snapshot) -> pd.Index:
    """Give the index that results stand on: that of the snapshot or frame, else the places of the rows."""
    return X.index if isinstance(X, Snapshot | pd.DataFrame) else pd.RangeIndex(len(rows))


def _known(estimator: Any) -> Reading:
    reading = getattr(estimator, "reading_", None)
    if not isinstance(reading, Reading):
        do = "measure a snapshot, or train on a frame"
        raise UsageError(type(estimator).__name__, "a Snapshot, as in training", "a plain frame", do)
    return reading


def read_label(y: Any, X: Snapshot) -> PlainOutcomes:
    """Read a label of two classes.

    Raises
    ------
    ValueError
        When it has one class, or more than two, or another length than the rows.
    TooFewEvents
        When there are fewer than five rows of a class that has a name of its own.
    """
    if y is None:
        raise ValueError("This estimator requires y to be passed, but the target y is None.")
    labels = column_or_1d(y, warn=True)
    if len(labels) != len(X):
        raise ValueError(f"X has {len(X)} rows, y has {len(labels)}")
    check_classification_targets(labels)
    target = type_of_target(labels, input_name="y", raise_unknown=True)
    if target != "binary":
        raise ValueError(f"Only binary classification is supported. The type of the target is {target}.")
    classes, event = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"two classes are needed to learn from, y holds one class: {classes[0]!r}")
    _refuse_few(classes.tolist(), np.bincount(event).tolist())
    return PlainOutcomes(pd.DataFrame({HORIZON: event.astype(float)}, index=X.index), classes)


def _refuse_few(classes: list[Any], counts: list[int]) -> None:
    """Refuse few rows by the names of their classes; of 0 and 1 is said what they stand for, where events count."""
    if classes != [0, 1] and min(counts) < MIN_EVENTS:
        found = ", ".join(f"{count} of {name!r}" for name, count in zip(classes, counts, strict=True))
        raise TooFewEvents("y", f"at least {MIN_EVENTS} rows of each class", found, "add rows")


def with_curves(X: Snapshot, y: PlainOutcomes) -> Snapshot:
    """Give every number a curve by its own deciles, rising where those that stayed have more of it.

    So a health score can be made of columns of which nobody said what is healthy.

    Raises
    ------
    DataError
        When no number varies.
    """
    event = y.frame[HORIZON].to_numpy() == 1
    found = [_scored(str(name), X.indicators[name].to_numpy(float), event) for name in X.indicators]
    if not any(found):
        names = ", ".join(map(str, (*X.indicators, *X.context)))
        raise DataError("frame", "a column of numbers that vary, to score by", f"none among {names}", "add one")
    return replace(X, catalog=tuple(one for one in found if one is not None))


def _scored(name: str, values: np.ndarray[Any, Any], event: np.ndarray[Any, Any]) -> Indicator | None:
    known = np.isfinite(values)
    points = np.unique(np.quantile(values[known], _DECILES)) if known.any() else np.empty(0)
    if len(points) < 2:
        return None
    rank = pd.Series(values).rank().to_numpy()
    stayed, left = rank[known & ~event], rank[known & event]
    more = len(left) == 0 or len(stayed) == 0 or bool(stayed.mean() >= left.mean())
    worth = np.linspace(0, 100, len(points)) if more else np.linspace(100, 0, len(points))
    curve = bands(*zip(points.tolist(), worth.tolist(), strict=True))
    return column(name, "high" if more else "low", curve)


def column(name: str, healthy: Healthy, curve: Curve) -> Indicator:
    """Declare a column of a frame as an indicator that is measured already."""
    return Indicator(
        Constant(0.0),
        name=name,
        dimension="product",
        healthy=healthy,
        unit="value",
        title=name,
        curve=curve,
        evidence="{value}",
    )


def _snapshot(frame: pd.DataFrame, reading: Reading) -> Snapshot:
    ids = [str(place) for place in range(len(frame))]
    index = pd.MultiIndex.from_arrays([ids, [_MOMENT] * len(ids)], names=INDEX)
    values = pd.DataFrame(reading.numbers(frame), index=index, dtype=float)
    return Snapshot(
        indicators=values,
        context=pd.DataFrame(reading.texts(frame), index=index, dtype=object),
        exposure=pd.DataFrame(0.0, index=index, columns=[HORIZON]),
        coverage=pd.DataFrame({"all": values.notna().mean(axis=1) if len(values.columns) else 1.0}, index=index),
        catalog=(),
    )
