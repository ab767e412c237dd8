"""A company to prove indicators on: small, on a coarse clock, with everything that tells honest code from leaking code.

Dates are floored to half days, so that ties and records exactly on the edge of a window are common; numbers are
quarters, so that sums do not depend on the order of adding. Records arrive late, are corrected, deleted, and told with
dates that lie after the instant at which they claim to be known.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from holdfast.features.history.tables import TABLES
from holdfast.features.simulate import simulate_frames
from holdfast.features.time import to_instant

END = to_instant("2025-09-01")
CUTOFFS = ("2025-02-17", "2025-03-30T12:00", "2025-05-13T07:30", "2025-06-30")  # midnight, noon, and in between
ACCOUNTS, MONTHS = 14, 13
_GRAIN = "12h"
_LATE, _CORRECTED, _DELETED = 0.15, 0.05, 0.4
_AMOUNTS = ("count", "amount", "mrr", "seats", "actual", "score", "duration_min")


def company_frames(seed: int = 0) -> dict[str, pd.DataFrame]:
    """Give the canonical tables of a small company with every column that the vocabulary reads; `END` is its data end.

    Examples
    --------
    >>> frames = company_frames()
    >>> bool((frames["usage"]["occurred_at"] == frames["usage"]["occurred_at"].dt.floor("12h")).all())
    True
    """
    frames = simulate_frames(accounts=ACCOUNTS, seed=5 + seed, months=MONTHS, end=END)[0]
    rng = np.random.default_rng(seed)
    frames["touchpoints"]["sentiment"] = rng.uniform(-1, 1, len(frames["touchpoints"]))
    frames["deals"]["budget_amount"] = rng.gamma(2, 5_000, len(frames["deals"]))
    goals = frames["goals"].sample(frac=0.5, random_state=1)
    milestones = goals.assign(goal_id=goals["goal_id"] + "m", source_id=goals["source_id"] + "m", kind="milestone")
    frames["goals"] = pd.concat([frames["goals"], milestones], ignore_index=True)
    invoices = len(frames["invoices"])
    frames["invoices"] = frames["invoices"].assign(
        known_basis="history", failed_attempts=rng.integers(0, 3, invoices).astype(float)
    )
    for name in ("invoices", "tickets", "touchpoints"):
        frames[name] = _told_at_once(frames[name])
    some = {name: frame for name, frame in sorted(frames.items()) if len(frame)}
    return {name: _coarse(name, _corrected(_late(name, frame, rng), rng)) for name, frame in some.items()}


def _told_at_once(frame: pd.DataFrame) -> pd.DataFrame:
    """Let every other record tell its whole life in a row that claims to have been known from the start."""
    frame = frame.sort_values("known_at", kind="stable", ignore_index=True)
    ids = frame["source_id"]
    once = pd.factorize(ids)[0] % 2 == 0
    whole = frame[once].drop_duplicates("source_id", keep="last").set_index("source_id", drop=False)
    whole["known_at"] = frame[once].groupby(ids[once])["known_at"].first()
    told: pd.DataFrame = pd.concat([frame[~once], whole], ignore_index=True)
    return told


def _late(name: str, frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Let some events be known only days later."""
    if TABLES[name].shape != "event":
        return frame
    days = np.where(rng.random(len(frame)) < _LATE, rng.integers(1, 40, len(frame)), 0)
    known = frame["known_at"] + pd.to_timedelta(days, unit="D")
    return frame.assign(known_at=known.mask(known >= END, frame["known_at"]))


def _corrected(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Correct some records later, and take others back."""
    again = frame[rng.random(len(frame)) < _CORRECTED].copy()
    again["known_at"] += pd.to_timedelta(rng.integers(1, 50, len(again)), unit="D")
    again = again[again["known_at"] < END]
    numbers = [name for name in _AMOUNTS if name in again]
    again = again.assign(**{name: again[name] * rng.choice([0.5, 2.0], len(again)) for name in numbers})
    again["deleted"] = rng.random(len(again)) < _DELETED
    return pd.concat([frame.assign(deleted=False), again], ignore_index=True)


def _coarse(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Floor the clock to half days and numbers to quarters; of two versions at one instant the later stays."""
    times = frame.select_dtypes("datetimetz").columns
    numbers = frame.select_dtypes("float").columns
    frame = frame.assign(**{one: frame[one].dt.floor(_GRAIN) for one in times})
    frame = frame.assign(**{one: np.floor(frame[one] * 4) / 4 for one in numbers})
    key = [one for one in TABLES[name].key if one in frame]
    return frame.drop_duplicates([*key, "known_at"], keep="last", ignore_index=True)
