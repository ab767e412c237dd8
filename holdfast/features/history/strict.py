"""The strict clock: a row counts only when its source says when it could be known.

Where ``known_at`` is assumed from the event's own time, late records look as if they had come in time, and a backtest
believes them. Under the strict clock such rows are left out, and counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from holdfast.errors import DataError
from holdfast.features.history.defaults import BASIS
from holdfast.features.history.landing import Landed
from holdfast.features.history.tables import ACTIVITY_TABLES, BASES
from holdfast.findings import Finding


def strict(one: Landed) -> Landed:
    """Leave out the rows of a table whose ``known_at`` is assumed; a table that carries no clock stays as it is."""
    if "known_at" not in one.table.columns:
        return one
    assumed = (one.frame[BASIS] == BASES.index("assumed")).to_numpy()
    if not assumed.any():
        return one
    count, name = int(assumed.sum()), one.table.name
    told = Finding("HF021", name, count, f"{count} of {len(assumed)} rows have no known_at and were left out")
    return replace(one, frame=one.frame[~assumed].reset_index(drop=True), findings=(*one.findings, told))


def strictly(landed: Mapping[str, Landed]) -> tuple[dict[str, Landed], tuple[Finding, ...]]:
    """Hold all tables to the strict clock: those that have rows left, and what was found in the others.

    Raises
    ------
    DataError
        When ``accounts``, or every table of activity, has no row left.

    Examples
    --------
    >>> import pandas as pd
    >>> from holdfast.features.history.history import History
    >>> history = History.from_frames({
    ...     "accounts": pd.DataFrame({"account_id": ["a"], "known_at": ["2025-01-01"]}),
    ...     "usage": pd.DataFrame({
    ...         "account_id": ["a", "a"], "occurred_at": ["2025-02-01", "2025-02-02"], "known_at": ["2025-02-09", None],
    ...     }),
    ... }, strict_clock=True)
    >>> len(history.records("usage")), [found.message for found in history.findings if found.code == "HF021"]
    (1, ['1 of 2 rows have no known_at and were left out'])
    """
    held = {name: strict(one) for name, one in landed.items()}
    kept = {name: one for name, one in held.items() if len(one.frame)}
    if "accounts" not in kept or not any(name in kept for name in ACTIVITY_TABLES):
        needed = ("accounts", *ACTIVITY_TABLES)
        empty = ", ".join(name for name in needed if name in held and name not in kept)
        expected = f"a delivered known_at in accounts and in at least one of {', '.join(ACTIVITY_TABLES)}"
        do = "deliver known_at, the time of arrival, or leave strict_clock off and read HF002"
        raise DataError("strict_clock", expected, f"no known_at in {empty}", do)
    return kept, tuple(found for name, one in held.items() if name not in kept for found in one.findings)
