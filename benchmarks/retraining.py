"""What retraining costs beside the backtest and the fits it contains, the first time and a month later.

    python -m benchmarks.retraining [--accounts N] [--months M] [--json]

The peer is the CPU time of what is fitted and tested, within the same run: the models of the bundle, the backtest, its
audits, and growth. The first time every sign is proven, on a sample of the same size in every company; later ones are
not proven again while their definitions stay. Exit code 1 when either adds more than a quarter.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from time import process_time
from typing import Any

BOUND = 1.25
SETTINGS = "\n[tracking]\nenabled = {tracking}\n"


def spent(plan: Path, until: str) -> dict[str, float]:
    """Retrain in this process; give its CPU seconds, and those of the backtest and the fits."""
    from unittest.mock import patch

    from holdfast.models.churn import ChurnModel
    from holdfast.models.health import HealthScore
    from holdfast.serving import learning, proving
    from holdfast.serving.command import run

    inside, depth = 0.0, 0

    def timed(work: Any) -> Any:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            nonlocal inside, depth
            depth, started = depth + 1, process_time()
            try:
                return work(*arguments, **options)
            finally:
                depth -= 1
                inside += process_time() - started if not depth else 0.0

        return wrapped

    work = [(ChurnModel, "fit"), (HealthScore, "fit"), (learning, "learn_growth")]
    work += [(proving, "prove_if_possible"), (proving, "audited")]
    with ExitStack() as patched:
        for owner, name in work:
            patched.enter_context(patch.object(owner, name, timed(getattr(owner, name))))
        started = process_time()
        code = run(["retrain", str(plan), "--until", until, "--json"])
        whole = process_time() - started
    if code not in (0, 20):
        raise SystemExit(f"retrain ended with {code}")
    return {"whole": round(whole, 1), "inside": round(inside, 1), "ratio": round(whole / inside, 3)}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.retraining",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--accounts", type=int, default=1_500)
    parser.add_argument("--months", type=int, default=30)
    parser.add_argument("--tracking", action="store_true", help="tell MLflow, too")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--retrain", nargs=2, help=argparse.SUPPRESS)  # the process of its own
    asked = parser.parse_args()
    if asked.retrain:
        told = spent(Path(asked.retrain[0]), asked.retrain[1])
        print(json.dumps(told), file=sys.stderr)
        return 0
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        company = Path(folder) / "company"
        size = ["--accounts", str(asked.accounts), "--months", str(asked.months)]
        subprocess.run(
            [sys.executable, "-m", "holdfast", "simulate", *size, "--out", company],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        plan = company / "plan.toml"
        plan.write_text(
            plan.read_text(encoding="utf-8") + SETTINGS.format(tracking=str(asked.tracking).lower()), encoding="utf-8"
        )
        for name, until in (("first", "2025-11-01"), ("later", "2025-12-01")):
            own = [sys.executable, "-m", "benchmarks.retraining", "--retrain", str(plan), until]
            done = subprocess.run(own, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            found[name] = json.loads(done.stderr.strip().splitlines()[-1])
    if asked.json:
        print(json.dumps(found, indent=2))
    else:
        for name, one in found.items():
            print(
                f"{name}: {one['whole']} s of CPU, {one['ratio']} of the {one['inside']} s of backtest and fits, "
                f"bound {BOUND}"
            )
    return 0 if max(one["ratio"] for one in found.values()) <= BOUND else 1


if __name__ == "__main__":
    sys.exit(main())
