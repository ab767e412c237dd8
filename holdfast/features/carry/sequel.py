"""A store after further deliveries, read without reading again what is carried: of events only what is new.

This holds only where a delivery can add events but not touch those that are there. A table of events whose records have
names, by which they may be corrected, is assembled whole like the small tables, and what else is in doubt is refused:
then all records are read, and compared with what is carried.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from holdfast.features.carry.plan import CARRIED
from holdfast.features.carry.small import Moved, kept, read_small, spliced, stays
from holdfast.features.history.assembly import Assembly, arrivals, assemble
from holdfast.features.history.bucketfile import from_arrow, read_landed
from holdfast.features.history.defaults import FLAGS, default_bit
from holdfast.features.history.facts import Facts, total
from holdfast.features.history.history import History
from holdfast.features.history.outline import Outline
from holdfast.features.history.part import BucketHistory, joined
from holdfast.features.history.reading import records_in
from holdfast.features.history.records import Records
from holdfast.features.history.sharing import name_of
from holdfast.features.history.stored import StoredHistory
from holdfast.features.history.tables import SOURCE_ID, TABLES
from holdfast.features.kernel.arrays import Ints

_GROUP_BYTES = 1 << 26  # of landed rows that are assembled at a time


class Refused(Exception):
    """The store may have changed what is carried; the reason in words."""


class Sequel(History):
    """Hold a store as it goes on from the deliveries that are carried.

    Parameters
    ----------
    told
        What `told_of` said when the deliveries were taken in.
    whole
        Tables of events that are read whole in any case.
    folder
        Where small tables are kept as records.

    Attributes
    ----------
    added
        The tables of events of which only what has landed since is read.
    arrived
        By account the instant at which it was first known.
    """

    def __init__(self, stored: StoredHistory, told: Mapping[str, Any], whole: Iterable[str], folder: Path) -> None:
        self.stored, self._told = stored, told
        self.added = addable(stored) - set(whole)
        self.small: dict[str, pa.Table] = {}
        self._ask()
        self._groups = list(self._grouped())
        self._built = self._spliced(folder) or [self._assembled(group) for group in self._groups]
        self.arrived = np.concatenate([arrivals(one.accounts, one.kept["accounts"]) for one in self._built])
        self._dialects: dict[str, Any] = {}

    def _ask(self) -> None:
        """Refuse a store that is not the one carried, or whose deliveries can do more than add."""
        manifest = self.stored.manifest
        parts = parts_of(self.stored)
        if parts[: len(self._told["parts"])] != [list(one) for one in self._told["parts"]]:
            raise Refused("the store is another one")
        new = {name for name, _ in parts[len(self._told["parts"]) :]}
        here = {name.split("/")[1] for name in manifest.files if name.startswith("landed/")}
        merged = max(here - {name for name, _ in parts}, default="")
        if any(name < merged for name in new):
            raise Refused("the store was compacted after a delivery that is not carried yet")
        self._new = new
        if manifest.shared or _set_aside(self.stored):
            raise Refused("records lie in the future, or belong to several accounts")

    def _grouped(self) -> Iterator[list[int]]:
        """Put buckets together as long as what is read of them stays small."""
        group: list[int] = []
        size = 0
        for bucket in range(len(self.stored.manifest.buckets)):
            names = (name for table in self.stored.manifest.columns for name in self._files_of(table, bucket))
            size += sum(int(self.stored.manifest.files[name]["bytes"]) for name in names)
            group.append(bucket)
            if size > _GROUP_BYTES:
                yield group
                group, size = [], 0
        if group:
            yield group

    def _files_of(self, table: str, bucket: int) -> list[str]:
        names = self.stored._files.landed(table, bucket)
        return [one for one in names if self._is_new(one)] if table in self.added else names

    def _spliced(self, folder: Path) -> list[Assembly]:
        """Take small tables as they were, but for the accounts that are named anew; nothing where that is no use."""
        if len(self._groups) != 1 or not self._told.get("small"):
            return []
        frames = self._frames(self._groups[0])
        new = {
            name: frame[len(frame) - self._new_rows(name) :] for name, frame in frames.items() if name not in self.added
        }
        built = assemble({name: frames[name] for name in ("accounts", *self.added) if name in frames}, self._limits)
        before, ids = read_small(folder, self._told["small"])
        if set(before) != {name for name in frames if name not in (*self.added, "accounts")}:
            return []
        small = {name: frame for name, frame in frames.items() if name not in self.added}
        try:
            self.small, facts = spliced(small, new, before, (ids, built.accounts), self._limits)
        except Moved:
            return []
        return [replace(built, facts={**built.facts, **facts})]

    def _assembled(self, group: list[int]) -> Assembly:
        """Assemble the small tables of some buckets, and of events what has landed since."""
        return assemble(self._frames(group), self._limits)

    @property
    def _limits(self) -> dict[str, int]:
        return self.stored._files.limits()

    def _frames(self, group: list[int]) -> dict[str, pd.DataFrame]:
        frames = {name: self._read(name, group) for name in self.stored.manifest.columns}
        flags = frames["accounts"][FLAGS].to_numpy()
        if (flags & default_bit(TABLES["accounts"], "valid_from")).any():
            raise Refused("accounts are dated by their first record")
        return frames

    def _read(self, name: str, group: list[int]) -> pd.DataFrame:
        """Read landed rows, those of new deliveries last."""
        names = [one for bucket in group for one in self._files_of(name, bucket)]
        names.sort(key=self._is_new)
        columns, files = self.stored.manifest.columns[name], self.stored._files
        return read_landed(TABLES[name], columns, [files.path(one) for one in names])

    def _new_rows(self, name: str) -> int:
        names = [one for bucket in self._groups[0] for one in self._files_of(name, bucket) if self._is_new(one)]
        return sum(pa.parquet.read_metadata(self.stored.folder / one).num_rows for one in names)

    def _is_new(self, name: str) -> bool:
        return name.split("/")[1] in self._new

    def require(self, ids: pd.Index, arrived: Ints) -> None:
        """Refuse when accounts are known since another instant than before, or records wait for new accounts."""
        place = np.arange(len(ids)) if ids.equals(self.accounts) else self.accounts.get_indexer(ids)
        if (place < 0).any() or not np.array_equal(self.arrived[place], arrived):
            raise Refused("accounts are known since another instant")
        unknown = any(self.facts[name].unknown for name in self.added if name in self.facts)
        if unknown and len(self.accounts) > len(ids):
            raise Refused("records may belong to the new accounts")

    @property
    def accounts(self) -> pd.Index:
        """The account ids, sorted."""
        return self._ids

    @cached_property
    def _ids(self) -> pd.Index[str]:
        first, *others = [one.accounts for one in self._built]
        return first.append(others) if others else first

    @cached_property
    def facts(self) -> dict[str, Facts]:
        """What is known of each table."""
        found, known = total(one.facts for one in self._built), {*self.added, *self.small}
        before = {name: Facts.of_json(one) for name, one in self._told["facts"].items()}
        added = {name: before.get(name, Facts()) + found.get(name, Facts()) for name in known}
        return found | added

    def _whole(self) -> Outline:
        return self._outlined

    @cached_property
    def _outlined(self) -> Outline:
        return Outline(self.facts, self.stored._end)

    def news(self) -> Iterator[tuple[dict[str, Records], int]]:
        """Yield, bucket by bucket, the events that have landed since, by table, and the number of accounts."""
        for one in self._built:
            found = {name: records_in(one, name, {}) for name in self.added if len(one.kept.get(name, ()))}
            yield found, len(one.accounts)

    def buckets(self) -> Iterator[History]:
        """Yield the accounts in buckets."""
        for group, one in zip(self._groups, self._built, strict=True):
            if len(one.accounts):
                yield BucketHistory(self._whole(), one.accounts, self._reader(group, one), {})

    def _reader(self, group: list[int], built: Assembly) -> Any:
        made: dict[str, Records] = {}

        def read(table: str, names: Iterable[str] | None) -> Records:
            if table in self.added:
                parts = [self.stored.bucket(number) for number in group]
                return joined([one.records(table, names) for one in parts], [len(one.accounts) for one in parts])
            if table not in made:
                made[table] = from_arrow(self.small[table]) if table in self.small else records_in(built, table, {})
            return made[table] if names is None else made[table].with_columns(names)

        return read

    def smalls(self, columns: Mapping[str, Iterable[str]]) -> dict[str, pa.Table] | None:
        """Give the small tables as records, where they are few enough to be kept."""
        if self.small or len(self._groups) != 1:
            return self.small or None
        names = [name for name in self.stored.manifest.columns if name not in (*self.added, "accounts")]
        found = {name: records_in(self._built[0], name, {}) for name in names}
        return _kept(found, columns)

    def told_of(self) -> dict[str, Any] | None:
        """Tell what the next delivery is compared with."""
        return _told(self.stored, self.facts)


def told_of(history: History) -> dict[str, Any] | None:
    """Tell what the next delivery is compared with; none where a history is no store."""
    if isinstance(history, Sequel):
        return history.told_of()
    return _told(history, history._whole().facts) if isinstance(history, StoredHistory) else None


def _set_aside(stored: StoredHistory) -> bool:
    """Tell whether rows are left out because they lie in the future: another day may let them in."""
    reach = stored.manifest.reach()
    return any(limit < max(reach[name].top, default=0) for name, limit in stored._files.limits().items())


def _told(stored: StoredHistory, facts: Mapping[str, Facts]) -> dict[str, Any] | None:
    if _set_aside(stored):
        return None
    return {"parts": parts_of(stored), "facts": {name: one.as_json() for name, one in facts.items()}}


def smalls_of(
    history: History, whole: Iterable[str], columns: Mapping[str, Iterable[str]]
) -> dict[str, pa.Table] | None:
    """Give the small tables of a store as records, where they are few enough to be kept."""
    if isinstance(history, Sequel):
        return history.smalls(columns)
    if not isinstance(history, StoredHistory):
        return None
    large = addable(history) - set(whole)
    manifest = history.manifest
    names = [name for name in manifest.columns if name not in (*large, "accounts")]
    size = sum(int(one["bytes"]) for path, one in manifest.files.items() if path.split("/")[2] in names)
    if size > _GROUP_BYTES or not set(names) <= set(history.tables):
        return None
    return _kept({name: history.records(name) for name in names}, columns)


def _kept(found: Mapping[str, Records], columns: Mapping[str, Iterable[str]]) -> dict[str, pa.Table] | None:
    for name, records in found.items():
        column = name_of(TABLES[name])
        if column in records.columns and not stays(records.columns[column], records.account.astype(np.int64)):
            return None
    return {name: kept(records, columns[name]) for name, records in found.items()}


def addable(stored: StoredHistory) -> set[str]:
    """Name the tables of events whose records have no names: a delivery adds to them and changes nothing."""
    columns = stored.manifest.columns
    return {name for name in CARRIED if name in columns and SOURCE_ID not in columns[name]}


def parts_of(stored: StoredHistory) -> list[list[Any]]:
    """Name the deliveries of a store, each with the hashes of its files."""
    return [[part.name, sorted(one["sha256"] for one in part.sources.values())] for part in stored.manifest.parts]
