"""What counts of the ledger when a week is planned: who rests, and the hours that are used up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from holdfast.serving.ledger.store import stamp
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
    log, day = interventions(ledger), scores.as_of
    told = _closed(ledger, day - _days(how.cool_down_days))
    return Said(told | _resting(log, day, how.cool_down_days, horizon), _spent(log, scores, how))


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


def _closed(ledger: Ledger, since: pd.Timestamp) -> dict[str, str]:
    """Name the accounts of which an outcome was told lately."""
    found = ledger.read(
        "SELECT account_id, value, recorded_at FROM feedback WHERE kind = 'outcome' AND recorded_at > ? "
        "ORDER BY recorded_at, id",
        (stamp(since),),
    )
    return {
        str(row["account_id"]): f"outcome {row['value']!r} told on {row['recorded_at'][:10]}"
        for row in found.to_dict("records")
    }


def _days(days: int) -> pd.Timedelta:
    return pd.Timedelta(days=days)
