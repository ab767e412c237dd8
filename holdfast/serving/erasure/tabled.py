"""The tables of a database without an account: its rows of all runs are deleted in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, func, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from holdfast.errors import PublishError
from holdfast.features.database.sqlsource import words
from holdfast.serving.tables.layout import layout

if TYPE_CHECKING:
    from holdfast.serving.tables.target import Target


def withdraw(target: Target, account: str, *, dry_run: bool) -> int:
    """Delete the rows of an account from the tables of a target, and return their number.

    What the ledger there tells of runs, which counts accounts and names none, stays.

    Raises
    ------
    PublishError
        When the database refuses or goes away; the rows there are as they were.
    """
    plan, failure, count = layout(target, ()), None, 0
    try:
        with target.engine().begin() as connection:
            look = inspect(connection)
            for table in (one for one in (plan.scores, plan.drivers) if look.has_table(one.name, schema=one.schema)):
                mine = table.c.account_id == account
                count += connection.scalar(select(func.count()).select_from(table).where(mine)) or 0
                if not dry_run:
                    connection.execute(delete(table).where(mine))
    except SQLAlchemyError as problem:
        failure = target.hide(words(problem, target.source))
    if failure is not None:  # raised out here, the error drags no text of the driver along
        raise PublishError(
            str(target), "a database that lets rows go", failure, "see to the database, then erase again"
        )
    return count
