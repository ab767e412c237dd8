"""The penalty of the regression and the share of the trees: what chooses them, and that a level has no say in it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.features.indicators.curves import bands
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.indicators.sources import usage
from holdfast.features.snapshot import INDEX, Snapshot
from holdfast.models.encoding import Encoding
from holdfast.models.hazard import Floats
from holdfast.models.periods import Observed, account_folds, forward_folds, observe
from holdfast.models.rehearsal import rehearse
from holdfast.models.ridge import ANCHORED, LAMBDAS, between, choose_strength
from tests.outcome import Outcome

ACCOUNTS, CUTOFFS, SIGNS = 400, 8, 10
HORIZONS = [30, 60, 90]


def observed(weights: Floats, *, late: float = 1.0, seed: int = 0) -> Observed:
    """A company whose signs have true weights; from its middle on all risks are ``late`` times as high."""
    rng = np.random.default_rng(seed)
    days = pd.date_range("2025-01-01", periods=CUTOFFS, freq="28D", tz="UTC").as_unit("us")
    ids = np.repeat([f"A{i:04d}" for i in range(ACCOUNTS)], CUTOFFS)
    index = pd.MultiIndex.from_arrays([ids, np.tile(days, ACCOUNTS)], names=INDEX)
    values = rng.normal(size=(len(index), SIGNS))
    era = np.where(np.tile(np.arange(CUTOFFS), ACCOUNTS) >= CUTOFFS // 2, late, 1.0)
    when = rng.exponential(30.0 / (0.05 * np.exp(values @ weights) * era))
    names = [f"sign{i}" for i in range(SIGNS)]
    X = Snapshot(
        indicators=pd.DataFrame(values, index=index, columns=names),
        context=pd.DataFrame({"contract": "monthly", "segment": "SMB", "tenure_days": 90.0}, index=index),
        exposure=pd.DataFrame(0.0, index=index, columns=HORIZONS),
        coverage=pd.DataFrame({"all": np.ones(len(index))}, index=index),
        catalog=tuple(map(sign, names)),
    )
    event = np.column_stack([when <= h for h in HORIZONS]).astype(float)
    return observe(X, Outcome(pd.DataFrame(event, index=index, columns=HORIZONS)))


def sign(name: str) -> Indicator:
    said = {"dimension": "product", "healthy": "high", "unit": "events", "title": name, "evidence": "{value}"}
    return Indicator(usage.count(days=30), name=name, curve=bands((-3.0, 0), (3.0, 100)), **said)


def chosen(seen: Observed, **kwargs: tuple[float, ...]) -> float:
    encoding = Encoding.fit(seen.X, decided=False)
    return choose_strength(encoding, encoding.design(seen.X), seen, **kwargs)


def test_every_observed_interval_is_judged_once_by_what_has_not_seen_its_account() -> None:
    seen = observed(np.zeros(SIGNS))
    ids = seen.X.index.get_level_values("account_id")
    folds = list(account_folds(seen))
    assert sum(test.weight for _, test in folds) == pytest.approx(seen.periods.weight)
    for train, test in folds:
        assert not set(ids[train.seen]) & set(ids[test.seen])
        assert train.weight + test.weight == pytest.approx(seen.periods.weight)


def test_forward_in_time_what_is_learned_had_ended_when_what_is_judged_began() -> None:
    seen = observed(np.zeros(SIGNS))
    ids, cutoff = (seen.X.index.get_level_values(name) for name in INDEX)
    ends = np.column_stack([cutoff + pd.Timedelta(days=h) for h in HORIZONS])
    folds = list(forward_folds(seen))
    assert len(folds) == 3
    for train, test in folds:
        assert train.events
        assert test.events
        assert not set(ids[train.seen]) & set(ids[test.seen])
        assert max(ends[train.weight > 0]) <= min(cutoff[test.seen])


def test_a_single_cutoff_looks_at_accounts_alone() -> None:
    seen = observed(np.full(SIGNS, 0.5))
    one = seen.rows(np.asarray(seen.X.index.get_level_values("cutoff") == seen.X.cutoffs[0]))
    assert list(forward_folds(one)) == []
    assert min(LAMBDAS) < chosen(replace(one, events=200, survivors=200)) < max(LAMBDAS)


def test_noise_is_held_strictly_and_what_tells_freely() -> None:
    rng = np.random.default_rng(1)
    assert chosen(observed(np.zeros(SIGNS))) == max(LAMBDAS)
    assert chosen(observed(rng.choice([-0.8, 0.8], SIGNS))) <= 100.0


@pytest.mark.parametrize("late", [0.2, 5.0])
def test_a_level_that_moves_does_not_choose(late: float) -> None:
    """A penalty that flattens what is told would look the better where risks have fallen for all alike."""
    rng = np.random.default_rng(1)
    weights = rng.choice([-0.8, 0.8], SIGNS)
    assert chosen(observed(weights, late=late)) <= 10.0
    assert chosen(observed(weights)) <= 10.0


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_where_risks_have_fallen_for_all_alike_flat_trees_are_no_better(seed: int) -> None:
    """The law is linear: trees tell it less well than the regression, but flatter, which suits too high a level."""
    seen = observed(np.full(SIGNS, -0.3), late=0.2, seed=seed)
    encoding = Encoding.fit(seen.X, decided=False)
    assert rehearse(seen, encoding.design(seen.X), encoding, 100.0, seed=0).share <= 0.5


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_of_few_events_the_template_leads_unless_it_is_clearly_wrong(seed: int) -> None:
    right, wrong = np.full(SIGNS, -0.3), np.random.default_rng(1).choice([-0.8, 0.8], SIGNS)
    assert chosen(some(observed(right, seed=seed), events=60)) >= ANCHORED
    assert chosen(some(observed(np.zeros(SIGNS), seed=seed), events=60)) >= ANCHORED
    assert chosen(some(observed(wrong, seed=seed), events=60)) <= 100.0
    assert chosen(some(observed(wrong, seed=seed), events=49)) == ANCHORED


def some(seen: Observed, events: int) -> Observed:
    """Keep one account in seven, and say how many of them left."""
    return replace(seen.rows(seen.drawn < 0.15), events=events, survivors=events)


def test_of_one_there_is_no_choice() -> None:
    seen = observed(np.full(SIGNS, -0.5))
    assert chosen(seen, grid=(7.0,)) == 7.0
    assert chosen(replace(seen, events=49), grid=(7.0,)) == 7.0


@given(st.floats(0.5, 5000.0), st.floats(0.1, 50.0))
def test_what_is_least_between_two_of_a_grid_is_found(least: float, bend: float) -> None:
    losses = {one: bend * np.log(one / least) ** 2 for one in LAMBDAS}
    best = min(losses, key=lambda one: losses[one])
    inside = min(LAMBDAS) < best < max(LAMBDAS)
    assert between(losses, best) == pytest.approx(least if inside else best, rel=0.01)


def test_nothing_lies_between_where_all_are_equal_or_nothing_is_held() -> None:
    assert between({1.0: 2.0, 10.0: 2.0, 100.0: 2.0}, 10.0) == 10.0
    assert between({0.0: 2.0, 10.0: 1.0, 100.0: 2.0}, 10.0) == 10.0
    assert between({7.0: 1.0}, 7.0) == 7.0


def test_the_order_of_a_grid_does_not_matter() -> None:
    seen = observed(np.full(SIGNS, -0.5))
    assert chosen(seen, grid=(300.0, 3.0, 30.0)) == chosen(seen, grid=(3.0, 30.0, 300.0))
