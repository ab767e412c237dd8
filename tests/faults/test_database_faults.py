"""Databases that cannot be read, and passwords that must not show: refused with place, reason and remedy."""

from __future__ import annotations

import logging
import os
import re
import socket
import sqlite3
import sys
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from holdfast.errors import DataError, HoldfastError, LockHeld, UsageError
from holdfast.features.database import fetching
from holdfast.features.database.fetch import fetch
from holdfast.features.database.fetched import STATE, parts_of
from holdfast.features.database.secrets import password_of, scrub
from holdfast.features.database.sqlsource import persevering, source_of
from holdfast.safely import alone

AT = datetime(2025, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
CANARY = "c@nary/p%ss'wörd"
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")


@pytest.fixture(autouse=True)
def no_passwords(monkeypatch):
    for name in [name for name in os.environ if name.startswith(("HOLDFAST_", "PG"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def shop(tmp_path):
    """Give the address of a small database."""
    path = tmp_path / "shop.db"
    run(path, "CREATE TABLE invoices (id INTEGER PRIMARY KEY, amount INTEGER, updated_at DATETIME)")
    run(path, "INSERT INTO invoices VALUES (1, 10, '2025-05-01 10:00:00'), (2, 20, '2025-05-02 10:00:00')")
    return f"sqlite:///{path}"


def run(path: Path, *statements: str) -> None:
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def refused(kind, match, url, folder, **how) -> HoldfastError:
    with pytest.raises(kind, match=match) as caught:
        fetch(url, folder, **{"at": AT, **how})
    assert caught.value.do
    return caught.value


def told(problem: BaseException) -> str:
    """Give all that a traceback could show of an error, with the values of its frames."""
    shown = traceback.TracebackException.from_exception(problem, capture_locals=True)
    return "".join(shown.format()) + repr(problem.args)


def hidden(text: str) -> None:
    """Look for the password in the forms that it may take, and for parts of it that a parser may have torn off."""
    forms = [CANARY, "c%40nary", "c@nary", "nary/p", "p%ss", "p%25ss", "wörd", "w\\xf6rd", "w\\u00f6rd", "w%C3%B6rd"]
    assert [form for form in forms if form in text] == []


# --- passwords


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://reader:c%40nary@db/crm",
        "postgresql://reader:c@nary/p%ss'wörd@db/crm",
        "postgresql+psycopg://:c@nary@/crm",
        "postgresql://reader@db/crm?password=c@nary",
        "postgresql://reader@db/crm?sslpassword=c@nary",
        "mssql+pyodbc:///?odbc_connect=DRIVER=x;PWD=c@nary",
        "sqlite://x:c@nary@/shop.db",
    ],
)
def test_an_address_with_a_password_is_refused_without_showing_it(url, tmp_path):
    problem = refused(UsageError, "shell's history", url, tmp_path / "out")
    hidden(str(problem))
    assert "put the password into HOLDFAST_" in problem.do
    assert not (tmp_path / "out").exists()


def test_an_address_that_cannot_be_read_is_not_shown(tmp_path):
    problem = refused(
        UsageError, "a postgresql of other form", "postgresql://reader:c@nary:x:y/@@:z/crm", tmp_path / "o"
    )
    hidden(str(problem))
    assert problem.__context__ is None


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o622])
def test_a_secrets_file_open_to_others_is_refused(tmp_path, mode):
    path = write(tmp_path / "s.toml", f'[crm]\npassword = "{CANARY}"', mode)
    problem = refused(UsageError, f"found mode {mode:04o}", "postgresql://db/crm", tmp_path / "out", secrets=path)
    assert problem.do == f"chmod 600 {path}"


@posix
@pytest.mark.parametrize(
    ("text", "match"),
    [
        (f"[crm]\npassword = {CANARY}", r"expected TOML, found a mistake \(at line 2, column 12\)"),
        (f'password = "{CANARY}"', r"a password under \[crm\] or \[sql\], found none"),
        ("[crm]\npassword = 5", r"a password under \[crm\]"),
        ("crm = 'x'", r"a password under \[crm\]"),
    ],
)
def test_a_secrets_file_without_the_password(tmp_path, text, match):
    path = write(tmp_path / "s.toml", text)
    hidden(str(refused(UsageError, match, "postgresql://db/crm", tmp_path / "out", secrets=path)))


def test_a_secrets_file_that_is_not_there(tmp_path):
    refused(UsageError, "No such file", "postgresql://db/crm", tmp_path / "out", secrets=tmp_path / "nowhere")


@posix
def test_where_a_password_is_looked_for(tmp_path, monkeypatch):
    url = sa.make_url("postgresql://reader@db/My-CRM.eu")
    assert password_of(url) is None
    monkeypatch.setenv("HOLDFAST_SQL_PASSWORD", "general")
    assert password_of(url).reveal() == "general"
    monkeypatch.setenv("HOLDFAST_MY_CRM_EU_PASSWORD", "own")
    assert password_of(url).reveal() == "own"
    path = write(tmp_path / "s.toml", "[sql]\npassword = 'of all'")
    assert password_of(url, path).reveal() == "of all"
    write(path, "[sql]\npassword = 'of all'\n[my_crm_eu]\npassword = 'of one'")
    found = password_of(url, path)
    assert found.reveal() == "of one"
    assert f"{found} {found!r} {[found]}" == "*** *** [***]"
    assert scrub("say of%20one, of one", [found]) == "say ***, ***"


def test_a_password_shows_nowhere_when_the_server_is_down(tmp_path, monkeypatch, caplog, capfd):
    for name in (None, "sqlalchemy", "psycopg"):
        caplog.set_level(logging.DEBUG, logger=name)
    monkeypatch.setenv("HOLDFAST_CRM_PASSWORD", CANARY)
    monkeypatch.setenv("PGPASSWORD", CANARY)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    waits: list[float] = []
    url = f"postgresql://reader@127.0.0.1:{port}/crm"
    problem = refused(DataError, "a database that answers.*refused", url, tmp_path / "out", sleep=waits.append)
    assert waits == [1.0, 4.0, 15.0]
    assert caplog.text.count("trying again") == 3
    assert problem.__cause__ is None
    assert problem.__context__ is None
    written = [path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()]
    hidden(told(problem) + caplog.text + "".join(capfd.readouterr()) + repr(written))
    assert str(source_of(url)) == f"postgresql://127.0.0.1:{port}/crm"
    hidden(repr(source_of(url)))


def test_what_a_driver_says_is_scrubbed(shop, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", CANARY)

    def work(_):
        raise sa.exc.ProgrammingError("SELECT", {}, Exception(f"bad dsn: password='{CANARY}'"))

    with pytest.raises(DataError, match=r"bad dsn: password='\*\*\*'") as caught:
        persevering(source_of(shop), work, lambda _: None)
    hidden(str(caught.value))
    assert caught.value.__context__ is None


# --- the database


def test_a_driver_that_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    problem = refused(UsageError, "no module 'psycopg'", "postgresql://db/crm", tmp_path / "out")
    assert problem.do == "pip install 'holdfast[postgres]'"
    refused(UsageError, "no module 'MySQLdb'.*install the driver", "mysql://db/crm", tmp_path / "out")
    refused(UsageError, "did you mean 'postgresql'", "postgresq://db/crm", tmp_path / "out")


@pytest.mark.parametrize(
    "url", ["sqlite:///nowhere.db", "sqlite://", "sqlite:///:memory:", "sqlite:///file:x?uri=true"]
)
def test_a_sqlite_file_that_is_not_there(url, tmp_path):
    refused(UsageError, "the file of a SQLite database, found none", url, tmp_path / "out")


def test_a_file_that_is_no_database(tmp_path):
    (tmp_path / "x.db").write_text("id,amount\n1,2\n" * 100)
    refused(DataError, "file is not a database", f"sqlite:///{tmp_path / 'x.db'}", tmp_path / "out")


def test_a_database_without_tables(tmp_path):
    run(tmp_path / "x.db", "PRAGMA user_version = 1")
    refused(DataError, "expected tables, found none", f"sqlite:///{tmp_path / 'x.db'}", tmp_path / "out")


def test_a_table_that_cannot_be_read_is_named(shop, tmp_path):
    path = Path(shop.removeprefix("sqlite:///"))
    run(path, "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)", "INSERT INTO notes VALUES (1, x'ff')")
    run(path, "UPDATE notes SET text = CAST(text AS TEXT)")
    problem = refused(DataError, "Could not decode to UTF-8", shop, tmp_path / "out")
    assert problem.where == f"{shop}, table notes"


def test_sql_that_fails_is_not_tried_again(shop, tmp_path):
    run(Path(shop.removeprefix("sqlite:///")), "CREATE VIEW broken AS SELECT * FROM gone")
    waits: list[float] = []
    problem = refused(DataError, "no such table", shop, tmp_path / "out", tables=["broken"], sleep=waits.append)
    assert (waits, problem.where, problem.expected) == ([], f"{shop}, table broken", "to read it")


@pytest.mark.parametrize("statement", ["INSERT INTO invoices VALUES (9, 9, NULL)", "DROP TABLE invoices", "VACUUM"])
def test_nothing_can_be_written(shop, statement):
    with pytest.raises(DataError, match=r"readonly|within a transaction"):
        persevering(source_of(shop), lambda connection: connection.exec_driver_sql(statement), lambda _: None)


def test_a_locked_database_is_tried_again(shop, tmp_path):
    path = Path(shop.removeprefix("sqlite:///"))
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        writer.execute("COMMIT")

    (found,) = fetch(f"{shop}?timeout=0", tmp_path / "out", at=AT, sleep=sleep)
    writer.close()
    assert (waits, found.rows) == ([1.0], 2)


def breaking(monkeypatch, times: int) -> None:
    """Have the connection be lost some times, after a part was written."""
    real, left = fetching._Reading._write, iter(range(times))

    def write(self, rows, number):
        part = real(self, rows, number)
        if number % 2 == 0 and next(left, None) is not None:
            raise sa.exc.OperationalError("SELECT", {}, Exception("server closed the connection"), None, True)
        return part

    monkeypatch.setattr(fetching._Reading, "_write", write)


def test_a_connection_lost_midway_is_taken_up_again(shop, tmp_path, monkeypatch):
    breaking(monkeypatch, 2)
    waits: list[float] = []
    (found,) = fetch(shop, tmp_path / "out", at=AT, chunk_rows=1, sleep=waits.append)
    assert (found.rows, found.total, waits) == (2, 2, [1.0, 4.0])


def test_a_connection_lost_every_time_leaves_all_as_it_was(shop, tmp_path, monkeypatch):
    fetch(shop, tmp_path / "out", at=AT)
    state = (tmp_path / "out" / STATE).read_bytes()
    run(
        Path(shop.removeprefix("sqlite:///")),
        "INSERT INTO invoices VALUES (3, 1, '2025-05-03 00:00:00'), (4, 1, '2025-05-03 00:00:00')",
    )
    breaking(monkeypatch, 9)
    problem = refused(
        DataError, "server closed the connection", shop, tmp_path / "out", chunk_rows=1, sleep=lambda _: None
    )
    assert problem.exit_code == 30
    assert (tmp_path / "out" / STATE).read_bytes() == state
    monkeypatch.undo()
    (found,) = fetch(shop, tmp_path / "out", at=AT + DAY)
    assert (found.rows, found.total) == (2, 4)


# --- what is asked for


def test_names_that_are_not_there(shop, tmp_path):
    refused(UsageError, "did you mean 'invoices'", shop, tmp_path / "a", tables=["invoice"])
    refused(UsageError, "a schema of the database, found 'pubic'", shop, tmp_path / "b", schema="pubic")
    refused(UsageError, "did you mean 'invoices'", shop, tmp_path / "c", watermarks={"invoice": "updated_at"})
    refused(UsageError, "did you mean 'updated_at'", shop, tmp_path / "d", watermarks={"invoices": "update_at"})
    refused(DataError, "expected tables, found none", shop, tmp_path / "e", tables=[])


@pytest.mark.parametrize(
    ("how", "match"),
    [
        ({"lag": -DAY}, "from zero to a hundred years"),
        ({"lag": 40000 * DAY}, "from zero to a hundred years"),
        ({"chunk_rows": 0}, "one row or more"),
        ({"at": datetime(2025, 6, 1)}, "an instant with its time zone"),
    ],
)
def test_settings_that_make_no_sense(shop, tmp_path, how, match):
    refused(UsageError, match, shop, tmp_path / "out", **how)


def test_a_watermark_that_is_neither_time_nor_number(shop, tmp_path):
    path = Path(shop.removeprefix("sqlite:///"))
    run(path, "CREATE TABLE t (name TEXT, at DATETIME)", "INSERT INTO t VALUES ('x', 'yesterday')")
    refused(UsageError, "column name: expected a time or", shop, tmp_path / "a", watermarks={"t": "name"})
    refused(UsageError, "column at: expected a time or", shop, tmp_path / "a", watermarks={"t": "at"})


def test_a_fetch_before_the_last_one(shop, tmp_path):
    fetch(shop, tmp_path / "out", at=AT)
    refused(UsageError, "2025-06-01T00:00:00", shop, tmp_path / "out", at=AT - DAY)


# --- the source has changed


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("ALTER TABLE invoices RENAME COLUMN amount TO total", "amount gone, total new"),
        ("ALTER TABLE invoices DROP COLUMN updated_at", "updated_at gone"),
        ("UPDATE invoices SET amount = 'ten', updated_at = '2025-06-01'", "amount int64, now string"),
    ],
)
def test_columns_that_are_no_longer_what_they_were(shop, tmp_path, statement, found):
    fetch(shop, tmp_path / "out", at=AT)
    before = (tmp_path / "out" / STATE).read_bytes()
    run(Path(shop.removeprefix("sqlite:///")), statement)
    problem = refused(DataError, re.escape(found), shop, tmp_path / "out", at=AT + DAY)
    assert problem.found == found
    assert (tmp_path / "out" / STATE).read_bytes() == before


def test_a_table_that_is_gone(shop, tmp_path):
    path = Path(shop.removeprefix("sqlite:///"))
    run(path, "CREATE TABLE plans (id INTEGER)")
    fetch(shop, tmp_path / "out", at=AT)
    run(path, "ALTER TABLE invoices RENAME TO invoices2")
    problem = refused(DataError, "table invoices: .*found none", shop, tmp_path / "out", at=AT + DAY)
    assert "did you mean 'invoices2'" in problem.do
    refused(DataError, "found none", shop, tmp_path / "out", at=AT + DAY, tables=["invoices"])
    assert [one.table for one in fetch(shop, tmp_path / "out", at=AT + DAY, tables=["plans"])] == ["plans"]


def test_what_cannot_be_carried(shop, tmp_path):
    path = Path(shop.removeprefix("sqlite:///"))
    run(path, "CREATE TABLE photos (photo BLOB)", "CREATE TABLE odd (_FETCHED_AT TEXT, x INTEGER)")
    found = {one.table: one for one in fetch(shop, tmp_path / "out", at=AT)}
    assert (found["photos"].ground, found["photos"].files) == ("not read", ())
    assert [one.code for one in found["photos"].findings] == ["HF064"]
    assert found["odd"].columns == ("x",)
    assert "the name is taken" in found["odd"].findings[0].message
    refused(DataError, "no column can be carried", shop, tmp_path / "two", tables=["photos"])


def test_tables_that_a_file_system_may_take_for_one(shop, tmp_path, monkeypatch):
    names = sa.engine.reflection.Inspector.get_table_names
    monkeypatch.setattr(sa.engine.reflection.Inspector, "get_table_names", lambda *given: [*names(*given), "Invoices"])
    refused(UsageError, "Invoices and invoices", shop, tmp_path / "out")


# --- the folder


def test_a_folder_of_something_else(shop, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.csv").write_text("x")
    refused(UsageError, "a new or empty folder, found mine.csv", shop, tmp_path / "out")
    assert [one.name for one in (tmp_path / "out").iterdir() if one.name != ".lock"] == ["mine.csv"]


def test_a_folder_of_another_database(shop, tmp_path):
    fetch(shop, tmp_path / "out", at=AT)
    run(tmp_path / "other.db", "CREATE TABLE t (x INTEGER)")
    refused(
        UsageError, "another database, sqlite:///.*other.db", f"sqlite:///{tmp_path / 'other.db'}", tmp_path / "out"
    )


def test_two_at_a_time(shop, tmp_path):
    with alone(tmp_path / "out"):
        refused(LockHeld, "at work", shop, tmp_path / "out")


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        (b'"rows": 2', b'"rows": -2', "tables.invoices.parts.0.rows"),
        (b"0001.parquet", b"../x/0001.parquet", "tables.invoices.parts.0.file"),
        (b'"format": 1', b'"format": 2', "format"),
        (b"{", b"", "JSON"),
    ],
)
def test_a_damaged_state(shop, tmp_path, old, new, match):
    fetch(shop, tmp_path / "out", at=AT)
    path = tmp_path / "out" / STATE
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    refused(DataError, match, shop, tmp_path / "out")
    with pytest.raises(DataError, match=match):
        parts_of(tmp_path / "out")


def test_a_part_that_is_gone(shop, tmp_path):
    (found,) = fetch(shop, tmp_path / "out", at=AT)
    found.files[0].unlink()
    refused(DataError, "the part that was written, found none", shop, tmp_path / "out")
    with pytest.raises(DataError, match="found none"):
        parts_of(tmp_path / "out")
    with pytest.raises(DataError, match="fetch into it first"):
        parts_of(tmp_path / "nowhere")


@posix
def test_a_link_in_place_of_a_table(shop, tmp_path):
    fetch(shop, tmp_path / "out", at=AT, tables=["invoices"])
    run(Path(shop.removeprefix("sqlite:///")), "CREATE TABLE plans (id INTEGER)")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "0001.parquet").write_text("mine")
    (tmp_path / "out" / "plans").symlink_to(tmp_path / "elsewhere")
    refused(UsageError, "a folder, found a link", shop, tmp_path / "out", at=AT + DAY)
    assert (tmp_path / "elsewhere" / "0001.parquet").read_text() == "mine"
