"""Learned weights under audit: pooled by segment, with intervals, beside a regression without prior, and gated."""

from copy import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from holdfast.errors import UsageError
from holdfast.features.indicators.curves import bands
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.indicators.sources import usage
from holdfast.features.snapshot import INDEX, Snapshot
from holdfast.models.audit import TOTAL, inference, weight_table
from holdfast.models.health import HealthScore
from holdfast.serving.proving import shifted
from holdfast.training.gate import by_dimension, publish_gate
from tests.outcome import Outcome

NAMES = {"strong": "product", "weak": "product", "useless": "relationship", "bond": "relationship", "value": "business"}


def indicator(name: str) -> Indicator:
    return Indicator(
        usage.count(days=30), name=name, dimension=NAMES[name], healthy="high", unit="points", title=name,
        curve=bands((0.0, 0), (1.0, 100)), evidence="{value}",
    )  # fmt: skip


def company(accounts: int, seed: int = 0, cutoffs: int = 6, level: float = -1.2) -> tuple[Snapshot, Outcome]:
    """Draw a company where the large keep to their bond and the small to their use; ``useless`` says nothing."""
    rng = np.random.default_rng(seed)
    days = pd.date_range("2025-01-01", periods=cutoffs, freq="90D", tz="UTC").as_unit("us")
    ids = np.repeat([f"A{i:04d}" for i in range(accounts)], cutoffs)
    index = pd.MultiIndex.from_arrays([ids, np.tile(days, accounts)], names=INDEX)
    x = pd.DataFrame(rng.uniform(size=(len(index), len(NAMES))), index=index, columns=list(NAMES))
    large = np.repeat(rng.random(accounts) < 0.5, cutoffs)
    health = np.where(large, 3 * x["bond"] + 0.5 * x["strong"], 3 * x["strong"] + 0.5 * x["bond"]) + 1.0 * x["value"]
    event = rng.random(len(index)) < -np.expm1(-np.exp(level - health))
    X = Snapshot(
        indicators=x,
        context=pd.DataFrame({"segment": np.where(large, "large", "small")}, index=index),
        exposure=pd.DataFrame(0.0, index=index, columns=[90]),
        coverage=pd.DataFrame({"all": 1.0}, index=index),
        catalog=tuple(indicator(name) for name in NAMES),
    )
    return X, Outcome(pd.DataFrame({90: event.astype(float)}, index=index))


@pytest.fixture(scope="module")
def fitted() -> tuple[HealthScore, Snapshot, Outcome]:
    X, y = company(1_500, level=0.6)
    return HealthScore(alphas=(5.0,)).fit(X, y), X, y


def test_segments_that_churned_enough_have_weights_of_their_own(fitted) -> None:
    health, X, _ = fitted
    assert set(health.segments_) == {"large", "small"}
    assert health.segments_["large"]["bond"] > 1.5 * health.segments_["small"]["bond"]
    assert health.segments_["small"]["strong"] > 1.5 * health.segments_["large"]["strong"]
    table = health.weights_of(X)
    assert table.sum(axis=1).to_numpy() == pytest.approx(1)
    assert any("segments with weights of their own: large" in one for one in health.notes)


def test_a_segment_below_the_minimum_takes_the_common_weights_and_is_told() -> None:
    X, y = company(180, level=0.6)
    health = HealthScore(alphas=(5.0,)).fit(X, y)
    assert health.learned
    assert min(health.heard_.values()) < 100
    few = [name for name, events in health.heard_.items() if events < 100]
    assert not set(few) & set(health.segments_)
    assert any("segments with the common weights, below 100 churned" in one for one in health.notes)


def test_a_segment_is_heard_by_the_rarer_outcome() -> None:
    """Where most fall silent, those that return are few, and the other way round."""
    X, y = company(400, cutoffs=1, level=0.6)
    small = (X.context["segment"] == "small").to_numpy()
    left = y.frame[90].to_numpy() == 1
    for kind in ("notice", "silence"):
        health = HealthScore(alphas=(5.0,)).fit(X, replace(y, kind=kind))
        assert health.heard_["small"] == min((left & small).sum(), (~left & small).sum())


def test_a_segment_without_a_churner_does_no_harm() -> None:
    X, y = company(400, level=0.6)
    quiet = y.frame.where((X.context["segment"] == "small").to_numpy()[:, None], 0.0)
    health = HealthScore(alphas=(5.0,)).fit(X, Outcome(quiet))
    assert health.heard_["large"] == 0
    assert health.score(X).between(0, 100).all()


def test_weights_are_printed_as_by_hand_with_intervals(fitted) -> None:
    health, X, y = fitted
    table = weight_table(health, X, y, replicates=30)
    single, total = table[table["indicator"] != TOTAL], table[table["indicator"] == TOTAL]
    assert single["weight"].sum() == pytest.approx(100)
    assert total["weight"].sum() == pytest.approx(100)
    assert total["template"].round(6).tolist() == [40.0, 30.0, 30.0]
    assert (table["low"] <= table["high"]).all()
    named = single.set_index("indicator")
    assert named.loc["strong", "low"] > named.loc["useless", "high"]
    again = weight_table(health, X, y, replicates=30)
    pd.testing.assert_frame_equal(table, again)


def test_what_says_nothing_is_found_to_deserve_nothing(fitted) -> None:
    health, X, y = fitted
    table = inference(health, X, y).set_index("indicator")
    assert table.loc[["strong", "bond", "value"], "deserves"].eq("weight").all()
    assert table.loc[["useless", "weak"], "deserves"].eq("zero").all()
    assert table.loc["value", "protects"] == pytest.approx(1.0, abs=3.5 * table.loc["value", "se"])


def test_columns_that_are_copies_cannot_be_told_apart(fitted) -> None:
    _, X, y = fitted

    doubled = replace(X, indicators=X.indicators.assign(weak=X.indicators["strong"]))
    table = inference(HealthScore(alphas=(5.0,)).fit(doubled, y), doubled, y).set_index("indicator")
    assert table.loc[["strong", "weak"], "deserves"].eq("cannot be told apart").sum() == 1


def test_the_weights_of_a_template_cannot_be_audited() -> None:
    X, y = company(150, level=0.6)
    with pytest.raises(UsageError, match="learned weights"):
        inference(HealthScore.template().fit(X, y), X, y)


def test_each_clause_of_the_gate_can_fail_alone(fitted) -> None:
    health, X, y = fitted
    template = HealthScore.template()
    gate = publish_gate(template, health, X, y)
    passed = gate.frame().set_index("clause")["passed"].tolist()
    assert passed == [True, True, False]  # the learned weights predict better and jump
    assert not gate.passed
    same = publish_gate(health, health, X, y).frame()["passed"].tolist()
    assert same == [True, False, True]  # nothing jumps and nothing is gained
    few_X, few_y = company(60, seed=3)
    few = publish_gate(template, HealthScore().fit(few_X, few_y), few_X, few_y).frame()["passed"]
    assert not few.iloc[0]


def test_weights_of_a_segment_that_jump_hold_the_gate(fitted) -> None:
    health, X, y = fitted
    other = copy(health)
    other.segments_ = {**health.segments_, "small": health.segments_["large"]}
    assert not by_dimension(other, health, X)["in_use"].ne(by_dimension(other, health, X)["new"]).any()
    moved = publish_gate(other, health, X, y).frame().set_index("clause")["found"].iloc[2]
    sides = by_dimension(other, health, X, "small")
    assert moved == (sides["new"] - sides["in_use"]).abs().max() > 10


def test_weights_that_jump_beside_those_in_use_are_named(fitted) -> None:
    health, X, _ = fitted
    other = copy(health)
    other.weights_ = health.weights_[::-1].set_axis(health.weights_.index)
    sides = by_dimension(other, health, X)
    assert sides.sum().tolist() == pytest.approx([100.0, 100.0])
    far = (sides["new"] - sides["in_use"]).abs() > 10
    words = shifted(other, health, X)["weights_shift"]["in_words"]
    assert far.any()
    assert [name for name in sides.index if f"{name} " in words] == sides.index[far].tolist()
    assert shifted(health, health, X)["weights_shift"]["in_words"] == ""
    assert shifted(HealthScore.template(), health, X) == shifted(None, health, X) == {}


def test_the_mix_of_bands_is_held_against_the_one_of_training(fitted) -> None:
    health, X, _ = fitted

    same = health.mix(X)
    assert same["change"].to_numpy() == pytest.approx(0)
    assert same["reference"].sum() == pytest.approx(1)
    assert same.loc["green", "reference"] == pytest.approx(0.2, abs=0.02)
    assert same.loc["red", "reference"] == pytest.approx(0.2, abs=0.02)
    worse = health.mix(replace(X, indicators=X.indicators - 0.15))
    assert worse.loc["green", "change"] < -0.05
    assert worse.loc["red", "change"] > 0.05
