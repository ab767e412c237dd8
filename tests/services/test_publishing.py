"""Scores in a real PostgreSQL server: typed, whole runs alone, kills and restarts in between, few rights."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
import pytest

from holdfast.errors import PublishError
from holdfast.serving.runs import Run
from holdfast.serving.sections import Output
from holdfast.serving.tables import publishing
from holdfast.serving.tables.publishing import publish_tables
from holdfast.serving.tables.target import Target, target_of
from holdfast.serving.workspace import Workspace
from tests.faults.test_hostile_names import HOSTILE
from tests.published import DAY, scores_of, serve
from tests.services.postgres import OWNER, Server, running

pytestmark = pytest.mark.services
AT = datetime(2026, 1, 2, tzinfo=UTC)
LATER = DAY + pd.Timedelta(days=1)
PUBLISH = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from holdfast.serving.sections import Output
from holdfast.serving.runs import existing
from holdfast.serving.tables.publishing import publish_tables
from holdfast.serving.tables.target import target_of
from holdfast.serving.workspace import Workspace
print("ready", flush=True)
sys.stdin.readline()
target = target_of(Output(table="cs.holdfast_scores", url="env:BI_URL"))
publish_tables(target, existing(Workspace(Path(sys.argv[1])), sys.argv[2]), datetime(2026, 1, 2, tzinfo=UTC))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture
def url(server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    server.run("DROP DATABASE IF EXISTS crm WITH (FORCE)", "CREATE DATABASE crm", database="postgres")
    server.run("CREATE SCHEMA cs")
    found = f"postgresql://owner:{OWNER}@127.0.0.1:{server.port}/crm"
    monkeypatch.setenv("BI_URL", found)
    return found


@pytest.fixture
def target(url: str) -> Target:
    found = target_of(Output(table="cs.holdfast_scores", url="env:BI_URL"))
    assert found is not None
    assert OWNER in url
    assert OWNER not in f"{found!r}{found}"
    return found


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "out")


def read(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(query).fetchall()


def state(url: str) -> list[tuple[Any, ...]]:
    """Give all that a reader can see, in a fixed order."""
    tables = ("cs.holdfast_scores", "cs.holdfast_drivers", "cs.holdfast_runs", "cs.holdfast_current")
    return [row for one in tables for row in read(url, f"SELECT md5(t::text) FROM {one} t ORDER BY 1")]  # noqa: S608


def test_rows_types_and_hostile_names(url: str, target: Target, place: Workspace) -> None:
    names = [*HOSTILE, "nul\0inside", "'); DROP TABLE cs.holdfast_runs; --", "\\N", "\\."]
    run = serve(place, scores_of(len(names), account_name=names, health=[None, *[1.5] * (len(names) - 1)], p120=0.9))
    assert publish_tables(target, run, AT).fresh
    found = read(url, "SELECT account_name, health, as_of, p120 FROM cs.holdfast_current ORDER BY account_id")
    assert [one for one, *_ in found] == [one.replace("\0", "\N{REPLACEMENT CHARACTER}") for one in names]
    assert [one for _, one, *_ in found] == [None, *[1.5] * (len(names) - 1)]
    assert {rest for *_, day, p120 in found for rest in [(day, p120)]} == {(DAY.to_pydatetime(), 0.9)}
    kinds = read(
        url,
        "SELECT column_name, data_type FROM information_schema.columns"
        " WHERE table_name = 'holdfast_scores' AND column_name IN ('as_of', 'arr', 'schema_version', 'band')",
    )
    assert dict(kinds) == {
        **{"as_of": "timestamp with time zone", "arr": "double precision"},
        **{"schema_version": "bigint", "band": "text"},
    }
    before = state(url)
    assert not publish_tables(target, run, datetime(2026, 3, 1, tzinfo=UTC)).fresh
    assert state(url) == before


def test_readers_see_whole_runs_while_one_is_written(url: str, target: Target, place: Workspace) -> None:
    publish_tables(target, serve(place, scores_of(3000)), AT)
    run, seen, done = serve(place, scores_of(4000, LATER)), set(), threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.update(read(url, "SELECT count(*), count(DISTINCT run_id) FROM cs.holdfast_current"))

    reader = threading.Thread(target=look)
    reader.start()
    publish_tables(target, run, AT)
    done.set()
    reader.join()
    seen.update(read(url, "SELECT count(*), count(DISTINCT run_id) FROM cs.holdfast_current"))
    assert (4000, 1) in seen
    assert seen <= {(3000, 1), (4000, 1)}


def test_another_layout_is_refused_and_left(url: str, server: Server, target: Target, place: Workspace) -> None:
    publish_tables(target, serve(place, scores_of(3)), AT)
    server.run(
        "DROP VIEW cs.holdfast_current",
        "ALTER TABLE cs.holdfast_scores ALTER COLUMN as_of TYPE timestamp, ALTER COLUMN health TYPE bigint",
    )
    before = read(url, "SELECT * FROM cs.holdfast_scores ORDER BY account_id")
    run = serve(place, scores_of(3, LATER))
    with pytest.raises(PublishError, match="as_of TIMESTAMP WITHOUT TIME ZONE instead of TIMESTAMP WITH TIME ZONE"):
        publish_tables(target, run, AT)
    assert read(url, "SELECT * FROM cs.holdfast_scores ORDER BY account_id") == before
    server.run("DROP TABLE cs.holdfast_scores, cs.holdfast_drivers, cs.holdfast_runs")
    publish_tables(target, serve(place, scores_of(3)), AT)
    server.run("DROP VIEW cs.holdfast_current", "ALTER TABLE cs.holdfast_scores DROP COLUMN grade")
    with pytest.raises(PublishError, match="ADD COLUMN grade TEXT") as caught:
        publish_tables(target, run, AT)
    server.run(caught.value.do.removeprefix("run ").removesuffix("; nothing was written"))
    assert publish_tables(target, run, AT).fresh


def test_a_role_without_rights_is_told(url: str, server: Server, place: Workspace, monkeypatch) -> None:
    server.run("DROP ROLE IF EXISTS writer", "CREATE ROLE writer LOGIN PASSWORD 'wr1ter-canary'")
    monkeypatch.setenv("BI_URL", url.replace(f"owner:{OWNER}", "writer:wr1ter-canary"))
    target, run = target_of(Output(table="cs.holdfast_scores", url="env:BI_URL")), serve(place, scores_of(3))
    assert target is not None
    with pytest.raises(PublishError, match="permission denied for schema cs") as caught:
        publish_tables(target, run, AT)
    assert "canary" not in f"{caught.value}{caught.value.__context__}"
    assert read(url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'cs'") == [(0,)]


@pytest.mark.parametrize("step", ["_prepare", "_stage", "_move"])
def test_a_server_that_goes_away_leaves_the_old_rows(
    step: str, url: str, server: Server, target: Target, place: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_tables(target, serve(place, scores_of(50)), AT)
    before, run, real = state(url), serve(place, scores_of(60, LATER)), getattr(publishing, step)

    def gone(*arguments: Any) -> Any:
        done = real(*arguments)
        server.stop()
        return done

    monkeypatch.setattr(publishing, step, gone)
    try:
        with pytest.raises(PublishError) as caught:
            publish_tables(target, run, AT)
    finally:
        server.start()
    assert caught.value.exit_code == 60
    assert OWNER not in f"{caught.value}{caught.value.__context__}"
    monkeypatch.undo()
    monkeypatch.setenv("BI_URL", url)
    assert state(url) == before
    assert publish_tables(target, run, AT).fresh
    assert read(url, "SELECT count(*) FROM cs.holdfast_current") == [(60,)]


def test_a_server_that_goes_away_in_the_midst_of_the_rows(
    url: str, server: Server, target: Target, place: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_tables(target, serve(place, scores_of(50)), AT)
    before, run, real = state(url), serve(place, scores_of(20_000, LATER)), publishing._rows

    def broken(frame: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
        for number, row in enumerate(real(frame)):
            if number == 7_000:
                server.stop()
            yield row

    monkeypatch.setattr(publishing, "_rows", broken)
    try:
        with pytest.raises(PublishError, match="a database that takes the scores"):
            publish_tables(target, run, AT)
    finally:
        server.start()
    monkeypatch.setattr(publishing, "_rows", real)
    assert state(url) == before
    assert publish_tables(target, run, AT).fresh


def killed(place: Workspace, run: Run, seconds: float) -> int:
    """Publish in a process of its own, which is killed after so many seconds; give its exit status."""
    command = [sys.executable, "-c", PUBLISH, str(place.root), run.run_id]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ.copy()) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        process.stdin.write(b"go\n")
        process.stdin.flush()
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        return process.wait()


def test_kills_at_random_instants_leave_whole_runs_alone(url: str, target: Target, place: Workspace) -> None:
    first, second = serve(place, scores_of(200)), serve(place, scores_of(5000, LATER))
    publish_tables(target, first, AT)
    before, chance = state(url), random.Random(5)  # noqa: S311
    whole = None
    for _ in range(8):
        killed(place, second, chance.uniform(0.0, 2.5))
        time.sleep(0.2)  # until the server has noticed
        now = state(url)
        if now != before:
            whole = whole or now
            assert now == whole
            assert read(url, "SELECT count(*), count(DISTINCT run_id) FROM cs.holdfast_current") == [(5000, 1)]
    publish_tables(target, second, AT)
    final = state(url)
    assert whole in (None, final)
    counts = "SELECT count(*), count(DISTINCT (run_id, account_id)) FROM cs.holdfast_scores"
    assert read(url, counts) == [(5200, 5200)]
    publish_tables(target, second, AT)
    assert state(url) == final
