"""Sums over windows, exact: running integers at the edges of the cells, so that the same window gives the same bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from holdfast.errors import DataError
from holdfast.features.kernel.arrays import Bools, Floats, Ints
from holdfast.features.kernel.clock import Reach
from holdfast.features.kernel.selection import Selection, Spans, spread

FRACTION = 2.0**32
_MASK = 2**32 - 1


@dataclass(frozen=True)
class Words:
    """Numbers as whole parts and 2^-32 fractions; a part is None where all of it is zero or lies in the other."""

    whole: Ints | None
    fraction: Ints | None


def words(values: Floats, account: Ints, where: str, seen: Callable[[], Bools] | None = None) -> Words:
    """Split numbers into integers that can be added up; missing values count nothing.

    Parameters
    ----------
    seen
        Tells which of them any cutoff sees; by default all.

    Raises
    ------
    DataError
        When the sum of an account could leave 64 bits.
    """
    missing = np.isnan(values)
    values = np.where(missing, 0.0, values) if missing.any() else values
    whole = np.trunc(values)
    most = 1.0 + max(float(whole.max(initial=0.0)), -float(whole.min(initial=0.0)))
    integral = bool((whole == values).all())
    if most * len(values) < 2.0**30 and not integral:
        return fractions(values)
    if most * len(values) >= 2.0**62:
        counted = np.abs(whole) if seen is None else np.where(seen(), np.abs(whole), 0.0)
        _fits(float(np.bincount(account, weights=counted).max()), where)
    fraction = None if integral else np.rint((values - whole) * FRACTION).astype(np.int64)
    return Words(whole.astype(np.int64), fraction)


def fractions(values: Floats) -> Words:
    """Give numbers, so small and so few that their sum stays below 2 ** 30, as fractions alone."""
    scaled = values * FRACTION
    return Words(None, np.rint(scaled, out=scaled).astype(np.int64))


def _fits(largest: float, where: str) -> None:
    if largest >= 2.0**62:
        do = "deliver it in a larger unit, or correct the values that are out of scale"
        raise DataError(where, "numbers whose sum stays below 4e18", f"a sum up to {largest:g}", do)


def joined(whole: Ints | None, fraction: Ints | None) -> Floats:
    """Put the two words of sums together again, rounded once."""
    if fraction is None:
        return np.asarray(whole, dtype=np.float64)
    carried = fraction >> 32
    return np.asarray((carried if whole is None else whole + carried) + (fraction & _MASK) / FRACTION)


@dataclass(frozen=True)
class Tally:
    """Hold running sums at the edges: of one amount per row of the part, or of ones.

    Attributes
    ----------
    totals
        Accounts x (cells + 1), int64 that may wrap around: the difference of two is exact.
    """

    chosen: Selection
    amounts: Ints | None
    totals: Ints

    @classmethod
    def of(cls, chosen: Selection, amounts: Ints | None = None) -> Tally:
        """Add up."""
        if amounts is None:
            return cls(chosen, None, chosen.ends)
        taken = amounts[chosen.rows]
        running = np.zeros(len(taken) + 1, dtype=np.int64)
        np.cumsum(taken, out=running[1:])
        return cls(chosen, amounts, running.take(chosen.ends))

    def within(self, reach: Reach) -> Ints:
        """Sum up each window: accounts x cutoffs."""
        result = self.totals[:, reach.high] - self.totals[:, reach.low]
        return self._made_up(result, reach, self.chosen.late, self.chosen.extra)

    def between(self, low: int, high: int) -> Ints:
        """Sum up the cells [low, high) as far as each cutoff has reached them: accounts x cutoffs."""
        clock = self.chosen.clock
        result = self.totals[:, np.clip(clock.column(), low, high)] - self.totals[:, [low]]
        late, extra = (one.keep((one.cell >= low) & (one.cell < high)) for one in (self.chosen.late, self.chosen.extra))
        return self._made_up(result, clock.window(None), late, extra)

    def _made_up(self, result: Ints, reach: Reach, late: Spans, extra: Spans) -> Ints:
        for spans, sign in ((late, -1), (extra, 1)):
            start, stop = spans.inside(reach)
            felt = np.flatnonzero(start < stop)
            if len(felt):
                amount = np.full(len(felt), sign) if self.amounts is None else sign * self.amounts[spans.row[felt]]
                result += spread(spans.account[felt], start[felt], stop[felt], amount, result.shape)
        return result


@dataclass(frozen=True)
class Total:
    """Hold the running sums of numbers."""

    whole: Tally | None
    fraction: Tally | None

    @classmethod
    def of(cls, chosen: Selection, values: Words) -> Total:
        """Add up numbers, one per row of the part."""
        return cls(*(None if word is None else Tally.of(chosen, word) for word in (values.whole, values.fraction)))

    def within(self, reach: Reach) -> Floats:
        """Sum up each window: accounts x cutoffs."""
        return joined(*(None if one is None else one.within(reach) for one in (self.whole, self.fraction)))

    def between(self, low: int, high: int) -> Floats:
        """Sum up the cells [low, high) as far as each cutoff has reached them: accounts x cutoffs."""
        return joined(*(None if one is None else one.between(low, high) for one in (self.whole, self.fraction)))
