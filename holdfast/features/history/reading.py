"""Reading a store: the landed rows of a bucket, what becomes of them, and the bytes being what was written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.errors import DataError
from holdfast.features.history.assembly import ARRIVED, Assembly, arrivals, assemble, positions, records_of
from holdfast.features.history.bucketfile import read_ids, read_landed, read_records, readable
from holdfast.features.history.defaults import BASIS, DIGEST, FLAGS
from holdfast.features.history.facts import limits
from holdfast.features.history.manifest import Manifest, footer_of
from holdfast.features.history.place import inside
from holdfast.features.history.records import Records
from holdfast.features.history.sharing import name_of
from holdfast.features.history.tables import SOURCE_ID, TABLES, Table
from holdfast.features.history.view import cut_off, dated, known_by
from holdfast.features.time import micro, micros
from holdfast.safely import sha256_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

BUCKET = "_bucket"


@dataclass
class Files:
    """The files of one store, as its manifest lists them.

    Attributes
    ----------
    clock
        Rows known later are set aside.
    until
        The instant up to which the files are read, as if nothing had become known since; None for all there is.
    """

    folder: Path
    manifest: Manifest
    clock: pd.Timestamp | None = None
    until: pd.Timestamp | None = None
    _elsewhere: dict[str, pd.DataFrame] | None = field(default=None, repr=False)
    _seen: set[str] = field(default_factory=set, repr=False)
    _there: dict[int, NDArray[np.bool_]] = field(default_factory=dict, repr=False)

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
        return {name: self.rows(name, bucket) for name in self.manifest.columns}

    def rows(self, table: str, bucket: int) -> pd.DataFrame:
        """Read the landed rows of a table in a bucket."""
        paths = [self.path(one) for one in self.landed(table, bucket)]
        frame = read_landed(TABLES[table], self.manifest.columns[table], paths)
        return frame if self.until is None else known_by(TABLES[table], [frame], self.until)

    def instants(self, table: str, bucket: int) -> pd.DataFrame:
        """Read of the landed rows of a table in a bucket when they were known, and the dates that may lie later."""
        wanted = {"known_at", *TABLES[table].late}
        columns = [name for name in self.manifest.columns[table] if name in wanted]
        paths = [self.path(one) for one in self.landed(table, bucket)]
        frame = read_landed(TABLES[table], columns, paths)
        return frame.select_dtypes("datetimetz")

    def accounts(self, bucket: int) -> pd.Index:
        """Read the account ids of a bucket that is ready."""
        ids = read_ids(self.path(self._records(bucket, "ids")))
        return ids if self.until is None else ids[self._arrived(bucket)]

    def records(self, bucket: int, table: str, names: Iterable[str] | None = None) -> Records:
        """Read the records of a bucket that is ready, with the columns that the table has in the whole store.

        Parameters
        ----------
        names
            The only columns to be read; None for all.
        """
        columns = self.manifest.columns[table]
        wanted = names if self.until is None or names is None else dated(TABLES[table], names)
        found = self._read(bucket, table, wanted)
        if found is not None and self.until is not None:
            found = cut_off(TABLES[table], found, self.until, self._arrived(bucket))
            found = found if names is None else found.with_columns(names)
        return with_columns(TABLES[table], found, columns, names)

    def _read(self, bucket: int, table: str, names: Iterable[str] | None) -> Records | None:
        name = self._records(bucket, table)
        return read_records(self.path(name), names) if name in self.manifest.files else None

    def _records(self, bucket: int, table: str) -> str:
        return f"records/{self.manifest.buckets[bucket].records}/{table}/{bucket:05d}.parquet"

    def _arrived(self, bucket: int) -> NDArray[np.bool_]:
        """Tell which of the accounts of a bucket were known by the instant."""
        assert self.until is not None  # noqa: S101 # asked only then
        if bucket not in self._there:
            found = self._read(bucket, "accounts", ())
            there = np.zeros(len(read_ids(self.path(self._records(bucket, "ids")))), dtype=bool)
            if found is not None:
                there[found.account[found.known <= micro(self.until)]] = True
            self._there[bucket] = there
        return self._there[bucket]

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


def with_columns(
    table: Table, records: Records | None, columns: Iterable[str], names: Iterable[str] | None = None
) -> Records:
    """Give records the columns that the table has in the whole store.

    Parameters
    ----------
    columns
        The columns of its landed rows.
    names
        The only ones to be read; None for all.
    """
    if records is None:
        none = np.zeros(0, dtype=np.int64)
        records = Records(none.astype(np.int32), none, none, none, pd.DataFrame(index=range(0)))
    own = {one.name for one in table.columns.values() if one.default == SOURCE_ID}
    given = {"account_id", "known_at", "deleted", DIGEST, FLAGS, BASIS} | ({table.time} - {"notice_at"})
    wanted = {*columns, *own} - given
    missing = sorted(wanted.intersection(wanted if names is None else names) - set(records.columns))
    if not missing:
        return records
    absent = {name: _absent(table.columns[name].kind, len(records)) for name in missing}
    return replace(records, columns=records.columns.assign(**absent))


def _absent(kind: str, rows: int) -> pd.Series:
    if kind == "time":
        return pd.Series(pd.NaT, index=range(rows), dtype="datetime64[us, UTC]")
    if kind == "text":
        return pd.Series(pd.Categorical.from_codes(np.full(rows, -1), pd.Index([], dtype="str")))
    return pd.Series(np.full(rows, np.nan))
