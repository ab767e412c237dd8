"""One measurement: a history read at cutoffs, block by block of accounts, each shared part measured once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from holdfast.errors import UsageError
from holdfast.features.history.tables import ACTIVITY_TABLES, TABLES
from holdfast.features.indicators.expression import Constant, Expression, Function, Operation, Peers, Reading, Window
from holdfast.features.kernel.arrays import Floats, Ints
from holdfast.features.kernel.clock import Clock
from holdfast.features.kernel.encoded import Encoded
from holdfast.features.kernel.part import WIDEST, Block, Part
from holdfast.features.kernel.states import Spells, meeting, opened, reduced, valid, versions
from holdfast.features.kernel.windows import Windows, blocks, offsets, ratio
from holdfast.features.time import micros

if TYPE_CHECKING:
    from holdfast.features.history.history import History

_CELLS, _ROWS = 1_000_000, 250_000  # what a block may hold: bounds memory, and stays in the processor's cache
_PAIRS = 4_000_000  # rows that hold x cutoffs at which they do
MOST_TIMES = 10.0  # the most that a comparison with the window before can say


@dataclass(frozen=True)
class _Shelf:
    """What has been derived from a history, kept as long as the history lives."""

    tables: dict[str, Encoded] = field(default_factory=dict)
    columns: dict[str, frozenset[str] | None] = field(default_factory=dict)
    versions: dict[str, tuple[Ints, Ints]] = field(default_factory=dict)


_SHELVES: WeakKeyDictionary[History, _Shelf] = WeakKeyDictionary()


class Measurement:
    """Hold what all blocks of one measurement share: the clock, the encoded tables, the results of functions.

    Parameters
    ----------
    history
        What is measured.
    cutoffs
        Ascending.
    expressions
        What will be measured; their windows lay out the cells.
    """

    def __init__(self, history: History, cutoffs: pd.DatetimeIndex, expressions: Iterable[Expression]) -> None:
        self.history, self.cutoffs = history, cutoffs
        self.clock = Clock.of(micros(cutoffs))
        self._expressions = tuple(expressions)
        self._clocks: dict[str, Clock] = {}
        self._wanted: dict[str, frozenset[str] | None] = {}
        self._shelf = _SHELVES.setdefault(history, _Shelf())
        self._functions: dict[Function, Floats] = {}

    def clock_of(self, table: str) -> Clock:
        """Give the clock with the edges of all windows over a table."""
        if table not in self._clocks:
            nodes = (node for one in self._expressions for node in one.walk())
            leaves = {node for node in nodes if isinstance(node, Window) and node.table == table}
            spans = {offset for leaf in leaves for offset in offsets(leaf)}
            bounds = {instant for leaf in leaves for instant in blocks(leaf, self.clock.cutoffs).ravel().tolist()}
            self._clocks[table] = Clock.of(self.clock.cutoffs, spans, bounds)
        return self._clocks[table]

    def table(self, name: str) -> Encoded:
        """Give a table as the kernel reads it, with the columns that are measured."""
        if name not in self._wanted:
            self._wanted[name] = self._columns(name)
        wanted, shelf = self._wanted[name], self._shelf
        had = shelf.columns.get(name, frozenset())
        if name not in shelf.tables or (had is not None and (wanted is None or not wanted <= had)):
            shelf.columns[name] = None if wanted is None or had is None else wanted | had
            encoded = Encoded(name, self.history.records(name, shelf.columns[name]))
            shelf.tables[name] = encoded.remembering(shelf.tables[name]) if name in shelf.tables else encoded
        return shelf.tables[name]

    def _columns(self, name: str) -> frozenset[str] | None:
        """Name what is read of a table of events; of the others, which are small, everything is."""
        table = TABLES[name]
        if table.shape != "event":
            return None
        read = (column for one in self._expressions for of, column in one.reads if of == name)
        return frozenset((*read, *table.milestones))

    @cached_property
    def tables(self) -> tuple[str, ...]:
        """The tables that are read: for the expressions, and for who an account is."""
        read = {name for one in self._expressions for name in one.tables}
        return tuple(name for name in self.history.tables if name in read | {"accounts", *ACTIVITY_TABLES})

    def versions(self, name: str) -> tuple[Ints, Ints]:
        """Give the versions of a state table in order."""
        if name not in self._shelf.versions:
            self._shelf.versions[name] = versions(self.table(name))
        return self._shelf.versions[name]

    def function(self, expression: Function) -> Floats:
        """Call a decorated function once per cutoff: accounts x cutoffs."""
        if expression not in self._functions:
            columns = [self._call(expression, cutoff) for cutoff in self.cutoffs]
            self._functions[expression] = np.stack(columns, axis=1)
        return self._functions[expression]

    def _call(self, expression: Function, cutoff: pd.Timestamp) -> Floats:
        result: object = expression.function(self.history.as_of(cutoff))
        if not isinstance(result, pd.Series) or not result.index.is_unique:
            found = "an account_id twice" if isinstance(result, pd.Series) else f"a {type(result).__name__}"
            where, do = f"@indicator {expression.name}", "group by account_id and return the Series"
            raise UsageError(where, "one number per account_id, as a Series", found, do)
        values = result.reindex(self.history.accounts).to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(np.isfinite(values), values, np.nan)

    @cached_property
    def blocks(self) -> list[Block]:
        """Cut the accounts into blocks of bounded size, at least one account each."""
        clocks = [self.clock_of(name) for name in self.tables]
        weight = np.full(len(self.history.accounts), max(clock.cells for clock in clocks) / _CELLS)
        weight += max(float(clock.edges[-1] - clock.edges[0]) for clock in clocks) / WIDEST
        for name in self.tables:
            most = _ROWS if TABLES[name].shape == "event" else min(_ROWS, _PAIRS // len(self.clock))
            weight += np.bincount(self.table(name).records.account, minlength=len(weight)) / max(most, 1)
        number = np.floor(np.cumsum(weight)).astype(np.int64)
        starts = np.flatnonzero(np.append(True, np.diff(number) > 0))
        return [Block(int(a), int(b)) for a, b in zip(starts, [*starts[1:], len(weight)], strict=True)]


class Evaluation:
    """Measure expressions for one block; equal expressions, windows and spells are computed once."""

    def __init__(self, measurement: Measurement, block: Block) -> None:
        self.measurement, self.block, self.clock = measurement, block, measurement.clock
        self._results: dict[Expression, Floats] = {}
        self._windows: dict[str, Windows] = {}
        self._spells: dict[tuple[str, str, float, str], Spells] = {}

    def __call__(self, expression: Expression) -> Floats:
        """Measure an expression: accounts x cutoffs, missing as nan."""
        if expression not in self._results:
            self._results[expression] = self._measure(expression)
        return self._results[expression]

    def holding(self, table: str, mode: str, ago: float = 0.0, since: str = "") -> Spells:
        """Give what holds at the cutoffs in a state table ("active", "met" keeps the ended) or is "open"."""
        key = (table, mode, ago, since)
        if key not in self._spells:
            self._spells[key] = self._hold(*key)
        return self._spells[key]

    def windows(self, table: str) -> Windows:
        """Give the windows over a table."""
        if table not in self._windows:
            part = Part.of(self.measurement.table(table), self.block)
            self._windows[table] = Windows(part, self.measurement.clock_of(table))
        return self._windows[table]

    def _measure(self, expression: Expression) -> Floats:
        shape = (len(self.block), len(self.clock))
        match expression:
            case Window():
                return self.windows(expression.table)(expression)
            case Reading():
                table = self.measurement.table(expression.table)
                spells = self.holding(expression.table, expression.mode, expression.ago, expression.since)
                return reduced(expression, table, meeting(spells, table, expression.filters, self.clock), self.clock)
            case Operation():
                return _combine(expression.operator, self(expression.left), self(expression.right))
            case Peers():
                return self(expression.of)
            case Function():
                return self.measurement.function(expression)[self.block.start : self.block.stop]
            case Constant():
                return np.full(shape, expression.value)
        raise TypeError(f"no way to measure {type(expression).__name__}")

    def _hold(self, name: str, mode: str, ago: float, since: str) -> Spells:
        table = self.measurement.table(name)
        if mode == "open":
            return opened(table, self.block, self.clock, since, ago)
        return valid(table, self.measurement.versions(name), self.block, self.clock, ago, ended=mode == "met")


def _combine(operator: str, left: Floats, right: Floats) -> Floats:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            return ratio(left, right)
        case "min":
            return np.minimum(left, right)
        case "max":
            return np.maximum(left, right)
    return _compare(left, right)


def _compare(current: Floats, previous: Floats) -> Floats:
    now, before = np.maximum(current, 0.0), np.maximum(previous, 0.0)
    from_nothing = np.where(now == 0, 1.0, MOST_TIMES)
    compared = np.where(before == 0, from_nothing, np.minimum(ratio(now, before), MOST_TIMES))
    return np.where(np.isnan(now), np.nan, compared)
