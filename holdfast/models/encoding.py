"""From snapshot to numbers: which columns the models see, bound by name and frozen at training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from holdfast.errors import BundleError, DataError, UsageError, did_you_mean
from holdfast.features.snapshot import Snapshot
from holdfast.models.column import Column, Role, signed_log
from holdfast.models.dated import MOST, day_share
from holdfast.models.groups import companions, group_signs
from holdfast.models.hazard import Floats
from holdfast.models.template import template_weights
from holdfast.models.terms import expected_difference

TEMPLATE, CONTRACT = "template score", "contract"
MAX_LEVELS, MIN_LEVEL_SHARE = 12, 0.01
MIN_GAP_SHARE = 0.01  # a column is told to be missing only where that is neither rare nor the rule
_PLAIN = ("indicator", "number")  # roles of the columns that hold a value as it was measured
_SIGNS = {"high": 1, "low": -1, "between": 0, "unclear": 0}


@dataclass(frozen=True)
class Encoding:
    """Freeze which columns exist, how they are scaled, and which categories were seen.

    Attributes
    ----------
    indicators, context
        Names that a snapshot must bring; their order does not matter.
    signs
        Healthy direction of each indicator: 1 high, -1 low, 0 unclear.
    levels
        Categories kept for each text field of the context; any other reads as the reference level.
    groups
        The group of each indicator, by its first member: signs that say nearly the same.
    prior
        Weight and mean curve value of each indicator of the template score.
    columns
        The design of the regression.
    dated
        Indicators and numbers of the context that tell the day more than the account; the trees do not see them.
    companions
        The indicators that move along with each.
    """

    indicators: tuple[str, ...]
    context: tuple[str, ...]
    dimensions: dict[str, str]
    signs: dict[str, int]
    levels: dict[str, tuple[str, ...]]
    groups: dict[str, str]
    prior: dict[str, tuple[float, float]]
    columns: tuple[Column, ...]
    dated: tuple[str, ...] = ()
    companions: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def fit(cls, X: Snapshot, *, decided: bool = False) -> Encoding:
        """Learn scales and categories from training rows (no label is looked at).

        Parameters
        ----------
        decided
            Whether the event comes with renewal decisions, so that the term of a contract says how likely it is.
        """
        indicators = tuple(sorted(map(str, X.indicators.columns)))
        # Recency belongs to the indicators; as context it stands in only where none of them measures it.
        measured = any(one.caps for one in X.catalog)
        outside = set(X.context.columns) - set(indicators) - ({"recency_days"} if measured else set())
        context = tuple(sorted(outside))
        known = {one.name: one for one in X.catalog}
        bare = cls(
            indicators=indicators,
            context=context,
            dimensions={name: known[name].dimension if name in known else "column" for name in indicators},
            signs={name: _SIGNS[known[name].healthy] if name in known else 0 for name in indicators},
            levels={name: _frequent(X.context[name]) for name in context if _is_text(X.context[name])},
            groups=group_signs(X),
            prior=_prior(X),
            columns=(),
            companions=companions(X),
        )
        bare.check(X)
        day = pd.factorize(X.index.get_level_values("cutoff"))[0]
        usual = next(iter(_levels(X.context[CONTRACT])), "") if decided and CONTRACT in bare.levels else ""
        columns, dated = list[Column](), list[str]()
        for column, values in bare._candidates(X):
            if (scaled := _scaled(column, values)) is not None:
                columns.append(_with_term(scaled, usual))
                if column.role in _PLAIN and day_share(values, day) > MOST:
                    dated.append(column.source)
        return replace(bare, columns=tuple(columns), dated=tuple(dated))

    def context_only(self) -> Encoding:
        """Leave out the indicators: what remains of the design is contract, segment, plan, tenure and size."""
        columns = tuple(column for column in self.columns if column.source in self.context)
        return replace(self, columns=columns, prior={})

    def check(self, X: Snapshot) -> None:
        """Refuse a snapshot whose columns are not those of training, or that holds infinities.

        Raises
        ------
        BundleError
            When a column of training is absent.
        UsageError
            When there is an indicator that training did not know.
        DataError
            When a value is infinite.
        """
        present = set(map(str, X.indicators.columns))
        for name in (*self.indicators, *self.context):
            if name not in present and name not in X.context.columns:
                hint = did_you_mean(name, {*present, *X.context.columns})
                raise BundleError(
                    "Snapshot", f"the column {name!r} of training", f"none ({hint})", "measure it, or train anew"
                )
        for name in sorted(present - set(self.indicators)):
            raise UsageError("Snapshot", "the columns of training", f"also {name!r}", "leave it out, or train anew")
        numbers = [*self.indicators, *(name for name in self.context if name not in self.levels)]
        plain = _plain(X)
        for name in numbers:
            refuse_infinite(name, _numbers(plain, name))

    def design(self, X: Snapshot) -> Floats:
        """Build the standardised design (n, p) of the regression."""
        self.check(X)
        scores, plain = self.template_scores(X), _plain(X)
        design = np.empty((len(X), len(self.columns)), order="F")
        for j, column in enumerate(self.columns):
            values = scores[column.level] if column.role == "template" else _values(plain, column)
            design[:, j] = column.standardise(values)
        return design

    def features(self, X: Snapshot) -> Floats:
        """Build the plain features (n, q) of the trees, missing kept; order as in `feature_sources`."""
        self.check(X)
        plain = _plain(X)
        columns = [_numbers(plain, name) for name in self.feature_numbers]
        columns += [_values(plain, column) for column in self.columns if column.role == "level"]
        return np.array(columns, dtype=float).reshape(len(columns), len(X)).T

    @property
    def feature_numbers(self) -> list[str]:
        """Indicators and numbers of the context that vary in training, and with the account more than with the day."""
        return [one.source for one in self.columns if one.role in _PLAIN and one.source not in self.dated]

    @property
    def feature_sources(self) -> list[str]:
        """The indicator or context field behind each feature of the trees."""
        return [*self.feature_numbers, *(column.source for column in self.columns if column.role == "level")]

    def template_scores(self, X: Snapshot) -> dict[str, Floats]:
        """Score by the template, whole ("") and by dimension; 0 at the training mean, as which the missing counts."""
        scores = {name: np.zeros(len(X)) for name in ("", *sorted({self.dimensions[one] for one in self.prior}))}
        for name, part in self.template_parts(X):
            scores[""] += part
            scores[self.dimensions[name]] += part
        return scores

    def template_parts(self, X: Snapshot) -> Iterator[tuple[str, Floats]]:
        """Yield what each indicator adds to the template score."""
        curved = (X.curved() if self.prior else pd.DataFrame()).reset_index(drop=True)
        for name, (weight, mean) in self.prior.items():
            values = curved[name].to_numpy(float)
            yield name, weight * (np.where(np.isnan(values), mean, values) - mean)

    def to_dict(self) -> dict[str, Any]:
        """State as plain lists, dicts and numbers."""
        return asdict(self)

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> Encoding:
        """Restore from `to_dict`."""
        return cls(
            indicators=tuple(state["indicators"]),
            context=tuple(state["context"]),
            dimensions=dict(state["dimensions"]),
            signs=dict(state["signs"]),
            levels={name: tuple(levels) for name, levels in state["levels"].items()},
            groups=dict(state["groups"]),
            prior={name: (weight, mean) for name, (weight, mean) in state["prior"].items()},
            columns=tuple(Column(**column) for column in state["columns"]),
            dated=tuple(state.get("dated", ())),  # models of before kept nothing from the trees
            companions={name: tuple(others) for name, others in state.get("companions", {}).items()},
        )

    def _candidates(self, X: Snapshot) -> Iterator[tuple[Column, Floats]]:
        def column(source: str, role: Role, level: str = "") -> tuple[Column, Floats]:
            plain = Column(source, role, 0.0, 1.0, 0.0, 0.0, level)
            return plain, scores[level] if role == "template" else _values(rows, plain)

        scores, rows = self.template_scores(X) if self.prior else {}, _plain(X)
        for dimension in scores:
            yield column(TEMPLATE, "template", dimension)
        for name in self.context:
            if name in self.levels:
                yield from (column(name, "level", level) for level in self.levels[name])
            else:
                yield column(name, "number")
        for name in self.indicators:
            yield column(name, "indicator")
        for name in (*self.context, *self.indicators):
            if (
                name not in self.levels
                and MIN_GAP_SHARE <= float(np.isnan(_numbers(rows, name)).mean()) <= 1 - MIN_GAP_SHARE
            ):
                yield column(name, "gap")


def refuse_infinite(name: str, values: Floats) -> None:
    """Refuse a column that holds infinities.

    Raises
    ------
    DataError
        With the name of the column.
    """
    if np.isinf(values).any():
        raise DataError(f"Snapshot, column {name}", "finite values or missing", "infinity", "correct the source")


def _plain(X: Snapshot) -> Snapshot:
    """Leave the index of accounts off: a column is had sooner without it."""
    return replace(X, indicators=X.indicators.reset_index(drop=True), context=X.context.reset_index(drop=True))


def _values(X: Snapshot, column: Column) -> Floats:
    if column.role == "level":
        return np.asarray(_text(X.context[column.source]) == column.level, dtype=float)
    numbers = _numbers(X, column.source)
    return np.isnan(numbers).astype(float) if column.role == "gap" else signed_log(numbers)


def _numbers(X: Snapshot, name: str) -> Floats:
    frame = X.indicators if name in X.indicators.columns else X.context
    values: Floats = frame[name].to_numpy(float, na_value=np.nan)
    return values


def _text(values: pd.Series) -> pd.Series:
    return values.astype(object).where(values.notna(), "").astype(str)


def _is_text(values: pd.Series) -> bool:
    return not pd.api.types.is_numeric_dtype(values)


def _frequent(values: pd.Series) -> tuple[str, ...]:
    """Levels worth a column of their own, but for the most frequent one, which is the reference."""
    return tuple(_levels(values)[1:])


def _levels(values: pd.Series) -> list[str]:
    """Levels that are not rare, the most frequent first."""
    counts = Counter(_text(values))
    kept = [level for level, count in counts.items() if count >= MIN_LEVEL_SHARE * len(values)]
    return sorted(kept, key=lambda level: (-counts[level], level))[:MAX_LEVELS]


def _with_term(column: Column, usual: str) -> Column:
    """Expect of a kind of contract what its term says beside the usual one."""
    if column.source != CONTRACT or column.role != "level":
        return column
    return replace(column, expected=expected_difference(column.level, usual) * column.scale)


def _prior(X: Snapshot) -> dict[str, tuple[float, float]]:
    try:
        weights = template_weights(X.catalog)
    except UsageError:
        return {}
    means = {str(name): mean for name, mean in X.curved().mean().items()}
    pairs = {str(name): (float(weight), float(means[str(name)])) for name, weight in weights.items()}
    return {name: (weight, mean) for name, (weight, mean) in pairs.items() if np.isfinite(mean)}


def _scaled(column: Column, values: Floats) -> Column | None:
    """Scale a column by its training values; None when it holds no information."""
    here = values[np.isfinite(values)]
    if len(here) == 0 or here.min() == here.max():
        return None
    scale = float(here.std())
    if scale <= 1e-12 * max(1.0, float(np.abs(here).max())):
        return None
    if column.role == "template":  # centred and bounded as it is, and never cut, so that it stays a sum over indicators
        return replace(column, scale=scale, low=-1.0, high=1.0)
    return replace(column, center=float(here.mean()), scale=scale, low=float(here.min()), high=float(here.max()))
