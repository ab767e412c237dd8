"""Applicable or not: an indicator without its table, column or kind of record is left out and named, never zero."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from holdfast.features.indicators.conditions import Condition
from holdfast.features.indicators.expression import Reading, Window
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.kernel.measurement import Measurement

if TYPE_CHECKING:
    from holdfast.features.history.history import History

Kind = tuple[str, tuple[Condition, ...]]  # records of a table that meet conditions
NEUTRAL = ("usage", "count")  # absence tells: one use
DERIVED = {("goals", "progress"): ("actual", "target")}  # what a default is worked out from


def split(indicators: Iterable[Indicator], history: History) -> tuple[tuple[Indicator, ...], dict[str, str]]:
    """Part the indicators that tables and columns can carry from those they cannot, each of these with the reason."""
    supplied = {name: history.supplied(name) for name in history.tables}
    kept, left_out = [], {}
    for one in indicators:
        reason = _obstacle(one, supplied)
        if reason is None:
            kept.append(one)
        else:
            left_out[one.name] = reason
    return tuple(kept), left_out


def _obstacle(indicator: Indicator, supplied: Mapping[str, frozenset[str]]) -> str | None:
    """Say which table or column is absent, or None."""
    for table in indicator.unless:
        if table in supplied:
            return f"says nothing of its own beside the table {table}"
    for table, column in needed(indicator):
        if table not in supplied:
            return f"needs the table {table}"
        if column and column not in supplied[table]:
            return f"needs the column {table}.{column}"
    return None


def needed(indicator: Indicator) -> list[tuple[str, str]]:
    """List the (table, column) pairs that must be supplied, sorted; the column is empty where rows alone matter."""
    pairs, spared = set(), _spared(indicator)
    for table, column in indicator.reads:
        for name in DERIVED.get((table, column), (column,)):
            pairs.add((table, "" if (table, name) in spared else name))
    return sorted(pairs)


def _spared(indicator: Indicator) -> set[tuple[str, str]]:
    """Name the columns whose absence tells something too: nothing was cancelled where there is no status."""
    leaves = [leaf for one in indicator.expressions for leaf in one.walk() if isinstance(leaf, Window | Reading)]
    asked = {(leaf.table, leaf.column) for leaf in leaves}
    asked |= {(leaf.table, one.column) for leaf in leaves for one in leaf.filters if not one.negative}
    return {NEUTRAL} | {(leaf.table, one.column) for leaf in leaves for one in leaf.filters if one.negative} - asked


class Occurrence:
    """Look, bucket by bucket, which indicators have had a record of their kind by the last cutoff.

    Later records change nothing. A catalogue that a model has learned from is not asked: there 0 is news.
    """

    def __init__(self, indicators: tuple[Indicator, ...], found: Iterable[Kind] = ()) -> None:
        self._wanted = {one: _wanted(one) for one in indicators}
        self._found = set(found)

    def look(self, measurement: Measurement) -> None:
        """Look into one bucket."""
        for kind in {kind for kinds in self._wanted.values() for kind in kinds} - self._found:
            if _occurs(*kind, measurement):
                self._found.add(kind)

    def split(self) -> tuple[tuple[Indicator, ...], dict[str, str]]:
        """Part the indicators that have occurred from those that never did, these with the reason."""
        never = {one: kinds for one, kinds in self._wanted.items() if kinds and not self._found.intersection(kinds)}
        return tuple(one for one in self._wanted if one not in never), {
            one.name: _missing(*kinds[0]) for one, kinds in never.items()
        }


def _wanted(indicator: Indicator) -> list[Kind]:
    leaves = (one for one in indicator.expression.walk() if isinstance(one, Window | Reading))
    return [(leaf.table, telling(leaf)) for leaf in leaves]


def _missing(table: str, conditions: tuple[Condition, ...]) -> str:
    return f"needs records of {table}" + (f" with {' and '.join(map(str, conditions))}" if conditions else "")


def telling(leaf: Window | Reading) -> tuple[Condition, ...]:
    """Give the conditions that a record must meet to say something to a leaf."""
    present = (Condition(leaf.column, "known"),) if leaf.column and leaf.verb != "hours_to" else ()
    return (*(one for one in leaf.filters if not one.negative), *present)


def _occurs(name: str, conditions: tuple[Condition, ...], measurement: Measurement) -> bool:
    table, last = measurement.table(name), measurement.clock.cutoffs[-1]
    seen = table.records.known <= last
    for one in conditions:
        meets, since, _ = table.span(one)
        seen = seen if meets is None else seen & meets
        seen = seen if since is None else seen & (since <= last)
    return bool(np.any(seen))
