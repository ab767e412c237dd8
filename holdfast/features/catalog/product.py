"""Product health: is the product used, how widely, by how many, how regularly, and is that changing."""

from __future__ import annotations

from holdfast.features.indicators.conditions import column
from holdfast.features.indicators.curves import bands
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.indicators.sources import goals, subscriptions, usage

# S010, S011: daily 90-100, weekly 70-89, every two weeks 50-69, monthly 30-49, inactive 0-29 (days in a month)
_DAYS_A_MONTH = bands((0, 0), (1, 29), (1, 30), (2, 49), (2, 50), (4, 69), (4, 70), (20, 89), (20, 90), (30, 100))
_VOLUME = bands((0, 0), (1, 20), (10, 40), (100, 65), (1_000, 90), (10_000, 100))
_CHANGE = bands((0, 0), (0.5, 40), (0.8, 65), (1.0, 80), (1.5, 100))

_recency = usage.days_since()
_rhythm = (usage.days_since_first() - _recency) / (usage.active_days() - 1)

days_since_usage = Indicator(
    usage.days_since().named("days"),
    dimension="product",
    healthy="low",
    unit="days",
    title="Days since the last use",
    curve=bands((1, 100), (7, 80), (14, 55), (28, 25), (60, 5), (90, 0)),
    evidence="The product was last used {days:.0f} days ago",
    caps=True,
    seeds=("S010", "S012", "S066"),
)
silence_against_rhythm = Indicator(
    (_recency.named("days") / _rhythm.named("gap")),
    dimension="product",
    healthy="low",
    unit="times",
    title="Silence against the account's own rhythm",
    curve=bands((1, 100), (3, 75), (7, 40), (15, 10), (30, 0)),
    evidence="{days:.0f} days without use, where the usual gap is {gap:.1f} days",
    seeds=("S012", "S024"),
)
login_days = Indicator(
    usage.active_days(days=30, kind="login").named("days"),
    dimension="product",
    healthy="high",
    unit="days",
    title="Days with a login",
    curve=_DAYS_A_MONTH,
    evidence="Somebody logged in on {days:.0f} days of the last 30",
    seeds=("S010", "S011"),
)
active_days = Indicator(
    usage.active_days(days=30).named("days"),
    dimension="product",
    healthy="high",
    unit="days",
    title="Days in use",
    curve=_DAYS_A_MONTH,
    evidence="The product was used on {days:.0f} days of the last 30",
    seeds=("S010", "S011", "S024"),
)
active_days_365 = Indicator(
    usage.active_days(days=365).named("days"),
    dimension="product",
    healthy="high",
    unit="days",
    title="Days in use in a year",
    curve=bands((0.0, 0), (12.0, 40), (52.0, 70), (250.0, 100)),
    evidence="The product was used on {days:.0f} days of the last 365",
    seeds=("S010", "S024"),
)
usage_30 = Indicator(
    usage.sum("count", days=30).named("events"),
    dimension="product",
    healthy="high",
    unit="events",
    title="Usage in a month",
    curve=_VOLUME,
    evidence="Events in the last 30 days: {events:,.0f}",
    seeds=("S023",),
)
usage_90 = Indicator(
    usage.sum("count", days=90).named("events"),
    dimension="product",
    healthy="high",
    unit="events",
    title="Usage in a quarter",
    curve=_VOLUME,
    evidence="Events in the last 90 days: {events:,.0f}",
    seeds=("S023",),
)
usage_change = Indicator(
    usage.sum("count", days=30).named("now").vs_previous(),
    dimension="product",
    healthy="high",
    unit="times",
    title="Usage against the month before",
    curve=_CHANGE,
    evidence="Events in the last 30 days: {now:,.0f}; in the 30 days before: {now_before:,.0f}",
    seeds=("S065",),
)
usage_decayed = Indicator(
    usage.decayed("count", half_life=30).named("weight"),
    dimension="product",
    healthy="high",
    unit="events",
    title="Recent usage, older use fading",
    curve=_VOLUME,
    evidence="Usage adds up to {weight:,.1f} events when use of 30 days ago counts half",
    seeds=("S065",),
)
usage_trend = Indicator(
    usage.trend("count", days=90, buckets=3),
    dimension="product",
    healthy="high",
    unit="share per 30 days",
    title="Usage trend",
    curve=bands((-1, 0), (-0.3, 35), (0, 75), (0.5, 100)),
    evidence="Usage moved by {value:+.0%} of its mean per 30 days, over the last 90 days",
    seeds=("S068",),
)
usage_regularity = Indicator(
    usage.regularity(days=90),
    dimension="product",
    healthy="low",
    unit="spread over mean",
    title="Irregularity of use",
    curve=bands((0, 100), (0.5, 85), (1, 60), (2, 20), (3, 0)),
    evidence="Gaps between days of use vary by {value:.0%} of their mean, over the last 90 days",
    seeds=("S024",),
)
usage_minutes = Indicator(
    usage.sum("duration_min", days=30).named("minutes"),
    dimension="product",
    healthy="high",
    unit="minutes",
    title="Time spent in the product",
    curve=bands((0, 0), (10, 20), (100, 45), (1_000, 75), (10_000, 100)),
    evidence="Time spent in the last 30 days, in minutes: {minutes:,.0f}",
    seeds=("S023",),
)
features_used = Indicator(
    usage.distinct("feature", days=90).named("features"),
    dimension="product",
    healthy="high",
    unit="features",
    title="Features in use",
    curve=bands((0, 0), (1, 20), (3, 40), (10, 80), (20, 100)),
    evidence="Features used in the last 90 days: {features:.0f}",
    seeds=("S013", "S015"),
)
feature_breadth = Indicator(
    usage.distinct("feature", days=90).named("features")
    / subscriptions.active().max("features_available").named("available"),
    dimension="product",
    healthy="high",
    unit="share",
    title="Feature breadth",
    curve=bands((0, 0), (0.15, 30), (0.5, 70), (0.75, 90), (1, 100)),
    evidence="{features:.0f} of {available:.0f} features were used in the last 90 days",
    seeds=("S013", "S014"),
)
event_kinds = Indicator(
    usage.distinct("event", days=90).named("kinds"),
    dimension="product",
    healthy="high",
    unit="events",
    title="Different things done",
    curve=bands((0, 0), (1, 20), (3, 45), (8, 80), (20, 100)),
    evidence="Different things done in the last 90 days: {kinds:.0f}",
    seeds=("S013",),
)
advanced_share = Indicator(
    usage.share(column("advanced") >= 1, days=90),
    dimension="product",
    healthy="high",
    unit="share",
    title="Advanced use",
    curve=bands((0, 20), (0.1, 60), (0.3, 85), (0.6, 100)),
    evidence="{value:.0%} of the use in the last 90 days was of advanced features",
    seeds=("S013", "S015"),
)
active_users = Indicator(
    usage.distinct("person_id", days=30).named("users"),
    dimension="product",
    healthy="high",
    unit="users",
    title="Active users",
    curve=bands((0, 0), (1, 30), (3, 55), (10, 80), (50, 100)),
    evidence="Users active in the last 30 days: {users:.0f}",
    seeds=("S016",),
)
active_users_change = Indicator(
    usage.distinct("person_id", days=30).named("now").vs_previous(),
    dimension="product",
    healthy="high",
    unit="times",
    title="Active users against the month before",
    curve=_CHANGE,
    evidence="Active users in the last 30 days: {now:.0f}; in the 30 days before: {now_before:.0f}",
    seeds=("S016",),
)
seat_penetration = Indicator(
    usage.distinct("person_id", days=30).named("active") / subscriptions.active().sum("seats").named("seats"),
    dimension="product",
    healthy="high",
    unit="share",
    title="Active-user penetration",
    curve=bands((0, 0), (0.4, 49), (0.4, 50), (0.6, 69), (0.6, 70), (0.8, 89), (0.8, 90), (1, 100)),
    evidence="Active in the last 30 days: {active:.0f} of {seats:.0f} seats",
    seeds=("S016", "S017", "S018"),
)
power_users = Indicator(
    usage.frequent("person_id", days=30, on_days=12).named("users"),
    dimension="product",
    healthy="high",
    unit="users",
    title="Power users",
    curve=bands((0, 20), (1, 20), (1, 60), (3, 79), (3, 90), (10, 100)),
    evidence="Users active on at least 12 of the last 30 days: {users:.0f}",
    seeds=("S021", "S022"),
)
workflow_completion = Indicator(
    (
        usage.sum("count", days=90, kind="flow_done").named("done")
        / usage.sum("count", days=90, kind="flow_start").named("begun")
    ).at_most(1),  # what was begun before the window may be done inside it
    dimension="product",
    healthy="high",
    unit="share",
    title="Workflow completion",
    curve=bands((0, 0), (0.5, 50), (0.8, 80), (1, 100)),
    evidence="Workflows completed in the last 90 days: {done:,.0f} of {begun:,.0f} begun",
    seeds=("S019",),
)
integrations = Indicator(
    (usage.sum("count", kind="integration_on") - usage.sum("count", kind="integration_off")).at_least(0),
    dimension="product",
    healthy="high",
    unit="integrations",
    title="Integrations connected",
    curve=bands((0, 30), (1, 30), (1, 70), (3, 90), (5, 100)),
    evidence="Integrations connected: {value:.0f}",
    seeds=("S020",),
)
milestones_reached = Indicator(
    goals.active(kind="milestone", status=("reached", "achieved", "done", "completed")).count().named("reached")
    / goals.active(kind="milestone").count().named("planned"),
    dimension="product",
    healthy="high",
    unit="share",
    title="Implementation milestones",
    curve=bands((0, 10), (0.5, 50), (1, 100)),
    evidence="Implementation milestones reached: {reached:.0f} of {planned:.0f}",
    seeds=("S025",),
)
