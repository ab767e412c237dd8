"""What the product was asked for, S010 to S025: use, its breadth and depth, its users, their work and their rhythm."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from holdfast.features.catalog import catalog
from holdfast.features.catalog.collection import Catalog
from holdfast.features.catalog.power import PowerUser
from holdfast.features.history import History
from holdfast.features.indicators.curves import bands
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.indicators.sources import usage
from holdfast.features.snapshot import MEASURED, MISSING, NOT_APPLICABLE
from tests.tiny import (
    Rows,
    T,
    above,
    assert_bands,
    below,
    daily,
    history,
    measured,
    points,
    rows,
    said,
    states,
    value,
    values,
)

RHYTHMS = {"daily": 1, "weekly": 7, "fortnightly": 14}
LOGIN_BANDS = {"daily": (90, 100), "weekly": (70, 89), "fortnightly": (50, 69), "inactive": (0, 29)}


def used(*days: float, account: str = "a", **columns: object) -> Rows:
    return rows("usage", days, account, **columns)


def seats(number: float, account: str = "a", since: float = 400, **columns: object) -> Rows:
    return rows("subscriptions", [since], account, seats=number, subscription_id=f"of {account}", **columns)


def people(number: int, account: str = "a", *days: float) -> Rows:
    """Let so many people use the product, each on the same days."""
    return pd.concat(
        [used(*(days or (1,)), account=account, person_id=f"{account}{who}") for who in range(number)],
        ignore_index=True,
    )


@pytest.fixture(scope="module")
def rhythms() -> History:
    """Give one account per rhythm of logins, for two years, and one that stopped 40 days before the first cutoff."""
    logins = {name: np.arange(-60, 400, step) for name, step in RHYTHMS.items()} | {"inactive": np.arange(70, 400)}
    return history(usage=[used(*map(float, days), account=name, kind="login") for name, days in logins.items()])


def test_s010_frequency_and_recency_of_logins_are_measured_apart(rhythms: History) -> None:
    now = measured(rhythms, "login_days", "days_since_usage").indicators.droplevel("cutoff")
    assert now["login_days"]["daily"] >= 30
    assert now["login_days"].drop("daily").to_dict() == {"weekly": 4, "fortnightly": 2, "inactive": 0}
    assert now["days_since_usage"].to_dict() == {"daily": 0, "weekly": 3, "fortnightly": 10, "inactive": 70}


def test_s010_daily_is_strong_weekly_moderate_monthly_weak() -> None:
    daily, weekly, monthly = points("login_days", 22, 4, 1)
    assert daily >= 80 > weekly >= 60 > 40 > monthly


def test_s010_only_logins_count_as_logins_and_one_day_counts_once() -> None:
    of = history(used(1, 0.8, 0.7, 5, kind="login"), used(2, 3, kind="feature"))
    assert value(of, "login_days") == 2
    assert value(of, "active_days") == 4
    assert said(of, "login_days").startswith("Somebody logged in on 2 days of the last 3")


def test_s011_login_bands_are_half_open() -> None:
    assert_bands("login_days", (0, 1, 0, 29), (1, 2, 30, 49), (2, 4, 50, 69), (4, 20, 70, 89), (20, 31, 90, 100))
    assert points("login_days", 0, below(1), 1, below(2), 2, below(4), 4, below(20), 20, 30) == pytest.approx(
        [0, 29, 30, 49, 50, 69, 70, 89, 90, 100]
    )


@pytest.mark.parametrize("rhythm", ["daily", "weekly", "fortnightly", "inactive"])
def test_s011_a_rhythm_keeps_its_band_on_every_day(rhythms: History, rhythm: str) -> None:
    days = daily(rhythms, "login_days", 30, 30, account=rhythm).values()
    least, most = LOGIN_BANDS[rhythm]
    assert all(least <= one <= most for one in points("login_days", *days))


def test_s011_working_days_alone_are_daily() -> None:
    working = pd.bdate_range("2024-06-01", "2025-08-01", tz="UTC")
    of = history(usage=[rows("usage", list(working + pd.Timedelta(hours=9)), kind="login")])
    assert min(points("login_days", *daily(of, "login_days", 30, 30).values())) >= 90


def test_s011_a_login_on_the_first_of_each_month_never_reads_as_inactive() -> None:
    firsts = pd.date_range("2024-06-01", "2025-12-01", freq="MS", tz="UTC") + pd.Timedelta(hours=9)
    of = history(usage=[rows("usage", list(firsts), kind="login")])
    inactive = [day for day, one in daily(of, "login_days", 150, 200).items() if points("login_days", one)[0] < 30]
    assert inactive == []  # a month has up to 31 days


def test_s012_three_silent_weeks_after_daily_use_are_a_decline() -> None:
    of = history(
        used(*range(21, 51), account="gone quiet", kind="login"),
        used(*range(0, 400), account="daily", kind="login"),
        used(0, 30, account="monthly", kind="login"),
    )
    names = ("days_since_usage", "silence_against_rhythm", "usage_decayed", "usage_30_change")
    now = measured(of, *names).indicators.droplevel("cutoff")
    quiet = now.loc["gone quiet"]
    assert quiet["days_since_usage"] == 21
    assert quiet["silence_against_rhythm"] == 21  # the usual gap was one day
    assert quiet["usage_decayed"] > now.loc["monthly", "usage_decayed"]  # what decays still remembers the busy month
    assert points("days_since_usage", 21)[0] < 50
    assert points("silence_against_rhythm", 21)[0] < 10
    assert quiet["usage_30_change"] == pytest.approx(9 / 21)
    assert catalog["days_since_usage"].caps


def test_s012_recency_caps_whatever_the_history() -> None:
    short = used(*range(21, 51), account="a month", kind="login", count=10)
    long = used(*range(21, 421), account="a year", kind="login", count=1_000)
    curved = catalog.measure(history(short, long), [T]).curved()
    product = [one.name for one in catalog if one.dimension == "product" and one.name in curved]
    assert curved["days_since_usage"].tolist() == pytest.approx([0.40, 0.40])
    assert (curved[product] <= 0.40 + 1e-12).all(axis=None)


def test_s013_breadth_and_depth_are_two_signs() -> None:
    broad = [used(1, account="broad", feature=f"f{n}", event=f"open f{n}") for n in range(12)]
    deep = [used(*np.linspace(0, 60, 120).tolist(), account="deep", feature="f0", event="open f0")]
    of = history(usage=[*broad, *deep])
    names = ("features_used", "feature_depth", "features_in_depth", "event_kinds")
    now = measured(of, *names).indicators.droplevel("cutoff")
    assert list(now.loc["broad"]) == [12, 1, 0, 12]
    assert list(now.loc["deep"]) == [1, 120, 1, 1]
    assert points("features_used", 12)[0] > points("features_used", 1)[0]
    assert points("feature_depth", 120)[0] > points("feature_depth", 1)[0]


def test_s013_depth_is_sophistication_too() -> None:
    of = history(
        used(1, 2, 3, 95, person_id="p", advanced=[True, False, False, True]),
        used(*(4.0, 5.0, 6.0, 7.0), person_id="q", advanced=True),
        used(1, account="plain", person_id="r", advanced=False),
    )
    assert value(of, "advanced_share") == 5 / 7
    assert values(of, "expert_users") == {"a": 1, "plain": 0}  # q on four days, p on one
    assert said(of, "expert_users") == "Users of advanced features on at least 4 of the last 30 days: 1"


def test_s013_a_feature_counts_for_ninety_days() -> None:
    of = history(used(0, 89.9, 90, 95, feature=["now", "just", "gone", "long gone"]))
    assert value(of, "features_used") == 2


def test_s014_three_of_twenty_features_are_poor_and_fifteen_strong() -> None:
    few = [used(1, account="few", feature=f"f{n}") for n in range(3)]
    many = [used(1, account="many", feature=f"f{n}") for n in range(15)]
    bought = [seats(5, name, features_available=20) for name in ("few", "many")]
    of = history(usage=[*few, *many], subscriptions=bought)
    assert values(of, "feature_breadth") == {"few": 0.15, "many": 0.75}
    assert said(of, "feature_breadth", "few") == "Features used in the last 90 days: 3 of 20"
    poor, strong = points("feature_breadth", 0.15, 0.75)
    assert poor == 30
    assert strong == 90
    assert points("feature_breadth", below(0.15), above(0.15)) == pytest.approx([30, 30])
    assert points("feature_breadth", below(0.75), above(0.75)) == pytest.approx([90, 90])
    assert points("feature_breadth", 0, 0.5, 1, 1.5) == [0, 70, 100, 100]


def test_s014_breadth_is_missing_where_what_was_bought_is_unknown() -> None:
    of = history(
        usage=[used(1, feature="f"), used(1, account="b", feature="f")],
        subscriptions=[seats(5, "a", features_available=4), seats(5, "b", features_available=np.nan)],
    )
    assert value(of, "feature_breadth") == 0.25
    assert np.isnan(value(of, "feature_breadth", "b"))


def test_s015_many_features_at_moderate_depth_stand_above_two_at_expert_depth() -> None:
    moderate = [used(*range(1, 61, 10), account="moderate", feature=f"f{n}") for n in range(10)]  # on 6 days each
    expert = [
        used(*np.linspace(1, 80, 200).tolist(), account="expert", feature=f"f{n}", advanced=True) for n in range(2)
    ]
    tried = [used(1, account="tried", feature=f"f{n}") for n in range(10)]
    of = history(usage=[*moderate, *expert, *tried])
    assert values(of, "features_in_depth") == {"expert": 2, "moderate": 10, "tried": 0}
    assert points("features_in_depth", 0, 2, 10) == [0, 40, 90]
    assert values(of, "feature_balance") == {"expert": 1, "moderate": 1, "tried": 0}
    assert said(of, "feature_balance", "tried").endswith("0 of the 10 in use")
    assert all("S015" in catalog[name].seeds for name in ("features_in_depth", "feature_balance", "advanced_share"))


def test_s016_penetration_counts_active_people_over_purchased_seats() -> None:
    of = history(
        people(18, "excellent"),
        people(8, "poor"),
        people(25, "over"),
        people(3, "twice"),
        subscriptions=[
            *(seats(20, name) for name in ("excellent", "poor", "over")),
            rows("subscriptions", [400, 300], "twice", subscription_id=["x", "y"], seats=[4, 6]),
        ],
    )
    share = values(of, "seat_penetration")
    assert share == {"excellent": 0.9, "poor": 0.4, "over": 1.25, "twice": 0.3}
    assert said(of, "seat_penetration", "excellent") == "Active in the last 30 days: 18 of 20 seats"
    assert points("seat_penetration", 0.9)[0] == 95
    assert points("seat_penetration", below(0.4))[0] <= 49
    assert points("seat_penetration", 1.25)[0] == 100


def test_s016_a_person_is_active_inside_thirty_days_and_counts_once() -> None:
    of = history(
        used(0, 1, 29.9, 30, -1, person_id=["p", "p", "q", "r", "s"]),
        subscriptions=seats(4),
    )
    assert value(of, "seat_penetration") == 0.5


def test_s016_without_seats_penetration_is_not_applicable_and_nobody_active_is_zero() -> None:
    of = history(
        used(1, account="no seats", person_id="p"),
        used(1, account="on trial", person_id="p"),
        used(1, account="no contract", person_id="p"),
        used(40, account="nobody", person_id="p"),
        subscriptions=[seats(0, "no seats"), seats(9, "on trial", status="trialing"), seats(20, "nobody")],
    )
    snapshot = measured(of, "seat_penetration")
    share = snapshot.indicators["seat_penetration"].droplevel("cutoff")
    assert share["nobody"] == 0
    assert share.drop("nobody").isna().all()
    assert states(of, "seat_penetration") == {
        "nobody": MEASURED,
        "no seats": NOT_APPLICABLE,
        "on trial": NOT_APPLICABLE,
        "no contract": NOT_APPLICABLE,
    }
    assert said(of, "seat_penetration", "no seats") == "Active-user penetration: not applicable here"
    assert snapshot.coverage["product"].droplevel("cutoff")["nobody"] == 1
    assert np.isnan(snapshot.coverage["product"].droplevel("cutoff")["no seats"])  # nothing applies, nothing is lacking


def test_s017_penetration_bands_are_half_open() -> None:
    assert_bands("seat_penetration", (0, 0.4, 0, 49), (0.4, 0.6, 50, 69), (0.6, 0.8, 70, 89), (0.8, 1.01, 90, 100))
    edges = [below(0.4), 0.4, below(0.6), 0.6, below(0.8), 0.8, 1.0]
    assert points("seat_penetration", *edges) == pytest.approx([49, 50, 69, 70, 89, 90, 100])


def test_s017_measured_shares_fall_into_their_band_exactly() -> None:
    worth = {1: 24.5, 2: 50.0, 3: 70.0, 4: 90.0, 5: 100.0}  # so many of five seats: 0.4, 0.6 and 0.8 are edges
    of = history(
        usage=[people(active, f"{active} of 5") for active in worth],
        subscriptions=[seats(5, f"{active} of 5") for active in worth],
    )
    share = values(of, "seat_penetration")
    assert share == {f"{active} of 5": active / 5 for active in worth}
    assert points("seat_penetration", *share.values()) == list(worth.values())


def test_s018_high_penetration_is_ready_for_seats_and_low_is_not() -> None:
    one = catalog["seat_penetration"]
    assert "S018" in one.seeds
    assert one.healthy == "high"
    assert one.curve is not None
    assert one.curve.rises
    of = history(
        people(9, "full", 1, 100),
        people(9, "emptying", 100),
        people(2, "emptying"),
        subscriptions=[seats(10, "full"), seats(10, "emptying")],
    )
    assert values(of, "seat_penetration_change") == pytest.approx({"full": 0.0, "emptying": -0.7})


def test_s019_workflows_completed_of_those_begun() -> None:
    flows = [
        used(*range(1, 11), kind="flow_start", flow_id=[f"w{n}" for n in range(10)]),
        used(*range(1, 8), kind="flow_done", flow_id=[f"w{n}" for n in range(7)]),
        used(1, 2, kind="flow_fail", flow_id=["w8", "w9"]),
        used(5, account="no flows", kind="feature"),
        used(91, account="begun before", kind="flow_start"),
        used(2, 3, 80, account="begun before", kind=["flow_done", "flow_done", "flow_start"]),
    ]
    of = history(usage=flows)
    now = measured(of, "workflow_completion", "workflow_failures").indicators.droplevel("cutoff")
    assert list(now.loc["a"]) == pytest.approx([0.7, 2 / 9])
    assert now.loc["begun before", "workflow_completion"] == 1  # two done of one begun in the window, at most all
    assert states(of, "workflow_completion")["no flows"] == NOT_APPLICABLE
    assert states(of, "workflow_failures")["no flows"] == NOT_APPLICABLE
    assert points("workflow_completion", 0, 0.5, 0.8, 1) == [0, 50, 80, 100]
    assert points("workflow_failures", 0, 0.6) == [100, 0]
    assert said(of, "workflow_completion") == "Workflows completed in the last 90 days: 7 of 10 begun"


def test_s019_the_pair_of_start_and_completion_is_a_declaration() -> None:
    started, sent = (usage.sum("count", days=90, event=name) for name in ("created", "sent"))
    own = Indicator(
        (sent.named("sent") / started.named("created")).at_most(1),
        name="campaigns_sent",
        dimension="product",
        healthy="high",
        unit="share",
        title="Campaigns sent",
        curve=bands((0, 0), (1, 100)),
        evidence="{sent:.0f} of {created:.0f} campaigns were sent",
        applies=started,
    )
    of = history(used(1, 2, 3, 4, event=["created", "created", "sent", "other"]))
    assert Catalog((own,)).measure(of, [T]).indicators["campaigns_sent"].tolist() == [0.5]
    assert Catalog((own,)).evidence(of, ["a"], T).at["a", "campaigns_sent"] == "1 of 2 campaigns were sent"


def test_s020_integrations_are_counted_and_their_use_beside_them() -> None:
    of = history(
        used(400, 100, 50, kind=["integration_on", "integration_on", "integration_off"]),
        used(1, 2, kind="api", count=[250, 50]),
        used(31, kind="api", count=1_000),
        used(1, account="none", kind="feature"),
        used(1, account="off only", kind="integration_off"),  # switched on before the records begin
    )
    assert values(of, "integrations") == {"a": 1, "none": 0, "off only": 0}
    assert value(of, "integrations_change") == -1
    assert values(of, "integration_use") == {"a": 300, "none": 0, "off only": 0}
    assert points("integrations", 0, below(1), 1, 3, 5) == pytest.approx([30, 30, 70, 90, 100])
    assert points("integration_use", 0, 300) == [20, 90]
    assert all(catalog[name].healthy == "high" for name in ("integrations", "integration_use"))


def test_s021_a_power_user_is_defined_once() -> None:
    of = history(
        used(*range(1, 13), person_id="twelve days", kind="login"),
        used(*range(1, 12), person_id="eleven days", kind="login"),
        used(*np.linspace(1.1, 1.9, 50).tolist(), person_id="fifty times a day", kind="login"),
        used(*range(19, 31), person_id="one day too early", kind="login"),
        used(2, 3, person_id="eleven days", kind="flow_done"),
    )
    assert value(of, "power_users") == 1
    assert value(of, "workflow_users") == 1
    assert str(PowerUser().count()) == "usage.frequent(person_id, on 12 days, 30 d)"
    own = Indicator(
        PowerUser(on_days=2, kinds=("flow_done",)).count(),
        name="finishers",
        dimension="product",
        healthy="high",
        unit="users",
        title="Users who finish",
        curve=None,
        evidence="{value:.0f}",
    )
    assert Catalog((own,)).measure(of, [T]).indicators["finishers"].tolist() == [1]
    asked = {"power_users", "expert_users", "workflow_users", "advocacy"}  # daily, advanced, workflows, advocates
    assert asked <= {one.name for one in catalog if "S021" in one.seeds}


def test_s022_power_user_bins_are_none_one_or_two_and_three_and_more() -> None:
    assert_bands("power_users", (0, 1, 0, 39), (1, 3, 40, 79), (3, np.inf, 80, 100))
    assert points("power_users", 0, below(1), 1, below(3), 3, 10) == pytest.approx([20, 20, 60, 79, 90, 100])


def test_s022_measured_bins() -> None:
    daily = tuple(float(day) for day in range(1, 13))
    of = history(used(1, account="none", person_id="p"), *(people(n, f"{n} power users", *daily) for n in (1, 2, 3)))
    counted = values(of, "power_users")
    assert counted == {"none": 0, "1 power users": 1, "2 power users": 2, "3 power users": 3}
    never, one, two, three = points("power_users", 0, 1, 2, 3)
    assert never < 40 <= one < two < 80 <= three


def test_s023_duration_and_breadth_of_what_was_bought() -> None:
    of = history(
        used(1, 2, 29, 31, person_id=["p", "q", "p", "p"], duration_min=[30, 60, 30, 500]),
        used(40, account="idle", person_id="r", duration_min=10),
        subscriptions=rows(
            "subscriptions",
            [400, 300, 200],
            subscription_id=["x", "y", "z"],
            status=["active", "active", "paused"],
        ),
    )
    assert values(of, "usage_minutes") == {"a": 120, "idle": 0}
    assert value(of, "minutes_per_user") == 60
    assert states(of, "minutes_per_user") == {"a": MEASURED, "idle": NOT_APPLICABLE}
    assert value(of, "usage_minutes_change") == pytest.approx(120 / 500)
    assert value(of, "subscriptions_held") == 2
    assert said(of, "minutes_per_user") == "120 minutes in the last 30 days, by 2 active users"


def test_s023_adoption_of_each_product_is_measured() -> None:
    of = history(used(1, 2, 3, 40, event=["report", "report", "board", "board"]))
    row = catalog.measure(of, [T]).indicators.iloc[0]
    assert row["adoption_report"] == 2
    assert row["adoption_board"] == 1
    assert row["adoption_share_board"] == 0.5


def test_s024_regular_use_is_the_spread_of_its_gaps() -> None:
    of = history(
        used(*range(1, 80, 7), account="clockwork"),
        used(1, 3, 7, 9, 13, account="uneven"),  # gaps of 2, 4, 2, 4: mean 3, spread 1
        used(1, 3, account="too few"),
        used(*range(1, 6), *range(81, 86), account="bursts"),
    )
    spread = values(of, "usage_regularity")
    assert spread["clockwork"] == 0
    assert spread["uneven"] == pytest.approx(1 / 3)
    assert np.isnan(spread["too few"])
    assert spread["bursts"] > 2
    assert points("usage_regularity", 0)[0] == 100
    assert points("usage_regularity", spread["bursts"])[0] < 20
    assert states(of, "usage_regularity")["too few"] == MISSING


def test_s024_silence_is_judged_by_the_own_rhythm() -> None:
    of = history(used(*range(14, 300, 7), account="weekly"), used(*range(14, 300), account="daily"))
    assert values(of, "silence_against_rhythm") == {"daily": 14, "weekly": 2}
    weekly, daily = points("silence_against_rhythm", 2, 14)
    assert weekly > 80 > 20 > daily


def test_s025_milestones_reached_of_those_planned() -> None:
    plan = rows(
        "goals",
        [300, 290, 280, 270],
        goal_id=["m1", "m2", "m3", "m4"],
        kind="milestone",
        status=["reached", "done", "planned", "planned"],
    )
    later = rows("goals", [-10], goal_id="m3", kind="milestone", status="reached")
    goal = rows("goals", [300], "b", goal_id="g1", kind="goal", status="reached")
    of = history(used(1), used(1, account="b"), goals=[plan, later, goal])
    assert value(of, "milestones_reached") == 0.5
    assert value(of, "milestones_reached", at=-10) == 0.75
    assert states(of, "milestones_reached") == {"a": MEASURED, "b": NOT_APPLICABLE}
    assert points("milestones_reached", 0, 0.5, 1) == [10, 50, 100]
    assert said(of, "milestones_reached") == "Implementation milestones reached: 2 of 4"


def test_every_asked_for_sign_of_the_product_is_declared() -> None:
    declared = {seed for one in catalog if one.dimension == "product" for seed in one.seeds}
    assert {f"S0{n}" for n in range(10, 26)} - declared == set()
