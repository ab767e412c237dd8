"""States: what holds at a cutoff, as spells from one cutoff to another, and their reductions per account."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from holdfast.features.history.records import group
from holdfast.features.history.tables import TABLES
from holdfast.features.indicators.conditions import Condition
from holdfast.features.indicators.expression import Reading
from holdfast.features.indicators.sources import CLOSINGS
from holdfast.features.kernel.arrays import Bools, Floats, Ints
from holdfast.features.kernel.clock import Clock
from holdfast.features.kernel.encoded import Encoded
from holdfast.features.kernel.part import Block
from holdfast.features.kernel.selection import expand, spread
from holdfast.features.kernel.tally import joined, words
from holdfast.features.kernel.windows import ratio
from holdfast.features.time import DAY_US, days


@dataclass(frozen=True)
class Spells:
    """Rows of a table with the cutoffs [start, stop) at which they hold.

    Attributes
    ----------
    shape
        Accounts of the block x cutoffs.
    account
        Account, counted from the start of the block.
    since
        When each began to hold, int64 microseconds.
    """

    shape: tuple[int, int]
    account: Ints
    row: Ints
    start: Ints
    stop: Ints
    since: Ints

    def keep(self, mask: Bools) -> Spells:
        """Keep the spells where a mask holds."""
        parts = (part[mask] for part in (self.account, self.row, self.start, self.stop, self.since))
        return Spells(self.shape, *parts)

    def pairs(self) -> tuple[Ints, Ints]:
        """Pair every spell with every cutoff at which it holds: (positions, cutoffs)."""
        return expand(self.start, self.stop)


def versions(table: Encoded, part: slice = slice(None)) -> tuple[Ints, Ints]:
    """Order the rows of a state by (account, entity, valid_from, known): (rows, entity of each)."""
    records = table.records
    names = [name for name in TABLES[table.name].entity if name != "account_id" and name in records.columns]
    account = records.account[part].astype(np.int64)
    entity = group([records.columns[name].iloc[part] for name in names]) if names else np.zeros_like(account)
    entity = account * (int(entity.max(initial=0)) + 1) + entity
    order = np.lexsort((records.known[part], records.at[part], entity))
    return order + (part.start or 0), entity[order]


def valid(
    table: Encoded, ordered: tuple[Ints, Ints], block: Block, clock: Clock, ago: float = 0.0, ended: bool = False
) -> Spells:
    """Find which version of each entity holds at ``T - ago`` as known at T.

    The latest by (valid_from, known) among the visible ones holds, unless it is deleted or its ``valid_to`` has come
    (`ended` keeps the latter).
    """
    part, records = block.rows(table), table.records
    rows, entity = (side[part] for side in ordered)
    then = clock.cutoffs - days(ago)
    start = np.maximum(np.searchsorted(then, records.at[rows]), clock.reached(records.known[rows]))
    stop = _reign(start, entity, len(clock))
    if not ended:
        stop = np.minimum(stop, np.searchsorted(then, table.instants("valid_to")[rows]))
    deleted = table.numbers("deleted")[rows] == 1
    account = records.account[rows].astype(np.int64) - block.start
    spells = Spells((len(block), len(clock)), account, rows, start, stop, records.at[rows])
    return spells.keep((start < stop) & ~deleted)


def opened(table: Encoded, block: Block, clock: Clock, since: str = "", ago: float = 0.0) -> Spells:
    """Find which milestone records are open at ``T - ago`` as known at T: begun, and none of their closings reached."""
    part, records = block.rows(table), table.records
    then = clock.cutoffs - days(ago)
    begun = np.maximum(table.instants(since)[part], records.at[part]) if since else records.at[part]
    start = np.maximum(np.searchsorted(then, begun), clock.reached(records.known[part]))
    stop = clock.reached(records.superseded[part])
    for closing in CLOSINGS[table.name]:
        stop = np.minimum(stop, np.searchsorted(then, table.instants(closing)[part]))
    account = records.account[part].astype(np.int64) - block.start
    rows = np.arange(part.start, part.stop)
    return Spells((len(block), len(clock)), account, rows, start, stop, begun).keep(start < stop)


def meeting(spells: Spells, table: Encoded, filters: tuple[Condition, ...], clock: Clock) -> Spells:
    """Keep the spells whose row meets every condition, for as long as it does."""
    for one in filters:
        meets, since, until = table.span(one, spells.row)
        start = spells.start if since is None else np.maximum(spells.start, clock.reached(since))
        stop = spells.stop if until is None else np.minimum(spells.stop, clock.reached(until))
        mask = start < stop if meets is None else (start < stop) & meets
        spells = replace(spells, start=start, stop=stop).keep(mask)
    return spells


def reduced(leaf: Reading, table: Encoded, spells: Spells, clock: Clock) -> Floats:
    """Reduce what holds per account: accounts x cutoffs, missing as nan."""
    if leaf.verb == "count":
        return count(spells)
    if leaf.verb == "longest":
        oldest = largest(spells, -spells.since.astype(np.float64))
        return np.nan_to_num((clock.cutoffs - days(leaf.ago) + oldest) / DAY_US)
    if leaf.verb == "days_since_change":
        return _days_since_change(leaf, table, spells, clock)
    kept = meeting(spells, table, (Condition(leaf.column, "known"),), clock)
    if leaf.verb == "days_until":
        return _days_until(kept, table.instants(leaf.column)[kept.row], clock.cutoffs - days(leaf.ago))
    values = table.numbers(leaf.column)
    if leaf.verb in ("sum", "mean"):
        summed = add(kept, values[kept.row], f"{leaf.table}.{leaf.column}")
        return summed if leaf.verb == "sum" else ratio(summed, count(kept))
    if leaf.verb == "latest":
        return np.append(values, np.nan)[leading(kept)]
    return largest(kept, values[kept.row]) if leaf.verb == "max" else -largest(kept, -values[kept.row])


def count(spells: Spells) -> Floats:
    """Count what holds."""
    ones = np.ones(len(spells.row), dtype=np.int64)
    return spread(spells.account, spells.start, spells.stop, ones, spells.shape).astype(np.float64)


def add(spells: Spells, values: Floats, where: str) -> Floats:
    """Add up a value of what holds, exactly; missing values are not allowed."""
    split = words(values, spells.account, where)
    whole, fraction = (
        None if word is None else spread(spells.account, spells.start, spells.stop, word, spells.shape)
        for word in (split.whole, split.fraction)
    )
    return joined(whole, fraction)


def largest(spells: Spells, values: Floats) -> Floats:
    """Take the largest value of what holds, nan where nothing does."""
    result = np.full(spells.shape, -np.inf)
    which, cutoff = spells.pairs()
    np.maximum.at(result, (spells.account[which], cutoff), values[which])
    return np.where(np.isneginf(result), np.nan, result)


def leading(spells: Spells) -> Ints:
    """Give the row of what began last, -1 where nothing holds."""
    result = np.full(spells.shape, -1, dtype=np.int64)
    which, cutoff = spells.pairs()
    np.maximum.at(result, (spells.account[which], cutoff), spells.row[which])
    return result


def _days_until(spells: Spells, date: Ints, then: Ints) -> Floats:
    result = np.full(spells.shape, np.inf)
    which, cutoff = spells.pairs()
    left = date[which] - then[cutoff]
    ahead = left > 0
    np.minimum.at(result, (spells.account[which][ahead], cutoff[ahead]), left[ahead] / DAY_US)
    return np.where(np.isposinf(result), np.nan, result)


def _days_since_change(leaf: Reading, table: Encoded, spells: Spells, clock: Clock) -> Floats:
    """Walk back from each version that holds over the visible ones with the same value; deletions are no versions."""
    result = np.full(spells.shape, np.nan)
    if not len(spells.row):
        return result
    records, then = table.records, clock.cutoffs - days(leaf.ago)
    first = int(records.account[spells.row[0]]) - int(spells.account[0])
    low, high = np.searchsorted(records.account, [first, first + len(result)]).tolist()
    rows, entity = versions(table, slice(low, high))
    place = np.empty(len(rows), dtype=np.int64)
    place[rows - low] = np.arange(len(rows))
    start = np.maximum(np.searchsorted(then, records.at[rows]), clock.reached(records.known[rows]))
    stop = np.where(table.numbers("deleted")[rows] == 1, 0, clock.reached(records.superseded[rows]))
    value, told = table.codes(leaf.column)[0][rows], table.told(leaf.column)
    for k, cutoff in enumerate(clock.cutoffs.tolist()):
        seen = np.flatnonzero((start <= k) & (k < stop))
        holds = np.flatnonzero((spells.start <= k) & (k < spells.stop))
        read = value[seen] if told is None else np.where(told[rows[seen]] <= cutoff, value[seen], -1)
        fresh = np.append(True, (np.diff(entity[seen]) != 0) | (np.diff(read) != 0))[: len(seen)]
        began = records.at[rows[seen[np.maximum.accumulate(np.where(fresh, np.arange(len(seen)), 0))]]]
        passed = then[k] - began[np.searchsorted(seen, place[spells.row[holds] - low])]
        np.fmin.at(result[:, k], spells.account[holds], passed / DAY_US)
    return result


def _reign(start: Ints, entity: Ints, cutoffs: int) -> Ints:
    """Give the cutoff at which a later version of the same entity takes over: the first start of any behind it."""
    stop = np.full(len(start), cutoffs, dtype=np.int64)
    keyed = entity * (cutoffs + 1) + start
    soonest = np.minimum.accumulate(keyed[::-1])[::-1]  # entities ascend, so no minimum reaches past its own
    followed = entity[1:] == entity[:-1]
    stop[:-1][followed] = soonest[1:][followed] - entity[1:][followed] * (cutoffs + 1)
    return stop
