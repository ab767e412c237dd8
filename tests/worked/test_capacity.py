"""What a team would have caught, by hand on a few accounts."""

import math

import numpy as np
import pandas as pd
import pytest

import holdfast as hf
from holdfast.errors import UsageError
from holdfast.training.capacity import Capacity, calls_of, capacity, listed

DAYS = pd.date_range("2025-01-01", periods=4, freq="30D", tz="UTC").as_unit("us")
# probability of each account at each cutoff; the list holds the first two
P = {
    "early": (0.9, 0.9, 0.9, None),  # on the list from the first day, leaves 20 days after the third
    "late": (0.1, 0.2, 0.8, None),  # comes on in time for the third alone
    "lost": (0.8, 0.7, 0.1, None),  # listed, dropped, leaves 10 days after the third
    "never": (0.2, 0.1, 0.2, 0.01),  # leaves 5 days after the fourth, never listed
    "stays": (0.3, 0.3, 0.3, 0.3),
    "calm": (0.05, 0.05, 0.05, 0.05),
}
LEFT = {
    "early": DAYS[2] + pd.Timedelta(days=20),
    "late": DAYS[2] + pd.Timedelta(days=25),
    "lost": DAYS[2] + pd.Timedelta(days=10),
    "never": DAYS[3] + pd.Timedelta(days=5),
}
ARR = {"early": 100.0, "late": 50.0, "lost": 25.0, "never": 25.0, "stays": 10.0, "calm": 1000.0}


def rows(horizon: int = 90) -> tuple[pd.DataFrame, pd.DataFrame]:
    told = [
        (account, day, horizon, "m", p, float(account in LEFT and LEFT[account] <= day + pd.Timedelta(days=horizon)))
        for account, ps in P.items()
        for day, p in zip(DAYS, ps, strict=True)
        if p is not None
    ]
    long = pd.DataFrame(told, columns=["account_id", "cutoff", "horizon", "model", "p", "y"])
    index = pd.MultiIndex.from_frame(long[["account_id", "cutoff"]])
    event = pd.Series(
        [LEFT.get(account, pd.NaT) for account in long["account_id"]], index=index, dtype="datetime64[us, UTC]"
    )
    return long, pd.DataFrame({"event_at": event, "arr": [ARR[account] for account in long["account_id"]]}, index)


def found(calls: float = 2) -> Capacity:
    return capacity(*rows(), calls)


def test_who_is_on_the_list_when_they_leave_is_caught() -> None:
    told = found()
    assert told.left == 4
    assert told.calls == 2
    assert told.value("m", "caught") == 0.5  # early and late
    assert told.value("m", "arr_caught") == 0.75
    assert told.value("m", "dropped") == 0.25  # lost
    assert told.value("m", "held_60") == 0.25  # early: 80 days
    assert told.value("m", "held_30") == 0.25  # late: 25 days are not 30
    assert told.value("m", "lead_days") == pytest.approx((80 + 25) / 2)


def test_of_each_cutoff_precision_and_recall_count_rows() -> None:
    told = found()
    # lists: early+lost, early+lost, early+late, stays+calm; early, late and lost leave within 90 days of each of their
    # cutoffs, never within 90 days of the last three of its four
    assert told.value("m", "precision") == pytest.approx(6 / 8)
    assert told.value("m", "recall") == pytest.approx(6 / 12)
    assert told.value("m", "arr_recall") == pytest.approx(
        (3 * 100 + 2 * 25 + 50) / (3 * 100 + 3 * 50 + 3 * 25 + 3 * 25)
    )


def test_who_comes_onto_the_list_is_an_alert() -> None:
    # late at the third cutoff, stays and calm at the fourth; the first list is where one starts
    assert found().value("m", "alerts_per_week") == pytest.approx(3 / ((DAYS[3] - DAYS[0]).days / 7))


def test_value_ranks_by_what_is_at_stake() -> None:
    by_value = found().rows.query("by == 'value' and metric == 'precision'")["value"].iloc[0]
    assert by_value < 6 / 8  # calm is worth so much that it takes a place at every cutoff
    long, facts = rows()
    bare = capacity(long, facts.assign(arr=np.nan), 2)
    assert set(bare.rows["by"]) == {"p"}
    assert np.isnan(bare.value("m", "arr_caught"))
    assert "revenue" not in bare.text("m")


def test_it_is_said_in_a_sentence_and_bounded() -> None:
    told = found()
    assert told.text("m") == (
        "With 2 accounts called at each cutoff, 50% of the 4 accounts that left would have been on the list, and 75% "
        "of the revenue that left, for a median of 52 days before they did."
    )
    assert told.text("other") == ""
    bounded = told.rows[~told.rows["metric"].isin(["lead_days", "alerts_per_week"])]
    assert (bounded["low"] <= bounded["value"] + 1e-12).all()
    assert (bounded["value"] <= bounded["high"] + 1e-12).all()


def test_a_share_is_a_share_of_each_cutoff() -> None:
    assert found(0.5).calls == pytest.approx((3 + 3 + 3 + 2) / 4)
    for wrong in (0, -1):
        with pytest.raises(UsageError, match="above 0"):
            found(wrong)


def test_a_share_is_counted_as_it_is_written() -> None:
    long = pd.DataFrame({"account_id": [f"a{i:03d}" for i in range(100)], "cutoff": DAYS[0], "p": 0.5, "rank_by": 0.5})
    for share, calls in ((0.07, 7), (0.071, 8), (0.29, 29), (7.9, 7), (math.inf, 100)):
        assert calls_of(share, 100) == listed(long, share).sum() == calls
    assert calls_of(np.float64(0.07), 900) == 63


def test_where_nobody_left_nothing_is_said() -> None:
    long, facts = rows()
    calm = capacity(long.assign(y=0.0), facts.assign(event_at=facts["event_at"].where(facts["event_at"].isna())), 2)
    assert calm.left == 0
    assert calm.text("m") == ""
    assert np.isnan(calm.value("m", "recall"))


def test_a_backtest_tells_it_at_its_longest_horizon() -> None:
    history = hf.simulate(accounts=250, seed=3, months=26)
    days = hf.cutoffs(history, every="56d")
    X, y = hf.catalog.measure(history, days), hf.label(history, days)
    result = hf.backtest({"template": hf.HealthScore.template()}, X, y, bootstrap=5)
    told = result.capacity(0.1)
    assert told.horizon == 90
    assert set(told.rows["model"]) >= {"template", "recency", "base_rate"}
    assert result.to_dict()["capacity"]["in_words"]["template"]
    better = told.value("template", "recall") > told.value("base_rate", "recall")
    assert better
