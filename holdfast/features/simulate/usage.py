"""What the users of a simulated company do: daily usage by person and event, and support tickets."""

from __future__ import annotations

import numpy as np
import pandas as pd

from holdfast.features.simulate.columns import labels, pick, rows
from holdfast.features.simulate.contracts import Growth
from holdfast.features.simulate.latent import Bools, Floats, Ints
from holdfast.features.simulate.texts import CATEGORIES, LANGUAGES, bodies, subjects
from holdfast.features.simulate.world import COUNTRIES, World, office_days, share

__all__ = ["PERSON_STRIDE", "ramp", "season", "tickets", "usage"]

PERSON_STRIDE = 10_000  # person number = account * stride + place in the account, more than any number of seats

_FEATURES = (
    "dashboard", "report", "export", "comment", "automation", "forecast",
    "custom_field", "bulk_edit", "audit_log", "webhook", "sandbox", "scenario",
)  # fmt: skip
_KIND_OF = {
    "login": "login", **dict.fromkeys(_FEATURES, "feature"), "import_started": "flow_start", "import_done": "flow_done",
    "import_failed": "flow_fail", "sync": "api",
    "integration_on": "integration_on", "integration_off": "integration_off",
}  # fmt: skip
_EVENTS = tuple(_KIND_OF)
_ADVANCED = np.array([event in _FEATURES[4:] for event in _EVENTS])
_START, _DONE, _FAIL, _SYNC, _ON, _OFF = range(len(_FEATURES) + 1, len(_EVENTS))
_COUNTED = (*range(1, len(_FEATURES) + 1), _SYNC)  # what a person does several times a day

_CANCELLATION = len(CATEGORIES) - 1
_PRIORITIES = ("low", "normal", "high", "urgent")
_GERMAN = [COUNTRIES.index(name) for name in ("DE", "AT")]


def usage(world: World, growth: Growth) -> pd.DataFrame:
    """Write one row per person, event and day, known the next night; some come late, some are corrected."""
    rng = world.rng["usage"]
    account, day, person, event = _actions(world, growth, rng)
    stay = world.live(account, day)
    key = ((account * world.days + day) * PERSON_STRIDE + person) * len(_EVENTS) + event
    key, times = np.unique(key[stay], return_counts=True)
    work, event = np.divmod(key, len(_EVENTS))
    rest, person = np.divmod(work, PERSON_STRIDE)
    account, day = np.divmod(rest, world.days)
    count = times + rng.poisson(1.0, len(key)) * np.isin(event, _COUNTED)
    late = (rng.random((world.accounts, world.weeks)) < 0.03) * rng.exponential(6.0, (world.accounts, world.weeks))
    known = day + 1.0 + 0.125 + np.minimum(late, 28.0)[account, day // 7]
    wrong = np.flatnonzero((rng.random(len(key)) < 0.004) & (count > times))
    row = np.concatenate([np.arange(len(key)), wrong])
    known = np.concatenate([known, known[wrong] + 3.0])
    count = np.concatenate([count, count[wrong] + 1])
    account, person, event = account[row], person[row], event[row]
    flows = np.flatnonzero(np.isin(event, (_START, _DONE, _FAIL)))
    return rows(
        world, "product", labels("U", key[row]), account, known, "event",
        {
            "person_id": labels("P", account * PERSON_STRIDE + person),
            "event": pick(_EVENTS, event),
            "kind": pick(list(_KIND_OF.values()), event),
            "feature": pick(_FEATURES, np.where(event <= len(_FEATURES), event - 1, -1)),
            "flow_id": _sparse(labels("F", work[row[flows]]), flows, len(row)),
            "advanced": _ADVANCED[event],
            "duration_min": np.where(event == 0, np.round(12.0 * count * rng.lognormal(0, 0.5, len(row)), 1), np.nan),
            "count": count.astype(np.float64),
        },
        {"occurred_at": day[row]},
    )  # fmt: skip


def tickets(world: World, growth: Growth) -> pd.DataFrame:
    """Write tickets in versions: opened, answered, solved with a rating; a cancellation asks only after notice."""
    rng = world.rng["tickets"]
    p, size = world.latent.health["product"], np.log1p(growth.seats)
    account, opened = world.weekly_visits(rng, 0.07 * size * np.exp(-0.3 * p) * (1 + 0.4 * world.latent.disengaged))
    leaving = np.flatnonzero(np.isfinite(world.exits.notice) & (rng.random(world.accounts) < 0.4))
    told = world.exits.known[leaving] + rng.uniform(0.1, 0.5, len(leaving))
    asks = world.live(leaving, told)
    category = np.concatenate(
        [rng.choice(_CANCELLATION, len(account), p=[0.4, 0.25, 0.12, 0.1, 0.13]), np.full(asks.sum(), _CANCELLATION)]
    )
    account, opened = np.concatenate([account, leaving[asks]]), np.concatenate([opened, told[asks]])
    n, mood = len(account), _mood(world, rng, account, opened) - 0.3 * np.isin(category, (1, 2))
    replied = opened + rng.lognormal(-2.0, 1.0, n)
    solved = replied + rng.lognormal(0.3, 1.0, n)
    rated, content = rng.random(n) < 0.35, rng.random(n) < share(1.2 + 2.5 * mood)
    priority = np.clip(np.round(1.2 - 0.6 * mood + rng.normal(0, 0.7, n)), 0, 3).astype(np.int64)
    which, stage = np.tile(np.arange(n), 3), np.repeat([0, 1, 2], n)
    language = np.isin(world.book.country[account], _GERMAN).astype(np.int64)
    text = bodies(world.rng["texts"], language, category, np.digitize(mood, [-0.2, 0.25]))
    category, language = category[which], language[which]
    person = rng.integers(0, np.maximum(1, world.book.seats // 2)[account])
    known = np.concatenate([opened, replied, solved]) + 0.01
    return rows(
        world, "helpdesk", labels("T", which + 1), account[which], known, "event",
        {
            "ticket_id": labels("T", which + 1),
            "person_id": labels("P", (account * PERSON_STRIDE + person)[which]),
            "reopens": np.where(stage == 2, rng.poisson(np.exp(-2.2 - 0.8 * mood))[which], 0),
            "priority": pick(_PRIORITIES, priority[which]),
            "channel": pick(["email", "chat", "phone"], (which * 7 % 10) // 4),
            "category": pick(CATEGORIES, category),
            "satisfaction": np.where((stage == 2) & rated[which], content[which], np.nan),
            "subject": subjects(language, category),
            "body": text.take(which),
            "lang": pick(LANGUAGES, language),
            "sentiment": np.round(np.clip(mood, -1, 1), 3)[which],
        },
        {
            "opened_at": opened[which],
            "first_reply_at": np.where(stage >= 1, replied[which], np.nan),
            "solved_at": np.where(stage == 2, solved[which], np.nan),
            "satisfaction_at": np.where((stage == 2) & rated[which], solved[which], np.nan),
        },
    )  # fmt: skip


def _sparse(values: pd.api.extensions.ExtensionArray, at: Ints, size: int) -> pd.api.extensions.ExtensionArray:
    """Lay values out at their places, missing everywhere else."""
    place = np.full(size, -1)
    place[at] = np.arange(len(at))
    return values.take(place, allow_fill=True)


def _actions(world: World, growth: Growth, rng: np.random.Generator) -> tuple[Ints, Ints, Ints, Ints]:
    """Draw what people do: account, day, person within the account, event; one entry per action."""
    p = world.latent.health["product"]
    account, week, person = _visits(world, growth, rng)
    day = 7 * week + office_days(rng, len(week), world.start).astype(np.int64)
    event = _events(rng, p[account, week])
    flow = np.flatnonzero(event == _START)
    done = rng.random(len(flow)) < share(1.0 + 0.7 * p[account, week][flow])
    switched, when, on = _switches(world, rng)
    return (
        np.concatenate([account, account[flow], switched]),
        np.concatenate([day, day[flow], when.astype(np.int64)]),
        np.concatenate([person, person[flow], np.zeros_like(switched)]),
        np.concatenate([event, np.where(done, _DONE, _FAIL), np.where(on, _ON, _OFF)]),
    )


def _visits(world: World, growth: Growth, rng: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    """Draw account, week and person of every action; product health moves how many are active and how often."""
    p, habit = world.latent.health["product"], world.book.habit[:, None]
    account, day = world.grid
    active = np.maximum(1, np.round(growth.seats * world.latent.reach)).astype(np.int64)
    rate = 0.85 * active * np.exp(0.3 * p + 0.4 * habit) * season(world) * ramp(world)
    rate *= world.engagement(account, day + 3).reshape(p.shape)
    alive = (world.live(account, day) | world.live(account, day + 6)).reshape(p.shape)
    drawn = rng.poisson(rate * alive)
    account, week = np.nonzero(drawn)
    account, week = (np.repeat(one, drawn[account, week]) for one in (account, week))
    return account, week, (active[account, week] * rng.random(len(week)) ** 1.8).astype(np.int64)


def _events(rng: np.random.Generator, p: Floats) -> Ints:
    """Draw events: half are logins; the breadth of features grows with product health."""
    choice = rng.random(len(p))
    breadth = np.clip(6.0 + 2.0 * p, 2.0, len(_FEATURES))
    feature = 1 + np.minimum((breadth * rng.random(len(p)) ** 1.6).astype(np.int64), len(_FEATURES) - 1)
    return np.where(choice < 0.5, 0, np.where(choice < 0.88, feature, np.where(choice < 0.96, _START, _SYNC)))


def _switches(world: World, rng: np.random.Generator) -> tuple[Ints, Floats, Bools]:
    """Draw account, day and direction of integrations switched on and off; none is switched off that is not on."""
    account, day = world.weekly_visits(rng, 0.02 * np.exp(-0.2 * world.latent.health["product"]))
    on = rng.random(len(day)) < share(0.6 + 0.9 * world.state("product", account, day))
    walk = pd.Series(np.where(on, 1, -1)).groupby(account).cumsum()
    lowest = walk.clip(upper=0).groupby(account).cummin()
    possible = (lowest == lowest.groupby(account).shift(fill_value=0)).to_numpy()
    return account[possible], day[possible], on[possible]


def season(world: World) -> Floats:
    """Give the factor per week: quiet in August and at the turn of the year."""
    days = world.start + pd.to_timedelta(7 * np.arange(world.weeks) + 3, unit="D")
    turn = (days.day_of_year >= 357) | (days.day_of_year <= 4)
    return np.where(turn, 0.45, np.where(days.month == 8, 0.8, 1.0))


def ramp(world: World) -> Floats:
    """Give the factor per account and week: use grows over the first two months."""
    age = 7 * np.arange(world.weeks) + 3 - world.book.signup[:, None]
    return np.clip(0.4 + 0.6 * age / 60, 0.4, 1.0)


def _mood(world: World, rng: np.random.Generator, account: Ints, day: Floats) -> Floats:
    p, r = world.state("product", account, day), world.state("relationship", account, day)
    return np.asarray(0.1 + 0.2 * p + 0.25 * r + rng.normal(0, 0.35, len(day)))
