"""One engine in a process of its own: a small run to warm up, then the measured one; the figures go to standard output.

Standard library only: the environments of the peers run this too.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from importlib import import_module
from pathlib import Path


def main() -> None:
    name, warm, data, out = sys.argv[1], *map(Path, sys.argv[2:5])
    engine = import_module(f"benchmarks.speed.engines.{name}")
    engine.run(warm)
    wall, cpu = time.perf_counter(), cpu_seconds()
    result = engine.run(data)
    figures = {"cpu": cpu_seconds() - cpu, "wall": time.perf_counter() - wall, "rss_mb": peak_mb()}
    engine.write(result, out)
    print(json.dumps(figures | getattr(engine, "FACTS", {})))


def cpu_seconds() -> float:
    """Give user and system seconds of this process and of the children it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def peak_mb() -> float:
    """Give the peak resident memory of this process, in MB.

    On Linux ``ru_maxrss`` may be that of the parent from before the exec; ``VmHWM`` is this program's own.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(one for one in status.read_text(encoding="ascii").splitlines() if one.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    scale = 1024**2 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


if __name__ == "__main__":
    main()
