"""Today's rows against the last ones that were captured, by two hashes of each row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from holdfast.errors import DataError, PublishError
from holdfast.features.capture.canonical import hash_of, key_hash_of, text_of
from holdfast.features.capture.drift import is_bookkeeping
from holdfast.features.capture.naming import same
from holdfast.features.capture.spool import DELETED, FROM
from holdfast.features.landed.raw import connect, files_literal, quoted

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SHOWN = 5
_MEMORY = "512MB"
_PLACE = 1 << 40  # above any row number of a file


@dataclass(frozen=True)
class Moves:
    """What has changed since the capture before.

    Attributes
    ----------
    added, changed
        Rows with a key that was not there, and with other values than before.
    taken
        Their row numbers in the file of today, ascending.
    gone
        Rows that are there no more: by number of capture, the row numbers in its file where they were last seen.
    """

    added: int
    changed: int
    taken: NDArray[np.int64]
    gone: Mapping[int, NDArray[np.int64]] = field(default_factory=dict)

    @property
    def lost(self) -> int:
        """How many rows are there no more."""
        return sum(map(len, self.gone.values()))

    def __bool__(self) -> bool:
        return bool(len(self.taken) or self.gone)


@dataclass(frozen=True)
class Comparing:
    """How to compare the rows of a table.

    Attributes
    ----------
    key
        The columns that name a row.
    ignore
        Columns whose changes count for nothing, as patterns.
    complete
        Whether a row that is not delivered is gone.
    scratch
        Where to put what does not fit into memory.
    """

    table: str
    key: tuple[str, ...]
    ignore: tuple[str, ...]
    complete: bool
    scratch: Path

    def moves(self, today: Path, files: Mapping[int, Path], instants: Sequence[pd.Timestamp]) -> Moves:
        """Compare the rows of a file with those captured before.

        Parameters
        ----------
        files, instants
            By number of capture, its file and its instant.

        Raises
        ------
        DataError
            When a key is empty or names several rows.
        """
        with _database(self.table, self.scratch / "sort") as con:
            self._read_today(con, today)
            self._read_known(con, files, instants)
            con.execute(
                "CREATE TABLE moves AS SELECT row, code IS NULL OR code % 2 = 1 AS fresh FROM today LEFT JOIN known"
                " USING (k) WHERE code IS NULL OR code % 2 = 1 OR known.h <> today.h"
            )
            taken = _numbers(con, "SELECT row FROM moves ORDER BY row")
            added = int(_numbers(con, "SELECT count(*) FROM moves WHERE fresh")[0])
            gone = self._gone(con) if self.complete else {}
        return Moves(added, len(taken) - added, taken, gone)

    def _read_today(self, con: duckdb.DuckDBPyConnection, path: Path) -> None:
        scan = _scan([path])
        columns = _columns(con, scan)
        self._refuse_empty(con, scan, columns)
        con.execute(f"CREATE TABLE today AS SELECT {self._hashes(columns)}, file_row_number AS row FROM {scan}")
        if con.execute("SELECT 1 FROM today GROUP BY k HAVING count(*) > 1 LIMIT 1").fetchone():
            raise self._several(con, scan, columns)

    def _hashes(self, columns: Mapping[str, str]) -> str:
        names = {same(name): name for name in columns}
        key = [names[same(name)] for name in self.key]
        told = {name: kind for name, kind in columns.items() if not is_bookkeeping(name, self.ignore)}
        return f"{key_hash_of(key, columns)} AS k, {hash_of(told)} AS h"

    def _texts(self, columns: Mapping[str, str]) -> list[str]:
        names = {same(name): name for name in columns}
        return [text_of(names[same(name)], columns[names[same(name)]]) for name in self.key]

    def _refuse_empty(self, con: duckdb.DuckDBPyConnection, scan: str, columns: Mapping[str, str]) -> None:
        empty = " OR ".join(f"trim(coalesce({text}, '')) = ''" for text in self._texts(columns))
        rows = _numbers(con, f"SELECT file_row_number FROM {scan} WHERE {empty} ORDER BY 1")
        if len(rows):
            shown = ", ".join(str(row + 1) for row in rows[:_SHOWN])
            found = f"{len(rows)} rows with an empty one (rows {shown})"
            raise DataError(self.table, f"a key ({', '.join(self.key)}) in every row", found, "deliver the key")

    def _several(self, con: duckdb.DuckDBPyConnection, scan: str, columns: Mapping[str, str]) -> DataError:
        texts = ", ".join(f"{text} AS {quoted(str(place))}" for place, text in enumerate(self._texts(columns)))
        found = con.execute(
            f"SELECT *, count(*) FROM (SELECT {texts} FROM {scan}) GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL"
        ).fetchall()
        shown = "; ".join(f"{', '.join(repr(str(one)[:40]) for one in row[:-1])} ({row[-1]})" for row in found[:_SHOWN])
        do = "deliver each row once, or name more columns as the key"
        return DataError(
            self.table, f"each key ({', '.join(self.key)}) once", f"{len(found)} several times: {shown}", do
        )

    def _read_known(
        self, con: duckdb.DuckDBPyConnection, files: Mapping[int, Path], instants: Sequence[pd.Timestamp]
    ) -> None:
        """Find the last row of each key: where it lies, whether it says that the row is gone, and its hash."""
        con.execute("CREATE TABLE known AS SELECT k, 0::UBIGINT AS code, h FROM today LIMIT 0")
        if not files:
            return
        con.execute("CREATE TABLE captures (number UBIGINT, instant TIMESTAMPTZ)")
        con.executemany("INSERT INTO captures VALUES (?, ?)", [[one, instants[one].to_pydatetime()] for one in files])
        selects = []
        for paths in _alike(files.values()):
            scan = _scan(paths)
            columns = {name: kind for name, kind in _columns(con, scan).items() if name not in (FROM, DELETED)}
            code = f"number * {_PLACE} + file_row_number * 2 + {DELETED}::INTEGER"
            selects.append(
                f"SELECT {self._hashes(columns)}, ({code})::UBIGINT AS code FROM {scan}"
                f" JOIN captures ON instant = {FROM}"
            )
        con.execute(
            f"INSERT INTO known SELECT k, max(code), arg_max(h, code) FROM ({' UNION ALL '.join(selects)}) GROUP BY k"
        )

    def _gone(self, con: duckdb.DuckDBPyConnection) -> dict[int, NDArray[np.int64]]:
        codes = _numbers(con, "SELECT code FROM known ANTI JOIN today USING (k) WHERE code % 2 = 0 ORDER BY code")
        numbers, rows = codes // _PLACE, codes % _PLACE // 2
        return {int(number): rows[numbers == number] for number in np.unique(numbers)}


def read(scan: str, table: str) -> pa.Table:
    """Read what can stand after FROM.

    Raises
    ------
    DataError
        When files cannot be read together.
    """
    with _database(table, None) as con:
        return con.sql(f"SELECT * FROM {scan}").to_arrow_table()


@contextmanager
def _database(table: str, scratch: Path | None) -> Iterator[duckdb.DuckDBPyConnection]:
    con = connect(scratch)
    try:
        con.execute(f"SET memory_limit = '{_MEMORY}'")
        yield con
    except duckdb.IOException as problem:
        do = "free the disk, then run again; what was there before is intact"
        raise PublishError(table, "to sort its rows", _first_line(problem), do) from problem
    except duckdb.Error as problem:
        do = "leave the column that is named out, or cast it to text, in the query or view that delivers the table"
        raise DataError(table, "rows that can be compared", _first_line(problem), do) from problem
    finally:
        con.close()


def _scan(paths: Sequence[Path]) -> str:
    return f"read_parquet({files_literal(tuple(paths))}, file_row_number = true, hive_partitioning = false)"


def _columns(con: duckdb.DuckDBPyConnection, scan: str) -> dict[str, str]:
    told = con.execute(f"DESCRIBE SELECT * EXCLUDE (file_row_number) FROM {scan}").fetchall()
    return {str(name): str(kind) for name, kind, *_ in told}


def _alike(paths: Iterable[Path]) -> list[list[Path]]:
    """Put files of the same columns together: each kind of file is written as text by its own types."""
    found: dict[str, list[Path]] = {}
    for path in paths:
        schema = pa.parquet.read_schema(path)
        found.setdefault(repr([(one.name, str(one.type)) for one in schema]), []).append(path)
    return list(found.values())


def _numbers(con: duckdb.DuckDBPyConnection, sql: str) -> NDArray[np.int64]:
    return np.asarray(con.sql(sql).fetchnumpy().popitem()[1], dtype=np.int64)


def _first_line(problem: Exception) -> str:
    return str(problem).splitlines()[0][:200]
