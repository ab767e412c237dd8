"""How a column of a database is carried into Parquet without loss.

Times with a zone become ``timestamp[us, UTC]``, times without one stay without. Whole numbers are ``int64``. Exact
numbers (``NUMERIC``), UUID, JSON, arrays, enumerations, intervals and all else that the database can write as text
are text; an array becomes a JSON list. Binary columns are left out. A column with values that its declared type does
not hold (SQLite checks none; PostgreSQL has the time ``infinity``) is carried as text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement
    from sqlalchemy.types import TypeEngine

Kind = Literal["flag", "whole", "real", "exact", "zoned", "naive", "day", "text"]
ARROW: Mapping[Kind, pa.DataType] = {
    "flag": pa.bool_(),
    "whole": pa.int64(),
    "real": pa.float64(),
    "exact": pa.string(),
    "zoned": pa.timestamp("us", tz="UTC"),
    "naive": pa.timestamp("us"),
    "day": pa.date32(),
    "text": pa.string(),
}
TIMES: frozenset[Kind] = frozenset({"zoned", "naive", "day"})


class Misfit(Exception):  # it says what is the case, and never leaves this package
    """Columns hold values that cannot be carried as they were meant to be."""

    def __init__(self, columns: Sequence[str]) -> None:
        super().__init__(", ".join(columns))
        self.columns = tuple(columns)


@dataclass(frozen=True)
class Carried:
    """One column that is fetched.

    Attributes
    ----------
    kind
        What it is carried as.
    column
        The column itself, for conditions.
    read
        What is selected for it.
    """

    name: str
    kind: Kind
    column: Column[Any]
    read: ColumnElement[Any]

    def array(self, values: Sequence[Any]) -> pa.Array:
        """Give values of the driver as an array.

        Raises
        ------
        Misfit
            When one of them does not fit.
        """
        convert = _CONVERT[self.kind]
        try:
            return pa.array([None if one is None else convert(one) for one in values], ARROW[self.kind])
        except (pa.ArrowException, ValueError, TypeError, KeyError, ArithmeticError):
            pass
        raise Misfit([self.name])


def kind_of(kind: TypeEngine[Any], backend: str) -> Kind | None:
    """Tell what a column of a declared type is carried as; None when it cannot be.

    Examples
    --------
    >>> import sqlalchemy as sa
    >>> [kind_of(one, "postgresql") for one in (sa.BigInteger(), sa.Numeric(), sa.Uuid(), sa.LargeBinary())]
    ['whole', 'exact', 'text', None]
    """
    import sqlalchemy as sa

    kind = getattr(kind, "data_type", kind)  # a domain is what it is made of
    if isinstance(kind, sa.LargeBinary | sa.BINARY | sa.VARBINARY):
        return None
    if isinstance(kind, sa.types.NullType):
        return "text" if backend in ("postgresql", "sqlite") else None
    if isinstance(kind, sa.DateTime):
        return "zoned" if kind.timezone else "naive"
    known: tuple[tuple[type, Kind], ...] = (
        (sa.Boolean, "flag"),
        (sa.Integer, "whole"),
        (sa.Float, "real"),
        (sa.Numeric, "exact"),
        (sa.Date, "day"),
    )
    return next((name for one, name in known if isinstance(kind, one)), "text")


def carried(column: Column[Any], backend: str, as_text: bool = False) -> Carried | None:
    """Decide how a column is carried; None leaves it out."""
    kind = kind_of(column.type, backend)
    if kind is None:
        return None
    kind = "text" if as_text else kind
    return Carried(column.name, kind, column, _read(column, kind, backend))


def _read(column: Column[Any], kind: Kind, backend: str) -> ColumnElement[Any]:
    """Select a column such that the driver changes nothing in it."""
    import sqlalchemy as sa

    if backend == "sqlite":
        return sa.type_coerce(column, sa.types.NullType())
    if backend != "postgresql" or kind not in ("exact", "text") or type(column.type) in (sa.TEXT, sa.VARCHAR):
        return column
    if isinstance(column.type, sa.ARRAY):
        return sa.cast(sa.func.to_json(column), sa.Text())
    if column.type.__visit_name__ == "MONEY":
        return sa.cast(sa.cast(column, sa.Numeric()), sa.Text())
    return sa.cast(column, sa.Text())


def _flag(value: Any) -> bool:
    return {0: False, 1: True}[value]


def _whole(value: Any) -> int:
    if isinstance(value, int):
        return value
    raise TypeError


def _real(value: Any) -> float:
    if isinstance(value, float | int | Decimal):
        return float(value)
    raise TypeError


def _time(zoned: bool) -> Callable[[Any], datetime]:
    def convert(value: Any) -> datetime:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
        if not isinstance(found, datetime) or (found.tzinfo is not None) != zoned:
            raise TypeError
        return found

    return convert


def _day(value: Any) -> date:
    found = date.fromisoformat(value) if isinstance(value, str) else value
    if isinstance(found, date) and not isinstance(found, datetime):
        return found
    raise TypeError


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        raise TypeError
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=_text)
    return value.isoformat() if isinstance(value, date) else str(value)


_CONVERT: Mapping[Kind, Callable[[Any], Any]] = {
    "flag": _flag,
    "whole": _whole,
    "real": _real,
    "exact": _text,
    "zoned": _time(zoned=True),
    "naive": _time(zoned=False),
    "day": _day,
    "text": _text,
}
