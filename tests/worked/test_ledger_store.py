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


def earlier(path: Path) -> Ledger:
    """Write a ledger of version 1, which had no table of what was served when."""
    ledger = Ledger(path)
    with ledger.writing() as db:
        db.execute(ROW, ("d1",))
    with closing(sqlite3.connect(ledger.path)) as db:
        db.execute("DROP TABLE serving")
        db.execute("PRAGMA user_version = 1")
    return ledger


def version(ledger: Ledger) -> int:
    with closing(sqlite3.connect(ledger.path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def test_a_ledger_of_an_earlier_version_gets_what_it_lacks_and_keeps_what_it_holds(tmp_path: Path) -> None:
    ledger = earlier(tmp_path / "ledger.db")
    with ledger.writing() as db:
        db.execute(ROW, ("d2",))
    assert version(ledger) == SCHEMA_VERSION
    assert ledger.read("SELECT * FROM serving").empty
    assert found(ledger) == ["d1", "d2"]


def test_a_ledger_of_an_earlier_version_is_read_where_nothing_may_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, connect = earlier(tmp_path / "ledger.db"), sqlite3.connect
    before = ledger.path.read_bytes()

    def forbidding(path: Path, *rest: float, **more: None) -> sqlite3.Connection:
        return connect(f"{path.absolute().as_uri()}?mode=ro", *rest, uri=True, **more)

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", forbidding)
        assert ledger.read("SELECT number, run_id, recorded_at FROM serving").empty
        assert ledger.read("SELECT * FROM run LEFT JOIN serving USING (run_id)").empty
        assert found(ledger) == ["d1"]
        with pytest.raises(PublishError, match="readonly"), ledger.writing():
            pass
    assert ledger.path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["ledger.db"]


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
