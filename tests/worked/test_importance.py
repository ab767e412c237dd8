"""Importance: four measures on later rows find what was planted, name what leaks, and mark what confuses."""

import matplotlib as mpl

mpl.use("Agg")

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

import holdfast as hf
from holdfast.errors import TooFewEvents, UsageError
from holdfast.features.history import History
from holdfast.features.snapshot import Snapshot
from holdfast.serving.importance_page import render
from holdfast.training.bootstrap import interval
from holdfast.training.importance import Importance, measures
from holdfast.training.importance.dependence import against_curves
from holdfast.training.importance.marks import AGAINST, COIN, IDLE, TOO_GOOD, UNSTEADY, marks
from holdfast.training.importance.measures import dropped, permuted, ranked, without
from holdfast.training.importance.walk import walk
from holdfast.training.labels import Labels
from holdfast.training.leaks import alone, leaks


@pytest.fixture(scope="module")
def company() -> tuple[History, Snapshot, Labels]:
    history = hf.simulate(accounts=400, seed=4, months=30)
    days = hf.cutoffs(history, every="28d")
    return history, hf.catalog.measure(history, days), hf.label(history, days)


@pytest.fixture(scope="module")
def found(company: tuple[History, Snapshot, Labels]) -> Importance:
    return hf.importance(hf.ChurnModel(), company[1], company[2], refits=2, without=2)


def test_models_are_judged_on_later_rows_alone(company: tuple[History, Snapshot, Labels]) -> None:
    _, X, y = company
    for step in walk(hf.ChurnModel(), X, y, refits=2, retrain_every=3):
        learned = y.on(step.learned[0].index).known(step.trained_at).resolved_at
        known = step.learned[1].frame.notna()
        assert (learned.where(known).stack().dropna() <= step.trained_at).all()
        assert (step.X.index.get_level_values("cutoff") >= step.trained_at).all()
        assert step.y.notna().any(axis=1).all()


def test_a_horizon_without_settled_labels_is_left_out(company: tuple[History, Snapshot, Labels]) -> None:
    step = walk(hf.ChurnModel(), company[1], company[2], refits=3, retrain_every=3)[0]
    labels = step.y.copy()
    labels[90] = np.nan
    open_ = replace(step, y=labels)
    assert open_.y[90].isna().all()
    groups = {"contract": ("contract",), "usage_30": ("usage_30",)}
    told = permuted((open_,), groups, seed=0)
    assert set(told["horizon"]) == {30, 60}
    assert told.loc[told["group"] == "contract", "lost"].iloc[-1] > 0
    assert dropped(open_, {"contract": ("contract",)})["lost"].iloc[0] != 0


def test_intervals_are_of_the_draws_alone_and_reach_as_far_as_the_rarer_outcome_allows(
    company: tuple[History, Snapshot, Labels], monkeypatch: pytest.MonkeyPatch
) -> None:
    step = walk(hf.ChurnModel(), company[1], company[2], refits=3, retrain_every=3)[0]
    asked: list[tuple[int, int | None]] = []

    def spy(drawn: np.ndarray, level: float = 0.95, evidence: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        asked.append((len(drawn), evidence))
        return interval(drawn, level, evidence)

    monkeypatch.setattr(measures, "interval", spy)
    permuted((step,), {"contract": ("contract",)}, seed=0, replicates=50)
    left = [step.y.index[step.y[horizon] == 1].get_level_values("account_id").nunique() for horizon in step.y]
    assert asked == [(50, count) for count in left]


def test_shares_add_up_and_every_view_tells_of_the_same_groups(found: Importance) -> None:
    rows = found.frame()
    assert rows["share"].sum() == pytest.approx(1.0)
    assert found.dimensions()["share"].sum() == pytest.approx(1.0)
    for view in (found.segments(), found.over_time()):
        np.testing.assert_allclose(view.groupby("part")["share"].sum(), 1.0)
        assert set(view["group"]) <= set(rows["group"])
    assert found.over_time()["part"].nunique() == len(found.refits) == 2
    lost = found.horizons()
    assert set(lost["horizon"]) == {30, 60, 90}
    assert (lost["low"] <= lost["lost"] + 1e-12).mean() > 0.95
    assert rows["refit"].notna().sum() == 2
    assert rows["named"].between(0, 1).all()
    assert (rows.loc[rows["dimension"] == "context", "named"] == 0).all()
    assert found.findings == ()
    assert found.to_dict()["groups"][0]["group"] == rows["group"][0]


def test_the_contract_is_missed_most_and_noise_is_not(found: Importance) -> None:
    rows = found.frame().set_index("group")
    assert rows["lost"].idxmax() == "contract"
    assert rows.loc["contract", "low"] > 0
    assert rows.loc["contract", "refit"] > 0
    signs = rows[rows["dimension"] != "context"]
    assert signs["lost"].abs().max() < rows.loc["contract", "lost"] / 3


def test_the_page_says_which_groups_the_model_was_fitted_without(found: Importance) -> None:
    asked = found.rows["refit"].notna()
    assert found.rows["lost"][asked].min() >= found.rows["lost"][~asked].max()
    assert "fitted without them (asked of those that lose most when exchanged;" in render(found, "")


def test_curves_and_dependence_follow_the_values(found: Importance) -> None:
    curves = found.curves().set_index("indicator")
    assert (curves["range"] >= 0).all()
    assert curves["against"].between(0, 1).all()
    told = curves[curves["told"] != ""]
    assert len(told) > 5
    name = told.index[0]
    table = found.dependence(name)
    assert table["value"].is_monotonic_increasing
    assert table["curve"].between(0, 1).all()
    with pytest.raises(UsageError, match="did you mean 'usage_30'"):
        found.dependence("usage_3")
    for ax in (found.plot(), found.plot_dependence(name)):
        assert ax.get_title()
        plt.close(ax.figure)  # type: ignore[arg-type]


def test_leaks_are_named_in_a_plain_table_and_gone_with_them() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1500, 3))
    y = (rng.random(1500) < 1 / (1 + np.exp(1.5 - 1.2 * x[:, 0]))).astype(int)
    table = pd.DataFrame(x, columns=["calls", "seats", "noise"])
    leaking = table.assign(closed=np.where(y == 1, rng.normal(5, 1, 1500), rng.normal(0, 1, 1500)))
    found = hf.importance(hf.ChurnModel(), leaking, y, without=1)
    assert [one.where for one in found.findings] == ["closed"]
    rows = found.frame().set_index("group")
    assert rows["mark"]["closed"] == TOO_GOOD
    assert rows.index[0] == "closed"
    assert "closed alone ranks churn" in found._repr_html_()
    clean = hf.importance(hf.ChurnModel(), table, y, without=3)
    rows = clean.frame().set_index("group")
    assert clean.findings == ()
    assert rows.index[0] == rows["lost"].idxmax() == rows["refit"].idxmax() == "calls"
    assert rows["low"]["calls"] > 0
    assert rows["lost"]["noise"] < rows["lost"]["calls"] / 10
    assert rows["auc_30"]["calls"] > 0.7 > 0.6 > rows["auc_30"]["noise"]
    assert found.segments().empty
    assert found.curves().empty


def test_what_is_missing_for_those_who_left_leaks_too() -> None:
    churned = np.tile([0.0, 1.0], 60)
    values = pd.DataFrame({"last_call": np.where(churned == 1, np.nan, 1.0), "logins": np.arange(120.0) % 11})
    assert [one.where for one in leaks(values, pd.DataFrame({30: churned}))] == ["last_call"]
    assert "being missing" in leaks(values, pd.DataFrame({30: churned}))[0].message
    assert np.isnan(alone(np.arange(30.0), np.repeat([0.0, 1.0], 15)))


def test_each_horizon_ranks_who_is_still_there() -> None:
    y = pd.DataFrame({30: [1.0] * 30 + [0.0] * 90, 60: [1.0] * 60 + [0.0] * 60})
    early = np.concatenate([np.zeros(30), np.ones(30), np.ones(60)])
    values = pd.DataFrame({"health": early})
    auc = ranked(values, y, {"health": 1}, rises=True).set_index("horizon")["auc"]
    assert auc[30] == 1.0
    assert auc[60] == 0.5  # of those still there none differ, although the first thirty count as churned by 60 days
    falling = ranked(values, y, {"health": -1}, rises=False).set_index("horizon")["auc"]
    assert falling[30] == 0.0
    assert falling[60] < 0.5


def test_marks_name_the_gravest_that_holds() -> None:
    row = {"share": 0.1, "lost": 0.01, "low": 0.005, "high": 0.02, "refit": np.nan, "auc_30": 0.7, "named": 0.3,
           "rank_low": 1, "rank_high": 2}  # fmt: skip
    cases = {
        "fine": {},
        "leak": {"auc_30": 0.99},
        "wrong": {},
        "coin": {"auc_30": 0.51, "low": -0.001},
        "jumpy": {"rank_high": 30},
        "idle": {"named": 0.0, "lost": -0.001, "low": -0.002, "high": -0.0005},
    }
    rows = pd.DataFrame([{**row, "group": name, **change} for name, change in cases.items()])
    curves = pd.DataFrame({"indicator": ["wrong", "fine"], "against": [0.9, 0.0], "range": [0.01, 0.4]})
    told = marks(rows, curves, {name: (name,) for name in cases}, {"leak"})
    assert told == ["", TOO_GOOD, AGAINST, COIN, UNSTEADY, IDLE]


def test_a_sign_left_out_is_out_of_every_part(company: tuple[History, Snapshot, Labels]) -> None:
    bare = without(company[1], ["usage_30", "contract"])
    assert "usage_30" not in bare.indicators
    assert "contract" not in bare.context
    assert all(one.name != "usage_30" for one in bare.catalog)
    assert len(bare) == len(company[1])


def test_too_few_events_are_refused(company: tuple[History, Snapshot, Labels]) -> None:
    _, X, y = company
    calm = y.rows((y.frame != 1).all(axis=1).to_numpy())
    with pytest.raises(TooFewEvents):
        hf.importance(hf.ChurnModel(), X, calm)


def test_curves_of_what_nobody_drew_are_left_out(found: Importance) -> None:
    names = set(against_curves(found._explained)["indicator"])
    assert not any(name.startswith("adoption_") or name.endswith("_peers") for name in names)
