"""Companies whose law of churn is known: monthly and yearly decisions, a few signs, and so many times the churn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from holdfast.features.catalog import catalog
from holdfast.features.snapshot import INDEX, Snapshot
from holdfast.training.churn import Churn
from holdfast.training.expansion import Expansion
from holdfast.training.labels import Labels

Floats = NDArray[np.float64]
HORIZONS = (30, 60, 90)
START = pd.Timestamp("2024-01-01", tz="UTC").as_unit("us")
STEP, CUTOFFS = 28, 24
NEVER = 10**6


@dataclass(frozen=True)
class Book:
    """Who the accounts are: (accounts,) each; a decision falls due every ``every`` days, the first on day ``phase``."""

    yearly: NDArray[np.bool_]
    segment: NDArray[np.object_]
    phase: NDArray[np.int64]

    @property
    def every(self) -> NDArray[np.int64]:
        return np.where(self.yearly, 360, 30)


def book(accounts: int, seed: int, yearly: float = 0.5, segments: tuple[str, ...] = ("smb", "mid")) -> Book:
    """Draw accounts."""
    rng = np.random.default_rng(seed)
    often = rng.random(accounts) < yearly
    return Book(
        often, rng.choice(np.array(segments, dtype=object), accounts), rng.integers(0, np.where(often, 360, 30))
    )


def leave(who: Book, chance: Floats, seed: int) -> NDArray[np.int64]:
    """Draw the day on which each account leaves at one of its decisions, each with its chance; a far day if never."""
    rng, days = np.random.default_rng(seed), STEP * CUTOFFS
    first = rng.geometric(np.clip(chance, 1e-9, 1.0)) - 1
    day = who.phase + first * who.every
    return np.where(day < days, day, NEVER)


def company(
    who: Book,
    left: NDArray[np.int64],
    signs: Mapping[str, Floats],
    kind: str = "notice",
    horizons: tuple[int, ...] = (),
) -> tuple[Snapshot, Labels]:
    """Lay out the rows of accounts that are still there at each cutoff; signs are by account, and by cutoff or not."""
    ahead = horizons or HORIZONS
    n, stands = len(who.phase), STEP * np.arange(CUTOFFS)
    account, cutoff = (one.ravel() for one in np.meshgrid(np.arange(n), np.arange(CUTOFFS), indexing="ij"))
    there = left[account] > stands[cutoff]
    account, cutoff = account[there], cutoff[there]
    now = stands[cutoff]
    index = pd.MultiIndex.from_arrays(
        [np.array([f"A{i:05d}" for i in range(n)], dtype=object)[account], START + pd.to_timedelta(now, unit="D")],
        names=INDEX,
    )
    labels = pd.DataFrame({h: (left[account] <= now + h).astype(float) for h in ahead}, index=index)
    for h in ahead:
        labels.loc[now + h > STEP * CUTOFFS, h] = np.nan
    every, phase = who.every[account], who.phase[account]

    def by(day: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.maximum(0, (day - phase) // every + 1)

    edges = [0, *ahead]
    exposure = {h: (by(now + h) - by(now + low)).astype(float) for low, h in zip(edges, ahead, strict=False)}
    values = {name: one[account] if one.ndim == 1 else one[account, cutoff] for name, one in signs.items()}
    declared = tuple(catalog[name] for name in values)
    X = Snapshot(
        indicators=pd.DataFrame(values, index=index, dtype=float),
        context=pd.DataFrame(
            {"segment": who.segment[account], "contract": np.where(who.yearly[account], "annual", "monthly")},
            index=index,
        ),
        exposure=pd.DataFrame(exposure, index=index),
        coverage=pd.DataFrame({"all": 1.0}, index=index),
        catalog=declared,
    )
    rule = Expansion() if kind == "expansion" else Churn(kind)  # type: ignore[arg-type] # a kind of churn
    event = pd.Series(START + pd.to_timedelta(np.where(left < NEVER, left, 0)[account], unit="D"), index=index)
    return X, Labels(
        frame=labels,
        at_risk=pd.Series("", index=index),
        event_at=event.where(labels.eq(1).any(axis=1)),
        churn=rule,
        end=START + pd.Timedelta(days=STEP * CUTOFFS),
    )
