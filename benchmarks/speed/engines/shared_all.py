"""holdfast on what Featuretools can express, at all cutoffs: one pass, whatever their number."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks.speed.aggregates import AGGREGATES
from benchmarks.speed.clock import CUTOFFS
from benchmarks.speed.engines.holdfast import measured, write
from benchmarks.speed.shared import NAMES

__all__ = ["run", "write"]


def run(folder: Path) -> pd.DataFrame:
    return measured(folder, AGGREGATES.select(NAMES), CUTOFFS)
