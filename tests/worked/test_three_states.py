"""A measured zero, a missing value and what does not apply are three things, from the kernel to the sentence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from holdfast.features.catalog import catalog
from holdfast.features.catalog.collection import Catalog
from holdfast.features.history import History
from holdfast.features.indicators.curves import bands
from holdfast.features.indicators.indicator import DIMENSIONS, Indicator
from holdfast.features.indicators.sources import subscriptions, tickets, usage
from holdfast.features.snapshot import MEASURED, MISSING, NOT_APPLICABLE, Snapshot
from holdfast.models.health import HealthScore
from tests.tiny import T, ago, history, measured, rows, said

SIGNS = (
    "usage_30",
    "days_since_usage",
    "seat_penetration",
    "ticket_sentiment",
    "csat_latest",
    "reply_hours",
    "open_tickets",
    "roi_multiple",
    "days_late",
)


def outcome(of: Snapshot, account: str) -> dict[str, str]:
    row = of.states().droplevel("cutoff").loc[account].astype(str)
    return {str(name): str(state) for name, state in row.items()}


@pytest.fixture(scope="module")
def three() -> History:
    """One account with everything, one with nothing but a contract, one whose figures nobody told."""
    return history(
        usage=[
            rows("usage", [1, 40], "full", person_id="p"),
            rows("usage", [40], "bare", person_id="q"),
            rows("usage", [1], "untold", person_id=None),
        ],
        subscriptions=[
            rows("subscriptions", [400], "full", subscription_id="f", seats=4),
            rows("subscriptions", [400], "bare", subscription_id="b", seats=0),
            rows("subscriptions", [400], "untold", subscription_id="u", seats=2),
        ],
        tickets=[
            rows("tickets", [10], "full", ticket_id="t1", sentiment=0.0, solved_at=ago(9), satisfaction=0.0),
            rows("tickets", [10], "untold", ticket_id="t2", sentiment=np.nan, solved_at=ago(9)),
        ],
        touchpoints=[rows("touchpoints", [10], "full", kind="outreach", replied_at=ago(10))],
        goals=[
            rows("goals", [300], "full", goal_id="g1", kind="goal", value_delivered=0),
            rows("goals", [300], "untold", goal_id="g2", kind="goal", value_delivered=None),
        ],
        invoices=[
            rows("invoices", [30], name, invoice_id=name, amount=50, due_at=ago(10), paid_at=ago(20))
            for name in ("full", "untold")
        ],
    )


def test_zero_is_measured(three: History) -> None:
    now = measured(three, *SIGNS)
    assert set(outcome(now, "full").values()) == {MEASURED}
    row = now.indicators.droplevel("cutoff")
    zero = ["ticket_sentiment", "csat_latest", "reply_hours", "open_tickets", "roi_multiple", "days_late"]
    assert list(row.loc["full", zero]) == [0] * 6


def test_what_has_no_meaning_for_an_account_does_not_apply(three: History) -> None:
    assert outcome(measured(three, *SIGNS), "bare") == {
        "usage_30": MEASURED,  # nothing in a month is zero
        "days_since_usage": MEASURED,
        "seat_penetration": NOT_APPLICABLE,  # no seats
        "ticket_sentiment": NOT_APPLICABLE,  # no tickets
        "csat_latest": MISSING,  # nobody rated
        "reply_hours": NOT_APPLICABLE,  # nobody wrote to them
        "open_tickets": MEASURED,
        "roi_multiple": NOT_APPLICABLE,  # nothing invoiced
        "days_late": MEASURED,
    }


def test_what_nobody_told_is_missing(three: History) -> None:
    found = outcome(measured(three, *SIGNS), "untold")
    assert found["ticket_sentiment"] == MISSING  # there is a ticket, and no mood
    assert found["roi_multiple"] == MISSING  # there is a cost, and no value
    assert found["csat_latest"] == MISSING
    assert found["seat_penetration"] == MEASURED  # seats, and nobody active on them


def test_neither_has_a_value_and_the_difference_is_kept_beside_it(three: History) -> None:
    now = measured(three, *SIGNS)
    value = now.indicators["roi_multiple"].droplevel("cutoff").to_dict()
    assert value["full"] == 0
    assert np.isnan([value["bare"], value["untold"]]).all()
    apart = now.inapplicable.droplevel("cutoff")["roi_multiple"]
    assert apart.to_dict() == {"bare": True, "full": False, "untold": False}
    assert set(now.inapplicable.columns) == {"seat_penetration", "ticket_sentiment", "reply_hours", "roi_multiple"}


def test_coverage_leaves_out_what_does_not_apply(three: History) -> None:
    shares = measured(three, *SIGNS).coverage.droplevel("cutoff")
    assert list(shares.loc["full"]) == [1, 1, 1, 1]
    # product 2 of 2; relationship 1 of 2 (open_tickets, not csat_latest); business 1 of 1; all 4 of 5
    assert list(shares.loc["bare"]) == [1, 0.5, 1, 0.8]
    # product 3 of 3; relationship 1 of 3 (no outreach); business 1 of 2; all 5 of 8
    assert list(shares.loc["untold"]) == pytest.approx([1, 1 / 3, 0.5, 5 / 8])


def test_coverage_of_a_dimension_is_missing_where_nothing_applies(three: History) -> None:
    shares = measured(three, "seat_penetration", "reply_hours").coverage.droplevel("cutoff")
    assert shares.loc["bare"].isna().all()
    assert list(shares.loc["full", ["product", "relationship", "all"]]) == [1, 1, 1]
    assert shares["business"].isna().all()


def test_coverage_counts_only_what_a_score_is_made_of(three: History) -> None:
    with_context = measured(three, "usage_30", "mrr", "csat_latest", "ticket_kinds").coverage
    without = measured(three, "usage_30", "csat_latest").coverage
    pd.testing.assert_frame_equal(with_context, without)


def test_the_sentence_says_which_of_the_three(three: History) -> None:
    assert said(three, "roi_multiple", "full") == "Nothing was delivered for the 50 invoiced in the last 365 days"
    assert said(three, "roi_multiple", "untold") == "Return on investment: nothing on record"
    assert said(three, "roi_multiple", "bare") == "Return on investment: not applicable here"
    assert said(three, "seat_penetration", "untold") == "Active in the last 30 days: 0 of 2 seats"


def test_a_score_is_made_of_what_applies_and_is_known(three: History) -> None:
    now = measured(three, *SIGNS)
    points = HealthScore.template().dimensions(now).droplevel("cutoff")
    curved = now.curved().droplevel("cutoff")
    product = curved.loc["bare", ["usage_30", "days_since_usage"]].to_numpy(float)
    assert points["product"].to_dict()["bare"] == pytest.approx(100 * product.mean())
    assert not np.isnan(points["relationship"].to_dict()["untold"])


def test_states_are_told_per_row_and_survive_narrowing(three: History) -> None:
    now = measured(three, *SIGNS, at=[100, 0])
    told = now.states()
    assert told.index.equals(now.index)
    assert set(told.columns) == set(SIGNS)
    later = now.at(T)
    pd.testing.assert_frame_equal(later.states(), told.loc[(slice(None), T), :])
    assert len(later.inapplicable) == len(later)


def test_a_table_that_is_absent_does_not_apply_to_anybody(three: History) -> None:
    no_tickets = history(usage=[rows("usage", [1], "full"), rows("usage", [1], "bare")])
    now = catalog.select(["usage_30", "csat_latest", "open_tickets"]).measure(no_tickets, [T])
    assert list(now.indicators) == ["usage_30"]
    assert now.left_out == {"csat_latest": "needs the table tickets", "open_tickets": "needs the table tickets"}
    assert outcome(now, "bare") == {
        "usage_30": MEASURED,
        "csat_latest": NOT_APPLICABLE,
        "open_tickets": NOT_APPLICABLE,
    }
    assert now.coverage["all"].tolist() == [1, 1]
    assert three.tables != no_tickets.tables


def without(of: History, *tables: str) -> History:
    """Give the same company with a source switched off."""
    frames = {name: frame for name, frame in of.as_of(of.end).items() if name not in tables}
    return History.from_frames(frames, end=of.end)


def test_a_fixed_catalogue_keeps_its_columns_when_a_table_is_gone(three: History) -> None:
    learned = Catalog(catalog.select(SIGNS).indicators, fixed=True)
    before, after = learned.measure(three, [T]), learned.measure(without(three, "tickets"), [T])
    assert list(after.indicators) == list(before.indicators) == list(SIGNS)
    gone = ["ticket_sentiment", "csat_latest", "open_tickets"]
    assert after.indicators[gone].isna().all(axis=None)
    assert all(after.left_out[name] == "needs the table tickets" for name in gone)
    kept = [name for name in SIGNS if name not in gone]
    pd.testing.assert_frame_equal(after.indicators[kept], before.indicators[kept])
    assert after.catalog == before.catalog


def test_what_is_gone_is_missed_and_lowers_the_coverage(three: History) -> None:
    learned = Catalog(catalog.select(SIGNS).indicators, fixed=True)
    before = learned.measure(three, [T]).coverage.droplevel("cutoff")
    after = learned.measure(without(three, "tickets"), [T])
    now = after.coverage.droplevel("cutoff")
    assert list(before.loc["full"]) == [1, 1, 1, 1]
    assert list(now.loc["full"]) == pytest.approx([1, 1 / 4, 1, 6 / 9])
    assert (now["relationship"] < before["relationship"]).all()
    assert now[["product", "business"]].equals(before[["product", "business"]])
    assert outcome(after, "full")["csat_latest"] == MISSING  # it had applied: now it is missed


def test_a_column_that_is_gone_is_missed_like_a_table(three: History) -> None:
    frames = dict(three.as_of(three.end))
    frames["tickets"] = frames["tickets"].drop(columns=["sentiment"])
    learned = Catalog(catalog.select(SIGNS).indicators, fixed=True)
    after = learned.measure(History.from_frames(frames, end=three.end), [T])
    assert after.left_out == {"ticket_sentiment": "needs the column tickets.sentiment"}
    assert after.indicators["ticket_sentiment"].isna().all()
    assert after.coverage.droplevel("cutoff").loc["full", "relationship"] == 0.75


def test_a_fixed_catalogue_says_that_nothing_is_on_record(three: History) -> None:
    learned = Catalog(catalog.select(["csat_latest", "usage_30"]).indicators, fixed=True)
    told = learned.evidence(without(three, "tickets"), ["full"], T).loc["full"]
    assert told["csat_latest"] == "Latest ticket satisfaction: nothing on record"
    assert told["usage_30"] == "Events in the last 30 days: 1"


def test_a_fixed_catalogue_measures_what_is_there_as_any_other(three: History) -> None:
    plain = catalog.select(SIGNS)
    fixed = Catalog(plain.indicators, fixed=True)
    for part in ("indicators", "coverage", "inapplicable"):
        one, other = (getattr(each.measure(three, [ago(100), T]), part) for each in (plain, fixed))
        pd.testing.assert_frame_equal(one, other)


@pytest.mark.parametrize("number", [-1.0, 0.0, np.nan])
def test_it_applies_only_above_zero(number: float) -> None:
    one = Indicator(
        usage.count(days=30),
        name="x",
        dimension="product",
        healthy="high",
        unit="times",
        title="X",
        curve=bands((0, 0), (1, 100)),
        evidence="{value:.0f}",
        applies=subscriptions.active().max("mrr"),
    )
    of = history(
        rows("usage", [1]),
        subscriptions=[
            rows("subscriptions", [400], subscription_id="s", mrr=number),
            rows("subscriptions", [400], "b", subscription_id="b", mrr=1.0),
        ],
    )
    now = Catalog((one,)).measure(of, [T])
    assert outcome(now, "a") == {"x": NOT_APPLICABLE}
    assert outcome(now, "b") == {"x": MEASURED}
    assert now.coverage["product"].droplevel("cutoff").to_dict() == pytest.approx({"a": np.nan, "b": 1.0}, nan_ok=True)


def test_whether_it_applies_is_asked_at_the_cutoff() -> None:
    of = history(
        rows("usage", [1], person_id="p"),
        subscriptions=rows("subscriptions", [400, 30], subscription_id="s", seats=[0, 5]),
    )
    now = measured(of, "seat_penetration", at=[31, 30, 0]).states()["seat_penetration"].astype(str)
    assert now.tolist() == [NOT_APPLICABLE, MEASURED, MEASURED]


def test_applying_is_part_of_what_an_indicator_is() -> None:
    plain = catalog["ticket_sentiment"]
    asked = tickets.count(days=180)
    assert plain.applies == asked
    assert plain.fingerprint != plain.expression.fingerprint
    assert set(plain.tables) == {"tickets"}
    assert "applies" in plain.said


def test_one_sign_per_dimension_is_enough_for_its_coverage(three: History) -> None:
    now = measured(three, "usage_30", "open_tickets", "days_late")
    assert (now.coverage[[*DIMENSIONS, "all"]] == 1).all(axis=None)
