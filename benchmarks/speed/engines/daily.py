"""holdfast, one more day: the state of 1 January is carried on to 2 January, beside the full pass over all cutoffs.

The figures are those of the last step alone: a day's delivery has been appended to a copy of the store, the state is
read, carried on and written, and the snapshot of the new day is there.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from benchmarks.speed.aggregates import AGGREGATES
from benchmarks.speed.child import cpu_seconds
from benchmarks.speed.clock import CUTOFFS
from holdfast.features.carry import Carry
from holdfast.features.history.history import History
from holdfast.features.snapshot import Snapshot

FACTS: dict[str, Any] = {}
Made = TypeVar("Made")
_COMPARED = 20_000  # accounts up to which the result is compared with a full measure


def run(folder: Path) -> pd.DataFrame:
    work = folder / "daily"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(folder / "store", work / "store")
    try:
        return _days(folder, work).indicators
    finally:
        shutil.rmtree(work)


def write(result: pd.DataFrame, out: Path) -> None:
    result.to_parquet(out)


def _days(folder: Path, work: Path) -> Snapshot:
    yesterday, today = pd.Timestamp(CUTOFFS[-1]), pd.Timestamp(CUTOFFS[-1] + timedelta(days=1))
    store = History.open(work / "store")
    everything = [pd.Timestamp(cutoff) for cutoff in CUTOFFS]
    _, full, _ = _timed(lambda: AGGREGATES.measure(store, everything))
    _, start, _ = _timed(lambda: Carry.start(AGGREGATES, store, yesterday, work / "carry"))
    longer, append, _ = _timed(lambda: store.append(folder / "next_day"))
    carry = Carry(AGGREGATES, work / "carry")
    told, cpu, wall = _timed(lambda: carry.advance(longer, today))
    FACTS.update(cpu=cpu, wall=wall, append_cpu=append, start_cpu=start, full_cpu=full, ratio_full=full / cpu)
    FACTS.update(notes=list(carry.notes), equal=_same(told, longer, today))
    return told


def _same(told: Snapshot, store: History, today: pd.Timestamp) -> bool | None:
    """Compare with measuring everything, to the bit."""
    if len(store.accounts) > _COMPARED:
        return None
    again = AGGREGATES.measure(store, today)
    parts = ("indicators", "context", "exposure", "coverage")
    return all(getattr(told, part).equals(getattr(again, part)) for part in parts)


def _timed(make: Callable[[], Made]) -> tuple[Made, float, float]:
    wall, cpu = time.perf_counter(), cpu_seconds()
    made = make()
    return made, cpu_seconds() - cpu, time.perf_counter() - wall
