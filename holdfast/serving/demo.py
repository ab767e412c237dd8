"""The demo: a simulated company from nothing to a served report, by the same steps as the commands."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from holdfast.errors import UsageError
from holdfast.serving import learning, pipeline, show
from holdfast.serving.opening import known_on, read_history
from holdfast.serving.plan import read_plan
from holdfast.serving.runs import read_scores
from holdfast.serving.starter import END, plan_text
from holdfast.serving.telling import tell_riskiest
from holdfast.serving.workspace import folder_atomic, write_atomic

TOLD = 5


def run_demo(out: Path, accounts: int, seed: int, months: int, now: datetime) -> dict[str, Any]:
    """Simulate, train, prove, score and report in one folder; a second time finds everything done.

    Raises
    ------
    UsageError
        When the folder holds another plan.
    """
    file, text = out / "plan.toml", plan_text("company/history", ".", END, audits=False).encode()
    if file.exists() and file.read_bytes() != text:
        raise UsageError(
            str(file), "a new folder, or one of the demo", "another plan", "choose another folder by --out"
        )
    write_atomic(file, text)
    plan = read_plan(file)
    with pipeline.workspace(plan).training(), pipeline.workspace(plan).lock():
        _company(out / "company", accounts, seed, months)
        history = known_on(plan, read_history(plan, now), None)
        trained = learning.train(plan, history, now)
        run = pipeline.publish(plan, history, trained.bundle, now)
    return {
        **trained.summary(),
        **run.summary(),
        "report": out / "current" / "report.html",
        "scores": out / "current" / "scores.csv",
        "riskiest": tell_riskiest(read_scores(run).riskiest(TOLD)),
    }


def tell(result: dict[str, Any]) -> None:
    """Print what the demo found."""
    show.say(result["verdict"])
    show.say()
    show.say("Most revenue at risk in the next 90 days:")
    for number, sentence in enumerate(result["riskiest"], start=1):
        show.say(f"  {number}. {sentence}")
    show.say()
    show.say(f"Report: {result['report']}")
    show.say(f"Scores: {result['scores']}")


def _company(folder: Path, accounts: int, seed: int, months: int) -> None:
    from holdfast.features.simulate import write_company

    with folder_atomic(folder) as place:
        write_company(place, accounts, seed, months, end=END)
