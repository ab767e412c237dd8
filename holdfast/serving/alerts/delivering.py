"""Delivering: settle the run that is served, compose what is new, and send what waits."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from holdfast.errors import UsageError
from holdfast.serving.alerts import outbox
from holdfast.serving.alerts.channels import Channel
from holdfast.serving.alerts.digest import Digest, digest_of
from holdfast.serving.alerts.episodes import Event, open_episodes, settle
from holdfast.serving.alerts.quiet import next_loud
from holdfast.serving.ledger.store import stamp
from holdfast.serving.pipeline import ledger_of
from holdfast.serving.runs import current, read_scores
from holdfast.serving.workspace import Workspace

if TYPE_CHECKING:
    from datetime import datetime

    from holdfast.serving.ledger.store import Ledger
    from holdfast.serving.plan import Plan
    from holdfast.serving.scoring import Scores


@dataclass
class Delivery:
    """What became of the messages that were due.

    Attributes
    ----------
    composed, sent
        Messages written, and taken by their receivers.
    waiting
        Messages that stay in the outbox, those of quiet hours included.
    failed
        Messages given up now: ``key, channel, why``.
    troubles
        What went wrong with those that are tried again: ``key, channel, why``.
    quiet_until
        When quiet hours end, where they held everything back.
    """

    composed: int = 0
    sent: int = 0
    waiting: int = 0
    failed: list[dict[str, str]] = field(default_factory=list)
    troubles: list[dict[str, str]] = field(default_factory=list)
    quiet_until: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return dict(vars(self))


def settle_current(plan: Plan, now: datetime) -> list[Event]:
    """Open and close episodes by the run that is served; nothing where alerts are off.

    A run of an older day is never the one that is served, so a backfill opens nothing.
    """
    if not plan.alerts.enabled:
        return []
    run = current(Workspace(plan.output.workspace))
    scores = read_scores(run)
    days = plan.alerts.cool_down_days
    return settle(ledger_of(plan), scores.alerts, scores.as_of, run.run_id, days, now)


def deliver(plan: Plan, now: datetime) -> Delivery:
    """Send what waits, and what is new.

    Raises
    ------
    UsageError
        When alerts are off, no channel is named, or the address of one cannot be found; nothing is sent then.
    """
    rules = plan.alerts
    if not rules.enabled or not rules.channels:
        found = "no channel" if rules.enabled else "alerts that are off"
        do = 'set enabled = true and channels = ["env:NAME"], after a look at: holdfast alerts PLAN --rehearse'
        raise UsageError("plan, section alerts", "alerts that are on, and a channel", found, do)
    channels = [Channel.find(name, rules.allow, rules.signing) for name in rules.channels]
    settle_current(plan, now)
    told, ledger = Delivery(), ledger_of(plan)
    loud = next_loud(now, rules.quiet, rules.time_zone)
    if loud > now:
        told.quiet_until = stamp(loud)
    else:
        scores = read_scores(current(Workspace(plan.output.workspace)))
        for one in channels:
            write = partial(_written, scores, plan)
            told.composed += outbox.compose(ledger, one.name, rules.digest, rules.time_zone, write, now)
            _send(ledger, one, now, told)
    query = "SELECT count(*) AS n FROM message WHERE state = 'waiting'"
    told.waiting = int(ledger.read(query)["n"].iloc[0])
    return told


def preview(plan: Plan) -> tuple[pd.DataFrame, Digest | None]:
    """List the open episodes, and write what the next message to the first channel would say; none without news."""
    ledger, rules = ledger_of(plan), plan.alerts
    episodes = open_episodes(ledger)
    news = outbox.news(ledger, rules.channels[0] if rules.channels else "")
    if news.empty:
        return episodes, None
    scores = read_scores(current(Workspace(plan.output.workspace)))
    return episodes, _written(scores, plan, "(none yet)", news, len(episodes))


def _written(scores: Scores, plan: Plan, key: str, news: pd.DataFrame, still: int) -> Digest:
    day, language = f"{scores.as_of:%Y-%m-%d}", plan.output.language
    return digest_of(news, scores.rows, key=key, as_of=day, open_alerts=still, language=language)


def _send(ledger: Ledger, channel: Channel, now: datetime, told: Delivery) -> None:
    """Send what is due to a channel until one message is not taken, since the next would fare no better."""
    for message in outbox.due(ledger, channel.name, now):
        if not outbox.claim(ledger, message, now):
            continue
        answer = channel.send(Digest.read(message.body), now)
        state = outbox.mark(ledger, message, answer, now)
        if state == "sent":
            told.sent += 1
            continue
        trouble = {"key": message.key, "channel": channel.name, "why": answer.why}
        (told.failed if state == "failed" else told.troubles).append(trouble)
        if state == "waiting":
            return
