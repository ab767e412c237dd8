"""A book: the scores of a day made bucket by bucket, so that memory holds some accounts and every core has work.

First every bucket is measured; then accounts are placed among their peers, which only all of them together tell; then
every bucket is scored and explained. Between the steps everything lies in files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.features.catalog.placing import STANDINGS, place, write_standings
from holdfast.features.catalog.snapshot_files import SnapshotFiles
from holdfast.features.snapshot import INDEX, Snapshot, joined
from holdfast.models.scales import percentile
from holdfast.serving.alerts.facts import STEP, past_days
from holdfast.serving.contract.cadence import stale
from holdfast.serving.drivers import REASON, signs
from holdfast.serving.scoring import Around, Before, Scores, Stamp, score
from holdfast.serving.sharing import MOST, shared
from holdfast.serving.unsound import refuse_many, set_aside
from holdfast.threads import cores, one_thread
from holdfast.training.labels import Churn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.history import History
    from holdfast.serving.alerts.rules import Thresholds
    from holdfast.serving.bundle import Bundle

WORTH = 5_000  # accounts, for which a process of its own is worth its start
_ROWS, _REASONS, _ALERTS = "rows", "reasons", "alerts"


@dataclass(frozen=True)
class Task:
    """What the buckets of a history are scored with.

    Attributes
    ----------
    stale, stale_before
        See `holdfast.serving.scoring.Around`.
    numbers
        Of the buckets; a step takes one by its place among them, and lets go of it.
    """

    folder: Path
    history: History
    bundle: Bundle
    stamp: Stamp
    limits: Thresholds
    stale: tuple[str, ...]
    stale_before: tuple[str, ...]
    numbers: tuple[int, ...]

    @property
    def days(self) -> pd.DatetimeIndex:
        """The day, and those that scores compare with."""
        return pd.DatetimeIndex([self.history.now, *past_days(self.history.now)], name=INDEX[1])

    @property
    def files(self) -> SnapshotFiles:
        """Where what was measured lies."""
        return SnapshotFiles(self.folder, self.bundle.catalog.indicators, len(self.numbers))

    def measuring(self, bucket: int) -> None:
        """Measure a bucket."""
        of, grace = self.bundle.catalog, self.bundle.churn["grace_days"]
        some, horizons = self.history.bucket(self.numbers[bucket]), self.bundle.horizons
        self.files.write(bucket, of.measure(some, self.days, horizons, grace_days=grace, together=False))

    def placing(self) -> None:
        """Place all accounts among their peers."""
        place(self.files, self.days)
        write_standings(self.files, self.history.now, signs(self.bundle.catalog))

    def scoring(self, bucket: int) -> None:
        """Score and explain the accounts of a bucket."""
        day, bundle, X = self.history.now, self.bundle, self.files.read(bucket)
        there = X.index.get_level_values(INDEX[1]) == day
        now = X.rows(there)
        if not len(now):
            return  # nobody was a customer yet
        places = pd.DataFrame(
            self.files.matrix(bucket, STANDINGS).T, now.index.get_level_values(INDEX[0]), signs(now.catalog)
        )
        found = score(
            now, bundle.health, bundle.model, self.history.bucket(self.numbers[bucket]),
            churn=Churn(**bundle.churn), stamp=self.stamp, thresholds=self.limits, expansion=bundle.expansion,
            before=Before.of(X.rows(~there), bundle.health, day), around=Around(places, self.stale, self.stale_before),
        )  # fmt: skip
        for name, frame in ((_ROWS, found.rows), (_REASONS, found.reasons), (_ALERTS, found.alerts)):
            frame.to_parquet(self._file(bucket, name), index=False)

    def today(self, bucket: int) -> Snapshot:
        """Read what was measured of a bucket on the day; what is infinite is missing."""
        X = self.files.read(bucket)
        return set_aside(X.rows(X.index.get_level_values(INDEX[1]) == self.history.now))[0]

    def read(self, name: str) -> Iterator[pd.DataFrame]:
        """Read one kind of what was made, bucket by bucket."""
        for bucket in range(len(self.numbers)):
            if (file := self._file(bucket, name)).exists():
                yield pd.read_parquet(file)

    def _file(self, bucket: int, name: str) -> Path:
        return self.folder / f"{bucket:06d}.{name}.parquet"


@dataclass(frozen=True)
class Book:
    """The scores of a day, whose reasons lie in files.

    Attributes
    ----------
    rows, alerts
        See `holdfast.serving.scoring.Scores`.
    """

    task: Task
    rows: pd.DataFrame
    alerts: pd.DataFrame

    def reasons(self) -> Iterator[pd.DataFrame]:
        """Read the reasons, some accounts at a time."""
        return self.task.read(_REASONS)

    def scores(self, most: int | None = None) -> Scores:
        """Give the scores, with the reasons of all accounts, or of so many with most at stake."""
        found = Scores(self.task.history.now, self.rows, pd.DataFrame(columns=list(REASON)), self.alerts)
        shown = None if most is None else set(found.riskiest(most)["account_id"])
        parts = [one if shown is None else one[one["account_id"].isin(shown)] for one in self.reasons()]
        some = [one for one in parts if len(one)]
        return replace(found, reasons=pd.concat(some, ignore_index=True)) if some else found

    def snapshot(self, most: int | None = None) -> Snapshot:
        """Give what was measured of all accounts on the day, or of at most so many, evenly spread."""
        chosen = evenly(len(self.rows), len(self.rows) if most is None else most)
        parts, start = [], 0
        for bucket in range(len(self.task.numbers)):
            some = self.task.today(bucket)
            parts.append(some.rows(chosen[start : start + len(some)]))
            start += len(some)
        return joined(parts)


def book(history: History, bundle: Bundle, stamp: Stamp, limits: Thresholds, folder: Path) -> Book:
    """Score every account known on the last day of a history.

    Parameters
    ----------
    history
        As known on the day.
    folder
        Empty; what is made lies there, and is read from there.

    Raises
    ------
    DataError
        When too many accounts cannot be reckoned.
    """
    day, numbers = history.now, history.bucket_numbers
    quiet, quiet_before = (tuple(stale(history, one)) for one in (day, day - STEP))
    task = Task(folder, history, bundle, stamp, limits, quiet, quiet_before, numbers)
    with one_thread(), shared(task, len(numbers), min(MOST, cores(), len(history.accounts) // WORTH)) as each:
        each("measuring")
        task.placing()
        each("scoring")
    rows = pd.concat(task.read(_ROWS), ignore_index=True)
    refuse_many(rows)
    rows["percentile"] = percentile(rows["health"].where(rows["score_status"] != "not_scored"))
    alerts = pd.concat(task.read(_ALERTS), ignore_index=True).drop_duplicates(["account_id", "rule"])
    return Book(task, rows, alerts.sort_values(["account_id", "rule"], kind="stable", ignore_index=True))


def evenly(n: int, most: int) -> NDArray[np.bool_]:
    """Choose rows, evenly spread, not more than so many.

    Examples
    --------
    >>> evenly(5, 2).tolist()
    [True, False, False, True, False]
    """
    chosen = np.zeros(n, dtype=bool)
    chosen[:: max(1, -(-n // max(most, 1)))] = True
    return chosen
