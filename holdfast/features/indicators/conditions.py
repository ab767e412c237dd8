"""Conditions on the columns of a record: what a source is narrowed by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scalar = str | float
Relation = Literal["in", "not in", "<", "<=", ">", ">=", "known", "missing"]


@dataclass(frozen=True)
class Condition:
    """One condition on a column of a record; a missing value satisfies only ``not in`` and ``missing``."""

    column: str
    relation: Relation
    values: tuple[Scalar, ...] = ()

    def __str__(self) -> str:
        if self.relation in ("known", "missing"):
            return f"{self.column} {self.relation}"
        listed = ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in self.values)
        if self.relation in ("in", "not in") and len(self.values) == 1:
            return f"{self.column} {'=' if self.relation == 'in' else '!='} {listed}"
        return f"{self.column} {self.relation} {f'({listed})' if self.relation in ('in', 'not in') else listed}"

    @property
    def negative(self) -> bool:
        """Whether a record that says nothing in this column meets it."""
        return self.relation in ("not in", "missing")


Filter = Scalar | tuple[Scalar, ...] | Condition


@dataclass(frozen=True)
class Column:
    """A column to compare: ``column("score") >= 9``."""

    name: str

    def __lt__(self, value: float) -> Condition:
        return Condition(self.name, "<", (float(value),))

    def __le__(self, value: float) -> Condition:
        return Condition(self.name, "<=", (float(value),))

    def __gt__(self, value: float) -> Condition:
        return Condition(self.name, ">", (float(value),))

    def __ge__(self, value: float) -> Condition:
        return Condition(self.name, ">=", (float(value),))

    def isin(self, *values: Scalar) -> Condition:
        """Hold where the value is one of these."""
        return Condition(self.name, "in", tuple(values))

    def notin(self, *values: Scalar) -> Condition:
        """Hold where the value is none of these, or missing."""
        return Condition(self.name, "not in", tuple(values))

    def known(self) -> Condition:
        """Hold where the value is present."""
        return Condition(self.name, "known")

    def missing(self) -> Condition:
        """Hold where there is no value, or none yet (``column("voided_at").missing()``)."""
        return Condition(self.name, "missing")


def column(name: str) -> Column:
    """Name a column, to compare it in ``where=``.

    Examples
    --------
    >>> str(column("score") >= 9)
    'score >= 9'
    """
    return Column(name)


def conditions(filters: dict[str, Filter]) -> tuple[Condition, ...]:
    """Read keyword filters: ``kind="login"``, ``event=("a", "b")``, ``where=column("score") >= 9``."""
    read = []
    for name, value in filters.items():
        if isinstance(value, Condition):
            read.append(value)
        else:
            read.append(Condition(name, "in", value if isinstance(value, tuple) else (value,)))
    return tuple(sorted(read, key=str))
