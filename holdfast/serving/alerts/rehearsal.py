"""The rehearsal: the rules replayed over the past, before they are switched on.

The score that is replayed was learned from what was known when the rehearsal begins, and stands through all of it, so
that it knows none of the exits that it is tried on, and no refit passes for an alert.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from holdfast.errors import TooFewEvents, UsageError
from holdfast.features.catalog.collection import Catalog
from holdfast.progress import progress
from holdfast.serving import learning, pipeline
from holdfast.serving.alerts.episodes import CLOSED, Key, Last, step
from holdfast.serving.alerts.facts import STEP, STEPS, facts, readings
from holdfast.serving.alerts.rules import COMPANY, FIRES, RULES, Thresholds, judge
from holdfast.serving.attributes import attributes
from holdfast.serving.contract.cadence import stale
from holdfast.serving.opening import definition, known_on
from holdfast.serving.proof import read_proof
from holdfast.serving.unsound import set_aside
from holdfast.serving.weights import health_of
from holdfast.training.labels import label
from holdfast.training.rows import json_rows

if TYPE_CHECKING:
    from holdfast.features.history import History
    from holdfast.features.snapshot import Snapshot
    from holdfast.models.health import HealthScore
    from holdfast.serving.plan import Plan

EVERY = pd.Timedelta(days=10)  # a third of the 30 days that the rules look back, so that no day is measured in vain
_BEFORE = pd.Timedelta(days=180)  # of history, without which neither score nor noise can be learned
AHEAD = 90  # days within which an exit counts as warned of
ANY = "any"


@dataclass(frozen=True)
class Rehearsal:
    """What the rules would have told.

    Attributes
    ----------
    rows
        By rule, and for ``any`` of them (each account once a day): ``per_week`` (openings), ``per_csm_week``,
        ``untamed_per_week`` (what it would be without hysteresis, cool-down and episodes), ``followed`` (share of the
        openings with an exit within 90 days), ``usual`` (the same share of any account on any day), ``exits_warned``
        (share of the exits with an opening within the 90 days before notice), ``days_before`` (median, from the first
        of these).
    begin, end
        Days of the rehearsal.
    first_day
        Accounts that would be told on the day on which alerts are switched on.
    exits
        Exits that were rehearsed.
    csms
        People who share the alerts.
    listed_per_week
        Accounts that come onto the list of the riskiest in a week, in the backtest of the model in service; missing
        where there is none.
    learned
        Whether the score had learned its weights by then; else those of the template stood.
    """

    rows: pd.DataFrame
    begin: pd.Timestamp
    end: pd.Timestamp
    first_day: int
    exits: int
    csms: int
    listed_per_week: float
    learned: bool

    def frame(self) -> pd.DataFrame:
        """Return the rows."""
        return self.rows

    def text(self) -> str:
        """Say it in sentences."""
        one = self.rows[self.rows["rule"] == ANY].iloc[0]
        told = [
            f"From {self.begin:%Y-%m-%d} to {self.end:%Y-%m-%d}: {one['per_week']:.1f} accounts with new alerts a "
            f"week, {one['per_csm_week']:.1f} for each of {self.csms} people; {self.first_day} on the first day."
        ]
        if not np.isnan(self.listed_per_week):
            told.append(f"The list of the riskiest brings {self.listed_per_week:.1f} a week, as backtested.")
        if self.exits:
            since = "" if np.isnan(one["days_before"]) else f", a median of {one['days_before']:.0f} days before notice"
            told.append(f"Of {self.exits} exits, {one['exits_warned']:.0%} had an alert{since}.")
        if not np.isnan(one["followed"]):
            told.append(
                f"{one['followed']:.0%} of the alerts were followed by an exit within {AHEAD} days; of any account on "
                f"any day it was {one['usual']:.0%}."
            )
        if not self.learned:
            told.append("There was too little to learn weights from by then: those of the template stood.")
        return " ".join(told)

    def to_dict(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        listed = None if np.isnan(self.listed_per_week) else self.listed_per_week
        facts = {name: getattr(self, name) for name in ("first_day", "exits", "csms", "learned")}
        days = {"begin": f"{self.begin:%Y-%m-%d}", "end": f"{self.end:%Y-%m-%d}"}
        return {"in_words": self.text(), **days, **facts, "listed_per_week": listed, "rows": json_rows(self.rows)}

    def _repr_html_(self) -> str:
        return str(self.rows.to_html(escape=True, index=False, float_format="{:.2f}".format))


def rehearse(plan: Plan, history: History, weeks: int = 52, csms: int | None = None) -> Rehearsal:
    """Replay the rules of a plan over the last weeks of a history, one reading every ten days.

    Parameters
    ----------
    history
        As known on its last day.
    csms
        People who share the alerts; by default the owners of the accounts, or one where none is named.

    Raises
    ------
    UsageError
        When the history is not long enough to look back from the first day.
    """
    days = pd.date_range(end=history.now, periods=int(pd.Timedelta(weeks=weeks) / EVERY) + 1, freq=EVERY)
    health, X, learned = _measured(plan, history, days)
    read = readings(X, health)
    y = label(history, days, (AHEAD,), definition(plan))
    openings, untamed = replay(plan, history, read[_at_risk(read, y.at_risk)], days)
    rows = economics(openings, untamed, y.event_at, y.frame[AHEAD], days)
    people = csms or max(1, _owners(history, X))
    rows.insert(2, "per_csm_week", rows["per_week"] / people)
    first = openings.loc[openings["day"] == days[0], "account_id"].nunique()
    exits = len(_exits(y.event_at, days))
    return Rehearsal(rows, days[0], days[-1], first, exits, people, _listed(plan), learned)


def replay(
    plan: Plan, history: History, read: pd.DataFrame, days: pd.DatetimeIndex
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Judge every day and step through the episodes.

    Parameters
    ----------
    read
        Readings; on the days of the rehearsal those of the accounts that would be scored.

    Returns
    -------
    DataFrame, DataFrame
        ``account_id, rule, day``: what opens, and whatever begins to fire, episode or not.
    """
    limits = Thresholds(**plan.alerts.asked)
    past: dict[Key, Last] = {}
    opened, begun, before = [], [], set[Key]()
    for day in progress(days, "days", len(days)):
        known, earlier = (stale(history, one) for one in (day, day - STEP))
        judged = judge(facts(read, day), limits, stale=known, stale_before=earlier)
        for one in step(past, judged, day, plan.alerts.cool_down_days):
            past[one.account_id, one.rule] = Last(one.event, day)
            if one.event != CLOSED:
                opened.append((one.account_id, one.rule, day))
        now = set(judged.loc[judged["state"] == FIRES, ["account_id", "rule"]].itertuples(index=False, name=None))
        begun += [(*key, day) for key in sorted(now - before)]
        before = now
    tables = [pd.DataFrame(rows, columns=["account_id", "rule", "day"]) for rows in (opened, begun)]
    return tables[0], tables[1]


def _at_risk(read: pd.DataFrame, why_not: pd.Series) -> pd.Series:
    """Leave out the readings of a day of the rehearsal on which the account would not be scored."""
    return why_not.reindex(read.index).fillna("") == ""


def economics(
    openings: pd.DataFrame, untamed: pd.DataFrame, event_at: pd.Series, y: pd.Series, days: pd.DatetimeIndex
) -> pd.DataFrame:
    """Count what the openings cost and what they were worth, by rule and for any of them; see `Rehearsal`.

    Parameters
    ----------
    openings, untamed
        ``account_id, rule, day``. Those of the first day are what stood before and count towards no week.
    event_at, y
        By account and day: the exit after it, and whether it came within 90 days (missing where not settled).
    """
    weeks = (days[-1] - days[0]) / pd.Timedelta(weeks=1)
    exits, told = _exits(event_at, days), []
    for name in (*RULES, ANY):
        mine, raw = (_of(name, one) for one in (openings, untamed))
        settled = y.reindex(pd.MultiIndex.from_frame(mine[["account_id", "day"]])).dropna()
        lead = _leads(mine, exits)
        told.append(
            {
                "rule": name,
                "per_week": (mine["day"] > days[0]).sum() / weeks,
                "untamed_per_week": (raw["day"] > days[0]).sum() / weeks,
                "followed": settled.mean(),
                "usual": y.mean(),
                "exits_warned": lead.notna().mean() if len(exits) else np.nan,
                "days_before": lead.median(),
            }
        )
    return pd.DataFrame(told)


def _of(rule: str, openings: pd.DataFrame) -> pd.DataFrame:
    """Keep the openings of a rule, or each account once a day."""
    mine = openings[openings["account_id"] != COMPANY]
    return mine.drop_duplicates(["account_id", "day"]) if rule == ANY else mine[mine["rule"] == rule]


def _exits(event_at: pd.Series, days: pd.DatetimeIndex) -> pd.DataFrame:
    """List the exits that were looked ahead to for 90 days: ``account_id, left``."""
    table = event_at.dropna().rename("left").reset_index()[["account_id", "left"]].drop_duplicates()
    return table[table["left"].between(days[0] + pd.Timedelta(days=AHEAD), days[-1])]


def _leads(openings: pd.DataFrame, exits: pd.DataFrame) -> pd.Series:
    """Give, for each exit, the days from the first opening within 90 days before it; missing where there is none."""
    both = exits.merge(openings, on="account_id")
    both = both.assign(days=(both["left"] - both["day"]).dt.total_seconds() / 86_400)
    first = both[both["days"].between(0, AHEAD)].groupby(["account_id", "left"])["days"].max()
    found: pd.Series = first.reindex(pd.MultiIndex.from_frame(exits))
    return found


def _measured(plan: Plan, history: History, days: pd.DatetimeIndex) -> tuple[HealthScore, Snapshot, bool]:
    """Learn the score from what was known on the first day, and measure what the days look at."""
    if days[0] < history.start + _BEFORE:
        expected = f"a rehearsal from {history.start + _BEFORE:%Y-%m-%d} on"
        raise UsageError("--weeks", expected, f"one from {days[0]:%Y-%m-%d}", "choose fewer weeks")
    begin = known_on(plan, history, f"{days[0]:%Y-%m-%d}")
    X, y = learning.examples(plan, begin)
    try:
        health, learned = health_of(plan, pipeline.catalog_of(plan)).fit(X, y), plan.health.learn
    except TooFewEvents:
        health, learned = pipeline.template_of(plan), False
    grid = pd.date_range(days[0] - STEPS * STEP, days[-1], freq=EVERY)
    catalog = Catalog(X.catalog, fixed=True)
    measured, _ = set_aside(catalog.measure(history, grid, y.horizons, grace_days=plan.churn.grace_days))
    return health, measured, learned


def _owners(history: History, X: Snapshot) -> int:
    ids = pd.Index(X.at(history.now).index.get_level_values("account_id"), name="account_id")
    return int(attributes(history, history.now, ids)["csm"].nunique())


def _listed(plan: Plan) -> float:
    """Look up how many accounts a week come onto the list of the churn model in service."""
    version = pipeline.in_service(plan)
    if version is None:
        return np.nan
    rows = read_proof(pipeline.workspace(plan).models, version).result.get("capacity", {}).get("rows", [])
    wanted = {"model": "churn", "by": "p", "metric": "alerts_per_week"}
    found = [row["value"] for row in rows if all(row[key] == value for key, value in wanted.items())]
    return float(found[0]) if found and found[0] is not None else np.nan
