"""From carried leaves to a snapshot: the kernel measures the rest, without reading what is carried."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.features.carry.plan import CARRIED, Kind, form
from holdfast.features.catalog.applicable import Occurrence, split
from holdfast.features.catalog.measure import gathered
from holdfast.features.history.records import Records
from holdfast.features.indicators.expression import Expression, Function, Reading, Window
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.kernel.arrays import Floats
from holdfast.features.kernel.encoded import Encoded
from holdfast.features.kernel.measurement import Evaluation, Measurement
from holdfast.features.kernel.part import Block

if TYPE_CHECKING:
    from holdfast.features.history.history import History
    from holdfast.features.snapshot import Snapshot


class LeanMeasurement(Measurement):
    """Measure what is not carried; of the tables that nothing else reads there are no records."""

    def __init__(self, history: History, cutoffs: pd.DatetimeIndex, expressions: Iterable[Expression]) -> None:
        read = [node for one in expressions for node in one.walk() if not _is_carried(node)]
        self._read = [node for node in read if isinstance(node, Window | Reading | Function)]
        self._needed = {name for node in self._read if not isinstance(node, Function) for name in node.tables}
        super().__init__(history, cutoffs, self._read)

    @cached_property
    def tables(self) -> tuple[str, ...]:
        """The tables that are read."""
        return tuple(name for name in super().tables if name in self._needed or name not in CARRIED)

    def table(self, name: str) -> Encoded:
        """Give a table as the kernel reads it."""
        return super().table(name) if name in self._needed or name not in CARRIED else Encoded(name, _nothing())


class CarriedEvaluation(Evaluation):
    """Measure a block, with leaves that are there already."""

    def __init__(self, measurement: Measurement, block: Block, carried: Mapping[Window, Floats]) -> None:
        super().__init__(measurement, block)
        self._carried = carried

    def __call__(self, expression: Expression) -> Floats:
        """Measure an expression: accounts x cutoffs, missing as nan."""
        if isinstance(expression, Window) and expression in self._carried:
            return self._carried[expression][self.block.start : self.block.stop, None]
        return super().__call__(expression)


def snapshot_with(
    carried: Mapping[Window, Floats],
    occurred: frozenset[Kind] | None,
    indicators: tuple[Indicator, ...],
    history: History,
    cutoffs: pd.DatetimeIndex,
    horizons: Iterable[int],
    grace_days: float,
) -> Snapshot:
    """Measure as `catalog.measure.snapshot_of` does, at one cutoff.

    Parameters
    ----------
    carried
        The leaves over tables of events, by position among the accounts of the history.
    occurred
        The kinds of record that have occurred in carried tables; None where it is not asked.
    """
    applicable, left_out = split(indicators, history)
    expressions, first = [expression for one in applicable for expression in one.expressions], 0

    def evaluations(bucket: History) -> Iterator[Evaluation]:
        nonlocal first
        measurement = LeanMeasurement(bucket, cutoffs, expressions)
        own = {leaf: values[first : first + len(bucket.accounts)] for leaf, values in carried.items()}
        first += len(bucket.accounts)
        for block in measurement.blocks:
            yield CarriedEvaluation(measurement, block, own)

    occurrence = None if occurred is None else Occurrence(applicable, occurred)
    snapshot = gathered(applicable, history, cutoffs, horizons, grace_days, evaluations, occurrence)
    return replace(snapshot, left_out=left_out | dict(snapshot.left_out))


def _is_carried(node: Expression) -> bool:
    return isinstance(node, Window) and node.table in CARRIED and bool(form(node)[0])


def _nothing() -> Records:
    none = np.zeros(0, dtype=np.int64)
    return Records(none.astype(np.int32), none, none, none, pd.DataFrame(index=range(0)))
