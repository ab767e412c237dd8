"""A day of scores killed at random instants: what was served stays whole, and the same command leaves the same bytes.

    python -m benchmarks.kills [--kills N] [--accounts N] [--seed N] [--keep DIR]

A store of some buckets, scored by two processes. Each time the command is killed at a random moment, what is served,
and the ledger, are looked at, no process may be left, and the command is run again; all that lasts must be what a quiet
run leaves. Exit code 1 when anything differs.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import numpy as np
import psutil

from benchmarks.scoring import prepare
from holdfast.serving.workspace import read_manifest

MONTHS, BUCKETS, YESTERDAY, PATIENCE = 18, 6, "2025-12-20", 20.0
CODE = """
import sys
from holdfast.serving import book
from holdfast.serving.command import run
book.WORTH = 100
sys.exit(run(sys.argv[1:]))
"""


def start(plan: Path, *more: str) -> subprocess.Popen[bytes]:
    """Start the command, with processes of its own though the company is small."""
    return subprocess.Popen([sys.executable, "-c", CODE, "score", str(plan), *more], stdout=subprocess.DEVNULL)


def finish(plan: Path, *more: str) -> float:
    """Run the command to its end; give its seconds."""
    started = time.perf_counter()
    if code := start(plan, *more).wait():
        raise SystemExit(f"holdfast score ended with {code}")
    return time.perf_counter() - started


def lasting(out: Path) -> dict[str, str]:
    """Hash all that lasts: the files of the runs, what is served, and the rows of the ledger but for their times."""
    found = {str(one.relative_to(out)): sha256(one.read_bytes()).hexdigest() for one in sorted(out.glob("runs/*/*"))}
    found["current"] = str((out / "current").readlink())
    found["leftovers"] = " ".join(sorted(one.name for one in out.glob("**/.tmp-*")))
    with closing(sqlite3.connect(out / "ledger.db")) as db:
        for table, columns in (("run", "run_id, as_of, kind, scores_sha256"), ("score", "*"), ("chance", "*")):
            rows = db.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2, 3").fetchall()  # names above
            found[table] = sha256(repr(rows).encode()).hexdigest()
    return found


def wrong(out: Path, before: str, after: str) -> Iterator[str]:
    """Say what a reader would find amiss after a kill."""
    served = read_manifest(out / "current")
    if served is None or served["run_id"] not in (before, after):
        yield "what is served is not whole"
    with closing(sqlite3.connect(out / "ledger.db")) as db:
        entered = {row[0]: row[1] for row in db.execute("SELECT run_id, count(*) FROM score GROUP BY run_id")}
        if len(set(entered.values())) > 1 or before not in entered:
            yield f"the ledger has {entered}"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.kills", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--accounts", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="work in this folder, and leave it there")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.keep or Path(temporary)
        plan = folder / "large" / "plan.toml"
        if not plan.exists():
            prepare(asked.accounts, MONTHS, folder, BUCKETS)
        return killed(plan, asked.kills, asked.seed)


def killed(plan: Path, kills: int, seed: int) -> int:
    """Kill so many times; tell of each what was amiss."""
    out, start_from = plan.parent / "out", plan.parent / "before"
    version = (out / "models" / "champion").read_text().strip()
    if not start_from.exists():
        finish(plan, "--at", YESTERDAY, "--model", version)
        shutil.copytree(out, start_from, symlinks=True)
    again(start_from, out)
    usual, quiet = finish(plan), lasting(out)
    before, after = ((one / "current").resolve().name for one in (start_from, out))
    rng, done, faults = np.random.default_rng(seed), 0, 0
    while done < kills:
        again(start_from, out)
        process = start(plan)
        time.sleep(float(rng.random()) * usual)
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        if process.wait() == 0:
            continue
        done += 1
        found = list(wrong(out, before, after))
        _, left = psutil.wait_procs(children, timeout=PATIENCE)
        found += ["a process is left"] if left else []
        usual = 0.9 * usual + 0.1 * finish(plan)
        now = lasting(out)
        found += [f"{name} differs" for name in sorted(quiet.keys() | now.keys()) if quiet.get(name) != now.get(name)]
        faults += bool(found)
        print(f"kill {done}: {'; '.join(found) or 'as a quiet run'}", flush=True)
    print(f"{kills} kills, {faults} with a difference; a run takes {usual:.0f} s")
    return int(faults > 0)


def again(start_from: Path, out: Path) -> None:
    """Put the workspace back as it was."""
    shutil.rmtree(out)
    shutil.copytree(start_from, out, symlinks=True)


if __name__ == "__main__":
    sys.exit(main())
