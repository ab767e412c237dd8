"""Records: the rows of one table in the order of time, each with the span in which it is the word that counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.features.time import FOREVER

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Records:
    """Hold the rows of one table, sorted by (account, at, known, source, source_id).

    At an instant T a row is visible when ``known <= T < superseded`` and ``at <= T``.

    Attributes
    ----------
    account
        Position in ``History.accounts``, int32.
    at
        When it happened, int64 microseconds UTC.
    known
        When it could first be known, int64 microseconds UTC: ``known_at``, or later when its account was known later.
    superseded
        When a later version of the same record, or its deletion, is known; `FOREVER` when never.
    columns
        The other canonical columns that are present, in the same order: times as ``datetime64[us, UTC]``, text as text,
        numbers and flags as float64 (true is 1), ``deleted`` of a state as bool.
    """

    account: NDArray[np.int32]
    at: NDArray[np.int64]
    known: NDArray[np.int64]
    superseded: NDArray[np.int64]
    columns: pd.DataFrame

    def __len__(self) -> int:
        return len(self.account)

    def visible(self, instant: int, rows: slice = slice(None)) -> NDArray[np.bool_]:
        """Tell for each row, or those of a run, whether it is visible at an instant, int64 microseconds UTC."""
        seen: NDArray[np.bool_] = (self.known[rows] <= instant) & (instant < self.superseded[rows])
        return seen & (self.at[rows] <= instant)

    def with_columns(self, names: Iterable[str]) -> Records:
        """Keep the named columns, as far as they are present."""
        wanted = set(names)
        return replace(self, columns=self.columns[[name for name in self.columns if name in wanted]])

    def take(self, rows: NDArray[np.bool_]) -> Records:
        """Keep the rows where a mask holds, in the same order."""
        columns = self.columns[rows].reset_index(drop=True)
        return Records(self.account[rows], self.at[rows], self.known[rows], self.superseded[rows], columns)


def superseded(
    keys: list[pd.Series], known: NDArray[np.int64], arrived: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Give the first instant at which a later known row of the same key has arrived, `FOREVER` when none does.

    Examples
    --------
    >>> superseded([pd.Series(["a", "a", "b"])], np.array([5, 9, 7]))[0].item()
    9
    """
    codes = group(keys)
    until = np.full(len(known), FOREVER, dtype=np.int64)
    if len(codes) and codes.max() + 1 < len(codes):
        backward = np.lexsort((known, codes))[::-1]
        ordered = pd.Series((known if arrived is None else arrived)[backward])
        first = ordered.groupby(codes[backward]).cummin().to_numpy()
        same = codes[backward][1:] == codes[backward][:-1]
        until[backward[1:][same]] = first[:-1][same]
    return until


def group(keys: list[pd.Series]) -> NDArray[np.int64]:
    """Give each row the number of its combination of values, 0 to n - 1; missing equals missing."""
    codes = np.zeros(len(keys[0]), dtype=np.int64)
    for key in keys:
        inner = pd.factorize(key, use_na_sentinel=False)[0]
        codes = pd.factorize(codes * (int(inner.max(initial=0)) + 1) + inner)[0].astype(np.int64)
    return codes
