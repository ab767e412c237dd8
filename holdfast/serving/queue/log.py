"""The log of interventions in the ledger: whom the queue chose, whom the lot left alone, and what was done in the end.

Rows are added and never changed; their ids are hashes of what they say, so that what is said twice is kept once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING

import pandas as pd

from holdfast.serving.ledger.store import Ledger, stamp
from holdfast.serving.queue.week import CALL, LEFT_ALONE, Queue

if TYPE_CHECKING:
    import sqlite3

CALLED, HELD_OUT, DONE = "called", "held_out", "done"
_ARMS = {CALL: CALLED, LEFT_ALONE: HELD_OUT}
_COLUMNS = "id, account_id, at, arm, playbook_id, author, reason, propensity, run_id, recorded_at"
_ADD = f"INSERT OR IGNORE INTO intervention ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 # constants


@dataclass(frozen=True)
class Done:
    """What was done: with whom, by which playbook, by whom, on which day, and why."""

    account_id: str
    playbook_id: str
    author: str
    on: pd.Timestamp
    reason: str = ""


def record(ledger: Ledger, queue: Queue, run: str, chance: float | None, by: str, now: datetime) -> int:
    """Write down whom the queue of a run calls and whom the lot leaves alone, once; return how many rows are new.

    Parameters
    ----------
    chance
        The chance that each of them had to be called; none where no lot was drawn.
    by
        Who decided; empty: each CSM for their own accounts.
    now
        The moment of recording, which is when it can be known.
    """
    rows = queue.rows[queue.rows["decision"].isin(list(_ARMS))]
    said = [
        (_id("queue", run, row["account_id"]), row["account_id"], stamp(queue.as_of), _ARMS[row["decision"]],
         row["playbook_id"], by or row["csm"], row["why"], chance, run, stamp(now))
        for row in rows.to_dict("records")
    ]  # fmt: skip
    with ledger.writing() as db:
        if db.execute("SELECT 1 FROM intervention WHERE run_id = ? AND arm <> ?", (run, DONE)).fetchone():
            return 0
        return _added(db, said)


def did(ledger: Ledger, done: Iterable[Done], now: datetime) -> int:
    """Write down what was done, all of it or nothing; return how many rows are new."""
    with ledger.writing() as db:
        said = [
            (_id(*_words(one), one.reason), one.account_id, stamp(one.on), DONE,
             one.playbook_id, one.author, one.reason, None, "", stamp(now))
            for one in done if not _kept_before(db, one)
        ]  # fmt: skip
        return _added(db, said)


def interventions(ledger: Ledger) -> pd.DataFrame:
    """Read the log: ``id, account_id, at, arm, playbook_id, author, reason, propensity, run_id, recorded_at``."""
    found = ledger.read(f"SELECT {_COLUMNS} FROM intervention ORDER BY at, account_id, id")  # noqa: S608 # constants
    times = {
        name: pd.to_datetime(found[name], utc=True).astype("datetime64[us, UTC]") for name in ("at", "recorded_at")
    }
    return found.assign(**times, propensity=found["propensity"].astype(float))


def in_trial(log: pd.DataFrame) -> pd.Series[bool]:
    """Tell which rows a lot decided: called or left alone, each with a chance."""
    return (log["propensity"] > 0) & (log["propensity"] < 1)


def week_of(day: pd.Timestamp) -> pd.Timestamp:
    """Give the Monday with which the week of a day begins.

    Examples
    --------
    >>> week_of(pd.Timestamp("2026-01-01", tz="UTC"))
    Timestamp('2025-12-29 00:00:00+0000', tz='UTC')
    """
    return (day - pd.Timedelta(days=day.weekday())).floor("D")


def recorded(log: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    """Give what was recorded in the week of a day: ``account_id, at, arm, playbook_id, author, reason, done_on``."""
    week = log[(log["at"] >= week_of(day)) & (log["at"] < week_of(day) + pd.Timedelta(days=7))]
    chosen = week[week["arm"] != DONE]
    done = log[(log["arm"] == DONE) & (log["at"] >= week_of(day))]
    first = done.sort_values("at", kind="stable").drop_duplicates("account_id")[["account_id", "at"]]
    names = ["account_id", "at", "arm", "playbook_id", "author", "reason"]
    return chosen[names].merge(first.rename(columns={"at": "done_on"}), on="account_id", how="left")


def chance_of(holdout: float) -> float | None:
    """Give the chance to be called that the log holds; none where nobody is left alone.

    Examples
    --------
    >>> chance_of(0.1), chance_of(0.0)
    (0.9, None)
    """
    return None if math.isclose(holdout, 0.0) else round(1.0 - holdout, 12)


def _words(one: Done) -> tuple[str, ...]:
    return "did", one.account_id, one.playbook_id, one.author, stamp(one.on)


def _kept_before(db: sqlite3.Connection, one: Done) -> bool:
    """Tell whether it is kept under an id without its reason, as logs were written at first."""
    found = db.execute("SELECT 1 FROM intervention WHERE id = ? AND reason = ?", (_id(*_words(one)), one.reason))
    return found.fetchone() is not None


def _added(db: sqlite3.Connection, said: Sequence[tuple[object, ...]]) -> int:
    before = db.total_changes
    db.executemany(_ADD, said)
    return db.total_changes - before


def _id(*parts: str) -> str:
    return sha256("\n".join(parts).encode()).hexdigest()[:32]
