"""The cells of labels: who is at risk at each cutoff, and what came of it, read as known at an instant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
import pandas as pd

from holdfast.features.time import FOREVER, days, instants, micro, micros
from holdfast.training.churn import Churn
from holdfast.training.expansion import Expansion, expansion
from holdfast.training.notice import findings_of, notice
from holdfast.training.outlook import NEVER, Outlook, latest
from holdfast.training.silence import activity_names, departure, refuse_unknown_kinds, silence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from holdfast.features.history import History
    from holdfast.findings import Finding
    from holdfast.training.outlook import Instants

Rule: TypeAlias = Churn | Expansion

_LONG = ("frame", "at_risk", "event_at")
_LOOK: dict[str, Callable[..., Outlook]] = {
    "notice": notice,
    "silence": silence,
    "departure": departure,
    "expansion": expansion,
}


@dataclass(frozen=True)
class Question:
    """What is asked of a history.

    Attributes
    ----------
    stands, horizons
        Cutoffs, ascending, and days.
    rule
        What counts.
    end
        Windows that are settled later are missing.
    known
        What became known later is unseen, int64 microseconds.
    """

    stands: pd.DatetimeIndex
    horizons: tuple[int, ...]
    rule: Rule
    end: pd.Timestamp
    known: int = FOREVER - 1


@dataclass(frozen=True)
class Cells:
    """Hold what was read: `frame`, `at_risk` and `event_at` as in `Labels`, and what was counted on the way."""

    frame: pd.DataFrame
    at_risk: pd.Series[str]
    event_at: pd.Series[pd.Timestamp]
    counts: Mapping[str, int]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was noticed."""
        return findings_of(self.counts)


def data_end(history: History, churn: Rule) -> pd.Timestamp:
    """Give the instant up to which churn of this kind could be seen.

    It is the end given with the history; else, for silence and departure, the last time known in the tables of
    activity, and for notice ``history.end``.
    """
    if not isinstance(churn, Churn) or churn.kind == "notice" or history.stated_end is not None:
        return history.end
    return max(history.watermark(name.partition(".")[0]) for name in activity_names(history, churn))


def leaving(rule: Rule) -> Churn:
    """Give what ends the observation of an account: the churn itself, or that beside expansion."""
    return rule.churn if isinstance(rule, Expansion) else rule


def read_cells(history: History, asked: Question) -> Cells:
    """Read the cells of all accounts.

    Raises
    ------
    DataError
        When the history lacks the tables of this definition, or a kind of record that is named as activity.
    """
    leaves = leaving(asked.rule)
    if leaves.kind != "notice" or ("churn" in history and "subscriptions" not in history):
        refuse_unknown_kinds(history, leaves)
    parts = [read_bucket(bucket, asked) for bucket in history.buckets()]
    return parts[0] if len(parts) == 1 else _joined(parts, asked.stands)


def _joined(parts: list[Cells], stands: pd.DatetimeIndex) -> Cells:
    """Put the cells of successive buckets of accounts together."""
    indexes = [cast("pd.MultiIndex", one.frame.index) for one in parts]
    accounts = np.concatenate([np.asarray(index.levels[0], dtype=object) for index in indexes])
    first = np.append(0, np.cumsum([len(index.levels[0]) for index in indexes]))
    who = np.concatenate([index.codes[0] + start for index, start in zip(indexes, first[:-1], strict=True)])
    when = np.concatenate([index.codes[1] for index in indexes])
    index = _index_of(pd.Index(accounts, dtype="str"), stands, who, when)
    frame, why, event_at = (pd.concat([getattr(one, of) for one in parts]).set_axis(index) for of in _LONG)
    counts = Counter[str]()
    for one in parts:
        counts.update(one.counts)
    return Cells(frame, why, event_at, counts)


def read_bucket(history: History, asked: Question) -> Cells:
    """Read the cells of one bucket of accounts."""
    cutoffs, churn = micros(asked.stands), asked.rule
    look = _LOOK[churn.kind](history, cutoffs, churn, asked.known)
    there, young = _ages(history, cutoffs, churn, asked.known)
    bar = np.where((look.bar == 0) & young, len(look.reasons), look.bar)[there]
    index, end = _index(history, asked.stands, there), micro(asked.end)
    cells = {h: _cells(look, cutoffs, h, churn, end)[there] for h in asked.horizons}
    frame = pd.DataFrame(cells, index=index, columns=pd.Index(asked.horizons, name="horizon", dtype="int64"))
    frame[bar > 0] = np.nan
    reasons = np.array([*look.reasons, f"a customer for less than {churn.min_tenure_days} days"], dtype=object)
    why = pd.Series(reasons[bar], index=index, name="at_risk", dtype=object)
    return Cells(frame, why, _event_at(look, there, index, churn, end), look.counts)


def _cells(look: Outlook, cutoffs: Instants, horizon: int, churn: Rule, end: int) -> NDArray[np.float64]:
    reach = cutoffs + days(horizon)
    happens = look.first <= reach
    value = (happens if churn.rises else ~happens).astype(float)
    value[(look.exit <= reach) & (look.exit < look.first)] = np.nan
    value[:, cutoffs + days(churn.resolution_days(horizon)) > end] = np.nan
    return np.asarray(value)


def _ages(history: History, cutoffs: Instants, churn: Rule, known: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which accounts are known at each cutoff, and which of them are too young."""
    records = history.records("accounts", ("deleted",))
    since = np.maximum(records.at, records.known)
    real = records.known <= known
    if "deleted" in records.columns:
        real &= ~records.columns["deleted"].to_numpy(dtype=bool)
    born = latest(len(history.accounts), cutoffs, records.account[real], -records.at[real], since[real])
    return born > NEVER, -born > cutoffs - days(churn.min_tenure_days)


def _event_at(
    look: Outlook, there: NDArray[np.bool_], index: pd.MultiIndex, churn: Rule, end: int
) -> pd.Series[pd.Timestamp]:
    """Date what has happened and is confirmed by the data end: the end of a running term is no exit yet."""
    first = look.first[there]
    confirmed = end - days(churn.resolution_days(0) - leaving(churn).settlement_days)
    shown = (first < FOREVER) & (first <= confirmed) if churn.rises else np.zeros(len(first), dtype=bool)
    values = instants(np.where(shown, first, 0)).to_series(index=index)
    return values.where(shown).rename("event_at")


def _index(history: History, stands: pd.DatetimeIndex, there: NDArray[np.bool_]) -> pd.MultiIndex:
    return _index_of(pd.Index(history.accounts), stands, *np.nonzero(there))


def _index_of(
    accounts: pd.Index, stands: pd.DatetimeIndex, who: NDArray[np.intp], when: NDArray[np.intp]
) -> pd.MultiIndex:
    levels: list[Any] = [accounts, stands]
    codes: list[Any] = [who, when]
    return pd.MultiIndex(levels=levels, codes=codes, names=["account_id", "cutoff"], verify_integrity=False)
