"""Taking a sample of a history: some accounts with their records, as frames from which a history can be built again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.errors import UsageError
from holdfast.features.history.records import Records, group
from holdfast.features.history.tables import ACTIVITY_TABLES, SOURCE_ID, TABLES
from holdfast.features.proof.told import Company
from holdfast.features.time import FOREVER, days, instants, micro, micros, to_instant

if TYPE_CHECKING:
    from holdfast.features.history.history import History, Instant

_STANDING = np.array([0.5, 0.75, 0.95])  # where to stand between the first event and the data end


def company_of(history: History, accounts: int, rows: int, seed: int) -> Company:
    """Take some accounts with activity, with all their records, thinned where they are very many.

    Parameters
    ----------
    accounts, rows
        The most accounts, and records per table.

    Raises
    ------
    UsageError
        When the history has no account with activity.
    """
    ids = sorted(_active(history))
    if not ids:
        raise UsageError("prove, history", "an account with activity", "none", "prove on a history with records")
    chosen = set(np.random.default_rng(seed).permutation(np.array(ids, dtype=object))[:accounts])
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in history.tables}
    for bucket in history.buckets():
        inside = bucket.accounts.isin(list(chosen))
        for name in history.tables if inside.any() else ():
            records = bucket.records(name)
            parts[name].append(_frame(name, records.take(inside[records.account]), bucket.accounts))
    frames = {name: _thinned(name, pd.concat(found, ignore_index=True), rows) for name, found in parts.items() if found}
    company = Company({name: frame for name, frame in frames.items() if len(frame)}, history.end)
    return replace(company, face=company.told())


def _active(history: History) -> set[str]:
    found: set[str] = set()
    for bucket in history.buckets():
        for name in (one for one in ACTIVITY_TABLES if one in history):
            found.update(bucket.accounts[np.unique(bucket.records(name, ()).account)])
    return found


def _frame(name: str, records: Records, accounts: pd.Index) -> pd.DataFrame:
    """Write records down as rows of a canonical table, a deletion as a row of its own."""
    table = TABLES[name]
    texts = records.columns.select_dtypes("category").columns
    frame = records.columns.astype(dict.fromkeys(texts, "str"))
    frame = frame.assign(account_id=accounts[records.account].astype("str"), known_at=instants(records.known))
    if table.time not in frame:
        frame[table.time] = instants(records.at)
    if SOURCE_ID not in frame:
        frame[SOURCE_ID] = pd.Series([f"{name}-{place}" for place in range(len(frame))], dtype="str")
    gone = frame.get("deleted", pd.Series(False, index=frame.index))
    frame = frame.assign(known_basis="history", deleted=gone.astype("float64"))
    frame = pd.concat([frame, _deletions(name, frame, records)], ignore_index=True)
    return frame[[one for one in table.columns if one in frame]]


def _deletions(name: str, frame: pd.DataFrame, records: Records) -> pd.DataFrame:
    """Give a row for every deletion: where a record ends and no later version of it begins."""
    codes = group([frame[one] for one in TABLES[name].key if one in frame] or [frame[SOURCE_ID]])
    begins = set(zip(codes.tolist(), records.known.tolist(), strict=True))
    ends = zip(codes.tolist(), records.superseded.tolist(), strict=True)
    gone = np.array([until < FOREVER and (code, until) not in begins for code, until in ends], dtype=bool)
    rows = pd.DataFrame(frame[gone])
    return rows.assign(known_at=instants(records.superseded[gone]), deleted=1.0)


def _thinned(name: str, frame: pd.DataFrame, rows: int) -> pd.DataFrame:
    """Keep whole records, every n-th of them; a state is kept whole."""
    if len(frame) <= rows or TABLES[name].shape == "state":
        return frame
    codes = group([frame[one] for one in TABLES[name].key if one in frame])
    kept: pd.DataFrame = frame[codes % -(-len(frame) // rows) == 0].reset_index(drop=True)
    return kept


def standing(company: Company, cutoffs: Iterable[Instant] | None) -> pd.DatetimeIndex:
    """Choose the cutoffs to stand on: those given, else three in the last half of the history, one in mid-morning.

    Raises
    ------
    UsageError
        When none lies before the data end.
    """
    if cutoffs is None:
        first, last = micro(company.told().start), micro(company.end)
        chosen = micros(instants((first + _STANDING * (last - first)).astype(np.int64)).floor("D"))
        index = instants(chosen + np.array([0, days(0.3125), 0]))
    else:
        given = [cutoffs] if isinstance(cutoffs, str | pd.Timestamp) else list(cutoffs)
        index = pd.DatetimeIndex([to_instant(one) for one in given])
    index = index[index <= company.end].unique().sort_values().rename("cutoff")
    if not len(index):
        raise UsageError("prove, cutoffs", f"days up to the data end {company.end}", "none", "choose earlier ones")
    return index
