"""Weighting: what each sign weighs for each account, by segment where a template weighs segments apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.features.catalog import catalog as shipped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.indicators.indicator import Indicator
    from holdfast.models.template import Template

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Weighting:
    """Weights by sign, each summing to 1: for everybody, and for the accounts of some segments instead.

    Examples
    --------
    >>> both = Weighting(pd.Series({"a": 1.0}), {"smb": pd.Series({"a": 0.5, "b": 0.5})})
    >>> both.mean(pd.DataFrame({"a": [0.0, 0.0], "b": [1.0, 1.0]}), pd.Series(["smb", "mid"])).tolist()
    [0.5, 0.0]
    """

    base: pd.Series
    segments: Mapping[str, pd.Series] = field(default_factory=dict)

    @classmethod
    def by(cls, template: Template, catalog: Iterable[Indicator]) -> Weighting:
        """Weigh the scored indicators of a catalogue by a template."""
        known = tuple(catalog)
        template.check([one.name for one in (*known, *shipped)])
        return cls(template.weights(known), {name: template.weights(known, name) for name in template.segments})

    @property
    def names(self) -> list[str]:
        """What weighs anything for anybody, sorted."""
        return sorted({str(name) for weights in (self.base, *self.segments.values()) for name in weights.index})

    def table(self, segment: pd.Series) -> pd.DataFrame:
        """Weight of every sign for every row, given their segments; each row sums to 1."""
        told = [one.reindex(self.names).fillna(0.0) for one in (self.base, *self.segments.values())]
        place = {name: number for number, name in enumerate(self.segments, start=1)}
        return pd.DataFrame(told).iloc[[place.get(one, 0) for one in segment]].set_axis(segment.index, axis=0)

    def mean(self, values: pd.DataFrame, segment: pd.Series, wanted: Callable[[str], bool] = lambda _: True) -> Floats:
        """Average the wanted columns over what is present, each row by the weights of its segment."""

        def by(weights: pd.Series) -> Floats:
            inside = weights[[name for name in weights.index if wanted(str(name))]]
            return weighted_mean(values, inside).to_numpy(float)

        mean, of = by(self.base), segment.to_numpy(dtype=object)
        for name, weights in self.segments.items():
            mean = np.where(of == name, by(weights), mean)
        return mean


def weighted_mean(points: pd.DataFrame, weights: pd.Series) -> pd.Series:
    """Average the columns by weight over what is present in each row; missing where nothing is.

    Examples
    --------
    >>> points = pd.DataFrame({"a": [1.0, np.nan], "b": [0.0, 0.5]})
    >>> weighted_mean(points, pd.Series({"a": 0.75, "b": 0.25})).tolist()
    [0.75, 0.5]
    """
    total, present = np.zeros(len(points)), np.zeros(len(points))
    columns = points[list(weights.index)].to_numpy(float).T
    for values, weight in zip(columns, weights.tolist(), strict=True):
        here = np.isfinite(values)
        total += np.where(here, values, 0.0) * weight
        present += here * weight
    return pd.Series(np.divide(total, present, out=np.full(len(points), np.nan), where=present > 0), index=points.index)
