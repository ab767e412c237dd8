"""Withdrawing: rows of accounts and persons that were erased leave files of ours for good."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from holdfast.features.history.bucketfile import landed_writer, read_table
from holdfast.features.history.building import commit, make_ready
from holdfast.features.history.leaving_out import PARENT, PERSON, TOLD, Kind, LeftOut, told
from holdfast.features.history.manifest import Bucket, Manifest, listed
from holdfast.features.history.place import sweep, tidied
from holdfast.features.history.reading import Files
from holdfast.findings import Finding
from holdfast.safely import alone, flush, publishing

_BY = {"account_id": "account", PARENT: "account", PERSON: "person"}  # whom a column names


def withdrawn(rows: pa.Table, left_out: LeftOut) -> tuple[pa.Table, int, int]:
    """Do to an Arrow table what `LeftOut.rows` does to a frame.

    Returns
    -------
    rows, gone, hidden
        What stays, how many rows were left out, and how many stay under a pseudonym.
    """
    before = len(rows)
    if ids := _wanted(rows, "account_id", left_out):
        rows = rows.filter(pc.invert(_among(rows, "account_id", ids)))
    gone = before - len(rows)
    if ids := _wanted(rows, PARENT, left_out):
        rows = _with(rows, PARENT, pc.if_else(_among(rows, PARENT, ids), None, rows.column(PARENT)))
    ids = _wanted(rows, PERSON, left_out)
    if not ids:
        return rows, gone, 0
    theirs, names = _among(rows, PERSON, ids), rows.column(PERSON)
    for column in (one for one in TOLD if one in rows.column_names):
        rows = _with(rows, column, pc.if_else(theirs, None, rows.column(column)))
    places = pc.index_in(names, pa.array(ids, names.type))
    pseudonyms = pa.array([left_out.pseudonym(one) for one in ids], names.type)
    rows = _with(rows, PERSON, pc.if_else(theirs, pseudonyms.take(places.combine_chunks()), names))
    return rows, gone, int(pc.sum(theirs).as_py() or 0)


def withdraw_tables(folder: Path, left_out: LeftOut, nobody: str) -> list[Finding]:
    """Withdraw rows from the Parquet files of a folder, one per table, and tell how many; a file without rows goes.

    Parameters
    ----------
    nobody
        How the account id of rows begins that lead to no account: they go too, since nobody can tell whose they are.
    """
    findings = []
    for path in sorted(folder.glob("*.parquet")):
        before = pq.read_table(path)
        rows, gone, hidden = withdrawn(before, left_out)
        if "account_id" in rows.column_names:
            rows = rows.filter(
                pc.invert(pc.starts_with(rows.column("account_id"), nobody)), null_selection_behavior="drop"
            )
        if gone or hidden or len(rows) < len(before):
            findings += told(path.stem, gone, hidden)
            path.unlink()
            if len(rows):
                pq.write_table(rows, path, compression="zstd")
    return findings


def withdraw(store: Path, left_out: LeftOut) -> int:
    """Withdraw rows from a store: its files are written anew, and those of the generation before are not kept.

    Returns
    -------
    int
        How many rows were left out or made anonymous; a store that holds none of them stays as it is.

    Raises
    ------
    DataError
        When the store is damaged.
    LockHeld
        When another process writes to it.
    """
    with alone(store):
        before = Manifest.read(store)
        with publishing(store), tidied(store, before.held):
            landed, rows = _landed(store, before, left_out)
            if not rows:
                sweep(store, before.files)
                return 0
            ready = make_ready(store, landed, before.clock)
            commit(store, replace(ready, former=()))
            sweep(store, ready.files)
    return rows


def _landed(store: Path, before: Manifest, left_out: LeftOut) -> tuple[Manifest, int]:
    """Write the landed rows of each table and bucket anew that hold such rows, in one file each."""
    files, number, count = Files(store, before), f"{before.generation:04d}", 0
    kept, written, touched = dict(before.files), list[Path](), set[int]()
    for table in before.columns:
        for bucket in range(len(before.buckets)):
            names = files.landed(table, bucket)
            parts = [withdrawn(read_table(files.path(name)), left_out) for name in names]
            if not (found := sum(gone + hidden for _, gone, hidden in parts)):
                continue
            count += found
            touched.add(bucket)
            for name in names:
                del kept[name]
            whole = pa.concat_tables([rows for rows, *_ in parts], promote_options="default")
            if len(whole):
                written.append(store / "landed" / number / table / f"{bucket:05d}.parquet")
                with landed_writer(written[-1], whole.schema) as writer:
                    writer.write_table(whole)
                flush(written[-1])
    buckets = tuple(Bucket() if n in touched or before.shared else one for n, one in enumerate(before.buckets))
    after = {**kept, **listed(store, written)}
    boundaries = _renamed(store, before, after, left_out)
    generation = before.generation + 1
    return replace(before, boundaries=boundaries, buckets=buckets, files=after, generation=generation), count


def _renamed(store: Path, before: Manifest, files: Mapping[str, Any], left_out: LeftOut) -> tuple[str, ...]:
    """Have ranges that began with the id of an erased account begin right after the last id before it."""
    if not any(left_out.has("account", one) for one in before.boundaries):
        return before.boundaries
    paths = [store / name for name in files if name.startswith("landed/")]
    there = sorted({str(one) for path in paths for one in _ids(path) if one is not None})
    found: list[str] = []
    for one in before.boundaries:
        last = max([*there[: bisect_left(there, one)][-1:], *found[-1:]], default="")
        found.append(f"{last}\0" if left_out.has("account", one) else one)
    return tuple(found)


def _ids(path: Path) -> Iterable[object]:
    found: list[object] = pc.unique(read_table(path, columns=["account_id"]).column(0)).to_pylist()
    return found


def _wanted(rows: pa.Table, column: str, left_out: LeftOut) -> list[str]:
    kind: Kind = "person" if _BY[column] == "person" else "account"
    if column not in rows.column_names or not (left_out.persons if kind == "person" else left_out.accounts):
        return []
    return [one for one in pc.unique(rows.column(column)).to_pylist() if one is not None and left_out.has(kind, one)]


def _among(rows: pa.Table, column: str, ids: list[str]) -> pa.ChunkedArray:
    return pc.is_in(rows.column(column), pa.array(ids, rows.schema.field(column).type))


def _with(rows: pa.Table, column: str, values: pa.ChunkedArray) -> pa.Table:
    return rows.set_column(rows.column_names.index(column), rows.schema.field(column), values)
