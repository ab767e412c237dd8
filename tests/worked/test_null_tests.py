"""Null tests: which leaks an exchange of labels catches and which not, and an instrument held against the truth."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import holdfast as hf
from holdfast.errors import UsageError
from holdfast.features.history import History
from holdfast.features.snapshot import Snapshot
from holdfast.models.baselines import Age
from holdfast.models.boosted import Boosted
from holdfast.training import bootstrap, mistakes
from holdfast.training.folds import folds
from holdfast.training.labels import Labels, label
from holdfast.training.metrics import NAMES, auc
from holdfast.training.null_tests import CONSTANT, EXCHANGED, TRUTH, NullTests, exchanged, noise_floor, null_tests

START, MONTHS, ACCOUNTS = pd.Timestamp("2023-01-01"), 24, 320


@cache
def company() -> tuple[Snapshot, Labels]:
    """Accounts that leave at random, beside a column that knows it, one that is a name, and one that knows nothing."""
    rng = np.random.default_rng(0)
    names = [f"a{i:03d}" for i in range(ACCOUNTS)]
    left = pd.DataFrame({"account_id": names})
    left["notice_at"] = START + pd.to_timedelta(rng.integers(40, 45 * MONTHS, ACCOUNTS), unit="D")
    end = START + pd.Timedelta(days=30 * MONTHS)
    frames = {
        "accounts": pd.DataFrame({"account_id": names, "valid_from": START}),
        "usage": pd.DataFrame({"account_id": names, "occurred_at": START}),
        "churn": left[left["notice_at"] < end],
    }
    history = History.from_frames(frames, end=end)
    y = label(history, pd.date_range(START + pd.Timedelta(days=30), end, freq="15D", tz="UTC"), (90,))
    ahead = (y.event_at - y.frame.index.get_level_values("cutoff")).dt.total_seconds() / 86_400
    hint = (1 / (1 + ahead.fillna(1_000) / 60)).to_numpy() + rng.normal(0, 0.1, len(y))
    name = rng.permutation(ACCOUNTS)[y.frame.index.codes[0]]
    signs = pd.DataFrame({"hint": hint, "name": name + 0.0, "noise": rng.normal(size=len(y))}, index=y.frame.index)
    return snapshot(signs), y


def snapshot(signs: pd.DataFrame) -> Snapshot:
    bare = pd.DataFrame(index=signs.index)
    days = signs.index.get_level_values("cutoff") - START.tz_localize("UTC")
    context = pd.DataFrame({"tenure_days": days.days.to_numpy(float)}, index=signs.index)
    return Snapshot(signs, context, pd.DataFrame(0, index=signs.index, columns=[90]), bare, ())


def without_the_hint() -> Snapshot:
    X, _ = company()
    return snapshot(X.indicators[["name", "noise"]])


@cache
def honest() -> NullTests:
    return null_tests(Boosted(), without_the_hint(), company()[1], bootstrap=40, progress=False)


def row(found: NullTests, test: str) -> dict:
    return found.frame().set_index("test").loc[test].to_dict()


def test_an_honest_backtest_passes() -> None:
    found = honest()
    assert found.frame()["test"].tolist() == [EXCHANGED, CONSTANT, TRUTH]
    assert found.ok
    assert found.failed.empty
    assert found.text() == "3 of 3 null tests passed."
    assert row(found, EXCHANGED)["events"] > 100
    assert abs(row(found, EXCHANGED)["auc"] - 0.5) < 0.05
    assert row(found, CONSTANT)["auc"] == 0.5
    assert row(found, CONSTANT)["ece"] < 1e-12
    assert abs(row(found, TRUTH)["slope"] - 1) < 0.05
    assert row(found, TRUTH)["ece"] < row(found, TRUTH)["floor"]
    assert row(found, TRUTH)["n"] >= 50_000
    json.dumps(found.to_dict(), allow_nan=False)
    assert "<table" in found._repr_html_()


def test_signs_that_were_encoded_by_the_labels_of_all_rows_are_caught() -> None:
    def encoded(y: Labels) -> Snapshot:
        rate = y.frame[90].groupby(level="account_id").transform("mean").fillna(0.0)
        return snapshot(pd.DataFrame({"rate": rate}))

    _, y = company()
    found = null_tests(Boosted(), encoded, y, bootstrap=40, progress=False)
    assert not found.ok
    assert found.failed["test"].tolist() == [EXCHANGED]
    assert row(found, EXCHANGED)["auc_low"] > 0.6
    assert "exchanged, 90 days: Labels reach from the test into learning: AUC 0." in found.text()
    unseen = null_tests(Boosted(), encoded(y), y, bootstrap=40, progress=False)
    assert unseen.ok  # encoded once and for all by the real labels, the sign says nothing of the exchanged ones


def test_a_sign_that_knows_the_future_of_its_account_is_not_caught() -> None:
    X, y = company()
    result = hf.backtest({"model": Boosted()}, X, y, baselines=(), bootstrap=0, progress=False)
    assert result.table()["auc"].iloc[0] > 0.8
    assert null_tests(Boosted(), X, y, predictions=result.frame(), bootstrap=40, progress=False).ok


@pytest.mark.parametrize(("split", "caught"), [("walked", False), ("random_rows", True), ("unpurged", True)])
def test_exchanged_labels_show_which_split_lets_them_through(split: str, caught: bool) -> None:
    X, y = without_the_hint(), exchanged(company()[1])
    plan, seed = folds(y), {"seed": 0} if split == "random_rows" else {}
    lessons = getattr(mistakes, split)(X, y, plan, "line", **seed)
    p = pd.concat([clone(Boosted()).fit(one.X, one.y).predict_proba(one.asked["line"]) for one in lessons])[90]
    known = y.frame[90].reindex(p.index)
    value = auc(known[known.notna()], p[known.notna()])
    assert (value > 0.55) == caught


def test_labels_are_exchanged_whole_and_who_is_at_risk_stays() -> None:
    names, days = list("abc"), pd.date_range("2025-02-01", periods=6, freq="30D", tz="UTC")
    frames = {
        "accounts": pd.DataFrame({"account_id": names, "valid_from": "2025-01-01"}),
        "usage": pd.DataFrame({"account_id": names, "occurred_at": "2025-01-01"}),
        "churn": pd.DataFrame({"account_id": ["a"], "notice_at": [days[2] + pd.Timedelta(days=5)]}),
    }
    y = label(History.from_frames(frames, end="2026-01-01"), days, (30, 60))
    other = exchanged(y, seed=1)
    assert other._partner in ({"a": "b", "b": "c", "c": "a"}, {"a": "c", "b": "a", "c": "b"})
    gets = next(one for one, of in other._partner.items() if of == "a")
    assert other.frame.xs(gets)[60].fillna(-1).tolist() == [0.0, 1.0, 1.0, -1.0, -1.0, -1.0]
    assert other.frame.xs("a")[60].fillna(-1).tolist() == [0.0, 0.0, 0.0, -1.0, -1.0, -1.0]
    pd.testing.assert_series_equal(other.at_risk, y.at_risk)
    assert other.event_at.xs(gets).notna().sum() == 3
    day = days[2] + pd.Timedelta(days=20)
    then = other.known(day)
    assert then.frame.xs(gets)[30].notna().tolist() == y.known(day).frame.xs("a")[30].notna().tolist()
    assert other.rows(np.ones(len(y), dtype=bool)).known(day).frame.equals(then.frame)


def test_few_events_are_not_judged() -> None:
    X, y = without_the_hint(), company()[1]
    some = np.asarray(X.index.get_level_values("account_id") < "a060")
    few = null_tests(Age(), X.rows(some), y.rows(some), bootstrap=20, progress=False)
    assert row(few, EXCHANGED)["passed"] is None
    assert "accounts, and 50 are needed." in row(few, EXCHANGED)["finding"]
    assert few.text() == "2 of 2 null tests passed. 1 could not be judged."
    assert few.to_dict()["tests"][0]["passed"] is None
    fewer = np.asarray(X.index.get_level_values("account_id") < "a008")
    told = honest_predictions().query("account_id < 'a008'")
    none = null_tests(Age(), X.rows(fewer), y.rows(fewer), predictions=told, bootstrap=20, progress=False)
    assert row(none, EXCHANGED)["finding"].startswith("Not judged: backtest: expected at least 5 accounts that churned")


@cache
def honest_predictions() -> pd.DataFrame:
    X, y = company()
    return hf.backtest({"model": Age()}, X, y, baselines=("base_rate",), bootstrap=0, progress=False).frame()


def test_an_instrument_that_errs_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y, told = *company(), honest_predictions()
    right = bootstrap.replicate

    def wrong(*given: object) -> object:
        values = right(*given)
        values[:, NAMES.index("slope")] *= 0.8
        values[:, NAMES.index("ece")] += 0.02
        return values

    monkeypatch.setattr(bootstrap, "replicate", wrong)
    found = null_tests(Age(), X, y, predictions=told, bootstrap=20, progress=False)
    assert set(found.failed["test"]) == {CONSTANT, TRUTH}
    assert "True probabilities are not found calibrated: slope 0." in found.text()


def test_predictions_are_those_of_one_model() -> None:
    X, y = company()
    told = honest_predictions().assign(model=lambda one: one["model"].astype(str).replace("model", "age"))
    with pytest.raises(UsageError, match="those of one model, found age, base_rate"):
        null_tests(Age(), X, y, predictions=told, progress=False)
    one = told[told["model"] == "age"]
    assert null_tests(Age(), X, y, predictions=one, bootstrap=10, progress=False).ok


def test_the_same_seed_gives_the_same_result() -> None:
    again = null_tests(Boosted(), without_the_hint(), company()[1], bootstrap=40, progress=False)
    pd.testing.assert_frame_equal(again.frame(), honest().frame())


def test_the_noise_floor_is_what_chance_gives() -> None:
    p = np.full(10_000, 0.2)
    one = 0.4 / np.sqrt(10_000)  # standard deviation of a rate of .2 over so many rows
    assert 2 * one < noise_floor(p) < 4 * one
    assert noise_floor(np.repeat([0.0, 1.0], 50)) == 0.0
    assert replace(honest(), rows=honest().rows.head(0)).ok is False
