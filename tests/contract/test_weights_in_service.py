"""Weights where they are used: in the plan, the command and the scores of a day, and what is said of thin evidence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import holdfast as hf
from holdfast.features.catalog.collection import Catalog
from holdfast.features.snapshot import Snapshot
from holdfast.models.bands import ALERT, INSUFFICIENT
from holdfast.models.health import HealthScore
from holdfast.models.scales import GRADES, percentile
from holdfast.models.template import Template
from holdfast.serving.columns import COLUMNS, SCHEMA_VERSION
from holdfast.serving.command import run

KEPT = ("usage_30", "days_since_usage", "open_tickets", "csat", "meetings", "days_late")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("weighed") / "acme"
    assert run(["simulate", "--accounts", "30", "--seed", "1", "--months", "12", "--out", str(place)]) == 0
    return place


def plan(folder: Path, name: str, health: str) -> str:
    path = folder / name
    path.write_text((folder / "plan.toml").read_text() + health, encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def company() -> tuple[hf.History, Snapshot, hf.ChurnModel]:
    history = hf.simulate(accounts=80, seed=2, months=12)
    X = hf.catalog.select(KEPT).measure(history, hf.cutoffs(history, every="84d"))
    return history, X, hf.ChurnModel().fit(X, hf.label(history, X.cutoffs, horizons=(30, 60, 90)))


@pytest.fixture(scope="module")
def now(company: tuple[hf.History, Snapshot, hf.ChurnModel]) -> Snapshot:
    history, X, _ = company
    return hf.catalog.select(KEPT).measure(history, [history.now], X.horizons)


def thin(now: Snapshot, rows: int, *names: str) -> Snapshot:
    """Let the first accounts keep nothing but some signs."""
    gone = np.zeros(now.indicators.shape, dtype=bool)
    gone[:rows] = ~now.indicators.columns.isin(names)
    indicators = now.indicators.mask(gone)
    coverage = now.coverage.copy()
    of = {one.name: one.dimension for one in now.catalog}
    for part in coverage:
        inside = [name for name in indicators if part in ("all", of[str(name)])]
        coverage.iloc[:rows, coverage.columns.get_loc(part)] = indicators[inside].notna().mean(axis=1)[:rows]
    return replace(now, indicators=indicators, coverage=coverage)


def served(company: tuple[hf.History, Snapshot, hf.ChurnModel], now: Snapshot, health: HealthScore) -> pd.DataFrame:
    history, _, model = company
    rows = hf.score(now, health, model, history).rows
    at_risk = rows["score_status"] != "not_scored"
    assert at_risk.sum() > 10
    return rows[at_risk]


def test_scores_carry_grade_and_percentile_beside_the_band(
    company: tuple[hf.History, Snapshot, hf.ChurnModel], now: Snapshot
) -> None:
    rows = served(company, now, HealthScore.template())
    names = list(COLUMNS)
    assert names[names.index("health") :][:5] == ["health", "band", "alert_band", "grade", "percentile"]
    assert SCHEMA_VERSION == 4
    assert rows["alert_band"].tolist() == ALERT.names_of(rows["health"]).tolist()
    assert rows["grade"].tolist() == GRADES.names_of(rows["health"]).tolist()
    assert rows["percentile"].tolist() == pytest.approx(percentile(rows["health"]).tolist())  # of the book alone


def test_below_the_stated_coverage_there_is_no_health_and_the_probability_stays(
    company: tuple[hf.History, Snapshot, hf.ChurnModel], now: Snapshot
) -> None:
    few = thin(now, 40, "usage_30")  # one of six: 17 %
    rows, whole = (served(company, one, HealthScore.template(min_coverage=0.25)) for one in (few, now))
    hit = rows["account_id"].isin(now.index.get_level_values("account_id")[:40])
    assert 5 < hit.sum() < len(rows)
    gone, kept = rows[hit], rows[~hit]
    assert gone["health"].isna().all()
    assert gone["percentile"].isna().all()
    assert (gone["band"] == INSUFFICIENT).all()
    assert (gone["grade"] == "").all()
    assert (gone["score_status"] == "scored_partial").all()
    assert (
        gone["score_reason"].str.fullmatch("insufficient evidence: 17% of the applicable indicators are present").all()
    )
    assert gone[["relationship", "business", "delta_health_30"]].isna().all(axis=None)
    assert gone["product"].notna().all()  # one of two there: enough for the dimension, not for the whole
    assert gone[["p30", "p60", "p90"]].notna().all(axis=None)
    pd.testing.assert_frame_equal(kept.drop(columns="percentile"), whole[~hit].drop(columns="percentile"))


@pytest.mark.parametrize(("least", "scored"), [(0.0, True), (2 / 6, True), (2 / 6 + 1e-9, False), (1.0, False)])
def test_the_stated_coverage_itself_is_enough(now: Snapshot, least: float, scored: bool) -> None:
    few = thin(now, 3, "usage_30", "days_late")
    assert HealthScore.template(min_coverage=least).score(few).notna()[:3].tolist() == [scored] * 3


def test_covered_by_what_weighs_nothing_is_not_covered(
    company: tuple[hf.History, Snapshot, hf.ChurnModel], now: Snapshot
) -> None:
    said = {"name": "one", "version": "1", "author": "t", "weights": {"csat": 1}}
    rows = served(
        company,
        thin(now, 40, *[name for name in KEPT if name != "csat"]),
        HealthScore.template(Template.from_dict(said)),
    )
    hit = rows["account_id"].isin(now.index.get_level_values("account_id")[:40])
    told = "insufficient evidence: 83% of the applicable indicators are present, and none that the score weighs"
    assert (rows["score_reason"][hit] == told).all()
    assert (rows["band"][hit] == INSUFFICIENT).all()


def test_nothing_at_all_is_scored_by_nobody_even_where_nothing_is_asked_for(
    company: tuple[hf.History, Snapshot, hf.ChurnModel], now: Snapshot
) -> None:
    _, X, _ = company
    y = hf.label(company[0], X.cutoffs, horizons=(30, 60, 90))
    fitted = HealthScore.template(min_coverage=0).fit(X, y)
    score = fitted.score(thin(now, 5))
    assert score[:5].isna().all()
    assert score[5:].notna().all()


def test_a_source_switched_off_moves_the_coverage_and_no_score_beyond_the_bound(
    company: tuple[hf.History, Snapshot, hf.ChurnModel], now: Snapshot
) -> None:
    history, X, _ = company
    fitted = HealthScore(min_coverage=0).fit(X, hf.label(history, X.cutoffs, horizons=(30, 60, 90)))
    off = hf.History.from_frames(
        {name: one for name, one in history.as_of(history.now).items() if name != "tickets"}, end=history.now
    )
    after = Catalog(now.catalog, fixed=True).measure(off, [history.now], now.horizons)
    gone = [one.name for one in now.catalog if "tickets" in one.tables]
    assert set(gone) == {"open_tickets", "csat"}
    assert (after.coverage["all"] < now.coverage["all"]).all()
    for health in (fitted, HealthScore.template()):
        moved = (health.score(after) - health.score(now)).abs()
        assert 0 < moved.max() <= health.bound(gone, now) < 100


@pytest.mark.parametrize("template", ["40-30-30", "by-segment"])
def test_a_score_comes_back_with_its_template_segments_and_coverage(
    company: tuple[hf.History, Snapshot, hf.ChurnModel], now: Snapshot, template: str
) -> None:
    history, X, _ = company
    y = hf.label(history, X.cutoffs, horizons=(30, 60, 90))
    health = HealthScore.template(template, min_coverage=0.6).fit(X, y)
    again = HealthScore.from_dict(json.loads(json.dumps(health.to_dict(), allow_nan=False)))
    assert again.prior == template
    assert again.notes == health.notes
    assert again.to_dict() == health.to_dict()
    few = thin(now, 9, "usage_30", "csat")
    pd.testing.assert_series_equal(again.score(few), health.score(few), check_exact=True)
    assert again.score(few)[:9].isna().all()


def test_sensitivity_measures_the_last_day_by_the_template_while_nothing_is_trained(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sensitivity", str(folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["weights"] == "the template 40-30-30, version 1 (nothing is trained yet)"
    assert 0 < told["accounts"] < 30  # customers: who has left is no account to score
    first = told["moves"][0]
    assert set(first) >= {"indicator", "level", "to", "rank_correlation", "band_changes", "bands", "largest_move"}
    assert [one["band_changes"] for one in told["moves"]] == sorted(
        (o["band_changes"] for o in told["moves"]), reverse=True
    )
    assert {one["to"] for one in told["moves"]} == {"none", "low", "medium", "high"}


def test_sensitivity_follows_the_template_of_the_plan_and_shows_so_many_lines(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = plan(folder, "four.toml", '\n[health]\ntemplate = "40-30-20-10"\n')
    assert run(["sensitivity", given, "--top", "2"]) == 0
    told = capsys.readouterr()
    assert "the template 40-30-20-10, version 1 (nothing is trained yet)" in told.out
    assert "10 more moves; --top 12 shows all." in told.out  # four signs; none, halved, doubled


@pytest.mark.parametrize(
    ("health", "message"),
    [
        ('template = "none.toml"', "none.toml: expected a readable UTF-8 file"),
        ('levels = { csta = "high" }', "did you mean 'csat'"),
        ('levels = { csat = "hihg" }', "did you mean 'high'"),
        ("min_coverage = 25", "health.min_coverage: expected less than or equal to 1, found 25"),
        ('temlate = "x"', "did you mean 'template'"),
    ],
)
def test_wrong_weights_end_the_command_with_a_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], health: str, message: str
) -> None:
    assert run(["sensitivity", plan(folder, "wrong.toml", f"\n[health]\n{health}\n")]) == 2
    told = capsys.readouterr()
    assert message in told.err
    assert "Traceback" not in told.err


def test_a_template_file_lies_beside_the_plan(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = 'name = "ours"\nversion = "3"\nauthor = "CS"\n[weights]\ncsat = 1\n'
    (folder / "ours.toml").write_text(text, encoding="utf-8")
    assert run(["sensitivity", plan(folder, "own.toml", '\n[health]\ntemplate = "ours.toml"\n'), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["weights"].startswith("the template ours, version 3")
