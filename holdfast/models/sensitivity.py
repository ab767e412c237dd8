"""Sensitivity: what moving the weight of one sign does to the order of the accounts and to their bands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.models.bands import ACTION, BandPolicy
from holdfast.models.emphasis import LEVELS
from holdfast.models.template import scored
from holdfast.models.weighting import Weighting

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.indicators.indicator import Indicator
    from holdfast.features.snapshot import Snapshot
    from holdfast.models.health import HealthScore

    Floats = NDArray[np.float64]
    Weights = dict[str, Floats]

_STEPS = {"none": 0.0, "halved": 0.5, "doubled": 2.0}
_DIGITS = 9  # sums of the same weights in another order are the same score


@dataclass(frozen=True)
class Sensitivity:
    """How the score answers when one weight moves.

    Attributes
    ----------
    rows
        One row per sign and move: ``indicator, title, dimension, weight`` (of 100, as it is), ``level`` (as it is;
        empty where no level makes the weight), ``to``, ``rank_correlation`` (Spearman, with the score as it is),
        ``band_changes`` (accounts) and of these ``better``, ``worse``, ``bands`` (from which to which, how many),
        ``unscored`` (accounts left with nothing that weighs), ``largest_move`` (points). The most telling come first.
    accounts
        How many accounts have a score.
    """

    rows: pd.DataFrame
    accounts: int

    def frame(self) -> pd.DataFrame:
        """Return the rows."""
        return self.rows

    def _repr_html_(self) -> str:
        return str(self.rows.head(20).to_html(escape=True, index=False, float_format="{:.3f}".format))


def sensitivity(health: HealthScore, X: Snapshot, policy: BandPolicy = ACTION) -> Sensitivity:
    """Move every weight by itself and score again.

    With the weights of a template a sign goes to each other level (none, low, medium, high), and its dimension keeps
    its share; where weights were learned, or stand sign by sign, one weight is halved, doubled or dropped.

    Parameters
    ----------
    X
        The rows to score, usually those of one cutoff.

    Examples
    --------
    >>> import holdfast as hf
    >>> history = hf.simulate(accounts=30, seed=0, months=12)
    >>> now = hf.catalog.select(["usage_30", "open_tickets"]).measure(history, [history.now])
    >>> moves = sensitivity(hf.HealthScore.template(), now).frame()
    >>> sorted(set(moves["to"]))
    ['high', 'low', 'none']
    """
    there = health.score(X).notna().to_numpy()
    book = _Book(health, X.rows(there), policy)
    table = pd.DataFrame([book.answer(one, *move) for one in scored(X.catalog) for move in book.moves(one)])
    if len(table):
        table = table.sort_values(
            ["band_changes", "largest_move", "indicator", "to"], ascending=[False, False, True, True], ignore_index=True
        )
    return Sensitivity(table, int(there.sum()))


class _Book:
    """The accounts that have a score, by segment where segments weigh apart, and the weights behind it."""

    def __init__(self, health: HealthScore, X: Snapshot, policy: BandPolicy) -> None:
        self.health, self.X, self.policy = health, X, policy
        self.names = [one.name for one in scored(X.catalog)]
        curved = X.curved()[self.names].fillna(getattr(health, "reference_", pd.Series(dtype=float)))
        known = X.indicators[self.names]
        tables = [curved.fillna(0.0), *(one.notna() for one in (curved, known))]  # values, present, measured
        by, segment = health.weighting(X), X.context["segment"].to_numpy(dtype=object)
        rows = {"": ~np.isin(segment, list(by.segments)), **{str(name): segment == name for name in by.segments}}
        self.groups = {name: [one[mask].to_numpy(float) for one in tables] for name, mask in rows.items()}
        self.places = np.concatenate([np.flatnonzero(mask) for mask in rows.values()])
        self.weights = {name: self._aligned(by.segments.get(name, by.base)) for name in self.groups}
        self.before, _ = self._scores(self.weights)
        self.bands, self.ranks = _bands(self.before, policy), _ranks(self.before)

    def moves(self, one: Indicator) -> Iterator[tuple[str, str, Weights]]:
        """Give the level of a sign (empty where none makes its weight), where it goes, and the weights then."""
        template, place = self.health.start, self.names.index(one.name)
        if not self.health.learned and not template.base.weights:
            level = template.level_of(one)
            for to in (name for name in LEVELS if name != level):
                moved = Weighting.by(template.moved(one.name, to), self.X.catalog)
                yield level, to, {g: self._aligned(moved.segments.get(g, moved.base)) for g in self.groups}
        elif any(weights[place] > 0 for weights in self.weights.values()):
            for to, factor in _STEPS.items():
                step = np.where(np.arange(len(self.names)) == place, factor, 1.0)
                yield "", to, {group: weights * step for group, weights in self.weights.items()}

    def answer(self, one: Indicator, level: str, to: str, weights: Weights) -> dict[str, object]:
        """Score again, and compare those that still have a score."""
        after, told = self._scores(weights)
        now, place = _bands(after, self.policy), self.names.index(one.name)
        moved = told & (now != self.bands)
        return {
            "indicator": one.name,
            "title": one.title,
            "dimension": one.dimension,
            "weight": 100.0 * self._mean([self.weights[group][place] for group in self.groups]),
            "level": level,
            "to": to,
            "rank_correlation": _correlation(self.ranks[told], _ranks(after[told])),
            "band_changes": int(moved.sum()),
            "better": int((moved & (now > self.bands)).sum()),
            "worse": int((moved & (now < self.bands)).sum()),
            "bands": self._crossings(self.bands[moved], now[moved]),
            "unscored": int((~told).sum()),
            "largest_move": float(np.abs(after - self.before)[told].max(initial=0.0)),
        }

    def _aligned(self, weights: pd.Series) -> Floats:
        return weights.reindex(self.names).fillna(0.0).to_numpy(float)

    def _mean(self, by_group: list[float]) -> float:
        sizes = [float(len(values)) for values, *_ in self.groups.values()]
        return float(np.dot(by_group, sizes)) / max(sum(sizes), 1.0)

    def _scores(self, weights: Weights) -> tuple[Floats, NDArray[np.bool_]]:
        """Score by other weights, and tell who has anything that weighs."""
        sums = np.zeros((3, len(self.places)))
        sums[:, self.places] = np.hstack(
            [np.stack([table @ weights[name] for table in tables]) for name, tables in self.groups.items()]
        )
        total, present, known = sums
        index = total / np.where(present > 0, present, 1.0)
        return np.round(self.health.anchors.points(index), _DIGITS), known > 0

    def _crossings(self, before: Floats, after: Floats) -> str:
        names = self.policy.names[::-1]
        counts = Counter(zip(before.astype(int).tolist(), after.astype(int).tolist(), strict=True))
        ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        return ", ".join(f"{names[one]} to {names[other]} {count}" for (one, other), count in ordered)


def _bands(scores: Floats, policy: BandPolicy) -> Floats:
    """Give each score the number of its band, the worst being 0."""
    return np.searchsorted(np.array(policy.floors[::-1]), scores, side="right").astype(float)


def _ranks(scores: Floats) -> Floats:
    return np.asarray(pd.Series(scores).rank(), dtype=float)


def _correlation(one: Floats, other: Floats) -> float:
    """Correlate ranks; missing where either is all alike."""
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])
