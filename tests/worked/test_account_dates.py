"""When an account begins that came without a date: with its first record, be it a version of its own."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from holdfast.features.history import History
from holdfast.serving.command import run

VERSION = pd.Timestamp("2025-03-02", tz="UTC")


def frames(**account: object) -> dict[str, pd.DataFrame]:
    nothing = {"valid_from": pd.NaT, "known_at": pd.NaT, "lifecycle": None}
    version = {"valid_from": VERSION, "known_at": VERSION, "lifecycle": "customer"}
    accounts = [{"account_id": "a", "name": "A", **nothing}, {"account_id": "b", "name": "B", **nothing, **account}]
    accounts.append({"account_id": "b", "name": "B", **version})
    used = {"account_id": ["a", "a"], "occurred_at": ["2025-01-02", "2025-04-02"]}
    return {"accounts": pd.DataFrame(accounts), "usage": pd.DataFrame(used)}


def test_a_row_without_a_date_gives_way_to_the_version_that_is_its_first_record():
    history = History.from_frames(frames())
    rows = history.as_of("2025-04-01")["accounts"].set_index("account_id")
    assert rows["lifecycle"].dropna().to_dict() == {"b": "customer"}
    assert rows.loc["b", "valid_from"] == VERSION
    assert {one.code: one.count for one in history.findings if one.where == "accounts"}["HF008"] == 1


def test_what_was_known_before_the_version_is_what_would_have_been_read_then():
    cut, whole = History.from_frames(frames()).until("2025-02-01"), frames()
    whole = {"accounts": whole["accounts"][:2], "usage": whole["usage"][:1]}
    assert cut.fingerprint() == History.from_frames(whole).fingerprint()
    assert list(cut.accounts) == ["a"]


def test_an_account_with_an_earlier_record_keeps_both_rows():
    told = frames()
    told["usage"].loc[2] = {"account_id": "b", "occurred_at": "2025-02-01"}
    rows = History.from_frames(told)
    assert rows.as_of("2025-02-15")["accounts"].set_index("account_id").loc["b", "valid_from"] == pd.Timestamp(
        "2025-02-01", tz="UTC"
    )


def test_a_list_of_accounts_of_which_one_does_nothing_can_be_captured(tmp_path: Path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "accounts.csv").write_text("account_id,name,status\na,A,active\nb,B,active\n", encoding="utf-8")
    (tmp_path / "in" / "usage.csv").write_text(
        "account_id,occurred_at,event\na,2025-01-02,login\na,2025-03-02,login\n", encoding="utf-8"
    )
    work = tmp_path / "work"
    assert run(["map", str(tmp_path / "in"), "--yes", "--out", str(work)]) == 0
    assert run(["capture", str(work)]) == 0
    assert run(["check", str(work / "plan.toml")]) == 1
    history = History.read(work / "history")
    assert list(history.accounts) == ["a", "b"]
    store = History.build(work / "history", tmp_path / "store")
    assert store.fingerprint() == history.fingerprint()
