"""Reasons that a refit turns around are found out; copies that take turns are not mistaken for them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import holdfast as hf
from holdfast.errors import TooFewEvents
from holdfast.features.history import History
from holdfast.features.snapshot import Snapshot
from holdfast.models.churn import ChurnModel
from holdfast.models.explain import Explanation
from holdfast.models.health import HealthScore
from holdfast.training.labels import Labels
from holdfast.training.stability import FLOOR, likeness, stability


@pytest.fixture(scope="module")
def company() -> tuple[History, Snapshot, Labels, ChurnModel]:
    history = hf.simulate(accounts=400, seed=6, months=26)
    days = hf.cutoffs(history, every="56d")
    X, y = hf.catalog.measure(history, days), hf.label(history, days)
    return history, X, y, ChurnModel().fit(X, y)


def test_the_same_model_is_like_itself(company: tuple[History, Snapshot, Labels, ChurnModel]) -> None:
    why = company[3].explain(company[1].at(company[1].cutoffs[-1]))
    assert likeness(why, why) == {
        "top_3": 1.0,
        "signs": 1.0,
        "first": 1.0,
        "ranks": pytest.approx(1.0),
        "families": 1.0,
    }


def exchanged(why: Explanation, one: str, other: str) -> Explanation:
    """Let two signs take turns."""
    parts = why.contributions.copy()
    parts[[one, other]] = parts[[other, one]].to_numpy()
    return replace(why, contributions=parts, base=why.base)


def test_copies_that_take_turns_count_as_one(company: tuple[History, Snapshot, Labels, ChurnModel]) -> None:
    why = company[3].explain(company[1].at(company[1].cutoffs[-1]))
    n = len(why.g)
    parts = pd.DataFrame(0.0, index=why.contributions.index, columns=why.contributions.columns)
    pair = ["usage_30", "active_users"]
    lead = why.sources["group"][pair[0]]
    sources = why.sources.assign(group=why.sources["group"].where(~why.sources.index.isin(pair), lead))
    parts["usage_30"], parts["goals_behind"], parts["csat"], parts["budget"] = 1.0, 0.8, 0.6, 0.4
    plain = replace(why, contributions=parts, sources=sources, base=0.0, g=parts.sum(axis=1))
    turned = exchanged(plain, *pair)
    told = likeness(plain, turned)
    assert n > 50
    assert told["top_3"] == told["first"] == 1.0
    assert told["signs"] == pytest.approx(0.5)  # two of three shared, of four in all
    other = exchanged(plain, "usage_30", "meetings")
    assert likeness(plain, other)["top_3"] == pytest.approx(0.5)


def test_other_accounts_and_the_month_before_are_compared(
    company: tuple[History, Snapshot, Labels, ChurnModel],
) -> None:
    _, X, y, model = company
    now = X.at(X.cutoffs[-1])
    found = stability(model, X, y, now, samples=2)
    assert found.frame()["against"].tolist() == ["other accounts", "other accounts", "a month earlier"]
    assert found.accounts == len(now)
    assert found.frame()[["top_3", "signs", "first"]].to_numpy().min() > 0
    assert found.rows["top_3"].iloc[-1] > FLOOR
    assert found.steady == (found.overlap >= FLOOR)
    again = stability(model, X, y, now, samples=2)
    pd.testing.assert_frame_equal(found.rows, again.rows)


def test_beside_a_health_score_reasons_are_compared_as_they_are_served(
    company: tuple[History, Snapshot, Labels, ChurnModel],
) -> None:
    _, X, y, model = company
    now, health = X.at(X.cutoffs[-1]), HealthScore().fit(X, y)
    settled = y.known(y.end - pd.Timedelta(days=28))
    some = settled.frame.notna().any(axis=1).to_numpy()
    rows, known = X.rows(some), settled.rows(some)
    other, before = ChurnModel().fit(rows, known), HealthScore().fit(rows, known)
    assert health.learned
    assert before.learned
    found = stability(model, X, y, now, health=health, samples=0).rows.iloc[0]
    expected = likeness(model.explain(now), other.explain(now), (health, before))
    assert found.drop("against").to_dict() == expected
    alone = stability(model, X, y, now, samples=0).rows.iloc[0]
    assert found["top_3"] != alone["top_3"]


def test_too_few_events_in_every_part_are_refused(company: tuple[History, Snapshot, Labels, ChurnModel]) -> None:
    _, X, y, model = company
    calm = y.rows((y.frame != 1).all(axis=1).to_numpy())
    with pytest.raises(TooFewEvents, match="stability"):
        stability(model, X.rows(np.asarray((y.frame != 1).all(axis=1))), calm, X.at(X.cutoffs[-1]), month=False)
