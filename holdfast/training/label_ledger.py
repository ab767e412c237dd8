"""The ledger of labels: which are open, final or censored on a day, and which read otherwise than when they settled.

A label settles once its window, the confirmation and the settlement lag have passed. What becomes known later than that
can still change it: a record that arrives late, a date that is corrected, a notice that is taken back. The ledger keeps
both readings, the one of the day on which the label settled and the one of today.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from holdfast.errors import UsageError
from holdfast.features.time import instants, micro, to_instant
from holdfast.training.label_replay import Grid, Reading, as_settled
from holdfast.training.rows import dated, json_rows

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    from holdfast.training.labels import Labels
    from holdfast.training.metrics import Floats

OPEN, FINAL, CENSORED, BARRED = "open", "final", "censored", "not at risk"
STATES = (OPEN, FINAL, CENSORED, BARRED)
HIDDEN = "another exit hides the outcome"
_CELL = ["account_id", "cutoff", "horizon"]


@dataclass(frozen=True, eq=False)
class LabelLedger:
    """What became of every label by a day.

    Attributes
    ----------
    rows
        One row per account, cutoff and horizon: ``account_id, cutoff, horizon, state`` (``open``, ``final``,
        ``censored``, ``not at risk``), ``value`` (1 or 0 where it is final), ``reason`` (why not at risk, or what hides
        the outcome), ``settled_at`` (when it settled or will), ``first_state, first_value`` (as read on the day it
        settled, missing before), ``since_state, since_value`` (as read on `since`), ``reopened`` (whether it reads
        otherwise than on the day it settled), ``known_at, why`` (since when it reads as it does now, and what became
        known then, where that can be told).
    day, since
        The day on which the labels are read, and the earlier one they are compared with, if any.
    kind
        The kind of churn.
    """

    rows: pd.DataFrame
    day: pd.Timestamp
    since: pd.Timestamp | None
    kind: str

    def __len__(self) -> int:
        return len(self.rows)

    def frame(self) -> pd.DataFrame:
        """Return the rows."""
        return self.rows

    def summary(self) -> pd.DataFrame:
        """Count by horizon: cells, those in each state, those final with the value 1, and those reopened."""
        rows, horizon = self.rows, self.rows["horizon"]
        counts = pd.crosstab(horizon, rows["state"]).reindex(columns=list(STATES), fill_value=0)
        counts = counts.rename(columns={BARRED: "not_at_risk"}).rename_axis(columns=None)
        counts.insert(0, "cells", counts.sum(axis=1))
        counts["events"] = (rows["value"] == 1).groupby(horizon).sum()
        counts["reopened"] = rows["reopened"].groupby(horizon).sum()
        return counts.astype(int)

    def reopened(self) -> pd.DataFrame:
        """Give the labels that read otherwise than on the day they settled, old and new, latest news first."""
        return _old_and_new(self.rows[self.rows["reopened"]], "first")

    def changed(self) -> pd.DataFrame:
        """Give the labels that had settled by `since` and read otherwise now, old and new; none without `since`."""
        return _old_and_new(self.rows[self._changed()], "since")

    def text(self) -> str:
        """Tell it in sentences."""
        total = self.summary().sum()
        told = [
            f"On {self.day:%Y-%m-%d}, {total[FINAL]:,} of {total['cells']:,} labels are final, {total['events']:,} of "
            f"them 1; {total[OPEN]:,} are open, {total[CENSORED]:,} censored and {total['not_at_risk']:,} not at risk.",
            _moves(self.reopened(), "first"),
        ]
        if self.since is not None:
            between = (self.rows["settled_at"] > self.since) & self.rows["state"].isin((FINAL, CENSORED))
            told.append(f"Since {self.since:%Y-%m-%d}, {between.sum():,} labels have settled.")
            told.append(_moves(self.changed(), "since"))
        return " ".join(told)

    def to_dict(self) -> dict[str, Any]:
        """Give the result as JSON values; the rows of all labels are left to `frame`."""
        return {
            "day": f"{self.day:%Y-%m-%d}",
            "since": None if self.since is None else f"{self.since:%Y-%m-%d}",
            "kind": self.kind,
            "in_words": self.text(),
            "summary": json_rows(self.summary().reset_index()),
            "reopened": json_rows(dated(self.reopened())),
            "changed": json_rows(dated(self.changed())),
        }

    def _changed(self) -> NDArray[np.bool_]:
        rows = self.rows
        if self.since is None:
            return np.zeros(len(rows), dtype=bool)
        value, before = rows["value"].to_numpy(float), rows["since_value"].to_numpy(float)
        same = (value == before) | (np.isnan(value) & np.isnan(before))
        settled = (rows["settled_at"] <= self.since) & (rows["since_state"] != "")
        return np.asarray(settled & ~(same & (rows["state"] == rows["since_state"])))

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>{escape(self.text())}</p>{self.summary().to_html(escape=True)}"


def label_ledger(
    y: Labels, day: str | date | pd.Timestamp | None = None, *, since: str | date | pd.Timestamp | None = None
) -> LabelLedger:
    """Tell of every label whether it is open, final or censored on a day, and whether it was read otherwise before.

    Horizons that `label` dropped are told as well. Cutoffs after the day are left out.

    Parameters
    ----------
    y
        Made by `label`.
    day
        What became known later is unseen; by default the data end.
    since
        An earlier day to compare with.

    Raises
    ------
    UsageError
        When the day lies before the first cutoff, `since` is not between the two, or the labels were not made by
        `label`.
    """
    instant = y.end if day is None else to_instant(day)
    then = None if since is None else to_instant(since)
    _check(y, instant, then)
    grid = _grid(y, instant)
    now, why = grid.read(y.history, instant)
    first, causes = as_settled(y.history, grid, now)
    settles = grid.settles
    settled, told = settles <= micro(instant), settles <= micro(min(instant, y.end))
    state, (state_since, value_since) = _states(now, settled), _before(y, grid, then)
    known_at, cause = _spread(causes, settles.shape)
    places = np.repeat(np.arange(len(grid.index)), len(grid.horizons))
    rows = grid.index.take(places).to_frame(index=False)
    rows["horizon"] = np.tile(np.array(grid.horizons, dtype=np.int64), len(grid.index))
    rows["state"] = pd.Categorical(state.ravel(), categories=list(STATES))
    rows["value"] = np.where(state == FINAL, now.value, np.nan).ravel()
    rows["reason"] = _reasons(state, why, grid).ravel()
    rows["settled_at"] = instants(settles.ravel())
    rows["first_state"] = np.where(told, _states(first, settled), "").ravel()
    rows["first_value"] = np.where(told, first.value, np.nan).ravel()
    rows["since_state"], rows["since_value"] = state_since.ravel(), value_since.ravel()
    rows["reopened"] = (told & first.unlike(now)).ravel()
    rows["known_at"], rows["why"] = known_at.array, cause
    return LabelLedger(rows, instant, then, y.kind)


def _check(y: Labels, day: pd.Timestamp, since: pd.Timestamp | None) -> None:
    if not len(y) or day < y.cutoffs[0]:
        first = f"{y.cutoffs[0]:%Y-%m-%d}, the first cutoff, or later" if len(y) else "labels of at least one account"
        raise UsageError("label_ledger, day", first, f"{day:%Y-%m-%d}", "choose a later day, or label earlier cutoffs")
    if since is not None and not y.cutoffs[0] <= since <= day:
        expected = f"a day from {y.cutoffs[0]:%Y-%m-%d}, the first cutoff, to {day:%Y-%m-%d}"
        raise UsageError("label_ledger, since", expected, f"{since:%Y-%m-%d}", "correct it")


def _grid(y: Labels, day: pd.Timestamp) -> Grid:
    index = cast("pd.MultiIndex", y.frame.index)
    index = index[index.get_level_values("cutoff") <= day]
    return Grid(index, tuple(sorted({*y.horizons, *y.dropped})), y.churn, y.end, day)


def _states(read: Reading, settled: NDArray[np.bool_]) -> NDArray[np.object_]:
    told = np.select([read.barred, ~settled, np.isnan(read.value)], [BARRED, OPEN, CENSORED], FINAL)
    return told.astype(object)


def _reasons(state: NDArray[np.object_], why: NDArray[np.object_], grid: Grid) -> NDArray[np.object_]:
    """Say why a cell has no value: not at risk, or censored and by what."""
    ended = f"observation ended on {grid.end:%Y-%m-%d}"
    hidden = np.where(grid.settles > micro(grid.end), ended, HIDDEN)
    reasons = np.where(state == CENSORED, hidden, np.where(state == BARRED, why[:, None], ""))
    return reasons.astype(object)


def _before(y: Labels, grid: Grid, since: pd.Timestamp | None) -> tuple[NDArray[np.object_], Floats]:
    """Read state and value as of an earlier day, where the cutoff had come by then."""
    shape = grid.settles.shape
    if since is None:
        return np.full(shape, "", dtype=object), np.full(shape, np.nan)
    read, _ = replace(grid, day=since).read(y.history, since)
    came = np.asarray(grid.index.get_level_values("cutoff") <= since)[:, None]
    state = np.where(came, _states(read, grid.settles <= micro(since)), "")
    return state.astype(object), np.where(came, read.value, np.nan)


def _spread(causes: pd.DataFrame, shape: tuple[int, ...]) -> tuple[pd.Series, NDArray[np.object_]]:
    """Lay out what is told of single cells over all of them."""
    place = causes["row"].to_numpy(np.intp) * shape[1] + causes["column"].to_numpy(np.intp)
    why = np.full(shape[0] * shape[1], "", dtype=object)
    why[place] = causes["why"]
    known_at = pd.Series(causes["known_at"].array, index=place, dtype="datetime64[us, UTC]")
    return known_at.reindex(np.arange(len(why))), why


def _old_and_new(rows: pd.DataFrame, before: str) -> pd.DataFrame:
    shown = [*_CELL, "settled_at", f"{before}_state", f"{before}_value", "state", "value", "known_at", "why"]
    order = rows.sort_values(["known_at", *_CELL], ascending=[False, True, True, True], kind="stable")
    return order[shown].reset_index(drop=True)


def _moves(rows: pd.DataFrame, before: str) -> str:
    """Count what moved from where to where."""
    first, one = before == "first", len(rows) == 1
    read = "reads" if one else "read"
    how = f"{read} otherwise than on the day {'it' if one else 'they'} settled" if first else f"{read} otherwise now"
    what = how if first else f"that had settled by then {how}"
    if rows.empty:
        return f"None {how}." if first else "None of those that had settled by then reads otherwise now."
    old = _as_read(rows[f"{before}_state"], rows[f"{before}_value"])
    counts = ("from " + old + " to " + _as_read(rows["state"], rows["value"])).value_counts()
    parts = sorted(counts.items(), key=lambda one: (-one[1], str(one[0])))
    return f"{len(rows):,} {what}: {', '.join(f'{count:,} {moved}' for moved, count in parts)}."


def _as_read(state: pd.Series, value: pd.Series) -> pd.Series:
    return value.map("{:.0f}".format).where(state == FINAL, state.astype(object))
