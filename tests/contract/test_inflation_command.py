"""The command ``inflation``: two tables, or one JSON, and errors in a line."""

import json
from pathlib import Path

import pytest

from holdfast.serving.command import run
from holdfast.training.inflation import LINES
from holdfast.training.null_tests import TESTS

QUICK = "\n[backtest]\naudits = false\nbootstrap = 10\nretrain_every = 20\n[tracking]\nenabled = false\n"


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("company") / "acme"
    assert run(["simulate", "--accounts", "130", "--seed", "1", "--months", "22", "--out", str(folder)]) == 0
    path: Path = folder / "plan.toml"
    text = (
        path.read_text(encoding="utf-8").replace("[30, 60, 90]", "[60, 90]").replace('every = "28d"', 'every = "42d"')
    )
    path.write_text(text + QUICK, encoding="utf-8")
    return str(path)


def test_it_prints_the_lines_and_the_null_tests(plan: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["inflation", plan]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("Not enough events at 90 days: the rarer outcome was seen in ")
    assert said[1].startswith("line\tn\tevents\tauc\t")
    assert [line.split("\t")[0] for line in said[2:9]] == list(LINES)
    assert said[9].endswith("could not be judged.") or said[9].endswith("null tests passed.")
    assert [line.split("\t")[0] for line in said[11:14]] == list(TESTS)
    assert len(said) == 14


def test_json_is_one_value_of_the_horizon_asked_for(plan: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["inflation", plan, "--horizon", "60", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["line"] for row in told["inflation"]["lines"]] == list(LINES)
    assert {row["horizon"] for row in told["inflation"]["lines"]} == {60}
    assert [row["test"] for row in told["null_tests"]["tests"]] == list(TESTS)


def test_a_horizon_that_is_not_labelled_is_refused(plan: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inflation", plan, "--horizon", "45"]) == 2
    assert "expected one that is labelled: 60, 90, found 45" in capsys.readouterr().err
