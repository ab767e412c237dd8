"""Rows as JSON values: what a result hands to whoever reads no frames."""

from __future__ import annotations

from typing import Any

import pandas as pd


def json_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Give the rows of a table by column name; what is missing is null.

    Examples
    --------
    >>> json_rows(pd.DataFrame({"model": ["churn"], "auc": [float("nan")]}))
    [{'model': 'churn', 'auc': None}]
    """
    told = table.astype(object).where(table.notna(), None).to_dict("records")
    return [{str(key): value for key, value in row.items()} for row in told]


def stacked(parts: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """Put tables one below the other, with these columns; without any, give an empty one.

    Examples
    --------
    >>> stacked([], ["model", "auc"]).columns.tolist()
    ['model', 'auc']
    """
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def dated(table: pd.DataFrame) -> pd.DataFrame:
    """Write the instants of a table as ISO text; what is missing is None.

    Examples
    --------
    >>> dated(pd.DataFrame({"known_at": pd.to_datetime(["2025-03-01", None], utc=True)}))["known_at"][0]
    '2025-03-01T00:00:00+00:00'
    """
    times = [str(name) for name in table if isinstance(table[name].dtype, pd.DatetimeTZDtype)]
    told = {name: [None if pd.isna(one) else one.isoformat() for one in table[name]] for name in times}
    return table.assign(**{name: pd.Series(one, index=table.index, dtype=object) for name, one in told.items()})
