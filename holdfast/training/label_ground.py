"""The ground of labels: a hash of what they read, as known on a day, which later deliveries should leave as it is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.features.history.tables import TABLES
from holdfast.features.history.view import blank_later
from holdfast.features.time import micro
from holdfast.training.outlook import NEVER, as_known, texts, times
from holdfast.training.silence import activity_names

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.history import History
    from holdfast.training.churn import Churn

_ACTIVITY = ("kind", "direction", "status", "count", "amount", "deleted")
_READ = {
    "accounts": ("deleted",),
    "churn": ("source", "source_id", "kind", "notice_at", "ended_at", "deleted"),
    "subscriptions": (
        *("subscription_id", "status", "term_start", "term_end", "auto_renew", "notice_days"),
        *("valid_to", "cancel_requested_at", "ends_at", "deleted"),
    ),
}


def ground(history: History, rule: Churn, day: pd.Timestamp) -> str:
    """Hash the records that labels read, as far as they were known on a day: SHA-256, in hex.

    A row that is delivered later under an earlier ``known_at``, or is put right without a version of its own, changes
    it; what became known later does not, nor does a column that labels do not read.
    """
    whole = hashlib.sha256()
    for table, columns in sorted(_tables(history, rule).items()):
        found = [_hashes(bucket, table, columns, day) for bucket in history.buckets()]
        whole.update(f"table {table}\n".encode() + np.sort(np.concatenate(found)).tobytes())
    return whole.hexdigest()


def _tables(history: History, rule: Churn) -> Mapping[str, tuple[str, ...]]:
    """Name the tables that labels read, with their columns."""
    read = {"accounts": _READ["accounts"]}
    if rule.kind == "notice":
        read |= {name: _READ[name] for name in ("churn", "subscriptions") if name in history}
    if rule.kind != "notice" or "subscriptions" not in history:
        read |= {name.partition(".")[0]: _ACTIVITY for name in activity_names(history, rule)}
    return read


def _hashes(history: History, table: str, columns: tuple[str, ...], day: pd.Timestamp) -> NDArray[np.uint64]:
    """Hash each row by itself, so that neither their order nor the buckets matter."""
    records = as_known(history.records(table, columns), micro(day))
    frame = blank_later(TABLES[table], records.columns, day)
    told: dict[str, Any] = {"account": np.asarray(history.accounts, dtype=object)[records.account]}
    told |= {"at": records.at, "known": records.known, "superseded": records.superseded}
    told |= {name: _plain(frame, table, name) for name in columns}
    return np.asarray(pd.util.hash_pandas_object(pd.DataFrame(told), index=False), dtype=np.uint64)


def _plain(frame: pd.DataFrame, table: str, name: str) -> NDArray[Any]:
    """Give a column in one form, however it is held; an absent one is like one without values, a flag is down then."""
    column = TABLES[table].columns.get(name)
    kind = None if column is None else column.kind
    if kind == "text":
        return texts(frame, name, "")
    if kind == "time":
        return times(frame, name, NEVER)
    values = frame[name].to_numpy(float) if name in frame else np.full(len(frame), np.nan)
    return np.nan_to_num(values) if kind == "flag" else values
