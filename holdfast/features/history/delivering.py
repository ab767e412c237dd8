"""Landing a delivery in a store: every row in the bucket of its account, and which buckets it concerns."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from holdfast.features.history.bucketfile import landed_table, landed_writer, read_table, readable
from holdfast.features.history.facts import Reach
from holdfast.features.history.landing import Landed
from holdfast.features.history.manifest import Manifest, Part, listed
from holdfast.features.history.reading import Files
from holdfast.features.history.sharing import name_of, shared_names
from holdfast.features.history.streaming import Stream
from holdfast.features.history.strict import strict
from holdfast.features.history.tables import SOURCE_ID, TABLES
from holdfast.progress import progress
from holdfast.safely import flush

_GROUP_ROWS = 1 << 15  # every group of rows costs memory until its file is closed


@dataclass
class _Landing:
    """What a delivery has come to so far, by table."""

    folder: Path
    before: Manifest
    reach: dict[str, Reach] = field(default_factory=dict)
    assumed: dict[str, int] = field(default_factory=dict)
    columns: dict[str, set[str]] = field(default_factory=dict)
    written: list[Path] = field(default_factory=list)

    def land(self, stream: Stream) -> None:
        """Write the rows of a table, each to the file of its bucket."""
        with ExitStack() as stack:
            writers: dict[int, pa.parquet.ParquetWriter] = {}
            waiting: dict[int, pa.Table] = {}
            for landed in stream.landed():
                table = self._counted(landed)
                for bucket, rows in spread(table, self.before.boundaries):
                    if bucket not in writers:
                        path = self.folder / stream.name / f"{bucket:05d}.parquet"
                        writers[bucket] = stack.enter_context(landed_writer(path, table.schema))
                        self.written.append(path)
                    held = pa.concat_tables([waiting.pop(bucket, rows.slice(0, 0)), rows])
                    if len(held) >= _GROUP_ROWS:
                        writers[bucket].write_table(held, row_group_size=len(held))
                    else:
                        waiting[bucket] = held.combine_chunks()  # a copy, lest a slice keep its whole batch in memory
            for bucket, rows in sorted(waiting.items()):
                writers[bucket].write_table(rows)

    def _counted(self, landed: Landed) -> pa.Table:
        name, frame = landed.table.name, landed.frame
        if self.before.strict_clock:
            frame = strict(landed).frame
            self.assumed[name] = self.assumed.get(name, 0) + len(landed.frame) - len(frame)
        self.reach[name] = self.reach.get(name, Reach()) + Reach.of(frame["known_at"])
        self.columns.setdefault(name, set(self.before.columns.get(name, ()))).update(frame.columns)
        return landed_table(landed.table, frame)


def land_part(
    store: Path, before: Manifest, sources: Mapping[str, Mapping[str, Any]], streams: list[Stream], notes: list[Any]
) -> Manifest:
    """Land the rows of a delivery, and give the manifest with it.

    Parameters
    ----------
    sources
        The files delivered, each with its size and hash.
    notes
        What was noticed in the folder.
    """
    number = f"{before.generation:04d}"
    landing = _Landing(store / "landed" / number, before)
    for one in progress(streams, "landing", len(streams)):
        landing.land(one)
    for path in landing.written:
        flush(path)
    part = Part(
        number,
        sources,
        {one.name: one.rows for one in streams},
        {one.name: one.dateless for one in streams},
        landing.reach,
        {"": tuple(notes), **{one.name: one.findings for one in streams}},
        {one.name: asdict(one.dialect) for one in streams},
        landing.assumed,
    )
    files = listed(store, landing.written)
    columns = {**before.columns, **{name: tuple(sorted(given)) for name, given in landing.columns.items()}}
    after = replace(
        before,
        parts=(*before.parts, part),
        columns=dict(sorted(columns.items())),
        files={**before.files, **files},
        generation=before.generation + 1,
    )
    return _outdated(store, before, after, files)


def spread(table: pa.Table, boundaries: tuple[str, ...]) -> Iterable[tuple[int, pa.Table]]:
    """Sort rows by bucket, those of one bucket in their order."""
    if not len(table):
        return
    if not boundaries:
        yield 0, table
        return
    ids = table.column("account_id").combine_chunks().dictionary_encode()
    places = np.array([*(bisect_right(boundaries, name) for name in ids.dictionary.to_pylist()), 0], dtype=np.int32)
    codes = places[ids.indices.fill_null(-1).to_numpy()]
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes))
    whole = table.take(pa.array(order))
    for bucket in np.unique(codes):
        start = int(ends[bucket - 1]) if bucket else 0
        yield int(bucket), whole.slice(start, int(ends[bucket]) - start)


def _outdated(store: Path, before: Manifest, after: Manifest, new: Mapping[str, Any]) -> Manifest:
    """Mark the buckets whose records say no longer what the landed rows say."""
    files = Files(store, after)
    shared = {name: found for name in after.columns if (found := shared_in(files, name, new))}
    touched = {int(Path(name).stem) for name in new}
    named_anew = any((SOURCE_ID in after.columns[name]) != (SOURCE_ID in then) for name, then in before.columns.items())
    concerned = touched.union(*(_concerned(files, name, found, touched) for name, found in shared.items()))
    buckets = [
        replace(one, records=None) if named_anew or number in concerned else one
        for number, one in enumerate(after.buckets)
    ]
    return replace(after, buckets=tuple(buckets), shared=shared)


def _having(files: Files, table: str, names: Iterable[str]) -> dict[int, list[Path]]:
    """Give by bucket those of some landed files that name the records of a table."""
    column, found = name_of(TABLES[table]), dict[int, list[Path]]()
    for name in sorted(one for one in names if one.split("/")[0] == "landed" and one.split("/")[2] == table):
        path = files.path(name)
        with readable(path):
            there = column in pa.parquet.read_schema(path).names
        if there:
            found.setdefault(int(path.stem), []).append(path)
    return found


def shared_in(files: Files, table: str, new: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the names of a table that occur in several buckets, those known before and those of new files."""
    manifest = files.manifest
    column = name_of(TABLES[table])
    if column is None or column not in manifest.columns[table]:
        return ()
    found = shared_names(files.folder, table, _having(files, table, manifest.files), _having(files, table, new))
    return tuple(sorted({*manifest.shared.get(table, ()), *found}))


def _concerned(files: Files, table: str, shared: tuple[str, ...], touched: set[int]) -> set[int]:
    """Tell which buckets hold a shared name that a touched bucket holds too."""
    column, wanted = str(name_of(TABLES[table])), pa.array(shared, pa.string())
    held: dict[int, set[str]] = {}
    for bucket, paths in _having(files, table, files.manifest.files).items():
        for path in paths:
            names = read_table(path, columns=[column]).column(0)
            held.setdefault(bucket, set()).update(pc.unique(pc.filter(names, pc.is_in(names, wanted))).to_pylist())
    changed = set().union(*(names for bucket, names in held.items() if bucket in touched))
    return {bucket for bucket, names in held.items() if not changed.isdisjoint(names)}
