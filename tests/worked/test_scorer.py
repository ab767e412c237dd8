"""A bundle as a function from rows to rows: what it says is what the models say of the snapshot, to the last bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from holdfast.errors import BundleError, UsageError
from holdfast.features.catalog import catalog
from holdfast.features.simulate import simulate
from holdfast.features.snapshot import Snapshot
from holdfast.features.time import cutoffs
from holdfast.models.churn import ChurnModel
from holdfast.models.health import HealthScore
from holdfast.serving.bundle import write_bundle
from holdfast.serving.tracking.scorer import Scorer, rows_of
from holdfast.training.labels import label
from tests.kept.make import HERE


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scorer, Snapshot, Path]:
    history, models = simulate(accounts=120, seed=3, months=18), tmp_path_factory.mktemp("scorer")
    days = cutoffs(history, "56d")
    y, X = label(history, days, (30, 90)), catalog.measure(history, days, (30, 90))
    health = HealthScore(min_coverage=0.5).fit(X, y.on(X.index))
    model = ChurnModel().fit(X, y.on(X.index))
    bundle = write_bundle(
        models, health, model, X, churn={"kind": "notice"}, learned_until=history.now, card="# Card\n"
    )
    return Scorer(bundle), X.at(X.cutoffs[-1]), models / bundle.version


def test_it_says_what_the_models_say(made: tuple[Scorer, Snapshot, Path]) -> None:
    scorer, X, folder = made
    rows = rows_of(X)
    told = Scorer.read({"bundle": str(folder)})(rows)
    assert told.columns.tolist() == ["health", "band", "alert_band", "p30", "p90"] == list(scorer.outputs)
    assert told.index.equals(rows.index)
    chances = scorer.bundle.model.predict_proba(X)
    pd.testing.assert_frame_equal(told[["p30", "p90"]], chances.add_prefix("p"), check_names=False, check_exact=True)
    pd.testing.assert_series_equal(told["health"], scorer.bundle.health.score(X), check_exact=True)
    assert set(scorer.inputs) == set(rows)


def test_rows_may_come_in_any_order_twice_and_with_more_columns(made: tuple[Scorer, Snapshot, Path]) -> None:
    scorer, X, _ = made
    rows = rows_of(X).reset_index()
    whole = scorer(rows)
    some = [5, 3, 3, 0]
    told = scorer(rows[rows.columns[::-1]].iloc[some])
    pd.testing.assert_frame_equal(told, whole.iloc[some])
    assert len(scorer(rows.head(0))) == 0


def test_the_days_of_decisions_count_where_they_are_told(made: tuple[Scorer, Snapshot, Path]) -> None:
    scorer, X, _ = made
    first = np.flatnonzero(np.isfinite(X.calendar.to_numpy(float)).any(axis=1))[0]
    days = X.calendar.to_numpy(float)[first]
    rows = rows_of(X)
    assert rows["calendar"].iloc[first] == " ".join(f"{day:.0f}" for day in days[np.isfinite(days)])
    decisions = {30: 1.0, 90: 0.0}
    row = rows.iloc[[first]].assign(**{f"decisions_{days}": n for days, n in decisions.items()})
    told, untold = scorer(row.assign(calendar="29 60")), scorer(row.assign(calendar=None))
    without = scorer(row.drop(columns="calendar"))
    pd.testing.assert_frame_equal(untold, without)
    exposure = pd.DataFrame(decisions, index=row.index)
    calendar = pd.DataFrame([[29.0, 60.0]], index=row.index)
    alone = replace(X.rows(X.index == row.index[0]), exposure=exposure, calendar=calendar)
    assert told["p30"].item() == scorer.bundle.model.predict_proba(alone)[30].item() != without["p30"].item()
    assert scorer(row.assign(calendar="")).equals(without)


def test_too_little_evidence_has_no_band(made: tuple[Scorer, Snapshot, Path]) -> None:
    scorer, X, _ = made
    told = scorer(rows_of(X).head(2).assign(coverage_all=[0.49, 0.5]))
    assert told["health"].isna().tolist() == [True, False]
    assert told["band"].iloc[0] == told["alert_band"].iloc[0] == "insufficient evidence"
    assert told["p90"].notna().all()


def test_what_is_missing_is_missing_and_texts_may_be_absent(made: tuple[Scorer, Snapshot, Path]) -> None:
    scorer, X, _ = made
    rows = rows_of(X).head(3)
    empty = rows.assign(**dict.fromkeys(scorer.bundle.catalog.names, np.nan), segment=None)
    told = scorer(empty)
    assert told["health"].isna().all()
    assert told["p90"].between(0, 1).all()
    assert scorer(empty.drop(columns="segment")).equals(told)


def test_columns_that_cannot_be_read_are_named(made: tuple[Scorer, Snapshot, Path]) -> None:
    scorer, X, _ = made
    rows = rows_of(X).head(2)
    name = scorer.bundle.catalog.names[0]
    for wrong, said in [
        (rows.drop(columns=[name, "arr"]), rf"none named arr, {name}|none named {name}, arr"),
        (rows.assign(**{name: np.inf}), f"infinite ones in {name}"),
        (rows.assign(**{name: "many"}), "expected numbers"),
        (rows.assign(calendar="soon"), "days such as"),
    ]:
        with pytest.raises(UsageError, match=said):
            scorer(wrong)


def test_a_bundle_of_indicators_of_your_own_needs_their_file() -> None:
    kept = next((HERE / "schema_1").iterdir())
    scorer = Scorer.read({"bundle": str(kept), "indicators": str(HERE / "signs.py")})
    assert list(scorer.inputs)[:3] == ["kept_visits", "kept_quiet", "kept_seats"]
    with pytest.raises(BundleError, match="the indicator kept_visits"):
        Scorer.read({"bundle": str(kept)})


def test_a_damaged_bundle_scores_nothing(made: tuple[Scorer, Snapshot, Path], tmp_path: Path) -> None:
    folder = tmp_path / made[2].name
    folder.mkdir()
    for one in made[2].iterdir():
        (folder / one.name).write_bytes(one.read_bytes().replace(b"0.1", b"0.2", 1))
    with pytest.raises(BundleError):
        Scorer.read({"bundle": str(folder)})
