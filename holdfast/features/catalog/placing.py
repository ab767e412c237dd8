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
    from holdfast.features.catalog.snapshot_files import SnapshotFiles

STANDINGS = "standings"


def place(files: SnapshotFiles, days: Iterable[pd.Timestamp]) -> None:
    """Turn the account's own figure into its place, wherever an indicator compares with peers.

    Parameters
    ----------
    files
        Of buckets that were measured with ``together=False``; their values are set.
    days
        The cutoffs of the files.
    """
    beside = set(compared(files.catalog))
    numbers = [number for number, one in enumerate(files.catalog) if one.name in beside]
    for day in days if numbers else ():
        there, group = _of_day(files, day)
        for number in numbers:
            for bucket, places in enumerate(_places(files, number, there, group)):
                files.matrix(bucket)[number, there[bucket]] = places


def write_standings(files: SnapshotFiles, day: pd.Timestamp, names: Sequence[str]) -> None:
    """Place the accounts of a day among their segment by some indicators, as `peers.standings` does.

    Lays out beside each bucket a matrix `STANDINGS`: (names, rows of the day), 0 to 100.
    """
    place_of = {one.name: number for number, one in enumerate(files.catalog)}
    there, group = _of_day(files, day)
    told = [files.lay_out(bucket, STANDINGS, (len(names), len(rows))) for bucket, rows in enumerate(there)]
    for row, name in enumerate(names):
        for bucket, places in enumerate(_places(files, place_of[name], there, group)):
            told[bucket][row] = 100.0 * places


def _of_day(files: SnapshotFiles, day: pd.Timestamp) -> tuple[list[Ints], Ints]:
    """Find the rows of a day in each bucket, and number the group of each among all."""
    there, names = [], []
    for bucket in range(files.buckets):
        rows = np.flatnonzero((files.column(bucket, INDEX[1]) == day).to_numpy())
        there.append(rows)
        names.append(files.column(bucket, "context.segment").iloc[rows])
    segment = pd.concat(names, ignore_index=True)
    return there, segments(pd.Index([day]).repeat(len(segment)), segment)


def _places(files: SnapshotFiles, number: int, there: list[Ints], group: Ints) -> list[Floats]:
    """Place the rows of all buckets by one indicator."""
    parts = [files.matrix(bucket)[number, rows] for bucket, rows in enumerate(there)]
    ends = np.cumsum([len(one) for one in parts])[:-1]
    return np.split(among_peers(np.concatenate(parts), group), ends)
