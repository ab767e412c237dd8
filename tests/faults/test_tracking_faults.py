"""MLflow that is down, broken, locked, slow or killed: trainings end as they would without it, and it hears of them."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
import pytest

from holdfast.safely import LOCK
from holdfast.serving import command
from holdfast.serving.command import run
from holdfast.serving.promotion import command as promotion
from holdfast.serving.promotion import judging
from holdfast.serving.tracking import address
from holdfast.training.tracking.quiet import quietly
from tests.tracked import EARLY, Failing, champion, held, place, server, track_in, tracked_company, waiting

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::FutureWarning", "ignore::UserWarning")
DOWN = "http://127.0.0.1:9"
NOW = pd.Timestamp("2026-01-01", tz="UTC").to_pydatetime()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(judging, "proven", lambda *_: [])
    for one in (command, promotion):
        monkeypatch.setattr(one, "now", lambda: NOW)
    for name, value in {"TIMEOUT": "1", "MAX_RETRIES": "0"}.items():
        monkeypatch.setenv(f"MLFLOW_HTTP_REQUEST_{name}", value)
    with quietly():
        yield


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company with one model in service, of which MLflow knows, and with scores."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "proven", lambda *_: [])
        for one in (command, promotion):
            patch.setattr(one, "now", lambda: NOW)
        plan = tracked_company(tmp_path_factory.mktemp("tracked") / "acme")
        assert run(["retrain", str(plan), "--until", EARLY]) == 0
        assert run(["score", str(plan), "--at", EARLY]) == 0
    return plan.parent


@pytest.fixture
def mine(home: Path, tmp_path: Path) -> Path:
    return shutil.copytree(home, tmp_path / "mine", symlinks=True) / "plan.toml"


def served(plan: Path) -> dict[str, bytes]:
    """Everything that is no record of MLflow's: models, decisions, runs, and who is in service."""
    out = place(plan).root
    return {
        str(path.relative_to(out)): path.read_bytes()
        for part in ("models", "runs")
        for path in sorted((out / part).rglob("*"))
        if path.is_file() and path.name != LOCK
    }


def undisturbed(home: Path, folder: Path) -> Path:
    plan = shutil.copytree(home, folder / "undisturbed", symlinks=True) / "plan.toml"
    assert run(["retrain", str(plan)]) == 0
    assert run(["score", str(plan)]) == 0
    return plan


def test_without_a_server_everything_is_as_with_one_and_it_hears_later(
    home: Path, mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    track_in(mine, DOWN)
    assert run(["retrain", str(mine)]) == 0
    told = capsys.readouterr().err
    assert f"MLflow at {DOWN}" in told
    assert "nothing is lost" in told
    assert "Traceback" not in told
    assert run(["score", str(mine)]) == 0
    quiet = undisturbed(home, tmp_path)
    assert served(mine) == served(quiet)
    assert champion(mine) == champion(quiet)
    assert len(waiting(mine)) == 1
    assert run(["sync", str(mine)]) == 60
    assert len(waiting(mine)) == 1
    track_in(mine, None)
    assert run(["retrain", str(mine)]) == 10  # the next run sends it, though it has nothing else to do
    assert waiting(mine) == []
    assert held(mine)["aliases"] == {"champion": champion(mine)}
    assert champion(mine) in held(mine)["finished"]
    assert run(["sync", str(mine)]) == 10


@pytest.mark.parametrize("status", [500, 503, 401, 200])
def test_a_server_that_answers_nonsense_stops_nothing(
    mine: Path, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with Failing(status) as broken, caplog.at_level(logging.WARNING, logger="holdfast"):
        track_in(mine, broken.uri)
        assert run(["train", str(mine)]) == 0
        assert run(["sync", str(mine)]) == 60
    assert broken.asked
    assert f"MLflow at {broken.uri}" in caplog.text
    assert len(waiting(mine)) == 1


def test_going_back_does_not_wait_for_a_server(mine: Path) -> None:
    first = champion(mine)
    assert run(["train", str(mine)]) == 0
    second = champion(mine)
    track_in(mine, DOWN)
    assert run(["rollback", str(mine)]) == 0
    assert champion(mine) == first
    track_in(mine, None)
    assert held(mine)["aliases"] == {"champion": second}  # it lags
    assert run(["sync", str(mine)]) == 0
    assert held(mine)["aliases"] == {"champion": first}


def test_a_database_that_another_process_locks_stops_nothing(mine: Path, caplog: pytest.LogCaptureFixture) -> None:
    with sqlite3.connect(place(mine).root / "mlflow.db") as other:
        other.execute("BEGIN EXCLUSIVE")
        with caplog.at_level(logging.WARNING, logger="holdfast"):
            assert run(["train", str(mine)]) == 0
        assert "locked" in caplog.text
        assert len(waiting(mine)) == 1
    assert run(["sync", str(mine)]) == 0
    assert held(mine)["aliases"] == {"champion": champion(mine)}


def test_a_database_that_is_none_stops_nothing(mine: Path, caplog: pytest.LogCaptureFixture) -> None:
    (place(mine).root / "mlflow.db").write_bytes(b"no database" * 1000)
    with caplog.at_level(logging.WARNING, logger="holdfast"):
        assert run(["train", str(mine)]) == 0
    assert "MLflow at mlflow.db in the workspace" in caplog.text
    assert len(waiting(mine)) == 1


def child(work: Callable[[], None]) -> int:
    """Run in a process of its own, which starts with what is imported here."""
    process = get_context("fork").Process(target=work)
    process.start()
    process.join(120)
    return process.exitcode if process.exitcode is not None else -1


def dying(plan: Path, step: int) -> int:
    """Sync in a process that ends at the given one of its calls to MLflow, or of the files it writes or removes."""

    def work() -> None:
        from mlflow.tracking import MlflowClient

        seen: list[str] = []

        def counted(original: Callable[..., object]) -> Callable[..., object]:
            def stepped(*args: object, **kwargs: object) -> object:
                if len(seen) == step:
                    os._exit(9)
                seen.append("")
                return original(*args, **kwargs)

            return stepped

        with pytest.MonkeyPatch.context() as patch:
            for name in ("create_run", "log_batch", "log_artifact", "log_artifacts", "set_terminated"):
                patch.setattr(MlflowClient, name, counted(getattr(MlflowClient, name)))
            for name in ("create_registered_model", "create_model_version", "set_registered_model_alias"):
                patch.setattr(MlflowClient, name, counted(getattr(MlflowClient, name)))
            for name in ("replace", "unlink"):
                patch.setattr(Path, name, counted(getattr(Path, name)))
            os._exit(run(["sync", str(plan)]))

    return child(work)


def test_killed_at_any_step_the_next_sync_makes_it_whole(mine: Path, tmp_path: Path) -> None:
    first = champion(mine)
    track_in(mine, DOWN)
    assert run(["retrain", str(mine)]) == 0
    track_in(mine, None)
    second = champion(mine)
    whole = {
        "finished": sorted([first, second]),
        "unfinished": [],
        "registered": sorted([first, second]),
        "aliases": {"champion": second},
    }
    database = (place(mine).root / "mlflow.db").read_bytes()
    tracking = shutil.copytree(place(mine).tracking, tmp_path / "tracking")
    step, found = 0, 9
    while found == 9:
        (place(mine).root / "mlflow.db").write_bytes(database)
        shutil.rmtree(place(mine).tracking)
        shutil.copytree(tracking, place(mine).tracking)
        found = dying(mine, step)
        assert run(["sync", str(mine)]) in {0, 10}
        assert held(mine) == whole, step
        assert waiting(mine) == []
        step += 1
    assert step >= 9, "run, figures, files, end, model, version, alias, spool, what was told"


def test_a_training_that_cannot_be_read_is_said_and_the_others_are_sent(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    track_in(mine, DOWN)
    assert run(["retrain", str(mine)]) == 0
    spool = place(mine).tracking / "spool"
    (spool / "0000000000000000.json").write_text('{"name": "cut o')
    (spool / "ffffffffffffffff.json").write_text("[1e999]")
    track_in(mine, None)
    capsys.readouterr()
    assert run(["sync", str(mine)]) == 0
    assert capsys.readouterr().err.count("cannot be read") == 2
    assert waiting(mine) == ["0000000000000000.json", "ffffffffffffffff.json"]
    assert champion(mine) in held(mine)["finished"]


def test_a_bundle_that_is_gone_leaves_its_figures(mine: Path, caplog: pytest.LogCaptureFixture) -> None:
    track_in(mine, DOWN)
    assert run(["retrain", str(mine)]) == 0
    second = champion(mine)
    assert run(["rollback", str(mine)]) == 0
    shutil.rmtree(place(mine).models / second)
    track_in(mine, None)
    assert run(["sync", str(mine)]) == 0
    assert f"figures of model {second} alone" in caplog.text
    told = held(mine)
    assert second in told["finished"]
    assert second not in told["registered"]


def test_two_that_talk_to_it_at_once(mine: Path) -> None:
    with place(mine).syncing():
        assert child(lambda: os._exit(run(["sync", str(mine)]))) == 50
        assert child(lambda: os._exit(run(["train", str(mine)]))) == 0
    assert len(waiting(mine)) == 1
    assert run(["sync", str(mine)]) == 0
    assert held(mine)["aliases"] == {"champion": champion(mine)}


@pytest.mark.parametrize(
    "uri", ["postgresql://me:canary-77@db/x", "http://me:canary-77@host", "mysql://h/x?password=canary-77"]
)
def test_a_password_in_a_plan_is_refused_and_not_shown(
    mine: Path, uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    track_in(mine, uri)
    capsys.readouterr()
    for name in ("sync", "plan", "train"):
        assert run([name, str(mine)]) == 2
    told = "".join(capsys.readouterr())
    assert "env:NAME or file:/PATH" in told
    assert "canary-77" not in told


def test_a_password_elsewhere_shows_nowhere(
    mine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_AT", "postgresql://me:canary-77@127.0.0.1:9/mlflow")
    track_in(mine, "env:MLFLOW_AT")
    capsys.readouterr()
    assert run(["train", str(mine)]) == 0
    assert run(["sync", str(mine)]) == 60
    assert run(["plan", str(mine), "--show"]) == 0
    told = "".join(capsys.readouterr())
    assert "MLflow at env:MLFLOW_AT" in told
    assert "canary-77" not in told
    assert not [one for one in place(mine).root.rglob("*") if one.is_file() and b"canary-77" in one.read_bytes()]
    there = server(mine)
    problem = ConnectionError("no login as me with canary-77 at\npostgresql://me:canary-77@127.0.0.1:9/mlflow")
    assert address.without_secrets(problem, there) == "no login as me with *** at"
    monkeypatch.delenv("MLFLOW_AT")
    assert run(["train", str(mine)]) == 0  # the place of the address is gone: told, and nothing stops
    assert "MLFLOW_AT" in capsys.readouterr().err
