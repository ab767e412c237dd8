"""A day is scored bucket by bucket: however accounts are dealt and whoever scores them, the files are the same."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyarrow.parquet import ParquetFile

import holdfast as hf
from holdfast.errors import DataError
from holdfast.features.catalog.collection import Catalog
from holdfast.features.snapshot import Snapshot
from holdfast.serving import book, columns, delivery, headings, pipeline
from holdfast.serving.bundle import Bundle
from holdfast.serving.command import run
from holdfast.serving.plan import Plan, read_plan
from holdfast.serving.scoring import Scores, score
from holdfast.serving.starter import write_simulation
from holdfast.serving.unsound import refuse_many
from tests.leaving import QUICK

DAY = "2026-01-01"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company with a model in service, which has scored nothing yet."""
    folder = tmp_path_factory.mktemp("company")
    plan = write_simulation(folder, accounts=100, seed=3, months=18)
    plan.write_text(plan.read_text().replace('every = "28d"', 'every = "84d"') + QUICK)
    assert run(["train", str(plan)]) == 0
    return folder


def copied(trained: Path, folder: Path, buckets: int) -> Path:
    """Copy the company, its history in a store of so many buckets; none means as it is."""
    shutil.copytree(trained, folder, symlinks=True)
    if buckets:
        (folder / "history").rename(folder / "tables")
        hf.History.build(folder / "tables", folder / "history", buckets=buckets)
    return folder / "plan.toml"


def left(plan: Path) -> dict[str, bytes]:
    """Score, and give the files of the run."""
    assert run(["score", str(plan)]) == 0
    return served(plan)


def served(plan: Path) -> dict[str, bytes]:
    """Give the files of the run that is served, and none that was half-written lies about."""
    assert not list(plan.parent.glob("out/**/.tmp-*"))
    return {one.name: one.read_bytes() for one in sorted((plan.parent / "out" / "current").iterdir())}


@pytest.fixture(scope="module")
def dealt(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The company in a store of three buckets, scored bucket by bucket."""
    plan = copied(trained, tmp_path_factory.mktemp("dealt") / "acme", 3)
    left(plan)
    return plan.parent


def test_buckets_and_processes_leave_the_files_that_all_accounts_at_once_leave(
    trained: Path, dealt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = left(copied(trained, tmp_path / "whole", 0))
    monkeypatch.setattr(book, "WORTH", 10)
    monkeypatch.setattr(book, "cores", lambda: 2)
    apart = left(copied(trained, tmp_path / "apart", 3))
    assert {"scores.parquet", "drivers.parquet", "alerts.parquet", "scores.xlsx", "report.html"} <= set(whole)
    for other in (served(dealt / "plan.toml"), apart):
        assert [name for name in whole if whole[name] != other[name]] == []


@dataclass(frozen=True)
class Scene:
    """The day as it is measured, and its scores."""

    plan: Plan
    history: hf.History
    bundle: Bundle
    now: Snapshot
    scores: Scores


@pytest.fixture(scope="module")
def scene(trained: Path) -> Scene:
    plan, history = read_plan(trained / "plan.toml"), hf.History.read(trained / "history").until(DAY, end=DAY)
    bundle = pipeline.bundle_of(plan)
    now = pipeline.measure_day(history, bundle)
    return Scene(plan, history, bundle, now, score(now, bundle.health, bundle.model, history))


def test_the_scores_are_those_of_one_snapshot_of_all_accounts(scene: Scene) -> None:
    found, now = pipeline.score_day(scene.plan, scene.history, scene.bundle)
    alike = scene.scores
    names = ["account_id", "health", "p30", "p60", "p90", "percentile", "driver_1", "driver_2", "score_status"]
    pd.testing.assert_frame_equal(found.rows[names], alike.rows[names], check_exact=True)
    pd.testing.assert_frame_equal(found.reasons, alike.reasons, check_exact=True)
    assert found.reasons["peer_percentile"].notna().any()
    assert found.reasons["own_past"].notna().any()
    pd.testing.assert_frame_equal(now.frame(), scene.now.frame(), check_exact=True)


def test_a_row_does_not_depend_on_the_rows_beside_it(scene: Scene) -> None:
    """Products of matrices may end otherwise in another place of another table; what is served must not."""
    bundle, X = scene.bundle, scene.now
    whole, bounds = bundle.model.predict_proba(X), bundle.model.predict_interval(X)
    rng = np.random.default_rng(0)
    for _ in range(25):
        mask = rng.random(len(X)) < rng.uniform(0.02, 0.9)
        if mask.any():
            some = X.rows(mask)
            pd.testing.assert_frame_equal(bundle.model.predict_proba(some), whole[mask], check_exact=True)
            pd.testing.assert_frame_equal(bundle.model.predict_interval(some), bounds[mask], check_exact=True)


def test_what_cannot_be_scored_ends_the_run_and_leaves_what_was_served(
    dealt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = copied(dealt, tmp_path / "acme", 0)
    before, model = served(plan), (plan.parent / "out" / "models" / "champion").read_text().strip()

    def refuse(_: book.Task, bucket: int) -> None:
        raise DataError(f"bucket {bucket}", "rows", "none", "look at the store")

    monkeypatch.setattr(book.Task, "scoring", refuse)
    assert run(["score", str(plan), "--at", "2025-12-20", "--model", model]) == 30
    assert "bucket 0" in capsys.readouterr().err
    assert served(plan) == before


def test_revenue_below_zero_counts_as_unknown_and_the_account_is_scored(scene: Scene) -> None:
    bundle, now, calm = scene.bundle, scene.now, scene.scores
    place = int(np.flatnonzero(calm.rows["score_status"] == "scored")[0])
    others = np.arange(len(now)) != place
    arrs = (now.context["arr"].where(others, bad) for bad in (-1200.0, np.nan))
    snapshots = [replace(now, context=now.context.assign(arr=one)) for one in arrs]
    found, untold = (score(one, bundle.health, bundle.model, scene.history) for one in snapshots)
    row, before = found.rows.iloc[place], untold.rows.iloc[place]
    told = "revenue is below zero and counts as unknown"
    assert (row["score_status"], row["score_reason"]) == ("scored_partial", told)
    assert row[["arr", "expected_arr_at_risk_90"]].isna().all()
    assert row[["health", "p30", "p90"]].equals(before[["health", "p30", "p90"]])
    assert headings.reason(told, "de") == "Umsatz liegt unter null und gilt als unbekannt"
    same = ["account_id", "arr", "score_status", "expected_arr_at_risk_90", "health"]
    pd.testing.assert_frame_equal(found.rows.loc[others, same], calm.rows.loc[others, same], check_exact=True)


@pytest.mark.parametrize("column", ["usage_30", "arr"])
@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_an_account_with_something_infinite_is_not_scored_and_the_others_are(
    scene: Scene, column: str, bad: float
) -> None:
    bundle, now, calm = scene.bundle, scene.now, scene.scores
    place = int(np.flatnonzero(calm.rows["score_status"] == "scored")[0])
    of = now.indicators if column in now.indicators else now.context
    changed = of.copy()
    changed.iloc[place, changed.columns.get_loc(column)] = bad
    spoilt = replace(now, **{"indicators" if of is now.indicators else "context": changed})
    found = score(spoilt, bundle.health, bundle.model, scene.history)
    row = found.rows.iloc[place]
    assert (row["score_status"], row["score_reason"]) == ("not_scored", f"cannot be reckoned: {column} is infinite")
    assert pd.isna(row["p90"])
    assert row["account_id"] not in set(found.reasons["account_id"])
    others = calm.rows["account_id"] != row["account_id"]
    same = ["account_id", "health", "p30", "p90", "score_status", "driver_1"]
    pd.testing.assert_frame_equal(found.rows.loc[others, same], calm.rows.loc[others, same], check_exact=True)


def test_a_book_of_which_one_in_twenty_is_unsound_is_told_and_more_are_refused(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reason = "cannot be reckoned: usage_30 is infinite"
    rows = pd.DataFrame({"account_id": [f"A{i}" for i in range(40)], "score_reason": [reason] * 2 + [""] * 38})
    with caplog.at_level("WARNING", logger="holdfast"):
        refuse_many(rows)
    assert "2 of 40" in caplog.text
    assert "A0 (usage_30 is infinite)" in caplog.text
    rows.loc[2, "score_reason"] = reason
    with pytest.raises(DataError, match="3 of 40 that cannot be reckoned"):
        refuse_many(rows)


def test_a_company_with_something_infinite_is_published_and_explained(
    dealt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = copied(dealt, tmp_path / "acme", 0)
    calm = served(plan)
    scores = pd.read_parquet(plan.parent / "out" / "current" / "scores.parquet")
    gone, other = scores.loc[scores["score_status"] == "scored", "account_id"].iloc[:2]
    measured = Catalog.measure

    def spoilt(*arguments: Any, **how: Any) -> Snapshot:
        X = measured(*arguments, **how)
        here = X.index.get_level_values("account_id") == gone
        values = X.indicators.assign(usage_30=X.indicators["usage_30"].mask(here, np.inf))
        return replace(X, indicators=values)

    monkeypatch.setattr(Catalog, "measure", spoilt)
    shutil.rmtree(plan.parent / "out" / "runs")
    (plan.parent / "out" / "ledger.db").unlink()
    assert set(left(plan)) == set(calm)
    rows = pd.read_parquet(plan.parent / "out" / "current" / "scores.parquet").set_index("account_id")
    assert rows.at[gone, "score_reason"] == "cannot be reckoned: usage_30 is infinite"
    assert rows.at[other, "p90"] == scores.set_index("account_id").at[other, "p90"]
    capsys.readouterr()
    assert run(["explain", str(plan), "--account", other]) == 0
    assert other in capsys.readouterr().out


@pytest.mark.parametrize("sizes", [(7,), (1, 6), (3, 0, 3, 1), (0, 2, 2, 2, 1), (0,)])
def test_reasons_lie_in_groups_of_one_size_however_they_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sizes: tuple[int, ...]
) -> None:
    monkeypatch.setattr(columns, "AT_ONCE", 3)
    rows = pd.DataFrame({"account_id": [f"A{i}" for i in range(sum(sizes))], "rank": range(sum(sizes))})
    ends = np.cumsum(sizes).tolist()
    parts = [rows.iloc[end - size : end] for end, size in zip(ends, sizes, strict=True)]
    delivery._write_parts(parts, tmp_path / "parts.parquet")
    delivery._write_parts([rows], tmp_path / "whole.parquet")
    file = ParquetFile(tmp_path / "parts.parquet")
    groups = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
    assert groups == ([3, 3, 1] if sum(sizes) else groups)
    assert (tmp_path / "parts.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "parts.parquet"), rows)
