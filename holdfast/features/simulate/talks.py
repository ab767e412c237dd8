"""What a simulated company and its accounts say to one another: reviews, outreach, surveys, messages and talks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from holdfast.features.simulate.columns import labels, pick, rows
from holdfast.features.simulate.contracts import Growth
from holdfast.features.simulate.people import SPONSOR
from holdfast.features.simulate.usage import PERSON_STRIDE
from holdfast.features.simulate.world import Floats, Ints, World, share

__all__ = ["touchpoints"]

_TEXTS = ("kind", "subtype", "direction", "status", "person_id")
_PLAIN = (*_TEXTS, "score", "score_max", "sentiment", "duration_min")
_VOICED = ("message", "survey", "call", "meeting", "review", "expansion")  # what has a mood
_LASTING = ("meeting", "review", "call", "expansion")
_ADVOCACY = ("reference", "case_study", "talk", "recommendation", "referral")


def touchpoints(world: World, growth: Growth) -> pd.DataFrame:
    """Write reviews, outreach and replies, surveys, messages, advocacy, expansion and budget talks."""
    rng, states = world.rng["touchpoints"], world.latent.health
    p, r, b = (states[name] for name in ("product", "relationship", "business"))
    touch = np.broadcast_to(np.array([0.5, 1.0, 1.5])[world.book.segment][:, None], p.shape)
    visits = world.weekly_visits
    every = pd.concat([
        _reviews(world, rng, *visits(rng, 0.08 * touch)),
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
    every = _told(world, every)
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
        "kind": kind, "subtype": None, "direction": direction, "status": status,
        "score": np.nan, "score_max": np.nan, "scheduled": np.nan, "replied": np.nan, "sentiment": np.nan,
        "duration_min": np.nan, "person_id": None,
    }  # fmt: skip
    return pd.DataFrame(frame | more).astype(dict.fromkeys(_TEXTS, "str"))


def _reviews(world: World, rng: np.random.Generator, account: Ints, day: Floats) -> pd.DataFrame:
    held = rng.random(len(day)) < share(1.3 + 0.9 * world.state("relationship", account, day))
    status = np.where(held, "held", np.where(rng.random(len(day)) < 0.5, "no_show", "cancelled"))
    written = day + np.minimum(rng.exponential(2.5, len(day)), 21.0)
    return _part("review", "out", "", account, day).assign(
        status=pd.array(status, dtype="str"), known=written, scheduled=day
    )


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
    present = np.pad(world.latent.sponsor.astype(np.int8), ((0, 0), (1, 0)))
    ordinal = np.cumsum(np.diff(present, axis=1) == 1, axis=1)[account, world.week(day)] - 1
    came = (kind == "review") & heard & world.latent.sponsor[account, world.week(day)] & (rng.random(n) < 0.6)
    sponsor = labels("P", account * PERSON_STRIDE + SPONSOR + np.maximum(ordinal, 0))
    return every.assign(
        sentiment=np.where(np.isin(kind, _VOICED) & heard, np.round(mood, 3), np.nan),
        duration_min=np.where(np.isin(kind, _LASTING) & heard, minutes, np.nan),
        subtype=every["subtype"].mask(kind == "advocacy", pd.Series(act, index=every.index)),
        person_id=every["person_id"].mask(came, pd.Series(sponsor, index=every.index)),
    )
