"""Erasure killed between things that last: the tombstone stands first, and the same call finishes what is left."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from holdfast.errors import PublishError
from holdfast.serving import opening, pipeline
from holdfast.serving.erasure.erasing import Erased, erase
from holdfast.serving.erasure.subject import Subject
from holdfast.serving.erasure.tombstones import left_out_of
from holdfast.serving.ledger.as_served import as_served
from holdfast.serving.ledger.entry import enter
from holdfast.serving.plan import Plan, read_plan
from holdfast.serving.runs import existing
from tests.erasing import ACCOUNT, DAYS, PERSON, TRACES, found, made
from tests.ledgered import NOW

TODAY = pd.Timestamp("2026-06-02", tz="UTC").to_pydatetime()
LASTING = {"fsync", "rename", "replace", "execute", "executemany", "mkdir", "unlink"}
POINTS = 16
KILLED = 9


@pytest.fixture
def plan(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    shutil.copytree(made(tmp_path_factory), tmp_path / "start", symlinks=True)
    _aim(tmp_path / "start", monkeypatch)
    return read_plan(tmp_path / "start" / "acme" / "plan.toml")


def _aim(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_TEST_TARGET", f"sqlite:///{folder / 'db' / 'target.db'}")


def erased(plan: Plan) -> Erased:
    place = pipeline.workspace(plan)
    with place.training(), place.lock():
        return erase(plan, Subject("account", ACCOUNT), TODAY)


def ended_at(plan: Plan, number: int) -> tuple[bool, int]:
    """Erase in a process that ends before the n-th thing that lasts; tell whether it did, and how many there were."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        seen = [0]

        def watch(_: Any, event: str, what: Any) -> None:
            if event == "c_call" and what.__name__ in LASTING:
                if seen[0] == number:
                    os._exit(KILLED)
                seen[0] += 1

        code = 1
        try:
            sys.setprofile(watch)
            erased(plan)
            sys.setprofile(None)
            os.write(writing, str(seen[0]).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, KILLED)
    with os.fdopen(reading) as pipe:
        return code == KILLED, int(pipe.read() or 0)


def test_killed_between_things_that_last_the_same_call_finishes_it(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = as_served(pipeline.ledger_of(plan), bootstrap=0)
    shutil.copytree(tmp_path / "start", tmp_path / "quiet", symlinks=True)
    _aim(tmp_path / "quiet", monkeypatch)
    killed, total = ended_at(read_plan(tmp_path / "quiet" / "acme" / "plan.toml"), -1)
    assert not killed
    assert total > 2 * POINTS
    for number in range(0, total, total // POINTS):
        folder = tmp_path / f"killed{number}"
        shutil.copytree(tmp_path / "start", folder, symlinks=True)
        _aim(folder, monkeypatch)
        mine = read_plan(folder / "acme" / "plan.toml")
        assert ended_at(mine, number)[0]
        there = pipeline.ledger_of(mine).read("SELECT * FROM score WHERE account_id = ?", (ACCOUNT,))
        assert left_out_of(pipeline.workspace(mine)).has("account", ACCOUNT) or len(there) == len(DAYS)
        erased(mine)
        assert found(folder / "acme" / "out", *TRACES, PERSON) == set(), number
        assert found(folder / "db", *TRACES) == set(), number
        for day in DAYS:
            whole = existing(pipeline.workspace(mine), day.replace("-", ""))
            assert whole is not None, number
            enter(pipeline.ledger_of(mine), whole, NOW)  # which refuses a run that is not as the ledger has it
        pd.testing.assert_frame_equal(as_served(pipeline.ledger_of(mine), bootstrap=0).cells, before.cells)
        assert not erased(mine).fresh
        shutil.rmtree(folder)


def test_a_database_that_is_away_is_told_and_the_next_call_goes_on(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_TEST_TARGET", "sqlite:////no/such/folder/x.db")
    with pytest.raises(PublishError, match="erase again"):
        erased(plan)
    assert ACCOUNT not in set(opening.read_history(plan, TODAY).accounts)
    _aim(tmp_path / "start", monkeypatch)
    assert erased(plan).fresh
    assert found(tmp_path / "start" / "db", *TRACES) == set()


def test_a_run_that_is_not_as_it_was_written_is_named_and_left(plan: Plan) -> None:
    file = pipeline.workspace(plan).runs / DAYS[0].replace("-", "") / "scores.parquet"
    file.write_bytes(file.read_bytes() + b"x")
    assert f"left alone: {file.parent.name}" in " ".join(erased(plan).beyond)
    assert file.is_file()


def test_what_people_wrote_into_a_form_stays_but_for_the_account(plan: Plan) -> None:
    form = pipeline.workspace(plan).current / "feedback.csv"
    lines = form.read_text(encoding="utf-8").splitlines()
    form.write_bytes("\r\n".join(one.replace(",", ";") for one in lines).encode("utf-8-sig"))
    erased(plan)
    kept = pd.read_csv(form, sep=";", encoding="utf-8-sig")
    assert kept["account_id"].tolist() == [f"A{i:05d}" for i in range(24)]
