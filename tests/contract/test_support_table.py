"""The table of sources: a row for every adapter and every system that was asked for, and a page that is not stale."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from holdfast.features.mapping.adapter import shipped
from holdfast.serving.support import page, support

ROOT = Path(__file__).parents[2]
ASKED_FOR = ("Amplitude", "Mixpanel", "Salesforce", "HubSpot", "Stripe", "Zuora", "Zendesk", "Intercom")
TARGETS = ("Gainsight", "Totango", "ZapScale", "ChurnZero", "Paddle", "Zapier", "Make")


def test_every_adapter_has_a_row_that_feeds_indicators_and_says_what_it_keeps_and_loses() -> None:
    rows = {row["source"]: row for row in support()}
    for adapter in shipped().values():
        row = rows[adapter.title]
        assert row["tables"] == sorted(adapter.tables)
        assert row["indicators"], adapter.vendor
        assert row["keeps"]
        assert row["loses"]


@pytest.mark.parametrize(
    ("source", "feeds", "needs_others"),
    [
        ("Amplitude", "login_days", "seat_penetration"),
        ("Stripe", "failed_payments", "seat_penetration"),
        ("Zendesk", "tickets_90", None),
    ],
)
def test_what_a_source_feeds_alone_and_with_others(source: str, feeds: str, needs_others: str | None) -> None:
    row = next(one for one in support() if one["source"] == source)
    assert feeds in row["indicators"]
    assert needs_others is None or needs_others in row["with_others"]


def test_every_system_that_was_asked_for_is_named() -> None:
    named = " ".join(row["source"] for row in support())
    assert [name for name in (*ASKED_FOR, *TARGETS) if not re.search(rf"\b{name}\b", named)] == []


def test_the_page_is_not_stale() -> None:
    assert (ROOT / "docs" / "sources.md").read_text(encoding="utf-8") == page(), (
        "run python -m holdfast.serving.support docs/sources.md"
    )
