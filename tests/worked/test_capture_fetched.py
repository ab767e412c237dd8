"""Capturing what was fetched of a database or pulled from a service: the rows fetched last, since their fetch."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from holdfast.errors import DataError
from holdfast.features.capture import Captured, ChangeLog
from holdfast.features.history import History
from holdfast.features.mapping.capturing import capture
from holdfast.features.pull.landing import stamped
from holdfast.serving.mapping import landed, map_places

FIRST, SECOND = pd.Timestamp("2026-11-29 06:00", tz="UTC"), pd.Timestamp("2026-11-30 06:00", tz="UTC")
DAYS = ("2026-11-29", "2026-11-30", "2026-12-01")  # of midnight
HOUR = pd.Timedelta("1h")


@dataclass
class Crm:
    """A database of accounts that dates the changes of its rows, and the workspace that it is fetched into."""

    path: Path
    work: Path

    def run(self, statement: str, *rows: tuple[Any, ...]) -> None:
        with closing(sqlite3.connect(self.path)) as db, db:
            db.executemany(statement, rows)

    def map(self, at: pd.Timestamp) -> None:
        folder, _ = landed(f"sqlite:///{self.path}", self.work, None, None, at)
        map_places([folder], self.work, lambda _: True)

    def versions(self) -> list[tuple[Any, ...]]:
        found = ChangeLog(self.work / "captured").versions("accounts").to_pylist()
        return [(one["id"], one["lifecycle"], one["_from"]) for one in found]


@pytest.fixture
def crm(tmp_path: Path) -> Crm:
    made = Crm(tmp_path / "crm.db", tmp_path / "work")
    made.run("CREATE TABLE accounts (id, name, lifecycle, created_at DATETIME, updated_at DATETIME)", ())
    made.run("CREATE TABLE usage (account_id, event, occurred_at DATETIME)", ())
    old = "2025-01-01 00:00:00"
    made.run("INSERT INTO accounts VALUES (?, ?, ?, ?, ?)", ("a", "A", "trial", old, old), ("b", "B", "live", old, old))
    days = pd.date_range("2025-11-01", "2025-11-30")
    made.run("INSERT INTO usage VALUES (?, 'login', ?)", *(("ab"[i % 2], str(day)) for i, day in enumerate(days)))
    return made


def test_a_row_that_has_changed_is_captured_as_it_was_fetched_last(crm: Crm) -> None:
    crm.map(FIRST)
    capture(crm.work, FIRST + HOUR, FIRST)
    crm.run("UPDATE accounts SET lifecycle = 'live', updated_at = ? WHERE id = 'a'", ("2026-11-29 20:00:00",))
    crm.map(SECOND)
    (found,) = capture(crm.work, SECOND + HOUR, SECOND)
    assert (found.rows, found.added, found.changed, found.gone) == (2, 0, 1, 0)
    assert crm.versions() == [("a", "trial", FIRST), ("b", "live", FIRST), ("a", "live", SECOND)]


def test_a_key_that_one_fetch_gave_twice_is_refused(crm: Crm) -> None:
    crm.run("INSERT INTO accounts SELECT id, 'Z', lifecycle, created_at, updated_at FROM accounts WHERE id = 'a'", ())
    crm.map(FIRST)
    with pytest.raises(DataError, match=r"expected each key \(id, created_at\) once, found 1 several times: 'a'"):
        capture(crm.work, FIRST + HOUR, FIRST)


def _pulled(folder: Path, at: pd.Timestamp, **statuses: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    bare = {"customer": "cus_1", "created": 1_735_689_600}
    rows = [stamped({"id": one, "status": status, **bare}, at) for one, status in statuses.items()]
    pq.write_table(pa.Table.from_pylist(rows), folder / f"{at.timestamp():.1f}.parquet")


def test_a_pulled_record_that_has_changed_is_captured_as_it_was_fetched_last(tmp_path: Path) -> None:
    place, work = tmp_path / "stripe", tmp_path / "work"
    _pulled(place / "subscriptions", FIRST, s1="trialing", s2="active")
    map_places([place], work, lambda _: True)
    capture(work, FIRST + HOUR, FIRST)
    _pulled(place / "subscriptions", SECOND, s1="active")
    found: list[Captured] = capture(work, SECOND + HOUR, SECOND)
    assert [(one.table, one.rows, one.changed) for one in found] == [("subscriptions", 2, 1)]
    log = ChangeLog(work / "captured").versions("subscriptions").to_pylist()
    assert [(one["id"], one["status"]) for one in log] == [("s1", "trialing"), ("s2", "active"), ("s1", "active")]


def test_what_was_fetched_holds_since_its_fetch(crm: Crm) -> None:
    crm.map(FIRST)
    (found,) = capture(crm.work, FIRST + HOUR)
    assert (found.at, found.rows) == (FIRST, 2)
    assert not capture(crm.work, FIRST + HOUR)[0].fresh
    crm.run("UPDATE accounts SET lifecycle = 'live', updated_at = ? WHERE id = 'a'", ("2026-11-29 20:00:00",))
    crm.map(SECOND)
    (found,) = capture(crm.work, SECOND + HOUR)
    assert (found.at, found.changed) == (SECOND, 1)
    history = History.read(crm.work / "mapping.toml", end="2026-12-01")
    told = [history.as_of(day)["accounts"].set_index("account_id")["lifecycle"].get("a") for day in DAYS]
    assert pd.isna(told[0])
    assert told[1:] == ["trial", "live"]


def test_every_fetch_since_the_last_capture_counts_since_its_own_instant(tmp_path: Path) -> None:
    place, work = tmp_path / "stripe", tmp_path / "work"
    subscriptions = place / "subscriptions"
    _pulled(subscriptions, FIRST, s1="trialing", s2="active")
    map_places([place], work, lambda _: True)
    _pulled(subscriptions, FIRST + HOUR, s1="past_due")
    _pulled(subscriptions, SECOND, s1="active", s3="trialing")
    (found,) = capture(work, SECOND + HOUR)
    assert (found.at, found.rows, found.added, found.changed) == (SECOND, 3, 3, 2)
    log = ChangeLog(work / "captured")
    told = [(one["status"], one["_from"]) for one in log.versions("subscriptions").to_pylist() if one["id"] == "s1"]
    assert told == [("trialing", FIRST), ("past_due", FIRST + HOUR), ("active", SECOND)]


def test_captures_by_the_time_of_the_files_are_gone_on_with(crm: Crm) -> None:
    crm.map(FIRST)
    capture(crm.work, FIRST + HOUR, FIRST + HOUR / 2)
    assert not capture(crm.work, FIRST + HOUR)[0].fresh


def test_what_a_state_was_from_the_start_is_what_was_fetched_first(tmp_path: Path) -> None:
    """What was fetched later must not be known before."""
    ours, old = Crm(tmp_path / "ours.db", tmp_path / "work"), "2025-01-01 00:00:00"
    ours.run("CREATE TABLE accounts (account_id, name, segment, valid_from DATETIME, updated_at DATETIME)", ())
    ours.run("INSERT INTO accounts VALUES (?, 'A', 'small', ?, ?)", *((f"a{i}", old, old) for i in range(40)))
    ours.run("CREATE TABLE usage (account_id, event, occurred_at DATETIME)", ())
    ours.run("INSERT INTO usage VALUES (?, 'login', '2025-11-01 08:00:00')", *((f"a{i}",) for i in range(40)))
    ours.map(FIRST)
    ours.run("UPDATE accounts SET segment = 'large', updated_at = '2026-11-29 20:00:00'", ())
    ours.map(SECOND)
    accounts = History.read(ours.work / "mapping.toml", end="2026-12-01").as_of("2025-06-01")["accounts"]
    assert accounts["segment"].value_counts().to_dict() == {"small": 40}
