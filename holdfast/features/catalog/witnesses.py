"""Witnesses: the records behind an indicator of one account at one cutoff, so that a sentence can be checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.errors import UsageError, did_you_mean
from holdfast.features.catalog.applicable import split
from holdfast.features.catalog.measure import instants_of
from holdfast.features.indicators.conditions import Condition
from holdfast.features.indicators.expression import Expression, Function, Reading, Window
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.kernel.arrays import Bools, Ints
from holdfast.features.kernel.measurement import Evaluation, Measurement
from holdfast.features.kernel.part import Block
from holdfast.features.kernel.states import meeting
from holdfast.features.time import DAY_US, days, micro

if TYPE_CHECKING:
    from holdfast.features.history.history import History, Instant
    from holdfast.features.history.records import Records

_TELLING = {"latest": slice(-1, None), "days_since": slice(-1, None), "first": slice(1), "days_since_first": slice(1)}
NAMED = 20  # records named for an indicator; the newest of more


@dataclass(frozen=True)
class Witness:
    """The records that an indicator of one account was measured from.

    Attributes
    ----------
    count
        How many there are.
    records
        The newest of them, oldest first, as ``table:source_id``; at most `NAMED`.
    fresh_days
        Days from the latest record of the account in the tables that are read, to the cutoff; missing without any.
    """

    count: int
    records: tuple[str, ...]
    fresh_days: float


def witnesses(
    indicators: Iterable[Indicator], history: History, account_id: str, cutoff: Instant
) -> dict[str, Witness]:
    """Find the records behind every applicable indicator of one account, as they were known at a cutoff.

    A figure that compares two windows is witnessed by the records of both; one whose records do not exist (nothing
    happened) by none. A decorated function is witnessed by all that its tables hold of the account.

    Raises
    ------
    UsageError
        When the history does not know the account.
    """
    instant = instants_of([cutoff], history)
    if account_id not in history.accounts:
        do = did_you_mean(account_id, history.accounts)
        raise UsageError("witnesses", "an account of the history", repr(account_id), do)
    kept, _ = split(tuple(indicators), history)
    bucket = next(one for one in history.buckets() if account_id in one.accounts)
    place = int(bucket.accounts.get_indexer(pd.Index([account_id]))[0])
    measurement = Measurement(bucket, instant, [part for one in kept for part in one.expressions])
    seen = _Seen(bucket, Evaluation(measurement, Block(place, place + 1)), micro(instant[0]))
    return {one.name: seen.witness(one.expression) for one in kept}


class _Seen:
    """What is known of one account at one instant, table by table."""

    def __init__(self, bucket: History, evaluation: Evaluation, instant: int) -> None:
        self.bucket, self.evaluation, self.instant = bucket, evaluation, instant
        self._known: dict[str, Bools] = {}
        self._ids: dict[str, pd.DataFrame] = {}

    def witness(self, expression: Expression) -> Witness:
        found = {table: np.unique(np.concatenate(rows)) for table, rows in self._by_table(expression).items()}
        places = [(int(self._records(table).at[row]), table, int(row)) for table in found for row in found[table]]
        newest = sorted(places)[-NAMED:]
        named = tuple(f"{table}:{self._id(table, row)}" for _, table, row in newest)
        return Witness(len(places), named, self._fresh(expression.tables))

    def _by_table(self, expression: Expression) -> dict[str, list[Ints]]:
        found: dict[str, list[Ints]] = {}
        for table, rows in self._leaves(expression):
            found.setdefault(table, []).append(rows)
        return found

    def _leaves(self, expression: Expression) -> Iterator[tuple[str, Ints]]:
        for node in expression.walk():
            if isinstance(node, Window):
                yield node.table, self._inside(node)
            elif isinstance(node, Reading):
                yield node.table, self._holding(node)
            elif isinstance(node, Function):
                yield from (
                    (table, np.flatnonzero(self._visible(table)) + self._rows(table).start) for table in node.needs
                )

    def _inside(self, leaf: Window) -> Ints:
        table, rows = self.evaluation.measurement.table(leaf.table), self._rows(leaf.table)
        at, until = table.records.at[rows], self.instant - days(leaf.ago)
        seen = self._visible(leaf.table) & (at <= until)
        if leaf.days is not None:
            seen &= at > until - days(leaf.days)
        value = (Condition(leaf.column, "known"),) if leaf.column and leaf.verb != "hours_to" else ()
        for one in (*leaf.filters, *value):
            meets, since, end = table.span(one, rows)
            seen &= True if meets is None else meets
            seen &= True if since is None else since <= self.instant
            seen &= True if end is None else self.instant < end
        inside: Ints = np.flatnonzero(seen) + rows.start
        return inside[_TELLING.get(leaf.verb, slice(None))]

    def _holding(self, leaf: Reading) -> Ints:
        table = self.evaluation.measurement.table(leaf.table)
        spells = self.evaluation.holding(leaf.table, leaf.mode, leaf.ago, leaf.since)
        return meeting(spells, table, leaf.filters, self.evaluation.clock).row

    def _records(self, table: str) -> Records:
        return self.evaluation.measurement.table(table).records

    def _rows(self, table: str) -> slice:
        return self.evaluation.block.rows(self.evaluation.measurement.table(table))

    def _visible(self, table: str) -> Bools:
        """Tell which of the account's records are known and have happened."""
        if table not in self._known:
            self._known[table] = self._records(table).visible(self.instant, self._rows(table))
        return self._known[table]

    def _id(self, table: str, row: int) -> str:
        ids = self._columns(table)
        return str(ids["source_id"].iloc[row]) if "source_id" in ids else f"row {row}"

    def _columns(self, table: str) -> pd.DataFrame:
        if table not in self._ids:
            self._ids[table] = self.bucket.records(table, ("source_id",)).columns
        return self._ids[table]

    def _fresh(self, tables: tuple[str, ...]) -> float:
        """Give the days since the account's latest record of the tables."""
        there = (name for name in tables if name in self.bucket.tables and self._visible(name).any())
        latest = [int(self._records(name).at[self._rows(name)][self._visible(name)].max()) for name in there]
        return (self.instant - max(latest)) / DAY_US if latest else float("nan")
