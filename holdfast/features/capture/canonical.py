"""What a row says, as one text that depends on its values alone, and the hash of it.

The text names every column that holds a value, in alphabetical order, and writes the value the same way whatever its
type: the whole number 7 and the texts and decimals ``7``, ``7.0`` of number columns are one value, times are UTC. An
empty cell says nothing, so that it makes no difference whether a column is empty or absent. Both sides of a comparison
are written by the same version of the database, from values, so that no stored hash can go out of date.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from holdfast.features.capture.naming import same
from holdfast.features.landed.raw import literal, quoted

_FLOATS = ("FLOAT", "DOUBLE")
_NESTED = ("STRUCT", "MAP", "UNION")
_EXACT = 9007199254740992  # from here on a float skips whole numbers


def text_of(column: str, kind: str) -> str:
    """Give the SQL of a value as text, NULL when the cell is empty.

    Parameters
    ----------
    kind
        Its type, as DuckDB names it.

    Examples
    --------
    >>> text_of("id", "BIGINT"), text_of("b", "BLOB")
    ('"id"::VARCHAR', 'hex("b")')
    """
    name = quoted(column)
    if kind.endswith("]") or kind.startswith(_NESTED):
        return f"to_json({name})::VARCHAR"
    if kind in _FLOATS:
        whole = f"{name} = trunc({name}) AND abs({name}) < {_EXACT}"
        return f"CASE WHEN {whole} THEN TRY_CAST({name} AS BIGINT)::VARCHAR ELSE {name}::VARCHAR END"
    if kind.startswith("DECIMAL"):
        written = f"{name}::VARCHAR"
        return f"CASE WHEN contains({written}, '.') THEN rtrim(rtrim({written}, '0'), '.') ELSE {written} END"
    if kind.startswith("TIMESTAMP") and ("TZ" in kind or "ZONE" in kind):
        return rf"regexp_replace({name}::VARCHAR, '\+00$', '')"
    if kind == "BLOB":
        return f"hex({name})"
    return "NULL::VARCHAR" if kind == '"NULL"' else f"{name}::VARCHAR"


def hash_of(columns: Mapping[str, str]) -> str:
    """Give the SQL of the hash of some columns: 16 bytes of MD5, as a number.

    Parameters
    ----------
    columns
        By name, the type.
    """
    parts = [_said(name, kind) for name, kind in sorted(columns.items(), key=lambda one: same(one[0]))]
    return f"md5_number(concat('', {', '.join(parts)}))"


def key_hash_of(key: Sequence[str], columns: Mapping[str, str]) -> str:
    """Give the SQL of the hash of what names a row, in the order of the key."""
    parts = [_lengthy(text_of(name, columns[name])) for name in key]
    return f"md5_number(concat({', '.join(parts)}))"


def _said(name: str, kind: str) -> str:
    """Write name and value so that no other row reads the same: each behind its length."""
    shown = same(name)
    return f"{literal(f'{len(shown.encode())}:{shown}')} || {_lengthy(text_of(name, kind))}"


def _lengthy(text: str) -> str:
    return f"strlen({text}) || ':' || {text}"
