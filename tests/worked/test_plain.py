"""Plain frames: the models on any table with a label, as scikit-learn's classifiers."""

import json
import warnings
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier
from sklearn.model_selection import cross_val_predict, cross_val_score
from sklearn.utils.estimator_checks import check_estimator

import holdfast as hf
from holdfast.errors import BundleError, DataError, TooFewEvents, UsageError
from holdfast.models.churn import ChurnModel
from holdfast.models.health import HealthScore
from holdfast.models.plain import PlainOutcomes, read_rows
from holdfast.models.plain_columns import Reading

MODELS = [ChurnModel, HealthScore]


def table(n: int = 800, seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "logins": rng.poisson(6, n).astype(float), "tickets": rng.poisson(2, n), "noise": rng.normal(size=n),
        "plan": rng.choice(["basic", "pro"], n), "constant": 1.0,
    })  # fmt: skip
    frame["copy"] = frame["logins"]
    frame.loc[::7, "tickets"] = np.nan
    risk = 1 / (1 + np.exp(1 + 0.5 * (frame["logins"] - 6) - 0.8 * (frame["plan"] == "basic")))
    return frame, pd.Series(np.where(rng.random(n) < risk, "left", "stays"))


@cache
def learned(make: Any) -> Any:
    """Give a model of the table, which several tests ask and none changes."""
    return make().fit(*table())


def test_the_churn_model_follows_scikit_learn() -> None:
    reason = "ten rows hold fewer than five of a class, which is refused with the counts"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_estimator(ChurnModel(), expected_failed_checks={"check_fit2d_1feature": reason})


@pytest.mark.parametrize("make", MODELS)
def test_a_frame_with_a_label_is_enough(make: Any) -> None:
    frame, y = table()
    model = learned(make)
    p = model.predict_proba(frame)
    assert p.shape == (800, 2)
    assert p.sum(axis=1) == pytest.approx(1)
    left = model.classes_.tolist().index("left")
    assert p[(y == "left").to_numpy(), left].mean() > 1.3 * p[(y == "stays").to_numpy(), left].mean()


@pytest.mark.parametrize("make", MODELS)
def test_columns_are_bound_by_name(make: Any) -> None:
    frame, _ = table()
    model = learned(make)
    turned = frame[list(frame.columns[::-1])].assign(more="ignored")
    np.testing.assert_array_equal(model.predict_proba(turned), model.predict_proba(frame))
    with pytest.raises(UsageError, match="logins"):
        model.predict_proba(frame.drop(columns="logins"))


@pytest.mark.parametrize("make", MODELS)
def test_the_order_of_columns_in_training_changes_nothing(make: Any) -> None:
    frame, y = table()
    one, other = learned(make), make().fit(frame[sorted(frame.columns, reverse=True)], y)
    np.testing.assert_allclose(one.predict_proba(frame), other.predict_proba(frame), atol=1e-9)


@pytest.mark.parametrize("make", MODELS)
def test_a_category_never_seen_reads_as_the_usual_one_and_a_missing_value_as_missing(make: Any) -> None:
    frame, _ = table()
    model = learned(make)
    odd = frame.assign(plan=["gold", None] * 400, logins=np.nan)
    assert np.isfinite(model.predict_proba(odd)).all()


@pytest.mark.parametrize("make", MODELS)
def test_one_class_few_events_infinity_and_other_lengths_are_refused(make: Any) -> None:
    frame, y = table()
    with pytest.raises(ValueError, match="one class"):
        make().fit(frame, ["stays"] * 800)
    with pytest.raises(ValueError, match="binary"):
        make().fit(frame, np.arange(800) % 3)
    with pytest.raises(TooFewEvents, match="3 churned"):
        make().fit(frame, np.arange(800) < 3)
    with pytest.raises(ValueError, match="800 rows"):
        make().fit(frame, y[:10])
    if make is ChurnModel:
        with pytest.raises(DataError, match="infinity"):
            make().fit(frame.assign(logins=np.inf), y)


def test_separable_labels_stay_finite() -> None:
    frame, _ = table()
    p = ChurnModel().fit(frame, frame["logins"] > 6).predict_proba(frame)
    assert np.isfinite(p).all()
    assert (p[:, 1].round() == (frame["logins"] > 6)).mean() > 0.99


def test_trees_take_over_where_columns_act_together() -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(4_000, 4))
    y = rng.random(4_000) < np.where(X[:, 0] * X[:, 1] > 0, 0.6, 0.05)
    model = ChurnModel().fit(X, y)
    assert model.members_.share == 1.0
    flat = rng.random(4_000) < 1 / (1 + np.exp(2 - 2 * X[:, 0]))
    assert ChurnModel().fit(X, flat).members_.share <= 0.5


@pytest.mark.parametrize("make", MODELS)
def test_models_of_frames_are_cloned_validated_and_restored(make: Any) -> None:
    frame, y = table()
    model = learned(make)
    again = type(model).from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False)))
    np.testing.assert_array_equal(again.predict_proba(frame), model.predict_proba(frame))
    assert again.feature_names_in_.tolist() == frame.columns.tolist()
    if make is ChurnModel:
        apart = cross_val_predict(clone(model), frame, y, cv=3, method="predict_proba")
        assert apart.shape == (800, 2)
        assert set(model.predict(frame)) == {"left", "stays"}


def test_a_frame_is_learned_in_log_odds_which_explanation_and_interval_share() -> None:
    """A hazard would promise certainty too soon where columns tell the classes apart."""
    frame, y = table()
    model = learned(ChurnModel)
    X = read_rows(model, frame, reset=False)
    p = model.predict_proba(frame)[:, 1]
    why = model.explain(X)
    odds = why.total.to_numpy() + why.line.calendar[:, 0]
    np.testing.assert_allclose(p, 1.0 / (1.0 + np.exp(-odds)), atol=1e-12)
    np.testing.assert_allclose(why.base + why.contributions.sum(axis=1), why.g, atol=1e-9)
    ends = model.predict_interval(X)
    assert ((ends[30, "low"] < p) & (p < ends[30, "high"])).all()
    assert p.mean() == pytest.approx((y == model.classes_[1]).mean(), abs=0.01)


def test_a_model_of_before_knows_no_other_link() -> None:
    state = learned(ChurnModel).to_dict()
    assert state["link"] == "logit"
    assert ChurnModel.from_dict({name: one for name, one in state.items() if name != "link"}).link_ == "cloglog"


def test_the_health_of_plain_rows_runs_from_0_to_100_and_falls_with_risk() -> None:
    frame, y = table()
    left = (y == "left").to_numpy()
    health = HealthScore().fit(frame, left)  # the second class is the churn
    score = health.score(frame)
    assert score.between(0, 100).all()
    assert score[left].mean() < score[~left].mean()
    weights = health.weights.set_index("indicator")["weight"]
    assert weights["logins"] + weights["copy"] > 2 * weights["noise"]


@pytest.fixture(scope="module")
def made() -> tuple[pd.DataFrame, pd.Series, ChurnModel, HealthScore]:
    frame, y = table()
    frame = frame.set_axis([f"A{place:03d}" for place in range(800)])
    return frame, y, ChurnModel().fit(frame, y), HealthScore().fit(frame, y)


def test_whatever_is_told_of_a_frame_is_told_on_its_own_index(made: Any) -> None:
    frame, _, model, health = made
    p = model.predict_proba(frame)[:, 1]
    ends = model.predict_interval(frame)
    assert ((ends[30, "low"] < p) & (p < ends[30, "high"])).all()
    for told in (ends, health.score(frame), health.dimensions(frame), health.weights_of(frame)):
        assert told.index.equals(frame.index)
    assert frame.assign(health=health.score(frame))["health"].notna().all()
    assert health.dimensions(frame)["product"].notna().all()
    np.testing.assert_allclose(health.weights_of(frame).sum(axis=1), 1.0)
    pd.testing.assert_frame_equal(
        model.explain(frame).frame(), model.explain(read_rows(model, frame, reset=False)).frame()
    )


def test_what_is_told_of_an_array_goes_by_place() -> None:
    frame, y = table(300)
    array = frame[["logins", "tickets"]].to_numpy(float)
    model, health = ChurnModel().fit(array, y), HealthScore().fit(array, y)
    for told in (
        model.predict_interval(array),
        health.score(array),
        health.dimensions(array),
        health.weights_of(array),
    ):
        assert told.index.equals(pd.RangeIndex(300))
    assert len(model.explain(array).g) == 300


@pytest.mark.parametrize("make", MODELS)
def test_a_column_is_what_it_was_in_training_whatever_type_it_comes_in(make: Any) -> None:
    frame, y = table()
    frame = frame.assign(code=np.where(np.arange(800) % 3 == 0, "1.0", np.where(np.arange(800) % 3 == 1, "2.0", None)))
    model = make().fit(frame, y)
    p = model.predict_proba(frame)
    np.testing.assert_array_equal(model.predict_proba(frame.astype(object)), p)
    np.testing.assert_array_equal(model.predict_proba(frame.assign(logins=frame["logins"].map(str))), p)
    np.testing.assert_array_equal(model.predict_proba(frame.assign(code=frame["code"].map(float))), p)
    one = frame.assign(code=1)
    np.testing.assert_array_equal(model.predict_proba(one), model.predict_proba(frame.assign(code="1.0")))
    gone = model.predict_proba(frame.assign(code=[None] * 800, plan=[None] * 800))
    np.testing.assert_array_equal(model.predict_proba(frame.assign(code=np.nan, plan=" ")), gone)
    for name in ("code", "logins", "tickets"):
        row = frame.iloc[[4]].assign(**{name: ""})
        np.testing.assert_allclose(model.predict_proba(row), model.predict_proba(row.assign(**{name: np.nan})))


@pytest.mark.parametrize("make", MODELS)
def test_what_is_no_number_where_training_had_numbers_is_named_with_its_column(make: Any) -> None:
    frame, _ = table()
    model = learned(make)
    for odd in ("abc", pd.Timestamp("2026-01-01"), "1_000"):
        with pytest.raises(DataError, match=f"column tickets.*{str(odd)[:10]}"):
            model.predict_proba(frame.astype(object).assign(tickets=[*frame["tickets"][:799], odd]))
    with pytest.raises(DataError, match="column tickets: expected real numbers"):
        model.predict_proba(frame.assign(tickets=1j))


@pytest.mark.parametrize("make", MODELS)
def test_frames_that_are_no_table_are_refused_in_training_and_after_it(make: Any) -> None:
    frame, y = table()
    model = learned(make)
    twice = pd.concat([frame, frame[["logins"]]], axis=1)
    deep = frame.set_axis(pd.MultiIndex.from_product([["a"], frame.columns]), axis=1)
    for odd, said in ((twice, "'logins' several times"), (deep, "2 levels of names"), (frame[:0], "0 rows")):
        with pytest.raises(DataError, match=said):
            make().fit(odd, y[: len(odd)])
        with pytest.raises(DataError, match=said):
            model.predict_proba(odd)
    with pytest.raises(DataError, match="column logins: expected real numbers"):
        make().fit(frame.assign(logins=1j), y)
    apart = pd.concat(
        [frame, pd.DataFrame({"more": 1, "less": 2}, index=frame.index).set_axis(["m", "m"], axis=1)], axis=1
    )
    np.testing.assert_array_equal(model.predict_proba(apart), model.predict_proba(frame))


@pytest.mark.parametrize("make", MODELS)
def test_a_column_that_is_wholly_missing_is_borne_in_training_and_after_it(make: Any) -> None:
    frame, y = table()
    for nothing in (np.nan, None, pd.NaT):
        model = make().fit(frame.assign(gone=nothing), y)
        p = model.predict_proba(frame.assign(gone=None))
        np.testing.assert_array_equal(p, model.predict_proba(frame.assign(gone=np.nan)))
    assert np.isfinite(model.predict_proba(frame.assign(gone=np.nan, logins=None))).all()


@pytest.mark.parametrize("grid", [(), (np.nan,), (-1.0, 3.0), (np.inf,), "3", 3.0])
def test_strengths_that_are_none_are_refused(grid: Any) -> None:
    frame, y = table(300)
    with pytest.raises(UsageError, match="ChurnModel, lambdas"):
        ChurnModel(lambdas=grid).fit(frame, y)
    with pytest.raises(UsageError, match="HealthScore, alphas"):
        HealthScore(alphas=grid).fit(frame, y)


def test_an_interval_needs_a_share(made: Any) -> None:
    frame, _, model, _ = made
    for level in ("0.9", None, 90, True):
        with pytest.raises(UsageError, match="a share between 0 and 1"):
            model.predict_interval(frame, level)


@pytest.fixture(scope="module")
def measured() -> tuple[Any, Any]:
    history = hf.simulate(accounts=120, seed=0, months=14)
    days = hf.cutoffs(history, every="56d")
    return hf.catalog.measure(history, days), hf.label(history, days, horizons=(30,))


def test_rows_and_labels_that_do_not_belong_together_are_refused(measured: Any) -> None:
    X, y = measured
    frame, _ = table(300)
    for make in (*MODELS, hf.ExpansionModel):
        for none in (y.frame, y.frame[30].to_numpy(), None):
            with pytest.raises(UsageError, match=r"the labels that hf\.label gives"):
                make().fit(X, none)
    for make in MODELS:
        with pytest.raises(UsageError, match="labels of one"):
            make().fit(frame, y)
        with pytest.raises(UsageError, match="a Snapshot, as in training"):
            make().fit(X, y).predict_proba(frame)


def test_a_sign_that_a_snapshot_lacks_is_named(measured: Any) -> None:
    X, y = measured
    less = replace(X, indicators=X.indicators.drop(columns="usage_30"))
    for health in (HealthScore.template(), HealthScore.template().fit(X, y)):
        for told in (health.score, health.dimensions):
            with pytest.raises(BundleError, match="'usage_30'"):
                told(less)
    with pytest.raises(BundleError, match="'usage_30'"):
        HealthScore().fit(less, y)


def test_a_health_score_is_a_classifier_of_frames(made: Any) -> None:
    frame, y, _, health = made
    assert is_classifier(HealthScore())
    auc = cross_val_score(HealthScore(), frame, y == "left", cv=3, scoring="roc_auc")
    assert (auc > 0.65).all()
    assert set(health.predict(frame)) == {"left", "stays"}
    assert (health.predict(frame) == y).mean() > 0.6


def told(model: Any) -> str:
    return "\n".join(model.notes)


def test_texts_that_read_as_numbers_are_numbers_and_a_few_of_them_are_levels() -> None:
    frame, y = table()
    amount = frame["logins"] * 29.85 + np.arange(800) / 100
    fed = frame.assign(amount=amount.where(amount.index % 9 > 0))
    written = fed["amount"].map("{:.2f}".format).where(fed["amount"].notna(), " ")
    for make in MODELS:
        by_number = make().fit(fed, y)
        for values in (written, written.astype(object), fed["amount"].map(Decimal)):
            model = make().fit(fed.assign(amount=values), y)
            np.testing.assert_allclose(model.predict_proba(fed), by_number.predict_proba(fed), atol=1e-3)
            assert "amount" not in told(model)
    model = ChurnModel().fit(fed.assign(amount=[str(place % 20) for place in range(800)]), y)
    assert len(model.encoding_.levels["amount"]) == 11


def test_columns_that_say_nothing_are_named_with_the_reason() -> None:
    frame, y = table()
    frame["id"], frame["same"], frame["gone"] = [f"u{place}" for place in range(800)], "x", None
    frame["since"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(800), unit="h")
    frame["lasted"] = frame["since"] - pd.Timestamp("2025-01-01")
    expected = (
        "not used: constant (always the same, or nearly), id (text: no value but one is in 1 row of 100), "
        "same (always the same, or nearly), gone (always missing), "
        "since (dates: give the days up to a day instead), lasted (durations: give them as a number of days instead)"
    )
    for make in MODELS:
        model = make().fit(frame, y)
        assert model.notes[-1] == expected
        assert make.from_dict(json.loads(json.dumps(model.to_dict()))).notes == model.notes
    unlearned = HealthScore.template().fit(frame, y)
    assert "plan (text: it counts only beside weights that are learned)" in unlearned.notes[-1]


@pytest.mark.parametrize("make", [*MODELS, hf.ExpansionModel])
def test_notes_of_a_frame_say_what_the_event_is_and_count_the_rarer_class(make: Any) -> None:
    frame, _ = table(700)
    frame = frame.assign(contract=frame["plan"])
    stayed = np.arange(700) % 23 == 0
    model = make().fit(frame, np.where(stayed, "stayed", "churned"))
    assert model.notes[0].startswith("the event is 'stayed', the second of the classes in order")
    for label, rare in ((np.where(stayed, "stayed", "churned"), "'stayed'"), (~stayed, "False"), (1 - stayed, "0")):
        notes = told(make().fit(frame, label))
        assert f"{stayed.sum()} rows are of class {rare} in training" in notes
        for wrong in ("accounts", "churned account", "template", "renewal"):
            assert wrong not in notes
        assert ("the event is" in notes) == (rare == "'stayed'")


def test_notes_of_a_history_count_the_rarer_outcome_in_its_words(measured: Any) -> None:
    X, y = measured
    for make in MODELS:
        assert "accounts churned in training" in told(make().fit(X, y))
        turned = PlainOutcomes(1.0 - y.frame, np.array([0, 1]))
        assert "accounts stayed in training" in told(make().fit(X, turned))
    grown = PlainOutcomes(y.frame, np.array([0, 1]), kind="expansion")
    notes = told(hf.ExpansionModel().fit(X, grown))
    assert "accounts expanded in training" in notes
    assert "boosted trees join where 200 accounts expanded" in notes
    assert "churned" not in notes
    with pytest.raises(TooFewEvents, match="0 expanded"):
        hf.ExpansionModel().fit(X, PlainOutcomes(0.0 * y.frame, np.array([0, 1]), kind="expansion"))


def test_few_rows_and_segments_of_a_named_class_go_by_its_name() -> None:
    frame, y = table()
    for make in MODELS:
        with pytest.raises(TooFewEvents, match="797 of 'churned', 3 of 'stayed'"):
            make().fit(frame, np.where(np.arange(800) < 3, "stayed", "churned"))
    notes = told(HealthScore().fit(frame.assign(segment=frame["plan"]), y))
    assert "of class 'stays')" in notes
    assert "churned" not in notes


def test_a_frame_that_no_health_can_be_read_from_is_refused() -> None:
    frame, y = table()
    with pytest.raises(DataError, match=r"numbers that vary.*none among constant, plan"):
        HealthScore().fit(frame[["plan", "constant"]], y)
    with pytest.raises(DataError, match="column noise: expected a number"):
        learned(ChurnModel).predict_proba(frame.assign(noise=pd.Timestamp("2026-01-01")))


def test_codes_with_leading_zeros_are_no_amounts() -> None:
    codes = pd.DataFrame(
        {"post": [f"{place:05d}" for place in range(40)], "paid": [f"{place}.5" for place in range(40)]}
    )
    assert Reading.learn(codes).kinds == {"post": "text", "paid": "number"}
