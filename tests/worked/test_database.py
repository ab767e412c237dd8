"""Tables of a database as they are fetched: in chunks, from a watermark on, nothing twice and nothing missing."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from holdfast import safely
from holdfast.errors import DataError, UsageError
from holdfast.features.database import fetched, fetching
from holdfast.features.database.fetch import Fetched, fetch
from holdfast.features.database.fetched import STATE, parts_of, read_state
from holdfast.serving.mapping import landed

DAY = timedelta(days=1)
FIRST = datetime(2025, 6, 1, 12, tzinfo=UTC)
INVOICES = "CREATE TABLE invoices (id INTEGER PRIMARY KEY, paid BOOLEAN, updated_at DATETIME)"
EVENTS = "CREATE TABLE events (who TEXT, at DATETIME)"


class Shop:
    """A SQLite database and the folder that it is fetched into."""

    def __init__(self, base: Path) -> None:
        self.path, self.folder = base / "shop.db", base / "fetched"

    def run(self, statement: str, rows: Sequence[Sequence[Any]] = ((),)) -> None:
        with sqlite3.connect(self.path) as connection:
            connection.executemany(statement, rows)
        connection.close()

    def fetch(self, days: int = 0, **how: Any) -> dict[str, Fetched]:
        found = fetch(f"sqlite:///{self.path}", self.folder, at=FIRST + days * DAY, **how)
        return {one.table: one for one in found}

    def table(self, name: str) -> pa.Table:
        return pa.concat_tables([pq.read_table(one) for one in parts_of(self.folder, whole=True)[name]])

    def rows(self, name: str) -> list[tuple[Any, ...]]:
        """Give the rows that were fetched, without the instants of the fetches."""
        found = self.table(name).drop_columns(["_fetched_at"])
        return [tuple(row.values()) for row in found.to_pylist()]


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path)


def stamp(hour: int, day: int = 1) -> str:
    return f"2025-05-{day:02d} {hour:02d}:00:00"


def moment(hour: int, day: int = 1) -> datetime:
    return datetime(2025, 5, day, hour)


def hashes(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


# --- what is read


def test_every_type_is_carried_without_loss(shop):
    shop.run(
        "CREATE TABLE things (id BIGINT PRIMARY KEY, flag BOOLEAN, share FLOAT, price NUMERIC(20, 4), at DATETIME, "
        "day DATE, name TEXT, doc JSON, photo BLOB)"
    )
    row = (2**62, 1, 0.1, "1234567890123456.7891", "2025-05-01 08:09:10.123456", "2025-05-02", "Ünö ☃", '{"a":1.10}')
    shop.run("INSERT INTO things VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [(*row, b"\xff")])
    shop.run("INSERT INTO things (id) VALUES (?)", [(-1,)])
    found = shop.fetch()["things"]
    table = shop.table("things")
    assert {field.name: str(field.type) for field in table.schema} == {
        **{"id": "int64", "flag": "bool", "share": "double", "price": "string", "at": "timestamp[us]"},
        **{"day": "date32[day]", "name": "string", "doc": "string", "_fetched_at": "timestamp[us, tz=UTC]"},
    }
    empty, full = table.to_pylist()
    assert empty == {"id": -1, **dict.fromkeys(table.column_names[1:-1]), "_fetched_at": FIRST}
    assert full["id"] == 2**62
    assert full["flag"] is True
    assert full["share"] == 0.1
    # SQLite itself keeps a number of a NUMERIC column as a float; it is carried as it stands there
    assert full["price"] == repr(1234567890123456.7891)
    assert full["at"] == datetime(2025, 5, 1, 8, 9, 10, 123456)
    assert (full["name"], full["doc"]) == ("Ünö ☃", '{"a":1.10}')
    assert [(one.code, one.message) for one in found.findings] == [
        ("HF064", "column photo is left out: its type BLOB() cannot be carried")
    ]


def test_values_that_their_type_does_not_hold_are_carried_as_text(shop):
    shop.run("CREATE TABLE odd (id INTEGER PRIMARY KEY, seats INTEGER, at DATETIME, note TEXT)")
    rows = [(i, i, stamp(1), "x") for i in range(5)]
    rows += [(5, "many", "soon", "x"), (6, 1, "2025-05-01T10:00:00Z", "x"), (7, None, None, b"\x00")]
    shop.run("INSERT INTO odd VALUES (?, ?, ?, ?)", rows)
    found = shop.fetch(chunk_rows=2)["odd"]
    assert found.columns == ("id", "seats", "at")
    assert [row[1] for row in shop.rows("odd")] == ["0", "1", "2", "3", "4", "many", "1", None]
    assert [row[2] for row in shop.rows("odd")][4:] == [stamp(1), "soon", "2025-05-01T10:00:00Z", None]
    assert sorted(one.message.split(":")[0] for one in found.findings) == [
        "column at is carried as text",
        "column note is left out",
        "column seats is carried as text",
    ]
    assert shop.fetch(1)["odd"].columns == ("id", "seats", "at")  # and stays as it was


def test_rows_are_read_in_chunks_in_the_order_of_the_key(shop):
    shop.run("CREATE TABLE many (id INTEGER PRIMARY KEY, x TEXT)")
    shop.run("INSERT INTO many VALUES (?, ?)", [(i, str(i)) for i in reversed(range(25))])
    found = shop.fetch(chunk_rows=10)["many"]
    assert [pq.read_metadata(one).num_rows for one in found.files] == [10, 10, 5]
    assert [one.name for one in found.files] == ["0001.parquet", "0002.parquet", "0003.parquet"]
    assert shop.rows("many") == [(i, str(i)) for i in range(25)]


def test_a_chunk_is_all_that_is_held(shop, monkeypatch):
    shop.run("CREATE TABLE many (id INTEGER PRIMARY KEY, x TEXT)")
    shop.run("INSERT INTO many VALUES (?, 'x')", [(i,) for i in range(3000)])
    seen: list[int] = []
    real = fetching._Reading._write
    monkeypatch.setattr(
        fetching._Reading, "_write", lambda self, rows, number: (seen.append(len(rows)), real(self, rows, number))[1]
    )
    shop.fetch(chunk_rows=1000)
    assert seen == [1000, 1000, 1000]


def test_all_tables_are_of_one_instant(shop, monkeypatch):
    shop.run("CREATE TABLE a (id INTEGER PRIMARY KEY)")
    shop.run("CREATE TABLE b (id INTEGER PRIMARY KEY)")
    shop.run("PRAGMA journal_mode=WAL")
    real = fetching._Reading.take

    def take(self, connection):
        taken = real(self, connection)
        shop.run("INSERT INTO b VALUES (NULL)")
        return taken

    monkeypatch.setattr(fetching._Reading, "take", take)
    assert shop.fetch()["b"].rows == 0
    assert shop.fetch(1)["b"].rows == 2


def test_names_of_tables_and_columns_may_be_anything(shop):
    shop.run("""CREATE TABLE "we""ird '%s/..\\ t" ("a ""b" INTEGER, "%(x)s; --" TEXT, "c1" TEXT, "c0" TEXT)""")
    shop.run("""INSERT INTO "we""ird '%s/..\\ t" VALUES (1, 'x', 'y', 'z')""")
    name = "we%22ird '%25s%2F%2E%2E%5C t"
    assert list(shop.fetch()) == [name]
    assert shop.rows(name) == [(1, "x", "y", "z")]
    assert shop.table(name).column_names == ['a "b', "%(x)s; --", "c1", "c0", "_fetched_at"]


def test_a_view_is_fetched_when_it_is_named(shop):
    shop.run(INVOICES)
    shop.run("CREATE VIEW open_invoices AS SELECT id FROM invoices WHERE NOT paid")
    assert list(shop.fetch()) == ["invoices"]
    shop.run("INSERT INTO invoices VALUES (7, 0, ?)", [(stamp(1),)])
    assert shop.fetch(1, tables=["open_invoices"])["open_invoices"].rows == 1
    assert shop.rows("open_invoices") == [(7,)]
    assert list(parts_of(shop.folder)) == ["invoices", "open_invoices"]


def test_a_table_without_rows_still_tells_its_columns(shop):
    shop.run(INVOICES)
    found = shop.fetch()["invoices"]
    assert (found.rows, found.total, found.until) == (0, 0, None)
    assert [one.code for one in found.findings] == ["HF065"]
    assert shop.table("invoices").column_names == ["id", "paid", "updated_at", "_fetched_at"]
    shop.run("INSERT INTO invoices VALUES (1, 0, ?)", [(stamp(1),)])
    assert (shop.fetch(1)["invoices"].rows, shop.rows("invoices")) == (1, [(1, False, moment(1))])


# --- from a watermark on


def test_a_later_fetch_brings_what_changed_and_every_version_stays(shop):
    shop.run(INVOICES)
    shop.run("INSERT INTO invoices VALUES (?, 0, ?)", [(1, stamp(1)), (2, stamp(2)), (3, stamp(2))])
    first = shop.fetch()["invoices"]
    assert (first.rows, first.watermark, first.until) == (3, "updated_at", "2025-05-01T02:00:00")
    assert first.ground == "updated_at dates the last change of a row, by its name"
    shop.run("UPDATE invoices SET paid = 1, updated_at = ? WHERE id = 1", [(stamp(3),)])
    shop.run("INSERT INTO invoices VALUES (?, 0, ?)", [(4, stamp(2)), (5, stamp(3))])  # 4 ties with the boundary
    second = shop.fetch(1)["invoices"]
    assert (second.rows, second.total, second.until) == (3, 6, "2025-05-01T03:00:00")
    versions = {(row["id"], row["paid"], row["_fetched_at"]) for row in shop.table("invoices").to_pylist()}
    assert versions == {
        *((1, False, FIRST), (2, False, FIRST), (3, False, FIRST)),
        *((1, True, FIRST + DAY), (4, False, FIRST + DAY), (5, False, FIRST + DAY)),
    }
    assert first.files[0] == second.files[0]


def test_nothing_new_adds_nothing(shop):
    shop.run(INVOICES)
    shop.run("INSERT INTO invoices VALUES (?, 0, ?)", [(1, stamp(1)), (2, stamp(2)), (3, None)])
    shop.fetch()
    parts = {name: value for name, value in hashes(shop.folder).items() if name != STATE}
    again = shop.fetch(1, lag=400 * DAY)["invoices"]
    assert (again.rows, again.total) == (0, 3)
    assert {name: value for name, value in hashes(shop.folder).items() if name != STATE} == parts


@pytest.mark.parametrize(
    "form", ["2025-05-01 10:00", "2025-05-01T10:00:00", "2025-05-01 10:00:00.000000", "2025-05-01"]
)
def test_a_tie_is_found_in_every_form_of_a_time(shop, form):
    shop.run(INVOICES)
    shop.run("INSERT INTO invoices VALUES (1, 0, '2025-05-01 10:00:00.000000')")
    shop.fetch()
    shop.run("INSERT INTO invoices VALUES (2, 0, ?)", [(form,)])
    assert shop.fetch(1)["invoices"].rows == 1


def test_rows_without_a_watermark_are_not_forgotten(shop):
    shop.run(INVOICES)
    shop.run("INSERT INTO invoices VALUES (1, 0, ?)", [(stamp(1),)])
    shop.fetch()
    shop.run("INSERT INTO invoices VALUES (2, 0, NULL)")
    assert [shop.fetch(day)["invoices"].rows for day in (1, 2)] == [1, 0]


def test_only_a_lag_finds_rows_that_change_below_their_watermark(shop):
    shop.run("CREATE TABLE invoices (id INTEGER PRIMARY KEY, paid BOOLEAN, created_at DATETIME)")
    shop.run("INSERT INTO invoices VALUES (?, 0, ?)", [(1, stamp(1, day=1)), (2, stamp(1, day=20))])
    assert shop.fetch(watermarks={"invoices": "created_at"})["invoices"].rows == 2
    shop.run("UPDATE invoices SET paid = 1 WHERE id = 1")
    assert shop.fetch(1)["invoices"].rows == 0
    assert shop.fetch(2, lag=10 * DAY)["invoices"].rows == 0
    assert shop.fetch(3, lag=20 * DAY)["invoices"].rows == 1
    shop.run("UPDATE invoices SET paid = 0 WHERE id = 1")  # back to what it was, which is a change too
    assert shop.fetch(4, lag=20 * DAY)["invoices"].rows == 1
    assert [row[1] for row in shop.rows("invoices") if row[0] == 1] == [False, True, False]


def test_events_that_are_alike_in_everything_count_each(shop):
    shop.run(EVENTS)
    shop.run("INSERT INTO events VALUES ('ann', ?)", [(stamp(1),), (stamp(1),)])
    assert shop.fetch(watermarks={"events": "at"})["events"].rows == 2
    shop.run("INSERT INTO events VALUES ('ann', ?)", [(stamp(1),)])
    assert [shop.fetch(day)["events"].rows for day in (1, 2)] == [1, 0]
    assert shop.rows("events") == [("ann", moment(1))] * 3


def test_a_number_may_be_the_watermark(shop):
    shop.run("CREATE TABLE log (seq INTEGER PRIMARY KEY, text TEXT)")
    shop.run("INSERT INTO log VALUES (?, 'x')", [(i,) for i in range(5)])
    assert shop.fetch(watermarks={"log": "seq"})["log"].until == "4"
    shop.run("INSERT INTO log VALUES (?, 'x')", [(i,) for i in range(5, 8)])
    assert (shop.fetch(1)["log"].rows, shop.rows("log")) == (3, [(i, "x") for i in range(8)])


def test_a_watermark_in_the_future_does_not_hide_what_follows(shop):
    shop.run(INVOICES)
    shop.run("INSERT INTO invoices VALUES (1, 0, '2099-01-01 00:00:00')")
    assert shop.fetch()["invoices"].until == "2025-06-01T00:00:00"
    shop.run("INSERT INTO invoices VALUES (2, 0, '2025-06-01 13:00:00')")
    assert shop.fetch(1)["invoices"].rows == 1


def test_a_copied_row_is_dated_by_the_copying(shop):
    shop.run("CREATE TABLE copied (id INTEGER PRIMARY KEY, updated_at DATETIME, _fivetran_synced DATETIME)")
    shop.run("CREATE TABLE dated (id INTEGER PRIMARY KEY, created_at DATETIME, SystemModstamp DATETIME)")
    shop.run("CREATE TABLE undated (id INTEGER PRIMARY KEY, created_at DATETIME)")
    found = shop.fetch()
    assert {name: one.watermark for name, one in found.items()} == {
        **{"copied": "_fivetran_synced", "dated": "SystemModstamp", "undated": None}
    }
    assert found["undated"].ground.startswith("read whole")


def test_without_a_watermark_the_table_is_replaced(shop):
    shop.run("CREATE TABLE plans (id INTEGER PRIMARY KEY, name TEXT)")
    shop.run("INSERT INTO plans VALUES (?, ?)", [(1, "old"), (2, "gone")])
    first = shop.fetch()["plans"]
    shop.run("UPDATE plans SET name = 'new' WHERE id = 1")
    shop.run("DELETE FROM plans WHERE id = 2")
    second = shop.fetch(1)["plans"]
    assert (second.rows, second.total, shop.rows("plans")) == (1, 1, [(1, "new")])
    assert not first.files[0].exists()
    assert [one.name for one in (shop.folder / "plans").iterdir()] == ["0002.parquet"]


def test_a_new_column_is_welcome(shop):
    shop.run(INVOICES)
    shop.run("INSERT INTO invoices VALUES (?, 0, ?)", [(1, stamp(1)), (2, stamp(1))])
    shop.fetch()
    shop.run("ALTER TABLE invoices ADD COLUMN currency TEXT")
    assert shop.fetch(1)["invoices"].rows == 0  # empty says nothing new
    shop.run("UPDATE invoices SET currency = 'EUR' WHERE id = 2")
    assert shop.fetch(2)["invoices"].rows == 1
    assert shop.fetch(3)["invoices"].rows == 0


def test_another_watermark_loses_and_repeats_nothing(shop):
    shop.run("CREATE TABLE orders (id INTEGER PRIMARY KEY, updated_at DATETIME, synced_at DATETIME)")
    shop.run("INSERT INTO orders VALUES (?, ?, ?)", [(1, stamp(9), stamp(1)), (2, stamp(1), stamp(9))])
    shop.fetch()
    shop.run("INSERT INTO orders VALUES (3, ?, ?)", [(stamp(1, day=1), stamp(8))])
    found = shop.fetch(1, watermarks={"orders": "synced_at"})["orders"]
    assert (found.rows, found.total, found.until) == (1, 3, "2025-05-01T09:00:00")
    with pytest.raises(UsageError, match="fetch it whole into a new folder"):
        shop.fetch(2, watermarks={"orders": ""})


def test_the_same_database_gives_the_same_bytes(shop, tmp_path):
    shop.run(INVOICES)
    shop.run("INSERT INTO invoices VALUES (?, 0, ?)", [(i, stamp(i % 24)) for i in range(50)])
    shop.fetch(chunk_rows=20)
    one, shop.folder = hashes(shop.folder), tmp_path / "again"
    shop.fetch(chunk_rows=20)
    assert hashes(shop.folder) == one


# --- killed at any moment


class Killed(BaseException):
    """The end of the process, as far as files can tell: nothing in a fetch cleans up behind it."""


def killing(monkeypatch: pytest.MonkeyPatch, left: int) -> None:
    """Have the fetch end at one of its steps on the disk, before the step."""
    steps = iter(range(left))

    def counting(work: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            if next(steps, None) is None:
                raise Killed
            return work(*args, **kwargs)

        return counted

    for module in (safely, fetched, fetching):
        monkeypatch.setattr(module, "flush", counting(safely.flush))
    for name in ("replace", "unlink", "write_bytes", "mkdir"):
        monkeypatch.setattr(Path, name, counting(getattr(Path, name)))
    monkeypatch.setattr(fetching.pq, "write_table", counting(pq.write_table))


def changing(base: Path) -> Shop:
    """Give a database that was fetched once and has changed since: a table with a watermark, and one without."""
    base.mkdir(exist_ok=True)
    shop = Shop(base)
    shop.run(INVOICES)
    shop.run("CREATE TABLE plans (id INTEGER PRIMARY KEY, name TEXT)")
    shop.run("INSERT INTO invoices VALUES (?, 0, ?)", [(i, stamp(i)) for i in range(6)])
    shop.run("INSERT INTO plans VALUES (?, 'old')", [(i,) for i in range(6)])
    shop.fetch(chunk_rows=4)
    shop.run("UPDATE invoices SET paid = 1, updated_at = ? WHERE id < 2", [(stamp(7),)])
    shop.run("INSERT INTO invoices VALUES (?, 0, ?)", [(i, stamp(i)) for i in range(6, 12)])
    shop.run("UPDATE plans SET name = 'new'")
    return shop


def test_a_fetch_killed_anywhere_leaves_all_or_nothing_and_the_next_completes_it(tmp_path):
    calm = changing(tmp_path / "calm")
    before = {name: calm.rows(name) for name in ("invoices", "plans")}
    calm.fetch(1, chunk_rows=4)
    after = {name: calm.rows(name) for name in ("invoices", "plans")}
    shop = changing(tmp_path / "killed")
    seen = []
    for left in range(100):
        with pytest.MonkeyPatch.context() as monkeypatch:
            killing(monkeypatch, left)
            try:
                shop.fetch(1, chunk_rows=4)
            except Killed:
                pass
            else:
                break
        found = {name: shop.rows(name) for name in ("invoices", "plans")}
        assert found in (before, after)
        seen.append(found == after)
    assert seen == sorted(seen)  # the old until it is the new, and then it stays
    assert set(seen) == {False, True}
    assert {name: shop.rows(name) for name in ("invoices", "plans")} == after
    assert {one.name for one in shop.folder.iterdir()} == {".lock", STATE, "invoices", "plans"}


_SIGKILL = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from holdfast.features.database import fetched
from holdfast.features.database.fetch import fetch

fetched.State.write = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
fetch(sys.argv[1], Path(sys.argv[2]), at=datetime.fromisoformat(sys.argv[3]), chunk_rows=4)
"""


def test_a_process_killed_before_its_last_step_leaves_all_as_it_was(tmp_path):
    shop = changing(tmp_path)
    before = {name: shop.rows(name) for name in ("invoices", "plans")}
    command = [sys.executable, "-c", _SIGKILL, f"sqlite:///{shop.path}", str(shop.folder), (FIRST + DAY).isoformat()]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, timeout=60)
    assert done.returncode == -9, done.stderr
    assert len(list(shop.folder.glob("invoices/*.parquet"))) > len(parts_of(shop.folder)["invoices"])
    assert {name: shop.rows(name) for name in ("invoices", "plans")} == before
    found = shop.fetch(1, chunk_rows=4)
    assert (found["invoices"].rows, found["plans"].rows) == (8, 6)
    assert len(list(shop.folder.glob("invoices/*.parquet"))) == len(found["invoices"].files)


def test_parts_that_are_not_listed_do_not_count_and_go(shop):
    shop.run(INVOICES)
    shop.run("INSERT INTO invoices VALUES (1, 0, ?)", [(stamp(1),)])
    part = shop.fetch()["invoices"].files[0]
    part.with_name("0007.parquet").write_bytes(part.read_bytes())
    part.with_name("mine.txt").write_text("kept")
    assert len(shop.rows("invoices")) == 1
    shop.fetch(1)
    assert sorted(one.name for one in part.parent.iterdir()) == ["0001.parquet", "mine.txt"]


def test_what_was_fetched_is_what_the_state_says(shop):
    shop.run(INVOICES)
    shop.run("INSERT INTO invoices VALUES (1, 0, ?)", [(stamp(1),)])
    part = shop.fetch()["invoices"].files[0]
    state = read_state(shop.folder)
    assert state is not None
    assert state.tables["invoices"].parts[0].sha256 == hashlib.sha256(part.read_bytes()).hexdigest()
    part.write_bytes(part.read_bytes() + b" ")
    with pytest.raises(DataError, match=r"0001\.parquet: expected the part that was written, found other bytes"):
        shop.fetch(1)


def test_mapping_reads_a_row_that_was_written_under_an_earlier_time(shop: Shop) -> None:
    shop.run(INVOICES)
    shop.run("INSERT INTO invoices VALUES (?, ?, ?)", [(1, 0, "2025-05-30 00:10:00")])
    url, out = f"sqlite:///{shop.path}", shop.folder.parent / "work"
    landed(url, out, None, None, FIRST)
    shop.run(
        "INSERT INTO invoices VALUES (?, ?, ?)", [(2, 0, "2025-05-29 23:50:00")]
    )  # by a transaction that took long
    folder, _ = landed(url, out, None, None, FIRST + DAY)
    found = [pq.read_table(path).column("id").to_pylist() for path in parts_of(folder)["invoices"]]
    assert found == [[1], [2]]
