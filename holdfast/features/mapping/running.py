"""Running a mapping: landed tables through their SQL and the id map to canonical tables as Parquet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from holdfast.features.history.tables import TABLES
from holdfast.features.mapping.adapter import shipped
from holdfast.features.mapping.exporting import dated
from holdfast.features.mapping.identity import collect, resolve
from holdfast.features.mapping.noticing import unmatched_in, unmatched_keys, unreadable
from holdfast.features.mapping.objects import Source, lay_out
from holdfast.features.mapping.roll import keep_listed, name_accounts, state_accounts, write_alone
from holdfast.features.mapping.whole_keys import whole_keys
from holdfast.features.mapping.workbench import telling, workbench
from holdfast.features.mapping.writing import write
from holdfast.findings import Finding
from holdfast.progress import progress

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Mapped:
    """What a mapping made.

    Attributes
    ----------
    rows
        Rows written, by canonical table.
    unmatched
        One row per source and key that leads to no account: ``source, key, rows, tables``, the worst first.
    layout
        How each landed column was read; see `lay_out`.
    identities
        The id map: ``source, kind, source_key, account_id, person_id, method, confidence, ground``.
    """

    rows: Mapping[str, int]
    unmatched: pd.DataFrame
    layout: pd.DataFrame
    identities: pd.DataFrame
    findings: tuple[Finding, ...]


def run(
    sources: Sequence[Source],
    hub: str,
    tables: Mapping[str, Sequence[str]],
    manual: pd.DataFrame,
    out: Path,
    scratch: Path,
) -> Mapped:
    """Map all sources and write one Parquet file per canonical table.

    Parameters
    ----------
    hub
        The source that says what an account is.
    tables
        By canonical table the sources it comes from.
    manual
        Ids stated by hand: ``source, kind, source_key, account_id``.
    out, scratch
        Existing folders, for the tables and for what is needed on the way.

    Raises
    ------
    DataError
        When there are no rows.
    UsageError
        When the SQL of a source does not run, or gives a column that no canonical table has.
    """
    con = workbench(scratch / "run")
    try:
        sources, findings = whole_keys(con, sources)
        by_name = {source.name: source for source in sources}
        layout = pd.concat([_laid_out(con, source, findings) for source in progress(sources, "reading", len(sources))])
        own = [name for name in by_name if name not in shipped()]
        if "accounts" not in tables:
            name_accounts(con, hub, [source for source in sources if source.name in (hub, *own)])
            state_accounts(con, hub, manual)
        elif hub in tables["accounts"]:
            keep_listed(con, by_name[hub])
        findings += resolve(con, hub, own, manual)
        findings += unreadable(layout)
        rows: dict[str, int] = {}
        for name, origins in progress(tables.items(), "mapping", len(tables)):
            written, found = write(con, TABLES[name], [by_name[one] for one in origins], out / f"{name}.parquet")
            findings += found
            if written:
                rows[name] = written
        if "accounts" not in rows and (alone := write_alone(con, out, rows)):
            rows["accounts"] = alone
        unmatched = unmatched_in(con, out, rows)
        identities = con.execute("SELECT * FROM main.id_map ORDER BY ALL").df()
    finally:
        con.close()
    findings += unmatched_keys(unmatched, identities["account_id"].dropna().unique())
    return Mapped(dict(sorted(rows.items())), unmatched, layout, identities, tuple(findings))


def _laid_out(con: duckdb.DuckDBPyConnection, source: Source, findings: list[Finding]) -> pd.DataFrame:
    source, later = dated(con, source)
    findings += later
    layout = lay_out(con, source)
    with telling(source, "identities"):
        collect(con, source)
    return layout.assign(source=source.name)
