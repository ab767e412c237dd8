"""The contracts of a simulated company: how they grow, subscriptions in versions, and the churn list."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from holdfast.features.simulate.columns import labels, pick, rows
from holdfast.features.simulate.latent import Floats, Ints
from holdfast.features.simulate.world import KINDS, World, share

__all__ = ["Growth", "billing", "churn", "grow", "subscriptions"]

_PLANS = ("Starter", "Team", "Enterprise")
_REASONS = ("product gaps", "relationship", "budget or value", "no reason given")


@dataclass(frozen=True)
class Growth:
    """Seats by account and week, and the talks that led to some of them.

    ``talks`` has one row per talk of expansion: ``account, talked, closed, won, extra`` (share of seats more), ``cuts``
    one per wish for fewer seats: ``account, asked, less, won``; ``changed`` holds the (account, day) pairs at which the
    seats of an account changed.
    """

    seats: Ints
    talks: pd.DataFrame
    cuts: pd.DataFrame
    changed: pd.DataFrame

    def mrr(self, world: World, account: Ints, day: Floats | Ints) -> Floats:
        """Give the monthly recurring revenue of accounts on days."""
        return np.asarray(np.round(self.seats[account, world.week(day)] * world.book.price[account], 2))


def grow(world: World) -> Growth:
    """Draw expansion talks and seat changes from product and business health."""
    rng, onset = world.rng["growth"], world.exits.onset
    p, b = world.latent.health["product"], world.latent.health["business"]
    account, talked = world.weekly_visits(rng, 0.007 * np.exp(0.4 * p + 0.3 * b))
    closed = talked + rng.uniform(28, 56, len(talked))
    appeal = 0.2 + 0.5 * world.state("product", account, closed) + 0.4 * world.state("business", account, closed)
    won = (rng.random(len(account)) < share(appeal)) & (closed < np.minimum(onset[account], world.days - 7))
    talks = pd.DataFrame({"account": account, "talked": talked, "closed": closed, "won": won})
    talks["extra"] = rng.uniform(0.1, 0.4, len(talks))
    less, cut = world.weekly_visits(rng, 0.003 * np.exp(-0.6 * p - 0.4 * b))
    stays, part = cut < np.minimum(onset[less], world.days) - 7, rng.uniform(0.1, 0.4, len(less))
    cuts = pd.DataFrame({"account": less, "asked": cut, "less": part, "won": stays})
    less, cut, left = less[stays], cut[stays], -part[stays]
    who = np.concatenate([account[won], less])
    week = world.week(np.concatenate([closed[won], cut])) + 1
    change = np.zeros(p.shape)
    np.add.at(change, (who, week), np.log1p(np.concatenate([talks["extra"].to_numpy()[won], left])))
    seats = np.maximum(2, np.round(world.book.seats[:, None] * np.exp(change.cumsum(axis=1)))).astype(np.int64)
    moved, when = np.nonzero(np.diff(seats, axis=1))
    changed = pd.DataFrame({"account": moved, "day": 7 * (when + 1)})
    return Growth(seats, talks, cuts, changed[world.live(moved, 7 * (when + 1)) & (7 * (when + 1) < onset[moved])])


def billing(world: World) -> Ints:
    """Give the months between invoices, by account."""
    rhythm = np.array([1, 1, 1, 3, 3, 12])[np.arange(world.accounts) * 7 % 6]
    return np.where(world.book.term == 1, 1, rhythm)


def subscriptions(world: World, growth: Growth) -> pd.DataFrame:
    """Write one subscription per account: a version at each term, seat change, notice and end."""
    rng, book, exits = world.rng["subscriptions"], world.book, world.exits
    terms = world.terms[world.terms["start"] < exits.end[world.terms["account"]]]
    warned, ended = np.flatnonzero(np.isfinite(exits.notice)), np.flatnonzero(np.isfinite(exits.end))
    lag = rng.exponential(0.5, len(growth.changed) + len(ended))
    day = growth.changed["day"].to_numpy(dtype=np.float64)
    late_end = np.maximum(exits.end, exits.known)[ended] + lag[len(day) :]
    versions = pd.concat([
        pd.DataFrame({"account": terms["account"], "day": terms["start"].astype(float), "known": terms["start"] + 0.0}),
        pd.DataFrame({"account": growth.changed["account"], "day": day, "known": day + lag[: len(day)]}),
        pd.DataFrame({"account": warned, "day": exits.notice[warned], "known": exits.known[warned]}),
        pd.DataFrame({"account": ended, "day": exits.end[ended], "known": late_end}),
    ]).drop_duplicates(["account", "day"])  # fmt: skip
    versions = versions.sort_values(["account", "day"], kind="stable", ignore_index=True)
    account, at = versions["account"].to_numpy(), versions["day"].to_numpy()
    over, told = at >= exits.end[account], at >= exits.notice[account]
    term = _term_of(world, account, np.where(over, at - 1, at))
    reason = np.where(told | over, _reasons(world)[account], -1)
    return rows(
        world, "billing", labels("V", np.arange(len(account))), account, versions["known"].to_numpy(), "history",
        {
            "subscription_id": labels("S", account + 1),
            "status": pick(["active", "canceled"], over.astype(np.int64)),
            "plan": pick(_PLANS, book.segment[account]),
            "mrr": growth.mrr(world, account, at),
            "currency": pick(["EUR"], np.zeros_like(account)),
            "seats": growth.seats[account, world.week(at)].astype(np.float64),
            "billing_months": billing(world)[account],
            "term_months": book.term[account].astype(np.float64),
            "auto_renew": book.auto_renew[account] & ~told,
            "notice_days": book.notice_days[account],
            "features_available": np.array([8, 10, 12])[book.segment[account]],
            "cancel_reason": pick(_REASONS, reason),
        },
        {
            "valid_from": at,
            "term_start": world.terms["start"].to_numpy()[term],
            "term_end": world.terms["end"].to_numpy()[term],
            "cancel_requested_at": np.where(told, exits.notice[account], np.nan),
            "ends_at": np.where(told | over, exits.end[account], np.nan),
        },
    )  # fmt: skip


def churn(world: World) -> pd.DataFrame:
    """Write the list of exits the company keeps: notice, agreed end, kind and reason, known some days late.

    A lapse or a failed payment has no notice. ``ended_at`` is the end as agreed and may lie ahead.
    """
    exits, account = world.exits, np.flatnonzero(np.isfinite(world.exits.known))
    return rows(
        world, "churn list", labels("C", account + 1), account, exits.known[account], "created",
        {"kind": pick(KINDS, exits.kind[account]), "reason": pick(_REASONS, _reasons(world)[account])},
        {"notice_at": exits.notice[account], "ended_at": exits.end[account]},
    )  # fmt: skip


def _reasons(world: World) -> Ints:
    onset = np.minimum(world.exits.onset, world.days - 1)
    states = [world.state(name, np.arange(world.accounts), onset) for name in world.latent.health]
    return np.where(np.arange(world.accounts) % 5 == 0, 3, np.argmin(states, axis=0))


def _term_of(world: World, account: Ints, day: Floats) -> Ints:
    stride = 10.0**7  # more than any day, so that (account, day) order like one number
    keys = world.terms["account"].to_numpy() * stride + world.terms["start"].to_numpy()
    return np.asarray(np.searchsorted(keys, account * stride + day, side="right") - 1)
