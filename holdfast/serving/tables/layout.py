"""The layout: what the published tables are made of, typed by the kind of each column of the scores."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Double,
    MetaData,
    PrimaryKeyConstraint,
    Select,
    String,
    Table,
    Text,
    UniqueConstraint,
    select,
)

from holdfast.serving.columns import COLUMNS, Kind, horizon, kind

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine

    from holdfast.serving.tables.target import Target

_DRIVERS: dict[str, Kind] = {
    "run_id": "text",
    "as_of": "time",
    "account_id": "text",
    "rank": "count",
    "code": "text",
    "dimension": "text",
    "text": "text",
    "value": "points",
    "direction": "text",
    "contribution": "points",
    "others": "text",
    "own_past": "points",
    "peer_percentile": "points",
    "beside": "text",
}
_RUNS: dict[str, Kind] = {
    "number": "count",
    "run_id": "text",
    "as_of": "time",
    "schema_version": "count",
    "model_version": "text",
    "model_sha256": "text",
    "input_sha256": "text",
    "config_sha256": "text",
    "holdfast": "text",
    "accounts": "count",
    "reasons": "count",
    "published_at": "time",
}
_KEYS = {"run_id", "account_id", "number", "rank"}


@dataclass(frozen=True)
class Layout:
    """The tables of a target, as this version writes them.

    Attributes
    ----------
    scores, drivers
        One row per run and account; per run, account and rank.
    runs
        The ledger: one row per run that is whole. ``number`` rises with every run that comes to be served.
    """

    scores: Table
    drivers: Table
    runs: Table

    @property
    def tables(self) -> tuple[Table, ...]:
        """All of them."""
        return self.scores, self.drivers, self.runs

    def latest(self) -> Select[Any]:
        """Select the run that is served: of the latest day, the one that came last."""
        return select(self.runs.c.run_id).order_by(self.runs.c.as_of.desc(), self.runs.c.number.desc()).limit(1)

    def served(self) -> Select[Any]:
        """Select the scores that are served."""
        return select(*self.scores.c).where(self.scores.c.run_id == self.latest().scalar_subquery())


def layout(target: Target, columns: Iterable[str]) -> Layout:
    """Lay out the tables of a target.

    Parameters
    ----------
    columns
        Of the scores: those of the contract, and probabilities at further horizons.
    """
    scores = {**dict.fromkeys(columns, "text"), **COLUMNS}
    kinds = {name: kind(name) for name in scores}
    return Layout(
        _table(target.scores, target.schema, kinds, ("run_id", "account_id")),
        _table(target.drivers, target.schema, _DRIVERS, ("run_id", "account_id", "rank")),
        _table(target.runs, target.schema, _RUNS, ("run_id",), unique="number"),
    )


def further(names: Iterable[str]) -> set[str]:
    """Give the probabilities at further horizons among columns; a run without them leaves them empty."""
    return {name for name in names if horizon(name) and name not in COLUMNS}


def _table(
    name: str, schema: str | None, kinds: dict[str, Kind], key: tuple[str, ...], unique: str | None = None
) -> Table:
    columns = [Column(one, _type(kinds[one], key=one in _KEYS), nullable=one not in _KEYS) for one in kinds]
    more = [UniqueConstraint(unique)] if unique else []
    return Table(name, MetaData(), *columns, PrimaryKeyConstraint(*key), *more, schema=schema)


def _type(kind: Kind, *, key: bool = False) -> TypeEngine[Any]:
    if kind == "text":
        return Text().with_variant(String(255), "mysql", "mariadb") if key else Text()
    if kind == "time":
        return DateTime(timezone=True)
    return BigInteger() if kind == "count" else Double()
