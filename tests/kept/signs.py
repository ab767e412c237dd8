"""The indicators of the bundles that are kept here; they must go on to mean what they meant."""

from holdfast.features.indicators.curves import bands
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.indicators.sources import subscriptions, usage

kept_visits = Indicator(
    usage.count(days=30).named("visits"), dimension="product", healthy="high", unit="records", title="Visits",
    curve=bands((0.0, 0), (20.0, 100)), evidence="{visits:.0f} in 30 days",
)  # fmt: skip
kept_quiet = Indicator(
    usage.days_since().named("days"), dimension="product", healthy="low", unit="days", title="Days of silence",
    curve=bands((0.0, 100), (60.0, 0)), evidence="silent for {days:.0f} days",
)  # fmt: skip
kept_seats = Indicator(
    subscriptions.active().sum("seats").named("seats"), dimension="business", healthy="high", unit="seats",
    title="Seats", curve=bands((0.0, 0), (50.0, 100)), evidence="{seats:.0f} seats",
)  # fmt: skip
