"""What Featuretools can express of the sixty aggregates, and the cutoffs at which it is asked.

It has one clock, and its windows begin at the cutoff: no late arrivals, no window before, no decay, no slope, no open
records. Standard library only.
"""

from __future__ import annotations

from benchmarks.speed.clock import CUTOFFS

WINDOWS = (7, 30, 90, 180)
LAST = CUTOFFS[-6:]
NAMES = (
    *(f"{name}_{days}" for name in ("events", "people", "active") for days in (*WINDOWS, "ever")),
    *(f"minutes_{days}" for days in (30, 90)),
    *(f"{name}_{days}" for name in ("amount", "kinds") for days in (30, 90, 180)),
    "since_any",
)
