"""What will become of accounts whose hidden state is known: the law of the simulator, played forward many times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.features.simulate import latent
from holdfast.features.simulate.latent import Bools, Floats, Ints, State
from holdfast.features.simulate.world import World, law

LAG_MEAN, LAG_MAX = 2.0, 14.0  # days until the company learns of an exit
OFFICE = 0.5  # of a day: decisions fall into office hours
PAYMENT = 0.0003  # failed payments a week at average business health
_MOST_TERMS = 6


@dataclass(frozen=True)
class Decisions:
    """Renewal decisions near a cutoff, by account.

    ``day`` is the latest of each, infinite where there are fewer than the most; ``lead`` how far before it may lie.
    """

    day: Floats
    lead: Ints

    @classmethod
    def near(cls, world: World, account: Ints, at: float, reach: float) -> Decisions:
        """Find the decisions that can be known in ``(at, at + reach]``, from the calendar of contracts alone."""
        terms, book = world.terms, world.book
        who = terms["account"].to_numpy()
        day = terms["end"].to_numpy(float) - np.where(book.auto_renew, book.notice_days, 0)[who]
        near = (day > at - LAG_MAX - 1) & (day - 11 <= at + reach)
        place = np.full(world.accounts, -1)
        place[account] = np.arange(len(account))
        who, day = place[who[near]], day[near]
        who, day = who[who >= 0], day[who >= 0]
        order = np.lexsort((day, who))
        who, day = who[order], day[order]
        nth = np.arange(len(who)) - np.searchsorted(who, who)
        table = np.full((len(account), _MOST_TERMS), np.inf)
        table[who, nth] = day
        lead = np.where(book.auto_renew, np.where(book.term == 1, 5, 11), 1)[account]
        return cls(table, lead)


def outlook(
    rng: np.random.Generator,
    world: World,
    account: Ints,
    state: State,
    habit: Floats,
    pause: Floats,
    at: float,
    horizons: Sequence[int],
) -> Floats:
    """Give the probability (n, horizons) that the exit of accounts is known within days after ``at``.

    Parameters
    ----------
    account
        (n,) places of the accounts, none of which has left as far as is known.
    state, habit
        (n, m): m equally likely states of each account in the week of ``at``.
    pause
        (n,): weeks until the programme looks again.
    """
    n, m = habit.shape
    decisions = Decisions.near(world, account, at, max(horizons))
    day = decisions.day[:, None, :] - np.floor(decisions.lead[:, None, None] * rng.random((n, m, _MOST_TERMS)))
    day = day + OFFICE * world.book.auto_renew[account][:, None, None]
    first = int(at // 7)
    offset = np.where(np.isfinite(day), np.maximum(np.floor(day / 7) - first, 0), -1)
    stays = np.ones((len(horizons), n, m))
    rest = np.broadcast_to(pause[:, None], (n, m)).astype(float)
    for k in range(int(np.ceil(max(horizons) / 7)) + 1):
        _decide(stays, world, account, state, day, offset == k, at, horizons)
        _fail(stays, state, 7.0 * (first + k), at, horizons)
        state, rest = _week(rng, world, account, state, habit, rest, first + k)
    probability: Floats = 1.0 - stays.mean(axis=2).T
    return probability


def _decide(
    stays: Floats,
    world: World,
    account: Ints,
    state: State,
    day: Floats,
    due: Bools,
    at: float,
    horizons: Sequence[int],
) -> None:
    for slot in range(day.shape[2]):
        i, j = np.nonzero(due[:, :, slot])
        when = day[i, j, slot]
        eta = law(world, account[i], when, state.health[:, i, j], state.sponsor[i, j])
        leaves = -np.expm1(-np.exp(eta))
        before = _known(at - when)
        for h, horizon in enumerate(horizons):
            stays[h, i, j] *= 1.0 - leaves * (_known(at + horizon - when) - before) / (1.0 - leaves * before)


def _known(since: Floats) -> Floats:
    """Give the chance that an exit is known so many days after it was decided."""
    chance = np.where(since >= LAG_MAX, 1.0, -np.expm1(-np.maximum(since, 0.0) / LAG_MEAN))
    return np.asarray(chance)


def _fail(stays: Floats, state: State, week: float, at: float, horizons: Sequence[int]) -> None:
    rate = PAYMENT * np.exp(-0.8 * state.health[2])
    for h, horizon in enumerate(horizons):
        inside = min(week + 7, at + horizon - LAG_MEAN) - max(week, at - LAG_MEAN)
        stays[h] *= np.exp(-rate * np.clip(inside / 7, 0, 1))


def _week(
    rng: np.random.Generator, world: World, account: Ints, state: State, habit: Floats, rest: Floats, week: int
) -> tuple[State, Floats]:
    signup = world.book.signup[account][:, None]
    looked = latent.looks_at(latent.reach(rng, state, habit), rest, week, signup, world.scenario)
    helped = looked & (rng.random(looked.shape) < world.scenario.programme)
    state = state.helped(helped, world.scenario.effect)
    rest = np.where(looked, latent.PAUSE, np.maximum(rest - 1, 0))
    state = latent.step(rng, state, 7 * (week + 1) >= signup)
    return latent.shocked(state, week + 1, world.weeks, world.scenario), rest
