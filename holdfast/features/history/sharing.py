"""Names of records that occur in several buckets: a correction may move a record to another account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from holdfast.errors import DataError
from holdfast.features.history.tables import TABLES, Table
from holdfast.safely import TEMPORARY

MOST_SHARED = 1_000_000
_MEMORY = "512MB"
_NAMES = """
SELECT name FROM whole WHERE name IS NOT NULL AND hash(name) IN (SELECT h FROM often)
GROUP BY name HAVING min(bucket) <> max(bucket) ORDER BY name LIMIT $most
"""


def name_of(table: Table) -> str | None:
    """Give the column that names a record across accounts, none where the account is part of the name."""
    return None if "account_id" in table.key else table.entity[-1]


def shared_names(
    folder: Path, table: str, files: Mapping[int, Sequence[Path]], new: Mapping[int, Sequence[Path]]
) -> tuple[str, ...]:
    """Find the names of a table that occur in more than one bucket and in the new files.

    Parameters
    ----------
    files
        By bucket, all files of landed rows, named by it, all of which have the column that names a record.
    new
        Those of them whose names have not been looked for yet.

    Raises
    ------
    DataError
        When names are not names at all, but are used again and again for different accounts.
    """
    column = name_of(TABLES[table])
    if column is None or len(files) < 2 or not new:
        return ()
    found = _found(folder, column, files, new)
    if len(found) > MOST_SHARED:
        do = f"make {column} unique across accounts, or leave it out"
        raise DataError(
            table, f"{column} to name one record", f"over {MOST_SHARED} that name rows of several accounts", do
        )
    return tuple(found)


def _found(
    folder: Path, column: str, files: Mapping[int, Sequence[Path]], new: Mapping[int, Sequence[Path]]
) -> list[str]:
    """Give up to one name more than there may be, sorted; what memory does not hold lies on the disk meanwhile."""
    import duckdb

    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": _MEMORY,
        "threads": 1,
        "temp_directory": str(folder / f"{TEMPORARY}sort"),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "preserve_insertion_order": False,
    }
    with duckdb.connect(":memory:", config=settings) as base:
        for view, paths in (("whole", files), ("late", new)):
            base.execute(f"CREATE TEMP VIEW {view} AS {_scan(paths, column)}")
        grouped = "SELECT hash(name) AS h FROM whole WHERE name IS NOT NULL"
        if sum(map(len, new.values())) < sum(map(len, files.values())):
            grouped += " AND hash(name) IN (SELECT hash(name) FROM late)"
        base.execute(f"CREATE TEMP TABLE often AS {grouped} GROUP BY h HAVING min(bucket) <> max(bucket)")
        named = base.execute(_NAMES, {"most": MOST_SHARED + 1}).fetchall()
    return [str(name) for (name,) in named]


def _scan(files: Mapping[int, Sequence[Path]], column: str) -> str:
    """Read names in one scan: each scan of its own would hold memory from the first row to the last."""
    paths = ", ".join(
        "'" + path.as_posix().replace("'", "''") + "'" for _, some in sorted(files.items()) for path in some
    )
    bucket = "CAST(parse_filename(filename, true) AS INTEGER)"
    return f'SELECT "{column}" AS name, {bucket} AS bucket FROM read_parquet([{paths}], filename = true)'  # noqa: S608 # own names
