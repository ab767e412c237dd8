"""What is expected of a contract before any data: the same risk in a year, whatever its term."""

from typing import Any

import numpy as np
import pytest

import holdfast as hf
from holdfast.models.encoding import CONTRACT, Encoding
from holdfast.models.terms import expected_difference
from tests.planted import NEVER, book, company, leave


def _few(seed: int, kind: str = "notice") -> tuple[Any, Any]:
    """Draw 60 accounts, half of them yearly, that leave at a seventh of their year's decisions, however many."""
    who = book(60, seed)
    sign = np.random.default_rng(seed).poisson(5.0, 60).astype(float)
    left = leave(who, np.where(who.yearly, 0.14, 1 - 0.86 ** (1 / 12)), seed + 1)
    return company(who, left, {"login_days": sign}, kind)


def _contracts(encoding: Encoding) -> dict[str, float]:
    return {one.level: one.expected for one in encoding.columns if one.source == CONTRACT}


def test_twice_the_term_is_twice_the_risk() -> None:
    assert expected_difference("half-yearly", "quarterly") == expected_difference("multi-year", "annual") == np.log(2.0)
    assert expected_difference("annual", "monthly") == -expected_difference("monthly", "annual") == np.log(12.0)


def test_a_yearly_decision_counts_twelve_where_few_left() -> None:
    """By the few exits alone the ratio would be anything: nobody of one kind may have left."""
    for seed in range(6):
        X, y = _few(seed)
        model = hf.ChurnModel().fit(X, y)
        assert model.events_ < 30
        of = {one.level: one for one in model.encoding_.columns if one.source == CONTRACT}
        assert len(of) == 1
        (level, column), sign = next(iter(of.items())), {"annual": 1.0, "monthly": -1.0}
        place = model.encoding_.columns.index(column)
        apart = sign[level] * model.members_.ridge.coef[place] / column.scale
        assert np.log(4.0) < apart < np.log(30.0)


def test_where_many_left_the_data_decide() -> None:
    """Here all decisions are alike, so that a monthly contract has twelve times the risk of a yearly one."""
    who = book(900, 0)
    left = leave(who, np.full(900, 0.05), 1)
    X, y = company(who, left, {"login_days": np.random.default_rng(0).poisson(5.0, 900).astype(float)})
    model = hf.ChurnModel().fit(X, y)
    column = next(one for one in model.encoding_.columns if one.source == CONTRACT)
    assert model.members_.ridge.coef[model.encoding_.columns.index(column)] / column.scale == pytest.approx(0, abs=0.15)


def test_nothing_is_expected_where_the_event_comes_with_no_decision() -> None:
    X, y = _few(0)
    assert set(_contracts(Encoding.fit(X)).values()) == {0.0}
    assert 0.0 not in _contracts(hf.ChurnModel().fit(X, y).encoding_).values()
    plain = X.context.assign(logins=X.indicators["login_days"].to_numpy()).reset_index(drop=True)
    known = y.frame[30].fillna(0.0).to_numpy()
    assert set(_contracts(hf.ChurnModel().fit(plain, known).encoding_).values()) == {0.0}
    grown = company(book(60, 0), np.where(np.arange(60) < 20, 100, NEVER), {"login_days": np.ones(60)}, "expansion")
    assert set(_contracts(hf.ExpansionModel().fit(*grown).encoding_).values()) == {0.0}
