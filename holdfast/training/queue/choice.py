"""The choice: whom each person calls, so that what is saved is most and nobody works longer than they have.

Each person has a knapsack of their own: the accounts of their purview, each with a value and a cost. It is packed
exactly. What is first by value for its cost need not fit beside the others, so taking from the top would waste hours.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from holdfast.errors import UsageError

_SCALE = 1e6  # the solver stops at an absolute gap of 1e-6: of a millionth of the largest value


def choose(work: pd.DataFrame, minutes: Mapping[str, int]) -> pd.Series[bool]:
    """Choose the accounts whose values sum to most, within the minutes of each owner.

    Parameters
    ----------
    work
        One row per account, indexed by it: ``owner``, ``value`` (0 or more), ``minutes`` (whole, above 0). The order of
        the rows does not matter; among accounts alike the first by id is chosen.
    minutes
        What each owner has; owners that are not named have none.

    Returns
    -------
    Series of bool
        On the index of `work`: True where chosen. What is worth nothing is not.

    Raises
    ------
    UsageError
        When a value is missing or negative, or a cost is no whole number above 0.

    Examples
    --------
    >>> work = pd.DataFrame({"owner": "Kim", "value": [10.0, 6.0, 6.0], "minutes": [60, 45, 45]}, index=list("abc"))
    >>> choose(work, {"Kim": 90}).tolist()
    [False, True, True]
    """
    _check(work)
    ids = work.index.astype("str")
    ordered = work.assign(id=ids).sort_values(["value", "id"], ascending=[False, True], kind="stable")
    chosen = pd.Series(False, index=work.index)
    for owner, mine in ordered[ordered["value"] > 0].groupby("owner", sort=True):
        taken = _packed(mine["value"].to_numpy(float), mine["minutes"].to_numpy(np.int64), minutes.get(str(owner), 0))
        chosen[mine.index[taken]] = True
    return chosen


def _packed(value: NDArray[np.float64], cost: NDArray[np.int64], room: int) -> NDArray[np.bool_]:
    """Pack one knapsack; values descend."""
    if cost.sum() <= room:
        return np.ones(len(value), dtype=bool)
    nth = pd.Series(cost).groupby(cost).cumcount().to_numpy()
    few = np.flatnonzero(nth < room // cost)  # of equal cost no more can fit, and the first are the best
    if len(np.unique(cost[few])) <= 1:
        return np.isin(np.arange(len(value)), few)
    best = _solved(value[few], cost[few], room)
    counts = pd.Series(best).groupby(cost[few]).sum()
    return np.asarray(nth < counts.reindex(cost, fill_value=0).to_numpy())


def _solved(value: NDArray[np.float64], cost: NDArray[np.int64], room: int) -> NDArray[np.bool_]:
    from scipy.optimize import Bounds, LinearConstraint, milp

    found = milp(
        -value * (_SCALE / value.max()),
        integrality=np.ones(len(value), dtype=np.int64),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(cost[None, :].astype(float), ub=float(room)),
        options={"mip_rel_gap": 0.0},
    )
    if found.x is None:
        raise RuntimeError(f"the knapsack was not solved: {found.message}")
    return np.asarray(found.x > 0.5)


def _check(work: pd.DataFrame) -> None:
    value, cost = work["value"].to_numpy(float), work["minutes"].to_numpy(float)
    _refuse(work, "value", ~(np.isfinite(value) & (value >= 0)), "numbers of 0 or more")
    _refuse(work, "minutes", ~(np.isfinite(cost) & (cost >= 1) & (cost == np.rint(cost))), "whole minutes above 0")


def _refuse(work: pd.DataFrame, column: str, wrong: NDArray[np.bool_], expected: str) -> None:
    if wrong.any():
        first = work[wrong].iloc[0]
        raise UsageError(f"choose, {column}", expected, f"{first[column]:g} of account {first.name}", "correct it")
