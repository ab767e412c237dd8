"""One group against a figure: how often it leaves at its renewal decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

from holdfast.training.hypotheses.found import EVENTS, EXPECTED, Found, Side, logged, on_a_log, two_sided
from holdfast.training.hypotheses.sums import rate

if TYPE_CHECKING:
    from holdfast.training.hypotheses.bench import Bench
    from holdfast.training.hypotheses.ratio import Group


@dataclass(frozen=True)
class Rate:
    """Measure how often one group leaves, for each renewal decision it faces.

    Parameters
    ----------
    group
        Who.
    least, most
        What the claim says: at least, or at most, this share; give one of them.
    """

    group: Group
    least: float = 0.0
    most: float = 1.0

    def find(self, bench: Bench, needs: Sequence[str]) -> Found | str:
        """Measure it."""
        units = bench.churn
        if not units.decided:
            return "needs renewal decisions: no contract calendar fits those that left"
        here = self.group.rows(bench.signs(needs)) & units.counted
        side, claimed = Side.of(self.group.words, here, units.event, bench.account), self.least or self.most
        found = Found("churn per renewal decision, share", side, claimed=claimed)
        needed = max(EVENTS, ceil(EXPECTED / claimed))
        if side.accounts < needed:
            told = f"{side.accounts} accounts are known of that faced a decision, and {needed} are needed"
            return replace(found, too_few=f"{told}: {needed - side.accounts} more")
        sums = bench.by_account(units.event * here, units.faced * here)
        one = rate(sums[:, 0], sums[:, 1], bench.weights, side.events)
        low, high = on_a_log(one.value, one.error)
        high, wanted = min(high, 1.0), f"{claimed:.0%} or {'more' if self.least else 'less'}"
        return replace(
            found,
            more=replace(side, rate=one.rates[0]),
            value=one.value, low=low, high=high,
            p=two_sided(logged(one.value) - logged(claimed), one.error),
            satisfied=one.value > claimed if self.least else one.value < claimed,
            told=f"{_none(side)}{one.value:.1%} ({low:.1%} to {high:.1%}) at each decision",
            holds=f", {wanted} as claimed",
            fails=f", not {wanted}",
            open=f": {wanted} is possible, and so is the contrary",
        )  # fmt: skip


def _none(side: Side) -> str:
    return "" if side.events else f"none of {side.accounts} accounts left, half a one counted: "
