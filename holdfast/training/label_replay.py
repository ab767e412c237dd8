"""Labels read again as they were known at other instants, without reading all of them each time.

A cell can read otherwise after it settled only where a record that its window reaches was late: then the accounts with
late records, and they alone, are read again, each cutoff by itself, on the day on which its cell settled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.features.time import days, instants, micro, micros
from holdfast.training.label_cells import Cells, Question, leaving, read_bucket, read_cells
from holdfast.training.label_changes import Some, changes, in_words
from holdfast.training.outlook import NEVER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.history import History
    from holdfast.training.label_cells import Rule
    from holdfast.training.outlook import Instants

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """What labels said at some instant, (rows, horizons): the value, and whether the account was not at risk."""

    value: Floats
    barred: Bools

    def unlike(self, other: Reading) -> Bools:
        """Tell which cells read otherwise."""
        same = (self.value == other.value) | (np.isnan(self.value) & np.isnan(other.value))
        return np.asarray(~same | (self.barred != other.barred))

    def copy(self) -> Reading:
        """Give a reading that can be written over."""
        return Reading(self.value.copy(), self.barred.copy())


@dataclass(frozen=True)
class Grid:
    """The cells that are read, (rows, horizons).

    Attributes
    ----------
    index
        (account_id, cutoff), sorted.
    end, day
        The data end, and the day on which one reads.
    """

    index: pd.MultiIndex
    horizons: tuple[int, ...]
    rule: Rule
    end: pd.Timestamp
    day: pd.Timestamp

    @property
    def stands(self) -> pd.DatetimeIndex:
        """The distinct cutoffs, ascending."""
        return pd.DatetimeIndex(self.index.get_level_values("cutoff").unique().sort_values(), name="cutoff")

    @property
    def settles(self) -> Instants:
        """When each cell settles, int64 microseconds."""
        waits = [days(self.rule.resolution_days(horizon)) for horizon in self.horizons]
        return np.add.outer(micros(self.index.get_level_values("cutoff")), np.array(waits, dtype=np.int64))

    @property
    def lag(self) -> int:
        """How late a record may come before a label has settled, microseconds."""
        return days(leaving(self.rule).settlement_days)

    def read(self, history: History, instant: pd.Timestamp) -> tuple[Reading, NDArray[np.object_]]:
        """Read all cells at an instant, with the reasons why accounts were not at risk, by row."""
        stands = self.stands[self.stands <= instant]
        asked = Question(stands, self.horizons, self.rule, min(instant, self.end), micro(instant))
        cells = read_cells(history, asked)
        place = cells.frame.index.get_indexer(self.index)
        why = np.where(place < 0, "not known at the cutoff", cells.at_risk.to_numpy(object)[place]).astype(object)
        value = np.where((place < 0)[:, None], np.nan, cells.frame.to_numpy(float)[place])
        return Reading(value, np.repeat((why != "")[:, None], len(self.horizons), axis=1)), why


def as_settled(history: History, grid: Grid, now: Reading) -> tuple[Reading, pd.DataFrame]:
    """Read every settled cell as it was known on the day it settled; what has not settled stays as it is now.

    Returns
    -------
    Reading, DataFrame
        The second tells of cells that read otherwise now: ``row, column`` (positions in the grid), ``known_at`` (since
        when they read as they do now, missing where it cannot be told) and ``why``.
    """
    first, told = now.copy(), []
    last = min(grid.day, grid.end)
    for bucket in history.buckets():
        late = _late(bucket, grid)
        if late.empty:
            continue
        some = Some.of(bucket, np.unique(late["account"].to_numpy(np.intp)))
        _read_settled(some, grid, first, micro(last))
        told.append(_causes(some, grid, first, now))
    columns = ["row", "column", "known_at", "why"]
    return first, pd.concat(told, ignore_index=True) if told else pd.DataFrame(columns=columns)


def _late(history: History, grid: Grid) -> pd.DataFrame:
    late = changes(history, grid.rule, grid.lag)
    return late[late["when"] <= micro(grid.day)]


def _read_settled(history: History, grid: Grid, first: Reading, last: int) -> None:
    """Read each cell on the day it settled, for the accounts of which something came later than that."""
    late = _late(history, grid)
    account, at, when = (late[name].to_numpy(np.int64) for name in ("account", "at", "when"))
    for column, horizon in enumerate(grid.horizons):
        wait = days(grid.rule.resolution_days(horizon))
        for cutoff in grid.stands:
            settled = micro(cutoff) + wait
            suspect = np.unique(account[(at <= settled - grid.lag) & (when > settled)])
            if settled > last or not len(suspect):
                continue
            stand = pd.DatetimeIndex([cutoff], name="cutoff")
            cells = _read(Some.of(history, suspect), stand, (horizon,), grid, settled)
            place = grid.index.get_indexer(cells.frame.index)
            there = place >= 0
            first.value[place[there], column] = cells.frame.to_numpy(float)[there, 0]
            first.barred[place[there], column] = (cells.at_risk != "").to_numpy()[there]


def _read(history: History, stands: pd.DatetimeIndex, horizons: tuple[int, ...], grid: Grid, at: int) -> Cells:
    end = min(instants(np.array([at]))[0], grid.end)
    return read_bucket(history, Question(stands, horizons, grid.rule, end, at))


def _causes(some: History, grid: Grid, first: Reading, now: Reading) -> pd.DataFrame:
    """Find since when cells that settled otherwise read as they do now, and what became known then."""
    mine = some.accounts.get_indexer(grid.index.get_level_values("account_id"))
    row, column = np.nonzero(first.unlike(now) & (mine >= 0)[:, None])
    settled = grid.settles[row, column]
    cells = pd.DataFrame({"row": row, "column": column, "account": mine[row], "settled": settled})
    cells["cell"] = np.arange(len(cells))
    pairs = cells.merge(_late(some, grid), on="account")
    pairs = pairs[(pairs["at"] <= pairs["settled"] - grid.lag) & (pairs["when"] > pairs["settled"])]
    pairs = pairs[["cell", "account", "when"]].drop_duplicates()
    alone = ~pairs["cell"].duplicated(keep=False)
    since = np.full(len(cells), NEVER, dtype=np.int64)
    since[pairs["cell"][alone]] = pairs["when"][alone]
    _walk(some, grid, cells, pairs[~alone], first, since)
    found = cells.assign(when=since)[since > NEVER]
    told = changes(some, grid.rule).merge(found[["account", "when"]].drop_duplicates(), on=["account", "when"])
    why = {key: in_words(rows) for key, rows in told.groupby(["account", "when"])}
    cells["why"] = [why.get(key, "") for key in zip(cells["account"], since, strict=True)]
    known_at = pd.Series(instants(np.where(since > NEVER, since, 0))).where(since > NEVER)
    return cells.assign(known_at=known_at)[["row", "column", "known_at", "why"]]


def _walk(some: History, grid: Grid, cells: pd.DataFrame, pairs: pd.DataFrame, first: Reading, since: Instants) -> None:
    """Read cells with several late records after each of them, and write down the last one that made a difference."""
    row, column, account = (cells[name].to_numpy(np.intp) for name in ("row", "column", "account"))
    state = Reading(first.value[row, column], first.barred[row, column])
    for when, group in pairs.groupby("when", sort=True):
        here = group["cell"].to_numpy(np.intp)
        stands = pd.DatetimeIndex(grid.index[row[here]].get_level_values("cutoff").unique().sort_values())
        instant = int(str(when))
        read = _read(Some.of(some, np.unique(account[here])), stands, grid.horizons, grid, instant)
        place = read.frame.index.get_indexer(grid.index[row[here]])
        now = Reading(read.frame.to_numpy(float)[place, column[here]], (read.at_risk != "").to_numpy()[place])
        moved = now.unlike(Reading(state.value[here], state.barred[here]))
        since[here[moved]] = instant
        state.value[here], state.barred[here] = now.value, now.barred
