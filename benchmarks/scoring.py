"""What a day of scores costs, from the stored history to every published file: time, memory, and where it goes.

python -m benchmarks.scoring [--accounts N] [--months M] [--keep DIR] [--json]

The company is simulated and stored; the model learns from a smaller company of the same law, so that the measure is
scoring alone. The peer is reading the same day's rows of the store once, in the same run: what no scoring can avoid.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import holdfast as hf
from benchmarks.tree import Watch
from holdfast.safely import remove
from holdfast.serving.pipeline import bundle_of, measure_day
from holdfast.serving.plan import read_plan

LEARNED_FROM, LEARNED_MONTHS = 1_500, 24
BOUNDED, BOUND_SECONDS, BOUND_MB = 50_000, 180, 2_000  # accounts, for which the bounds are


def holdfast(*arguments: str | Path, measured: bool = False) -> dict[str, Any]:
    """Run a command in a process of its own; give its time, and the most memory that it and its own held together."""
    command = [sys.executable, "-m", "holdfast", *map(str, arguments)]
    started = perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    with Watch(process.pid) as watch:
        code = process.wait()
    if code:
        raise SystemExit(f"{' '.join(command)} ended with {code}")
    return {"seconds": round(perf_counter() - started, 1), "peak_mb": round(watch.most)} if measured else {}


def prepare(accounts: int, months: int, folder: Path, buckets: int | None = None) -> Path:
    """Simulate and store the company, and put in service a model that learned elsewhere."""
    small, large = folder / "small", folder / "large"
    size = ("--accounts", str(LEARNED_FROM), "--months", str(LEARNED_MONTHS))
    holdfast("simulate", *size, "--seed", "1", "--out", small)
    plan = small / "plan.toml"
    plan.write_text(plan.read_text(encoding="utf-8") + "\n[backtest]\naudits = false\n", encoding="utf-8")
    holdfast("train", plan)
    holdfast("simulate", "--accounts", str(accounts), "--months", str(months), "--out", large)
    hf.History.build(large / "history", large / "store", buckets=buckets)
    shutil.rmtree(large / "history")
    (large / "store").rename(large / "history")
    shutil.copytree(small / "out" / "models", large / "out" / "models")
    return large / "plan.toml"


def reading(plan: Path) -> float:
    """Read every table of the store once, bucket by bucket."""
    started = perf_counter()
    history = hf.History.open(plan.parent / "history")
    for bucket in history.buckets():
        for table in bucket.tables:
            bucket.records(table)
    return round(perf_counter() - started, 1)


def alone(plan: Path, calls: int = 2_000) -> float:
    """Score one account at a time in process; give the median milliseconds of CPU."""
    settings = read_plan(plan)
    bundle = bundle_of(settings)
    history = hf.History.open(plan.parent / "history")
    some = next(history.buckets())
    X = measure_day(some, bundle)
    single = hf.Single(bundle.health, bundle.model, X.catalog)
    rows = [hf.Row.of(X, place) for place in range(min(200, len(X)))]
    spent = []
    for call in range(calls):
        started = process_time()
        single(rows[call % len(rows)])
        spent.append(process_time() - started)
    return round(1000 * median(spent), 3)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scoring", description=__doc__)
    parser.add_argument("--accounts", type=int, default=BOUNDED)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--keep", type=Path, help="work in this folder, and leave it there")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.keep or Path(temporary)
        plan = folder / "large" / "plan.toml"
        if not plan.exists():
            plan = prepare(asked.accounts, asked.months, folder)
        for kept in (one for one in (plan.parent / "out").iterdir() if one.name != "models"):
            remove(kept)
        found = {"accounts": asked.accounts, "reading_seconds": reading(plan)}
        found |= holdfast("score", plan, measured=True) | {"one_account_ms": alone(plan)}
        run = (plan.parent / "out" / "current").resolve()
        found["files_mb"] = {one.name: round(one.stat().st_size / 1e6, 1) for one in sorted(run.iterdir())}
    if asked.json:
        print(json.dumps(found, indent=2))
    else:
        print(f"{asked.accounts:,} accounts: {found['seconds']} s, peak {found['peak_mb']} MB", end="")
        print(f" (bounds for {BOUNDED:,}: {BOUND_SECONDS} s, {BOUND_MB} MB)")
        print(f"reading the store once: {found['reading_seconds']} s")
        print(f"one account in process: {found['one_account_ms']} ms of CPU (bound 1)")
    return 1 if asked.accounts <= BOUNDED and found["peak_mb"] > BOUND_MB else 0


if __name__ == "__main__":
    sys.exit(main())
