"""Events and what was faced, summed so that accounts can be drawn: the ratio of two groups, and the rate of one.

The ratio is that of Mantel and Haenszel: inside each kind of row (contract, segment, decisions ahead) the groups are
compared, and the kinds weigh by how much they can say. Its error comes from drawing accounts, and is never smaller than
the number of accounts with an event allows, so that a group in which nothing happened is not taken for certain.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.training.metrics import Floats


@dataclass(frozen=True)
class Estimate:
    """A positive figure, the standard error of its logarithm, and the rates it came from."""

    value: float
    error: float
    rates: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Sums:
    """Rows of two groups, summed by cell and account.

    Attributes
    ----------
    event, faced
        Sparse: (2 kinds, accounts). The cells of a kind stand together, the group that is the reference first.
    """

    event: csr_array
    faced: csr_array

    @classmethod
    def of(
        cls,
        event: Floats,
        faced: Floats,
        group: NDArray[np.bool_],
        strata: NDArray[np.intp],
        account: NDArray[np.intp],
        accounts: int,
    ) -> Sums:
        """Sum rows; ``group`` marks those that are compared with the reference."""
        kinds, kind = np.unique(strata, return_inverse=True)
        where, shape = (2 * kind + group, account), (2 * len(kinds), accounts)
        return cls(*(csr_array((values, where), shape=shape) for values in (event, faced)))

    @property
    def accounts(self) -> NDArray[np.int64]:
        """Count the accounts of each group."""
        return self._accounts(self.faced)

    @property
    def events(self) -> NDArray[np.int64]:
        """Count the accounts with an event in each group."""
        return self._accounts(self.event)

    @property
    def expected(self) -> Floats:
        """How many accounts would have an event in each group if it made no difference."""
        by_kind, faced = self.event.sum(axis=1).reshape(-1, 2).sum(axis=1), self.faced.sum(axis=1).reshape(-1, 2)
        shares = by_kind @ (faced / faced.sum(axis=1, keepdims=True)) / max(float(by_kind.sum()), 1.0)
        return np.asarray(shares * self.total, dtype=float)

    @property
    def total(self) -> int:
        """Count the accounts with an event."""
        return int((self.event.sum(axis=0) > 0).sum())

    def ratio(self, weights: Floats) -> Estimate:
        """Compare the groups inside each kind of row."""
        event, faced = (np.asarray(one @ weights.T).reshape(-1, 2, len(weights)) for one in (self.event, self.faced))
        total = faced.sum(axis=1, keepdims=True)
        shared = np.divide(faced, total, out=np.zeros_like(faced), where=total > 0)
        top, bottom = (event[:, 1] * shared[:, 0]).sum(axis=0), (event[:, 0] * shared[:, 1]).sum(axis=0)
        pairs = float((faced[:, 1, 0] * shared[:, 0, 0]).sum())
        events, accounts = self.events, self.accounts
        half = 0.5 * (top[0] + bottom[0]) / events.sum()  # an event that was not seen
        upper, lower = (float(one[0]) if seen else half for one, seen in ((top, events[1]), (bottom, events[0])))
        least = sum(least_error(int(seen), float(of)) for seen, of in zip(events, accounts, strict=True))
        error = max(_spread(top[1:] / upper, bottom[1:] / lower), least)
        return Estimate(upper / lower, sqrt(error), (float(top[0]) / pairs, float(bottom[0]) / pairs))

    def _accounts(self, cells: csr_array) -> NDArray[np.int64]:
        rows = cells.tocoo()
        there = rows.data > 0
        pairs = np.unique(np.stack([rows.coords[0][there] % 2, rows.coords[1][there]]), axis=1)
        return np.bincount(pairs[0].astype(np.int64), minlength=2)


def rate(event: Floats, faced: Floats, weights: Floats, events: int) -> Estimate:
    """Give the events for each one faced; both by account.

    Examples
    --------
    >>> rate(np.array([1.0, 0.0]), np.array([1.0, 3.0]), np.ones((3, 2)), 1).value
    0.25
    """
    top, bottom = weights @ event, weights @ faced
    if not events:
        return Estimate(0.5 / float(bottom[0]), sqrt(least_error(0, inf)), (0.0,))
    value = float(top[0] / bottom[0])
    error = max(_spread(top[1:] / top[0], bottom[1:] / bottom[0]), least_error(events, float(bottom[0])))
    return Estimate(value, sqrt(error), (value,))


def least_error(events: int, of: float) -> float:
    """Give the variance that a logged rate has at the least with so many events among so many, half an event added.

    Examples
    --------
    >>> round(least_error(5, 100), 3)
    0.172
    """
    return max(0.0, 1 / (events + 0.5) - 1 / (of + 0.5))


def _spread(top: Floats, bottom: Floats) -> float:
    """Give the variance of the logarithm of a quotient, both parts in units of their own size."""
    return float(np.var(top - bottom, ddof=1))
