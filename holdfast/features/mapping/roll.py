"""The roll of accounts: those that the hub lists, else those that rows name, else those that are stated by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from holdfast.errors import DataError
from holdfast.features.history.tables import TABLES
from holdfast.features.landed.files import literal
from holdfast.features.mapping.identity import UNMATCHED, list_accounts
from holdfast.features.mapping.objects import Source, schema_of
from holdfast.features.mapping.workbench import columns_of, count_of, telling

if TYPE_CHECKING:
    import duckdb


def keep_listed(con: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Keep which accounts the hub lists."""
    statement = source.adapter.statements.get("accounts")
    if statement is not None:
        con.execute("SET search_path = ?", [f"{schema_of(source)},main"])
        with telling(source, "accounts"):
            list_accounts(con, statement)


def name_accounts(con: duckdb.DuckDBPyConnection, hub: str, sources: Sequence[Source]) -> None:
    """Where no source lists accounts, take those that the rows name for the hub's."""
    for source in sources:
        con.execute("SET search_path = ?", [f"{schema_of(source)},main"])
        for table, statement in source.adapter.statements.items():
            with telling(source, table):
                if table in TABLES and "account_id" in columns_of(con, f"({statement})"):
                    con.execute(
                        "INSERT INTO main.identities (source, kind, source_key) SELECT DISTINCT ?, 'account', "
                        f"account_id::VARCHAR FROM ({statement}) WHERE account_id IS NOT NULL",
                        [hub],
                    )


def state_accounts(con: duckdb.DuckDBPyConnection, hub: str, manual: pd.DataFrame) -> None:
    """Where nothing names an account either, take those that are stated by hand."""
    if not count_of(con, "main.identities WHERE kind = 'account' AND source_key IS NOT NULL"):
        named = [(hub, account) for account in sorted(set(manual["account_id"]))]
        if named:
            con.executemany("INSERT INTO main.identities (source, kind, source_key) VALUES (?, 'account', ?)", named)


def write_alone(con: duckdb.DuckDBPyConnection, out: Path, rows: Mapping[str, int]) -> int:
    """Take as accounts whatever account the rows name, where no source lists them.

    Raises
    ------
    DataError
        When there are no rows.
    """
    if not rows:
        raise DataError(str(out), "rows of any canonical table", "none", "name files that holdfast can read as tables")
    listed = ", ".join(literal(str(out / f"{name}.parquet")) for name in rows if name != "churn") or "NULL"
    path = out / "accounts.parquet"
    matched = f"account_id NOT LIKE '{UNMATCHED}:%'"
    query = f"SELECT DISTINCT account_id FROM read_parquet([{listed}], union_by_name = true) WHERE {matched} ORDER BY 1"
    named = count_of(con, f"({query})")
    if named:
        con.execute(f"COPY ({query}) TO {literal(str(path))} (FORMAT parquet, COMPRESSION zstd)")
    return named
