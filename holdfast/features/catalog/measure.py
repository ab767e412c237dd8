"""From indicators and cutoffs to a snapshot, block by block of accounts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.errors import UsageError
from holdfast.features.catalog.applicable import split
from holdfast.features.context import NUMBERS, TEXTS, context, met
from holdfast.features.exposure import exposure
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
) -> Snapshot:
    """Measure indicators, context and exposure of every account known at each cutoff.

    Parameters
    ----------
    cutoffs
        As `instants_of` gives them.
    occurring
        Whether to leave out what has never occurred by the last cutoff, see `applicable.split`.
    """
    reach = _horizons(horizons)
    measurement = Measurement(history, cutoffs, [one.expression for one in indicators])
    kept, left_out = split(indicators, measurement, occurring)
    blocks = progress(measurement.blocks, "measuring", len(measurement.blocks))
    parts = [_part(Evaluation(measurement, block), kept, reach, grace_days) for block in blocks]
    index = _index(history, np.concatenate([part.known for part in parts]), cutoffs)
    values = pd.DataFrame(np.concatenate([p.values for p in parts]), index, [one.name for one in kept])
    described = {name: np.concatenate([part.context[name] for part in parts]) for name in (*TEXTS, *NUMBERS)}
    about = pd.DataFrame(described, index).astype(dict.fromkeys(TEXTS, "str"))
    decisions = pd.DataFrame(np.concatenate([p.exposure for p in parts]), index, list(reach))
    return Snapshot(values, about, decisions, _coverage(values, kept), kept, left_out)


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


@dataclass(frozen=True)
class _Part:
    """What one block gives: who is known at which cutoff, and the rows of those."""

    known: Bools
    values: Floats
    context: dict[str, NDArray[Any]]
    exposure: Floats


def _part(evaluation: Evaluation, kept: tuple[Indicator, ...], horizons: tuple[int, ...], grace_days: float) -> _Part:
    known = met(evaluation)
    values = np.empty((int(known.sum()), len(kept)))
    for place, one in enumerate(kept):
        values[:, place] = evaluation(one.expression)[known]
    described = {name: column[known] for name, column in context(evaluation).items()}
    return _Part(known, values, described, exposure(evaluation, horizons, grace_days)[known])


def _index(history: History, known: Bools, cutoffs: pd.DatetimeIndex) -> pd.MultiIndex:
    return pd.MultiIndex.from_product([history.accounts, cutoffs], names=INDEX)[known.ravel()]


def _coverage(values: pd.DataFrame, kept: tuple[Indicator, ...]) -> pd.DataFrame:
    """Give the share present among the indicators that a score is made of; missing where none is applicable."""
    present = values.notna()
    scored = [one for one in kept if one.curve is not None]
    names = {str(of): [one.name for one in scored if one.dimension == of] for of in DIMENSIONS}
    names["all"] = [one.name for one in scored]
    return pd.DataFrame({of: present[inside].mean(axis=1) for of, inside in names.items()}, dtype=float)


def _horizons(horizons: Iterable[int]) -> tuple[int, ...]:
    given = tuple(horizons)
    if not given or any(int(h) != h or h < 1 for h in given):
        raise UsageError("measure, horizons", "whole numbers of days, at least 1", str(given), "give (30, 60, 90)")
    return tuple(sorted({int(h) for h in given}))
