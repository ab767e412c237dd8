"""What the queue wrote into the ledger is what training learns the risk without help from, from end to end."""

from datetime import UTC, datetime
from pathlib import Path

from holdfast.features.simulate import Scenario
from holdfast.serving.learning import train
from holdfast.serving.ledger.store import LEDGER, Ledger
from holdfast.serving.opening import read_history
from holdfast.serving.plan import read_plan
from holdfast.serving.starter import write_simulation

SETTINGS = """
[model]
risk = "without_help"
[backtest]
audits = false
bootstrap = 10
retrain_every = 50
[tracking]
enabled = false
"""
ROW = "INSERT INTO intervention VALUES (?, ?, ?, ?, 'action.red', 'Kim', '', 0.5, 'run', ?)"


def test_training_reads_the_lots_of_the_ledger_as_they_were_known(tmp_path: Path) -> None:
    folder = write_simulation(tmp_path / "book", 200, 3, 20, Scenario(programme=0.0))
    text = folder.read_text(encoding="utf-8").replace('every = "28d"', 'every = "56d"')
    folder.write_text(text.partition("# [backtest]")[0] + SETTINGS, encoding="utf-8")
    plan = read_plan(folder)
    now = datetime(2026, 1, 2, tzinfo=UTC)
    history = read_history(plan, now)
    day, late = "2025-06-01T00:00:00Z", "2026-01-01T12:00:00Z"  # recorded after the day of training: not known yet
    with Ledger(plan.output.workspace / LEDGER).writing() as db:
        for place, account in enumerate(map(str, history.accounts[:60])):
            arm = "held_out" if place % 3 == 0 else "called"
            db.execute(ROW, (account, account, day, arm, late if place >= 54 else day))
    notes = train(plan, history, now).bundle.model.notes
    ground = next(one for one in notes if "risk without help" in one)
    assert "36 interventions" in ground  # of 54 known by then a third was held out
    assert "identified by chance, with 18 held out" in ground
