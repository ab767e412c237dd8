"""Placing accounts among their peers when each bucket was measured alone: one day and one column of all at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.features.catalog.peers import among_peers, compared, segments
from holdfast.features.kernel.arrays import Floats, Ints
from holdfast.features.snapshot import INDEX

if TYPE_CHECKING:
    from holdfast.features.catalog.spool import Spool

STANDINGS = "standings"


def place(spool: Spool, days: Iterable[pd.Timestamp]) -> None:
    """Turn the account's own figure into its place, wherever an indicator compares with peers.

    Parameters
    ----------
    spool
        Of buckets that were measured with ``together=False``; their values are set.
    days
        The cutoffs of the spool.
    """
    beside = set(compared(spool.catalog))
    numbers = [number for number, one in enumerate(spool.catalog) if one.name in beside]
    for day in days if numbers else ():
        there, group = _of_day(spool, day)
        for number in numbers:
            for bucket, places in enumerate(_places(spool, number, there, group)):
                spool.matrix(bucket)[number, there[bucket]] = places


def write_standings(spool: Spool, day: pd.Timestamp, names: Sequence[str]) -> None:
    """Place the accounts of a day among their segment by some indicators, as `peers.standings` does.

    Lays out beside each bucket a matrix `STANDINGS`: (names, rows of the day), 0 to 100.
    """
    place_of = {one.name: number for number, one in enumerate(spool.catalog)}
    there, group = _of_day(spool, day)
    told = [spool.lay_out(bucket, STANDINGS, (len(names), len(rows))) for bucket, rows in enumerate(there)]
    for row, name in enumerate(names):
        for bucket, places in enumerate(_places(spool, place_of[name], there, group)):
            told[bucket][row] = 100.0 * places


def _of_day(spool: Spool, day: pd.Timestamp) -> tuple[list[Ints], Ints]:
    """Find the rows of a day in each bucket, and number the group of each among all."""
    there, names = [], []
    for bucket in range(spool.buckets):
        rows = np.flatnonzero((spool.column(bucket, INDEX[1]) == day).to_numpy())
        there.append(rows)
        names.append(spool.column(bucket, "context.segment").iloc[rows])
    segment = pd.concat(names, ignore_index=True)
    return there, segments(pd.Index([day]).repeat(len(segment)), segment)


def _places(spool: Spool, number: int, there: list[Ints], group: Ints) -> list[Floats]:
    """Place the rows of all buckets by one indicator."""
    parts = [spool.matrix(bucket)[number, rows] for bucket, rows in enumerate(there)]
    ends = np.cumsum([len(one) for one in parts])[:-1]
    return np.split(among_peers(np.concatenate(parts), group), ends)
