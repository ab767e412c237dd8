"""Snapshots made by hand, for what is held against what a model learned from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from holdfast.features.snapshot import INDEX, Snapshot

DAY = pd.Timestamp("2025-06-01", tz="UTC")


def snapshot(days: Sequence[Sequence[float]], name: str = "sign", plan: Sequence[str] | None = None) -> Snapshot:
    """Give one sign of accounts a0, a1, ... on days four weeks apart: one list of values per day."""
    account = [f"a{i}" for values in days for i in range(len(values))]
    day = [DAY + pd.Timedelta(days=28 * number) for number, values in enumerate(days) for _ in values]
    index = pd.MultiIndex.from_arrays([account, day], names=INDEX)
    nothing = pd.DataFrame(index=index)
    values = np.array([one for values in days for one in values], dtype=float)
    context = nothing if plan is None else pd.DataFrame({"plan": list(plan)}, index)
    return Snapshot(pd.DataFrame({name: values}, index), context, nothing, nothing, ())
