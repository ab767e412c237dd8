"""The ledger and replay on a company that is scored as its days go by, with rows that come late on the way."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmarks.replay import FIRST, Company, company, replayed, serve
from holdfast.safely import sha256_of
from holdfast.serving import learning, pipeline
from holdfast.serving.command import run
from holdfast.serving.feedback.entry import Entry
from holdfast.serving.feedback.keeping import record
from holdfast.serving.ledger.store import Ledger
from holdfast.serving.promotion.promotions import Promotions
from holdfast.serving.runs import current, read_scores

DAYS, STEP = 40, 8
NOW = datetime(2026, 1, 1, tzinfo=UTC)
OLD = "2025-03-09"


@dataclass(frozen=True)
class Served:
    place: Company
    made: list[dict[str, Any]]

    @property
    def ledger(self) -> Ledger:
        return pipeline.ledger_of(self.place.plan)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    place = company(tmp_path_factory.mktemp("company") / "acme", days=DAYS)
    return Served(place, list(serve(place, DAYS, STEP)))


@pytest.fixture
def copied(served: Served, tmp_path: Path) -> Company:
    """The same company, to be spoilt."""
    shutil.copytree(served.place.folder, tmp_path / "acme", symlinks=True)
    return Company(tmp_path / "acme", served.place.frames, served.place.late, served.place.end)


def change(place: Company, table: str, how: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    file = place.folder / "history" / f"{table}.parquet"
    how(pd.read_parquet(file)).to_parquet(file, index=False)


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    capsys.readouterr()
    assert run([*arguments, "--json"]) == code
    value = json.loads(capsys.readouterr().out)
    assert isinstance(value, dict)
    return value


def plan_of(place: Company) -> str:
    return str(place.folder / "plan.toml")


def test_every_day_is_made_again_to_the_last_bit_whatever_came_late(served: Served) -> None:
    assert len(served.place.late) == 3
    rows = replayed(served.place)
    assert len(rows) == DAYS / STEP
    assert rows["equal"].all()
    assert rows[["differences", "unexplained"]].sum().tolist() == [0, 0]


def test_scoring_an_old_day_moves_nothing(served: Served) -> None:
    again = [one for one in served.made if not one["run"].served]
    assert len(again) == 3
    for before, one in zip(served.made, served.made[1:], strict=False):
        if not one["run"].served:
            assert one["current"] == before["current"]
    kinds = served.ledger.read("SELECT kind, count(*) AS n FROM run GROUP BY kind ORDER BY kind")
    assert kinds.to_numpy().tolist() == [["rescored", 3], ["served", 5]]
    days = served.ledger.read("SELECT max(as_of) AS last FROM run WHERE kind = 'served'")["last"]
    assert (
        served.made[-1]["current"].name
        == served.ledger.read("SELECT run_id FROM run WHERE as_of = ?", days)["run_id"][0]
    )


def test_outcomes_of_a_day_are_read_in_their_time(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, "ledger", plan_of(served.place))
    cells = {(one["kind"], one["horizon"]): one for one in found["cells"]}
    # served on days 0, 8, 16, 24, 32 and read last on day 32: 15 days and 7 of settlement have passed for 0 and 8
    mine = served.ledger.read("SELECT as_of, count(*) AS n FROM run JOIN chance USING (run_id) WHERE kind = 'served' "
                              "AND horizon = 15 GROUP BY as_of ORDER BY as_of")["n"]  # fmt: skip
    short, long = cells["served", 15], cells["served", 30]
    assert short["final"] + short["censored"] == mine[:2].sum()
    assert short["open"] == mine[2:].sum()
    assert (long["final"], long["censored"], long["open"]) == (0, 0, mine.sum())
    assert found["known_on"] == f"{FIRST + pd.Timedelta(days=32):%Y-%m-%d}"
    assert not found["rewritten"]
    assert "needed" in found["in_words"]
    capsys.readouterr()
    assert run(["ledger", plan_of(served.place)]) == 0
    assert "5 runs were served" in capsys.readouterr().out


def test_replay_says_that_nothing_is_otherwise(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, "replay", plan_of(served.place), "--at", OLD)
    assert (found["equal"], found["unexplained"], found["causes"], found["differences"]) == (True, 0, [], [])
    assert found["run"]["kind"] == "served"
    assert "the same to the last bit" in found["in_words"]


def test_replay_of_a_day_that_was_not_scored_names_those_that_were(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["replay", plan_of(served.place), "--at", "2025-03-10"]) == 2
    assert "the last are 2025-04-02, 2025-03-2" in capsys.readouterr().err


def test_a_day_is_made_again_with_what_was_said_by_then(copied: Company, capsys: pytest.CaptureFixture[str]) -> None:
    def said(score: str, day: pd.Timestamp, now: datetime) -> None:
        entry = Entry("A07", "override", "", score, "a talk", "Ann", "2025-06-01T00:00:00Z")
        record(pipeline.ledger_of(copied.plan), [entry], day, now)

    day = pd.Timestamp("2025-04-10", tz="UTC")
    said("90", day, datetime(2025, 4, 10, tzinfo=UTC))
    assert run(["score", plan_of(copied), "--at", "2025-04-10"]) == 0
    rows = read_scores(current(pipeline.workspace(copied.plan))).rows.set_index("account_id")
    assert rows.loc["A07", "override_health"] == 90
    said("10", day, datetime(2099, 1, 1, tzinfo=UTC))  # of the same day, told when it was served already
    assert told(capsys, "replay", plan_of(copied), "--at", "2025-04-10")["equal"]
    assert told(capsys, "replay", plan_of(copied), "--at", OLD)["equal"]


def test_rows_that_come_under_an_earlier_known_at_are_named_as_the_cause(
    copied: Company, capsys: pytest.CaptureFixture[str]
) -> None:
    change(copied, "subscriptions", lambda rows: rows.assign(mrr=rows["mrr"].where(rows["account_id"] != "A07", 9e4)))
    found = told(capsys, "replay", plan_of(copied), "--at", OLD)
    assert not found["equal"]
    assert [one["cause"] for one in found["causes"]] == ["data"]
    assert {one["cause"] for one in found["differences"]} == {"data"}
    (arr,) = [one for one in found["differences"] if (one["account_id"], one["column"]) == ("A07", "arr")]
    assert (arr["served"], arr["replayed"]) == (12 * 107.0, 12 * 9e4)
    capsys.readouterr()
    assert run(["replay", plan_of(copied), "--at", OLD]) == 0
    assert "rows came later under an earlier known_at" in capsys.readouterr().out


def test_other_settings_are_named_as_the_cause(copied: Company, capsys: pytest.CaptureFixture[str]) -> None:
    plan = copied.folder / "plan.toml"
    plan.write_text(plan.read_text() + '[output]\nlanguage = "de"\n')
    found = told(capsys, "replay", str(plan), "--at", OLD)
    assert [one["cause"] for one in found["causes"]] == ["settings"]
    assert {one["column"] for one in found["differences"]} <= {"driver_1", "driver_2", "driver_3"}
    assert found["differences"]


def test_what_another_model_changes_is_told_apart_from_the_data(
    copied: Company, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = copied.plan
    other = learning.train(plan.model_copy(update={"model": plan.model.model_copy(update={"seed": 5})}),
                           copied.known(FIRST + pd.Timedelta(days=1)), NOW).bundle  # fmt: skip
    change(copied, "subscriptions", lambda rows: rows.assign(mrr=rows["mrr"].where(rows["account_id"] != "A07", 9e4)))
    found = told(capsys, "replay", plan_of(copied), "--at", OLD, "--model", other.version)
    causes = {(one["account_id"], one["column"]): one["cause"] for one in found["differences"]}
    assert [one["cause"] for one in found["causes"]] == ["data", "model"]
    assert causes["A07", "arr"] == "data"
    assert causes["A08", "model_version"] == "model"
    assert found["unexplained"] == 0
    assert found["model_version"] == other.version


def test_a_lost_folder_leaves_what_the_ledger_holds(copied: Company, capsys: pytest.CaptureFixture[str]) -> None:
    run_id = told(capsys, "replay", plan_of(copied), "--at", OLD)["run"]["run_id"]
    shutil.rmtree(copied.folder / "out" / "runs" / run_id)
    assert told(capsys, "replay", plan_of(copied), "--at", OLD)["equal"]
    change(copied, "subscriptions", lambda rows: rows.assign(mrr=rows["mrr"].where(rows["account_id"] != "A07", 9e4)))
    found = told(capsys, "replay", plan_of(copied), "--at", OLD)
    assert ("A07", "arr") in {(one["account_id"], one["column"]) for one in found["differences"]}
    assert {one["column"] for one in found["differences"]} <= {"arr", "health", "band", "p15", "p30", "score_status"}


def test_a_difference_without_a_cause_is_an_error(copied: Company, capsys: pytest.CaptureFixture[str]) -> None:
    run_id = told(capsys, "replay", plan_of(copied), "--at", OLD)["run"]["run_id"]
    file = copied.folder / "out" / "runs" / run_id / "scores.parquet"
    rows = pd.read_parquet(file)
    rows.loc[rows["account_id"] == "A07", "health"] = 1.0
    rows.to_parquet(file, index=False)
    with pipeline.ledger_of(copied.plan).writing() as db:
        db.execute("UPDATE run SET scores_sha256 = ? WHERE run_id = ?", (sha256_of(file), run_id))
    found = told(capsys, "replay", plan_of(copied), "--at", OLD, code=1)
    assert found["unexplained"] == 1
    assert [(one["account_id"], one["column"], one["served"]) for one in found["differences"]] == [
        ("A07", "health", 1.0)
    ]
    assert "not explained" in found["in_words"]


def test_a_run_that_was_served_is_not_made_again_with_other_scores(
    copied: Company, capsys: pytest.CaptureFixture[str]
) -> None:
    """A damaged folder whose scores cannot be made again stays as it is, and nothing else is moved."""
    served = copied.folder / "out" / "current"
    (served / "scores.csv").write_text("damaged")
    with pipeline.ledger_of(copied.plan).writing() as db:
        db.execute("UPDATE run SET scores_sha256 = 'other' WHERE run_id = ?", (served.readlink().name,))
    before = (served / "scores.parquet").read_bytes()
    assert run(["score", plan_of(copied), "--at", "2025-04-02", "--allow-shrink"]) == 60
    assert "the scores that were served" in capsys.readouterr().err
    assert (served / "scores.parquet").read_bytes() == before
    assert (served / "scores.csv").read_text() == "damaged"


def test_a_past_that_was_rewritten_is_said_until_everything_is_read_anew(
    copied: Company, capsys: pytest.CaptureFixture[str]
) -> None:
    said = FIRST + pd.Timedelta(days=9)
    notice = copied.frames["churn"].head(1).assign(account_id="A07", source_id="late", notice_at=said, known_at=said)
    change(copied, "churn", lambda rows: pd.concat([rows, notice], ignore_index=True))
    assert run(["score", plan_of(copied), "--at", "2025-04-10"]) == 0
    found = told(capsys, "ledger", plan_of(copied), code=1)
    assert found["rewritten"]
    assert not [one for one in found["reopened"] if one["account_id"] == "A07"]
    found = told(capsys, "ledger", plan_of(copied), "--reopen")
    assert not found["rewritten"]
    first = f"{FIRST:%Y-%m-%d}T00:00:00Z"
    (cell,) = [
        one for one in found["reopened"] if (one["account_id"], one["as_of"], one["horizon"]) == ("A07", first, 15)
    ]
    assert (cell["value_before"], cell["value"]) == (0, 1)


def test_a_run_is_of_one_model_though_another_is_crowned_meanwhile(
    copied: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    champion, scored, at = pipeline.in_service(copied.plan), pipeline.book, FIRST
    happened: list[bool] = []

    def meanwhile(*arguments: Any) -> Any:
        happened.append(True)
        Promotions(pipeline.workspace(copied.plan)).add("promote", "b" * 64, replaces=champion, reason="", at=at)
        return scored(*arguments)

    monkeypatch.setattr(pipeline, "book", meanwhile)
    assert run(["score", plan_of(copied), "--at", "2025-04-10"]) == 0
    made = current(pipeline.workspace(copied.plan))
    assert happened
    assert made.manifest["model_version"] == champion
    assert read_scores(made).rows["model_version"].unique().tolist() == [champion]


def test_an_account_that_was_erased_is_a_cause_and_no_difference(
    copied: Company, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = "A05"
    assert replay(copied, capsys)["equal"]
    told(capsys, "erase", plan_of(copied), "--account", gone)
    found = replay(copied, capsys)
    assert {one["cause"]: one["now"] for one in found["causes"]}["erasure"] == "1"
    assert found["unexplained"] == 0
    assert gone not in {one["account_id"] for one in found["differences"]}
    (pipeline.workspace(copied.plan).runs / found["run"]["run_id"] / "scores.parquet").unlink()
    from_ledger = replay(copied, capsys)
    assert not any(one["account_id"].startswith("erased:") for one in from_ledger["differences"])
    assert from_ledger["unexplained"] == 0


def replay(place: Company, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return told(capsys, "replay", plan_of(place), "--at", f"{FIRST:%Y-%m-%d}")
