"""Edits: the single changes by which a company is told otherwise, applied all at once or a few of them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from holdfast.features.history.tables import SOURCE_ID, TABLES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.proof.told import Company, Frames

EditKind = Literal["removed", "changed", "added", "moved", "absent"]
_SHOWN = 4  # columns of a changed record that are told


@dataclass(frozen=True)
class Edit:
    """One change: of a row of a table by position, or an account that is absent."""

    table: str
    kind: EditKind
    row: int


@dataclass(frozen=True)
class Offence:
    """One record that a value should not have depended on.

    Attributes
    ----------
    what
        What was done to it.
    """

    table: str
    account_id: str
    source_id: str
    known_at: pd.Timestamp | None
    occurred_at: pd.Timestamp | None
    what: str

    def __str__(self) -> str:
        if self.known_at is None:
            return f"{self.what}: {self.account_id}"
        told = f"happened {_told(self.occurred_at)}, known {_told(self.known_at)}"
        return f"{self.table} {self.source_id} of {self.account_id} ({told}) {self.what}"


@dataclass(frozen=True)
class Stack:
    """The rows of a table, those that would be changed as they would be, and those to add, one below the other.

    Attributes
    ----------
    changed
        How many rows would be changed.
    """

    frame: pd.DataFrame
    rows: int
    changed: int

    @property
    def adding(self) -> int:
        """The place of the first row to add."""
        return self.rows + self.changed


@dataclass(frozen=True)
class Otherwise:
    """A way to tell a company otherwise.

    Attributes
    ----------
    stacks
        Per table what is changed or added.
    edits
        All the changes; those that change rows of a table are in the order of its stack.
    """

    company: Company
    stacks: Mapping[str, Stack]
    edits: tuple[Edit, ...]
    seed: int = 0
    _order: dict[str, NDArray[np.int64]] = field(default_factory=dict, compare=False)

    @cached_property
    def whole(self) -> Company:
        """The company with all changes."""
        told = self.told(self.edits)
        return told if self.company.kept is None else told.keeping()

    @cached_property
    def _places(self) -> dict[str, dict[int, int]]:
        """Where in the stack of a table the changed likeness of a row stands."""
        places: dict[str, dict[int, int]] = {name: {} for name in self.stacks}
        for one in (one for one in self.edits if one.kind == "changed"):
            places[one.table][one.row] = self.stacks[one.table].rows + len(places[one.table])
        return places

    def told(self, edits: Iterable[Edit]) -> Company:
        """Apply some of the changes."""
        by_table: dict[str, list[Edit]] = {}
        for one in edits:
            by_table.setdefault(one.table, []).append(one)
        gone = {self.company.accounts[one.row] for one in by_table.pop("", ())}
        frames: Frames = {
            name: self._edited(name, by_table[name]) if name in by_table else frame
            for name, frame in self.company.frames.items()
        }
        if gone:
            frames = {
                name: frame[~frame["account_id"].isin(gone)].reset_index(drop=True) for name, frame in frames.items()
            }
        return self.company.with_frames(frames)

    def _edited(self, name: str, edits: list[Edit]) -> pd.DataFrame:
        rows = {kind: np.array([one.row for one in edits if one.kind == kind], dtype=np.int64) for kind in _KINDS}
        size = len(self.company.frames[name])
        place = np.arange(size)
        moved = np.sort(rows["moved"])
        place[moved] = moved[np.argsort(self._keys(name, size)[moved], kind="stable")]
        if name not in self.stacks:
            return self.company.frames[name].take(place).reset_index(drop=True)
        place[rows["changed"]] = [self._places[name][row] for row in rows["changed"]]
        kept = np.ones(size, dtype=bool)
        kept[rows["removed"]] = False
        stack = self.stacks[name]
        return stack.frame.take(np.concatenate([place[kept], stack.adding + rows["added"]])).reset_index(drop=True)

    def _keys(self, name: str, size: int) -> NDArray[np.int64]:
        if name not in self._order:
            self._order[name] = np.random.default_rng(self.seed).permutation(size)
        return self._order[name]

    def offence(self, edit: Edit) -> Offence:
        """Say what one change did to which record."""
        if edit.kind == "absent":
            return Offence("", str(self.company.accounts[edit.row]), "", None, None, "absent")
        base = self.company.frames[edit.table]
        if edit.kind == "added":
            row = self.stacks[edit.table].frame.iloc[self.stacks[edit.table].adding + edit.row]
        else:
            row = base.iloc[edit.row]
        what: str = edit.kind
        if edit.kind == "changed":
            what = _change(
                row.to_dict(), self.stacks[edit.table].frame.iloc[self._places[edit.table][edit.row]].to_dict()
            )
        if edit.kind == "added" and (base[SOURCE_ID] == row[SOURCE_ID]).any():
            what = "taken back" if row.get("deleted") == 1 else "corrected"
        time = TABLES[edit.table].time
        happened = row[time] if time in row.index and pd.notna(row[time]) else row["known_at"]
        return Offence(edit.table, str(row["account_id"]), str(row[SOURCE_ID]), row["known_at"], happened, what)


_KINDS: tuple[EditKind, ...] = ("removed", "changed", "added", "moved")


def _change(before: Mapping[Hashable, Any], after: Mapping[Hashable, Any]) -> str:
    apart = [n for n in before if not (pd.isna(before[n]) and pd.isna(after[n])) and before[n] != after[n]]
    told = [f"{name} {_told(before[name])} -> {_told(after[name])}" for name in apart[:_SHOWN]]
    return "changed: " + ", ".join(told) + (f" and {len(apart) - _SHOWN} more" if len(apart) > _SHOWN else "")


def _told(value: Any) -> str:
    if value is None or pd.isna(value):
        return "missing"
    if isinstance(value, pd.Timestamp):
        return value.tz_localize(None).isoformat(sep=" ") if value.tz else value.isoformat(sep=" ")
    return f"{value:g}" if isinstance(value, float) else str(value)


def stacked(frame: pd.DataFrame, changed: pd.DataFrame, added: pd.DataFrame) -> Stack:
    """Lay rows, changed rows and added rows one below the other, in the types of the first."""
    types = frame.dtypes
    parts = [frame]
    for part in (one for one in (changed, added) if len(one)):
        other = {name: kind for name, kind in types.items() if part.dtypes.get(name) != kind}
        parts.append(part.astype(other)[frame.columns])
    return Stack(pd.concat(parts, ignore_index=True), len(frame), len(changed))
