"""The holdout: what a backtest never sees, and what is opened once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from holdfast.errors import UsageError
from holdfast.training.backtest import backtest
from holdfast.training.holdout import Holdout
from tests.worked.test_backtest import BASELINES, Reads, company

MODELS = {"oracle": Reads("hint"), **BASELINES}


def test_a_backtest_sees_nothing_of_the_holdout() -> None:
    X, y = company()
    kept = Holdout()
    begins = kept.begins(y)
    assert begins is not None
    left = kept.keep(y)
    settled = left.resolved_at[left.frame.notna()].max().max()
    assert settled <= begins
    assert (left.event_at.dropna() <= begins).all()
    result = backtest(MODELS, X, y, holdout=kept, bootstrap=5, progress=False)
    assert (result.frame()["cutoff"] < begins).all()
    known = result.frame().dropna(subset="y")
    waits = pd.to_timedelta(known["horizon"] + y.churn.settlement_days, unit="D")
    assert (known["cutoff"] + waits <= begins).all()


def test_the_block_is_the_last_that_is_settled_at_the_longest_horizon() -> None:
    X, y = company()
    kept = Holdout(cutoffs=4)
    result = kept.open(MODELS, X, y, bootstrap=5)
    longest = y.frame[90].dropna().index.get_level_values("cutoff").unique().sort_values()
    assert result.cutoffs[0] == longest[-4]
    assert (result.frame()["trained_at"] == longest[-4]).all()
    np.testing.assert_array_equal(kept.opened, result.cutoffs)


def test_it_is_opened_once_and_remembered(tmp_path: Path) -> None:
    X, y = company()
    register = tmp_path / "models" / "holdout.json"
    first = Holdout(register).open(MODELS, X, y, bootstrap=5)
    told = json.loads(register.read_text())["opened"]
    assert told[0]["verdict"] == first.verdict
    again = Holdout(register)
    with pytest.raises(UsageError, match="settled cutoffs that nobody has seen, found the last one was opened, until"):
        again.open(MODELS, X, y, bootstrap=5)
    assert again.keep(y) is y  # what was seen may be tested on as anything else
    assert json.loads(register.read_text())["opened"] == told


def test_when_time_has_passed_there_is_a_new_block(tmp_path: Path) -> None:
    X, y = company()
    early = y.rows(np.asarray(y.frame.index.get_level_values("cutoff") < y.cutoffs[-8]))
    register = tmp_path / "holdout.json"
    first = Holdout(register).open(MODELS, X.rows(X.index.isin(early.frame.index)), early, bootstrap=5)
    second = Holdout(register).begins(y)
    assert second is not None
    assert second > first.cutoffs[-1]


def test_a_damaged_register_is_refused(tmp_path: Path) -> None:
    (tmp_path / "holdout.json").write_text('{"opened": [{}]}')
    with pytest.raises(UsageError, match="a damaged file"):
        Holdout(tmp_path / "holdout.json")
    with pytest.raises(UsageError, match="1 or more"):
        Holdout(cutoffs=0)
