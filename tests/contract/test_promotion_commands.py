"""What retrain, promote, rollback, compare and models promise to print, and to leave behind."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from holdfast.serving import pipeline
from holdfast.serving.command import run
from holdfast.serving.plan import read_plan
from holdfast.serving.promotion import judging
from holdfast.serving.promotion.decision import decisions
from holdfast.serving.promotion.judging import margins_of
from holdfast.serving.promotion.keeping import discard, versions
from holdfast.serving.promotion.promotions import Promotions
from holdfast.serving.sections import Gate
from holdfast.training.promotion import Margins
from tests.leaving import company, days_before_the_end
from tests.proofs import few_proofs

WEEKS = 130
CLAUSES = ["leakage", "events"]
AGAINST = ["rolled back", "schema", "skill", "skill", "revenue caught", "calibration", "calibration", "segments"]
AGAINST += ["reasons", "bands", "alerts"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company that was retrained twice; the signs were proven the first time, and are not proven again."""
    folder = tmp_path_factory.mktemp("retrained") / "acme"
    plan = company(folder, accounts=170, leavers=110, weeks=WEEKS)
    with pytest.MonkeyPatch.context() as patch:
        few_proofs(patch)
        assert run(["retrain", str(plan), "--until", days_before_the_end(84, WEEKS)]) == 0
        patch.setattr(judging, "proven", None)
        assert run(["retrain", str(plan)]) == 0
    return folder


@pytest.fixture
def mine(home: Path, tmp_path: Path) -> Path:
    return shutil.copytree(home, tmp_path / "mine", symlinks=True) / "plan.toml"


def asked(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> object:
    capsys.readouterr()
    assert run([*map(str, arguments), "--json"]) == code
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], code: int, *arguments: object) -> str:
    capsys.readouterr()
    assert run(list(map(str, arguments))) == code
    return capsys.readouterr().err


def line(plan: Path) -> tuple[str, ...]:
    return Promotions(pipeline.workspace(read_plan(plan))).line


def test_the_first_model_is_asked_for_proofs_and_events_and_later_ones_for_everything(home: Path) -> None:
    first, second = decisions(home / "out" / "models")
    assert [one.clause for one in first.gate.clauses] == CLAUSES
    assert [one.clause for one in second.gate.clauses] == CLAUSES + AGAINST
    assert all(one.reason for one in second.gate.clauses)
    rows = Promotions(pipeline.workspace(read_plan(home / "plan.toml"))).frame()
    assert rows["retrain"].tolist() == [first.retrain, second.retrain]
    assert rows["reason"].tolist() == ["the first model", "passed the gate"]


def test_a_challenger_without_a_horizon_of_the_champion_is_held_back_by_the_schema(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine.write_text(mine.read_text(encoding="utf-8").replace("days = [30, 60]", "days = [30]"), encoding="utf-8")
    told: Any = asked(capsys, "retrain", mine, code=20)
    assert "schema" in [one["clause"] for one in told["gate"]["clauses"] if not one["passes"]]


def test_the_decision_stands_beside_the_bundle_as_json_and_as_a_page(home: Path) -> None:
    second = decisions(home / "out" / "models")[-1]
    folder = home / "out" / "models" / f"{second.version}.gate"
    assert {one.name for one in folder.iterdir()} == {"gate.json", "report.html", "manifest.json"}
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "A new model takes over" in page
    assert page.count("<tr>") == 2 + len(second.gate.clauses) + len(second.findings)
    assert "http" not in page.replace("http-equiv", "")


def test_retrain_again_says_what_was_decided(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = asked(capsys, "retrain", mine, code=10)
    assert isinstance(told, dict)
    keys = {"retrain", "model", "champion", "as_of", "fresh", "promoted", "report", "gate", "findings"}
    assert set(told) == keys
    assert (told["fresh"], told["promoted"], told["champion"]) == (False, False, line(mine)[-1])


def test_models_tells_the_state_of_each(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = line(mine)
    rows = asked(capsys, "models", mine)
    assert isinstance(rows, list)
    assert [(row["version"], row["state"], row["gate"]) for row in rows] == [
        (second, "champion", "passed"),
        (first, "former champion", "passed"),
    ]
    assert run(["rollback", str(mine)]) == 0
    rows = asked(capsys, "models", mine)
    assert isinstance(rows, list)
    assert {row["version"]: row["state"] for row in rows} == {first: "champion", second: "rolled back"}
    shutil.rmtree(mine.parent / "out" / "models" / first)
    rows = asked(capsys, "models", mine)
    assert isinstance(rows, list)
    assert {row["version"]: row["state"] for row in rows}[first] == "champion, cannot be read"


def test_compare_is_one_line_per_figure(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = line(mine)
    told = asked(capsys, "compare", mine)
    assert isinstance(told, dict)
    assert (told["champion"], told["challenger"]) == (second, first)
    figures = [(row["figure"], row["horizon"]) for row in told["rows"]]
    assert len(figures) == len(set(figures)) == 18  # nine figures at two horizons
    facts = {row["figure"]: row for row in told["facts"] if row["horizon"] is None}
    assert facts["learned until"]["challenger"] == days_before_the_end(84, WEEKS)
    turned = asked(capsys, "compare", mine, first, second)
    assert isinstance(turned, dict)
    assert (turned["champion"], turned["challenger"]) == (first, second)
    capsys.readouterr()
    assert run(["compare", str(mine)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 1 + len(told["facts"]) + 18 + 1


def test_promote_and_rollback_tell_what_they_did(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = line(mine)
    told = asked(capsys, "rollback", mine, "--reason", "CS does not trust it")
    assert told == {"model": first, "before": second, "changed": True, "skipped": [], "objection": ""}
    assert (mine.parent / "out" / "models" / "champion").read_text() == f"{first}\n"
    rows = Promotions(pipeline.workspace(read_plan(mine))).frame()
    assert rows[["action", "reason"]].to_numpy().tolist()[-1] == ["rollback", "CS does not trust it"]
    assert "a model that was in service before" in refused(capsys, 2, "rollback", mine)
    assert asked(capsys, "promote", mine, first, code=10)
    assert asked(capsys, "promote", mine, second)
    assert line(mine) == (first, second)


@pytest.mark.parametrize("version", ["0123456789abcdef", "../../other", "", "champion"])
def test_a_version_that_is_not_there_is_refused(mine: Path, version: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "a version that is there" in refused(capsys, 2, "promote", mine, version)
    assert "a version that is there" in refused(capsys, 2, "compare", mine, line(mine)[0], version)


def test_a_model_that_is_not_there_is_a_slip_and_no_damage(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    day = days_before_the_end(0, WEEKS)
    assert run(["score", str(mine)]) == 0
    for command in (["score", mine], ["replay", mine, "--at", day]):
        told = refused(capsys, 2, *command, "--model", "zz")
        assert "expected a version that is there, found 'zz'" in told
        assert set(line(mine)) <= set(re.findall("[0-9a-f]{16}", told))


def test_a_version_with_a_slip_is_suggested(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    version = line(mine)[0]
    slip = version[:-1] + ("0" if version[-1] != "0" else "1")
    assert f"did you mean '{version}'" in refused(capsys, 2, "promote", mine, slip)


def test_without_a_model_each_command_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = company(tmp_path / "new", weeks=50)
    assert asked(capsys, "models", plan) == []
    assert "train first" in refused(capsys, 2, "compare", plan)
    assert "train first" in refused(capsys, 2, "promote", plan, "0123456789abcdef")
    assert "train again" in refused(capsys, 2, "rollback", plan)


def test_who_promotes_against_the_gate_is_told(
    mine: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "proven", None)
    mine.write_text(mine.read_text() + "[gate]\nmin_events = 1000\n")
    assert run(["rollback", str(mine)]) == 0
    told = asked(capsys, "retrain", mine, "--until", days_before_the_end(28, WEEKS), code=20)
    assert isinstance(told, dict)
    assert not told["gate"]["passed"]
    rows = asked(capsys, "models", mine)
    assert isinstance(rows, list)
    assert next(row for row in rows if row["version"] == told["model"])["gate"].startswith("held back by events")
    moved = asked(capsys, "promote", mine, told["model"], "--reason", "few, but good")
    assert isinstance(moved, dict)
    assert moved["objection"].startswith(f"The gate had held {told['model']} back: ")
    assert "events: " in moved["objection"]
    assert "stays in service" not in moved["objection"]


def test_the_last_models_are_kept_and_those_that_scores_were_made_with(mine: Path) -> None:
    first, second = line(mine)
    place = pipeline.workspace(read_plan(mine))
    third, fourth = "a" * 16, "b" * 16
    for version in (third, fourth):
        shutil.copytree(place.models / first, place.models / version)
        (place.models / f"{version}.backtest").mkdir()
    (place.runs / "r1").mkdir(parents=True)
    (place.runs / "r1" / "manifest.json").write_text(json.dumps({"model_version": fourth}))
    assert discard(place, keep=5) == [third]
    assert versions(place) == sorted([first, second, fourth])
    assert not (place.models / f"{third}.backtest").exists()
    for letter in "cde":
        (place.models / (letter * 16)).mkdir()
        at = pd.Timestamp("2026-01-01", tz="UTC")
        Promotions(place).add("promote", letter * 64, replaces=Promotions(place).champion, reason="", at=at)
    assert discard(place, keep=1) == sorted([first, "c" * 16])  # the last decision is on the second one
    assert versions(place) == sorted([second, fourth, "d" * 16, "e" * 16])


def test_the_margins_of_the_plan_are_those_of_the_gate() -> None:
    names = set(Gate.model_fields) - {"keep"}
    assert names == set(Margins.__dataclass_fields__)
    defaults = {name: getattr(Gate(), name) for name in names - {"unjudged"}}
    assert defaults == {name: getattr(Margins(), name) for name in names - {"unjudged"}}


def test_what_can_change_a_model_or_a_decision_names_the_retraining_and_nothing_else(mine: Path) -> None:
    plan = read_plan(mine)
    same = plan.model_copy(update={"output": plan.output.model_copy(update={"workspace": Path("elsewhere")})})
    assert same.training_sha256() == plan.training_sha256()
    changes: dict[str, dict[str, object]] = {
        "gate": {"skill": 0.5},
        "cutoffs": {"every": "month"},
        "model": {"seed": 5},
        "output": {"language": "de"},
    }
    for section, change in changes.items():
        other = plan.model_copy(update={section: getattr(plan, section).model_copy(update=change)})
        assert other.training_sha256() != plan.training_sha256(), section
    kept = plan.model_copy(update={"gate": plan.gate.model_copy(update={"keep": 9})})
    assert kept.training_sha256() == plan.training_sha256()
    assert margins_of(plan) == Margins()
