"""What mapping costs beside DuckDB: ``python -m benchmarks.mapping``, on ten million events keyed by a mail address.

The peer reads the same file with DuckDB, types detected, sorts it by person and time, and writes Parquet. Both run in a
process of their own, on two threads; the figure is the ratio of their CPU time. ``--path`` goes on to train and score,
and tells the most memory that any step took.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb

BOUND, MOST_MEMORY_MB = 2.0, 2048
ACCOUNTS, PEOPLE = 3_000, 40_000
_PEER = """
import duckdb, sys
con = duckdb.connect(config={"threads": 2, "memory_limit": "1GB", "temp_directory": sys.argv[3]})
con.execute("SET TimeZone = 'UTC'")
rows = con.read_csv(sys.argv[1]).order("user_email, timestamp")
rows.write_parquet(sys.argv[2], compression="zstd")
"""
_EVENTS = ("login", "report_viewed", "export_done", "project_started", "project_completed", "dashboard_opened")


def generate(folder: Path, rows: int) -> Path:
    """Write accounts, a list of those that left, and so many events, unless they lie there; give the folder."""
    place = folder / f"events-{rows}"
    if not place.is_dir():
        unfinished = folder / f"events-{rows}.part"
        unfinished.mkdir(parents=True, exist_ok=True)
        with duckdb.connect() as con:
            con.execute("SET TimeZone = 'UTC'; SET threads = 2")
            for name, query in _queries(rows).items():
                con.sql(query).write_csv(str(unfinished / name), header=True)
        unfinished.rename(place)
    return place


def _queries(rows: int) -> dict[str, str]:
    step, names = 63_072_000_000_000 // rows, ", ".join(f"'{name}'" for name in _EVENTS)
    person, when = f"hash(i * 7) % {PEOPLE}", f"to_microseconds((i * {step} + hash(i) % {step})::BIGINT)"
    return {
        "accounts.csv": f"""
            SELECT 'A' || i AS account_id, 'Company ' || i AS name, 'https://www.company' || i || '.com/' AS website,
              ['smb', 'mid', 'enterprise'][1 + (i % 3)] AS segment
            FROM range({ACCOUNTS}) t(i)""",
        "churn.csv": f"""
            SELECT 'A' || i AS account_id, date '2025-02-01' + (hash(i) % 300)::INTEGER AS notice_at
            FROM range({ACCOUNTS}) t(i) WHERE i % 6 = 0""",
        "events.csv": f"""
            SELECT strftime(timestamp '2024-01-01' + {when}, '%Y-%m-%d %H:%M:%S.%f') AS timestamp,
              'user' || {person} || '@company' || ({person}) % {ACCOUNTS} || '.com' AS user_email,
              [{names}][1 + (hash(i * 3) % {len(_EVENTS)})::INTEGER] AS event
            FROM range({rows}) t(i)""",
    }


def measured(command: list[str]) -> dict[str, float]:
    """Run a command; give its CPU seconds and the most memory it took, in MB."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)} ended with {child.returncode}")
    return {"cpu_s": round(usage.ru_utime + usage.ru_stime, 1), "memory_mb": round(usage.ru_maxrss / 1024)}


def run(rows: int, folder: Path, path: bool) -> dict[str, Any]:
    """Measure the peer and the mapping, and with `path` the commands after it."""
    place, work = generate(folder, rows), folder / f"work-{rows}"
    events, sorted_, spill = place / "events.csv", folder / "peer.parquet", folder / "spill"
    peer = measured([sys.executable, "-c", _PEER, str(events), str(sorted_), str(spill)])
    command = [sys.executable, "-m", "holdfast"]
    (work / "mapping.toml").unlink(missing_ok=True)
    (work / "history" / "mapped.json").unlink(missing_ok=True)  # or it would find everything done
    steps = {"map": measured([*command, "map", str(place), "--out", str(work), "--yes", "--anew"])}
    if path:
        for step in ("train", "score"):
            steps[step] = measured([*command, step, str(work / "plan.toml")])
    return {
        "rows": rows,
        "peer": peer,
        "steps": steps,
        "ratio": round(steps["map"]["cpu_s"] / peer["cpu_s"], 2),
        "memory_mb": max(one["memory_mb"] for one in steps.values()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mapping", description="What mapping costs.")
    parser.add_argument("--rows", type=int, default=10_000_000, help="events (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=Path("out/mapping"), help="for files (default: %(default)s)")
    parser.add_argument("--path", action="store_true", help="go on to train and score, and tell the most memory")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    asked = parser.parse_args()
    result = run(asked.rows, asked.folder, asked.path)
    if asked.json:
        print(json.dumps(result, indent=2))
    else:
        peer = result["peer"]
        print(f"{result['rows']:,} events; DuckDB: {peer['cpu_s']} CPU s, {peer['memory_mb']} MB")
        for step, one in result["steps"].items():
            print(f"{step}: {one['cpu_s']} CPU s, {one['memory_mb']} MB")
        print(f"mapping costs {result['ratio']} times the scan and sort (bound {BOUND})")
        print(f"most memory {result['memory_mb']} MB (bound {MOST_MEMORY_MB})")
    sys.exit(result["ratio"] > BOUND or result["memory_mb"] > MOST_MEMORY_MB)


if __name__ == "__main__":
    main()
