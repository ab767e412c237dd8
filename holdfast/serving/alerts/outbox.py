"""The outbox: messages that wait in the ledger until somebody has taken them.

Delivery is at least once. A message gets its key when it is composed; before it goes it is claimed, and afterwards it
is marked. Whoever is killed in between leaves it claimed: it goes out again, with the same key, when its pause is over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

import pandas as pd

from holdfast.serving.alerts.episodes import OPENED
from holdfast.serving.alerts.quiet import period
from holdfast.serving.ledger.store import stamp

if TYPE_CHECKING:
    from holdfast.serving.alerts.digest import Digest
    from holdfast.serving.alerts.guard import Answer
    from holdfast.serving.ledger.store import Ledger

MAX_ATTEMPTS = 8
_FIRST, _LONGEST = timedelta(minutes=1), timedelta(hours=6)  # between two tries
Rhythm = Literal["each", "daily", "weekly"]
Write = Callable[[str, pd.DataFrame, int], "Digest"]
_NEWS = """SELECT number, account_id, rule, as_of, text FROM alert
    WHERE number IN (SELECT max(number) FROM alert GROUP BY account_id, rule) AND event = ? AND number > ?
    ORDER BY number"""


@dataclass(frozen=True)
class Waiting:
    """A message that is due."""

    key: str
    channel: str
    body: str
    attempts: int


def news(ledger: Ledger, channel: str) -> pd.DataFrame:
    """Tell what is new for a channel: ``account_id, rule, as_of, text`` of what opened since its last message."""
    through = ledger.read("SELECT max(through) AS number FROM message WHERE channel = ?", (channel,))["number"].iloc[0]
    return ledger.read(_NEWS, (OPENED, int(through or 0))).drop(columns="number")


def compose(ledger: Ledger, channel: str, rhythm: Rhythm, zone: str, write: Write, now: datetime) -> int:
    """Put what is new for a channel into the outbox; nothing where its day or week has had its message.

    New is what has opened since the last message of the channel and is open still. The first message of a channel
    holds all that is open, whatever the rhythm, so that a new channel is not flooded.

    Parameters
    ----------
    write
        Makes the message of a key, of new alerts ``account_id, rule, as_of, text``, and of the number that are open.

    Returns
    -------
    int
        How many messages.
    """
    with ledger.writing() as db:
        query = "SELECT max(through), max(recorded_at) FROM message WHERE channel = ?"
        through, last = db.execute(query, (channel,)).fetchone()
        if last is not None and rhythm != "each":
            before = datetime.fromisoformat(last)
            if period(before, rhythm, zone) == period(now, rhythm, zone):
                return 0
        found = db.execute(_NEWS, (OPENED, through or 0)).fetchall()
        if not found:
            return 0
        still, number = len(db.execute(_NEWS, (OPENED, 0)).fetchall()), found[-1][0]
        rows = pd.DataFrame([one[1:] for one in found], columns=["account_id", "rule", "as_of", "text"])
        parts = list(rows.groupby("account_id")) if rhythm == "each" and through else [("", rows)]
        for account, part in parts:
            digest = write(_key(channel, number, str(account)), part, still)
            values = (digest.key, channel, number, digest.json(), stamp(now), stamp(now))
            db.execute("INSERT INTO message VALUES (?, ?, ?, ?, 'waiting', 0, ?, '', ?)", values)
    return len(parts)


def due(ledger: Ledger, channel: str, now: datetime) -> list[Waiting]:
    """List the messages of a channel that may go now, the oldest first."""
    query = """SELECT key, channel, body, attempts FROM message
        WHERE state = 'waiting' AND channel = ? AND next_at <= ? ORDER BY through, key"""
    return [Waiting(*row) for row in ledger.read(query, (channel, stamp(now))).itertuples(index=False, name=None)]


def claim(ledger: Ledger, message: Waiting, now: datetime) -> bool:
    """Take a message for oneself before it goes; False where another process has taken it."""
    query = """UPDATE message SET attempts = attempts + 1, next_at = ?
        WHERE key = ? AND state = 'waiting' AND attempts = ?"""
    with ledger.writing() as db:
        then = stamp(now + pause(message.attempts + 1))
        return db.execute(query, (then, message.key, message.attempts)).rowcount == 1


def mark(ledger: Ledger, message: Waiting, answer: Answer, now: datetime) -> str:
    """Write down what became of a message that was claimed: ``sent``, ``waiting`` for another try, or ``failed``.

    A receiver that asks for a pause gets it for all that waits for its channel.
    """
    with ledger.writing() as db:
        if answer.sent:
            db.execute("UPDATE message SET state = 'sent', body = '', error = '' WHERE key = ?", (message.key,))
            return "sent"
        if not answer.again or message.attempts + 1 >= MAX_ATTEMPTS:
            db.execute("UPDATE message SET state = 'failed', error = ? WHERE key = ?", (answer.why, message.key))
            return "failed"
        db.execute("UPDATE message SET error = ? WHERE key = ?", (answer.why, message.key))
        query = "UPDATE message SET next_at = max(next_at, ?) WHERE channel = ? AND state = 'waiting'"
        if answer.wait:
            db.execute(query, (stamp(now + timedelta(seconds=answer.wait)), message.channel))
        return "waiting"


def pause(attempts: int) -> timedelta:
    """Give the pause after so many attempts: a minute, four times as long each time, six hours at most.

    Examples
    --------
    >>> [pause(n) // timedelta(minutes=1) for n in (1, 2, 3, 6, 8)]
    [1, 4, 16, 360, 360]
    """
    return min(_FIRST * float(4 ** (attempts - 1)), _LONGEST)


def _key(channel: str, through: int, account: str) -> str:
    return sha256("\n".join([channel, str(through), account]).encode()).hexdigest()[:16]
