"""Lots, power, effect and regret, with numbers reckoned by hand or by other formulas."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_effectsize

from holdfast.errors import UsageError
from holdfast.training.queue.lots import draw_lots
from holdfast.training.queue.power import LONGEST, power
from holdfast.training.queue.regret import Regret, regret
from holdfast.training.queue.uplift import uplift

DAYS = pd.to_datetime(["2025-01-01", "2025-02-01"], utc=True)


def test_the_same_run_draws_the_same_lots_and_another_run_others() -> None:
    p = pd.Series(np.linspace(0.9, 0.1, 40), index=[f"A{place:02d}" for place in range(40)])
    first = draw_lots(p, 0.2, "run 1")
    pd.testing.assert_series_equal(draw_lots(p, 0.2, "run 1"), first)
    assert not draw_lots(p, 0.2, "run 2").equals(first)
    assert int(first.sum()) == 8


def test_every_account_has_exactly_the_stated_chance_in_whole_and_in_broken_blocks() -> None:
    p = pd.Series([0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.01], index=list("abcdefg"))  # blocks of four and of three
    runs = 4000
    held = np.mean([draw_lots(p, 0.3, f"run {run}").to_numpy() for run in range(runs)], axis=0)
    assert np.abs(held - 0.3).max() < 4 * math.sqrt(0.3 * 0.7 / runs)


def test_nobody_is_left_alone_by_a_share_that_is_none() -> None:
    for share in (0.0, 0.6, -0.1):
        with pytest.raises(UsageError, match="draw_lots"):
            draw_lots(pd.Series([0.5], index=["a"]), share, "run")


def test_the_decisions_needed_have_the_power_and_one_less_has_not() -> None:
    found = power(base=0.5, points=10, weekly=20, horizon=90)
    half = found.rows.set_index("share").loc[0.5]
    assert half["held_out"] == 388  # 2 (1.95996 + 0.84162)^2 / (2 asin sqrt .5 - 2 asin sqrt .4)^2 = 387.2
    assert half["called"] == 387  # 2 x 387.2 = 774.3 decisions
    assert half["weeks"] == math.ceil(775 / 20) + 13
    tenth = found.rows.set_index("share").loc[0.1]
    size = proportion_effectsize(0.5, 0.4)
    reached = [NormalIndPower().power(size, n, 0.05, 9) for n in (tenth["held_out"] - 1, tenth["held_out"])]
    assert reached[0] < 0.8 <= reached[1]
    assert "52 weeks at best, with 50% left alone" in found.text()


@pytest.mark.parametrize(
    ("base", "points", "weekly", "why"),
    [
        (0.1, 12, 20, "only 10.0% would leave"),
        (0.1, 2, 0, "nobody enters"),
        (0.1, 1, 5, f"{LONGEST} are the most"),
        (0.002, 0.0002, 5, f"{LONGEST} are the most"),
        (0.2, 0, 20, "none to be shown"),
        (0.0, 0, 20, "none to be shown"),
    ],
)
def test_what_never_could_be_shown_is_not_promised(base: float, points: float, weekly: float, why: str) -> None:
    found = power(base, points, weekly, 90)
    assert found.rows["weeks"].isna().all()
    assert "cannot be shown" in found.text()
    assert why in found.text()
    json.dumps(found.to_dict(), allow_nan=False)


def trials(called: int, left_called: int, held: int, left_held: int, chance: float = 0.9) -> pd.DataFrame:
    left = [1.0] * left_called + [0.0] * (called - left_called) + [1.0] * left_held + [0.0] * (held - left_held)
    frame = pd.DataFrame({"called": [True] * called + [False] * held, "propensity": chance, "left": left})
    return frame.assign(helped=frame["called"])


def test_the_difference_of_one_lot_has_newcombes_interval() -> None:
    found = uplift(trials(400, 60, 100, 30), 90)
    low, high = confint_proportions_2indep(30, 100, 60, 400, method="newcomb", compare="diff")
    assert found.points == pytest.approx(15.0)
    assert (found.low, found.high) == pytest.approx((100 * low, 100 * high))
    assert "+15.0 points for the calls" in found.text()
    assert "Chance alone" not in found.text()


def test_lots_of_different_chance_are_compared_each_with_itself() -> None:
    # 80 of 100 in the first lot leave in both arms, 10 of 100 in the second: no effect, though the pooled rates differ
    of = pd.concat([trials(180, 144, 20, 16, 0.9), trials(100, 10, 100, 10, 0.5)])
    found = uplift(of, 90)
    assert found.points == pytest.approx(0.0)
    assert found.low < 0 < found.high
    assert "Chance alone" in found.text()


def test_the_shares_told_differ_by_the_difference_told() -> None:
    # more leave where most are called, so the plain shares say 16.5 % of the called and 14.3 % of the others
    of = pd.concat([trials(180, 36, 20, 5, 0.9), trials(50, 2, 50, 5, 0.5)])
    found = uplift(of, 90)
    assert found.arms["rate"].tolist() == pytest.approx([38 / 230, 10 / 70])
    shares = found.arms["standardised"]
    assert 100 * (shares["held_out"] - shares["called"]) == pytest.approx(found.points)
    assert f"Of 230 on the list {shares['called']:.1%} left within 90 days, of 70 left alone by lot" in found.text()
    assert "weighed alike in both shares" in found.text()
    one = uplift(trials(400, 60, 100, 30), 90)
    assert one.arms["standardised"].tolist() == pytest.approx(one.arms["rate"].tolist())
    assert "weighed alike" not in one.text()
    assert uplift(trials(400, 60, 0, 0), 90).arms["standardised"].isna().all()


def test_without_a_lot_without_enough_or_with_one_arm_there_is_no_figure() -> None:
    assert "no lot was drawn" in uplift(trials(400, 60, 100, 30, 1.0), 90).text()
    assert "the outcome of 19 left alone has been seen" in uplift(trials(400, 60, 19, 9), 90).why_not
    assert "9 left in both arms" in uplift(trials(400, 5, 100, 4), 90).why_not
    assert "the outcome of 0" in uplift(trials(400, 60, 0, 0), 90).why_not
    waiting = trials(400, 60, 100, 30).assign(left=np.nan)
    found = uplift(waiting, 90)
    assert found.waiting == 500
    assert "500 decisions are still being observed" in found.text()
    json.dumps(found.to_dict(), allow_nan=False)


def test_those_left_alone_that_were_helped_all_the_same_are_told() -> None:
    of = trials(400, 60, 100, 30)
    of.loc[of.index[-5:], "helped"] = True
    assert "5 of those left alone were helped all the same" in uplift(of, 90).text()


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng, covered, runs = np.random.default_rng(0), 0, 400
    risk = np.clip(rng.beta(2, 6, 400), 0.02, 0.9)
    names = [f"A{place:03d}" for place in range(400)]
    truth = 100 * float(np.mean(risk - 0.7 * risk))
    for run in range(runs):
        held = draw_lots(pd.Series(risk, index=names), 0.2, f"run {run}").to_numpy()
        left = rng.random(400) < np.where(held, risk, 0.7 * risk)
        of = pd.DataFrame({"called": ~held, "propensity": 0.8, "left": left.astype(float), "helped": ~held})
        found = uplift(of, 90)
        covered += found.low <= truth <= found.high
    assert 0.93 <= covered / runs <= 0.99


def walked(*rows: tuple[str, int, float, float, float]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write predictions and facts of accounts: id, place of the cutoff, p, whether it left, ARR."""
    frame = pd.DataFrame(list(rows), columns=["account_id", "place", "p", "y", "arr"])
    frame = frame.assign(cutoff=DAYS[frame["place"]], horizon=90, model="churn")
    facts = frame.set_index(["account_id", "cutoff"])[["arr"]].assign(event_at=pd.NaT)
    facts["event_at"] = pd.to_datetime(facts["event_at"], utc=True)
    return frame[["account_id", "cutoff", "horizon", "model", "p", "y"]], facts


def test_what_each_ranking_would_have_caught_is_counted_by_hand() -> None:
    # a fifth of five is one call: by p it is a (10 of 160), by ARR d (0), by both b (100)
    found = regret(*walked(("a", 0, 0.9, 1, 10), ("b", 0, 0.5, 1, 100), ("c", 0, 0.1, 1, 50), ("d", 0, 0.1, 0, 300),
                           ("e", 0, 0.2, 0, 40)))  # fmt: skip
    at = found.at(0.2)
    assert at["caught"].to_dict() == pytest.approx({"value": 100 / 160, "p": 10 / 160, "arr": 0.0})
    assert at["gain"].to_dict() == pytest.approx({"value": 0.0, "p": 90 / 160, "arr": 100 / 160})
    assert found.left == 3
    assert found.text(0.3).startswith("With 20% of the accounts called at each cutoff of the backtest, the queue would")
    assert Regret.of(found.to_dict()).text() == found.text()


def test_each_cutoff_is_worked_through_by_itself_and_accounts_without_arr_are_left_out() -> None:
    predictions, facts = walked(
        ("a", 0, 0.9, 1, 100), ("b", 0, 0.8, 0, 100), ("a", 1, 0.1, 0, 100), ("b", 1, 0.2, 1, 100),
        ("x", 1, 0.9, 1, np.nan),
    )  # fmt: skip
    assert regret(predictions, facts).at(0.2)["caught"].to_dict() == pytest.approx({"value": 1.0, "p": 1.0, "arr": 0.5})


def test_where_no_revenue_left_nothing_is_said() -> None:
    found = regret(*walked(("a", 0, 0.9, 0, 10), ("b", 0, 0.5, 1, np.nan)))
    assert found.text() == ""
    assert Regret.of(found.to_dict()).rows.empty
