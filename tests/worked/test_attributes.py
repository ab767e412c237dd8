"""Contract dates of an account on a day: the end of the running term, and the last day to give notice for it."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from holdfast.serving.attributes import attributes
from tests.tiny import T, history, rows

END = "2025-08-31"


@pytest.mark.parametrize(
    ("terms", "deadline"),
    [
        ({"auto_renew": 1.0, "notice_days": 90.0}, "2025-06-02"),
        ({"auto_renew": 1.0, "notice_days": 100.0}, "2025-05-23"),  # too late, and told
        ({"auto_renew": 1.0, "notice_days": 0.0}, "2025-08-31"),
        ({"notice_days": 30.0}, "2025-08-01"),  # a notice period means that it renews itself
        ({"auto_renew": 0.0, "notice_days": 30.0}, None),  # ends by itself
        ({"auto_renew": 1.0}, None),
        ({}, None),
    ],
)
def test_notice_can_be_given_up_to_the_notice_period_before_the_end(
    terms: dict[str, float], deadline: str | None
) -> None:
    of = history(
        subscriptions=rows(
            "subscriptions", [100], subscription_id="s", status="active", term_end=pd.Timestamp(END, tz="UTC"), **terms
        )
    )
    found = attributes(of, T, pd.Index(["a"], name="account_id")).loc["a"]
    assert found["renewal_date"] == pd.Timestamp(END, tz="UTC")
    assert (
        found["notice_deadline"] == pd.Timestamp(deadline, tz="UTC") if deadline else pd.isna(found["notice_deadline"])
    )


def test_the_term_that_ends_first_counts_and_within_it_the_earliest_notice() -> None:
    first, later = pd.Timestamp(END, tz="UTC"), pd.Timestamp("2025-12-31", tz="UTC")
    parts = [
        rows(
            "subscriptions",
            [100],
            subscription_id=name,
            status="active",
            term_end=end,
            auto_renew=1.0,
            notice_days=days,
        )
        for name, end, days in (("s", first, 30.0), ("t", first, 60.0), ("u", later, 200.0))
    ]
    found = attributes(history(subscriptions=parts), T, pd.Index(["a"], name="account_id")).loc["a"]
    assert found["notice_deadline"] == pd.Timestamp("2025-07-02", tz="UTC")


def _dates(**terms: Any) -> tuple[str, str]:
    """Give renewal date and last day of notice at T, 1 June 2025; empty where missing."""
    of = history(
        subscriptions=rows("subscriptions", ["2024-03-31"], **{"subscription_id": "s", "status": "active"} | terms)
    )
    found = attributes(of, T, pd.Index(["a"], name="account_id")).loc["a", ["renewal_date", "notice_deadline"]]
    first, last = ("" if pd.isna(day) else f"{day:%Y-%m-%d}" for day in found)
    return first, last


BEHIND = {"term_end": pd.Timestamp("2025-03-31", tz="UTC"), "auto_renew": 1.0}


@pytest.mark.parametrize(
    ("terms", "dates"),
    [
        (BEHIND | {"term_months": 12.0, "notice_days": 30.0}, ("2026-03-31", "2026-03-01")),
        (BEHIND | {"term_months": 1.0, "notice_days": 0.0}, ("2025-06-30", "2025-06-30")),  # June has 30 days
        (BEHIND | {"term_months": 3.0, "notice_days": 90.0}, ("2025-06-30", "2025-04-01")),  # too late, and told
        (BEHIND, ("2026-03-31", "")),  # a year from valid_from
        ({"term_months": 1.0, "notice_days": 10.0}, ("2025-06-30", "2025-06-20")),  # counted from valid_from
        ({"billing_months": 12.0}, ("2026-03-31", "")),
        (BEHIND | {"term_end": T, "term_months": 12.0}, ("2025-06-01", "")),  # ends today
        (BEHIND | {"auto_renew": None, "term_months": 12.0}, ("2026-03-31", "")),
        (BEHIND | {"auto_renew": 0.0, "term_months": 12.0}, ("", "")),  # told to end by itself
        (BEHIND | {"status": "trialing", "term_months": 1.0}, ("", "")),  # a trial is not renewed
        ({"term_end": T + pd.Timedelta(days=5), "status": "trialing"}, ("2025-06-06", "")),
        ({"mrr": 10.0}, ("", "")),
        (BEHIND | {"status": "canceled"}, ("", "")),
    ],
)
def test_a_term_whose_end_lies_behind_goes_on_term_by_term_as_decisions_are_counted(
    terms: dict[str, Any], dates: tuple[str, str]
) -> None:
    assert _dates(**terms) == dates


def test_an_account_without_a_term_has_no_dates_beside_one_that_has_them() -> None:
    parts = [
        rows("subscriptions", [100], account=account, subscription_id=account, status="active", term_end=end)
        for account, end in (("a", pd.NaT), ("b", pd.Timestamp(END, tz="UTC")))
    ]
    found = attributes(history(subscriptions=parts), T, pd.Index(["a", "b"], name="account_id"))
    assert found["renewal_date"].isna().tolist() == [True, False]
