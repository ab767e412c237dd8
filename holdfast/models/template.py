"""The template: health weights that need no data, 40 % product, 30 % relationship, 30 % business."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.errors import UsageError

if TYPE_CHECKING:
    from holdfast.features.indicators.indicator import Indicator

SHARES: Mapping[str, float] = {"product": 40.0, "relationship": 30.0, "business": 30.0}


def scored(catalog: Iterable[Indicator]) -> tuple[Indicator, ...]:
    """Keep the indicators that can be good or bad: those with a scoring curve and a direction, sorted by name."""
    kept = (one for one in catalog if one.curve is not None and one.healthy != "unclear")
    return tuple(sorted(kept, key=lambda one: one.name))


def template_weights(catalog: Iterable[Indicator]) -> pd.Series:
    """Weigh the scored indicators by the template, summing to 1.

    Each dimension has its share, split evenly inside; the share of a dimension without any indicator goes to the
    others in proportion.

    Raises
    ------
    UsageError
        When no indicator has a scoring curve and a direction.
    """
    indicators = scored(catalog)
    if not indicators:
        raise UsageError(
            "HealthScore", "at least one indicator with a curve and a direction", "none", "measure the catalogue first"
        )
    dimension = pd.Series({one.name: one.dimension for one in indicators})
    raw = dimension.map(SHARES).astype(float) / dimension.map(dimension.value_counts()).astype(float)
    return (raw / raw.sum()).rename("weight")


def weighted_mean(points: pd.DataFrame, weights: pd.Series) -> pd.Series:
    """Average the columns by weight over what is present in each row; missing where nothing is.

    Examples
    --------
    >>> points = pd.DataFrame({"a": [1.0, np.nan], "b": [0.0, 0.5]})
    >>> weighted_mean(points, pd.Series({"a": 0.75, "b": 0.25})).tolist()
    [0.75, 0.5]
    """
    total, present = np.zeros(len(points)), np.zeros(len(points))
    for name, weight in weights.items():
        values = points[name].to_numpy(float)
        here = np.isfinite(values)
        total += np.where(here, values, 0.0) * weight
        present += here * weight
    return pd.Series(np.divide(total, present, out=np.full(len(points), np.nan), where=present > 0), index=points.index)
