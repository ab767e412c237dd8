"""Results in words: a backtest, and the accounts with most at stake."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from holdfast.features.indicators.wording import ENGLISH, chance
from holdfast.serving import show
from holdfast.serving.columns import horizon, records


def tell_backtest(result: dict[str, Any]) -> None:
    """Print the verdict of a backtest, and its figures by model and horizon."""
    from holdfast.serving.evidence import METRICS

    caught = result["capacity"]["in_words"].get("churn", "")
    show.say(" ".join(filter(None, [result["verdict"], caught, tell_untested(result)])))
    columns = ["model", "horizon", "n", "events", *(metric.key for metric in METRICS)]
    blocks = [(name, days, one) for name, by_horizon in result["models"].items() for days, one in by_horizon.items()]
    show.table([{"model": name, "horizon": days, **one} for name, days, one in blocks], columns)


def tell_untested(result: Mapping[str, Any]) -> str:
    """Name the horizons that a backtest could not test, and why; nothing when it tested all.

    Examples
    --------
    >>> tell_untested({"dropped": {"90": "no settled label in the test"}})
    'Not tested: 90 days (no settled label in the test).'
    """
    told = ", ".join(f"{days} days ({why})" for days, why in result.get("dropped", {}).items())
    return told and f"Not tested: {told}."


def tell_riskiest(rows: pd.DataFrame) -> list[str]:
    """Write one sentence per account, riskiest first."""
    return [_sentence(row) for row in records(rows)]


def _sentence(row: dict[str, Any]) -> str:
    days, p = max(
        (horizon(str(key)) or 0, value) for key, value in row.items() if horizon(str(key)) and not pd.isna(value)
    )
    why = "; ".join(row[f"driver_{rank}"] for rank in (1, 2, 3) if row[f"driver_{rank}"])
    stake = "" if pd.isna(row["arr"]) else f", {row['arr']:,.0f} ARR"
    name = row["account_name"] or row["account_id"]
    health = row["band"] if pd.isna(row["health"]) else f"health {row['health']:.0f}"
    return f"{name} ({health}{stake}): {chance(p, ENGLISH)} within {days} days. {why}."
