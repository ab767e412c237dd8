"""How well the mood was read: on ratings that came after the model of their quarter was learned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_Z = 1.959964  # of a 95 % interval
Figures = tuple[int, int, float, float, float]


@dataclass(frozen=True)
class Evaluation:
    """Hold readings of rated texts beside what was rated afterwards.

    Attributes
    ----------
    rows
        One row per rated text: ``quarter`` (its first instant), ``good`` (whether it was rated well), ``learned`` and
        ``vader`` (-1 to 1; missing where there was no model, or the text is not English or not among the latest).
    """

    rows: pd.DataFrame

    def frame(self) -> pd.DataFrame:
        """Tabulate by quarter and over all, reader and texts: ``quarter, reader, texts, n, bad, auc, low, high``.

        Texts are ``all`` that the reader reads, or ``English``, those that both read, if both read any; the AUC is
        missing where either kind of rating is.

        Examples
        --------
        >>> rows = pd.DataFrame({"good": [True, False], "learned": [0.5, -0.2], "vader": [None, None]})
        >>> rows["quarter"] = pd.Timestamp("2025-04-01", tz="UTC")
        >>> Evaluation(rows).frame()[["quarter", "reader", "texts", "n", "auc"]]
          quarter   reader texts  n  auc
        0  2025Q2  learned   all  2  1.0
        1     all  learned   all  2  1.0
        """
        told = [
            (quarter, reader, texts, *figures)
            for quarter, rows in [*self._by_quarter(), ("all", self.rows)]
            for (reader, texts), figures in _compared(rows).items()
        ]
        return pd.DataFrame(told, columns=["quarter", "reader", "texts", "n", "bad", "auc", "low", "high"])

    def _by_quarter(self) -> list[tuple[str, pd.DataFrame]]:
        quarters = pd.PeriodIndex(self.rows["quarter"].dt.tz_localize(None), freq="Q").astype(str)
        return [(str(quarter), rows) for quarter, rows in self.rows.groupby(quarters, sort=True)]

    def _repr_html_(self) -> str:
        return str(self.frame().to_html(escape=True, index=False, float_format="{:.3f}".format))

    def __str__(self) -> str:
        told = {which: figures for which, figures in _compared(self.rows).items() if not np.isnan(figures[2])}
        parts = []
        if (every := told.get(("learned", "all"))) is not None:
            parts.append(f"on {every[0]:,} ratings that came later the model has {_written(every)}")
        if (lexical := told.get(("vader", "English"))) is not None:
            own = told.get(("learned", "English"))
            beside = f", the model {_written(own)}" if own else ""
            parts.append(f"on {lexical[0]:,} English ones VADER has {_written(lexical)}{beside}")
        return "; ".join(parts)


def _written(figures: Figures) -> str:
    _, _, area, low, high = figures
    return f"AUC {area:.2f} ({low:.2f} to {high:.2f})"


def _compared(rows: pd.DataFrame) -> dict[tuple[str, str], Figures]:
    """Give the figures of each reader on all that it reads, and of both on what both read."""
    learned, lexical = rows["learned"].notna(), rows["vader"].notna()
    found = {}
    if learned.any():
        found["learned", "all"] = _figures(rows[learned], "learned")
    both = rows[learned & lexical] if (learned & lexical).any() else rows[:0]
    if len(both):
        found["learned", "English"] = _figures(both, "learned")
    if lexical.any():
        found["vader", "English"] = _figures(both if len(both) else rows[lexical], "vader")
    return found


def _figures(rows: pd.DataFrame, reader: str) -> Figures:
    good = rows["good"].to_numpy(dtype=bool)
    return len(rows), int((~good).sum()), *auc(rows[reader].to_numpy(dtype=float), good)


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
