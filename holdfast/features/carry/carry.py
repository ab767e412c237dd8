"""Carry: one full pass, and from then on one more day at a time, with the same bits as measuring everything again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from holdfast.errors import DataError
from holdfast.features.carry.files import (
    MANIFEST,
    Entry,
    read_arrays,
    read_manifest,
    sweep,
    write_arrays,
    write_manifest,
)
from holdfast.features.carry.held import Held, candidates, plans_of
from holdfast.features.carry.plan import CARRIED, form
from holdfast.features.carry.result import snapshot_with
from holdfast.features.carry.sequel import Refused, Sequel, smalls_of
from holdfast.features.carry.small import write_small
from holdfast.features.carry.sums import TooLarge
from holdfast.features.catalog.applicable import split
from holdfast.features.catalog.measure import instants_of
from holdfast.features.history.stored import StoredHistory
from holdfast.features.history.tables import TABLES
from holdfast.features.indicators.expression import Function, Window
from holdfast.features.time import DAY_US, instants, micro
from holdfast.safely import alone, publishing

if TYPE_CHECKING:
    from holdfast.features.catalog.collection import Catalog
    from holdfast.features.history.history import History, Instant
    from holdfast.features.indicators.indicator import Indicator
    from holdfast.features.snapshot import Snapshot

_UNREAD = {"source", "source_id", "ticket_id", "invoice_id", "subject", "body", "text", "attrs"}  # but by name


class _Again(Exception):
    """What is carried does not serve; the reason in words."""


class Carry:
    """Hold what was measured at one cutoff in a folder, to measure a later one from it.

    Every result has the bits of ``catalog.measure(history, [instant])``. What cannot be carried is measured anew from
    all records, and `notes` says what and why.

    Attributes
    ----------
    folder
        Holds the state; nothing else may lie there.
    notes
        What the last call measured in full, and why.
    """

    def __init__(self, catalog: Catalog, folder: str | Path) -> None:
        self.catalog, self.folder = catalog, Path(folder)
        self.notes: tuple[str, ...] = ()
        self.reasons: tuple[str, ...] = ()
        self.snapshot: Snapshot | None = None

    @classmethod
    def start(
        cls,
        catalog: Catalog,
        history: History,
        instant: Instant,
        folder: str | Path,
        horizons: Iterable[int] = (30, 60, 90),
        *,
        grace_days: float = 14,
    ) -> Carry:
        """Measure everything once, and keep what the next day needs; what lay in the folder before is replaced."""
        carry = cls(catalog, folder)
        cutoff = instants_of([instant], history)
        with publishing(carry.folder), alone(carry.folder):
            carry.snapshot = carry._begun(history, cutoff, horizons, grace_days)
        return carry

    @property
    def instant(self) -> pd.Timestamp:
        """The cutoff that the folder stands at."""
        return instants(pd.array([read_manifest(self.folder)["instant"]], dtype="int64").to_numpy())[0]

    def advance(
        self,
        history: History,
        instant: Instant,
        horizons: Iterable[int] = (30, 60, 90),
        *,
        grace_days: float = 14,
    ) -> Snapshot:
        """Measure a later cutoff, and stand at it from then on; the same cutoff again changes nothing.

        Parameters
        ----------
        history
            Everything known so far.
        instant
            Whole days after the cutoff before; at another distance everything is measured anew.

        Raises
        ------
        DataError
            When the folder holds no state, or a file of it is damaged.
        """
        with publishing(self.folder), alone(self.folder):
            for one in self._readings(history):
                try:
                    cutoff = instants_of([instant], one)
                    held = self._load(micro(cutoff[0]))
                    if isinstance(one, Sequel):
                        one.require(held.ids, held.arrived)
                    return self._kept(self._advanced(held, one, cutoff, horizons, grace_days))
                except Refused as reason:
                    self.reasons += (str(reason),)
                except _Again as reason:
                    self.reasons += (str(reason),)
                    break
            return self._kept(self._begun(history, instants_of([instant], history), horizons, grace_days))

    def _readings(self, history: History) -> Iterator[History]:
        """Yield a store without what is carried, then the whole history."""
        self.reasons = ()
        told = read_manifest(self.folder).get("told")
        if isinstance(history, StoredHistory) and told is not None:
            try:
                yield Sequel(history, told, read_manifest(self.folder)["whole"], self.folder)
            except Refused as reason:
                self.reasons += (str(reason),)
        yield history

    def _kept(self, snapshot: Snapshot) -> Snapshot:
        self.snapshot, self.notes = snapshot, (*self.reasons, *self.notes)
        return snapshot

    def _begun(
        self,
        history: History,
        cutoff: pd.DatetimeIndex,
        horizons: Iterable[int],
        grace_days: float,
    ) -> Snapshot:
        events = candidates(history, micro(cutoff[0])) if self.catalog.adaptive else ()
        step = self._last_step() + 1
        held = Held.new(plans_of(self.catalog, events), micro(cutoff[0]), self.folder, step, events)
        return self._advanced(held, history, cutoff, horizons, grace_days)

    def _last_step(self) -> int:
        try:
            return int(read_manifest(self.folder)["step"])
        except DataError:
            sweep(self.folder, ())
            return 0

    def _advanced(
        self,
        held: Held,
        history: History,
        cutoff: pd.DatetimeIndex,
        horizons: Iterable[int],
        grace_days: float,
    ) -> Snapshot:
        try:
            held.step_to(history, micro(cutoff[0]))
        except TooLarge:
            self.notes = ("a number is too large to be carried",)
            return self.catalog.measure(history, cutoff, horizons, grace_days=grace_days)
        indicators = self._fitted(held, history)
        self._require(held, indicators, history)
        if held.changed:
            self._save(held, history)
        carried = held.measured(history.accounts)
        occurred = held.occurred if self.catalog.adaptive else None
        self.notes = tuple(_uncarried(split(indicators, history)[0]))
        return snapshot_with(carried, occurred, indicators, history, cutoff, horizons, grace_days)

    def _fitted(self, held: Held, history: History) -> tuple[Indicator, ...]:
        if not self.catalog.adaptive:
            return self.catalog.indicators
        return self.catalog.adopting(held.frequent(history)).indicators

    def _require(self, held: Held, indicators: tuple[Indicator, ...], history: History) -> None:
        leaves = [leaf for leaf in _leaves(split(indicators, history)[0]) if leaf.table in CARRIED]
        for table, state in held.states.items():
            if not state.plan.carries(leaf for leaf in leaves if leaf.table == table):
                raise _Again("the catalogue has indicators that it did not have before")

    def _load(self, instant: int) -> Held:
        values = read_manifest(self.folder)
        try:
            return self._loaded(values, instant)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            found = f"{type(error).__name__}: {str(error)[:80]}"
            do = "start again in an empty folder: Carry.start"
            raise DataError(str(self.folder / MANIFEST), "what Carry.start has written", found, do) from error

    def _loaded(self, values: dict[str, Any], instant: int) -> Held:
        if (instant - values["instant"]) % DAY_US or instant < values["instant"]:
            raise _Again("the cutoff does not lie whole days after the one before")
        plans = plans_of(self.catalog, tuple(values["events"]))
        if {plan.table: plan.signature for plan in plans} != values["plans"]:
            raise _Again("the catalogue is another one")
        held = Held.new(plans, values["instant"], self.folder, values["step"] + 1, tuple(values["events"]))
        held.load(read_arrays(Entry(**values["arrays"]).read(self.folder)), values["tails"])
        return held

    def _save(self, held: Held, history: History) -> None:
        arrays, tails = held.save()
        whole = sorted(table for table, state in held.states.items() if state.plan.ordered)
        told, columns = dict(held.told or {}), self._columns()
        smalls = None if columns is None else smalls_of(history, whole, columns)
        if smalls is not None:
            told["small"] = write_small(self.folder, f"{held.step:06d}", smalls, history.accounts)
        entry = write_arrays(self.folder, f"{held.step:06d}/state.arrow", arrays)
        values = {
            "instant": held.instant,
            "step": held.step,
            "events": held.events,
            "plans": {table: state.plan.signature for table, state in held.states.items()},
            "arrays": asdict(entry),
            "tails": tails,
            "told": told or None,
            "whole": whole,
        }
        write_manifest(self.folder, values)
        named = [one["entry"]["name"] for files in tails.values() for one in files]
        sweep(self.folder, [entry.name, *named, *(one["name"] for one in told.get("small", {}).values())])

    def _columns(self) -> dict[str, set[str]] | None:
        """Name what the kernel reads of each table; none where a function reads all of it."""
        nodes = [node for one in self.catalog for expression in one.expressions for node in expression.walk()]
        if any(isinstance(node, Function) for node in nodes):
            return None
        found = {name: set(table.columns) - _UNREAD for name, table in TABLES.items()}
        for name, column in {pair for node in nodes for pair in node.reads}:
            found[name].add(column)
        for name, table in TABLES.items():
            found[name] |= set(table.entity) if table.shape == "state" else set()
        return found


def _leaves(indicators: Iterable[Indicator]) -> Iterator[Window]:
    for one in indicators:
        yield from (node for part in one.expressions for node in part.walk() if isinstance(node, Window))


def _uncarried(indicators: Iterable[Indicator]) -> Iterator[str]:
    """Say which leaves over tables of events are measured in full, and why."""
    leaves = {leaf for leaf in _leaves(indicators) if leaf.table in CARRIED}
    for leaf in sorted(leaves, key=str):
        kind, reason = form(leaf)
        if not kind:
            yield f"{leaf}: {reason}"
