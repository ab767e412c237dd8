"""Formulas in words: every verb, every kind of reading, and the whole catalogue."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from holdfast.features.catalog import catalog
from holdfast.features.indicators.conditions import column
from holdfast.features.indicators.curves import bands
from holdfast.features.indicators.expression import Expression, Operation, Peers
from holdfast.features.indicators.indicator import Indicator, indicator
from holdfast.features.indicators.sources import (
    accounts,
    deals,
    goals,
    invoices,
    people,
    subscriptions,
    tickets,
    touchpoints,
    usage,
)
from holdfast.features.indicators.variants import change, peers, trend
from holdfast.features.indicators.words import in_words

SEATS = subscriptions.active().sum("seats")
A, B = usage.count(days=7), usage.count(days=30)
SEVEN, THIRTY = "number of uses in the last 7 days", "number of uses in the last 30 days"


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        (usage.count(), "number of uses"),
        (usage.count(days=30, kind="login"), "number of uses with kind login in the last 30 days"),
        (usage.count(days=7).shifted(7), "number of uses in the 7 days up to 7 days ago"),
        (usage.count().shifted(90), "number of uses up to 90 days ago"),
        (usage.sum("count", days=30), "sum of count over uses in the last 30 days"),
        (tickets.mean("sentiment", days=90), "mean sentiment of tickets in the last 90 days"),
        (tickets.min("sentiment"), "smallest sentiment of tickets"),
        (tickets.max("sentiment"), "largest sentiment of tickets"),
        (usage.distinct("person_id", days=30), "number of different person_id among uses in the last 30 days"),
        (touchpoints.latest("score", kind="survey"), "score of the latest touchpoint with kind survey"),
        (touchpoints.first("score"), "score of the first touchpoint"),
        (usage.days_since(), "days since the latest use"),
        (people.days_since_first(), "days since the first person"),
        (usage.active_days(days=30), "days with any use in the last 30 days"),
        (
            usage.frequent("person_id", days=30, on_days=12),
            "number of person_id seen on at least 12 days among uses in the last 30 days",
        ),
        (
            touchpoints.hours_to("replied_at", days=90),
            "mean hours to replied_at of touchpoints in the last 90 days, those without it waiting until now",
        ),
        (
            usage.regularity(days=90),
            "spread of the gaps between days with any use in the last 90 days, over their mean",
        ),
        (usage.silence(days=90), "longest streak of days without any use in the last 90 days"),
        (usage.decayed(), "number of uses, older ones fading by half every 30 days"),
        (usage.decayed("count", half_life=7), "sum of count over uses, older ones fading by half every 7 days"),
        (
            usage.trend(days=90),
            "slope of number of uses in the last 90 days over 3 equal parts, per 30 days, over their mean",
        ),
        (
            usage.share(column("kind").isin("login"), days=30),
            "number of uses with kind login in the last 30 days, divided by number of uses in the last 30 days",
        ),
        (SEATS, "sum of seats over running subscriptions"),
        (subscriptions.active(ago=90).count(), "number of running subscriptions 90 days ago"),
        (subscriptions.active(plan="pro").mean("mrr"), "mean mrr of running subscriptions with plan pro"),
        (subscriptions.active().min("term_months"), "smallest term_months of running subscriptions"),
        (subscriptions.active().max("term_months"), "largest term_months of running subscriptions"),
        (subscriptions.active().days_until("term_end"), "days until the next term_end of running subscriptions"),
        (accounts.active().latest("employees"), "employees of the newest account record"),
        (goals.active().days_since_change("target"), "days since target of goals last changed"),
        (invoices.open(since="due_at").count(), "number of open invoices past due_at"),
        (tickets.open().longest(), "days since the oldest open ticket began"),
        (deals.active(where=column("is_closed") < 1).count(), "number of deals with is_closed no"),
        (usage.count(where=column("advanced") >= 1), "number of uses with advanced yes"),
        (usage.count(event=("a", "b")), "number of uses with event a or b"),
        (usage.count(where=column("event").notin("a", "b")), "number of uses with event other than a or b"),
        (tickets.count(where=column("satisfaction").known()), "number of tickets with satisfaction told"),
        (invoices.count(where=column("voided_at").missing()), "number of invoices with voided_at not told"),
        (tickets.count(where=column("sentiment") <= -0.5), "number of tickets with sentiment at most -0.5"),
        (tickets.count(where=column("sentiment") > 0.5), "number of tickets with sentiment above 0.5"),
        (A + B, f"{SEVEN} plus {THIRTY}"),
        (A - B - 1, f"({SEVEN} less {THIRTY}) less 1"),
        (A - (B - 1), f"{SEVEN} less ({THIRTY} less 1)"),
        (A + B + 1, f"{SEVEN} plus {THIRTY} plus 1"),
        (2 * (A + B), f"2 times ({SEVEN} plus {THIRTY})"),
        (A / (B + 1), f"{SEVEN}, divided by ({THIRTY} plus 1)"),
        (A.at_most(1) + B, f"({SEVEN}, at most 1) plus {THIRTY}"),
        ((A - B).at_least(0), f"{SEVEN} less {THIRTY}, at least 0"),
        (A.at_most(B - 1), f"{SEVEN}, at most ({THIRTY} less 1)"),
        (A.vs_previous(), f"{SEVEN}, against number of uses in the 7 days up to 7 days ago"),
        (Peers(A), f"place among the accounts of the same segment at the same cutoff, by {SEVEN}"),
    ],
)
def test_an_expression_in_words(expression: Expression, words: str) -> None:
    assert in_words(expression) == words


def test_a_function_goes_by_its_first_line_else_by_its_name() -> None:
    about = {"dimension": "product", "healthy": "high", "unit": "x", "title": "X", "evidence": "{value}"}

    @indicator(needs=("usage", "tickets"), **about)  # type: ignore[arg-type] # literals in a dict
    def told(view):  # type: ignore[no-untyped-def] # as a user writes it
        """Uses per ticket.

        And more about it.
        """

    @indicator(needs=("usage",), **about)  # type: ignore[arg-type] # as above
    def silent(view):  # type: ignore[no-untyped-def] # as above
        return view["usage"].groupby("account_id").size()

    assert told.formula == "Uses per ticket (over usage, tickets)"
    assert silent.formula == "silent, a function of its own (over usage)"


def test_where_it_does_not_apply_is_part_of_it() -> None:
    share = Indicator(
        A / SEATS,
        name="share",
        dimension="product",
        healthy="high",
        unit="share",
        title="Share",
        curve=bands((0, 0), (1, 100)),
        evidence="{value}",
        applies=SEATS,
        variants=(change(7), trend(7), peers()),
    )
    seats = "sum of seats over running subscriptions"
    assert share.formula == f"{SEVEN}, divided by {seats}; not applicable where the latter is 0"
    for one in share.family[1:]:
        assert one.formula.endswith(f"; not applicable where {seats} is 0"), one.name


def test_another_kind_of_expression_is_refused() -> None:
    @dataclass(frozen=True)
    class Unheard(Expression):
        pass

    with pytest.raises(TypeError, match="no words for Unheard"):
        in_words(Operation("+", A, Unheard()))


@pytest.mark.parametrize("one", catalog, ids=catalog.names)
def test_every_formula_of_the_catalogue_reads_as_words(one: Indicator) -> None:
    words = one.formula
    assert all(table.rstrip("s") in words or table in ("usage", "people", "accounts") for table in one.tables)
    assert not re.search(r"[\[\]{}=#]|  | ,|\b(None|nan|count\(|sum\()", words), words
    assert words.count("(") == words.count(")")
    assert not words.endswith((",", " "))


def test_formulas_tell_indicators_apart() -> None:
    assert len({one.formula for one in catalog}) == len(catalog)
