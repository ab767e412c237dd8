"""How well the mood was read: on ratings that came after the model of their quarter was learned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_Z = 1.959964  # of a 95 % interval


@dataclass(frozen=True)
class Evaluation:
    """Hold readings of rated texts beside what was rated afterwards.

    Attributes
    ----------
    rows
        One row per rated text: ``quarter`` (its first instant), ``good`` (whether it was rated well), ``learned`` and
        ``vader`` (-1 to 1; missing where there was no model, or the text is not English).
    """

    rows: pd.DataFrame

    def frame(self) -> pd.DataFrame:
        """Tabulate by reader: ``reader, n, bad, auc, low, high``; the AUC is missing where either kind is."""
        told = [(reader, *_figures(self.rows, reader)) for reader in ("learned", "vader")]
        return pd.DataFrame(told, columns=["reader", "n", "bad", "auc", "low", "high"])

    def __str__(self) -> str:
        names = {"learned": "learned from your ratings", "vader": "VADER"}
        parts = []
        for reader, name in names.items():
            n, _, area, low, high = _figures(self.rows, reader)
            if not np.isnan(area):
                parts.append(f"{name}: AUC {area:.2f} ({low:.2f} to {high:.2f}) on {n} ratings that came later")
        return "; ".join(parts)


def _figures(rows: pd.DataFrame, reader: str) -> tuple[int, int, float, float, float]:
    there = rows[rows[reader].notna()]
    good = there["good"].to_numpy(dtype=bool)
    return len(there), int((~good).sum()), *auc(there[reader].to_numpy(dtype=float), good)


def auc(scores: NDArray[np.float64], good: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Give the chance that a good text is read above a bad one, with its 95 % interval.

    The interval is that of Hanley and McNeil (Radiology 143, 1982, 29-36); all are missing where either kind is.

    Examples
    --------
    >>> auc(np.array([0.1, 0.9]), np.array([False, True]))[0]
    1.0
    """
    n, m = int(good.sum()), int((~good).sum())
    if not n or not m:
        return float("nan"), float("nan"), float("nan")
    ranks = pd.Series(scores).rank().to_numpy()
    area = float((ranks[good].sum() - n * (n + 1) / 2) / (n * m))
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (n - 1) * (q1 - area**2) + (m - 1) * (q2 - area**2)
    error = _Z * float(np.sqrt(max(spread, 0.0) / (n * m)))
    return area, max(0.0, area - error), min(1.0, area + error)
