"""What was known at an instant: rows as they stood, with everything that was still to come left blank."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.errors import UsageError, did_you_mean
from holdfast.features.history.records import Records, group
from holdfast.features.history.tables import Table
from holdfast.features.time import FOREVER, instants, micro

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class View(Mapping[str, pd.DataFrame]):
    """Show the tables exactly as they were known at one instant.

    Rows are those known and happened by then; of a state the version that holds; a date after the instant, and what
    comes to be known with it, is missing.
    """

    instant: pd.Timestamp
    frames: Mapping[str, pd.DataFrame]

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables of the history, sorted."""
        return tuple(sorted(self.frames))

    def __getitem__(self, table: str) -> pd.DataFrame:
        if table not in self.frames:
            raise UsageError("View", "a table of this history", repr(table), did_you_mean(table, self.frames))
        return self.frames[table]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tables)

    def __len__(self) -> int:
        return len(self.frames)

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><td>{escape(name)}</td><td>{len(self[name]):,}</td></tr>" for name in self)
        return f"<p>As known at {self.instant}</p><table><tr><th>table</th><th>rows</th></tr>{rows}</table>"


def known_by(table: Table, parts: list[pd.DataFrame], instant: pd.Timestamp) -> pd.DataFrame:
    """Put rows together as far as they were known at an instant, with what was still to come left blank."""
    frame = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
    known = (frame["known_at"] <= instant).to_numpy()
    return blank_later(table, frame if known.all() else frame[known].reset_index(drop=True), instant)


def blank_later(table: Table, frame: pd.DataFrame, instant: pd.Timestamp) -> pd.DataFrame:
    """Blank the milestone dates after an instant, and what comes to be known with them.

    A time that depends on an absent date (``ends_at`` without ``cancel_requested_at``) is unseen until it has passed.
    """
    frame = frame.copy(deep=False)
    for date, dependent in table.milestones.items():
        later = (frame[date] > instant).to_numpy() if date in frame else np.zeros(len(frame), dtype=bool)
        silent = frame[date].isna().to_numpy() if date in frame else np.ones(len(frame), dtype=bool)
        for name in (n for n in dependent if n in frame):
            own = later
            if table.columns[name].kind == "time":
                own = later | (silent & (frame[name] > instant).to_numpy())
            _blank(frame, name, own)
        if date in frame:
            _blank(frame, date, later)
    return frame


def _blank(frame: pd.DataFrame, name: str, where: NDArray[np.bool_]) -> None:
    if where.any():
        frame[name] = frame[name].mask(where)


def cut_off(table: Table, records: Records, instant: pd.Timestamp, accounts: NDArray[np.bool_]) -> Records:
    """Keep the records known by an instant as they stood then, of the accounts that were known.

    Parameters
    ----------
    accounts
        Which of the accounts were; the others have no record by then.
    """
    stamp = micro(instant)
    known = records.known <= stamp
    kept = records if known.all() else records.take(known)
    place = (np.cumsum(accounts) - 1).astype(np.int32)
    never = np.where(kept.superseded <= stamp, kept.superseded, FOREVER)
    columns = blank_later(table, kept.columns, instant)
    return replace(kept, account=place[kept.account], superseded=never, columns=columns)


def dated(table: Table, names: Iterable[str]) -> set[str]:
    """Name beside columns the milestone dates that tell when they came to be known."""
    wanted = set(names)
    return wanted | {date for date, dependent in table.milestones.items() if wanted.intersection(dependent)}


def holding(table: Table, records: Records, frame: pd.DataFrame, instant: pd.Timestamp) -> NDArray[np.bool_]:
    """Tell which visible versions of a state hold at an instant: each entity's latest, unless over or deleted."""
    order = np.lexsort((records.known, records.at))
    codes = group([frame[name] for name in table.entity])
    latest = np.zeros(len(frame), dtype=bool)
    latest[order] = ~pd.Series(codes[order]).duplicated(keep="last").to_numpy()
    if "valid_to" in frame:
        latest &= ~(frame["valid_to"] <= instant).to_numpy()
    if "deleted" in frame:
        latest &= ~frame["deleted"].to_numpy(dtype=bool)
    return latest


def view_of(table: Table, records: Records, accounts: pd.Index, instant: pd.Timestamp) -> pd.DataFrame:
    """Lay out visible records as a canonical frame at an instant."""
    frame = pd.DataFrame({"account_id": accounts[records.account], "known_at": instants(records.known)})
    if table.time not in records.columns:
        frame[table.time] = instants(records.at)
    frame = pd.concat([frame, records.columns], axis=1)
    frame = frame[[name for name in table.columns if name in frame]]
    if table.shape == "state":
        frame = frame[holding(table, records, frame, instant)].reset_index(drop=True)
        frame = frame.drop(columns="deleted", errors="ignore")
    return blank_later(table, frame, instant)
