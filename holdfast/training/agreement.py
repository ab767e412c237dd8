"""Agreement: how far two definitions label the same rows alike, and two models rank the same accounts alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.training.bootstrap import by_account, draw, draw_accounts, interval, rarer

if TYPE_CHECKING:
    from holdfast.training.metrics import Floats

LABELS = ("alike", "kappa", "a_in_b", "b_in_a")
MIN_ACCOUNTS = 10  # below, no rank correlation is told


def labels_alike(a: pd.Series[float], b: pd.Series[float], replicates: int = 200, seed: int = 0) -> dict[str, float]:
    """Compare two labels of the same rows, by account and cutoff, where both are known.

    Returns
    -------
    dict
        ``rows`` (both known), ``rows_a, rows_b`` (one known), ``events_a, events_b`` (of `rows`); ``alike`` (share of
        rows labelled alike), ``kappa`` (Cohen's: agreement beyond chance), ``a_in_b, b_in_a`` (share of the churned
        rows of one that the other counts too), each with its 95 % interval ``_low, _high``, accounts drawn together;
        missing where it is not defined.

    Examples
    --------
    >>> rows = pd.MultiIndex.from_product([["a", "b"], [0, 1]], names=["account_id", "cutoff"])
    >>> found = labels_alike(pd.Series([1.0, 1, 0, 0], rows), pd.Series([1.0, 0, 0, 0], rows), replicates=0)
    >>> found["alike"], found["kappa"], found["a_in_b"], found["b_in_a"]
    (0.75, 0.5, 0.5, 1.0)
    """
    both = pd.DataFrame({"a": a, "b": b}).dropna()
    one, other = both["a"].to_numpy() == 1, both["b"].to_numpy() == 1
    code, weights = draw_accounts(both.index.get_level_values("account_id"), replicates, seed)
    cells = np.column_stack([one & other, one & ~other, ~one & other, ~one & ~other]).astype(float)
    values = _of_cells(weights @ by_account(cells, code, weights.shape[1])) if len(both) else np.full((1, 4), np.nan)
    fewest = min(rarer(code, one), rarer(code, other))
    units = (fewest, fewest, len(np.unique(code[one])), len(np.unique(code[other])))
    bounds = [interval(values[1:, [place]], evidence=count) for place, count in enumerate(units)]
    counts = {"rows": len(both), "rows_a": int(a.notna().sum()), "rows_b": int(b.notna().sum())}
    told: dict[str, float] = {**counts, "events_a": int(one.sum()), "events_b": int(other.sum())}
    for place, name in enumerate(LABELS):
        low, high = (float(one[0]) for one in bounds[place])
        told |= {name: float(values[0, place]), f"{name}_low": low, f"{name}_high": high}
    return told


def ranks_alike(p: pd.Series[float], q: pd.Series[float], replicates: int = 200, seed: int = 0) -> dict[str, float]:
    """Correlate the ranks that two models give to the accounts that both know.

    Returns
    -------
    dict
        ``accounts, spearman`` and its 95 % interval ``spearman_low, spearman_high``; missing below ten accounts.

    Examples
    --------
    >>> p = pd.Series(range(12), [f"a{i}" for i in range(12)], dtype=float)
    >>> round(ranks_alike(p, -p, replicates=0)["spearman"], 6)
    -1.0
    """
    both = pd.DataFrame({"p": p, "q": q}).dropna().rank()
    if len(both) < MIN_ACCOUNTS:
        return {"accounts": len(both), **dict.fromkeys(("spearman", "spearman_low", "spearman_high"), np.nan)}
    weights = draw(len(both), replicates, seed) / len(both)
    x, y = (both[name].to_numpy() for name in ("p", "q"))
    means = weights @ np.column_stack([x, y, x * x, y * y, x * y])
    vx, vy = means[:, 2] - means[:, 0] ** 2, means[:, 3] - means[:, 1] ** 2
    spread = np.sqrt(np.clip(vx, 0, None) * np.clip(vy, 0, None))
    shared = means[:, 4] - means[:, 0] * means[:, 1]
    values = np.divide(shared, spread, out=np.full(len(spread), np.nan), where=spread > 1e-9)
    low, high = interval(values[1:, None], evidence=len(both))
    bounds = {"spearman_low": float(low[0]), "spearman_high": float(high[0])}
    return {"accounts": len(both), "spearman": float(values[0]), **bounds}


def _of_cells(cells: Floats) -> Floats:
    """Give the measures of `LABELS` from counts of both, only a, only b, neither; one row per replicate."""
    both, only_a, only_b, neither = cells.T
    total, in_a, in_b = cells.sum(axis=1), both + only_a, both + only_b
    alike = (both + neither) / total
    chance = (in_a * in_b + (total - in_a) * (total - in_b)) / total**2
    measures = [
        (alike, np.ones(len(alike))),
        (alike - chance, 1 - chance),
        (both, in_a),
        (both, in_b),
    ]
    found = [np.divide(top, bottom, out=np.full(len(top), np.nan), where=bottom > 0) for top, bottom in measures]
    return np.column_stack(found)
