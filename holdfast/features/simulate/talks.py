"""What a simulated company and its accounts say to one another: reviews, outreach, surveys, messages and actions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from holdfast.features.simulate.columns import labels, pick, rows
from holdfast.features.simulate.contracts import Growth
from holdfast.features.simulate.latent import Floats, Ints
from holdfast.features.simulate.people import sponsor
from holdfast.features.simulate.world import World, office_days, share

__all__ = ["touchpoints"]

_TEXTS = ("kind", "subtype", "direction", "status", "person_id", "playbook", "outcome")
_PLAIN = (*_TEXTS, "score", "score_max", "sentiment", "duration_min")
_VOICED = ("message", "survey", "call", "meeting", "review", "expansion")  # what has a mood
_LASTING = ("meeting", "review", "call", "expansion")
_ADVOCACY = ("reference", "case_study", "talk", "recommendation", "referral")
_PLAYBOOKS = ("adoption session", "sponsor development", "value review", "executive escalation")
RESCUE = "usage rescue"
_OUTCOMES = ("no answer", "postponed", "agreed")
_BOOKED_AHEAD = (3.0, 15.0)  # days before a review that it is put into the calendar


def touchpoints(world: World, growth: Growth) -> pd.DataFrame:
    """Write reviews, outreach and replies, surveys, messages, advocacy, expansion and budget talks, and our actions."""
    rng, states = world.rng["touchpoints"], world.latent.health
    p, r, b = (states[name] for name in ("product", "relationship", "business"))
    touch = np.broadcast_to(np.array([0.5, 1.0, 1.5])[world.book.segment][:, None], p.shape)
    visits = world.weekly_visits
    reviews = _reviews(world, rng, *visits(rng, 0.08 * touch))
    every = pd.concat([
        reviews,
        _outreach(world, rng, *visits(rng, 0.12 * touch)),
        _surveys(world, rng, *visits(rng, np.full(p.shape, 1 / 26))),
        _part("message", "in", "done", *visits(rng, 0.05 * touch * np.exp(0.35 * r))),
        _part("call", "in", "held", *visits(rng, 0.05 * touch * np.exp(0.3 * r))),
        _part("advocacy", "in", "done", *visits(rng, 0.004 * np.exp(0.6 * p + 0.5 * r))),
        _part("budget", "in", "done", *visits(rng, 0.006 * np.exp(-0.6 * b))),
        _part("expansion", "in", "held", growth.talks["account"].to_numpy(), growth.talks["talked"].to_numpy()),
        _part("meeting", "out", "held", *visits(world.rng["moods"], 0.06 * touch * np.exp(0.25 * r))),
        _satisfaction(world, *visits(world.rng["moods"], np.full(p.shape, 1 / 30))),
    ], ignore_index=True)  # fmt: skip
    booked = _bookings(world, reviews, 0.08 * touch)
    every = pd.concat([_told(world, every), booked, _actions(world, touch)], ignore_index=True)
    every = every.astype(dict.fromkeys(_TEXTS, "str"))
    return rows(
        world, "crm", every["id"].array, every["account"].to_numpy(), every["known"].to_numpy(), "created",
        {name: every[name].array for name in _PLAIN},
        {
            "occurred_at": every["day"].to_numpy(),
            "scheduled_at": every["scheduled"].to_numpy(dtype=np.float64),
            "replied_at": every["replied"].to_numpy(dtype=np.float64),
        },
    )  # fmt: skip


def _part(kind: str, direction: str, status: str, account: Ints, day: Floats, **more: Any) -> pd.DataFrame:
    frame = {
        "id": labels(f"{kind}-", np.arange(len(account))), "account": account, "day": day, "known": day + 0.05,
        "kind": kind, "direction": direction, "status": status,
    }  # fmt: skip
    return pd.DataFrame(frame | more)


def _reviews(world: World, rng: np.random.Generator, account: Ints, day: Floats) -> pd.DataFrame:
    held = rng.random(len(day)) < share(1.3 + 0.9 * world.state("relationship", account, day))
    status = np.where(held, "held", np.where(rng.random(len(day)) < 0.5, "no_show", "cancelled"))
    written = day + np.minimum(rng.exponential(2.5, len(day)), 21.0)
    return _part("review", "out", "", account, day).assign(
        status=pd.array(status, dtype="str"), known=written, scheduled=day
    )


def _bookings(world: World, reviews: pd.DataFrame, rate: Floats) -> pd.DataFrame:
    """Note reviews when they are booked: an earlier version of those that came to pass, and those still to come."""
    rng, end = world.rng["bookings"], np.minimum(world.exits.end, world.days)
    day = reviews["day"] - rng.uniform(*_BOOKED_AHEAD, len(reviews))
    noted = reviews.assign(day=day, known=day + 0.05)[day >= np.maximum(world.book.signup[reviews["account"]], 0)]
    account, ahead = world.weekly_visits(rng, rate)
    planned = ahead + rng.uniform(*_BOOKED_AHEAD, len(ahead))
    open_ = planned >= end[account]
    coming = _part("review", "out", "", account[open_], ahead[open_], scheduled=planned[open_])
    coming["id"] = labels("review-", len(reviews) + np.arange(len(coming)))
    return pd.concat([noted, coming], ignore_index=True).assign(status="scheduled")


def _actions(world: World, touch: Floats) -> pd.DataFrame:
    """Write what the company does where it sees trouble, with what came of it, and notes that say nothing more."""
    rng, health = world.rng["actions"], world.latent.health
    trouble = 0.5 * health["product"] + 0.4 * health["relationship"]
    account, day = world.weekly_visits(rng, 0.02 * touch * np.exp(-trouble))
    worst = np.argmin([world.state(name, account, day) + rng.normal(0, 0.7, len(day)) for name in health], axis=0)
    play = np.where(rng.random(len(day)) < 0.15, len(_PLAYBOOKS) - 1, worst)
    met = np.digitize(world.state("relationship", account, day) + rng.normal(0, 0.8, len(day)), [-0.7, 0.0])
    action = _part("action", "out", "done", account, day)
    told = {"playbook": pick(_PLAYBOOKS, play), "outcome": pick(_OUTCOMES, met)}
    notes = _part("note", "out", "done", *world.weekly_visits(rng, 0.03 * touch))
    return pd.concat([action.assign(**told), notes, _rescues(world)], ignore_index=True)


def _rescues(world: World) -> pd.DataFrame:
    """Log what the programme decided where usage was low, the accounts held out too, each with its chance of help."""
    looks, rng = world.latent.looks, world.rng["programme"]
    day = 7.0 * looks["week"].to_numpy() + 4 + office_days(rng, len(looks), world.start) / 7
    account, helped = looks["account"].to_numpy(), looks["helped"].to_numpy()
    there = world.live(account, day) & (day < world.exits.onset[account])
    status = pick(["holdout", "done"], helped.astype(np.int64))
    logged = _part("action", "out", "", account, day, playbook=RESCUE, score=world.scenario.programme, score_max=1.0)
    logged["id"] = labels("rescue-", np.arange(len(looks)))
    logged = logged.assign(status=status, outcome=pd.Series(pick(["agreed"], np.where(helped, 0, -1))))
    return logged[pd.Series(there)]


def _outreach(world: World, rng: np.random.Generator, account: Ints, day: Floats) -> pd.DataFrame:
    r = world.state("relationship", account, day)
    replied = day + 0.1 + rng.exponential(2.0 * np.exp(-0.5 * r))
    answers = (rng.random(len(day)) < share(0.5 + 0.8 * r)) & world.live(account, replied)
    sent = _part("outreach", "out", "done", account, day)
    return pd.concat([sent, sent.assign(replied=replied, known=replied + 0.01)[answers]], ignore_index=True)


def _surveys(world: World, rng: np.random.Generator, account: Ints, day: Floats) -> pd.DataFrame:
    """Answer a survey or stay silent; the silent ones are the less attached ones."""
    p, r = world.state("product", account, day), world.state("relationship", account, day)
    answers = rng.random(len(day)) < share(-0.3 + 0.7 * r)
    score = np.clip(np.round(7.2 + 1.0 * p + 1.1 * r + rng.normal(0, 1.2, len(day))), 0, 10)[answers]
    return _part("survey", "in", "done", account[answers], day[answers], subtype="nps", score=score, score_max=10.0)


def _satisfaction(world: World, account: Ints, day: Floats) -> pd.DataFrame:
    """Rate the service from 1 to 5; a third answers, whatever the mood."""
    rng = world.rng["moods"]
    r = world.state("relationship", account, day)
    score = np.clip(np.round(3.7 + 0.6 * r + rng.normal(0, 0.7, len(day))), 1, 5)
    told = rng.random(len(day)) < 0.35
    answer = _part("survey", "in", "done", account, day).assign(
        id=labels("csat-", np.arange(len(day))), subtype="csat", score=score, score_max=5.0
    )
    return answer[told].reset_index(drop=True)


def _told(world: World, every: pd.DataFrame) -> pd.DataFrame:
    """Tell the mood of what is said, how long talks took, what an advocate did, and which sponsor came to a review."""
    rng, account, day = world.rng["moods"], every["account"].to_numpy(), every["day"].to_numpy()
    kind, n = every["kind"].to_numpy(dtype=object), len(every)
    r, b = world.state("relationship", account, day), world.state("business", account, day)
    mood = np.clip(0.1 + 0.25 * r + 0.2 * b * (kind == "expansion") + rng.normal(0, 0.3, n), -1, 1)
    heard = np.isin(every["status"].to_numpy(dtype=object), ("held", "done"))
    minutes = np.round(np.clip(rng.normal(40, 12, n), 10, 120))
    act = pick(_ADVOCACY, rng.integers(len(_ADVOCACY), size=n))
    who = sponsor(world, account, day)
    came = (kind == "review") & heard & (who >= 0) & (day < world.exits.onset[account]) & (rng.random(n) < 0.6)
    return every.assign(
        sentiment=np.where(np.isin(kind, _VOICED) & heard, np.round(mood, 3), np.nan),
        duration_min=np.where(np.isin(kind, _LASTING) & heard, minutes, np.nan),
        subtype=every["subtype"].mask(kind == "advocacy", pd.Series(act, index=every.index)),
        person_id=labels("P", who).take(np.where(came, np.arange(n), -1), allow_fill=True),
    )
