"""The bridge of accounts and revenue, period by period: what was there, came, grew, shrank, left, and is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.errors import DataError
from holdfast.features.time import instants, micro, micros
from holdfast.training.kpis.reading import UNITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.training.kpis.reading import Paid

MONTHS = {"month": 1, "quarter": 3, "year": 12}
ALL = "all"
_FREQUENCY = {"month": "M", "quarter": "Q", "year": "Y"}


@dataclass(frozen=True)
class Periods:
    """Calendar periods in UTC from the first subscription to the data end.

    Attributes
    ----------
    frame
        ``period, begins, ends`` (as far as the data goes), ``partial, note``.
    edges
        Instants between them; what happened before an edge belongs to the period before it.
    """

    frame: pd.DataFrame
    edges: NDArray[np.int64]


def periods(paid: Paid, end: pd.Timestamp, by: str) -> Periods:
    """Lay out the periods, and say which of them the data does not cover whole."""
    first = int(paid.frame["start"].min())
    begin, since = instants(np.array([first, paid.since]))
    spans = pd.period_range(begin.tz_localize(None), end.tz_localize(None), freq=_FREQUENCY[by])
    starts = spans.start_time.tz_localize("UTC")
    stops = (spans + 1).start_time.tz_localize("UTC")
    seen = np.asarray((starts < end) | (np.arange(len(spans)) == 0))
    spans, starts, stops = spans[seen], starts[seen], stops[seen]
    rows = [
        {
            "period": str(span),
            "begins": max(start, begin),
            "ends": min(stop, end),
            "note": _note(start, stop, begin, end),
        }
        for span, start, stop in zip(spans, starts, stops, strict=True)
    ]
    frame = pd.DataFrame(rows)
    hindsight = np.asarray((starts < since.floor("D")) & (frame["note"] == "").to_numpy())
    frame.loc[hindsight, "note"] = f"told in hindsight: nothing was known before {since:%Y-%m-%d}"
    frame.insert(3, "partial", frame["note"] != "")
    edges = np.append(micros(starts), min(micros(stops)[-1], micro(end) + 1))
    edges[0] = first + 1  # the opening balance is what stood when the data begin
    return Periods(frame, edges)


def _note(start: pd.Timestamp, stop: pd.Timestamp, begin: pd.Timestamp, end: pd.Timestamp) -> str:
    told = [f"from {begin:%Y-%m-%d}"] if begin > start else []
    return " ".join([*told, f"to {end:%Y-%m-%d}"] if stop > end else told)


def bridges(paid: Paid, cut: Periods, segment: bool) -> pd.DataFrame:
    """Count accounts and add up money for every period, in each currency by itself, and in each segment when asked.

    Raises
    ------
    DataError
        When the subscriptions of an account add up to less than nothing.
    """
    keys = paid.frame[["currency", "account", "segment"]].drop_duplicates().sort_values(["currency", "account"])
    keys = keys.reset_index(drop=True)
    there, money, earlier = _standing(paid.frame, keys, cut.edges)
    if (money < 0).any():
        row = keys.iloc[int(np.flatnonzero((money < 0).any(axis=1))[0])]
        do = "correct the sign, or take credits out of mrr"
        raise DataError("kpis, subscriptions, mrr", "0 or more for an account", f"less for {row['account']!r}", do)
    found = []
    for currency, name, mine in _groups(keys, segment):
        rows = _counted(there[mine], money[mine], earlier[mine])
        found.append(cut.frame.assign(currency=currency, segment=name).join(rows))
    return pd.concat(found, ignore_index=True)


def customers(paid: Paid, cut: Periods, segment: bool) -> Iterator[tuple[str, str, int, list[str]]]:
    """Yield currency, segment, position of the period, and the accounts that are customers at its end."""
    keys = paid.frame[["currency", "account", "segment"]].drop_duplicates().sort_values(["currency", "account"])
    there = _standing(paid.frame, keys.reset_index(drop=True), cut.edges)[0]
    for currency, name, mine in _groups(keys.reset_index(drop=True), segment):
        for place in range(len(cut.frame)):
            yield currency, name, place, keys["account"].to_numpy()[mine & there[:, place + 1]].tolist()


def _groups(keys: pd.DataFrame, segment: bool) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    for currency in keys["currency"].unique():
        mine = (keys["currency"] == currency).to_numpy()
        yield str(currency), ALL, mine
        for name in sorted(keys.loc[mine, "segment"].unique()) if segment else ():
            yield str(currency), str(name), mine & (keys["segment"] == name).to_numpy()


def _standing(
    frame: pd.DataFrame, keys: pd.DataFrame, edges: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.bool_]]:
    """Tell, just before each edge, who is a customer, what each pays, and who had been one before; (keys, edges)."""
    index = pd.MultiIndex.from_frame(keys[["currency", "account"]])
    place = index.get_indexer(pd.MultiIndex.from_frame(frame[["currency", "account"]]))
    low = np.searchsorted(edges, frame["start"].to_numpy(), side="right")
    high = np.searchsorted(edges, frame["stop"].to_numpy(), side="right")
    size = (len(keys), len(edges) + 1)
    runs, money, begun = (np.zeros(size, dtype=np.int64) for _ in range(3))
    for cells, amount in ((runs, 1), (money, frame["amount"].to_numpy(dtype=np.int64))):
        np.add.at(cells, (place, low), amount)
        np.subtract.at(cells, (place, high), amount)
    np.add.at(begun, (place, low), 1)
    runs, money, begun = (cells.cumsum(axis=1)[:, :-1] for cells in (runs, money, begun))
    return runs > 0, money, begun > 0


def _counted(there: NDArray[np.bool_], money: NDArray[np.int64], earlier: NDArray[np.bool_]) -> pd.DataFrame:
    start, end, before, after = there[:, :-1], there[:, 1:], money[:, :-1], money[:, 1:]
    stayed, change = start & end, after - before
    counts = {
        "accounts_start": start,
        "accounts_new": ~start & end,
        "accounts_back": ~start & end & earlier[:, :-1],
        "accounts_lost": start & ~end,
        "accounts_end": end,
        "accounts_grown": stayed & (change > 0),
        "accounts_shrunk": stayed & (change < 0),
    }
    sums = {
        "mrr_start": np.where(start, before, 0),
        "mrr_new": np.where(~start & end, after, 0),
        "mrr_expansion": np.where(stayed, np.maximum(change, 0), 0),
        "mrr_contraction": np.where(stayed, np.maximum(-change, 0), 0),
        "mrr_churned": np.where(start & ~end, before, 0),
        "mrr_end": np.where(end, after, 0),
    }
    told = {name: cells.sum(axis=0) for name, cells in counts.items()}
    return pd.DataFrame(told | {name: cells.sum(axis=0) / UNITS for name, cells in sums.items()})
