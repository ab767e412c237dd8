"""Which tables of a database are fetched, and whether they are still what they were."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from holdfast.errors import DataError, UsageError, did_you_mean
from holdfast.features.database.fetched import STATE, Landed, folder_of

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

_SYSTEM = frozenset({"information_schema", "pg_catalog", "pg_toast", "mysql", "performance_schema", "sys"})


def chosen(
    connection: Connection, where: str, tables: Sequence[str] | None, schema: str | None, before: Mapping[str, Landed]
) -> list[str]:
    """Choose tables: those named, which may be views, else all tables of the schema.

    Raises
    ------
    UsageError
        When there is no such schema or table, or two tables would share a folder.
    DataError
        When there is no table at all, or one that was fetched before is gone.
    """
    there, views = _present(connection, where, schema)
    names = there if tables is None else list(dict.fromkeys(tables))
    asked = [one for one in before.values() if one.schema_ == schema and (tables is None or one.name in names)]
    _still_there(asked, there + views, where, before)
    for name in names:
        if name not in there and name not in views:
            known = did_you_mean(name, there + views)
            raise UsageError(where, "tables or views of the database", repr(name), known)
    if not names:
        raise DataError(where, "tables", "none", "name the schema that holds them, or views")
    _apart(names, where, schema)
    return names


def _present(connection: Connection, where: str, schema: str | None) -> tuple[list[str], list[str]]:
    """List the tables of a schema, and what may be fetched when it is named."""
    from sqlalchemy import inspect

    inspector = inspect(connection)
    if schema is not None:
        known = [one for one in inspector.get_schema_names() if one not in _SYSTEM and not one.startswith("pg_")]
        if schema not in known:
            raise UsageError(where, "a schema of the database", repr(schema), did_you_mean(schema, known))
    tables = inspector.get_table_names(schema)
    views = inspector.get_view_names(schema)
    if connection.dialect.name == "postgresql":
        views += inspector.get_materialized_view_names(schema)
        partitions = _partitions(connection, schema)
        views += [name for name in tables if name in partitions]
        tables = [name for name in tables if name not in partitions]
    return sorted(tables), sorted(views)


def _partitions(connection: Connection, schema: str | None) -> set[str]:
    """Name the partitions of partitioned tables, whose rows the table itself shows too."""
    import sqlalchemy as sa

    klass = sa.table("pg_class", *map(sa.column, ("relname", "relnamespace", "relispartition")), schema="pg_catalog")
    space = sa.table("pg_namespace", sa.column("oid"), sa.column("nspname"), schema="pg_catalog")
    wanted = sa.func.current_schema() if schema is None else schema
    found = sa.select(klass.c.relname).join(space, klass.c.relnamespace == space.c.oid)
    return set(connection.scalars(found.where(space.c.nspname == wanted, klass.c.relispartition)))


def _still_there(asked: Sequence[Landed], there: Sequence[str], where: str, before: Mapping[str, Landed]) -> None:
    """Refuse to go on when a table that was fetched before is gone."""
    for landed in asked:
        if landed.name not in there:
            new = [name for name in there if folder_of(landed.schema_, name) not in before]
            hint = f"; {did_you_mean(landed.name, new)}" if new else ""
            do = f"if it was renamed or dropped, fetch into a new folder{hint}"
            raise DataError(f"{where}, table {landed.name}", "a table that was fetched before", "none", do)


def _apart(names: Sequence[str], where: str, schema: str | None) -> None:
    """Refuse tables whose folders a file system may take for one."""
    seen = {STATE.casefold(): STATE}
    for name in names:
        folder = folder_of(schema, name)
        other = seen.setdefault(folder.casefold(), folder)
        if other != folder or other == STATE:
            do = "name the tables, and fetch one of the two into another folder"
            raise UsageError(where, "tables with names apart", f"{other} and {folder}", do)


def reflected(connection: Connection, name: str, schema: str | None) -> Table:
    """Read the columns of a table from the database."""
    from sqlalchemy import MetaData, Table
    from sqlalchemy.exc import SAWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # a type it does not know is carried as text, or left out
        return Table(name, MetaData(), schema=schema, autoload_with=connection, resolve_fks=False)


def refuse_drift(where: str, landed: Landed, columns: Mapping[str, str]) -> None:
    """Refuse columns that are gone or changed their type since the last fetch; new ones are welcome.

    Raises
    ------
    DataError
        When a column is gone or of another type.
    """
    gone = [f"{name} gone" for name in landed.columns if name not in columns]
    other = [
        f"{name} {kind}, now {columns[name]}"
        for name, kind in landed.columns.items()
        if columns.get(name, kind) != kind
    ]
    if gone or other:
        new = [f"{name} new" for name in columns if name not in landed.columns]
        do = "fetch into a new folder, and adapt the mapping to the change; what was fetched before is intact"
        raise DataError(where, "the columns of the last fetch", ", ".join([*gone, *other, *new]), do)
