"""Relationship health: who speaks for us inside, do they meet us and answer us, and in what mood."""

from __future__ import annotations

from holdfast.features.indicators.conditions import column
from holdfast.features.indicators.curves import bands
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.indicators.sources import people, tickets, touchpoints

_MEETINGS = ("meeting", "review", "call")
_HELD = ("held", "done")

_sponsors = people.active(role="exec_sponsor").count()
_champions = people.active(role="champion").count()
_reviews = touchpoints.count(days=365, kind="review", status=_HELD)
_reply_hours = touchpoints.hours_to("replied_at", days=90, kind="outreach")

executive_sponsor = Indicator(
    _sponsors.named("sponsors"),
    dimension="relationship",
    healthy="high",
    unit="people",
    title="Executive sponsors",
    curve=bands((0, 25), (1, 25), (1, 80), (3, 100)),
    evidence="Executive sponsors on our side: {sponsors:.0f}",
    seeds=("S030", "S032"),
)
sponsor_engagement = Indicator(
    _sponsors.at_most(1).named("sponsor") * (1 + _reviews.named("reviews")),
    dimension="relationship",
    healthy="high",
    unit="level",
    title="Sponsor engagement",
    # S031: none 0-49, informed 50-69, meets us once a year 70-89, each quarter 90-100
    curve=bands((0, 25), (1, 25), (1, 60), (2, 60), (2, 75), (5, 89), (5, 90), (9, 100)),
    evidence="Executive sponsors: {sponsor:.0f}; reviews held in the last 365 days: {reviews:.0f}",
    seeds=("S030", "S031"),
)
champions = Indicator(
    _champions.named("champions"),
    dimension="relationship",
    healthy="high",
    unit="people",
    title="Champions",
    curve=bands((0, 30), (1, 30), (1, 80), (3, 100)),
    evidence="Champions inside the account: {champions:.0f}",
    seeds=("S040", "S042"),
)
champion_change = Indicator(
    _champions.named("now") - people.active(role="champion", ago=180).count().named("before"),
    dimension="relationship",
    healthy="high",
    unit="people",
    title="Champions gained or lost",
    curve=bands((-1, 0), (0, 70), (1, 100)),
    evidence="Champions today: {now:.0f}; 180 days ago: {before:.0f}",
    seeds=("S042",),
)
reviews_held = Indicator(
    touchpoints.count(days=180, kind="review", status=_HELD).named("reviews"),
    dimension="relationship",
    healthy="high",
    unit="reviews",
    title="Business reviews held",
    curve=bands((0, 30), (1, 30), (1, 75), (2, 100)),
    evidence="Business reviews held in the last 180 days: {reviews:.0f}",
    seeds=("S033",),
)
reviews_missed = Indicator(
    touchpoints.count(days=180, kind="review", status=("no_show", "cancelled")).named("missed"),
    dimension="relationship",
    healthy="low",
    unit="reviews",
    title="Business reviews missed",
    curve=bands((0, 90), (1, 50), (2, 20), (3, 0)),
    evidence="Business reviews cancelled or missed in the last 180 days: {missed:.0f}",
    seeds=("S033",),
)
meetings = Indicator(
    touchpoints.count(days=90, kind=_MEETINGS).named("talks"),
    dimension="relationship",
    healthy="high",
    unit="talks",
    title="Meetings and calls",
    curve=bands((0, 30), (1, 60), (3, 85), (6, 100)),
    evidence="Meetings, reviews and calls in the last 90 days: {talks:.0f}",
    seeds=("S030",),
)
tickets_90 = Indicator(
    tickets.count(days=90).named("tickets"),
    dimension="relationship",
    healthy="unclear",
    unit="tickets",
    title="Support tickets",
    curve=bands((0, 60), (1, 80), (4, 80), (10, 40), (20, 20)),
    evidence="Tickets opened in the last 90 days: {tickets:.0f}",
    seeds=("S034", "S036"),
)
open_tickets = Indicator(
    tickets.open().count().named("tickets"),
    dimension="relationship",
    healthy="low",
    unit="tickets",
    title="Open tickets",
    curve=bands((0, 100), (1, 85), (3, 50), (10, 0)),
    evidence="Open tickets: {tickets:.0f}",
    seeds=("S036",),
)
oldest_ticket = Indicator(
    tickets.open().longest().named("days"),
    dimension="relationship",
    healthy="low",
    unit="days",
    title="Age of the oldest open ticket",
    curve=bands((0, 100), (7, 80), (30, 40), (90, 0)),
    evidence="The oldest open ticket has waited {days:.0f} days",
    seeds=("S036",),
)
reply_to_tickets = Indicator(
    tickets.hours_to("first_reply_at", days=90).named("hours"),
    dimension="relationship",
    healthy="low",
    unit="hours",
    title="Our reply to tickets",
    curve=bands((1, 100), (4, 90), (24, 60), (72, 20), (168, 0)),
    evidence="Tickets of the last 90 days waited {hours:.0f} hours for a first reply",
    seeds=("S036",),
)
ticket_sentiment = Indicator(
    tickets.mean("sentiment", days=180).named("mood"),
    dimension="relationship",
    healthy="high",
    unit="-1 to 1",
    title="Mood of tickets",
    curve=bands((-1, 0), (0, 60), (1, 100)),
    evidence="Tickets of the last 180 days sound {mood:+.2f} on a scale from -1 to 1",
    seeds=("S034", "S035"),
)
message_sentiment = Indicator(
    touchpoints.mean("sentiment", days=180).named("mood"),
    dimension="relationship",
    healthy="high",
    unit="-1 to 1",
    title="Mood of messages and surveys",
    curve=bands((-1, 0), (0, 60), (1, 100)),
    evidence="Messages and surveys of the last 180 days sound {mood:+.2f} on a scale from -1 to 1",
    seeds=("S041",),
)
csat = Indicator(
    tickets.mean("satisfaction", days=180).named("rating"),
    dimension="relationship",
    healthy="high",
    unit="0 to 1",
    title="Ticket satisfaction",
    curve=bands((0, 0), (0.6, 49), (0.6, 50), (0.8, 80), (1, 100)),  # S038: below 3 of 5 is a problem
    evidence="Tickets of the last 180 days were rated {rating:.0%} of the best",
    seeds=("S038",),
)
csat_latest = Indicator(
    tickets.latest("satisfaction").named("rating"),
    dimension="relationship",
    healthy="high",
    unit="0 to 1",
    title="Latest ticket satisfaction",
    curve=bands((0, 0), (0.6, 49), (0.6, 50), (0.8, 80), (1, 100)),
    evidence="The latest rated ticket got {rating:.0%} of the best",
    seeds=("S038",),
)
nps_latest = Indicator(
    touchpoints.latest("score", kind="survey", score_max=10).named("score"),
    dimension="relationship",
    healthy="high",
    unit="0 to 10",
    title="Latest survey score",
    curve=bands((0, 0), (7, 49), (7, 50), (9, 89), (9, 90), (10, 100)),  # S037: 0-6 detractor, 9-10 promoter
    evidence="The latest survey gave {score:.0f} of 10",
    seeds=("S004", "S037"),
)
outreach_answered = Indicator(
    touchpoints.share(column("replied_at").known(), days=90, kind="outreach"),
    dimension="relationship",
    healthy="high",
    unit="share",
    title="Outreach answered",
    curve=bands((0, 0), (0.5, 60), (0.8, 90), (1, 100)),
    evidence="{value:.0%} of our outreach in the last 90 days was answered",
    seeds=("S039",),
)
reply_hours = Indicator(
    _reply_hours.named("hours"),
    dimension="relationship",
    healthy="low",
    unit="hours",
    title="Time to answer us",
    curve=bands((0, 100), (24, 90), (72, 70), (168, 45), (336, 20), (720, 0)),
    evidence="Our outreach of the last 90 days waited {hours:.0f} hours for an answer, unanswered counted as so far",
    seeds=("S039",),
)
reply_hours_change = Indicator(
    _reply_hours.named("now").vs_previous(),
    dimension="relationship",
    healthy="low",
    unit="times",
    title="Time to answer us against the quarter before",
    curve=bands((0.5, 100), (1, 75), (2, 40), (5, 0)),
    evidence="Answers take {now:.0f} hours in the last 90 days, {now_before:.0f} hours in the 90 days before",
    seeds=("S039",),
)
advocacy = Indicator(
    touchpoints.decayed(half_life=90, kind="advocacy").named("acts"),
    dimension="relationship",
    healthy="high",
    unit="acts",
    title="Advocacy, older acts fading",
    curve=bands((0, 50), (0.5, 80), (1, 90), (3, 100)),
    evidence="References and recommendations add up to {acts:.1f} when one of 90 days ago counts half",
    seeds=("S040",),
)
