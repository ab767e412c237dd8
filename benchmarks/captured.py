"""A captured history that was killed ten times, compared with the undisturbed one.

python -m benchmarks.captured [--kills N] [--rows N] [--seed N] [--json]

Ten days of two tables are captured in a process of its own: rows come, change, go and come back, a column appears and
another vanishes, one load is partial. The process dies by SIGKILL at a call drawn at random from those that the capture
makes, and another goes on with the first state that is not in the log, until so many have died; then one runs to the
end. Versions and the bytes of all files must be those of a run that nobody disturbed; when they are not, the command
ends with 1.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from holdfast.features.capture import ChangeLog

DAYS, KILLS, ROWS = 10, 10, 300
START = pd.Timestamp("2025-03-01T06:00", tz="UTC")
_WATCHED = tuple(
    f"/holdfast/{one}.py"
    for one in ("safely", *(f"features/capture/{name}" for name in ("changelog", "log", "spool", "writing")))
)


def states(rows: int, seed: int, days: int = DAYS) -> Iterator[tuple[str, pa.Table, list[str], pd.Timestamp, bool]]:
    """Draw the tables of each day: name, rows, key, instant, and whether it is the whole table."""
    random = np.random.default_rng(seed)
    plans, seats = random.integers(0, 4, rows), random.integers(1, 99, rows)
    for day in range(days):
        at = START + pd.Timedelta(days=day)
        moved = random.choice(rows, rows // 20, replace=False)
        plans[moved] = random.integers(0, 4, len(moved))
        there = np.flatnonzero(random.random(rows) > 0.03)
        columns: dict[str, Any] = {"id": there, "plan": np.array(["free", "team", "pro", "max"])[plans[there]]}
        if day >= 4:
            columns["owner"] = pa.array([f"csm {one % 7}" if one % 3 else None for one in there])
        if day < 7:
            columns["seats"] = seats[there]
        yield "crm/customers", pa.table(columns), ["id"], at, True
        lines = random.choice(rows, rows // 2, replace=False)
        items = pa.table({"invoice": lines // 4, "line": lines % 4, "amount": random.integers(1, 9, len(lines)) * 10.0})
        yield "billing/lines", items, ["invoice", "line"], at, day % 3 == 0


def capture(folder: Path, rows: int, seed: int, days: int = DAYS) -> None:
    """Capture all states that are not in the log."""
    log = ChangeLog(folder)
    for table, state, key, at, complete in states(rows, seed, days):
        if table not in log.tables() or at > log.captures(table)[-1].at:
            log.add(table, state, key, at, complete=complete, allow_shrink=True)


def watch(die_at: int) -> list[int]:
    """Count the calls that the capture makes, into and out of the library and the disk; die at one of them."""
    count = [0]

    def called(frame: FrameType, event: str, _: object) -> None:
        if event in ("call", "c_call", "c_return") and any(one in frame.f_code.co_filename for one in _WATCHED):
            count[0] += 1
            if count[0] == die_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(called)
    return count


def child(folder: Path, rows: int, seed: int, die_at: int, told: Connection) -> None:
    """Capture under watch, and tell how many calls that took."""
    count = watch(die_at)
    capture(folder, rows, seed)
    sys.setprofile(None)
    told.send(count[0])


def run(folder: Path, rows: int, seed: int, die_at: int = 0) -> int | None:
    """Capture in a process of its own that dies at a call; give the calls it made, None when it died."""
    kind = multiprocessing.get_context("forkserver")
    kind.set_forkserver_preload(["holdfast.features.capture"])
    ours, theirs = kind.Pipe(duplex=False)
    process = kind.Process(target=child, args=(folder, rows, seed, die_at, theirs))
    process.start()
    theirs.close()
    process.join()
    if process.exitcode == -signal.SIGKILL:
        return None
    if process.exitcode:
        raise RuntimeError(f"the capture ended with {process.exitcode}")
    return int(ours.recv())


def contents(folder: Path) -> dict[str, str]:
    """Hash every file of a change log, whatever it is, but for the lock."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock")
    return {path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest() for path in files}


def compare(folder: Path, kills: int, rows: int, seed: int) -> dict[str, Any]:
    """Kill a capture so many times, let it end, and compare it with an undisturbed one."""
    quiet, killed = folder / "quiet", folder / "killed"
    calls = run(quiet, rows, seed)
    if calls is None:
        raise RuntimeError("the undisturbed run was killed")
    random, died = np.random.default_rng(seed), []
    whole = _captures(quiet)
    while len(died) < kills:
        before = _captures(killed)
        left = calls * (whole - before) // whole
        die_at = int(random.integers(1, 2 + 1.6 * left / (kills - len(died) + 1)))
        if run(killed, rows, seed, die_at) is not None:
            break  # it came to its end before that call
        after = _captures(killed)
        print(f"killed at call {die_at:,}: {after - before} captures more, now {after}", file=sys.stderr)
        died.append({"call": die_at, "captures": after})
    run(killed, rows, seed)
    log = ChangeLog(quiet)
    return {
        "calls": calls,
        "kills": died,
        "captures": whole,
        "files": len(contents(quiet)),
        "versions": {name: log.versions(name).num_rows for name in log.tables()},
        "same_versions": same_versions(log, ChangeLog(killed)),
        "same_bytes": contents(quiet) == contents(killed),
    }


def same_versions(one: ChangeLog, two: ChangeLog) -> bool:
    """Tell whether two change logs hold the same versions of the same tables."""
    tables = one.tables()
    return tables == two.tables() and all(one.versions(name).equals(two.versions(name)) for name in tables)


def _captures(folder: Path) -> int:
    log = ChangeLog(folder)
    return sum(len(log.captures(table)) for table in log.tables())


def main() -> int:
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--kills", type=int, default=KILLS)
    asked.add_argument("--rows", type=int, default=ROWS)
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--json", action="store_true", help="print the result as JSON")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="holdfast-captured-") as folder:
        found = compare(Path(folder), given.kills, given.rows, given.seed)
    same = found["same_versions"] and found["same_bytes"] and len(found["kills"]) == given.kills
    if given.json:
        print(json.dumps({**found, "equal": same}))
    else:
        print("| | killed | undisturbed |\n|---|---|---|")
        print(f"| killed by SIGKILL | {len(found['kills'])} times | never |")
        print(f"| captures, files | {found['captures']}, {found['files']} | {found['captures']}, {found['files']} |")
        for name, count in found["versions"].items():
            print(f"| versions of {name} | {'the same' if found['same_versions'] else 'DIFFERENT'} | {count:,} |")
        print(f"| bytes of all files | {'the same' if found['same_bytes'] else 'DIFFERENT'} | |")
    return 0 if same else 1


if __name__ == "__main__":
    raise SystemExit(main())
