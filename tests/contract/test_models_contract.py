"""What every model promises: scikit-learn's conventions, binding by name, refusals with a remedy, odd histories."""

import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import check_estimator

from holdfast.errors import BundleError, DataError, HoldfastError, TooFewEvents, UsageError
from holdfast.features.indicators.curves import bands
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.indicators.sources import usage
from holdfast.features.snapshot import INDEX, Snapshot
from holdfast.models.baselines import Age, BaseRate, Context, Recency, ScoreAlone
from holdfast.models.churn import ChurnModel
from holdfast.models.explain import Explanation
from holdfast.models.health import HealthScore
from holdfast.models.periods import observe
from holdfast.models.ridge import ANCHORED, HazardClassifier
from tests.outcome import Outcome

KEPT: tuple[Callable[[], Any], ...] = (ChurnModel, HealthScore, HealthScore.template)  # what a bundle may hold
MODELS: tuple[Callable[[], Any], ...] = (*KEPT, BaseRate, Age, Recency, Context, ScoreAlone)


def catalog(names: list[str]) -> tuple[Indicator, ...]:
    return tuple(
        Indicator(
            usage.count(days=30),
            name=name,
            dimension="product",
            healthy="high",
            unit="events",
            title=f"<b>{name}</b>",
            curve=bands((0.0, 0), (10.0, 100)),
            evidence="{value}",
        )
        for name in names
    )


def company(accounts: int = 300, cutoffs: int = 4, seed: int = 0) -> tuple[Snapshot, Outcome]:
    rng = np.random.default_rng(seed)
    n = accounts * cutoffs
    days = pd.date_range("2025-01-01", periods=cutoffs, freq="28D", tz="UTC").as_unit("us")
    ids = np.repeat([f"A{i:04d}" for i in range(accounts)], cutoffs)
    index = pd.MultiIndex.from_arrays([ids, np.tile(days, accounts)], names=INDEX)
    names = ["logins", "people", "goals"]
    values = rng.poisson(np.repeat(rng.gamma(2, 3, size=(accounts, 3)), cutoffs, axis=0)).astype(float)
    hazard = 0.5 / (1.0 + values[:, 0])
    when = rng.exponential(30.0 / hazard)
    event = np.column_stack([when <= h for h in (30, 60, 90)]).astype(float)
    context = {"contract": "monthly", "segment": "SMB", "tenure_days": rng.integers(30, 900, n), "recency_days": 1.0}
    X = Snapshot(
        indicators=pd.DataFrame(values, index=index, columns=names),
        context=pd.DataFrame(context, index=index),
        exposure=pd.DataFrame(0.0, index=index, columns=[30, 60, 90]),
        coverage=pd.DataFrame({"all": np.ones(n)}, index=index),
        catalog=catalog(names),
    )
    return X, Outcome(pd.DataFrame(event, index=index, columns=[30, 60, 90]))


def only(y: Outcome, churners: int) -> Outcome:
    """Keep the churn of the first few accounts that churned."""
    ids = y.frame.index.get_level_values("account_id")
    kept = ids[(y.frame == 1).any(axis=1)].unique()[:churners]
    return Outcome(y.frame.mul(ids.isin(kept).astype(float), axis=0))


def with_column(X: Snapshot, name: str, values: Any) -> Snapshot:
    return replace(X, indicators=X.indicators.assign(**{name: values}))


def test_hazard_classifier_follows_scikit_learn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the checks skip what the machine cannot do, and say so
        check_estimator(HazardClassifier())


def test_hazard_classifier_takes_an_offset() -> None:
    rng = np.random.default_rng(0)
    X, decisions = rng.normal(size=(8_000, 1)), rng.integers(1, 6, 8_000)
    y = rng.random(8_000) < -np.expm1(-np.exp(X[:, 0] - 2.0) * decisions)
    model = HazardClassifier().fit(X, y, offset=np.log(decisions))
    assert model.coef_.item() == pytest.approx(1.0, abs=0.07)
    assert model.intercept_ == pytest.approx(-2.0, abs=0.07)
    two, one = (model.predict_proba(X[:50], offset=np.full(50, np.log(d)))[:, 0] for d in (2, 1))
    np.testing.assert_allclose(two, one**2)


@pytest.mark.parametrize("make", MODELS)
def test_models_are_cloned_by_their_parameters_and_refuse_to_predict_unfitted(make: Callable[[], Any]) -> None:
    model, (X, y) = make(), company()
    with pytest.raises(NotFittedError):
        model.predict_proba(X)
    again = clone(model.fit(X, y))
    assert again.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        again.predict_proba(X)


@pytest.mark.parametrize("make", KEPT)
def test_models_are_restored_from_json(make: Callable[[], Any]) -> None:
    X, y = company()
    model = make().fit(X, y)
    again = type(model).from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False)))
    assert again.get_params() == {k: list(v) if isinstance(v, tuple) else v for k, v in model.get_params().items()}
    pd.testing.assert_frame_equal(again.predict_proba(X), model.predict_proba(X), check_exact=True)


@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("churners", [0, 4])
def test_too_few_events_are_refused_with_the_counts(make: Callable[[], Any], churners: int) -> None:
    X, y = company()
    with pytest.raises(TooFewEvents, match=rf"at least 5 .* found {churners} churned, 300 stayed\. Do: ") as refusal:
        make().fit(X, only(y, churners))
    assert refusal.value.exit_code == 31


@pytest.mark.parametrize("make", MODELS)
def test_a_company_whose_every_account_churned_is_refused(make: Callable[[], Any]) -> None:
    X, y = company()
    with pytest.raises(TooFewEvents, match="300 churned, 0 stayed"):
        make().fit(X, Outcome(y.frame * 0.0 + 1.0))


def test_the_ladder_of_few_events_is_said() -> None:
    X, y = company(900)
    few, some, many = (ChurnModel().fit(X, only(y, n)) for n in (20, 120, 900))
    assert "20 accounts churned in training: the template leads" in few.notes[0]
    assert [one.members_.trees is None for one in (few, some, many)] == [True, True, False]
    assert "the template leads" not in " ".join(some.notes)
    assert few.strength_ == ANCHORED


def test_columns_are_bound_by_name() -> None:
    X, y = company()
    for model in (ChurnModel().fit(X, y), HealthScore().fit(X, y)):
        renamed = X.indicators.rename(columns={"logins": "login"})
        fewer = replace(X, indicators=renamed, catalog=catalog(["login", "people", "goals"]))
        with pytest.raises(BundleError, match=r"'logins' of training.*did you mean 'login'"):
            model.predict_proba(fewer)
    model = ChurnModel().fit(X, y)
    with pytest.raises(UsageError, match="also 'extra'"):
        model.predict_proba(with_column(X, "extra", 1.0))
    with pytest.raises(BundleError, match="'contract' of training"):
        model.predict_proba(replace(X, context=X.context.drop(columns="contract")))
    assert model.n_features_in_ == 3
    assert model.feature_names_in_.tolist() == ["goals", "logins", "people"]


@pytest.mark.parametrize("infinity", [np.inf, -np.inf])
def test_infinities_are_refused_in_training_and_in_scoring(infinity: float) -> None:
    X, y = company()
    bad = with_column(X, "people", X.indicators["people"].where(X.indicators["people"] > 0, infinity))
    for act in (lambda: ChurnModel().fit(bad, y), lambda: ChurnModel().fit(X, y).predict_proba(bad)):
        with pytest.raises(DataError, match="column people: expected finite values"):
            act()


def test_infinities_are_refused_in_rows_that_no_scale_is_learned_from(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = company()
    for most in ("ENOUGH", "LARGE"):
        monkeypatch.setattr(f"holdfast.models.churn.{most}", len(X) // 4)
    for account in X.index.get_level_values("account_id").unique()[:8]:
        here = X.index.get_level_values("account_id") == account
        bad = with_column(X, "people", X.indicators["people"].where(~here, np.inf))
        with pytest.raises(DataError, match="column people: expected finite values"):
            ChurnModel().fit(bad, only(y, 60))


@pytest.mark.parametrize("infinity", [np.inf, -np.inf])
@pytest.mark.parametrize("make", [HealthScore, HealthScore.template])
def test_a_health_score_refuses_infinities_wherever_it_reads_a_row(make: Callable[[], Any], infinity: float) -> None:
    X, y = company()
    bad = with_column(X, "people", X.indicators["people"].where(X.indicators["people"] > 0, infinity))
    health = make().fit(X, y)
    acts = (health.score, health.predict_proba, health.dimensions, health.mix, lambda rows: make().fit(rows, y))
    for act in acts:
        with pytest.raises(DataError, match="column people: expected finite values or missing, found infinity"):
            act(bad)
    with pytest.raises(DataError, match="column people: expected finite values"):
        HealthScore.template().score(bad)


def test_an_unseen_category_reads_as_the_most_frequent_one() -> None:
    X, y = company()
    segment = np.where(np.arange(len(X)) % 3 == 0, "ENT", "SMB")
    X = replace(X, context=X.context.assign(segment=segment))
    model = ChurnModel().fit(X, y)
    as_reference = replace(X, context=X.context.assign(segment="SMB"))
    for unseen in ("<script>", None, ""):
        strange = replace(X, context=X.context.assign(segment=unseen))
        assert model.predict_proba(strange).equals(model.predict_proba(as_reference))


@pytest.mark.parametrize("values", [np.nan, 7.0, 1e-300, 1e300])
def test_a_column_without_information_changes_nothing_and_stays_finite(values: float) -> None:
    X, y = company()
    idle = replace(with_column(X, "idle", values), catalog=(*X.catalog, *catalog(["idle"])))
    for model in (ChurnModel(), HealthScore(), HealthScore.template()):
        assert np.isfinite(model.fit(idle, y).predict_proba(idle)).all(axis=None)


def test_duplicated_columns_share_what_one_would_say() -> None:
    X, y = company()
    twin = replace(with_column(X, "twin", X.indicators["logins"]), catalog=(*X.catalog, *catalog(["twin"])))
    p = ChurnModel().fit(twin, y).predict_proba(twin)
    assert np.corrcoef(p[30], ChurnModel().fit(X, y).predict_proba(X)[30])[0, 1] > 0.97


def test_missing_values_are_their_own_information() -> None:
    X, y = company(600)
    gone = (y.frame[30] == 1) & (np.arange(len(X)) % 4 > 0)
    holes = with_column(X, "goals", X.indicators["goals"].mask(gone))
    p = ChurnModel().fit(holes, y).predict_proba(holes)[30]
    assert p[gone].mean() > 3 * p[~gone].mean()


def test_one_cutoff_is_enough() -> None:
    X, y = company(cutoffs=1)
    p = ChurnModel().fit(X, y).predict_proba(X)
    assert p[90].mean() == pytest.approx(y.frame[90].mean(), rel=0.15)


def test_a_horizon_without_labels_is_left_out() -> None:
    X, y = company()
    short = Outcome(y.frame.assign(**{"90": np.nan})[[30, 60, "90"]].set_axis([30, 60, 90], axis=1))
    for make in MODELS:
        assert make().fit(X, short).predict_proba(X).columns.tolist() == [30, 60]


def test_decisions_of_a_dropped_horizon_fall_into_the_next_interval() -> None:
    X, y = company()
    X = replace(X, exposure=X.exposure.add([1.0, 0.0, 2.0]))
    observed = observe(X, Outcome(y.frame[[60, 90]]))
    np.testing.assert_allclose(np.exp(observed.periods.exposure.offset[0]), [1.0, 2.0])


def test_an_unmeasured_horizon_is_refused() -> None:
    X, y = company()
    with pytest.raises(UsageError, match=r"measure with horizons \[45\] too"):
        ChurnModel().fit(X, Outcome(y.frame.set_axis([30, 45, 90], axis=1)))


def test_labels_of_other_rows_are_refused() -> None:
    X, y = company()
    elsewhere = Outcome(y.frame.rename(index=lambda one: f"B{one}", level="account_id"))
    with pytest.raises(UsageError, match="labels for rows of X"):
        ChurnModel().fit(X, elsewhere)


def test_intervals_after_the_event_and_beyond_the_data_end_are_not_observed() -> None:
    X, _ = company(accounts=4, cutoffs=1)
    nan = np.nan
    labels = [[1, 1, 1], [0, 1, nan], [0, nan, nan], [nan, nan, nan]]
    observed = observe(X, Outcome(pd.DataFrame(labels, index=X.index, columns=[30, 60, 90])))
    assert observed.horizons == (30, 60, 90)
    assert observed.periods.weight.tolist() == [[1, 0, 0], [1, 1, 0], [1, 0, 0]]
    assert observed.periods.event.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]


def test_for_silence_the_event_is_the_return() -> None:
    X, _ = company(accounts=3, cutoffs=1)
    labels = pd.DataFrame([[1, 1, 1], [1, 0, 0], [0, 0, 0]], index=X.index, columns=[30, 60, 90])
    observed = observe(X, Outcome(labels, "silence"))
    assert observed.periods.event.tolist() == [[0, 0, 0], [0, 1, 0], [1, 0, 0]]
    assert observed.periods.weight.tolist() == [[1, 1, 1], [1, 1, 0], [1, 0, 0]]
    assert (observed.health_sign, observed.events, observed.survivors) == (1, 2, 2)


def test_an_explanation_is_read_by_account_and_shown_inertly() -> None:
    X, y = company()
    why = ChurnModel().fit(X, y).explain(X)
    assert why.frame().columns.tolist() == [
        "account_id",
        "cutoff",
        "indicator",
        "dimension",
        "contribution",
        "value",
    ]
    assert len(why.frame()) == len(X) * 4  # three indicators and tenure, the only field of the context that varies
    table = why.account("A0007")
    assert table["contribution"].abs().is_monotonic_decreasing
    assert table.set_index("indicator")["value"]["logins"] == X.indicators["logins"]["A0007"].iloc[-1]
    assert why.importance()["share"].sum() == pytest.approx(1.0)
    assert "<b>" not in why._repr_html_()
    assert why.shap().values.shape == why.contributions.shape
    with pytest.raises(UsageError, match="did you mean 'A0007'"):
        why.account("A0007x")


def test_an_explanation_that_does_not_add_up_is_a_fault() -> None:
    X, y = company()
    why = ChurnModel().fit(X, y).explain(X)
    with pytest.raises(HoldfastError, match="contributions that add up"):
        Explanation(why.contributions, why.base + 1e-6, why.g, why.line, why.sources, X)


def test_no_rows_give_no_predictions() -> None:
    X, y = company()
    nothing = X.rows(np.zeros(len(X), dtype=bool))
    for make in MODELS:
        assert make().fit(X, y).predict_proba(nothing).shape == (0, 3)
    assert len(ChurnModel().fit(X, y).explain(nothing).frame()) == 0
