"""What is held at a cutoff: the state of every carried table, over all accounts under numbers that stay the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from holdfast.features.carry.plan import CARRIED, Kind, Plan
from holdfast.features.carry.sequel import Sequel, told_of
from holdfast.features.carry.state import State
from holdfast.features.catalog.adoption import FEWEST_NAMES, MOST, MOST_NAMES
from holdfast.features.history.stored import StoredHistory
from holdfast.features.indicators.conditions import Condition
from holdfast.features.indicators.expression import Window
from holdfast.features.kernel.arrays import Floats, Ints
from holdfast.features.kernel.encoded import Encoded
from holdfast.features.time import DAY_US, FOREVER

if TYPE_CHECKING:
    from holdfast.features.catalog.collection import Catalog
    from holdfast.features.history.history import History

_SPARE = 15  # events carried beyond those that have indicators, so that their order may change


def most_frequent(counts: Mapping[str, int], most: int) -> tuple[str, ...]:
    """List names by how often they occur, ties by name; none where names say little.

    Examples
    --------
    >>> most_frequent({"b": 2, "a": 2, "c": 3, "d": 0}, 2)
    ('c', 'a')
    """
    told = {str(name): count for name, count in counts.items() if count > 0}
    if not FEWEST_NAMES <= len(told) <= MOST_NAMES:
        return ()
    return tuple(sorted(told, key=lambda name: (-told[name], name))[:most])


def candidates(history: History, instant: int) -> tuple[str, ...]:
    """List the events that may come to be among the most frequent soon."""
    if "usage" not in history.tables:
        return ()
    counts: dict[str, int] = {}
    for bucket in history.buckets():
        records = bucket.records("usage", ["event"])
        if "event" in records.columns:
            seen = (np.maximum(records.known, records.at) <= instant) & (records.superseded > instant)
            for name, count in records.columns["event"][seen].value_counts().items():
                counts[str(name)] = counts.get(str(name), 0) + int(count)
    return most_frequent(counts, MOST + _SPARE)


def plans_of(catalog: Catalog, events: tuple[str, ...]) -> list[Plan]:
    """Plan what is carried for a catalogue, with indicators for the adoption of events."""
    fitted = catalog.adopting(events) if catalog.adaptive else catalog
    expressions = [expression for one in fitted for expression in one.expressions]
    counted = ("event",) if catalog.adaptive else ()
    return [Plan.of(table, expressions, counted if table == "usage" else ()) for table in CARRIED]


@dataclass
class Held:
    """Hold the states of all tables at one cutoff.

    Attributes
    ----------
    instant
        The cutoff, in microseconds.
    step
        The number of the step that is being made; its files lie in a folder of this number.
    events
        The events whose adoption is carried.
    ids
        The accounts by their numbers.
    told
        What the next delivery of a store is compared with.
    arrived
        By account the instant at which it was first known, for a store.
    changed
        Whether this step has changed anything.
    """

    states: dict[str, State]
    instant: int
    folder: Path
    step: int
    events: tuple[str, ...]
    ids: pd.Index = field(default_factory=lambda: pd.Index([], dtype="str"))
    told: dict[str, Any] | None = None
    arrived: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    changed: bool = False

    @classmethod
    def new(cls, plans: Iterable[Plan], instant: int, folder: Path, step: int, events: tuple[str, ...]) -> Held:
        """Hold nothing yet."""
        states = {plan.table: State(plan, instant % DAY_US, folder) for plan in plans}
        return cls(states, instant, folder, step, events)

    def step_to(self, history: History, instant: int) -> None:
        """Take in what has become known, and move on to a cutoff."""
        day, place = instant // DAY_US, self.folder / f"{self.step:06d}"
        number = self._numbered(history.accounts)
        added = history.added if isinstance(history, Sequel) else set()
        for name, state in self.states.items():
            state.grow(len(self.ids))
            self.changed |= state.day != day
            if name not in added:
                state.afresh(set(range(len(self.ids))) - set(number.tolist()))
        first = 0
        for bucket in history.buckets():
            own = number[first : first + len(bucket.accounts)]
            first += len(bucket.accounts)
            for name in [name for name in self.states if name not in added]:
                self._look(self.states[name], bucket, own, instant, isinstance(history, StoredHistory))
        if isinstance(history, Sequel):
            self._read_on(history, number)
        for name, state in self.states.items():
            self.changed |= name in added and state.release(day, place)
            self.changed |= bool(state.gone.any())
            state.finish(day, self.step)
        self.instant, self.told, self.arrived = instant, told_of(history), self._arrivals(history, number)

    def _read_on(self, history: Sequel, number: Ints) -> None:
        """Let what has landed since wait until it is known."""
        first = 0
        for one, accounts in history.news():
            own = number[first : first + accounts]
            first += accounts
            for name, records in one.items():
                self.changed = True
                self.states[name].wait(Encoded(name, records), own, np.arange(len(records)))

    def _arrivals(self, history: History, number: Ints) -> Ints:
        found = np.full(len(self.ids), FOREVER, dtype=np.int64)
        if isinstance(history, Sequel):
            found[number] = history.arrived
        elif isinstance(history, StoredHistory):
            first = 0
            for bucket in history.buckets():
                records = bucket.records("accounts", ())
                np.minimum.at(found, number[first + records.account], records.known)
                first += len(bucket.accounts)
        return found

    def _numbered(self, accounts: pd.Index) -> Ints:
        if self.ids.equals(accounts):
            return np.arange(len(accounts))
        found = self.ids.get_indexer(accounts)
        new = np.flatnonzero(found < 0)
        if len(new):
            found[new] = len(self.ids) + np.arange(len(new))
            self.ids = self.ids.append(accounts[new])
        return np.asarray(found, dtype=np.int64)

    def _look(self, state: State, bucket: History, number: Ints, instant: int, stored: bool) -> None:
        """Compare all records of a table with what is carried of it."""
        name = state.plan.table
        if name not in bucket.tables:
            state.forget(number)
            return
        table = Encoded(name, bucket.records(name, state.plan.columns))
        where = state.compare(table, number, instant)
        self.changed |= len(where) > 0
        state.take(table, number, where, instant // DAY_US, self.folder / f"{self.step:06d}")
        kinds = state.plan.kinds - state.occurred
        state.occurred |= {kind for kind in kinds if _occurs(table, kind[1], instant)}
        if stored:
            state.wait(table, number, np.flatnonzero(table.records.known > instant))

    @property
    def occurred(self) -> frozenset[Kind]:
        """The kinds of record that have occurred."""
        return frozenset().union(*(state.occurred for state in self.states.values()))

    def measured(self, accounts: pd.Index) -> dict[Window, Floats]:
        """Measure every carried leaf, by position among the accounts."""
        place = self._numbered(accounts)
        return {leaf: values[place] for state in self.states.values() for leaf, values in state.measured().items()}

    def frequent(self, history: History) -> tuple[str, ...]:
        """List the most frequent events, as `adoption.frequent_events` does."""
        if "usage" not in history or "event" not in history.supplied("usage"):
            return ()
        state, held = self.states["usage"], np.zeros(len(self.ids), dtype=bool)
        held[self.ids.get_indexer(history.accounts)] = True
        counts = state.values.counts("event", held)
        return most_frequent(dict(zip(state.words["event"].texts.to_pylist(), counts.tolist(), strict=False)), MOST)

    def save(self) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
        """Give all arrays by name, and the files of the tails by table."""
        arrays: dict[str, Any] = {
            "accounts": pa.array(self.ids.to_numpy(dtype=object), pa.large_string()),
            "arrived": self.arrived,
        }
        tails = {}
        for table, state in self.states.items():
            own, tails[table] = state.save()
            arrays |= {f"{table}/{name}": values for name, values in own.items()}
        return arrays, tails

    def load(self, arrays: Mapping[str, pa.Array], tails: Mapping[str, list[dict[str, Any]]]) -> None:
        """Take up what was carried."""
        self.ids = pd.Index(arrays["accounts"].to_pandas(), dtype="str")
        self.arrived = np.asarray(arrays["arrived"].to_numpy(), dtype=np.int64)
        for table, state in self.states.items():
            mine = f"{table}/"
            own = {name.removeprefix(mine): values for name, values in arrays.items() if name.startswith(mine)}
            state.load(self.instant // DAY_US, own, tails[table])


def _occurs(table: Encoded, conditions: tuple[Condition, ...], instant: int) -> bool:
    """Tell whether a record has occurred by an instant, as `applicable.Occurrence` does."""
    seen = table.records.known <= instant
    for one in conditions:
        meets, since, _ = table.span(one)
        seen = seen if meets is None else seen & meets
        seen = seen if since is None else seen & (since <= instant)
    return bool(np.any(seen))
