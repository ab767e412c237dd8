"""Sheets that customer success managers filled in, as landed tables with canonical columns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from holdfast.features.landed.files import RawTable, connect, file_literal
from holdfast.features.landed.naming import safe_name
from holdfast.features.sheets.rows import canonical
from holdfast.findings import Finding


def sheet_as_table(table: RawTable, sheet: str, scratch: Path) -> tuple[RawTable, str, list[Finding]]:
    """Read a filled sheet.

    Returns
    -------
    tuple
        The same table with canonical columns, the canonical table that it fills, and what was noticed.

    Raises
    ------
    DataError
        When the sheet lacks a column that it cannot do without.
    """
    path = scratch / "sheets" / f"{safe_name(table.name)}.parquet"
    path.parent.mkdir(exist_ok=True)
    with connect() as con:
        name, frame, findings = canonical(sheet, con.execute(f"SELECT * FROM {table.scan}").df())
        frame.to_parquet(path, index=False)
        scan = f"read_parquet({file_literal(path)})"
        types = {row[0]: row[1] for row in con.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()}
    read = replace(table, scan=scan, columns=tuple(types), types=types)
    return read, name, [replace(one, where=table.name) for one in findings]
