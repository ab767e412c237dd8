"""The oracles of the simulator against brute force: what will become of accounts, and what can be known of them."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.quality.filter import Filter, _believed, drawn, foresee, foresee_truth, paused, true_state
from benchmarks.quality.observables import Counts, Trials, observe
from benchmarks.quality.outlook import LAG_MAX, LAG_MEAN, outlook
from holdfast.features.simulate import Scenario, latent
from holdfast.features.simulate.company import frames_of, to_midnight
from holdfast.features.simulate.contracts import grow
from holdfast.features.simulate.latent import State
from holdfast.features.simulate.world import World, build_world, law

END = to_midnight("2026-01-01")
HORIZONS = (30, 60, 90)


def small(accounts: int = 40, seed: int = 4, scenario: Scenario | None = None) -> World:
    return build_world(accounts, seed, 12, END, scenario)


def brute_force(world: World, account: int, at: float, paths: int) -> list[float]:
    """Play one account forward, path by path and week by week, throwing the dice at each decision."""
    rng, book = np.random.default_rng(11), world.book
    week = int(at // 7)
    state, habit = true_state(world, np.array([account]), week, paths)
    state = State(*(part[..., 0, :] for part in (state.means, state.x, state.disengaged, state.sponsor)))
    terms = world.terms[world.terms["account"] == account]
    known = np.full(paths, np.inf)
    rest = np.full(paths, paused(world)[account, week])
    for step in range(15):
        for term in terms.itertuples():
            notice = book.notice_days[account] if book.auto_renew[account] else 0
            lead = np.floor((5 if book.term[account] == 1 else 11) * rng.random(paths)) * book.auto_renew[account]
            key = f"{term.Index}"
            day = leads.setdefault((account, key), term.end - notice - lead + 0.5 * book.auto_renew[account])
            due = (np.floor(day / 7) == week + step) & (day > at)
            eta = law(world, np.full(paths, account), day, state.health, state.sponsor)
            leaves = due & (rng.random(paths) < -np.expm1(-np.exp(eta)))
            told = day + np.minimum(rng.exponential(LAG_MEAN, paths), LAG_MAX)
            known = np.where(leaves & ~np.isfinite(known), told, known)
        failed = rng.random(paths) < 0.0003 * np.exp(-0.8 * state.health[2])
        known = np.where(failed & ~np.isfinite(known), 7 * (week + step) + 3.5 + LAG_MEAN, known)
        reach = latent.reach(rng, state, habit[0])
        looked = latent.looks_at(reach, rest, week + step, book.signup[account], world.scenario)
        helped = looked & (rng.random(paths) < world.scenario.programme)
        state = state.helped(helped, world.scenario.effect)
        rest = np.where(looked, latent.PAUSE, np.maximum(rest - 1, 0))
        state = latent.step(rng, state, np.full(paths, book.signup[account] <= 7 * (week + step + 1)))
    leads.clear()
    return [float((known <= at + horizon).mean()) for horizon in HORIZONS]


leads: dict[tuple[int, str], np.ndarray] = {}


def test_the_outlook_of_a_true_state_is_what_playing_on_gives() -> None:
    world, at = small(), 203.0
    alive = np.flatnonzero((world.book.signup < at - 60) & (world.exits.onset > at + 1) & (world.book.term == 1))[:3]
    annual = np.flatnonzero((world.book.signup < at - 60) & (world.exits.onset > at + 1) & (world.book.term > 1))
    ends = world.terms[(world.terms["end"] > at + 40) & (world.terms["end"] < at + 150)]["account"]
    chosen = np.concatenate([alive, [one for one in annual if one in set(ends)][:3]])
    state, habit = true_state(world, chosen, int(at // 7), 4_000)
    rest = paused(world)[chosen, int(at // 7)]
    p = outlook(np.random.default_rng(0), world, chosen, state, habit, rest, at, HORIZONS)
    for row, account in enumerate(chosen):
        played = brute_force(world, int(account), at, 20_000)
        assert p[row] == pytest.approx(played, abs=0.012), account


def test_the_filter_agrees_with_weighing_very_many_histories() -> None:
    world = small(12, seed=3)
    seen = observe(world, grow(small(12, seed=3)), frames_of(small(12, seed=3)))
    told = {}
    for name, filter in {"filter": Filter(world, seen, 2_000, 1), "plain": Filter(world, seen, 40_000, 2, 0.0)}.items():
        for week, cloud in filter.clouds(9):
            if week == 8:
                share = np.exp(cloud.weight - cloud.weight.max(axis=1, keepdims=True))
                share /= share.sum(axis=1, keepdims=True)
                told[name] = (cloud.state.health * share).sum(axis=2)
    here = world.book.signup < 0
    assert np.abs(told["filter"] - told["plain"])[:, here].mean() < 0.12
    assert np.corrcoef(told["filter"][:, here].ravel(), told["plain"][:, here].ravel())[0, 1] > 0.97


def test_every_channel_expects_what_the_simulator_writes() -> None:
    world = small(500, seed=5)
    seen = observe(world, grow(small(500, seed=5)), frames_of(small(500, seed=5)))
    every, sums = np.arange(world.accounts), {}
    for week in range(8, world.weeks - 2):
        state, habit = true_state(world, every, week, 1)
        full = (world.book.signup <= 7 * week) & (world.exits.onset > 7 * week + 7)
        for name, channel in seen.channels.items():
            if isinstance(channel, Counts):
                found = channel.seen[full, week], np.broadcast_to(channel.rate(state, week), (500, 1))[full, 0]
            elif isinstance(channel, Trials):
                tries = (channel.won + channel.lost)[full, week]
                found = channel.won[full, week], tries * channel.chance(state, week)[full, 0]
            else:
                number = channel.number[full, week]
                found = channel.total[full, week], number * channel.mean(state, week)[full, 0]
            sums[name] = sums.get(name, 0) + np.array([found[0].sum(), found[1].sum()])
        there = full & np.isfinite(seen.actions[:, week])
        expected = seen.activity(world.latent.reach[:, week, None], state, habit, week)[there, 0]
        sums["actions"] = sums.get("actions", 0) + np.array([seen.actions[there, week].sum(), expected.sum()])
    for name, (found, expected) in sums.items():
        assert found == pytest.approx(expected, rel=0.05, abs=4 * np.sqrt(abs(expected)) + 2), name


def test_the_oracles_are_calibrated_and_in_the_right_order() -> None:
    world = build_world(400, 6, 24, END)
    seen = observe(world, grow(build_world(400, 6, 24, END)), frames_of(build_world(400, 6, 24, END)))
    at = END - pd.Timedelta(days=280)
    day = (at - world.start).days
    there = (world.book.signup < day - 28) & (world.exits.known > day) & (world.exits.end > day)
    rows = pd.MultiIndex.from_product([world.book.ids[there], [at]], names=["account_id", "cutoff"])
    p = foresee(Filter(world, seen, 100), rows, HORIZONS)
    left = (world.exits.known[there] <= day + 90) & (world.exits.kind[there] < 2)
    for oracle in ("filter", "latent"):
        told = p[oracle, 90].to_numpy()
        assert told.sum() == pytest.approx(left.sum(), abs=4 * np.sqrt((told * (1 - told)).sum()))
        assert (p[oracle][30] <= p[oracle][60]).all()
        assert (p[oracle][60] <= p[oracle][90]).all()
        assert told[left].mean() > 2 * told[~left].mean()
    direct = foresee_truth(world, rows, HORIZONS, times=100)
    assert direct[:, 2] == pytest.approx(p["latent", 90].to_numpy(), abs=0.2)


def test_particles_are_drawn_by_their_weight() -> None:
    share = np.array([[0.0, 0.25, 0.75, 0.0], [1.0, 0.0, 0.0, 0.0]])
    places = drawn(np.random.default_rng(0), share)
    assert np.bincount(places[0], minlength=4).tolist() == [0, 1, 3, 0]
    assert places[1].tolist() == [0, 0, 0, 0]


def test_what_is_believed_of_an_account_keeps_its_particles_together() -> None:
    world = small(6)
    seen = observe(world, grow(small(6)), frames_of(small(6)))
    _, cloud = next(Filter(world, seen, 50).clouds(1))
    state, habit = _believed(np.random.default_rng(0), cloud, np.array([2, 4]))
    assert state.health.shape == (3, 2, 50)
    assert habit.shape == (2, 50)
    pairs = set(zip(cloud.state.means[0, 2].tolist(), cloud.habit[2].tolist(), strict=True))
    assert set(zip(state.means[0, 0].tolist(), habit[0].tolist(), strict=True)) <= pairs
