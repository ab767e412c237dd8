"""Labels: who churned within each horizon after each cutoff, and from which day on that could be known.

A label reads ``(T, T + horizon]``. A window that is not settled by the data end is missing for every account, those
that churned early in it included: kept for churners alone it would make the last cutoffs all churn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.errors import DataError, UsageError
from holdfast.features.time import micro, to_instant
from holdfast.findings import Finding
from holdfast.training.churn import Churn as Churn
from holdfast.training.expansion import Expansion as Expansion
from holdfast.training.label_cells import Question, read_cells
from holdfast.training.label_cells import Rule as Rule
from holdfast.training.label_cells import data_end as data_end

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    from holdfast.features.history import History

    Cutoffs = Iterable[str | date | pd.Timestamp] | pd.DatetimeIndex

_KEPT = 2_000_000  # rows as known on earlier days that are held for who asks again, about 100 MB


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
    _known: dict[int, Labels] = field(default_factory=dict, init=False, repr=False)

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

    @property
    def history(self) -> History:
        """The history that was read.

        Raises
        ------
        UsageError
            When the labels were not made by `label`.
        """
        if self._history is None:
            raise UsageError("Labels", "labels made by label()", "labels without their history", "call label()")
        return self._history

    def known(self, day: str | date | pd.Timestamp) -> Labels:
        """Give the labels as they were known on a day: what arrived later unseen, what was not settled missing.

        Rows and horizons stay as they are. Every refit asks twice: whether windows overlap, and to learn.
        """
        instant = to_instant(day)
        if (there := self._known.get(micro(instant))) is not None:
            return there
        end = min(instant, self.end)
        asked = Question(self.cutoffs, self.horizons, self.churn, end, micro(instant))
        found = _labels(self.history, asked).on(self.frame.index)
        if len(self) * (len(self._known) + 1) <= _KEPT:
            self._known[micro(instant)] = found
        return found

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
    full = _labels(history, Question(stands, ahead, rule, end))
    dropped = {h: _too_short(stands, h, rule, end) for h in ahead if full.frame[h].isna().all()}
    if len(dropped) == len(ahead):
        why = "; ".join(f"{h} days: {reason}" for h, reason in dropped.items())
        found = f"a history from {history.start:%Y-%m-%d} to {end:%Y-%m-%d}, in which none can: {why}"
        raise DataError(
            "labels", "at least one horizon that can be labelled", found, _instead(history, dropped, rule, end)
        )
    told = tuple(Finding("HF012", f"horizon {h}", 1, reason) for h, reason in dropped.items())
    kept = full.frame.drop(columns=list(dropped))
    return replace(full, frame=kept, dropped=dropped, findings=(*full.findings, *told))


def at_risk(history: History, cutoffs: Cutoffs, churn: Churn | str = "notice") -> pd.Series[str]:
    """Tell why accounts are not at risk at cutoffs, empty when they are; no label needs to be settled for this.

    Returns
    -------
    Series
        Text, on the index (account_id, cutoff) of the accounts known at each cutoff.
    """
    rule, stands = Churn.of(churn), _stands(cutoffs)
    return read_cells(history, Question(stands, (), rule, history.end)).at_risk


def _labels(history: History, asked: Question) -> Labels:
    read = read_cells(history, asked)
    found = read.findings
    return Labels(read.frame, read.at_risk, read.event_at, asked.rule, asked.end, findings=found, _history=history)


def _rule(churn: Rule | str) -> Rule:
    if isinstance(churn, Expansion):
        return churn
    return Expansion() if churn == "expansion" else Churn.of(churn)


def _too_short(stands: pd.DatetimeIndex, horizon: int, churn: Rule, end: pd.Timestamp) -> str:
    settled = stands[0] + pd.Timedelta(days=churn.resolution_days(horizon))
    if settled > end:
        return f"the first window is settled on {settled:%Y-%m-%d}, after the data end {end:%Y-%m-%d}"
    return "no account was at risk in a settled window"


def _instead(history: History, dropped: Iterable[int], churn: Rule, end: pd.Timestamp) -> str:
    """Say what to do where no horizon can be labelled: look at earlier days, where the history holds them."""
    needed = churn.resolution_days(min(dropped))
    if history.start + pd.Timedelta(days=needed) > end:
        return f"deliver more history: the shortest horizon is settled after {needed} days"
    last = end - pd.Timedelta(days=needed)
    return f'look back at days up to {last:%Y-%m-%d}, such as every = "28d" in [cutoffs], or deliver more history'


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
