"""The commands about labels: what they print and write, on a company whose notices were put right later."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from holdfast.serving.command import run
from holdfast.training.verdict import BASELINES
from tests.acme import Company

LATE = pd.Timestamp("2025-12-01", tz="UTC")


@pytest.fixture(scope="module")
def plan(untrained: Company, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A simulated company in which one notice was withdrawn long afterwards."""
    folder = untrained.copy(tmp_path_factory.mktemp("company") / "acme").folder
    churn = pd.read_parquet(folder / "history" / "churn.parquet")
    first = churn[churn["notice_at"] < "2025-05-01"].sort_values("notice_at").tail(1)
    gone = first.assign(known_at=LATE.as_unit("us"), deleted=True)
    pd.concat([churn.assign(deleted=False), gone]).to_parquet(folder / "history" / "churn.parquet", index=False)
    return str(folder / "plan.toml")


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    capsys.readouterr()
    assert run([*arguments, "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert isinstance(value, dict)
    return value


def test_labels_tells_states_and_what_was_reopened(plan: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, "labels", plan)
    summary = found["summary"]
    assert isinstance(summary, list)
    assert [row["horizon"] for row in summary] == [30, 60, 90]
    for row in summary:
        assert row["open"] + row["final"] + row["censored"] + row["not_at_risk"] == row["cells"]
    reopened = found["reopened"]
    assert isinstance(reopened, list)
    assert reopened
    assert {row["known_at"] for row in reopened} == {"2025-12-01T00:00:00+00:00"}
    assert {row["why"] for row in reopened} == {"a record of churn was withdrawn"}
    assert any(row["first_value"] == 1 and row["value"] == 0 for row in reopened)
    assert told(capsys, "labels", plan, "--at", "2025-11-30")["reopened"] == []


def test_labels_in_words_and_as_a_file(plan: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    out = tmp_path / "labels.csv"
    assert run(["labels", plan, "--since", "2025-11-01", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "labels are final" in printed
    assert "Since 2025-11-01" in printed
    assert "that had settled by then read otherwise now" in printed
    assert f"Wrote {out}." in printed
    rows = pd.read_csv(out)
    assert rows["reopened"].sum() > 0
    assert set(rows["state"]) <= {"open", "final", "censored", "not at risk"}
    assert not rows.duplicated(["account_id", "cutoff", "horizon"]).any()


def test_a_wrong_day_is_refused(plan: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["labels", plan, "--at", "2001-01-01"]) == 2
    assert "the first cutoff, or later" in capsys.readouterr().err
    assert run(["labels", plan, "--since", "soon"]) == 2


def test_a_day_beyond_the_data_is_refused_as_it_is_in_training(
    plan: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "labels.csv"
    for command in (["train", plan, "--until"], ["labels", plan, "--out", str(out), "--at"]):
        capsys.readouterr()
        assert run([*command, "2031-01-01"]) == 2
        assert (
            "expected a day up to the data end, 2026-01-01 at the latest, found 2031-01-01" in capsys.readouterr().err
        )
    assert not out.exists()
    assert run(["labels", plan, "--at", "2026-01-01"]) == 0


def test_definitions_tells_figures_agreement_and_what_was_left_out(
    plan: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = Path(plan).with_name("quarter.toml")
    file.write_text(Path(plan).read_text(encoding="utf-8").replace("[30, 60, 90]", "[90]"), encoding="utf-8")
    found = told(capsys, "definitions", str(file))
    asked, skipped, rows = found["definitions"], found["skipped"], found["rows"]
    assert isinstance(asked, dict)
    assert isinstance(skipped, dict)
    assert isinstance(rows, list)
    assert list(asked) == [
        *("notice", "notice with 7 days of grace", "notice with 28 days of grace"),
        *("silence of 30 days", "silence of 60 days", "departure"),
    ]
    tested = {row["definition"] for row in rows}
    assert tested | set(skipped) == set(asked)
    assert not tested & set(skipped)
    assert {row["model"] for row in rows} == {"churn", "health", *BASELINES}
    assert "best baseline" in str(found["in_words"])
    agreement = found["agreement"]
    assert isinstance(agreement, list)
    same = [row for row in agreement if (row["a"], row["b"]) == ("notice", "notice with 7 days of grace")]
    assert all(row["alike"] == 1 for row in same)  # exits are listed here, so grace moves none of them
    assert found["cutoff"] == "2026-01-01"
