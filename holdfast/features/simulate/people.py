"""Who a simulated company deals with and how: accounts, people, touchpoints and goals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from holdfast.features.simulate.columns import labels, pick, rows
from holdfast.features.simulate.contracts import Growth
from holdfast.features.simulate.usage import PERSON_STRIDE
from holdfast.features.simulate.world import SEGMENTS, Bools, Floats, Ints, World, share

__all__ = ["accounts", "goals", "people", "touchpoints"]

# Names that break careless files, pages and spreadsheets; they stand among the first accounts of every company.
_HOSTILE = (
    "O'Neil & Söhne <b>GmbH</b>", "=SUM(A1) Ltd", "NA", "<script>alert('x')</script> Inc",
    "Łódź; Przemysł \"Nowy\" S.A.", "+49 Telefonbau AG", "株式会社ホールド", "@cmd|' /C calc'!A0 LLC",
    "Null", "Crème, Brûlée\tet Cie", "0012",
)  # fmt: skip
_FIRST = (
    "Nord", "Alpen", "Blue", "Iron", "Silver", "Green", "Hansa", "Rhein", "Atlas",
    "Vega", "Delta", "Polar", "Urban", "Clear", "Bright", "Stone", "Summit", "Nova",
)  # fmt: skip
_SECOND = ("licht", "werk", "bridge", "field", "point", "gate", "haus", "line", "port", "mark", "kraft", "wave")
_TRADES = ("Logistics", "Software", "Medical", "Energy", "Retail", "Media", "Finance", "Foods", "Mobility", "Systems")
_COUNTRIES, _FORMS = ("DE", "US", "GB", "FR", "NL", "AT"), ("GmbH", "Inc", "Ltd", "SAS", "B.V.", "AG")
_MANAGERS = ("Amira Haddad", "Björn Lindqvist", "Chen Wei", "Dana Novak", "Elif Yilmaz", "Greta Vogel", "Hugo Marín")
_GOALS = (("Hours saved", "hours"), ("Faster close", "days"), ("Fewer errors", "percent"))


def accounts(world: World) -> pd.DataFrame:
    """Write accounts, with a second version where the account got a new customer success manager."""
    rng, book, n = world.rng["accounts"], world.book, world.accounts
    country, trade = rng.integers(len(_COUNTRIES), size=n), rng.integers(len(_TRADES), size=n)
    employees = np.round(np.array([30, 250, 2500])[book.segment] * rng.lognormal(0, 0.5, n))
    manager = rng.integers(len(_MANAGERS), size=n)
    handover = np.maximum(book.signup, 0) + rng.uniform(60, 900, n)
    moved = np.flatnonzero((rng.random(n) < 0.35) & (handover < np.minimum(world.exits.onset, world.days)))
    who = np.concatenate([np.arange(n), moved])
    since = np.concatenate([book.signup.astype(float), handover[moved]])
    owner = np.concatenate([manager, (manager[moved] + 1 + moved % 6) % len(_MANAGERS)])
    return rows(
        world, "crm", labels("R", np.arange(len(who))), who, since + 2.0 * (np.arange(len(who)) >= n), "history",
        {
            "name": pick(_names(rng, country, trade), who),
            "segment": pick(SEGMENTS, book.segment[who]),
            "industry": pick(_TRADES, trade[who]),
            "country": pick(_COUNTRIES, country[who]),
            "employees": employees.astype(np.int64)[who],
            "owner": pick(_MANAGERS, owner),
            "lifecycle": pick(["customer"], np.zeros_like(who)),
            "currency": pick(["EUR"], np.zeros_like(who)),
        },
        {"valid_from": since},
    )  # fmt: skip


def people(world: World, growth: Growth) -> pd.DataFrame:
    """Write users with seats, executive sponsors and champions with the time they were in office, known late."""
    rng, seats = world.rng["people"], growth.seats
    most = seats.max(axis=1)
    account = np.repeat(np.arange(world.accounts), most)
    place = np.arange(len(account)) - np.repeat(np.cumsum(most) - most, most)
    seated = (seats[account] > place[:, None]).argmax(axis=1)
    joined = np.where(seated > 0, 7.0 * seated, world.book.signup[account])
    users = pd.DataFrame(
        {"account": account, "place": place, "role": 0, "since": joined, "until": np.nan, "known": joined}
    )
    sponsors = _tenures(world, rng, world.latent.sponsor).assign(role=1)
    champions = _tenures(world, rng, _champions(world, rng)).assign(role=2)
    sponsors["place"] += PERSON_STRIDE - 1_000
    champions["place"] += PERSON_STRIDE - 500
    every = pd.concat([users[joined < world.exits.onset[account]], sponsors, champions], ignore_index=True)
    account, role = every["account"].to_numpy(), every["role"].to_numpy()
    return rows(
        world, "crm", labels("H", np.arange(len(every))), account, every["known"].to_numpy(), "history",
        {
            "person_id": labels("P", account * PERSON_STRIDE + every["place"].to_numpy()),
            "role": pick(["user", "exec_sponsor", "champion"], role),
            "seat": role == 0,
            "title": pick(["Analyst", "Chief Operating Officer", "Head of Operations"], role),
        },
        {"valid_from": every["since"].to_numpy(), "valid_to": every["until"].to_numpy()},
    )  # fmt: skip


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
    ], ignore_index=True)  # fmt: skip
    return rows(
        world, "crm", every["id"].array, every["account"].to_numpy(), every["known"].to_numpy(), "created",
        {name: every[name].array for name in ("kind", "subtype", "direction", "status", "score", "score_max")},
        {
            "occurred_at": every["day"].to_numpy(),
            "scheduled_at": every["scheduled"].to_numpy(dtype=np.float64),
            "replied_at": every["replied"].to_numpy(dtype=np.float64),
        },
    )  # fmt: skip


def goals(world: World, growth: Growth) -> pd.DataFrame:
    """Write one goal per account, measured once a quarter against its target, with the value of the last year."""
    rng, n = world.rng["goals"], world.accounts
    quarters = np.arange(30.0, world.days, 91.0)
    account = np.repeat(np.arange(n), len(quarters))
    day = np.maximum(world.book.signup[account], 0) + np.tile(quarters, n)
    keep = world.live(account, day) & (day < world.exits.onset[account])
    account, day = account[keep], day[keep]
    reach = 0.75 + 0.22 * world.state("product", account, day) + 0.1 * world.state("business", account, day)
    reach = np.clip(reach + rng.normal(0, 0.15, len(day)), 0, 1.5)
    which = account % len(_GOALS)
    target = np.array([400.0, 5.0, 20.0])[which]
    months = np.minimum((day - world.book.signup[account]) / 30.4375, 12.0)
    written = day + rng.exponential(5.0, len(day))
    return rows(
        world, "success plans", labels("G", np.arange(len(day))), account, written, "snapshot",
        {
            "goal_id": labels("G", account + 1),
            "kind": pick(["goal"], np.zeros_like(account)),
            "name": pick([name for name, _ in _GOALS], which),
            "unit": pick([unit for _, unit in _GOALS], which),
            "baseline": np.zeros(len(day)),
            "target": target,
            "actual": np.round(reach * target, 2),
            "status": pick(["behind", "on track", "reached"], np.digitize(reach, [0.6, 1.0])),
            "value_delivered": np.round(reach * 3.0 * months * growth.mrr(world, account, day), 2),
            "currency": pick(["EUR"], np.zeros_like(account)),
        },
        {"valid_from": day},
    )  # fmt: skip


def _names(rng: np.random.Generator, country: Ints, trade: Ints) -> list[str]:
    first, second = rng.integers(len(_FIRST), size=len(country)), rng.integers(len(_SECOND), size=len(country))
    parts = zip(first, second, trade, country, strict=True)
    names = [f"{_FIRST[a]}{_SECOND[b]} {_TRADES[t]} {_FORMS[c]}" for a, b, t, c in parts]
    for place, name in enumerate(_HOSTILE):
        if 3 * place + 1 < len(names):
            names[3 * place + 1] = name
    return names


def _champions(world: World, rng: np.random.Generator) -> Bools:
    """Draw whether a champion is there, by account and week; the lower the relationship, the sooner one is lost."""
    r = world.latent.health["relationship"]
    there, weeks = rng.random(world.accounts) < 0.7, []
    for week in range(world.weeks):
        u = rng.random(world.accounts)
        there = np.where(there, u > 0.01 * np.exp(-0.8 * r[:, week]), u < 0.05)
        weeks.append(there)
    return np.stack(weeks, axis=1)


def _tenures(world: World, rng: np.random.Generator, there: Bools) -> pd.DataFrame:
    """Turn presence by week into terms of office: one version when it begins, one when it ends, both known late."""
    signup, onset = world.book.signup, world.exits.onset
    there = there & (7 * np.arange(world.weeks) + 6 >= signup[:, None])
    edges = np.diff(np.pad(there.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    account, first = np.nonzero(edges == 1)
    until = 7.0 * np.nonzero(edges == -1)[1]
    since = np.where(first == 0, np.minimum(signup[account], 0.0), np.maximum(7.0 * first, signup[account]))
    lag = np.minimum(rng.exponential(12.0, (2, len(account))), 60.0)
    noticed = np.maximum(since + lag[0], 0.0) * (since > signup[account]) + since * (since <= signup[account])
    office = pd.DataFrame({"account": account, "since": since, "until": np.nan, "known": noticed})
    office["place"] = office.groupby("account").cumcount()
    left = office.assign(until=until, known=np.maximum(until + lag[1], noticed + 0.1))
    gone = (until < np.minimum(onset[account], 7.0 * world.weeks)) & (since < until)
    both = pd.concat([office, left[gone]], ignore_index=True)
    return both[both["since"] < onset[both["account"]]]


def _part(kind: str, direction: str, status: str, account: Ints, day: Floats, **more: Any) -> pd.DataFrame:
    frame = {
        "id": labels(f"{kind}-", np.arange(len(account))), "account": account, "day": day, "known": day + 0.05,
        "kind": kind, "subtype": None, "direction": direction, "status": status,
        "score": np.nan, "score_max": np.nan, "scheduled": np.nan, "replied": np.nan,
    }  # fmt: skip
    return pd.DataFrame(frame | more).astype(dict.fromkeys(("kind", "subtype", "direction", "status"), "str"))


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
