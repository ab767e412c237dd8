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
