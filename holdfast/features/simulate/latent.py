"""The latent health of accounts from week to week, and the programme that helps where usage is low.

Product P, relationship R and business B are AR(1) processes around the account's own means. An account may slip into
disengagement, sooner when R is low or the executive sponsor is gone; while it lasts P sinks. Where few of the seats are
active, the programme looks at the account, at most once a quarter, and helps it or holds it out by chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from holdfast.features.simulate.scenario import Scenario

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]

DIMENSIONS = ("product", "relationship", "business")
RHO = np.array([0.97, 0.97, 0.985])
SPREAD = 0.7  # stationary standard deviation of each process
LOADS = ((0.5, 0.5), (0.35, 0.6), (0.3, 0.6))  # of the means: on a common fit, and of their own
HABIT = 0.8  # standard deviation of a usage baseline that has nothing to do with health
REACH = (0.5, 0.9, 0.5, 0.25)  # share of active seats on the log-odds scale: level, per P, per habit, noise
LOW = 0.4  # share of active seats below which the programme looks
PAUSE = 13  # weeks until it looks again
HELP = np.array([0.6, 0.4, 0.0])
SHOCK = 1.0
_BURN_IN = 40  # weeks


@dataclass(frozen=True)
class State:
    """The hidden state of accounts in one week; arrays end in the axis of the accounts, before it there may be others.

    ``means`` and ``x`` have a first axis of 3: P, R, B are their sum.
    """

    means: Floats
    x: Floats
    disengaged: Bools
    sponsor: Bools

    @property
    def health(self) -> Floats:
        """P, R and B."""
        return self.means + self.x

    def take(self, place: Ints) -> State:
        """Take accounts by their places."""
        return State(self.means[:, place], self.x[:, place], self.disengaged[place], self.sponsor[place])

    def helped(self, who: Bools, effect: float) -> State:
        """Help some of the accounts: P and R rise, and disengagement ends."""
        lift = effect * HELP.reshape(3, *[1] * who.ndim) * who
        return replace(self, x=self.x + lift, disengaged=self.disengaged & ~who)


@dataclass(frozen=True)
class Latent:
    """The states by account (rows) and week (columns): ``health`` holds P, R, B; two others are yes or no.

    ``means`` are what P, R and B return to (3, accounts), before any shock; ``reach`` is the share of the seats that
    would be active; ``looks`` has one row per decision of the programme: ``account, week, helped``.
    """

    means: Floats
    health: Mapping[str, Floats]
    disengaged: Bools
    sponsor: Bools
    reach: Floats
    looks: pd.DataFrame


def begin(rng: np.random.Generator, shape: tuple[int, ...]) -> State:
    """Draw states as they are without any history."""
    fit = rng.normal(size=shape)
    means = np.stack([load * fit + rng.normal(0, rest, shape) for load, rest in LOADS])
    x = rng.normal(0, SPREAD, (3, *shape))
    return State(means, x, np.zeros(shape, dtype=bool), rng.random(shape) < 0.75)


def step(rng: np.random.Generator, state: State, since: Bools) -> State:
    """Move one week on; only accounts that are customers (``since``) slip into disengagement."""
    shape = state.sponsor.shape
    u = rng.random((3, *shape))
    alone = ~state.sponsor
    enter = u[0] < 0.007 * np.exp(-0.4 * state.health[1]) * np.where(alone, 2.0, 1.0)
    disengaged = np.where(state.disengaged, u[0] > 0.05, enter & since)
    sponsor = np.where(state.sponsor, u[1] > 0.007, u[2] < 0.06)
    rho = RHO.reshape(3, *[1] * len(shape))
    x = rho * state.x + SPREAD * np.sqrt(1 - rho**2) * rng.normal(size=(3, *shape))
    x[0] -= 0.11 * disengaged
    x[1] -= 0.03 * alone
    return State(state.means, x, disengaged, sponsor)


def reach(rng: np.random.Generator, state: State, habit: Floats) -> Floats:
    """Draw the share of the seats that would be active this week."""
    level, product, baseline, noise = REACH
    odds = level + product * state.health[0] + baseline * habit + rng.normal(0, noise, state.sponsor.shape)
    return np.asarray(1 / (1 + np.exp(-odds)))


def live_through(
    rng: Mapping[str, np.random.Generator], signup: Ints, habit: Floats, weeks: int, scenario: Scenario
) -> Latent:
    """Draw the states of all weeks, and what the programme decided."""
    n, chance = len(signup), rng["programme"]
    state = begin(rng["latent"], (n,))
    means = state.means
    health, away, present = np.empty((3, n, weeks)), np.empty((n, weeks), dtype=bool), np.empty((n, weeks), dtype=bool)
    active, looks, pause = np.empty((n, weeks)), [], np.zeros(n)
    for week in range(-_BURN_IN, weeks):
        state = step(rng["latent"], state, 7 * week >= signup)
        if week < 0:
            continue
        state = shocked(state, week, weeks, scenario)
        health[:, :, week], away[:, week], present[:, week] = state.health, state.disengaged, state.sponsor
        active[:, week] = reach(chance, state, habit)
        looked = looks_at(active[:, week], pause, week, signup, scenario)
        helped = looked & (chance.random(n) < scenario.programme)
        state, pause = state.helped(helped, scenario.effect), np.where(looked, PAUSE, np.maximum(pause - 1, 0))
        who = np.flatnonzero(looked)
        looks.append(pd.DataFrame({"account": who, "week": week, "helped": helped[who]}))
    told = pd.concat(looks, ignore_index=True).astype({"account": np.int64, "week": np.int64, "helped": bool})
    return Latent(means, dict(zip(DIMENSIONS, health, strict=True)), away, present, active, told)


def looks_at(reached: Floats, pause: Floats, week: int, signup: Ints, scenario: Scenario) -> Bools:
    """Say which accounts the programme looks at in a week: low usage, two months after signup, and not lately."""
    old = 7 * week >= signup + 60
    return np.asarray((reached < LOW) & (pause <= 0) & old & (scenario.programme > 0))


def shocked(state: State, week: int, weeks: int, scenario: Scenario) -> State:
    """Let business health fall for everybody in the week of the shock."""
    if week != shock_week(weeks, scenario):
        return state
    means = state.means.copy()
    means[2] -= SHOCK
    return replace(state, means=means)


def shock_week(weeks: int, scenario: Scenario) -> int:
    """Give the week of the shock; one after all weeks when there is none."""
    return max(weeks - round(scenario.shock * 30.4375 / 7), 0) if scenario.shock else weeks + 10**6
