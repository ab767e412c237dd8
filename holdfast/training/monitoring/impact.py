"""Impact: what drift does to scores and to the queue, found by putting a sign back to where it was in training.

An account keeps its rank in the sign and gets the value of that rank among the accounts of training. What the model
then says otherwise is what the drift has moved. So a sign that is everywhere else, but has no say, comes last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
import pandas as pd

from holdfast.training.monitoring.drift import CATEGORY, MISSING
from holdfast.training.monitoring.reference import words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.snapshot import Snapshot
    from holdfast.training.metrics import Floats
    from holdfast.training.monitoring.reference import Category, Reference, Spread

Chance = Callable[["Snapshot"], "Floats"]
"""Gives the probability to leave of each row."""
Banding = Callable[["Snapshot"], "NDArray[np.object_]"]
"""Gives the band of health of each row."""


@dataclass(frozen=True)
class Effect:
    """What drift does.

    Attributes
    ----------
    change
        By how much the mean probability is higher than it would be.
    share
        The same as a share of what it would be, without its sign.
    queue
        The share of the accounts at the head of the queue that would not stand there.
    bands
        The share of accounts that would be in another band of health.
    """

    change: float = 0.0
    share: float = 0.0
    queue: float = 0.0
    bands: float = 0.0

    @property
    def size(self) -> float:
        """The greatest of the three shares."""
        return max(self.share, self.queue, self.bands)


@dataclass(frozen=True)
class Impact:
    """Asks what drift does to the scores of one day.

    Parameters
    ----------
    now
        Accounts at risk on that day.
    reference
        What the model learned from.
    chance, band
        The models.
    worth
        What is at stake with each account, such as its ARR; in their order.
    calls
        Accounts at the head of the queue.
    """

    now: Snapshot
    reference: Reference
    chance: Chance
    band: Banding
    worth: Floats
    calls: int

    def of(self, drifts: Iterable[tuple[str, str]]) -> Effect:
        """Tell what drift of these signs does, each named with its kind, all of them together."""
        back = put_back(self.now, self.reference, drifts)
        is_, would = self.chance(self.now), self.chance(back)
        change, mean = float(is_.mean() - would.mean()), float(would.mean())
        share = abs(change) / mean if mean > 0 else 0.0
        queue = 1 - len(self._head(is_) & self._head(would)) / max(self.calls, 1)
        return Effect(change, share, queue, float((self.band(self.now) != self.band(back)).mean()))

    def ranked(self, drift: pd.DataFrame) -> pd.DataFrame:
        """Add the fields of `Effect` to what `drift` told of signs that drift, the greatest effect first."""
        told = drift[drift["drifts"]].reset_index(drop=True)
        found = [self.of([one]) for one in told[["sign", "kind"]].itertuples(index=False, name=None)]
        for one in fields(Effect):
            told[one.name] = np.array([getattr(effect, one.name) for effect in found], dtype=float)
        told["size"] = np.array([one.size for one in found], dtype=float)
        order = told.sort_values(["size", "adjusted", "sign"], ascending=[False, True, True], kind="stable")
        return order.drop(columns="size").reset_index(drop=True)

    def _head(self, chance: Floats) -> set[int]:
        return set(np.argsort(-chance * self.worth, kind="stable")[: self.calls].tolist())


def put_back(now: Snapshot, reference: Reference, drifts: Iterable[tuple[str, str]]) -> Snapshot:
    """Give a snapshot with the named signs spread as they were in training; kinds as in `drift`."""
    signs, context = now.indicators.copy(), now.context.copy()
    lot = np.array([crc32(str(one).encode()) for one in now.index.get_level_values("account_id")])
    asked = sorted(drifts, key=lambda one: (one[1] == MISSING, one))  # what is filled in is in its place already
    for name, kind in asked:
        if kind == CATEGORY:
            context[name] = _known_words(context[name], reference.categories[name], lot)
        elif kind == MISSING:
            apart = now.inapplicable[name].to_numpy(bool) if name in now.inapplicable else np.zeros(len(lot), bool)
            signs[name] = _as_many(signs[name].to_numpy(float), reference.signs[name], lot, apart)
        else:
            signs[name] = _in_place(signs[name].to_numpy(float), reference.signs[name], lot)
    return replace(now, indicators=signs, context=context)


def _in_place(values: Floats, before: Spread, lot: NDArray[np.int_]) -> Floats:
    """Give each value the one of its rank in training; who is alike is told apart by lot."""
    seen = np.flatnonzero(np.isfinite(values))
    told = values.copy()
    order = seen[np.lexsort((lot[seen], values[seen]))]
    told[order] = before.at(_even(len(order)))
    return told


def _as_many(values: Floats, before: Spread, lot: NDArray[np.int_], apart: NDArray[np.bool_]) -> Floats:
    """Let as many be missing as in training: fill the others in, or take values away, by lot."""
    lost, told = ~np.isfinite(values), values.copy()
    wanted = round(before.missing * len(values))
    spare = int(lost.sum()) - wanted
    pool = np.flatnonzero(lost & ~apart if spare > 0 else ~lost)
    chosen = pool[np.argsort(lot[pool], kind="stable")][: abs(spare)]
    can_fill = spare > 0 and len(before.edges) > 0
    told[chosen] = before.at(_even(len(chosen))) if can_fill else np.nan
    return told


def _known_words(values: pd.Series, before: Category, lot: NDArray[np.int_]) -> pd.Series:
    """Give accounts with a word that training did not know one that it knew, as often as it was there."""
    unknown = np.flatnonzero(~words(values).isin(list(before.shares)).to_numpy())
    levels, shares = np.array(list(before.shares), dtype=object), np.cumsum(list(before.shares.values()))
    told = values.astype(object).copy()
    drawn = unknown[np.argsort(lot[unknown], kind="stable")]
    told.iloc[drawn] = levels[np.minimum(np.searchsorted(shares, _even(len(drawn))), len(levels) - 1)]
    return told.where(told != "", None)


def _even(count: int) -> Floats:
    return (np.arange(count) + 0.5) / max(count, 1)
