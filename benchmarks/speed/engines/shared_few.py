"""holdfast on what Featuretools can express, at the cutoffs that Featuretools is asked for."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks.speed.aggregates import AGGREGATES
from benchmarks.speed.engines.holdfast import measured, write
from benchmarks.speed.shared import LAST, NAMES

__all__ = ["run", "write"]


def run(folder: Path) -> pd.DataFrame:
    return measured(folder, AGGREGATES.select(NAMES), LAST)
