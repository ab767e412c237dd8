"""Write the exports of a small company: ``python -m benchmarks.messy --out DIR [--tables]``."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.messy.company import ACCOUNTS, EXITS, MONTHS, draw
from benchmarks.messy.export import write_messy
from benchmarks.messy.tables import write_exports


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.messy", description="Write the exports of a small company."
    )
    parser.add_argument("--out", type=Path, default=Path("out/messy"), help="folder to write to (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="another company (default: %(default)s)")
    parser.add_argument("--accounts", type=int, default=ACCOUNTS, help="how many accounts (default: %(default)s)")
    parser.add_argument("--months", type=int, default=MONTHS, help="how long the history (default: %(default)s)")
    parser.add_argument("--exits", type=int, default=EXITS, help="how many of them left (default: %(default)s)")
    parser.add_argument(
        "--tables", action="store_true", help="canonical tables in German dress instead, with a plan beside them"
    )
    asked = parser.parse_args()
    if asked.tables:
        print(write_exports(asked.out, asked.seed))
        return
    for path in write_messy(asked.out, draw(asked.seed, asked.accounts, asked.months, asked.exits)):
        print(path)


if __name__ == "__main__":
    main()
