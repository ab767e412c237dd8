"""The same catalogue, measured in every way there is, compared bit by bit.

python -m benchmarks.identical [--accounts N] [--json]

In memory, from stores of 1, 7 and 64 buckets, from a store that grew by deliveries (as they lie, and compacted), from
buckets that travelled as Arrow, one cutoff at a time, and carried from day to day. Each way must give the same bytes as
measuring in memory; when one does not, the command ends with 1.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pyarrow as pa

import holdfast as hf
from holdfast.features.carry import Carry
from holdfast.features.catalog.collection import Catalog
from holdfast.features.history import to_tables
from holdfast.features.simulate import simulate_frames

END = pd.Timestamp("2026-01-01", tz="UTC")
CUTOFFS = pd.date_range(END - pd.Timedelta(days=336), END, freq="28D")
DAYS = 5  # carried one by one


def digest(rows: pd.DataFrame) -> str:
    """Hash the rows of a snapshot: index, names and every bit of the values."""
    told = sha256(repr([*map(str, rows.columns)]).encode())
    told.update(repr(rows.index.tolist()).encode())
    for name in rows:
        numbers = rows[name].dtype.kind == "f"
        told.update(rows[name].to_numpy().tobytes() if numbers else repr(rows[name].fillna("").tolist()).encode())
    return told.hexdigest()


def deliver(tables: dict[str, pd.DataFrame], folder: Path, since: pd.Timestamp, until: pd.Timestamp) -> Path:
    """Write what became known between two instants as a delivery of its own."""
    folder.mkdir(parents=True)
    for name, frame in tables.items():
        rows = frame[(frame["known_at"] > since) & (frame["known_at"] <= until)]
        if len(rows):
            rows.to_parquet(folder / f"{name}.parquet", index=False)
    return folder


def grown(tables: dict[str, pd.DataFrame], folder: Path, days: list[pd.Timestamp]) -> Iterator[hf.History]:
    """Build a store from what was known on the first day, and let it grow by the deliveries up to the others."""
    first = deliver(tables, folder / "0", pd.Timestamp(0, tz="UTC"), days[0])
    store = hf.History.build(first, folder / "store", buckets=7, end=END)
    yield store
    for number, (since, until) in enumerate(pairwise(days), start=1):
        store = store.append(deliver(tables, folder / str(number), since, until))
        yield store


def as_arrow(store: hf.History, catalog: Catalog) -> pd.DataFrame:
    """Measure the buckets of a store from Arrow tables, each by itself."""
    parts = [catalog.measure_batch(to_tables(bucket), CUTOFFS) for bucket in store.buckets()]
    rows: pd.DataFrame = catalog.with_peers(pa.concat_tables(parts, promote_options="permissive")).to_pandas()
    return rows.set_index(["account_id", "cutoff"])


def ways(accounts: int, folder: Path) -> Iterator[tuple[str, bool]]:
    """Measure in every way: its name, and whether the bits are the same."""
    tables, _ = simulate_frames(accounts=accounts, seed=0, months=24, end=END)
    source = deliver(tables, folder / "whole", pd.Timestamp(0, tz="UTC"), END)
    memory = hf.History.read(source, end=END)
    snapshot = hf.catalog.measure(memory, CUTOFFS)
    fitted, expected = Catalog(snapshot.catalog), digest(snapshot.frame())
    for buckets in (1, 7, 64):
        store = hf.History.build(source, folder / f"of-{buckets}", buckets=buckets, end=END)
        found = digest(hf.catalog.measure(store, CUTOFFS).frame())
        yield f"a store of {buckets} bucket" + "s" * (buckets > 1), found == expected
    yield "64 buckets as Arrow, each by itself", digest(as_arrow(store, fitted)) == expected
    *_, store = grown(tables, folder / "thirds", [END - pd.Timedelta(days=days) for days in (300, 20, 0)])
    yield "a store of 3 deliveries", digest(hf.catalog.measure(store, CUTOFFS).frame()) == expected
    yield "the same, compacted", digest(hf.catalog.measure(store.compact(), CUTOFFS).frame()) == expected
    alone = pd.concat([fitted.measure(memory, [cutoff]).frame() for cutoff in CUTOFFS]).sort_index()
    yield "one cutoff at a time", digest(alone) == expected
    days = [END - pd.Timedelta(days=left) for left in range(DAYS, -1, -1)]
    stores = grown(tables, folder / "daily", days)
    carry = Carry.start(fitted, next(stores), days[0], folder / "carry")
    for day, store in zip(days[1:], stores, strict=True):
        carried = carry.advance(store, day)
    last = fitted.measure(memory, [END])
    yield f"carried over {DAYS} days", digest(carried.frame()) == digest(last.frame())


def main() -> int:
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--accounts", type=int, default=300)
    asked.add_argument("--json", action="store_true", help="print the result as JSON")
    given, same = asked.parse_args(), {}
    with tempfile.TemporaryDirectory(prefix="holdfast-identical-") as folder:
        for name, identical in ways(given.accounts, Path(folder)):
            same[name] = identical
            print(f"{name}: {'the same bits' if identical else 'DIFFERENT'}", file=sys.stderr)
    if given.json:
        print(json.dumps({"ways": same, "identical": all(same.values())}))
    else:
        print("| measured from | against memory |\n|---|---|")
        for name, identical in same.items():
            print(f"| {name} | {'the same bits' if identical else 'DIFFERENT'} |")
    return 0 if all(same.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
