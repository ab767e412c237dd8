"""Signs that move together: groups that say nearly the same and are told as one reason, and companions, looser.

Models share what the signs of a group say between them, one way today and another after the next refit. Each by itself
is a shaky reason; their sum is not. Companions have something behind them in common, and each says more of it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from holdfast.features.snapshot import Snapshot

TOGETHER = 0.8  # rank correlation, either way, that all pairs of a group have at least
ALONG = 0.4  # rank correlation, either way, that companions have at least
_MOST = 20_000  # rows looked at


def group_signs(X: Snapshot) -> dict[str, str]:
    """Assign every indicator to a group, named by its first member in the order of the alphabet.

    Groups lie within a dimension, so that their sums still add up to those of the dimensions, and hold dates agreed on
    apart from what anybody could act on. Of very many rows every n-th is looked at.

    Examples
    --------
    >>> import holdfast as hf
    >>> history = hf.simulate(accounts=60, seed=0, months=14)
    >>> groups = group_signs(hf.catalog.measure(history, hf.cutoffs(history, every="56d")))
    >>> groups["usage_30"], groups["feature_depth"], groups["failed_payments"]
    ('active_days', 'feature_balance', 'failed_payments')
    """
    told = {one.name: (one.dimension, one.calendar) for one in X.catalog}
    names = sorted(map(str, X.indicators))
    kinds = pd.Series([told.get(name, ("column", False)) for name in names], index=names)
    groups: dict[str, str] = {}
    for kind in dict.fromkeys(kinds):
        members = [name for name, other in kinds.items() if other == kind]
        groups |= _grouped(_some(X, list(map(str, members))))
    return {name: groups[name] for name in names}


def companions(X: Snapshot) -> dict[str, tuple[str, ...]]:
    """Name the indicators that move along with each, whatever their dimension; dates agreed on have none.

    Examples
    --------
    >>> import holdfast as hf
    >>> history = hf.simulate(accounts=60, seed=0, months=14)
    >>> along = companions(hf.catalog.measure(history, hf.cutoffs(history, every="56d")))
    >>> "usage_30" in along["active_days"], "active_days" in along["usage_30"], along["days_to_renewal"]
    (True, True, ())
    """
    fixed = {one.name for one in X.catalog if one.calendar}
    names = sorted({*map(str, X.indicators)} - fixed)
    close = _likeness(_some(X, names)) >= ALONG
    np.fill_diagonal(close, False)
    found = {name: tuple(np.array(names, dtype=object)[row]) for name, row in zip(names, close, strict=True)}
    return dict.fromkeys(sorted(fixed & {*X.indicators}), ()) | found


def _some(X: Snapshot, names: list[str]) -> pd.DataFrame:
    """Take every n-th of very many rows."""
    return X.indicators[names].iloc[:: -(-max(len(X), 1) // _MOST)]


def _grouped(values: pd.DataFrame) -> dict[str, str]:
    names = [str(name) for name in values]
    if len(names) < 2:
        return {name: name for name in names}
    apart = squareform(1.0 - _likeness(values), checks=False)
    places = fcluster(linkage(apart, "complete"), 1.0 - TOGETHER, "distance")
    first: dict[int, str] = {}
    for name, place in zip(names, places.tolist(), strict=True):
        first.setdefault(place, name)
    return {name: first[place] for name, place in zip(names, places.tolist(), strict=True)}


def _likeness(values: pd.DataFrame) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Size of the rank correlations; where a value is missing its rank is the mean, so that gaps tell nothing."""
    ranks = values.rank(pct=True)
    centred = (ranks - ranks.mean()).fillna(0.0).to_numpy(float)
    norm = np.sqrt((centred**2).sum(axis=0))
    scaled = centred / np.where(norm > 0, norm, np.inf)
    like = np.abs(scaled.T @ scaled)
    np.fill_diagonal(like, 1.0)
    return np.clip(like, 0.0, 1.0)


def by_group(rows: pd.DataFrame, within: str) -> pd.DataFrame:
    """Sum contributions by group, each told by the member that says most of it.

    Parameters
    ----------
    rows
        ``indicator, group, contribution, strength`` (see `holdfast.models.strength`) and a column to stay within, such
        as the account.

    Returns
    -------
    DataFrame
        One row per ``within`` and group, as they come: ``group, contribution, strength`` (of the way that the
        contribution goes; 0 where the strength goes the other way), ``indicator`` (the strongest member among those
        that point the way of the sum) and ``others`` (a tuple of the remaining members, strongest first).

    Examples
    --------
    >>> rows = pd.DataFrame({"account": ["A"] * 3, "indicator": ["x", "y", "z"], "group": ["x", "x", "z"],
    ...                      "contribution": [0.1, 0.3, -0.2], "strength": [0.1, 0.2, -0.1]})
    >>> by_group(rows, "account").drop(columns="strength").to_dict("records")
    [{'account': 'A', 'group': 'x', 'contribution': 0.4, 'indicator': 'y', 'others': ('x',)}, \
{'account': 'A', 'group': 'z', 'contribution': -0.2, 'indicator': 'z', 'others': ()}]
    """
    keys = [within, "group"]
    total = rows.groupby(keys, sort=False)[["contribution", "strength"]].transform("sum")
    way = np.where(total["contribution"] < 0, -1.0, 1.0)
    order = total.assign(strength=(way * total["strength"]).clip(lower=0.0), along=way * rows["strength"])
    order = order.join(rows[[*keys, "indicator"]]).assign(place=np.arange(len(rows)))
    order = order.sort_values(["along", "indicator"], ascending=[False, True], kind="stable")
    told = order.groupby(keys, sort=False).agg(
        contribution=("contribution", "first"),
        strength=("strength", "first"),
        indicator=("indicator", "first"),
        place=("place", "min"),
    )
    rest = order[order.duplicated(keys)].groupby(keys, sort=False)["indicator"].agg(tuple)
    others = rest.reindex(told.index)
    told["others"] = others.where(others.notna(), pd.Series([()] * len(told), told.index, dtype=object))
    return told.sort_values("place", kind="stable").drop(columns="place").reset_index()
