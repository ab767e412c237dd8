"""The commands of the queue on a run written by hand: what they print, what they write, and what they refuse."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from holdfast.serving.columns import in_order
from holdfast.serving.command import run
from holdfast.serving.ledger.store import LEDGER, Ledger
from holdfast.serving.queue.log import interventions
from holdfast.serving.workspace import Workspace, write_manifest

DAY = pd.Timestamp("2026-01-01", tz="UTC")
START = pd.Timestamp("2024-01-01", tz="UTC")
RUN = "0123456789abcdef"
PLAN = """
[data]
path = "history"
[churn]
kind = "notice"
[queue]
hours = 100.0
holdout = 0.5
"""
SIZE = 80


def _served(folder: Path) -> None:
    """Write a run of eighty accounts, all of them endangered."""
    ids = [f"A{place:02d}" for place in range(SIZE)]
    rows = pd.DataFrame(
        {"account_id": ids, "account_name": "=1+1", "csm": ["Kim"] * 50 + [""] * 30, "arr": 1000.0, "p90": 0.5,
         "band": "red", "playbook_id": "action.red", "score_status": "scored", "schema_version": 3, "as_of": DAY}
    )  # fmt: skip
    place = Workspace(folder / "out")
    made = place.runs / RUN
    made.mkdir(parents=True)
    in_order(rows).to_parquet(made / "scores.parquet")
    for name in ("drivers", "alerts"):
        pd.DataFrame({"account_id": []}).to_parquet(made / f"{name}.parquet")
    write_manifest(made, {"run_id": RUN, "as_of": DAY.isoformat(), "model_version": "none"})
    place.point(RUN)


def _delivered(folder: Path, left: list[str]) -> None:
    """Write a history that reaches to the end of 2026, in which some gave notice in February."""
    ids = [f"A{place:02d}" for place in range(SIZE)]
    first = {"account_id": ids, "valid_from": START, "known_at": START}
    gone, last = (pd.Timestamp(day, tz="UTC") for day in ("2026-02-01", "2026-11-30"))
    days = [START] * SIZE + [last] * SIZE
    tables = {
        "accounts": pd.DataFrame(first),
        "usage": pd.DataFrame({"account_id": [*ids, *ids], "occurred_at": days, "known_at": days}),
        "subscriptions": pd.DataFrame(first | {"subscription_id": ids, "mrr": 1.0, "status": "active"}),
        "churn": pd.DataFrame({"account_id": left, "notice_at": gone, "known_at": gone}),
    }
    (folder / "history").mkdir()
    for name, table in tables.items():
        table.to_parquet(folder / "history" / f"{name}.parquet", index=False)


@pytest.fixture
def plan(tmp_path: Path) -> str:
    _served(tmp_path)
    (tmp_path / "plan.toml").write_text(PLAN, encoding="utf-8")
    return str(tmp_path / "plan.toml")


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> pytest.CaptureFixture[str]:
    return capsys


def log_of(plan: str) -> pd.DataFrame:
    return interventions(Ledger(Path(plan).parent / "out" / LEDGER))


def test_the_queue_is_printed_and_nothing_is_written(plan: str, told: pytest.CaptureFixture[str]) -> None:
    assert run(["queue", plan]) == 0
    out = told.readouterr().out
    assert "40 calls, 40 of 200 hours" in out
    assert "40 left alone by lot" in out
    assert "please do not call them" in out
    assert not (Path(plan).parent / "out" / LEDGER).exists()
    assert run(["queue", plan, "--csm", "Kim", "--json"]) == 0
    mine = json.loads(told.readouterr().out)
    assert len(mine["rows"]) == 50
    assert {row["csm"] for row in mine["rows"]} == {"Kim"}
    assert mine["past"] == ""  # no backtest stands beside this model


def test_recording_is_done_once_and_what_was_recorded_rests(plan: str, told: pytest.CaptureFixture[str]) -> None:
    assert run(["queue", plan, "--record", "--json"]) == 0
    counts = json.loads(told.readouterr().out)
    assert counts == {"run": RUN, "added": 80, "called": 40, "left_alone": 40}
    before = log_of(plan)
    assert run(["queue", plan, "--record"]) == 10
    pd.testing.assert_frame_equal(log_of(plan), before)
    told.readouterr()
    assert run(["queue", plan]) == 0
    out = told.readouterr().out
    assert "0 calls" in out
    assert "80 resting" in out
    assert run(["queue", plan, "--week"]) == 0
    assert "80 recorded in the week of 2026-01-01, something was done with 0." in told.readouterr().out


def test_what_people_said_after_the_run_counts_at_once(plan: str, told: pytest.CaptureFixture[str]) -> None:
    row = (
        "INSERT INTO feedback (id, account_id, kind, run_id, value, reason, author, said_on, expires, recorded_at) "
        "VALUES ('1', 'A07', 'snooze', '', '', '', 'Jo', '2026-01-01T00:00:00Z', '2026-01-09T00:00:00Z', "
        "'2026-01-02T00:00:00Z')"
    )
    with Ledger(Path(plan).parent / "out" / LEDGER).writing() as db:
        db.execute(row)
    assert run(["queue", plan, "--json"]) == 0
    rows = json.loads(told.readouterr().out)["rows"]
    assert [(row["account_id"], row["why"]) for row in rows if row["decision"] == "resting"] == [
        ("A07", "snoozed until 2026-01-09")
    ]


def test_without_opting_in_nobody_is_left_alone(plan: str, told: pytest.CaptureFixture[str]) -> None:
    Path(plan).write_text(PLAN.replace("holdout = 0.5", ""), encoding="utf-8")
    assert run(["queue", plan, "--record"]) == 0
    log = log_of(plan)
    assert set(log["arm"]) == {"called"}
    assert log["propensity"].isna().all()
    assert run(["queue", plan, "--power"]) == 0
    assert "Nobody is left alone now" in told.readouterr().out


def test_power_and_effect_say_what_they_know_and_what_they_do_not(
    plan: str, told: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["queue", plan, "--power", "--points", "25", "--json"]) == 0
    power = json.loads(told.readouterr().out)
    assert power["base"] == 0.5
    assert power["weekly"] == pytest.approx(80 * 7 / 90)
    assert run(["queue", plan, "--power", "--points", "60"]) == 0
    assert "cannot be shown: only 50.0% would leave" in told.readouterr().out
    assert run(["queue", plan, "--record"]) == 0
    log = log_of(plan)
    held, called = (log.loc[log["arm"] == arm, "account_id"].tolist() for arm in ("held_out", "called"))
    _delivered(Path(plan).parent, held[:20] + called[:10])
    told.readouterr()
    monkeypatch.setattr("holdfast.serving.options.now", lambda: datetime(2026, 12, 2, tzinfo=UTC))
    Path(plan).write_text(PLAN.replace('"history"', '"history"\nend = 2026-12-01'), encoding="utf-8")
    assert run(["queue", plan, "--effect", "--json"]) == 0
    effect = json.loads(told.readouterr().out)
    assert effect["points"] == pytest.approx(25.0)
    assert effect["low"] > 0
    assert [arm["left"] for arm in effect["arms"]] == [10, 20]


def test_what_was_done_is_logged_from_arguments_and_from_a_file(
    plan: str, tmp_path: Path, told: pytest.CaptureFixture[str]
) -> None:
    one = ["did", plan, "--account", "A01", "--playbook", "action.red", "--by", "Kim", "--on", "2026-01-02"]
    assert run(one) == 0
    assert run(one) == 10
    file = tmp_path / "done.csv"
    rows = ["On;account_id;Playbook;BY;reason", "03.01.2026;A02;action.red;Kim;asked", "2026-01-04;A03;action.red;Lou;"]
    file.write_text("\n".join(rows))
    assert run(["did", plan, str(file), "--out", str(tmp_path / "log.parquet"), "--json"]) == 0
    out = told.readouterr().out
    said = json.loads(out[out.index("{") :])
    assert said["added"] == 2
    assert said["written"] == 3
    written = pd.read_parquet(tmp_path / "log.parquet")
    assert written["owner"].tolist() == ["Kim", "Kim", "Lou"]
    assert written["occurred_at"].dt.strftime("%Y-%m-%d").tolist() == ["2026-01-02", "2026-01-03", "2026-01-04"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "account_id,playbook,by,on\nA02,action.red,Kim,2026-01-03\nB02,action.red,Kim,2026-01-03\n",
            "row 3: expected",
        ),
        ("account_id,playbook,by,on\nA02,action.rod,Kim,2026-01-03\n", "did you mean 'action.red'"),
        ("account_id,playbook,by,on\nA02,action.red,Kim,soon\n", "row 2, column on: expected a day"),
        ("account_id,playbook,by,on\nA02,action.red,Kim,2099-01-03\n", "expected a day up to today"),
        ("account_id,playbook,by,on\nA02,action.red,,2026-01-03\n", "found no by"),
        ("account_id,playbook,by,on\nA02,action.red,Kim,2026-01-03,more\n", "expected 4 cells"),
        ("account_id,playbok,by,on\nA02,action.red,Kim,2026-01-03\n", "did you mean 'playbok'"),
        ("", "an empty file"),
    ],
)
def test_a_wrong_file_is_refused_whole(
    plan: str, tmp_path: Path, told: pytest.CaptureFixture[str], text: str, expected: str
) -> None:
    file = tmp_path / "done.csv"
    file.write_text(text)
    assert run(["did", plan, str(file)]) in (2, 30)
    assert expected in told.readouterr().err
    assert log_of(plan).empty


@pytest.mark.parametrize(
    ("out", "expected"),
    [
        ("taken/log.parquet", "taken: expected a folder, found a file"),
        ("taken/deeper/log.parquet", "taken: expected a folder, found a file"),
        ("folder", "folder: expected a file, or a free place for one, found a folder"),
    ],
)
def test_a_place_that_cannot_hold_the_log_is_refused_before_anything_is_logged(
    plan: str, tmp_path: Path, told: pytest.CaptureFixture[str], out: str, expected: str
) -> None:
    (tmp_path / "taken").write_text("kept")
    (tmp_path / "folder").mkdir()
    one = ["did", plan, "--account", "A01", "--playbook", "action.red", "--by", "Kim", "--on", "2026-01-02"]
    assert run([*one, "--out", str(tmp_path / out)]) == 60
    assert expected in told.readouterr().err
    assert log_of(plan).empty
    assert (tmp_path / "taken").read_text() == "kept"
    assert not list((tmp_path / "folder").iterdir())


def test_arguments_that_contradict_or_lack_are_refused(plan: str, told: pytest.CaptureFixture[str]) -> None:
    assert run(["queue", plan, "--power", "--effect"]) == 2
    assert "--power, --effect" in told.readouterr().err
    assert run(["queue", plan, "--csm", "Kin"]) == 2
    assert "did you mean 'Kim'" in told.readouterr().err
    assert run(["did", plan, "--account", "A01"]) == 2
    assert "no --playbook, --by, --on" in told.readouterr().err
    assert run(["did", plan]) == 2
    assert "an account by --account, or a file" in told.readouterr().err
    assert log_of(plan).empty


def test_a_name_that_is_like_none_is_answered_with_a_few(plan: str, told: pytest.CaptureFixture[str]) -> None:
    who = ["--account", "unheard", "--playbook", "action.red", "--by", "Kim", "--on", "2026-01-02"]
    assert run(["did", plan, *who]) == 2
    assert f"A08, A09 and {SIZE - 10} more" in told.readouterr().err


def test_without_a_run_the_queue_says_what_to_do(tmp_path: Path, told: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "plan.toml").write_text(PLAN, encoding="utf-8")
    assert run(["queue", str(tmp_path)]) == 2
    assert "score first" in told.readouterr().err


def test_a_damaged_ledger_is_told_and_left_as_it_is(plan: str, told: pytest.CaptureFixture[str]) -> None:
    ledger = Path(plan).parent / "out" / LEDGER
    ledger.write_bytes(b"no database" * 1000)
    for arguments in (["queue", plan], ["queue", plan, "--record"], ["queue", plan, "--week"]):
        assert run(arguments) == 60
        assert "not a database" in told.readouterr().err
    assert ledger.read_bytes() == b"no database" * 1000
