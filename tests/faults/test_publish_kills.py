"""Publishing killed between any two things that last: what was served stays whole, and the same call finishes it."""

from __future__ import annotations

import os
import resource
import shutil
import sys
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest

from holdfast.errors import PublishError
from holdfast.features.history import History
from holdfast.serving import pipeline
from holdfast.serving.bundle import Bundle
from holdfast.serving.feedback.standing import Standing
from holdfast.serving.ledger.store import Ledger
from holdfast.serving.plan import Plan
from holdfast.serving.runs import Run, existing
from holdfast.serving.workspace import Workspace, folder_atomic, read_manifest, write_manifest
from tests.ledgered import NOW
from tests.worked.test_labels_worked import gave, history

LASTING = {
    "fsync",
    "rename",
    "replace",
    "symlink",
    "execute",
    "executemany",
    "executescript",
    "mkdir",
    "rmdir",
    "unlink",
}
TABLES = ("run", "score", "chance", "reading", "outcome", "matured", "serving")
FIRST, SECOND = "2024-06-01", "2024-07-20"
KILLED = 9


def plan_in(folder: Path) -> Plan:
    return Plan.model_validate(
        {"data": {"path": "none"}, "churn": {"kind": "notice"}, "output": {"workspace": str(folder)}}
    )


@lru_cache
def on(day: str) -> History:
    return history(churn=[gave("2024-06-10")]).until(day, end=day)


def bundle() -> Bundle:
    learned = pd.Timestamp("2024-01-01", tz="UTC")
    named = {"sha256": "s" * 64, "version": "s" * 16, "churn": {"kind": "notice"}}
    return cast("Bundle", SimpleNamespace(strict_clock=False, learned_until=learned, **named))


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a run be three rows written by hand."""

    def make(plan: Plan, history: History, _: Bundle, name: str, *_said: object) -> Run:
        place, hashes = (
            Workspace(plan.output.workspace),
            ("model_version", "model_sha256", "input_sha256", "config_sha256", "feedback_sha256"),
        )
        rows = pd.DataFrame(
            {"account_id": ["a", "b", "steady"], "score_status": "scored", "health": 50.0, "band": "red"}
        )
        with folder_atomic(place.runs / name) as folder:
            rows.assign(arr=1.0, p30=0.25, p60=0.5).to_parquet(folder / "scores.parquet", index=False)
            facts = {"run_id": name, "as_of": history.now.isoformat(), "counts": {}}
            write_manifest(folder, facts | dict.fromkeys(hashes, "x"))
        made = existing(place, name)
        assert made is not None
        return made

    monkeypatch.setattr(pipeline, "_make", make)
    monkeypatch.setattr(pipeline, "otherwise", lambda *_: [])


def publish(folder: Path, day: str) -> Run:
    plan = plan_in(folder)
    with pipeline.workspace(plan).lock():
        return pipeline.publish(plan, on(day), bundle(), NOW)


def contents(folder: Path) -> dict[str, object]:
    """Give everything that lasts: the files of the runs, the ledger's rows, and what is served."""
    ledger = Ledger(folder / "ledger.db")
    files = {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest() for path in folder.rglob("runs/*/*")
    }
    ordered = "SELECT * FROM {} ORDER BY 1, 2, 3"
    rows = {name: ledger.read(ordered.format(name)).to_numpy().tolist() for name in TABLES}
    return {
        "files": files,
        "served": (folder / "current").readlink(),
        **{name: repr(one) for name, one in rows.items()},
    }


def killed_at(folder: Path, number: int) -> bool:
    """Publish the second day in a process that ends before the n-th thing that lasts; tell whether it was killed."""
    child = os.fork()
    if child == 0:
        left = [number]

        def watch(_: Any, event: str, what: Any) -> None:
            if event == "c_call" and what.__name__ in LASTING:
                if not left[0]:
                    os._exit(KILLED)
                left[0] -= 1

        code = 1
        try:
            sys.setprofile(watch)
            publish(folder, SECOND)
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == KILLED


def whole(folder: Path, before: dict[str, object]) -> None:
    """Hold what a reader finds to the old state or the new one."""
    served = read_manifest(folder / "current")
    assert served is not None
    ledger = Ledger(folder / "ledger.db")
    entered = ledger.read("SELECT run_id FROM run")["run_id"].tolist()
    assert served["run_id"] in entered  # never served before it is entered
    assert len(ledger.read("SELECT * FROM score")) == 3 * len(entered)
    assert len(ledger.read("SELECT * FROM chance")) == 6 * len(entered)
    assert len(ledger.read("SELECT * FROM outcome")) in {0, 3}
    assert all(read_manifest(folder / "runs" / run_id) is not None for run_id in entered)
    assert cast("dict[str, str]", before["files"]).items() <= cast("dict[str, str]", contents(folder)["files"]).items()


def test_killed_before_each_thing_that_lasts_and_run_again_leaves_what_a_quiet_run_leaves(tmp_path: Path) -> None:
    publish(tmp_path / "start", FIRST)
    before = contents(tmp_path / "start")
    shutil.copytree(tmp_path / "start", tmp_path / "quiet", symlinks=True)
    assert publish(tmp_path / "quiet", SECOND).served
    quiet = contents(tmp_path / "quiet")
    assert quiet["outcome"] != before["outcome"]
    number = 0
    while True:
        folder = tmp_path / f"killed{number}"
        shutil.copytree(tmp_path / "start", folder, symlinks=True)
        if not killed_at(folder, number):
            break
        whole(folder, before)
        publish(folder, SECOND)
        assert contents(folder) == quiet, number
        shutil.rmtree(folder)
        number += 1
    assert number > 25
    assert contents(folder) == quiet


def test_a_run_that_nobody_finished_is_rescored_when_a_later_day_was_served(tmp_path: Path) -> None:
    publish(tmp_path, FIRST)
    plan = plan_in(tmp_path)
    name = pipeline.run_id(on("2024-07-01"), bundle(), plan.sha256(), "")
    pipeline._make(plan, on("2024-07-01"), bundle(), name, Standing(), [])
    served = publish(tmp_path, SECOND)
    late = publish(tmp_path, "2024-07-01")
    assert (late.fresh, late.served) == (False, False)
    assert (tmp_path / "current").readlink().name == served.run_id
    kinds = Ledger(tmp_path / "ledger.db").read("SELECT kind FROM run ORDER BY as_of")["kind"].tolist()
    assert kinds == ["served", "rescored", "served"]


def test_a_full_disk_at_the_ledger_leaves_what_is_served_and_is_finished_later(tmp_path: Path) -> None:
    publish(tmp_path / "out", FIRST)
    shutil.copytree(tmp_path / "out", tmp_path / "quiet", symlinks=True)
    publish(tmp_path / "quiet", SECOND)
    served = (tmp_path / "out" / "current").readlink()
    plan = plan_in(tmp_path / "out")
    name = pipeline.run_id(on(SECOND), bundle(), plan.sha256(), "")
    pipeline._make(plan, on(SECOND), bundle(), name, Standing(), [])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, hard))
    try:
        with pytest.raises(PublishError, match="a ledger that can be read and written"):
            publish(tmp_path / "out", SECOND)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / "out" / "current").readlink() == served
    assert publish(tmp_path / "out", SECOND).served
    assert contents(tmp_path / "out") == contents(tmp_path / "quiet")
