"""Performance before and after outcomes are known, and decay told from a programme that works."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from holdfast.findings import Finding
from holdfast.training.monitoring import Defeat, Effect, Monitor, defeat, performance
from holdfast.training.monitoring.monitor import defeated
from holdfast.training.monitoring.performance import expected_auc
from holdfast.training.treatment import Treatments
from tests.monitored import DAY

NAN = float("nan")
NOBODY = Treatments.of(pd.DataFrame({"account_id": [], "at": [], "helped": []}))


def test_the_auc_to_be_expected_is_the_share_of_pairs_in_order() -> None:
    # left at .2 or .8 with weight .2 and .8, stayed with .8 and .2: .8 x .8 in order, .2 x .8 + .8 x .2 tied
    assert expected_auc(np.array([0.2, 0.8])) == pytest.approx(0.64 + 0.32 / 2)


def test_what_is_expected_is_what_comes_of_true_probabilities() -> None:
    rng = np.random.default_rng(0)
    p = rng.beta(1, 5, 2_000)
    drawn = [roc_auc_score(rng.random(len(p)) < p, p) for _ in range(60)]
    assert expected_auc(p) == pytest.approx(np.mean(drawn), abs=3 * np.std(drawn) / np.sqrt(60))


def _cells(p: list[float], y: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"account_id": range(len(p)), "as_of": DAY, "horizon": 30, "p": p, "y": y})


def test_a_day_is_estimated_until_all_is_known_and_told_anew_when_something_comes_late() -> None:
    p, y = [0.1, 0.2, 0.8, 0.9] * 6, [0.0, 0.0, 1.0, 1.0] * 6
    early = performance(_cells(p, [*y[:-1], NAN])).iloc[0]
    assert (early["kind"], early["told"]) == ("estimated", pytest.approx(12.0))
    assert np.isnan(early["left"])
    assert early["auc"] == pytest.approx(expected_auc(np.array(p)))
    late = performance(_cells(p, y)).iloc[0]
    assert (late["kind"], late["left"], late["auc"]) == ("realised", 12.0, 1.0)
    reopened = performance(_cells(p, [1.0, *y[1:]])).iloc[0]
    assert reopened["left"] == 13.0
    assert reopened["auc"] == pytest.approx(roc_auc_score([1.0, *y[1:]], p))
    assert reopened["low"] < reopened["auc"] < reopened["high"]


def test_four_exits_rank_nothing() -> None:
    found = performance(_cells([0.5] * 20, [1.0] * 4 + [0.0] * 16)).iloc[0]
    assert np.isnan(found["auc"])
    assert found["left"] == 4.0


ACCOUNTS = 3_000


def _book(
    seed: int, *, helps: float = 1.0, decays: bool = False, by_risk: bool = True
) -> tuple[pd.DataFrame, Treatments]:
    """Draw one day of a book: those above a quarter are called mostly; help leaves so much of the risk."""
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 6, ACCOUNTS)
    ids = np.array([f"a{i}" for i in range(ACCOUNTS)])
    called = (rng.random(ACCOUNTS) < 0.7) & (p > 0.2) if by_risk else np.zeros(ACCOUNTS, bool)
    true = rng.permutation(p) if decays else p
    y = (rng.random(ACCOUNTS) < np.where(called, helps * true, true)).astype(float)
    rows = pd.DataFrame({"account_id": ids, "cutoff": DAY, "horizon": 60, "p": p, "y": y})
    log = pd.DataFrame({"account_id": ids[called], "at": DAY + pd.Timedelta(days=2), "helped": True})
    return rows, Treatments.of(log) if called.any() else NOBODY


def _proven(seed: int = 99) -> pd.DataFrame:
    return _book(seed, by_risk=False)[0]


def _told(seed: int, **how: bool | float) -> Defeat:
    rows, log = _book(seed, **how)  # type: ignore[arg-type]
    return defeat(rows, _proven(), log)


def test_a_working_programme_is_no_decay() -> None:
    found = _told(1, helps=0.3)
    assert found.verdict == "programme"
    assert [one.code for one in defeated(found)] == ["HF088"]
    rows = found.frame().set_index("group")
    assert rows.loc["treated", "ratio_high"] < 1 < rows.loc["untreated", "ratio_high"]
    assert "Assumption-based" in found.text()
    everybody = roc_auc_score(*_book(1, helps=0.3)[0][["y", "p"]].to_numpy().T)
    assert everybody < expected_auc(_book(1)[0]["p"].to_numpy()) - 0.05  # what a plain alarm would have seen


def test_decay_is_told_with_and_without_a_programme() -> None:
    for how in ({"decays": True}, {"decays": True, "helps": 0.3}, {"decays": True, "by_risk": False}):
        found = _told(2, **how)
        assert found.verdict == "decay", how
        assert [one.code for one in defeated(found)] == ["HF087"]


def test_calling_the_endangered_without_effect_is_neither() -> None:
    """Both groups rank worse than everybody together, since each holds accounts that are alike."""
    verdicts = [_told(seed).verdict for seed in range(12)]
    assert verdicts.count("holds") >= 10
    rows = _told(0).frame().set_index("group")
    assert rows["auc"].max() < expected_auc(_book(0)[0]["p"].to_numpy())


def test_a_promise_that_the_backtest_did_not_keep_either_is_no_decay() -> None:
    rows, past = _book(4, by_risk=False)[0], _proven()
    sure = [one.assign(p=one["p"] ** 2 / (one["p"] ** 2 + (1 - one["p"]) ** 2)) for one in (rows, past)]  # too sure
    assert defeat(sure[0], None, NOBODY).verdict == "decay"
    assert defeat(sure[0], sure[1], NOBODY).verdict == "holds"


def test_few_exits_tell_nothing() -> None:
    rows, log = _book(3)
    few = pd.concat([rows[rows["y"] == 1].head(19), rows[rows["y"] == 0]])
    assert defeat(few, None, NOBODY).verdict == "cannot tell"
    assert defeat(rows.head(0), None, log).verdict == "cannot tell"
    assert "Cannot tell" in defeat(few, None, NOBODY).text()
    assert list(defeated(defeat(few, None, NOBODY))) == []


def test_who_was_helped_later_in_the_window_stands_in_neither_group() -> None:
    rows = _cells([0.5] * 3, [0.0, 1.0, 0.0]).rename(columns={"as_of": "cutoff"}).assign(account_id=["a", "b", "c"])
    at = [DAY + pd.Timedelta(days=days) for days in (7, 8)]
    found = defeat(rows, None, Treatments.of(pd.DataFrame({"account_id": ["a", "b"], "at": at, "helped": True})))
    assert found.frame().set_index("group")["rows"].to_dict() == {"untreated": 1, "treated": 1}
    assert found.aside == 1


@pytest.mark.parametrize("horizon", [30, 90, 120, 365])
def test_help_inside_a_long_window_is_seen_though_it_is_over_when_the_window_ends(horizon: int) -> None:
    rows = _cells([0.5] * 3, [0.0, 1.0, 0.0]).rename(columns={"as_of": "cutoff"}).assign(account_id=["a", "b", "c"])
    at = [DAY + pd.Timedelta(days=days) for days in (8, horizon, horizon + 1)]
    log = Treatments.of(pd.DataFrame({"account_id": ["a", "b", "c"], "at": at, "helped": True}))
    found = defeat(rows.assign(horizon=horizon), None, log)
    assert found.aside == 2
    assert found.frame().set_index("group")["rows"].to_dict() == {"untreated": 1, "treated": 0}


def test_who_was_left_alone_by_lot_counts_as_nobody_helped() -> None:
    rows = _cells([0.5] * 2, [0.0, 1.0]).rename(columns={"as_of": "cutoff"}).assign(account_id=["a", "b"])
    log = pd.DataFrame({"account_id": ["a", "b"], "at": DAY, "helped": [True, False], "propensity": [0.5, 0.5]})
    found = defeat(rows, None, Treatments.of(log))
    assert found.identified
    assert found.frame().set_index("group")["rows"].to_dict() == {"untreated": 1, "treated": 1}


def test_the_monitor_tells_and_escapes() -> None:
    told = defeat(_book(3)[0].head(0), None, NOBODY)
    drift = pd.DataFrame(
        [{"sign": "<b>x", "kind": "spread", "distance": 0.2, "change": 0.1, "share": 0.2, "queue": 0.1, "bands": 0.0}]
    )
    findings = (Finding("HF081", "<b>x", 3, "moved"), Finding("HF082", "y", 1, "hardly"))
    days = performance(_cells([0.1, 0.2, 0.8, 0.9] * 6, [NAN] * 24))
    found = Monitor(DAY, "m1", findings, drift, Effect(0.1, 0.2, 0.1), days, told)
    assert found.text().startswith(
        "As of 2025-06-01, model m1: 1 finding. Drift, the greatest effect first: <b>x. Together:"
    )
    assert "Estimated, if the probabilities still hold, 30 days from 2025-06-01: AUC" in found.text()
    assert "<b>x" not in found._repr_html_()
    assert found.alarms
    assert not found.stops
    assert found.to_dict()["drift"][0]["sign"] == "<b>x"
    assert list(found.frame()["code"]) == ["HF081", "HF082"]
