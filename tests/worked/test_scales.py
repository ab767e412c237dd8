"""One score on several scales, S001, S070, S072, S080 and S085; and a risk that is never taken for a health, S125."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import UsageError
from holdfast.models.bands import ACTION, ALERT, BandPolicy
from holdfast.models.health import HealthScore
from holdfast.models.polarity import ERRORS, both_names, polarity_of
from holdfast.models.scales import GRADES, percentile, scales
from tests.outcome import Outcome
from tests.signs import SIGNS, snapshot

COLOUR = {"A": "green", "B": "green", "C": "yellow", "D": "orange", "E": "red", "F": "red"}


@pytest.mark.parametrize(
    ("floor", "grade", "worse"), [(90, "A", "B"), (80, "B", "C"), (60, "C", "D"), (40, "D", "E"), (20, "E", "F")]
)
def test_s072_every_letter_begins_at_its_floor(floor: float, grade: str, worse: str) -> None:
    below = float(np.nextafter(floor, 0))
    assert (GRADES.of(floor).name, GRADES.of(below).name) == (grade, worse)
    assert GRADES.of(100).name == "A"
    assert GRADES.of(0).name == "F"


@pytest.mark.parametrize(
    ("policy", "floors", "names"),
    [
        (ACTION, (80, 60, 40), ("green", "yellow", "orange", "red")),
        (ALERT, (75, 60, 40), ("healthy", "warning", "at_risk", "critical")),
    ],
    ids=["s080", "s085"],
)
def test_both_policies_at_every_boundary(policy: BandPolicy, floors: tuple[float, ...], names: tuple[str, ...]) -> None:
    for floor, better, worse in zip(floors, names[:-1], names[1:], strict=True):
        edge = pd.Series([np.nextafter(floor, 0), floor, np.nextafter(floor, 100)])
        assert policy.names_of(edge).tolist() == [worse, better, better]
    assert policy.names_of(pd.Series([0.0, 100.0])).tolist() == [names[-1], names[0]]
    assert policy.polarity == "health"


@given(st.floats(0, 100))
def test_s001_no_scale_contradicts_another_and_each_leads_back(score: float) -> None:
    told = scales(pd.Series([score])).iloc[0]
    assert told["health"] == score
    assert told["colour"] == COLOUR[told["grade"]]
    again = scales(pd.Series([float(told["percent"].removesuffix(" %"))])).iloc[0]  # whoever reads no more than that
    assert again[["colour", "grade", "percent"]].equals(told[["colour", "grade", "percent"]])
    assert score in ACTION[told["colour"]]
    assert score in GRADES[told["grade"]]


def test_s001_a_score_that_is_missing_is_on_no_scale() -> None:
    told = scales(pd.Series([np.nan, 50.0], index=["gone", "there"])).loc["gone"]
    assert told[["colour", "grade", "percent"]].tolist() == ["", "", ""]
    assert told[["health", "percentile"]].isna().all()
    assert scales(pd.Series([], dtype=float)).empty


def test_s072_the_percentile_is_the_share_of_the_others_below_and_half_of_those_level() -> None:
    of = percentile(pd.Series([10.0, 50.0, 50.0, 90.0, np.nan]))
    assert of.tolist()[:4] == pytest.approx([0, 0.5, 0.5, 1])
    assert np.isnan(of[4])
    assert percentile(pd.Series([30.0] * 4)).tolist() == [0.5] * 4
    assert percentile(pd.Series([30.0, np.nan])).isna().all()  # nobody to compare with


@given(st.lists(st.floats(0, 100), min_size=2, max_size=20))
def test_s072_percentiles_keep_the_order_and_average_a_half(scores: list[float]) -> None:
    given_scores = pd.Series(scores)
    place = percentile(given_scores)
    assert place.between(0, 1).all()
    assert place.mean() == pytest.approx(0.5)
    assert place.rank().equals(given_scores.rank())


def test_s070_a_fifth_is_green_and_a_fifth_red_on_the_rows_that_were_learned_from() -> None:
    # Bands are absolute; the mix 20/60/20 holds where the anchors were set, and drifts with the book from there on.
    rng = np.random.default_rng(3)
    values = {one.name: rng.random(1_000).tolist() for one in SIGNS}
    X = snapshot(values)
    left = (rng.random(1_000) < np.exp(-1 - 2 * X.indicators["answers"])).astype(float)
    health = HealthScore(alphas=(5.0,)).fit(X, Outcome(pd.DataFrame({30: left})))
    assert health.learned
    colour = ACTION.names_of(health.score(X)).value_counts(normalize=True)
    assert colour["green"] == pytest.approx(0.2, abs=0.005)
    assert colour["red"] == pytest.approx(0.2, abs=0.005)


@pytest.mark.parametrize("name", ["p30", "p60", "p90", "p90_high", "P90", "risk", "churn_risk", "probability", 30, 90])
def test_a_risk_is_refused_where_a_health_is_asked_for(name: str | int) -> None:
    for policy in (ACTION, ALERT, GRADES):
        with pytest.raises(UsageError, match=r"expected health, where high is good.*where high is bad"):
            policy.names_of(pd.Series([0.4], name=name))
    with pytest.raises(UsageError, match="expected health"):
        scales(pd.Series([0.4], name=name))


@pytest.mark.parametrize("name", ["health", "score", None, "product", "plan", "p", 0, "delta_health_30"])
def test_other_names_are_taken_at_their_word(name: str | int | None) -> None:
    assert ACTION.names_of(pd.Series([60.0], name=name)).tolist() == ["yellow"]


def test_a_policy_of_risks_refuses_healths() -> None:
    risky = BandPolicy(("high", "low"), (50.0,), polarity="risk")
    assert risky.names_of(pd.Series([70.0], name="risk")).tolist() == ["high"]
    with pytest.raises(UsageError, match=r"expected risk, where high is bad.*'health'"):
        risky.names_of(pd.Series([70.0], name="health"))


def test_s125_a_false_positive_of_a_health_is_a_false_negative_of_a_risk() -> None:
    healthy, leaving = ERRORS["left although held healthy"], ERRORS["stayed although held at risk"]
    assert (healthy["health"], healthy["risk"]) == ("false positive", "false negative")
    assert (leaving["health"], leaving["risk"]) == ("false negative", "false positive")
    assert "false negative of a health score, false positive of a risk" in both_names("stayed although held at risk")
    assert polarity_of("health") == "health"
