"""Withdrawing fetched rows: those that name somebody leave the parts of every table, all tables at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from holdfast.features.database.fetched import Landed, Part, begin, clean_stage, publish, read_state, sound
from holdfast.safely import alone, flush, publishing, sha256_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Mask: TypeAlias = NDArray[np.bool_]


def withdraw(folder: Path, naming: Callable[[str, pa.Table], Mask], *, dry_run: bool = False) -> int:
    """Take the rows out that name somebody, of all tables of a folder; none where nothing was fetched into it.

    A later fetch brings back what the source has still: all of it where a table is read whole, else what changes.

    Parameters
    ----------
    naming
        Tells of the name of a table and some of its rows which of them do.

    Returns
    -------
    int
        How many rows.

    Raises
    ------
    DataError
        When the folder is damaged.
    LockHeld
        When another process fetches into it.
    PublishError
        When the disk refuses; the folder is as it was.
    """
    if read_state(folder) is None:
        return 0
    with alone(folder), publishing(folder):
        state = read_state(folder)
        if state is None:
            return 0
        hits = {name: _hits(folder / name, landed, partial(naming, name)) for name, landed in state.tables.items()}
        count = sum(int(one.sum()) for told in hits.values() for one in told)
        if count and not dry_run:
            begin(folder, state.source)
            stage = clean_stage(folder)
            fewer = {name: one for name, one in state.tables.items() if any(gone.any() for gone in hits[name])}
            after = {
                name: one.model_copy(update={"parts": (*_without(folder / name, stage / name, one, hits[name]),)})
                for name, one in fewer.items()
            }
            publish(folder, state, after, sorted(stage.glob("*/*.parquet")))
    return count


def _hits(folder: Path, landed: Landed, naming: Callable[[pa.Table], Mask]) -> list[Mask]:
    return [naming(pq.read_table(path, partitioning=None)) for path in sound(folder, landed)]


def _without(folder: Path, stage: Path, landed: Landed, hits: Sequence[Mask]) -> Iterator[Part]:
    """Write the parts that lose rows anew, under numbers of their own; the others stay as they are."""
    stage.mkdir()
    number = max(int(Path(part.file).stem) for part in landed.parts)
    for part, gone in zip(landed.parts, hits, strict=True):
        if not gone.any():
            yield part
            continue
        number += 1
        path, kept = stage / f"{number:04d}.parquet", pq.read_table(folder / part.file, partitioning=None)
        pq.write_table(kept.filter(pa.array(~gone)), path, compression="zstd")
        flush(path)
        yield Part(file=path.name, rows=part.rows - int(gone.sum()), sha256=sha256_of(path))
