"""Product health: is the product used, how widely, by how many, how regularly, and is that changing."""

from __future__ import annotations

from functools import partial

from holdfast.features.catalog.power import PowerUser
from holdfast.features.indicators.conditions import column
from holdfast.features.indicators.curves import bands
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.indicators.sources import goals, subscriptions, usage
from holdfast.features.indicators.variants import change, move, peers, trend

_sign = partial(Indicator, dimension="product")

# S010, S011: daily 90-100, weekly 70-89, every two weeks 50-69, monthly 30-49, inactive 0-29 (days in a month)
_DAYS_A_MONTH = bands((0, 0), (1, 29), (1, 30), (2, 49), (2, 50), (4, 69), (4, 70), (20, 89), (20, 90), (30, 100))
_VOLUME = bands((0, 0), (1, 20), (10, 40), (100, 65), (1_000, 90), (10_000, 100))
_PEOPLE = bands((0, 0), (1, 30), (3, 55), (10, 80), (50, 100))
_DONE = ("reached", "achieved", "done", "completed")

_recency = usage.days_since()
_rhythm = (usage.days_since_first() - _recency) / (usage.active_days() - 1)
_seats = subscriptions.active().sum("seats")
_events = usage.sum("count", days=90)
_features = usage.distinct("feature", days=90)
_people = usage.distinct("person_id", days=30)
_begun = usage.sum("count", days=90, kind="flow_start")
_done = usage.sum("count", days=90, kind="flow_done")
_failed = usage.sum("count", days=90, kind="flow_fail")
_planned = goals.active(kind="milestone").count()

days_since_usage = _sign(
    usage.days_since().named("days"),
    healthy="low",
    unit="days",
    title="Days since the last use",
    curve=bands((1, 100), (7, 80), (14, 55), (28, 25), (60, 5), (90, 0)),
    evidence="The product was last used {days:.0f} days ago",
    caps=True,
    seeds=("S010", "S012", "S066"),
)
silence_against_rhythm = _sign(
    (_recency.named("days") / _rhythm.named("gap")),
    healthy="low",
    unit="times",
    title="Silence against the account's own rhythm",
    curve=bands((1, 100), (3, 75), (7, 40), (15, 10), (30, 0)),
    evidence="{days:.0f} days without use, where the usual gap is {gap:.1f} days",
    seeds=("S012", "S024"),
)
login_days = _sign(
    usage.active_days(days=31, kind="login").named("days"),
    healthy="high",
    unit="days",
    title="Days with a login",
    curve=_DAYS_A_MONTH,
    evidence="Somebody logged in on {days:.0f} days of the last 31",
    seeds=("S010", "S011"),
    variants=(change(31),),
)
active_days = _sign(
    usage.active_days(days=30).named("days"),
    healthy="high",
    unit="days",
    title="Days in use",
    curve=_DAYS_A_MONTH,
    evidence="The product was used on {days:.0f} days of the last 30",
    seeds=("S010", "S011", "S024"),
    variants=(change(30), peers()),
)
active_days_365 = _sign(
    usage.active_days(days=365).named("days"),
    healthy="high",
    unit="days",
    title="Days in use in a year",
    curve=bands((0.0, 0), (12.0, 40), (52.0, 70), (250.0, 100)),
    evidence="The product was used on {days:.0f} days of the last 365",
    seeds=("S010", "S024"),
)
usage_30 = _sign(
    usage.sum("count", days=30).named("events"),
    healthy="high",
    unit="events",
    title="Usage in a month",
    curve=_VOLUME,
    evidence="Events in the last 30 days: {events:,.0f}",
    seeds=("S012", "S023", "S065"),
    variants=(change(30), trend(30), peers()),
)
usage_90 = _sign(
    _events.named("events"),
    healthy="high",
    unit="events",
    title="Usage in a quarter",
    curve=_VOLUME,
    evidence="Events in the last 90 days: {events:,.0f}",
    seeds=("S023",),
)
usage_decayed = _sign(
    usage.decayed("count", half_life=30).named("weight"),
    healthy="high",
    unit="events",
    title="Recent usage, older use fading",
    curve=_VOLUME,
    evidence="Usage adds up to {weight:,.1f} events when use of 30 days ago counts half",
    seeds=("S065",),
)
usage_regularity = _sign(
    usage.regularity(days=90),
    healthy="low",
    unit="spread over mean",
    title="Irregularity of use",
    curve=bands((0, 100), (0.5, 85), (1, 60), (2, 20), (3, 0)),
    evidence="Gaps between days of use vary by {value:.0%} of their mean, over the last 90 days",
    seeds=("S024",),
)
usage_minutes = _sign(
    usage.sum("duration_min", days=30).named("minutes"),
    healthy="high",
    unit="minutes",
    title="Time spent in the product",
    curve=bands((0, 0), (10, 20), (100, 45), (1_000, 75), (10_000, 100)),
    evidence="Time spent in the last 30 days, in minutes: {minutes:,.0f}",
    seeds=("S023",),
    variants=(change(30),),
)
minutes_per_user = _sign(
    usage.sum("duration_min", days=30).named("minutes") / _people.named("users"),
    healthy="high",
    unit="minutes",
    title="Time spent per active user",
    curve=bands((0, 0), (10, 30), (60, 60), (240, 85), (600, 100)),
    evidence="{minutes:,.0f} minutes in the last 30 days, by {users:.0f} active users",
    seeds=("S023",),
    applies=_people,
)
features_used = _sign(
    _features.named("features"),
    healthy="high",
    unit="features",
    title="Features in use",
    curve=bands((0, 0), (1, 20), (3, 40), (10, 80), (20, 100)),
    evidence="Features used in the last 90 days: {features:.0f}",
    seeds=("S013", "S015"),
    variants=(change(90),),
)
feature_breadth = _sign(
    _features.named("features") / subscriptions.active().max("features_available").named("available"),
    healthy="high",
    unit="share",
    title="Feature breadth",
    curve=bands((0, 0), (0.15, 30), (0.5, 70), (0.75, 90), (1, 100)),  # S014: 3 of 20 poor, 15 of 20 strong
    evidence="Features used in the last 90 days: {features:.0f} of {available:.0f}",
    seeds=("S013", "S014"),
    variants=(peers(),),
)
feature_depth = _sign(
    _events.named("events") / _features.named("features"),
    healthy="high",
    unit="events",
    title="Depth of use per feature",
    curve=bands((0, 0), (3, 40), (10, 70), (50, 90), (200, 100)),
    evidence="{events:,.0f} events in the last 90 days, over {features:.0f} features",
    seeds=("S013", "S015"),
    applies=_features,
)
features_in_depth = _sign(
    usage.frequent("feature", days=90, on_days=5).named("features"),
    healthy="high",
    unit="features",
    title="Features used again and again",
    curve=bands((0, 0), (2, 40), (5, 65), (10, 90), (20, 100)),  # S015: ten at moderate depth beat two at expert depth
    evidence="Features used on at least 5 of the last 90 days: {features:.0f}",
    seeds=("S013", "S015"),
)
feature_balance = _sign(
    usage.frequent("feature", days=90, on_days=5).named("deep") / _features.named("features"),
    healthy="high",
    unit="share",
    title="Balance of breadth and depth",
    curve=bands((0, 20), (0.3, 55), (0.7, 90), (1, 100)),
    evidence="Features used on at least 5 of the last 90 days: {deep:.0f} of the {features:.0f} in use",
    seeds=("S015",),
    applies=_features,
)
event_kinds = _sign(
    usage.distinct("event", days=90).named("kinds"),
    healthy="high",
    unit="events",
    title="Different things done",
    curve=bands((0, 0), (1, 20), (3, 45), (8, 80), (20, 100)),
    evidence="Different things done in the last 90 days: {kinds:.0f}",
    seeds=("S013",),
)
advanced_share = _sign(
    usage.share(column("advanced") >= 1, days=90),
    healthy="high",
    unit="share",
    title="Advanced use",
    curve=bands((0, 20), (0.1, 60), (0.3, 85), (0.6, 100)),
    evidence="{value:.0%} of the use in the last 90 days was of advanced features",
    seeds=("S013", "S015"),
    variants=(move(90, reach=0.3),),
    applies=usage.count(days=90),
)
active_users = _sign(
    _people.named("users"),
    healthy="high",
    unit="users",
    title="Active users",
    curve=_PEOPLE,
    evidence="Users active in the last 30 days: {users:.0f}",
    seeds=("S016",),
    variants=(change(30), trend(30), peers()),
)
seat_penetration = _sign(
    _people.named("active") / _seats.named("seats"),
    healthy="high",
    unit="share",
    title="Active-user penetration",
    # S017: below 40 % 0-49, to 60 % 50-69, to 80 % 70-89, from 80 % 90-100
    curve=bands((0, 0), (0.4, 49), (0.4, 50), (0.6, 69), (0.6, 70), (0.8, 89), (0.8, 90), (1, 100)),
    evidence="Active in the last 30 days: {active:.0f} of {seats:.0f} seats",
    seeds=("S016", "S017", "S018"),
    applies=_seats,
    variants=(move(90, reach=0.3), peers()),
)
power_users = _sign(
    PowerUser().count().named("users"),
    healthy="high",
    unit="users",
    title="Power users",
    curve=bands((0, 20), (1, 20), (1, 60), (3, 79), (3, 90), (10, 100)),  # S022: none, one or two, three and more
    evidence="Users active on at least 12 of the last 30 days: {users:.0f}",
    seeds=("S021", "S022"),
    variants=(move(90, reach=3),),
)
expert_users = _sign(
    PowerUser(on_days=4, advanced=True).count().named("users"),
    healthy="high",
    unit="users",
    title="Users of advanced features",
    curve=bands((0, 20), (1, 55), (3, 85), (10, 100)),
    evidence="Users of advanced features on at least 4 of the last 30 days: {users:.0f}",
    seeds=("S013", "S021"),
)
workflow_users = _sign(
    usage.distinct("person_id", days=30, kind="flow_done").named("users"),
    healthy="high",
    unit="users",
    title="Users who complete workflows",
    curve=_PEOPLE,
    evidence="Users who completed a workflow in the last 30 days: {users:.0f}",
    seeds=("S019", "S021"),
)
workflow_completion = _sign(
    (_done.named("done") / _begun.named("begun")).at_most(1),  # what was begun before the window may be done inside it
    healthy="high",
    unit="share",
    title="Workflow completion",
    curve=bands((0, 0), (0.5, 50), (0.8, 80), (1, 100)),
    evidence="Workflows completed in the last 90 days: {done:,.0f} of {begun:,.0f} begun",
    seeds=("S019",),
    applies=_begun,
    variants=(move(90, reach=0.3),),
)
workflow_failures = _sign(
    _failed.named("failed") / (_done + _failed).named("ended"),
    healthy="low",
    unit="share",
    title="Workflows that fail",
    curve=bands((0, 100), (0.1, 75), (0.3, 35), (0.6, 0)),
    evidence="Workflows that failed in the last 90 days: {failed:,.0f} of {ended:,.0f} ended",
    seeds=("S019",),
    applies=_done + _failed,
)
integrations = _sign(
    (usage.sum("count", kind="integration_on") - usage.sum("count", kind="integration_off")).at_least(0),
    healthy="high",
    unit="integrations",
    title="Integrations connected",
    curve=bands((0, 30), (1, 30), (1, 70), (3, 90), (5, 100)),
    evidence="Integrations connected: {value:.0f}",
    seeds=("S020",),
    variants=(move(90, reach=2),),
)
integration_use = _sign(
    usage.sum("count", days=30, kind="api").named("calls"),
    healthy="high",
    unit="calls",
    title="Use through integrations",
    curve=bands((0, 20), (1, 45), (30, 70), (300, 90), (3_000, 100)),
    evidence="Calls through integrations in the last 30 days: {calls:,.0f}",
    seeds=("S020",),
    variants=(change(30),),
)
milestones_reached = _sign(
    goals.active(kind="milestone", status=_DONE).count().named("reached") / _planned.named("planned"),
    healthy="high",
    unit="share",
    title="Implementation milestones",
    curve=bands((0, 10), (0.5, 50), (1, 100)),
    evidence="Implementation milestones reached: {reached:.0f} of {planned:.0f}",
    seeds=("S025",),
    applies=_planned,
)
