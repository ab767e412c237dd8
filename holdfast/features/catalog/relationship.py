"""Relationship health: who speaks for us inside, do they meet us and answer us, and in what mood."""

from __future__ import annotations

from functools import partial

from holdfast.features.indicators.conditions import column
from holdfast.features.indicators.curves import bands
from holdfast.features.indicators.indicator import Indicator
from holdfast.features.indicators.sources import people, tickets, touchpoints
from holdfast.features.indicators.variants import change, move, peers

_sign = partial(Indicator, dimension="relationship")

_MEETINGS = ("meeting", "review", "call")
_HELD = ("held", "done")
_QUARTER = 92.0  # days; the longest of a year, so that what comes once in each is in every window
_DONE = column("status").notin("scheduled", "no_show", "cancelled")  # an act without a status was done
_NEGATIVE = column("sentiment") < -0.25
_RATING = bands((0, 0), (0.5, 49), (0.5, 50), (0.75, 80), (1, 100))  # S038: below 3 of 5, the middle, is a problem
_MOOD = bands((-1, 0), (0, 60), (1, 100))

_sponsors = people.active(role="exec_sponsor").count()
_champions = people.active(role="champion").count()
_acts = ("budget", "advocacy")
_engaged = touchpoints.count(days=_QUARTER, kind="review", status=_HELD) + touchpoints.count(
    days=_QUARTER, kind=_acts, where=_DONE
)
_quarters = sum((_engaged.shifted(_QUARTER * n).at_most(1) for n in range(1, 4)), _engaged.at_most(1))
_held = touchpoints.count(days=365, kind="review", status=_HELD)
_missed = touchpoints.count(days=365, kind="review", status=("no_show", "cancelled"))
_outreach = touchpoints.count(days=90, kind="outreach")
_tickets = tickets.count(days=90)
_told = tickets.count(days=180, where=column("sentiment").known())
_bad = tickets.count(days=60, where=_NEGATIVE)
_surveyed = touchpoints.count(days=365, kind="survey", score_max=10, where=column("score").known())

executive_sponsor = _sign(
    _sponsors.named("sponsors"),
    healthy="high",
    unit="people",
    title="Executive sponsors",
    curve=bands((0, 25), (1, 25), (1, 80), (3, 100)),
    evidence="Executive sponsors on our side: {sponsors:.0f}",
    seeds=("S030", "S032"),
    variants=(move(180, reach=1),),
)
sponsor_engagement = _sign(
    _sponsors.at_most(1).named("sponsor") * (1 + _quarters.named("quarters")),
    healthy="high",
    unit="level",
    title="Sponsor engagement",
    # S031: no sponsor 0-49, informed 50-69, engaged at least once a year 70-89, in every quarter 90-100
    curve=bands((0, 25), (1, 25), (1, 60), (2, 60), (2, 75), (5, 89), (5, 95)),
    evidence="Executive sponsors: {sponsor:.0f}; quarters of the last four with their support: {quarters:.0f}",
    seeds=("S030", "S031"),
)
sponsor_acts = _sign(
    (_held + touchpoints.count(days=365, kind=_acts, where=_DONE)).named("acts"),
    healthy="high",
    unit="acts",
    title="Reviews, budget talks and recommendations",
    curve=bands((0, 30), (1, 60), (4, 90), (8, 100)),
    evidence="Reviews held, budget talks and recommendations in the last 365 days: {acts:.0f}",
    seeds=("S030",),
)
champions = _sign(
    _champions.named("champions"),
    healthy="high",
    unit="people",
    title="Champions",
    curve=bands((0, 30), (1, 30), (1, 80), (3, 100)),
    evidence="Champions inside the account: {champions:.0f}",
    seeds=("S040", "S042"),
    variants=(move(180, reach=1),),
)
reviews_held = _sign(
    touchpoints.count(days=180, kind="review", status=_HELD).named("reviews"),
    healthy="high",
    unit="reviews",
    title="Business reviews held",
    curve=bands((0, 30), (1, 30), (1, 75), (2, 100)),
    evidence="Business reviews held in the last 180 days: {reviews:.0f}",
    seeds=("S033",),
)
review_attendance = _sign(
    _held.named("held") / (_held + _missed).named("invited"),
    healthy="high",
    unit="share",
    title="Attendance at business reviews",
    curve=bands((0, 0), (0.5, 45), (0.8, 80), (1, 100)),
    evidence="Business reviews held in the last 365 days: {held:.0f} of {invited:.0f} agreed",
    seeds=("S033",),
    applies=_held + _missed,
    variants=(move(180, reach=0.5),),
)
reviews_missed = _sign(
    touchpoints.count(days=180, kind="review", status=("no_show", "cancelled")).named("missed"),
    healthy="low",
    unit="reviews",
    title="Business reviews missed",
    curve=bands((0, 90), (1, 50), (2, 20), (3, 0)),
    evidence="Business reviews cancelled or missed in the last 180 days: {missed:.0f}",
    seeds=("S033",),
)
reviews_no_show = _sign(
    touchpoints.count(days=180, kind="review", status="no_show").named("missed"),
    healthy="low",
    unit="reviews",
    title="Business reviews nobody came to",
    curve=bands((0, 90), (1, 35), (2, 0)),
    evidence="Business reviews in the last 180 days to which nobody came: {missed:.0f}",
    seeds=("S033",),
)
meetings = _sign(
    touchpoints.count(days=90, kind=_MEETINGS, where=_DONE).named("talks"),
    healthy="high",
    unit="talks",
    title="Meetings and calls",
    curve=bands((0, 30), (1, 60), (3, 85), (6, 100)),
    evidence="Meetings, reviews and calls that took place in the last 90 days: {talks:.0f}",
    seeds=("S030",),
    variants=(change(90),),
)
tickets_90 = _sign(
    _tickets.named("tickets"),
    healthy="between",
    unit="tickets",
    title="Support tickets",
    curve=bands((0, 60), (1, 80), (4, 80), (10, 40), (20, 20)),  # S034: few may be little use, some are good, many bad
    evidence="Tickets opened in the last 90 days: {tickets:.0f}",
    seeds=("S034", "S036"),
    variants=(change(90), peers()),
)
urgent_tickets = _sign(
    tickets.count(days=180, priority=("urgent", "high")).named("urgent")
    / tickets.count(days=180, where=column("priority").known()).named("all"),
    healthy="low",
    unit="share",
    title="Urgent tickets",
    curve=bands((0, 100), (0.2, 75), (0.5, 35), (1, 0)),
    evidence="Tickets of the last 180 days that were urgent or of high priority: {urgent:.0f} of {all:.0f}",
    seeds=("S036",),
    applies=tickets.count(days=180),
)
reopened_tickets = _sign(
    tickets.sum("reopens", days=180).named("reopened") / tickets.count(days=180).named("tickets"),
    healthy="low",
    unit="per ticket",
    title="Tickets reopened",
    curve=bands((0, 100), (0.1, 75), (0.5, 25), (1, 0)),
    evidence="Tickets of the last 180 days: {tickets:.0f}, reopened {reopened:.0f} times",
    seeds=("S036",),
    applies=tickets.count(days=180),
)
ticket_kinds = _sign(
    tickets.distinct("category", days=180).named("kinds"),
    healthy="unclear",
    unit="kinds",
    title="Kinds of requests",
    curve=None,
    evidence="Kinds of requests in the last 180 days: {kinds:.0f}",
    seeds=("S036",),
)
open_tickets = _sign(
    tickets.open().count().named("tickets"),
    healthy="low",
    unit="tickets",
    title="Open tickets",
    curve=bands((0, 100), (1, 85), (3, 50), (10, 0)),
    evidence="Open tickets: {tickets:.0f}",
    seeds=("S036",),
)
oldest_ticket = _sign(
    tickets.open().longest().named("days"),
    healthy="low",
    unit="days",
    title="Age of the oldest open ticket",
    curve=bands((0, 100), (7, 80), (30, 40), (90, 0)),
    evidence="The oldest open ticket has waited {days:.0f} days",
    seeds=("S036",),
)
reply_to_tickets = _sign(
    tickets.hours_to("first_reply_at", days=90).named("hours"),
    healthy="low",
    unit="hours",
    title="Our reply to tickets",
    curve=bands((1, 100), (4, 90), (24, 60), (72, 20), (168, 0)),
    evidence="Tickets of the last 90 days waited {hours:.0f} hours for a first reply",
    seeds=("S036",),
    applies=_tickets,
)
ticket_sentiment = _sign(
    tickets.mean("sentiment", days=180).named("mood"),
    healthy="high",
    unit="-1 to 1",
    title="Mood of tickets",
    curve=_MOOD,
    evidence="Tickets of the last 180 days sound {mood:+z.2f} on a scale from -1 to 1",
    seeds=("S034", "S035"),
    applies=tickets.count(days=180),
    variants=(move(180, reach=0.5),),
)
negative_tickets = _sign(
    tickets.count(days=180, where=_NEGATIVE).named("negative") / _told.named("told"),
    healthy="low",
    unit="share",
    title="Tickets in a bad mood",
    curve=bands((0, 100), (0.2, 70), (0.5, 30), (1, 0)),
    evidence="Tickets of the last 180 days that sound negative: {negative:.0f} of {told:.0f}",
    seeds=("S034", "S035"),
    applies=tickets.count(days=180),
)
negative_persistence = _sign(
    (_bad.at_most(1) + _bad.shifted(60.0).at_most(1) + _bad.shifted(120.0).at_most(1)) * _told / _told,
    healthy="low",
    unit="spells of 60 days",
    title="Persistence of a bad mood",
    curve=bands((0, 100), (1, 65), (2, 30), (3, 0)),  # S035: persistently negative, even where all was solved
    evidence="Of the last three spells of 60 days, {value:.0f} had a ticket that sounds negative",
    seeds=("S035",),
    applies=tickets.count(days=180),
)
message_sentiment = _sign(
    touchpoints.mean("sentiment", days=180).named("mood"),
    healthy="high",
    unit="-1 to 1",
    title="Mood of messages and surveys",
    curve=_MOOD,
    evidence="Messages and surveys of the last 180 days sound {mood:+z.2f} on a scale from -1 to 1",
    seeds=("S041",),
    variants=(move(180, reach=0.5),),
)
csat = _sign(
    tickets.mean("satisfaction", days=180).named("rating"),
    healthy="high",
    unit="0 to 1",
    title="Ticket satisfaction",
    curve=_RATING,
    evidence="Tickets of the last 180 days were rated {rating:.0%} of the way from worst to best",
    seeds=("S038",),
    applies=tickets.count(days=180),
)
csat_latest = _sign(
    tickets.latest("satisfaction").named("rating"),
    healthy="high",
    unit="0 to 1",
    title="Latest ticket satisfaction",
    curve=_RATING,
    evidence="The latest rated ticket got {rating:.0%} of the way from worst to best",
    seeds=("S038",),
)
csat_surveys = _sign(
    touchpoints.mean("score", days=365, kind="survey", score_max=5).named("rating"),
    healthy="high",
    unit="1 to 5",
    title="Satisfaction in surveys",
    curve=bands((1, 0), (3, 49), (3, 50), (4, 80), (5, 100)),  # S038
    evidence="Surveys of the last 365 days gave {rating:.1f} of 5",
    seeds=("S038", "S041"),
)
nps_latest = _sign(
    touchpoints.latest("score", kind="survey", score_max=10).named("score"),
    healthy="high",
    unit="0 to 10",
    title="Latest survey score",
    curve=bands((0, 0), (7, 49), (7, 50), (9, 89), (9, 90), (10, 100)),  # S037: 0-6 detractor, 9-10 promoter
    evidence="The latest survey gave {score:.0f} of 10",
    seeds=("S004", "S037"),
)
nps_net = _sign(
    (
        touchpoints.count(days=365, kind="survey", score_max=10, where=column("score") >= 9).named("promoters")
        - touchpoints.count(days=365, kind="survey", score_max=10, where=column("score") < 7).named("detractors")
    )
    / _surveyed.named("answers"),
    healthy="high",
    unit="-1 to 1",
    title="Promoters less detractors",
    curve=bands((-1, 0), (0, 50), (0.5, 85), (1, 100)),
    evidence="Surveys in the last 365 days: {answers:.0f}; {promoters:.0f} promoters, {detractors:.0f} detractors",
    seeds=("S037",),
)
outreach_answered = _sign(
    touchpoints.count(days=90, kind="outreach", where=column("replied_at").known()).named("answered")
    / _outreach.named("sent"),
    healthy="high",
    unit="share",
    title="Outreach answered",
    curve=bands((0, 0), (0.5, 60), (0.8, 90), (1, 100)),
    evidence="Our messages of the last 90 days that were answered: {answered:.0f} of {sent:.0f}",
    seeds=("S039",),
    applies=_outreach,
)
reply_hours = _sign(
    touchpoints.hours_to("replied_at", days=90, kind="outreach").named("hours"),
    healthy="low",
    unit="hours",
    title="Time to answer us",
    curve=bands((0, 100), (24, 90), (72, 70), (168, 45), (336, 20), (720, 0)),  # S039: within a day is engaged
    evidence="Our outreach of the last 90 days waited {hours:.0f} hours for an answer, unanswered counted as so far",
    seeds=("S039",),
    applies=_outreach,
    variants=(change(90),),
)
advocacy = _sign(
    touchpoints.decayed(half_life=90, kind="advocacy").named("acts"),
    healthy="high",
    unit="acts",
    title="Advocacy, older acts fading",
    curve=bands((0, 50), (0.5, 80), (1, 90), (3, 100)),
    evidence="References and recommendations add up to {acts:.1f} when one of 90 days ago counts half",
    seeds=("S021", "S040"),
)
