"""The plan: which leaves over a table of events are carried from day to day, in what form, and why others are not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from itertools import chain

from holdfast.features.catalog.applicable import telling
from holdfast.features.history.tables import TABLES
from holdfast.features.indicators.conditions import Condition
from holdfast.features.indicators.expression import VERSION, Expression, Window
from holdfast.features.indicators.sources import Source
from holdfast.features.kernel.windows import offsets

CARRIED = tuple(name for name, table in TABLES.items() if table.shape == "event")

Filters = tuple[Condition, ...]
Kind = tuple[str, Filters]
_SUMS = ("count", "sum", "mean", "trend")
_DAYS = ("active_days", "regularity")
_ENDS = ("latest", "days_since")  # of any window
_UNBOUNDED_ENDS = ("first", "days_since_first", "min", "max")
_RECENT = ("first", "days_since_first", "min", "max", "frequent", "silence")  # of a window: measured from the tail


def form(leaf: Window) -> tuple[str, str]:
    """Say in what form a leaf is carried, else nothing and the reason.

    Examples
    --------
    >>> form(Source("usage").count(days=30)), form(Source("touchpoints").hours_to("replied_at"))
    (('sums', ''), ('', 'a date of its rows is still to come'))
    """
    late, kinds = TABLES[leaf.table].late, TABLES[leaf.table].columns
    if any(one.column in late for one in leaf.filters) or leaf.column in late:
        return "", "a date of its rows is still to come"
    if not all(float(offset).is_integer() and offset >= 0 for offset in offsets(leaf)):
        return "", "its windows are no whole days"
    if leaf.verb in ("distinct", "frequent") and kinds[leaf.column].kind != "text":
        return "", "its values are no texts"
    forms = {
        **dict.fromkeys(_RECENT, "recent" if leaf.days is not None else ""),
        **(dict.fromkeys(_UNBOUNDED_ENDS, "ends") if leaf.days is None else {}),
        **dict.fromkeys(_SUMS, "sums"),
        **dict.fromkeys(_DAYS, "days"),
        **dict.fromkeys(_ENDS, "ends"),
        "decayed": "decayed",
        "distinct": "values",
    }
    found = forms.get(leaf.verb, "")
    return found, "" if found else "it looks at all records"


@dataclass(frozen=True)
class Plan:
    """Hold the leaves over one table that are carried.

    Attributes
    ----------
    leaves
        By leaf the form in which it is carried.
    counted
        Text columns of which all values are counted, whatever the leaves.
    """

    table: str
    leaves: dict[Window, str]
    counted: tuple[str, ...] = ()

    @classmethod
    def of(cls, table: str, expressions: Iterable[Expression], counted: tuple[str, ...] = ()) -> Plan:
        """Plan what is carried for expressions, and for the context of an account."""
        found = (node for one in expressions for node in one.walk())
        own = {replace(node, label="") for node in found if isinstance(node, Window) and node.table == table}
        forms = {leaf: form(leaf)[0] for leaf in sorted({*own, Source(table).days_since()}, key=repr)}
        return cls(table, {leaf: kind for leaf, kind in forms.items() if kind}, counted)

    def carries(self, leaves: Iterable[Window]) -> bool:
        """Tell whether all leaves are carried that could be."""
        return all(leaf in self.leaves for leaf in leaves if form(leaf)[0])

    def having(self, kind: str) -> list[Window]:
        """Give the leaves that are carried in one form."""
        return [leaf for leaf, of in self.leaves.items() if of == kind]

    @cached_property
    def selections(self) -> tuple[Filters, ...]:
        """The filters of the leaves, each once; the place of one is its bit."""
        found = {chosen(leaf) for leaf in self.leaves} | {present(name) for name in self.counted}
        return tuple(sorted({*found, *(filters for _, filters in self.kinds)}, key=repr))

    def bit(self, leaf: Window) -> int:
        """Give the place of a leaf's filters."""
        return self.selections.index(chosen(leaf))

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """The columns read as numbers."""
        return tuple(sorted({leaf.column for leaf in self.leaves if leaf.column} - set(self.texts)))

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The columns of which the values are told apart."""
        own = {leaf.column for leaf in self.leaves if leaf.verb in ("distinct", "frequent")}
        return tuple(sorted({*own, *self.counted}))

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """All columns that are read, those that decide between records of one instant included."""
        filters = chain.from_iterable((one.column for one in filters) for filters in self.selections)
        names = ("source", "source_id") if self.ordered else ()
        return tuple(sorted({*filters, *self.numbers, *self.texts, *names}))

    @cached_property
    def moving(self) -> tuple[int, ...]:
        """The distances from the cutoff, in days, of the edges that records are carried across; 0 is one."""
        found = {0}
        for leaf, kind in self.leaves.items():
            if kind == "sums":
                found |= {round(offset) for offset in offsets(leaf)}
            elif kind in ("values", "ends"):
                found.add(round(leaf.ago))
        return tuple(sorted(found))

    @cached_property
    def kinds(self) -> frozenset[Kind]:
        """The kinds of record that decide whether an indicator has occurred."""
        return frozenset((self.table, telling(leaf)) for leaf in self.leaves)

    @cached_property
    def ordered(self) -> bool:
        """Whether the order of records of one instant matters."""
        return any(leaf.verb in ("latest", "first") for leaf in self.leaves)

    @cached_property
    def tail(self) -> int:
        """How many days back records are kept."""
        reach = [round(max(offsets(leaf))) for leaf, kind in self.leaves.items() if kind == "recent"]
        return max((*self.moving, *reach)) + 1

    @cached_property
    def signature(self) -> str:
        """A hash of what is carried."""
        told = f"{VERSION} {self.table} {self.counted} {sorted(map(repr, self.leaves.items()))}"
        return sha256(told.encode()).hexdigest()


def chosen(leaf: Window) -> Filters:
    """Give the conditions on the records that a leaf reads."""
    own = present(leaf.column) if leaf.column else ()
    return tuple(sorted({*leaf.filters, *own}, key=repr))


def present(column: str) -> Filters:
    """Give the condition that a column is known."""
    return (Condition(column, "known"),)
