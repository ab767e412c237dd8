"""Keys that landed as another type than their like: 1.0 beside 1 is the same account."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from holdfast.serving.mapping import map_places
from tests.mapped_rows import landed, mapped


def test_a_key_with_gaps_leads_to_its_account(tmp_path: Path) -> None:
    place = tmp_path / "in"
    place.mkdir()
    pd.DataFrame({"account_id": [1, 2, 3], "name": ["A", "B", "C"]}).to_csv(place / "accounts.csv", index=False)
    days = pd.date_range("2025-01-01", periods=6, tz="UTC")
    usage = pd.DataFrame({"account_id": [1.0, 2.0, None] * 2, "occurred_at": days, "event": "login"})
    usage.to_parquet(place / "usage.parquet")
    work = map_places([place], tmp_path / "work", lambda _: True)
    assert work.unmatched.empty
    read = pd.read_parquet(tmp_path / "work" / "history" / "usage.parquet")
    assert sorted(read["account_id"]) == ["1", "1", "2", "2"]


def test_a_list_inside_a_row_has_the_key_of_the_row(tmp_path: Path) -> None:
    place = tmp_path / "stripe"
    place.mkdir()
    items = '{"data": [{"id": "si", "price": {"id": "p", "unit_amount": 1200, "currency": "eur"}, "quantity": 2}]}'
    once = {
        "customer": "c",
        "status": "active",
        "created": 1_735_689_600,
        "_fetched_at": pd.Timestamp("2025-02-01", tz="UTC"),
    }
    pd.DataFrame([{"id": 7.0, **once, "items": items}, {"id": None, **once, "items": None}]).to_parquet(
        place / "subscriptions.parquet"
    )
    rows = mapped(landed(place, tmp_path / "scratch", "stripe"), tmp_path / "work")["subscriptions"]
    assert {(row["subscription_id"], row["seats"]) for row in rows if "seats" in row} == {("7", 2.0)}
