"""What a backtest costs beside the fits it contains: CPU time of the walk, its metrics and its views, and memory.

python -m benchmarks.backtest [--accounts N] [--months M] [--threads N] [--json]

Ten thousand accounts at some two dozen cutoffs, three models beside the baselines. The company is simulated, stored and
then, in a process of its own, measured, labelled and tested from the store, as a plan would do. The peer is the sum of
all fits of the same run.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time, thread_time
from typing import Any
from unittest.mock import patch

import holdfast as hf
from holdfast.training import walk

BOUND = 1.3


def prepare(accounts: int, months: int, folder: Path) -> None:
    """Simulate a company and store its history."""
    command = [sys.executable, "-m", "holdfast", "simulate", "--accounts", str(accounts), "--months", str(months)]
    subprocess.run([*command, "--out", str(folder / "company")], check=True, stdout=subprocess.DEVNULL)
    hf.History.build(folder / "company" / "history", folder / "store")


def measured(store: Path, threads: int) -> dict[str, Any]:
    """Run one backtest and tell the time of its fits from the rest."""
    history = hf.History.open(store)
    cutoffs = hf.cutoffs(history, every="28d")
    X = hf.catalog.measure(history, cutoffs)
    y = hf.label(history, cutoffs, horizons=(30, 60, 90)).on(X.index)
    models: dict[str, Any] = {
        "churn": hf.ChurnModel(),
        "health": hf.HealthScore(),
        "template": hf.HealthScore.template(),
    }
    spent: list[tuple[str, float]] = []
    bare = walk._Learner.fit

    def timed(learner: Any, model: Any) -> Any:
        before = thread_time()
        try:
            return bare(learner, model)
        finally:
            spent.append((type(model).__name__, thread_time() - before))

    with patch.object(walk._Learner, "fit", timed):
        started, clock = process_time(), perf_counter()
        result = hf.backtest(models, X, y, threads=threads)
        walked = process_time() - started
        result.to_dict()
        total, lasted = process_time() - started, perf_counter() - clock
    by_model: dict[str, float] = {}
    for name, seconds in spent:
        by_model[name] = by_model.get(name, 0.0) + seconds
    fits = sum(by_model.values())
    return {
        "accounts": X.index.get_level_values("account_id").nunique(),
        "cutoffs": len(cutoffs),
        "rows": len(X),
        "predictions": len(result.frame()),
        "minutes": round(lasted / 60, 1),
        "fits_seconds": round(fits, 1),
        "by_model": {name: round(seconds, 1) for name, seconds in by_model.items()},
        "ratio_of_the_walk": round(walked / fits, 3),
        "ratio": round(total / fits, 3),
        "bound": BOUND,
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "verdict": result.verdict,
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.backtest", description=__doc__)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--threads", type=int, default=2, help="models that learn side by side")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--store", type=Path, help=argparse.SUPPRESS)  # the process of its own
    asked = parser.parse_args()
    if asked.store:
        print(json.dumps(measured(asked.store, asked.threads)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        prepare(asked.accounts, asked.months, Path(folder))
        own = [sys.executable, "-m", "benchmarks.backtest", "--store", str(Path(folder) / "store")]
        own += ["--threads", str(asked.threads)]
        found: dict[str, Any] = json.loads(subprocess.run(own, check=True, stdout=subprocess.PIPE, text=True).stdout)
    if asked.json:
        print(json.dumps(found, indent=2))
    else:
        print(f"{found['rows']:,} rows at {found['cutoffs']} cutoffs, {found['predictions']:,} predictions")
        print(f"fits {found['fits_seconds']} s of CPU: {found['by_model']}")
        print(f"{found['minutes']} minutes with {asked.threads} threads")
        print(f"the whole backtest {found['ratio']} of them (bound {BOUND}), peak {found['peak_mb']} MB")
    return 0 if found["ratio"] <= BOUND else 1


if __name__ == "__main__":
    sys.exit(main())
