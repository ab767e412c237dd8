"""The sheets for what no system holds and customer success managers know: declared once, for writing and for reading.

Which canonical table a sheet feeds follows from what the indicators read. Reviews and acts of advocacy happen at one
instant: they are touchpoints. A goal is read again and again, and a budget changes: each row is a version that holds
from its date on. Budgets go to ``deals`` (``budget_status``, ``budget_amount``) and not to touchpoints, since a share
of dedicated budgets and a growth against half a year ago are questions to a state; one deal per account, of stage
``budget``, carries them.
"""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.features.sheets.sheet import ACCOUNT, NOTED, Sheet, SheetColumn, Word

SOURCE = "customer_success"
HOW_TO = "How to"  # the sheet of a workbook that explains the others
EXAMPLE = "EXAMPLE ROW (not read)"  # the account of the example row

_ACCOUNT = SheetColumn(
    "Account",
    "text",
    ACCOUNT,
    "The id or the name of the account.",
    EXAMPLE,
    needed=True,
    also=("Account ID", "Account name", "Customer", "Kunde", "Konto", "Kundennummer"),
)
_NOTED = SheetColumn(
    "Noted on",
    "date",
    NOTED,
    "The day you wrote this row, or last changed it. Left empty, it is taken as known on its date.",
    "2025-03-14",
    also=("Noted at", "Entered on", "Notiert am", "Erfasst am"),
)
_PERSON = SheetColumn("Person", "text", "person_id", "Name or mail address of the person.", "a.weber@example.com")
_MANAGER = SheetColumn("CSM", "text", "owner", "Who of us took part.", "Chen Wei", also=("Owner", "Betreuer"))
_NOTE = SheetColumn("Note", "text", "text", "Anything worth keeping.", "", also=("Notes", "Notiz", "Bemerkung"))
_CURRENCY = SheetColumn("Currency", "text", "currency", "Three letters, such as EUR.", "EUR", also=("Währung",))


def _number(header: str, to: str, help_text: str, example: str, *also: str) -> SheetColumn:
    return SheetColumn(header, "number", to, help_text, example, also=also)


def _date(header: str, to: str, help_text: str, *also: str, example: str = "2025-03-12") -> SheetColumn:
    return SheetColumn(header, "date", to, help_text, example, also=also)


def _choice(header: str, to: str, help_text: str, *words: Word, needed: bool = False) -> SheetColumn:
    also = {"Status": ("State",), "Kind": ("Type", "Art"), "Role": ("Rolle",), "Act": ("Kind of act",)}
    return SheetColumn(
        header, "choice", to, help_text, words[0].shown, needed=needed, words=words, also=also.get(header, ())
    )


_GOALS = Sheet(
    "goals",
    "Goals",
    "goals",
    "One reading of one goal or milestone. Read it again: add a row with the same goal and a new date.",
    (
        _ACCOUNT,
        SheetColumn(
            "Goal", "text", "name", "What the customer wants to reach.", "Costs down 20 %", needed=True, also=("Ziel",)
        ),
        _choice(
            "Kind",
            "kind",
            "A goal of the customer, or a milestone of the introduction.",
            Word("goal", "Goal", ("Ziel",)),
            Word("milestone", "Milestone", ("Meilenstein", "Stage")),
        ),
        SheetColumn("Measured by", "text", "metric", "The figure that tells.", "cost per order", also=("Metric",)),
        SheetColumn("Unit", "text", "unit", "The unit of the figure.", "EUR", also=("Einheit",)),
        _number("Baseline", "baseline", "The figure at the start.", "12.5", "Ausgangswert"),
        _number("Target", "target", "The figure to reach.", "10", "Zielwert"),
        _number("Actual", "actual", "The figure on the day of this reading.", "11", "Istwert", "Ist"),
        _choice(
            "Status",
            "status",
            "Where the goal stands.",
            Word("on_track", "On track", ("open", "im Plan", "offen")),
            Word("behind", "Behind", ("late", "im Rückstand", "verspätet")),
            Word("reached", "Reached", ("achieved", "done", "completed", "erreicht", "erledigt")),
            Word("missed", "Missed", ("not reached", "verfehlt", "nicht erreicht")),
            Word("dropped", "Dropped", ("abandoned", "aufgegeben", "verworfen")),
        ),
        _date("Due on", "due_at", "The day it should be reached.", "Due", "Fällig am", example="2025-12-31"),
        _number("Value delivered", "value_delivered", "What the customer gained so far, in money.", "40000", "Nutzen"),
        _CURRENCY,
        _date("Reading on", "valid_from", "The day on which it stood so.", "Read on", "Stand am"),
        _NOTED,
    ),
    happens=("valid_from",),
)
_ROLES = Sheet(
    "roles",
    "Roles",
    "people",
    "One person in one role. When the person leaves the role, fill in Until.",
    (
        _ACCOUNT,
        SheetColumn(
            "Person", "text", "person_id", _PERSON.help, _PERSON.example, needed=True, also=("Contact", "Name")
        ),
        _choice(
            "Role",
            "role",
            "What the person is for us.",
            Word("exec_sponsor", "Executive sponsor", ("Sponsor", "exec sponsor")),
            Word("champion", "Champion", ("Fürsprecher",)),
            Word("economic_buyer", "Economic buyer", ("Buyer", "Budget owner", "Entscheider")),
            Word("admin", "Admin", ("Administrator",)),
            Word("user", "User", ("Anwender", "Nutzer")),
            Word("contact", "Contact", ("Ansprechpartner", "Kontakt")),
            needed=True,
        ),
        SheetColumn("Job title", "text", "title", "The title on the card.", "Head of Operations", also=("Title",)),
        _choice(
            "Has a seat",
            "seat",
            "Whether the person has a seat of the product.",
            Word("1", "Yes", ("Ja", "J", "Y", "true", "wahr", "x")),
            Word("0", "No", ("Nein", "N", "false", "falsch")),
        ),
        _date("From", "valid_from", "The first day in the role.", "Since", "Von", "Seit", example="2024-06-01"),
        _date("Until", "valid_to", "The first day after the role; empty while it lasts.", "To", "Bis", example=""),
        _NOTED,
    ),
    happens=("valid_from",),
    ahead=True,
)
_REVIEWS = Sheet(
    "reviews",
    "Reviews",
    "touchpoints",
    "One business review (QBR), planned or past. When its status changes, change Noted on as well.",
    (
        _ACCOUNT,
        _date("Review on", "occurred_at", "The day of the review, held or planned.", "Held on", "Planned for", "Am"),
        _choice(
            "Status",
            "status",
            "What became of it.",
            Word("held", "Held", ("done", "took place", "attended", "stattgefunden", "gehalten", "durchgeführt")),
            Word("no_show", "No show", ("not attended", "nicht erschienen", "nicht gekommen")),
            Word("cancelled", "Cancelled", ("canceled", "called off", "abgesagt", "ausgefallen")),
            Word("scheduled", "Scheduled", ("planned", "geplant", "angesetzt")),
            needed=True,
        ),
        _choice(
            "Kind",
            "subtype",
            "What kind of review.",
            Word("qbr", "Quarterly review", ("quarterly business review", "Quartalsgespräch")),
            Word("executive", "Executive review", ("EBR", "executive business review")),
            Word("onboarding", "Onboarding review", ("kick-off",)),
            Word("other", "Other review", ("other", "sonstiges")),
        ),
        _PERSON,
        _MANAGER,
        _number("Minutes", "duration_min", "How long it lasted.", "60", "Duration", "Dauer"),
        SheetColumn("Outcome", "text", "outcome", "What was agreed.", "Rollout to a second team", also=("Ergebnis",)),
        _NOTE,
        _NOTED,
    ),
    happens=("occurred_at",),
    fixed={"kind": "review"},
    planned=("scheduled", "cancelled"),
)
_ADVOCACY = Sheet(
    "advocacy",
    "Advocacy",
    "touchpoints",
    "One act by which somebody of the account spoke for us.",
    (
        _ACCOUNT,
        _date("Advocacy on", "occurred_at", "The day of the act.", "Happened on", "Am"),
        _choice(
            "Act",
            "subtype",
            "What was done.",
            Word("reference", "Reference", ("reference call", "Referenz")),
            Word("case_study", "Case study", ("success story", "Fallstudie", "Anwenderbericht")),
            Word("talk", "Talk", ("speaker", "webinar", "Vortrag")),
            Word("recommendation", "Recommendation", ("referral", "Empfehlung", "Weiterempfehlung")),
            Word("public_review", "Public review", ("testimonial", "Bewertung")),
            Word("other", "Other act", ("other", "sonstiges")),
            needed=True,
        ),
        _PERSON,
        _MANAGER,
        _NOTE,
        _NOTED,
    ),
    happens=("occurred_at",),
    fixed={"kind": "advocacy"},
)
_BUDGET = Sheet(
    "budget",
    "Budget",
    "deals",
    "The budget of an account for us, from a day on. When it changes, add a row.",
    (
        _ACCOUNT,
        _choice(
            "Budget status",
            "budget_status",
            "Whether there is a budget of its own.",
            Word("dedicated", "Dedicated", ("own", "fest", "eigenes Budget")),
            Word("contested", "Contested", ("fought for", "umkämpft", "strittig")),
            Word("none", "No budget", ("kein", "kein Budget")),
        ),
        _number("Budget amount", "budget_amount", "The budget for a year.", "25000", "Budget", "Budgethöhe"),
        _CURRENCY,
        _date("Budget from", "valid_from", "The day from which this budget holds.", "Valid from", "Budget ab"),
        _NOTED,
    ),
    happens=("valid_from",),
    enough=("budget_status", "budget_amount"),
    fixed={"kind": "other", "stage": "budget"},
    ahead=True,
)
_NOTICE = (
    "Notice date", "Notice", "Notice received", "Cancelled on", "Cancellation date", "Gekündigt am", "Kündigung am",
    "Kündigung", "Kündigungsdatum", "Kündigung eingegangen", "Eingang Kündigung",
)  # fmt: skip
_ENDED = (
    "End date", "Contract end", "Churn date", "Lost on", "Vertragsende", "Ende", "Ende am", "Beendet am", "Austritt",
)  # fmt: skip
_CHURN = Sheet(
    "churn",
    "Lost customers",
    "churn",
    "One customer that gave notice or left.",
    (
        _ACCOUNT,
        _date("Notice on", "notice_at", "The day of the notice; the most telling date.", *_NOTICE),
        _date("Ended on", "ended_at", "The last day as a customer.", *_ENDED, example="2025-06-30"),
        _choice(
            "Kind",
            "kind",
            "How it came about.",
            Word("voluntary", "Gave notice", ("cancelled", "gekündigt")),
            Word("payment", "Did not pay", ("non-payment", "Zahlungsausfall", "nicht bezahlt")),
            Word("merger", "Merged", ("acquired", "Fusion", "übernommen")),
            Word("trial", "Trial not continued", ("Test",)),
            Word("other", "Other", ("sonstiges",)),
        ),
        SheetColumn("Reason", "text", "reason", "Why, in a few words.", "budget cut", also=("Grund",)),
        _NOTED,
    ),
    happens=("notice_at", "ended_at"),
    enough=("notice_at", "ended_at"),
    ahead=True,
)

SHEETS: Mapping[str, Sheet] = {one.name: one for one in (_GOALS, _ROLES, _REVIEWS, _ADVOCACY, _BUDGET, _CHURN)}
