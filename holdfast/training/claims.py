"""Claims: the figures of several protocols side by side, with accounts drawn together over all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from holdfast.features.snapshot import INDEX
from holdfast.training import bootstrap
from holdfast.training.metrics import NAMES

FIGURES = ("auc", "skill", "log_loss")
_AT = [NAMES.index(one) for one in FIGURES]
COLUMNS = [f"{figure}{end}" for of in ("", "_diff") for figure in FIGURES for end in (of, f"{of}_low", f"{of}_high")]


@dataclass(frozen=True)
class Claim:
    """What one protocol predicts, what came of it, and what the base rate predicts; (account_id, cutoff) x horizons."""

    p: pd.DataFrame
    y: pd.DataFrame
    base: pd.DataFrame

    def cells(self, horizon: int) -> pd.DataFrame:
        """Give the cells of one horizon that are predicted and settled: columns ``p, y, base``."""
        parts = {"p": self.p, "y": self.y, "base": self.base}
        there = {name: frame[horizon] for name, frame in parts.items() if horizon in frame}
        return pd.DataFrame(there, index=self.p.index).reindex(columns=list(parts)).dropna()


def compared(
    claims: Mapping[str, Claim], horizon: int, *, first: str, apart: str, replicates: int, seed: int
) -> tuple[pd.DataFrame, int]:
    """Measure the claims at one horizon, and each against the first.

    Parameters
    ----------
    apart
        The claim that is measured on cells of its own; the others are on those that all of them predict.

    Returns
    -------
    rows, evidence
        ``line, horizon, n, events`` and `COLUMNS`, a row per claim that has cells; and the accounts with the rarer
        outcome in the cells of the first.
    """
    cells = {line: one.cells(horizon) for line, one in claims.items()}
    cells = {line: rows for line, rows in cells.items() if len(rows)}
    if first not in cells:
        return pd.DataFrame(columns=["line", "horizon", "n", "events", *COLUMNS]), 0
    shared = cells[first].index
    for line in (line for line in cells if line != apart):
        shared = shared.intersection(cells[line].index, sort=False)
    cells = {line: rows if line == apart else rows.loc[shared] for line, rows in cells.items()}
    accounts = pd.Index(sorted({one for rows in cells.values() for one in rows.index.unique(INDEX[0])}), dtype="str")
    weights = bootstrap.draw(len(accounts), replicates, seed)
    values = {}
    for line, rows in cells.items():
        code = accounts.get_indexer(rows.index.get_level_values(INDEX[0]))
        y, p, base = (rows[name].to_numpy(float) for name in ("y", "p", "base"))
        values[line] = bootstrap.replicate(y, p, base, code, weights)[:, _AT]
    told_of = cells[first].reset_index().groupby("y")[INDEX[0]].nunique().reindex([0.0, 1.0], fill_value=0)
    evidence, found = int(told_of.min()), []
    for line, rows in cells.items():
        told = [line, horizon, len(rows), int(rows["y"].sum())]
        for drawn in (values[line], values[line] - values[first]):
            bounds = bootstrap.interval(drawn[1:], evidence=evidence)
            told += [float(one) for figure in zip(drawn[0], *bounds, strict=True) for one in figure]
        found.append(told)
    table = pd.DataFrame(found, columns=["line", "horizon", "n", "events", *COLUMNS])
    table.loc[table["line"] == first, COLUMNS[len(COLUMNS) // 2 :]] = np.nan  # it differs from nothing
    return table, evidence
