"""From labels to observed intervals: what the likelihood may use, and how much evidence there is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from holdfast.errors import TooFewEvents, UsageError
from holdfast.features.snapshot import Snapshot
from holdfast.models.hazard import Exposure, Floats, Link, Periods, event_probability
from holdfast.models.outcomes import Outcomes
from holdfast.models.timing import Timing

EXPANSION = "expansion"  # the kind of labels whose event is a good one
MIN_EVENTS = 5  # below this nothing is learned
LEARNED_FROM = 50  # from here on learned weights may stand without the template
TREES_FROM = 200  # from here on boosted trees join the regression
_HARDLY = 0.03  # of a decision: below this an interval counts as one without
_SURE = float(np.log(-np.log(0.02)))  # log-hazard of an event within the interval with probability .98
_DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Observed:
    """Rows of a snapshot with at least one observed interval, and what was seen in them.

    Attributes
    ----------
    X
        The rows that can be learned from.
    periods
        Their intervals. For ``silence`` the event is the *return*, since silence ends when it happens.
    horizons
        Horizons in days that were observed at all.
    rises
        Whether the event is the churn itself (all kinds but silence).
    events, survivors
        Distinct accounts that churned, and that stayed, in at least one row.
    timing
        When exits become known, from the decision they belong to.
    kind
        Of the labels.
    """

    X: Snapshot
    periods: Periods
    horizons: tuple[int, ...]
    rises: bool
    events: int
    survivors: int
    timing: Timing = field(default_factory=Timing)
    kind: str = "notice"

    @property
    def health_sign(self) -> int:
        """Sign with which health enters the log-hazard: it lowers that of churn, and raises others: return, growth."""
        return -1 if self.rises and self.kind != EXPANSION else 1

    @property
    def evidence(self) -> int:
        """The rarer of the two outcomes, in accounts: what the ladder of few events is read from."""
        return min(self.events, self.survivors)

    @cached_property
    def drawn(self) -> Floats:
        """A number from 0 to 1 for each row (n,), which its account alone decides."""
        codes, names = pd.factorize(self.X.index.get_level_values("account_id"))
        return np.array([crc32(b"sample" + str(name).encode()) / 2**32 for name in names])[codes]

    def without_calendar(self) -> Observed:
        """Forget renewal decisions: intervals count by their days."""
        return replace(self, periods=replace(self.periods, exposure=by_days(self.X, self.horizons)))

    def rows(self, mask: NDArray[np.bool_]) -> Observed:
        """Keep the rows where a mask holds."""
        return self if mask.all() else replace(self, X=self.X.rows(mask), periods=self.periods.rows(mask))


def exposure(X: Snapshot, horizons: tuple[int, ...], *, decided: bool, timing: Timing | None = None) -> Exposure:
    """Read the decisions of each interval from a snapshot, as offsets.

    With a calendar, a decision counts in the intervals in which its exits become known, by their shares. Renewal
    decisions have no say in whether a silent account returns, or grows: not ``decided``, every interval counts by its
    days.

    Raises
    ------
    UsageError
        When the snapshot holds no exposure for a horizon.
    """
    decisions = counted(X, horizons)
    if timing is not None and not X.calendar.empty:
        decisions = timing.expected(X.calendar.to_numpy(float), horizons)
    return as_exposure(decisions, horizons, decided=decided)


def as_exposure(decisions: Floats, horizons: tuple[int, ...], *, decided: bool) -> Exposure:
    """Turn counts of decisions (n, K) into offsets; an interval without any counts by its days."""
    decisions = np.where(np.isfinite(decisions) & decided & (decisions >= _HARDLY), decisions, 0.0)
    off_cycle = (decisions <= 0).astype(float)
    lasting = np.diff([0, *horizons]) / 30.0
    return Exposure(np.log(np.where(decisions > 0, decisions, lasting)), off_cycle)


def counted(X: Snapshot, horizons: tuple[int, ...]) -> Floats:
    """Count decisions between the horizons, (rows, horizons); intervals between dropped horizons are merged.

    Raises
    ------
    UsageError
        When the snapshot holds no exposure for a horizon.
    """
    missing = [h for h in horizons if h not in X.horizons]
    if missing:
        raise UsageError(
            "Snapshot.exposure",
            f"horizons {list(horizons)}",
            f"{list(X.horizons)}",
            f"measure with horizons {missing} too",
        )
    inside = [[h for h in X.horizons if low < h <= high] for low, high in pairwise((0, *horizons))]
    return np.column_stack([X.exposure[names].to_numpy(float).sum(axis=1) for names in inside])


def by_days(X: Snapshot, horizons: tuple[int, ...]) -> Exposure:
    """Count intervals by their days alone, for models that know no calendar."""
    days = np.diff([0, *horizons]) / 30.0
    return Exposure(np.tile(np.log(days), (len(X), 1)), np.zeros((len(X), len(horizons))))


def observe(X: Snapshot, y: Outcomes) -> Observed:
    """Pair a snapshot with labels, interval by interval.

    Each (account, cutoff) is at risk in an interval when nothing had happened by its start and the label at its end
    is known; so rows that are censored at 90 days still speak for the first 30.

    Raises
    ------
    UsageError
        When labels and snapshot share no row.
    """
    labels = y.frame if y.frame.index.equals(X.index) else y.frame.reindex(X.index)
    horizons = tuple(h for h in y.horizons if labels[h].notna().any())
    if not horizons:
        raise UsageError(
            "fit(X, y)", "labels for rows of X", "none that is known", "label the cutoffs that were measured"
        )
    churned = labels[list(horizons)].to_numpy(float)
    happened = churned if y.rises else 1.0 - churned
    before = np.column_stack([np.zeros(len(happened)), happened[:, :-1]])
    weight = ((before == 0) & np.isfinite(happened)).astype(float)
    event = np.where(weight > 0, happened, 0.0)
    decided = y.rises and y.kind != EXPANSION
    timing = Timing() if X.calendar.empty or not decided else Timing.learn(X.calendar, y.event_at.reindex(X.index))
    every = Periods(exposure(X, horizons, decided=decided, timing=timing), event, weight)
    known = X.index.get_level_values("account_id")
    return Observed(
        X=X.rows(every.seen),
        periods=every.rows(every.seen),
        horizons=horizons,
        rises=y.rises,
        events=known[(churned == 1).any(axis=1)].nunique(),
        survivors=known[(churned == 0).any(axis=1)].nunique(),
        timing=timing,
        kind=y.kind,
    )


def words(kind: str) -> tuple[str, str]:
    """Say in a word each what accounts did that had the event of a kind of labels, and what the others did."""
    return ("expanded", "did not expand") if kind == EXPANSION else ("churned", "stayed")


def refuse_too_few(observed: Observed) -> None:
    """Refuse to learn from fewer than five accounts that churned, or that stayed.

    Raises
    ------
    TooFewEvents
        With the counts.
    """
    if observed.evidence < MIN_EVENTS:
        event, other = words(observed.kind)
        raise TooFewEvents(
            "labels",
            f"at least {MIN_EVENTS} accounts that {event} and {MIN_EVENTS} that {other}",
            f"{observed.events} {event}, {observed.survivors} {other}",
            "lengthen the history, add cutoffs, or use HealthScore.template(), which needs no events",
        )


def churn_frame(
    eta: Floats, X: Snapshot, horizons: tuple[int, ...], *, rises: bool, link: Link = "cloglog"
) -> pd.DataFrame:
    """Tabulate the probability of churn by account, cutoff and horizon."""
    p = churn_probability(eta, rises=rises, link=link)
    return pd.DataFrame(p, index=X.index, columns=pd.Index(horizons, name="horizon"))


def churn_probability(eta: Floats, *, rises: bool, link: Link = "cloglog") -> Floats:
    """Turn log-hazards (n, K) into the probability of churn: that of the event, or that the return fails to come.

    Log-odds (n, 1) of a table without time become that of the event.
    """
    if link == "logit":
        return np.asarray(expit(eta))
    eta = hedged(eta)
    if rises:
        return event_probability(eta)
    with np.errstate(over="ignore"):
        stays_away: Floats = np.exp(-np.cumsum(np.exp(eta), axis=1))
    return stays_away


def hedged(eta: Floats) -> Floats:
    """Let log-hazards grow at a tenth of their pace beyond a certainty of 98 in 100.

    The link would soon promise more than any record of an account can know.

    Examples
    --------
    >>> hedged(np.array([-3.0, 3.0])).round(2).tolist()
    [-3.0, 1.53]
    """
    return np.where(eta > _SURE, _SURE + (eta - _SURE) / 10.0, eta)


def last_block(observed: Observed, share: float) -> tuple[Periods, Periods] | None:
    """Split by time into early and late intervals, purged: the early ones ended before the late ones began.

    Both keep all rows; what does not belong has weight 0. The late block starts where ``share`` of the events is left.
    None when a single cutoff, or too few events on a side, leaves nothing to learn from.
    """
    cutoff = pd.DatetimeIndex(observed.X.index.get_level_values("cutoff")).as_unit("us").asi8
    periods = observed.periods
    moments, at = np.unique(cutoff, return_inverse=True)
    counts = np.bincount(at, weights=(periods.event * periods.weight).sum(axis=1))
    if counts.sum() == 0 or len(moments) < 2:
        return None
    start = moments[min(int(np.searchsorted(np.cumsum(counts), (1 - share) * counts.sum()) + 1), len(moments) - 1)]
    ends = cutoff[:, None] + np.array(observed.horizons) * _DAY_US
    early = replace(periods, weight=periods.weight * (ends <= start))
    late = replace(periods, weight=periods.weight * (cutoff >= start)[:, None])
    enough = min(early.events, late.events) >= MIN_EVENTS
    return (early, late) if enough else None


def apart(observed: Observed, share: float, part: int = 0) -> tuple[Periods, Periods] | None:
    """Split by accounts: those to learn from, and about a ``share`` of them to judge by. None when events are few.

    Parameters
    ----------
    part
        Which share of them, from 0.
    """
    away = (observed.drawn // share == part)[:, None]
    periods = observed.periods
    learn = replace(periods, weight=periods.weight * ~away)
    judge = replace(periods, weight=periods.weight * away)
    return (learn, judge) if min(learn.events, judge.events) >= MIN_EVENTS else None


def sampled(observed: Observed, most: int) -> NDArray[np.bool_]:
    """Mark all rows of some accounts (n,), about ``most`` rows at most; every row when they are not more."""
    if len(observed.X) <= most:
        return np.ones(len(observed.X), dtype=bool)
    return np.asarray(observed.drawn < most / len(observed.X))


def account_folds(observed: Observed) -> Iterator[tuple[Periods, Periods]]:
    """Yield (train, test) intervals: tested on accounts that were not trained on, over all of time."""
    return _by_account(observed, observed.periods, observed.periods)


def forward_folds(observed: Observed) -> Iterator[tuple[Periods, Periods]]:
    """Yield (train, test) intervals: tested later in time, and on accounts that were not trained on.

    None where the history is too short to look forward.
    """
    blocks = last_block(observed, share=0.4)
    return _by_account(observed, *blocks) if blocks else iter(())


def _by_account(
    observed: Observed, past: Periods, ahead: Periods, groups: int = 3
) -> Iterator[tuple[Periods, Periods]]:
    codes, names = pd.factorize(observed.X.index.get_level_values("account_id"))
    group = np.array([crc32(str(name).encode()) % groups for name in names])[codes]
    for fold in range(groups):
        apart = (group == fold)[:, None]
        yield replace(past, weight=past.weight * ~apart), replace(ahead, weight=ahead.weight * apart)


def choose(losses: Floats, grid: tuple[float, ...]) -> float:
    """Take the grid value with the least loss; of equals the last, so grids run from free to strict.

    Examples
    --------
    >>> choose(np.array([0.3, 0.2, 0.2]), (1.0, 10.0, 100.0))
    100.0
    """
    return grid[len(grid) - 1 - int(np.argmin(losses[::-1]))]
