"""Signs that say the same are one reason, and nothing is lost by telling them so."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import holdfast as hf
from holdfast.features.snapshot import Snapshot
from holdfast.models.explain import Explanation
from holdfast.models.groups import by_group, companions, group_signs
from tests.outcome import Outcome
from tests.signs import sign


def rows(seed: int, accounts: int = 900) -> tuple[Snapshot, Outcome]:
    """Draw accounts with three independent signs, the first of them twice over."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(accounts, 3))
    index = pd.MultiIndex.from_arrays(
        [[f"A{i:04d}" for i in range(accounts)], [pd.Timestamp("2025-01-01", tz="UTC")] * accounts],
        names=["account_id", "cutoff"],
    )
    frame = pd.DataFrame(
        {"use": x[:, 0], "again": x[:, 0] + 0.05 * rng.normal(size=accounts), "talk": x[:, 1], "pay": x[:, 2]}
    )
    hazard = np.exp(-1.5 - x[:, 0] - 0.3 * x[:, 1])
    event = (rng.random(accounts) < -np.expm1(-hazard)).astype(float)
    X = Snapshot(
        indicators=frame.set_axis(index),
        context=pd.DataFrame(index=index),
        exposure=pd.DataFrame(0.0, index=index, columns=[30]),
        coverage=pd.DataFrame({"all": 1.0}, index=index),
        catalog=tuple(sign(name, "product") for name in frame),
    )
    return X, Outcome(pd.DataFrame({30: event}, index=index))


def test_copies_are_grouped_and_independent_signs_are_not() -> None:
    X, _ = rows(0)
    assert group_signs(X) == {"use": "again", "again": "again", "talk": "talk", "pay": "pay"}
    opposite = replace(X, indicators=X.indicators.assign(again=-X.indicators["again"]))
    assert group_signs(opposite)["use"] == "again"
    apart = replace(X, catalog=tuple(sign(name, "business" if name == "again" else "product") for name in X.indicators))
    assert group_signs(apart)["again"] == "again"


def test_signs_that_move_along_are_companions_in_whatever_dimension_but_dates_agreed_on_are_not() -> None:
    X, _ = rows(0)
    x = X.indicators
    X = replace(X, indicators=x.assign(pay=x["pay"] + 0.7 * x["use"], talk=x["talk"] + 0.3 * x["use"]))
    apart = replace(X, catalog=tuple(sign(name, "business" if name == "pay" else "product") for name in x))
    assert companions(apart) == {"again": ("pay", "use"), "pay": ("again", "use"), "talk": (), "use": ("again", "pay")}
    opposite = replace(X, indicators=X.indicators.assign(pay=-X.indicators["pay"]))
    assert companions(opposite) == companions(apart)
    date = replace(hf.catalog["days_to_renewal"], name="use")
    dated = replace(X, catalog=tuple(date if one.name == "use" else one for one in X.catalog))
    assert companions(dated) == {"again": ("pay",), "pay": ("again",), "talk": (), "use": ()}
    gone = replace(X, indicators=X.indicators.assign(use=np.nan, again=1.0))
    assert companions(gone) == dict.fromkeys(("again", "pay", "talk", "use"), ())


def test_gaps_and_constants_make_no_group() -> None:
    X, _ = rows(0)
    bare = X.indicators.assign(use=np.nan, again=np.nan, talk=1.0)
    assert len(set(group_signs(replace(X, indicators=bare)).values())) == 4
    assert group_signs(X.rows(np.zeros(len(X), dtype=bool))) == {name: name for name in X.indicators}


def explained(seed: int) -> Explanation:
    X, y = rows(seed)
    return hf.ChurnModel().fit(X, y).explain(X)


def test_sums_by_group_are_the_contributions_and_steadier_than_the_copies() -> None:
    first, second = explained(1), explained(2)
    for why in (first, second):
        np.testing.assert_allclose(why.groups().sum(axis=1), why.contributions.sum(axis=1), atol=1e-12)
        assert set(why.groups()) == {"again", "talk", "pay"}
    size = [one.groups().abs().mean() for one in (first, second)]
    assert size[0]["again"] == pytest.approx(size[1]["again"], rel=0.25)
    assert size[0].idxmax() == size[1].idxmax() == "again"


def test_a_group_is_told_by_the_member_that_points_its_way() -> None:
    parts = pd.DataFrame(
        {
            "account": ["A", "A", "A", "B", "B"],
            "indicator": ["x", "y", "z", "x", "y"],
            "group": ["x", "x", "z", "x", "x"],
            "contribution": [-0.5, 0.9, 0.1, -0.3, 0.1],
            "strength": [0.3, 0.2, -0.1, -0.2, 0.1],
        }
    )
    told = by_group(parts, "account").set_index(["account", "group"])
    assert told.loc[("A", "x"), "indicator"] == "x"  # the stronger one, both models taken together
    assert told.loc[("A", "x"), "contribution"] == pytest.approx(0.4)
    assert told.loc[("A", "x"), "strength"] == pytest.approx(0.5)
    assert told.loc[("A", "z"), "strength"] == 0.0  # the health score says the contrary
    assert told.loc[("B", "x"), "indicator"] == "x"
    assert told.loc[("B", "x"), "strength"] == pytest.approx(0.1)  # of the way down
    assert told.loc[("B", "x"), "others"] == ("y",)
    assert by_group(parts.head(0), "account").empty
