"""Tables of a real PostgreSQL server: every type, one instant, bounded memory, few rights, a server that goes away."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from holdfast.errors import DataError, UsageError
from holdfast.features.database import fetching
from holdfast.features.database.fetch import Fetched, fetch
from holdfast.features.database.fetched import STATE, parts_of
from holdfast.features.database.sqlsource import persevering, source_of
from tests.services.postgres import OWNER, Server, running

pytestmark = pytest.mark.services
AT = datetime(2025, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
READER, CANARY = "reader-s3cret/ö", "wr0ng@canary%'word"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as server:
        yield server


class Database:
    """A fresh database, the role that reads it, and the folder that it is fetched into."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.folder = server, folder
        self.url = f"postgresql://reader@127.0.0.1:{server.port}/crm"

    def run(self, *statements: Any) -> None:
        self.server.run(*statements)

    def fetch(self, days: int = 0, **how: Any) -> dict[str, Fetched]:
        return {one.table: one for one in fetch(self.url, self.folder, at=AT + days * DAY, **how)}

    def table(self, name: str) -> pa.Table:
        return pa.concat_tables([pq.read_table(one) for one in parts_of(self.folder, whole=True)[name]])


@pytest.fixture
def crm(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    for name in [name for name in os.environ if name.startswith(("HOLDFAST_", "PG"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOLDFAST_CRM_PASSWORD", READER)
    server.run("DROP DATABASE IF EXISTS crm WITH (FORCE)", "CREATE DATABASE crm", database="postgres")
    server.run(
        "DROP ROLE IF EXISTS reader",
        f"CREATE ROLE reader LOGIN PASSWORD '{READER}'",
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reader",
    )
    yield Database(server, tmp_path / "out")
    server.run("DROP OWNED BY reader")


def during(monkeypatch: pytest.MonkeyPatch, work: Callable[[int], None]) -> None:
    """Do something after every part that is written."""
    real = fetching._Reading._write

    def write(self: Any, rows: pa.Table, number: int) -> Any:
        part = real(self, rows, number)
        work(number)
        return part

    monkeypatch.setattr(fetching._Reading, "_write", write)


TYPES = {
    "id": ("bigint PRIMARY KEY", "9007199254740993", 9007199254740993, "int64"),
    "small": ("smallint", "-3", -3, "int64"),
    "flag": ("boolean", "true", True, "bool"),
    "share": ("double precision", "0.1", 0.1, "double"),
    "price": ("numeric(38, 10)", "1234567890123456789012345678.0123456789", None, "string"),
    "plain": ("numeric", "'0.00000001'", "0.00000001", "string"),
    "nan": ("numeric", "'NaN'", "NaN", "string"),
    "cash": ("money", "'1234.50'", "1234.50", "string"),
    "zoned": ("timestamptz", "'2025-05-01 10:00:00.123456+02'", None, "timestamp[us, tz=UTC]"),
    "naive": ("timestamp", "'2025-05-01 10:00:00.5'", datetime(2025, 5, 1, 10, 0, 0, 500000), "timestamp[us]"),
    "day": ("date", "'2025-05-02'", date(2025, 5, 2), "date32[day]"),
    "clock": ("time", "'10:11:12'", "10:11:12", "string"),
    "span": ("interval", "'1 month 2 days'", "P1M2D", "string"),
    "words": ("text", "'Ünö ☃'", "Ünö ☃", "string"),
    "code": ("char(4)", "'ab'", "ab", "string"),
    "doc": ("jsonb", """'{"n": 1.10, "t": null}'""", '{"n": 1.10, "t": null}', "string"),
    "raw": ("json", """'{"n":1.10,"n":2}'""", '{"n":1.10,"n":2}', "string"),
    "uid": ("uuid", "'6F9619FF-8B86-D011-B42D-00C04FC964FF'", "6f9619ff-8b86-d011-b42d-00c04fc964ff", "string"),
    "tags": ("text[]", """'{"a b","c,d"}'""", '["a b","c,d"]', "string"),
    "grid": ("int[]", "'{{1,2},{3,null}}'", "[[1,2],[3,null]]", "string"),
    "mood": ("mood", "'so so'", "so so", "string"),
    "seats": ("seats", "7", 7, "int64"),
    "address": ("inet", "'10.0.0.1/8'", "10.0.0.1/8", "string"),
    "spot": ("point", "'(1,2)'", "(1,2)", "string"),
    "term": ("daterange", "'[2025-01-01,2025-02-01)'", "[2025-01-01,2025-02-01)", "string"),
}


def test_every_type_is_carried_without_loss(crm):
    crm.run("CREATE TYPE mood AS ENUM ('fine', 'so so')", "CREATE DOMAIN seats AS integer CHECK (VALUE > 0)")
    crm.run(f"CREATE TABLE things ({', '.join(f'{name} {one[0]}' for name, one in TYPES.items())}, photo bytea)")
    values = ", ".join(one[1] for one in TYPES.values())
    crm.run(f"INSERT INTO things VALUES ({values}, '\\xff')")  # noqa: S608
    crm.run("INSERT INTO things (id) VALUES (9007199254740994)")
    crm.run("ALTER ROLE reader SET TimeZone = 'Asia/Tokyo'", "ALTER ROLE reader SET DateStyle = 'German'")
    found = crm.fetch()["things"]
    table = crm.table("things")
    assert {one.name: str(one.type) for one in table.schema} == {
        **{name: one[3] for name, one in TYPES.items()},
        "_fetched_at": "timestamp[us, tz=UTC]",
    }
    full, empty = table.to_pylist()
    expected = {name: one[2] for name, one in TYPES.items()}
    expected["price"] = "1234567890123456789012345678.0123456789"
    expected["zoned"] = datetime(2025, 5, 1, 8, 0, 0, 123456, tzinfo=UTC)
    assert full == {**expected, "_fetched_at": AT}
    assert empty == {**dict.fromkeys(TYPES), "id": 9007199254740994, "_fetched_at": AT}
    assert [(one.code, one.message) for one in found.findings] == [
        ("HF064", "column photo is left out: its type BYTEA() cannot be carried")
    ]


def test_times_that_python_does_not_know_are_carried_as_text(crm):
    crm.run("CREATE TABLE terms (id int PRIMARY KEY, until timestamptz, day date)")
    crm.run("INSERT INTO terms VALUES (1, '2025-05-01 10:00+00', '2025-01-01'), (2, 'infinity', '20000-01-01')")
    found = crm.fetch(chunk_rows=1)["terms"]
    assert [tuple(row.values())[:3] for row in crm.table("terms").to_pylist()] == [
        (1, "2025-05-01 10:00:00+00", "2025-01-01"),
        (2, "infinity", "20000-01-01"),
    ]
    assert [one.code for one in found.findings] == ["HF064", "HF064"]
    assert [one.total for one in crm.fetch(1).values()] == [2]


def test_names_of_tables_columns_and_schemas_may_be_anything(crm):
    crm.run('CREATE SCHEMA "my schema"', 'GRANT USAGE ON SCHEMA "my schema" TO reader')
    crm.run(
        """CREATE TABLE "my schema"."it's a ""100%%"" table; --" ("a b" int, "%%(x)s" text, "Öl" text)""".replace(
            "%%", "%"
        )
    )
    crm.run("""INSERT INTO "my schema"."it's a ""100%"" table; --" VALUES (1, 'x', 'y')""")
    (name,) = crm.fetch(schema="my schema")
    assert name == "my schema.it's a %22100%25%22 table; --"
    assert [tuple(row.values())[:3] for row in crm.table(name).to_pylist()] == [(1, "x", "y")]
    assert crm.table(name).column_names == ["a b", "%(x)s", "Öl", "_fetched_at"]


def test_partitions_count_once_and_views_when_they_are_named(crm):
    crm.run("CREATE TABLE events (id int, at date) PARTITION BY RANGE (at)")
    for year in (2024, 2025):
        crm.run(
            f"CREATE TABLE events_{year} PARTITION OF events FOR VALUES FROM ('{year}-01-01') TO ('{year + 1}-01-01')"
        )
    crm.run("INSERT INTO events VALUES (1, '2024-05-01'), (2, '2025-05-01')")
    crm.run("CREATE VIEW late AS SELECT * FROM events WHERE id > 1")
    crm.run("CREATE MATERIALIZED VIEW kept AS SELECT * FROM events")
    assert {name: one.rows for name, one in crm.fetch().items()} == {"events": 2}
    found = crm.fetch(1, tables=["late", "kept", "events_2024"])
    assert {name: one.rows for name, one in found.items()} == {"late": 1, "kept": 2, "events_2024": 1}
    with pytest.raises(UsageError, match="did you mean 'events'"):
        crm.fetch(2, tables=["event"])
    with pytest.raises(UsageError, match="a schema of the database, found 'pg_catalog'"):
        crm.fetch(2, schema="pg_catalog")


def test_all_tables_are_of_one_instant_while_others_write(crm, monkeypatch):
    crm.run("CREATE TABLE a (id int PRIMARY KEY)", "CREATE TABLE b (id int PRIMARY KEY)")
    crm.run("INSERT INTO a SELECT generate_series(1, 10)", "INSERT INTO b SELECT generate_series(1, 10)")
    during(
        monkeypatch,
        lambda number: crm.run(
            f"INSERT INTO a VALUES ({100 + number}) ON CONFLICT DO NOTHING",  # noqa: S608
            f"INSERT INTO b VALUES ({100 + number}) ON CONFLICT DO NOTHING",  # noqa: S608
            "DELETE FROM b WHERE id <= 3",
        ),
    )
    found = crm.fetch(chunk_rows=3)
    assert (found["a"].rows, found["b"].rows) == (10, 10)
    assert sorted(crm.table("b")["id"].to_pylist()) == list(range(1, 11))
    monkeypatch.undo()
    monkeypatch.setenv("HOLDFAST_CRM_PASSWORD", READER)
    assert crm.fetch(1)["b"].rows == 11


def test_ties_late_commits_and_changes_with_a_watermark(crm):
    crm.run("CREATE TABLE invoices (id int PRIMARY KEY, paid boolean, updated_at timestamptz)")
    crm.run("INSERT INTO invoices VALUES (1, false, '2025-05-01 10:00:00.000001Z'), (2, false, '2025-05-02Z')")
    assert crm.fetch()["invoices"].until == "2025-05-02T00:00:00+00:00"
    crm.run("UPDATE invoices SET paid = true, updated_at = '2025-05-03 00:00+02' WHERE id = 1")
    crm.run("INSERT INTO invoices VALUES (3, false, '2025-05-02Z'), (4, false, '2025-05-01Z')")
    second = crm.fetch(1)["invoices"]
    assert (second.rows, second.total, second.watermark) == (2, 4, "updated_at")  # the new 1, and 3 which ties
    assert crm.fetch(2, lag=2 * DAY)["invoices"].rows == 1  # 4, committed late
    assert crm.fetch(3, lag=2 * DAY)["invoices"].rows == 0
    rows = {tuple(row.values())[:2] for row in crm.table("invoices").to_pylist()}
    assert rows == {(1, False), (2, False), (1, True), (3, False), (4, False)}


def test_the_right_to_select_is_enough_and_a_refused_table_stops_no_other(crm):
    crm.run("CREATE TABLE a (id int PRIMARY KEY)", "CREATE TABLE b (id int, pay int)", "CREATE TABLE c (id int)")
    crm.run("REVOKE ALL ON b FROM reader", "GRANT SELECT (id) ON b TO reader", "INSERT INTO c VALUES (1)")
    found = crm.fetch()
    assert [one.code for one in found["b"].findings] == ["HF063"]
    assert found["b"].findings[0].message == "reader may not read it"
    assert (found["a"].rows, found["b"].files, found["c"].rows) == (0, (), 1)
    assert list(parts_of(crm.folder)) == ["a", "c"]
    with pytest.raises(DataError, match="grant SELECT"):
        crm.fetch(1, tables=["b"])


@pytest.mark.parametrize("statement", ["DELETE FROM a", "CREATE TABLE x (y int)", "SELECT nextval('s')"])
def test_nothing_can_be_written_not_even_by_an_owner(crm, statement, monkeypatch):
    crm.run("CREATE TABLE a (id int)", "CREATE SEQUENCE s")
    monkeypatch.setenv("HOLDFAST_CRM_PASSWORD", OWNER)
    source = source_of(crm.url.replace("reader@", "owner@"))
    with pytest.raises(DataError, match="in a read-only transaction"):
        persevering(source, lambda connection: connection.exec_driver_sql(statement), lambda _: None)


_MEASURED = """
import resource, sys
from datetime import UTC, datetime
from pathlib import Path
from holdfast.features.database.fetch import fetch

def peak(table):
    (found,) = fetch(sys.argv[1], Path(sys.argv[2]), at=datetime.now(UTC), tables=[table], chunk_rows=10_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, found.rows, len(found.files)

before, after = peak("few"), peak("many")
print(after[0] - before[0], *after[1:])
"""


def test_many_rows_in_bounded_memory(crm):
    for name, rows in (("few", 50_000), ("many", 300_000)):
        crm.run(f"CREATE TABLE {name} (id int PRIMARY KEY, at timestamptz, name text)")
        crm.run(f"INSERT INTO {name} SELECT i, 'epoch', repeat(i::text, 80) FROM generate_series(1, {rows}) i")  # noqa: S608
    command = [sys.executable, "-c", _MEASURED, crm.url, str(crm.folder)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    more, rows, parts = map(int, done.stdout.split())
    assert (rows, parts) == (300_000, 30)
    assert more < 40_000  # kB on top of what a sixth of the rows take; all texts at once are 130 MB


def test_a_wrong_password_shows_nowhere(crm, monkeypatch, caplog, capfd):
    crm.run("CREATE TABLE a (id int)")
    for name in (None, "sqlalchemy", "psycopg"):
        caplog.set_level(logging.DEBUG, logger=name)
    monkeypatch.setenv("HOLDFAST_CRM_PASSWORD", CANARY)
    with pytest.raises(DataError, match="password authentication failed for user") as caught:
        crm.fetch(sleep=lambda _: pytest.fail("another attempt would not help"))
    assert "HOLDFAST_CRM_PASSWORD" in caught.value.do
    assert caught.value.exit_code == 30
    assert caught.value.__context__ is None
    monkeypatch.delenv("HOLDFAST_CRM_PASSWORD")
    with pytest.raises(DataError, match="no password supplied"):
        crm.fetch()
    monkeypatch.setenv("PGPASSWORD", READER)
    crm.fetch()  # a right one leaves no trace either, at the most talkative
    written = b"".join(path.read_bytes() for path in crm.folder.rglob("*") if path.is_file())
    shown = caplog.text + "".join(capfd.readouterr()) + str(caught.value) + repr(written)
    assert "SELECT" in caplog.text
    for secret in (CANARY, "wr0ng", "canary%", READER, "s3cret"):
        assert secret not in shown


def test_a_database_that_is_not_there(crm):
    with pytest.raises(DataError, match='database "crn" does not exist'):
        fetch(crm.url.replace("/crm", "/crn") + "?application_name=x", crm.folder, at=AT, secrets=_secrets(crm))


def _secrets(crm: Database) -> Path:
    path = crm.folder.parent / "secrets.toml"
    path.touch(mode=0o600)
    path.write_text(f"[sql]\npassword = '{READER}'\n", encoding="utf-8")
    return path


def test_a_server_that_stops_midway_and_comes_back(crm, monkeypatch):
    crm.run("CREATE TABLE many (id int PRIMARY KEY, updated_at timestamptz)")
    crm.run("INSERT INTO many SELECT i, '2025-05-01Z' FROM generate_series(1, 20000) i")
    during(monkeypatch, lambda number: crm.server.stop() if number == 2 and not waits else None)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            crm.server.start()

    assert crm.fetch(chunk_rows=1000, sleep=sleep)["many"].rows == 20_000
    assert waits == [1.0, 4.0]
    assert sorted(crm.table("many")["id"].to_pylist()) == list(range(1, 20_001))


def test_a_server_that_stops_midway_and_stays_away_leaves_all_as_it_was(crm):
    crm.run("CREATE TABLE many (id int PRIMARY KEY, updated_at timestamptz)")
    crm.run("INSERT INTO many SELECT i, '2025-05-01Z' FROM generate_series(1, 10) i")
    crm.fetch()
    state = (crm.folder / STATE).read_bytes()
    crm.run("INSERT INTO many SELECT i, '2025-05-02Z' FROM generate_series(11, 20000) i")
    down = []

    def stop(number: int) -> None:
        if not down:
            down.append(number)
            crm.server.stop()

    with pytest.MonkeyPatch.context() as patch:
        during(patch, stop)
        try:
            with pytest.raises(DataError, match="a database that answers") as caught:
                crm.fetch(1, chunk_rows=1000, sleep=lambda _: None)
        finally:
            crm.server.start()
    assert caught.value.exit_code == 30
    assert (crm.folder / STATE).read_bytes() == state
    assert crm.table("many").num_rows == 10
    found = crm.fetch(1)["many"]
    assert (found.rows, found.total) == (19_990, 20_000)
