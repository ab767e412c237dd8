"""Episodes: an alert is told once when it opens, and no more until it has closed and some days have passed."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd

from holdfast.serving.alerts.rules import FIRES, muted
from holdfast.serving.ledger.store import stamp

if TYPE_CHECKING:
    from holdfast.serving.ledger.store import Ledger

OPENED, CLOSED = "opened", "closed"
Key = tuple[str, str]
_LAST = """SELECT account_id, rule, event, as_of FROM alert
    WHERE number IN (SELECT max(number) FROM alert GROUP BY account_id, rule)"""
_OPEN = f"""SELECT account_id, rule, as_of, text FROM alert
    WHERE number IN (SELECT max(number) FROM alert GROUP BY account_id, rule) AND event = '{OPENED}'
    ORDER BY account_id, rule"""  # noqa: S608 # a constant of this module


@dataclass(frozen=True)
class Event:
    """An episode that opens or closes: the rule of an account, and the sentence that tells it."""

    account_id: str
    rule: str
    event: str
    text: str = ""


@dataclass(frozen=True)
class Last:
    """The last event of an episode and its day."""

    event: str
    as_of: pd.Timestamp


def step(past: Mapping[Key, Last], judged: pd.DataFrame, as_of: pd.Timestamp, cool_down_days: int) -> list[Event]:
    """Go one day further: what opens, and what closes.

    A rule that fires opens an episode unless one is open, or the last one closed less than the cool-down ago. An
    episode closes on the first day on which its rule does not even hold. A day before the last event changes nothing.

    Parameters
    ----------
    past
        The last event of each account and rule.
    judged
        What `rules.judge` says of the day.
    cool_down_days
        1 or more.
    """
    if any(as_of < one.as_of for one in past.values()):
        return []
    wait, silent = pd.Timedelta(days=cool_down_days), muted(judged)
    rows = list(zip(judged["account_id"], judged["rule"], judged["state"], judged["text"], strict=True))
    standing = {(account, rule) for account, rule, _, _ in rows}
    events = [
        Event(*key, CLOSED)
        for key, last in past.items()
        if last.event == OPENED and key not in standing and not (key[0] and key[1] in silent)
    ]
    for account, rule, state, text in rows:
        last = past.get((account, rule))
        if state == FIRES and (last is None or (last.event == CLOSED and as_of - last.as_of >= wait)):
            events.append(Event(account, rule, OPENED, text))
    return sorted(events, key=lambda one: (one.account_id, one.rule))


def settle(
    ledger: Ledger, judged: pd.DataFrame, as_of: pd.Timestamp, run_id: str, cool_down_days: int, now: datetime
) -> list[Event]:
    """Write into the ledger what opens and closes on the day of a run; a run that was settled before adds nothing."""
    with ledger.writing() as db:
        events = step(_last(db), judged, as_of, cool_down_days)
        db.executemany(
            "INSERT INTO alert VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)",
            [(e.account_id, e.rule, stamp(as_of), e.event, run_id, e.text, stamp(now)) for e in events],
        )
    return events


def open_episodes(ledger: Ledger) -> pd.DataFrame:
    """List the open episodes: ``account_id, rule, as_of`` (the day it opened)``, text``."""
    return ledger.read(_OPEN)


def _last(db: sqlite3.Connection) -> dict[Key, Last]:
    return {(account, rule): Last(event, pd.Timestamp(as_of)) for account, rule, event, as_of in db.execute(_LAST)}
