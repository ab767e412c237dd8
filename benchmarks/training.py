"""What training costs beside the bare boosting that it contains, in time and in memory.

python -m benchmarks.training [--rows N] [--columns N] [--json]

Both run in a process of their own on the same drawn table; the ratio of their times is what counts. The bare process
calls ``lightgbm.train`` once, with the parameters, the objective and the number of trees that the model ended with.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from holdfast.features.snapshot import INDEX, Snapshot
from holdfast.models.churn import ChurnModel
from holdfast.models.encoding import Encoding
from holdfast.models.periods import observe
from holdfast.models.trees import ROUNDS, SIZES, SMALL, fit_trees

HORIZONS = (30, 60, 90)


@dataclass(frozen=True)
class Drawn:
    """What happened to the accounts of the table, by horizon."""

    frame: pd.DataFrame
    kind: str = "notice"
    rises: bool = True
    horizons: tuple[int, ...] = HORIZONS

    @property
    def event_at(self) -> pd.Series:
        """Nothing is known of when it happened."""
        return pd.Series(pd.NaT, index=self.frame.index, dtype="datetime64[us, UTC]")


def table(rows: int, columns: int) -> tuple[Snapshot, Drawn]:
    """Draw a snapshot of so many rows and indicators, twelve cutoffs an account, whose hazard a few of them move."""
    rng = np.random.default_rng(0)
    accounts, cutoffs = rows // 12, pd.date_range("2025-01-01", periods=12, freq="28D", tz="UTC").as_unit("us")
    index = pd.MultiIndex.from_product([[f"A{i:07d}" for i in range(accounts)], cutoffs], names=INDEX)
    x = rng.standard_normal((len(index), columns))
    hazard = np.exp(-3.8 + 0.5 * x[:, 0] - 0.4 * x[:, 1] * (x[:, 2] > 0) + 0.3 * np.abs(x[:, 3]))
    when = rng.exponential(30.0 / hazard)
    label = pd.DataFrame({h: (when <= h).astype(float) for h in HORIZONS}, index=index)
    X = Snapshot(
        indicators=pd.DataFrame(x, index=index, columns=[f"x{i:02d}" for i in range(columns)]),
        context=pd.DataFrame(index=index),
        exposure=pd.DataFrame(0.0, index=index, columns=list(HORIZONS)),
        coverage=pd.DataFrame({"all": np.ones(len(index))}, index=index),
        catalog=(),
    )
    return X, Drawn(label)


def alone(what: str, rows: int, columns: int, rounds: int, leaves: int) -> dict[str, Any]:
    """Do one thing in this process: draw the table, train the model, or only boost; tell seconds and peak memory."""
    X, y = table(rows, columns)
    before, started = time.process_time(), time.perf_counter()
    found: dict[str, Any] = {}
    if what == "model":
        model = ChurnModel().fit(X, y)
        trees = model.members_.trees
        found["rounds"] = 0 if trees is None else trees.rounds
        text = "" if trees is None else trees.booster
        found["leaves"] = next((one for one in SIZES if f"[num_leaves: {one}]" in text), SMALL)
    elif what == "bare":
        observed = observe(X, y)
        features = Encoding.fit(observed.X).features(observed.X)
        before, started = time.process_time(), time.perf_counter()
        fit_trees(features, observed.periods, [0] * features.shape[1], rounds=rounds, leaves=leaves)
    found |= {"seconds": time.process_time() - before, "wall": time.perf_counter() - started}
    return found | {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_200_000)
    parser.add_argument("--columns", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--alone", choices=["table", "model", "bare"], help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=argparse.SUPPRESS)
    parser.add_argument("--leaves", type=int, default=SMALL, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.alone:
        print(json.dumps(alone(asked.alone, asked.rows, asked.columns, asked.rounds, asked.leaves)))
        return 0
    drawn, model = (_child(what, asked.rows, asked.columns) for what in ("table", "model"))
    bare = _child("bare", asked.rows, asked.columns, model["rounds"], model["leaves"])
    matrix = asked.rows * asked.columns * 8 / 2**20
    found = {
        "rows": asked.rows,
        "columns": asked.columns,
        "rounds": model["rounds"],
        "leaves": model["leaves"],
        "model_seconds": model["seconds"],
        "bare_seconds": bare["seconds"],
        "ratio": model["seconds"] / bare["seconds"],
        "matrix_mb": matrix,
        "peak_mb_over_table": model["peak_mb"] - drawn["peak_mb"],
        "peak_over_matrix": model["peak_mb"] / matrix,
    }
    text = "\n".join(f"{name}: {value:,.2f}" for name, value in found.items())
    print(json.dumps(found, indent=1) if asked.json else text)
    return 0


def _child(what: str, rows: int, columns: int, rounds: int = ROUNDS, leaves: int = SMALL) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.training", "--alone", what, "--rows", str(rows)]
    command += ["--columns", str(columns), "--rounds", str(rounds), "--leaves", str(leaves)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    raise SystemExit(main())
