"""Peers: where each account stands in its segment, among those known at the same cutoff and at no other.

A comparison over a whole table would let an account of last year be ranked against this year; here a row is compared
with rows of its own cutoff alone, so that a later cutoff, or a later account, changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.features.indicators.expression import Peers
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.kernel.arrays import Floats, Ints
from holdfast.features.snapshot import INDEX

if TYPE_CHECKING:
    from holdfast.features.snapshot import Snapshot

FEWEST = 10  # accounts with a value; among fewer a place says little


def compared(indicators: Iterable[Indicator]) -> tuple[str, ...]:
    """Name the indicators that compare with peers."""
    return tuple(one.name for one in indicators if isinstance(one.expression, Peers))


def alone(one: Indicator) -> Indicator:
    """Give the figure that an indicator compares with peers, else the indicator itself."""
    return replace(one, expression=one.expression.of) if isinstance(one.expression, Peers) else one


def segments(cutoff: pd.Index, segment: pd.Series) -> Ints:
    """Give each row the number of its group: one cutoff and one segment; those without a segment are one as well."""
    day, name = cutoff.factorize()[0], segment.astype(object).where(segment.notna(), "").factorize()[0]
    return np.asarray(day * (int(name.max(initial=0)) + 1) + name, dtype=np.int64)


def standings(X: Snapshot, names: Iterable[str]) -> pd.DataFrame:
    """Place every row among its segment at its cutoff by some indicators: share of the peers below, 0 to 100."""
    group = segments(X.index.get_level_values(INDEX[1]), X.context["segment"])
    return pd.DataFrame(
        {name: 100.0 * among_peers(X.indicators[name].to_numpy(float), group) for name in names}, index=X.index
    )


def among_peers(values: Floats, group: Ints) -> Floats:
    """Turn figures into places: the share of peers below, and half of those level, without the account itself.

    Parameters
    ----------
    values
        One figure per row; missing stays missing, and is nobody's peer.
    group
        As `segments` numbers them.

    Returns
    -------
    ndarray
        0 lowest to 1 highest; missing where fewer than `FEWEST` accounts of the group have a figure.

    Examples
    --------
    >>> places = among_peers(np.arange(11.0), np.zeros(11, dtype=np.int64))
    >>> places[[0, 5, 10]].tolist()
    [0.0, 0.5, 1.0]
    """
    here = np.flatnonzero(~np.isnan(values))
    order = here[np.lexsort((values[here], group[here]))]
    told, of = values[order], group[order]
    new_group = np.append(True, of[1:] != of[:-1])[: len(of)]
    new_value = new_group | np.append(True, told[1:] != told[:-1])[: len(of)]
    start, tie = np.flatnonzero(new_group), np.flatnonzero(new_value)
    number = np.diff(np.append(start, len(of)))[np.cumsum(new_group) - 1]
    below = np.arange(len(of))[tie] + (np.diff(np.append(tie, len(of))) - 1) / 2
    rank = below[np.cumsum(new_value) - 1] - start[np.cumsum(new_group) - 1]
    places = np.full(len(values), np.nan)
    places[order] = np.where(number >= FEWEST, rank / np.maximum(number - 1, 1), np.nan)
    return places
