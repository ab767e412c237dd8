"""Watermarks: the column that tells which rows changed since the last fetch, and from where on to read again.

A row is read again when its watermark is at or after the last one seen, less a *lag*, or is empty. At, not after:
rows that share the last instant may have been written after it was read. The lag is for rows that a long transaction
wrote under an earlier time, and for rows that change without their watermark (an invoice that is paid keeps
``created``): only a lag as long as they keep changing finds those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from holdfast.errors import UsageError, did_you_mean
from holdfast.features.database.sqltypes import ARROW, TIMES, Carried, Kind

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

# a copied row is dated by the copying, for it may arrive later than rows that changed after it
KNOWN = ("_fivetran_synced", "_airbyte_extracted_at", "systemmodstamp", "system_modstamp", "updated_at", "modified_at")
_AHEAD, _BEHIND = timedelta(hours=14), timedelta(hours=12)  # how far local clocks lie from UTC

Value = datetime | date | int


def recognise(columns: Sequence[Carried]) -> Carried | None:
    """Find the column that dates the last change of a row, by its name.

    ``created_at`` is not among them: a database does not tell whether the rows of a table ever change, and if they do,
    their changes would be missed in silence. Whoever knows a table to be append-only names it.
    """
    times = {one.name.lower(): one for one in columns if one.kind in TIMES and one.kind != "day"}
    return next((times[name] for name in KNOWN if name in times), None)


def named(name: str, columns: Sequence[Carried], where: str) -> Carried:
    """Find the column that the caller names as a watermark.

    Raises
    ------
    UsageError
        When there is none of that name, or it is neither a time nor a whole number.
    """
    found = {one.name: one for one in columns}.get(name)
    if found is None:
        known = did_you_mean(name, (one.name for one in columns))
        raise UsageError(where, "a column of the table as its watermark", repr(name), known)
    if found.kind not in TIMES and found.kind != "whole":
        do = "name a column that grows with every change"
        raise UsageError(f"{where}, column {name}", "a time or a whole number as watermark", found.kind, do)
    return found


@dataclass(frozen=True)
class Boundary:
    """From where on rows are read again."""

    mark: Carried
    value: Value

    def condition(self, backend: str) -> ColumnElement[bool]:
        """Give the condition of the statement."""
        import sqlalchemy as sa

        column: ColumnElement[Any] = self.mark.column
        value: Any = self.value
        if backend == "sqlite" and isinstance(value, date):
            # times are texts there, of more than one form; the day is what all forms begin with
            column, value = sa.type_coerce(column, sa.String()), value.isoformat()[:10]
        return sa.or_(column >= value, column.is_(None))

    def among(self) -> pc.Expression:
        """Give the same condition for rows that were fetched before."""
        column = pc.field(self.mark.name)
        return (column >= pa.scalar(self.value, ARROW[self.mark.kind])) | column.is_null()


def boundary(mark: Carried, until: str, lag: timedelta, backend: str) -> Boundary:
    """Tell from where on to read again, when the last watermark is known."""
    value = _parsed(until, mark.kind)
    if isinstance(value, datetime):
        value -= lag
        if backend == "sqlite":
            value = value.replace(hour=0, minute=0, second=0, microsecond=0)
    elif isinstance(value, date):
        value -= timedelta(days=-(-lag // timedelta(days=1)))
    return Boundary(mark, value)


def latest(until: str | None, values: pa.Array, mark: Carried, at: datetime) -> str | None:
    """Give the last watermark after more rows; one in the future counts as the present, or nothing would follow it."""
    found = pc.max(values).as_py()
    if found is None:
        return until
    found = _present(found, at)
    before = None if until is None else _parsed(until, mark.kind)
    return _written(found if before is None else max(found, before))


def _present(value: Any, at: datetime) -> Any:
    if not isinstance(value, date):
        return value
    if isinstance(value, datetime) and value.tzinfo is not None:
        return min(value.astimezone(UTC), at)
    local = at.astimezone(UTC).replace(tzinfo=None)
    if isinstance(value, datetime):
        return value if value <= local + _AHEAD else local - _BEHIND
    return value if value <= (local + _AHEAD).date() else (local - _BEHIND).date()


def _parsed(text: str, kind: Kind) -> Value:
    if kind == "whole":
        return int(text)
    return date.fromisoformat(text) if kind == "day" else datetime.fromisoformat(text)


def _written(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def only_of(watermarks: Mapping[str, str], tables: Sequence[str]) -> None:
    """Refuse watermarks of tables that are not fetched.

    Raises
    ------
    UsageError
        When a table is named that is not among them.
    """
    for name in watermarks:
        if name not in tables:
            raise UsageError("watermarks", "tables that are fetched", repr(name), did_you_mean(name, tables))
