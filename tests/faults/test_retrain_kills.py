"""Retraining that is killed anywhere, or meets another one: what was in service stays, the next run makes it whole."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
import pytest

from holdfast.serving import command
from holdfast.serving.command import run
from holdfast.serving.ledger.store import Ledger
from holdfast.serving.promotion import command as promotion
from holdfast.serving.promotion import judging, retraining
from holdfast.serving.promotion.promotions import Promotions
from holdfast.serving.workspace import Workspace
from tests.leaving import START, company, days_before_the_end

KILLED = 9
NOW = pd.Timestamp("2026-01-01", tz="UTC").to_pydatetime()
WEEKS = 50  # too short for a backtest, so that a run takes half a second
UNTIL = days_before_the_end(40, WEEKS)


def make_quick(patch: pytest.MonkeyPatch) -> None:
    """Leave proofs out, and stop the clock."""
    patch.setattr(judging, "proven", lambda *_: [])
    for one in (command, promotion):
        patch.setattr(one, "now", lambda: NOW)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company with a champion and scores, in which more has happened since."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "proven", lambda *_: [])
        plan = company(tmp_path_factory.mktemp("served") / "acme", weeks=WEEKS, more="[gate]\nmin_events = 10\n")
        assert run(["retrain", str(plan), "--until", UNTIL]) == 0
        assert run(["score", str(plan), "--at", UNTIL]) == 0
    return plan.parent


def place(home: Path) -> Workspace:
    return Workspace(home / "out")


def told(home: Path) -> dict[str, bytes]:
    """Every file of the workspace, but for locks and the database; of that, what it says."""
    out = home / "out"
    files = {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name not in {".lock", "ledger.db"} and "current" not in path.parts
    }
    line = Promotions(place(home)).frame().drop(columns="recorded_at")
    return files | {"promotions": line.to_csv().encode(), "current": str((out / "current").readlink()).encode()}


def child(work: Callable[[], None]) -> int:
    """Run in a process of its own, which starts with what is imported here."""
    process = get_context("fork").Process(target=work)
    process.start()
    process.join(120)
    return process.exitcode if process.exitcode is not None else -1


@contextmanager
def dying(step: int) -> Iterator[list[str]]:
    """End the process at the given one of the steps at which something appears or is written down."""
    seen: list[str] = []

    def counted(name: str, original: Callable[..., object]) -> Callable[..., object]:
        def stepped(*args: object, **kwargs: object) -> object:
            if len(seen) == step:
                os._exit(KILLED)
            seen.append(name)
            return original(*args, **kwargs)

        return stepped

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "rename", counted("rename", Path.rename))
        patch.setattr(Path, "replace", counted("replace", Path.replace))
        patch.setattr(Ledger, "writing", counted("ledger", Ledger.writing))
        patch.setattr(retraining, "discard", counted("discard", retraining.discard))
        yield seen


def retrained(home: Path, step: int = 10_000) -> int:
    def work() -> None:
        with dying(step):
            os._exit(run(["retrain", str(home / "plan.toml")]))

    return child(work)


def test_killed_at_any_step_the_champion_and_scores_stay_and_the_next_run_makes_it_whole(
    served: Path, tmp_path: Path
) -> None:
    quiet = shutil.copytree(served, tmp_path / "quiet", symlinks=True)
    before, champion = told(quiet), Promotions(place(quiet)).champion
    assert retrained(quiet) == 0
    whole = told(quiet)
    assert Promotions(place(quiet)).champion != champion
    step, found = 0, KILLED
    while found == KILLED:
        mine = shutil.copytree(served, tmp_path / f"killed{step}", symlinks=True)
        found = retrained(mine, step)
        promotions = Promotions(place(mine))
        if found == KILLED:
            assert told(mine)["current"] == before["current"]
            assert all(told(mine)[name] == content for name, content in before.items() if name.startswith("runs/"))
            moved = len(promotions.frame()) > 1
            assert promotions.champion == (Promotions(place(quiet)).champion if moved else champion)
            assert run(["score", str(mine / "plan.toml"), "--at", UNTIL, "--model", str(champion)]) == 10
            assert retrained(mine) == (10 if moved else 0)
        assert told(mine) == whole, step
        assert not list((mine / "out").rglob(".tmp-*"))
        assert retrained(mine) == 10
        step += 1
    assert step >= 7, "bundle, proof, decision, promotion, champion, discarding, volumes"


def test_the_same_inputs_give_the_same_bytes_in_another_workspace(served: Path, tmp_path: Path) -> None:
    one, other = (shutil.copytree(served, tmp_path / name, symlinks=True) for name in ("one", "other"))
    assert retrained(one) == retrained(other) == 0
    assert told(one) == told(other)
    assert retrained(one) == 10
    assert told(one) == told(other)


def test_a_full_disk_leaves_the_champion_and_the_scores(
    served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = shutil.copytree(served, tmp_path / "full", symlinks=True)
    before = told(mine)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert run(["retrain", str(mine / "plan.toml")]) == 60
    assert "No space left" in capsys.readouterr().err
    assert told(mine) == before
    assert run(["retrain", str(mine / "plan.toml")]) == 0


def test_of_two_at_once_one_works_and_the_other_is_told(served: Path, tmp_path: Path) -> None:
    mine = shutil.copytree(served, tmp_path / "two", symlinks=True)
    with place(mine).training():
        assert retrained(mine) == 50
        assert child(lambda: os._exit(run(["train", str(mine / "plan.toml")]))) == 50
    assert retrained(mine) == 0  # the lock of a process that ended holds nobody


def test_scores_are_made_while_a_model_is_trained_by_the_one_that_was_in_service(served: Path, tmp_path: Path) -> None:
    mine = shutil.copytree(served, tmp_path / "both", symlinks=True)
    champion = Promotions(place(mine)).champion
    with place(mine).training():
        assert child(lambda: os._exit(run(["score", str(mine / "plan.toml")]))) == 0
    rows = pd.read_parquet(mine / "out" / "current" / "scores.parquet")
    assert set(rows["model_version"]) == {champion}


def test_a_retraining_waits_for_a_score_to_be_done_and_tells_when_it_is_not(
    served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = shutil.copytree(served, tmp_path / "waits", symlinks=True)
    monkeypatch.setattr(promotion, "PATIENCE", 0.0)
    with place(mine).lock():
        assert retrained(mine) == 50  # all is done but for the memory of the volume
    assert retrained(mine) == 10


def test_who_promotes_meanwhile_is_not_overruled_and_the_next_run_judges_anew(
    served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = shutil.copytree(served, tmp_path / "meanwhile", symlinks=True)
    plan, promotions = str(mine / "plan.toml"), Promotions(place(mine))
    assert run(["retrain", plan, "--until", days_before_the_end(20, WEEKS)]) == 0
    newer, older = promotions.line[::-1]
    write = retraining.write_decision

    def slowly(*args: object) -> None:
        write(*args)  # type: ignore[arg-type]
        assert run(["rollback", plan, "--reason", "it reads nonsense"]) == 0

    with monkeypatch.context() as patch:
        patch.setattr(retraining, "write_decision", slowly)
        assert run(["retrain", plan]) == 50
    assert promotions.champion == older
    assert run(["retrain", plan]) == 0
    assert promotions.frame()["replaces"].tolist()[-1] == older
    assert newer not in promotions.line


def test_a_model_that_was_rolled_back_does_not_come_back_by_itself(
    served: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = shutil.copytree(served, tmp_path / "back", symlinks=True)
    plan, promotions = mine / "plan.toml", Promotions(place(mine))
    first = promotions.champion
    assert run(["retrain", str(plan)]) == 0
    second = promotions.champion
    assert run(["rollback", str(plan)]) == 0
    assert run(["retrain", str(plan)]) == 10
    assert promotions.champion == first
    plan.write_text(plan.read_text().replace("min_events = 10", "min_events = 11"))  # judged anew, of the same bytes
    assert run(["retrain", str(plan)]) == 20
    assert "rolled back" in capsys.readouterr().out
    assert run(["promote", str(plan), str(second)]) == 0
    assert promotions.champion == second


def test_the_model_that_is_in_service_already_is_nothing_to_do(served: Path, tmp_path: Path) -> None:
    mine = shutil.copytree(served, tmp_path / "same", symlinks=True)
    assert run(["train", str(mine / "plan.toml")]) == 0
    assert run(["retrain", str(mine / "plan.toml")]) == 10
    assert len(Promotions(place(mine)).frame()) == 2


def test_too_few_events_and_a_shrunken_extract_leave_all_as_it_was(served: Path, tmp_path: Path) -> None:
    mine = shutil.copytree(served, tmp_path / "few", symlinks=True)
    before = told(mine)
    usage = mine / "history" / "usage.csv"
    rows = pd.read_csv(usage, dtype=str)
    rows.iloc[: len(rows) // 2].to_csv(usage, index=False)
    assert run(["retrain", str(mine / "plan.toml")]) == 30
    assert told(mine) == before
    ids, weeks = rows["account_id"].unique(), pd.date_range(START, periods=WEEKS, freq="7D")
    stayed = pd.MultiIndex.from_product([ids, weeks], names=["account_id", "occurred_at"])
    stayed.to_frame(index=False).to_csv(usage, index=False)
    assert run(["retrain", str(mine / "plan.toml")]) == 31
    assert told(mine) == before


@pytest.mark.parametrize("how", ["deleted", "cut short"])
def test_a_champion_that_cannot_be_read_is_told_with_the_way_back(
    served: Path, tmp_path: Path, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = shutil.copytree(served, tmp_path / "gone", symlinks=True)
    plan, promotions = str(mine / "plan.toml"), Promotions(place(mine))
    first = promotions.champion
    assert run(["retrain", plan]) == 0
    champion = place(mine).models / str(promotions.champion)
    if how == "deleted":
        shutil.rmtree(champion)
    else:
        (champion / "weights.json").write_bytes((champion / "weights.json").read_bytes()[:-9])
    capsys.readouterr()
    assert run(["score", plan]) == 70
    assert f"go back to {first} by `holdfast rollback PLAN`" in capsys.readouterr().err
    assert run(["rollback", plan]) == 0
    assert promotions.champion == first
    assert run(["score", plan]) == 0
    shutil.rmtree(place(mine).models / str(first))
    capsys.readouterr()
    assert run(["score", plan]) == 70
    assert "there is no other model to go back to" in capsys.readouterr().err
    assert run(["rollback", plan]) == 2
