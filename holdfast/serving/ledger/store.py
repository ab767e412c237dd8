"""The file of the ledger: opened, read, and written in transactions that hold wholly or not at all."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from holdfast.errors import PublishError

LEDGER = "ledger.db"
ERASED = "erased:"  # how the name begins under which figures of an erased account stay
SCHEMA_VERSION = 2
_TABLE = re.compile(r"^CREATE TABLE IF NOT EXISTS (\w+) (\(.*?^\)[^;]*);", re.DOTALL | re.MULTILINE)
_PATIENCE = 30.0  # seconds that a reader or a writer waits for another one


@dataclass(frozen=True)
class Ledger:
    """The ledger of a workspace; its tables are described in ``schema.sql``.

    Parameters
    ----------
    path
        The file, ``ledger.db`` in the workspace; it is made when it is first written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     ledger = Ledger(Path(folder) / LEDGER)
    ...     with ledger.writing() as db:
    ...         _ = db.execute("INSERT INTO erased VALUES ('account', 'd1', '2026-01-01T00:00:00Z')")
    ...     ledger.read("SELECT kind, digest FROM erased").values.tolist()
    [['account', 'd1']]
    """

    path: Path

    def read(self, query: str, values: Sequence[Any] = ()) -> pd.DataFrame:
        """Return what a query finds, with the values as its parameters; the columns alone where nothing was written.

        Nothing is written: a ledger of an earlier version is read as if it had what it lacks, which is empty.

        Raises
        ------
        PublishError
            When the file is damaged, locked for too long, or written by a later version.
        """
        with self._open() as db:
            found = db.execute(query, values)
            return pd.DataFrame(found.fetchall(), columns=[one[0] for one in found.description])

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Write in one transaction: all of it holds when the block ends well, nothing of it otherwise.

        Raises
        ------
        PublishError
            When the file is damaged, locked for too long, or written by a later version, or the disk refuses.
        """
        with self._open(make=True) as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    @contextmanager
    def _open(self, *, make: bool = False) -> Iterator[sqlite3.Connection]:
        try:
            if make:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            there = make or self.path.exists()
            with closing(sqlite3.connect(self.path if there else ":memory:", _PATIENCE, isolation_level=None)) as db:
                db.execute("PRAGMA foreign_keys = ON")
                db.execute("PRAGMA synchronous = FULL")
                if self._earlier(db):
                    _upgrade(db) if make else _complete(db)
                yield db
        except (sqlite3.Error, OSError) as problem:
            do = "free the disk or end who holds the file, then run again; put a copy back if it is damaged"
            raise PublishError(str(self.path), "a ledger that can be read and written", str(problem), do) from problem

    def _earlier(self, db: sqlite3.Connection) -> bool:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            found, do = f"version {version}", "use the version of holdfast that wrote it, or a later one"
            raise PublishError(str(self.path), f"a ledger of version {SCHEMA_VERSION} or older", found, do)
        return bool(version < SCHEMA_VERSION)


def _schema() -> str:
    return (files("holdfast.serving.ledger") / "schema.sql").read_text(encoding="utf-8")


def _upgrade(db: sqlite3.Connection) -> None:
    """Make the tables that an earlier version lacks; what is there stays."""
    db.executescript(f"BEGIN IMMEDIATE;\n{_schema()}\nPRAGMA user_version = {SCHEMA_VERSION};\nCOMMIT;")


def _complete(db: sqlite3.Connection) -> None:
    """Lay the tables that an earlier version lacks beside it, empty and in memory: a reader may not have to write."""
    db.execute("PRAGMA temp_store = MEMORY")
    there = {name for (name,) in db.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'")}
    for name, body in _TABLE.findall(_schema()):
        if name not in there:
            db.execute(f"CREATE TEMP TABLE {name} {body}")


def stamp(instant: datetime | pd.Timestamp) -> str:
    """Write an instant as the ledger keeps it.

    Examples
    --------
    >>> stamp(pd.Timestamp("2026-01-01", tz="UTC"))
    '2026-01-01T00:00:00Z'
    """
    return pd.Timestamp(instant).tz_convert(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
