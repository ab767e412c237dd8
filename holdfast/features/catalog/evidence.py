"""Evidence: the numbers behind an indicator for some accounts at one cutoff, and the sentences they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd

from holdfast.errors import UsageError, did_you_mean
from holdfast.features.catalog.applicable import split
from holdfast.features.catalog.measure import snapshot_of
from holdfast.features.indicators.expression import Peers
from holdfast.features.indicators.indicator import VALUE, Indicator
from holdfast.features.kernel.arrays import Floats, Ints
from holdfast.features.kernel.measurement import Evaluation, Measurement
from holdfast.features.kernel.part import Block
from holdfast.features.snapshot import INDEX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.history.history import History

Made = TypeVar("Made")

_FEW = 100  # up to so many accounts are measured one by one, instead of all of them


def sentences(
    indicators: Iterable[Indicator], history: History, account_ids: Iterable[str], cutoff: pd.DatetimeIndex
) -> pd.DataFrame:
    """Say the evidence: account_id x name of the applicable indicators.

    Parameters
    ----------
    cutoff
        One instant.
    """
    ids = pd.Index(list(account_ids), dtype="str", name="account_id")
    found = _gathered(indicators, history, ids, cutoff, None, Indicator.sentence)
    return pd.DataFrame({one.name: said for one, said in found}, index=ids, dtype="str")


def sentences_of(
    indicators: Iterable[Indicator],
    history: History,
    pairs: pd.DataFrame,
    cutoff: pd.DatetimeIndex,
    measured: pd.DataFrame | None = None,
) -> NDArray[np.object_]:
    """Say the evidence of some pairs alone, in their order; where nothing is on record, say so.

    Parameters
    ----------
    pairs
        ``account_id, indicator``.
    cutoff
        One instant.
    measured
        By account, what was measured then, see `Catalog.sentences`.
    """
    known = {one.name: one for one in indicators}
    place, ids = pd.factorize(pairs["account_id"], sort=True)
    rows = pairs.reset_index(drop=True).groupby("indicator").indices
    some = [known[str(name)] for name in rows]
    wanted = {str(name): place[at] for name, at in rows.items()}
    said = np.empty(len(pairs), dtype=object)
    for name, at in rows.items():
        said[at] = known[str(name)].sentence({})
    told_of = _gathered(some, history, pd.Index(ids, dtype="str"), cutoff, wanted, Indicator.sentence, measured)
    for one, told in told_of:
        said[rows[one.name]] = told
    return said


def said_values(
    indicators: Iterable[Indicator], history: History, account_ids: pd.Index, cutoff: pd.DatetimeIndex
) -> list[tuple[Indicator, list[dict[str, float]]]]:
    """Measure what the evidence of each applicable indicator names, one mapping per account.

    Raises
    ------
    UsageError
        When the history does not know an account.
    """
    return _gathered(indicators, history, account_ids, cutoff, None, lambda _, values: values)


def _gathered(
    indicators: Iterable[Indicator],
    history: History,
    ids: pd.Index,
    cutoff: pd.DatetimeIndex,
    wanted: Mapping[str, Ints] | None,
    make: Callable[[Indicator, dict[str, float]], Made],
    measured: pd.DataFrame | None = None,
) -> list[tuple[Indicator, list[Made]]]:
    """Make something of what is measured for each applicable indicator, of all accounts or of those at some places."""
    place = history.accounts.get_indexer(ids)
    if (place < 0).any():
        name = str(ids[place < 0][0])
        raise UsageError("evidence", "accounts of the history", repr(name), did_you_mean(name, history.accounts))
    kept, _ = split(tuple(indicators), history)
    every = np.arange(len(ids))
    asked = [every if wanted is None else wanted[one.name] for one in kept]
    standing = _standings(kept, history, ids, cutoff, measured)
    made: list[dict[int, Made]] = [{} for _ in kept]
    for bucket in history.buckets():
        place = bucket.accounts.get_indexer(ids)
        for evaluation in _evaluations(kept, bucket, np.unique(place[place >= 0]), cutoff):
            start, stop = evaluation.block.start, evaluation.block.stop
            inside = (place >= start) & (place < stop)
            for one, places, told in zip(kept, asked, made, strict=True):
                mine = np.flatnonzero(inside[places])
                for position, values in zip(
                    mine.tolist(), _rows(one, evaluation, place[places[mine]] - start), strict=True
                ):
                    if one.name in standing:
                        values[VALUE] = float(standing[one.name][places[position]])
                    told[position] = make(one, values)
    return [(one, [told[k] for k in range(len(told))]) for one, told in zip(kept, made, strict=True)]


def _standings(
    indicators: Iterable[Indicator],
    history: History,
    ids: pd.Index,
    cutoff: pd.DatetimeIndex,
    measured: pd.DataFrame | None,
) -> dict[str, Floats]:
    """Place the accounts by what compares with peers, among all accounts."""
    beside = tuple(one for one in indicators if isinstance(one.expression, Peers))
    if not beside:
        return {}
    places = measured
    if places is None:
        places = snapshot_of(beside, history, cutoff, (1,), 0.0).indicators.droplevel(INDEX[1])
    return {one.name: places[one.name].reindex(ids).to_numpy(float) for one in beside}


def _evaluations(
    indicators: tuple[Indicator, ...], bucket: History, places: Ints, cutoff: pd.DatetimeIndex
) -> Iterator[Evaluation]:
    """Evaluate the blocks that hold the accounts at some places."""
    if not len(places):
        return
    measurement = Measurement(bucket, cutoff, [expression for one in indicators for expression in one.expressions])
    blocks = [Block(int(p), int(p) + 1) for p in places] if len(places) <= _FEW else measurement.blocks
    yield from (Evaluation(measurement, block) for block in blocks)


def _rows(one: Indicator, evaluation: Evaluation, row: Ints) -> list[dict[str, float]]:
    columns = {label: evaluation(part)[row, 0].tolist() for label, part in one.said.items()} if len(row) else {}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
