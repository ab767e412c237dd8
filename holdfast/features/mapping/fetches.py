"""The fetches of a table that was fetched of a database or pulled from a service: when they were, what it held then.

The parts of such a table keep every version of a row that was fetched, under the instant of the fetch that found it.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from holdfast.features.database.fetching import FETCHED_AT
from holdfast.features.landed.files import RawTable, connect, file_literal, literal, quoted


def fetches(table: RawTable) -> list[pd.Timestamp]:
    """Give when there were fetches that brought rows, ascending; none of a table that was exported.

    A pull takes a while: what it brought was known once its last row was there.
    """
    if table.types.get(FETCHED_AT) != "TIMESTAMP WITH TIME ZONE":
        return []
    query = "SELECT epoch_us(max({})) FROM read_parquet({})"
    with connect() as con:
        found = {con.execute(query.format(FETCHED_AT, file_literal(path))).fetchone() for path in table.paths}
    lasts = {one[0] for one in found if one is not None}
    return [pd.Timestamp(one, unit="us", tz="UTC") for one in sorted(lasts - {None})]


def held(table: RawTable, key: Sequence[str], until: pd.Timestamp | None = None) -> str:
    """Write the SQL of what the table held after a fetch, or after the last: of each key what was fetched last.

    Rows of one key that came with the same fetch all stay, to be told.
    """
    before = "" if until is None else f"WHERE {FETCHED_AT} <= TIMESTAMPTZ {literal(until.isoformat())}"
    told = ", ".join(map(quoted, key))
    latest = f"rank() OVER (PARTITION BY {told} ORDER BY {FETCHED_AT} DESC) = 1"
    return f"SELECT * FROM {table.scan} {before} QUALIFY {latest} ORDER BY {told}"
