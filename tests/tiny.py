"""Histories small enough to count by hand: rows dated in days before one instant, measured through the real door."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from holdfast.features.catalog import catalog
from holdfast.features.catalog.collection import Catalog
from holdfast.features.history import History
from holdfast.features.history.tables import TABLES
from holdfast.features.snapshot import Snapshot

T = pd.Timestamp("2025-06-01", tz="UTC")
END = pd.Timestamp("2026-01-01", tz="UTC")

When = float | str | pd.Timestamp
Rows = pd.DataFrame


def ago(days: float) -> pd.Timestamp:
    """Give the instant so many days before T."""
    return T - pd.Timedelta(days=days)


def rows(table: str, when: Iterable[When], account: str = "a", **columns: Any) -> Rows:
    """Write one row per instant (numbers are days before T); a single value stands in every row."""
    instants = [_instant(one) for one in when]
    return pd.DataFrame({"account_id": account, TABLES[table].time: instants} | columns, index=range(len(instants)))


def history(*parts: Rows, **tables: Rows | Sequence[Rows]) -> History:
    """Put rows into a history; accounts are met 500 days before T unless given, and one early use makes it whole."""
    joined = {name: _joined(part) for name, part in tables.items()}
    for part in parts:
        joined["usage"] = _joined([*([joined["usage"]] if "usage" in joined else []), part])
    ids = sorted({one for frame in joined.values() for one in frame["account_id"]})
    joined.setdefault("accounts", pd.DataFrame({"account_id": ids, "valid_from": ago(500)}))
    joined.setdefault("usage", rows("usage", [499], ids[0]))
    return History.from_frames(joined, end=END)


def measured(of: History, *names: str, at: When | Sequence[When] = T) -> Snapshot:
    """Measure indicators of the catalogue by name."""
    given = [at] if isinstance(at, int | float | str | pd.Timestamp) else at
    return catalog.select(names).measure(of, [_instant(one) for one in given])


@lru_cache(maxsize=2)
def everything(of: History, cutoff: pd.Timestamp) -> Snapshot:
    """Measure the whole catalogue at one cutoff, once for all questions about it."""
    return Catalog(catalog.indicators).measure(of, [cutoff])


def values(of: History, name: str, at: When = T) -> dict[str, float]:
    """Measure one indicator of every account at one cutoff."""
    column = everything(of, _instant(at)).indicators[name].droplevel("cutoff")
    return {str(account): float(one) for account, one in column.items()}


def value(of: History, name: str, account: str = "a", at: When = T) -> float:
    """Measure one indicator of one account at one cutoff."""
    return values(of, name, at)[account]


def states(of: History, name: str) -> dict[str, str]:
    """Give the state of one indicator of every account at T."""
    column = everything(of, T).states()[name].droplevel("cutoff").astype(str)
    return {str(account): str(one) for account, one in column.items()}


def daily(of: History, name: str, first: int, last: int, account: str = "a") -> dict[str, float]:
    """Measure one indicator of one account on each day, from `first` days before T to `last` after it."""
    column = measured(of, name, at=[float(day) for day in range(-last, first + 1)]).indicators[name].xs(account)
    return {f"{day:%Y-%m-%d}": float(one) for day, one in zip(column.index, column, strict=True)}


def points(name: str, *worth: float) -> list[float]:
    """Give the points, 0 to 100, of values of an indicator."""
    return [round(100.0 * one, 9) for one in catalog[name].score(pd.Series(worth, dtype=float))]


def said(of: History, name: str, account: str = "a", at: When = T) -> str:
    """Say the evidence of one indicator."""
    return str(Catalog((catalog[name],)).evidence(of, [account], _instant(at)).at[account, name])


def below(number: float) -> float:
    """Give the largest number below another."""
    return float(np.nextafter(number, -np.inf))


def above(number: float) -> float:
    """Give the smallest number above another."""
    return float(np.nextafter(number, np.inf))


def assert_bands(name: str, *bands: tuple[float, float, float, float]) -> None:
    """Check half-open bands (from, to, least, most): both ends, the middle, and that the end belongs to the next."""
    for start, stop, least, most in bands:
        middle = start if np.isinf(stop) else (start + stop) / 2
        last = stop if np.isinf(stop) else below(stop)
        for one in (start, above(start), middle, last):
            assert least <= points(name, one)[0] <= most, (name, one)
    for (_, stop, least, most), (start, _, after_least, after_most) in pairwise(bands):
        assert stop == start
        assert most < after_least or after_most < least, (name, stop)


def _joined(parts: Rows | Sequence[Rows]) -> Rows:
    return parts if isinstance(parts, pd.DataFrame) else pd.concat(parts, ignore_index=True)


def _instant(when: When) -> pd.Timestamp:
    return ago(when) if isinstance(when, int | float) else pd.Timestamp(when)
