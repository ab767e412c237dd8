"""Measure what a column of the whole catalogue costs beside one of the sixty aggregates, on the same store.

python -m benchmarks.catalogue [tiny|S|M] [--json]

Usage, tickets and invoices are those of `benchmarks.speed` (M: 10 k accounts, 10 M events), usage with the features
and advanced features told; every other table is that of a simulated company with as many accounts. So no indicator is
left out, but for those that take orders for the sign of life, which stand aside where there are subscriptions.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pandas as pd

import holdfast as hf
from benchmarks.speed.aggregates import AGGREGATES
from benchmarks.speed.cache import cache_folder, data_set, read_json, write_json
from benchmarks.speed.child import cpu_seconds, peak_mb
from benchmarks.speed.clock import CUTOFFS, END
from benchmarks.speed.environments import environment
from benchmarks.speed.generate import SIZES
from holdfast.features.catalog.collection import Catalog
from holdfast.features.history.history import History
from holdfast.features.simulate import simulate_frames

MOST = 2.0  # what a column of the catalogue may cost, in columns of the sixty
_USAGE = """
    COPY (SELECT *, CASE WHEN kind = 'feature' THEN event END AS feature,
                 CASE WHEN kind = 'feature' THEN event >= 'feature_12' END AS advanced
          FROM read_parquet($source)) TO '{target}' (FORMAT parquet)
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.catalogue", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("size", nargs="?", choices=("tiny", "S", "M"), default="M")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--measure", choices=("sixty", "catalogue"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(measure(company("tiny"), company(asked.size), asked.measure)))
        return 0
    company("tiny"), company(asked.size)
    told = {name: _child(asked.size, name) for name in ("sixty", "catalogue")}
    ratio = told["catalogue"]["cpu_per_column"] / told["sixty"]["cpu_per_column"]
    result = {"size": asked.size, **told, "ratio": round(ratio, 2), "bound": MOST}
    if asked.json:
        print(json.dumps(result, indent=2))
    else:
        for name, one in told.items():
            print(
                f"{name}: {one['columns']} columns, {one['rows']:,} rows, {one['cpu']:.2f} CPU s, "
                f"{1000 * one['cpu_per_column']:.1f} ms a column, {one['rss_mb']:.0f} MB"
            )
        print(f"a column of the catalogue costs {ratio:.2f} of the sixty's (bound {MOST:g})")
    return 0 if ratio <= MOST else 1


def company(size: str) -> Path:
    """Give the store of a company with every table, built when it is not there."""
    folder, speed = cache_folder() / f"{size}-all", data_set(size)
    wanted = {"speed": read_json(speed / "manifest.json"), "tables": 1}
    if read_json(folder / "manifest.json") != wanted:
        tables = folder / "history"
        tables.mkdir(parents=True, exist_ok=True)
        with duckdb.connect(config={"threads": 1}) as connection:
            target = _USAGE.format(target=tables / "usage.parquet")  # our own path
            connection.execute(target, {"source": str(speed / "history" / "usage.parquet")})
        for name in ("tickets", "invoices"):
            _beside(speed, tables, name, size)
        for name, frame in _simulated(size).items():
            if name not in ("usage", "tickets", "invoices", "churn"):
                frame.to_parquet(tables / f"{name}.parquet")
        History.build(tables, folder / "store", end=END)
        write_json(folder / "manifest.json", wanted)
    return folder / "store"


def measure(warm: Path, store: Path, what: str) -> dict[str, float]:
    """Measure one of the two in this process, after a small company to warm up."""
    bound = tuple(one for one in hf.catalog if not one.unless)
    catalog = AGGREGATES if what == "sixty" else Catalog(bound)
    cutoffs = [pd.Timestamp(cutoff) for cutoff in CUTOFFS]
    catalog.measure(History.open(warm), cutoffs)
    before = cpu_seconds()
    snapshot = catalog.measure(History.open(store), cutoffs)
    cpu = cpu_seconds() - before
    if snapshot.left_out:
        raise SystemExit(f"benchmarks.catalogue: left out {dict(snapshot.left_out)}")
    columns = len(snapshot.catalog)
    return {"columns": columns, "rows": len(snapshot), "cpu": cpu, "cpu_per_column": cpu / columns, "rss_mb": peak_mb()}


def _simulated(size: str) -> dict[str, pd.DataFrame]:
    """Simulate the tables that the sets for speed do not have, under their account ids and in their two years."""
    frames, _ = simulate_frames(SIZES[size].accounts, seed=0, months=24, end=END.date().isoformat())
    ids = sorted(frames["accounts"]["account_id"].unique())
    renamed = {old: f"A{place:07d}" for place, old in enumerate(ids)}
    return {name: frame.assign(account_id=frame["account_id"].map(renamed)) for name, frame in frames.items()}


def _beside(speed: Path, tables: Path, name: str, size: str) -> None:
    """Give the generated tickets and invoices the columns that only the simulated ones tell, row by row."""
    own = pd.read_parquet(speed / "history" / f"{name}.parquet")
    told = _simulated(size)[name]
    more = [column for column in told if column not in own and column not in ("known_basis", "deleted")]
    drawn = told[more].sample(len(own), replace=True, random_state=0).reset_index(drop=True)
    pd.concat([own, drawn], axis=1).to_parquet(tables / f"{name}.parquet")


def _child(size: str, what: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.catalogue", size, "--measure", what]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment())
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


if __name__ == "__main__":
    sys.exit(main())
