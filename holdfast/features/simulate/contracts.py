"""The commercial tables of a simulated company: subscriptions, invoices, deals and the churn list."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from holdfast.features.simulate.columns import instants, labels, pick, rows
from holdfast.features.simulate.world import KINDS, PAYMENT, Floats, Ints, World, share

__all__ = ["Growth", "churn", "deals", "grow", "invoices", "subscriptions"]

_PLANS = ("Starter", "Team", "Enterprise")
_REASONS = ("product gaps", "relationship", "budget or value", "no reason given")
_STAGES = ("qualified", "negotiation", "closed won", "closed lost")
_BUDGETS = ("none", "contested", "dedicated")


@dataclass(frozen=True)
class Growth:
    """Seats by account and week, and the expansion talks that led to some of them.

    ``talks`` has one row per talk: ``account, talked, closed, won, extra`` (share of seats more); ``changed`` holds the
    (account, day) pairs at which the seats of an account changed.
    """

    seats: Ints
    talks: pd.DataFrame
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
    stays = cut < np.minimum(onset[less], world.days) - 7
    less, cut, left = less[stays], cut[stays], -rng.uniform(0.1, 0.4, len(less))[stays]
    who = np.concatenate([account[won], less])
    week = world.week(np.concatenate([closed[won], cut])) + 1
    change = np.zeros(p.shape)
    np.add.at(change, (who, week), np.log1p(np.concatenate([talks["extra"].to_numpy()[won], left])))
    seats = np.maximum(2, np.round(world.book.seats[:, None] * np.exp(change.cumsum(axis=1)))).astype(np.int64)
    moved, when = np.nonzero(np.diff(seats, axis=1))
    changed = pd.DataFrame({"account": moved, "day": 7 * (when + 1)})
    return Growth(seats, talks, changed[world.live(moved, 7 * (when + 1)) & (7 * (when + 1) < onset[moved])])


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
            "billing_months": _billing(world)[account],
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


def invoices(world: World, growth: Growth) -> pd.DataFrame:
    """Write invoices in versions: as issued, after failed attempts to collect, as paid; late when business is low."""
    rng, billing = world.rng["invoices"], _billing(world)
    per_term = (world.book.term // billing)[world.terms["account"]]
    term = np.repeat(np.arange(len(per_term)), per_term)
    number = np.arange(len(term)) - np.repeat(np.cumsum(per_term) - per_term, per_term)
    account = world.terms["account"].to_numpy()[term]
    issued = world.terms["start"].to_numpy()[term] + np.round(number * billing[account] * 30.4375) + 0.25
    keep = world.live(account, issued)
    account, issued = account[keep], issued[keep]
    due = issued + np.where(billing[account] == 1, 14, 30)
    b = world.state("business", account, issued)
    failed = rng.poisson(np.exp(-2.2 - 0.7 * b))
    late = rng.gamma(2, 8, len(b)) * (rng.random(len(b)) < share(-1.5 - 0.9 * b))
    paid = np.maximum(issued + 0.5, due - rng.gamma(2, 3, len(b)) + late)
    paid = np.where(failed > 0, np.maximum(paid, due + 3), paid)
    paid = np.where((world.exits.kind[account] == PAYMENT) & (paid > world.exits.end[account]), np.inf, paid)
    amount = np.round(growth.mrr(world, account, issued) * billing[account], 2)
    n, which = len(account), np.arange(len(account))
    version = np.concatenate([which, which[failed > 0], which])
    known = np.concatenate([issued, due[failed > 0] + 2, paid + rng.exponential(0.5, n)])
    stage = np.repeat([0, 1, 2], [n, (failed > 0).sum(), n])
    settled = stage == 2
    return rows(
        world, "billing", labels("I", version + 1), account[version], known, "event",
        {
            "invoice_id": labels("I", version + 1),
            "subscription_id": labels("S", account[version] + 1),
            "amount": amount[version],
            "currency": pick(["EUR"], np.zeros_like(version)),
            "amount_paid": np.where(settled, amount[version], np.nan),
            "failed_attempts": np.where(stage > 0, failed[version], 0),
        },
        {"issued_at": issued[version], "due_at": due[version], "paid_at": np.where(settled, paid[version], np.nan)},
    )  # fmt: skip


def deals(world: World, growth: Growth) -> pd.DataFrame:
    """Write renewal deals of terms longer than a month, and expansion deals, as versions by stage.

    The probability is a forecast from health on the day it was written, with the error of a forecast.
    """
    rng, exits, terms = world.rng["deals"], world.exits, world.terms
    long = terms[(world.book.term[terms["account"]] > 1) & (terms["start"] < exits.end[terms["account"]])]
    account = long["account"].to_numpy()
    closing = long["end"].to_numpy(dtype=np.float64)
    opened = np.maximum(closing - world.book.notice_days[account] - 60, long["start"].to_numpy()) + 0.4
    lost = exits.end[account] <= closing
    closed = np.where(lost, np.maximum(exits.known[account], opened + 0.1), closing)
    renewal = pd.DataFrame({"account": account, "opened": opened, "closing": closing, "closed": closed, "won": ~lost})
    talks = growth.talks
    expansion = pd.DataFrame({"account": talks["account"], "opened": talks["talked"] + 7, "closing": talks["closed"]})
    told = np.maximum(exits.known[talks["account"]], expansion["opened"] + 0.1)
    expansion = expansion.assign(closed=np.minimum(talks["closed"], told), won=talks["won"])
    both = pd.concat([renewal, expansion], ignore_index=True)
    both["kind"] = np.repeat([0, 1], [len(renewal), len(expansion)])
    both["size"] = np.concatenate([world.book.term[account], 12 * talks["extra"]])
    both = both[both["opened"] < exits.onset[both["account"]]].reset_index(drop=True)
    steps = [both.assign(deal=both.index, stage=0, day=both["opened"])]
    moved = both.assign(deal=both.index, stage=1, day=both["opened"] + 20)
    steps.append(moved[moved["day"] < np.minimum(moved["closed"], exits.onset[moved["account"]])])
    steps.append(both.assign(deal=both.index, stage=np.where(both["won"], 2, 3), day=both["closed"]))
    return _deal_rows(world, growth, rng, pd.concat(steps, ignore_index=True))


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


def _deal_rows(world: World, growth: Growth, rng: np.random.Generator, step: pd.DataFrame) -> pd.DataFrame:
    account, day = step["account"].to_numpy(), step["day"].to_numpy()
    stage, over = step["stage"].to_numpy(), step["stage"].to_numpy() >= 2
    outlook = sum(0.6 * world.state(name, account, day) for name in world.latent.health)
    forecast = share(np.where(step["kind"] == 0, 1.5, -0.2) + outlook + rng.normal(0, 0.8, len(step)))
    b = world.state("business", account, day)
    budget = b + rng.normal(0, 0.6, len(step))
    money = (
        12 * growth.mrr(world, account, day) * np.exp(0.15 + 0.2 * b + world.rng["budgets"].normal(0, 0.1, len(step)))
    )
    return rows(
        world, "crm", labels("D", np.arange(len(step))), account, day + rng.exponential(1.5, len(step)), "history",
        {
            "deal_id": labels("D", step["deal"].to_numpy() + 1),
            "kind": pick(["renewal", "expansion"], step["kind"].to_numpy()),
            "stage": pick(_STAGES, stage),
            "is_closed": over,
            "is_won": stage == 2,
            "amount": np.round(growth.mrr(world, account, day) * step["size"].to_numpy(), 2),
            "currency": pick(["EUR"], np.zeros_like(account)),
            "close_date": instants(world, np.floor(step["closing"].to_numpy())),
            "probability": np.where(over, stage == 2, np.round(forecast, 2)).astype(np.float64),
            "budget_status": pick(_BUDGETS, np.digitize(budget, [-0.9, -0.1])),
            "budget_amount": np.round(money, -2),
        },
        {"valid_from": day},
    )  # fmt: skip


def _billing(world: World) -> Ints:
    rhythm = np.array([1, 1, 1, 3, 3, 12])[np.arange(world.accounts) * 7 % 6]
    return np.where(world.book.term == 1, 1, rhythm)


def _reasons(world: World) -> Ints:
    onset = np.minimum(world.exits.onset, world.days - 1)
    states = [world.state(name, np.arange(world.accounts), onset) for name in world.latent.health]
    return np.where(np.arange(world.accounts) % 5 == 0, 3, np.argmin(states, axis=0))


def _term_of(world: World, account: Ints, day: Floats) -> Ints:
    stride = 10.0**7  # more than any day, so that (account, day) order like one number
    keys = world.terms["account"].to_numpy() * stride + world.terms["start"].to_numpy()
    return np.asarray(np.searchsorted(keys, account * stride + day, side="right") - 1)
