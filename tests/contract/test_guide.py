"""The guide "bring your own data": its commands run as they stand, and print what it shows, but for the figures."""

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from typer.main import get_command

from benchmarks.messy import draw, write_messy
from holdfast.serving.command import app, run

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "bring_your_own_data.md"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
TOML = re.compile(r"^```toml\n(.*?)^```$", re.DOTALL | re.MULTILINE)
CODES = {"check": {0, 1}}
ACCOUNTS = 120


def steps(text: str) -> Iterator[tuple[str, list[str]]]:
    """Give each command of the guide with the lines that it is said to print."""
    for block in BLOCK.findall(text):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *shown = part.splitlines()
            yield command, [line for line in shown if line != "..."]


def shape(line: str) -> str:
    """Strip a line of its figures and ids."""
    return re.sub(r"[0-9][0-9,.]*", "#", re.sub(r"\b[0-9a-f]{16}\b", "ID", line))


def printed(shown: list[str], output: str) -> list[str]:
    """Give the lines of the guide that do not come, in this order, in what was printed."""
    lines = iter([shape(line) for line in output.splitlines()])
    return [line for line in shown if shape(line) not in lines]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("guide")
    write_messy(place / "exports", draw(0, ACCOUNTS, exits=20))
    return place


@pytest.mark.filterwarnings("default::DeprecationWarning", "default::FutureWarning", "ignore::UserWarning")  # MLflow
def test_the_guide_leads_from_exports_to_a_report(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = list(steps(GUIDE.read_text(encoding="utf-8")))
    assert 2 <= len(told) <= 5
    monkeypatch.chdir(folder)
    plan, rates = folder / "work" / "plan.toml", TOML.findall(GUIDE.read_text(encoding="utf-8"))
    assert len(rates) == 1
    for command, shown in told:
        program, *arguments = command.split()
        assert program == "holdfast"
        if arguments[0] == "train":
            plan.write_text(plan.read_text("utf-8").replace("[data]", f"[data]\n{rates[0]}"), encoding="utf-8")
        capsys.readouterr()
        code, (printing, complaints) = run(arguments), capsys.readouterr()
        assert code in CODES.get(arguments[0], {0}), complaints
        assert printed(shown, printing) == [], command
    current = folder / "work" / "out" / "current"
    assert (current / "report.html").stat().st_size > 10_000
    scores = pd.read_csv(current / "scores.csv", dtype={"account_id": "str"})
    assert len(scores) == ACCOUNTS + 1  # one company is there twice
    assert scores["score_status"].isin(["scored", "scored_partial"]).sum() > ACCOUNTS / 2
    for name in re.findall(r"^\| `([a-z_]+\.(?:toml|csv)|[a-z]+/)` \|", GUIDE.read_text("utf-8"), re.MULTILINE):
        assert (folder / "work" / name).exists(), name


def test_a_line_that_is_not_printed_is_found() -> None:
    assert printed(["rows 12", "rows none"], "a\nrows 3\nb") == ["rows none"]
    assert printed(["b", "a"], "a\nb") == ["a"]


def test_the_guide_stays_short_and_names_commands_that_exist() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    assert text.count("\n") <= 150
    named = set(re.findall(r"`holdfast ([a-z]+)|^\$ holdfast ([a-z]+)", text, re.MULTILINE))
    assert {one or other for one, other in named} <= set(get_command(app).commands)  # type: ignore[attr-defined]
