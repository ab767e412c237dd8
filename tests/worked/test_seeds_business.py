"""What the product was asked for, S050 to S058: goals, return, budget, talks about more, contract, payment, growth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdfast.features.catalog import catalog
from holdfast.features.snapshot import MEASURED, MISSING, NOT_APPLICABLE
from tests.tiny import Rows, ago, assert_bands, below, history, measured, points, rows, said, states, value, values


def goal(name: str, account: str = "a", since: float = 300, **columns: Any) -> Rows:
    return rows("goals", [since], account, **{"goal_id": f"{account} {name}", "kind": "goal"} | columns)


def bill(*days: float, account: str = "a", **columns: Any) -> Rows:
    named = {"invoice_id": [f"{account} {day:g}" for day in days]}
    return rows("invoices", days, account, **named | columns)


def contract(account: str = "a", since: float = 400, **columns: Any) -> Rows:
    return rows("subscriptions", [since], account, **{"subscription_id": f"{account} {since:g}"} | columns)


def deal(kind: str, account: str = "a", since: float = 100, **columns: Any) -> Rows:
    return rows("deals", [since], account, **{"deal_id": f"{account} {kind} {since:g}", "kind": kind} | columns)


def talk(*days: float, account: str = "a", kind: str = "expansion", **columns: Any) -> Rows:
    return rows("touchpoints", days, account, kind=kind, **columns)


PROGRESS = {
    "costs down by 20 %: half of the way": (100, 80, 90, 0.5),
    "costs down by 20 %: there": (100, 80, 80, 1.0),
    "costs down by 20 %: further": (100, 80, 70, 1.5),
    "costs down by 20 %: they went up": (100, 80, 110, 0.0),
    "productivity up by 15 %": (100, 115, 109, 0.6),
    "half a million of revenue, from nothing": (None, 500_000, 600_000, 1.2),
    "a change stated as such": (None, -20, -5, 0.25),
    "one goal far surpassed does not outweigh all others": (0, 100, 900, 2.0),
}


def test_s050_progress_is_the_way_from_baseline_to_target() -> None:
    of = history(
        goals=[
            goal("g", name, baseline=baseline, target=target, actual=actual)
            for name, (baseline, target, actual, _) in PROGRESS.items()
        ]
    )
    expected = {name: progress for name, (*_, progress) in PROGRESS.items()}
    assert values(of, "goal_progress") == pytest.approx(expected)


def test_s050_goals_reached_and_behind_of_those_stated() -> None:
    of = history(
        goals=[
            goal("cost", baseline=100, target=80, actual=79, status="achieved"),
            goal("time", baseline=10, target=20, actual=12, status="behind"),
            goal("revenue", baseline=0, target=500_000, actual=250_000, status="on track"),
            goal("go-live", kind="milestone", status="reached"),
            goal("go-live", "milestones only", kind="milestone", status="reached"),
        ]
    )
    assert value(of, "goals_reached") == pytest.approx(1 / 3)
    assert value(of, "goals_behind") == pytest.approx(1 / 3)
    assert value(of, "goal_progress") == pytest.approx((1.05 + 0.2 + 0.5) / 3)
    assert np.isnan(value(of, "goals_reached", "milestones only"))
    assert said(of, "goals_reached") == "Goals reached: 1 of 3"
    assert said(of, "goal_progress").startswith("Goals have come 58% of the way")


def test_s050_progress_is_read_as_it_was_known() -> None:
    of = history(
        goals=[
            goal("cost", since=300, baseline=100, target=80, actual=100, status="on track"),
            goal("cost", since=100, baseline=100, target=80, actual=90, status="on track"),
            goal("cost", since=-5, baseline=100, target=80, actual=80, status="reached"),
        ]
    )
    assert [value(of, "goal_progress", at=day) for day in (200, 0, -5)] == [0, 0.5, 1]
    assert value(of, "goal_progress_change") == 0.5
    assert value(of, "goals_reached") == 0
    assert points("goal_progress", 0, 0.5, 0.8, 1, 1.2) == [0, 45, 70, 95, 100]


def test_s051_outcomes_have_a_direction_and_no_figure_of_their_own() -> None:
    directions = {name: catalog[name].healthy for name in ("goals_reached", "goal_progress", "goals_behind")}
    assert directions == {"goals_reached": "high", "goal_progress": "high", "goals_behind": "low"}
    assert all("S051" in catalog[name].seeds for name in directions)
    of = history(
        goals=[
            goal("one", "achieved", status="achieved"),
            goal("one", "behind", status="behind"),
            goal("one", "on track", status="on track"),
        ]
    )
    reached, behind = values(of, "goals_reached"), values(of, "goals_behind")
    assert reached == {"achieved": 1, "behind": 0, "on track": 0}
    assert behind == {"achieved": 0, "behind": 1, "on track": 0}
    assert points("goals_reached", 1)[0] > points("goals_reached", 0)[0]
    assert points("goals_behind", 0)[0] > points("goals_behind", 1)[0]


def test_s052_return_bands_are_half_open() -> None:
    assert_bands("roi_multiple", (0, 1, 0, 39), (1, 3, 40, 89), (3, 10, 90, 100))
    assert points("roi_multiple", 0, below(1), 1, below(3), 3, 5) == pytest.approx([0, 39, 40, 89, 90, 100])


def test_s052_delivered_value_over_product_cost() -> None:
    multiples = {"struggles": 0.999, "pays": 1, "just not safe": 2.999, "safe": 3}
    of = history(
        goals=[
            goal(part, name, value_delivered=500 * one) for name, one in multiples.items() for part in ("one", "two")
        ],
        invoices=[bill(10, 364, 365, account=name, amount=[400, 600, 5_000]) for name in multiples],
    )
    assert values(of, "roi_multiple") == multiples
    struggles, pays, just_not, safe = points("roi_multiple", *multiples.values())
    assert struggles < 40 <= pays < just_not < 90 <= safe
    assert said(of, "roi_multiple", "safe") == "3,000 delivered is 3.0 times the 1,000 invoiced in the last 365 days"


def test_s052_without_cost_it_does_not_apply_and_without_value_it_is_missing() -> None:
    of = history(
        goals=[
            goal("one", "free", value_delivered=500),
            goal("one", "untold", value_delivered=None),
            goal("one", "nothing", value_delivered=0),
        ],
        invoices=[bill(10, account="untold", amount=100), bill(10, account="nothing", amount=100)],
    )
    assert states(of, "roi_multiple") == {"free": NOT_APPLICABLE, "untold": MISSING, "nothing": MEASURED}
    assert value(of, "roi_multiple", "nothing") == 0


def test_s052_an_invoice_that_was_voided_is_no_cost() -> None:
    of = history(
        goals=goal("one", value_delivered=3_000),
        invoices=bill(30, 20, amount=1_000, voided_at=[ago(20), None]),
    )
    assert value(of, "roi_multiple") == 3


def test_s053_a_budget_of_its_own_or_fought_for() -> None:
    of = history(
        deals=[
            deal("renewal", budget_status="dedicated", budget_amount=100),
            deal("other", since=90, budget_status="contested", budget_amount=20),
            deal("renewal", "none", budget_status="none", budget_amount=0),
            deal("renewal", "untold", budget_status=None, amount=5),
        ]
    )
    assert values(of, "budget_dedicated") == {"a": 0.5, "none": 0, "untold": pytest.approx(np.nan, nan_ok=True)}
    assert states(of, "budget_dedicated")["untold"] == NOT_APPLICABLE
    assert points("budget_dedicated", 0, 0.5, 1) == [25, 60, 100]
    assert said(of, "budget_dedicated") == "Deals with a budget of their own: 1 of 2"


def test_s053_a_budget_that_covers_the_contract() -> None:
    of = history(
        subscriptions=[contract("a", mrr=10), contract("b", mrr=10)],
        deals=[deal("other", "a", budget_amount=180), deal("other", "b", budget_amount=60)],
    )
    assert values(of, "budget_cover") == {"a": 1.5, "b": 0.5}
    assert points("budget_cover", 0.5, 0.9, 1.1, 1.5) == [10, 50, 70, 100]
    assert said(of, "budget_cover") == "The budget is 180 for 120 a year"


def test_s053_a_growing_budget_is_healthy_and_its_size_alone_says_nothing() -> None:
    def budget(account: str, before: float, now: float) -> list[Rows]:
        steps = ((300, before), (60, now))
        return [deal("other", account, since, deal_id=account, budget_amount=amount) for since, amount in steps]

    of = history(deals=[*budget("growing", 100, 150), *budget("shrinking", 100, 50), *budget("level", 100, 100)])
    change = values(of, "budget_change")
    assert change == {"growing": 1.5, "shrinking": 0.5, "level": 1}
    assert points("budget_change", 0.5)[0] < points("budget_change", 1)[0] < points("budget_change", 1.5)[0]
    assert catalog["budget_change"].healthy == "high"
    assert catalog["budget"].curve is None


def test_s054_talks_about_more_how_often_in_what_mood_and_how_long_ago() -> None:
    of = history(
        touchpoints=[
            talk(10, 100, 170, account="growing", sentiment=[0.6, 0.2, np.nan]),
            talk(181, 200, account="avoiding", sentiment=-0.4),
            talk(5, account="never", kind="meeting"),
        ]
    )
    assert values(of, "expansion_talks") == {"growing": 3, "avoiding": 0, "never": 0}
    silence = values(of, "expansion_silence")
    assert silence["growing"] == 10
    assert silence["avoiding"] == 181
    assert np.isnan(silence["never"])
    assert value(of, "expansion_mood", "growing") == pytest.approx(0.4)
    assert value(of, "expansion_mood", "avoiding") == pytest.approx(-0.4)
    assert states(of, "expansion_mood")["never"] == NOT_APPLICABLE
    assert points("expansion_talks", 0, 1, 3) == [50, 80, 100]
    recent, stagnant = points("expansion_silence", 10, 365)
    assert recent > 90 > 40 > stagnant
    assert points("expansion_mood", -0.4)[0] < points("expansion_mood", 0.4)[0]


def test_s054_open_offers_against_a_year_of_revenue() -> None:
    of = history(
        subscriptions=[contract(mrr=100), contract("b", mrr=0)],
        deals=[
            deal("expansion", amount=240, is_closed=False),
            deal("expansion", since=90, amount=999, is_closed=True),
            deal("renewal", since=80, amount=999, is_closed=False),
            deal("expansion", "b", amount=10, is_closed=False),
        ],
    )
    assert value(of, "expansion_pipeline") == 0.2
    assert states(of, "expansion_pipeline") == {"a": MEASURED, "b": NOT_APPLICABLE}


def test_s055_many_years_above_one_above_a_month() -> None:
    of = history(
        subscriptions=[
            contract("multi-year", term_months=36, term_end=ago(-200), billing_months=12, auto_renew=True),
            contract("annual", term_months=12, term_end=ago(-50), billing_months=12, auto_renew=False),
            contract("monthly", term_months=1, term_end=ago(-12), billing_months=1, auto_renew=True),
            contract("untold", mrr=10.0),
        ]
    )
    term = values(of, "term_months")
    assert [term[name] for name in ("multi-year", "annual", "monthly")] == [36, 12, 1]
    long, year, month = points("term_months", 36, 12, 1)
    assert long > year > month
    assert points("term_months", 1, 12, 24, 36) == [40, 75, 95, 100]
    renewal = values(of, "days_to_renewal")
    assert [renewal[name] for name in ("multi-year", "annual", "monthly")] == [200, 50, 12]
    assert states(of, "days_to_renewal")["untold"] == NOT_APPLICABLE
    assert states(of, "term_months")["untold"] == MISSING
    assert values(of, "auto_renewal")["annual"] == 0
    assert points("auto_renewal", 0, 1) == [40, 85]
    assert points("billing_months", 1, 12) == [50, 85]
    assert catalog["days_to_renewal"].curve is None  # when a contract ends is exposure, no health


def test_s056_late_open_and_failed_payments() -> None:
    of = history(
        invoices=[
            bill(
                *(100, 60, 40),
                amount=[300, 100, 50],
                due_at=[ago(70), ago(30), ago(-5)],
                paid_at=[ago(80), None, None],
                failed_attempts=[0, 2, 0],
                known_at=[ago(79), ago(20), ago(40)],
            ),
            bill(100, account="prompt", amount=300, due_at=ago(70), paid_at=ago(99)),
        ]
    )
    assert values(of, "days_late") == {"a": 30, "prompt": 0}
    assert values(of, "overdue_invoices") == {"a": 1, "prompt": 0}
    assert values(of, "open_amount") == {"a": 150, "prompt": 0}
    assert values(of, "overdue_share") == pytest.approx({"a": 100 / 450, "prompt": 0})
    assert values(of, "days_to_pay") == pytest.approx({"a": (20 + 60 + 40) / 3, "prompt": 1})  # unpaid: so far
    assert value(of, "failed_payments") == 2
    assert points("days_late", 0, 30, 90) == [100, 40, 0]
    assert points("overdue_invoices", 0, 1, 6) == [100, 50, 0]
    assert points("days_to_pay", 14, 30, 120) == [90, 75, 0]
    assert points("failed_payments", 0, 1, 6) == [95, 60, 0]
    assert said(of, "days_late") == "The oldest overdue invoice is 30 days late"


def test_s056_nobody_waits_for_an_invoice_that_was_voided() -> None:
    of = history(
        invoices=[
            bill(100, 90, amount=10, paid_at=[ago(95), None], voided_at=[None, ago(20)]),
            bill(50, account="void", amount=10, voided_at=ago(40)),
        ]
    )
    waited = measured(of, "days_to_pay", at=[30, 20, 0])
    assert waited.indicators["days_to_pay"]["a"].tolist() == pytest.approx([(5 + 60) / 2, 5, 5])
    assert states(of, "days_to_pay")["void"] == NOT_APPLICABLE


def test_s056_an_invoice_is_late_from_its_due_date_until_it_is_paid() -> None:
    of = history(invoices=bill(60, amount=100, due_at=ago(30), paid_at=ago(9)))
    now = measured(of, "days_late", "overdue_invoices", at=[31, 30, 29, 10, 9]).indicators
    assert now["days_late"].tolist() == [0, 0, 1, 20, 0]
    assert now["overdue_invoices"].tolist() == [0, 1, 1, 1, 0]


def test_s056_who_never_pays_does_not_look_improving() -> None:
    monthly = [float(day) for day in range(0, 420, 30)]
    of = history(
        invoices=[
            bill(*monthly, account="never", amount=10),
            bill(*monthly, account="prompt", amount=10, paid_at=[ago(day - 3) for day in monthly]),
        ]
    )
    change = values(of, "days_to_pay_change")
    assert change["never"] == pytest.approx(1)
    assert change["prompt"] >= 0.8
    assert points("days_to_pay_change", change["never"])[0] <= 80


def test_s057_renewals_and_growth_are_read_as_they_were_known() -> None:
    won = {"is_closed": True, "is_won": True}
    of = history(
        subscriptions=[
            contract("growing", 400, subscription_id="g", mrr=100, seats=10),
            contract("growing", 30, subscription_id="g", mrr=150, seats=20),
            contract("growing", -1, subscription_id="g", mrr=900, seats=90),
            contract("shrinking", 400, subscription_id="s", mrr=100, seats=10),
            contract("shrinking", 30, subscription_id="s", mrr=80, seats=5),
            contract("shrinking", 20, subscription_id="s2", mrr=0, seats=0),
        ],
        deals=[
            deal("renewal", "growing", 300, **won),
            deal("renewal", "growing", -1, **won),  # a renewal of tomorrow would tell the label
            deal("renewal", "shrinking", 60, is_closed=True, is_won=False),
            deal("expansion", "shrinking", 60, **won),
        ],
    )
    assert values(of, "renewals_won") == {"growing": 1, "shrinking": 0}
    assert value(of, "renewals_won", "growing", at=-1) == 2
    assert values(of, "mrr") == {"growing": 150, "shrinking": 80}
    assert values(of, "mrr_change") == {"growing": 1.5, "shrinking": 0.8}
    assert values(of, "seats_change") == {"growing": 2, "shrinking": 0.5}
    assert values(of, "subscriptions_held") == {"growing": 1, "shrinking": 2}
    assert catalog["mrr"].curve is None
    assert catalog["mrr_change"].healthy == catalog["seats_change"].healthy == "high"
    assert points("mrr_change", 0.8)[0] < points("mrr_change", 1)[0] < points("mrr_change", 1.5)[0]


def test_s057_without_a_running_subscription_nothing_is_held() -> None:
    of = history(
        subscriptions=[contract(mrr=10, valid_to=ago(5)), contract("b", mrr=10, status="paused"), contract("c", mrr=10)]
    )
    assert values(of, "subscriptions_held") == {"a": 0, "b": 0, "c": 1}
    assert points("subscriptions_held", 0, below(1), 1, 3, 5) == pytest.approx([0, 0, 65, 90, 100])


def test_s058_a_company_that_shrinks_and_must_save_is_seen() -> None:
    firms = [
        ("shrinking", [200, 120]),
        ("growing", [100, 160]),
        ("untold", [None, None]),
    ]
    known = [rows("accounts", [450, 100], name, employees=pd.Series(size, dtype="float64")) for name, size in firms]
    of = history(accounts=known, subscriptions=contract("growing", mrr=10))
    assert value(of, "employees", "shrinking") == 120
    assert value(of, "employees_change", "shrinking") == 0.6
    assert value(of, "employees_change", "growing") == 1.6
    assert np.isnan(value(of, "employees_change", "untold"))
    assert catalog["employees"].curve is None
    assert catalog["employees_change"].healthy == "high"
    assert points("employees_change", 0.6)[0] < points("employees_change", 1)[0]
    assert "S058" in catalog["mrr"].seeds


def test_every_asked_for_sign_of_the_business_is_declared() -> None:
    declared = {seed for one in catalog if one.dimension == "business" for seed in one.seeds}
    assert {f"S0{n}" for n in range(50, 59)} - declared == set()
