"""holdfast: the store is opened and all indicators are measured at all cutoffs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pandas as pd

from benchmarks.speed.aggregates import AGGREGATES
from benchmarks.speed.clock import CUTOFFS
from holdfast.features.catalog.collection import Catalog
from holdfast.features.history.history import History


def run(folder: Path) -> pd.DataFrame:
    return measured(folder, AGGREGATES, CUTOFFS)


def write(result: pd.DataFrame, out: Path) -> None:
    result.to_parquet(out)


def measured(folder: Path, catalog: Catalog, cutoffs: Sequence[datetime]) -> pd.DataFrame:
    """Measure from the store, or from the landed tables where no store was built."""
    store = folder / "store"
    history = History.open(store) if store.is_dir() else History.read(folder / "history")
    return catalog.measure(history, [pd.Timestamp(cutoff) for cutoff in cutoffs]).indicators
