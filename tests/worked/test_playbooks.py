"""Playbooks: who does what by when, which accounts are escalated, and files that nobody understands."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest

from holdfast.errors import UsageError
from holdfast.models.bands import POLICIES
from holdfast.serving.columns import in_order
from holdfast.serving.plan import read_plan
from holdfast.serving.playbooks import ESCALATION, Playbooks
from holdfast.serving.report import _tiles
from holdfast.serving.scoring import Scores

DAY = pd.Timestamp("2026-01-01", tz="UTC")
SHIPPED = (files("holdfast.serving") / "playbooks.toml").read_text(encoding="utf-8")


def book(**columns: object) -> pd.DataFrame:
    rows = pd.DataFrame(
        {
            "schema_version": 3,
            "account_id": ["a", "b", "c", "d", "e"],
            "health": [90.0, 70.0, 50.0, 20.0, None],
            "band": ["green", "yellow", "orange", "red", "insufficient evidence"],
            "score_status": "scored",
            "p90": [0.01, 0.05, 0.1, 0.4, 0.3],
            "expected_arr_at_risk_90": [10.0, 9_000.0, 100.0, 200.0, 50.0],
        }
    ).assign(**columns)
    return in_order(rows)


def test_the_band_decides_and_says_when() -> None:
    told = Playbooks.read().assign(book(), DAY)
    assert told["playbook_id"].tolist() == ["action.green", "action.yellow", "action.orange", "action.red", ""]
    waits = (told["due_date"] - DAY).dt.days
    assert waits.tolist()[:4] == [30, 14, 7, 2]
    assert pd.isna(waits[4])


def test_it_is_due_by_the_last_day_of_notice_while_that_lies_ahead() -> None:
    days = [pd.Timestamp(day, tz="UTC") for day in ("2026-01-05", "2026-03-01", "2025-12-31", "2026-01-01")]
    told = Playbooks.read().assign(book(notice_deadline=[*days, pd.NaT]), DAY)
    assert (told["due_date"] - DAY).dt.days.tolist()[:4] == [4, 14, 7, 0]
    assert pd.isna(told["due_date"].iloc[4])


def test_the_report_tells_the_arr_at_risk_out_of_that_of_the_accounts_that_are_scored() -> None:
    status = ["scored"] * 4 + ["not_scored"]
    stake = [10.0, 9_000.0, 100.0, 200.0, None]
    rows = book(score_status=status, arr=[1_000.0, 20_000.0, 3_000.0, 4_000.0, 70_000.0], expected_arr_at_risk_90=stake)
    told = {one["label"]: one["value"] for one in _tiles(Scores(DAY, rows, pd.DataFrame()), rises=True)}
    assert told["ARR at risk within 90 days, of 28,000"] == "9,310"


def test_what_is_at_stake_is_escalated_whatever_its_colour() -> None:
    told = Playbooks.read(escalate=2).assign(book(), DAY)
    assert told["playbook_id"].tolist() == ["action.green", ESCALATION, "action.orange", ESCALATION, ""]
    without = Playbooks.read(escalate=1).assign(book(expected_arr_at_risk_90=None), DAY)
    assert without["playbook_id"].tolist()[3] == ESCALATION  # by probability, where nobody knows the ARR


def test_without_a_horizon_of_90_days_the_longest_tells_what_is_at_stake() -> None:
    short = {"p90": None, "expected_arr_at_risk_90": None, "p60": [0.01, 0.05, 0.1, 0.4, 0.3]}
    by_arr = book(**short, arr=[10_000.0, 10_000.0, 1_000.0, 1_000.0, 100.0])
    assert Playbooks.read(escalate=1).assign(by_arr, DAY)["playbook_id"].tolist()[1] == ESCALATION
    assert Playbooks.read(escalate=1).assign(book(**short), DAY)["playbook_id"].tolist()[3] == ESCALATION


def test_where_nobody_knows_the_arr_the_longest_horizon_ranks() -> None:
    told = book(expected_arr_at_risk_90=None, p180=[0.1, 0.9, 0.2, 0.5, 0.4])
    assert Playbooks.read(escalate=1).assign(told, DAY)["playbook_id"].tolist()[1] == ESCALATION


def test_who_is_snoozed_takes_nobody_s_place_among_the_escalated() -> None:
    asleep = pd.Series([pd.NaT, DAY + pd.Timedelta(days=9), pd.NaT, DAY, pd.NaT])  # d's ends today
    told = Playbooks.read(escalate=2).assign(book(snoozed_until=asleep), DAY)
    assert told["playbook_id"].tolist() == ["action.green", "action.yellow", ESCALATION, ESCALATION, ""]


def test_who_is_not_scored_has_none() -> None:
    told = Playbooks.read(escalate=9).assign(book(score_status="not_scored"), DAY)
    assert (told["playbook_id"] == "").all()
    assert told["due_date"].isna().all()


def test_every_band_of_both_policies_has_one() -> None:
    names = {f"{policy}.{band}" for policy, one in POLICIES.items() for band in one.names}
    assert set(Playbooks.read().frame()["id"]) == {*names, ESCALATION}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("due_days = 30", "due_days = -1", "a number of days"),
        ("due_days = 30", "due_days = true", "a number of days"),
        ('owner = "CSM"', "owner = 3", "text"),
        ("every_days = 30", "every_dais = 30", "did you mean 'every_days'"),
        ("[action.red]", "[action.rot]", r"a playbook \\[action.red\\], found none"),
        ("[escalation]", "[other]", r"a playbook \\[escalation\\]"),
        ('version = "1"', "version = ", "TOML"),
        ('actions = ["standard cadence"]', "actions = [1]", "a list of texts"),
    ],
)
def test_a_file_that_nobody_understands_is_refused_by_name(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(SHIPPED.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UsageError, match=said.replace("\\\\", "\\")):
        Playbooks.read(path)


def test_a_file_that_is_absent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a file of playbooks"):
        Playbooks.read(tmp_path / "none.toml")


def test_the_plan_names_a_file_and_another_file_is_another_run(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(SHIPPED.replace("Rescue", "Save"), encoding="utf-8")
    text = '[data]\npath = "h"\n[churn]\nkind = "notice"\n'
    (tmp_path / "plan.toml").write_text(text + '[playbooks]\nfile = "own.toml"\nescalate = 3\n', encoding="utf-8")
    plan = read_plan(tmp_path / "plan.toml")
    own = Playbooks.read(plan.playbooks.file, plan.playbooks.escalate)
    assert own.books["action.red"].title == "Save"
    assert own.escalate == 3
    before = plan.sha256()
    (tmp_path / "own.toml").write_text(SHIPPED, encoding="utf-8")
    assert plan.sha256() != before
