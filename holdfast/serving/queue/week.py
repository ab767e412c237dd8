"""The queue of a week: who is called, who stands beside it and why, from the scores of a day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.errors import UsageError, did_you_mean
from holdfast.features.indicators.wording import ENGLISH, chance
from holdfast.serving.columns import horizon, longest, paying
from holdfast.serving.feedback.standing import acted_on
from holdfast.serving.playbooks import ESCALATION
from holdfast.training.queue.choice import choose
from holdfast.training.rows import dated, json_rows

if TYPE_CHECKING:
    from holdfast.serving.scoring import Scores
    from holdfast.serving.sections import Queue as Settings

WEEK = pd.Timedelta(days=7)
POOL = ""  # whose accounts have no CSM
ESCALATE, CALL, LEFT_ALONE, LATER, RESTING = "escalate", "call", "left_alone", "later", "resting"
_DECISIONS = (ESCALATE, CALL, LEFT_ALONE, LATER, RESTING)
_WHY = ("account_id", "decision", "risk", "arr", "expected_saved", "call_by", "notice_deadline")
_SHOWN = (
    *("account_id", "account_name", "segment", "csm", "arr", "currency", "renewal_date", "notice_deadline"),
    *("health", "band", "expected_arr_at_risk_90", "driver_1", "driver_2", "driver_3", "playbook_id", "due_date"),
    *("override_health", "override_reason", "override_author", "override_expires"),
)


@dataclass(frozen=True)
class Said:
    """What the ledger holds of accounts beside their scores, as far as it counts on a day.

    Attributes
    ----------
    resting
        Accounts that are not called now, each with the reason.
    spent
        Minutes of this week that are used already, by CSM.
    """

    resting: Mapping[str, str] = field(default_factory=dict)
    spent: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Queue:
    """Whom to call in a week.

    Attributes
    ----------
    as_of
        The day of the scores, with which the week begins.
    rows
        One row per scored account, in the order of work: ``rank, decision`` (``escalate``: management takes it;
        ``call``; ``left_alone`` by lot; ``later``: the hours are used up; ``resting``), ``why``, ``call_by`` (what
        comes first, the end of the week or the last day of notice), ``hours``, ``risk`` (probability to leave within
        the horizon, as it counts here), ``expected_saved`` (risk x ARR x save rate), and columns of the scores.
    load
        By CSM: ``csm`` (empty: the pool), ``hours, planned, calls, expected_saved``.
    horizon, save_rate
        Days ahead, and the share of those who would leave that a call is assumed to keep.
    """

    as_of: pd.Timestamp
    rows: pd.DataFrame
    load: pd.DataFrame
    horizon: int
    save_rate: float

    def frame(self) -> pd.DataFrame:
        """Return the rows."""
        return self.rows

    def of(self, decision: str) -> pd.DataFrame:
        """Give the rows of one decision."""
        return self.rows[self.rows["decision"] == decision]

    def purview(self, csm: str) -> Queue:
        """Keep the accounts of a CSM.

        Raises
        ------
        UsageError
            When no account is theirs.
        """
        if csm not in set(self.load["csm"]):
            named = [str(one) for one in self.load["csm"] if one != POOL]
            raise UsageError("--csm", "a CSM of an account", repr(csm), did_you_mean(csm, named))
        mine = self.rows[self.rows["csm"] == csm].reset_index(drop=True)
        load = self.load[self.load["csm"] == csm].reset_index(drop=True)
        return Queue(self.as_of, mine.assign(rank=np.arange(1, len(mine) + 1)), load, self.horizon, self.save_rate)

    def text(self) -> str:
        """Say it in sentences, the assumption included."""
        called, load = self.of(CALL), self.load
        saved, money = called["expected_saved"].sum(), paying(self.rows)
        told = (
            f"Week of {self.as_of:%Y-%m-%d}: {len(called)} calls, {load['planned'].sum():g} of {load['hours'].sum():g} "
            f"hours. Expected to save {f'{saved:,.0f} of ARR' if money else f'{saved:,.1f} accounts'} within "
            f"{self.horizon} days, assuming that a call keeps {self.save_rate:.0%} of those who would leave."
        )
        counts = self.rows["decision"].value_counts()
        words = {
            ESCALATE: "escalated to management",
            LEFT_ALONE: "left alone by lot",
            LATER: "left for later weeks",
            RESTING: "resting",
        }
        beside = [f"{counts[name]} {said}" for name, said in words.items() if counts.get(name)]
        return f"{told} Beside it: {', '.join(beside)}." if beside else told

    def to_dict(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        told = {"as_of": self.as_of.isoformat(), "horizon": self.horizon, "save_rate": self.save_rate}
        return told | {"in_words": self.text(), "rows": json_rows(dated(self.rows)), "load": json_rows(self.load)}

    def _repr_html_(self) -> str:
        from html import escape

        names = ["rank", "decision", "account_id", "account_name", "csm", "call_by", "hours", "expected_saved", "why"]
        table = self.rows.loc[self.rows["decision"] != LATER, names]
        return f"<p>{escape(self.text())}</p>{table.to_html(escape=True, index=False, float_format='{:,.1f}'.format)}"


def queue(scores: Scores, how: Settings, said: Said | None = None) -> Queue:
    """Choose whom to call in the week that begins with the day of the scores.

    What a call is worth is the probability to leave within the longest horizon, times ARR, times the save rate; what it
    costs are hours. Each CSM calls those of their accounts that are worth most together within their hours; accounts
    without a CSM are the pool's. What management takes, and who rests or is snoozed, is left out. Where a
    score was set by hand, the risk is the one that playbooks go by, see `acted_on`.

    Parameters
    ----------
    how
        ``[queue]`` of the plan.
    said
        Who rests, and the hours that are used up; by default nothing.

    Raises
    ------
    UsageError
        When the plan names a playbook that no account has, by a slip of the pen.
    """
    rows = scores.rows[scores.rows["score_status"] != "not_scored"].reset_index(drop=True)
    known, column = said or Said(), longest(rows)
    _check_names(rows, how)
    rows["risk"] = acted_on(rows)[column]
    worth = rows["arr"] if paying(rows) else 1.0  # without revenue accounts count alike
    rows["expected_saved"] = (rows["risk"] * worth * how.save_rate).fillna(0.0).clip(lower=0.0) + 0.0  # no -0
    rows["minutes"] = rows["playbook_id"].map(lambda one: minutes_of(str(one), how)).astype("int64")
    rows["hours"] = rows["minutes"] / 60
    rows["call_by"] = _call_by(rows, scores.as_of)
    resting = {**_snoozed(rows, scores.as_of), **known.resting}
    free = (rows["playbook_id"] != ESCALATION) & ~rows["account_id"].isin(list(resting))
    budget = {owner: max(0, minutes - known.spent.get(owner, 0)) for owner, minutes in _minutes(rows, how).items()}
    work = rows[free].set_index("account_id").rename(columns={"csm": "owner", "expected_saved": "value"})
    called = choose(work[["owner", "value", "minutes"]], budget)
    rows["decision"] = rows["account_id"].map(called).map({True: CALL, False: LATER})
    rows.loc[rows["playbook_id"] == ESCALATION, "decision"] = ESCALATE
    rows.loc[rows["account_id"].isin(list(resting)), "decision"] = RESTING
    told = rows[list(_WHY)]
    rows["why"] = [
        _why(dict(zip(_WHY, row, strict=True)), resting, column, how.save_rate, money=paying(rows))
        for row in told.itertuples(index=False, name=None)
    ]
    hours = {owner: minutes / 60 for owner, minutes in budget.items()}
    return Queue(scores.as_of, in_order(rows), load_of(rows, hours), horizon(column) or 0, how.save_rate)


def load_of(rows: pd.DataFrame, hours: Mapping[str, float]) -> pd.DataFrame:
    """Sum up what each CSM is to do: ``csm, hours, planned, calls, expected_saved``."""
    called = rows[rows["decision"] == CALL].groupby("csm")
    load = pd.DataFrame({"csm": list(hours), "hours": list(hours.values())})
    load["planned"] = load["csm"].map(called["hours"].sum()).fillna(0.0)
    load["calls"] = load["csm"].map(called.size()).fillna(0).astype("int64")
    load["expected_saved"] = load["csm"].map(called["expected_saved"].sum()).fillna(0.0)
    return load


def in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Bring rows into the order of work: by decision, what is urgent first, then by what an hour saves."""
    place = rows["decision"].map({name: place for place, name in enumerate(_DECISIONS)})
    rows = rows.assign(_place=place, _worth=rows["expected_saved"] / rows["hours"])
    keys, upward = ["_place", "call_by", "_worth", "account_id"], [True, True, False, True]
    rows = rows.sort_values(keys, ascending=upward, kind="stable", ignore_index=True)
    first = ["decision", "why", "call_by", "hours", "risk", "expected_saved"]
    names = [*first, *(name for name in rows if name in _SHOWN or horizon(str(name)))]
    told = rows[names]
    told.insert(0, "rank", np.arange(1, len(rows) + 1))
    return told


def minutes_of(playbook: str, how: Settings) -> int:
    """Give what a call by a playbook costs."""
    return round(60 * how.playbook_hours.get(playbook, how.call_hours))


def _check_names(rows: pd.DataFrame, how: Settings) -> None:
    """Refuse a CSM or a playbook whose name is nearly, but not quite, one that is there."""
    known = {"hours_of": set(rows["csm"]) - {""}, "playbook_hours": set(rows["playbook_id"]) - {""}}
    for key, there in known.items():
        for name in getattr(how, key):
            hint = did_you_mean(name, there)
            if name not in there and hint.startswith("did you mean"):
                raise UsageError(f"plan, key queue.{key}", "a name that is there", repr(name), hint)


def _call_by(rows: pd.DataFrame, as_of: pd.Timestamp) -> pd.Series[pd.Timestamp]:
    """Give the end of the week, or the last day of notice where it comes first: later a call is of no use."""
    end, deadline = pd.Series(as_of + WEEK, index=rows.index), rows["notice_deadline"]
    return end.where(~deadline.between(as_of, as_of + WEEK), deadline)


def _snoozed(rows: pd.DataFrame, as_of: pd.Timestamp) -> dict[str, str]:
    asleep = rows[rows["snoozed_until"] > as_of]
    days = asleep["snoozed_until"].dt.strftime("snoozed until %Y-%m-%d")
    return dict(zip(asleep["account_id"], days, strict=True))


def _minutes(rows: pd.DataFrame, how: Settings) -> dict[str, int]:
    """Give what each CSM has in a week; the pool has what its people have together."""
    hours = {str(one): how.hours_of.get(str(one), how.hours) for one in sorted(rows["csm"].unique())}
    if POOL in hours:
        hours[POOL] = how.pool * how.hours
    return {owner: round(60 * one) for owner, one in hours.items()}


def _why(row: Mapping[Any, Any], resting: Mapping[str, str], column: str, save_rate: float, *, money: bool) -> str:
    if row["decision"] == RESTING:
        return resting[row["account_id"]]
    if pd.isna(row["risk"]):
        return "no probability to leave"
    stake = f"{column} {chance(row['risk'], ENGLISH)} x "
    if pd.isna(row["arr"]) or not money:
        stake += f"{save_rate:.0%} kept, ARR {'unknown' if pd.isna(row['arr']) else '0 as of all'}"
    else:
        stake += f"ARR {row['arr']:,.0f} x {save_rate:.0%} kept = {row['expected_saved']:,.0f}"
    urgent = row["decision"] == CALL and row["call_by"] == row["notice_deadline"]
    return f"{stake}; notice until {row['call_by']:%Y-%m-%d}" if urgent else stake
