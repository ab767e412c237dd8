"""A database as a source: its address, one read-only snapshot of it, and what its failures mean.

PostgreSQL is read in one ``REPEATABLE READ``, ``READ ONLY`` transaction, SQLite from a file opened for reading only;
both show every table as of one instant. Any other database is sent nothing but ``SELECT``.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from holdfast.errors import DataError, HoldfastError, UsageError, did_you_mean
from holdfast.features.database.secrets import Secret, how, known_to, password_of, refuse_typed, scrub

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

_log = logging.getLogger("holdfast.features.database.fetch")
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9_]*)(\+[A-Za-z0-9_]+)?://")
_ELSEWHERE = frozenset({"http", "https", "file", "s3", "gs", "gcs", "az", "abfs", "ftp", "sftp"})
_SERVED = frozenset({"postgresql", "mysql", "mariadb", "mssql", "oracle", "sqlite"})
_WAITS = (1.0, 4.0, 15.0)
_PATIENCE = {
    "connect_timeout": 20,
    "client_encoding": "utf8",
    **{"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 4},
}
_LOGIN = re.compile(r"authentication|no password|access denied|pg_hba|login failed", re.IGNORECASE)
_ABSENT = re.compile(r'(database|role) "?.*"? does not exist|unknown database', re.IGNORECASE)
_LASTING = re.compile(  # another try would end the same
    r"decode|malformed|not a database|unable to open|no such (table|column|function|module)|syntax error", re.IGNORECASE
)
_SETTINGS = {"TimeZone": "UTC", "DateStyle": "ISO, YMD", "IntervalStyle": "iso_8601"}

Result = TypeVar("Result")


def is_url(text: str) -> bool:
    """Tell whether a text is the address of a database.

    Examples
    --------
    >>> is_url("postgresql://reader@db.internal/crm"), is_url("https://x.io/a.csv"), is_url("exports/crm.csv")
    (True, False, False)
    """
    found = _ADDRESS.match(text)
    return found is not None and found[1].lower() not in _ELSEWHERE


@dataclass(frozen=True)
class Source:
    """One database.

    Attributes
    ----------
    url
        Its address, without a password.
    secret
        Its password; None leaves it to the driver.
    """

    url: URL
    secret: Secret | None = None

    @property
    def backend(self) -> str:
        """The kind of database."""
        return self.url.get_backend_name()

    def __str__(self) -> str:
        """Name it without user and options."""
        if self.backend == "sqlite":
            return f"sqlite:///{Path(str(self.url.database)).resolve()}"
        host = self.url.host or self.url.query.get("host", "localhost")
        port = f":{self.url.port}" if self.url.port else ""
        return f"{self.backend}://{host}{port}/{self.url.database or ''}"

    def hide(self, text: str) -> str:
        """Blot the password out of a text."""
        return scrub(text, known_to(self.secret))


def source_of(text: str, secrets: Path | None = None) -> Source:
    """Read the address of a database and find its password.

    Raises
    ------
    UsageError
        When it is no such address, holds a password, or the secrets file cannot be used.
    """
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    url = None
    try:
        url = make_url(re.sub(r"^postgres(ql)?:", "postgresql+psycopg:", text))
    except (ArgumentError, ValueError):
        scheme = text.partition("://")[0] if is_url(text) else "a text"
    if url is None:
        do = "write it as postgresql://user@host:port/database, without a password"
        raise UsageError("the address of a database", "kind://user@host:port/database", f"a {scheme} of other form", do)
    refuse_typed(url)
    if url.get_backend_name() == "sqlite":
        return Source(_existing(url))
    return Source(url, password_of(url, secrets))


def _existing(url: URL) -> URL:
    path = url.database or ":memory:"
    if not Path(path).is_file():
        raise UsageError(f"sqlite:///{path}", "the file of a SQLite database", "none", "correct the path")
    return url


def persevering(source: Source, work: Callable[[Connection], Result], sleep: Callable[[float], None]) -> Result:
    """Work on one snapshot of a database; when the connection is lost, wait and begin again on a new one.

    Raises
    ------
    DataError
        When the database does not answer, refuses the login, or breaks off every time.
    UsageError
        When the driver is not installed.
    """
    engine = _engine(source)
    for wait in (*_WAITS, None):
        failure = None
        try:
            with _snapshot(engine, source) as connection:
                return work(connection)
        except Exception as problem:
            if isinstance(problem, HoldfastError) or not _of_driver(problem):
                raise
            failure, lost = _told(problem, source), _lost(problem)
        # raised out here, the error drags no text of the driver along
        if wait is None or not lost:
            raise failure
        _log.warning("%s: %s; trying again in %g s", source, failure.found, wait)
        sleep(wait)
    raise AssertionError("the last attempt returns or raises")


def _engine(source: Source) -> Engine:
    if source.backend == "sqlite":
        url = source.url.set(
            database=Path(str(source.url.database)).resolve().as_uri(),
            query={**source.url.query, "mode": "ro", "uri": "true"},
        )
        return engine_of(replace(source, url=url), str(source))
    return engine_of(source, str(source), "REPEATABLE READ" if source.backend == "postgresql" else None)


def engine_of(source: Source, name: str, isolation: str | None = None) -> Engine:
    """Open a database: no pool, no values in messages, patience with a server that is slow to answer.

    Parameters
    ----------
    name
        What a message calls it.
    isolation
        The isolation level of its transactions; None leaves it to the database.

    Raises
    ------
    UsageError
        When the driver is not installed.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.exc import NoSuchModuleError
    from sqlalchemy.pool import NullPool

    options: dict[str, Any] = {"poolclass": NullPool, "hide_parameters": True}
    url = source.url if source.secret is None else source.url.set(password=source.secret.reveal())
    if isolation is not None:
        options["isolation_level"] = isolation
    if url.get_backend_name() == "postgresql" and url.get_driver_name() == "psycopg":
        options["connect_args"] = {key: value for key, value in _PATIENCE.items() if key not in url.query}
    try:
        engine = create_engine(url, **options)
    except NoSuchModuleError:
        engine, found, do = None, source.url.drivername, did_you_mean(source.backend, _SERVED)
    except ImportError as problem:
        known = source.backend == "postgresql"
        do = "pip install 'holdfast[postgres]'" if known else "install the driver, or name another: kind+driver://"
        engine, found = None, f"no module {problem.name!r}"
    if engine is None:
        raise UsageError(name, "a database whose driver is installed", found, do)
    return _whole(engine) if source.backend == "sqlite" else engine


def _whole(engine: Engine) -> Engine:
    """Have SQLite's driver read several tables in one transaction, which by itself it does not."""
    from sqlalchemy import event

    def manual(connection: Any, _: Any) -> None:
        connection.isolation_level = None

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    event.listen(engine, "connect", manual)
    event.listen(engine, "begin", begin)
    return engine


@contextmanager
def _snapshot(engine: Engine, source: Source) -> Iterator[Connection]:
    from sqlalchemy import func, select

    with engine.connect() as connection:
        if source.backend == "postgresql":
            connection.execution_options(postgresql_readonly=True)
            for name, value in _SETTINGS.items():
                connection.execute(select(func.set_config(name, value, True)))
        yield connection


def _of_driver(problem: Exception) -> bool:
    from sqlalchemy.exc import SQLAlchemyError

    return isinstance(problem, SQLAlchemyError)


def words(problem: Exception, source: Source) -> str:
    """Give the first lines of what the driver said, without passwords."""
    text = str(getattr(problem, "orig", None) or problem)
    return source.hide(" ".join(text.split()))[:300] or type(problem).__name__


def _told(problem: Exception, source: Source) -> DataError:
    """Say what a failure of the driver means; the caller raises it."""
    said, where = words(problem, source), ", ".join([str(source), *getattr(problem, "__notes__", ())])
    if _LOGIN.search(said):
        return DataError(where, "to be let in", said, f"correct user and password; {how(source.url)}")
    if _ABSENT.search(said):
        return DataError(where, "the database and the role", said, "correct the address")
    if _lost(problem):
        do = "check that the server runs and can be reached, then run again; what was fetched before is as it was"
        return DataError(where, "a database that answers", said, do)
    return DataError(where, "to read it", said, "see the message of the database; what was fetched before is intact")


def _lost(problem: Exception) -> bool:
    """Tell a connection that was lost or refused from what another attempt would not change."""
    from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

    if not isinstance(problem, DBAPIError) or denied(problem):
        return False
    said = str(problem.orig)
    passing = isinstance(problem, OperationalError | InterfaceError)
    final = any(one.search(said) for one in (_LOGIN, _ABSENT, _LASTING))
    return problem.connection_invalidated or (passing and not final)


def denied(problem: Exception) -> bool:
    """Tell whether the database refused a table for want of rights."""
    cause = getattr(problem, "orig", None)
    codes = {getattr(cause, "sqlstate", None), getattr(cause, "pgcode", None), *getattr(cause, "args", ())[:1]}
    return bool(codes & {"42501", 1142, 1143, 229})
