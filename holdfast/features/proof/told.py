"""A company as it is told to a subject: canonical frames, and a history with the face of the first."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
import pandas as pd

from holdfast.features.history.history import History, Instant
from holdfast.features.history.ingest import deliveries_of
from holdfast.features.history.landing import Landed, land
from holdfast.features.history.records import Records
from holdfast.features.history.tables import TABLES
from holdfast.features.history.view import View, view_of
from holdfast.features.time import micro, to_instant

Frames = Mapping[str, pd.DataFrame]


class Asked(dict[str, pd.DataFrame]):
    """Frames by name that remember which of them were asked for."""

    def __init__(self, frames: Frames, asked: set[str]) -> None:
        super().__init__(frames)
        self._asked = asked

    def __getitem__(self, name: str) -> pd.DataFrame:
        self._asked.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """Give a frame, or the default, as every mapping does."""
        self._asked.add(name)
        return super().get(name, default)


@dataclass(frozen=True)
class Ashore:
    """The tables of a company as it was first told, landed: most retellings leave some of them as they are."""

    first: dict[str, tuple[pd.DataFrame, Landed]] = field(default_factory=dict)

    def land(self, name: str, frame: pd.DataFrame) -> Landed:
        """Land a table, unless it is the first that was told under its name."""
        told, landed = self.first.get(name, (None, None))
        if landed is None or told is not frame:
            (delivery,) = deliveries_of({name: frame})
            landed = land(delivery)
            self.first.setdefault(name, (frame, landed))
        return replace(landed, frame=landed.frame.copy(deep=False))


class Told(History):
    """A history told otherwise: what is true of the whole (its tables, columns and span) stays as it was.

    An account measured alone so finds the tables of the company, be they empty; `asked` says which were read as
    records, `viewed` which were looked at by name as of a cutoff.
    """

    _face: History | None = None
    asked: set[str]
    viewed: set[str]
    _views: dict[tuple[str, pd.Timestamp], pd.DataFrame]

    _own: frozenset[str] = frozenset()

    @classmethod
    def of(cls, frames: Frames, end: pd.Timestamp, face: History | None, ashore: Ashore) -> Told:
        """Build it from frames, some of them perhaps empty, in any order."""
        landed = [ashore.land(name, frame) for name, frame in sorted(frames.items()) if len(frame) and name != "id_map"]
        told = cast("Told", cls._of(landed, end, None, ()))
        told.asked, told.viewed, told._views = set(), set(), {}
        told._own, told._face = frozenset(told.tables), face
        return told

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables of the company."""
        return super().tables if self._face is None else self._face.tables

    @property
    def start(self) -> pd.Timestamp:
        """The first event of the company."""
        return super().start if self._face is None else self._face.start

    def supplied(self, table: str) -> frozenset[str]:
        """Give the columns that the company delivers."""
        return super().supplied(table) if self._face is None else self._face.supplied(table)

    def watermark(self, table: str) -> pd.Timestamp:
        """Give the last instant at which something became known, in the company as it was first told."""
        return super().watermark(table) if self._face is None else self._face.watermark(table)

    def records(self, table: str, columns: Iterable[str] | None = None) -> Records:
        """Give the rows of a table."""
        self.asked.add(table)
        return self._found(table, columns)

    def _found(self, table: str, columns: Iterable[str] | None = None) -> Records:
        if self._face is None or table in self._own or table not in self._face:
            return super().records(table, columns)
        whole = self._face.records(table, columns)
        return whole.take(np.zeros(len(whole), dtype=bool))

    def as_of(self, instant: Instant, tables: Iterable[str] | None = None) -> View:  # noqa: ARG002 # none is shown unasked
        """Show the tables as they were known, each when it is asked for."""
        return View(to_instant(instant), Shown(self, to_instant(instant)))

    def shown(self, table: str, stamp: pd.Timestamp) -> pd.DataFrame:
        """Show one table as it was known."""
        if (table, stamp) not in self._views:
            records = self._found(table)
            visible = records.take(records.visible(micro(stamp)))
            self._views[table, stamp] = view_of(TABLES[table], visible, self.accounts, stamp)
        return self._views[table, stamp].copy(deep=False)


@dataclass(frozen=True)
class Shown(Mapping[str, pd.DataFrame]):
    """The tables of a history as known at an instant.

    Attributes
    ----------
    passing
        The tables that come by as all of them are gone through: the next time they are handed out, nobody asked for
        them by name.
    """

    told: Told
    stamp: pd.Timestamp
    passing: set[str] = field(default_factory=set)

    def __getitem__(self, table: str) -> pd.DataFrame:
        if table not in self.told.tables:
            raise KeyError(table)
        if table in self.passing:
            self.passing.discard(table)
        else:
            self.told.viewed.add(table)
        return self.told.shown(table, self.stamp)

    def __iter__(self) -> Iterator[str]:
        self.passing.update(self.told.tables)
        return iter(self.told.tables)

    def __len__(self) -> int:
        return len(self.told.tables)

    def __contains__(self, table: object) -> bool:
        return table in self.told.tables


@dataclass(frozen=True)
class Company:
    """What subjects are measured on: canonical frames up to a data end.

    Attributes
    ----------
    frames
        The canonical tables, their rows in the order of delivery.
    end
        The data end; it stays whatever is changed.
    face
        The history whose facts hold for every retelling; None for the first.
    kept
        What has been derived from it once, where that is worth its memory; else None.
    ashore
        Its tables as they land, shared by its retellings.
    """

    frames: Frames
    end: pd.Timestamp
    face: History | None = None
    kept: dict[Hashable, Any] | None = field(default=None, compare=False)
    ashore: Ashore = field(default_factory=Ashore, compare=False)

    def told(self) -> Told:
        """Build the history of these frames."""
        told: Told = self.once("told", lambda: Told.of(self.frames, self.end, self.face, self.ashore))
        told.asked, told.viewed = set(), set()
        return told

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Give what is derived under a key, made anew unless it is kept."""
        if self.kept is None:
            return make()
        if key not in self.kept:
            self.kept[key] = make()
        return self.kept[key]

    def with_frames(self, frames: Frames) -> Company:
        """Tell it with other frames."""
        return replace(self, frames=frames, kept=None)

    def keeping(self) -> Company:
        """Keep what is derived from it."""
        return replace(self, kept={})

    @cached_property
    def arrived(self) -> pd.Series:
        """When each account was first known, by account id, sorted."""
        frame = self.frames["accounts"]
        return frame["known_at"].groupby(frame["account_id"]).min().sort_index()

    @property
    def accounts(self) -> pd.Index:
        """The account ids, sorted."""
        return self.arrived.index

    def shifted(self, weeks: int) -> Company:
        """Move every instant by whole weeks."""
        by = pd.Timedelta(days=7 * weeks)
        frames = {
            name: frame.assign(**{one: frame[one] + by for one in frame.select_dtypes("datetimetz").columns})
            for name, frame in self.frames.items()
        }
        shifted = Company(frames, self.end + by)
        return shifted if self.kept is None else shifted.keeping()  # with facts of its own: their instants have moved

    def without_ties(self) -> Company:
        """Keep one record of those that an account has at the same instant, known at the same time.

        Which of them comes first is decided by a hash of what they hold, their dates included.
        """
        frames = {}
        for name, frame in self.frames.items():
            time = TABLES[name].time
            tied = frame.duplicated(["account_id", time, "known_at"]) if name != "accounts" else pd.Series(dtype=bool)
            frames[name] = frame[~tied.to_numpy()].reset_index(drop=True) if tied.any() else frame
        fewer = self.with_frames(frames)
        return fewer if self.kept is None else fewer.keeping()
