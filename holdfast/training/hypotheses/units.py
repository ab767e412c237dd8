"""What is counted: churn by renewal decision where a contract calendar is known, else by window; growth by window.

Raw rates over rows confuse the calendar with health: an annual contract is decided once in thirteen cutoffs, and
whatever comes with annual contracts then looks safe. So what left is held against the decisions it faced.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from holdfast.features.exposure import AHEAD, exposure
from holdfast.models.periods import counted
from holdfast.models.timing import Timing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.snapshot import Snapshot
    from holdfast.training.labels import Labels
    from holdfast.training.metrics import Floats

DECISION = "renewal decision"
MOST = 3  # so many decisions and more in one window count as alike
_BELONG = 0.5  # share of the churned rows that must face a decision, lest the calendar be wrong


@dataclass(frozen=True, eq=False)
class Units:
    """What each row stands for.

    Attributes
    ----------
    event
        1 where it happened, else 0.
    faced
        How many decisions were faced until it did, or 1 for a window; 0 where the row is not counted.
    decisions
        Decisions in the window, 0 to 3: alike rows have as many.
    each
        What was faced, in words: ``renewal decision``, or such as ``90 days``.
    """

    event: Floats
    faced: Floats
    decisions: NDArray[np.int64]
    each: str

    @property
    def counted(self) -> NDArray[np.bool_]:
        """The rows that count."""
        return np.asarray(self.faced > 0)

    @property
    def decided(self) -> bool:
        """Whether decisions are counted, not windows."""
        return self.each == DECISION


def by_window(y: Labels, decided: Floats) -> Units:
    """Count each row whose longest settled window is known once; decisions as `decisions` gives them."""
    horizon = max((h for h in y.horizons if y.frame[h].notna().any()), default=0)
    labels = y.frame[horizon].to_numpy(float) if horizon else np.full(len(y), np.nan)
    known = np.isfinite(labels)
    alike = np.minimum(decided.sum(axis=1), MOST).astype(np.int64)
    return Units(np.where(known, labels, 0.0), known.astype(float), alike, f"{horizon} days")


def by_decision(y: Labels, decided: Floats) -> Units | None:
    """Count the decisions that each row faces, up to the one at which the account left.

    None where the labels are no notice, no decision is known, or most of those that left faced none: the calendar is
    absent, or wrong. Where nobody left, nothing speaks against it.
    """
    if y.kind != "notice" or not y.horizons:
        return None
    labels = y.frame.to_numpy(float)
    known, left = np.isfinite(labels), labels == 1
    event = left.any(axis=1)
    last = np.where(event, left.argmax(axis=1), known.sum(axis=1) - 1)
    inside = np.arange(labels.shape[1]) <= last[:, None]
    faced, window = (decided * inside).sum(axis=1), (decided * known).sum(axis=1)
    counted = (window > 0) & known[:, 0]
    if not counted.any() or (event & counted).sum() < _BELONG * event.sum():
        return None
    faced = np.where(event, np.maximum(faced, 1.0), faced)  # it may be known somewhat before
    alike = np.minimum(window, MOST).astype(np.int64)
    return Units((event & counted).astype(float), np.where(counted, faced, 0.0), alike, DECISION)


def decisions(X: Snapshot, y: Labels) -> Floats:
    """Count decisions between the horizons (rows, horizons), each on the day on which its exits are usually known.

    Raises
    ------
    UsageError
        When the snapshot holds no exposure for a horizon.
    """
    if X.calendar.empty or y.kind != "notice":
        return counted(X, y.horizons)
    shares = Timing.learn(X.calendar, y.event_at).shares
    usual = int(np.searchsorted(np.cumsum(shares), 0.5)) - AHEAD  # days from the last day of a decision
    return exposure(X.calendar.to_numpy(float) + usual, y.horizons)
