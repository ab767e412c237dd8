"""Evidence: the numbers behind an indicator for some accounts at one cutoff, and the sentences they make."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.errors import UsageError, did_you_mean
from holdfast.features.catalog.applicable import split
from holdfast.features.catalog.measure import snapshot_of
from holdfast.features.indicators.expression import Peers
from holdfast.features.indicators.indicator import VALUE, Indicator
from holdfast.features.kernel.arrays import Ints
from holdfast.features.kernel.measurement import Evaluation, Measurement
from holdfast.features.kernel.part import Block
from holdfast.features.snapshot import INDEX

if TYPE_CHECKING:
    from holdfast.features.history.history import History

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
    said = {
        one.name: [one.sentence(row) for row in rows] for one, rows in said_values(indicators, history, ids, cutoff)
    }
    return pd.DataFrame(said, index=ids, dtype="str")


def said_values(
    indicators: Iterable[Indicator], history: History, account_ids: pd.Index, cutoff: pd.DatetimeIndex
) -> list[tuple[Indicator, list[dict[str, float]]]]:
    """Measure what the evidence of each applicable indicator names, one mapping per account.

    Raises
    ------
    UsageError
        When the history does not know an account.
    """
    indicators = tuple(indicators)
    place = history.accounts.get_indexer(account_ids)
    if (place < 0).any():
        name = str(account_ids[place < 0][0])
        raise UsageError("evidence", "accounts of the history", repr(name), did_you_mean(name, history.accounts))
    kept, _ = split(indicators, history)
    said: list[list[dict[str, float]]] = [[{} for _ in account_ids] for _ in kept]
    for bucket in history.buckets():
        place = bucket.accounts.get_indexer(account_ids)
        mine = np.flatnonzero(place >= 0)
        if len(mine):
            for rows, found in zip(said, _said(kept, bucket, place[mine], cutoff), strict=True):
                for position, row in zip(mine.tolist(), found, strict=True):
                    rows[position] = row
    beside = tuple(one for one in kept if isinstance(one.expression, Peers))
    places = snapshot_of(beside, history, cutoff, (1,), 0.0).indicators.droplevel(INDEX[1]) if beside else None
    for one, rows in zip(kept, said, strict=True):
        if places is not None and one in beside:
            among = places[one.name].reindex(account_ids).tolist()
            for row, standing in zip(rows, among, strict=True):
                row[VALUE] = standing
    return list(zip(kept, said, strict=True))


def _said(
    indicators: tuple[Indicator, ...], bucket: History, place: Ints, cutoff: pd.DatetimeIndex
) -> list[list[dict[str, float]]]:
    measurement = Measurement(bucket, cutoff, [expression for one in indicators for expression in one.expressions])
    wanted = np.unique(place)
    blocks = [Block(int(p), int(p) + 1) for p in wanted] if len(wanted) <= _FEW else measurement.blocks
    covered = np.concatenate([np.arange(block.start, block.stop) for block in blocks])
    row = np.searchsorted(covered, place)
    evaluations = [Evaluation(measurement, block) for block in blocks]
    return [_rows(one, evaluations, row) for one in indicators]


def _rows(one: Indicator, evaluations: list[Evaluation], row: Ints) -> list[dict[str, float]]:
    columns = {
        label: np.concatenate([evaluation(part)[:, 0] for evaluation in evaluations])[row].tolist()
        for label, part in one.said.items()
    }
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
