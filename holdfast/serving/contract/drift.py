"""Whether the numbers of the last whole month are spread otherwise than before: the population stability index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from holdfast.findings import Finding
from holdfast.serving.contract.spread import Spread, by_month
from holdfast.serving.contract.tally import month_name

BEFORE = 12  # months
FEWEST_ROWS = 200
GROUPS = 10
SHIFTED = 0.25  # the usual reading: a great change
_FLOOR = 1e-4


def psi(before: pd.Series, after: pd.Series) -> float:
    """Give the population stability index of two spreads, over tenths of the first.

    Parameters
    ----------
    before, after
        Rows by step of the scale, ascending.

    Examples
    --------
    >>> same = pd.Series({1: 50, 2: 50})
    >>> psi(same, same), psi(same, pd.Series({1: 90, 2: 10})) > 0.25
    (0.0, True)
    """
    share = before.cumsum().to_numpy() / before.sum()
    edges = before.index.to_numpy()[np.unique(np.searchsorted(share, np.arange(1, GROUPS) / GROUPS))]
    parts = []
    for rows in (before, after):
        group = np.searchsorted(edges, rows.index.to_numpy())
        parts.append(np.bincount(group, rows.to_numpy(), len(edges) + 1) / rows.sum())
    was, became = (np.maximum(one, _FLOOR) for one in parts)
    return float(((became - was) * np.log(became / was)).sum())


def drifts(spreads: Mapping[tuple[str, str], Spread], last: int) -> Iterator[Finding]:
    """Tell which columns are spread otherwise in the last whole month than in the twelve before.

    Parameters
    ----------
    last
        The month in which the data end (months since 1970), which is not whole.
    """
    for (table, column), spread in spreads.items():
        months = {month: rows for month, rows in by_month(spread.sizes).items() if month < last}
        before = [rows for month, rows in months.items() if last - 1 - BEFORE <= month < last - 1]
        after = months.get(last - 1)
        if after is None or not before:
            continue
        usual = pd.concat(before).groupby(level=0).sum().sort_index()
        if min(after.sum(), usual.sum()) < FEWEST_ROWS:
            continue
        found = psi(usual, after)
        if found > SHIFTED:
            told = f"the {int(after.sum())} values of {month_name(last - 1)} are spread otherwise than before"
            yield Finding("HF055", f"{table}, column {column}", int(after.sum()), f"{told} (PSI {found:.2f})")
