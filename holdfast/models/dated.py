"""Columns that tell the day rather than the account, such as tenure where all accounts began within a few weeks.

Boosted trees cut the days of training apart by them, and take what happened on the last of those for what comes later.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from holdfast.models.hazard import Floats

MOST = 0.5  # share of the variance of a column's ranks that may lie between cutoffs
ENOUGH = 50_000  # rows that are looked at of very many


def day_share(values: Floats, day: NDArray[np.intp]) -> float:
    """Give the share of the variance of a column's ranks that lies between its days, the correlation ratio squared.

    Ranks, lest the few rows of one unusual day decide, such as the first of a history, before which nothing is known.

    Parameters
    ----------
    values
        (n,); what is missing does not count.
    day
        (n,): the number of the cutoff of each row, from 0.

    Examples
    --------
    >>> day = np.array([0, 0, 1, 1])
    >>> day_share(np.array([1.0, 1.0, 5.0, 5.0]), day), day_share(np.array([1.0, 5.0, 1.0, 5.0]), day)
    (1.0, 0.0)
    """
    if len(values) > ENOUGH:  # drawn, since every n-th might always be of the same day
        some = np.random.default_rng(0).integers(len(values), size=ENOUGH)
        values, day = values[some], day[some]
    there = np.isfinite(values)
    if not there.any():
        return 0.0
    ranks, of = rankdata(values[there]), day[there]
    away = ranks - ranks.mean()
    whole, rows = float(away @ away), np.bincount(of)
    between = np.bincount(of, weights=away) ** 2 / np.maximum(rows, 1)
    return float(between.sum()) / whole if whole > 0 else 0.0
