"""Leaks: signs that alone rank churn better than anything known beforehand can."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.findings import Finding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

TOO_WELL = 0.95
FEWEST_EVENTS = 20


def leaks(indicators: pd.DataFrame, y: pd.DataFrame, *, dated: bool = True) -> list[Finding]:
    """Name the indicators that rank churn at the shortest horizon too well to be true, by value or by being missing.

    Parameters
    ----------
    indicators, y
        Values, and labels with one column per horizon, on the same rows.
    dated
        Whether the horizons mean days; in a plain table there is one, which means nothing.

    Examples
    --------
    >>> churned = np.tile([0.0, 1.0], 50)
    >>> values = pd.DataFrame({"cancelled_for_days": 30.0 * churned, "logins": np.arange(100.0) % 7})
    >>> [one.where for one in leaks(values, pd.DataFrame({30: churned}))]
    ['cancelled_for_days']
    """
    horizon = y.columns[0]
    labels, found = y[horizon].to_numpy(float), []
    when = f" within {horizon} days" if dated else ""
    for name in indicators:
        values = indicators[name].to_numpy(float)
        ranks = {"": alone(values, labels), "being missing in ": alone(np.isnan(values).astype(float), labels)}
        how, best = max(ranks.items(), key=lambda one: abs(np.nan_to_num(one[1], nan=0.5) - 0.5))
        if max(best, 1 - best) > TOO_WELL:
            told = f"{how}{name} alone ranks churn{when} with AUC {best:.2f}"
            found.append(Finding("HF016", str(name), 1, told))
    return found


def alone(values: Floats, labels: Floats) -> float:
    """Rank churners against the others where the value is present (AUC); missing where too few churned.

    Examples
    --------
    >>> alone(np.arange(100.0), np.repeat([0.0, 1.0], 50))
    1.0
    """
    there = ~np.isnan(values) & ~np.isnan(labels)
    churned = labels[there] == 1
    positive, negative = int(churned.sum()), int((~churned).sum())
    if positive < FEWEST_EVENTS or negative < FEWEST_EVENTS:
        return np.nan
    ranks = pd.Series(values[there]).rank().to_numpy()
    return float((ranks[churned].sum() - positive * (positive + 1) / 2) / (positive * negative))
