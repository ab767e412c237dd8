"""The outline of a history: which tables there are, how far they reach, and what was noticed, told from facts alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from holdfast.errors import DataError, UsageError, did_you_mean
from holdfast.features.history.facts import Facts, total
from holdfast.features.history.noticed import findings_of, supplied
from holdfast.features.history.tables import ACTIVITY_TABLES, TABLES
from holdfast.features.time import instants, micro
from holdfast.findings import Finding

_STILL_DAYS = 45  # contracts may stand still for so long without a word


@dataclass(frozen=True)
class Outline:
    """Tell what holds for all accounts together.

    Attributes
    ----------
    facts
        By table, those without rows included.
    stated_end
        The data end, when it is not read from the data.
    delivered
        What was noticed in files.
    accounts
        The ids that are known, which an unknown one may look like.
    """

    facts: Mapping[str, Facts]
    stated_end: pd.Timestamp | None = None
    delivered: tuple[Finding, ...] = field(default=())
    accounts: Collection[str] = field(default=(), repr=False, compare=False)

    def __post_init__(self) -> None:
        require(self.tables, "the history", tuple(self._missing()))

    @cached_property
    def tables(self) -> tuple[str, ...]:
        """The tables that have rows, sorted."""
        return tuple(name for name in sorted(self.facts) if self.facts[name].rows)

    def of(self, table: str) -> Facts:
        """Give the facts of a table that is present."""
        if table not in self.tables:
            raise UsageError("History", "a table of this history", repr(table), did_you_mean(table, self.tables))
        return self.facts[table]

    def supplied(self, table: str) -> frozenset[str]:
        """Give the canonical columns that hold a value which is no default."""
        facts = self.of(table)
        return supplied(TABLES[table], facts)

    def watermark(self, table: str) -> pd.Timestamp:
        """Give the last instant at which something of a table became known."""
        return _instant(self.of(table).known_last)

    @cached_property
    def start(self) -> pd.Timestamp:
        """The first event of any activity table."""
        return _instant(min(self.facts[name].happened_first for name in self._active))

    @cached_property
    def end(self) -> pd.Timestamp:
        """The data end: as stated, else the watermark of ``subscriptions``, else that of the activity tables."""
        if self.stated_end is not None:
            return self.stated_end
        active = max(self.watermark(name) for name in self._active)
        if "subscriptions" not in self.tables:
            return active
        known, facts = self.watermark("subscriptions"), self.facts["subscriptions"]
        if known > active and facts.assumed:
            # a contract signed ahead, dated by its start alone, does not tell that the data reach that far
            return _instant(max(facts.told_last, micro(active)))
        return known

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What was noticed, sorted."""
        found = (*self.delivered, *findings_of(self.facts, self.accounts), *self._outlasting())
        return tuple(sorted(found, key=lambda one: (one.code, one.where)))

    def _missing(self) -> Iterator[Finding]:
        """Tell why tables without which there is no history have no row left."""
        for name in ("accounts", *ACTIVITY_TABLES):
            if name in self.facts and name not in self.tables:
                yield from findings_of({name: self.facts[name]}, self.accounts)

    @property
    def _active(self) -> list[str]:
        return [name for name in ACTIVITY_TABLES if name in self.tables]

    def _outlasting(self) -> Iterator[Finding]:
        """Tell where activity goes on long after the data end that the contracts tell."""
        if self.stated_end is None and "subscriptions" in self.tables:
            for name in self._active:
                late = (self.watermark(name) - self.end).days
                if late > _STILL_DAYS:
                    after = f"goes on for {late} days after the last record of subscriptions, {self.end:%Y-%m-%d}"
                    yield Finding("HF020", name, late, after)


def _instant(microseconds: int) -> pd.Timestamp:
    return instants(np.array([microseconds]))[0]


def require(tables: Mapping[str, object] | tuple[str, ...], where: str, left_out: tuple[Finding, ...] = ()) -> None:
    """Refuse a history without accounts, or without anything that they do.

    Parameters
    ----------
    left_out
        What took all rows from a table.

    Raises
    ------
    DataError
        When a table is absent that nothing can replace.
    """
    if "accounts" in tables and any(name in tables for name in ACTIVITY_TABLES):
        return
    expected = f"accounts and at least one of {', '.join(ACTIVITY_TABLES)}"
    found = ", ".join(sorted(tables)) or "no table"
    if not left_out:
        raise DataError(where, expected, found, "add what is missing")
    lost = "; ".join(f"{one.code} {one.where}: {one.message}" for one in left_out)
    do = "; ".join(dict.fromkeys(one.remedy for one in left_out))
    raise DataError(where, expected, f"{found}, and rows that were left out ({lost})", do)


def summary(buckets: Iterable[Mapping[str, Facts]]) -> dict[str, dict[str, object]]:
    """Sum up each table for a reader: its rows, how far they reach, and on what ground."""
    return {
        name: {
            "rows": one.rows,
            "first_known_at": _instant(one.known_first).isoformat(),
            "last_known_at": _instant(one.known_last).isoformat(),
            "supplied": sorted(supplied(TABLES[name], one)),
            "assumed": one.assumed,
        }
        for name, one in sorted(total(buckets).items())
        if one.rows
    }
