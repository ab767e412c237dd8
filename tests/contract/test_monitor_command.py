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

from holdfast.serving import inspection, pipeline
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


def test_a_plan_that_asks_for_another_model_is_told_until_it_is_trained(
    watched: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = watched.read_text(encoding="utf-8")
    watched.write_text(
        said.replace("days = [30, 60]", "days = [14, 45]").replace(
            "confirm_days = 30", "confirm_days = 30\ngrace_days = 60"
        )
        + "[health]\nlearn = false\ndimensions = { product = 60, relationship = 20, business = 20 }\n",
        encoding="utf-8",
    )
    (found,) = (one for one in told(capsys, watched, 1)["findings"] if one["code"] == "HF090")
    assert found["message"] == (
        "[churn] grace_days is 60, in training 14; [horizons] days is [14, 45], in training [30, 60]; "
        "[health] learn is false, in training true; [health] weighs otherwise in dimensions"
    )
    monkeypatch.setattr(inspection, "proven", lambda *_: [])  # the signs have nothing to do with it
    assert run(["check", str(watched)]) == 1
    assert "HF090" in capsys.readouterr().out
    for code in (0, 10):
        assert run(["score", str(watched)]) == code
        assert "HF090 model" in capsys.readouterr().err
    page = (watched.parent / "out" / "current" / "report.html").read_text(encoding="utf-8")
    assert "[health] learn is false, in training true" in page


def test_a_template_that_cannot_be_read_is_told_and_scores_are_served(
    watched: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = watched.read_text(encoding="utf-8")
    watched.write_text(said + '[health]\ntemplate = "gone.toml"\n', encoding="utf-8")
    capsys.readouterr()
    assert run(["score", str(watched)]) == 0
    assert "[health] cannot be compared" in capsys.readouterr().err


def test_a_change_of_the_health_score_alone_makes_a_run_that_tells_it(
    watched: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["score", str(watched)]) == 10
    assert "HF090" not in capsys.readouterr().err
    watched.write_text(watched.read_text(encoding="utf-8") + "[health]\nlearn = false\n", encoding="utf-8")
    assert run(["score", str(watched)]) == 0
    assert run(["train", str(watched)]) == 0
    capsys.readouterr()
    assert run(["score", str(watched)]) == 0
    assert "HF090" not in capsys.readouterr().err


def test_another_kind_of_churn_is_told_and_not_scored(watched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = watched.read_text(encoding="utf-8")
    watched.write_text(said.replace('kind = "departure"', 'kind = "silence"'), encoding="utf-8")
    assert "HF091" in codes(told(capsys, watched, 1))
    served = (watched.parent / "out" / "current").resolve()
    assert run(["score", str(watched)]) == 2
    assert 'train again: holdfast train PLAN; or set [churn] kind = "departure" again' in capsys.readouterr().err
    assert (watched.parent / "out" / "current").resolve() == served


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
