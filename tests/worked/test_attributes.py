"""Contract dates of an account on a day: the end of the running term, and the last day to give notice for it."""

from __future__ import annotations

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
