"""Applicable or not: an indicator without its table, column or kind of record is left out and named, never zero."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from holdfast.features.indicators.conditions import Condition
from holdfast.features.indicators.expression import Reading, Window
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.kernel.measurement import Measurement

_NEUTRAL = {("usage", "count")}  # a default that says what absence means: one record is one use


def split(
    indicators: Iterable[Indicator], measurement: Measurement, occurring: bool
) -> tuple[tuple[Indicator, ...], dict[str, str]]:
    """Part the indicators that the history can carry from those it cannot, each of these with the reason.

    Parameters
    ----------
    occurring
        Whether the kind of record must have occurred by the last cutoff; later records change nothing. A catalogue
        that a model has learned from is not asked: there 0 is news.
    """
    kept, left_out = [], {}
    for one in indicators:
        reason = _obstacle(one, measurement) or (_never(one, measurement) if occurring else None)
        if reason is None:
            kept.append(one)
        else:
            left_out[one.name] = reason
    return tuple(kept), left_out


def _obstacle(indicator: Indicator, measurement: Measurement) -> str | None:
    """Say which table or column is absent, or None."""
    for table in indicator.unless:
        if table in measurement.history:
            return f"says nothing of its own beside the table {table}"
    for table, column in sorted(indicator.expression.reads):
        if table not in measurement.history:
            return f"needs the table {table}"
        if column and (table, column) not in _NEUTRAL and column not in measurement.supplied(table):
            return f"needs the column {table}.{column}"
    return None


def _never(indicator: Indicator, measurement: Measurement) -> str | None:
    """Say that none of the leaves has a single record, or None."""
    leaves = [one for one in indicator.expression.walk() if isinstance(one, Window | Reading)]
    wanted = [(leaf.table, _conditions(leaf)) for leaf in leaves]
    if not wanted or any(_occurs(table, conditions, measurement) for table, conditions in wanted):
        return None
    table, conditions = wanted[0]
    return f"needs records of {table}" + (f" with {' and '.join(map(str, conditions))}" if conditions else "")


def _conditions(leaf: Window | Reading) -> tuple[Condition, ...]:
    present = (Condition(leaf.column, "known"),) if leaf.column and leaf.verb != "hours_to" else ()
    return (*(one for one in leaf.filters if one.relation != "not in"), *present)


def _occurs(name: str, conditions: tuple[Condition, ...], measurement: Measurement) -> bool:
    table = measurement.table(name)
    seen = table.records.known <= measurement.clock.cutoffs[-1]
    for one in conditions:
        meets, since, _ = table.span(one)
        seen = seen if meets is None else seen & meets
        seen = seen if since is None else seen & (since <= measurement.clock.cutoffs[-1])
    return bool(np.any(seen))
