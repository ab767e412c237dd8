"""Bad input to the command: a clear line, the right exit code, no traceback, nothing half-written."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from holdfast.serving import command
from holdfast.serving.command import run
from holdfast.serving.workspace import Workspace
from tests.proofs import few_proofs

START, WEEKS = pd.Timestamp("2024-01-01", tz="UTC"), 80
SETTINGS = """[cutoffs]
every = "56d"
[horizons]
days = {days}
[backtest]
audits = false
bootstrap = 5
[tracking]
enabled = false
"""


def _accounts(n: int = 40) -> pd.DataFrame:
    return pd.DataFrame({"account_id": [f"A{i:02d}" for i in range(n)], "name": "x", "valid_from": START})


def _usage(n: int = 40, weeks: int = WEEKS, stops: int = 0) -> pd.DataFrame:
    """Give one visit a week; the last `stops` accounts fall silent one after the other."""
    rows = [
        (f"A{i:02d}", START + pd.Timedelta(days=7 * week, hours=i))
        for i in range(n)
        for week in range(weeks if i < n - stops else weeks // 3 + i)
    ]
    return pd.DataFrame(rows, columns=["account_id", "occurred_at"])


def _plan(folder: Path, kind: str = "departure", days: str = "[30, 60, 90]", **tables: pd.DataFrame) -> Path:
    (folder / "history").mkdir(parents=True)
    for name, frame in tables.items():
        frame.to_csv(folder / "history" / f"{name}.csv", index=False)
    plan = folder / "plan.toml"
    plan.write_text(f'[data]\npath = "history"\n[churn]\nkind = "{kind}"\n' + SETTINGS.format(days=days))
    return plan


def _refused(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> str:
    capsys.readouterr()
    assert run(arguments) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Traceback" not in printed.err
    lines = [line for line in printed.err.splitlines() if line.startswith("holdfast: ")]
    assert len(lines) == 1, printed.err
    return lines[0]


def _nothing_written(plan: Path) -> None:
    out = plan.parent / "out"
    assert not (out / "current").exists()
    assert not [path for path in out.rglob("*") if path.is_file() and path.name != ".lock"]


@pytest.mark.parametrize("name", ["check", "train", "backtest", "score"])
def test_an_empty_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    plan = _plan(tmp_path)
    assert "accounts" in _refused(capsys, 30, name, str(plan))
    _nothing_written(plan)


def test_a_folder_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = _plan(tmp_path)
    (tmp_path / "history").rmdir()
    capsys.readouterr()
    assert run(["train", str(plan)]) in {2, 30}
    assert "history" in capsys.readouterr().err


def test_only_accounts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = _plan(tmp_path, accounts=_accounts())
    assert "usage" in _refused(capsys, 30, "train", str(plan))
    _nothing_written(plan)


def test_a_csv_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = _plan(tmp_path, accounts=_accounts())
    (tmp_path / "history" / "usage.csv").write_bytes(
        b"account_id,occurred_at\nA01,\x00\x01\x02\xff\n" + bytes(range(256))
    )
    assert "usage" in _refused(capsys, 30, "train", str(plan))
    _nothing_written(plan)


def test_nobody_churned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = _plan(tmp_path, accounts=_accounts(), usage=_usage())
    _refused(capsys, 31, "train", str(plan))
    _nothing_written(plan)
    assert "train first" in _refused(capsys, 2, "score", str(plan))


def test_everyone_churned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    usage = _usage(40, weeks=30)
    late = pd.DataFrame({"account_id": ["A00"], "occurred_at": [START + pd.Timedelta(days=7 * WEEKS)]})
    plan = _plan(tmp_path, accounts=_accounts(), usage=pd.concat([usage, late]))
    capsys.readouterr()
    assert run(["train", str(plan)]) in {0, 31}
    assert "Traceback" not in capsys.readouterr().err


def test_a_history_too_short_for_every_horizon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = _plan(tmp_path, accounts=_accounts(), usage=_usage(weeks=6))
    assert "90 days" in _refused(capsys, 30, "train", str(plan))
    _nothing_written(plan)


def test_a_history_too_short_for_one_horizon_drops_it_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = _plan(tmp_path, days="[30, 60, 700]", accounts=_accounts(), usage=_usage(stops=30))
    assert run(["train", str(plan), "--json"]) == 0
    printed = capsys.readouterr()
    assert '"horizons": [\n    30,\n    60\n  ]' in printed.out
    assert "HF012 horizon 700" in printed.err
    assert "nothing is known of how far this can be believed" in printed.out
    assert run(["score", str(plan)]) == 0
    rows = pd.read_parquet(tmp_path / "out" / "current" / "scores.parquet")
    assert rows["p60"].notna().any()
    assert rows["p90"].isna().all()


def test_a_horizon_that_is_served_but_could_not_be_tested_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = _plan(tmp_path, days="[30, 200]", accounts=_accounts(), usage=_usage(weeks=110, stops=35))
    assert run(["backtest", str(plan), "--json"]) == 0
    untested = json.loads(capsys.readouterr().out)["dropped"]
    assert set(untested) == {"200"}
    assert run(["backtest", str(plan)]) == 0
    assert f"Not tested: 200 days ({untested['200']})." in capsys.readouterr().out
    assert run(["train", str(plan)]) == 0
    assert run(["score", str(plan)]) == 0
    page = (tmp_path / "out" / "current" / "report.html").read_text(encoding="utf-8")
    assert f"Not tested: 200 days ({untested['200']})." in page
    assert "accounts: 40 of 40 rows have no known_at" in page


def test_rows_from_the_future_are_set_aside_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = START + pd.Timedelta(days=7 * WEEKS + 1)
    monkeypatch.setattr(command, "now", now.to_pydatetime)
    few_proofs(monkeypatch)
    future = pd.DataFrame({"account_id": ["A01"], "occurred_at": [now + pd.Timedelta(days=900)]})
    plan = _plan(tmp_path, accounts=_accounts(), usage=pd.concat([_usage(stops=20), future]))
    assert run(["check", str(plan), "--json"]) == 1
    assert "HF006" in capsys.readouterr().out


def test_duplicate_accounts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    twice = pd.concat([_accounts(), _accounts().assign(name="another")])
    plan = _plan(tmp_path, accounts=twice, usage=_usage())
    assert "accounts" in _refused(capsys, 30, "train", str(plan))
    _nothing_written(plan)


def test_a_day_after_the_data_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = _plan(tmp_path, accounts=_accounts(), usage=_usage())
    assert "up to the data end" in _refused(capsys, 2, "train", str(plan), "--until", "2030-01-01")
    assert "ISO date" in _refused(capsys, 2, "train", str(plan), "--until", "yesterday")


def test_a_data_end_that_has_not_come_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = _plan(tmp_path, accounts=_accounts(), usage=_usage(stops=20))
    plan.write_text(plan.read_text().replace("[churn]", "end = 2199-01-01\n[churn]"))
    assert "data.end: expected a day up to today" in _refused(capsys, 2, "train", str(plan))
    _nothing_written(plan)


def test_scores_of_a_day_between_two_records_are_those_read_on_that_day(tmp_path: Path) -> None:
    day, usage = "2025-05-10", _usage(stops=30)  # the last record before is of 2025-05-06
    assert (usage["occurred_at"] < day).any()
    made = []
    for name, rows in {"whole": usage, "cut": usage[usage["occurred_at"] <= day]}.items():
        plan = _plan(tmp_path / name, accounts=_accounts(), usage=rows)
        assert run(["train", str(plan), "--until", day]) == 0
        assert run(["score", str(plan), "--at", day]) == 0
        made.append((tmp_path / name / "out" / "current" / "scores.csv").read_bytes())
    assert made[0] == made[1]
    assert f",{day}," in made[0].decode().splitlines()[1]


def test_a_dialect_for_all_tables_and_one_table_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few_proofs(monkeypatch)
    plan = _plan(tmp_path, accounts=_accounts())
    _usage(stops=20).to_csv(tmp_path / "history" / "usage.csv", index=False, sep="|")
    text = plan.read_text()
    stated = 'dialect = { delimiter = ",", decimal = ".", usage = { delimiter = "|" } }\n[churn]'
    plan.write_text(text.replace("[churn]", stated))
    assert run(["check", str(plan), "--json"]) == 1
    plan.write_text(text.replace("[churn]", "dialect = { usgae = { decimal = '.' } }\n[churn]"))
    assert "did you mean 'usage'" in _refused(capsys, 2, "check", str(plan))
    plan.write_text(text.replace("[churn]", "dialect = { delimter = ';' }\n[churn]"))
    assert "did you mean 'delimiter'" in _refused(capsys, 2, "check", str(plan))


def test_findings_come_with_the_gravest_first_when_nothing_can_be_labelled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = _plan(tmp_path, accounts=_accounts(), usage=_usage(weeks=6))
    assert run(["check", str(plan), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    severities = [row["severity"] for row in told]
    assert severities == sorted(severities, key=["error", "warning", "info"].index)
    assert (told[0]["code"], told[0]["severity"]) == ("HF022", "error")
    assert told[0]["remedy"] in _refused(capsys, 30, "train", str(plan))


def test_a_garbled_name_of_the_champion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = _plan(tmp_path, accounts=_accounts(), usage=_usage(stops=20))
    (tmp_path / "out" / "models").mkdir(parents=True)
    (tmp_path / "out" / "models" / "champion").write_bytes(b"\xff\xfe")
    assert "expected a bundle" in _refused(capsys, 70, "score", str(plan))


def test_a_held_workspace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = _plan(tmp_path, accounts=_accounts(), usage=_usage(stops=20))
    with Workspace(tmp_path / "out").lock():
        assert "another run" in _refused(capsys, 50, "train", str(plan))


def test_a_damaged_champion_leaves_the_old_scores(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = _plan(tmp_path, accounts=_accounts(), usage=_usage(stops=30))
    assert run(["train", str(plan)]) == 0
    assert run(["score", str(plan)]) == 0
    out = tmp_path / "out"
    before = {path.name: path.read_bytes() for path in (out / "current").iterdir()}
    weights = out / "models" / (out / "models" / "champion").read_text().strip() / "weights.json"
    weights.write_bytes(weights.read_bytes()[:-5])
    assert "bundle" in _refused(capsys, 70, "score", str(plan))
    assert {path.name: path.read_bytes() for path in (out / "current").iterdir()} == before


def test_a_full_disk_while_scoring_leaves_the_old_scores(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = _plan(tmp_path, accounts=_accounts(), usage=_usage(stops=30))
    assert run(["train", str(plan)]) == 0
    day = (START + pd.Timedelta(days=7 * WEEKS - 10)).strftime("%Y-%m-%d")
    version = (tmp_path / "out" / "models" / "champion").read_text().strip()
    assert run(["score", str(plan), "--at", day, "--model", version]) == 0
    served = (tmp_path / "out" / "current").readlink()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "No space left" in _refused(capsys, 60, "score", str(plan))
    assert (tmp_path / "out" / "current").readlink() == served
    assert len(list((tmp_path / "out" / "runs").iterdir())) == 1


def test_a_bug_is_one_line_and_shown_in_full_on_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug\nin two lines")

    plan = _plan(tmp_path)
    monkeypatch.setattr(command, "read_plan", broken)
    assert "internal error (ZeroDivisionError: a bug\\nin two lines)" in _refused(capsys, 71, "plan", str(plan))
    monkeypatch.setenv("HOLDFAST_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        run(["plan", str(plan)])


@pytest.mark.parametrize(
    "arguments", [["trian"], ["train"], ["score", "plan.toml", "--whne", "x"], ["explain", "plan.toml"]]
)
def test_wrong_usage(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert run(arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["init", "FILE"],
        ["init", "FILE/sub"],
        ["demo", "--accounts", "50", "--out", "FILE"],
        ["simulate", "--accounts", "5", "--out", "FILE/sub"],
    ],
)
def test_a_file_where_a_folder_is_needed_is_told_and_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    file = tmp_path / "afile"
    file.write_text("mine")
    told = _refused(capsys, 60, *(one.replace("FILE", str(file)) for one in arguments))
    assert f"{file}: expected a folder, found a file. Do: name another folder" in told
    assert file.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_ends_cleanly(tmp_path: Path, sent: signal.Signals, code: int) -> None:
    started = tmp_path / "started"
    script = (
        "import sys, time, pathlib\nfrom holdfast.serving import command\n"
        "from holdfast.serving.workspace import folder_atomic\n"
        "def slow(path):\n"
        "    with folder_atomic(pathlib.Path(sys.argv[-1]) / 'run') as folder:\n"
        f"        (folder / 'half').touch(); pathlib.Path({str(started)!r}).touch(); time.sleep(60)\n"
        "command.read_plan = slow\ncommand.main()"
    )
    process = subprocess.Popen([sys.executable, "-c", script, "plan", str(tmp_path)], stderr=subprocess.PIPE, text=True)
    while not started.exists():
        time.sleep(0.05)
    process.send_signal(sent)
    _, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert "Traceback" not in err
    assert {path.name for path in tmp_path.iterdir()} == {"started"}


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "holdfast", "plan", plan, "--show"], stdout=writing, stderr=subprocess.PIPE, text=True
    )
    os.close(writing)
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_hostile_names_go_all_the_way_and_stay_inert(tmp_path: Path) -> None:
    names = np.array(["=1+1", "<script>alert(1)</script>", "@SUM(A1)", "{{ 7 * 7 }}"], dtype=object)
    accounts = _accounts().assign(name=np.resize(names, 40), owner="=cmd|' /C calc'!A0")
    plan = _plan(tmp_path, accounts=accounts, usage=_usage(stops=30))
    assert run(["train", str(plan)]) == 0
    assert run(["score", str(plan)]) == 0
    current = tmp_path / "out" / "current"
    page = (current / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    text = (current / "scores.csv").read_text(encoding="utf-8")
    assert ",=" not in text
    assert ",@" not in text
