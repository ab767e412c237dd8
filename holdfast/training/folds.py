"""Walking forward: the only way in which a history is split into what a model learns from and what it is tested on.

At each refit instant b a model learns from the labels that were settled by b, as they were known on b, and is tested
on the cutoffs from b until the next refit. A label cell is settled when its window, the confirmation and the settlement
lag have passed; so no window that a model learned from reaches into a test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.errors import TooFewEvents, UsageError
from holdfast.features.time import micros

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.training.labels import Labels

MIN_CUTOFFS = 3  # settled cutoffs before the first fit
MIN_EVENTS = 5  # churned rows of the shortest horizon without which nothing is fitted
GOOD_EVENTS = 50  # churned rows that are waited for, as long as half of the cutoffs are left to test


@dataclass(frozen=True)
class Fold:
    """One refit: the instant at which a model is fitted, and the cutoffs on which it is tested."""

    trained_at: pd.Timestamp
    test: pd.DatetimeIndex

    def training(self, y: Labels) -> Labels:
        """Give the labels to learn from: those settled when the model is fitted, as they were known then."""
        return y.known(self.trained_at)

    def tested(self, y: Labels) -> NDArray[np.bool_]:
        """Tell which rows are tested: at risk, at a cutoff of this fold."""
        return np.asarray(y.frame.index.get_level_values("cutoff").isin(self.test)) & (y.at_risk == "").to_numpy()


def folds(y: Labels, retrain_every: int = 3) -> tuple[Fold, ...]:
    """Split labelled cutoffs into refits, each tested on the next `retrain_every` cutoffs.

    The first refit stands where at least a third of the labelled cutoffs have passed, three of them are settled at the
    shortest horizon with 50 churned rows; when that takes more than half of the cutoffs, five churned rows
    will do from the half on, or as soon as there are five.

    Raises
    ------
    TooFewEvents
        When no cutoff has five churned rows settled before it.
    """
    if retrain_every < 1:
        raise UsageError("backtest, retrain_every", "a number of cutoffs, 1 or more", str(retrain_every), "correct it")
    labelled = y.frame.notna().any(axis=1).to_numpy()
    stands = pd.DatetimeIndex(y.frame.index.get_level_values("cutoff")[labelled].unique().sort_values(), name="cutoff")
    start = _start(y, stands)
    plan = tuple(Fold(stands[i], stands[i : i + retrain_every]) for i in range(start, len(stands), retrain_every))
    overlap = overlaps(y, plan)
    if overlap.to_numpy().any():  # cannot happen; if it does, no figure may be shown
        raise AssertionError(f"training windows reach into tests:\n{overlap}")
    return plan


def overlaps(y: Labels, plan: tuple[Fold, ...]) -> pd.DataFrame:
    """Count, by refit and horizon, the label cells learned from whose window was still open at the first test."""
    settled = y.resolved_at
    counts = {}
    for fold in plan:
        learned = fold.training(y).frame.notna()
        counts[fold.trained_at] = (learned & (settled > fold.test[0])).sum()
    return pd.DataFrame.from_dict(counts, orient="index").rename_axis("trained_at")


def _start(y: Labels, stands: pd.DatetimeIndex) -> int:
    events, settled = _settled(y, stands)
    third, half = -(-len(stands) // 3), len(stands) // 2
    enough = settled >= MIN_CUTOFFS
    for least, first, last in ((GOOD_EVENTS, third, half), (MIN_EVENTS, half, len(stands) - 1)):
        fits = [k for k in range(first, last + 1) if k < len(stands) and enough[k] and events[k] >= least]
        if fits:
            return fits[0]
    found = f"{int(events.max(initial=0))} before the last of {len(stands)} labelled cutoffs"
    do = "lengthen the history, add cutoffs, or use HealthScore.template(), which needs no events"
    raise TooFewEvents("backtest", f"at least {MIN_EVENTS} churned rows settled before a cutoff to test on", found, do)


def _settled(y: Labels, stands: pd.DatetimeIndex) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Count, at each cutoff, churned rows and cutoffs that are settled at the shortest horizon."""
    shortest = y.frame[y.horizons[0]].dropna()
    by_cutoff = (shortest == 1).groupby(shortest.index.get_level_values("cutoff")).sum().sort_index()
    settled_at = pd.DatetimeIndex(by_cutoff.index) + pd.Timedelta(days=y.churn.resolution_days(y.horizons[0]))
    cutoffs = np.searchsorted(micros(settled_at), micros(stands), side="right")
    return np.append(0, by_cutoff.to_numpy().cumsum())[cutoffs], cutoffs
