"""Business health: does the account get what it came for, is it bound, does it grow, and does it pay."""

from __future__ import annotations

from holdfast.features.indicators.conditions import column
from holdfast.features.indicators.curves import bands
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.indicators.sources import deals, goals, invoices, subscriptions, touchpoints, usage

_RATIO = bands((0, 0), (0.8, 40), (1, 75), (1.2, 100))

_mrr = subscriptions.active().sum("mrr")
_seats = subscriptions.active().sum("seats")
_valued = goals.active(where=column("value_delivered").known())
_overdue = invoices.open(since="due_at")

goals_reached = Indicator(
    goals.active(status=("reached", "achieved", "done", "completed")).count().named("reached")
    / goals.active().count().named("goals"),
    dimension="business",
    healthy="high",
    unit="share",
    title="Goals reached",
    curve=bands((0, 20), (0.5, 55), (0.8, 80), (1, 100)),
    evidence="Goals reached: {reached:.0f} of {goals:.0f}",
    seeds=("S050", "S051"),
)
goal_progress = Indicator(
    goals.active().sum("actual").named("actual") / goals.active().sum("target").named("target"),
    dimension="business",
    healthy="high",
    unit="share",
    title="Progress towards goals",
    curve=bands((0, 0), (0.5, 45), (0.8, 70), (1, 95), (1.2, 100)),
    evidence="Goals stand at {actual:,.0f} of {target:,.0f}",
    seeds=("S050", "S051"),
)
roi_multiple = Indicator(
    _valued.mean("value_delivered") * _valued.count() / invoices.sum("amount", days=365).named("paid"),
    dimension="business",
    healthy="high",
    unit="times",
    title="Return on investment",
    curve=bands((0, 0), (1, 39), (1, 40), (3, 89), (3, 90), (5, 100)),  # S052: below 1 struggles, from 3 safe
    evidence="Value delivered is {value:.1f} times the {paid:,.0f} invoiced in the last 365 days",
    seeds=("S052",),
)
budget_dedicated = Indicator(
    deals.active(budget_status="dedicated").count().named("dedicated")
    / deals.active(where=column("budget_status").known()).count().named("deals"),
    dimension="business",
    healthy="high",
    unit="share",
    title="Dedicated budget",
    curve=bands((0, 25), (0.5, 60), (1, 100)),
    evidence="Deals with a budget of their own: {dedicated:.0f} of {deals:.0f}",
    seeds=("S053",),
)
budget_growth = Indicator(
    deals.active().latest("budget_amount").named("now") / deals.active(ago=180).latest("budget_amount").named("before"),
    dimension="business",
    healthy="high",
    unit="times",
    title="Budget against half a year ago",
    curve=_RATIO,
    evidence="Budget of {now:,.0f}, against {before:,.0f} 180 days ago",
    seeds=("S053",),
)
expansion_talks = Indicator(
    touchpoints.count(days=180, kind="expansion").named("talks"),
    dimension="business",
    healthy="high",
    unit="talks",
    title="Expansion talks",
    curve=bands((0, 50), (1, 80), (3, 100)),
    evidence="Talks about expansion in the last 180 days: {talks:.0f}",
    seeds=("S054",),
)
term_months = Indicator(
    subscriptions.active().max("term_months").named("months"),
    dimension="business",
    healthy="high",
    unit="months",
    title="Contract term",
    curve=bands((1, 40), (12, 75), (24, 95), (36, 100)),
    evidence="Longest contract term, in months: {months:.0f}",
    seeds=("S055",),
)
billing_months = Indicator(
    subscriptions.active().max("billing_months").named("months"),
    dimension="business",
    healthy="high",
    unit="months",
    title="Billing period",
    curve=bands((1, 50), (12, 85), (24, 100)),
    evidence="Longest billing period, in months: {months:.0f}",
    seeds=("S055",),
)
auto_renewal = Indicator(
    subscriptions.active().mean("auto_renew").named("share"),
    dimension="business",
    healthy="high",
    unit="share",
    title="Automatic renewal",
    curve=bands((0, 40), (1, 85)),
    evidence="{share:.0%} of the running subscriptions renew by themselves",
    seeds=("S055",),
)
subscriptions_held = Indicator(
    subscriptions.active().count().named("held"),
    dimension="business",
    healthy="high",
    unit="subscriptions",
    title="Subscriptions held",
    curve=bands((0, 0), (1, 0), (1, 65), (3, 90), (5, 100)),
    evidence="Running subscriptions: {held:.0f}",
    seeds=("S023", "S057"),
)
mrr = Indicator(
    _mrr.named("mrr"),
    dimension="business",
    healthy="unclear",
    unit="money per month",
    title="Monthly recurring revenue",
    curve=None,
    evidence="Running subscriptions are worth {mrr:,.0f} a month",
    seeds=("S058",),
)
mrr_change = Indicator(
    _mrr.named("now") / subscriptions.active(ago=90).sum("mrr").named("before"),
    dimension="business",
    healthy="high",
    unit="times",
    title="Revenue against a quarter ago",
    curve=_RATIO,
    evidence="{now:,.0f} a month, against {before:,.0f} 90 days ago",
    seeds=("S057",),
)
seats = Indicator(
    _seats.named("seats"),
    dimension="business",
    healthy="unclear",
    unit="seats",
    title="Seats",
    curve=None,
    evidence="Seats paid for: {seats:,.0f}",
    seeds=("S016",),
)
seats_change = Indicator(
    _seats.named("now") / subscriptions.active(ago=90).sum("seats").named("before"),
    dimension="business",
    healthy="high",
    unit="times",
    title="Seats against a quarter ago",
    curve=_RATIO,
    evidence="Seats: {now:,.0f}, against {before:,.0f} 90 days ago",
    seeds=("S057",),
)
usage_for_money = Indicator(
    usage.sum("count", days=30).named("events") / _mrr.named("mrr"),
    dimension="business",
    healthy="high",
    unit="events per money",
    title="Use for the money",
    curve=None,
    evidence="Events in the last 30 days: {events:,.0f}, for {mrr:,.0f} a month",
    seeds=("S052",),
)
days_late = Indicator(
    _overdue.longest().named("days"),
    dimension="business",
    healthy="low",
    unit="days",
    title="Days in arrears",
    curve=bands((0, 100), (14, 70), (30, 40), (60, 10), (90, 0)),
    evidence="The oldest overdue invoice is {days:.0f} days late",
    seeds=("S056",),
)
overdue_invoices = Indicator(
    _overdue.count().named("invoices"),
    dimension="business",
    healthy="low",
    unit="invoices",
    title="Overdue invoices",
    curve=bands((0, 100), (1, 50), (3, 15), (6, 0)),
    evidence="Overdue invoices: {invoices:.0f}",
    seeds=("S056",),
)
open_amount = Indicator(
    invoices.open().sum("amount").named("open"),
    dimension="business",
    healthy="low",
    unit="money",
    title="Open invoice amount",
    curve=None,
    evidence="Open invoices amount to {open:,.0f}",
    seeds=("S056",),
)
overdue_share = Indicator(
    _overdue.sum("amount").named("late") / invoices.sum("amount", days=365).named("invoiced"),
    dimension="business",
    healthy="low",
    unit="share",
    title="Overdue share of the year's invoices",
    curve=bands((0, 100), (0.1, 50), (0.25, 15), (0.5, 0)),
    evidence="{late:,.0f} overdue, of {invoiced:,.0f} invoiced in the last 365 days",
    seeds=("S056",),
)
days_to_pay = Indicator(
    (invoices.hours_to("paid_at", days=365) / 24).named("days"),
    dimension="business",
    healthy="low",
    unit="days",
    title="Days to pay",
    curve=bands((0, 100), (14, 90), (30, 75), (60, 35), (120, 0)),
    evidence="Invoices of the last 365 days waited {days:.0f} days for payment, unpaid counted as so far",
    seeds=("S056",),
)
failed_payments = Indicator(
    invoices.sum("failed_attempts", days=180).named("attempts"),
    dimension="business",
    healthy="low",
    unit="attempts",
    title="Failed payment attempts",
    curve=bands((0, 95), (1, 60), (3, 25), (6, 0)),
    evidence="Failed payment attempts in the last 180 days: {attempts:.0f}",
    seeds=("S056",),
)
