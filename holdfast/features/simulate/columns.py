"""From arrays of a simulated world to the rows of a canonical table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from holdfast.features.simulate.latent import Floats, Ints
from holdfast.features.simulate.world import World

__all__ = ["instants", "labels", "pick", "rows"]


def labels(prefix: str, numbers: Ints) -> pd.api.extensions.ExtensionArray:
    """Turn numbers into text ids, ``prefix`` before each.

    Examples
    --------
    >>> list(labels("T", np.array([7, 12])))
    ['T7', 'T12']
    """
    digits = pd.Series(pd.array(pa.array(numbers).cast(pa.large_string()), dtype="str"))
    return (prefix + digits).array


def pick(values: Sequence[object], positions: Ints) -> pd.api.extensions.ExtensionArray:
    """Take texts by position, without a Python object per row; a negative position gives missing.

    Examples
    --------
    >>> list(pick(["low", "high"], np.array([1, 0, 1])))
    ['high', 'low', 'high']
    """
    return pd.array(np.asarray(values, dtype=object), dtype="str").take(positions, allow_fill=True)


def instants(world: World, day: Floats | Ints) -> pd.DatetimeIndex:
    """Turn days since the start into UTC instants; what is not finite becomes missing."""
    exact = np.asarray(day, dtype=np.float64)
    there = np.isfinite(exact)
    us = np.full(len(exact), np.iinfo(np.int64).min)
    us[there] = (np.round(exact[there] * 86_400).astype(np.int64) + int(world.start.timestamp())) * 1_000_000
    return pd.DatetimeIndex(us.view("datetime64[us]")).tz_localize("UTC")


def rows(
    world: World,
    source: str,
    source_id: pd.api.extensions.ExtensionArray,
    account: Ints,
    known: Floats,
    basis: str,
    columns: Mapping[str, Any],
    times: Mapping[str, Floats | Ints],
) -> pd.DataFrame:
    """Assemble the rows of one table: header, columns, and times given in days since the start.

    Only rows known before the end of the history are kept, as in an export made on that day; they are ordered by
    account, then by the time they became known.
    """
    keep = np.flatnonzero(np.asarray(known) < world.days)
    order = keep[np.lexsort((keep, known[keep], account[keep]))]
    header: dict[str, Any] = {
        "source": _same(source, len(order)),
        "source_id": source_id.take(order),
        "account_id": pick(list(world.book.ids), account[order]),
        "known_at": instants(world, known[order]),
        "known_basis": _same(basis, len(order)),
    }
    dated = {name: instants(world, np.asarray(day, dtype=np.float64)[order]) for name, day in times.items()}
    plain = {name: _take(values, order) for name, values in columns.items()}
    return pd.DataFrame(header | dated | plain)


def _same(text: str, size: int) -> pd.api.extensions.ExtensionArray:
    return pd.Series(pd.array(pa.repeat(pa.scalar(text, pa.large_string()), size), dtype="str")).array


def _take(values: Any, order: Ints) -> Any:
    return values.take(order) if isinstance(values, pd.api.extensions.ExtensionArray) else np.asarray(values)[order]
