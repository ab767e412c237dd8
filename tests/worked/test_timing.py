"""When exits become known around a renewal decision: learned from those that left, counted in the exposure."""

import json

import numpy as np
import pandas as pd
import pytest

import holdfast as hf
from holdfast.features.exposure import AHEAD, BEHIND
from holdfast.features.snapshot import INDEX
from holdfast.models.timing import Timing

DAYS = np.arange(-AHEAD, BEHIND + 1)


def known_on(*days: int) -> Timing:
    shares = np.isin(DAYS, days).astype(float)
    return Timing(shares / shares.sum())


def test_unless_learned_a_decision_counts_where_its_last_day_lies() -> None:
    calendar = np.array([[-3.0, 10.0, 30.0, 31.0, 90.0], [91.0, np.nan, np.nan, np.nan, np.nan]])
    assert Timing().expected(calendar, (30, 60, 90)).tolist() == [[2, 1, 1], [0, 0, 0]]


def test_a_decision_counts_by_the_exits_that_are_known_by_then() -> None:
    early = known_on(-10, -5)
    assert early.expected(np.array([[33.0]]), (30, 60)).tolist() == [[0.5 * 2, 0.0]]
    assert early.expected(np.array([[38.0]]), (30, 60)).tolist() == [[0.5, 0.5]]
    assert known_on(0, 4).expected(np.array([[-2.0]]), (30,)).tolist() == [[0.5]]


def test_nothing_is_counted_twice() -> None:
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(len(DAYS)))
    calendar = rng.integers(-BEHIND, 120, size=(50, 4)).astype(float)
    parts = Timing(shares).expected(calendar, (30, 60, 90))
    whole = Timing(shares).expected(calendar, (90,))
    assert parts.sum(axis=1) == pytest.approx(whole[:, 0])
    assert (parts >= 0).all()
    assert (whole <= 4 + 1e-12).all()


@pytest.mark.parametrize("lead", [-8, 0, 5])
def test_the_distance_is_learned_from_those_that_left(lead: int) -> None:
    rng = np.random.default_rng(1)
    n, day = 400, pd.Timestamp("2025-01-01", tz="UTC")
    due = rng.integers(12, 60, n)
    index = pd.MultiIndex.from_arrays([[f"a{i}" for i in range(n)], [day] * n], names=INDEX)
    event = pd.Series(day + pd.to_timedelta(due + lead, unit="D"), index=index)
    event[rng.random(n) < 0.1] = day + pd.Timedelta(days=3)  # strays
    learned = Timing.learn(pd.DataFrame({0: due.astype(float), 1: due + rng.integers(28, 90, n)}, index=index), event)
    assert DAYS[learned.shares.argmax()] == pytest.approx(lead, abs=1)
    assert learned.shares[np.abs(DAYS - lead) <= 4].sum() > 0.85
    assert learned.shares.sum() == pytest.approx(1)


def test_the_order_of_rows_does_not_matter() -> None:
    days = pd.DatetimeIndex(["2025-01-01", "2025-02-01"], tz="UTC")
    index = pd.MultiIndex.from_product([["a", "b"], days], names=INDEX)
    event = pd.Series(pd.Timestamp("2025-02-20", tz="UTC"), index=index)
    calendar = pd.DataFrame({0: [45.0, 14.0, 48.0, 17.0]}, index=index)
    learned = Timing.learn(calendar, event)
    np.testing.assert_array_equal(Timing.learn(calendar[::-1], event[::-1]).shares, learned.shares)


def test_without_exits_or_calendar_nothing_is_learned() -> None:
    index = pd.MultiIndex.from_product([["a"], pd.DatetimeIndex(["2025-01-01"], tz="UTC")], names=INDEX)
    none = pd.Series(pd.NaT, index=index, dtype="datetime64[us, UTC]")
    for calendar in (pd.DataFrame({0: [5.0]}, index=index), pd.DataFrame(index=index)):
        assert Timing.learn(calendar, none).to_dict() == Timing().to_dict()
    assert (
        Timing.from_dict(json.loads(json.dumps(known_on(2, 3).to_dict()))).shares.tolist()
        == known_on(2, 3).shares.tolist()
    )


def test_the_simulated_customers_give_notice_before_the_last_day() -> None:
    history = hf.simulate(accounts=500, seed=2, months=30)
    stands = hf.cutoffs(history, every="28d")
    X, y = hf.catalog.select(["active_users"]).measure(history, stands), hf.label(history, stands)
    shares = Timing.learn(X.calendar, y.on(X.index).event_at).shares
    assert shares[DAYS < -20].sum() < 0.1
    assert 0.3 < shares[(DAYS >= -12) & (DAYS < 0)].sum() < 0.8
    before = y.known(stands[12]).on(X.index)
    early = Timing.learn(X.calendar, before.event_at)
    later = X.index.get_level_values("cutoff") > stands[12]
    changed = X.calendar.copy()
    changed[later] = 1.0
    assert Timing.learn(changed, before.event_at).shares.tolist() == early.shares.tolist()  # nothing later is read
