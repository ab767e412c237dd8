"""Interventions: who was helped and when, and what that leaves to be learned of accounts that nobody helps.

A model that learns from a book in which the endangered are helped learns that danger is harmless. So rows under an
intervention are marked, an account is observed up to the day it is helped, and those held out by chance stand for those
that were helped: each interval counts by one over the chance to get there without help. Where chance did not decide, or
its odds were not logged, the same is done without weights and the figures rest on the assumption that who was helped
differs from the others in nothing but what the indicators say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from holdfast.errors import UsageError, did_you_mean
from holdfast.features.time import to_instant
from holdfast.models.untreated import Untreated
from holdfast.training.outlook import texts

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import ArrayLike

    from holdfast.features.history import History

HELD_OUT = "holdout"
NOT_DONE = ("scheduled", "cancelled", "no_show")
_COLUMNS = ("account_id", "at", "helped", "propensity")
_MOST = 20.0  # the weight of a row that hardly ever stays without help


@dataclass(frozen=True)
class Treatments:
    """The log of interventions.

    Attributes
    ----------
    frame
        One row per decision: ``account_id, at`` (UTC), ``helped`` (False: held out) and ``propensity``, the chance of
        help that was logged, missing where none was.
    days
        How long an intervention is active.
    """

    frame: pd.DataFrame
    days: int = 90

    @classmethod
    def of(cls, frame: pd.DataFrame, days: int = 90) -> Treatments:
        """Read a log from a frame; ``propensity`` may be absent.

        Raises
        ------
        UsageError
            When a column is absent, a chance lies outside 0 to 1, ``helped`` is neither true nor false, or a day cannot
            be read.
        """
        if days < 1:
            raise UsageError("treatments, days", "1 or more", str(days), "say how long an intervention is active")
        table = frame if "propensity" in frame else frame.assign(propensity=np.nan)
        for name in _COLUMNS:
            if name not in table:
                hint = did_you_mean(name, table.columns)
                raise UsageError("treatments", f"a column {name!r}", ", ".join(map(str, table.columns)), hint)
        chance = table["propensity"].to_numpy(float)
        if ((chance < 0) | (chance > 1)).any():
            raise UsageError("treatments, propensity", "chances from 0 to 1", f"{np.nanmax(chance):g}", "correct it")
        neither = ~table["helped"].isin([True, False])
        if neither.any():
            found = repr(table["helped"][neither].iloc[0])
            raise UsageError("treatments, helped", "True or False", found, "write False for those that were held out")
        at = pd.to_datetime(table["at"], utc=True, errors="coerce").astype("datetime64[us, UTC]")
        if at.isna().any():
            found = repr(table["at"][at.isna()].iloc[0])
            raise UsageError("treatments, at", "the day of each decision", found, "write it as 2026-01-31")
        accounts = table["account_id"].astype("str")
        told = table.assign(account_id=accounts, at=at, helped=table["helped"].astype(bool))[list(_COLUMNS)]
        return cls(told.sort_values(["account_id", "at"], ignore_index=True), days)

    @classmethod
    def read(cls, history: History, playbooks: Iterable[str] | None = None, days: int = 90) -> Treatments:
        """Read the actions of a history that name a playbook: ``status`` holdout is one held out by chance.

        The chance of help is the ``score`` of the action, with a ``score_max`` of 1. Where any action tells it, those
        that do not are left aside, unless playbooks are named.

        Parameters
        ----------
        playbooks
            Which count; all by default.
        """
        if "touchpoints" not in history:
            return cls.of(pd.DataFrame({name: [] for name in _COLUMNS}), days)
        records = history.records("touchpoints")
        known = pd.to_datetime(np.maximum(records.at, records.known), unit="us", utc=True)
        accounts = np.asarray(history.accounts, dtype=object)[records.account]
        told = records.columns.assign(account_id=accounts, occurred_at=known, known_at=known)
        return cls.of_actions(told, playbooks, days)

    @classmethod
    def of_actions(cls, actions: pd.DataFrame, playbooks: Iterable[str] | None = None, days: int = 90) -> Treatments:
        """Read rows of the canonical table ``touchpoints`` as `read` does; an action counts once it is known."""
        book, status = texts(actions, "playbook", ""), texts(actions, "status", "done")
        wanted = (texts(actions, "kind", "") == "action") & (book != "") & ~np.isin(status.astype(str), NOT_DONE)
        if playbooks is not None:
            wanted &= np.isin(book.astype(str), list(playbooks))
        mine = actions[wanted]
        at = mine["occurred_at"].where(mine["occurred_at"] >= mine["known_at"], mine["known_at"])
        told = mine[["account_id"]].assign(at=at, helped=status[wanted] != HELD_OUT, propensity=_logged(mine))
        return cls.of(told, days)._by_lot_alone(playbooks)

    def beside(self, other: Treatments) -> Treatments:
        """Put two logs together; where any action tells its chance, those that do not are left aside, as in `read`."""
        both = pd.concat([one.frame for one in (self, other) if len(one)] or [self.frame])
        return Treatments.of(both, self.days)._by_lot_alone(None)

    def _by_lot_alone(self, playbooks: Iterable[str] | None) -> Treatments:
        chance = self.frame["propensity"]
        if playbooks is not None or not chance.notna().any():
            return self
        return Treatments(self.frame[chance.notna()].reset_index(drop=True), self.days)

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def identified(self) -> bool:
        """Whether chance decided every case: each has a logged chance strictly between 0 and 1."""
        chance = self.frame["propensity"]
        return bool(len(self) and ((chance > 0) & (chance < 1)).all())

    def _repr_html_(self) -> str:
        helped = int(self.frame["helped"].sum())
        ground = "chance decided every case" if self.identified else "chance did not decide every case"
        head = f"<p>{helped:,} interventions and {len(self) - helped:,} held out; {ground}</p>"
        return head + str(self.frame.head(10).to_html(escape=True, index=False, float_format="{:.2f}".format))

    def until(self, day: str | date | pd.Timestamp) -> Treatments:
        """Keep what was decided by a day."""
        return Treatments(self.frame[self.frame["at"] <= to_instant(day)].reset_index(drop=True), self.days)

    def active(self, index: pd.MultiIndex) -> pd.Series[bool]:
        """Mark the (account_id, cutoff) rows that stand under an active intervention."""
        return self.within(index, self.days)

    def within(self, index: pd.MultiIndex, days: ArrayLike) -> pd.Series[bool]:
        """Mark the (account_id, cutoff) rows that were helped in so many days up to the cutoff."""
        return pd.Series(self._since(index) <= np.asarray(days), index=index, name="treated")

    def untreated(self, index: pd.MultiIndex, horizons: Iterable[int]) -> Untreated:
        """Weigh rows and intervals for the risk without help.

        Parameters
        ----------
        index
            The (account_id, cutoff) rows to learn from.
        horizons
            In days, ascending: those of the labels.

        Raises
        ------
        UsageError
            When horizons do not ascend.
        """
        ahead = tuple(horizons)
        if not ahead or any(low >= high for low, high in pairwise((0, *ahead))):
            raise UsageError("untreated, horizons", "days in ascending order", str(ahead), "pass those of the labels")
        weight = np.where(self.active(index).to_numpy()[:, None], 0.0, self._chances(index, ahead))
        frame = pd.DataFrame(weight, index=index, columns=pd.Index(ahead, name="horizon"))
        return Untreated(frame, self._ground(int((weight == 0).any(axis=1).sum())), self.identified)

    def _ground(self, rows: int) -> str:
        helped = int(self.frame["helped"].sum())
        held = len(self) - helped
        said = f"risk without help: {rows} rows stand under one of {helped} interventions, or end where one begins"
        if self.identified:
            return f"{said}; identified by chance, with {held} held out at logged odds"
        return f"{said}; assumption-based, since no chance of help was logged for all of them"

    def _since(self, index: pd.MultiIndex) -> np.ndarray:
        """Days since the last help, infinite where there was none."""
        helped = self.frame[self.frame["helped"]]
        rows = _rows(index)
        last = pd.merge_asof(
            rows, helped[["account_id", "at"]].sort_values("at"), left_on="cutoff", right_on="at", by="account_id"
        )
        gap = ((last["cutoff"] - last["at"]).dt.total_seconds() / 86_400).fillna(np.inf)
        return np.asarray(gap.to_numpy()[np.argsort(rows["place"].to_numpy())])

    def _chances(self, index: pd.MultiIndex, horizons: tuple[int, ...]) -> np.ndarray:
        """One over the chance to reach the end of each interval without help; 0 once helped."""
        ids = index.get_level_values("account_id").astype("str")
        pairs = pd.DataFrame({"place": np.arange(len(index)), "account_id": ids})
        pairs["cutoff"] = index.get_level_values("cutoff")
        reach = pd.Timedelta(days=horizons[-1])
        found = pairs.merge(self.frame, on="account_id")
        found = found[(found["at"] > found["cutoff"]) & (found["at"] <= found["cutoff"] + reach)]
        ahead = ((found["at"] - found["cutoff"]).dt.total_seconds() / 86_400).to_numpy()
        stay = 1.0 - (found["propensity"].to_numpy() if self.identified else np.zeros(len(found)))
        log = np.where(found["helped"].to_numpy(), np.inf, -np.log(stay))
        place, total = found["place"].to_numpy(), np.zeros((len(index), len(horizons)))
        for column, (low, high) in enumerate(pairwise((0, *horizons))):
            inside = (ahead > low) & (ahead <= high)
            np.add.at(total[:, column], place[inside], log[inside])
        reached = np.cumsum(total, axis=1)
        return np.where(np.isfinite(reached), np.minimum(np.exp(np.minimum(reached, 50.0)), _MOST), 0.0)


def _rows(index: pd.MultiIndex) -> pd.DataFrame:
    ids = index.get_level_values("account_id").astype("str")
    rows = pd.DataFrame({"account_id": ids, "place": np.arange(len(index))})
    rows["cutoff"] = index.get_level_values("cutoff")
    return rows.sort_values("cutoff", kind="stable", ignore_index=True)


def _logged(columns: pd.DataFrame) -> np.ndarray:
    """Read the chance of help: the score of an action on a scale up to 1."""
    if "score" not in columns or "score_max" not in columns:
        return np.full(len(columns), np.nan)
    score, most = columns["score"].to_numpy(float), columns["score_max"].to_numpy(float)
    return np.where(most == 1.0, score, np.nan)
