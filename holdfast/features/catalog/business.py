"""Business health: does the account get what it came for, is it bound, does it grow, and does it pay."""

from __future__ import annotations

from functools import partial

from holdfast.features.indicators.conditions import column
from holdfast.features.indicators.curves import bands
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.indicators.sources import accounts, deals, goals, invoices, subscriptions, touchpoints, usage
from holdfast.features.indicators.variants import change, move

_sign = partial(Indicator, dimension="business")

_REACHED = ("reached", "achieved", "done", "completed")
_BEHIND = ("behind", "at risk", "missed", "late")

_mrr = subscriptions.active().sum("mrr")
_seats = subscriptions.active().sum("seats")
_wanted = column("kind").notin("milestone")
_goals = goals.active(where=_wanted).count()
_valued = goals.active(where=column("value_delivered").known())
_overdue = invoices.open(since="due_at")
_VALID = column("voided_at").missing()
_invoiced = invoices.sum("amount", days=365, where=_VALID)
_talks = touchpoints.count(days=180, kind="expansion")
_budgeted = deals.active(where=column("budget_status").known()).count()

goals_reached = _sign(
    goals.active(where=_wanted, status=_REACHED).count().named("reached") / _goals.named("goals"),
    healthy="high",
    unit="share",
    title="Goals reached",
    curve=bands((0, 20), (0.5, 55), (0.8, 80), (1, 100)),
    evidence="Goals reached: {reached:.0f} of {goals:.0f}",
    seeds=("S050", "S051"),
)
goal_progress = _sign(
    goals.active(where=_wanted).mean("progress").named("way"),
    healthy="high",
    unit="share",
    title="Progress towards goals",
    curve=bands((0, 0), (0.5, 45), (0.8, 70), (1, 95), (1.2, 100)),
    evidence="Goals have come {way:.0%} of the way from where they started to their targets",
    seeds=("S050", "S051"),
    variants=(move(180, reach=0.3),),
)
goals_behind = _sign(
    goals.active(where=_wanted, status=_BEHIND).count().named("behind") / _goals.named("goals"),
    healthy="low",
    unit="share",
    title="Goals behind",
    curve=bands((0, 95), (0.3, 60), (0.7, 20), (1, 0)),
    evidence="Goals behind: {behind:.0f} of {goals:.0f}",
    seeds=("S050", "S051"),
)
roi_multiple = _sign(
    (_valued.mean("value_delivered") * _valued.count()).named("delivered") / _invoiced.named("paid"),
    healthy="high",
    unit="times",
    title="Return on investment",
    curve=bands((0, 0), (1, 39), (1, 40), (3, 89), (3, 90), (5, 100)),  # S052: below 1 struggles, from 3 safe
    evidence="{delivered:,.0f} delivered is {value:.1f} times the {paid:,.0f} invoiced in the last 365 days",
    seeds=("S052",),
    applies=_invoiced,
)
budget_dedicated = _sign(
    deals.active(budget_status="dedicated").count().named("dedicated") / _budgeted.named("deals"),
    healthy="high",
    unit="share",
    title="Dedicated budget",
    curve=bands((0, 25), (0.5, 60), (1, 100)),
    evidence="Deals with a budget of their own: {dedicated:.0f} of {deals:.0f}",
    seeds=("S053",),
    applies=_budgeted,
)
budget = _sign(
    deals.active().latest("budget_amount").named("budget"),
    healthy="unclear",
    unit="money",
    title="Budget",
    curve=None,
    evidence="The budget is {budget:,.0f}",
    seeds=("S053",),
    variants=(change(180, healthy="high"),),
)
budget_cover = _sign(
    deals.active().latest("budget_amount").named("budget") / (12 * _mrr).named("arr"),
    healthy="high",
    unit="share",
    title="Budget against contract value",
    curve=bands((0.5, 10), (0.9, 50), (1.1, 70), (1.5, 100)),
    evidence="The budget is {budget:,.0f} for {arr:,.0f} a year",
    seeds=("S053",),
    applies=_mrr,
)
expansion_talks = _sign(
    _talks.named("talks"),
    healthy="high",
    unit="talks",
    title="Expansion talks",
    curve=bands((0, 50), (1, 80), (3, 100)),
    evidence="Talks about expansion in the last 180 days: {talks:.0f}",
    seeds=("S054",),
)
expansion_silence = _sign(
    touchpoints.days_since(kind="expansion").named("days"),
    healthy="low",
    unit="days",
    title="Days since expansion was talked about",
    curve=bands((0, 100), (90, 75), (180, 55), (365, 35), (730, 20)),
    evidence="Expansion was last talked about {days:.0f} days ago",
    seeds=("S054",),
)
expansion_mood = _sign(
    touchpoints.mean("sentiment", days=365, kind="expansion").named("mood"),
    healthy="high",
    unit="-1 to 1",
    title="Mood of expansion talks",
    curve=bands((-1, 0), (0, 60), (1, 100)),
    evidence="Talks about expansion in the last 365 days sound {mood:+z.2f} on a scale from -1 to 1",
    seeds=("S054",),
    applies=touchpoints.count(days=365, kind="expansion"),
)
expansion_pipeline = _sign(
    deals.active(kind="expansion", where=column("is_closed") < 1).sum("amount").named("offered")
    / (12 * _mrr).named("arr"),
    healthy="high",
    unit="share",
    title="Expansion on offer",
    curve=bands((0, 50), (0.1, 75), (0.3, 90), (1, 100)),
    evidence="Open offers of {offered:,.0f}, against {arr:,.0f} a year",
    seeds=("S054", "S057"),
    applies=_mrr,
)
renewals_won = _sign(
    deals.active(kind="renewal", where=column("is_won") >= 1).count().named("renewals"),
    healthy="high",
    unit="renewals",
    title="Renewals made",
    curve=bands((0, 50), (1, 75), (3, 95), (5, 100)),
    evidence="Renewals made so far: {renewals:.0f}",
    seeds=("S057",),
)
term_months = _sign(
    subscriptions.active().max("term_months").named("months"),
    healthy="high",
    unit="months",
    title="Contract term",
    curve=bands((1, 40), (12, 75), (24, 95), (36, 100)),
    evidence="Longest contract term, in months: {months:.0f}",
    seeds=("S055",),
)
days_to_renewal = _sign(
    subscriptions.active().days_until("term_end").named("days"),
    healthy="unclear",
    unit="days",
    title="Days to the end of the term",
    curve=None,
    evidence="The next term ends in {days:.0f} days",
    seeds=("S055",),
    applies=subscriptions.active(where=column("term_end").known()).count(),
)
billing_months = _sign(
    subscriptions.active().max("billing_months").named("months"),
    healthy="high",
    unit="months",
    title="Billing period",
    curve=bands((1, 50), (12, 85), (24, 100)),
    evidence="Longest billing period, in months: {months:.0f}",
    seeds=("S055",),
)
auto_renewal = _sign(
    subscriptions.active().mean("auto_renew").named("share"),
    healthy="high",
    unit="share",
    title="Automatic renewal",
    curve=bands((0, 40), (1, 85)),
    evidence="{share:.0%} of the running subscriptions renew by themselves",
    seeds=("S055",),
)
subscriptions_held = _sign(
    subscriptions.active().count().named("held"),
    healthy="high",
    unit="subscriptions",
    title="Subscriptions held",
    curve=bands((0, 0), (1, 0), (1, 65), (3, 90), (5, 100)),
    evidence="Running subscriptions: {held:.0f}",
    seeds=("S023", "S057"),
)
mrr = _sign(
    _mrr.named("mrr"),
    healthy="unclear",
    unit="money per month",
    title="Monthly recurring revenue",
    curve=None,
    evidence="Running subscriptions are worth {mrr:,.0f} a month",
    seeds=("S057", "S058"),
    variants=(change(90, healthy="high"),),
)
seats = _sign(
    _seats.named("seats"),
    healthy="unclear",
    unit="seats",
    title="Seats",
    curve=None,
    evidence="Seats paid for: {seats:,.0f}",
    seeds=("S016", "S057"),
    variants=(change(90, healthy="high"),),
)
employees = _sign(
    accounts.active().latest("employees").named("employees"),
    healthy="unclear",
    unit="people",
    title="Employees of the account",
    curve=None,
    evidence="Employees of the account: {employees:,.0f}",
    seeds=("S058",),
    variants=(change(365, healthy="high"),),
)
usage_for_money = _sign(
    usage.sum("count", days=30).named("events") / _mrr.named("mrr"),
    healthy="high",
    unit="events per money",
    title="Use for the money",
    curve=None,
    evidence="Events in the last 30 days: {events:,.0f}, for {mrr:,.0f} a month",
    seeds=("S052",),
    applies=_mrr,
)
days_late = _sign(
    _overdue.longest().named("days"),
    healthy="low",
    unit="days",
    title="Days in arrears",
    curve=bands((0, 100), (14, 70), (30, 40), (60, 10), (90, 0)),
    evidence="The oldest overdue invoice is {days:.0f} days late",
    seeds=("S056",),
)
overdue_invoices = _sign(
    _overdue.count().named("invoices"),
    healthy="low",
    unit="invoices",
    title="Overdue invoices",
    curve=bands((0, 100), (1, 50), (3, 15), (6, 0)),
    evidence="Overdue invoices: {invoices:.0f}",
    seeds=("S056",),
)
open_amount = _sign(
    invoices.open().sum("amount").named("open"),
    healthy="low",
    unit="money",
    title="Open invoice amount",
    curve=None,
    evidence="Open invoices amount to {open:,.0f}",
    seeds=("S056",),
)
overdue_share = _sign(
    _overdue.sum("amount").named("late") / _invoiced.named("invoiced"),
    healthy="low",
    unit="share",
    title="Overdue share of the year's invoices",
    curve=bands((0, 100), (0.1, 50), (0.25, 15), (0.5, 0)),
    evidence="{late:,.0f} overdue, of {invoiced:,.0f} invoiced in the last 365 days",
    seeds=("S056",),
    applies=_invoiced,
)
days_to_pay = _sign(
    (invoices.hours_to("paid_at", days=180, where=_VALID) / 24).named("days"),
    healthy="low",
    unit="days",
    title="Days to pay",
    curve=bands((0, 100), (14, 90), (30, 75), (60, 35), (120, 0)),
    evidence="Invoices of the last 180 days waited {days:.0f} days for payment, unpaid counted as so far",
    seeds=("S056",),
    applies=invoices.count(days=180, where=_VALID),
    variants=(change(180),),
)
failed_payments = _sign(
    invoices.sum("failed_attempts", days=180).named("attempts"),
    healthy="low",
    unit="attempts",
    title="Failed payment attempts",
    curve=bands((0, 95), (1, 60), (3, 25), (6, 0)),
    evidence="Failed payment attempts in the last 180 days: {attempts:.0f}",
    seeds=("S056",),
)
