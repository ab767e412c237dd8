"""Cutting buckets again that have grown: a range of accounts with far more rows than it should becomes several."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from holdfast.features.history.bucketfile import landed_writer, read_table
from holdfast.features.history.delivering import shared_in, spread
from holdfast.features.history.manifest import Bucket, Manifest, listed
from holdfast.features.history.reading import Files
from holdfast.safely import flush

BUCKET_ROWS = 1_500_000
MOST_BUCKETS = 512  # as many files are open at once while rows land


def cut_points(counts: Mapping[str, int], wanted: int) -> tuple[str, ...]:
    """Give the account ids at which ranges of about as many rows begin, but for the first range.

    Examples
    --------
    >>> cut_points({"a": 2, "b": 2, "c": 2, "d": 2}, 2)
    ('c',)
    """
    names = np.array(sorted(counts), dtype=object)
    if not len(names):
        return ()
    rows = np.cumsum([counts[name] for name in names])
    cuts = np.searchsorted(rows, rows[-1] * np.arange(1, wanted) / wanted, side="left") + 1
    return tuple(str(name) for name in names[np.unique(cuts[cuts < len(names)])])


def split(store: Path, manifest: Manifest) -> Manifest:
    """Cut every bucket of more than twice the usual rows; each table has one file of landed rows per bucket."""
    files = Files(store, manifest)
    cuts = _cuts(files)
    if not cuts:
        return manifest
    boundaries = tuple(sorted({*manifest.boundaries, *(name for found in cuts.values() for name in found)}))
    shift = np.cumsum([0, *(len(cuts.get(bucket, ())) for bucket in range(len(manifest.buckets)))]).tolist()
    number = f"{manifest.generation:04d}"
    kept: dict[str, Mapping[str, object]] = {}
    for name, entry in manifest.files.items():
        kind, _, table, file = name.split("/")
        bucket = int(file.split(".")[0])
        if kind == "landed" and bucket in cuts:
            kept |= _spread(files, name, store / kind / number / table, boundaries)
        elif kind == "landed" or (bucket not in cuts and manifest.buckets[bucket].records is not None):
            moved = f"{kind}/{number}/{table}/{bucket + shift[bucket]:05d}.parquet" if shift[bucket] else name
            if moved != name:
                _link(files.path(name), store / moved)
            kept[moved] = entry
    buckets: list[Bucket] = []
    for bucket, one in enumerate(manifest.buckets):
        same = one if one.records is None or not shift[bucket] else replace(one, records=number)
        buckets += [Bucket()] * (len(cuts[bucket]) + 1) if bucket in cuts else [same]
    after = replace(
        manifest, boundaries=boundaries, buckets=tuple(buckets), files=kept, generation=manifest.generation + 1
    )
    found = Files(store, after)
    return replace(after, shared={name: names for name in after.columns if (names := shared_in(found, name, kept))})


def _cuts(files: Files) -> dict[int, tuple[str, ...]]:
    """Tell where to cut which buckets."""
    manifest, found = files.manifest, dict[int, tuple[str, ...]]()
    room = MOST_BUCKETS - len(manifest.buckets)
    for bucket in range(len(manifest.buckets)):
        paths = [files.path(name) for table in manifest.columns for name in files.landed(table, bucket)]
        counts: Counter[str] = Counter()
        for path in paths:
            ids = read_table(path, columns=["account_id"]).column(0)
            several = pc.value_counts(ids.drop_null())
            counts.update(dict(zip(several.field(0).to_pylist(), several.field(1).to_pylist(), strict=True)))
        rows = counts.total()
        if rows > 2 * BUCKET_ROWS and room > 0:
            cuts = cut_points(counts, min(-(-rows // BUCKET_ROWS), room + 1))
            room -= len(cuts)
            found |= {bucket: cuts} if cuts else {}
    return found


def _spread(files: Files, name: str, folder: Path, boundaries: tuple[str, ...]) -> dict[str, dict[str, object]]:
    written = []
    for bucket, rows in spread(read_table(files.path(name)), boundaries):
        written.append(folder / f"{bucket:05d}.parquet")
        with landed_writer(written[-1], rows.schema) as writer:
            writer.write_table(rows)
        flush(written[-1])
    return listed(files.folder, written)


def _link(path: Path, other: Path) -> None:
    """Give the same bytes another name, by a copy where the disk knows no second names."""
    other.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, other)
    except OSError:
        shutil.copyfile(path, other)
        flush(other)
