"""Interventions: which rows they mark, what the others weigh, and that help is not mistaken for safety."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import holdfast as hf
from holdfast.errors import DataError, UsageError
from holdfast.features.simulate import simulate_frames
from holdfast.features.snapshot import INDEX, Snapshot
from holdfast.serving.learning import _untreated, examples, train
from holdfast.serving.opening import read_history
from holdfast.serving.plan import read_plan
from holdfast.serving.starter import write_simulation
from tests.outcome import Outcome

DAY = pd.Timestamp("2025-06-01", tz="UTC")
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def log(*rows: tuple[str, int, bool, float]) -> hf.Treatments:
    frame = pd.DataFrame(list(rows), columns=["account_id", "at", "helped", "propensity"])
    return hf.Treatments.of(frame.assign(at=DAY + pd.to_timedelta(frame["at"], unit="D")))


def index(*accounts: str) -> pd.MultiIndex:
    return pd.MultiIndex.from_product([accounts, [DAY]], names=INDEX)


def test_rows_under_an_intervention_are_marked_for_its_time() -> None:
    of = log(("a", -91, True, 0.5), ("b", -90, True, 0.5), ("c", -5, False, 0.5), ("d", 3, True, 0.5))
    assert of.active(index("a", "b", "c", "d", "e")).tolist() == [False, True, False, False, False]


def test_an_account_is_observed_until_it_is_helped_and_the_held_out_stand_for_the_helped() -> None:
    of = log(("helped", 40, True, 0.5), ("held", 40, False, 0.75), ("twice", 10, False, 0.5), ("twice", 70, False, 0.5))
    untreated = of.untreated(index("helped", "held", "twice", "never"), (30, 60, 90))
    assert untreated.identified
    assert untreated.weight.to_numpy().tolist() == [[1, 0, 0], [1, 4, 4], [2, 2, 4], [1, 1, 1]]
    assert "identified by chance, with 3 held out" in untreated.ground


def test_without_logged_odds_the_figures_are_labelled_as_an_assumption() -> None:
    of = log(("helped", 40, True, np.nan), ("held", 40, False, np.nan))
    untreated = of.untreated(index("helped", "held"), (30, 60))
    assert not untreated.identified
    assert untreated.weight.to_numpy().tolist() == [[1, 0], [1, 1]]
    assert "assumption-based" in untreated.ground


def test_a_wrong_log_is_refused() -> None:
    with pytest.raises(UsageError, match="propensity"):
        log(("a", 1, True, 1.5))
    with pytest.raises(UsageError, match="helped"):
        hf.Treatments.of(pd.DataFrame({"account_id": [], "at": [], "helpd": []}))
    for wrong, where in (({"helped": ["True"]}, "helped"), ({"helped": [None]}, "helped"), ({"at": ["soon"]}, "at")):
        told = {"account_id": ["a"], "at": ["2025-01-01"], "helped": [True]} | wrong
        with pytest.raises(UsageError, match=f"treatments, {where}"):
            hf.Treatments.of(pd.DataFrame(told))
    with pytest.raises(UsageError, match="treatments, days"):
        hf.Treatments.of(pd.DataFrame({"account_id": [], "at": [], "helped": []}), days=-5)
    with pytest.raises(UsageError, match="ascending"):
        log(("a", 1, True, 0.5)).untreated(
            pd.MultiIndex.from_arrays([["a"], [DAY]], names=["account_id", "cutoff"]), (90, 30)
        )
    X, y, _, _ = company(300)
    with pytest.raises(UsageError, match="horizons"):
        hf.ChurnModel().fit(X, y, untreated=log().untreated(X.index, (30,)))


def test_the_log_is_read_from_the_actions_of_a_history() -> None:
    at = [DAY, DAY, DAY, DAY]
    frame = pd.DataFrame({
        "account_id": ["a", "b", "c", "a"], "source_id": list("1234"), "occurred_at": at, "known_at": at,
        "kind": ["action", "action", "action", "note"], "playbook": ["rescue", "rescue", "other", "rescue"],
        "status": ["done", "holdout", "done", "done"], "score": [0.5, 0.5, np.nan, np.nan],
        "score_max": [1.0, 1.0, np.nan, np.nan],
    })  # fmt: skip
    accounts = pd.DataFrame({"account_id": ["a", "b", "c"], "valid_from": DAY, "known_at": DAY})
    history = hf.History.from_frames({"accounts": accounts, "touchpoints": frame}, end="2026-01-01")
    read = hf.Treatments.read(history)
    assert read.frame["account_id"].tolist() == ["a", "b"]
    assert read.frame["helped"].tolist() == [True, False]
    assert read.identified
    assert hf.Treatments.read(history, playbooks=["other"]).frame["account_id"].tolist() == ["c"]
    assert not hf.Treatments.read(history, playbooks=["other"]).identified
    assert len(read.until("2025-05-01")) == 0


def company(accounts: int, seed: int = 0) -> tuple[Snapshot, Outcome, hf.Treatments, np.ndarray]:
    """Draw a book in which four in five of those with little use are helped at once, which takes their risk away."""
    rng = np.random.default_rng(seed)
    rows = pd.MultiIndex.from_product([[f"A{i:05d}" for i in range(accounts)], [DAY]], names=INDEX)
    use = rng.uniform(size=accounts)
    low = use < 0.3
    helped = low & (rng.random(accounts) < 0.8)
    risk = np.where(low, 0.5, 0.1)
    when = np.where(rng.random(accounts) < np.where(helped, 0.02, risk), rng.uniform(5, 90, accounts), np.inf)
    event = np.column_stack([when <= h for h in (30, 60, 90)]).astype(float)
    X = Snapshot(
        indicators=pd.DataFrame({"use": use, "other": rng.normal(size=accounts)}, index=rows),
        context=pd.DataFrame(index=rows),
        exposure=pd.DataFrame(0.0, index=rows, columns=[30, 60, 90]),
        coverage=pd.DataFrame({"all": 1.0}, index=rows),
        catalog=(),
    )
    ids = rows.get_level_values(0)[low]
    decided = hf.Treatments.of(
        pd.DataFrame({"account_id": ids, "at": DAY + pd.Timedelta(days=1), "helped": helped[low], "propensity": 0.8})
    )
    return X, Outcome(pd.DataFrame(event, index=rows, columns=[30, 60, 90])), decided, low


def test_help_is_not_mistaken_for_safety() -> None:
    X, y, decided, low = company(6_000)
    naive = hf.ChurnModel().fit(X, y).predict_proba(X)[90][low].mean()
    model = hf.ChurnModel().fit(X, y, untreated=decided.untreated(X.index, (30, 60, 90)))
    aware = model.predict_proba(X)[90][low].mean()
    assert naive < 0.25
    assert aware == pytest.approx(0.5, abs=0.08)
    assert any("identified by chance" in one for one in model.notes)


def test_the_plan_asks_for_the_risk_without_help(tmp_path: Path) -> None:
    folder = write_simulation(tmp_path / "book", 250, 3, 20)
    text = folder.read_text()
    quick = "[backtest]\naudits = false\nbootstrap = 20\nretrain_every = 50\n[tracking]\nenabled = false\n"
    folder.write_text(f'{text}\n[model]\nrisk = "without_help"\n{quick}')
    plan = read_plan(folder)
    trained = train(plan, read_history(plan, NOW), NOW)
    assert any("identified by chance" in one for one in trained.bundle.model.notes)
    bare = {name: table for name, table in simulate_frames(120, 3, 20)[0].items() if name != "touchpoints"}
    X, y = examples(plan, of := hf.History.from_frames(bare, end="2026-01-01"))
    with pytest.raises(DataError, match="interventions"):
        _untreated(plan, of, X, y)
