"""Indicators on histories small enough to count by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdfast.errors import DataError, UsageError
from holdfast.features.catalog import catalog, evidence_values
from holdfast.features.catalog.collection import Catalog
from holdfast.features.history import History
from holdfast.features.history.view import View
from holdfast.features.indicators.curves import bands
from holdfast.features.indicators.expression import Expression
from holdfast.features.indicators.indicator import Indicator, indicator
from holdfast.features.indicators.sources import Source, invoices, people, subscriptions, usage

T = pd.Timestamp("2025-06-01", tz="UTC")
SECOND = pd.Timedelta(seconds=1)


def _history(**tables: dict[str, Any]) -> History:
    frames = {"accounts": {"account_id": ["a"], "valid_from": ["2024-01-01"]}} | tables
    frames = {"usage": {"account_id": ["a"], "occurred_at": ["2024-01-01"]}} | frames
    return History.from_frames({name: pd.DataFrame(frame) for name, frame in frames.items()}, end="2026-01-01")


def _used(*times: pd.Timestamp | str, **columns: list[Any]) -> History:
    rows = {"account_id": ["a"] * len(times), "occurred_at": list(times), "event": ["open"] * len(times)}
    return _history(usage=rows | columns)


def _value(history: History, expression: Expression, at: pd.Timestamp = T) -> float:
    one = Indicator(
        expression,
        name="x",
        dimension="product",
        healthy="unclear",
        unit="u",
        title="t",
        curve=None,
        evidence="{value}",
    )
    return float(Catalog((one,)).measure(history, [at]).indicators["x"].iloc[0])


@pytest.mark.parametrize(
    ("when", "inside"),
    [(T, True), (T + SECOND, False), (T - pd.Timedelta(days=30), False), (T - pd.Timedelta(days=30) + SECOND, True)],
)
def test_a_window_is_open_at_its_start_and_closed_at_its_end(when: pd.Timestamp, inside: bool) -> None:
    history = _used(when)
    assert _value(history, usage.count(days=30)) == inside
    assert _value(history, usage.distinct("event", days=30)) == inside
    assert _value(history, usage.active_days(days=30)) == inside
    assert np.isnan(_value(history, usage.max("count", days=30))) != inside
    assert np.isnan(_value(history, usage.days_since(days=30))) != inside


def test_late_is_unseen_until_known() -> None:
    history = _used("2025-05-20", known_at=["2025-06-01T00:00:01"])
    assert _value(history, usage.count(days=30)) == 0
    assert _value(history, usage.count(days=30), T + SECOND) == 1


def test_counts_are_zero_and_the_rest_is_missing_without_records() -> None:
    history = _used("2020-01-01")
    zero = [usage.count(days=7), usage.sum("count", days=7), usage.distinct("event", days=7), usage.active_days(days=7)]
    missing = [usage.mean("count", days=7), usage.latest("count", days=7), usage.days_since(days=7)]
    assert [_value(history, one) for one in zero] == [0, 0, 0, 0]
    assert all(np.isnan(_value(history, one)) for one in (*missing, usage.count(days=7) / usage.count(days=7)))


def test_sums_do_not_depend_on_what_stands_beside_them() -> None:
    history = _used(*["2025-05-31"] * 3, count=[0.1, 1e15, 0.2])
    small = usage.sum("count", days=30)
    assert _value(history, small) == pytest.approx(1e15 + 0.3, rel=1e-15)
    with pytest.raises(DataError, match=r"usage\.count: expected numbers whose sum stays below"):
        _value(_used("2025-05-31", count=[1e19]), small)


def test_decay_halves_and_other_cutoffs_do_not_matter() -> None:
    history = _used(T, T - pd.Timedelta(days=30), T - pd.Timedelta(days=60))
    expression = usage.decayed(half_life=30)
    assert _value(history, expression) == pytest.approx(1.75, rel=1e-9)
    one = catalog["usage_decayed"]
    cutoffs = [T - pd.Timedelta(days=d) for d in (0, 1, 5, 29.7)]
    many = Catalog((one,)).measure(history, cutoffs).at(T).indicators.to_numpy()
    assert many.tobytes() == Catalog((one,)).measure(history, [T]).indicators.to_numpy().tobytes()


def test_s066_daily_use_then_28_silent_days_does_not_score_high() -> None:
    days = pd.date_range(T - pd.Timedelta(days=208), T - pd.Timedelta(days=28), freq="D")
    history = _used(*days, kind=["login"] * len(days))
    measured = catalog.measure(history, [T])
    product = measured.curved()[[one.name for one in measured.catalog if one.dimension == "product" and one.curve]]
    assert measured.indicators["usage_decayed"].iloc[0] > 20  # decay alone still remembers a lot
    assert (product <= 0.25).all(axis=None)


@pytest.mark.parametrize(
    ("now", "before", "expected"), [(0, 0, 1.0), (3, 0, 10.0), (0, 3, 0.0), (3, 2, 1.5), (50, 2, 10.0)]
)
def test_against_the_window_before(now: int, before: int, expected: float) -> None:
    times = [T] * now + [T - pd.Timedelta(days=30)] * before
    history = _used(*times, "2020-01-01")
    assert _value(history, usage.count(days=30).vs_previous()) == expected


def test_penetration_counts_people_over_running_seats() -> None:
    history = _history(
        usage={
            "account_id": ["a"] * 4,
            "occurred_at": ["2025-05-30"] * 3 + ["2025-04-01"],
            "person_id": ["p", "q", "p", "r"],
        },
        subscriptions={
            "account_id": ["a", "a", "a"],
            "subscription_id": ["s1", "s2", "s3"],
            "valid_from": ["2025-01-01"] * 3,
            "status": ["active", "past_due", "canceled"],
            "seats": [3, 2, 100],
        },
    )
    assert _value(history, catalog["seat_penetration"].expression) == 0.4
    values = evidence_values(catalog["seat_penetration"], history, ["a"], T)
    assert catalog["seat_penetration"].sentence(values[0]) == "Active in the last 30 days: 2 of 5 seats"
    said = catalog.evidence(history, ["a"], T)
    assert said.loc["a", "seat_penetration"] == "Active in the last 30 days: 2 of 5 seats"


def test_no_seats_is_missing_not_infinite() -> None:
    history = _history(subscriptions={"account_id": ["a"], "valid_from": ["2025-01-01"], "seats": [0]})
    expression = usage.count() / subscriptions.active().sum("seats")
    assert np.isnan(_value(history, expression))


def test_a_state_reads_what_was_known_and_what_held() -> None:
    history = _history(
        people={
            "account_id": ["a"] * 3,
            "person_id": ["p", "p", "q"],
            "role": ["champion"] * 3,
            "valid_from": ["2025-01-01", "2025-01-01", "2025-03-01"],
            "valid_to": [None, "2025-05-01", None],
            "known_at": ["2025-01-01", "2025-05-10", "2025-07-01"],
        }
    )
    now = people.active(role="champion").count()
    assert [_value(history, now, pd.Timestamp(day, tz="UTC")) for day in ("2025-05-09", "2025-05-10")] == [1, 0]
    assert _value(history, now, pd.Timestamp("2025-07-01", tz="UTC")) == 1
    ago = people.active(role="champion", ago=30).count()
    assert _value(history, ago, pd.Timestamp("2025-05-20", tz="UTC")) == 1


def test_an_invoice_is_late_from_its_due_date_until_it_is_paid() -> None:
    history = _history(
        invoices={
            "account_id": ["a"],
            "issued_at": ["2025-05-01"],
            "due_at": ["2025-05-15"],
            "paid_at": ["2025-06-10"],
            "amount": [80.0],
        }
    )
    late = invoices.open(since="due_at")
    days = [pd.Timestamp(day, tz="UTC") for day in ("2025-05-14", "2025-05-15", "2025-06-09", "2025-06-10")]
    assert [_value(history, late.count(), day) for day in days] == [0, 1, 1, 0]
    assert [_value(history, late.longest(), day) for day in days] == [0, 0, 25, 0]
    assert [_value(history, invoices.open().sum("amount"), day) for day in days] == [80, 80, 80, 0]


def test_absent_tables_columns_and_kinds_are_named() -> None:
    left_out = catalog.measure(_used("2025-05-30", kind=["feature"]), [T]).left_out
    assert left_out["csat"] == "needs the table tickets"
    assert left_out["active_users"] == "needs the column usage.person_id"
    assert left_out["login_days"] == "needs records of usage with kind = login"
    assert "days_since_usage" not in left_out


def test_orders_speak_where_there_is_no_subscription() -> None:
    orders = {"account_id": ["a"] * 3, "issued_at": ["2025-01-01", "2025-02-20", "2025-04-11"], "amount": [10, 20, 30]}
    frames = {"accounts": {"account_id": ["a"]}, "invoices": orders}
    history = History.from_frames({n: pd.DataFrame(f) for n, f in frames.items()}, end="2025-07-01")
    row = catalog.measure(history, [T]).indicators.iloc[0]
    assert row[["days_since_order", "order_gap", "orders_365", "spend_90"]].tolist() == [51, 50, 3, 30]
    assert row["order_silence"] == pytest.approx(51 / 50)
    assert set(catalog.measure(history, [T]).left_out) >= {"days_since_usage", "seat_penetration"}


def test_adoption_takes_the_most_frequent_events_and_measures_again() -> None:
    names = [f"Event {i:02d}!" for i in range(30) for _ in range(30 - i)]
    history = _used(*["2025-05-31"] * len(names), event=names)
    measured = catalog.measure(history, [T])
    again = Catalog(measured.catalog)
    assert again.events == tuple(f"Event {i:02d}!" for i in range(25))
    assert measured.indicators["adoption_event_00"].iloc[0] == 30
    assert measured.indicators["adoption_share_event_00"].iloc[0] == 30 / len(names)
    pd.testing.assert_frame_equal(again.measure(history, [T]).indicators, measured.indicators)
    assert catalog.adopting(again.events).events == again.events


@pytest.mark.parametrize("names", [["one"] * 5, [f"page {i}" for i in range(201)]])
def test_no_adoption_where_names_say_nothing(names: list[str]) -> None:
    history = _used(*["2025-05-31"] * len(names), event=names)
    assert Catalog(catalog.measure(history, [T]).catalog).events == ()


def test_a_snapshot_holds_accounts_from_when_they_are_known_until_they_are_deleted() -> None:
    history = History.from_frames(
        {
            "accounts": pd.DataFrame(
                {
                    "account_id": ["b", "a", "c", "c"],
                    "valid_from": ["2025-01-01", "2025-05-02", "2025-01-01", "2025-01-01"],
                    "known_at": ["2025-01-01", "2025-05-02", "2025-01-01", "2025-05-15"],
                    "deleted": [False, False, False, True],
                }
            ),
            "usage": pd.DataFrame({"account_id": ["a", "b"], "occurred_at": ["2025-05-03", "2025-05-31"]}),
        },
        end="2025-07-01",
    )
    measured = catalog.measure(history, ["2025-06-01", "2025-05-01", "2025-06-01T02:00+02:00"])
    rows = [(account, f"{cutoff:%m-%d}") for account, cutoff in measured.index]
    assert rows == [("a", "06-01"), ("b", "05-01"), ("b", "06-01"), ("c", "05-01")]
    assert measured.context["tenure_days"].tolist() == [30, 120, 151, 120]
    assert measured.context["recency_days"].tolist()[::2] == [29, 1]


@pytest.mark.parametrize(
    ("cutoffs", "message"),
    [([], "at least one"), (["2026-01-02"], "none after the data end"), (["soon"], "point in time")],
)
def test_bad_cutoffs_are_refused(cutoffs: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        catalog.measure(_used("2025-01-01"), cutoffs)


def test_a_function_sees_what_was_known_and_no_more() -> None:
    @indicator(
        needs=("usage",),
        dimension="product",
        healthy="high",
        unit="events",
        title="Events",
        evidence="{value:.0f} events",
        curve=bands((0, 0), (2, 100)),
    )
    def events(view: View) -> pd.Series:
        return view["usage"].groupby("account_id").size()

    history = _used("2025-05-30", "2025-06-02")
    measured = catalog.select(["days_since_usage"]).adding(events).measure(history, [T, T + pd.Timedelta(days=1)])
    assert measured.indicators["events"].tolist() == [1, 2]
    assert Catalog((events,)).evidence(history, ["a"], T).loc["a", "events"] == "1 event"


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Source("usgae"), "did you mean 'usage'"),
        (lambda: usage.count(knid="login"), "did you mean 'kind'"),
        (lambda: usage.sum("cuont"), "did you mean 'count'"),
        (lambda: usage.count(days=0), "days above 0"),
        (lambda: usage.count().vs_previous(), "a window in days"),
        (usage.open, "a milestone table"),
        (invoices.active, "a state table"),
        (lambda: catalog["penetration"], "seat_penetration"),
        (lambda: catalog.select(dimension="produkt"), "did you mean 'product'"),
    ],
)
def test_wrong_names_get_a_hint(build: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build()


def test_evidence_must_name_what_is_labelled() -> None:
    with pytest.raises(UsageError, match="name the part with"):
        Indicator(
            usage.count().named("n"),
            dimension="product",
            healthy="high",
            unit="events",
            title="Events",
            curve=None,
            evidence="{number} events",
        )


def test_text_is_not_added_up() -> None:
    with pytest.raises(UsageError, match="a column of numbers"):
        _value(_used("2025-05-30", feature=["x"]), usage.sum("feature"))
