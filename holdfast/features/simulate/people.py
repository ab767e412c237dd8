"""Who a simulated company deals with: accounts, and the people inside them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from holdfast.features.simulate.columns import labels, pick, rows
from holdfast.features.simulate.contracts import Growth
from holdfast.features.simulate.latent import Bools, Floats, Ints
from holdfast.features.simulate.usage import PERSON_STRIDE
from holdfast.features.simulate.world import COUNTRIES, SEGMENTS, World

__all__ = ["accounts", "people", "sponsor"]

# Where their numbers begin within an account.
_BUYER, _SPONSOR, _CHAMPION = PERSON_STRIDE - 1_500, PERSON_STRIDE - 1_000, PERSON_STRIDE - 500

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
_FORMS = ("GmbH", "Inc", "Ltd", "SAS", "B.V.", "AG")
_MANAGERS = ("Amira Haddad", "Björn Lindqvist", "Chen Wei", "Dana Novak", "Elif Yilmaz", "Greta Vogel", "Hugo Marín")


def accounts(world: World) -> pd.DataFrame:
    """Write accounts, with a version where one got a new customer success manager or counted its employees anew."""
    rng, book, n = world.rng["accounts"], world.book, world.accounts
    country, trade = book.country, rng.integers(len(_TRADES), size=n)
    employees = np.round(np.array([30, 250, 2500])[book.segment] * rng.lognormal(0, 0.5, n))
    manager = rng.integers(len(_MANAGERS), size=n)
    handover = np.maximum(book.signup, 0) + rng.uniform(60, 900, n)
    moved = np.flatnonzero((rng.random(n) < 0.35) & (handover < np.minimum(world.exits.onset, world.days)))
    counted, when, grown = _counts(world)
    who = np.concatenate([np.arange(n), moved, counted])
    since = np.concatenate([book.signup.astype(float), handover[moved], when])
    handed = np.isin(who, moved) & (since >= handover[who])
    owner = np.where(handed, (manager[who] + 1 + who % 6) % len(_MANAGERS), manager[who])
    size = _size(who, since, counted, when, grown)
    told = np.concatenate([np.zeros(n), np.full(len(moved), 2.0), np.full(len(counted), 10.0)])
    return rows(
        world, "crm", labels("R", np.arange(len(who))), who, since + told, "history",
        {
            "name": pick(_names(rng, country, trade), who),
            "segment": pick(SEGMENTS, book.segment[who]),
            "industry": pick(_TRADES, trade[who]),
            "country": pick(COUNTRIES, country[who]),
            "employees": np.maximum(1, np.round(employees[who] * size)).astype(np.int64),
            "owner": pick(_MANAGERS, owner),
            "lifecycle": pick(["customer"], np.zeros_like(who)),
            "currency": pick(["EUR"], np.zeros_like(who)),
        },
        {"valid_from": since},
    )  # fmt: skip


def people(world: World, growth: Growth) -> pd.DataFrame:
    """Write users with seats; sponsors, champions and buyers with the time they were in office, known late."""
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
    loose = 0.01 * np.exp(-0.8 * world.latent.health["relationship"])
    champions = _tenures(world, rng, _presence(rng, 0.7, loose, 0.05)).assign(role=2)
    chance, saving = world.rng["buyers"], 0.005 * np.exp(-0.5 * world.latent.health["business"])
    buyers = _tenures(world, chance, _presence(chance, 0.8, saving, 0.06)).assign(role=3)
    for office, place in ((sponsors, _SPONSOR), (champions, _CHAMPION), (buyers, _BUYER)):
        office["place"] += place
    every = pd.concat([users[joined < world.exits.onset[account]], sponsors, champions, buyers], ignore_index=True)
    account, role = every["account"].to_numpy(), every["role"].to_numpy()
    return rows(
        world, "crm", labels("H", np.arange(len(every))), account, every["known"].to_numpy(), "history",
        {
            "person_id": labels("P", account * PERSON_STRIDE + every["place"].to_numpy()),
            "role": pick(["user", "exec_sponsor", "champion", "economic_buyer"], role),
            "seat": role == 0,
            "title": pick(["Analyst", "Chief Operating Officer", "Head of Operations", "Head of Procurement"], role),
        },
        {"valid_from": every["since"].to_numpy(), "valid_to": every["until"].to_numpy()},
    )  # fmt: skip


def sponsor(world: World, account: Ints, day: Floats) -> Ints:
    """Give the number of the person who is executive sponsor of accounts on days, -1 where there is none."""
    there = _seen(world, world.latent.sponsor)
    term = np.cumsum(np.diff(np.pad(there.astype(np.int8), ((0, 0), (1, 0))), axis=1) == 1, axis=1)
    week = world.week(day)
    number = account * PERSON_STRIDE + _SPONSOR + term[account, week] - 1
    return np.asarray(np.where(there[account, week], number, -1))


def _names(rng: np.random.Generator, country: Ints, trade: Ints) -> list[str]:
    first, second = rng.integers(len(_FIRST), size=len(country)), rng.integers(len(_SECOND), size=len(country))
    parts = zip(first, second, trade, country, strict=True)
    names = [f"{_FIRST[a]}{_SECOND[b]} {_TRADES[t]} {_FORMS[c]}" for a, b, t, c in parts]
    for place, name in enumerate(_HOSTILE):
        if 3 * place + 1 < len(names):
            names[3 * place + 1] = name
    return names


def _counts(world: World) -> tuple[Ints, Floats, Floats]:
    """Draw the yearly counts of employees: account, day, and size against signup; it grows with business health."""
    years = np.arange(1, world.days // 365 + 3)
    account, day = np.repeat(np.arange(world.accounts), len(years)), np.tile(365.0 * years, world.accounts)
    day = day + world.book.signup[account]
    step = 0.03 + 0.1 * world.state("business", account, day) + world.rng["headcount"].normal(0, 0.06, len(account))
    size = np.exp(np.cumsum(step.reshape(world.accounts, -1), axis=1)).ravel()
    keep = world.live(account, day) & (day < world.exits.onset[account])
    return account[keep], day[keep], size[keep]


def _size(who: Ints, since: Floats, counted: Ints, when: Floats, grown: Floats) -> Floats:
    """Give the size of each version against that at signup: what was counted last by then."""
    stride = 10.0**6  # more than any day and its negative, so that (account, day) order like one number
    keys = counted * stride + when
    last = np.searchsorted(keys, who * stride + since, side="right") - 1
    there = (last >= 0) & (np.append(counted, -1)[last] == who)
    return np.where(there, np.append(grown, 1.0)[last], 1.0)


def _presence(rng: np.random.Generator, first: float, leaves: Floats, follows: float) -> Bools:
    """Draw whether somebody is in office, by account and week, from the chances to be lost and to be followed."""
    there, weeks = rng.random(len(leaves)) < first, []
    for week in range(leaves.shape[1]):
        u = rng.random(len(leaves))
        there = np.where(there, u > leaves[:, week], u < follows)
        weeks.append(there)
    return np.stack(weeks, axis=1)


def _seen(world: World, there: Bools) -> Bools:
    return there & (7 * np.arange(world.weeks) + 6 >= world.book.signup[:, None])


def _tenures(world: World, rng: np.random.Generator, there: Bools) -> pd.DataFrame:
    """Turn presence by week into terms of office: one version when it begins, one when it ends, both known late."""
    signup, onset = world.book.signup, world.exits.onset
    edges = np.diff(np.pad(_seen(world, there).astype(np.int8), ((0, 0), (1, 1))), axis=1)
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
