"""The hidden half of a simulated company: accounts, their latent health, and the decisions that follow from it.

The churn law. Every account carries three latent states that move from week to week, product P, relationship R and
business B. Churn is decided at renewal decisions, and nowhere else but for a small hazard of failed payments and
mergers. At a decision the account gives notice with probability

    1 - exp(-exp(eta)),   eta = INTERCEPT[segment] + TERM_STEP * (term > 1 month) - WEIGHTS[segment] . (P, R, B)
                                - SPONSOR * (sponsor in office) + EARLY * exp(-tenure / 180 days)

so that ``WEIGHTS`` are the true weights a health score can be held against. What is observed feeds back in one way
alone: where few seats are active, a programme may help.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from holdfast.features.simulate.latent import DIMENSIONS, HABIT, Bools, Floats, Ints, Latent, live_through
from holdfast.features.simulate.scenario import Scenario

SEGMENTS = ("smb", "mid", "enterprise")
COUNTRIES = ("DE", "US", "GB", "FR", "NL", "AT")
WEIGHTS = np.array([[1.9, 0.45, 0.9], [1.4, 1.0, 1.1], [0.75, 1.9, 1.1]])
INTERCEPT = np.array([-5.25, -5.4, -5.6])
TERM_STEP = 2.4
SPONSOR = 0.35
EARLY = 0.35

KINDS = ("voluntary", "payment", "merger")
VOLUNTARY, PAYMENT, MERGER = range(3)

_MIX = (0.50, 0.35, 0.15)
_MONTHLY_SHARE = np.array([0.65, 0.35, 0.05])
_NOTICE_DAYS = np.array([30, 60, 90])
_MONTHLY_NOTICE_DAYS = 14
_STOCK = 0.45  # share of the accounts that are customers already when the history starts
_PARTS = (
    "accounts", "latent", "decisions", "growth", "subscriptions", "invoices", "deals",
    "usage", "tickets", "people", "touchpoints", "goals", "headcount", "budgets", "milestones", "moods", "texts",
    "sales", "corrections", "buyers", "bookings", "actions", "programme",
)  # fmt: skip


@dataclass(frozen=True)
class Book:
    """What is fixed per account; every array has one entry per account. Days count from the start of the history.

    Attributes
    ----------
    ids
        Account ids, ascending.
    segment, country
        Position in ``SEGMENTS`` and in ``COUNTRIES``.
    signup
        Day of signup, negative for customers from before the history.
    term, notice_days, auto_renew
        Terms of the contract: length in months, days of notice, whether it renews by itself.
    seats, price
        Seats at signup and their monthly price.
    habit
        Usage baseline (log scale) that has nothing to do with health.
    """

    ids: NDArray[np.object_]
    segment: Ints
    signup: Ints
    term: Ints
    notice_days: Ints
    auto_renew: Bools
    seats: Ints
    price: Floats
    habit: Floats
    country: Ints


@dataclass(frozen=True)
class Exits:
    """How accounts leave, in days; infinite when they never do.

    ``notice`` is the day of notice (infinite too for a lapse or a failed payment), ``known`` the day the company
    learns of the exit, ``end`` the last day of the contract, ``kind`` the position in ``KINDS``.
    """

    notice: Floats
    known: Floats
    end: Floats
    kind: Ints

    @property
    def onset(self) -> Floats:
        """Day from which the account behaves like one that leaves."""
        return np.minimum(self.notice, self.end)


@dataclass(frozen=True)
class World:
    """A simulated company: its calendar, accounts, latent states, contract terms and exits.

    ``terms`` has one row per account and contract term that touches the history, in days:
    ``account, start, end, decision, eta``.
    """

    start: pd.Timestamp
    days: int
    book: Book
    latent: Latent
    terms: pd.DataFrame
    exits: Exits
    rng: Mapping[str, np.random.Generator]
    scenario: Scenario

    @property
    def accounts(self) -> int:
        """Number of accounts."""
        return len(self.book.ids)

    @property
    def weeks(self) -> int:
        """Number of weeks, the last one perhaps not complete."""
        return -(-self.days // 7)

    @property
    def grid(self) -> tuple[Ints, Floats]:
        """Every pair of an account and the first day of a week, in the order of a raveled state."""
        weeks = 7.0 * np.arange(self.weeks)
        return np.repeat(np.arange(self.accounts), self.weeks), np.tile(weeks, self.accounts)

    def state(self, name: str, account: Ints, day: Floats | Ints) -> Floats:
        """Read a latent state of accounts on days; ``name`` is one of ``DIMENSIONS``."""
        values: Floats = self.latent.health[name][account, self.week(day)]
        return values

    def week(self, day: Floats | Ints) -> Ints:
        """Give the week a day lies in, clipped to the history."""
        return np.asarray(np.clip(np.floor(day / 7), 0, self.weeks - 1), dtype=np.int64)

    def engagement(self, account: Ints, day: Floats | Ints) -> Floats:
        """Give the factor on all activity: 1 while nothing is decided, down to 0.1 from notice to end."""
        onset, end = self.exits.onset[account], self.exits.end[account]
        with np.errstate(invalid="ignore"):
            gone = np.clip((day - onset) / np.maximum(end - onset, 1.0), 0.0, 1.0)
        return np.where(np.isfinite(onset), 1.0 - 0.9 * np.nan_to_num(gone), 1.0)

    def live(self, account: Ints, day: Floats | Ints) -> Bools:
        """Say whether accounts are customers on days that lie inside the history."""
        inside = (day >= self.book.signup[account]) & (day < self.exits.end[account])
        return np.asarray(inside & (day >= 0) & (day < self.days))

    def weekly_visits(self, rng: np.random.Generator, rate: Floats) -> tuple[Ints, Floats]:
        """Draw (account, day) of events from a rate per account and week; only those of live accounts."""
        account, week = np.nonzero(counts := rng.poisson(rate))
        account, week = (np.repeat(one, counts[account, week]) for one in (account, week))
        day = 7.0 * week + office_days(rng, len(week), self.start)
        keep = self.live(account, day)
        return account[keep], day[keep]


def build_world(
    accounts: int, seed: int | tuple[int, ...], months: int, end: pd.Timestamp, scenario: Scenario | None = None
) -> World:
    """Draw the hidden half of a company: ``accounts`` accounts over ``months`` months up to ``end``."""
    streams = np.random.SeedSequence(seed).spawn(len(_PARTS))
    rng = {part: np.random.default_rng(stream) for part, stream in zip(_PARTS, streams, strict=True)}
    start = end - pd.DateOffset(months=months)
    days = (end - start).days
    book = _book(rng["accounts"], accounts, days)
    terms_of = scenario or Scenario()
    latent = live_through(rng, book.signup, book.habit, -(-days // 7), terms_of)
    terms = _terms(rng["decisions"], book, start, days)
    never = np.full(accounts, np.inf)
    still_open = Exits(never, never, never, np.zeros(accounts, dtype=np.int64))
    world = World(start, days, book, latent, terms, still_open, rng, terms_of)
    terms = terms.assign(eta=log_hazard(world, terms["account"].to_numpy(), terms["decision"].to_numpy()))
    return World(start, days, book, latent, terms, _exits(world, terms), rng, terms_of)


def log_hazard(world: World, account: Ints, day: Floats | Ints) -> Floats:
    """Give eta of the churn law for accounts that would decide on the given days."""
    states = np.stack([world.state(name, account, day) for name in DIMENSIONS])
    return law(world, account, day, states, world.latent.sponsor[account, world.week(day)])


def law(world: World, account: Ints, day: Floats | Ints, health: Floats, sponsor: Bools) -> Floats:
    """Give eta for states that are given: ``health`` (3, n), the others (n,)."""
    book, segment = world.book, world.book.segment[account]
    weights = true_weights(world, segment, day)
    eta = _level(world.scenario)[segment] + TERM_STEP * (book.term[account] > 1)
    eta = eta - (weights * np.moveaxis(health, 0, -1)).sum(axis=-1) - SPONSOR * sponsor
    return np.asarray(eta + EARLY * np.exp(-np.maximum(day - book.signup[account], 0) / 180), dtype=np.float64)


def true_weights(world: World, segment: Ints, day: Floats | Ints) -> Floats:
    """Give the weights (n, 3) of product, relationship and business on days; they move where the law drifts."""
    weights = world.scenario.signal * WEIGHTS[segment]
    moved = world.scenario.drift * np.clip(day / world.days, 0, 1) * weights[..., 0]
    return np.asarray(np.stack([weights[..., 0] - moved, weights[..., 1] + moved, weights[..., 2]], axis=-1))


def _level(scenario: Scenario) -> Floats:
    """Give the intercepts: where health says less, the rest says more, so that as many leave."""
    lost = (1 - scenario.signal**2) * (WEIGHTS**2).sum(axis=1)
    return np.asarray(INTERCEPT + 0.3 * lost)


def share(x: Floats) -> Floats:
    """Map a real number to (0, 1), as a logistic curve does."""
    return np.asarray(1 / (1 + np.exp(-x)))


def office_days(rng: np.random.Generator, size: int, start: pd.Timestamp) -> Floats:
    """Draw the day within a week that begins on the weekday of ``start``: working days and hours mostly."""
    weekday = np.searchsorted(np.cumsum([0.19] * 5 + [0.025]), rng.random(size))
    return (weekday - start.weekday()) % 7 + (8 + 10 * rng.random(size)) / 24


def _book(rng: np.random.Generator, n: int, days: int) -> Book:
    segment = rng.choice(len(SEGMENTS), size=n, p=_MIX)
    monthly = rng.random(n) < _MONTHLY_SHARE[segment]
    term = np.where(monthly, 1, np.where((segment == 2) & (rng.random(n) < 0.2), 24, 12))
    old = rng.random(n) < _STOCK
    signup = np.where(old, -rng.integers(1, 3 * 365, n), (days * rng.random(n)).astype(np.int64))
    return Book(
        ids=np.array([f"A{i:0{max(4, len(str(n)))}d}" for i in range(1, n + 1)], dtype=object),
        segment=segment,
        signup=signup,
        term=term,
        notice_days=np.where(monthly, _MONTHLY_NOTICE_DAYS, _NOTICE_DAYS[segment]),
        auto_renew=monthly | (rng.random(n) > 0.1),
        seats=np.maximum(2, np.round(np.array([5, 14, 40])[segment] * np.exp(rng.normal(0, 0.35, n)))).astype(np.int64),
        price=np.round(np.array([39.0, 59.0, 89.0])[segment] * (1 - 0.3 * rng.beta(1, 3, n)), 2),
        habit=rng.normal(0, HABIT, n),
        country=rng.integers(len(COUNTRIES), size=n),
    )


def _terms(rng: np.random.Generator, book: Book, start: pd.Timestamp, days: int) -> pd.DataFrame:
    zero = np.datetime64(start.tz_localize(None), "D")
    signed = zero + book.signup
    month = signed.astype("datetime64[M]").astype(np.int64)
    dom = np.minimum((signed - signed.astype("datetime64[M]")).astype(np.int64), 27)
    first, last = (day.astype("datetime64[M]").astype(np.int64) for day in (zero, zero + days))
    before = np.maximum(0, (first - month) // book.term - 1)
    count = (last - month) // book.term - before + 1
    account = np.repeat(np.arange(len(count)), count)
    number = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + before[account]

    def boundary(k: Ints) -> Ints:
        days_of_month = (month[account] + k * book.term[account]).astype("datetime64[M]").astype("datetime64[D]")
        return np.asarray((days_of_month - zero).astype(np.int64) + dom[account])

    frame = pd.DataFrame({"account": account, "start": boundary(number), "end": boundary(number + 1)})
    frame.loc[number == 0, "start"] = book.signup[account[number == 0]]
    lead = (np.where(book.term == 1, 5, 11)[account] * rng.random(len(frame))).astype(np.int64)
    warned = book.auto_renew[account] * (book.notice_days[account] + lead)
    frame["decision"] = frame["end"] - warned
    return frame[(frame["end"] > 0) & (frame["start"] < days)].reset_index(drop=True)


def _exits(world: World, terms: pd.DataFrame) -> Exits:
    rng, n = world.rng["decisions"], world.accounts
    notice, end = np.full(n, np.inf), np.full(n, np.inf)
    leaves = rng.random(len(terms)) < -np.expm1(-np.exp(terms["eta"].to_numpy()))
    leaving = terms[leaves & terms["decision"].between(0, world.days - 1)].drop_duplicates("account")
    account = leaving["account"].to_numpy()
    end[account] = leaving["end"]
    warned = world.book.auto_renew[account]
    notice[account[warned]] = leaving["decision"].to_numpy()[warned] + (8 + 10 * rng.random(warned.sum())) / 24
    kind = np.zeros(n, dtype=np.int64)
    for code, rate in ((PAYMENT, 0.0003 * np.exp(-0.8 * world.latent.health["business"])), (MERGER, 0.0002)):
        day = _first_week(rng.random((n, world.weeks)) < rate) + office_days(rng, n, world.start)
        struck = (day < np.minimum(notice, end)) & (day > world.book.signup + 30) & (day < world.days)
        notice = np.where(struck, np.inf if code == PAYMENT else day, notice)
        end = np.where(struck, np.ceil(day) + (0 if code == PAYMENT else 30), end)
        kind = np.where(struck, code, kind)
    known = np.minimum(notice, end) + np.minimum(rng.exponential(2.0, n), 14.0)
    return Exits(notice, known, end, kind)


def _first_week(hit: Bools) -> Floats:
    return np.where(hit.any(axis=1), 7.0 * hit.argmax(axis=1), np.inf)
