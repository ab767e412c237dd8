"""Run engines beside each other: one process each, warmed up, in turns, and every result compared."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from benchmarks.speed.cache import cache_folder, data_set, read_json, write_json
from benchmarks.speed.compare import compare
from benchmarks.speed.environments import environment, python_of
from benchmarks.speed.figures import exponents, figures, with_build
from benchmarks.speed.generate import VERSION
from benchmarks.speed.registry import ENGINES, Engine
from holdfast import __version__
from holdfast.features.history.history import History

Run = dict[str, Any]


def benchmark(size: str, names: Iterable[str], repeat: int, keep_store: bool = False) -> dict[str, Any]:
    """Run engines at one size; the figures are also kept in the cache, for the table and the exponents."""
    sets = {"warm": data_set("tiny"), "data": data_set(size)}
    engines = _ready([ENGINES[name] for name in names if ENGINES[name].runs_at(size)])
    build = _build(sets, {one.part for one in engines}, keep_store)
    runs: dict[str, list[Run]] = {one.name: [] for one in engines}
    for turn in range(repeat):
        for engine in (one for one in engines if turn < one.repeats(size, repeat)):
            _fill_page_cache(sets["data"] / engine.part)
            run = child(engine, sets["warm"] / engine.part, sets["data"] / engine.part, _result(size, engine.name))
            _say(f"{size} {engine.name} {turn + 1}: {run['cpu']:.2f} CPU s, {run['rss_mb']:.0f} MB")
            runs[engine.name].append(run)
    equal = {one.name: compared for one in engines if (compared := _compared(size, one, runs)) is not None}
    rows = {one.name: _rows(_result(size, one.name)) for one in engines if one.part}
    result = figures(size, runs, rows) | {"equal": equal, "build": build, **_machine(runs)}
    result |= with_build(result) | {"together": sorted(runs), "data_version": VERSION}
    return _kept(size, result)


def results() -> dict[str, dict[str, Any]]:
    """Give the latest results by size."""
    found = {size: read_json(cache_folder() / "results" / f"{size}.json") for size in ("S", "M", "L")}
    return {size: one for size, one in found.items() if one}


def child(engine: Engine, warm: Path, data: Path, out: Path) -> Run:
    """Run one engine in a process of its own.

    Raises
    ------
    SystemExit
        When it fails: what it said went to standard error.
    """
    python = python_of(engine)
    out.parent.mkdir(parents=True, exist_ok=True)
    command = [str(python), "-m", "benchmarks.speed.child", engine.module, str(warm), str(data), str(out)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=environment())
    if done.returncode:
        raise SystemExit(f"benchmarks.speed: {engine.name} failed, see above")
    run: Run = json.loads(done.stdout.splitlines()[-1])
    return run


def _ready(engines: list[Engine]) -> list[Engine]:
    """Keep the engines that are there and can be installed."""
    kept = []
    for one in engines:
        if not one.exists:
            _say(f"{one.name}: not there yet, skipped")
        elif python_of(one) is not None:
            kept.append(one)
    return kept


def _build(sets: dict[str, Path], parts: set[str], keep: bool) -> Run | None:
    """Build the stores that the engines read; give what building the large one took."""
    told: Run | None = None
    builder = Engine("build", "build", "holdfast, building the store", "SML")
    for part in sorted(parts):
        warm, data = sets["warm"] / part, sets["data"] / part
        for folder in {warm, data} if part else ():
            lay_prompt(folder.parent)
        if not hasattr(History, "build"):
            continue
        if keep and (warm / "store").is_dir() and (data / "store").is_dir():
            continue
        _fill_page_cache(data)
        run = child(builder, warm, data, data / "built")
        _say(f"{data.name} build: {run['cpu']:.2f} CPU s, {run['rss_mb']:.0f} MB")
        told = run if not part else told
    return told


def lay_prompt(folder: Path) -> None:
    """Lay beside a set the same without the events that arrived late, for an engine that has one clock."""
    target = folder / "prompt" / "history"
    if (target / "usage.parquet").is_file():
        return
    target.mkdir(parents=True, exist_ok=True)
    for name in ("accounts", "tickets", "invoices"):
        shutil.copy(folder / "history" / f"{name}.parquet", target)
    source, part = folder / "history" / "usage.parquet", target / "usage.part"
    with duckdb.connect(config={"threads": 1}) as connection:
        query = f"SELECT * FROM read_parquet('{source}') WHERE known_at = occurred_at"  # our own path
        connection.execute(f"COPY ({query}) TO '{part}' (FORMAT parquet)")
    part.replace(target / "usage.parquet")


def _fill_page_cache(folder: Path) -> None:
    """Read every file that engines read once, so that none of them waits for the disk."""
    for path in (one for part in ("history", "next_day", "store") for one in (folder / part).rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                while file.read(1 << 24):
                    pass


def _compared(size: str, engine: Engine, runs: dict[str, list[Run]]) -> dict[str, Any] | None:
    if engine.compared is None or engine.compared not in runs:
        return None
    told = compare(_result(size, engine.compared), _result(size, engine.name)).told()
    if not told["equal"]:
        _say(f"{size} {engine.name}: differs from {engine.compared}: {told['wrong']}")
    return told


def _result(size: str, name: str) -> Path:
    return cache_folder() / "results" / f"{size}-{name}.parquet"


def _rows(path: Path) -> int:
    return int(pq.ParquetFile(path).metadata.num_rows)


def _kept(size: str, result: dict[str, Any]) -> dict[str, Any]:
    """Keep a result, add to it what an earlier run of other engines found, and the exponents against other sizes."""
    path = cache_folder() / "results" / f"{size}.json"
    before = read_json(path)
    before = before if before.get("data_version") == VERSION else {}
    merged = before | result
    for key in ("cpu", "spread", "rss_mb", "equal", "versions", "runs"):
        merged[key] = before.get(key, {}) | result[key]
    for key in ("build", "ratio_featuretools_per_snapshot", "featuretools", "incremental"):
        merged[key] = result[key] or before.get(key)
    write_json(path, merged)
    return result | {"exponent": exponents(results() | {size: merged})}


def _machine(runs: dict[str, list[Run]]) -> dict[str, Any]:
    versions = {name: version(name) for name in ("duckdb", "pandas", "numpy", "pyarrow")}
    versions |= {name: one[0]["version"] for name, one in runs.items() if one and "version" in one[0]}
    return {
        "machine": _processor(),
        "versions": versions | {"holdfast": __version__, "python": platform.python_version()},
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    model = next((one.split(":")[1].strip() for one in lines if one.startswith("model name")), platform.processor())
    return f"{model or platform.machine()}, {os.cpu_count()} cores, {platform.system()}, one thread"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
