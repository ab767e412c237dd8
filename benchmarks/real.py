"""Backtest on real and public data, through the command a user would type, beside the figures others reached.

python -m benchmarks.real [NAME ...] [--out DIR] [--convert-only] [--whole] [--picture FILE] [--json]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.protocol import markdown, picture
from benchmarks.sources import SOURCES, Source, data_folder, write
from holdfast.errors import did_you_mean

HORIZONS = ("30", "60", "90")


def backtest(plan: Path) -> dict[str, Any]:
    """Run ``holdfast backtest PLAN --json``; return what it printed, or how it ended when it printed nothing."""
    command = [sys.executable, "-m", "holdfast", "backtest", str(plan), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    result: dict[str, Any] = json.loads(done.stdout) if done.stdout.strip() else {"models": {}}
    return result | {"exit_code": done.returncode}


def table(source: Source, result: dict[str, Any]) -> str:
    """Lay out AUC per model and horizon as a Markdown table, the reference figures below."""
    lines = ["| model | AUC 30 d | 60 d | 90 d | skill 30 d | 60 d | 90 d |", "|---|---|---|---|---|---|---|"]
    for model, by_horizon in result["models"].items():
        figures = [_figure(by_horizon, h, name) for name in ("auc", "skill") for h in HORIZONS]
        lines.append(f"| {model} | {' | '.join(figures)} |")
    for model, aucs in source.reference.items():
        lines.append(f"| _reference: {model}_ | {' | '.join(f'{auc:.3f}' for auc in aucs)} | | | |")
    return "\n".join(lines)


def main() -> int:
    asked = _arguments()
    data = data_folder()
    if data is None:
        print(
            "benchmarks.real: no data. Set HOLDFAST_DATA to the folder of the data sets; nothing was run.",
            file=sys.stderr,
        )
        return 0
    results: dict[str, Any] = {}
    for name in asked.names or SOURCES:
        source, started = SOURCES[name], time.perf_counter()
        plan = write(source, data, asked.out)
        converted = time.perf_counter() - started
        print(f"{name}: {plan} written in {converted:.1f} s", file=sys.stderr)
        if asked.convert_only:
            continue
        results[name] = backtest(plan) | {"convert_seconds": round(converted, 1), "reference": source.reference}
        if not asked.json:
            _show(source, results[name])
        if asked.whole and not asked.json:
            print(f"\n{markdown(results[name])}\n", flush=True)
    if asked.picture and results:
        picture(results, asked.picture)
    if asked.json:
        print(json.dumps(results, indent=2))
    return 0 if all(result["models"] for result in results.values()) else 1


def _show(source: Source, result: dict[str, Any]) -> None:
    print(f"\n## {source.name}\n\n{table(source, result)}\n")
    print(f"{len(result.get('cutoffs', []))} cutoffs, {result.get('seconds', '?')} s, exit code {result['exit_code']}.")
    print(result.get("verdict", "No result."), flush=True)


def _figure(by_horizon: dict[str, Any], horizon: str, name: str) -> str:
    value = by_horizon.get(horizon, {}).get(name)
    return "" if value is None else f"{value:.3f}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.real", description="Backtest on real and public data.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SOURCES)}; default: all of them")
    parser.add_argument("--out", type=Path, default=Path("out/real"), help="work folder (default: %(default)s)")
    parser.add_argument("--convert-only", action="store_true", help="write tables and plans, run nothing")
    parser.add_argument("--whole", action="store_true", help="print the whole protocol, not AUC and skill alone")
    parser.add_argument("--picture", type=Path, help="draw the skill of every model to this file")
    parser.add_argument("--json", action="store_true", help="print one JSON object, by data set")
    asked = parser.parse_args()
    for name in set(asked.names) - set(SOURCES):
        parser.error(f"no data set {name!r}: {did_you_mean(name, SOURCES)}")
    return asked


if __name__ == "__main__":
    sys.exit(main())
