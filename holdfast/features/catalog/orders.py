"""Buying: where a company has invoices and no subscriptions, each invoice is an order, and orders are the sign of life.

Under subscriptions an invoice follows the contract and says nothing of its own, so these are left out there.
"""

from __future__ import annotations

from holdfast.features.indicators.curves import Curve, bands
from holdfast.features.indicators.expression import Expression
from holdfast.features.indicators.indicator import Healthy, Indicator
from holdfast.features.indicators.sources import invoices
from holdfast.features.indicators.variants import Variant, change

_ORDERS = bands((0, 0), (1, 25), (2, 40), (4, 60), (10, 80), (30, 95), (100, 100))  # each doubling about as much
_MONEY = bands((0, 0), (10, 10), (100, 30), (1_000, 55), (10_000, 80), (100_000, 95), (1_000_000, 100))

_recency = invoices.days_since()
_age = invoices.days_since_first()
_gap = (_age - _recency) / (invoices.active_days() - 1)


def _order(
    expression: Expression,
    healthy: Healthy,
    unit: str,
    title: str,
    curve: Curve,
    evidence: str,
    variants: tuple[Variant, ...] = (),
) -> Indicator:
    return Indicator(
        expression,
        dimension="business",
        healthy=healthy,
        unit=unit,
        title=title,
        curve=curve,
        evidence=evidence,
        seeds=("S056", "S065"),
        unless=("subscriptions",),
        variants=variants,
    )


days_since_order = _order(
    _recency.named("days"),
    "low",
    "days",
    "Days since the last order",
    bands((0, 100), (14, 85), (30, 70), (60, 50), (120, 25), (240, 5), (365, 0)),
    "The last order was {days:.0f} days ago",
)
order_silence = _order(
    _recency.named("days") / _gap.named("gap"),
    "low",
    "times",
    "Silence against the account's own rhythm of orders",
    bands((0, 100), (1, 85), (2, 60), (4, 30), (8, 0)),
    "{days:.0f} days without an order, where the usual gap is {gap:.1f} days",
)
order_gap = _order(
    _gap.named("gap"),
    "low",
    "days",
    "Usual gap between orders",
    bands((1, 100), (7, 90), (30, 65), (90, 30), (180, 0)),
    "The usual gap between orders is {gap:.1f} days",
)
order_regularity = _order(
    invoices.regularity(days=365),
    "low",
    "spread over mean",
    "Irregularity of orders",
    bands((0, 100), (0.5, 80), (1, 55), (2, 15), (3, 0)),
    "Gaps between orders vary by {value:.0%} of their mean, over the last 365 days",
)
orders_90 = _order(
    invoices.count(days=90).named("orders"),
    "high",
    "orders",
    "Orders in a quarter",
    _ORDERS,
    "Orders in the last 90 days: {orders:.0f}",
    (change(90),),
)
orders_365 = _order(
    invoices.count(days=365).named("orders"),
    "high",
    "orders",
    "Orders in a year",
    _ORDERS,
    "Orders in the last 365 days: {orders:.0f}",
)
orders_ever = _order(
    invoices.count().named("orders"),
    "high",
    "orders",
    "Orders ever",
    _ORDERS,
    "Orders since the beginning: {orders:.0f}",
)
orders_decayed = _order(
    invoices.decayed(half_life=90).named("weight"),
    "high",
    "orders",
    "Orders, older ones fading",
    _ORDERS,
    "Orders add up to {weight:.1f} when one of 90 days ago counts half",
)
spend_90 = _order(
    invoices.sum("amount", days=90).named("amount"),
    "high",
    "money",
    "Spend in a quarter",
    _MONEY,
    "Orders of the last 90 days amount to {amount:,.0f}",
    (change(90),),
)
spend_365 = _order(
    invoices.sum("amount", days=365).named("amount"),
    "high",
    "money",
    "Spend in a year",
    _MONEY,
    "Orders of the last 365 days amount to {amount:,.0f}",
)
spend_decayed = _order(
    invoices.decayed("amount", half_life=90).named("weight"),
    "high",
    "money",
    "Spend, older orders fading",
    _MONEY,
    "Spend adds up to {weight:,.0f} when an order of 90 days ago counts half",
)
mean_order = _order(
    invoices.mean("amount").named("mean"),
    "high",
    "money",
    "Mean order",
    _MONEY,
    "The mean order amounts to {mean:,.0f}",
)
