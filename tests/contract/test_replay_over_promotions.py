"""A run is made again with the model that scored it, whichever is in service by then."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from holdfast.serving import pipeline
from holdfast.serving.command import run
from holdfast.serving.plan import read_plan
from holdfast.serving.promotion import judging
from holdfast.serving.promotion.keeping import discard, versions
from holdfast.serving.promotion.promotions import Promotions
from tests.leaving import company, days_before_the_end

WEEKS = 50
NOW = datetime(2026, 1, 1, tzinfo=UTC)
FIRST, SECOND, LAST = (days_before_the_end(days, WEEKS) for days in (42, 28, 0))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days scored by a model, the second of them again by the next one, then a day by that, then a rollback."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "proven", lambda *_: [])
        plan = company(tmp_path_factory.mktemp("promoted") / "acme", weeks=WEEKS, more="[gate]\nmin_events = 10\n")
        for step in (
            ["retrain", "--until", FIRST],
            ["score", "--at", FIRST],
            ["score", "--at", SECOND],
            ["retrain", "--until", SECOND],
            ["score", "--at", SECOND],
            ["score", "--at", LAST],
            ["rollback"],
        ):
            assert run([step[0], str(plan), *step[1:]]) == 0, step
    return plan.parent


def line(home: Path) -> list[str]:
    rows = Promotions(pipeline.workspace(read_plan(home / "plan.toml"))).frame()
    return [str(one) for one in rows["model_version"]]


def runs_of(home: Path, day: str) -> list[str]:
    ledger = pipeline.ledger_of(read_plan(home / "plan.toml"))
    rows = ledger.read("SELECT run_id FROM run WHERE as_of = ? ORDER BY rowid", (f"{day}T00:00:00Z",))
    return [str(one) for one in rows["run_id"]]


def replayed(home: Path, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    capsys.readouterr()
    assert run(["replay", str(home / "plan.toml"), *more, "--json"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def test_each_run_is_made_again_by_its_own_model(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    older, newer, back = line(home)
    assert (older, older != newer) == (back, True)
    for day, model in ((FIRST, older), (SECOND, newer), (LAST, newer)):
        told = replayed(home, capsys, "--at", day)
        assert (told["model_version"], told["run"]["model_version"]) == (model, model)
        assert (told["equal"], told["causes"], told["differences"]) == (True, [], [])


def test_of_two_runs_of_a_day_each_is_made_again_by_its_name(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    older, newer, _ = line(home)
    runs = runs_of(home, SECOND)
    assert len(runs) == 2
    for name, model in zip(runs, (older, newer), strict=True):
        told = replayed(home, capsys, "--at", SECOND, "--run", name)
        assert (told["run"]["run_id"], told["model_version"], told["equal"]) == (name, model, True)
    capsys.readouterr()
    slip = runs[0][:-1] + ("0" if runs[0][-1] != "0" else "1")
    assert run(["replay", str(home / "plan.toml"), "--at", SECOND, "--run", slip]) == 2
    assert f"did you mean '{runs[0]}'" in capsys.readouterr().err
    assert run(["replay", str(home / "plan.toml"), "--at", FIRST, "--run", runs[0]]) == 2


def test_what_the_next_model_would_have_said_is_told_as_the_model(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    older, newer, _ = line(home)
    told = replayed(home, capsys, "--at", FIRST, "--model", newer)
    assert [one["cause"] for one in told["causes"]] == ["model"]
    assert {one["cause"] for one in told["differences"]} == {"model"}
    assert {"p30", "model_version"} <= {one["column"] for one in told["differences"]}
    assert (told["run"]["model_version"], told["unexplained"]) == (older, 0)


def test_a_model_that_scored_is_kept_to_be_replayed_and_its_loss_is_told(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = shutil.copytree(home, tmp_path / "mine", symlinks=True)
    place = pipeline.workspace(read_plan(mine / "plan.toml"))
    older, newer, _ = line(mine)
    for letter in "abc":
        Promotions(place).serve(letter * 64, reason="later ones", at=NOW)
    shutil.rmtree(place.runs)  # what the ledger holds is enough to know
    discard(place, keep=1)
    assert {older, newer} <= set(versions(place))
    assert replayed(mine, capsys, "--at", FIRST)["equal"]
    shutil.rmtree(place.models / older)
    capsys.readouterr()
    assert run(["replay", str(mine / "plan.toml"), "--at", FIRST]) == 70
    assert older in capsys.readouterr().err
    assert replayed(mine, capsys, "--at", LAST)["equal"]


def test_a_run_that_is_made_current_again_is_what_was_served(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = shutil.copytree(home, tmp_path / "mine", symlinks=True)
    plan = str(mine / "plan.toml")
    older, newer, _ = line(mine)
    assert run(["score", plan]) == 0
    for step, model in ((["promote", newer], newer), (["rollback"], older)):
        assert run([step[0], plan, *step[1:]]) == 0
        assert run(["score", plan]) == 10
        current = json.loads((mine / "out" / "current" / "manifest.json").read_bytes())
        told = replayed(mine, capsys, "--at", LAST)
        assert (current["model_version"], told["model_version"]) == (model, model)
        assert told["run"]["run_id"] == current["run_id"]
