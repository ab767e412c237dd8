"""What is wrong with the data stops a retraining before it learns; what deserves attention goes with the decision."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from holdfast.features.mapping.mapped import FACTS
from holdfast.serving import learning
from holdfast.serving.command import run
from holdfast.serving.promotion import judging
from holdfast.serving.promotion.decision import decisions
from tests.leaving import company, days_before_the_end

WEEKS = 50
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "proven", lambda *_: [])


@pytest.fixture(scope="module")
def in_service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "proven", lambda *_: [])
        plan = company(tmp_path_factory.mktemp("checked") / "acme", weeks=WEEKS, more="[gate]\nmin_events = 10\n")
        until = days_before_the_end(40, WEEKS)
        assert run(["retrain", str(plan), "--until", until]) == 0
        assert run(["score", str(plan), "--at", until]) == 0
    return plan.parent


@pytest.fixture
def home(in_service: Path, tmp_path: Path) -> Path:
    return shutil.copytree(in_service, tmp_path / "mine", symlinks=True)


def noticed(home: Path, code: str, where: str, message: str) -> None:
    """Leave beside the tables what a mapping writes there when it noticed something."""
    told = {"code": code, "where": where, "count": 1, "message": message}
    (home / "history" / FACTS).write_text(json.dumps({"findings": [told]}), encoding="utf-8")


def files(home: Path) -> dict[Path, bytes]:
    there = (one for one in sorted((home / "out").rglob("*")) if one.is_file() and one.name != ".lock")
    return {one: one.read_bytes() for one in there}


def retrained(home: Path, capsys: pytest.CaptureFixture[str], code: int = 0) -> tuple[dict[str, Any], str]:
    capsys.readouterr()
    assert run(["retrain", str(home / "plan.toml"), "--json"]) == code
    printed = capsys.readouterr()
    return json.loads(printed.out), printed.err


def test_an_error_in_the_data_is_refused_before_anything_is_learned(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    noticed(home, "HF060", "crm.accounts", "columns gone since 2023-12-01: 'plan'; new then: 'plan_name'")
    before = files(home)
    capsys.readouterr()
    with monkeypatch.context() as patch:
        patch.setattr(learning, "learn", None)
        assert run(["retrain", str(home / "plan.toml"), "--json"]) == 30
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "HF060 crm.accounts: columns gone since 2023-12-01: 'plan'" in printed.err
    assert "name them as before in the source" in printed.err
    assert files(home) == before
    assert run(["score", str(home / "plan.toml")]) == 0  # the champion serves on
    (home / "history" / FACTS).unlink()
    assert retrained(home, capsys)[0]["promoted"]


def test_a_warning_lets_it_through_and_goes_with_the_decision(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    noticed(home, "HF041", HOSTILE, "3 rows could not be read")
    told, said = retrained(home, capsys)
    assert told["promoted"]
    assert {"code": "HF041", "where": HOSTILE, "count": 1, "message": "3 rows could not be read"} in told["findings"]
    assert f"WARNING: HF041 {HOSTILE}: 3 rows could not be read" in said
    page = Path(told["report"]).read_text(encoding="utf-8")
    assert "What was noticed in the data" in page
    assert "&lt;script&gt;" in page
    assert HOSTILE not in page
    again, _ = retrained(home, capsys, 10)
    assert again["findings"] == told["findings"]


def test_the_whole_contract_is_asked_and_told_once(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    usage = home / "history" / "usage.csv"
    rows = pd.read_csv(usage, dtype=str)
    day = pd.to_datetime(rows["occurred_at"], utc=True)
    quiet = (day >= "2023-05-01") & (day < "2023-06-01") & (rows.index % 10 != 0)
    rows[~quiet].to_csv(usage, index=False)
    told, said = retrained(home, capsys)
    codes = [one["code"] for one in told["findings"]]
    assert {"HF002", "HF015", "HF052", "HF062"} <= set(codes)  # door, labels, contract, since when it is true
    lost = next(one["message"] for one in told["findings"] if one["code"] == "HF052")
    assert lost.startswith("2023-05: ")
    lines = [line for line in said.splitlines() if line.startswith("WARNING: HF")]
    assert len(lines) == len(set(lines)) == len(codes)
    latest = decisions(home / "out" / "models")[-1]
    assert [one.code for one in latest.findings] == codes


def test_what_is_only_information_is_left_to_check(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told, _ = retrained(home, capsys)
    assert not {"HF009", "HF011", "HF036", "HF059"} & {one["code"] for one in told["findings"]}
