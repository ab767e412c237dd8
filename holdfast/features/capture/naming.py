"""Names on disk: a table's folder, from any name and back, and the file of one capture."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

import pandas as pd

from holdfast.errors import UsageError

FILE = re.compile(r"([0-9]{4,9})-[0-9]{8}T[0-9]{6}(?:\.[0-9]{6})?Z\.parquet")
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_-.")
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?")
_LONGEST = 200


def folder_of(table: str) -> str:
    """Name the folder of a table, so that no disk confuses it with another; `table_of` gives the name back.

    Raises
    ------
    UsageError
        When the name is empty or too long for a folder.

    Examples
    --------
    >>> folder_of("stripe/customers"), folder_of("Plan"), folder_of("..")
    ('stripe%2Fcustomers', '%50lan', '%2E%2E')
    """
    given = table.encode("utf-8", "surrogatepass")
    outer = given.startswith(b".") or given.endswith(b".")
    plain = _PLAIN - {ord(".")} if outer else _PLAIN
    name = "".join(chr(one) if one in plain else f"%{one:02X}" for one in given)
    if _DEVICE.fullmatch(name):
        name = f"%{given[0]:02X}{name[1:]}"
    if not 0 < len(name) <= _LONGEST:
        found = f"{table[:40]!r} of {len(table)} characters"
        raise UsageError("the name of a table", f"1 to {_LONGEST} plain characters", found, "give it a shorter name")
    return name


def table_of(folder: str) -> str | None:
    """Give the name of the table whose folder this is; None when it is no folder of ours.

    Examples
    --------
    >>> table_of("stripe%2Fcustomers"), table_of("My folder")
    ('stripe/customers', None)
    """
    try:
        table = unquote_to_bytes(folder).decode("utf-8", "surrogatepass")
        return table if folder_of(table) == folder else None
    except (UnicodeDecodeError, UsageError):
        return None


def file_of(number: int, at: pd.Timestamp) -> str:
    """Name the file of a capture.

    Examples
    --------
    >>> file_of(3, pd.Timestamp("2025-03-01T06:00", tz="UTC"))
    '0003-20250301T060000Z.parquet'
    """
    second = f"{at:%Y%m%dT%H%M%S}"
    return (
        f"{number:04d}-{second}.{at.microsecond:06d}Z.parquet" if at.microsecond else f"{number:04d}-{second}Z.parquet"
    )


def same(column: str) -> str:
    """Give what two spellings of one column have in common: SQL tells no small from capital ASCII letters.

    Examples
    --------
    >>> same("CustomerId"), same("Ä")
    ('customerid', 'Ä')
    """
    return column.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")
