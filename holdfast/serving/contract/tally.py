"""Counting rows so that the counts of disjoint sets of accounts add up."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Codes = NDArray[np.signedinteger[Any]]

SHOWN = 3


def months_of(at: Ints) -> Ints:
    """Give the calendar month of each instant (int64 microseconds), counted from January 1970.

    Examples
    --------
    >>> months_of(np.array([0, 32 * 86_400_000_000])).tolist()
    [0, 1]
    """
    return np.asarray(at.view("M8[us]").astype("M8[M]").astype(np.int64))


def month_name(month: int) -> str:
    """Write a month.

    Examples
    --------
    >>> month_name(0), month_name(671)
    ('1970-01', '2025-12')
    """
    return f"{1970 + month // 12}-{month % 12 + 1:02d}"


def counted(*codes: Codes) -> Counter[tuple[int, ...]]:
    """Count how often each combination of codes occurs.

    Examples
    --------
    >>> counted(np.array([0, 0, 1]), np.array([5, 5, -2])) == {(0, 5): 2, (1, -2): 1}
    True
    """
    if not len(codes[0]):
        return Counter()
    least = [int(one.min()) for one in codes]
    sizes = tuple(int(one.max()) - low + 1 for one, low in zip(codes, least, strict=True))
    key = np.ravel_multi_index([one.astype(np.int64) - low for one, low in zip(codes, least, strict=True)], sizes)
    found, rows = np.unique(key, return_counts=True)
    parts = [part + low for part, low in zip(np.unravel_index(found, sizes), least, strict=True)]
    return Counter(dict(zip(zip(*(part.tolist() for part in parts), strict=True), rows.tolist(), strict=True)))


def coded(column: pd.Series) -> tuple[Codes, pd.Index]:
    """Give the code of each text, -1 where it is missing, and the texts."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return np.asarray(column.cat.codes.to_numpy()), column.cat.categories
    codes, texts = pd.factorize(column)
    return codes, pd.Index(texts)


def some(names: list[str]) -> str:
    """Show the first few names, each cut to a readable length.

    Examples
    --------
    >>> some(["a", "b", "c", "d"])
    "'a', 'b', 'c' and 1 more"
    """
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(repr(name[:40]) for name in names[:SHOWN]) + more
