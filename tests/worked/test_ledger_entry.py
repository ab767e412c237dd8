"""Runs in the ledger: entered once, whole, as served or rescored."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from holdfast.errors import PublishError
from holdfast.serving.ledger.as_served import as_served, became
from holdfast.serving.ledger.entry import enter, run_of, scores_sha256
from holdfast.serving.ledger.store import Ledger
from holdfast.serving.runs import Run, existing
from holdfast.serving.workspace import Workspace, write_manifest
from tests.ledgered import NOW

TABLES = ("SELECT * FROM run", "SELECT * FROM score", "SELECT * FROM chance")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.db")


def made(folder: Path, day: str, name: str = "", p: float = 0.25, *, horizons: tuple[int, ...] = (30, 90)) -> Run:
    """Lay down a run of three accounts, of which one is not scored."""
    run_id = name or day
    place = Workspace(folder)
    (place.runs / run_id).mkdir(parents=True, exist_ok=True)
    rows = pd.DataFrame({"account_id": ["a", "b", "c"], "score_status": ["scored", "scored_partial", "not_scored"]})
    rows = rows.assign(health=[70.5, None, None], band=["green", "insufficient evidence", ""], arr=[12.0, None, 3.0])
    chances = {f"p{days}": [p, p / 2, None] for days in horizons}
    rows.assign(p60=None, **chances, p90_low=0.1).to_parquet(place.runs / run_id / "scores.parquet", index=False)
    hashes = dict.fromkeys(("model_version", "model_sha256", "input_sha256", "config_sha256", "feedback_sha256"), "x")
    as_of = pd.Timestamp(day, tz="UTC").isoformat()
    write_manifest(place.runs / run_id, {"run_id": run_id, "as_of": as_of, **hashes})
    run = existing(place, run_id)
    assert run is not None
    return run


def kinds(ledger: Ledger) -> dict[str, str]:
    found = ledger.read("SELECT run_id, kind FROM run")
    return dict(zip(found["run_id"], found["kind"], strict=True))


def test_a_run_is_entered_with_its_scores_and_chances(ledger: Ledger, tmp_path: Path) -> None:
    run = made(tmp_path, "2025-03-01")
    assert enter(ledger, run, NOW)
    row = ledger.read("SELECT * FROM run").to_dict("records")
    assert row == [
        {
            "run_id": "2025-03-01",
            "as_of": "2025-03-01T00:00:00Z",
            "kind": "served",
            **dict.fromkeys(("model_version", "model_sha256", "input_sha256", "config_sha256", "feedback_sha256"), "x"),
            "scores_sha256": run.manifest["files"]["scores.parquet"]["sha256"],
            "recorded_at": "2026-01-01T00:00:00Z",
        }
    ]
    scores = ledger.read("SELECT account_id, status, health, band, arr FROM score ORDER BY account_id")
    assert scores.astype(object).where(scores.notna(), None).to_numpy().tolist() == [
        ["a", "scored", 70.5, "green", 12.0],
        ["b", "scored_partial", None, "insufficient evidence", None],
        ["c", "not_scored", None, "", 3.0],
    ]
    chances = ledger.read("SELECT account_id, horizon, probability FROM chance ORDER BY account_id, horizon")
    assert chances.to_numpy().tolist() == [["a", 30, 0.25], ["a", 90, 0.25], ["b", 30, 0.125], ["b", 90, 0.125]]


def test_a_run_that_is_there_is_left_as_it_is(ledger: Ledger, tmp_path: Path) -> None:
    run = made(tmp_path, "2025-03-01")
    enter(ledger, run, NOW)
    before = [ledger.read(table) for table in TABLES]
    assert enter(ledger, run, NOW + timedelta(days=1))
    for table, rows in zip(TABLES, before, strict=True):
        pd.testing.assert_frame_equal(ledger.read(table), rows)


def test_the_same_name_with_other_scores_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    enter(ledger, made(tmp_path, "2025-03-01"), NOW)
    before = ledger.read("SELECT * FROM chance")
    other = made(tmp_path, "2025-03-01", p=0.5)
    with pytest.raises(PublishError, match="found another scores_sha256"):
        enter(ledger, other, NOW)
    pd.testing.assert_frame_equal(ledger.read("SELECT * FROM chance"), before)
    assert scores_sha256(ledger, "2025-03-01") != other.manifest["files"]["scores.parquet"]["sha256"]
    assert scores_sha256(ledger, "2025-03-02") is None


def test_a_day_older_than_the_last_one_served_is_rescored(ledger: Ledger, tmp_path: Path) -> None:
    assert enter(ledger, made(tmp_path, "2025-03-02"), NOW)
    assert not enter(ledger, made(tmp_path, "2025-03-01"), NOW)
    assert enter(ledger, made(tmp_path, "2025-03-02", "again"), NOW)  # another model or other data on the same day
    assert enter(ledger, made(tmp_path, "2025-03-03"), NOW)
    assert not enter(ledger, made(tmp_path, "2025-03-02"), NOW)
    assert kinds(ledger) == {
        "2025-03-01": "rescored",
        **dict.fromkeys(("2025-03-02", "2025-03-03", "again"), "served"),
    }


def test_the_run_of_a_day_is_the_last_that_was_served_whatever_its_name(ledger: Ledger, tmp_path: Path) -> None:
    first, second = (pd.Timestamp(day, tz="UTC") for day in ("2025-03-01", "2025-03-02"))
    for day, name in ((first, "z"), (first, "m"), (second, "n"), (first, "a"), (first - timedelta(1), "b")):
        enter(ledger, made(tmp_path, f"{day:%Y-%m-%d}", name), NOW)
    assert kinds(ledger) == {"z": "served", "m": "served", "n": "served", "a": "rescored", "b": "rescored"}
    asked = (first, second, first - timedelta(1), second + timedelta(1))
    assert [(run_of(ledger, day) or {}).get("run_id") for day in asked] == ["m", "n", "b", None]


def test_a_run_that_is_served_again_is_the_run_of_its_day_until_another_one_is(ledger: Ledger, tmp_path: Path) -> None:
    day = pd.Timestamp("2025-03-01", tz="UTC")
    first, second, third = (made(tmp_path, "2025-03-01", name, p=p) for name, p in (("a", 0.1), ("b", 0.2), ("c", 0.3)))
    for run in (first, second, first, first):
        assert enter(ledger, run, NOW)
    assert (run_of(ledger, day) or {})["run_id"] == "a"
    assert set(became(ledger, day)["p"]) == {0.1, 0.05}
    assert as_served(ledger).runs["run_id"].tolist() == ["b", "a"]
    assert len(ledger.read("SELECT * FROM serving")) == 3
    enter(ledger, third, NOW)
    assert (run_of(ledger, day) or {})["run_id"] == "c"
    enter(ledger, made(tmp_path, "2025-03-02"), NOW)
    assert not enter(ledger, first, NOW)
    assert (run_of(ledger, day) or {})["run_id"] == "c"


def test_what_is_served_counts_where_the_ledger_is_younger(ledger: Ledger, tmp_path: Path) -> None:
    assert not enter(ledger, made(tmp_path, "2025-03-01"), NOW, pd.Timestamp("2025-03-02", tz="UTC"))
    assert kinds(ledger) == {"2025-03-01": "rescored"}


def test_a_run_is_entered_wholly_or_not_at_all(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = made(tmp_path, "2025-03-01")
    whole = pd.read_parquet
    twice = pd.concat([whole(run.folder / "scores.parquet")] * 2)
    monkeypatch.setattr(pd, "read_parquet", lambda *_, **__: twice)
    with pytest.raises(PublishError, match="UNIQUE"):
        enter(ledger, run, NOW)
    monkeypatch.setattr(pd, "read_parquet", whole)
    assert [len(ledger.read(table)) for table in TABLES] == [0, 0, 0]
    enter(ledger, run, NOW)
    assert [len(ledger.read(table)) for table in TABLES] == [1, 3, 4]
