"""Names of records that occur in several buckets: a correction may move a record to another account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pyarrow.parquet import read_metadata

from holdfast.errors import DataError
from holdfast.features.history.tables import TABLES, Table
from holdfast.safely import TEMPORARY

MOST_SHARED = 1_000_000
_MEMORY = "512MB"
_ROWS = 4_000_000  # whose names are held at once; of more, a share of the names is looked at after the other
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
        By bucket, all files of landed rows, all of which have the column that names a record.
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
    """Give up to one name more than there may be, sorted."""
    import duckdb

    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": _MEMORY,
        "threads": 1,
        "temp_directory": str(folder / f"{TEMPORARY}sort"),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "preserve_insertion_order": False,
    }
    rows = sum(read_metadata(path).num_rows for paths in files.values() for path in paths)
    shares, found = 1 + rows // _ROWS, list[str]()
    with duckdb.connect(":memory:", config=settings) as base:
        base.execute(f"CREATE TEMP VIEW whole AS {_union(files, column)}")
        base.execute(f"CREATE TEMP VIEW late AS {_union(new, column)}")
        grouped = "SELECT hash(name) AS h FROM whole WHERE name IS NOT NULL AND hash(name) % $shares = $share"
        if sum(map(len, new.values())) < sum(map(len, files.values())):
            grouped += " AND hash(name) IN (SELECT hash(name) FROM late)"
        grouped += " GROUP BY h HAVING min(bucket) <> max(bucket)"
        for share in range(shares):
            base.execute(f"CREATE OR REPLACE TEMP TABLE often AS {grouped}", {"shares": shares, "share": share})
            named = base.execute(_NAMES, {"most": MOST_SHARED + 1 - len(found)}).fetchall()
            found.extend(str(name) for (name,) in named)
    return sorted(found)


def _union(files: Mapping[int, Sequence[Path]], column: str) -> str:
    def listed(paths: Sequence[Path]) -> str:
        return ", ".join("'" + path.as_posix().replace("'", "''") + "'" for path in paths)

    parts = [
        f'SELECT "{column}" AS name, {bucket} AS bucket FROM read_parquet([{listed(paths)}])'  # noqa: S608 # own names
        for bucket, paths in sorted(files.items())
    ]
    return " UNION ALL ".join(parts)
