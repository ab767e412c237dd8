"""The sixty aggregates that every engine computes, declared once, as holdfast indicators.

The peers hold their own formulations of the same sixty, written independently; `compare` holds all of them together.
"""

from __future__ import annotations

from holdfast.features.catalog.collection import Catalog
from holdfast.features.indicators.expression import Expression
from holdfast.features.indicators.indicator import Dimension, Indicator
from holdfast.features.indicators.sources import invoices, tickets, usage

_USAGE: dict[str, Expression] = {
    # counts, all and by kind
    **{f"events_{days}": usage.count(days=days) for days in (7, 30, 60, 90, 180)},
    "events_ever": usage.count(),
    **{
        f"{kind}_{days}": usage.count(days=days, kind=kind) for kind in ("login", "feature", "api") for days in (30, 90)
    },
    # sums
    **{f"minutes_{days}": usage.sum("duration_min", days=days) for days in (30, 60, 90)},
    **{f"amount_{days}": usage.sum("count", days=days) for days in (30, 90, 180)},
    # distinct persons and events
    **{f"people_{days}": usage.distinct("person_id", days=days) for days in (7, 30, 60, 90, 180)},
    "people_ever": usage.distinct("person_id"),
    **{f"kinds_{days}": usage.distinct("event", days=days) for days in (30, 90, 180)},
    # recency
    "since_any": usage.days_since(),
    **{f"since_{kind}": usage.days_since(kind=kind) for kind in ("login", "feature", "api")},
    # active days
    **{f"active_{days}": usage.active_days(days=days) for days in (7, 30, 60, 90, 180)},
    "active_ever": usage.active_days(),
    # against the window before
    "events_30_vs": usage.count(days=30).vs_previous(),
    "events_90_vs": usage.count(days=90).vs_previous(),
    "people_30_vs": usage.distinct("person_id", days=30).vs_previous(),
    "active_30_vs": usage.active_days(days=30).vs_previous(),
    "minutes_30_vs": usage.sum("duration_min", days=30).vs_previous(),
    # decayed
    "events_half_7": usage.decayed(half_life=7),
    "events_half_30": usage.decayed(half_life=30),
    # slopes
    "events_slope_90": usage.trend(days=90, buckets=3),
    "events_slope_180": usage.trend(days=180, buckets=6),
    "minutes_slope_90": usage.trend("duration_min", days=90, buckets=3),
}
_TICKETS: dict[str, Expression] = {
    **{f"tickets_{days}": tickets.count(days=days) for days in (30, 90, 180)},
    "tickets_ever": tickets.count(),
    "tickets_open": tickets.open().count(),
    "tickets_open_age": tickets.open().longest(),
}
_INVOICES: dict[str, Expression] = {
    **{f"billed_{days}": invoices.sum("amount", days=days) for days in (90, 180)},
    "billed_ever": invoices.sum("amount"),
    "unpaid": invoices.open().sum("amount"),
    "overdue": invoices.open(since="due_at").sum("amount"),
    "overdue_invoices": invoices.open(since="due_at").count(),
    "overdue_days": invoices.open(since="due_at").longest(),
}


def _declared(dimension: Dimension, expressions: dict[str, Expression]) -> tuple[Indicator, ...]:
    return tuple(
        Indicator(
            expression,
            name=name,
            dimension=dimension,
            healthy="unclear",
            unit="number",
            title=name,
            curve=None,
            evidence="{value:g}",
        )
        for name, expression in expressions.items()
    )


AGGREGATES = Catalog(
    (*_declared("product", _USAGE), *_declared("relationship", _TICKETS), *_declared("business", _INVOICES))
)
NAMES = AGGREGATES.names
