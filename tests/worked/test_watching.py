"""What the monitor reads of the ledger: what was served and became of it, and all help that is logged."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from holdfast.serving.ledger.as_served import became
from holdfast.serving.ledger.outcomes import mature
from holdfast.serving.ledger.store import LEDGER, Ledger
from holdfast.serving.plan import Plan
from holdfast.serving.queue.log import Done, did
from holdfast.serving.watching import _helped
from holdfast.training.monitoring import performance
from tests.ledgered import NOW, put
from tests.tiny import history as tiny
from tests.tiny import rows
from tests.worked.test_labels_worked import gave, history
from tests.worked.test_ledger_outcomes import EVERYBODY, NOTICE, on

LATER = pd.Timestamp("2025-01-01", tz="UTC")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "out" / LEDGER)


def test_days_a_week_apart_with_the_last_run_of_each_and_what_is_known_of_them(ledger: Ledger) -> None:
    assert became(ledger, LATER).empty
    assert performance(became(ledger, LATER)).empty
    put(ledger, "2024-06-01", "2024-06-02", "2024-06-08", chances=EVERYBODY)
    put(ledger, "2024-06-01", chances={one: {30: 0.5} for one in EVERYBODY}, model="second")
    put(ledger, "2024-05-01", chances=EVERYBODY, kind="rescored")
    mature(ledger, on(history(churn=[gave("2024-06-10")]), "2024-07-16"), NOTICE, NOW)
    found = became(ledger, LATER)
    by_day = found.groupby([found["as_of"].dt.strftime("%m-%d"), "horizon"])["y"].agg(["size", "count"])
    assert by_day.to_dict("index") == {
        ("06-01", 30): {"size": 3, "count": 3},  # of the last run of the day, which told one horizon
        ("06-08", 30): {"size": 3, "count": 0},
        ("06-08", 60): {"size": 3, "count": 0},
    }
    assert found.loc[found["as_of"] == found["as_of"].min(), "p"].tolist() == [0.5] * 3
    days = performance(found)
    assert days["kind"].tolist() == ["realised", "estimated", "estimated"]
    assert days["left"].tolist()[0] == 1.0


def test_a_late_outcome_changes_the_line_of_its_day(ledger: Ledger) -> None:
    put(ledger, "2024-06-01", chances=EVERYBODY)
    company = history(churn=[gave("2024-06-10", "2024-06-10"), gave("2024-06-10", "2024-10-15", deleted=True)])
    for day in ("2024-10-01", "2024-10-20"):
        mature(ledger, on(company, day), NOTICE, NOW)
    days = [pd.Timestamp(day, tz="UTC") for day in ("2024-05-31", "2024-09-30", "2024-10-19", "2024-10-20")]
    found = [performance(became(ledger, day)) for day in days]
    kinds = [one["kind"].tolist() for one in found]
    assert kinds == [[], ["estimated"] * 2, ["realised"] * 2, ["realised"] * 2]
    assert [one["left"].tolist() for one in found[2:]] == [[1.0, 1.0], [0.0, 0.0]]


def test_help_counts_by_lot_or_not_and_once_it_is_known(ledger: Ledger) -> None:
    plan = Plan.model_validate(
        {"data": {"path": "h"}, "churn": {"kind": "notice"}, "output": {"workspace": ledger.path.parent}}
    )
    lot = rows("touchpoints", [9], "a", kind="action", playbook="save", status="done", score=0.5, score_max=1.0)
    plain = rows(
        "touchpoints", [8], "b", kind="action", playbook="visit", status="done", score=np.nan, score_max=np.nan
    )
    company = tiny(
        touchpoints=[lot, plain], accounts=pd.DataFrame({"account_id": list("abc"), "valid_from": NOW - timedelta(900)})
    )
    assert _helped(plan, company).frame["account_id"].tolist() == ["a", "b"]
    day = company.now - pd.Timedelta(days=5)
    did(ledger, [Done("c", "action.red", "Kim", day)], (company.now + pd.Timedelta(days=1)).to_pydatetime())
    assert _helped(plan, company).frame["account_id"].tolist() == ["a", "b"]
    did(ledger, [Done("c", "action.red", "Lee", day)], day.to_pydatetime())
    assert _helped(plan, company).frame["account_id"].tolist() == ["a", "b", "c"]
    assert not _helped(plan, company).identified
