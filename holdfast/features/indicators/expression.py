"""The vocabulary of indicators: what can be read from a history at a cutoff, as values that never name the future.

A leaf reads one table in a window ``(T - ago - days, T - ago]`` (`Window`), or what holds at ``T - ago`` (`Reading`);
nodes combine leaves (`Operation`). Expressions are compared by what they compute, so that equal leaves are measured
once; names given by ``named`` serve the evidence sentence and do not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, Self

from holdfast.errors import UsageError
from holdfast.features.indicators.conditions import Condition

if TYPE_CHECKING:
    import pandas as pd

    from holdfast.features.history.view import View

VERSION = 2  # raised whenever a verb changes its meaning: fingerprints of stored models change with it


@dataclass(frozen=True)
class Expression:
    """What can be measured per account and cutoff; combine with ``+ - * /`` and numbers."""

    label: str = field(default="", compare=False, kw_only=True)

    def named(self, label: str) -> Self:
        """Name this part for the evidence sentence."""
        return replace(self, label=label)

    def __add__(self, other: Expression | float) -> Operation:
        return Operation("+", self, _node(other))

    def __sub__(self, other: Expression | float) -> Operation:
        return Operation("-", self, _node(other))

    def __mul__(self, other: Expression | float) -> Operation:
        return Operation("*", self, _node(other))

    def __truediv__(self, other: Expression | float) -> Operation:
        return Operation("/", self, _node(other))

    def __radd__(self, other: float) -> Operation:
        return Operation("+", _node(other), self)

    def __rsub__(self, other: float) -> Operation:
        return Operation("-", _node(other), self)

    def __rmul__(self, other: float) -> Operation:
        return Operation("*", _node(other), self)

    def __rtruediv__(self, other: float) -> Operation:
        return Operation("/", _node(other), self)

    def at_most(self, value: Expression | float) -> Operation:
        """Cut off what is above a number, or above another expression."""
        return Operation("min", self, _node(value))

    def at_least(self, value: Expression | float) -> Operation:
        """Lift what is below a number, or below another expression, to it."""
        return Operation("max", self, _node(value))

    def shifted(self, days: float) -> Expression:
        """Read the same `days` earlier: every window and every state moves back, what was known by T stays T.

        Names given by `named` are dropped.

        Raises
        ------
        UsageError
            When it holds a part that cannot be read at an earlier day: a function, or a decayed sum.
        """
        found = f"a {type(self).__name__.lower()}, which is not read {days:g} days earlier"
        raise UsageError(str(self), "windows and states", found, "compare what it is made of")

    @property
    def parts(self) -> tuple[Expression, ...]:
        """The expressions this one is made of."""
        return ()

    @property
    def reads(self) -> frozenset[tuple[str, str]]:
        """The (table, column) pairs read; the column is empty where the rows alone matter."""
        return frozenset().union(*(part.reads for part in self.parts))

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables read, sorted."""
        return tuple(sorted({table for table, _ in self.reads}))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns read, as ``table.column``, sorted."""
        return tuple(sorted(f"{table}.{name}" for table, name in self.reads if name))

    @property
    def lookback_days(self) -> float | None:
        """How far back it reads, in days; None means from the beginning."""
        back = [part.lookback_days for part in self.parts]
        return None if None in back else max((days for days in back if days is not None), default=0.0)

    @property
    def fingerprint(self) -> str:
        """Sha256 of the formula and the version of the vocabulary."""
        return sha256(f"{VERSION}:{self}".encode()).hexdigest()

    def walk(self) -> Iterator[Expression]:
        """Yield this expression and all its parts, outermost first."""
        yield self
        for part in self.parts:
            yield from part.walk()

    @property
    def labelled(self) -> dict[str, Expression]:
        """The named parts, by name."""
        return {node.label: node for node in self.walk() if node.label}


@dataclass(frozen=True)
class Constant(Expression):
    """A number."""

    value: float

    def shifted(self, days: float) -> Expression:  # noqa: ARG002 # the same number on any day
        return self

    def __str__(self) -> str:
        return f"{self.value:g}"


@dataclass(frozen=True)
class Operation(Expression):
    """Two expressions combined.

    ``/`` by zero is missing. ``vs`` is current over previous, at least 0 and at most 10: 0 stopped, 1 unchanged
    (also where both are zero), 10 where something follows on nothing.
    """

    operator: Literal["+", "-", "*", "/", "vs", "min", "max"]
    left: Expression
    right: Expression

    @property
    def parts(self) -> tuple[Expression, ...]:
        return (self.left, self.right)

    def shifted(self, days: float) -> Expression:
        return Operation(self.operator, self.left.shifted(days), self.right.shifted(days))

    def __str__(self) -> str:
        left, right = (f"({side})" if isinstance(side, Operation) else str(side) for side in self.parts)
        return f"{left} {self.operator} {right}"


@dataclass(frozen=True)
class Window(Expression):
    """Aggregate the records of a table that happened in ``(T - ago - days, T - ago]`` and were known at T.

    ``option`` is the half-life of ``decayed`` in days, the buckets of ``trend``, or the days asked for by ``frequent``.
    """

    table: str
    verb: str
    column: str = ""
    days: float | None = None
    ago: float = 0.0
    filters: tuple[Condition, ...] = ()
    option: float = 0.0

    def vs_previous(self) -> Operation:
        """Compare with the same reading over the window before, see `Operation`.

        A leaf named ``x`` lends the reading before the name ``x_before``.
        """
        if self.days is None:
            raise UsageError(str(self), "a window in days", "none", "give days=, so that there is a window before")
        label = f"{self.label}_before" if self.label else ""
        return Operation("vs", self, replace(self, ago=self.ago + self.days, label=label))

    def shifted(self, days: float) -> Expression:
        if self.verb == "decayed":
            raise UsageError(str(self), "a window", "a decayed sum, which has none", "compare counts or sums")
        return replace(self, ago=self.ago + days, label="")

    @property
    def reads(self) -> frozenset[tuple[str, str]]:
        return frozenset((self.table, name) for name in (self.column, *(one.column for one in self.filters)))

    @property
    def lookback_days(self) -> float | None:
        return None if self.days is None else self.ago + self.days

    def __str__(self) -> str:
        special = {"decayed": "half-life {:g} d", "trend": "{:g} buckets", "frequent": "on {:g} days"}.get(
            self.verb, ""
        )
        span = "" if self.days is None else f"{self.days:g} d"
        shift = f"{self.ago:g} d before" if self.ago else ""
        inside = ", ".join(text for text in (self.column, special.format(self.option), span, shift) if text)
        return f"{_source(self.table, self.filters)}.{self.verb}({inside})"


@dataclass(frozen=True)
class Reading(Expression):
    """Reduce what holds at ``T - ago`` as known at T.

    ``mode`` "active" reads the versions of a state table that are valid; "open" reads the records of a milestone
    table from ``since`` (or the record's own time) until the first of its closing milestones.
    """

    table: str
    mode: Literal["active", "open"]
    verb: str
    column: str = ""
    ago: float = 0.0
    filters: tuple[Condition, ...] = ()
    since: str = ""

    @property
    def reads(self) -> frozenset[tuple[str, str]]:
        names = (self.column, self.since, *(one.column for one in self.filters if not one.negative))
        return frozenset({(self.table, ""), *((self.table, name) for name in names)})

    @property
    def lookback_days(self) -> float | None:
        return self.ago

    def shifted(self, days: float) -> Expression:
        return replace(self, ago=self.ago + days, label="")

    def __str__(self) -> str:
        shift = f"{self.ago:g} d ago" if self.ago else ""
        inside = ", ".join(text for text in (f"since {self.since}" if self.since else "", shift) if text)
        return f"{_source(self.table, self.filters)}.{self.mode}({inside}).{self.verb}({self.column})"


@dataclass(frozen=True)
class Function(Expression):
    """A decorated function: from the history as known at T to one number per account."""

    name: str
    function: Callable[[View], pd.Series] = field(compare=False)
    needs: tuple[str, ...]
    source: str
    window: float | None = None

    @property
    def reads(self) -> frozenset[tuple[str, str]]:
        return frozenset((table, "") for table in self.needs)

    @property
    def lookback_days(self) -> float | None:
        return self.window

    def __str__(self) -> str:
        return f"{self.name}({', '.join(self.needs)}) #{sha256(self.source.encode()).hexdigest()[:12]}"


@dataclass(frozen=True)
class Peers(Expression):
    """Where an account stands among the accounts of its segment at the same cutoff: 0 lowest, 1 highest.

    The kernel, which sees one account at a time, measures ``of``; the snapshot, which has all accounts together, turns
    it into the place among peers (`holdfast.features.catalog.peers`).
    """

    of: Expression

    @property
    def parts(self) -> tuple[Expression, ...]:
        return (self.of,)

    def __str__(self) -> str:
        return f"peers({self.of})"


def _node(value: Expression | float) -> Expression:
    return value if isinstance(value, Expression) else Constant(float(value))


def _source(table: str, filters: tuple[Condition, ...]) -> str:
    return f"{table}[{', '.join(map(str, filters))}]" if filters else table
