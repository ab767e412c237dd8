"""Reading a store: the landed rows of a bucket, what becomes of them, and the bytes being what was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from holdfast.errors import DataError
from holdfast.features.history.assembly import ARRIVED, Assembly, arrivals, assemble, positions, records_of
from holdfast.features.history.bucketfile import read_landed, readable
from holdfast.features.history.facts import limits
from holdfast.features.history.manifest import Manifest, footer_of
from holdfast.features.history.place import inside
from holdfast.features.history.records import Records
from holdfast.features.history.sharing import name_of
from holdfast.features.history.tables import SOURCE_ID, TABLES
from holdfast.features.time import micros
from holdfast.safely import sha256_of

BUCKET = "_bucket"


@dataclass
class Files:
    """The files of one store, as its manifest lists them.

    Attributes
    ----------
    clock
        Rows known later are set aside.
    """

    folder: Path
    manifest: Manifest
    clock: pd.Timestamp | None = None
    _elsewhere: dict[str, pd.DataFrame] | None = field(default=None, repr=False)
    _seen: set[str] = field(default_factory=set, repr=False)

    def path(self, name: str, *, whole: bool = False) -> Path:
        """Give a file of the manifest once its size and footer, or its every byte, are what was written.

        Raises
        ------
        DataError
            When it is absent, a link, or not what was written.
        """
        path, entry = self.folder / name, self.manifest.files[name]
        if not whole and name in self._seen and path.is_file():
            return path
        found = None
        if not inside(self.folder, name).is_file():
            found = "none"
        else:
            with readable(path):
                if path.stat().st_size != entry["bytes"]:
                    found = f"{path.stat().st_size} bytes"
                elif (whole and sha256_of(path) != entry["sha256"]) or footer_of(path) != entry["footer"]:
                    found = "other bytes"
        if found is not None:
            raise self._missed(path, f"the file of {entry['bytes']} bytes that was written", found)
        self._seen.add(name)
        return path

    def _missed(self, path: Path, expected: str, found: str) -> DataError:
        """Tell whether a file is lost, or another process has put another in its place since the store was opened."""
        try:
            moved = Manifest.read(self.folder).generation != self.manifest.generation
        except DataError:
            moved = False
        if moved:
            return DataError(str(self.folder), "the store as it was opened", "that it has moved on", "open it again")
        return DataError(str(path), expected, found, "restore it from a backup, or build the store again")

    def landed(self, table: str, bucket: int, since: int = -1) -> list[str]:
        """Name the files of landed rows, oldest first, optionally only those that landed later than a number."""
        return [name for number, name in self._landed.get((table, bucket), ()) if number > since]

    @cached_property
    def _landed(self) -> dict[tuple[str, int], list[tuple[int, str]]]:
        """By table and bucket, the files of landed rows with their numbers, oldest first."""
        found: dict[tuple[str, int], list[tuple[int, str]]] = {}
        for name in self.manifest.files:
            kind, number, table, file = name.split("/")
            if kind == "landed":
                found.setdefault((table, int(file.split(".")[0])), []).append((int(number), name))
        return {place: sorted(names) for place, names in found.items()}

    def limits(self) -> dict[str, int]:
        """Give for each table the last instant that is not in the future."""
        return self._limits

    @cached_property
    def _limits(self) -> dict[str, int]:
        return limits(self.manifest.reach(), self.clock)

    def ready(self, bucket: int) -> bool:
        """Tell whether the records of a bucket can be read as they were written."""
        return bool(self._ready[bucket])

    @cached_property
    def _ready(self) -> list[bool]:
        buckets, now = self.manifest.buckets, self.limits()
        same = [
            all(f.past_last <= now[name] and (not f.late or now[name] < f.late_first) for name, f in one.facts.items())
            for one in buckets
        ]
        # a row of another bucket with the same name counts in this one
        alike = all(same) if self.manifest.shared else True
        return [one.records is not None and as_then and alike for one, as_then in zip(buckets, same, strict=True)]

    def frames(self, bucket: int) -> dict[str, pd.DataFrame]:
        """Read the landed rows of a bucket, by table."""
        return {
            name: read_landed(TABLES[name], columns, [self.path(one) for one in self.landed(name, bucket)])
            for name, columns in self.manifest.columns.items()
        }

    def assemble(self, bucket: int) -> Assembly:
        """Decide what counts in a bucket."""
        return assemble(self.frames(bucket), self.limits(), self.elsewhere(bucket))

    def elsewhere(self, bucket: int) -> dict[str, pd.DataFrame]:
        """Give the rows of other buckets that have a name in common with rows of this one."""
        if self._elsewhere is None:
            self._elsewhere = self._shared() if self.manifest.shared else {}
        return {name: rows[rows[BUCKET] != bucket] for name, rows in self._elsewhere.items()}

    def _shared(self) -> dict[str, pd.DataFrame]:
        found: dict[str, list[pd.DataFrame]] = {}
        for bucket in range(len(self.manifest.buckets)):
            built = assemble(self.frames(bucket), self.limits())
            for name, rows in shared_rows(built, self.manifest.shared).items():
                found.setdefault(name, []).append(rows.assign(**{BUCKET: bucket}))
        return {name: pd.concat(parts, ignore_index=True) for name, parts in found.items()}


def shared_rows(built: Assembly, shared: Mapping[str, tuple[str, ...]]) -> dict[str, pd.DataFrame]:
    """Give the rows that have one of the shared names, with the instant at which each arrived."""
    found = {}
    arrived = arrivals(built.accounts, built.kept["accounts"])
    for name, names in shared.items():
        frame, column = built.kept[name], name_of(TABLES[name])
        rows = frame[frame[column].isin(names)] if column in frame else frame[:0]
        if len(rows):
            keep = [n for n in (*TABLES[name].key, "account_id", "known_at", SOURCE_ID, "source") if n in rows]
            rows = rows[list(dict.fromkeys(keep))]
            since = arrived[positions(built.accounts, rows["account_id"])]
            texts = {n: "str" for n in rows if isinstance(rows[n].dtype, pd.CategoricalDtype)}
            late = np.maximum(micros(rows["known_at"]), since)
            found[name] = rows.astype(texts).assign(**{ARRIVED: late})
    return found


def records_in(built: Assembly, table: str, elsewhere: Mapping[str, pd.DataFrame]) -> Records:
    """Lay out the rows of an assembled bucket as records."""
    arrived = arrivals(built.accounts, built.kept["accounts"])
    return records_of(TABLES[table], built.kept[table], built.accounts, arrived, elsewhere.get(table))
