"""Living through the year by commands, each in a process of its own, some of which are killed and taken again."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.year.company import PLAN, Company, company

MORNING, TOLD = pd.Timedelta(hours=6), "told.json"
TAKES = {"score": 1, "monitor": 1, "retrain": 15}  # how long a command takes beside another


@dataclass
class Year:
    """What was lived through.

    Attributes
    ----------
    told
        One row per command: ``day, command, code, killed, seconds``, and the findings of a look at data and model.
    """

    folder: Path
    told: list[dict[str, Any]] = field(default_factory=list)

    def command(self, day: pd.Timestamp, arguments: Sequence[str], kill: float | None) -> dict[str, Any]:
        """Run a command as of a day, and again if it is killed after a share of the time that it takes as a rule."""
        said = self.folder / "said.json"
        at = (day + MORNING).to_pydatetime()
        killed, started = False, time.perf_counter()
        if kill is not None:
            usual = [one["seconds"] for one in self.told if one["command"] == arguments[0] and not one["killed"]]
            killed = _run(arguments, at, said, kill * float(np.median(usual or [5.0]))) < 0
        code = _run(arguments, at, said, None)
        seconds = time.perf_counter() - started
        self.told.append({"day": day, "command": arguments[0], "code": code, "killed": killed, "seconds": seconds})
        text = said.read_text(encoding="utf-8")
        return json.loads(text) if text.startswith("{") else {}


def lived(accounts: int, days: int, seed: int, folder: Path, kills: int) -> Year:
    """Make a company and live through its year, unless that was done in the same folder before."""
    if (folder / TOLD).exists():
        told = json.loads((folder / TOLD).read_text(encoding="utf-8"))
        return Year(folder, [one | {"day": pd.Timestamp(one["day"])} for one in told])
    return live(company(accounts, days, seed), folder, kills, seed)


def live(world: Company, folder: Path, kills: int, seed: int) -> Year:
    """Score every day, look at data and model every week, and retrain every month.

    Parameters
    ----------
    kills
        So many commands are killed at a random moment and taken again. A long one is chosen as much oftener as it
        takes longer; where one ended before its moment, the next one is struck.
    """
    folder.mkdir(parents=True)
    plan = folder / "plan.toml"
    plan.write_text(PLAN, encoding="utf-8")
    _ready()
    year, todo = Year(folder), list(_todo(world))
    rng = np.random.default_rng(seed)
    takes = np.array([TAKES[name] for _, name, _ in todo])
    struck = rng.choice(len(todo), min(kills, len(todo)), replace=False, p=takes / takes.sum()).tolist()
    owed, delivered = 0, None
    for number, (day, name, option) in enumerate(todo):
        if day != delivered:
            world.deliver(day, folder / "history")
            delivered = day
        owed += number in struck
        said = year.command(
            day, [name, str(plan), option, f"{day:%Y-%m-%d}", "--json"], kill=float(rng.random()) if owed else None
        )
        owed -= year.told[-1]["killed"]
        year.told[-1]["said"] = {
            key: said[key] for key in ("findings", "promoted", "model", "performance", "together") if key in said
        }
    (folder / TOLD).write_text(json.dumps(year.told, default=str), encoding="utf-8")
    return year


def _todo(world: Company) -> list[tuple[pd.Timestamp, str, str]]:
    """List the commands of the year: day, name, and the option that takes the day."""
    rows = []
    for number in range(world.days):
        day = world.day(number)
        if number % 30 == 0:
            rows.append((day, "retrain", "--until"))
        rows.append((day, "score", "--at"))
        if number % 7 == 6:
            rows.append((day, "monitor", "--at"))
    return rows


def _run(arguments: Sequence[str], at: datetime, said: Path, kill_after: float | None) -> int:
    """Run a command in a process of its own; give its exit code, negative when it was killed."""
    child = os.fork()
    if not child:
        _become(arguments, at, said)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _ready() -> None:
    """Load what the commands need once; a process that is forked has it then."""
    for name in ("command", "learning", "pipeline", "watching", "promotion.retraining"):
        import_module(f"holdfast.serving.{name}")


def _become(arguments: Sequence[str], at: datetime, said: Path) -> None:
    """Be the command, at a time of the simulated year."""
    from holdfast.serving import options
    from holdfast.serving.command import run

    out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, 1)
    os.dup2(os.open(said.with_suffix(".err"), os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    clock = options.now
    for module in list(sys.modules.values()):
        if getattr(module, "now", None) is clock:
            module.now = lambda: at  # type: ignore[attr-defined]
    code = 70
    try:
        code = run(arguments)
    finally:
        sys.stdout.flush()
        os._exit(code)
