"""Dates without an hour beside times with one: nothing is known before it happened."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.features.history import History
from holdfast.features.indicators.sources import tickets, usage
from holdfast.features.mapping.mapped import refreshed
from tests.faults.test_bad_input import codes, history, value
from tests.mapping_world import ACCOUNTS, mapped, table


@pytest.mark.parametrize("receipt", ["2025-03-10", "2025-03-10T00:00Z"])
def test_a_receipt_of_the_same_day_without_an_hour_is_the_time_it_happened(receipt):
    one = history({"occurred_at": ["2025-03-10T15:00", "2025-03-09"], "known_at": [receipt, "2025-03-09"]})
    assert codes(one) == {}
    assert [value(one, usage.count(), at) for at in ("2025-03-10", "2025-03-10T14:59", "2025-03-10T15:00")] == [1, 1, 2]


def test_a_receipt_of_an_earlier_day_or_with_an_hour_is_the_time_that_counts():
    earlier = {"occurred_at": ["2025-03-10T15:00", "2025-03-10T15:00"], "known_at": ["2025-03-09", "2025-03-10T14:00"]}
    one = history(earlier)
    assert codes(one) == {("HF010", "usage"): 2}
    assert [value(one, usage.count(), at) for at in ("2025-03-09", "2025-03-10T14:00")] == [1, 2]


def test_a_ticket_is_not_open_before_it_is_opened():
    opened = {
        "ticket_id": ["t"],
        "opened_at": ["2025-03-10T15:00"],
        "solved_at": ["2025-03-10T18:00"],
        "known_at": ["2025-03-10"],
    }
    one = history({"occurred_at": ["2025-03-01"]}, tickets={"account_id": ["a"], **opened})
    assert [value(one, tickets.count(), at) for at in ("2025-03-10T14:00", "2025-03-10T15:00")] == [0, 1]
    solved = {
        at: one.as_of(at)["tickets"]["solved_at"].notna().sum() for at in ("2025-03-10T17:59", "2025-03-10T18:00")
    }
    assert list(solved.values()) == [0, 1]


def test_a_contract_noted_on_the_day_it_begins_is_known_on_that_day():
    """What may be announced is known when it was told, and holds from when it begins."""
    begun = {
        "account_id": ["a"],
        "subscription_id": ["s"],
        "valid_from": ["2025-03-10T09:00"],
        "known_at": "2025-03-10",
    }
    one = history({"occurred_at": ["2025-03-01"]}, subscriptions=begun)
    assert len(one.as_of("2025-03-10T08:00").get("subscriptions", [])) == 0
    assert len(one.as_of("2025-03-10T09:00")["subscriptions"]) == 1


@pytest.mark.parametrize(
    ("zone", "known"),
    [("UTC", ["2026-01-09 00:00", "2026-01-10 15:00"]), ("Europe/Berlin", ["2026-01-08 23:00", "2026-01-10 14:00"])],
)
def test_a_receipt_without_an_hour_is_that_of_the_day_in_the_country(tmp_path: Path, zone, known):
    events = "account_id,user,event,occurred_at,received_at\n" + "".join(
        f"A,u,login,2026-01-10 15:00,2026-01-{day}\n" for day in ("09", "10")
    )
    work = mapped(tmp_path, {"accounts.csv": ACCOUNTS, "usage.csv": events})
    mapping = work / "mapping.toml"
    mapping.write_text(
        mapping.read_text(encoding="utf-8").replace('zone = "UTC"', f'zone = "{zone}"'), encoding="utf-8"
    )
    refreshed(work)
    assert sorted(f"{at:%Y-%m-%d %H:%M}" for at in table(work, "usage", "known_at")) == known
    assert f"{History.read(work / 'history').end:%Y-%m-%d %H:%M}" == known[-1]
