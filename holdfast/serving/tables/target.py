"""The target: which database scores are published to, and what the tables there are called."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from holdfast.errors import UsageError
from holdfast.features.database.secrets import Secret, password_of, scrub, secret_options
from holdfast.features.database.sqlsource import Source, engine_of
from holdfast.serving.references import secret_of

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from holdfast.serving.sections import Output

# letters that no database folds or quotes away; short enough that every name made of it fits
NAME = r"^([A-Za-z_][A-Za-z0-9_]{0,47}\.)?[A-Za-z_][A-Za-z0-9_]{0,47}$"


@dataclass(frozen=True)
class Target:
    """A database and the names of what is written there.

    Attributes
    ----------
    source
        Its address, without the password.
    schema
        None leaves it to the database.
    scores, drivers, runs, current
        Three tables, and the view of the run that is served: ``holdfast_scores, holdfast_drivers, holdfast_runs,
        holdfast_current``.
    secrets
        What must show nowhere.

    Examples
    --------
    >>> from sqlalchemy import make_url
    >>> one = Target(Source(make_url("postgresql://db/bi")), "cs", "churn_scores")
    >>> one.drivers, one.runs, one.current
    ('churn_drivers', 'churn_runs', 'churn_current')
    """

    source: Source = field(repr=False)  # an option of an address may be a secret
    schema: str | None
    scores: str
    secrets: tuple[Secret, ...] = ()

    @property
    def _stem(self) -> str:
        return self.scores.removesuffix("_scores")

    @property
    def drivers(self) -> str:
        """The table of the reasons."""
        return f"{self._stem}_drivers"

    @property
    def runs(self) -> str:
        """The table of the runs that are whole."""
        return f"{self._stem}_runs"

    @property
    def current(self) -> str:
        """The view of the scores that are served."""
        return f"{self._stem}_current"

    def __str__(self) -> str:
        """Name the table of scores, as messages do."""
        return f"{self.source}, table {f'{self.schema}.' if self.schema else ''}{self.scores}"

    def hide(self, text: str) -> str:
        """Blot secrets out of a text."""
        return scrub(self.source.hide(text), self.secrets)

    def engine(self) -> Engine:
        """Open the database.

        Raises
        ------
        UsageError
            When its driver is not installed.
        """
        return engine_of(self.source, str(self.source))


def target_of(output: Output) -> Target | None:
    """Read where the plan wants scores published; None where it names no table.

    Raises
    ------
    UsageError
        When table and address do not come together, or the address cannot be read.
    """
    refuse_half(output)
    if output.table is None or output.url is None:
        return None
    schema, _, table = output.table.rpartition(".")
    source, secrets = _source(secret_of(output.url, "plan, key output.url"))
    return Target(source, schema or None, table, secrets)


def refuse_half(output: Output) -> None:
    """Refuse a table without the address of its database, and an address without a table.

    Raises
    ------
    UsageError
        When one of them is missing.
    """
    if (output.table is None) != (output.url is None):
        missing = "table" if output.table is None else "url"
        raise UsageError("plan, section output", "table and url", f"no {missing}", "name both, or neither")


def _source(address: Secret) -> tuple[Source, tuple[Secret, ...]]:
    """Read an address, which may hold a password, being a secret itself; take the password out of it."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    url = None
    try:
        url = make_url(re.sub(r"^postgres(ql)?:", "postgresql+psycopg:", address.reveal()))
    except (ArgumentError, ValueError):
        do = "write it as postgresql://user:password@host:port/database"
    if url is None:  # raised out here, so that the address is not dragged along
        raise UsageError("plan, key output.url", "the address of a database", "a text of other form", do)
    typed = Secret(str(url.password)) if url.password else None
    bare = url._replace(password=None)
    return Source(bare, typed or password_of(bare)), (address, *secret_options(url))
