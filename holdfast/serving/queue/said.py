"""What counts of the ledger when a week is planned: who rests, whose score a person has overridden, hours used up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from holdfast.serving.queue.log import CALLED, DONE, HELD_OUT, in_trial, interventions, week_of
from holdfast.serving.queue.week import Said, minutes_of

if TYPE_CHECKING:
    from holdfast.serving.ledger.store import Ledger
    from holdfast.serving.scoring import Scores
    from holdfast.serving.sections import Queue as Settings

_WORDS = {CALLED: "called on", DONE: "helped on", HELD_OUT: "left alone by lot on"}


def said_of(ledger: Ledger, scores: Scores, how: Settings, horizon: int) -> Said:
    """Read what counts for the week that begins with the day of the scores.

    Who was called or helped rests for the cool-down. Who is in a trial rests until its outcome is seen, called or left
    alone, so that both arms are treated alike.

    Parameters
    ----------
    horizon
        Days until an outcome is seen.
    """
    log, words, day = interventions(ledger), _feedback(ledger, scores.as_of), scores.as_of
    told = {
        str(row["account_id"]): f"snoozed {_until(row['expires'])}by {row['author']}"
        for row in words[words["kind"] == "snooze"].to_dict("records")
    }
    closed = words[(words["kind"] == "outcome") & (words["recorded_at"] > day - _days(how.cool_down_days))]
    told |= {
        str(row["account_id"]): f"outcome {row['value']!r} told on {row['recorded_at']:%Y-%m-%d}"
        for row in closed.to_dict("records")
    }
    stands = words[words["kind"] == "override"]
    health = dict(zip(stands["account_id"], stands["value"].astype(float), strict=True))
    return Said(told | _resting(log, day, how.cool_down_days, horizon), health, _spent(log, scores, how))


def _resting(log: pd.DataFrame, day: pd.Timestamp, cool_down: int, horizon: int) -> dict[str, str]:
    observed = in_trial(log) | (log["arm"] == HELD_OUT)
    until = log["at"] + observed.map({True: _days(max(horizon, cool_down)), False: _days(cool_down)})
    still = log.assign(until=until)[until > day].sort_values(["until", "at", "id"], kind="stable")
    last = still.drop_duplicates("account_id", keep="last")
    return {
        str(row["account_id"]): f"{_WORDS[row['arm']]} {row['at']:%Y-%m-%d}, rests until {row['until']:%Y-%m-%d}"
        for row in last.to_dict("records")
    }


def _spent(log: pd.DataFrame, scores: Scores, how: Settings) -> dict[str, int]:
    """Sum up what this week's hours were given to already, by CSM; those of who was left alone stay free."""
    this_week = log[(log["arm"] != DONE) & (log["at"] >= week_of(scores.as_of)) & (log["at"] <= scores.as_of)]
    owner = this_week["account_id"].map(scores.rows.set_index("account_id")["csm"]).fillna("")
    minutes = this_week["playbook_id"].map(lambda one: minutes_of(str(one), how))
    return {str(name): int(total) for name, total in minutes.groupby(owner).sum().items()}


def _feedback(ledger: Ledger, day: pd.Timestamp) -> pd.DataFrame:
    """Give the last word of each kind on each account, where it has not expired."""
    found = ledger.read(
        "SELECT id, account_id, kind, value, author, expires, recorded_at FROM feedback "
        "WHERE kind IN ('override', 'snooze', 'outcome') ORDER BY recorded_at, id"
    )
    last = found.drop_duplicates(["account_id", "kind"], keep="last").reset_index(drop=True)
    for name in ("expires", "recorded_at"):
        last[name] = pd.to_datetime(last[name], utc=True)
    return last[last["expires"].isna() | (last["expires"] > day)]


def _until(day: pd.Timestamp) -> str:
    return "" if pd.isna(day) else f"until {day:%Y-%m-%d} "


def _days(days: int) -> pd.Timedelta:
    return pd.Timedelta(days=days)
