"""From indicators and cutoffs to a snapshot, block by block of accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.errors import UsageError
from holdfast.features.catalog.applicable import Occurrence, split
from holdfast.features.catalog.peers import among_peers, compared, segments
from holdfast.features.context import NUMBERS, TEXTS, context, met
from holdfast.features.exposure import calendar, exposure
from holdfast.features.indicators.indicator import DIMENSIONS, Indicator
from holdfast.features.kernel.arrays import Bools, Floats
from holdfast.features.kernel.measurement import Evaluation, Measurement
from holdfast.features.snapshot import INDEX, Snapshot
from holdfast.features.time import to_instant
from holdfast.progress import progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.history.history import History, Instant

    Cutoffs = Iterable[Instant] | pd.DatetimeIndex


def snapshot_of(
    indicators: tuple[Indicator, ...],
    history: History,
    cutoffs: pd.DatetimeIndex,
    horizons: Iterable[int],
    grace_days: float,
    occurring: bool = False,
    together: bool = True,
) -> Snapshot:
    """Measure indicators, context and exposure of every account known at each cutoff.

    Parameters
    ----------
    cutoffs
        As `instants_of` gives them.
    occurring
        Whether to leave out what has never occurred by the last cutoff, see `applicable.Occurrence`.
    together
        Whether all accounts are there: else what compares with peers keeps the account's own figure.
    """
    applicable, left_out = split(indicators, history)
    expressions = [expression for one in applicable for expression in one.expressions]

    def evaluations(bucket: History) -> Iterator[Evaluation]:
        measurement = Measurement(bucket, cutoffs, expressions)
        for block in progress(measurement.blocks, "measuring", len(measurement.blocks)):
            yield Evaluation(measurement, block)

    occurrence = Occurrence(applicable) if occurring else None
    snapshot = gathered(applicable, history, cutoffs, horizons, grace_days, evaluations, occurrence, together)
    return replace(snapshot, left_out=left_out | dict(snapshot.left_out))


def gathered(
    indicators: tuple[Indicator, ...],
    history: History,
    cutoffs: pd.DatetimeIndex,
    horizons: Iterable[int],
    grace_days: float,
    evaluations: Callable[[History], Iterable[Evaluation]],
    occurrence: Occurrence | None,
    together: bool = True,
) -> Snapshot:
    """Gather what the evaluations of all buckets give, block by block, into a snapshot.

    Parameters
    ----------
    evaluations
        Gives those of one bucket, its accounts in order.
    occurrence
        What has occurred so far; none where it is not asked.
    together
        Whether all accounts are there.
    """
    reach = _horizons(horizons)
    rows = _Rows(indicators, len(history.accounts) * len(cutoffs))
    for bucket in history.buckets():
        for evaluation in evaluations(bucket):
            rows.add(evaluation, reach, grace_days)
        if occurrence is not None:
            occurrence.look(evaluation.measurement)
    index = pd.MultiIndex.from_product([history.accounts, cutoffs], names=INDEX)[np.concatenate(rows.known).ravel()]
    values = pd.DataFrame(rows.values[:, : rows.filled].T, index, [one.name for one in indicators], copy=False)
    described = {name: np.concatenate([part[name] for part in rows.context]) for name in (*TEXTS, *NUMBERS)}
    about = pd.DataFrame(described, index).astype(dict.fromkeys(TEXTS, "str"))
    dates = _wide(rows.calendar)
    decisions = pd.DataFrame(exposure(dates, reach), index, list(reach))
    kept, never = (indicators, {}) if occurrence is None else occurrence.split()
    values = values if not never else values[[one.name for one in kept]]
    if together and (beside := compared(kept)):
        group = segments(index.get_level_values(INDEX[1]), about["segment"])
        for name in beside:
            values[name] = among_peers(values[name].to_numpy(), group)
    names = [one.name for one in kept if one.applies is not None]
    apart = pd.DataFrame({name: np.concatenate(rows.apart[name]) for name in names}, index, dtype=bool)
    return Snapshot(
        values, about, decisions, coverage(values, apart, kept), kept, never, apart, pd.DataFrame(dates, index)
    )


def instants_of(cutoffs: Cutoffs, history: History) -> pd.DatetimeIndex:
    """Read cutoffs as distinct UTC instants, ascending.

    Raises
    ------
    UsageError
        When there is none, or one lies behind the data end.
    """
    given = [cutoffs] if isinstance(cutoffs, str | pd.Timestamp) else list(cutoffs)
    if not given:
        raise UsageError("measure, cutoffs", "at least one", "none", "give days such as hf.cutoffs(history)")
    index = pd.DatetimeIndex([to_instant(one) for one in given], name=INDEX[1]).unique().sort_values()
    if index[-1] > history.end:
        do = "choose cutoffs up to the data end, where everything is known that will count"
        raise UsageError("measure, cutoffs", f"none after the data end {history.end}", str(index[-1]), do)
    return index


class _Rows:
    """Collect what the blocks give: who is known at which cutoff, and the rows of those.

    The values of one indicator lie together, in an array laid out once: memory holds the result and one block.
    """

    def __init__(self, indicators: tuple[Indicator, ...], most: int) -> None:
        self.indicators = indicators
        self.values: Floats = np.empty((len(indicators), most))
        self.apart: dict[str, list[Bools]] = {one.name: [] for one in indicators if one.applies is not None}
        self.filled = 0
        self.known: list[Bools] = []
        self.context: list[dict[str, NDArray[Any]]] = []
        self.calendar: list[Floats] = []

    def add(self, evaluation: Evaluation, horizons: tuple[int, ...], grace_days: float) -> None:
        known = met(evaluation)
        start, self.filled = self.filled, self.filled + int(known.sum())
        rows = np.flatnonzero(known)
        for place, one in enumerate(self.indicators):
            self.values[place, start : self.filled] = evaluation(one.expression).ravel()[rows]
            if one.applies is not None:
                apart = ~(evaluation(one.applies).ravel()[rows] > 0)
                self.values[place, start : self.filled][apart] = np.nan
                self.apart[one.name].append(apart)
        self.known.append(known)
        self.context.append({name: column[known] for name, column in context(evaluation).items()})
        self.calendar.append(calendar(evaluation, horizons[-1], grace_days)[known])


def _wide(parts: list[Floats]) -> Floats:
    """Stack rows of different width; what a row has no more of is missing."""
    most = max(part.shape[1] for part in parts)
    return np.concatenate([np.pad(part, ((0, 0), (0, most - part.shape[1])), constant_values=np.nan) for part in parts])


def widened(snapshot: Snapshot, indicators: tuple[Indicator, ...]) -> Snapshot:
    """Give every indicator its column: what the history cannot carry is missing for all, and lowers the coverage."""
    values = snapshot.indicators.reindex(columns=[one.name for one in indicators]).astype(float)
    shares = coverage(values, snapshot.inapplicable, indicators)
    return replace(snapshot, indicators=values, coverage=shares, catalog=indicators, left_out=dict(snapshot.left_out))


def coverage(values: pd.DataFrame, apart: pd.DataFrame, kept: tuple[Indicator, ...]) -> pd.DataFrame:
    """Give the share present among what applies to each row and a score is made of; missing where nothing applies."""
    scored = [one for one in kept if one.curve is not None]
    names = {str(of): [one.name for one in scored if one.dimension == of] for of in DIMENSIONS}
    names["all"] = [one.name for one in scored]
    shares = {}
    for of, inside in names.items():
        applying = len(inside) - apart[[name for name in inside if name in apart]].sum(axis=1).to_numpy(dtype=float)
        present = values[inside].notna().sum(axis=1).to_numpy(dtype=float)
        shares[of] = np.divide(present, applying, out=np.full(len(values), np.nan), where=applying > 0)
    return pd.DataFrame(shares, values.index, dtype=float)


def _horizons(horizons: Iterable[int]) -> tuple[int, ...]:
    given = tuple(horizons)
    if not given or any(int(h) != h or h < 1 for h in given):
        raise UsageError("measure, horizons", "whole numbers of days, at least 1", str(given), "give (30, 60, 90)")
    return tuple(sorted({int(h) for h in given}))
