"""The columns of the scores: a contract with whoever reads the files, each with its kind, in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import pandas as pd

Kind = Literal["text", "time", "count", "money", "points", "share"]

SCHEMA_VERSION = 4
COLUMNS: dict[str, Kind] = {
    "run_id": "text",
    "schema_version": "count",
    "as_of": "time",
    "account_id": "text",
    "account_name": "text",
    "segment": "text",
    "csm": "text",
    "arr": "money",
    "currency": "text",
    "renewal_date": "time",
    "notice_deadline": "time",
    "health": "points",
    "band": "text",
    "alert_band": "text",
    "grade": "text",
    "percentile": "share",
    "product": "points",
    "relationship": "points",
    "business": "points",
    "p30": "share",
    "p60": "share",
    "p90": "share",
    "p90_low": "share",
    "p90_high": "share",
    "p_renew": "share",
    "p_expand_90": "share",
    "expected_arr_at_risk_90": "money",
    "delta_health_30": "points",
    "alert_codes": "text",
    "driver_1": "text",
    "driver_2": "text",
    "driver_3": "text",
    "playbook_id": "text",
    "due_date": "time",
    "data_completeness": "share",
    "stale_sources": "text",
    "score_status": "text",
    "score_reason": "text",
    "override_health": "points",
    "override_reason": "text",
    "override_author": "text",
    "override_expires": "time",
    "snoozed_until": "time",
    "model_name": "text",
    "model_version": "text",
    "model_sha256": "text",
}
QUEUE: dict[str, Kind] = {
    "rank": "count",
    "decision": "text",
    "why": "text",
    "call_by": "time",
    "hours": "points",
    "risk": "share",
    "expected_saved": "money",
}
AT_ONCE = 50_000  # rows that are turned into text at a time
_JUDGED = list(COLUMNS)[list(COLUMNS).index("health") : list(COLUMNS).index("playbook_id")]


def horizon(column: str) -> int | None:
    """Read the days out of a probability column.

    Examples
    --------
    >>> horizon("p30"), horizon("p90_low"), horizon("product")
    (30, None, None)
    """
    return int(column[1:]) if column[:1] == "p" and column[1:].isdigit() else None


def longest(rows: pd.DataFrame) -> str:
    """Name the probability column of the longest horizon that is filled; ``p90`` where none is.

    Examples
    --------
    >>> longest(pd.DataFrame({"p30": [0.1], "p90": [0.2], "p180": [None]}))
    'p90'
    """
    filled = [str(name) for name in rows if horizon(str(name)) and rows[name].notna().any()]
    return max(filled, key=lambda name: horizon(name) or 0, default="p90")


def paying(rows: pd.DataFrame) -> bool:
    """Tell whether anybody is known to pay; where nobody is, accounts count alike.

    Examples
    --------
    >>> paying(pd.DataFrame({"arr": [0.0, None]})), paying(pd.DataFrame({"arr": [0.0, 12.0]}))
    (False, True)
    """
    return bool((rows["arr"] > 0).any())


def stake(rows: pd.DataFrame) -> pd.Series[float]:
    """Give what is at stake: ARR at risk within 90 days, or by the longest horizon where there is none of 90 days.

    Where nobody is known to pay, it is the probability of the longest horizon.
    """
    told, chance = rows["expected_arr_at_risk_90"], rows[longest(rows)]
    if (told > 0).any():
        return told
    return rows["arr"] * chance if paying(rows) else chance


def records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Turn rows into dictionaries by column name."""
    return [dict(zip(map(str, rows.columns), row, strict=True)) for row in rows.itertuples(index=False, name=None)]


def cut(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Cut a table into parts that are turned into text one after the other; an empty one is a part as well."""
    for start in range(0, max(len(rows), 1), AT_ONCE):
        yield rows.iloc[start : start + AT_ONCE]


def kind(column: str) -> Kind:
    """Tell what a column of the scores or of the queue holds; probabilities at further horizons are shares."""
    return {**COLUMNS, **QUEUE}.get(column, "share" if horizon(column) else "text")


def in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Bring rows into the contract: every column, in order, typed; probabilities at further horizons follow p90.

    A row that is not scored shows no judgement.
    """
    further = sorted((c for c in map(str, rows) if horizon(c) and c not in COLUMNS), key=lambda c: horizon(c) or 0)
    names = list(COLUMNS)
    at = names.index("p90") + 1
    rows = rows.reindex(columns=[*names[:at], *further, *names[at:]])
    rows = pd.DataFrame({name: _typed(rows[name], kind(str(name))) for name in rows})
    silent = rows["score_status"] == "not_scored"
    for name in (*_JUDGED, *further):
        rows.loc[silent, name] = "" if kind(name) == "text" else None
    return rows.sort_values("account_id", kind="stable", ignore_index=True)


def _typed(values: pd.Series, kind: Kind) -> pd.Series:
    if kind == "time":
        return pd.to_datetime(values, utc=True).astype("datetime64[us, UTC]")
    if kind == "text":
        return values.astype(object).where(values.notna(), "").astype(str)
    return values.astype("int64" if kind == "count" else "float64")
