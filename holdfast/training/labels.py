"""Labels: who churned within each horizon after each cutoff, and from which day on that could be known.

A label reads ``(T, T + horizon]``. A window that is not settled by the data end is missing for every account, those
that churned early in it included: kept for churners alone it would make the last cutoffs all churn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
import pandas as pd

from holdfast.errors import DataError, UsageError
from holdfast.features.time import FOREVER, days, instants, micro, micros, to_instant
from holdfast.findings import Finding
from holdfast.training.churn import Churn as Churn
from holdfast.training.expansion import Expansion as Expansion
from holdfast.training.expansion import expansion
from holdfast.training.notice import findings_of, notice
from holdfast.training.outlook import NEVER, Outlook, latest
from holdfast.training.silence import activity_names, departure, refuse_unknown_kinds, silence

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    from holdfast.features.history import History
    from holdfast.training.outlook import Instants

    Cutoffs = Iterable[str | date | pd.Timestamp] | pd.DatetimeIndex

Rule: TypeAlias = Churn | Expansion

_LONG = ("frame", "at_risk", "event_at")
_LOOK: dict[str, Callable[..., Outlook]] = {
    "notice": notice,
    "silence": silence,
    "departure": departure,
    "expansion": expansion,
}


@dataclass(frozen=True, eq=False)
class Labels:
    """Hold the labels of accounts at cutoffs.

    Attributes
    ----------
    frame
        Index (account_id, cutoff), sorted, one row per account known at the cutoff; one float column per horizon in
        days: 1 churned, 0 did not, missing when the window is not settled or not fully observed, or the account was not
        at risk.
    at_risk
        Why the account was not at risk, in words; empty when it was. Same index.
    event_at
        First churn after the cutoff (departure: the last activity), missing when none is known; for silence always
        missing. Same index.
    churn
        The definition.
    end
        The data end: windows that are settled later are missing.
    dropped
        Horizons without a single label, each with the reason.
    findings
        What was noticed.
    """

    frame: pd.DataFrame
    at_risk: pd.Series[str]
    event_at: pd.Series[pd.Timestamp]
    churn: Rule
    end: pd.Timestamp
    dropped: Mapping[int, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    _history: History | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def kind(self) -> str:
        """The kind of churn: notice, silence or departure."""
        return self.churn.kind

    @property
    def rises(self) -> bool:
        """Whether probability rises with the horizon (all kinds but silence)."""
        return self.churn.rises

    @property
    def horizons(self) -> tuple[int, ...]:
        """The horizons in days, ascending."""
        return tuple(int(h) for h in self.frame.columns)

    @property
    def cutoffs(self) -> pd.DatetimeIndex:
        """The distinct cutoffs, ascending."""
        return pd.DatetimeIndex(self.frame.index.get_level_values("cutoff").unique().sort_values(), name="cutoff")

    @property
    def resolved_at(self) -> pd.DataFrame:
        """When each label can be read: window, confirmation and settlement have passed; shaped like `frame`."""
        stands = pd.DatetimeIndex(self.frame.index.get_level_values("cutoff"))
        waits = {h: stands + pd.Timedelta(days=self.churn.resolution_days(h)) for h in self.horizons}
        return pd.DataFrame(waits, index=self.frame.index, columns=self.frame.columns)

    @property
    def events(self) -> pd.Series[int]:
        """Number of labels that are 1, by horizon."""
        return (self.frame == 1).sum().rename("events")

    def known(self, day: str | date | pd.Timestamp) -> Labels:
        """Give the labels as they were known on a day: what arrived later unseen, what was not settled missing.

        Rows and horizons stay as they are.
        """
        if self._history is None:
            raise UsageError("Labels.known", "labels made by label()", "labels without their history", "call label()")
        instant = to_instant(day)
        then = _read(self._history, self.cutoffs, self.horizons, self.churn, min(instant, self.end), micro(instant))
        return then.on(self.frame.index)

    def rows(self, where: NDArray[np.bool_] | pd.Series[bool]) -> Labels:
        """Keep the rows where a mask of the same length holds."""
        mask = np.asarray(where, dtype=bool)
        return replace(self, frame=self.frame[mask], at_risk=self.at_risk[mask], event_at=self.event_at[mask])

    def on(self, index: pd.MultiIndex | pd.Index) -> Labels:
        """Give the labels of these (account_id, cutoff) rows; a row that was never labelled is not at risk."""
        if self.frame.index.equals(index):
            return self
        place = self.frame.index.get_indexer(index)
        absent = place < 0
        frame = self.frame.take(np.where(absent, 0, place)).set_axis(index)
        frame[absent] = np.nan
        why = self.at_risk.take(np.where(absent, 0, place)).set_axis(index)
        why[absent] = "not known at the cutoff"
        return replace(self, frame=frame, at_risk=why, event_at=self.event_at.reindex(index))

    def summary(self) -> pd.DataFrame:
        """Count, for each horizon: rows at risk, labels, churned rows and accounts, churn rate, labelled cutoffs."""
        at_risk, accounts = self.at_risk == "", self.frame.index.get_level_values("account_id")
        rows = {}
        for horizon in self.horizons:
            label = self.frame[horizon]
            stands = self.frame.index.get_level_values("cutoff")[label.notna()]
            rows[horizon] = {
                "at_risk": int(at_risk.sum()),
                "labelled": int(label.notna().sum()),
                "events": int((label == 1).sum()),
                "accounts": accounts[label == 1].nunique(),
                "rate": label.mean(),
                "first": stands.min(),
                "last": stands.max(),
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("horizon")

    def _repr_html_(self) -> str:
        return str(self.summary().to_html(escape=True))


def label(
    history: History,
    cutoffs: Cutoffs,
    horizons: Iterable[int] = (30, 60, 90),
    churn: Rule | str = "notice",
) -> Labels:
    """Label every account known at each cutoff, for each horizon.

    At risk is an account of at least ``min_tenure_days`` that is a customer and has not given notice (notice), or that
    was active lately (silence, departure), as known at the cutoff. An exit that is no churn, such as a merger, censors
    the windows it falls into.

    Parameters
    ----------
    churn
        What counts: churn of a kind, or expansion.

    Raises
    ------
    DataError
        When the history lacks the tables of this definition, or is too short for every horizon.
    UsageError
        When an argument is wrong.
    """
    rule, stands, ahead = _rule(churn), _stands(cutoffs), _ahead(horizons)
    end = data_end(history, rule)
    full = _read(history, stands, ahead, rule, end, FOREVER - 1)
    dropped = {h: _too_short(stands, h, rule, end) for h in ahead if full.frame[h].isna().all()}
    if len(dropped) == len(ahead):
        why = "; ".join(f"{h} days: {reason}" for h, reason in dropped.items())
        raise DataError("labels", "at least one horizon that can be labelled", why, "deliver more history")
    found = tuple(Finding("HF012", f"horizon {h}", 1, reason) for h, reason in dropped.items())
    kept = full.frame.drop(columns=list(dropped))
    return replace(full, frame=kept, dropped=dropped, findings=(*full.findings, *found))


def at_risk(history: History, cutoffs: Cutoffs, churn: Churn | str = "notice") -> pd.Series[str]:
    """Tell why accounts are not at risk at cutoffs, empty when they are; no label needs to be settled for this.

    Returns
    -------
    Series
        Text, on the index (account_id, cutoff) of the accounts known at each cutoff.
    """
    rule, stands = Churn.of(churn), _stands(cutoffs)
    return _read(history, stands, (), rule, history.end, FOREVER - 1).at_risk


def _rule(churn: Rule | str) -> Rule:
    if isinstance(churn, Expansion):
        return churn
    return Expansion() if churn == "expansion" else Churn.of(churn)


def data_end(history: History, churn: Rule) -> pd.Timestamp:
    """Give the instant up to which churn of this kind could be seen.

    It is the end given with the history; else, for silence and departure, the last time known in the tables of
    activity, and for notice ``history.end``.
    """
    if not isinstance(churn, Churn) or churn.kind == "notice" or history.stated_end is not None:
        return history.end
    return max(history.watermark(name.partition(".")[0]) for name in activity_names(history, churn))


def _read(
    history: History,
    stands: pd.DatetimeIndex,
    horizons: tuple[int, ...],
    churn: Rule,
    end: pd.Timestamp,
    known: int,
) -> Labels:
    leaving = churn.churn if isinstance(churn, Expansion) else churn
    if leaving.kind != "notice" or ("churn" in history and "subscriptions" not in history):
        refuse_unknown_kinds(history, leaving)
    parts, counts = [], Counter[str]()
    for bucket in history.buckets():
        labels, look = _read_bucket(bucket, stands, horizons, churn, end, known)
        parts.append(labels)
        counts.update(look.counts)
    whole = parts[0] if len(parts) == 1 else _joined(parts, stands)
    return replace(whole, findings=findings_of(counts), _history=history)


def _joined(parts: list[Labels], stands: pd.DatetimeIndex) -> Labels:
    """Put the labels of successive buckets of accounts together."""
    indexes = [cast("pd.MultiIndex", one.frame.index) for one in parts]
    accounts = np.concatenate([np.asarray(index.levels[0], dtype=object) for index in indexes])
    first = np.append(0, np.cumsum([len(index.levels[0]) for index in indexes]))
    who = np.concatenate([index.codes[0] + start for index, start in zip(indexes, first[:-1], strict=True)])
    when = np.concatenate([index.codes[1] for index in indexes])
    index = _index_of(pd.Index(accounts, dtype="str"), stands, who, when)
    frame, why, event_at = (pd.concat([getattr(one, of) for one in parts]).set_axis(index) for of in _LONG)
    return replace(parts[0], frame=frame, at_risk=why, event_at=event_at)


def _read_bucket(
    history: History,
    stands: pd.DatetimeIndex,
    horizons: tuple[int, ...],
    churn: Rule,
    end: pd.Timestamp,
    known: int,
) -> tuple[Labels, Outlook]:
    cutoffs = micros(stands)
    look = _LOOK[churn.kind](history, cutoffs, churn, known)
    there, young = _ages(history, cutoffs, churn, known)
    bar = np.where((look.bar == 0) & young, len(look.reasons), look.bar)[there]
    index = _index(history, stands, there)
    cells = {h: _cells(look, cutoffs, h, churn, micro(end))[there] for h in horizons}
    frame = pd.DataFrame(cells, index=index, columns=pd.Index(horizons, name="horizon", dtype="int64"))
    frame[bar > 0] = np.nan
    reasons = np.array([*look.reasons, f"a customer for less than {churn.min_tenure_days} days"], dtype=object)
    why = pd.Series(reasons[bar], index=index, name="at_risk", dtype=object)
    return Labels(frame, why, _event_at(look, there, index, churn), churn, end), look


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


def _event_at(look: Outlook, there: NDArray[np.bool_], index: pd.MultiIndex, churn: Rule) -> pd.Series[pd.Timestamp]:
    first = look.first[there]
    shown = first < FOREVER if churn.rises else np.zeros(len(first), dtype=bool)
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


def _too_short(stands: pd.DatetimeIndex, horizon: int, churn: Rule, end: pd.Timestamp) -> str:
    settled = stands[0] + pd.Timedelta(days=churn.resolution_days(horizon))
    if settled > end:
        return f"the first window is settled on {settled:%Y-%m-%d}, after the data end {end:%Y-%m-%d}"
    return "no account was at risk in a settled window"


def _stands(cutoffs: Cutoffs) -> pd.DatetimeIndex:
    values = [to_instant(one) for one in cutoffs]
    if not values:
        raise UsageError("label, cutoffs", "at least one cutoff", "none", "make them with hf.cutoffs(history)")
    return pd.DatetimeIndex(sorted(set(values)), name="cutoff").as_unit("us")


def _ahead(horizons: Iterable[int]) -> tuple[int, ...]:
    values = tuple(horizons)
    if not values or any(int(h) != h or h < 1 for h in values) or list(values) != sorted(set(values)):
        raise UsageError(
            "label, horizons", "ascending whole days, 1 or more", repr(values), "write them as (30, 60, 90)"
        )
    return tuple(int(h) for h in values)
