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


def written(folder: Path, accounts: str, usage: str) -> tuple[list[str], list[str]]:
    """Map two lists, and give the accounts of the uses and the keys that lead to none."""
    place = folder / "in"
    place.mkdir()
    (place / "accounts.csv").write_text("account_id,name\n" + accounts, encoding="utf-8")
    (place / "usage.csv").write_text("account_id,user,occurred_at,event\n" + usage, encoding="utf-8")
    work = map_places([place], folder / "work", lambda _: True)
    read = pd.read_parquet(folder / "work" / "history" / "usage.parquet")
    return sorted(read["account_id"]), sorted(work.unmatched["key"])


def uses(*keys: str) -> str:
    return "".join(f"{key},{key and 'u' + key},2025-01-0{day},login\n" for day, key in enumerate(keys, 1))


def test_a_key_with_gaps_that_pandas_wrote_as_text_leads_to_its_account(tmp_path: Path) -> None:
    assert written(tmp_path, "1,A\n2,B\n", uses("1.0", "2.0", "")) == (["1", "2"], [])


def test_accounts_of_which_one_has_no_key_are_the_accounts_of_the_uses(tmp_path: Path) -> None:
    assert written(tmp_path, "1.0,A\n2.0,B\n,C\n", uses("1", "2")) == (["1", "2"], [])


def test_a_person_with_gaps_is_the_person_of_the_list(tmp_path: Path) -> None:
    place = tmp_path / "in"
    place.mkdir()
    (place / "accounts.csv").write_text("account_id,name\nA,Acme\n", encoding="utf-8")
    (place / "people.csv").write_text("account_id,person_id,role\nA,7,user\nA,8,user\n", encoding="utf-8")
    (place / "usage.csv").write_text(
        "account_id,person_id,occurred_at,event\nA,7.0,2025-01-01,login\nA,,2025-01-02,login\n", encoding="utf-8"
    )
    map_places([place], tmp_path / "work", lambda _: True)
    read = pd.read_parquet(tmp_path / "work" / "history" / "usage.parquet")
    assert read["person_id"].dropna().tolist() == ["7"]


def test_keys_with_points_of_their_own_are_left_as_they_are(tmp_path: Path) -> None:
    """Where any key has a point and is no whole number, 1.0 may be another one than 1."""
    assert written(tmp_path, "1,A\n1.0,B\n1.1,C\n", uses("1.0", "1.0")) == (["1.0", "1.0"], [])


def test_a_point_in_a_later_row_than_the_first_ones_is_seen(tmp_path: Path) -> None:
    many = uses(*["1.0"] * 9) + "1.0,u,2025-02-01,login\n" * 20_500 + "1.1,u,2025-02-01,login\n"
    accounts, unmatched = written(tmp_path, "1.0,A\n1.1,B\n", many)
    assert (set(accounts), unmatched) == ({"1.0", "1.1"}, [])


def test_words_of_a_plan_keep_their_point(tmp_path: Path) -> None:
    place = tmp_path / "in"
    place.mkdir()
    (place / "accounts.csv").write_text("account_id,name\nA,Acme\n", encoding="utf-8")
    (place / "contracts.csv").write_text(
        "account_id,plan,term_start,mrr\nA,2.0,2025-01-01,7.0\nA,2.0,2025-01-01,7.0\n", encoding="utf-8"
    )
    map_places([place], tmp_path / "work", lambda _: True)
    read = pd.read_parquet(tmp_path / "work" / "history" / "subscriptions.parquet")
    assert set(read["plan"]) == {"2.0"}
