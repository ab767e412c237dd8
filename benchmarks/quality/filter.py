"""The ceiling: a particle filter that knows the true law of a simulated company and sees only what the company sees.

Each account carries some hundred particles, hidden states that could be true. Week by week they move by the law, are
weighed by how well they explain what was seen, and are drawn anew where few of them carry the weight. What does not
change, such as the mean health of an account, is jittered a little when drawn (Liu and West 2001, with shrinkage .99),
so the filter is slightly worse than the exact posterior.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from benchmarks.quality.observables import Observables
from benchmarks.quality.outlook import OFFICE, outlook
from holdfast.features.simulate import latent
from holdfast.features.simulate.latent import DIMENSIONS, Bools, Floats, Ints, State
from holdfast.features.simulate.world import World, law
from holdfast.progress import progress

SHRINKAGE = 0.99
_BURN_IN = 40
_BLUR = 0.02  # chance that a look at low usage, or a listed sponsor, was not what it seems
_SPONSOR_LAG = 0.15


@dataclass(frozen=True)
class Cloud:
    """The particles (n, m) of accounts, their log-weights, and how long the programme rests (n,)."""

    state: State
    habit: Floats
    weight: Floats
    pause: Floats


class Filter:
    """A particle filter over the accounts of a simulated company.

    Parameters
    ----------
    particles
        By account.
    fresh
        Share of the particles in effect below which they are drawn anew; 0: never.
    """

    def __init__(
        self, world: World, seen: Observables, particles: int = 200, seed: int = 0, fresh: float = 0.5
    ) -> None:
        self.world, self.seen, self.fresh = world, seen, fresh
        self.particles = particles
        self.rng = np.random.default_rng(seed)

    def clouds(self, weeks: int) -> Iterator[tuple[int, Cloud]]:
        """Yield the cloud at the start of each week, before anything of that week was seen."""
        n = self.world.accounts
        state = latent.begin(self.rng, (n, self.particles))
        signup = self.world.book.signup[:, None]
        for week in range(-_BURN_IN, 0):
            state = latent.step(self.rng, state, 7 * week >= signup)
        habit = self.rng.normal(0, latent.HABIT, (n, self.particles))
        cloud = Cloud(state, habit, np.zeros((n, self.particles)), np.zeros(n))
        for week in progress(range(weeks), "filter", weeks):
            state = latent.step(self.rng, cloud.state, 7 * week >= signup)
            cloud = replace(cloud, state=latent.shocked(state, week, self.world.weeks, self.world.scenario))
            yield week, cloud
            cloud = self._seen(cloud, week)

    def _seen(self, cloud: Cloud, week: int) -> Cloud:
        world, seen, state = self.world, self.seen, cloud.state
        reach = latent.reach(self.rng, state, cloud.habit)
        told = _full_weeks(world, week)
        gain = self._survived(state, week)
        for channel in seen.channels.values():
            gain += channel.log_likelihood(state, week)
        gain += self._used(cloud, reach, week)
        gain += _hint(seen.sponsor[:, week, None] == state.sponsor, _SPONSOR_LAG)
        looks = latent.looks_at(np.zeros(world.accounts), cloud.pause, week, world.book.signup, world.scenario)
        gain += np.where(looks[:, None], _hint((reach < latent.LOW) == seen.looked[:, week, None], _BLUR), 0.0)
        weight = cloud.weight + np.where(told[:, None], gain, 0.0)
        weight -= weight.max(axis=1, keepdims=True)
        helped = np.broadcast_to(seen.helped[:, week, None], weight.shape)
        state = state.helped(helped, world.scenario.effect)
        pause = np.where(seen.looked[:, week], latent.PAUSE, np.maximum(cloud.pause - 1, 0))
        return self._refreshed(Cloud(state, cloud.habit, weight, pause))

    def _used(self, cloud: Cloud, reach: Floats, week: int) -> Floats:
        actions = self.seen.actions[:, week, None]
        rate = self.seen.activity(reach, cloud.state, cloud.habit, week)
        return np.where(np.isfinite(actions), np.nan_to_num(actions) * np.log(rate) - rate, 0.0)

    def _survived(self, state: State, week: int) -> Floats:
        """Give the log-chance to be there still after the decisions of a week."""
        terms, gain = self.world.terms, np.zeros(state.sponsor.shape)
        due = terms[(terms["decision"] >= 7 * week) & (terms["decision"] < 7 * week + 7)]
        who = due["account"].to_numpy()
        health = state.health[:, who]
        eta = law(self.world, who[:, None], due["decision"].to_numpy()[:, None] + OFFICE, health, state.sponsor[who])
        np.add.at(gain, who, -np.exp(eta))
        return gain

    def _refreshed(self, cloud: Cloud) -> Cloud:
        """Draw particles anew where few of them carry the weight."""
        share = np.exp(cloud.weight)
        share /= share.sum(axis=1, keepdims=True)
        poor = np.flatnonzero(1.0 / (share**2).sum(axis=1) < self.fresh * self.particles)
        if not len(poor):
            return cloud
        pick = drawn(self.rng, share[poor])
        state, habit, weight = cloud.state, cloud.habit.copy(), cloud.weight.copy()
        fixed = np.concatenate([state.means[:, poor], habit[None, poor]])
        center = (fixed * share[poor]).sum(axis=2, keepdims=True)
        spread = np.sqrt((share[poor] * (fixed - center) ** 2).sum(axis=2, keepdims=True))
        kept = np.take_along_axis(fixed, pick[None], axis=2)
        noise = np.sqrt(1 - SHRINKAGE**2) * spread * self.rng.normal(size=kept.shape)
        moved = SHRINKAGE * kept + (1 - SHRINKAGE) * center + noise
        means, x = state.means.copy(), state.x.copy()
        away, sponsor = state.disengaged.copy(), state.sponsor.copy()
        means[:, poor], habit[poor] = moved[:3], moved[3]
        x[:, poor] = np.take_along_axis(x[:, poor], pick[None], axis=2)
        away[poor] = np.take_along_axis(away[poor], pick, axis=1)
        sponsor[poor] = np.take_along_axis(sponsor[poor], pick, axis=1)
        weight[poor] = 0.0
        return Cloud(State(means, x, away, sponsor), habit, weight, cloud.pause)


def drawn(rng: np.random.Generator, share: Floats) -> Ints:
    """Draw particles by weight, systematically: places (n, m) for shares (n, m)."""
    n, m = share.shape
    cumulated = np.minimum(np.cumsum(share, axis=1), 1.0)
    cumulated[:, -1] = 1.0
    points = (rng.random((n, 1)) + np.arange(m)) / m
    row = np.arange(n)[:, None]
    place = np.searchsorted((cumulated + 2 * row).ravel(), (points + 2 * row).ravel(), side="left")
    return np.asarray(np.minimum(place.reshape(n, m) - m * row, m - 1), dtype=np.int64)


def foresee(
    filter: Filter, rows: pd.MultiIndex, horizons: tuple[int, ...], oracles: Iterable[str] = ("filter", "latent")
) -> pd.DataFrame:
    """Give the probabilities of the oracles for (account_id, cutoff) rows: one column per oracle and horizon."""
    world, rng = filter.world, np.random.default_rng(1)
    place = pd.Series(np.arange(world.accounts), index=world.book.ids)
    days = (rows.get_level_values("cutoff") - world.start).total_seconds().to_numpy() / 86_400
    who = place[rows.get_level_values("account_id")].to_numpy()
    parts = []
    for week, cloud in filter.clouds(int(days.max() // 7) + 1):
        for day in np.unique(days[(days // 7).astype(int) == week]):
            here = np.flatnonzero(days == day)
            account = who[here]
            told = {}
            for oracle in oracles:
                m = filter.particles
                state, habit = (
                    _believed(rng, cloud, account) if oracle == "filter" else true_state(world, account, week, m)
                )
                p = outlook(rng, world, account, state, habit, cloud.pause[account], day, horizons)
                told |= {(oracle, h): p[:, i] for i, h in enumerate(horizons)}
            parts.append(pd.DataFrame(told, index=rows[here]))
    return pd.concat(parts).reindex(rows)


def _believed(rng: np.random.Generator, cloud: Cloud, account: Ints) -> tuple[State, Floats]:
    share = np.exp(cloud.weight[account])
    pick = drawn(rng, share / share.sum(axis=1, keepdims=True))
    state = cloud.state.take(account)

    def of(values: Floats) -> Floats:
        return np.take_along_axis(values, pick if values.ndim == 2 else pick[None], axis=-1)

    return State(of(state.means), of(state.x), of(state.disengaged), of(state.sponsor)), of(cloud.habit[account])


def true_state(world: World, account: Ints, week: int, m: int) -> tuple[State, Floats]:
    """Repeat the true state of accounts m times; health counts as its own mean plus what has to fade."""
    health = np.stack([world.latent.health[name][account, week] for name in DIMENSIONS])
    means = world.latent.means[:, account] - _shock(world, week)
    shape = (len(account), m)
    state = State(
        np.broadcast_to(means[:, :, None], (3, *shape)).copy(),
        np.broadcast_to((health - means)[:, :, None], (3, *shape)).copy(),
        np.broadcast_to(world.latent.disengaged[account, week, None], shape).copy(),
        np.broadcast_to(world.latent.sponsor[account, week, None], shape).copy(),
    )
    return state, np.broadcast_to(world.book.habit[account, None], shape).copy()


def _shock(world: World, week: int) -> Floats:
    fallen = latent.SHOCK * (week >= latent.shock_week(world.weeks, world.scenario))
    return np.array([0.0, 0.0, fallen])[:, None]


def _hint(agrees: Bools, error: float) -> Floats:
    return np.where(agrees, np.log(1 - error), np.log(error))


def _full_weeks(world: World, week: int) -> Bools:
    """Say which accounts were customers for all of a week, as far as anybody knew then."""
    started = world.book.signup <= 7 * week
    return np.asarray(started & (world.exits.onset > 7 * week + 7))


def foresee_truth(world: World, rows: pd.MultiIndex, horizons: tuple[int, ...], times: int = 60) -> np.ndarray:
    """Give the probabilities (n, horizons) of rows by their true states alone, each played forward some times."""
    rng, pause = np.random.default_rng(2), paused(world)
    place = pd.Series(np.arange(world.accounts), index=world.book.ids)
    days = (rows.get_level_values("cutoff") - world.start).total_seconds().to_numpy() / 86_400
    who = place[rows.get_level_values("account_id")].to_numpy()
    found = np.empty((len(rows), len(horizons)))
    for day in np.unique(days):
        here, week = np.flatnonzero(days == day), int(day // 7)
        state, habit = true_state(world, who[here], week, times)
        found[here] = outlook(rng, world, who[here], state, habit, pause[who[here], week], day, horizons)
    return found


def paused(world: World) -> Floats:
    """Give the weeks until the programme looks again, by account and week, at its start."""
    looks = world.latent.looks
    rest = np.zeros((world.accounts, world.weeks + 1))
    for account, week in zip(looks["account"], looks["week"], strict=True):
        ahead = min(latent.PAUSE, world.weeks - week)
        rest[account, week + 1 : week + 1 + ahead] = latent.PAUSE - np.arange(ahead)
    return rest
