"""The canonical tables, as declarations: what a column holds, what a row is keyed by, and which date dates what.

Three shapes: a *state* holds from ``valid_from`` to ``valid_to`` and is delivered in versions; a *milestone* row opens
once and is filled in as its dates come to pass; an *event* happens at one instant. Every row carries the same header:
whose it is, from where, when it could first be known, and on what ground.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["text", "number", "flag", "time"]
Shape = Literal["state", "milestone", "event", "map"]

BASES = ("event", "created", "history", "snapshot", "assumed")
SOURCE_ID = "source_id"
NO_CURRENCY = "XXX"  # ISO 4217: no currency involved
FEATURE_OR_KIND = "the feature, else the kind"
PROGRESS = "the way from baseline to target"


@dataclass(frozen=True)
class Column:
    """One canonical column.

    Attributes
    ----------
    kind
        What it holds: text, number, flag (true or false), or time.
    words
        The only texts it may hold; empty when it is free.
    within
        The only numbers it may hold, both ends included.
    default
        What stands in for an absent value: a text or number, or `SOURCE_ID`, `FEATURE_OR_KIND` or `PROGRESS`, worked
        out from the same row.
    """

    name: str
    kind: Kind
    words: tuple[str, ...] = ()
    within: tuple[float, float] | None = None
    default: str | float | None = None


@dataclass(frozen=True)
class Table:
    """One canonical table.

    Attributes
    ----------
    entity
        The columns that name the thing a row is about; a state is keyed by them and ``valid_from``.
    time
        The column that says when a row happened; for a state ``valid_from``.
    required
        The columns a file must have; everything else has a default or may be missing.
    milestones
        Dates that may lie after the row was known, each with the columns that come to be known with it. A state has
        ``valid_to`` among them.
    undated
        Columns that are overwritten without a date: read only from rows that are versions.
    ahead
        Whether a row may be known before it happens (a contract, an invoice, an announced end).
    """

    name: str
    shape: Shape
    entity: tuple[str, ...]
    time: str
    columns: Mapping[str, Column]
    required: tuple[str, ...]
    milestones: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    undated: tuple[str, ...] = ()
    ahead: bool = False

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that, together with ``known_at``, name one version of one record."""
        return (*self.entity, "valid_from") if self.shape == "state" else self.entity

    @property
    def defaulted(self) -> tuple[str, ...]:
        """The columns that get a default where they are empty, apart from where a row came from."""
        own = (c.name for c in self.columns.values() if c.default is not None)
        return ("known_at", "known_basis", self.time, *own)

    @property
    def late(self) -> frozenset[str]:
        """The columns that are filled in after a row is first known, and so are no part of its identity."""
        return frozenset(self.milestones) | {name for names in self.milestones.values() for name in names}


def _text(names: str) -> list[Column]:
    return [Column(name, "text") for name in names.split()]


def _number(names: str) -> list[Column]:
    return [Column(name, "number") for name in names.split()]


def _flag(names: str) -> list[Column]:
    return [Column(name, "flag") for name in names.split()]


def _time(names: str) -> list[Column]:
    return [Column(name, "time") for name in names.split()]


def _words(name: str, words: str, default: str | None = None) -> Column:
    return Column(name, "text", words=tuple(words.split()), default=default)


_HEADER = [*_text("source source_id account_id"), *_time("known_at"), Column("known_basis", "text", words=BASES)]
_VALIDITY = _time("valid_from valid_to")
_ENDING = {"cancel_requested_at": ("ends_at", "cancel_reason")}


def _state(name: str, entity: str, *columns: Column, milestones: Mapping[str, tuple[str, ...]] | None = None) -> Table:
    named = {c.name: c for c in (*_HEADER, *_VALIDITY, *columns, *_flag("deleted"))}
    dated = {"valid_to": (), **(milestones or {})}
    return Table(name, "state", tuple(entity.split()), "valid_from", named, ("account_id",), dated, ahead=True)


def _happening(
    name: str,
    shape: Shape,
    entity: str,
    time: str,
    *columns: Column,
    required: tuple[str, ...] = (),
    milestones: Mapping[str, tuple[str, ...]] | None = None,
    undated: tuple[str, ...] = (),
    ahead: bool = False,
) -> Table:
    named = {c.name: c for c in (*_HEADER, *columns, *_flag("deleted"))}
    needs = ("account_id", *required)
    return Table(name, shape, tuple(entity.split()), time, named, needs, milestones or {}, undated, ahead)


def _named(name: str) -> Column:
    return Column(name, "text", default=SOURCE_ID)


_ACCOUNTS = _state(
    "accounts",
    "account_id",
    *_text("name segment industry country owner parent_account_id lifecycle currency attrs"),
    *_number("employees"),
)
_PEOPLE = _state(
    "people",
    "person_id account_id role",
    _named("person_id"),
    Column("role", "text", default="user"),
    *_flag("seat"),
    *_text("title attrs"),
)
_SUBSCRIPTIONS = _state(
    "subscriptions",
    "subscription_id",
    _named("subscription_id"),
    _words("status", "trialing active past_due paused canceled draft", "active"),
    *_text("plan currency cancel_reason"),
    *_number("mrr seats billing_months term_months notice_days features_available"),
    *_time("term_start term_end cancel_requested_at ends_at"),
    *_flag("auto_renew"),
    milestones=_ENDING,
)
_DEALS = _state(
    "deals",
    "deal_id",
    _named("deal_id"),
    _words("kind", "new renewal expansion contraction other", "other"),
    *_text("stage currency budget_status"),
    *_flag("is_closed is_won"),
    *_number("amount probability budget_amount"),
    *_time("close_date"),
)
_GOALS = _state(
    "goals",
    "goal_id",
    _named("goal_id"),
    _words("kind", "goal milestone"),
    *_text("name metric unit status currency"),
    *_number("baseline target actual value_delivered"),
    Column("progress", "number", default=PROGRESS),
    *_time("due_at"),
)
_INVOICES = _happening(
    "invoices",
    "milestone",
    "invoice_id",
    "issued_at",
    _named("invoice_id"),
    *_time("issued_at due_at paid_at written_off_at voided_at"),
    *_text("subscription_id"),
    *_number("amount amount_paid failed_attempts"),
    Column("currency", "text", default=NO_CURRENCY),
    required=("issued_at",),
    milestones={"paid_at": ("amount_paid",), "written_off_at": (), "voided_at": ()},
    undated=("failed_attempts",),
    ahead=True,
)
_TICKETS = _happening(
    "tickets",
    "milestone",
    "ticket_id",
    "opened_at",
    _named("ticket_id"),
    *_time("opened_at first_reply_at solved_at satisfaction_at"),
    *_text("person_id priority channel category subject body lang"),
    *_number("reopens"),
    Column("satisfaction", "number", within=(0, 1)),
    Column("sentiment", "number", within=(-1, 1)),
    required=("opened_at",),
    milestones={"first_reply_at": (), "solved_at": (), "satisfaction_at": ("satisfaction",)},
    undated=("reopens", "priority", "category"),
)
_USAGE = _happening(
    "usage",
    "event",
    "source source_id",
    "occurred_at",
    *_time("occurred_at"),
    *_text("person_id feature flow_id attrs"),
    _words("kind", "login feature flow_start flow_done flow_fail integration_on integration_off api", "feature"),
    Column("event", "text", default=FEATURE_OR_KIND),
    *_flag("advanced"),
    *_number("duration_min"),
    Column("count", "number", default=1.0),
    required=("occurred_at",),
)
_TOUCHPOINTS = _happening(
    "touchpoints",
    "event",
    "source source_id",
    "occurred_at",
    *_time("occurred_at scheduled_at replied_at"),
    _words("kind", "meeting review call outreach message survey advocacy expansion budget action note"),
    _words("direction", "in out"),
    *_text("person_id subtype status ref_id owner playbook outcome text"),
    *_number("duration_min score score_max sentiment"),
    required=("occurred_at", "kind"),
    milestones={"replied_at": ()},
)
_CHURN = _happening(
    "churn",
    "milestone",
    "source source_id",
    "notice_at",
    *_time("notice_at ended_at"),
    _words("kind", "voluntary payment merger trial other", "voluntary"),
    *_text("reason"),
    ahead=True,
)
_ID_MAP = Table(
    "id_map",
    "map",
    ("source", "kind", "source_key"),
    "valid_from",
    {
        c.name: c
        for c in (
            *_text("source source_key account_id person_id"),
            *_VALIDITY,
            _words("kind", "account person domain"),
            _words("method", "exact crm_id domain manual"),
            Column("confidence", "number", within=(0, 1)),
        )
    },
    ("source", "kind", "source_key", "method"),
)

TABLES: Mapping[str, Table] = {
    table.name: table
    for table in (
        _ACCOUNTS,
        _PEOPLE,
        _SUBSCRIPTIONS,
        _DEALS,
        _INVOICES,
        _TICKETS,
        _USAGE,
        _TOUCHPOINTS,
        _GOALS,
        _CHURN,
        _ID_MAP,
    )
}
ACTIVITY_TABLES = ("usage", "invoices", "touchpoints", "tickets")
