"""One account at a time: whatever a snapshot tells of a row, the row alone tells as well."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import holdfast as hf
from holdfast.errors import BundleError, DataError
from holdfast.features.snapshot import Snapshot
from holdfast.models import members
from holdfast.models.calibration import Calibration
from holdfast.models.churn import ChurnModel
from holdfast.models.health import HealthScore
from holdfast.models.members import Members
from holdfast.models.single import Row, Single

DIMENSIONS = ["product", "relationship", "business"]


@pytest.fixture(scope="module")
def learned() -> tuple[Snapshot, HealthScore, ChurnModel]:
    """Learned weights by segment, trees, a calendar and a calibration line: everything that can make a difference."""
    history = hf.simulate(accounts=400, seed=2, months=18)
    days = hf.cutoffs(history, every="56d")
    X = hf.catalog.measure(history, days)
    y = hf.label(history, days).on(X.index)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(members, "TREES_FROM", 20)
        health, model = HealthScore(alphas=(5.0,)).fit(X, y), ChurnModel(calibrate=False).fit(X, y)
    assert health.learned
    assert model.members_.trees is not None
    model.calibration_ = Calibration(slope=0.8, shift=-0.3)
    health.segments_ = {"smb": health.weights_[::2] / health.weights_[::2].sum()}
    return X.at(days[-1]), health, model


def told(X: Snapshot, health: HealthScore, model: ChurnModel) -> pd.DataFrame:
    scores = health.dimensions(X)[DIMENSIONS].assign(health=health.score(X))
    return scores.join(model.predict_proba(X).add_prefix("p"))[["health", *DIMENSIONS, "p30", "p60", "p90"]]


def test_a_row_tells_what_the_snapshot_tells(learned: tuple[Snapshot, HealthScore, ChurnModel]) -> None:
    X, health, model = learned
    single = Single(health, model, X.catalog)
    found = pd.DataFrame([single(Row.of(X, place)) for place in range(len(X))], index=X.index)
    expected = told(X, health, model)
    assert expected["health"].notna().sum() > 100
    assert (X.calendar.notna().any(axis=1)).sum() > 100
    assert list(found) == list(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_so_does_a_row_with_whatever_values(
    learned: tuple[Snapshot, HealthScore, ChurnModel], data: st.DataObject
) -> None:
    X, health, model = learned
    X = X.rows(np.arange(len(X)) < 3)
    number = st.one_of(st.just(float("nan")), st.sampled_from([0.0, 1.0, 100.0]), st.floats(-1e12, 1e12))
    values = data.draw(st.lists(number, min_size=X.indicators.size, max_size=X.indicators.size))
    table = np.array(values).reshape(X.indicators.shape)
    coverage = data.draw(st.sampled_from([float("nan"), 0.0, 0.25, 0.7]))
    segment = data.draw(st.sampled_from([None, "smb", "never seen"]))
    text = pd.Series([segment] * 3, dtype="str", index=X.index)
    X = replace(
        X,
        indicators=pd.DataFrame(table, X.index, X.indicators.columns),
        context=X.context.assign(segment=text, arr=data.draw(number)),
        coverage=X.coverage.assign(all=coverage, business=data.draw(st.sampled_from([float("nan"), 0.5]))),
    )
    single = Single(health, model, X.catalog)
    found = pd.DataFrame([single(Row.of(X, place)) for place in range(3)], index=X.index)
    np.testing.assert_allclose(found, told(X, health, model), rtol=1e-9, atol=1e-9)


def test_without_trees_and_without_a_calendar(learned: tuple[Snapshot, HealthScore, ChurnModel]) -> None:
    X, health, model = learned
    bare = ChurnModel.from_dict(model.to_dict())
    bare.members_ = Members(model.members_.ridge, None, model.members_.calendar)
    X = replace(X, calendar=pd.DataFrame(), exposure=X.exposure.assign(**{"45": 1.0}).rename(columns={"45": 45}))
    X = replace(X, exposure=X.exposure[[30, 45, 60, 90]])
    single = Single(health, bare, X.catalog)
    found = pd.DataFrame([single(Row.of(X, place)) for place in range(20)], index=X.index[:20])
    np.testing.assert_allclose(found, told(X, health, bare)[:20], rtol=1e-10, atol=1e-10)


def test_what_is_absent_is_named(learned: tuple[Snapshot, HealthScore, ChurnModel]) -> None:
    X, health, model = learned
    single, row = Single(health, model, X.catalog), Row.of(X)
    assert list(single(row)) == ["health", *DIMENSIONS, "p30", "p60", "p90"]
    name = health.weights_.index[0]
    without = {one: value for one, value in row.indicators.items() if one != name}
    with pytest.raises(BundleError, match=f"the indicator '{name}' of training"):
        single(replace(row, indicators=without))
    with pytest.raises(BundleError, match="'tenure_days' of training"):
        single(replace(row, context={one: value for one, value in row.context.items() if one != "tenure_days"}))
    with pytest.raises(BundleError, match="'segment' of training"):
        single(replace(row, context={one: value for one, value in row.context.items() if one != "segment"}))
    with pytest.raises(DataError, match=f"the indicator {name}: expected a finite value"):
        single(replace(row, indicators={**row.indicators, name: float("inf")}))
    with pytest.raises(BundleError, match="the horizon 90"):
        single(replace(row, decisions={30: 0.0, 60: 0.0}))
