"""How the numbers of a column are spread in each month, in counts that add up over accounts.

A number is told by its size on a logarithmic scale, twenty steps to a decade, which is fine enough for a median, and
the same for one account as for a million. How an account has changed is told by the geometric mean of its numbers in a
month against that in the month before, and in the one before that: a change in the middle of a month blurs the first,
not the second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.features.history.tables import NO_CURRENCY
from holdfast.serving.contract.tally import coded, counted, months_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.history.records import Records

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

STEPS = 20  # to a decade
LAGS = (1, 2)
NUMBERS = {
    "accounts": ("employees",),
    "subscriptions": ("mrr", "seats", "features_available"),
    "deals": ("amount", "probability", "budget_amount"),
    "goals": ("value_delivered",),
    "invoices": ("amount", "amount_paid"),
    "tickets": ("satisfaction", "sentiment"),
    "usage": ("count", "duration_min"),
    "touchpoints": ("duration_min", "score", "score_max"),
}
_ZERO = 0  # negative numbers lie below, by their size
_MIDDLE = 10_000


@dataclass
class Spread:
    """What became of one column.

    Attributes
    ----------
    sizes
        Rows by month and step of the scale.
    changes
        By lag in months: accounts by month and change in steps of the scale.
    """

    sizes: Counter[tuple[int, ...]] = field(default_factory=Counter)
    changes: dict[int, Counter[tuple[int, ...]]] = field(default_factory=lambda: {lag: Counter() for lag in LAGS})

    def add(self, other: Spread) -> None:
        """Take in what became of the column in other accounts."""
        self.sizes.update(other.sizes)
        for lag in LAGS:
            self.changes[lag].update(other.changes[lag])


def spreads_of(table: str, records: Records, until: int) -> Iterator[tuple[str, Spread]]:
    """Give the spread of every number of a table, of what happened by an instant."""
    month = months_of(records.at)
    for column in (name for name in NUMBERS.get(table, ()) if name in records.columns):
        values = records.columns[column].to_numpy(dtype=np.float64)
        there = np.isfinite(values) & (records.at <= until)
        if there.any():
            yield column, _spread(records.account[there].astype(np.int64), month[there], values[there])


def steps_of(values: Floats) -> Ints:
    """Give the step of each number on the scale.

    Examples
    --------
    >>> steps_of(np.array([1.0, 10.0, 0.0, -10.0])).tolist()
    [10000, 10020, 0, -10020]
    """
    size = np.zeros(len(values))
    np.log10(np.abs(values), out=size, where=values != 0)
    step = np.rint(size * STEPS).astype(np.int64) + _MIDDLE
    return np.where(values == 0, _ZERO, np.where(values > 0, step, -step))


def switched(records: Records) -> tuple[int, int]:
    """Count the accounts that have a currency, and those among them that have several."""
    if "currency" not in records.columns:
        return 0, 0
    codes, names = coded(records.columns["currency"])
    same, told = pd.factorize(pd.Index(names.astype(str)).str.strip().str.upper())  # one currency, however written
    real = np.append(told[same] != NO_CURRENCY, False)[codes]  # the code of what is missing is the last one
    pairs = counted(records.account[real], same[codes[real]])
    each = Counter(account for account, _ in pairs)
    return len(each), sum(several > 1 for several in each.values())


def _spread(account: Ints, month: Ints, values: Floats) -> Spread:
    spread = Spread(counted(month, steps_of(values)))
    nonzero = values != 0
    account, month, size = account[nonzero], month[nonzero], np.log10(np.abs(values[nonzero]))
    if not len(size):
        return spread
    opens = np.flatnonzero(np.append(True, (account[1:] != account[:-1]) | (month[1:] != month[:-1])))
    log = np.add.reduceat(size, opens) / np.diff(np.append(opens, len(size)))
    who, when = account[opens], month[opens]
    for lag in LAGS:
        same = who[lag:] == who[:-lag]
        change = np.rint((log[lag:] - log[:-lag])[same] * STEPS).astype(np.int64)
        spread.changes[lag] = counted(when[lag:][same], change)
    return spread


def by_month(counts: Counter[tuple[int, ...]]) -> dict[int, pd.Series]:
    """Give for each month, ascending, the rows by step, ascending."""
    found: dict[int, dict[int, int]] = {}
    for (month, step), rows in counts.items():
        found.setdefault(month, {})[step] = rows
    return {month: pd.Series(found[month], dtype=np.int64).sort_index() for month in sorted(found)}


def median(rows: pd.Series) -> int:
    """Give the step below and above which half of the rows lie.

    Examples
    --------
    >>> median(pd.Series({3: 1, 5: 3, 9: 1}))
    5
    """
    place = int(np.searchsorted(rows.cumsum().to_numpy(), rows.sum() / 2))
    return int(rows.index[place])
