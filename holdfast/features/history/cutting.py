"""Cutting a store off at an instant: the store that would have been built from what was known by then.

Where nothing but the end of the rows changes, the files stay where they are, and are read up to the instant; else, as
where rows repeat each other or have no known account, what counts is decided anew, and written to files of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pandas as pd

from holdfast.features.history.assembly import account_ids, assemble, happened, of_known_accounts
from holdfast.features.history.bucketfile import landed_table, landed_writer
from holdfast.features.history.building import make_ready
from holdfast.features.history.facts import Facts, Reach, limits
from holdfast.features.history.manifest import Bucket, Manifest, Part, listed
from holdfast.features.history.naming import nameless
from holdfast.features.history.noticed import tally
from holdfast.features.history.outline import require
from holdfast.features.history.reading import Files
from holdfast.features.history.tables import TABLES
from holdfast.features.history.view import blank_later, known_by
from holdfast.features.time import FOREVER, micros


def cut_in_place(files: Files, stamp: pd.Timestamp) -> Manifest | None:
    """Tell what a store holds when its files are read up to an instant; none where rows must be decided anew.

    Raises
    ------
    DataError
        When nothing, or too little, was known by then.
    """
    before = files.manifest
    if before.shared or not all(files.ready(number) and _plain(one) for number, one in enumerate(before.buckets)):
        return None
    reach: dict[str, Reach] = {}
    buckets: list[Bucket] = []
    for number, bucket in enumerate(before.buckets):
        found = _facts_by(files, number, stamp, reach)
        if found is None:
            return None
        buckets.append(Bucket(bucket.records, *found))
    require(dict.fromkeys(reach), f"what was known at {stamp}")
    within = limits(reach, files.clock)
    if any(one.past_last > within[name] for bucket in buckets for name, one in bucket.facts.items()):
        return None
    columns = {name: one for name, one in before.columns.items() if name in reach}
    told = tuple(replace(one, facts={n: f for n, f in one.facts.items() if n in reach}) for one in buckets)
    return replace(before, parts=(_whole_part(before, reach, columns),), columns=columns, buckets=told)


def _plain(bucket: Bucket) -> bool:
    """Tell whether all rows of a bucket count as they landed."""
    undated = bucket.facts["accounts"].defaults.get(TABLES["accounts"].time, 0) if "accounts" in bucket.facts else 0
    return not undated and not any(
        one.late or one.undated or one.unknown or one.repeated for one in bucket.facts.values()
    )


def _facts_by(
    files: Files, bucket: int, stamp: pd.Timestamp, reach: dict[str, Reach]
) -> tuple[int, dict[str, Facts]] | None:
    """Count what of a bucket was known by an instant, and its accounts; none where rows must be decided anew."""
    facts: dict[str, Facts] = {}
    accounts: pd.Index = pd.Index([], dtype="str")
    for name in ("accounts", *(one for one in files.manifest.columns if one != "accounts")):
        if (
            name != "accounts"
            and len(accounts) == files.manifest.buckets[bucket].accounts
            and (whole := _whole_by(files, name, bucket, stamp, reach))
        ):
            facts[name] = whole
            continue
        table, landed = TABLES[name], files.rows(name, bucket)
        known = landed[(landed["known_at"] <= stamp).to_numpy()].reset_index(drop=True)
        kept = blank_later(table, known, stamp)
        if nameless(table, kept) or (happened(table, known) != happened(table, kept)).any():
            return None
        if len(kept):
            reach[name] = reach.get(name, Reach()) + Reach.of(kept["known_at"])
        if name == "accounts":
            accounts = account_ids(kept)
        last = int(micros(kept["known_at"]).max(initial=-FOREVER))
        facts[name] = Facts(landed=len(kept), past_last=last)
        rows, _ = of_known_accounts(table, kept, accounts, {name: []}, facts)
        facts[name] += tally(table, rows, happened(table, rows))
    return len(accounts), facts


def _whole_by(files: Files, name: str, bucket: int, stamp: pd.Timestamp, reach: dict[str, Reach]) -> Facts | None:
    """Give the facts of a table of which everything was known by an instant, and nothing lay ahead; else none."""
    if files.until is not None:
        return None
    when = files.instants(name, bucket)
    if when.empty or (when > stamp).any(axis=None):
        return None
    reach[name] = reach.get(name, Reach()) + Reach.of(when["known_at"])
    return files.manifest.buckets[bucket].facts[name]


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
