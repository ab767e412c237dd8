"""A history that lies in a store: read bucket by bucket, in bounded memory, with the same results as in memory."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from holdfast.errors import UsageError
from holdfast.features.history import building
from holdfast.features.history.assembly import Assembly
from holdfast.features.history.bucketfile import read_landed
from holdfast.features.history.cutting import cut_in_place, cut_store
from holdfast.features.history.delivered import told
from holdfast.features.history.dialect import Dialect
from holdfast.features.history.facts import Facts, total
from holdfast.features.history.history import History, Instant
from holdfast.features.history.ingest import Dialects
from holdfast.features.history.manifest import MANIFEST, Manifest
from holdfast.features.history.money import Rates
from holdfast.features.history.outline import Outline
from holdfast.features.history.part import BucketHistory, joined
from holdfast.features.history.reading import Files, records_in
from holdfast.features.history.records import Records
from holdfast.features.history.storing import canonical, write_streamed
from holdfast.features.history.tables import TABLES
from holdfast.features.history.view import View
from holdfast.features.time import to_instant

_SMALL_ROWS = 250_000


class StoredHistory(History):
    """Hold the canonical tables of a company in a folder of Parquet files, by ranges of accounts.

    Open one with `History.open`, make one with `History.build`. It answers what a `History` answers; what looks at all
    accounts goes through `buckets`.
    """

    def __init__(self, files: Files, end: pd.Timestamp | None) -> None:
        self.folder, self.manifest = files.folder, files.manifest
        self._files = files
        self._end = end

    def __getstate__(self) -> dict[str, Any]:
        """Give what another process needs to read the same files; the rows that were read stay here."""
        files = Files(self.folder, self.manifest, self._files.clock, self._files.until)
        return {name: kept for name, kept in vars(self).items() if name != "_small"} | {"_files": files}

    @classmethod
    def of(
        cls,
        folder: str | Path,
        end: Instant | None = None,
        clock: Instant | None = None,
        strict_clock: bool = False,
    ) -> StoredHistory:
        """Open a store, see `History.open`."""
        place = Path(folder)
        manifest = Manifest.read(place)
        if strict_clock and not manifest.strict_clock:
            do = "build the store with strict_clock"
            raise UsageError(str(place), "a store built under the strict clock", "one that was not", do)
        last = manifest.end if end is None else to_instant(end)
        return cls(Files(place, manifest, manifest.clock if clock is None else to_instant(clock)), last)

    def append(
        self, source: str | Path, *, dialect: Dialects | None = None, rates: Rates | None = None
    ) -> StoredHistory:
        """Add a delivery beside what is there, and give the history with it; what is there stays as it is.

        Delivering the very same files again changes nothing: `parts` stays as long as it was. Rates convert what is
        delivered, and nothing of what is there.

        Raises
        ------
        DataError
            When a file, a column or a value cannot be read as what it should be.
        LockHeld
            When another process writes to the store.
        """
        self._refuse_cut("append")
        after = building.append(Path(source), self.folder, dialect, rates)
        return self._with(after or Manifest.read(self.folder))

    def compact(self) -> StoredHistory:
        """Make every bucket ready to be read fast, its landed rows in one file each."""
        self._refuse_cut("compact")
        return self._with(building.compact(self.folder))

    def _with(self, manifest: Manifest) -> StoredHistory:
        return StoredHistory(Files(self.folder, manifest, self._files.clock), self._end)

    def _refuse_cut(self, what: str) -> None:
        if self._files.until is not None:
            raise UsageError(what, "a store", f"what was known of one at {self._files.until}", "open the store itself")

    def verify(self) -> None:
        """Read every byte of the store and compare its hash.

        Raises
        ------
        DataError
            When a file is not what was written.
        """
        for name in self.manifest.files:
            self._files.path(name, whole=True)

    @property
    def ready(self) -> bool:
        """Whether every bucket can be read fast; see `compact`."""
        return all(self._files.ready(number) for number in range(len(self.manifest.buckets)))

    @property
    def parts(self) -> tuple[str, ...]:
        """The deliveries, oldest first."""
        return tuple(part.name for part in self.manifest.parts)

    def recent(self, since: str) -> Iterator[dict[str, pd.DataFrame]]:
        """Yield, bucket by bucket, the rows that landed after a delivery, by table; empty where nothing did.

        Raises
        ------
        UsageError
            When there is no such delivery, or the store was compacted after a later one.
        """
        oldest = min((int(name.split("/")[1]) for name in self.manifest.files if name.startswith("landed/")), default=0)
        merged = max((int(name) for name in self._landed_parts if name not in self.parts), default=-1)
        if since not in self.parts or any(int(since) < int(name) < merged for name in self.parts):
            found = f"{since!r}; the rows of {oldest:04d} and later are apart"
            raise UsageError(
                "recent, since", "one of the deliveries " + ", ".join(self.parts), found, "read the whole store"
            )
        for bucket in range(len(self.manifest.buckets)):
            names = {name: self._files.landed(name, bucket, max(int(since), merged)) for name in self.manifest.columns}
            yield {
                name: read_landed(TABLES[name], self.manifest.columns[name], [self._files.path(one) for one in found])
                for name, found in names.items()
                if found
            }

    @property
    def _landed_parts(self) -> set[str]:
        return {name.split("/")[1] for name in self.manifest.files if name.startswith("landed/")}

    @property
    def accounts(self) -> pd.Index:
        """The account ids, sorted."""
        return self._ids

    @cached_property
    def _ids(self) -> pd.Index:
        found = [self._accounts_of(number) for number in range(len(self.manifest.buckets))]
        whole: pd.Index = pd.Index(np.concatenate([np.asarray(ids, dtype=object) for ids in found]), dtype="str")
        return whole

    @property
    def dialects(self) -> Mapping[str, Dialect]:
        """How each text file was written, as sniffed or stated, in the last delivery that had it."""
        return {
            name: Dialect(**{**told, "doubts": tuple(told["doubts"])})
            for part in self.manifest.parts
            for name, told in part.dialects.items()
        }

    def _whole(self) -> Outline:
        return self._told

    @cached_property
    def _told(self) -> Outline:
        facts = total(self._facts_of(number) for number in range(len(self.manifest.buckets)))
        known = self._ids if any(one.unknown for one in facts.values()) else ()
        return Outline(facts, self._end, tuple(told(self.manifest)), known)

    @cached_property
    def _late_facts(self) -> dict[int, tuple[Mapping[str, Facts], pd.Index]]:
        return {}

    def _facts_of(self, bucket: int) -> Mapping[str, Facts]:
        return self.manifest.buckets[bucket].facts if self._files.ready(bucket) else self._assembled(bucket)[0]

    def _accounts_of(self, bucket: int) -> pd.Index:
        if not self._files.ready(bucket):
            return self._assembled(bucket)[1]
        return self._files.accounts(bucket)

    def _assembled(self, bucket: int) -> tuple[Mapping[str, Facts], pd.Index]:
        """Work out what is known of a bucket that is not ready, and remember that much."""
        if bucket not in self._late_facts:
            built = self._assembly(bucket)
            self._late_facts[bucket] = (built.facts, built.accounts)
        return self._late_facts[bucket]

    def _assembly(self, bucket: int) -> Assembly:
        """Assemble a bucket that is not ready; small ones are kept."""
        if bucket in self._small:
            return self._small[bucket]
        built = self._files.assemble(bucket)
        held = sum(len(frame) for one in (built, *self._small.values()) for frame in one.kept.values())
        if held <= _SMALL_ROWS:
            self._small[bucket] = built
        return built

    @cached_property
    def _small(self) -> dict[int, Assembly]:
        return {}

    def buckets(self) -> Iterator[History]:
        """Yield the accounts in buckets, in ascending order; no more than one need be in memory."""
        for number in range(len(self.manifest.buckets)):
            if len(self._accounts_of(number)):
                yield self.bucket(number)

    @property
    def bucket_numbers(self) -> tuple[int, ...]:
        """The numbers of the buckets that have accounts, in the order of `buckets`."""
        return tuple(number for number in range(len(self.manifest.buckets)) if len(self._accounts_of(number)))

    def bucket(self, number: int) -> BucketHistory:
        """Give one bucket; what is worked out of it is kept as long as it lives."""
        outline, ids = self._whole(), self._accounts_of(number)
        if self._files.ready(number):
            return BucketHistory(
                outline, ids, lambda table, names: self._files.records(number, table, names), self.dialects
            )
        built: list[Assembly] = []

        def assembled(table: str, names: Iterable[str] | None) -> Records:
            if not built:
                built.append(self._assembly(number))
            records = records_in(built[0], table, self._files.elsewhere(number))
            return records if names is None else records.with_columns(names)

        return BucketHistory(outline, ids, assembled, self.dialects)

    def records(self, table: str, columns: Iterable[str] | None = None) -> Records:
        """Give all rows of a table at once; `buckets` gives them in bounded memory."""
        self._whole().of(table)
        names = None if columns is None else tuple(columns)
        parts = list(self.buckets())
        return joined([one.records(table, names) for one in parts], [len(one.accounts) for one in parts])

    def as_of(self, instant: Instant, tables: Iterable[str] | None = None) -> View:
        """Show the tables exactly as they were known at an instant, see `History.as_of`."""
        stamp = to_instant(instant)
        views = [one.as_of(stamp, tables) for one in self.buckets()]
        names = views[0].tables
        return View(stamp, {name: pd.concat([one[name] for one in views], ignore_index=True) for name in names})

    def until(self, instant: Instant, *, end: Instant | None = None) -> StoredHistory:
        """Give the history that would have been read at an instant; where it must be written, in a store of its own."""
        stamp = to_instant(instant)
        last = self.stated_end if end is None else to_instant(end)
        last = None if last is None else min(last, stamp)
        manifest = cut_in_place(self._files, stamp)
        if manifest is not None:
            reached = stamp if self._files.until is None else min(stamp, self._files.until)
            found = StoredHistory(Files(self.folder, manifest, self._files.clock, reached), last)
        else:
            place = tempfile.TemporaryDirectory(prefix="holdfast-", ignore_cleanup_errors=True)
            manifest = cut_store(self._files, Path(place.name), stamp)
            found = StoredHistory(Files(Path(place.name), manifest, self._files.clock), last)
            weakref.finalize(found, place.cleanup)
        found._whole()
        return found

    def write(self, folder: str | Path) -> None:
        """Write the tables as `History.write` does."""
        write_streamed(self._canonical_buckets(), {name: self.supplied(name) for name in self.tables}, Path(folder))

    def _canonical_buckets(self) -> Iterator[dict[str, pd.DataFrame]]:
        for number in range(len(self.manifest.buckets)):
            kept = self._assembly(number).kept
            yield {name: canonical(TABLES[name], kept[name]) for name in self.tables}


def is_store(folder: str | Path) -> bool:
    """Tell whether a folder holds a store."""
    return (Path(folder) / MANIFEST).is_file()
