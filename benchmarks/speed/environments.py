"""Environments of the peers that the project does not depend on, made once in the cache by uv."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.speed.cache import cache_folder, read_json, write_json
from benchmarks.speed.registry import Engine

_PYTHON = "Scripts/python.exe" if os.name == "nt" else "bin/python"


def python_of(engine: Engine) -> Path | None:
    """Give the interpreter of an engine; none, with a line on standard error, where its packages cannot be had."""
    if not engine.packages:
        return Path(sys.executable)
    home, python = _home(engine), _home(engine) / _PYTHON
    if made(engine):
        return python
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    try:
        if uv is None:
            raise FileNotFoundError("uv is not there")
        _make(uv, home, python, engine.packages)
    except (OSError, subprocess.CalledProcessError) as error:
        told = getattr(error, "stderr", None) or str(error)
        print(f"{engine.name}: skipped, cannot be installed: {told.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    write_json(home / "made.json", _wanted(engine))
    return python


def made(engine: Engine) -> bool:
    """Tell whether the environment of an engine is there, whole and as it should be."""
    home = _home(engine)
    return not engine.packages or ((home / _PYTHON).exists() and read_json(home / "made.json") == _wanted(engine))


def _home(engine: Engine) -> Path:
    return cache_folder() / f"env-{engine.name}"


def _wanted(engine: Engine) -> dict[str, Any]:
    return {"packages": list(engine.packages), "python": sys.version.split()[0]}


def _make(uv: str, home: Path, python: Path, packages: tuple[str, ...]) -> None:
    shutil.rmtree(home, ignore_errors=True)
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, str(home)],
        [uv, "pip", "install", "--quiet", "--python", str(python), *packages],
    ):
        subprocess.run(command, check=True, capture_output=True, text=True)


def environment() -> dict[str, str]:
    """Give the environment of a measured process: one thread in everything, hashing without a seed."""
    threads = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM")
    single = {f"{name}_NUM_THREADS": "1" for name in threads} | {"POLARS_MAX_THREADS": "1", "ARROW_IO_THREADS": "1"}
    root = str(Path(__file__).resolve().parents[2])
    return {**os.environ, **single, "PYTHONPATH": root, "PYTHONHASHSEED": "0"}
