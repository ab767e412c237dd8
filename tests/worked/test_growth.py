"""Growth is told only where later rows show that the model of it is better than the base rate, and then it is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import holdfast as hf
from holdfast.errors import BundleError
from holdfast.features.snapshot import Snapshot
from holdfast.serving.bundle import read_bundle, write_bundle
from holdfast.serving.growth import learn_growth
from holdfast.serving.plan import Plan, parse_plan
from holdfast.training.labels import Labels

SIGNS = ("usage_30", "days_since_usage", "open_tickets", "csat", "meetings", "days_late")
World = tuple[hf.History, Snapshot, Labels]


def plan(kind: str = "notice", bootstrap: int = 50) -> Plan:
    return parse_plan({"data": {"path": "h"}, "churn": {"kind": kind}, "backtest": {"bootstrap": bootstrap}})


@pytest.fixture(scope="module")
def world() -> World:
    history = hf.simulate(accounts=600, seed=3, months=24)
    X = hf.catalog.select(SIGNS).measure(history, hf.cutoffs(history, every="56d"))
    return history, X, hf.label(history, X.cutoffs, horizons=(30, 60, 90)).on(X.index)


def test_a_model_that_is_better_than_the_base_rate_is_kept_in_the_bundle(world: World, tmp_path: Path) -> None:
    history, X, y = world
    model, shown = learn_growth(plan(), history, X, y)
    assert model is not None
    assert shown["proven"]
    assert next(one["low"] for one in shown["figures"] if one["metric"] == "skill") > 0
    growth = hf.label(history, X.cutoffs, horizons=(30, 60, 90), churn="expansion").on(X.index)
    assert shown["base_rate"] == pytest.approx(growth.frame[90].mean(), rel=0.05)
    assert f"base rate {shown['base_rate']:.1%}" in shown["in_words"]
    health, churn = hf.HealthScore().fit(X, y), hf.ChurnModel().fit(X, y)
    said = {"churn": {"kind": "notice", "grace_days": 14}, "learned_until": history.now, "card": "card"}
    bundle = write_bundle(tmp_path, health, churn, X, expansion=model, **said)
    back = read_bundle(tmp_path, bundle.version).expansion
    assert back is not None
    pd.testing.assert_frame_equal(back.predict_proba(X), model.predict_proba(X), check_exact=True)
    without = write_bundle(tmp_path, health, churn, X, **said)
    assert without.version != bundle.version
    assert without.expansion is None
    now = X.at(X.cutoffs[-1])
    rows = hf.score(now, health, churn, history.until(now.cutoffs[0]), expansion=back).rows
    judged = (rows["score_status"] != "not_scored").to_numpy()
    told = model.predict_proba(now)[90].droplevel("cutoff").reindex(rows["account_id"]).to_numpy()
    np.testing.assert_array_equal(rows["p_expand_90"].to_numpy()[judged], told[judged])
    assert rows["p_expand_90"][~judged].isna().all()


def test_golden_rows_hold_for_growth_as_well(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history, X, y = world
    growth = hf.label(history, X.cutoffs, horizons=(30, 60, 90), churn="expansion").on(X.index)
    bundle = write_bundle(
        tmp_path, hf.HealthScore().fit(X, y), hf.ChurnModel().fit(X, y), X,
        churn={"kind": "notice", "grace_days": 14}, learned_until=history.now, card="card",
        expansion=hf.ExpansionModel().fit(X, growth),
    )  # fmt: skip
    golden = json.loads((tmp_path / bundle.version / "golden.json").read_bytes())
    assert set(golden["expansion"]) == {"30", "60", "90"}
    usual = hf.ExpansionModel.predict_proba
    monkeypatch.setattr(hf.ExpansionModel, "predict_proba", lambda self, X: usual(self, X) + 1e-6)
    with pytest.raises(BundleError, match="the results kept from training"):
        read_bundle(tmp_path, bundle.version)


def test_a_model_without_skill_is_not_served(world: World) -> None:
    history, X, y = world
    rng = np.random.default_rng(0)
    noise = pd.DataFrame(rng.normal(size=X.indicators.shape), X.indicators.index, X.indicators.columns)
    order = rng.permutation(len(X))
    context = X.context.iloc[order].set_axis(X.context.index)
    model, shown = learn_growth(plan(), history, replace(X, indicators=noise, context=context), y)
    assert model is None
    assert not shown["proven"]
    assert shown["in_words"].endswith("the scores tell no probability.")


def test_without_an_interval_nothing_is_proven(world: World) -> None:
    model, shown = learn_growth(plan(bootstrap=0), *world)
    assert model is None
    assert "no interval was drawn" in shown["in_words"]
    assert json.dumps(shown, allow_nan=False)


def test_too_few_that_grew_are_said_and_no_question_is_none(world: World) -> None:
    history, X, y = world
    some = X.index.get_level_values("account_id").isin([f"A{i:04d}" for i in range(40)])
    model, shown = learn_growth(plan(), history, X.rows(some), y.on(X.rows(some).index))
    assert model is None
    assert "oo few accounts grew" in shown["in_words"] or "are needed" in shown["in_words"]
    assert learn_growth(plan("silence"), history, X, hf.label(history, X.cutoffs, churn="silence").on(X.index)) == (
        None,
        {},
    )
