"""Laws of the walk forward, on random panels: nothing that a model learns from reaches into its test."""

from __future__ import annotations

import inspect

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.errors import TooFewEvents, UsageError
from holdfast.features.history import History
from holdfast.training.folds import MIN_CUTOFFS, MIN_EVENTS, folds, overlaps
from holdfast.training.labels import Churn, Labels, label

START = pd.Timestamp("2023-01-01", tz="UTC")


def panel(seed: int, accounts: int, months: int, step: int, kind: str, settlement: int) -> Labels:
    rng = np.random.default_rng(seed)
    names = [f"a{i:03d}" for i in range(accounts)]
    span = months * 30
    end = START + pd.Timedelta(days=span)
    usage = pd.DataFrame(
        {
            "account_id": names * 8,
            "occurred_at": START.tz_convert(None) + pd.to_timedelta(rng.integers(0, span, 8 * accounts), unit="D"),
        }
    )
    left = rng.choice(names, accounts // 2, replace=False)
    exits = pd.DataFrame(
        {
            "account_id": left,
            "notice_at": START.tz_convert(None) + pd.to_timedelta(rng.integers(30, span, len(left)), unit="D"),
        }
    )
    born = pd.DataFrame({"account_id": names, "valid_from": START.tz_convert(None)})
    history = History.from_frames({"accounts": born, "usage": usage, "churn": exits}, end=end)
    cutoffs = pd.date_range(START + pd.Timedelta(days=28), end, freq=f"{step}D")
    return label(history, cutoffs, churn=Churn(kind, confirm_days=40, settlement_days=settlement))  # type: ignore[arg-type]


panels = st.builds(
    panel,
    st.integers(0, 10_000),
    st.sampled_from([15, 60]),
    st.sampled_from([10, 20]),
    st.sampled_from([14, 28, 30]),
    st.sampled_from(["notice", "silence", "departure"]),
    st.sampled_from([0, 14, 45]),
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(y=panels, every=st.integers(1, 5))
def test_a_walk_forward_never_looks_ahead(y: Labels, every: int) -> None:
    try:
        plan = folds(y, every)
    except TooFewEvents:
        return
    assert not overlaps(y, plan).to_numpy().any()
    tested = [cutoff for fold in plan for cutoff in fold.test]
    labelled = y.frame.dropna(how="all").index.get_level_values("cutoff").unique().sort_values()
    assert tested == sorted(set(tested)) == labelled[-len(tested) :].tolist()
    for fold in plan:
        learned = fold.training(y)
        cells = learned.frame.notna()
        assert fold.trained_at <= fold.test.min()
        assert len(fold.test) <= every
        assert (y.resolved_at[cells].max().dropna() <= fold.trained_at).all()
        rows = learned.frame[cells.any(axis=1).to_numpy()]
        windows = rows.index.get_level_values("cutoff") + pd.Timedelta(days=y.horizons[0] + y.churn.settlement_days)
        assert (windows <= fold.trained_at).all()
        assert (y.at_risk[fold.tested(y)] == "").all()
    first = plan[0].training(y).frame[y.horizons[0]].dropna()
    assert min(first[first == outcome].index.get_level_values(0).nunique() for outcome in (0, 1)) >= MIN_EVENTS
    assert first.index.get_level_values("cutoff").nunique() >= MIN_CUTOFFS


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(y=panels, window=st.sampled_from([90, 200]), groups=st.integers(2, 4))
def test_a_rolling_window_forgets_and_groups_of_accounts_never_meet_themselves(
    y: Labels, window: int, groups: int
) -> None:
    try:
        plan = folds(y, 3, window=window, account_groups=groups)
    except TooFewEvents:
        return
    assert not overlaps(y, plan).to_numpy().any()
    tested = pd.concat([pd.Series(1, index=y.frame.index[fold.tested(y)]) for fold in plan])
    assert not tested.index.duplicated().any()
    whole = pd.Series(1, index=y.frame.index[np.logical_or.reduce([one.tested(y) for one in folds(y, 3)])])
    assert tested.sort_index().index.equals(whole.sort_index().index)
    for fold in plan:
        learned = fold.training(y)
        rows = learned.frame[learned.frame.notna().any(axis=1)].index
        assert (rows.get_level_values("cutoff") >= fold.trained_at - pd.Timedelta(days=window)).all()
        mine = y.frame.index[fold.tested(y)].get_level_values("account_id")
        assert not rows.get_level_values("account_id").isin(mine).any()


def test_no_argument_can_make_it_leak() -> None:
    assert list(inspect.signature(folds).parameters) == ["y", "retrain_every", "window", "account_groups"]


def test_a_third_to_a_half_of_the_cutoffs_comes_first() -> None:
    y = panel(0, 200, 24, 28, "notice", 14)
    labelled = y.frame.dropna(how="all").index.get_level_values("cutoff").unique()
    share = (labelled < folds(y)[0].trained_at).mean()
    assert 0.33 <= share <= 0.6


def test_too_few_events_are_named() -> None:
    y = panel(0, 4, 10, 28, "notice", 14)
    with pytest.raises(
        TooFewEvents, match="at least 5 accounts that churned and 5 that stayed, settled before"
    ) as refused:
        folds(y)
    assert refused.value.exit_code == 31


def test_the_cadence_is_checked() -> None:
    y = panel(0, 60, 20, 28, "notice", 14)
    with pytest.raises(UsageError, match="retrain_every"):
        folds(y, 0)
    with pytest.raises(UsageError, match="window"):
        folds(y, window=0)
    with pytest.raises(UsageError, match="account_groups"):
        folds(y, account_groups=0)
