"""Snapshots from plain numbers: signs whose curve is the value itself, and accounts with a segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from holdfast.features.indicators.curves import bands
from holdfast.features.indicators.indicator import Dimension, Indicator
from holdfast.features.indicators.sources import usage
from holdfast.features.snapshot import INDEX, Snapshot

DIMENSIONS: tuple[Dimension, ...] = ("product", "relationship", "business")


def sign(name: str, dimension: Dimension, *, caps: bool = False, variant_of: str = "") -> Indicator:
    """Declare a sign that is worth what it says, 0 to 1."""
    return Indicator(
        usage.count(days=30),
        name=name,
        dimension=dimension,
        healthy="high",
        unit="share",
        title=name.capitalize(),
        curve=bands((0.0, 0), (1.0, 100)),
        evidence="{value}",
        caps=caps,
        variant_of=variant_of,
    )


SIGNS = (
    sign("logins", "product"),
    sign("recency", "product", caps=True),
    sign("answers", "relationship"),
    sign("mood", "relationship"),
    sign("payment", "business"),
)


def snapshot(
    values: Mapping[str, Sequence[float]],
    segment: Sequence[str] | str = "mid",
    catalog: Sequence[Indicator] = SIGNS,
) -> Snapshot:
    """Put one row per account at one cutoff; coverage is what is there of what the catalogue holds."""
    n = len(next(iter(values.values())))
    day = pd.Timestamp("2025-01-01", tz="UTC").as_unit("us")
    index = pd.MultiIndex.from_arrays([[f"A{i:04d}" for i in range(n)], pd.DatetimeIndex([day] * n)], names=INDEX)
    measured = tuple(one for one in catalog if one.name in values)
    frame = pd.DataFrame({one.name: values[one.name] for one in measured}, index=index, dtype=float)
    here = {d: frame[[one.name for one in measured if one.dimension == d]].notna() for d in DIMENSIONS}
    shares = {name: (part.mean(axis=1) if part.shape[1] else np.nan) for name, part in here.items()}
    texts = {"segment": segment, "plan": "", "contract": "monthly"}
    return Snapshot(
        indicators=frame,
        context=pd.DataFrame({**texts, "tenure_days": 100.0, "recency_days": 1.0, "arr": 1000.0}, index=index),
        exposure=pd.DataFrame(0.0, index=index, columns=[30, 60, 90]),
        coverage=pd.DataFrame({**shares, "all": frame.notna().mean(axis=1)}, index=index),
        catalog=measured,
    )
