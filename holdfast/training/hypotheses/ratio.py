"""Two groups compared like with like: how many times as often the one has the event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import nan
from typing import TYPE_CHECKING, Literal

import numpy as np

from holdfast.training.hypotheses.bench import WITHIN
from holdfast.training.hypotheses.found import Found, Side, few, logged, number, on_a_log, two_sided
from holdfast.training.hypotheses.sums import Sums

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from holdfast.training.hypotheses.bench import Bench, Match, Signs
    from holdfast.training.hypotheses.units import Units

    Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Group:
    """Accounts at cutoffs that a claim speaks of.

    Parameters
    ----------
    words
        Who is in it.
    where
        From the frame of the signs that the claim needs, a mask; a row that lacks one of them is in no group.
    """

    words: str
    where: Callable[[Signs], pd.Series[bool]]

    def rows(self, signs: Signs) -> Bools:
        """Give the mask."""
        return np.asarray(self.where(signs), dtype=bool) & signs.notna().all(axis=1).to_numpy()


@dataclass(frozen=True)
class Ratio:
    """Measure how many times as often one group has the event as another, like compared with like.

    Parameters
    ----------
    more, less
        The group of which it is claimed that it has the event more often, and the other one.
    times
        How many times at the least; 1 claims the direction alone.
    of
        ``churn``, or ``growth``, which needs labels of expansion.
    per
        ``decision``, or ``window``, where the contract itself is what is compared.
    within
        What alike rows share: context, and ``decisions`` in the window.
    match
        From the signs, what alike rows share beside that.
    """

    more: Group
    less: Group
    times: float = 1.0
    of: Literal["churn", "growth"] = "churn"
    per: Literal["decision", "window"] = "decision"
    within: tuple[str, ...] = WITHIN
    match: Match | None = None

    def find(self, bench: Bench, needs: Sequence[str]) -> Found | str:
        """Measure it."""
        units = self._units(bench)
        if units is None:
            return "no labels of expansion were given"
        signs = bench.signs(needs)
        strata = bench.strata(units, self.within, None if self.match is None else self.match(signs))
        groups = self.more.rows(signs), self.less.rows(signs)
        more, less = (here & units.counted for here in groups)
        sides = (
            Side.of(self.more.words, more, units.event, bench.account),
            Side.of(self.less.words, less, units.event, bench.account),
        )
        found = Found(f"{self.of} per {units.each}, times", *sides, claimed=self.times)
        kept = (more | less) & _shared(strata, more, less)
        if not kept.any():
            return replace(found, too_few=_apart(sides))
        event, faced, account = units.event[kept], units.faced[kept], bench.account[kept]
        sums = Sums.of(event, faced, more[kept], strata[kept], account, bench.weights.shape[1])
        crude = _crude(bench.windows if self.of == "churn" else units, *groups)
        return self._judged(found, sums, bench, crude)

    def _units(self, bench: Bench) -> Units | None:
        if self.of == "growth":
            return bench.growth
        return bench.churn if self.per == "decision" else bench.windows

    def _judged(self, found: Found, sums: Sums, bench: Bench, crude: float) -> Found:
        expected = sums.expected
        smaller = self.more.words if expected[1] <= expected[0] else self.less.words
        too_few = few(sums.total, float(expected.min()), "left" if self.of == "churn" else "grew", smaller)
        if too_few:
            return replace(found, too_few=too_few)
        one = sums.ratio(bench.weights)
        low, high = on_a_log(one.value, one.error)
        found = self._told(found, one.value, low, high, self._nobody(sums))
        return replace(
            found,
            more=replace(found.more, rate=one.rates[0]),
            less=replace(found.less, rate=one.rates[1]),
            crude=crude,
            p=two_sided(logged(one.value) - logged(self.times), one.error),
            satisfied=one.value > self.times,
        )

    def _told(self, found: Found, value: float, low: float, high: float, nobody: str) -> Found:
        found = replace(found, value=value, low=low, high=high)
        told = f"{nobody}{number(value)} times ({number(low)} to {number(high)})"
        if self.times == 1.0:
            return replace(found, told=told, fails=", the other way round", open=": no difference is seen")
        wanted = f"{self.times:g}"
        way = "in the right direction, " if low > 1 else "the other way round, " if high < 1 else ""
        return replace(
            found,
            told=f"{way}{told}",
            holds=f", {wanted} or more as claimed",
            fails=f", not {wanted}",
            open=f": {wanted} is possible, and so is less",
        )

    def _nobody(self, sums: Sums) -> str:
        """Say in which group nothing happened at all."""
        what = "left" if self.of == "churn" else "grew"
        for group, events in zip((self.less, self.more), sums.events, strict=True):
            if not events:
                return f'nobody {what} in the group "{group.words}", half an account counted: '
        return ""


def _shared(strata: NDArray[np.intp], more: Bools, less: Bools) -> Bools:
    """Tell which rows are of a kind that both groups have."""
    size = int(strata.max(initial=0)) + 1
    both = (np.bincount(strata[more], minlength=size) > 0) & (np.bincount(strata[less], minlength=size) > 0)
    return np.asarray(both[strata], dtype=bool)


def _crude(units: Units, more: Bools, less: Bools) -> float:
    """Give the ratio of the plain shares of rows in which it happened, the calendar not looked at."""
    shares = [units.event[here & units.counted] for here in (more, less)]
    if not all(len(one) for one in shares) or not shares[1].any():
        return nan
    return float(shares[0].mean() / shares[1].mean())


def _apart(sides: Sequence[Side]) -> str:
    for side in sides:
        if not side.rows:
            return f'no account at any cutoff is in the group "{side.words}"'
    return "no account of one group can be compared with one of the other: of the same contract, segment and decisions"
