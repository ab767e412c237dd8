"""Columns that tell the day rather than the account are kept from the trees, and from nothing else."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import holdfast as hf
from holdfast.features.snapshot import Snapshot
from holdfast.models.churn import ChurnModel
from holdfast.models.dated import ENOUGH, day_share
from holdfast.models.encoding import Encoding
from holdfast.models.periods import observe
from holdfast.training.labels import Labels


def _cohort(within_days: int) -> tuple[Snapshot, Labels]:
    """Measure a company as if all its accounts had begun within so many days."""
    history = hf.simulate(accounts=120, seed=0, months=18)
    days = hf.cutoffs(history, every="28d")
    X, y = hf.catalog.measure(history, days), hf.label(history, days)
    stands = X.index.get_level_values("cutoff")
    began = pd.Series(X.index.get_level_values("account_id")).map(hash_of).to_numpy() % within_days
    tenure = (stands - stands.min()) / pd.Timedelta(days=1) + 400.0 - began
    return replace(X, context=X.context.assign(tenure_days=tenure.to_numpy())), y


def hash_of(account: str) -> int:
    """Number an account by its id."""
    return sum(map(ord, account)) * 37


def test_tenure_of_one_cohort_is_kept_from_the_trees_alone() -> None:
    X, y = _cohort(within_days=30)
    encoding = Encoding.fit(X)
    assert encoding.dated == ("tenure_days",)
    assert "tenure_days" not in encoding.feature_sources
    assert encoding.features(X).shape[1] == len(encoding.feature_sources)
    assert "tenure_days" in [column.source for column in encoding.columns]
    assert Encoding.from_dict(encoding.to_dict()) == encoding
    assert not np.isnan(encoding.design(observe(X, y).X)).any()


def test_what_is_kept_from_the_trees_is_kept_from_them_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("members", "rehearsal"):
        monkeypatch.setattr(f"holdfast.models.{module}.TREES_FROM", 5)
    X, y = _cohort(within_days=30)
    model, health = hf.ChurnModel().fit(X, y), hf.HealthScore(min_coverage=0.0).fit(X, y)
    assert model.members_.trees is not None
    assert "tells the day than the account: tenure_days" in " ".join(model.notes)
    now = X.at(X.cutoffs[-1])
    p = model.predict_proba(now)
    single = hf.Single(health, model, X.catalog)
    told = pd.DataFrame([single(hf.Row.of(now, place)) for place in range(len(now))])[[f"p{h}" for h in p]]
    np.testing.assert_allclose(told, p, rtol=1e-10)
    np.testing.assert_array_equal(ChurnModel.from_dict(model.to_dict()).predict_proba(now), p)
    why = model.explain(now)
    np.testing.assert_allclose(why.base + why.contributions.sum(axis=1) + why.calibration, why.total, atol=1e-9)


def test_tenure_of_accounts_that_began_over_years_is_seen() -> None:
    X, _ = _cohort(within_days=2_000)
    assert Encoding.fit(X).dated == ()


def test_one_day_dates_nothing() -> None:
    X, _ = _cohort(within_days=30)
    assert Encoding.fit(X.at(X.index.get_level_values("cutoff").max())).dated == ()


def test_one_unusual_day_makes_no_column_tell_the_day() -> None:
    """On the first days of a history nothing stands before, so a ratio to the window before is far from usual."""
    rng = np.random.default_rng(0)
    day = np.repeat(np.arange(12), 50)
    values = rng.normal(1.2, 0.3, len(day)) + 8.0 * (day == 0)
    assert day_share(values, day) < 0.3
    assert day_share(day + rng.normal(0.0, 1.0, len(day)), day) > 0.8


def test_of_very_many_rows_all_days_are_looked_at() -> None:
    """Rows come by account and day: every n-th row of them might always be of the same day."""
    rng = np.random.default_rng(0)
    day = np.tile(np.arange(12), 20_000)
    assert len(day) > ENOUGH
    noise = rng.normal(0.0, 1.0, len(day))
    assert day_share(day + noise, day) > 0.8
    assert day_share(noise, day) < 0.01
