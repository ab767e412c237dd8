"""Figures as text: a value, a share, an interval, or what stands where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd


def digits(value: float | None, places: int) -> str:
    """Write a figure; nothing where there is none.

    Examples
    --------
    >>> digits(0.12345, 2), digits(None, 2)
    ('0.12', '')
    """
    return "" if value is None or pd.isna(value) else f"{value:.{places}f}"


def percent(value: float | None, places: int = 0) -> str:
    """Write a share; a dash where there is none."""
    return "-" if value is None or pd.isna(value) else f"{value:.{places}%}"


def percents(row: Mapping[str, Any]) -> str:
    """Write the interval of a share; nothing where there is none."""
    if row.get("low") is None or row.get("high") is None:
        return ""
    return f"{percent(row['low'])} to {percent(row['high'])}"


def ranged(row: Mapping[str, Any], places: int) -> dict[str, str]:
    """Write a figure with its interval, as a cell."""
    low, high = digits(row["low"], places), digits(row["high"], places)
    return {"value": digits(row["value"], places) or "-", "range": f"{low} to {high}" if low and high else ""}
