"""What lies ahead of each account at each cutoff: the common ground of the three definitions of churn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.features.time import FOREVER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.history.records import Records

    Instants = NDArray[np.int64]

NEVER = -FOREVER


@dataclass(frozen=True)
class Outlook:
    """Tell, for each account and cutoff, who is at risk and what comes next; all grids are (accounts, cutoffs).

    Attributes
    ----------
    first
        Instant of the first churn after the cutoff, `FOREVER` when none is known. For silence the first activity.
    exit
        Instant of the first exit that is no churn, from which the account is no longer observed.
    bar
        Position in `reasons`; 0 is at risk.
    reasons
        Why an account is not at risk, in words; the first is empty.
    counts
        What was noticed, as numbers that add up over accounts.
    """

    first: Instants
    exit: Instants
    bar: NDArray[np.int8]
    reasons: tuple[str, ...]
    counts: Mapping[str, int] = field(default_factory=dict)


def as_known(records: Records, instant: int) -> Records:
    """Give the records as they were known at an instant: later rows unseen, later corrections not yet made."""
    seen = records.known <= instant
    kept = records if seen.all() else records.take(seen)
    return replace(kept, superseded=np.where(kept.superseded <= instant, kept.superseded, FOREVER))


def latest(
    size: int, cutoffs: Instants, account: NDArray[np.signedinteger[Any]], value: Instants, when: Instants
) -> Instants:
    """Give the greatest value among the records up to each cutoff, `NEVER` where there is none.

    Parameters
    ----------
    size
        Number of accounts.
    when
        The instant from which a record counts.

    Examples
    --------
    >>> account, when = np.array([0, 0]), np.array([3, 7])
    >>> latest(1, np.array([2, 5, 7]), account, when, when)[0, 1:].tolist()
    [3, 7]
    """
    wide = len(cutoffs) + 1
    cells = np.full(size * wide, NEVER, dtype=np.int64)
    np.maximum.at(cells, account.astype(np.int64) * wide + np.searchsorted(cutoffs, when, side="left"), value)
    return np.asarray(np.maximum.accumulate(cells.reshape(size, wide)[:, :-1], axis=1))


def following(size: int, cutoffs: Instants, account: NDArray[np.signedinteger[Any]], when: Instants) -> Instants:
    """Give the first instant after each cutoff, `FOREVER` where there is none.

    Examples
    --------
    >>> following(1, np.array([2, 3, 7]), np.array([0, 0]), np.array([3, 7]))[0, :2].tolist()
    [3, 7]
    """
    wide = len(cutoffs) + 1
    cells = np.full(size * wide, FOREVER, dtype=np.int64)
    np.minimum.at(cells, account.astype(np.int64) * wide + np.searchsorted(cutoffs, when, side="left"), when)
    back = np.minimum.accumulate(cells.reshape(size, wide)[:, :0:-1], axis=1)
    return np.asarray(back[:, ::-1])


def times(columns: pd.DataFrame, name: str, missing: int) -> Instants:
    """Read a column of times as int64 microseconds, with a stand-in for what is missing or absent."""
    if name not in columns:
        return np.full(len(columns), missing, dtype=np.int64)
    column = columns[name]
    return np.where(column.isna(), missing, pd.DatetimeIndex(column).as_unit("us").asi8)


def texts(columns: pd.DataFrame, name: str, missing: str) -> NDArray[np.object_]:
    """Read a column of words, with a stand-in for what is missing or absent."""
    if name not in columns:
        return np.full(len(columns), missing, dtype=object)
    return columns[name].astype(object).fillna(missing).to_numpy(dtype=object)


def first_of(keys: Sequence[object], value: Instants) -> Instants:
    """Give the least value of each group, row by row."""
    frame = pd.DataFrame({str(i): key for i, key in enumerate(keys)}).assign(value=value)
    return np.asarray(frame.groupby([str(i) for i in range(len(keys))], dropna=False)["value"].transform("min"))
