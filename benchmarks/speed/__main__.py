"""Measure the speed of the time engine beside its peers, every result compared.

python -m benchmarks.speed S|M|L [--json] [--engines a,b] [--repeat N] [--keep-store]
python -m benchmarks.speed table [--plot]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.speed.cache import data_set
from benchmarks.speed.harness import benchmark, results
from benchmarks.speed.picture import plot
from benchmarks.speed.registry import ENGINES
from benchmarks.speed.table import table
from holdfast.errors import did_you_mean

REPEAT = {"tiny": 1, "S": 2, "M": 1, "L": 1}
PICTURE = Path(__file__).resolve().parents[1] / "speed.png"


def main() -> int:
    asked = _arguments()
    if asked.what == "data":
        for size in ("tiny", "S", "M", "L"):
            print(data_set(size))
        return 0
    result = None
    if asked.what != "table":
        result = benchmark(asked.what, asked.engines, asked.repeat or REPEAT[asked.what], asked.keep_store)
        print(json.dumps(result, indent=2) if asked.json else table({asked.what: result}))
    elif not results():
        print("benchmarks.speed: no results yet, run a size first", file=sys.stderr)
        return 1
    else:
        print(table(results()))
    if asked.plot:
        plot(results(), PICTURE)
        print(f"drawn: {PICTURE}", file=sys.stderr)
    return 0 if result is None or all(one["equal"] for one in result["equal"].values()) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=(__doc__ or "").splitlines()[0])
    what = ("tiny", "S", "M", "L", "table", "data")
    parser.add_argument("what", choices=what, help="a size to run; table: all cached results; data: generate all sets")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--engines", type=lambda text: text.split(","), default=list(ENGINES), metavar="A,B",
                        help=f"of {', '.join(ENGINES)}; default: all")  # fmt: skip
    parser.add_argument("--repeat", type=int, help="runs of each engine, in turns (default: S 2, M and L 1)")
    parser.add_argument("--keep-store", action="store_true", help="read the stores that are there, build none anew")
    parser.add_argument("--plot", action="store_true", help=f"draw {PICTURE.name} from all cached results")
    asked = parser.parse_args()
    for name in set(asked.engines) - set(ENGINES):
        parser.error(f"no engine {name!r}: {did_you_mean(name, ENGINES)}")
    return asked


if __name__ == "__main__":
    sys.exit(main())
