"""Building a store from files larger than memory: rows land in buckets of accounts, and every bucket is made ready."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd
import pyarrow as pa

from holdfast.errors import DataError, UsageError, did_you_mean
from holdfast.features.history.bucketfile import (
    landed_writer,
    read_table,
    to_arrow,
    write_ids,
    write_records,
)
from holdfast.features.history.delivering import land_part
from holdfast.features.history.facts import total
from holdfast.features.history.ingest import Dialects, tables_in
from holdfast.features.history.manifest import Bucket, Manifest, listed
from holdfast.features.history.money import Rates
from holdfast.features.history.outline import Outline, require
from holdfast.features.history.place import apart, begun, refuse_strange, sweep, tidied
from holdfast.features.history.reading import Files, records_in
from holdfast.features.history.splitting import BUCKET_ROWS, MOST_BUCKETS, cut_points, split
from holdfast.features.history.streaming import Stream
from holdfast.features.history.tables import TABLES
from holdfast.progress import progress
from holdfast.safely import alone, flush, publishing


def build(
    source: Path,
    store: Path,
    *,
    buckets: int | None = None,
    end: pd.Timestamp | None = None,
    clock: pd.Timestamp | None = None,
    dialect: Dialects | None = None,
    strict_clock: bool = False,
    rates: Rates | None = None,
) -> Manifest:
    """Build a store in a new folder.

    Raises
    ------
    UsageError
        When the folder holds a store, or anything else.
    """
    if buckets is not None and not 1 <= buckets <= MOST_BUCKETS:
        do = "leave it out, or give a whole number in between"
        raise UsageError("build, buckets", f"1 to {MOST_BUCKETS}", str(buckets), do)
    apart(source, store)
    streams, notes = _streams(source, dialect, rates)
    require({one.name: one for one in streams}, str(source))
    refuse_strange(store)  # before the lock is written
    with alone(store):
        refuse_strange(store)
        with publishing(store), begun(store):
            boundaries = _ranges(streams, buckets)
            none = (Bucket(),) * (len(boundaries) + 1)
            empty = Manifest(boundaries, (), {}, none, {}, end=end, clock=clock, strict_clock=strict_clock)
            landed = land_part(store, empty, _sources(source, streams), streams, notes)
            ready = make_ready(store, landed, clock)
            files = Files(store, ready, clock)
            known = [name for bucket in range(len(ready.buckets)) for name in files.accounts(bucket)]
            Outline(total(one.facts for one in ready.buckets), accounts=known)
            commit(store, ready)
    return ready


def append(source: Path, store: Path, dialect: Dialects | None = None, rates: Rates | None = None) -> Manifest | None:
    """Land a delivery beside what is there; none when the very same files were delivered before.

    Raises
    ------
    DataError
        When the delivery has no table.
    """
    apart(source, store)
    streams, notes = _streams(source, dialect, rates)
    if not streams:
        raise DataError(str(source), "a delivery of at least one table", "none", "name the folder of the new files")
    with alone(store):
        before = Manifest.read(store)
        with publishing(store), tidied(store, before.held):
            sources = _sources(source, streams)
            if any(_same(sources, part.sources) for part in before.parts):
                return None
            after = land_part(store, before, sources, streams, notes)
            commit(store, after)
    return after


def compact(store: Path) -> Manifest:
    """Make every bucket ready that is not, its landed rows in one file each, and cut buckets that have grown.

    Files of the generation before stay for whoever still reads them.
    """
    with alone(store):
        before = Manifest.read(store)
        with publishing(store), tidied(store, before.held):
            ready = make_ready(store, split(store, _merged(store, before)), before.clock)
            if ready.files == before.files:
                return before
            after = replace(ready, former=tuple(sorted(set(before.files) - set(ready.files))))
            commit(store, after)
            sweep(store, after.held)
    return after


def _streams(source: Path, dialects: Dialects | None, rates: Rates | None) -> tuple[list[Stream], list[Any]]:
    for name in dialects or {}:
        if name not in TABLES:
            raise UsageError("dialect", "the name of a table", repr(name), did_you_mean(name, TABLES))
    files, notes = tables_in(source)
    return [Stream(name, path, (dialects or {}).get(name), rates) for name, path in sorted(files.items())], notes


def _sources(source: Path, streams: list[Stream]) -> dict[str, dict[str, Any]]:
    paths = [p for one in streams for p in (sorted(one.path.glob("*.parquet")) if one.path.is_dir() else [one.path])]
    return listed(source, paths)


def _same(one: Mapping[str, Mapping[str, Any]], two: Mapping[str, Mapping[str, Any]]) -> bool:
    return {k: v["sha256"] for k, v in one.items()} == {k: v["sha256"] for k, v in two.items()}


def _ranges(streams: list[Stream], buckets: int | None) -> tuple[str, ...]:
    """Cut the account ids into ranges of about as many rows."""
    counts: Counter[str] = Counter()
    for one in progress(streams, "counting rows per account", len(streams)):
        counts.update(one.account_ids())
    return cut_points(counts, buckets or min(MOST_BUCKETS, max(1, -(-counts.total() // BUCKET_ROWS))))


def _merged(store: Path, before: Manifest) -> Manifest:
    """Put the landed rows of each table and bucket into one file."""
    files, number = Files(store, before), f"{before.generation:04d}"
    kept, written = dict(before.files), []
    for table in before.columns:
        for bucket in range(len(before.buckets)):
            names = files.landed(table, bucket)
            if len(names) > 1:
                path = store / "landed" / number / table / f"{bucket:05d}.parquet"
                parts = [read_table(files.path(name)) for name in names]
                whole = pa.concat_tables(parts, promote_options="default")
                with landed_writer(path, whole.schema) as writer:
                    writer.write_table(whole)
                flush(path)
                written.append(path)
                for name in names:
                    del kept[name]
    return replace(before, files={**kept, **listed(store, written)}, generation=before.generation + 1)


def make_ready(store: Path, manifest: Manifest, clock: pd.Timestamp | None) -> Manifest:
    """Write the records of every bucket that has none, or whose records were written under other limits."""
    files, number = Files(store, manifest, clock), f"{manifest.generation - 1:04d}"
    buckets, kept = list(manifest.buckets), dict(manifest.files)
    waiting = [bucket for bucket in range(len(buckets)) if not files.ready(bucket)]
    for bucket in progress(waiting, "ordering", len(waiting)):
        elsewhere = files.elsewhere(bucket)
        built = files.assemble(bucket)
        old = [name for name in kept if name.startswith("records/") and name.endswith(f"/{bucket:05d}.parquet")]
        for name in old:
            del kept[name]
        folder = store / "records" / number
        written = [folder / "ids" / f"{bucket:05d}.parquet"]
        write_ids(written[0], built.accounts)
        for table in list(built.kept):
            rows = to_arrow(records_in(built, table, elsewhere))
            if len(rows):
                written.append(folder / table / f"{bucket:05d}.parquet")
                write_records(written[-1], rows)
        for path in written:
            flush(path)
        kept |= listed(store, written)
        buckets[bucket] = Bucket(number, len(built.accounts), built.facts)
    return replace(manifest, buckets=tuple(buckets), files=kept, clock=clock)


def commit(store: Path, manifest: Manifest) -> None:
    """Let the files count: the manifest comes last."""
    within = {one for name in manifest.files for one in PurePosixPath(name).parents}
    for folder in sorted(within, key=lambda one: (-len(one.parts), one)):
        flush(store / folder)
    manifest.write(store)
