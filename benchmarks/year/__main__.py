"""A simulated year, lived twice: once undisturbed, once with commands killed at random and taken again.

    python -m benchmarks.year [--accounts N] [--days N] [--kills N] [--out DIR]

Every day is delivered and scored, every week looked at, every month retrained. Visits come weeks late, notices three
weeks late, a source stands still, a column is renamed, half a table is missing, amounts come in cents, use is cut to a
third. Both years must end in the same bytes, every fault must be raised under its code, and no promotion may be worse
than what it replaced.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

from benchmarks.year.company import company
from benchmarks.year.judging import differences, promoted, raised
from benchmarks.year.living import lived
from benchmarks.year.picture import draw


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.year", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--accounts", type=int, default=250)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="keep what is made there")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        place = asked.out or Path(temporary)
        how = [
            (asked.accounts, asked.days, asked.seed, place / name, kills)
            for name, kills in (("calm", 0), ("killed", asked.kills))
        ]
        with get_context("spawn").Pool(2) as pool:
            calm, struck = pool.starmap(lived, how)
        world = company(asked.accounts, asked.days, asked.seed)
        faults, moves = raised(world, calm), promoted(world, calm)
        draw(world, calm, moves, place / "year.png")
        told = differences(calm, struck)
        commands = pd.DataFrame(calm.told).groupby(["command", "code"]).size().rename("times").reset_index()
        print(commands.to_string(index=False), end="\n\n")
        print(faults.to_string(index=False), end="\n\n")
        print(moves.round({"loss": 5, "low": 5, "high": 5}).to_string(index=False), end="\n\n")
        killed = sum(one["killed"] for one in struck.told)
        print(f"{killed} of {len(struck.told)} commands killed; {len(told)} differences from the calm year {told[:5]}")
        wrong, missed = int(moves["wrong"].sum()), int(faults["seen"].isna().sum())
        print(f"{wrong} wrong promotions of {len(moves)}; {missed} of {len(faults)} faults not raised")
    return int(bool(told) or wrong > 0 or missed > 0)


if __name__ == "__main__":
    sys.exit(main())
