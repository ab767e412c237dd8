"""One account at a time: the same figures as for a whole book, without a frame, within a millisecond."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.errors import BundleError, DataError, did_you_mean
from holdfast.models.column import Column, signed_log
from holdfast.models.hazard import Exposure, Floats
from holdfast.models.periods import as_exposure, churn_probability
from holdfast.models.template import SHARES
from holdfast.models.weighting import Weighting

if TYPE_CHECKING:
    import pandas as pd

    from holdfast.features.indicators.indicator import Indicator
    from holdfast.features.snapshot import Snapshot
    from holdfast.models.churn import ChurnModel
    from holdfast.models.encoding import Encoding
    from holdfast.models.health import HealthScore


@dataclass(frozen=True)
class Row:
    """What was measured of one account at one cutoff, as plain values.

    Attributes
    ----------
    indicators
        Value by name; missing is NaN.
    context
        Texts and numbers by name.
    decisions
        Renewal decisions by horizon, those between it and the horizon before.
    calendar
        Days to the last day of each decision.
    coverage
        Share of the applicable indicators that are present: by dimension, and ``all``.
    """

    indicators: Mapping[str, float]
    context: Mapping[str, Any]
    decisions: Mapping[int, float]
    calendar: Sequence[float]
    coverage: Mapping[str, float]

    @classmethod
    def of(cls, X: Snapshot, place: int = -1) -> Row:
        """Take a row out of a snapshot, by default the last one."""
        return cls(
            _values(X.indicators, place),
            _values(X.context, place),
            dict(zip(X.horizons, X.exposure.iloc[place].tolist(), strict=True)),
            [] if X.calendar.empty else X.calendar.iloc[place].tolist(),
            _values(X.coverage, place),
        )


class Single:
    """Score accounts one by one; what it says is what the models say of a snapshot, to ten digits.

    Parameters
    ----------
    health, model
        Fitted.
    catalog
        The indicators they were fitted on, such as ``X.catalog``.

    Examples
    --------
    ``Single(health, model, X.catalog)(Row.of(X))`` gives ``{"health": 71.2, "product": ..., "p30": 0.01, ...}``.
    """

    def __init__(self, health: HealthScore, model: ChurnModel, catalog: Iterable[Indicator]) -> None:
        self.health, self.model = health, model
        scored = tuple(one for one in catalog if one.curve is not None)
        self._curves = _Curves(scored)
        self._score = _Score(health, self._curves, {one.name: one.dimension for one in scored})
        self._design = _Design(model.encoding_, self._curves)

    def __call__(self, row: Row) -> dict[str, float]:
        """Give ``health`` and the dimensions, 0 to 100, and the probability of churn by horizon, ``p30`` and so on.

        Raises
        ------
        BundleError
            When an indicator, a field or a horizon of training is absent.
        """
        worth = self._curves(row)
        chances = self._probabilities(row, worth)
        return self._score(row, worth) | {f"p{h}": p for h, p in zip(self.model.horizons_, chances, strict=True)}

    def _probabilities(self, row: Row, worth: Floats) -> list[float]:
        model, members = self.model, self.model.members_
        design, features = self._design(row, worth)
        g = float(design @ members.ridge.coef)
        if self._booster is not None:
            trees = float(self._booster.predict(features[None, :], num_threads=1)[0])
            g = (1.0 - members.share) * g + members.share * trees
        calendar = self._exposure(row)
        eta = model.calibration_.apply(members.calendar.eta(np.array([g]), calendar), calendar)
        told: list[float] = churn_probability(eta, rises=model.rises_, link=model.link_)[0].tolist()
        return told

    @cached_property
    def _booster(self) -> Any:
        trees = self.model.members_.trees
        return None if trees is None else trees.loaded()

    def _exposure(self, row: Row) -> Exposure:
        horizons = self.model.horizons_
        for horizon in horizons:
            if horizon not in row.decisions:
                raise BundleError("Row.decisions", f"the horizon {horizon}", str(list(row.decisions)), "measure it too")
        given = np.array(list(row.decisions), dtype=float)
        counts = np.array(list(row.decisions.values()), dtype=float)
        edges = np.array((0, *horizons))
        decisions = np.array([counts[(given > low) & (given <= high)].sum() for low, high in pairwise(edges)])[None, :]
        if len(row.calendar):
            decisions = self.model.timing_.expected(np.array([row.calendar], dtype=float), horizons)
        return as_exposure(decisions, horizons, decided=self.model.calendar)


class _Curves:
    """All curves at once: what each value is worth, 0 to 1."""

    def __init__(self, scored: Sequence[Indicator]) -> None:
        self.names = [one.name for one in scored]
        self.place = {name: number for number, name in enumerate(self.names)}
        most = max((len(one.curve.x) for one in scored if one.curve), default=1)
        self._x, self._points = np.full((len(scored), most), np.inf), np.zeros((len(scored), most))
        self._last = np.zeros(len(scored), dtype=int)
        for number, one in enumerate(scored):
            if one.curve is not None:
                corners = len(one.curve.x)
                self._x[number, :corners], self._points[number, :corners] = one.curve.x, one.curve.points
                self._last[number] = corners - 1
        self._all = np.arange(len(scored))
        self._caps = [
            (self.place[cap.name], [self.place[one.name] for one in scored if one.dimension == cap.dimension])
            for cap in scored
            if cap.caps
        ]

    def __call__(self, row: Row) -> Floats:
        """Give the worth of each value; missing where it is."""
        value = _numbers(row.indicators, self.names, "the indicator")
        left = np.clip((self._x <= value[:, None]).sum(axis=1) - 1, 0, self._last)
        right = np.minimum(left + 1, self._last)
        start, low, high = self._x[self._all, left], self._points[self._all, left], self._points[self._all, right]
        width = self._x[self._all, right] - start
        wide = width > 0
        share = np.clip((value - start) / np.where(wide, width, 1.0), 0.0, 1.0)
        worth = np.where(np.isnan(value), np.nan, (low + share * np.where(wide, high - low, 0.0)) / 100.0)
        for cap, inside in self._caps:
            most = worth[cap]
            worth[inside] = np.minimum(worth[inside], 1.0 if np.isnan(most) else most)
        return np.asarray(worth)


class _Score:
    """The health score of one row."""

    def __init__(self, health: HealthScore, curves: _Curves, dimensions: Mapping[str, str]) -> None:
        self._anchors = health.anchors
        self._least = health.min_coverage
        weighting = Weighting(health.weights_, health.segments_)
        self._of = [curves.place[name] for name in weighting.names]
        self._reference = health.reference_.reindex(weighting.names).to_numpy(float)
        told = {"": weighting.base, **weighting.segments}
        self._weights = {of: one.reindex(weighting.names).fillna(0.0).to_numpy(float) for of, one in told.items()}
        self._inside = {of: np.array([dimensions[name] == of for name in weighting.names]) for of in SHARES}

    def __call__(self, row: Row, worth: Floats) -> dict[str, float]:
        values = worth[self._of]
        known = ~np.isnan(values)
        values = np.where(known, values, self._reference)
        weights = self._weights.get(_text(row.context, "segment"), self._weights[""])
        index = _mean(values, weights)
        points = min(max(self._anchors.beyond(index), 0.0), 100.0)
        told = {"health": points if self._suffices(row, "all", known, weights) else float("nan")}
        for name, inside in self._inside.items():
            part = np.where(inside, weights, 0.0)
            told[name] = 100.0 * _mean(values, part) if self._suffices(row, name, known, part) else float("nan")
        return told

    def _suffices(self, row: Row, of: str, known: Any, weights: Floats) -> bool:
        share = row.coverage.get(of, 1.0)
        return bool((known & (weights > 0)).any()) and (0.0 if np.isnan(share) else share) >= self._least


class _Design:
    """The design of the regression and the features of the trees, of one row."""

    def __init__(self, encoding: Encoding, curves: _Curves) -> None:
        columns = encoding.columns
        self._numbers = [*encoding.indicators, *(name for name in encoding.context if name not in encoding.levels)]
        self._indicators = frozenset(encoding.indicators)
        place = {name: number for number, name in enumerate(self._numbers)}
        self._center, self._scale, self._low, self._high = (
            np.array([getattr(one, name) for one in columns], dtype=float)
            for name in ("center", "scale", "low", "high")
        )
        self._logs, self._gaps, self._levels, self._templates = (
            _Picked.of(columns, roles) for roles in (("indicator", "number"), ("gap",), ("level",), ("template",))
        )
        self._told = sorted({one.source for one in self._levels.columns})
        self._of_logs, self._of_gaps = (
            [place[one.source] for one in some.columns] for some in (self._logs, self._gaps)
        )
        self._of_trees = [place[name] for name in encoding.feature_numbers]
        names = list(encoding.prior)
        self._prior = [curves.place[name] for name in names]
        self._weight, self._mean = (np.array([encoding.prior[name][k] for name in names], dtype=float) for k in (0, 1))
        inside = [[one.level in ("", encoding.dimensions[name]) for name in names] for one in self._templates.columns]
        self._parts = np.array(inside, dtype=float).reshape(len(self._templates.columns), len(names))

    def __call__(self, row: Row, worth: Floats) -> tuple[Floats, Floats]:
        numbers = _numbers({**row.context, **row.indicators}, self._numbers, "the column")
        for name in self._told:
            if name not in row.context:
                raise _lacking(name, row.context, "the column")
        levels = np.array([_text(row.context, one.source) == one.level for one in self._levels.columns], dtype=float)
        values = np.empty(len(self._center))
        values[self._logs.at] = signed_log(numbers[self._of_logs])
        values[self._gaps.at] = np.isnan(numbers[self._of_gaps])
        values[self._levels.at] = levels
        if len(self._templates.at):
            curved = worth[self._prior]
            parts = self._weight * (np.where(np.isnan(curved), self._mean, curved) - self._mean)
            values[self._templates.at] = self._parts @ parts
        z = (np.clip(values, self._low, self._high) - self._center) / self._scale
        return np.where(np.isfinite(z), z, 0.0), np.concatenate([numbers[self._of_trees], levels])


@dataclass(frozen=True)
class _Picked:
    """Columns of some roles, and where they stand."""

    at: list[int]
    columns: list[Column]

    @classmethod
    def of(cls, columns: Sequence[Column], roles: Collection[str]) -> _Picked:
        at = [number for number, one in enumerate(columns) if one.role in roles]
        return cls(at, [columns[number] for number in at])


def _values(frame: pd.DataFrame, place: int) -> dict[str, Any]:
    return {str(name): frame[name].iloc[place] for name in frame}


def _numbers(given: Mapping[str, Any], names: Sequence[str], what: str) -> Floats:
    try:
        found = np.array([given[name] for name in names], dtype=float)
    except KeyError as problem:
        raise _lacking(str(problem.args[0]), given, what) from None
    if np.isinf(found).any():
        name = names[int(np.isinf(found).argmax())]
        raise DataError(f"Row, {what} {name}", "a finite value, or missing", "infinity", "correct the source")
    return found


def _lacking(name: str, given: Mapping[str, Any], what: str) -> BundleError:
    return BundleError("Row", f"{what} {name!r} of training", did_you_mean(name, given), "measure it")


def _text(context: Mapping[str, Any], name: str) -> str:
    value = context.get(name)
    return "" if value is None or value != value else str(value)  # NaN is not itself


def _mean(values: Floats, weights: Floats) -> float:
    """Average by weight over what is present."""
    here = ~np.isnan(values)
    total = float(weights[here].sum())
    return float((values[here] * weights[here]).sum()) / total if total > 0 else float("nan")
