"""The ledger's file holds what was written wholly, or nothing of it."""

import sqlite3
from contextlib import closing
from multiprocessing import Process
from pathlib import Path

import pytest

from holdfast.errors import PublishError
from holdfast.serving.ledger.store import SCHEMA_VERSION, Ledger

ROW = "INSERT INTO erased VALUES ('account', ?, '2026-01-01T00:00:00Z')"


def found(ledger: Ledger) -> list[str]:
    return [str(one) for one in ledger.read("SELECT digest FROM erased ORDER BY digest")["digest"]]


def fail(ledger: Ledger) -> None:
    with ledger.writing() as db:
        db.execute(ROW, ("b",))
        raise RuntimeError


def test_a_transaction_holds_wholly_or_not_at_all(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "new" / "ledger.db")
    assert found(ledger) == []
    assert not ledger.path.exists()  # reading makes no file
    with ledger.writing() as db:
        db.execute(ROW, ("a",))
    with pytest.raises(RuntimeError):
        fail(ledger)
    assert found(ledger) == ["a"]


def test_what_breaks_a_rule_of_the_schema_is_told_and_leaves_what_was_there(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    with ledger.writing() as db:
        db.execute(ROW, ("a",))
    with pytest.raises(PublishError, match="UNIQUE"), ledger.writing() as db:
        db.executemany(ROW, [("b",), ("a",)])
    assert found(ledger) == ["a"]


def test_a_damaged_file_and_one_of_a_later_version_are_refused(tmp_path: Path) -> None:
    damaged, later = Ledger(tmp_path / "damaged.db"), Ledger(tmp_path / "later.db")
    damaged.path.write_bytes(b"no database" * 1000)
    with pytest.raises(PublishError, match="not a database"):
        found(damaged)
    with sqlite3.connect(later.path) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(PublishError, match=f"found version {SCHEMA_VERSION + 1}"), later.writing():
        pass


def test_a_ledger_of_an_earlier_version_gets_what_it_lacks_and_keeps_what_it_holds(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db")
    with ledger.writing() as db:
        db.execute("INSERT INTO erased VALUES ('account', 'd1', '2026-01-01T00:00:00Z')")
    with closing(sqlite3.connect(ledger.path)) as db:
        db.execute("DROP TABLE serving")
        db.execute("PRAGMA user_version = 1")
    assert ledger.read("SELECT * FROM serving").empty
    assert len(ledger.read("SELECT * FROM erased")) == 1


def add(path: Path, letter: str) -> None:
    for number in range(20):
        with Ledger(path).writing() as db:
            db.execute(ROW, (f"{letter}{number}",))


def test_two_writers_take_turns(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    both = [Process(target=add, args=(path, letter)) for letter in "ab"]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert [one.exitcode for one in both] == [0, 0]
    assert len(found(Ledger(path))) == 40
