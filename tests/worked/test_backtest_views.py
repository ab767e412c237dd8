"""What a backtest tells beyond its metrics, on predictions whose answers are known by counting."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from holdfast.errors import DataError, UsageError
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.snapshot import Snapshot
from holdfast.training.bootstrap import draw_accounts, interval, ratios
from holdfast.training.by_group import by_group
from holdfast.training.capacity import capacity
from holdfast.training.champion import CHAMPION, Champion, since_champion
from holdfast.training.green_churn import green_churn
from holdfast.training.metrics import ece, ece_floor
from holdfast.training.observed_bands import ALARMED, MISSED, observed_bands
from holdfast.training.profit import Offer, profit
from holdfast.training.trajectory import EDGES, trajectory
from holdfast.training.views import calibration_frame, lead_time_frame, lift_frame
from tests.signs import sign

mpl.use("Agg")
START = pd.Timestamp("2024-01-01", tz="UTC")
STANDS = pd.date_range(START, periods=6, freq="30D")


@dataclass(frozen=True)
class Told:
    """The part of a backtest that the views read."""

    predictions: pd.DataFrame
    facts: pd.DataFrame

    def frame(self) -> pd.DataFrame:
        return self.predictions


def told(accounts: list[dict[str, Any]], horizon: int = 90) -> Told:
    """One model ``health``; each account has a name, scores by cutoff, and the day after the start on which it left."""
    rows, facts = [], []
    for one in accounts:
        left = START + pd.Timedelta(days=one["left"]) if "left" in one else pd.NaT
        for cutoff, score in zip(STANDS, one["scores"], strict=False):
            if score is None or cutoff >= left:
                continue
            y = float(left <= cutoff + pd.Timedelta(days=horizon)) if not pd.isna(left) else 0.0
            seen = one.get("seen", True)
            rows.append((one["name"], cutoff, horizon, "health", 1 - score / 100, y, float(score), seen))
            segment, decisions = one.get("segment", "smb"), one.get("decisions", 1)
            facts.append((one["name"], cutoff, segment, "annual", one.get("arr", 100.0), left, decisions))
    names = ["account_id", "cutoff", "horizon", "model", "p", "y", "health", "seen"]
    long = pd.DataFrame(rows, columns=names).astype({"model": "category"})
    beside = ["account_id", "cutoff", "segment", "contract", "arr", "event_at", f"decisions_{horizon}"]
    table = pd.DataFrame(facts, columns=beside).set_index(["account_id", "cutoff"]).sort_index()
    table["event_at"] = pd.to_datetime(table["event_at"], utc=True)
    return Told(long, table)


def crowd(n: int, score: float, prefix: str = "s", **more: Any) -> list[dict[str, Any]]:
    return [{"name": f"{prefix}{place:03d}", "scores": [score] * 6, **more} for place in range(n)]


def test_bands_are_counted_and_both_errors_have_both_names() -> None:
    book = [
        *crowd(10, 90), *crowd(10, 30, "r"),
        {"name": "gone1", "scores": [30, 30, 30], "left": 75},
        {"name": "gone2", "scores": [90, 85, 82], "left": 75},
    ]  # fmt: skip
    made = told(book)
    seen = observed_bands(made.predictions, made.facts)
    by = seen.rows.set_index("band")
    assert by.loc["red", ["rows", "churned"]].tolist() == [63, 3]
    assert by.loc["green", ["rows", "churned"]].tolist() == [63, 3]
    assert by.loc["red", "rate"] == pytest.approx(3 / 63)
    assert by.loc["red", "per_decision"] == pytest.approx(3 / 63)
    assert math.isnan(by.loc["yellow", "rate"])
    assert not by["inverted"].any()
    errors = seen.errors.set_index("error")
    assert errors.loc[MISSED, ["share", "of"]].tolist() == [0.5, 2]
    assert errors.loc[ALARMED, "share"] == pytest.approx(60 / 63)
    words = seen.text("health")
    assert "false positive of a health score, false negative of a risk" in words
    assert seen.text("unknown") == ""
    json.dumps(seen.to_dict(), allow_nan=False)


def test_intervals_of_bands_reach_as_far_as_the_few_that_left_allow() -> None:
    gone = [{"name": f"g{i}", "scores": [30, 30], "left": 45} for i in range(4)]
    made = told([*crowd(40, 30, "r"), *gone])
    row = observed_bands(made.predictions, made.facts).rows.set_index("band").loc["red"]
    code, weights = draw_accounts(made.predictions["account_id"], 200, 0)
    y = made.predictions["y"].to_numpy()
    drawn = ratios(y, np.ones(len(y)), code, weights)
    assert row[["low", "high"]].tolist() == [one[0] for one in interval(drawn[1:, None], evidence=4)]


def test_a_band_from_which_more_leave_than_from_the_next_worse_is_flagged() -> None:
    gone = [{"name": f"g{i:03d}", "scores": [90] * 3, "left": 75, "segment": "smb"} for i in range(40)]
    made = told([*gone, *crowd(10, 90), *crowd(60, 70, "y")])
    by = observed_bands(made.predictions, made.facts).rows.set_index("band")["inverted"]
    assert by["green"]
    assert not by["yellow"]


def test_the_path_of_those_that_left_is_set_against_their_like() -> None:
    falling = [{"name": f"g{i:02d}", "scores": [80, 70, 60, 50, 40], "left": 149 + i % 2} for i in range(12)]
    other = crowd(5, 10, "e", segment="enterprise")  # nobody's like
    path = trajectory(*_parts(told([*falling, *crowd(5, 75), *other])))
    by = path.rows.set_index("from_day")
    assert by["health"].reindex([0, 30, 60, 90]).tolist() == [40, 50, 60, 70]
    assert by["stayed"].dropna().unique().tolist() == [75]
    assert by.loc[0, "difference"] == -35
    assert by.loc[0, "low"] == by.loc[0, "high"] == -35
    assert path.text("health").startswith(
        "Beside comparable accounts that stayed, those that left stood 35 points lower (35 to 35) 0 to 30 days, 25"
    )
    ax = path.plot()
    assert ax.get_xlim() == (EDGES[-1], 0)
    assert path.plot(ax) is ax
    import matplotlib.pyplot as plt

    plt.close("all")
    json.dumps(path.to_dict(), allow_nan=False)


def _parts(made: Told) -> tuple[pd.DataFrame, pd.DataFrame]:
    return made.predictions, made.facts


def test_too_few_are_not_told() -> None:
    path = trajectory(*_parts(told([{"name": "g", "scores": [80, 40], "left": 45}, *crowd(5, 75)])))
    assert path.rows["low"].isna().all()
    assert path.text("health") == ""


def test_groups_are_measured_inside_and_refused_when_they_are_small() -> None:
    rng = np.random.default_rng(0)
    big = [
        {"name": f"a{i:03d}", "scores": [score] * 2, "seen": bool(i % 10), "decisions": i % 2}
        | ({"left": 31 + i % 28} if rng.random() < 1 - score / 100 else {})
        for i, score in enumerate(rng.uniform(5, 95, 400))
    ]
    small = [{"name": f"e{i}", "scores": [50], "segment": "enterprise", "left": 40} for i in range(5)]
    made = told([*big, *small])
    groups = by_group(made.predictions, made.facts, ["health"], replicates=20)
    table = groups.table()
    assert 0.7 < table.loc[("segment", "smb", 90), "health"].iloc[0] < 0.95
    assert set(table.index.get_level_values("group")) >= {
        "a decision ahead",
        "no decision ahead",
        "learned from before",
    }
    refused = groups.refused().set_index("group")
    assert refused.loc["enterprise", "why"] == "accounts with the rarer outcome: 0, and 50 are needed"
    assert "never seen" in refused.index
    within = made.predictions[made.predictions["account_id"].str.startswith("a")]
    sizes = groups.rows[(groups.rows["group"] == "smb") & (groups.rows["metric"] == "auc")]
    assert sizes["n"].tolist() == [len(within)]
    json.dumps(groups.to_dict(), allow_nan=False)


def test_the_held_curve_counts_days_without_a_gap() -> None:
    book = [
        {"name": "early", "scores": [5, 5, 5, 5, 5], "left": 140},  # listed 140 days
        {"name": "dropped", "scores": [10, 10, 10, 90, 95], "left": 141},  # listed, then not
        *crowd(8, 90),
    ]
    made = told(book)
    found = capacity(made.predictions, made.facts, 2)
    curve = found.curve[found.curve["by"] == "p"].set_index("days")
    assert curve.loc[[0, 120, 140], "share"].tolist() == [0.5, 0.5, 0.5]
    assert curve.loc[150, "share"] == 0
    assert found.value("health", "dropped") == 0.5
    assert found.burden(2, "health") == found.value("health", "alerts_per_week") / 2
    assert found.value("health", "alerts_per_week") > 0


def test_profit_is_that_of_the_published_example() -> None:
    # the example of empulse's documentation for EMPC, read as one cutoff
    y = [0, 1, 0, 1, 0, 1, 0, 1]
    p = [0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9]
    long = pd.DataFrame({"account_id": [f"a{i}" for i in range(8)], "cutoff": START, "horizon": 90, "model": "m"})
    long = long.assign(p=p, y=y).astype({"model": "category"})
    arr = pd.Series(100.0, index=pd.MultiIndex.from_frame(long[["account_id", "cutoff"]]))
    found = profit(long, arr, Offer(years=2.0, incentive=0.05, contact=1.0))
    assert found.rows.loc[0, "empc"] == pytest.approx(23.8756, abs=1e-3)
    assert "30% of those about to leave accept" in found.text()
    with pytest.raises(DataError, match="accounts with ARR that left"):
        profit(long.assign(y=0.0), arr)
    with pytest.raises(UsageError, match="Offer"):
        Offer(years=0)


def test_models_stand_side_by_side_on_the_rows_that_all_of_them_predicted() -> None:
    rng = np.random.default_rng(2)
    book = [
        {"name": f"a{i:03d}", "scores": [*rng.uniform(5, 95, 6)]} | ({"left": 15 + i} if i < 170 else {})
        for i in range(300)
    ]
    made = told(book)
    late = made.predictions[made.predictions["cutoff"] > STANDS[0]].assign(model="late")  # too few events at first
    long = pd.concat([made.predictions.astype({"model": str}), late]).astype({"model": "category"})
    arr = made.facts["arr"]
    tables = [
        profit(long, arr).frame(),
        capacity(long, made.facts).frame(),
        capacity(long, made.facts).curve,
        observed_bands(long, made.facts).frame(),
        observed_bands(long, made.facts).errors,
        trajectory(long, made.facts).frame(),
        lift_frame(long),
        calibration_frame(long),
        lead_time_frame(long, made.facts["event_at"]),
    ]
    for table in tables:
        one, other = (table[table["model"] == name].drop(columns="model") for name in ("health", "late"))
        assert len(one)
        pd.testing.assert_frame_equal(one.reset_index(drop=True), other.reset_index(drop=True))
    alone = capacity(made.predictions, made.facts).frame()
    pd.testing.assert_frame_equal(alone, capacity(long[long["model"] == "health"], made.facts).frame())


def test_models_that_share_no_row_are_not_told_of() -> None:
    made = told([*crowd(5, 90), {"name": "gone", "scores": [30, 30], "left": 45}])
    early = made.predictions["cutoff"] == STANDS[0]
    long = made.predictions.assign(model=np.where(early, "one", "other")).astype({"model": "category"})
    assert capacity(long, made.facts).frame().empty
    assert capacity(long, made.facts).text("one") == ""
    assert observed_bands(long, made.facts).frame().empty
    assert trajectory(long, made.facts).frame().empty
    with pytest.raises(DataError, match="accounts with ARR that left"):
        profit(long, made.facts["arr"])
    json.dumps(capacity(long, made.facts).to_dict(), allow_nan=False)


class Fixed:
    """A champion that says what it is told."""

    def __init__(self, p: pd.Series) -> None:
        self.p = p

    def predict_proba(self, X: Snapshot) -> pd.DataFrame:
        return pd.DataFrame({90: self.p.reindex(X.index)})


class Reading(Fixed):
    """A model that refuses signs it has not learned from."""

    def predict_proba(self, X: Snapshot) -> pd.DataFrame:
        assert list(X.indicators) == ["old"]
        return super().predict_proba(X)


def bare(index: pd.MultiIndex) -> Snapshot:
    empty = pd.DataFrame(index=index)
    return Snapshot(empty, empty, pd.DataFrame(1.0, index=index, columns=[90]), empty, ())


def test_a_champion_is_judged_only_after_it_learned() -> None:
    rng = np.random.default_rng(1)
    book = [
        {"name": f"a{i:03d}", "scores": [score] * 4} | ({"left": 95 + i % 30} if rng.random() < 1 - score / 100 else {})
        for i, score in enumerate(rng.uniform(5, 95, 300))
    ]
    made = told(book)
    X = bare(pd.MultiIndex.from_frame(made.predictions[["account_id", "cutoff"]]))
    blind = Fixed(pd.Series(0.5, index=X.index))
    found = since_champion(made, Champion("v1", blind, STANDS[2]), X, ["health"], replicates=50)  # type: ignore[arg-type]
    rows = found.rows.set_index("model")
    assert rows.loc[CHAMPION, "auc"] == 0.5
    assert rows.loc["health", "difference"] == pytest.approx(rows.loc["health", "auc"] - 0.5)
    assert rows.loc["health", "n"] == (made.predictions["cutoff"] >= STANDS[2]).sum()
    assert found.text().endswith("at 90 days the learned health score better.")
    late = since_champion(made, Champion("v2", blind, STANDS[-1]), X, ["health"])  # type: ignore[arg-type]
    more = replace(X, indicators=pd.DataFrame({"old": 1.0, "new": 1.0}, index=X.index))
    knows = Champion("v1", Reading(blind.p), STANDS[2], signs=("old",))
    assert since_champion(made, knows, more, ["health"], replicates=50).rows.equals(found.rows)  # type: ignore[arg-type]
    assert late.rows.empty
    assert "cannot be compared" in late.text()
    json.dumps([found.to_dict(), late.to_dict()], allow_nan=False)


def test_green_churn_names_what_looked_well_and_what_spoke() -> None:
    catalog = (sign("use", "product"), sign("mood", "relationship"))
    gone = [{"name": f"g{i:02d}", "scores": [85], "left": 20} for i in range(12)]
    made = told([*gone, *crowd(12, 85), {"name": "red", "scores": [10], "left": 20}])
    index = pd.MultiIndex.from_frame(made.predictions[["account_id", "cutoff"]])
    left = index.get_level_values(0).str.startswith("g")
    values = pd.DataFrame({"use": 1.0, "mood": np.where(left, 0.0, 1.0)}, index=index)
    empty = pd.DataFrame(index=index)
    X = Snapshot(values, empty, pd.DataFrame(1.0, index=index, columns=[90]), empty, catalog)
    found = green_churn(made, X)  # type: ignore[arg-type]
    assert len(found.accounts) == 12
    assert found.left == 13
    by = found.signs.set_index("indicator")
    assert by.loc["use", ["fine", "fine_stayed"]].tolist() == [1, 1]
    assert by.loc["mood", ["warned", "warned_stayed"]].tolist() == [1, 0]
    assert found.text().startswith("12 of 13 accounts (92%) left although held healthy (false positive of a health")
    assert "Signs that warned in them though the score did not:" in found.text()
    json.dumps(found.to_dict(), allow_nan=False)
    few = green_churn(told([{"name": "g", "scores": [85], "left": 20}, *crowd(3, 85)]), X)  # type: ignore[arg-type]
    assert "too few to say which signs" in few.text()


def test_green_churn_lists_as_silent_only_what_looked_well_in_half() -> None:
    def told_of(catalog: tuple[Indicator, ...]) -> str:
        gone = [{"name": f"g{i:02d}", "scores": [85], "left": 20} for i in range(12)]
        made = told([*gone, *crowd(12, 85)])
        index = pd.MultiIndex.from_frame(made.predictions[["account_id", "cutoff"]])
        number = index.get_level_values(0).str[-2:].astype(int)
        values = pd.DataFrame({"use": 1.0, "mood": np.where(number < 5, 1.0, 0.0)}, index=index)
        empty = pd.DataFrame(index=index)
        names = [one.name for one in catalog]
        X = Snapshot(values[names], empty, pd.DataFrame(1.0, index=index, columns=[90]), empty, catalog)
        return green_churn(made, X).text()  # type: ignore[arg-type]

    use, mood = sign("use", "product"), sign("mood", "relationship")
    assert f"Signs that looked well to the end: {use.title} (100%" in told_of((use, mood))
    assert f"{mood.title} (42%" not in told_of((use, mood))
    for catalog in ((mood,), ()):
        assert told_of(catalog).endswith("No sign looked well to the end in half of them.")


def test_the_noise_floor_holds_what_true_probabilities_show() -> None:
    rng = np.random.default_rng(0)
    p = rng.beta(1, 15, 4_000)
    floor = ece_floor(p)
    errors = np.array([ece((rng.random(4_000) < p).astype(float), p) for _ in range(200)])
    assert 0.9 <= (errors <= floor).mean() <= 0.99
    assert math.isnan(ece_floor([]))
