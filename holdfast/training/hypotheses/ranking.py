"""How well single signs rank who leaves, among accounts of the same kind, and which of them ranks best.

The area under the ROC curve inside each kind of row (contract, segment, decisions ahead), weighted as Mantel and
Haenszel do. Each account's part in it is worked out once, so that drawing accounts costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from holdfast.training.bootstrap import interval
from holdfast.training.hypotheses.found import EVENTS, Found, Side, Z, two_sided

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.snapshot import Snapshot
    from holdfast.training.hypotheses.bench import Bench
    from holdfast.training.metrics import Floats

_SHOWN = 3


@dataclass(frozen=True)
class Strongest:
    """Measure on which place one sign stands among all.

    Parameters
    ----------
    sign
        Which.
    seeds
        What says the same is no rival: the signs that were asked for by these numbers.
    """

    sign: str
    seeds: tuple[str, ...] = ()

    def find(self, bench: Bench, needs: Sequence[str]) -> Found | str:
        """Measure it."""
        rivals = [one for one in rivals_of(bench.X, self.sign, self.seeds) if one in bench.X.indicators]
        if not rivals:
            return "there is no other sign to compare with"
        table = Ranked.of(bench, needs, (self.sign, *rivals))
        if table.too_few:
            return table.found("place among the signs", too_few=table.too_few)
        ahead = table.drawn[:, 1:] - table.drawn[:, :1]
        place = 1.0 + (ahead > 0).sum(axis=1)
        low, high = (float(np.round(one[0])) for one in interval(place[1:, None]))
        against = np.array([two_sided(*one) for one in zip(ahead[0], ahead[1:].std(axis=0), strict=True)])
        first = bool(place[0] == 1)
        # first only when it beats every rival; not first as soon as one of them beats it
        p = float(against.max()) if first else min(1.0, len(rivals) * float(against[ahead[0] > 0].min()))
        best = np.argsort(-table.drawn[0, 1:], kind="stable")[:_SHOWN]
        told = ", ".join(f"{rivals[one]} {table.drawn[0, 1 + one]:.2f}" for one in best)
        size = f"{place[0]:.0f} of {len(rivals) + 1} ({low:.0f} to {high:.0f})"
        said = f"place {size}, AUC {table.drawn[0, 0]:.2f}; best others: {told}"
        return table.found(
            "place among the signs", value=float(place[0]), low=low, high=high, claimed=1.0, p=p, satisfied=first,
            told=said,
        )  # fmt: skip


@dataclass(frozen=True)
class Weighty:
    """Measure whether a sign ranks better, or worse, than the median of the signs.

    Parameters
    ----------
    sign
        Which.
    weight
        What it is claimed to deserve.
    """

    sign: str
    weight: Literal["low", "high"]

    def find(self, bench: Bench, needs: Sequence[str]) -> Found | str:
        """Measure it."""
        rivals = rivals_of(bench.X, self.sign)
        if not rivals:
            return "there is no other sign to compare with"
        table = Ranked.of(bench, needs, (self.sign, *rivals))
        difference = table.drawn[:, 0] - np.median(table.drawn[:, 1:], axis=1)
        return _compared(table, difference, self.sign, "the median sign", above=self.weight == "high")


@dataclass(frozen=True)
class Better:
    """Measure whether one sign ranks better than another."""

    sign: str
    than: str

    def find(self, bench: Bench, needs: Sequence[str]) -> Found | str:
        """Measure it."""
        table = Ranked.of(bench, needs, (self.sign, self.than))
        return _compared(table, table.drawn[:, 0] - table.drawn[:, 1], self.sign, self.than, above=True)


@dataclass(frozen=True, eq=False)
class Ranked:
    """The area under the curve of some signs on the same rows.

    Attributes
    ----------
    drawn
        (1 + replicates, signs): those of the sample itself first.
    side
        The rows.
    too_few
        Why nothing is told; empty when it is.
    """

    drawn: Floats
    side: Side
    too_few: str = ""

    @classmethod
    def of(cls, bench: Bench, needs: Sequence[str], names: tuple[str, ...]) -> Ranked:
        """Rank the rows on which what is needed is known; another sign that is missing there ranks nobody."""
        units = bench.churn
        here = bench.signs(needs).notna().all(axis=1).to_numpy() & units.counted
        side = Side.of("", here, units.event, bench.account)
        rarer, what = min((side.events, "left"), (side.accounts - side.events, "stayed"))
        if rarer < EVENTS:
            told = f"{rarer} accounts {what} of those of which it is known, and {EVENTS} are needed"
            told = f"{told}: {EVENTS - rarer} more"
            return cls(np.full((len(bench.weights), len(names)), np.nan), side, told)
        strata = bench.strata(units)[here]
        parts, areas = [], []
        for name in names:
            values = bench.X.indicators[name].to_numpy(float)[here] * -_signs(bench.X)[name]
            values = np.where(np.isnan(values), np.nanmedian(values) if np.isfinite(values).any() else 0.0, values)
            area, part = concordance(values, units.event[here], strata)
            areas.append(area)
            parts.append(np.bincount(bench.account[here], weights=part, minlength=bench.weights.shape[1]))
        apart = "" if np.isfinite(areas).all() else "no account that left has one of its kind that stayed"
        return cls(np.array(areas) + (bench.weights - 1.0) @ np.column_stack(parts), side, apart)

    def found(self, measure: str, **facts: Any) -> Found:
        """Put facts, which are fields of `Found`, to what was ranked."""
        return Found(measure, self.side, **facts)


def concordance(risk: Floats, event: Floats, strata: NDArray[np.intp]) -> tuple[float, Floats]:
    """Give the chance that, of two rows of a kind, the one with the event has the higher risk; and each row's part.

    A tie counts one half. The parts of the rows sum to 0, and adding those of the rows that are drawn gives, nearly,
    the figure of the draw.

    Examples
    --------
    >>> area, part = concordance(np.array([1.0, 2.0, 2.0, 0.0]), np.array([0, 1, 0, 1.0]), np.array([0, 0, 0, 1]))
    >>> round(area, 6), bool(abs(part.sum()) < 1e-12)
    (0.75, True)
    """
    order = np.lexsort((risk, strata))
    kind, ranked, happened = strata[order], risk[order], event[order] > 0
    first = np.append(True, kind[1:] != kind[:-1])  # of a kind
    tied = np.flatnonzero(first | np.append(True, ranked[1:] != ranked[:-1]))
    of_kind, of_tie = np.cumsum(first) - 1, np.repeat(np.arange(len(tied)), np.diff(np.append(tied, len(risk))))

    def below(these: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Count those of a kind, and those that lie below each row, ties by half."""
        ones, start = these.astype(float), np.flatnonzero(first)
        within = np.add.reduceat(ones, start)
        alike = np.add.reduceat(ones, tied)
        before = np.cumsum(alike) - alike - (np.cumsum(within) - within)[of_kind[tied]]
        return within[of_kind], (before + alike / 2)[of_tie]

    (events, under), (others, beaten) = below(happened), below(~happened)
    size = events + others
    won, pairs = np.where(happened, beaten, events - under), np.where(happened, others, events)
    inside = np.bincount(of_kind, weights=np.where(happened, beaten, 0.0))[of_kind]
    top, bottom = won / size - inside / size**2, pairs / size - events * others / size**2
    if bottom.sum() <= 0:
        return np.nan, np.zeros(len(risk))
    area, part = float(top.sum() / bottom.sum()), np.empty(len(risk))
    part[order] = (top - area * bottom) / bottom.sum()
    return area, part


def rivals_of(X: Snapshot, sign: str, seeds: Sequence[str] = ()) -> list[str]:
    """Name the signs that a score would weigh, other than this one and what was asked for by the same numbers."""
    return [
        one.name
        for one in X.catalog
        if one.name != sign
        and one.name in X.indicators
        and one.curve is not None
        and one.healthy in ("high", "low")
        and not one.calendar
        and not one.variant_of
        and not set(seeds) & set(one.seeds)
    ]


def _signs(X: Snapshot) -> dict[str, int]:
    return {one.name: -1 if one.healthy == "low" else 1 for one in X.catalog}


def _compared(table: Ranked, difference: Floats, sign: str, than: str, *, above: bool) -> Found:
    measure = f"AUC of {sign} less that of {than}"
    if table.too_few:
        return table.found(measure, claimed=0.0, too_few=table.too_few)
    value, error = float(difference[0]), float(difference[1:].std())
    low, high = value - Z * error, value + Z * error
    told = f"{value:+z.3f} AUC against {than} ({low:+z.3f} to {high:+z.3f}), {table.drawn[0, 0]:.2f} by itself"
    return table.found(
        measure, value=value, low=low, high=high, claimed=0.0, p=two_sided(value, error),
        satisfied=value > 0 if above else value < 0, told=told, open=": no difference is seen",
    )  # fmt: skip
