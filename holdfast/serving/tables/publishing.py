"""Publishing: a whole run into the tables of a database, in one transaction, with its row in the ledger there.

The rows of a run are loaded into a table of their own first. Then, at once: what may be there of the same run is
deleted, the rows are moved, the ledger gets its row. A reader who joins the ledger sees whole runs only; a process that
is killed, or a database that goes away, leaves what was there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

import pandas as pd
from sqlalchemy import Column, MetaData, Table, func, insert, select, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.schema import CreateTable

from holdfast.errors import PublishError
from holdfast.features.database.sqlsource import words
from holdfast.serving.columns import SCHEMA_VERSION
from holdfast.serving.runs import Run, read_scores
from holdfast.serving.tables.fitting import absent
from holdfast.serving.tables.layout import Layout, layout

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from holdfast.serving.tables.target import Target

_PAGE = 5_000


@dataclass(frozen=True)
class Published:
    """What a database holds of a run.

    Attributes
    ----------
    fresh
        Whether anything was written now.
    """

    table: str
    accounts: int
    reasons: int
    fresh: bool


def publish_tables(target: Target, run: Run, at: datetime) -> Published:
    """Write a run into the tables of a target, unless it is there.

    A run of an older day adds its rows and leaves those of other runs alone; the view ``..._current`` goes on showing
    the latest day.

    Parameters
    ----------
    at
        When, for the ledger.

    Raises
    ------
    PublishError
        When the tables there are of another layout, or the database refuses or goes away; what was there still is.
    """
    scores = read_scores(run)
    rows = scores.rows
    reasons = scores.reasons.assign(run_id=run.run_id, as_of=scores.as_of)
    plan, failure = layout(target, map(str, rows.columns)), None
    try:
        engine = target.engine()
        with engine.connect() as connection:
            with connection.begin():
                _prepare(connection, target, plan)
            with connection.begin():
                fresh = _write(connection, plan, run, (rows, reasons), at)
    except SQLAlchemyError as problem:
        failure = target.hide(words(problem, target.source))
    if failure is not None:  # raised out here, the error drags no text of the driver along
        do = "see to the database, then score again: the run is whole in the workspace, the rows there are as they were"
        raise PublishError(str(target), "a database that takes the scores", failure, do)
    return Published(str(target), len(rows), len(reasons), fresh)


def _prepare(connection: Connection, target: Target, plan: Layout) -> None:
    """Make the tables that are not there; the view comes with the ledger, which it reads."""
    new = absent(connection, target, plan)
    for table in new:
        connection.execute(CreateTable(table))
    if plan.runs in new:
        quoting = connection.dialect.identifier_preparer
        view = ".".join(quoting.quote(one) for one in (target.schema, target.current) if one)
        served = plan.served().compile(connection, compile_kwargs={"literal_binds": True})
        connection.execute(text(f"CREATE VIEW {view} AS {served}"))


def _write(
    connection: Connection, plan: Layout, run: Run, frames: tuple[pd.DataFrame, pd.DataFrame], at: datetime
) -> bool:
    """Write a run with its row in the ledger; tell whether anything was written."""
    runs, wanted = plan.runs, plan.runs.c.run_id == run.run_id
    number = 1 + (connection.scalar(select(func.max(runs.c.number))) or 0)
    if connection.scalar(select(runs.c.run_id).where(wanted)) is not None:
        if not run.served or connection.scalar(plan.latest()) == run.run_id:
            return False
        connection.execute(runs.update().where(wanted).values(number=number))  # it is served again
        return True
    for table, frame in zip((plan.scores, plan.drivers), frames, strict=True):
        _move(connection, table, _stage(connection, table, frame), run.run_id)
    accounts, reasons = map(len, frames)
    told = {one: run.manifest.get(one) for one in ("model_version", "model_sha256", "input_sha256", "config_sha256")}
    told |= {"number": number, "run_id": run.run_id, "as_of": pd.Timestamp(run.manifest["as_of"]).to_pydatetime()}
    told |= {"holdfast": run.manifest.get("holdfast"), "schema_version": SCHEMA_VERSION}
    connection.execute(insert(runs), [told | {"accounts": accounts, "reasons": reasons, "published_at": at}])
    return True


def _stage(connection: Connection, table: Table, frame: pd.DataFrame) -> Table:
    """Load rows where nobody else sees them, and see that all of them came."""
    names = [one.name for one in table.c if one.name in frame]
    columns = (Column(one, table.c[one].type) for one in names)
    staged = Table(f"{table.name}_staged", MetaData(), *columns, prefixes=["TEMPORARY"], postgresql_on_commit="DROP")
    connection.execute(CreateTable(staged))
    rows = _rows(frame[names])
    if connection.dialect.name == "postgresql" and connection.dialect.driver == "psycopg":
        _copy(connection, staged, rows)
    else:
        for page in _pages(rows):
            connection.execute(insert(staged), [dict(zip(names, row, strict=True)) for row in page])
    came = connection.scalar(select(func.count()).select_from(staged))
    if came != len(frame):
        do = "score again; what was there before still is"
        raise PublishError(table.fullname, f"{len(frame)} rows loaded", str(came), do)
    return staged


def _copy(connection: Connection, staged: Table, rows: Iterator[tuple[Any, ...]]) -> None:
    quoting, driver = connection.dialect.identifier_preparer, cast("Any", connection.dialect.dbapi)
    columns = ", ".join(quoting.quote(one.name) for one in staged.c)
    cursor: Any = connection.connection.cursor()  # psycopg's own, whose errors nobody else would know
    try:
        with cursor, cursor.copy(f"COPY {quoting.format_table(staged)} ({columns}) FROM STDIN") as into:
            for row in rows:
                into.write_row(row)
    except driver.Error as problem:
        raise OperationalError(None, None, problem) from None


def _move(connection: Connection, table: Table, staged: Table, run: str) -> None:
    connection.execute(table.delete().where(table.c.run_id == run))
    names = [one.name for one in staged.c]
    connection.execute(insert(table).from_select(names, select(*staged.c)))


def _rows(frame: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    """Give rows as a driver takes them: None for what is missing, no character that PostgreSQL refuses."""
    columns = []
    for name in frame:
        values = frame[name]
        if isinstance(values.dtype, pd.DatetimeTZDtype):
            columns.append([None if pd.isna(one) else one.to_pydatetime() for one in values])
        elif pd.api.types.is_numeric_dtype(values):
            columns.append(values.astype(object).where(values.notna(), None).tolist())
        else:
            columns.append(
                [None if pd.isna(one) else str(one).replace("\0", "\N{REPLACEMENT CHARACTER}") for one in values]
            )
    return zip(*columns, strict=True)


def _pages(rows: Iterator[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    while page := list(islice(rows, _PAGE)):
        yield page
