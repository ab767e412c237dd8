"""Retraining that is interrupted, runs out of memory or disk, or has nothing to learn from: all stays as it was."""

import errno
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from holdfast.serving import command, learning
from holdfast.serving.command import run
from holdfast.serving.promotion import retraining
from holdfast.serving.promotion.promotions import Promotions
from tests.faults.test_retrain_kills import _quick, child, make_quick, place, served, told

__all__ = ["_quick", "served"]  # fixtures: proofs are left out, and a company with a champion and scores


@pytest.fixture
def mine(served: Path, tmp_path: Path) -> Path:
    return shutil.copytree(served, tmp_path / "mine", symlinks=True)


def retrain(home: Path) -> int:
    return run(["retrain", str(home / "plan.toml")])


@pytest.fixture(scope="module")
def quiet(served: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a run leaves that nothing disturbs."""
    home = shutil.copytree(served, tmp_path_factory.mktemp("quiet") / "acme", symlinks=True)
    with pytest.MonkeyPatch.context() as patch:
        make_quick(patch)
        assert retrain(home) == 0
    return told(home)


def converges(home: Path, quiet: dict[str, bytes]) -> None:
    """The next run does what an undisturbed one does, to the byte."""
    assert retrain(home) == 0
    assert told(home) == quiet


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("when", ["while it learns", "before it decides"])
def test_interrupted_it_ends_cleanly(
    sent: signal.Signals, code: int, when: str, mine: Path, quiet: dict[str, bytes]
) -> None:
    before, champion = told(mine), Promotions(place(mine)).champion

    def interrupted(*_: object, **__: object) -> None:
        os.kill(os.getpid(), sent)

    def work() -> None:
        if when == "while it learns":
            learning.write_bundle = interrupted  # type: ignore[assignment]
        else:
            retraining.write_decision = interrupted
        sys.argv = ["holdfast", "retrain", str(mine / "plan.toml")]
        command.main()

    assert child(work) == code
    assert Promotions(place(mine)).champion == champion
    now = told(mine)
    assert {name: now[name] for name in before} == before
    added = {name for name in now if name not in before}
    assert bool(added) == (when == "before it decides")  # a whole bundle with its proof, or nothing
    assert not [name for name in added if ".gate" in name]
    assert not list((mine / "out").rglob(".tmp-*"))
    converges(mine, quiet)


def test_out_of_memory_nothing_is_left_behind(
    mine: Path, quiet: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = told(mine)

    def exhausted(*_: object, **__: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(learning, "write_proof", exhausted)
        assert retrain(mine) == 71
    assert "internal error (MemoryError" in capsys.readouterr().err
    now = told(mine)
    assert {name: now[name] for name in before} == before
    converges(mine, quiet)


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EDQUOT, errno.EROFS], ids=lambda one: errno.errorcode[one])
def test_a_disk_that_refuses_at_any_write_leaves_the_champion_and_the_scores(
    fault: int, mine: Path, quiet: dict[str, bytes], tmp_path: Path
) -> None:
    before, writes, flush = told(mine), 0, os.fsync

    def refusing(after: int) -> Callable[[int], None]:
        seen = 0

        def refused(handle: int) -> None:
            nonlocal seen
            seen += 1
            if seen > after:
                raise OSError(fault, os.strerror(fault))
            flush(handle)

        return refused

    code = 60
    while code == 60:
        home = shutil.copytree(mine, tmp_path / f"refused{writes}", symlinks=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", refusing(writes))
            code = retrain(home)
        now = told(home)
        kept = {name for name in before if name not in {"promotions", "models/champion", "volumes.json"}}
        assert {name: now[name] for name in kept} == {name: before[name] for name in kept}
        if code == 60:
            assert not list((home / "out").rglob(".tmp-*"))
            assert retrain(home) in {0, 10}  # 10: all was done but for the memory of the volume
            assert told(home) == quiet
        writes += 5
    assert writes > 15, "the disk refused at several writes"


@pytest.mark.parametrize(("fault", "code"), [("empty", 30), ("nobody left", 31)])
def test_with_nothing_to_learn_from_the_champion_serves_on(
    fault: str, code: int, mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    usage, before = mine / "history" / "usage.csv", told(mine)
    rows = pd.read_csv(usage, dtype=str)
    if fault == "empty":
        left = rows.head(0)
    else:
        pairs = pd.MultiIndex.from_product([rows["account_id"].unique(), sorted(rows["occurred_at"].unique())])
        left = pairs.to_frame(index=False, name=["account_id", "occurred_at"])
    left.to_csv(usage, index=False)
    capsys.readouterr()
    assert retrain(mine) == code
    assert "Traceback" not in capsys.readouterr().err
    assert told(mine) == before
    rows.to_csv(usage, index=False)
    assert run(["score", str(mine / "plan.toml")]) == 0
