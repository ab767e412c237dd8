"""Renewal decisions counted by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdfast.features.catalog import catalog
from holdfast.features.exposure import add_months
from holdfast.features.history import History
from holdfast.features.snapshot import Snapshot

T = pd.Timestamp("2025-06-01", tz="UTC")
MONTHLY = {"term_start": "2025-05-15", "term_end": "2025-06-15", "term_months": 1}
ANNUAL = {"term_start": "2024-08-01", "term_end": "2025-08-01", "term_months": 12, "auto_renew": False}


def _measured(
    *subscriptions: dict[str, Any], horizons: tuple[int, ...] = (30, 60, 90), grace_days: float = 0
) -> Snapshot:
    frame = pd.DataFrame([{"account_id": "a", "valid_from": "2024-01-01", **one} for one in subscriptions])
    history = History.from_frames(
        {
            "accounts": pd.DataFrame({"account_id": ["a"], "valid_from": ["2024-01-01"]}),
            "usage": pd.DataFrame({"account_id": ["a"], "occurred_at": ["2025-01-01"]}),
            "subscriptions": frame.assign(subscription_id=[f"s{i}" for i in range(len(frame))]),
        },
        end="2025-12-01",
    )
    return catalog.select(["subscriptions_held"]).measure(history, [T], horizons, grace_days=grace_days)


def _decisions(*subscriptions: dict[str, Any], **settings: Any) -> list[float]:
    decided: list[float] = _measured(*subscriptions, **settings).exposure.iloc[0].tolist()
    return decided


@pytest.mark.parametrize(
    ("months", "kind"),
    [
        ((1,), "monthly"),
        ((2,), "monthly"),
        ((3,), "quarterly"),
        ((5,), "quarterly"),
        ((6,), "half-yearly"),
        ((11,), "half-yearly"),
        ((12,), "annual"),
        ((23,), "annual"),
        ((24,), "multi-year"),
        ((60,), "multi-year"),
        ((1, 12, 3), "annual"),  # the longest that runs
    ],
)
def test_a_contract_is_named_by_its_longest_term(months: tuple[int, ...], kind: str) -> None:
    held = _measured(*({"term_months": one, "term_end": "2025-08-01"} for one in months))
    assert held.context["contract"].tolist() == [kind]


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        (MONTHLY, [1, 1, 1]),  # 15 June, 15 July, 15 August
        (MONTHLY | {"auto_renew": True, "notice_days": 20}, [1, 1, 1]),  # 25 June (for 15 July), 26 July, 26 August
        (ANNUAL, [0, 0, 1]),  # 1 August is 61 days ahead
        (ANNUAL | {"auto_renew": True, "notice_days": 30}, [0, 1, 0]),  # 2 July
        (ANNUAL | {"auto_renew": None, "notice_days": 30}, [0, 1, 0]),  # a notice period speaks for automatic renewal
        (ANNUAL | {"auto_renew": False, "notice_days": 30}, [0, 0, 1]),  # without it notice is nothing to wait for
        (ANNUAL | {"auto_renew": True, "notice_days": 90}, [0, 0, 0]),  # 3 May has passed; the next is a year later
        (ANNUAL | {"term_end": "2025-07-01"}, [1, 0, 0]),  # exactly 30 days ahead: (T, T + 30]
        (ANNUAL | {"term_end": "2025-06-01"}, [0, 0, 0]),  # at T: decided
        (ANNUAL | {"term_end": "2025-05-01"}, [0, 0, 0]),  # passed, renewed for a year
        ({"term_months": 0, "billing_months": 1, "term_end": "2025-06-10"}, [1, 1, 1]),  # evergreen: by its billing
        ({"term_months": 3, "term_start": "2025-04-10"}, [0, 1, 0]),  # 10 July, implied
        ({"billing_months": 1}, [1, 0, 1]),  # from valid_from: 1 July is day 30, 1 August day 61, 1 September day 92
        ({"mrr": 5.0}, [0, 0, 0]),  # nothing told
        (MONTHLY | {"status": "canceled"}, [0, 0, 0]),
        (MONTHLY | {"status": "trialing"}, [0, 0, 0]),
    ],
)
def test_decisions_by_hand(terms: dict[str, Any], expected: list[int]) -> None:
    assert _decisions(terms) == expected


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        (ANNUAL | {"term_end": "2025-06-25"}, [0, 1, 0]),  # 9 July
        (ANNUAL | {"term_end": "2025-05-25"}, [1, 0, 0]),  # ended, to be decided on 8 June
        (ANNUAL | {"term_end": "2025-05-25", "valid_to": "2025-05-25"}, [1, 0, 0]),  # told twice
        (ANNUAL | {"term_end": "2025-05-17", "valid_to": "2025-05-17"}, [0, 0, 0]),  # the grace is over
        (ANNUAL | {"term_end": "2025-07-20", "auto_renew": True, "notice_days": 30}, [1, 0, 0]),  # 20 June, no grace
    ],
)
def test_a_lapse_is_decided_after_the_grace(terms: dict[str, Any], expected: list[int]) -> None:
    assert _decisions(terms, grace_days=14) == expected


def test_a_successor_takes_the_decision_over() -> None:
    ended = ANNUAL | {"term_end": "2025-05-25", "valid_to": "2025-05-25"}
    follower = ANNUAL | {"valid_from": "2025-05-25", "term_start": "2025-05-25", "term_end": "2026-05-25"}
    assert _decisions(ended, follower, grace_days=14) == [0, 0, 0]


def test_one_day_is_one_decision() -> None:
    assert _decisions(MONTHLY, MONTHLY) == [1, 1, 1]
    assert _decisions(MONTHLY, MONTHLY | {"term_end": "2025-06-20"}) == [2, 2, 2]


def test_intervals_are_differences_of_horizons() -> None:
    assert _decisions(MONTHLY, horizons=(90,)) == [3]
    assert _decisions(MONTHLY, horizons=(7, 14, 30)) == [0, 1, 0]


def test_no_subscriptions_no_decisions() -> None:
    frames = {
        "accounts": pd.DataFrame({"account_id": ["a"]}),
        "usage": pd.DataFrame({"account_id": ["a", "a"], "occurred_at": ["2025-01-01", "2025-06-01"]}),
    }
    measured = catalog.measure(History.from_frames(frames), [T])
    assert measured.exposure.to_numpy().tolist() == [[0.0, 0.0, 0.0]]
    assert measured.context["contract"].tolist() == ["none"]
    assert np.isnan(measured.context["arr"].iloc[0])


@pytest.mark.parametrize(
    ("day", "months", "moved"),
    [
        ("2024-01-31", 1, "2024-02-29"),
        ("2024-01-31", 2, "2024-03-31"),
        ("2025-11-30", 3, "2026-02-28"),
        ("2025-05-15T10:30", 12, "2026-05-15T10:30"),
        ("2025-01-31T23:59", 1, "2025-02-28T23:59"),
    ],
)
def test_months_end_where_they_end(day: str, months: int, moved: str) -> None:
    at = np.array([day], dtype="M8[us]").view(np.int64)
    assert add_months(at, np.array([months])).view("M8[us]")[0] == np.datetime64(moved)


def test_the_calendar_holds_the_days_to_each_decision_and_those_just_passed() -> None:
    history = History.from_frames(
        {
            "accounts": pd.DataFrame({"account_id": ["a", "b"], "valid_from": ["2024-01-01"] * 2}),
            "usage": pd.DataFrame({"account_id": ["a", "b"], "occurred_at": ["2025-01-01"] * 2}),
            "subscriptions": pd.DataFrame([
                {"account_id": name, "subscription_id": name, "valid_from": "2024-01-01", **terms}
                for name, terms in (("a", MONTHLY | {"auto_renew": True, "notice_days": 20}), ("b", ANNUAL))
            ]),
        },
        end="2025-12-01",
    )  # fmt: skip
    measured = catalog.select(["subscriptions_held"]).measure(history, [T], grace_days=0)
    assert measured.calendar.loc["a"].iloc[0].tolist() == [-6, 24, 55, 86, 116]  # 26 May, 25 June, ...
    assert measured.calendar.loc["b"].iloc[0].dropna().tolist() == [61]
    assert measured.rows(np.array([False, True])).calendar.index.equals(measured.index[1:])


def test_without_subscriptions_exposure_is_calendar_time_and_that_is_said() -> None:
    import holdfast as hf

    history = hf.simulate(accounts=250, seed=3, months=20)
    tables = {name: history.as_of(history.end)[name] for name in ("accounts", "usage", "churn", "touchpoints")}
    bare = History.from_frames(tables, end=history.end)
    stands = hf.cutoffs(bare, every="56d")
    X = catalog.select(["active_users", "days_since_usage", "active_days"]).measure(bare, stands)
    model = hf.ChurnModel().fit(X, hf.label(bare, stands).on(X.index))
    assert any("no renewal dates are known: exposure is calendar time" in one for one in model.notes)
    p = model.predict_proba(X)
    assert (p[30] < p[60]).all()
    assert (p[60] < p[90]).all()


def test_all_accounts_on_annual_terms_are_no_trouble() -> None:
    import holdfast as hf

    history = hf.simulate(accounts=400, seed=3, months=30)
    stands = hf.cutoffs(history, every="56d")
    X = catalog.select(["active_users", "days_since_usage", "active_days"]).measure(history, stands)
    annual = (X.context["contract"] == "annual").to_numpy()
    y = hf.label(history, stands).on(X.index)
    model = hf.ChurnModel().fit(X.rows(annual), y.rows(annual))
    p = model.predict_proba(X)
    assert np.isfinite(p.to_numpy()).all()
    due = (X.exposure[30] > 0).to_numpy() & annual
    assert p[30][due].mean() > 5 * p[30][annual & (X.exposure.sum(axis=1) == 0).to_numpy()].mean()
