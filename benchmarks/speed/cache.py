"""The cache: generated sets, stores built from them, results of runs, environments of the peers."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from benchmarks.speed.generate import SIZES, VERSION, generate


def cache_folder() -> Path:
    """Find the cache: ``HOLDFAST_BENCH_CACHE``, else ``~/.cache/holdfast-bench``."""
    return Path(os.environ.get("HOLDFAST_BENCH_CACHE", Path.home() / ".cache" / "holdfast-bench")).absolute()


def data_set(name: str) -> Path:
    """Give the folder of a set, generated when it is not there, half made or of another version.

    It holds ``history/``, ``next_day/`` and a manifest, which is written last.
    """
    folder = cache_folder() / name
    wanted = {"version": VERSION, "accounts": SIZES[name].accounts, "events": SIZES[name].events}
    found = read_json(folder / "manifest.json")
    if {key: found.get(key) for key in wanted} != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        rows = generate(SIZES[name], folder)
        write_json(folder / "manifest.json", wanted | {"rows": rows})
    return folder


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; empty when there is none."""
    if not path.is_file():
        return {}
    read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return read


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write a JSON object whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    part.replace(path)
