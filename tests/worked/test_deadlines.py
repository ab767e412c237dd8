"""Deadlines against news: who can give notice for the last time before a source is heard of again."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from holdfast.features.history import History
from holdfast.serving.contract.contract import contract
from tests.worked.test_data_contract import IDS, START, _company, _contracts, _told, _usage

NOW = START + pd.Timedelta(days=390)  # the last of fourteen monthly deliveries


def _ending(*days: float, **terms: Any) -> pd.DataFrame:
    """Let the last day of notice of the first accounts come so many days after the last delivery, a month before."""
    ends = [NOW + pd.Timedelta(days=30 + one) for one in days] + [pd.NaT] * (len(IDS) - len(days))
    return _contracts(mrr=100.0, currency="EUR", **({"notice_days": 30.0, "term_end": ends} | terms))


def test_a_monthly_feed_and_a_month_of_notice_is_an_error_with_the_accounts_and_the_money() -> None:
    frames = _company(_usage(count=14, step=30), subscriptions=_ending(10, 30, 31))
    found = _told(frames, "HF080")
    assert [(one.severity, one.where, one.count) for one in found] == [("error", "usage", 2)]
    assert found[0].message == (
        "news comes every 30 days, the last 0 days ago; 2 of 12 accounts under contract can give notice for the last "
        "time within 30 days, before the next news (the shortest notice is 30 days), with ARR 2,400 EUR"
    )


def test_a_term_that_renewed_itself_and_was_never_dated_anew_counts_with_the_end_of_the_next() -> None:
    ends = [NOW + pd.Timedelta(days=40) - pd.DateOffset(years=1)] + [pd.NaT] * (len(IDS) - 1)
    terms = _ending(term_end=ends, term_months=12.0, auto_renew=True)
    terms = terms.assign(term_months=terms["term_months"].where(terms["term_end"].notna()))
    found = _told(_company(_usage(count=14, step=30), subscriptions=terms), "HF080")
    assert [one.count for one in found] == [1]


def test_a_source_that_is_on_its_way_leaves_only_the_days_until_it_comes() -> None:
    tickets = {"account_id": ["A00"], "opened_at": [NOW + pd.Timedelta(days=20)]}
    frames = _company(_usage(count=14, step=30), subscriptions=_ending(25, 29, 31), tickets=tickets)
    found = _told(frames, "HF080")
    assert [one.count for one in found] == [2]  # 20 days have gone, 10 are left: those of the days 20 to 30
    assert "the last 20 days ago" in found[0].message
    assert "within 10 days" in found[0].message


@pytest.mark.parametrize(
    "frames",
    [
        _company(_usage(count=391), subscriptions=_ending(0, 1, 10)),  # daily
        _company(_usage(count=56, step=7), subscriptions=_ending(1, 3)),  # weekly, and a month of notice
        _company(_usage(count=14, step=30), subscriptions=_ending(10, notice_days=90.0)),  # the next comes in time
        _company(_usage(count=14, step=30), subscriptions=_ending(10, auto_renew=False)),  # nobody need give notice
        _company(_usage(count=14, step=30), subscriptions=_ending(40)),
        _company(_usage(count=14, step=30), subscriptions=_ending(-5)),  # gone by
    ],
)
def test_news_in_time_is_no_error(frames: dict[str, pd.DataFrame]) -> None:
    assert _told(frames, "HF080") == []


def test_what_comes_seldom_by_nature_does_no_harm_beside_what_comes_daily() -> None:
    days = [START + pd.Timedelta(days=30 * i) for i in range(14) for _ in IDS]
    invoices = {"account_id": IDS * 14, "invoice_id": [f"i{i}" for i in range(14 * len(IDS))], "issued_at": days}
    frames = _company(_usage(count=391), subscriptions=_ending(10), invoices=invoices)
    assert _told(frames, "HF080") == []


def test_a_frozen_source_is_told_beside_one_that_goes_on() -> None:
    frozen, other = _usage(count=350, source="app"), _usage(count=391, source="web")
    frames = _company(pd.concat([frozen, other]), subscriptions=_ending(10, 41, 60))
    found = contract(History.from_frames(frames), 14)
    assert {one.code for one in found if one.severity != "info"} == {"HF014", "HF050", "HF080"}
    acute = [one for one in found if one.code == "HF080"]
    assert [(one.where, one.count) for one in acute] == [("usage, source 'app'", 2)]  # silent for 41 days
