"""Intervals by resampling accounts: rows of one account are not independent, so they are drawn together."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm
from scipy.stats import t as student

from holdfast.training import metrics
from holdfast.training.metrics import NAMES, Floats, Ranking

LEVEL = 0.95


def draw(accounts: int, replicates: int, seed: int) -> Floats:
    """Draw how often each account is in each replicate, (1 + replicates, accounts); the first is the sample itself.

    Examples
    --------
    >>> draw(4, 2, seed=0).sum(axis=1).tolist()
    [4.0, 4.0, 4.0]
    """
    rng = np.random.default_rng(seed)
    drawn = (rng.integers(0, accounts, accounts) for _ in range(replicates))
    counts = [np.bincount(one, minlength=accounts) for one in drawn]
    return np.array([np.ones(accounts), *counts], dtype=float)


def draw_accounts(ids: ArrayLike, replicates: int, seed: int) -> tuple[NDArray[np.intp], Floats]:
    """Draw the accounts of rows: the position of each row's account, and how often each is drawn, as in `draw`.

    Examples
    --------
    >>> code, weights = draw_accounts(["b", "a", "b"], 0, seed=0)
    >>> code.tolist(), weights.tolist()
    ([1, 0, 1], [[1.0, 1.0]])
    """
    accounts, code = np.unique(np.asarray(ids, dtype=object), return_inverse=True)
    return code, draw(len(accounts), replicates, seed)


def replicate(
    y: Floats,
    p: Floats,
    base: Floats,
    account: NDArray[np.intp],
    weights: Floats,
    context: Floats | None = None,
) -> Floats:
    """Compute all metrics of one model at one horizon in every replicate.

    Parameters
    ----------
    y, p, base
        Labels, probabilities, and the probabilities of the base rate, by row.
    account
        Position of the account of each row in the columns of `weights`.
    weights
        From `draw`.
    context
        Probabilities by the contract context alone, which the skill over it is measured against; without them it is
        missing.

    Returns
    -------
    array (replicates, metrics)
        In the order of `metrics.NAMES`; the first row holds the values of the sample itself.
    """
    line = metrics.calibration_line(y, p)
    values = np.full((len(weights), len(NAMES)), np.nan)
    values[:, [NAMES.index(n) for n in ("auc", "ap", "lift_10")]] = _ranked(Ranking.of(y, p), account, weights)
    sums = by_account(_additive(y, p, (base, base if context is None else context), line), account, weights.shape[1])
    total, events, loss, worst, plain, brier, *rest = (weights @ sums).T
    gaps = np.array(rest[5:])
    with np.errstate(divide="ignore", invalid="ignore"):
        values[:, NAMES.index("log_loss")] = loss / total
        values[:, NAMES.index("skill")] = np.where(worst > 0, 1 - loss / worst, np.nan)
        if context is not None:
            values[:, NAMES.index("skill_context")] = np.where(plain > 0, 1 - loss / plain, np.nan)
        values[:, NAMES.index("brier")] = brier / total
        values[:, NAMES.index("ratio")] = np.where(events > 0, 1 + gaps.sum(axis=0) / events, np.nan)
        values[:, NAMES.index("ece")] = np.abs(gaps).sum(axis=0) / total
    if np.isfinite(line).all():
        at = np.array([line[1], line[0]])
        # one Newton step from the line of the full sample; the sample itself stays where it is
        moved = at + metrics.newton_step(np.column_stack(rest[:5]))
        values[:, NAMES.index("intercept")], values[:, NAMES.index("slope")] = moved.T
    return values


def ratios(top: Floats, bottom: Floats, account: NDArray[np.intp], weights: Floats) -> Floats:
    """Divide the sum of one value over rows by that of another in every replicate, (1 + replicates,).

    Parameters
    ----------
    account, weights
        As in `replicate`.
    """
    above, below = (weights @ np.bincount(account, one, minlength=weights.shape[1]) for one in (top, bottom))
    return np.asarray(np.divide(above, below, out=np.full(len(weights), np.nan), where=below > 0))


def by_account(values: Floats, account: NDArray[np.intp], accounts: int) -> Floats:
    """Sum the columns of rows by account, (accounts, columns).

    Examples
    --------
    >>> by_account(np.array([[1.0], [2.0], [4.0]]), np.array([2, 0, 2]), 3).ravel().tolist()
    [2.0, 0.0, 5.0]
    """
    sums = pd.DataFrame(values).groupby(account, sort=True).sum()
    full = np.zeros((accounts, values.shape[1]))
    full[sums.index.to_numpy()] = sums.to_numpy()
    return full


def rarer(accounts: ArrayLike, outcome: ArrayLike) -> int:
    """Count the accounts with the rarer outcome, of which one may have both.

    Examples
    --------
    >>> rarer(["a", "a", "b"], [1, 0, 0])
    1
    """
    ids, seen = np.asarray(accounts), np.asarray(outcome, dtype=float)
    return min(len(pd.unique(ids[seen == one])) for one in (0.0, 1.0))


def interval(replicates: Floats, level: float = LEVEL, evidence: int | None = None) -> tuple[Floats, Floats]:
    """Give the percentile interval of replicates, by column; missing where fewer than half of them are defined.

    Parameters
    ----------
    evidence
        Accounts with the rarer outcome. A percentile interval of few units is too narrow, so it reaches as much further
        as Student's t does (Hesterberg, "What teachers should know about the bootstrap", The American Statistician
        69(4), 2015). A single one says no more than two.
    """
    low, high = np.full(replicates.shape[1], np.nan), np.full(replicates.shape[1], np.nan)
    tail = (1 - level) / 2
    if evidence is not None:
        units = max(evidence, 2)
        tail = float(norm.cdf(np.sqrt(units / (units - 1)) * student.ppf(tail, units - 1)))
    there = np.isfinite(replicates)
    whole = there.all(axis=0) & (len(replicates) > 0)
    if whole.any():
        low[whole], high[whole] = np.quantile(replicates[:, whole], [tail, 1 - tail], axis=0)
    for column in np.flatnonzero(~whole & there.any(axis=0)):
        seen = replicates[there[:, column], column]
        if 2 * len(seen) >= len(replicates):
            low[column], high[column] = np.quantile(seen, [tail, 1 - tail])
    return low, high


def _additive(y: Floats, p: Floats, rivals: tuple[Floats, Floats], line: tuple[float, float]) -> Floats:
    """Stack, by row, what adds up over rows: weight, label, losses, squared error, score of the line, gaps by bin."""
    gaps = np.zeros((len(y), metrics.BINS))
    gaps[np.arange(len(y)), metrics.equal_mass(p)] = p - y
    at = np.nan_to_num(np.array([line[1], line[0]]))
    scores = metrics.score_sums(y, metrics.logit(p), at)
    losses = [metrics.losses(y, one) for one in (p, *rivals)]
    return np.column_stack([np.ones(len(y)), y, *losses, (y - p) ** 2, scores, gaps])


def _ranked(ranking: Ranking, account: NDArray[np.intp], weights: Floats) -> Floats:
    values, ordered = np.empty((len(weights), 3)), account[ranking.order]
    for i, weight in enumerate(weights):
        tally = ranking.sums(weight[ordered])
        values[i] = metrics.auc_of(*tally), metrics.average_precision_of(*tally), metrics.lift_of(*tally)
    return values
