"""Scores in a database: whole runs in one transaction, the same twice, and tables of another layout left alone."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.schema import CreateTable

from holdfast.errors import PublishError, UsageError
from holdfast.serving.columns import COLUMNS, SCHEMA_VERSION
from holdfast.serving.plan import parse_plan
from holdfast.serving.sections import Output
from holdfast.serving.tables import publishing
from holdfast.serving.tables.layout import layout
from holdfast.serving.tables.publishing import publish_tables
from holdfast.serving.tables.target import Target, target_of
from holdfast.serving.workspace import Workspace
from tests.faults.test_hostile_names import HOSTILE
from tests.published import DAY, scores_of, serve

AT = datetime(2026, 1, 2, tzinfo=UTC)
LATER = DAY + pd.Timedelta(days=1)


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "out")


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    monkeypatch.setenv("BI_URL", f"sqlite:///{tmp_path / 'bi.db'}")
    found = target_of(Output(table="holdfast_scores", url="env:BI_URL"))
    assert found is not None
    return found


def rows(target: Target, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(str(target.source.url.database)) as db:
        found = db.execute(query).fetchall()
    db.close()
    return found


def execute(target: Target, *statements: str) -> None:
    with sqlite3.connect(str(target.source.url.database)) as db:
        for one in statements:
            db.execute(one)
    db.close()


def dump(target: Target) -> list[str]:
    with sqlite3.connect(str(target.source.url.database)) as db:
        found = list(db.iterdump())
    db.close()
    return found


def test_every_column_of_every_account_is_there_as_it_was_scored(place: Workspace, target: Target) -> None:
    run = serve(place, scores_of(7, p120=0.7, health=[50.0, None, 1.5, 2, 3, 4, 5]))
    done = publish_tables(target, run, AT)
    assert (done.accounts, done.reasons, done.fresh) == (7, 14, True)
    found = pd.read_sql("SELECT * FROM holdfast_scores", f"sqlite:///{target.source.url.database}")
    wanted = pd.read_parquet(run.folder / "scores.parquet")
    assert set(found) == set(wanted) == {*COLUMNS, "p120"}
    for name in wanted:
        mine, read = wanted[name], found[name]
        timed = isinstance(mine.dtype, pd.DatetimeTZDtype)
        read = pd.to_datetime(read, utc=True) if timed else read
        pd.testing.assert_series_equal(read.astype(mine.dtype), mine)
    reasons = rows(target, "SELECT account_id, rank, code, contribution, run_id FROM holdfast_drivers ORDER BY 1, 2")
    assert reasons[:2] == [("A00000", 1, "sign_1", 0.2, run.run_id), ("A00000", 2, "sign_2", 0.1, run.run_id)]
    ledger = "SELECT number, run_id, as_of, schema_version, model_version, accounts, reasons, published_at FROM"
    day, at = "2026-01-01 00:00:00.000000", "2026-01-02 00:00:00.000000"
    assert rows(target, f"{ledger} holdfast_runs") == [(1, run.run_id, day, SCHEMA_VERSION, "v1", 7, 14, at)]


def test_the_same_run_twice_changes_nothing(place: Workspace, target: Target) -> None:
    run = serve(place, scores_of(5))
    publish_tables(target, run, AT)
    before = dump(target)
    assert not publish_tables(target, run, datetime(2026, 2, 1, tzinfo=UTC)).fresh
    assert dump(target) == before


def test_an_older_day_adds_its_rows_and_touches_no_other(place: Workspace, target: Target) -> None:
    served = serve(place, scores_of(5, LATER), "b" * 16)
    publish_tables(target, served, AT)
    before = rows(target, "SELECT * FROM holdfast_scores")
    older = serve(place, scores_of(4, DAY, seed=1), "a" * 16)
    assert not older.served
    publish_tables(target, older, AT)
    assert rows(target, f"SELECT * FROM holdfast_scores WHERE run_id = '{served.run_id}'") == before  # noqa: S608
    assert rows(target, "SELECT count(*), min(run_id), max(run_id) FROM holdfast_current") == [(5, "b" * 16, "b" * 16)]
    assert rows(target, "SELECT count(*) FROM holdfast_scores") == [(9,)]
    assert not publish_tables(target, older, AT).fresh


def test_a_run_that_is_served_again_is_the_current_one_again(place: Workspace, target: Target) -> None:
    first = serve(place, scores_of(3, seed=1), "a" * 16)
    publish_tables(target, first, AT)
    publish_tables(target, serve(place, scores_of(3, seed=2), "b" * 16), AT)
    assert rows(target, "SELECT DISTINCT run_id FROM holdfast_current") == [("b" * 16,)]
    assert publish_tables(target, first, AT).fresh  # the model before was put back, and the same day scored
    assert rows(target, "SELECT DISTINCT run_id FROM holdfast_current") == [("a" * 16,)]
    assert rows(target, "SELECT run_id, number FROM holdfast_runs ORDER BY 1") == [("a" * 16, 3), ("b" * 16, 2)]


def test_names_are_values_and_nothing_else(place: Workspace, target: Target) -> None:
    names = [*HOSTILE, "nul\0inside", "'); DROP TABLE holdfast_runs; --", "%s %(x)s :x ?"]
    publish_tables(target, serve(place, scores_of(len(names), account_name=names, csm=names)), AT)
    found = [one for (one,) in rows(target, "SELECT account_name FROM holdfast_current ORDER BY account_id")]
    assert found == [one.replace("\0", "\N{REPLACEMENT CHARACTER}") for one in names]


def _refusal(target: Target, place: Workspace, *changes: str) -> str:
    publish_tables(target, serve(place, scores_of(3, DAY)), AT)
    execute(target, "DROP VIEW holdfast_current", *changes)
    before = dump(target)
    with pytest.raises(PublishError) as caught:
        publish_tables(target, serve(place, scores_of(3, LATER)), AT)
    assert caught.value.exit_code == 60
    assert dump(target) == before
    return str(caught.value)


def test_another_schema_is_refused_with_what_differs(place: Workspace, target: Target) -> None:
    told = _refusal(
        target,
        place,
        "ALTER TABLE holdfast_scores DROP COLUMN grade",
        "ALTER TABLE holdfast_scores ADD COLUMN colour TEXT",
        "ALTER TABLE holdfast_scores DROP COLUMN arr",
        "ALTER TABLE holdfast_scores ADD COLUMN arr TEXT",
    )
    assert "table holdfast_scores" in told
    assert "grade missing, colour too many, arr TEXT instead of DOUBLE" in told
    assert "name another table in [output]; nothing was written" in told


def test_tables_of_an_older_version_are_told_how_to_follow(place: Workspace, target: Target) -> None:
    told = _refusal(
        target,
        place,
        "ALTER TABLE holdfast_scores DROP COLUMN alert_band",
        "UPDATE holdfast_runs SET schema_version = 2",
    )
    assert "found those of schema_version 2: alert_band missing" in told
    statement = "ALTER TABLE holdfast_scores ADD COLUMN alert_band TEXT"
    assert f"run {statement}; nothing was written" in told
    execute(target, statement)
    assert publish_tables(target, serve(place, scores_of(3, LATER)), AT).fresh


def test_tables_of_a_later_version_are_left_alone(place: Workspace, target: Target) -> None:
    told = _refusal(target, place, "UPDATE holdfast_runs SET schema_version = schema_version + 1")
    assert f"found schema_version {SCHEMA_VERSION + 1}" in told


def test_a_table_of_somebody_else_is_left_alone(place: Workspace, target: Target) -> None:
    execute(
        target, "CREATE TABLE holdfast_runs (id INTEGER, name TEXT)", "INSERT INTO holdfast_runs VALUES (1, 'mine')"
    )
    with pytest.raises(PublishError, match=r"table holdfast_runs.*number missing.*id too many, name too many"):
        publish_tables(target, serve(place, scores_of(3)), AT)
    assert rows(target, "SELECT * FROM holdfast_runs") == [(1, "mine")]
    assert rows(target, "SELECT name FROM sqlite_master") == [("holdfast_runs",)]


def test_what_breaks_half_way_leaves_what_was_there(
    place: Workspace, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_tables(target, serve(place, scores_of(5)), AT)
    before = dump(target)
    run = serve(place, scores_of(6, LATER))
    for step in ("_stage", "_move"):
        real = getattr(publishing, step)

        def gone(connection: sa.Connection, table: sa.Table, *rest: object, _real: object = real) -> object:
            done = _real(connection, table, *rest)  # type: ignore[operator]
            if table.name == "holdfast_drivers":
                raise sa.exc.OperationalError("", {}, ConnectionResetError("gone"))
            return done

        monkeypatch.setattr(publishing, step, gone)
        with pytest.raises(PublishError, match=r"gone.*score again") as caught:
            publish_tables(target, run, AT)
        assert caught.value.exit_code == 60
        monkeypatch.undo()
        assert dump(target) == before
    assert publish_tables(target, run, AT).fresh
    assert rows(target, "SELECT count(*) FROM holdfast_current") == [(6,)]


@pytest.mark.parametrize(
    "name", ["a.b.c", "a b", "x;y", 'x"y', "1x", "", ".x", "schema.", "x--", "é", "x" * 49, "x\n", "drop table x"]
)
def test_identifiers_are_of_an_allow_list(name: str) -> None:
    with pytest.raises(UsageError, match=r"output\.table"):
        parse_plan({"data": {"path": "h"}, "churn": {"kind": "notice"}, "output": {"table": name, "url": "env:X"}})


def test_an_address_is_never_typed_and_never_shown(monkeypatch: pytest.MonkeyPatch, place: Workspace) -> None:
    plan = {"data": {"path": "h"}, "churn": {"kind": "notice"}}
    typed = "postgresql://writer:c4nary@db/bi"
    with pytest.raises(UsageError, match=r"output\.url: expected where its address stands") as caught:
        parse_plan({**plan, "output": {"table": "x", "url": typed}})
    assert "c4nary" not in str(caught.value)
    with pytest.raises(UsageError, match="found no url"):
        target_of(Output(table="x"))
    monkeypatch.setenv("BI_URL", "no address of c4nary")
    with pytest.raises(UsageError, match="a text of other form") as caught:
        target_of(Output(table="x", url="env:BI_URL"))
    assert "c4nary" not in str(caught.value)
    monkeypatch.setenv("BI_URL", "postgresql://writer:c4nary@127.0.0.1:1/bi?connect_timeout=2&sslpassword=c4nary2")
    target = target_of(Output(table="x", url="env:BI_URL"))
    assert target is not None
    assert "c4nary" not in f"{target} {target!r} {target.source}"
    with pytest.raises(PublishError) as refused:
        publish_tables(target, serve(place, scores_of(2)), AT)
    assert "c4nary" not in str(refused.value)
    assert refused.value.__context__ is None


def test_the_tables_are_typed_by_kind(target: Target) -> None:
    made = layout(target, ["p120"])
    told = str(CreateTable(made.scores).compile(dialect=postgresql.dialect()))
    for one in ("as_of TIMESTAMP WITH TIME ZONE", "arr DOUBLE PRECISION", "schema_version BIGINT", "band TEXT"):
        assert one in told
    assert "PRIMARY KEY (run_id, account_id)" in told
    assert "p120 DOUBLE PRECISION" in told
    assert "account_id VARCHAR(255) NOT NULL" in str(CreateTable(made.scores).compile(dialect=mysql.dialect()))
