"""Fitting: whether the tables that are there are those that this version writes; if not, what differs."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, DateTime, Float, Integer, MetaData, Numeric, String, Table, func, inspect, select
from sqlalchemy.exc import SAWarning

from holdfast.errors import PublishError
from holdfast.serving.columns import SCHEMA_VERSION
from holdfast.serving.tables.layout import Layout, further

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from holdfast.serving.tables.target import Target

_FAMILIES: tuple[tuple[type, ...], ...] = ((String,), (Integer,), (Float, Numeric))


def absent(connection: Connection, target: Target, layout: Layout) -> list[Table]:
    """Give the tables that are not there yet, once those that are have turned out to be ours.

    Raises
    ------
    PublishError
        With the columns that are missing, too many, or of another type; nothing was written.
    """
    look = inspect(connection)
    there = [one for one in layout.tables if look.has_table(one.name, schema=one.schema)]
    version = None
    if layout.runs in there:
        _compare(connection, target, layout.runs)
        version = connection.scalar(select(func.max(layout.runs.c.schema_version)))
    if version is not None and version > SCHEMA_VERSION:
        expected, do = (
            f"tables of schema_version {SCHEMA_VERSION} or older",
            "use the version of holdfast that wrote it",
        )
        raise PublishError(str(target), expected, f"schema_version {version}", f"{do}, or a later one")
    for table in there:
        _compare(connection, target, table, version)
    return [one for one in layout.tables if one not in there]


def _compare(connection: Connection, target: Target, table: Table, version: int | None = None) -> None:
    found, dialect = _reflected(connection, table), connection.dialect
    missing = [one for one in table.c if one.name not in found.c]
    extra = sorted({*found.c.keys()} - {*table.c.keys()} - further(found.c.keys()))
    other = [one for one in table.c if one.name in found.c and not _alike(one, found.c[one.name], dialect.name)]
    if not (missing or extra or other):
        return
    told = [f"{one.name} missing" for one in missing] + [f"{name} too many" for name in extra]
    told += [
        f"{one.name} {found.c[one.name].type.compile(dialect)} instead of {one.type.compile(dialect)}" for one in other
    ]
    old = f"those of schema_version {version}: " if version is not None and version < SCHEMA_VERSION else ""
    do = "name another table in [output]" if extra or other else f"run {_adding(connection, table, missing)}"
    expected = f"the columns of schema_version {SCHEMA_VERSION}"
    where = f"{target.source}, table {table.fullname}"
    raise PublishError(where, expected, old + ", ".join(told), f"{do}; nothing was written")


def _adding(connection: Connection, table: Table, columns: list[Column[Any]]) -> str:
    """Write the statements that bring a table up to this version; older rows are empty there."""
    quoting = connection.dialect.identifier_preparer
    return "; ".join(
        f"ALTER TABLE {quoting.format_table(table)} ADD COLUMN {quoting.quote(one.name)} "
        f"{one.type.compile(connection.dialect)}"
        for one in columns
    )


def _alike(wanted: Column[Any], found: Column[Any], dialect: str) -> bool:
    """Tell whether a column holds what is written into it, whatever the database calls its type."""
    if isinstance(wanted.type, DateTime):
        return isinstance(found.type, DateTime) and (found.type.timezone or dialect != "postgresql")
    return any(isinstance(wanted.type, one) and isinstance(found.type, one) for one in _FAMILIES)


def _reflected(connection: Connection, table: Table) -> Table:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # a type that it does not know is of another type
        return Table(table.name, MetaData(), schema=table.schema, autoload_with=connection, resolve_fks=False)
