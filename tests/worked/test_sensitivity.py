"""Sensitivity, S069: one weight moves a level, the others stay; what that does to order and bands, by hand."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from holdfast.models.bands import ACTION, ALERT
from holdfast.models.health import HealthScore
from holdfast.models.sensitivity import sensitivity
from holdfast.models.template import Template
from tests.outcome import Outcome
from tests.signs import SIGNS, sign, snapshot

NAN = float("nan")
SEGMENTS = Template.from_dict(
    {
        "name": "by",
        "version": "1",
        "author": "t",
        "levels": {"mood": "low"},
        "segments": {"smb": {"dimensions": {"product": 100}}},
    }
)
FOUR = Template.from_dict({"name": "w", "version": "1", "author": "t", "weights": {"answers": 0.75, "payment": 0.25}})


def book(n: int = 40, seed: int = 0) -> dict[str, list[float]]:
    rng = np.random.default_rng(seed)
    table = rng.random((n, len(SIGNS)))
    table[rng.random(table.shape) < 0.15] = NAN
    return {one.name: table[:, k].tolist() for k, one in enumerate(SIGNS)}


def test_s069_one_move_by_hand() -> None:
    # medium to high: logins 4 of 6 parts of 40 instead of 2 of 4
    values = {"logins": [1.0, 0.0], "recency": [1.0, 1.0], "answers": [1.0, 1.0], "mood": [1, 1], "payment": [0.7, 1.0]}
    X = snapshot(values)
    health = HealthScore.template()
    assert health.score(X).tolist() == pytest.approx([91, 80])
    found = sensitivity(health, X)
    assert found.accounts == 2
    row = found.frame().set_index(["indicator", "to"]).loc[("logins", "high")]
    assert row["level"] == "medium"
    assert row["weight"] == pytest.approx(20)
    assert row["largest_move"] == pytest.approx(40 / 6)  # the second: 80 to 73.3
    assert (row["band_changes"], row["better"], row["worse"]) == (1, 0, 1)
    assert row["bands"] == "green to yellow 1"
    assert row["rank_correlation"] == pytest.approx(1)


def test_s069_every_sign_goes_to_each_other_level() -> None:
    template = Template.from_dict({"name": "l", "version": "1", "author": "t", "levels": {"mood": "none"}})
    rows = sensitivity(HealthScore.template(template), snapshot(book())).frame()
    moves = rows.groupby("indicator")["to"].agg(set).to_dict()
    assert moves["mood"] == {"low", "medium", "high"}
    assert all(moves[name] == {"none", "low", "high"} for name in ("logins", "recency", "answers", "payment"))


@pytest.mark.parametrize("template", ["40-30-30", SEGMENTS], ids=["all", "segments"])
def test_s069_each_move_is_what_scoring_with_the_moved_template_gives(template: str | Template) -> None:
    X = snapshot(book(), segment=["smb", "mid"] * 20)
    health = HealthScore.template(template, min_coverage=0)
    before = health.score(X)
    kept = before.notna()
    rows = sensitivity(health, X, ALERT).frame()
    assert len(rows) == 3 * len(SIGNS)
    for row in rows.to_dict("records"):
        moved = HealthScore.template(health.start.moved(row["indicator"], row["to"]), min_coverage=0)
        after = moved.score(X).where(kept)
        both = kept & after.notna()
        told = ALERT.names_of(before)[both] != ALERT.names_of(after)[both]
        if both.sum() < kept.sum():
            continue  # the move leaves an account with nothing that weighs: told below
        assert row["largest_move"] == pytest.approx((after - before).abs().max(), abs=1e-9)
        assert row["band_changes"] == told.sum() == row["better"] + row["worse"]
        assert row["rank_correlation"] == pytest.approx(spearmanr(before[both], after[both]).statistic)


def test_s069_where_weights_were_learned_one_is_halved_doubled_or_dropped() -> None:
    rng = np.random.default_rng(1)
    X = snapshot({one.name: rng.random(800).tolist() for one in SIGNS})
    left = (rng.random(800) < np.exp(-0.5 - 2 * X.indicators["answers"])).astype(float)
    health = HealthScore(alphas=(5.0,)).fit(X, Outcome(pd.DataFrame({30: left})))
    rows = sensitivity(health, X).frame().set_index(["indicator", "to"])
    assert set(rows.index.get_level_values("to")) == {"none", "halved", "doubled"}
    assert (rows["level"] == "").all()
    w, curved = health.weights_, X.curved()[health.weights_.index]
    doubled = w * np.where(w.index == "answers", 2, 1)
    after = health.anchors.points((curved @ (doubled / doubled.sum())).to_numpy())
    row, before = rows.loc[("answers", "doubled")], health.score(X)
    assert row["weight"] == pytest.approx(100 * w["answers"])
    assert row["largest_move"] == pytest.approx(np.abs(after - before).max())
    changed = ACTION.names_of(pd.Series(after)).to_numpy() != ACTION.names_of(before).to_numpy()
    assert row["band_changes"] == changed.sum() > 0
    assert rows["band_changes"].is_monotonic_decreasing


def test_weights_sign_by_sign_move_by_halves_too() -> None:
    rows = sensitivity(HealthScore.template(FOUR, min_coverage=0), snapshot(book())).frame()
    assert set(rows["indicator"]) == {"answers", "payment"}
    assert set(rows["to"]) == {"none", "halved", "doubled"}


def test_who_has_no_score_is_left_out_and_nobody_gives_no_rows_of_meaning() -> None:
    values = {one.name: [0.5, 0.9, NAN] for one in SIGNS}
    found = sensitivity(HealthScore.template(), snapshot(values))
    assert found.accounts == 2
    nobody = sensitivity(HealthScore.template(), snapshot({one.name: [NAN] for one in SIGNS}))
    assert nobody.accounts == 0
    assert (nobody.frame()["band_changes"] == 0).all()


def test_who_would_lose_the_score_is_counted_and_moves_nowhere() -> None:
    values = {one.name: [0.9, 0.9, 0.9] for one in SIGNS} | {"answers": [0.9, NAN, 0.1], "mood": [0.9] * 3}
    only = {name: one if name == "payment" else [one[0], NAN, one[2]] for name, one in values.items()}
    rows = sensitivity(HealthScore.template(min_coverage=0), snapshot(only)).frame().set_index(["indicator", "to"])
    dropped = rows.loc[("payment", "none")]
    assert dropped["unscored"] == 1
    assert dropped["largest_move"] < 60
    assert rows.loc[("payment", "high"), "unscored"] == 0


def test_a_tie_for_all_has_no_order_to_compare() -> None:
    rows = sensitivity(HealthScore.template(), snapshot({one.name: [0.5, 0.5] for one in SIGNS})).frame()
    assert rows["rank_correlation"].isna().all()
    assert (rows["largest_move"] < 1e-9).all()


@pytest.mark.parametrize("edge", [0.4, 0.6, 0.8])
def test_on_the_edge_of_a_band_the_same_score_summed_otherwise_changes_no_band(edge: float) -> None:
    rows = sensitivity(HealthScore.template(), snapshot({one.name: [edge] for one in SIGNS})).frame()
    assert rows["band_changes"].sum() == 0


def test_a_hundred_signs_and_ten_thousand_accounts_take_seconds() -> None:
    rng = np.random.default_rng(0)
    many = tuple(sign(f"s{k}", ("product", "relationship", "business")[k % 3]) for k in range(100))
    X = snapshot({one.name: rng.random(10_000).tolist() for one in many}, catalog=many)
    started = time.perf_counter()
    assert len(sensitivity(HealthScore.template(), X).frame()) == 300
    assert time.perf_counter() - started < 30
