"""`holdfast explain`: why an account is where it is, what has changed, and what if, as JSON, in words and as a page."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from math import exp
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from holdfast.features.history import History
from holdfast.serving import explaining, pipeline
from holdfast.serving import story as stories
from holdfast.serving.bundle import Bundle
from holdfast.serving.command import run
from holdfast.serving.plan import Plan
from holdfast.serving.runs import Run, read_scores
from holdfast.serving.scoring import Scores
from holdfast.serving.story import Asked, Story
from holdfast.serving.workspace import write_manifest
from tests.acme import Company, as_json


@pytest.fixture(scope="module")
def read() -> dict[str, History]:
    """The histories that were read, by what a plan says of its data; nothing here changes one."""
    return {}


@pytest.fixture(autouse=True)
def _once(read: dict[str, History], monkeypatch: pytest.MonkeyPatch) -> None:
    """Read each history once, however often it is asked about."""
    own = explaining.history_of

    def once(plan: Plan) -> History:
        data = plan.data.model_dump_json()
        if data not in read:
            read[data] = own(plan)
        return read[data]

    monkeypatch.setattr(explaining, "history_of", once)


def told(capsys: pytest.CaptureFixture[str], *ask: str, page: Path | None = None) -> tuple[dict[str, Any], str]:
    """Ask for a story as JSON, in words and, where a file is given, as a page; it is reckoned once for all of them."""
    reckoned: list[Story] = []
    reckon = stories.account_story

    def once(plan: Plan, account: str, history: Callable[[], History], asked: Asked) -> Story:
        if not reckoned:
            reckoned.append(reckon(plan, account, history, asked))
        return reckoned[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stories, "account_story", once)
        found = as_json(capsys, *ask)
        assert run(ask) == 0
        words = capsys.readouterr().out
        if page is not None:
            assert run([*ask, "--out", str(page)]) == 0
    assert isinstance(found, dict)
    return found, words


def test_explain_tells_numbers_and_suggests_ids(company: Company, capsys: pytest.CaptureFixture[str]) -> None:
    rows = company.scores()
    account = rows.loc[rows["score_status"] == "scored", "account_id"].iloc[0]
    story, words = told(capsys, "explain", company.plan, "--account", account)
    assert story["account_id"] == account
    assert 0 <= story["p30"] <= story["p90"] <= 1
    drivers = story["drivers"]
    raising = [one for one in story["reasons"] if one["contribution"] > 0]
    assert [one["sentence"] for one in raising[:3]] == rows.set_index("account_id").loc[
        account, ["driver_1", "driver_2", "driver_3"]
    ].tolist()
    kept = pd.read_parquet(company.out / "current" / "drivers.parquet").query("account_id == @account")
    for one, row in zip(raising[:3], kept.head(3).to_dict("records"), strict=True):
        for name in ("contribution", "own_past", "peer_percentile"):
            value = float("nan") if one[name] is None else one[name]
            assert row[name] == pytest.approx(value, abs=1e-9, nan_ok=True)
        assert len(row["others"].split()) == len(one["others"])
    assert story["base"] + sum(one["contribution"] for one in drivers) == pytest.approx(story["total"], abs=1e-9)
    points = story["health_points"]
    gained = sum(one["points"] or 0.0 for one in drivers)
    assert points["base"] + gained + points["clip"] == pytest.approx(story["health"], abs=1e-9)
    facts = {"indicator", "dimension", "contribution", "sentence", "value", "own_past", "peer_percentile", "records"}
    assert facts | {"window_days", "fresh_days", "p30", "points"} <= set(drivers[0])
    assert "Raises the risk:" in words
    assert run(["explain", company.plan, "--account", account + "x"]) == 2
    assert "did you mean" in capsys.readouterr().err


def test_explain_tells_every_account_and_what_has_changed(company: Company, capsys: pytest.CaptureFixture[str]) -> None:
    rows = company.scores().sort_values(["health", "account_id"])
    some = pd.concat([rows.head(1), rows.tail(1), *(part.head(1) for _, part in rows.groupby("score_status"))])
    for account in some["account_id"].unique():
        story = as_json(capsys, "explain", company.plan, "--account", account)
        assert isinstance(story, dict)
        assert bool(story["drivers"]) == (story["score_status"] != "not_scored")
    old = rows[rows["score_status"] == "scored"]["account_id"].iloc[0]
    day = f"{rows['as_of'].iloc[0] - pd.Timedelta(days=40):%Y-%m-%d}"
    story, words = told(capsys, "explain", company.plan, "--account", old, "--since", day)
    for change in story["changes"].values():
        moved = sum(change["steps"].values())
        assert moved == pytest.approx(change["after"] - change["before"], abs=1e-9)
        assert sum(row["change"] for row in change["rows"]) == pytest.approx(moved, abs=1e-9)
    assert story["changes"]["log-hazard"]["after"] == pytest.approx(story["total"], abs=1e-9)
    assert "Risk since" in words
    assert run(["explain", company.plan, "--account", old, "--since", "2099-01-01"]) == 2
    refused = capsys.readouterr().err
    assert "--since: expected a day up to" in refused
    assert "found 2099-01-01" in refused


def test_explain_tells_the_story_in_the_best_band_and_without_health(
    company: Company, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = company.scores()
    best = rows.loc[(rows["health"] >= 80) & (rows["score_status"] == "scored"), "account_id"].iloc[0]
    ask = ["explain", company.plan, "--account", best, "--next-band"]
    first, words = told(capsys, *ask)
    assert first["reasons"]
    assert first["what_if"] is None
    assert "best band" in first["what_if_reason"]
    assert "Raises the risk" in words
    assert "best band" in words
    monkeypatch.setattr(pipeline, "bundle_of", _strict(pipeline.bundle_of))
    story = as_json(capsys, *ask)
    assert isinstance(story, dict)
    assert story["reasons"]
    assert "no health score" in story["what_if_reason"]
    read = as_json(capsys, *ask[:-1], "--if", f"usage_30={_usual(story)}")
    assert isinstance(read, dict)
    assert read["what_if"]["health"] == {"now": None, "then": None}


def test_explain_tells_when_the_next_decision_falls(
    company: Company, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = company.scores()
    days = (rows["notice_deadline"] - rows["as_of"]).dt.days
    row = rows[(rows["score_status"] == "scored") & days.between(61, 89)].iloc[0]
    ask = ["explain", company.plan, "--account", row["account_id"]]
    page = tmp_path / "account.html"
    first, words = told(capsys, *ask, page=page)
    calendar = first["calendar"]
    assert calendar["notice_deadline"][:10] == f"{row['notice_deadline']:%Y-%m-%d}"
    assert calendar["renewal_date"][:10] == f"{row['renewal_date']:%Y-%m-%d}"
    assert calendar["decision_within"] == 90
    added, expected = 0.0, {}
    for name, value in calendar["log_hazard"].items():
        added += exp(first["total"] + value)
        expected[name] = 1 - exp(-added)
    assert expected == pytest.approx({name: first[name] for name in ("p30", "p60", "p90")}, abs=1e-9)
    line = f"the next decision is known in {calendar['decision_in_days']} days, within the horizon of 90, not of 60"
    assert line in words
    assert line in page.read_text(encoding="utf-8")
    gone = rows.loc[rows["score_status"] == "not_scored", "account_id"].iloc[0]
    story = as_json(capsys, "explain", company.plan, "--account", gone)
    assert isinstance(story, dict)
    assert story["calendar"]["log_hazard"] == {}


def test_explain_refuses_what_cannot_be_asked_and_tells_what_cannot_be_told(
    company: Company, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rows = company.scores()
    gone = rows.loc[rows["score_status"] == "not_scored", "account_id"].iloc[0]
    day = f"{rows['as_of'].iloc[0] - pd.Timedelta(days=40):%Y-%m-%d}"
    ask = ["explain", company.plan, "--account", gone]
    for more in (["--next-band"], ["--if", "usage_30=4"]):
        story, words = told(capsys, *ask, *more)
        assert "Nothing can be tried on an account that is not scored." in words
        assert story["what_if"] is None
        assert "not scored" in story["what_if_reason"]
    assert run([*ask, "--if", "usage_3O=4"]) == 2
    assert "did you mean 'usage_30'" in capsys.readouterr().err
    assert run([*ask, "--if", "usage_30=4", "--next-band"]) == 2
    assert "choose one" in capsys.readouterr().err
    page = tmp_path / "gone.html"
    _, words = told(capsys, *ask, "--since", day, "--next-band", page=page)
    assert "Risk since" not in words
    assert "What has changed is not told" in words
    assert "Nothing can be tried" in page.read_text(encoding="utf-8")


def test_explain_reads_an_account_with_other_signs(
    company: Company, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = company.scores()
    account = rows[rows["score_status"] == "scored"].sort_values("health")["account_id"].iloc[0]
    ask = ["explain", company.plan, "--account", account]
    first, words = told(capsys, *ask, "--next-band")
    what = first["what_if"]
    assert what["health"]["then"] > what["health"]["now"]
    assert {row["indicator"] for row in what["signs"]}
    assert "not what a change would bring about" in words
    sign = next(row for row in what["signs"] if not row["follows"])
    again = as_json(capsys, *ask, "--if", f"{sign['indicator']}={sign['then']}")
    assert isinstance(again, dict)
    assert again["what_if"]["signs"][0]["then"] == pytest.approx(sign["then"])
    page = tmp_path / "account.html"
    plain, _ = told(capsys, *ask, page=page)
    assert "what_if" not in plain
    assert account in page.read_text(encoding="utf-8")
    for wrong, said in {"usage_3=1": "did you mean", "usage_30": "SIGN=VALUE", "usage_30=many": "SIGN=VALUE"}.items():
        assert run([*ask, "--if", wrong]) == 2
        assert said in capsys.readouterr().err


def test_explain_in_german(company: Company, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = company.scores()
    account = rows[rows["score_status"] == "scored"].sort_values("health")["account_id"].iloc[0]
    other = company.copy(tmp_path / "german")
    plan = Path(other.plan)
    plan.write_text(plan.read_text(encoding="utf-8").replace("[output]", '[output]\nlanguage = "de"'), encoding="utf-8")
    assert run(["score", other.plan]) == 0
    drivers = pd.read_parquet(other.out / "current" / "drivers.parquet")
    english = pd.read_parquet(company.out / "current" / "drivers.parquet")
    assert drivers["contribution"].tolist() == english["contribution"].tolist()
    assert (drivers["text"] != english["text"]).all()
    capsys.readouterr()
    assert run(["explain", other.plan, "--account", account, "--next-band"]) == 0
    words = capsys.readouterr().out
    assert "Erhöht das Risiko" in words
    assert "Vertragskalender: " in words
    assert "(rot)" in words
    gone, page = (
        rows.loc[rows["score_reason"] == "has given notice or left", "account_id"].iloc[0],
        tmp_path / "gone.html",
    )
    _, words = told(capsys, "explain", other.plan, "--account", gone, page=page)
    assert "Nicht bewertet: hat gekündigt oder ist gegangen." in words
    assert "hat gekündigt oder ist gegangen" in page.read_text(encoding="utf-8")


def test_explain_says_when_the_day_is_not_what_it_was_scored_as(
    company: Company, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def altered(served: Run) -> Scores:
        scores = read_scores(served)
        return replace(scores, rows=scores.rows.assign(p90=scores.rows["p90"] * 0.9))

    rows = company.scores()
    account = rows.loc[rows["score_status"] == "scored", "account_id"].iloc[0]
    assert run(["explain", company.plan, "--account", account]) == 0
    assert not caplog.records
    monkeypatch.setattr("holdfast.serving.story.read_scores", altered)
    assert run(["explain", company.plan, "--account", account]) == 0
    assert "score it again" in caplog.text


def test_explain_asks_the_model_that_scored_the_earlier_day(
    company: Company, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = company.copy(tmp_path / "acme")
    rows = mine.scores()
    account = rows.loc[rows["score_status"] == "scored", "account_id"].iloc[0]
    day = rows["as_of"].iloc[0] - pd.Timedelta(days=40)
    for run_id, kind, model in (("9", "served", "gone"), ("0", "rescored", rows["model_version"].iloc[0])):
        folder = mine.out / "runs" / run_id
        folder.mkdir()
        write_manifest(folder, {"run_id": run_id, "as_of": day.isoformat(), "model_version": model})
        with sqlite3.connect(mine.out / "ledger.db") as db:
            facts = (run_id, f"{day:%Y-%m-%dT%H:%M:%SZ}", kind, model)
            db.execute("INSERT INTO run VALUES (?, ?, ?, ?, '', '', '', '', '', '')", facts)
    ask = ["explain", mine.plan, "--account", account, "--since", f"{day:%Y-%m-%d}"]
    assert run(ask) == 0
    words = capsys.readouterr().out
    assert f"The model gone of {day:%Y-%m-%d} can no longer be read" in words
    assert "Health since" in words
    assert "Raises the risk" in words
    monkeypatch.setattr(pipeline, "bundle_of", _strict(pipeline.bundle_of, "gone"))
    story, words = told(capsys, *ask)
    assert f"On {day:%Y-%m-%d} no health was given." in words
    assert "Health since" not in words
    assert "Risk since" in words
    assert set(story["changes"]) == {"log-hazard"}
    assert story["changes_notes"] == [f"On {day:%Y-%m-%d} no health was given."]


def _strict(
    read: Callable[[Plan, str | None], Bundle], only: str | None = None
) -> Callable[[Plan, str | None], Bundle]:
    """Read bundles that find too little on record for a health score; where one is named, that one alone."""

    def strict(plan: Plan, version: str | None = None) -> Bundle:
        bundle = read(plan, None if version == only else version)
        if only is None or version == only:
            bundle.health.min_coverage = 1.1
        return bundle

    return strict


def _usual(story: dict[str, Any]) -> float:
    return next(float(one["value"]) for one in story["drivers"] if one["indicator"] == "usage_30")
