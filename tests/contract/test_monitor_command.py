"""What `holdfast monitor` promises to print, and with which code it ends."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from holdfast.serving import pipeline
from holdfast.serving.command import run
from holdfast.serving.plan import read_plan
from tests.leaving import company

KEYS = ["in_words", "as_of", "model", "stops", "findings", "drift", "together", "performance", "defeat"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("watched") / "acme"
    plan = company(folder, accounts=170, leavers=110, weeks=130)
    assert run(["train", str(plan)]) == 0
    assert run(["score", str(plan)]) == 0
    return folder


@pytest.fixture
def watched(trained: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained, tmp_path / "mine", symlinks=True) / "plan.toml"


def told(capsys: pytest.CaptureFixture[str], plan: Path, code: int) -> dict[str, Any]:
    capsys.readouterr()
    assert run(["monitor", str(plan), "--json"]) == code
    value = json.loads(capsys.readouterr().out)
    assert isinstance(value, dict)
    return value


def codes(found: dict[str, Any]) -> set[str]:
    return {one["code"] for one in found["findings"]}


def busier(plan: Path, times: int, days: int = 90) -> None:
    """Let everybody come so many times as often of late."""
    file = plan.parent / "history" / "usage.csv"
    usage = pd.read_csv(file)
    at = pd.to_datetime(usage["occurred_at"])
    late = usage[at > at.max() - pd.Timedelta(days=days)]
    more = [late.assign(occurred_at=at[late.index] - pd.Timedelta(hours=7 * one)) for one in range(1, times)]
    pd.concat([usage, *more]).to_csv(file, index=False)


def contents(folder: Path) -> dict[str, str]:
    files = (one for one in sorted(folder.rglob("*")) if one.is_file())
    return {str(one.relative_to(folder)): sha256(one.read_bytes()).hexdigest() for one in files}


def test_a_company_as_it_was_has_nothing_to_tell_and_nothing_is_written(
    watched: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(watched.parent)
    found = told(capsys, watched, 0)
    assert list(found) == KEYS
    assert [one for one in found["findings"] if one["severity"] != "info"] == []
    assert found["drift"] == []
    assert [(row["horizon"], row["kind"]) for row in found["performance"]] == [(30, "estimated"), (60, "estimated")]
    assert found["defeat"]["verdict"] == "cannot tell"
    assert run(["monitor", str(watched)]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith(f"As of {found['as_of']}, model {found['model']}: nothing that needs anybody.")
    assert "estimated" in shown.out
    assert contents(watched.parent) == before


def test_drift_is_told_by_its_effect_and_stops_where_the_plan_says(
    watched: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    busier(watched, 12)
    watched.write_text(
        watched.read_text(encoding="utf-8") + "[monitor]\nmatters = 0.02\nstops = 1.0\n", encoding="utf-8"
    )
    found = told(capsys, watched, 1)
    assert "HF081" in codes(found)
    assert not codes(found) & {"HF083", "HF084", "HF085", "HF087"}
    size = [max(row["share"], row["queue"]) for row in found["drift"]]
    assert size == sorted(size, reverse=True)
    assert not found["stops"]
    strict = watched.read_text(encoding="utf-8").replace("stops = 1.0", "stops = 0.02")
    watched.write_text(strict, encoding="utf-8")
    found = told(capsys, watched, 40)
    assert found["stops"]
    assert found["findings"][0]["code"] == "HF083"
    assert run(["monitor", str(watched)]) == 40
    assert "Drift, the greatest effect first" in capsys.readouterr().out


def test_a_model_that_keeps_no_reference_is_told(
    watched: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = replace(pipeline.bundle_of(read_plan(watched)), reference=None)
    monkeypatch.setattr(pipeline, "bundle_of", lambda _: bundle)
    found = told(capsys, watched, 0)
    assert codes(found) == {"HF089"}


def test_without_a_model_it_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = company(tmp_path / "acme")
    assert run(["monitor", str(plan)]) == 2
    assert "train first" in capsys.readouterr().err


@pytest.mark.parametrize("spoilt", [b"{}", b"", b'{"version": 1}'])
def test_a_reference_that_was_touched_is_refused(
    watched: Path, capsys: pytest.CaptureFixture[str], spoilt: bytes
) -> None:
    (kept,) = (watched.parent / "out" / "models").glob("*/reference.json")
    kept.write_bytes(spoilt)
    assert run(["monitor", str(watched)]) == 70
    assert "files with the hashes of its manifest" in capsys.readouterr().err


def test_a_threshold_that_is_none_is_refused(watched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    watched.write_text(watched.read_text(encoding="utf-8") + "[monitor]\nstop = 0.5\n", encoding="utf-8")
    assert run(["monitor", str(watched)]) == 2
    assert "did you mean 'stops'?" in capsys.readouterr().err
