"""Exposure: which renewal decisions an account faces, and how many inside an interval, by the calendar known at T."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from holdfast.features.context import RUNNING, term_months
from holdfast.features.kernel.arrays import Bools, Floats, Ints
from holdfast.features.kernel.encoded import Encoded
from holdfast.features.kernel.measurement import Evaluation
from holdfast.features.kernel.states import meeting
from holdfast.features.time import DAY_US, FOREVER, days

BEHIND, AHEAD = 21, 45  # days: exits become known so much after, and so much before, the last day of a decision


def calendar(evaluation: Evaluation, horizon: int, grace_days: float) -> Floats:
    """Give the days to the last day of each decision around T: accounts x cutoffs x decisions, missing where no more.

    Whole days ahead, begun days counted, ascending; from three weeks behind T to 45 days beyond the horizon. A running
    subscription is decided at ``term_end - notice_days`` under auto-renewal, else at ``term_end + grace_days``, and
    again each term after that; so is one that ended less than the grace ago, where none runs. Decisions of one account
    on one day are one decision. Without ``term_end`` the first term is counted from ``term_start``, else from
    ``valid_from``, where a term or a billing period is told.

    Parameters
    ----------
    horizon
        The longest, in days.
    grace_days
        Days after the end of a term before a lapse counts, as in the labels.
    """
    size = (len(evaluation.block), len(evaluation.clock))
    if "subscriptions" not in evaluation.measurement.history:
        return np.empty((*size, 0))
    row, unit = _undecided(evaluation, days(grace_days))
    now = evaluation.clock.cutoffs[unit % len(evaluation.clock)]
    table = evaluation.measurement.table("subscriptions")
    term, shift = term_months(table, row), _shift(table, row, grace_days)
    anchor, lead = _anchor(table, row, term)
    known = anchor < FOREVER
    reach = horizon + AHEAD
    place, due = _coming(anchor[known], lead[known], term[known], shift[known], now[known], reach)
    day = -((now[known][place] - due) // DAY_US)
    stride = reach + BEHIND + 2
    unique = np.unique(unit[known][place] * stride + day + BEHIND)
    unit, day = unique // stride, unique % stride - BEHIND
    nth = np.arange(len(unit)) - np.searchsorted(unit, unit)
    table_of = np.full((size[0] * size[1], int(nth.max(initial=-1)) + 1), np.nan)
    table_of[unit, nth] = day
    return table_of.reshape(*size, -1)


def exposure(calendar: Floats, horizons: tuple[int, ...]) -> Floats:
    """Count the decisions of a calendar in ``(T, T + h1]``, ``(T + h1, T + h2]`` ...: the last axis holds the horizons.

    Examples
    --------
    >>> exposure(np.array([[-3.0, 27.0, 57.0, np.nan]]), (30, 90)).tolist()
    [[1.0, 1.0]]
    """
    edges = (0, *horizons)
    between = [(calendar > low) & (calendar <= high) for low, high in pairwise(edges)]
    return np.stack([one.sum(axis=-1).astype(float) for one in between], axis=-1)


def renews_itself(renews: Floats, notice: Floats) -> Bools:
    """Tell which terms renew themselves: as told, and where nothing is told, those from which notice has to be given.

    Examples
    --------
    >>> renews_itself(np.array([1.0, 0.0, np.nan, np.nan]), np.array([np.nan, 30.0, 30.0, np.nan])).tolist()
    [True, False, True, False]
    """
    return np.asarray((renews == 1) | (np.isnan(renews) & ~np.isnan(notice)), dtype=bool)


def next_ends(table: Encoded, now: int) -> Ints:
    """Give for each subscription the end of the term that ends next, at T or later; `FOREVER` where no term is told.

    Terms follow one another as they do in the `calendar`.
    """
    row = np.arange(len(table.records))
    term = term_months(table, row)
    anchor, lead = _anchor(table, row, term)
    known = anchor < FOREVER
    ends = np.full(len(row), FOREVER, dtype=np.int64)
    ends[known] = _next(anchor[known], lead[known], term[known], now)
    return ends


def add_months(at: Ints, months: Ints) -> Ints:
    """Move instants by whole months; a day that the month does not have becomes its last.

    Examples
    --------
    >>> moved = add_months(np.array(["2025-01-31"], dtype="M8[us]").view("int64"), np.array([1]))
    >>> moved.view("M8[us]")
    array(['2025-02-28T00:00:00.000000'], dtype='datetime64[us]')
    """
    instant = at.view("M8[us]")
    month = instant.astype("M8[M]")
    inside = at - _instant(month)
    target = month + months.astype("m8[M]")
    start, following = _instant(target), _instant(target + np.timedelta64(1, "M"))
    last = following - start - DAY_US + inside % DAY_US
    return np.asarray(start + np.minimum(inside, last))


def _undecided(evaluation: Evaluation, grace: int) -> tuple[Ints, Ints]:
    """List the subscriptions still to be decided: (rows, places in accounts x cutoffs)."""
    table, clock = evaluation.measurement.table("subscriptions"), evaluation.clock
    begun = meeting(evaluation.holding("subscriptions", "met"), table, RUNNING.filters, clock)
    which, cutoff = begun.pairs()
    row, unit = begun.row[which], begun.account[which] * len(clock) + cutoff
    ends, now = table.instants("valid_to")[row], clock.cutoffs[cutoff]
    runs = np.zeros(len(evaluation.block) * len(clock), dtype=bool)
    runs[unit[ends > now]] = True
    keep = np.where(runs[unit], ends > now, ends > now - grace)
    return row[keep], unit[keep]


def _shift(table: Encoded, row: Ints, grace_days: float) -> Ints:
    """Give the distance from the end of a term to its decision: the notice before it, or the grace after it."""
    notice, renews = table.numbers("notice_days")[row], table.numbers("auto_renew")[row]
    shift = np.where(renews_itself(renews, notice), -np.nan_to_num(notice), grace_days)
    return np.asarray(np.rint(shift * DAY_US).astype(np.int64))


def _anchor(table: Encoded, row: Ints, term: Ints) -> tuple[Ints, Ints]:
    """Give the instant from which months are counted, and how many lead from it to the end of the first term.

    A told ``term_end`` is such an end; an implied one is counted from the start, lest months of different length drift.
    """
    end, start = table.instants("term_end")[row], table.instants("term_start")[row]
    start = np.where(start < FOREVER, start, table.records.at[row])
    told = (table.numbers("term_months")[row] > 0) | (table.numbers("billing_months")[row] > 0)
    return np.where(end < FOREVER, end, np.where(told, start, FOREVER)), np.where(end < FOREVER, 0, term)


def _coming(anchor: Ints, lead: Ints, term: Ints, shift: Ints, now: Ints, reach: int) -> tuple[Ints, Ints]:
    """List the decisions in ``(now - 21 days, now + reach days]``: (positions, instants)."""
    past = now - days(BEHIND)
    behind = _month(past - shift) - _month(anchor) - lead
    first = np.maximum(behind // term, 0)
    found: list[tuple[Ints, Ints]] = []
    for step in range(int((reach + BEHIND) / (28 * int(term.min(initial=1)))) + 3):
        due = add_months(anchor, lead + (first + step) * term) + shift
        inside = np.flatnonzero((due > past) & (due <= now + days(reach)))
        found.append((inside, due[inside]))
    return np.concatenate([p for p, _ in found]), np.concatenate([d for _, d in found])


def _next(anchor: Ints, lead: Ints, term: Ints, now: int) -> Ints:
    behind = _month(np.array([now])) - _month(anchor) - lead
    months = lead + np.maximum(behind // term, 0) * term
    end = add_months(anchor, months)
    return np.where(end >= now, end, add_months(anchor, months + term))


def _month(at: Ints) -> Ints:
    return np.asarray(at.view("M8[us]").astype("M8[M]").astype(np.int64))


def _instant(month: NDArray[np.datetime64]) -> Ints:
    return np.asarray(month.astype("M8[us]").astype(np.int64))
