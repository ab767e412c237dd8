"""What comes late: the instants at which a record that labels read became known, was replaced, or came true."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from holdfast.features.time import FOREVER
from holdfast.training.contracts import starts
from holdfast.training.expansion import Expansion
from holdfast.training.label_cells import leaving
from holdfast.training.outlook import NEVER, first_of, times
from holdfast.training.silence import activity, activity_names

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.history import History
    from holdfast.features.history.records import Records
    from holdfast.training.churn import Churn
    from holdfast.training.label_cells import Rule
    from holdfast.training.outlook import Instants

ARRIVED, REPLACED, DELETED, PASSED = "arrived", "replaced", "deleted", "passed"
COLUMNS = ("account", "table", "at", "when", "how")


class Some:
    """Hold some accounts of a history and read their records once; it answers what the reading of labels asks."""

    def __init__(self, whole: History, places: NDArray[np.intp]) -> None:
        self.accounts, self.tables = whole.accounts[places], whole.tables
        self.end, self.stated_end = whole.end, whole.stated_end
        self._whole = whole
        self._read: dict[str, Records] = {}
        self._place = np.full(len(whole.accounts), -1, dtype=np.int32)
        self._place[places] = np.arange(len(places), dtype=np.int32)

    @classmethod
    def of(cls, whole: History, places: NDArray[np.intp]) -> History:
        """Keep the accounts at these ascending positions."""
        return cast("History", cls(whole, places))

    def __contains__(self, table: object) -> bool:
        return table in self.tables

    def records(self, table: str, columns: Iterable[str] | None = None) -> Records:
        """Give the rows of a table, see `History.records`."""
        if table not in self._read:
            found = self._whole.records(table)
            kept = found.take(self._place[found.account] >= 0)
            self._read[table] = replace(kept, account=self._place[kept.account])
        return self._read[table] if columns is None else self._read[table].with_columns(columns)


@dataclass(frozen=True)
class _Rows:
    """Rows of one table: the account, from when on it concerns labels, and when what is known of it changed."""

    table: str
    account: NDArray[np.int32]
    at: Instants
    when: Instants
    how: NDArray[np.object_] | str

    def frame(self, late: int | None) -> pd.DataFrame:
        real = self.when < FOREVER
        if late is not None:
            real &= self.when > self.at + late
        how = self.how if isinstance(self.how, str) else self.how[real]
        shown = {"account": self.account[real], "table": self.table, "at": self.at[real], "when": self.when[real]}
        return pd.DataFrame({**shown, "how": how}, columns=list(COLUMNS))


def changes(history: History, rule: Rule, late: int | None = None) -> pd.DataFrame:
    """List when what is known of the records that labels read changed.

    Parameters
    ----------
    late
        Leave out what changed no later than so many microseconds after it happened.

    Returns
    -------
    DataFrame
        ``account`` (position), ``table``, ``at`` (from when on it concerns labels) and ``when`` (int64 microseconds),
        ``how``: ``arrived``, ``replaced``, ``deleted`` (a state), ``passed`` (a date that had been still to come).
    """
    parts = [part.frame(late) for part in _parts(history, rule)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))


def in_words(rows: pd.DataFrame) -> str:
    """Say what became of the records of one account at one instant.

    Examples
    --------
    >>> in_words(pd.DataFrame({"table": ["churn"], "how": ["replaced"]}))
    'a record of churn was withdrawn'
    """
    told = []
    for table, how in rows.groupby("table", sort=True)["how"]:
        count = {one: int((how == one).sum()) for one in (ARRIVED, REPLACED, DELETED, PASSED)}
        number = max(count.values())
        records, were = (f"{number} records of {table}", "were") if number > 1 else (f"a record of {table}", "was")
        if count[DELETED] or (count[REPLACED] and not count[ARRIVED]):
            told.append(f"{records} {were} withdrawn")
        elif count[REPLACED]:
            told.append(f"{records} {were} corrected")
        elif count[ARRIVED]:
            told.append(f"{records} became known")
        else:
            told.append(f"the end told in {records} came")
    return "; ".join(told)


def _parts(history: History, rule: Rule) -> Iterator[_Rows]:
    churn = leaving(rule)
    if churn.kind != "notice" or ("churn" in history and "subscriptions" not in history):
        for name in activity_names(history, churn):
            rows = activity(history, replace(churn, activity=(name,)), FOREVER - 1)
            table = name.partition(".")[0]
            yield _Rows(table, rows.account, rows.at, rows.known, ARRIVED)
            yield _Rows(table, rows.account, rows.at, rows.superseded, REPLACED)
    if churn.kind != "notice":
        return
    for table in ("subscriptions", *(("deals",) if isinstance(rule, Expansion) else ())):
        if table in history:
            yield from _versions(table, history.records(table, ("deleted",)))
    if "churn" in history:
        yield from _exits(history, churn)


def _versions(table: str, records: Records) -> Iterator[_Rows]:
    columns = records.columns
    gone = columns["deleted"].to_numpy(bool) if "deleted" in columns else np.zeros(len(records), dtype=bool)
    how = np.where(gone, DELETED, ARRIVED).astype(object)
    yield _Rows(table, records.account, records.at, records.known, how)
    yield _Rows(table, records.account, records.at, records.superseded, REPLACED)


def _exits(history: History, churn: Churn) -> Iterator[_Rows]:
    """Date exits as labels do: by the later of the notice and the day on which its record was first known.

    An end that is still to come when it is told, and then comes, matters where the account was a customer again before.
    """
    records = history.records("churn")
    columns = records.columns
    named = [columns[name] for name in ("source_id", "source") if name in columns]
    told = first_of(named, records.known) if "source_id" in columns else records.known
    at, ended = np.maximum(times(columns, "notice_at", NEVER), told), times(columns, "ended_at", NEVER)
    yield _Rows("churn", records.account, at, records.known, ARRIVED)
    yield _Rows("churn", records.account, at, records.superseded, REPLACED)
    comes = (ended > records.known) & (_last_return(history, churn)[records.account] > at)
    yield _Rows("churn", records.account, at, np.where(comes, ended, FOREVER), PASSED)


def _last_return(history: History, churn: Churn) -> Instants:
    """Give the last instant at which each account may have become a customer again, `NEVER` for none."""
    if "subscriptions" in history:
        records = history.records("subscriptions")
        who, when = starts(replace(records, superseded=np.full(len(records), FOREVER, dtype=np.int64)))
    else:
        rows = activity(history, churn, FOREVER - 1)
        who, when = rows.account, np.maximum(rows.at, rows.known)
    last = np.full(len(history.accounts), NEVER, dtype=np.int64)
    np.maximum.at(last, who, when)
    return last
