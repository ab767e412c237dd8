"""The usual mistakes of a backtest, each made on purpose, to show what it would have claimed.

`holdfast.training.inflation` alone reads this module. It keeps the figures and throws the models away: nothing here is
an argument of `backtest` or `folds`, and nothing that learned here may be used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from holdfast.features.catalog.collection import Catalog
from holdfast.features.history.retold import RetoldHistory
from holdfast.features.time import FOREVER
from holdfast.training.label_cells import leaving
from holdfast.training.labels import label

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.history import History
    from holdfast.features.history.records import Records
    from holdfast.features.snapshot import Snapshot
    from holdfast.training.folds import Fold
    from holdfast.training.labels import Labels

PARTS = 5  # of a random split
_NOTICES = (("churn", "notice_at"), ("subscriptions", "cancel_requested_at"))


@dataclass(frozen=True)
class Lesson:
    """One fit of a protocol: the rows and labels to learn from, and by line the rows that are predicted."""

    X: Snapshot
    y: Labels
    asked: Mapping[str, Snapshot]


def walked(X: Snapshot, y: Labels, plan: tuple[Fold, ...], line: str) -> Iterator[Lesson]:
    """Walk forward as it should be: settled labels, as known on the day of the refit."""
    for fold in plan:
        yield Lesson(*_labelled(X, fold.training(y)), {line: X.rows(fold.tested(y))})


def random_rows(X: Snapshot, y: Labels, plan: tuple[Fold, ...], line: str, seed: int) -> Iterator[Lesson]:
    """Split rows of all accounts and cutoffs at random: an account is on both sides, and so is its future."""
    known = (y.frame.notna().any(axis=1) & (y.at_risk == "")).to_numpy()
    asked = np.logical_or.reduce([fold.tested(y) for fold in plan]) & known
    part = np.random.default_rng(seed).permutation(len(X)) % PARTS
    for number in range(PARTS):
        held = part == number
        yield Lesson(*_labelled(X, y, ~held & known), {line: X.rows(held & asked)})


def unpurged(X: Snapshot, y: Labels, plan: tuple[Fold, ...], line: str) -> Iterator[Lesson]:
    """Learn from every cutoff before the refit by labels as finally known, whose windows reach into the test."""
    cutoff = X.index.get_level_values("cutoff")
    for fold in plan:
        before = np.asarray(cutoff < fold.trained_at)
        yield Lesson(*_labelled(X, y, before), {line: X.rows(fold.tested(y))})


def known_today(X: Snapshot, y: Labels, plan: tuple[Fold, ...], line: str) -> Iterator[Lesson]:
    """Learn from settled labels, but as they are known today and not as they were on the day of the refit."""
    for fold in plan:
        yield Lesson(*_labelled(X, _settled(y, fold)), {line: X.rows(fold.tested(y))})


def corrected_since(y: Labels, plan: tuple[Fold, ...]) -> int:
    """Count the label cells that a refit would have read otherwise than they are known today."""
    told = ((_settled(y, fold).frame, fold.training(y).frame) for fold in plan)
    return sum(int((now.fillna(-1.0) != then.fillna(-1.0)).to_numpy().sum()) for now, then in told)


def by_event_time(
    X: Snapshot, E: Snapshot, y: Labels, plan: tuple[Fold, ...], line: str, live: str
) -> Iterator[Lesson]:
    """Learn from signs read by event time; asked on such rows, as it tests itself, and on what was known, as in use."""
    for fold in plan:
        tested = fold.tested(y)
        yield Lesson(*_labelled(E, fold.training(y)), {line: E.rows(tested), live: X.rows(tested)})


def measured_by_event_time(history: History, X: Snapshot, y: Labels) -> Snapshot:
    """Measure the same signs of the same rows, read by when things happened, in the tables as they stand today."""
    happened = RetoldHistory(history, _as_it_happened)
    told = Catalog(X.catalog).measure(happened, X.cutoffs, X.horizons, grace_days=leaving(y.churn).grace_days)
    return told.rows(told.index.isin(X.index))


def labels_dated_by_the_end_of_contracts(history: History, y: Labels) -> Labels:
    """Label by the end of the contract instead of the notice: who has given notice still counts as at risk.

    Never to be learned from in earnest: it foresees what the customer has told already.
    """
    return label(RetoldHistory(history, _without_notice), y.cutoffs, y.horizons, y.churn)


def notices(history: History) -> bool:
    """Tell whether any notice is on record."""
    return any(
        bool(bucket.records(table).columns[column].notna().any())
        for bucket in history.buckets()
        for table, column in _NOTICES
        if table in bucket and column in bucket.records(table).columns
    )


def _labelled(X: Snapshot, y: Labels, where: NDArray[np.bool_] | None = None) -> tuple[Snapshot, Labels]:
    known = y.frame.notna().any(axis=1).to_numpy()
    known = known if where is None else known & where
    return X.rows(known), y.rows(known)


def _settled(y: Labels, fold: Fold) -> Labels:
    open_ = y.resolved_at > fold.trained_at
    return replace(y, frame=y.frame.mask(open_), event_at=y.event_at.where(y.event_at <= fold.trained_at))


def _as_it_happened(history: History, table: str, columns: Iterable[str] | None) -> Records:
    """Let every record be known when it happened, in its last version; one that was known ahead stays so."""
    accounts = history.records("accounts", ())
    met = np.full(len(history.accounts), FOREVER, dtype=np.int64)
    np.minimum.at(met, accounts.account, np.minimum(accounts.known, accounts.at))
    records = history.records(table, columns)
    known = np.maximum(np.minimum(records.known, records.at), met[records.account])
    return replace(records, known=known).take(records.superseded == FOREVER)


def _without_notice(history: History, table: str, columns: Iterable[str] | None) -> Records:
    """Let every exit be told by its end: no notice, no request to cancel."""
    records = history.records(table)
    given = records.columns
    if table == "churn" and {"notice_at", "ended_at"} <= set(given):
        records = replace(records, columns=given.assign(notice_at=given["ended_at"].fillna(given["notice_at"])))
    if table == "subscriptions" and "cancel_requested_at" in given:
        asked = given["cancel_requested_at"]
        none = asked.mask(asked.notna())
        told = given.get("ends_at", none)
        ends = told.fillna(given.get("term_end", none)).fillna(asked).where(asked.notna(), told)
        records = replace(records, columns=given.assign(ends_at=ends, cancel_requested_at=none))
    return records if columns is None else records.with_columns(columns)
