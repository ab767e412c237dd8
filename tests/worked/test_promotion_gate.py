"""The gate, clause by clause: all pass in the plain case, each can fail alone, and each says when it cannot judge."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdfast.findings import Finding
from holdfast.training.champion import CHAMPION
from holdfast.training.promotion import Clause, Duel, Gate, Margins, clauses, compared, duel
from holdfast.training.promotion.duel import CHALLENGER, SINCE, WALKS

T = pd.Timestamp("2025-06-01", tz="UTC")
N = 800
HORIZONS = (30, 90)
ACCOUNTS = [f"A{i:03d}" for i in range(N)]
PROVEN = Finding("HF036", "indicators", 60, "60 indicators were told otherwise in 9 ways")
SAME = clauses.Interface((30, 90), {"kind": "notice", "grace_days": 14}, False, {"logins": "a1", "tickets": "b2"})
NONE = pd.DataFrame({name: [] for name in ("account_id", "cutoff", "horizon", "model", "p", "y")})


def truth() -> pd.DataFrame:
    """Four groups of 200 accounts, of which exactly as many left as the probability says; revenue and segment."""
    risk = np.repeat([0.05, 0.1, 0.3, 0.6], N // 4)
    place = np.tile(np.arange(N // 4), 4)
    left = (place < risk * N / 4).astype(float)
    facts = {"account_id": ACCOUNTS, "cutoff": T, "p": risk, "y": left}
    return pd.DataFrame({**facts, "arr": 100.0, "segment": np.where(np.arange(N) % 2, "small", "large")})


def walked(change: Callable[[pd.DataFrame, int], Any] | None = None) -> pd.DataFrame:
    """Predict the truth at both horizons, or what a change makes of it."""
    rows = truth()
    parts = [rows.assign(horizon=h, p=rows["p"] if change is None else change(rows, h)) for h in HORIZONS]
    return pd.concat(parts, ignore_index=True)


def metrics(ratio: float = 1.0, slope: float = 1.0, half: float = 0.1) -> pd.DataFrame:
    rows = [
        (h, name, value, value - half, value + half)
        for h in HORIZONS
        for name, value in (("ratio", ratio), ("slope", slope))
    ]
    return pd.DataFrame(rows, columns=["horizon", "metric", "value", "low", "high"])


def health(**bands: int) -> pd.Series:
    """So many accounts in each band, best first."""
    middle = {"green": 90.0, "yellow": 70.0, "orange": 50.0, "red": 20.0}
    return pd.Series(np.concatenate([np.full(n, middle[name]) for name, n in bands.items()]))


PLAIN: dict[str, Any] = {
    "findings": [PROVEN],
    "nulls": None,
    "events": 200,
    "again": False,
    "challenger": SAME,
    "walked": walked(),
    "before": walked(),
    "since": NONE,
    "arr": truth()["arr"],
    "metrics": metrics(),
    "counts": dict.fromkeys(HORIZONS, 200),
    "alike": 0.85,
    "old": health(green=40, yellow=30, orange=20, red=10),
    "new": health(green=40, yellow=30, orange=20, red=10),
    "margins": Margins(),
}


def gate(**changes: Any) -> Gate:
    """Ask everything, of the plain case but for what is changed."""
    case = PLAIN | changes
    margins, facts = case["margins"], truth().assign(arr=case["arr"]).set_index(["account_id", "cutoff"])
    both = duel(case["since"], case["walked"], case["before"], HORIZONS, seed=1)
    predicts = list(clauses.skill(both, margins))
    asked = [
        clauses.proofs(case["findings"], case["nulls"]),
        clauses.events(case["events"], margins.min_events),
        clauses.rolled_back(case["again"]),
        clauses.schema(SAME, case["challenger"]),
        *predicts,
        clauses.revenue(both, facts["arr"], margins),
        *clauses.calibration(case["metrics"], case["counts"], both, margins),
        clauses.segments(both, facts["segment"], margins),
        clauses.reasons(case["alike"], N, clauses.better(predicts, both), margins),
        *clauses.bands(case["old"], case["new"], margins),
    ]
    return Gate("new", "old", tuple(asked))


def failed(found: Gate) -> list[str]:
    return [f"{one.clause} {one.where}".strip() for one in found.clauses if one.verdict == "failed"]


def duller(rows: pd.DataFrame, horizon: int) -> Any:
    """At 30 days, half way to the mean on the log scale: much of what was known is gone."""
    return np.sqrt(rows["p"] * 0.2625) if horizon == 30 else rows["p"]


def swapped(rows: pd.DataFrame, _: int) -> Any:
    """Of the riskiest group those who leave are told a hair lower than those who stay."""
    return rows["p"] - np.where((rows["p"] == 0.6) & (rows["y"] == 1), 0.005, 0.0)


def higher(rows: pd.DataFrame, _: int) -> Any:
    """A hair further off than the champion."""
    return rows["p"] * 1.01


def at_odds(rows: pd.DataFrame, horizon: int) -> Any:
    """At 90 days, better for the large accounts, worse for the small ones."""
    sharper = np.where(rows["y"] == 1, np.sqrt(rows["p"]), rows["p"] * 0.6)
    return np.where(rows["segment"] == "large", sharper, np.sqrt(rows["p"] * 0.2)) if horizon == 90 else rows["p"]


ALONE: dict[str, tuple[list[str], dict[str, Any]]] = {
    "a law is broken": (["leakage"], {"findings": [PROVEN, Finding("HF032", "logins", 1, "reads the future")]}),
    "a sign ranks churn too well": (["leakage"], {"findings": [PROVEN, Finding("HF016", "left_at", 1, "AUC 0.99")]}),
    "a null test has failed": (
        ["leakage"],
        {"nulls": {"tests": [{"test": "exchanged", "horizon": 30, "passed": False}]}},
    ),
    "one event too few": (["events"], {"events": 19}),
    "rolled back before": (["rolled back"], {"again": True}),
    "another horizon": (["schema"], {"challenger": clauses.Interface((30, 60), SAME.churn, False, SAME.signs)}),
    "another churn": (["schema"], {"challenger": clauses.Interface((30, 90), {"kind": "silence"}, False, SAME.signs)}),
    "another clock": (["schema"], {"challenger": clauses.Interface((30, 90), SAME.churn, True, SAME.signs)}),
    "a sign is gone": (["schema"], {"challenger": clauses.Interface((30, 90), SAME.churn, False, {"logins": "a1"})}),
    "a sign means something else": (
        ["schema"],
        {"challenger": clauses.Interface((30, 90), SAME.churn, False, {**SAME.signs, "logins": "c3"})},
    ),
    "worse at one horizon": (["skill 30 days"], {"walked": walked(duller)}),
    "less revenue within capacity": (
        ["revenue caught 90 days"],
        {
            "walked": walked(swapped),
            "before": walked(lambda r, _: r["p"] + np.where((r["p"] == 0.6) & (r["y"] == 1), 0.005, 0)),
        },
    ),
    "tells too much": (
        ["calibration 30 days", "calibration 90 days"],
        {"metrics": metrics(ratio=1.4), "walked": walked(higher)},
    ),
    "tells too little": (
        ["calibration 30 days", "calibration 90 days"],
        {"metrics": metrics(ratio=0.6), "walked": walked(higher)},
    ),
    "too sure": (
        ["calibration 30 days", "calibration 90 days"],
        {"metrics": metrics(slope=0.6), "walked": walked(higher)},
    ),
    "one segment suffers": (["segments 90 days"], {"walked": walked(at_odds), "margins": Margins(revenue=0.1)}),
    "other reasons": (["reasons"], {"alike": 0.49}),
    "many change their band": (["bands"], {"new": health(green=14, yellow=56, orange=20, red=10)}),
    "more alerts": (["alerts"], {"new": health(green=40, yellow=24, orange=26, red=10)}),
}


def test_in_the_plain_case_every_clause_is_judged_and_passes() -> None:
    found = gate()
    assert {one.verdict for one in found.clauses} == {"passed"}, found.text()
    assert found.passed
    assert found.text() == f"All {len(found.clauses)} clauses let new through in place of old."


@pytest.mark.parametrize("name", ALONE)
def test_each_clause_can_fail_alone(name: str) -> None:
    expected, changes = ALONE[name]
    found = gate(**changes)
    assert failed(found) == expected, found.frame().to_string()
    assert not found.passed
    assert found.text().startswith("old stays in service: ")
    assert all(one.reason in found.text() for one in found.clauses if not one.passes)


@pytest.mark.parametrize(
    "changes",
    [
        {"events": 20},
        {"metrics": metrics(ratio=1.35)},  # its interval reaches down to 1.25
        {"metrics": metrics(ratio=1 / 1.25 - 0.1)},
        {"alike": 0.5},
        {"new": health(green=15, yellow=55, orange=20, red=10)},  # 25 of 100 change their band
        {"new": health(green=40, yellow=25, orange=25, red=10)},  # 5 of 100 more
        {"challenger": clauses.Interface((30, 90), SAME.churn, False, {**SAME.signs, "seats": "d4"})},  # one sign more
    ],
)
def test_what_lies_on_the_bound_passes(changes: dict[str, Any]) -> None:
    assert failed(gate(**changes)) == []


def fewer(rows: pd.DataFrame) -> pd.DataFrame:
    """Leave 49 accounts that left."""
    left = rows.loc[rows["y"] == 1, "account_id"].unique()[49:]
    return rows[~rows["account_id"].isin(left)]


UNJUDGED: dict[str, tuple[set[str], dict[str, Any]]] = {
    "too few left": ({"skill", "revenue caught", "segments"}, {"walked": fewer(walked())}),
    "no walk of the champion is stored": ({"skill", "revenue caught", "segments"}, {"before": NONE}),
    "too few left in its own test": ({"calibration"}, {"counts": dict.fromkeys(HORIZONS, 49)}),
    "no interval was drawn": ({"calibration"}, {"metrics": metrics(half=float("nan"))}),
    "nobody has reasons": ({"reasons"}, {"alike": float("nan")}),
    "a small book": ({"bands", "alerts"}, {"old": health(green=19), "new": health(red=19)}),
}


@pytest.mark.parametrize("name", UNJUDGED)
def test_what_cannot_be_judged_says_so_and_follows_its_default(name: str) -> None:
    expected, changes = UNJUDGED[name]
    found = gate(**changes)
    open_ = [one for one in found.clauses if one.verdict == "not judged"]
    assert {one.clause for one in open_} == expected
    assert all(one.reason for one in open_)
    assert found.passed
    assert "Not judged: " in found.text()
    strict = gate(**changes, margins=Margins(unjudged=False))
    assert {one.clause for one in strict.clauses if not one.passes} == expected


def test_signs_that_could_not_be_proven_hold_a_model_back() -> None:
    found = clauses.proofs([Finding("HF036", "indicators", 0, "nothing could be proven: no value")], None)
    assert (found.verdict, found.passes) == ("not judged", False)


def test_reasons_may_change_when_the_challenger_predicts_better_beyond_chance() -> None:
    blunt = walked(lambda rows, _: np.full(len(rows), 0.2625))
    found = gate(before=blunt, alike=0.2)
    assert found.passed, found.text()
    assert "since it predicts better" in next(one.reason for one in found.clauses if one.clause == "reasons")


def test_a_level_that_is_off_passes_where_the_champion_is_off_as_far() -> None:
    low = walked(lambda rows, _: rows["p"] * 0.5)
    off = metrics(ratio=0.5)
    assert failed(gate(metrics=off, walked=low)) != []
    found = gate(metrics=off, walked=low, before=low)
    assert found.passed, found.text()


def test_the_champion_is_judged_as_it_stands_once_enough_have_left_since_it_learned() -> None:
    later = walked().assign(cutoff=T + pd.Timedelta(days=200))
    since = pd.concat([later.assign(model="churn"), later.assign(model=CHAMPION)])
    both = duel(since, walked(), walked(), HORIZONS)
    assert both.grounds == dict.fromkeys(HORIZONS, SINCE)
    assert (both.rows["cutoff"] > T).all()
    few = duel(fewer(since), walked(), walked(), HORIZONS)
    assert few.grounds == dict.fromkeys(HORIZONS, WALKS)
    neither = duel(fewer(since), fewer(walked()), walked(), HORIZONS)
    assert neither.horizons == ()
    assert "49 since the champion learned and 49 in the walks forward of both accounts, and 50" in neither.why[30]


def test_skill_is_the_share_of_the_champions_log_loss_that_is_gone() -> None:
    """Half of the accounts left: a coin loses ln 2, and 3 to 1 on the right side loses ln 4/3."""
    left = np.repeat([1.0, 0.0], 100)
    rows = pd.DataFrame({"account_id": [f"B{i}" for i in range(200)], "cutoff": T, "horizon": 30, "y": left})
    told = [rows.assign(model=CHAMPION, p=0.5), rows.assign(model=CHALLENGER, p=0.25 + 0.5 * left)]
    gain = Duel(pd.concat(told, ignore_index=True), {30: SINCE}, {}).skill(pd.concat(told, ignore_index=True))
    assert gain.value == pytest.approx(1 - np.log(4 / 3) / np.log(2))
    assert gain.low == pytest.approx(gain.value)  # the same in every draw


def test_revenue_caught_is_what_the_same_number_of_calls_reaches() -> None:
    """One call: the champion reaches the 300 of b, the challenger the 100 of a; 400 left in all."""
    rows = pd.DataFrame({"account_id": ["a", "b", "c"], "cutoff": T, "horizon": 30, "y": [1.0, 1.0, 0.0]})
    told = [rows.assign(model=CHAMPION, p=[0.2, 0.5, 0.1]), rows.assign(model=CHALLENGER, p=[0.9, 0.2, 0.1])]
    both = pd.concat(told, ignore_index=True)
    arr = both["account_id"].map({"a": 100.0, "b": 300.0, "c": 100.0})
    assert Duel(both, {30: SINCE}, {}, 0).caught(both, arr, 1).value == pytest.approx(100 / 400 - 300 / 400)
    nothing = pd.Series(np.nan, index=both.index)  # then accounts count: one of two, by either
    assert Duel(both, {30: SINCE}, {}, 0).caught(both, nothing, 1).value == 0


def test_a_gate_is_read_back_as_it_was_written_and_shown_escaped() -> None:
    found = Gate("new", "old", (Clause.least("skill", 0.1, 0.2, "<b>worse</b>"), Clause.unjudged("bands", True, "few")))
    told = json.loads(json.dumps(found.to_dict()))
    assert Gate.from_dict(told).to_dict() == found.to_dict()
    assert "&lt;b&gt;worse" in found._repr_html_()
    assert list(found.frame()["verdict"]) == ["failed", "not judged"]


def test_without_a_champion_the_words_say_so() -> None:
    assert (
        Gate("new", "", (clauses.events(30, 20),)).text() == "All 1 clauses let new through; no model was in service."
    )
    assert Gate("new", "", (clauses.events(3, 20),)).text().startswith("No model is in service: 1 of 1 clauses")


def test_two_models_are_compared_figure_by_figure_on_the_rows_of_both() -> None:
    found = compared(walked(duller), walked().iloc[: 2 * N - 100])
    rows = found.frame().set_index(["figure", "horizon"])
    assert found.sizes["n"].tolist() == [N, N - 100]
    assert rows.loc[("log_loss", 30), "difference"] < 0
    assert rows.loc[("log_loss", 30), "high"] < 0
    assert rows.loc[("log_loss", 90), ["difference", "low", "high"]].tolist() == [0, 0, 0]
    assert rows.loc[("auc", 30), "difference"] == 0
    assert "log_loss at 30 days" in found.text()
    assert "log_loss at 90 days" not in found.text()


def test_models_that_were_never_tested_on_the_same_days_cannot_be_compared() -> None:
    other = walked().assign(cutoff=T + pd.Timedelta(days=28))
    assert compared(walked(), other).text() == "They were never tested on the same days, so nothing can be compared."
