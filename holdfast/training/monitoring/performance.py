"""Performance, day by day: estimated while outcomes are open, realised once they are known.

The estimate takes the probabilities at their word: who is told 0.2 leaves in one case of five. What ranking and how
many exits that leads one to expect is arithmetic (confidence-based estimation). It sees when accounts become harder to
tell apart. It cannot see that churn has come to follow from other things; only outcomes show that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import norm

from holdfast.training.metrics import auc

if TYPE_CHECKING:
    from holdfast.training.metrics import Floats

ESTIMATED, REALISED = "estimated", "realised"
FEWEST = 5  # accounts with the rarer outcome, below which no ranking of a day is judged
COLUMNS = ("as_of", "horizon", "kind", "accounts", "told", "left", "auc", "low", "high")
_WIDE = float(norm.isf(0.025))


def performance(cells: pd.DataFrame) -> pd.DataFrame:
    """Tell for every day and horizon how good the probabilities were, or are to be expected to be.

    Parameters
    ----------
    cells
        ``account_id, as_of, horizon, p, y``; ``y`` is missing while the outcome is open.

    Returns
    -------
    DataFrame
        ``as_of, horizon``; ``kind`` (``realised`` where no outcome is open any more); ``accounts``; ``told`` (exits to
        be expected) and ``left`` (exits, missing where estimated); ``auc, low, high`` (95 %; missing below 5 accounts
        with the rarer outcome). A late outcome that changes a cell changes its row.
    """
    rows = [
        _day(mine["p"].to_numpy(float), mine["y"].to_numpy(float)) | {"as_of": as_of, "horizon": horizon}
        for (as_of, horizon), mine in cells.groupby(["as_of", "horizon"], sort=True)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"horizon": int})


def expected_auc(p: Floats, weight: Floats | None = None) -> float:
    """Give the AUC to be expected of probabilities that are true.

    Examples
    --------
    >>> round(expected_auc(np.array([0.5, 0.5])), 3), round(expected_auc(np.array([0.0, 1.0])), 3)
    (0.5, 1.0)
    """
    weight = np.ones(len(p)) if weight is None else weight
    outcomes = np.repeat([1.0, 0.0], len(p))
    return auc(outcomes, np.tile(p, 2), np.concatenate([weight * p, weight * (1 - p)]))


def spread_of_auc(value: float, events: float, others: float) -> float:
    """Give the standard error of an AUC by its counts (Hanley and McNeil, Radiology 143(1), 1982).

    Examples
    --------
    >>> round(spread_of_auc(0.8, 50, 200), 4)
    0.0395
    """
    one, two = value / (2 - value), 2 * value**2 / (1 + value)
    rest = (events - 1) * (one - value**2) + (others - 1) * (two - value**2)
    return float(np.sqrt(max(value * (1 - value) + rest, 0.0) / (events * others)))


def _day(p: Floats, y: Floats) -> dict[str, object]:
    open_ = bool(np.isnan(y).any())
    told, left = float(p.sum()), float("nan") if open_ else float(y.sum())
    events = told if open_ else left
    found = {"kind": ESTIMATED if open_ else REALISED, "accounts": len(p), "told": told, "left": left}
    if min(events, len(p) - events) < FEWEST:
        return found | {"auc": np.nan, "low": np.nan, "high": np.nan}
    value = expected_auc(p) if open_ else auc(y, p)
    wide = _WIDE * spread_of_auc(value, events, len(p) - events)
    return found | {"auc": value, "low": max(value - wide, 0.0), "high": min(value + wide, 1.0)}
