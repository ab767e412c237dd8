"""Writing back: what has changed since the ledger last heard goes out, batch by batch, and the ledger hears of each."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any

import pandas as pd

from holdfast.features.pull.access import checked_url
from holdfast.serving.ledger.store import Ledger, stamp
from holdfast.serving.references import secret_of
from holdfast.serving.scoring import Scores
from holdfast.serving.writeback.settings import Sink
from holdfast.serving.writeback.sinks import TOOLS, Outcome
from holdfast.serving.writeback.values import Record, records_of
from holdfast.serving.writeback.wire import USUAL, Patience, Stopped, Wire

logger = logging.getLogger("holdfast.writeback")


@dataclass(frozen=True)
class Due:
    """What a tool does not hold yet.

    Attributes
    ----------
    new, again
        Records that have changed, and those that were refused the last time.
    unchanged, older
        How many it holds as they are, and how many it holds of a later day, which are not touched.
    """

    new: Sequence[Record]
    again: Sequence[Record]
    unchanged: int
    older: int

    def batches(self, size: int) -> Iterator[list[Record]]:
        """Give the records in batches: those that were refused come last, and among themselves."""
        for some in map(iter, (self.new, self.again)):
            while batch := list(islice(some, size)):
                yield batch


@dataclass(frozen=True)
class Written:
    """What came of writing to one tool, in accounts.

    Attributes
    ----------
    confirmed, sent
        Taken, and sent to a tool that says yes to everything.
    failed
        Refused; they are tried again the next time.
    left
        Not sent, since the tool stopped; ``stopped`` says why.
    errors
        Some of the reasons, by account.
    """

    sink: str
    unchanged: int
    older: int
    confirmed: int = 0
    sent: int = 0
    failed: int = 0
    left: int = 0
    requests: int = 0
    stopped: str = ""
    errors: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain values."""
        return asdict(self)

    def and_then(self, outcomes: Sequence[Outcome]) -> Written:
        """Add what became of a batch."""
        count = {state: sum(one.state == state for one in outcomes) for state in ("confirmed", "sent", "failed")}
        told = {one.record.account_id: one.error for one in outcomes if one.state == "failed"}
        return replace(
            self,
            confirmed=self.confirmed + count["confirmed"],
            sent=self.sent + count["sent"],
            failed=self.failed + count["failed"],
            left=self.left - len(outcomes),
            errors=dict(islice((self.errors | told).items(), 20)),
        )


def due(ledger: Ledger, sink: str, records: Sequence[Record], as_of: pd.Timestamp) -> Due:
    """Compare what would be written with what the ledger says that a tool holds."""
    held = ledger.read("SELECT account_id, as_of, values_sha256, state FROM written WHERE sink = ?", (sink,))
    known = {account: (day, digest, state) for account, day, digest, state in held.itertuples(index=False)}
    day, new, again, older = stamp(as_of), [], [], 0
    for one in records:
        before, digest, state = known.get(one.account_id, ("", "", ""))
        if before > day:
            older += 1
        elif state == "failed":
            again.append(one)
        elif digest != one.digest:
            new.append(one)
    return Due(new, again, len(records) - older - len(new) - len(again), older)


def write_back(
    ledger: Ledger, scores: Scores, name: str, sink: Sink, at: datetime, patience: Patience = USUAL
) -> Written:
    """Write what has changed to one tool.

    A process that is killed sends at most one batch again the next time; the same values over the same values.

    Parameters
    ----------
    name
        The tool: a key of `holdfast.serving.writeback.sinks.TOOLS`.
    at
        When, for the ledger.

    Raises
    ------
    UsageError
        When the address or the key of the tool cannot be used.
    PublishError
        When the ledger cannot be written.
    """
    tool, where = TOOLS[name], f"plan, section writeback.{name}"
    token = secret_of(sink.token, f"{where}, key token")
    url = checked_url(address_of(sink, where), f"{where}, key url")
    todo = planned(ledger, scores, name, sink)
    done = Written(name, todo.unchanged, todo.older, left=len(todo.new) + len(todo.again))
    with Wire(url, tool.headers(token.reveal()), (token,), sink.pause, patience) as wire:
        for batch in todo.batches(tool.batch):
            outcomes, why = _sent(tool.send(wire, sink, token.reveal(), batch))
            _keep(ledger, name, outcomes, scores.as_of, at)
            if len(batch) == tool.batch and not why and all(one.state == "failed" for one in outcomes):
                why = f"it took none of {len(batch)} accounts: {outcomes[0].error}"
            done = replace(done.and_then(outcomes), stopped=why)
            if why:
                break
        done = replace(done, requests=wire.requests)
    if done.stopped:
        logger.warning("%s: %s; %d accounts are left for the next time", tool.title, done.stopped, done.left)
    return done


def _sent(outcomes: Iterator[Outcome]) -> tuple[list[Outcome], str]:
    """Collect outcomes as far as they come, and why no more did."""
    done: list[Outcome] = []
    try:
        done.extend(outcomes)
    except Stopped as problem:
        return done, str(problem)
    return done, ""


def planned(ledger: Ledger, scores: Scores, name: str, sink: Sink) -> Due:
    """Tell what would be written to a tool now."""
    place = f"{name} {address_of(sink, f'plan, section writeback.{name}')} {sink.model_dump().get('key', '')}"
    return due(ledger, name, records_of(scores, sink.fields, place), scores.as_of)


def address_of(sink: Sink, where: str) -> str:
    """Give the address of a tool, from where it stands."""
    if not sink.url.startswith(("env:", "file:")):
        return sink.url
    return secret_of(sink.url, f"{where}, key url").reveal()


def _keep(ledger: Ledger, sink: str, outcomes: Sequence[Outcome], as_of: pd.Timestamp, at: datetime) -> None:
    day, now = stamp(as_of), stamp(at)
    rows = [
        (sink, one.record.account_id, day, one.record.digest, one.state, one.error, now) for one in outcomes
    ]  # fmt: skip
    with ledger.writing() as db:
        db.executemany("INSERT OR REPLACE INTO written VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
