"""The backtest with models that know the answer, guess, refuse, or watch what they are given."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from itertools import pairwise
from threading import Barrier
from typing import Self

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator

import holdfast as hf
from holdfast.errors import DataError, TooFewEvents, UsageError
from holdfast.features.history import History
from holdfast.features.snapshot import Snapshot
from holdfast.models.outcomes import Outcomes
from holdfast.serving.evidence import MODELS
from holdfast.training import bootstrap
from holdfast.training import verdict as verdict_module
from holdfast.training.backtest import Backtest, backtest
from holdfast.training.contest import Scores
from holdfast.training.judging import judge
from holdfast.training.labels import Churn, Labels, label
from holdfast.training.verdict import Comparison, verdict

mpl.use("Agg")
START, MONTHS, ACCOUNTS = pd.Timestamp("2023-01-01"), 24, 150


@cache
def company(exits: int = 100) -> tuple[Snapshot, Labels]:
    """Accounts that leave at random, and a snapshot with a column that knows it and one that does not."""
    rng = np.random.default_rng(0)
    names = [f"a{i:03d}" for i in range(ACCOUNTS)]
    left = pd.DataFrame({"account_id": rng.choice(names, exits, replace=False)})
    left["notice_at"] = START + pd.to_timedelta(rng.integers(40, 30 * MONTHS, exits), unit="D")
    frames = {
        "accounts": pd.DataFrame({"account_id": names, "valid_from": START}),
        "usage": pd.DataFrame({"account_id": names, "occurred_at": START}),
        "churn": left,
    }
    end = START + pd.Timedelta(days=30 * MONTHS)
    history = History.from_frames(frames, end=end)
    y = label(history, pd.date_range(START + pd.Timedelta(days=30), end, freq="30D", tz="UTC"))
    ahead = (y.event_at - y.frame.index.get_level_values("cutoff")).dt.total_seconds() / 86_400
    hint = (1 / (1 + ahead.fillna(1_000) / 60)).to_numpy() + rng.normal(0, 0.1, len(y))
    indicators = pd.DataFrame({"hint": hint, "noise": rng.normal(size=len(y))}, index=y.frame.index)
    empty = pd.DataFrame(index=y.frame.index)
    return Snapshot(indicators, empty, pd.DataFrame(0, index=y.frame.index, columns=[30, 60, 90]), empty, ()), y


class Reads(BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Predict the base rate of training, shifted by one column."""

    def __init__(self, column: str | None = None, least: int = 0) -> None:
        self.column = column
        self.least = least

    def fit(self, X: Snapshot, y: Outcomes) -> Self:
        SEEN.append((X, y, None))
        if (y.frame == 1).any(axis=1).sum() < self.least:
            raise TooFewEvents("labels", "more", "few", "wait")
        self.rate_ = y.frame.mean().clip(0.01, 0.99)
        return self

    def predict_proba(self, X: Snapshot) -> pd.DataFrame:
        SEEN.append((X, None, self))
        shift = X.indicators[self.column] if self.column else pd.Series(0.0, index=X.index)
        logit = np.log(self.rate_ / (1 - self.rate_))
        return pd.DataFrame({h: 1 / (1 + np.exp(-logit[h] - 3 * (shift - shift.mean()))) for h in self.rate_.index})


SEEN: list[tuple[Snapshot, Outcomes | None, Reads | None]] = []
BASELINES = dict.fromkeys(verdict_module.BASELINES, Reads()) | {"age": Reads("noise")}


@cache
def result() -> Backtest:
    X, y = company()
    SEEN.clear()
    return backtest({"oracle": Reads("hint"), "noise": Reads("noise"), **BASELINES}, X, y, bootstrap=60, progress=False)


def test_what_knows_the_answer_beats_the_baselines_and_what_does_not_does_not() -> None:
    table = result().table()
    assert (table.xs("oracle", level="model")["auc"] > 0.8).all()
    assert ((table.xs("noise", level="model")["auc"] - 0.5).abs() < 0.12).all()
    assert (table.xs("base_rate", level="model")["skill"] == 0).all()
    beats = {(one.model, one.horizon) for one in result().comparisons if one.beats}
    assert {("oracle", h) for h in (30, 60, 90)} <= beats
    assert result().verdict.startswith("Oracle beats")


def test_every_model_is_measured_on_the_same_rows_with_its_interval() -> None:
    tidy = result().metrics()
    counts = tidy[tidy["metric"].isin(["n", "events"])].groupby(["horizon", "metric"])["value"].nunique()
    assert (counts == 1).all()
    auc = tidy[tidy["metric"] == "auc"]
    assert ((auc["low"] <= auc["value"] + 1e-12) & (auc["value"] <= auc["high"] + 1e-12)).all()


def test_no_model_receives_a_label_that_was_not_settled_on_its_day() -> None:
    result()
    fits = 0
    for (X, y, _), (ahead, _, model) in pairwise(SEEN):
        if y is None or model is None:
            continue
        fits += 1
        assert isinstance(y, Labels)
        assert X.index.equals(y.frame.index)
        instant = ahead.cutoffs.min()
        settled = y.resolved_at
        assert (settled[y.frame.notna()].max().dropna() <= instant).all()
        assert (X.index.get_level_values("cutoff") < instant).all()
        assert (y.event_at.dropna() <= instant).all()  # not even beside the labels
    assert fits >= 3 * len(BASELINES)


def test_predictions_are_out_of_time_and_for_accounts_at_risk() -> None:
    frame, (_, y) = result().frame(), company()
    assert " ".join(frame.columns) == "account_id cutoff horizon model p y health seen trained_at n_train events_train"
    assert (frame["trained_at"] <= frame["cutoff"]).all()
    assert not frame.duplicated(["account_id", "cutoff", "horizon", "model"]).any()
    rows = pd.MultiIndex.from_frame(frame[["account_id", "cutoff"]])
    assert (y.at_risk.reindex(rows) == "").all()
    for horizon in (30, 60, 90):
        part = frame[(frame["horizon"] == horizon) & (frame["model"] == "oracle")]
        labels = y.frame[horizon].reindex(pd.MultiIndex.from_frame(part[["account_id", "cutoff"]]))
        np.testing.assert_array_equal(part["y"], labels)
    retrained = frame.groupby("trained_at")["cutoff"].nunique()
    assert (retrained.iloc[:-1] == 3).all()


def test_the_result_is_plain_json() -> None:
    told = json.loads(json.dumps(result().to_dict(), allow_nan=False))
    assert set(told["models"]) == {"oracle", "noise", *BASELINES}
    ranked = {"auc", "ap", "lift_10", "n", "events"}
    of_probability = {"log_loss", "skill", "skill_context", "brier", "ece", "ece_floor", "slope", "ratio"}
    assert set(told["models"]["oracle"]["90"]) == ranked | of_probability
    assert told["models"]["base_rate"]["30"]["slope"] is None or isinstance(
        told["models"]["base_rate"]["30"]["slope"], float
    )
    assert told["cutoffs"] == sorted(told["cutoffs"])
    assert told["verdict"] == result().verdict
    assert isinstance(told["models"]["oracle"]["30"]["n"], int)
    assert len(told["intervals"]["oracle"]["30"]["auc"]) == 2


def test_the_same_seed_gives_the_same_result() -> None:
    X, y = company()
    models = {"oracle": Reads("hint"), **BASELINES}
    first, second = (backtest(models, X, y, bootstrap=20, seed=1, progress=False) for _ in range(2))
    assert first.to_dict() == second.to_dict()


def test_views_are_frames_first_and_plots_second() -> None:
    calibration, lift, lead = result().calibration_frame(), result().lift_frame(), result().lead_time_frame()
    assert calibration.groupby(["model", "horizon"])["n"].sum().nunique() == 3
    assert ((calibration["low"] <= calibration["observed"]) & (calibration["observed"] <= calibration["high"])).all()
    ends = lift[lift["share"].isin([0, 1])].groupby("share")["captured"].unique()
    assert [values.tolist() for values in ends] == [[0.0], [1.0]]
    share = lead.pivot(index="weeks", columns="model", values="share")
    np.testing.assert_allclose(share["base_rate"], 0.2)
    assert share.loc["1-4", "oracle"] > 0.8
    axes = [result().plot_calibration(), result().plot_lift(), result().plot_lead_time()]
    assert [ax.get_title() for ax in axes] == [
        "Calibration, 90 days",
        "Churn caught within 90 days",
        "How early it was seen",
    ]
    assert result().plot_lift(axes[1]) is axes[1]
    import matplotlib.pyplot as plt

    plt.close("all")


def test_a_name_cannot_write_html() -> None:
    X, y = company()
    shown = backtest({"<script>": Reads("hint"), **BASELINES}, X, y, bootstrap=0, progress=False)._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown


def test_a_model_that_needs_more_events_is_skipped_where_it_must_be() -> None:
    X, y = company()
    late = backtest({"late": Reads("hint", least=200), **BASELINES}, X, y, bootstrap=10, progress=False)
    assert 0 < len(late.skipped["late"]) < late.frame()["trained_at"].nunique()
    assert any(f.code == "HF015" and "refits had too few events" in f.message for f in late.findings)
    n = late.table()["n"].groupby("horizon").nunique()
    assert (n == 1).all()


def test_when_no_model_can_learn_it_is_refused() -> None:
    X, y = company()
    with pytest.raises(TooFewEvents, match="a refit with enough events to learn from"):
        backtest({name: Reads(least=10_000) for name in BASELINES}, X, y, progress=False)


def test_rows_must_be_shared() -> None:
    X, y = company()
    moved = X.index.set_levels(X.index.levels[1] + pd.Timedelta(days=1), level=1)
    shifted = Snapshot(*(f.set_axis(moved) for f in (X.indicators, X.context, X.exposure, X.coverage)), ())
    with pytest.raises(UsageError, match="measure and label the same cutoffs"):
        backtest({}, shifted, y, progress=False)


def test_few_events_are_said_and_not_ranked() -> None:
    X, y = company(exits=30)
    few = backtest({"oracle": Reads("hint"), **BASELINES}, X, y, bootstrap=40, progress=False)
    assert few.verdict.startswith("Not enough events at 30, 60 and 90 days: the rarer outcome was seen in ")
    assert few.verdict.endswith("Read the intervals, not the order.")
    assert "beats" not in few.verdict
    assert {f.code for f in few.findings} == {"HF015"}


def compared(model: str, low: float, horizon: int = 30, baseline: str = "age", evidence: int = 80) -> Comparison:
    return Comparison(model, baseline, horizon, low + 0.05, low, low + 0.1, evidence)


@pytest.mark.parametrize("model", verdict_module.BASELINES)
def test_the_verdict_calls_a_baseline_what_pages_call_it(model: str) -> None:
    said = verdict([compared("churn", 0.02, baseline=model)], (30,))
    assert f"beats {MODELS[model].lower()} at" in said.replace("beats the ", "beats ")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([], "Only baselines were tested."),
        ([compared("churn", -0.02), compared("health", -0.1)], "Nothing beats account age at 30 days."),
        (
            [compared("churn", -0.02, h) for h in (30, 60)] + [compared("churn", -0.02, 90, "recency")],
            "Nothing beats account age at 30 and 60 days and days since last activity at 90 days.",
        ),
        (
            [compared("churn", 0.02), compared("churn", -0.03, 60), compared("churn", 0.01, 90, evidence=20)],
            "The churn model beats account age at 30 days, by 0.070 AUC (0.020 to 0.120). "
            "Nothing beats account age at 60 days. Not enough events at 90 days: the rarer outcome was seen in 20 "
            "accounts, and 50 are needed. Read the intervals, not the order.",
        ),
        (
            [compared("health", 0.02, 30, "template"), compared("health", 0.01, 60, "template")],
            "The learned health score beats the template with contract dates at 30 and 60 days, by 0.070 AUC (0.020 to "
            "0.120) and 0.060 AUC (0.010 to 0.110).",
        ),
        ([compared("churn", float("nan"))], "No intervals were drawn, so no model is said to beat another."),
    ],
)
def test_the_verdict_in_words(found: list[Comparison], said: str) -> None:
    assert verdict(found, (30, 60, 90) if len(found) == 3 else sorted({one.horizon for one in found})) == said


def test_what_ranks_nobody_does_not_beat_baselines_that_rank_worse_than_chance() -> None:
    rng = np.random.default_rng(0)
    truth = rng.beta(1, 9, 2_000)
    y = (rng.random(2_000) < truth).astype(float)
    flat, wrong = np.full(2_000, 0.1), 1 - truth
    told = {"base_rate": flat, "age": wrong, "recency": wrong, "template": wrong, "dull": flat, "good": truth}
    account = np.arange(2_000) // 4
    weights = bootstrap.draw(500, 200, seed=0)
    values = {name: bootstrap.replicate(y, p, flat, account, weights) for name, p in told.items()}
    dull, good = Scores(values, len(y), int(y.sum()), evidence=150).compare(30)
    assert not dull.beats
    assert dull.difference == 0
    assert good.beats
    assert good.baseline == "base_rate"
    assert verdict([dull], (30,)) == "Nothing beats the base rate at 30 days."


def test_silence_is_tested_too() -> None:
    rng = np.random.default_rng(1)
    names = [f"a{i:03d}" for i in range(120)]
    days = START + pd.to_timedelta(rng.integers(0, 600, 1500), unit="D")
    frames = {
        "accounts": pd.DataFrame({"account_id": names, "valid_from": START}),
        "usage": pd.DataFrame({"account_id": rng.choice(names, 1500), "occurred_at": days}),
    }
    cutoffs = pd.date_range(START + pd.Timedelta(days=30), periods=19, freq="30D", tz="UTC")
    y = label(History.from_frames(frames), cutoffs, churn=Churn("silence"))
    empty = pd.DataFrame(index=y.frame.index)
    X = Snapshot(empty, empty, pd.DataFrame(0, index=empty.index, columns=[30, 60, 90]), empty, ())
    silent = backtest(dict.fromkeys(BASELINES, Reads()), X, y, bootstrap=5, progress=False)
    assert silent.kind == "silence"
    assert silent.lead_time_frame().empty
    assert silent.plot_lead_time().texts[0].get_text() == "silence has no day of churn"
    import matplotlib.pyplot as plt

    plt.close("all")


def test_what_counted_is_kept_of_every_refit() -> None:
    history = hf.simulate(accounts=140, seed=3, months=24)
    days = hf.cutoffs(history, every="56d")
    X, y = hf.catalog.measure(history, days), hf.label(history, days)
    found = backtest({"churn": hf.ChurnModel(), "health": hf.HealthScore()}, X, y, bootstrap=0, progress=False)
    told = found.importance_over_time()
    sums = told.groupby(["model", "trained_at"])["share"].sum()
    np.testing.assert_allclose(sums, 1.0)
    assert set(told["model"]) <= {"churn", "health"}
    moved = found.weights_moved("churn")
    assert len(moved) == told["trained_at"].nunique() - 1 > 0
    assert ((moved >= 0) & (moved <= 100)).all()
    assert found.weights_moved("nobody").empty


def test_what_lies_outside_the_data_is_refused_by_name() -> None:
    history = hf.simulate(accounts=60, seed=0, months=14)
    with pytest.raises(DataError, match="the first window is settled on 2030"):
        label(history, ["2030-01-01", "2030-02-01"])
    X, y = company()
    early = y.rows(np.asarray(y.frame.index.get_level_values("cutoff") < y.cutoffs[4]))
    with pytest.raises(TooFewEvents, match="lengthen the history, add cutoffs"):
        backtest({}, X.rows(X.index.isin(early.frame.index)), early, progress=False)


def test_a_horizon_without_a_settled_test_is_reported() -> None:
    X, y = company()
    last = y.frame.index.get_level_values("cutoff") >= result().cutoffs[0]
    frame = y.frame.copy()
    frame.loc[np.asarray(last), 90] = np.nan
    short = backtest({"oracle": Reads("hint"), **BASELINES}, X, replace(y, frame=frame), bootstrap=5, progress=False)
    assert short.dropped == {90: "no settled label in the test"}
    assert "90" not in short.to_dict()["models"]["oracle"]


def test_where_no_horizon_has_a_settled_test_it_is_refused() -> None:
    _, y = company()
    unsettled = result().frame().assign(y=np.nan).astype({"model": "category"})
    with pytest.raises(TooFewEvents, match="30 days: no settled label in the test; 60 days"):
        judge(unsettled, y, 5, 0)


def test_folds_without_an_exit_and_one_segment_only_are_no_trouble() -> None:
    X, y = company()
    calm = y.frame.index.get_level_values("cutoff") == result().cutoffs[-1]
    frame = y.frame.copy()
    frame.loc[np.asarray(calm)] = frame.loc[np.asarray(calm)].clip(upper=0.0)
    context = pd.DataFrame({"segment": "all", "contract": ""}, index=X.index)
    told = backtest({"oracle": Reads("hint"), **BASELINES}, replace(X, context=context), replace(y, frame=frame),
                    retrain_every=1, bootstrap=5, progress=False)  # fmt: skip
    assert told.verdict.startswith("Oracle beats")
    assert set(told.by_group().rows["kind"]) <= {"seen"}


def test_a_rolling_window_and_groups_of_accounts_reach_the_models() -> None:
    X, y = company()
    models = {"oracle": Reads("hint"), **BASELINES}
    rolling = backtest(models, X, y, window=200, bootstrap=5, progress=False).frame()
    whole = result().frame()
    last = whole["trained_at"].max()
    assert (
        rolling.loc[rolling["trained_at"] == last, "n_train"].max()
        < whole.loc[whole["trained_at"] == last, "n_train"].max()
    )
    apart = backtest(models, X, y, account_groups=3, bootstrap=5, progress=False).frame()
    assert not apart["seen"].any()
    assert whole["seen"].any()
    same = ["account_id", "cutoff", "horizon"]
    pd.testing.assert_frame_equal(
        apart[apart["model"] == "oracle"][same].reset_index(drop=True),
        whole[whole["model"] == "oracle"][same].reset_index(drop=True),
    )


class Meets(Reads):
    """Learn only together with another one."""

    def fit(self, X: Snapshot, y: Outcomes) -> Self:
        MEETING.wait(timeout=60)
        return super().fit(X, y)


MEETING = Barrier(2)


def test_models_that_learn_side_by_side_tell_the_same() -> None:
    X, y = company()
    late = {"late": Reads("hint", least=150)}
    one = backtest({"a": Reads("hint"), "b": Reads("noise"), **late, **BASELINES}, X, y, bootstrap=0)
    two = backtest(
        {"a": Meets("hint"), "b": Meets("noise"), **late, **BASELINES}, X, y, bootstrap=0, threads=2, progress=False
    )
    pd.testing.assert_frame_equal(one.frame(), two.frame(), check_exact=True)
    assert one.skipped["late"]
    assert one.skipped == two.skipped
