"""``holdfast capture`` over files: an old export that was copied today does not pass for the present."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pandas as pd
import pytest

from holdfast.features.history import History
from holdfast.serving.command import run

DAYS = pd.date_range("2025-01-01", periods=300, tz="UTC")


def _exports(folder: Path, lifecycle: str, written: str) -> None:
    folder.mkdir(exist_ok=True)
    accounts = pd.DataFrame({"account_id": ["a", "b"], "name": ["A", "B"], "lifecycle": [lifecycle, "customer"]})
    events = pd.DataFrame({"account_id": ["a", "b"] * 150, "occurred_at": DAYS, "event": "login"})
    accounts.to_csv(folder / "accounts.csv", index=False)
    events.to_csv(folder / "usage.csv", index=False)
    for path in folder.iterdir():
        os.utime(path, (stamp := pd.Timestamp(written, tz="UTC").timestamp(), stamp))


@pytest.mark.parametrize(
    ("written", "since"),
    [("2025-10-29", "2025-10-29 00:00"), ("2026-06-01", "2025-10-27 00:00")],  # the last event is of 2025-10-27
)
def test_the_state_holds_since_the_export(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], written: str, since: str
) -> None:
    _exports(tmp_path / "in", "trial", written)
    work = tmp_path / "work"
    assert run(["map", str(tmp_path / "in"), "--yes", "--out", str(work)]) == 0
    capsys.readouterr()
    assert run(["capture", str(work)]) == 0
    assert f"accounts at {since} UTC: 2 rows, of which 2 new" in capsys.readouterr().out
    assert run(["capture", str(work)]) == 10


def test_what_is_overwritten_counts_from_the_day_it_was_captured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = tmp_path / "work"
    for lifecycle, day in (("trial", "2025-10-28"), ("customer", "2025-10-29")):
        _exports(tmp_path / "in", lifecycle, day)
        if day == "2025-10-28":
            assert run(["map", str(tmp_path / "in"), "--yes", "--out", str(work)]) == 0
        assert run(["capture", str(work), "--json"]) == 0
    assert json.loads("{" + capsys.readouterr().out.rpartition("\n{")[2])["changed"] == 1
    history = History.read(work / "mapping.toml", end="2025-10-30")
    of_a = {
        day: history.as_of(day)["accounts"].set_index("account_id")["lifecycle"].get("a")
        for day in ("2025-10-28", "2025-10-29", "2025-10-27")
    }
    assert of_a["2025-10-28"] == "trial"
    assert of_a["2025-10-29"] == "customer"
    assert pd.isna(of_a["2025-10-27"])


def test_no_state_can_lie_in_the_future(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work = tmp_path / "work"
    _exports(tmp_path / "in", "trial", "2025-10-28")
    assert run(["map", str(tmp_path / "in"), "--yes", "--out", str(work)]) == 0
    assert run(["capture", str(work), "--at", "2205-10-28"]) == 2  # every later capture would lie before it
    assert "--at: expected a day that has begun, found 2205-10-28" in capsys.readouterr().err
    assert run(["capture", str(work), "--at", "2025-10-28"]) == 0
