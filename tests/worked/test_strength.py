"""How strong a reason is, the health score says of what it weighs, else the churn model, both of the log-hazard."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

import holdfast as hf
from holdfast.features.history import History
from holdfast.features.snapshot import Snapshot
from holdfast.models.explain import Explanation
from holdfast.models.health import HealthScore
from holdfast.models.points import health_points
from holdfast.models.strength import strengths
from holdfast.serving.drivers import _ranked, drivers, signs


@dataclass(frozen=True)
class Company:
    history: History
    now: Snapshot
    past: Snapshot
    why: Explanation
    health: HealthScore
    template: HealthScore


@pytest.fixture(scope="module")
def company() -> Company:
    history = hf.simulate(accounts=400, seed=6, months=26)
    days = hf.cutoffs(history, every="56d")
    X, y = hf.catalog.measure(history, days), hf.label(history, days)
    now, past, why = X.at(days[-1]), X.at(days[-3]), hf.ChurnModel().fit(X, y).explain(X.at(days[-1]))
    return Company(history, now, past, why, HealthScore().fit(X, y), HealthScore.template().fit(X, y))


def test_the_health_score_speaks_of_what_it_weighs_and_signs_that_move_along_support_each_other(
    company: Company,
) -> None:
    why, health = company.why, company.health
    assert health.learned
    told, points = strengths(why, health), health_points(health, company.now).contributions
    assert told.columns.equals(why.contributions.columns)
    own = why.contributions.copy()
    own[points.columns] = -points * np.log(2.0) / health.points_per_doubling
    assert len(own.columns) > len(points.columns) + 10
    row, seen = own.iloc[7], company.now.indicators.iloc[7].notna()
    reasons = [one for one in company.now.catalog if seen[one.name] and not one.calendar]
    assert not seen[signs(company.now.catalog)].all()
    for sign in reasons:
        alone = row[sign.name]
        together = sum(row[one.name] for one in reasons if one.name in why.companions[sign.name])
        support = min(0.3 * abs(together), abs(alone)) if alone * together > 0 else 0.0
        assert told.at[told.index[7], sign.name] == pytest.approx(alone + np.sign(alone) * support, abs=1e-12)
    assert any(why.companions[one.name] for one in reasons)
    silent = [name for name in own if name not in {one.name for one in reasons}]
    pd.testing.assert_series_equal(told.iloc[7][silent], row[silent])


def test_an_account_by_itself_is_told_the_same_strengths_as_among_others(company: Company) -> None:
    told = strengths(company.why, company.health)
    for place in range(0, len(told), 40):
        one = strengths(company.why.rows(np.arange(len(told)) == place), company.health)
        pd.testing.assert_frame_equal(one, told.iloc[[place]], check_exact=True)


def test_a_bundle_that_keeps_no_companions_tells_each_sign_by_itself(company: Company) -> None:
    bare = replace(company.why, companions={})
    told, own = strengths(bare, company.health), strengths(company.why, company.health)
    assert told.abs().le(own.abs() + 1e-12).all(axis=None)
    assert (told != own).any(axis=None)


def test_a_template_says_nothing(company: Company) -> None:
    for silent in (None, company.template):
        pd.testing.assert_frame_equal(strengths(company.why, silent), company.why.contributions)


def test_reasons_come_in_the_order_of_strength(company: Company) -> None:
    now, why = company.now, company.why
    ids = now.index.get_level_values("account_id")
    places = pd.DataFrame(50.0, index=ids, columns=signs(now.catalog))
    asked = ([why], now, company.past, company.history, ids, places)
    told, alone = drivers(*asked, company.health), drivers(*asked)
    for rows in (told, alone):
        for _, mine in rows.groupby(["account_id", "direction"], sort=False):
            assert mine["strength"].is_monotonic_decreasing
            assert (mine["strength"] >= 0).all()
        past = rows["code"].map({one.name: one.tells_past for one in now.catalog})
        assert past.any()
        assert rows.loc[past, "own_past"].isna().all()
        assert not rows.loc[past, "beside"].str.contains("days before").any()
        assert rows.loc[~past, "own_past"].notna().any()
    np.testing.assert_allclose(alone["strength"], alone["contribution"].abs())
    first, other = (one[one["rank"] == 1].set_index("account_id")["code"] for one in (told, alone))
    assert 0.1 < (first == other).mean() < 1.0
    account = str(first.index[(first != other).to_numpy()][0])
    raising = hf.reasons(why, account, company.history, company.health).raising
    assert raising["indicator"].iloc[0] == first[account]
    assert raising["strength"].is_monotonic_decreasing


def test_reasons_of_no_strength_come_by_their_contribution() -> None:
    told = pd.DataFrame(
        {
            "account_id": "A",
            "indicator": ["a", "b", "c"],
            "contribution": [0.1, 0.3, 0.2],
            "strength": [-0.1, -0.2, 0.4],
        }
    )
    assert _ranked(told.assign(group=told["indicator"]))["indicator"].tolist() == ["c", "b", "a"]
