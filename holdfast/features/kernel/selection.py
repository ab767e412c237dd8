"""Selections: the records of one table, one block of accounts and one filter, laid over the cells of a clock.

Records lie in the order of account and time, so that a window of them is a run of rows. What was never superseded is
*clean* and belongs to the runs; where it was known *late*, the cutoffs in between are made up for. What was superseded
is *extra*: it counts from one cutoff to another. So a cutoff sees exactly what had arrived.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from holdfast.features.indicators.conditions import Condition
from holdfast.features.kernel.arrays import Bools, Ints, Small
from holdfast.features.kernel.clock import Clock, Reach
from holdfast.features.kernel.part import Part

Rows = slice | Ints
Number = TypeVar("Number", bound=np.integer)
_STEPS = 8  # late records in a row that are stepped over one by one
_LONGEST = 1_000_000  # rows that are laid out anew at a time


@dataclass(frozen=True)
class Spans:
    """Records that count from one cutoff to another: [start, stop), by account and cell; rows are those of the part."""

    row: Ints
    account: Ints
    cell: Ints
    start: Ints
    stop: Ints

    def __len__(self) -> int:
        return len(self.row)

    def keep(self, mask: Bools | slice) -> Spans:
        """Keep those where a mask holds, or those of a slice."""
        return Spans(*(part[mask] for part in (self.row, self.account, self.cell, self.start, self.stop)))

    def inside(self, reach: Reach) -> tuple[Ints, Ints]:
        """Give the cutoffs [start, stop) at which each counts inside the windows."""
        return np.maximum(self.start, reach.since[self.cell]), np.minimum(self.stop, reach.until[self.cell])


@dataclass(frozen=True)
class Selection:
    """Hold the records of a part that meet a filter.

    Attributes
    ----------
    rows
        Rows of the part that are clean, ascending.
    ends
        Accounts x (cells + 1): how many clean records lie before each account, up to each edge, and up to its end.
    late
        The clean records that were known late, with the cutoffs [start, stop) that do not see them yet.
    extra
        The superseded ones, with the cutoffs that see them.
    """

    part: Part
    clock: Clock
    rows: Rows
    ends: Ints
    late: Spans
    extra: Spans

    @property
    def shape(self) -> tuple[int, int]:
        """Accounts x cutoffs."""
        return len(self.ends), len(self.clock)

    @cached_property
    def at(self) -> Ints:
        """When each clean record happened."""
        return self.part.at[self.rows]

    @cached_property
    def account(self) -> Ints:
        """The account of each clean record."""
        return np.repeat(np.arange(len(self.ends)), self.ends[:, -1] - self.ends[:, 0])

    @cached_property
    def _tardy(self) -> Bools:
        """Tell which positions hold a record known late; behind the last there is none."""
        told = np.zeros(len(self.at) + 1, dtype=bool)
        told[self.positions_of(self.late.row)] = True
        return told

    @cached_property
    def _prompt(self) -> Ints:
        """Give for each position the last one up to it that was not known late, else -1; the end is -1."""
        places = np.where(self._tardy[:-1], -1, np.arange(len(self.at)))
        return np.append(np.maximum.accumulate(places), -1)

    def prompt(self, position: Ints) -> Ints:
        """Give the last position up to each that was not known late; before the first of all it is -1."""
        for _ in range(_STEPS):
            back = self._tardy[position]
            if not back.any():
                return position
            position = position - back
        return self._prompt[position]

    def next_prompt(self, position: Ints) -> Ints:
        """Give the first position from each on that was not known late; behind the last of all it is the end."""
        return self._following[position] if len(self.late) else position

    @cached_property
    def _following(self) -> Ints:
        places = np.where(self._tardy, len(self.at), np.arange(len(self.at) + 1))
        return np.minimum.accumulate(places[::-1])[::-1]

    @cached_property
    def _place(self) -> Small:
        """Give each clean record the place of its account's cell."""
        held = np.diff(self.ends, axis=1).ravel()
        return np.repeat(np.arange(len(held), dtype=np.int32), held)

    def spread_cells(self, values: NDArray[Number]) -> NDArray[Number]:
        """Give each clean record the value of its account's cell: accounts x cells, or one per cell."""
        return np.broadcast_to(values, (len(self.ends), self.clock.cells)).ravel().take(self._place)

    def run(self, reach: Reach) -> tuple[Ints, Ints]:
        """Give the clean records in each window as runs [low, high), each accounts x cutoffs."""
        return self.ends[:, reach.low], self.ends[:, reach.high]

    def rows_at(self, position: Ints) -> Ints:
        """Give the row of the part for positions among the clean records."""
        return position if isinstance(self.rows, slice) else self.rows[position]

    def positions_of(self, row: Ints) -> Ints:
        """Give the position among the clean records for rows of the part."""
        return row if isinstance(self.rows, slice) else np.searchsorted(self.rows, row)

    def exploded(self, reach: Reach, *, late: bool = True) -> Iterator[tuple[Ints, Ints, Selection]]:
        """Lay out anew what each (account, cutoff) sees whose runs are not the whole truth.

        Yields accounts, cutoffs, and a selection that has one account for each such pair, and a single cutoff.
        """
        if not len(self.extra) and not (late and len(self.late)):
            return
        added = _counted(self.extra, reach, self.shape)
        touched = added + _counted(self.late, reach, self.shape) if late else added
        account, cutoff = np.nonzero(touched)
        low, high = (side[account, cutoff] for side in self.run(reach))
        portion = np.cumsum(high - low + added[account, cutoff]) // _LONGEST
        for mine in np.split(np.arange(len(portion)), np.flatnonzero(np.diff(portion)) + 1):
            if len(mine):
                seen = self._seen(account[mine], cutoff[mine], low[mine], high[mine], reach)
                yield account[mine], cutoff[mine], seen

    def _seen(self, account: Ints, cutoff: Ints, low: Ints, high: Ints, reach: Reach) -> Selection:
        """Lay out what some (account, cutoff) see, in their order; of one account they are successive cutoffs."""
        pair, position = expand(low, high)
        row = self.rows_at(position)
        if len(self.late):
            place = np.minimum(np.searchsorted(self.late.row, row), len(self.late) - 1)
            known = (self.late.row[place] != row) | (self.late.stop[place] <= cutoff[pair])
            pair, row = pair[known], row[known]
        wide = self.shape[1]
        number = account * wide + cutoff
        first, last = np.searchsorted(self.extra.account, [account[0], account[-1] + 1])
        extra = self.extra.keep(slice(int(first), int(last)))
        start, stop = extra.inside(reach)
        if account[0] == account[-1]:
            start, stop = np.maximum(start, cutoff[0]), np.minimum(stop, cutoff[-1] + 1)
        which, at = expand(start, stop)
        wanted = extra.account[which] * wide + at
        added = np.minimum(np.searchsorted(number, wanted), len(number) - 1)
        there = number[added] == wanted
        pair, row = np.append(pair, added[there]), np.append(row, extra.row[which][there])
        order = np.lexsort((row, pair))
        ends = np.searchsorted(pair[order], np.arange(len(account) + 1))
        moment = Clock(np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64))
        columns = np.stack([ends[:-1], ends[1:], ends[1:]], axis=1)
        return Selection(self.part, moment, row[order], columns, NONE, NONE)


NONE = Spans(*(np.zeros(0, dtype=np.int64),) * 5)


def select(part: Part, clock: Clock, conditions: tuple[Condition, ...]) -> Selection:
    """Select the records of a part that meet conditions, for as long as they do."""
    if any(part.table.dated(one) for one in conditions):
        return _dated(part, clock, conditions)
    return narrowed(every(part, clock), conditions) if conditions else every(part, clock)


def reached(part: Part, clock: Clock, conditions: tuple[Condition, ...], since: Ints) -> Selection:
    """Select the records that meet conditions, each from an instant of its own on."""
    return _dated(part, clock, conditions, since)


def every(part: Part, clock: Clock) -> Selection:
    """Select all records of a part."""
    known, last = part.known, clock.cutoffs[-1]
    gone = np.flatnonzero(part.superseded <= last)
    behind = known > part.at
    if len(gone):
        behind[gone] = False
        rows: Rows = np.setdiff1d(np.arange(len(part)), gone, assume_unique=True)
    else:
        rows = slice(None)
    late, stop = np.flatnonzero(behind), clock.reached(part.superseded[gone])
    ends = part.ends(rows, clock)
    return Selection(
        part,
        clock,
        rows,
        ends,
        _spans(part, clock, late, clock.reached(part.at[late]), clock.reached(known[late])),
        _spans(part, clock, gone, clock.reached(np.maximum(known[gone], part.at[gone])), stop),
    )


def narrowed(chosen: Selection, conditions: tuple[Condition, ...]) -> Selection:
    """Keep the records that meet conditions which no date bounds."""
    part = chosen.part
    telling = [one for one in conditions if not part.table.always(one)]
    if not telling:
        return chosen
    mask = part.meets(telling[0])
    for one in telling[1:]:
        mask = mask & part.meets(one)
    held = mask[chosen.rows]
    late, extra = chosen.late.keep(mask[chosen.late.row]), chosen.extra.keep(mask[chosen.extra.row])
    if held.all():
        return Selection(part, chosen.clock, chosen.rows, chosen.ends, late, extra)
    rows = chosen.rows_at(np.flatnonzero(held))
    before = np.zeros(len(held) + 1, dtype=np.int32)
    np.cumsum(held, dtype=np.int32, out=before[1:])
    return Selection(part, chosen.clock, rows, before.take(chosen.ends).astype(np.int64), late, extra)


def _dated(part: Part, clock: Clock, conditions: tuple[Condition, ...], after: Ints | None = None) -> Selection:
    """Select by conditions of which some hold from a date, or until one."""
    natural = clock.reached(part.at)
    start, stop = np.maximum(natural, clock.reached(part.known)), clock.reached(part.superseded)
    start = start if after is None else np.maximum(start, clock.reached(after))
    mask = np.ones(len(part), dtype=bool)
    for one in conditions:
        meets, since, until = part.span(one)
        mask = mask if meets is None else mask & meets
        start = start if since is None else np.maximum(start, clock.reached(since))
        stop = stop if until is None else np.minimum(stop, clock.reached(until))
    mask &= start < stop
    clean = mask & (stop == len(clock))
    rows = np.flatnonzero(clean)
    late, extra = np.flatnonzero(clean & (start > natural)), np.flatnonzero(mask & ~clean)
    return Selection(
        part,
        clock,
        rows,
        part.ends(rows, clock),
        _spans(part, clock, late, natural[late], start[late]),
        _spans(part, clock, extra, start[extra], stop[extra]),
    )


def _spans(part: Part, clock: Clock, row: Ints, start: Ints, stop: Ints) -> Spans:
    kept = start < stop
    row = row[kept]
    cell = np.searchsorted(clock.edges, part.at[row], side="left")
    return Spans(row, part.account[row], cell, start[kept], stop[kept])


def _counted(spans: Spans, reach: Reach, shape: tuple[int, int]) -> Ints:
    """Count the spans inside the window of each (account, cutoff)."""
    start, stop = spans.inside(reach)
    return spread(spans.account, start, stop, np.ones(len(spans), dtype=np.int64), shape)


def expand(start: Ints, stop: Ints) -> tuple[Ints, Ints]:
    """List the integers of each span [start, stop) with the position of the span.

    Examples
    --------
    >>> [part.tolist() for part in expand(np.array([1, 5]), np.array([3, 5]))]
    [[0, 0], [1, 2]]
    """
    length = np.maximum(stop - start, 0)
    which = np.repeat(np.arange(len(length)), length)
    first = np.repeat(np.cumsum(length) - length, length)
    return which, np.arange(len(which)) - first + start[which]


def spread(account: Ints, start: Ints, stop: Ints, amount: Ints, shape: tuple[int, int]) -> Ints:
    """Add an integer amount to every cutoff in [start, stop) of its account; shape is accounts x cutoffs."""
    wide = shape[1] + 1
    steps = np.zeros(shape[0] * wide, dtype=np.int64)
    amount = np.where(start < stop, amount, 0)
    np.add.at(steps, account * wide + start, amount)
    np.subtract.at(steps, account * wide + stop, amount)
    return np.cumsum(steps.reshape(shape[0], wide), axis=1)[:, :-1]
