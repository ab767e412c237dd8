"""What became of what was served, counted by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from holdfast.serving.ledger.as_served import MIN_EVENTS, as_served
from holdfast.serving.ledger.outcomes import mature
from holdfast.serving.ledger.store import Ledger
from tests.ledgered import NOW, put
from tests.worked.test_labels_worked import gave, history
from tests.worked.test_ledger_outcomes import EVERYBODY, NOTICE, on

READINGS = "INSERT INTO reading VALUES (?, ?, ?, 'r', 'g', '2026-01-01T00:00:00Z')"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.db")


def test_an_empty_ledger_says_so(ledger: Ledger) -> None:
    found = as_served(ledger)
    assert found.text() == "No run was entered yet."
    assert found.frame().empty
    assert json.loads(json.dumps(found.to_dict()))["runs"] == []


def test_cells_are_counted_once_and_what_was_served_apart_from_what_was_not(ledger: Ledger) -> None:
    put(ledger, "2024-06-01", "2024-06-02", "2024-09-01", chances=EVERYBODY)
    put(ledger, "2024-06-02", chances=EVERYBODY, model="second")  # the last run of a day counts
    put(ledger, "2024-05-01", chances=EVERYBODY, kind="rescored")
    mature(ledger, on(history(churn=[gave("2024-06-10")]), "2024-09-30"), NOTICE, NOW)
    found = as_served(ledger)
    assert found.cells.to_numpy().tolist() == [
        ["served", 30, 9, 3, 6, 2, 0, 0],
        ["served", 60, 9, 3, 6, 2, 0, 0],
        ["rescored", 30, 3, 0, 3, 0, 0, 0],
        ["rescored", 60, 3, 0, 3, 1, 0, 0],
    ]
    assert list(found.cells) == ["kind", "horizon", "cells", "open", "final", "churned", "censored", "reopened"]
    assert len(found.runs) == 5
    assert "4 runs were served, 2024-06-01 to 2024-09-01." in found.text()
    assert "1 run was made of older days and not served, 2024-05-01 to 2024-05-01." in found.text()
    assert "Outcomes are those known on 2024-09-30." in found.text()
    assert f"not judged, accounts with the rarer outcome: 1, and {MIN_EVENTS} are needed" in found.text()
    assert found.figures["value"].isna().all()


def test_a_reopened_cell_shows_both_values(ledger: Ledger) -> None:
    put(ledger, "2024-06-01", chances=EVERYBODY)
    company = history(churn=[gave("2024-06-10", "2024-06-10"), gave("2024-06-10", "2024-10-15", deleted=True)])
    for day in ("2024-10-01", "2024-10-20"):
        mature(ledger, on(company, day), NOTICE, NOW)
    found = as_served(ledger)
    assert found.reopened.to_numpy().tolist() == [
        ["2024-06-01T00:00:00Z", "a", days, "final", 1, "final", 0, "2024-10-20T00:00:00Z"] for days in (30, 60)
    ]
    assert found.cells["reopened"].tolist() == [1, 1]
    assert not found.rewritten
    assert "1 reopened" in found.text()
    assert "<table" in found._repr_html_()


def test_a_rewritten_past_is_said_until_all_is_read_anew(ledger: Ledger) -> None:
    put(ledger, "2024-06-01", chances=EVERYBODY)
    mature(ledger, on(history(churn=[gave("2024-06-10")]), "2024-10-01"), NOTICE, NOW)
    other = history(churn=[gave("2024-06-11")])
    mature(ledger, on(other, "2024-10-02"), NOTICE, NOW)
    assert as_served(ledger).rewritten
    assert "read all outcomes anew with --reopen" in as_served(ledger).text()
    mature(ledger, on(other, "2024-10-02"), NOTICE, NOW, anew=True)
    assert not as_served(ledger).rewritten


def many(ledger: Ledger, *days: str, churned: int = 60, stayed: int = 140) -> pd.DataFrame:
    """Serve 200 accounts on some days, all of whose outcomes are final."""
    rng = np.random.default_rng(0)
    y = np.array([1] * churned + [0] * stayed)
    p = np.clip(0.15 + 0.3 * y + rng.normal(0, 0.15, len(y)), 0.01, 0.99)
    names = [f"a{i:03d}" for i in range(len(y))]
    put(ledger, *days, chances={name: {30: float(one)} for name, one in zip(names, p, strict=True)})
    with ledger.writing() as db:
        db.execute(READINGS, (1, "2025-06-01T00:00:00Z", "2025-05-01T00:00:00Z"))
        for day in days:
            cells = [(f"{day}T00:00:00Z", name, int(one)) for name, one in zip(names, y, strict=True)]
            db.executemany("INSERT INTO outcome VALUES (?, ?, 30, 1, 'final', ?)", cells)
    return pd.DataFrame({"y": y, "p": p})


def test_figures_are_those_of_the_cells_with_intervals(ledger: Ledger) -> None:
    rows = many(ledger, "2025-03-01")
    found = as_served(ledger, bootstrap=100, seed=1)
    by = found.figures.set_index("metric")
    assert by.at["auc", "value"] == pytest.approx(roc_auc_score(rows["y"], rows["p"]))
    assert by.at["log_loss", "value"] == pytest.approx(log_loss(rows["y"], rows["p"]))
    assert by.at["brier", "value"] == pytest.approx(brier_score_loss(rows["y"], rows["p"]))
    assert by.at["ratio", "value"] == pytest.approx(rows["p"].sum() / 60)
    assert (by.at["n", "value"], by.at["events", "value"]) == (200, 60)
    measured = by.loc[["auc", "log_loss", "brier", "slope", "ratio"]]
    assert (measured["low"] < measured["value"]).all()
    assert (measured["value"] < measured["high"]).all()
    assert f"AUC {by.at['auc', 'value']:.3f} (" in found.text()
    pd.testing.assert_frame_equal(as_served(ledger, bootstrap=100, seed=1).figures, found.figures)


def test_days_close_together_count_once_in_figures_and_all_of_them_as_cells(ledger: Ledger) -> None:
    many(ledger, "2025-03-01", "2025-03-02", "2025-03-07", "2025-03-08", "2025-03-14", "2025-03-15")
    found = as_served(ledger, bootstrap=20)
    assert found.figures.set_index("metric").at["n", "value"] == 3 * 200  # 1, 8 and 15 March
    assert found.cells.at[0, "final"] == 6 * 200


def test_one_account_too_few_is_not_judged(ledger: Ledger) -> None:
    many(ledger, "2025-03-01", churned=MIN_EVENTS - 1)
    found = as_served(ledger, bootstrap=20)
    assert found.figures["why"].tolist() == ["accounts with the rarer outcome: 49, and 50 are needed"]
