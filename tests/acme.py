"""A simulated company of a hundred accounts, its plan made quick, and what its command answers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from holdfast.serving.command import run
from tests.leaving import QUICK

DAY = "2025-06-01"


@dataclass(frozen=True)
class Company:
    """A folder with a history and a plan, and with what the command left."""

    folder: Path

    @property
    def plan(self) -> str:
        return str(self.folder / "plan.toml")

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def copy(self, to: Path, change: Callable[[pd.DataFrame], pd.DataFrame] | None = None) -> Company:
        shutil.copytree(self.folder, to, symlinks=True)
        for path in (to / "history").glob("*.parquet") if change else ():
            change(pd.read_parquet(path)).to_parquet(path, index=False)
        return Company(to)

    def scores(self) -> pd.DataFrame:
        """Read the scores that are served."""
        return pd.read_parquet(self.out / "current" / "scores.parquet")


def simulated(folder: Path) -> Company:
    """Simulate the company."""
    assert run(["simulate", "--accounts", "100", "--seed", "1", "--months", "20", "--out", str(folder)]) == 0
    plan = folder / "plan.toml"
    text = plan.read_text(encoding="utf-8").replace('every = "28d"', 'every = "56d"\n[model]\nseed = 0')
    plan.write_text(text + QUICK, encoding="utf-8")
    return Company(folder)


def scored(company: Company) -> Company:
    """Train and score."""
    assert run(["train", company.plan]) == 0
    assert run(["score", company.plan]) == 0
    return company


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> object:
    """Run a command, and read what it prints as JSON."""
    capsys.readouterr()
    assert run([*arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)
