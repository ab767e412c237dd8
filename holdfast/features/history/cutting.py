"""Cutting a store off at an instant: the store that would have been built from what was known by then."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pandas as pd

from holdfast.features.history.assembly import assemble
from holdfast.features.history.bucketfile import landed_table, landed_writer
from holdfast.features.history.building import make_ready
from holdfast.features.history.facts import Reach
from holdfast.features.history.manifest import Bucket, Manifest, Part, listed
from holdfast.features.history.outline import require
from holdfast.features.history.reading import Files
from holdfast.features.history.tables import TABLES
from holdfast.features.history.view import known_by


def cut_store(files: Files, folder: Path, stamp: pd.Timestamp) -> Manifest:
    """Write to a folder what of a store was known by an instant, and make it ready.

    Raises
    ------
    DataError
        When nothing, or too little, was known by then.
    """
    before = files.manifest
    reach: dict[str, Reach] = {}
    columns: dict[str, set[str]] = {}
    written: list[Path] = []
    for bucket in range(len(before.buckets)):
        built = assemble(files.frames(bucket), files.limits(), files.elsewhere(bucket))
        for name, kept in built.kept.items():
            frame = known_by(TABLES[name], [kept, *built.aside[name]], stamp)
            if len(frame):
                reach[name] = reach.get(name, Reach()) + Reach.of(frame["known_at"])
                columns.setdefault(name, set()).update(frame.columns)
                table = landed_table(TABLES[name], frame)
                path = folder / "landed" / "0000" / name / f"{bucket:05d}.parquet"
                with landed_writer(path, table.schema) as writer:
                    writer.write_table(table)
                written.append(path)
    require(dict.fromkeys(columns), f"what was known at {stamp}")
    cut = Manifest(
        before.boundaries,
        (_whole_part(before, reach, columns),),
        {name: tuple(sorted(one)) for name, one in sorted(columns.items())},
        (Bucket(),) * len(before.buckets),
        listed(folder, written),
        {name: found for name, found in before.shared.items() if name in columns},
        1,
    )
    return make_ready(folder, cut, files.clock)


def _whole_part(before: Manifest, reach: dict[str, Reach], columns: Iterable[str]) -> Part:
    """Tell of all deliveries as of one, for the tables that are left."""
    return replace(
        before.parts[-1],
        name="0000",
        rows={name: sum(one.rows.get(name, 0) for one in before.parts) for name in columns},
        dateless={name: sum(one.dateless.get(name, 0) for one in before.parts) for name in columns},
        reach=reach,
        findings={
            name: tuple(found for one in before.parts for found in one.findings.get(name, ()))
            for name in ("", *columns)
        },
        dialects={name: d for one in before.parts for name, d in one.dialects.items() if name in columns},
    )
