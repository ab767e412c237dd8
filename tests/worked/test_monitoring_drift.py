"""Drift: what is kept of training, what is told of a day, and what it does to scores, reckoned by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from benchmarks.drift import company, heard
from holdfast.errors import BundleError
from holdfast.features.snapshot import Snapshot
from holdfast.serving.workspace import canonical_json
from holdfast.training.monitoring import Effect, Impact, Reference, drift
from holdfast.training.monitoring.drift import LEVEL
from holdfast.training.monitoring.impact import put_back
from holdfast.training.monitoring.monitor import drifted
from tests.monitored import snapshot

NAN = float("nan")


def test_values_shares_and_gaps_are_kept_as_counted() -> None:
    kept = Reference.of(snapshot([[0, 0, 1, NAN], [0, 1, 1, 1], [0, 0, 0, 1]])).signs["sign"]
    assert kept.edges.tolist() == [0, 1]
    assert kept.below.tolist() == pytest.approx([6 / 11, 1])
    assert kept.missing == pytest.approx(1 / 12)
    assert kept.accounts == pytest.approx(11**2 / (9 + 9 + 9 + 4))  # rows of one account are not four accounts
    assert kept.median == 0.0


@pytest.mark.parametrize(
    ("zeros", "unsteady"),
    [((1, 2, 3), 0.0), ((0, 2, 4), 0.75)],  # a quarter up and down is what drawing four accounts does
)
def test_what_goes_up_and_down_from_day_to_day_is_usual(zeros: tuple[int, ...], unsteady: float) -> None:
    X = snapshot([[0.0] * count + [1.0] * (4 - count) for count in zeros])
    assert Reference.of(X).signs["sign"].unsteady == pytest.approx(unsteady)


def test_a_reference_comes_back_to_the_last_bit() -> None:
    past, today = company(60, 1)
    kept = Reference.of(past)
    again = Reference.from_dict(json.loads(canonical_json(kept.to_dict())))
    assert canonical_json(again.to_dict()) == canonical_json(kept.to_dict())
    pd.testing.assert_frame_equal(drift(today, again), drift(today, kept))


def _spoil(told: dict[str, Any], how: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    copied: dict[str, Any] = json.loads(json.dumps(told))
    how(copied["signs"]["sign"])
    return copied


@pytest.mark.parametrize(
    "how",
    [
        lambda one: one["edges"].reverse(),
        lambda one: one["below"].reverse(),
        lambda one: one["below"].pop(),
        lambda one: one.update(missing=1.5),
        lambda one: one.update(below=[0.5, 1.5]),
        lambda one: one.update(unsteady=NAN),
    ],
)
def test_a_reference_whose_parts_do_not_fit_is_refused(how: Callable[[dict[str, Any]], None]) -> None:
    told = Reference.of(snapshot([[0, 0, 1, 1]] * 3)).to_dict()
    with pytest.raises(ValueError, match="shares"):
        Reference.from_dict(_spoil(told, how))


def test_a_reference_of_a_later_version_is_refused_by_name() -> None:
    told = Reference.of(snapshot([[0, 1]])).to_dict() | {"version": 2}
    with pytest.raises(BundleError, match="version 1, found version 2"):
        Reference.from_dict(told)


@pytest.mark.parametrize("world", [{}, {"sway": 0.1}, {"renewed": True}])
def test_companies_without_drift_seldom_hear_of_any(world: dict[str, Any]) -> None:
    companies = 40
    alarms = sum(bool(heard(80, seed, **world)["drifts"].any()) for seed in range(companies))
    assert alarms <= binom.ppf(0.999, companies, LEVEL)


def _moved(X: Snapshot, sign: str, how: Callable[[pd.Series], pd.Series]) -> Snapshot:
    return replace(X, indicators=X.indicators.assign(**{sign: how(X.indicators[sign])}))


def _lose(values: pd.Series) -> pd.Series:
    return values.where(np.arange(len(values)) % 5 > 1)


PLANTED: dict[str, tuple[Callable[[Snapshot], Snapshot], tuple[str, str]]] = {
    "a shift": (lambda X: _moved(X, "sign_0", lambda one: one + 1.0), ("sign_0", "spread")),
    "a unit": (lambda X: _moved(X, "sign_6", lambda one: one * 100), ("sign_6", "unit")),
    "a gap": (lambda X: _moved(X, "sign_5", _lose), ("sign_5", "missing")),
    "a word": (
        lambda X: replace(X, context=X.context.assign(plan=X.context["plan"].where(np.arange(len(X)) % 8 > 0, "gold"))),
        ("plan", "category"),
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_told_by_its_name_and_nothing_else_is(name: str) -> None:
    plant, expected = PLANTED[name]
    past, today = company(600, 5)
    assert not drift(today, Reference.of(past))["drifts"].any()
    found = drift(plant(today), Reference.of(past))
    assert found.loc[found["drifts"], ["sign", "kind"]].to_numpy().tolist() == [list(expected)]


def test_three_days_are_needed_to_know_what_is_usual() -> None:
    now = snapshot([[9.0] * 50])
    assert drift(now, Reference.of(snapshot([[float(i) for i in range(50)]] * 2))).empty
    assert drift(now, Reference.of(snapshot([[float(i) for i in range(50)]] * 3)))["drifts"].any()


def _banded(X: Snapshot) -> Any:
    return np.where(X.indicators.iloc[:, 0] > 2, "red", "green").astype(object)


def _impact(now: Snapshot, reference: Reference, calls: int, chance: Callable[[Snapshot], Any] | None = None) -> Impact:
    asked = chance or (lambda X: X.indicators["sign"].to_numpy() / 10)
    return Impact(now, reference, asked, _banded, np.ones(len(now)), calls)


def test_the_effect_is_what_the_model_says_otherwise() -> None:
    reference = Reference.of(snapshot([[1, 2, 3, 4]] * 3))
    found = _impact(snapshot([[2, 4, 6, 8]]), reference, calls=1).of([("sign", "spread")])
    assert (found.change, found.share, found.queue) == pytest.approx((0.25, 1.0, 0.0))  # 0.5 for 0.25; the first stays
    assert found.bands == 0.25  # the second would be at 2, and green


def test_the_queue_tells_who_would_not_stand_there() -> None:
    reference = Reference.of(snapshot([[1, 1, 1, 1]] * 3))
    told = {"a0": 0.2, "a1": 0.3, "a2": 0.0, "a3": 0.0}

    def chance(X: Snapshot) -> Any:
        base = np.array([told[one] for one in X.index.get_level_values("account_id")])
        return base + X.indicators["sign"].to_numpy() / 10

    found = _impact(snapshot([[1, 1, 9, 9]]), reference, 2, chance).of([("sign", "spread")])
    assert found.queue == 1.0  # a2 and a3 stand there; a0 and a1 would


def test_a_sign_without_a_say_comes_last_however_far_it_went() -> None:
    past, today = company(400, 7)
    today = _moved(_moved(today, "sign_0", lambda one: one + 9), "sign_5", lambda one: one + 0.8)
    reference = Reference.of(past)

    def chance(X: Snapshot) -> Any:
        return 1 / (1 + np.exp(-X.indicators["sign_5"].to_numpy()))

    def band(X: Snapshot) -> Any:
        return np.where(X.indicators["sign_5"] > 0, "red", "green")

    asked = Impact(today, reference, chance, band, np.ones(len(today)), 20)
    ranked = asked.ranked(drift(today, reference))
    assert ranked["sign"].tolist() == ["sign_5", "sign_0"]
    assert ranked["distance"].tolist() == sorted(ranked["distance"])  # the other way round by distance
    assert ranked["share"][1] == ranked["queue"][1] == 0.0


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(-3, 6), min_size=4, max_size=40))
def test_who_has_not_moved_is_left_where_it_is(values: list[int]) -> None:
    now = snapshot([values])
    back = put_back(now, Reference.of(snapshot([values] * 3)), [("sign", "spread")])
    assert back.indicators["sign"].tolist() == values


def test_what_is_missing_more_often_is_filled_in_and_what_is_missing_less_is_taken_away() -> None:
    whole, half = [1.0, 2.0, 3.0, 4.0], [1.0, NAN, 3.0, NAN]
    more = put_back(snapshot([half]), Reference.of(snapshot([whole] * 3)), [("sign", "missing")]).indicators["sign"]
    assert more.iloc[[0, 2]].tolist() == [1.0, 3.0]
    assert sorted(more.iloc[[1, 3]]) == [1.0, 3.0]  # the first and the third quarter of training
    less = put_back(snapshot([whole]), Reference.of(snapshot([half] * 3)), [("sign", "missing")]).indicators["sign"]
    assert less.isna().sum() == 2


def test_a_word_that_training_did_not_know_becomes_one_that_it_knew() -> None:
    past = snapshot([[0, 0]] * 3, plan=["a", "b"] * 3)
    now = snapshot([[0, 0, 0]], plan=["a", "new", "new"])
    back = put_back(now, Reference.of(past), [("plan", "category")])
    assert sorted(back.context["plan"]) == ["a", "a", "b"]
    assert now.context["plan"].tolist() == ["a", "new", "new"]


def _row(kind: str, size: float) -> dict[str, Any]:
    told = {"sign": "seats", "kind": kind, "before": 0.1, "now": 0.4, "distance": 0.3, "change": size / 10}
    return told | {"share": size, "queue": size / 2, "bands": 0.0}


@pytest.mark.parametrize(
    ("kind", "size", "codes"),
    [
        ("spread", 0.1, ["HF081"]),
        ("spread", 0.09, ["HF082"]),
        ("missing", 0.2, ["HF084"]),
        ("category", 0.2, ["HF085"]),
        ("unit", 0.0, ["HF086"]),
        ("unit", 0.5, ["HF086", "HF083"]),
    ],
)
def test_each_kind_has_its_code_and_the_effect_its_weight(kind: str, size: float, codes: list[str]) -> None:
    found = list(drifted(pd.DataFrame([_row(kind, size)]), Effect(size / 10, size, 0.0), 50, matters=0.1, stops=0.5))
    assert [one.code for one in found] == codes
    assert found[0].count == (1 if codes == ["HF082"] else 15)  # signs, or accounts


def test_signs_without_effect_are_told_together() -> None:
    rows = [_row("spread", 0.01) | {"sign": f"sign_{i}"} for i in range(7)]
    (found,) = drifted(pd.DataFrame(rows), Effect(0.0, 0.07), 50, matters=0.1, stops=0.5)
    assert (found.code, found.count) == ("HF082", 7)
    assert found.message == "sign_0, sign_1, sign_2, sign_3, sign_4 and 2 more"
