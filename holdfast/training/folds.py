"""Walking forward: the only way in which a history is split into what a model learns from and what it is tested on.

At each refit instant b a model learns from the labels that were settled by b, as they were known on b, and is tested
on the cutoffs from b until the next refit. A label cell is settled when its window, the confirmation and the settlement
lag have passed; so no window that a model learned from reaches into a test. Two things can be asked for that make a
walk stricter: a rolling window, which forgets what is older, and groups of accounts, where nobody is judged by a model
that has seen the account itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
import pandas as pd

from holdfast.errors import TooFewEvents, UsageError
from holdfast.features.time import micros

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.training.labels import Labels

MIN_CUTOFFS = 3  # settled cutoffs before the first fit
MIN_EVENTS = 5  # accounts with the rarer outcome without which nothing is fitted
GOOD_EVENTS = 50  # accounts with the rarer outcome that are waited for, unless few are left to test


@dataclass(frozen=True)
class Fold:
    """One refit: the instant at which a model is fitted, and the cutoffs on which it is tested.

    Attributes
    ----------
    since
        Cutoffs before it are forgotten; none are when it is missing.
    group, groups
        The accounts that are tested, and nothing is learned from, as one of so many groups; all of them when there is
        one.
    """

    trained_at: pd.Timestamp
    test: pd.DatetimeIndex
    since: pd.Timestamp | None = None
    group: int = 0
    groups: int = 1

    def training(self, y: Labels) -> Labels:
        """Give the labels to learn from: those settled when the model is fitted, as they were known then."""
        known = y.known(self.trained_at)
        left_out = np.zeros(len(known), dtype=bool)
        if self.since is not None:
            left_out |= np.asarray(known.frame.index.get_level_values("cutoff") < self.since)
        if self.groups > 1:
            left_out |= self._inside(known)
        if not left_out.any():
            return known
        frame = known.frame.copy()
        frame[left_out] = np.nan
        return replace(known, frame=frame, event_at=known.event_at.mask(left_out))

    def tested(self, y: Labels) -> NDArray[np.bool_]:
        """Tell which rows are tested: at risk, at a cutoff of this fold."""
        there = np.asarray(y.frame.index.get_level_values("cutoff").isin(self.test)) & (y.at_risk == "").to_numpy()
        return there & self._inside(y) if self.groups > 1 else there

    def _inside(self, y: Labels) -> NDArray[np.bool_]:
        """Tell which rows belong to accounts of this group; the group of an account follows from its id."""
        accounts = y.frame.index.get_level_values("account_id")
        names, place = np.unique(accounts.to_numpy(dtype=object), return_inverse=True)
        group = np.array([crc32(str(name).encode()) % self.groups for name in names], dtype=int)
        return np.asarray(group[place] == self.group)


def folds(y: Labels, retrain_every: int = 3, *, window: int | None = None, account_groups: int = 1) -> tuple[Fold, ...]:
    """Split labelled cutoffs into refits, each tested on the next `retrain_every` cutoffs.

    The first refit stands at the first cutoff where a third of the labelled cutoffs has passed, three of them are
    settled at the shortest horizon, and the accounts with the rarer outcome in them are at least five, and 50 or half
    as many as are left to test.

    Parameters
    ----------
    window
        Days of cutoffs that a model learns from; by default all that came before.
    account_groups
        Groups of accounts, each judged by models that learned from the others; one asks for none.

    Raises
    ------
    TooFewEvents
        When no cutoff has so much settled before it.
    UsageError
        When an argument is too small.
    """
    for name, value, least in (
        ("retrain_every, a number of cutoffs", retrain_every, 1),
        ("window, in days", 1 if window is None else window, 1),
        ("account_groups", account_groups, 1),
    ):
        if value < least:
            raise UsageError(f"backtest, {name}", f"{least} or more", str(value), "correct it")
    labelled = y.frame.notna().any(axis=1).to_numpy()
    stands = pd.DatetimeIndex(y.frame.index.get_level_values("cutoff")[labelled].unique().sort_values(), name="cutoff")
    start = _start(y, stands)
    plan = tuple(
        Fold(stands[i], stands[i : i + retrain_every], since(stands[i], window), group, account_groups)
        for i in range(start, len(stands), retrain_every)
        for group in range(account_groups)
    )
    refuse_overlaps(y, plan)
    return plan


def refuse_overlaps(y: Labels, plan: tuple[Fold, ...]) -> None:
    """Make sure that no window that was learned from reaches into a test; it cannot, and no figure is shown if so."""
    overlap = overlaps(y, plan)
    if overlap.to_numpy().any():
        raise AssertionError(f"training windows reach into tests:\n{overlap}")


def overlaps(y: Labels, plan: tuple[Fold, ...]) -> pd.DataFrame:
    """Count, by refit and horizon, the label cells learned from whose window was still open at the first test."""
    settled, counts = y.resolved_at, {}
    for fold in plan:
        if fold.trained_at not in counts:  # the groups of one refit read the same labels
            learned = replace(fold, group=0, groups=1).training(y).frame.notna()
            counts[fold.trained_at] = (learned & (settled > fold.test[0])).sum()
    return pd.DataFrame.from_dict(counts, orient="index").rename_axis("trained_at")


def since(trained_at: pd.Timestamp, window: int | None) -> pd.Timestamp | None:
    """Tell which cutoff is the first to be learned from; missing where all are."""
    return None if window is None else trained_at - pd.Timedelta(days=window)


def _start(y: Labels, stands: pd.DatetimeIndex) -> int:
    shortest = y.horizons[0]
    label = y.frame[shortest].dropna()
    place = stands.searchsorted(label.index.get_level_values("cutoff"))
    seen = pd.DataFrame({"outcome": label.to_numpy(), "place": place, "account": label.index.get_level_values(0)})
    spans = seen.groupby(["outcome", "account"])["place"].agg(["min", "max"]).reset_index()
    churned, stayed = spans[spans["outcome"] == 1], spans[spans["outcome"] == 0]
    settled = micros(stands + pd.Timedelta(days=y.churn.resolution_days(shortest)))
    past = np.searchsorted(settled, micros(stands), side="right")  # number of cutoffs settled at each cutoff
    order = np.arange(len(stands))
    before = np.minimum(*(np.searchsorted(np.sort(one["min"]), past) for one in (churned, stayed)))
    after = np.minimum(*(len(one) - np.searchsorted(np.sort(one["max"]), order) for one in (churned, stayed)))
    least = np.maximum(np.minimum(GOOD_EVENTS, after // 2), MIN_EVENTS)
    fits = (order >= len(stands) / 3) & (past >= MIN_CUTOFFS) & (before >= least)
    if fits.any():
        return int(np.argmax(fits))
    expected = (
        f"at least {MIN_EVENTS} accounts that churned and {MIN_EVENTS} that stayed, settled before a cutoff to test on"
    )
    found = f"{int(before.max(initial=0))} of the rarer before the last of {len(stands)} labelled cutoffs"
    do = "lengthen the history, add cutoffs, or use HealthScore.template(), which needs no events"
    raise TooFewEvents("backtest", expected, found, do)
