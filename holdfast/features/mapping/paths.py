"""Where a declared column lies in a landed table: as a column in one of many spellings, or inside a JSON text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache

from holdfast.features.landed.files import literal, quoted

_PART = re.compile(r"^(?P<name>[^\[\]]*)(?P<index>(\[\d+\])*)$")


@cache
def plain(name: str) -> str:
    """Fold the spellings of a name: case, accents, blanks, points and underscores.

    Examples
    --------
    >>> plain("Created (UTC)"), plain("plan__amount"), plain("plan.amount"), plain("Kündigung")
    ('created_utc', 'plan_amount', 'plan_amount', 'kundigung')
    """
    bare = unicodedata.normalize("NFKD", name.casefold())
    return re.sub(r"[\W_]+", "_", "".join(one for one in bare if not unicodedata.combining(one))).strip("_")


def spellings(columns: Sequence[str]) -> dict[str, str]:
    """Index the columns of a table by their plain names; of several, whatever their order, the plainest one wins.

    Examples
    --------
    >>> spellings(["Account ID", "account_id"]), spellings(["account_id", "Account ID"])
    ({'account_id': 'account_id'}, {'account_id': 'account_id'})
    """
    order = sorted(columns, key=lambda column: (column != plain(column), column), reverse=True)
    return {plain(column): column for column in order if plain(column)}


def find(path: str, columns: Mapping[str, str], types: Mapping[str, str], inner: str | None = None) -> str | None:
    r"""Write the SQL of the value under a path, or give none when the table has nothing there.

    Parameters
    ----------
    columns
        From `spellings`.
    types
        DuckDB types, by column; only a text or JSON column is looked into.
    inner
        SQL of a JSON object in which to look instead.

    Examples
    --------
    >>> find("plan.amount", {"plan_amount": "Plan Amount"}, {"Plan Amount": "VARCHAR"})
    '"Plan Amount"'
    >>> find("plan.amount", {"plan": "plan"}, {"plan": "VARCHAR"})
    'json_extract_string(CASE WHEN json_valid("plan") THEN "plan" END, \'$."amount"\')'
    """
    if inner is not None:
        return f"json_extract_string({inner}, {literal(json_path(path))})"
    if plain(path) in columns:
        return quoted(columns[plain(path)])
    parts = path.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        head = columns.get(plain(".".join(parts[:cut])))
        if head is not None and types.get(head, "VARCHAR") in ("VARCHAR", "JSON"):
            rest = literal(json_path(".".join(parts[cut:])))
            return f"json_extract_string(CASE WHEN json_valid({quoted(head)}) THEN {quoted(head)} END, {rest})"
    return None


def json_path(path: str) -> str:
    """Write a dotted path as a JSON path.

    Examples
    --------
    >>> json_path("items.data[0].price")
    '$."items"."data"[0]."price"'
    """
    return "$" + "".join(map(_step, path.split(".")))


def _step(part: str) -> str:
    match = _PART.match(part)
    name, index = (match["name"], match["index"]) if match else (part, "")
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'."{escaped}"{index}' if name else index
