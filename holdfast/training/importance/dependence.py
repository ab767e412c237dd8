"""Dependence: what a value is worth by the curve that somebody drew, and what it is worth in the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.isotonic import IsotonicRegression

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from holdfast.features.indicators.indicator import Indicator
    from holdfast.models.explain import Explanation
    from holdfast.models.hazard import Floats

BINS = 12
HEALTHY = 0.8  # of the way from the worst to the best: what a curve and the data call healthy
_SLIGHT = 0.05  # log-hazard between worst and best below which the data say nothing of where health begins


def dependence(explained: Sequence[Explanation], name: str) -> pd.DataFrame:
    """Follow the contribution of a sign along its values, beside its declared curve.

    Returns
    -------
    DataFrame
        One row per bin of about equal numbers of rows: ``value`` (mean), ``rows, contribution`` (mean), ``low, high``
        (its middle 80 %) and ``curve`` (0 worst to 1 best; missing without one).
    """
    values, parts = _laid_out(explained, name)
    if not len(values):
        return pd.DataFrame(columns=["value", "rows", "contribution", "low", "high", "curve"])
    place = _bins(values)
    rows, parted = pd.Series(values).groupby(place), pd.Series(parts).groupby(place)
    told = pd.DataFrame({"value": rows.mean(), "rows": rows.size(), "contribution": parted.mean()})
    told["low"], told["high"] = parted.quantile(0.1), parted.quantile(0.9)
    sign = next((one for one in explained[0].X.catalog if one.name == name), None)
    told["curve"] = np.nan if sign is None or sign.curve is None else sign.curve(told["value"].to_numpy(float))
    return told.reset_index(drop=True)


def against_curves(explained: Sequence[Explanation]) -> pd.DataFrame:
    """Compare where curves say that health begins with where it does in the data.

    Both are read at 80 of 100 between their worst and their best over the values that occur; the data's line is the
    best one that goes the healthy way all along.

    Returns
    -------
    DataFrame
        One row per sign with a curve and a direction: ``indicator, title, healthy, declared, learned`` (values of the
        sign; missing where the line is nearly flat), ``range`` (log-hazard between worst and best), ``against`` (how
        much of the movement goes the other way than declared, 0 to 1) and ``told``, a sentence.
    """
    rows = [_compared(explained, one) for one in explained[0].X.catalog if one.curve is not None]
    columns = ["indicator", "title", "healthy", "declared", "learned", "range", "against", "told"]
    return pd.DataFrame([row for row in rows if row], columns=columns)


def _compared(explained: Sequence[Explanation], one: Indicator) -> tuple[object, ...] | None:
    values, parts = _laid_out(explained, one.name)
    if one.healthy not in ("high", "low") or one.curve is None or len(np.unique(values)) < 3:
        return None
    rising = one.healthy == "high"
    points = np.unique(values)
    line = IsotonicRegression(increasing=not rising).fit(values, parts)
    health = -line.predict(points)
    span = float(health.max() - health.min())
    declared = _begins(points, np.asarray(one.curve(points), dtype=float), rising)
    learned = _begins(points, health, rising) if span >= _SLIGHT else np.nan
    told = ""
    if np.isfinite(declared) and np.isfinite(learned):
        told = f"the curve says that health begins at {declared:,.4g}, the data say at {learned:,.4g}"
    return one.name, one.title, one.healthy, declared, learned, span, _against(values, parts, rising), told


def _begins(points: Floats, health: Floats, rising: bool) -> float:
    """Find the least healthy value that is worth 80 of 100 between the worst and the best that occur."""
    low, high = float(health.min()), float(health.max())
    if high <= low:
        return float("nan")
    enough = points[health >= low + HEALTHY * (high - low) - 1e-12]
    return float(enough.min() if rising else enough.max())


def _against(values: Floats, parts: Floats, rising: bool) -> float:
    """Give the share of the movement along the values that goes the unhealthy way."""
    means = pd.Series(parts).groupby(_bins(values)).mean().to_numpy()
    steps = np.diff(means) * (1.0 if rising else -1.0)
    moved = np.abs(steps).sum()
    return float(steps[steps > 0].sum() / moved) if moved > 0 else 0.0


def _bins(values: Floats) -> NDArray[np.intp]:
    """Assign values to bins of about equal numbers of rows; few distinct values are bins of their own."""
    points = np.unique(values)
    edges = points[:-1] if len(points) <= BINS else np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1]))
    return np.asarray(np.searchsorted(edges, values, side="left"), dtype=np.intp)


def _laid_out(explained: Sequence[Explanation], name: str) -> tuple[Floats, Floats]:
    values = np.concatenate([one.value(name).to_numpy(float) if name in one.contributions else [] for one in explained])
    parts = np.concatenate(
        [one.contributions[name].to_numpy(float) if name in one.contributions else [] for one in explained]
    )
    there = np.isfinite(values)
    return values[there], parts[there]
