"""Four measures of what a sign is worth, each of which answers another question.

Its share in the risk told, what is lost when its values are exchanged between accounts, what is lost when the model
must do without it, and how well it ranks churn by itself; all on rows later than those that were learned from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.base import clone

from holdfast.errors import TooFewEvents
from holdfast.models.swapped import Swapped
from holdfast.progress import progress
from holdfast.training.bootstrap import by_account, draw_accounts, interval, rarer
from holdfast.training.leaks import alone
from holdfast.training.metrics import losses

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.snapshot import Snapshot
    from holdfast.models.explain import Explanation
    from holdfast.models.hazard import Floats
    from holdfast.training.importance.walk import Refit

MOST = 20_000  # rows on which values are exchanged
Groups = Mapping[str, tuple[str, ...]]


def sizes(explained: Explanation, by: NDArray[np.object_] | None = None) -> pd.DataFrame:
    """Give the mean size of each group's contribution, and its share; of all rows, or by part of them.

    Returns
    -------
    DataFrame
        ``part, group, mean_size, share``; the shares of a part sum to 1.
    """
    size = explained.groups().abs()
    parts = np.full(len(size), "", dtype=object) if by is None else by
    table = size.groupby(parts, sort=True).mean().rename_axis("part")
    long = table.reset_index().melt("part", var_name="group", value_name="mean_size")
    total = long.groupby("part")["mean_size"].transform("sum")
    return long.assign(share=(long["mean_size"] / total.where(total > 0)).fillna(0.0))


def permuted(refits: Sequence[Refit], groups: Groups, *, seed: int, replicates: int = 200) -> pd.DataFrame:
    """Exchange the values of each group between the accounts of a cutoff, and see by how much the log loss rises.

    The signs of a group move together, so that none of them stands in for another. Of very many rows those of some
    accounts are taken.

    Returns
    -------
    DataFrame
        ``group, horizon, lost`` (rise of the log loss per row), ``low, high`` (95 %, accounts drawn together); no row
        for a horizon of which no label is settled yet.
    """
    rng, size = np.random.default_rng(seed), sum(len(one.X) for one in refits)
    kept = [_some(one, MOST / max(size, 1)) for one in refits]
    swapped = [Swapped(one.model, one.X) for one in kept]
    orders = [_within(one.X.index.get_level_values("cutoff"), rng) for one in kept]
    labels = np.concatenate([one.y.to_numpy(float) for one in kept])
    ids = np.concatenate([one.X.index.get_level_values("account_id").to_numpy(object) for one in kept])
    code, weights = draw_accounts(ids, replicates, seed)
    before = _loss(labels, _told(swapped, (), orders))
    seen = ~np.isnan(labels)
    rows = np.maximum(weights @ by_account(seen.astype(float), code, weights.shape[1]), 1.0)
    asked = {k: horizon for k, horizon in enumerate(kept[0].y.columns) if seen[:, k].any()}
    units = {k: rarer(code, labels[:, k]) for k in asked}
    found = []
    for group, members in progress(groups.items(), "exchanging", len(groups)):
        lost = by_account(_loss(labels, _told(swapped, members, orders)) - before, code, weights.shape[1])
        drawn = (weights @ lost) / rows
        for k, horizon in asked.items():
            low, high = interval(drawn[1:, [k]], evidence=units[k])
            found.append((group, int(horizon), drawn[0, k], low[0], high[0]))
    return pd.DataFrame(found, columns=["group", "horizon", "lost", "low", "high"])


def _told(swapped: Sequence[Swapped], members: Sequence[str], orders: Sequence[NDArray[np.intp]]) -> Floats:
    """Give the probabilities of all refits, the values of these signs exchanged."""
    return np.concatenate(
        [one.probabilities(tuple(members), order) for one, order in zip(swapped, orders, strict=True)]
    )


def dropped(refit: Refit, groups: Groups) -> pd.DataFrame:
    """Fit anew without each group, and see by how much the log loss of the later rows rises: ``group, lost``.

    What other signs can tell instead is not lost, so a sign may be of great use here and of none there.
    """
    labels = refit.y.to_numpy(float)
    longest = int(np.flatnonzero((~np.isnan(labels)).any(axis=0))[-1])
    full = _mean(_loss(labels, refit.model.predict_proba(refit.X).to_numpy())[:, longest], labels[:, longest])
    X, y = refit.learned
    found = []
    for group, members in progress(groups.items(), "refits without", len(groups)):
        try:
            bare = clone(refit.model).fit(without(X, members), y)
        except TooFewEvents:
            continue
        p = bare.predict_proba(without(refit.X, members)).to_numpy()
        found.append((group, _mean(_loss(labels, p)[:, longest], labels[:, longest]) - full))
    return pd.DataFrame(found, columns=["group", "lost"])


def without(X: Snapshot, names: Sequence[str]) -> Snapshot:
    """Leave out some signs, or fields of the context."""
    gone = set(names)
    return replace(
        X,
        indicators=X.indicators.drop(columns=[name for name in X.indicators if name in gone]),
        context=X.context.drop(columns=[name for name in X.context if name in gone]),
        inapplicable=X.inapplicable.drop(columns=[name for name in X.inapplicable if name in gone]),
        catalog=tuple(one for one in X.catalog if one.name not in gone),
    )


def ranked(indicators: pd.DataFrame, y: pd.DataFrame, signs: Mapping[str, int], *, rises: bool) -> pd.DataFrame:
    """Rank churn by each sign alone, further and further ahead: among those still there, who leaves next.

    Parameters
    ----------
    signs
        Healthy direction of each: 1 high, -1 low, 0 not said.
    rises
        Whether labels grow with the horizon; where they do not (silence) each horizon stands for itself.

    Returns
    -------
    DataFrame
        ``indicator, horizon, auc``: above one half where the unhealthy end leaves; where no direction is said, the
        better of both; missing where too few left.
    """
    found, before = [], np.zeros(len(y), dtype=bool)
    for horizon in y.columns:
        labels = y[horizon].to_numpy(float)
        here = np.where(before, np.nan, labels) if rises else labels
        for name in indicators:
            auc = alone(indicators[name].to_numpy(float), here)
            sign = signs.get(str(name), 0)
            found.append((str(name), int(horizon), max(auc, 1 - auc) if sign == 0 else 1 - auc if sign > 0 else auc))
        before |= labels == 1
    return pd.DataFrame(found, columns=["indicator", "horizon", "auc"])


def _within(cutoff: pd.Index, rng: np.random.Generator) -> NDArray[np.intp]:
    """Exchange rows at random among those of the same cutoff."""
    order = np.arange(len(cutoff))
    for places in pd.Series(order).groupby(pd.factorize(cutoff)[0]).indices.values():
        order[places] = rng.permutation(places)
    return order


def _some(refit: Refit, share: float) -> Refit:
    if share >= 1.0:
        return refit
    mask = pd.util.hash_array(refit.X.index.get_level_values("account_id").to_numpy(object)) < share * 2.0**64
    return replace(refit, X=refit.X.rows(mask), y=refit.y[mask])


def _loss(labels: Floats, p: Floats) -> Floats:
    """Log loss of every cell, 0 where the label is missing."""
    known = ~np.isnan(labels)
    out = np.zeros(labels.shape)
    out[known] = losses(labels[known], p[known])
    return out


def _mean(loss: Floats, labels: Floats) -> float:
    return float(loss.sum() / max(1, int((~np.isnan(labels)).sum())))
