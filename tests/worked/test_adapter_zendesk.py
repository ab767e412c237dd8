"""Zendesk: tickets, comments, organizations and users, from Fivetran, Airbyte, dlt, the API and the CSV export."""

# ruff: noqa: E501  (tables as they land)

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.adapting import canonical, landed, only, where

FIVETRAN: dict[str, object] = {
    "ticket.csv": """
id,_fivetran_synced,created_at,updated_at,organization_id,requester_id,status,priority,subject,description,via_channel,external_id
1,2025-03-01 00:00:00,2025-01-10 09:00:00,2025-01-17 08:00:00,10,100,closed,high,Export fails,It says no,email,
2,2025-03-01 00:00:00,2025-02-01 10:00:00,2025-02-02 10:00:00,,101,pending,Low,Login,Cannot log in,web,
3,2025-03-01 00:00:00,2025-02-03 10:00:00,2025-02-04 10:00:00,10,100,deleted,,Spam,Buy,web,""",
    "ticket_field_history.csv": """
field_name,ticket_id,updated,_fivetran_synced,user_id,value
status,1,2025-01-10 09:00:00,2025-01-11 00:00:00,100,new
priority,1,2025-01-10 09:00:00,2025-01-11 00:00:00,100,normal
status,1,2025-01-10 10:30:00,2025-01-11 00:00:00,200,open
priority,1,2025-01-10 11:00:00,2025-01-11 00:00:00,200,high
status,1,2025-01-11 08:00:00,2025-01-12 00:00:00,200,solved
status,1,2025-01-12 08:00:00,2025-01-13 00:00:00,100,open
status,1,2025-01-13 08:00:00,2025-01-14 00:00:00,200,solved
satisfaction_score,1,2025-01-14 08:00:00,2025-01-15 00:00:00,,offered
satisfaction_score,1,2025-01-14 12:00:00,2025-01-15 00:00:00,100,good
status,1,2025-01-17 08:00:00,2025-01-18 00:00:00,,closed""",
    "ticket_comment.csv": """
id,_fivetran_synced,body,created,public,ticket_id,user_id
51,2025-03-01 00:00:00,It says no,2025-01-10 09:00:00,TRUE,1,100
52,2025-03-01 00:00:00,known bug,2025-01-10 09:30:00,FALSE,1,200
53,2025-03-01 00:00:00,Me too,2025-01-10 09:45:00,TRUE,1,102
54,2025-03-01 00:00:00,Try again,2025-01-10 10:30:00,TRUE,1,200""",
    "user.csv": """
id,_fivetran_synced,created_at,email,name,organization_id,role,active
100,2025-03-01 00:00:00,2024-12-01 00:00:00,ann@acme.example,Ann,10,end-user,TRUE
101,2025-03-01 00:00:00,2024-12-02 00:00:00,bob@umbrella.example,Bob,,end-user,TRUE
102,2025-03-01 00:00:00,2024-12-03 00:00:00,cyd@acme.example,Cyd,10,end-user,FALSE
200,2025-03-01 00:00:00,2024-11-01 00:00:00,eve@vendor.example,Eve,,agent,TRUE""",
    "organization.csv": """
id,_fivetran_synced,created_at,updated_at,external_id,name,shared_tickets
10,2025-03-01 00:00:00,2024-11-30 00:00:00,2024-11-30 00:00:00,A-1,Acme,FALSE""",
    "domain_name.csv": "index,organization_id,_fivetran_synced,domain_name\n0,10,2025-03-01 00:00:00,acme.example",
}
FIRST = {
    "ticket_id": "1",
    "account_id": "10",
    "person_id": "100",
    "_email": "ann@acme.example",
    "opened_at": "2025-01-10 09:00",
    "first_reply_at": "2025-01-10 10:30",
    "channel": "email",
    "subject": "Export fails",
    "body": "It says no",
}


@pytest.fixture(scope="module")
def fivetran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    return canonical("zendesk", FIVETRAN, tmp_path_factory.mktemp("zendesk"))


def test_a_ticket_with_history_comes_in_the_versions_it_had(fivetran: dict[str, list[dict[str, Any]]]) -> None:
    rated = {"satisfaction": 1.0, "satisfaction_at": "2025-01-14 12:00"}
    told: list[tuple[str, int, dict[str, object]]] = [
        ("2025-01-10 09:00", 1736499600000000, {"priority": "normal", "reopens": 0}),
        ("2025-01-10 11:00", 1736506800000000, {"priority": "high", "reopens": 0}),
        ("2025-01-11 08:00", 1736582400000000, {"priority": "high", "reopens": 0, "solved_at": "2025-01-11 08:00"}),
        ("2025-01-12 08:00", 1736668800000000, {"priority": "high", "reopens": 1}),
        ("2025-01-13 08:00", 1736755200000000, {"priority": "high", "reopens": 1, "solved_at": "2025-01-13 08:00"}),
        (
            "2025-01-14 12:00",
            1736856000000000,
            {"priority": "high", "reopens": 1, "solved_at": "2025-01-13 08:00", **rated},
        ),
    ]
    expected = [
        FIRST | {"source_id": f"1:{micros}", "known_at": known, "known_basis": "history"} | rest
        for known, micros, rest in told
    ]
    assert sorted(where(fivetran["tickets"], ticket_id="1"), key=lambda row: row["known_at"]) == expected


def test_without_history_what_is_overwritten_is_known_only_when_loaded(
    fivetran: dict[str, list[dict[str, Any]]],
) -> None:
    same = {
        "ticket_id": "2",
        "person_id": "101",
        "_email": "bob@umbrella.example",
        "opened_at": "2025-02-01 10:00",
        "channel": "web",
        "subject": "Login",
        "body": "Cannot log in",
    }
    assert sorted(where(fivetran["tickets"], ticket_id="2"), key=lambda row: row["known_at"]) == [
        same | {"source_id": "2:1738404000000000", "known_at": "2025-02-01 10:00", "known_basis": "created"},
        same
        | {
            "source_id": "2:1740787200000000",
            "known_at": "2025-03-01 00:00",
            "known_basis": "snapshot",
            "priority": "low",
        },
    ]
    spam = where(fivetran["tickets"], ticket_id="3")
    assert sorted(only(spam, "known_at", "deleted"), key=str) == [
        ("2025-02-03 10:00", None),
        ("2025-03-01 00:00", True),
    ]


def test_comments_are_messages_in_and_out_and_notes_are_not(fivetran: dict[str, list[dict[str, Any]]]) -> None:
    shared = {"account_id": "10", "known_basis": "event", "kind": "message", "subtype": "ticket comment", "ref_id": "1"}

    def said(number: int, when: str, **rest: str) -> dict[str, object]:
        return shared | {"source_id": f"comment:{number}", "known_at": when, "occurred_at": when} | rest

    assert fivetran["touchpoints"] == [
        said(51, "2025-01-10 09:00", person_id="100", _email="ann@acme.example", direction="in", text="It says no"),
        said(53, "2025-01-10 09:45", person_id="102", _email="cyd@acme.example", direction="in", text="Me too"),
        said(
            54,
            "2025-01-10 10:30",
            person_id="100",
            _email="ann@acme.example",
            direction="out",
            owner="200",
            text="Try again",
        ),
    ]


def test_organizations_and_end_users_say_who_they_are(fivetran: dict[str, list[dict[str, Any]]]) -> None:
    created = {"known_at": "2024-11-30 00:00", "valid_from": "2024-11-30 00:00", "known_basis": "created"}
    assert fivetran["accounts"] == [created | {"source_id": "10:1732924800000000", "account_id": "10", "name": "Acme"}]
    assert only(fivetran["people"], "person_id", "account_id", "role", "known_at", "deleted") == [
        ("100", "10", "contact", "2024-12-01 00:00", None),
        ("101", None, "contact", "2024-12-02 00:00", None),
        ("102", "10", "contact", "2024-12-03 00:00", None),
        ("102", "10", "contact", "2025-03-01 00:00", True),
    ]
    identities = fivetran["identities"]
    acme = {"kind": "account", "source_key": "10", "external_id": "A-1", "domain": "acme.example", "name": "Acme"}
    assert where(identities, kind="account") == [acme]
    ann = {"kind": "person", "source_key": "100", "account_key": "10", "email": "ann@acme.example", "name": "Ann"}
    assert ann in identities
    assert not where(identities, source_key="200")


def test_the_csv_export_of_the_product(tmp_path: Path) -> None:
    text = """
Id,Requester,Requester id,Requester email,Requester domain,Subject,Status,Priority,Via,Ticket type,Created at,Updated at,Organization,Solved at,Satisfaction Score,Reopens,First reply time in minutes
7,Ann,100,ann@acme.example,acme.example,Export fails,Solved,High,Mail,Incident,2025-01-10 09:00,2025-01-12 09:00,Acme,2025-01-11 08:00,Bad,2,90
8,Bob,101,bob@umbrella.example,umbrella.example,Login,Open,,Web form,,2025-01-11 09:00,2025-01-11 09:00,,,Not Offered,0,"""
    rows = canonical("zendesk", {"tickets-export.csv": text}, tmp_path, "2025-02-01T00:00:00Z")
    same = {
        "ticket_id": "7",
        "account_id": "Acme",
        "person_id": "100",
        "_email": "ann@acme.example",
        "_domain": "acme.example",
        "opened_at": "2025-01-10 09:00",
        "first_reply_at": "2025-01-10 10:30",
        "solved_at": "2025-01-11 08:00",
        "channel": "mail",
        "subject": "Export fails",
    }
    later = {"priority": "high", "category": "Incident", "satisfaction": 0.0, "reopens": 2.0}
    assert sorted(where(rows["tickets"], ticket_id="7"), key=lambda row: row["known_at"]) == [
        same | {"source_id": "7:1736499600000000", "known_at": "2025-01-10 09:00", "known_basis": "created"},
        same | {"source_id": "7:1738368000000000", "known_at": "2025-02-01 00:00", "known_basis": "snapshot"} | later,
    ]
    assert only(where(rows["tickets"], ticket_id="8"), "account_id", "_domain", "solved_at") == [
        (None, "umbrella.example", None),
        (None, "umbrella.example", None),
    ]
    assert {"kind": "account", "source_key": "Acme", "name": "Acme"} in rows["identities"]


def test_an_export_that_nobody_dates_says_nothing_of_what_is_overwritten(tmp_path: Path) -> None:
    text = "Id,Status,Priority,Created at,Subject,Requester id\n7,Solved,High,2025-01-10 09:00,Export fails,100"
    rows = canonical("zendesk", {"tickets.csv": text}, tmp_path)
    assert only(rows["tickets"], "known_at", "known_basis", "priority") == [("2025-01-10 09:00", "created", None)]


API_TICKET = {
    "id": 1,
    "created_at": "2025-01-10T09:00:00Z",
    "updated_at": "2025-01-17T08:00:00Z",
    "generated_timestamp": 1737100800,
    "organization_id": 10,
    "requester_id": 100,
    "status": "closed",
    "priority": "high",
    "type": None,
    "subject": "Export fails",
    "description": "It says no",
    "via": {"channel": "email", "source": {"from": {"address": "ann@acme.example"}, "to": {}, "rel": None}},
    "satisfaction_rating": {"score": "good", "comment": "thanks", "created_at": "2025-01-14T12:00:00Z"},
    "metric_set": {
        "solved_at": "2025-01-13T08:00:00Z",
        "reopens": 1,
        "reply_time_in_minutes": {"calendar": 90, "business": 30},
    },
}
LATEST = {
    "solved_at": "2025-01-13 08:00",
    "satisfaction": 1.0,
    "satisfaction_at": "2025-01-14 12:00",
}


def test_the_pages_of_the_api(tmp_path: Path) -> None:
    page = {"tickets": [API_TICKET], "count": 1, "end_of_stream": True, "end_time": 1737100800, "next_page": None}
    rows = canonical("zendesk", {"tickets.json": page}, tmp_path, "2025-03-01T00:00:00Z")
    assert rows["tickets"] == [
        FIRST | LATEST | {"source_id": "1:1736499600000000", "known_at": "2025-01-10 09:00", "known_basis": "created"},
        FIRST
        | LATEST
        | {"source_id": "1:1740787200000000", "known_at": "2025-03-01 00:00", "known_basis": "snapshot"}
        | {"priority": "high", "reopens": 1.0},
    ]


def test_audits_tell_the_history_too(tmp_path: Path) -> None:
    def audit(number: int, when: str, author: int, *events: dict[str, object]) -> dict[str, object]:
        return {"id": number, "ticket_id": 1, "created_at": when, "author_id": author, "events": list(events)}

    def change(name: str, value: str, kind: str = "Change") -> dict[str, object]:
        return {"id": 1, "type": kind, "field_name": name, "value": value}

    audits = [
        audit(
            1,
            "2025-01-10T09:00:00Z",
            100,
            change("status", "new", "Create"),
            {"id": 51, "type": "Comment", "body": "It says no", "public": True, "author_id": 100},
        ),
        audit(
            2,
            "2025-01-10T10:30:00Z",
            200,
            change("priority", "high"),
            {"id": 54, "type": "Comment", "body": "Try again", "public": True, "author_id": 200},
        ),
        audit(3, "2025-01-11T08:00:00Z", 200, change("status", "solved")),
    ]
    bare = {name: value for name, value in API_TICKET.items() if name not in ("metric_set", "satisfaction_rating")}
    files = {"tickets.json": {"tickets": [bare], "count": 1}, "ticket_audits.json": {"audits": audits, "count": 3}}
    rows = canonical("zendesk", files, tmp_path, "2025-03-01T00:00:00Z")
    found = only(rows["tickets"], "known_at", "priority", "solved_at", "first_reply_at")
    assert sorted(found, key=str) == [
        ("2025-01-10 09:00", None, None, "2025-01-10 10:30"),
        ("2025-01-10 10:30", "high", None, "2025-01-10 10:30"),
        ("2025-01-11 08:00", "high", "2025-01-11 08:00", "2025-01-10 10:30"),
    ]
    assert only(rows["touchpoints"], "source_id", "direction") == [("comment:51", "in"), ("comment:54", "out")]


@pytest.mark.parametrize("layout", ["airbyte", "dlt"])
def test_the_layouts_of_airbyte_and_dlt(layout: str, tmp_path: Path) -> None:
    dlt = """
id,created_at,organization_id,requester_id,status,priority,subject,description,via__channel,via__source__from__address,satisfaction_rating__score,satisfaction_rating__created_at,_dlt_load_id,_dlt_id
1,2025-01-10T09:00:00+00:00,10,100,solved,high,Export fails,It says no,email,ann@acme.example,good,2025-01-14T12:00:00+00:00,1740787200.0,x1"""
    airbyte = (
        "id,created_at,organization_id,requester_id,status,priority,subject,description,via,satisfaction_rating,"
        "_airbyte_extracted_at\n1,2025-01-10T09:00:00Z,10,100,solved,high,Export fails,It says no,"
        '"{""channel"":""email"",""source"":{""from"":{""address"":""ann@acme.example""}}}",'
        '"{""score"":""good"",""created_at"":""2025-01-14T12:00:00Z""}",2025-03-01T00:00:00Z'
    )
    rows = canonical("zendesk", {"tickets.csv": dlt if layout == "dlt" else airbyte}, tmp_path)
    rated = {"satisfaction": 1.0, "satisfaction_at": "2025-01-14 12:00"}
    same = {name: value for name, value in FIRST.items() if name != "first_reply_at"} | rated
    assert rows["tickets"] == [
        same | {"source_id": "1:1736499600000000", "known_at": "2025-01-10 09:00", "known_basis": "created"},
        same
        | {"source_id": "1:1740787200000000", "known_at": "2025-03-01 00:00", "known_basis": "snapshot"}
        | {"priority": "high", "solved_at": "2025-03-01 00:00"},
    ]


def test_the_sample_files_of_fivetran(tmp_path: Path) -> None:
    rows = canonical("zendesk", landed("zendesk"), tmp_path)
    assert {name: len(found) for name, found in rows.items()} == {
        "accounts": 10,
        "people": 9,
        "tickets": 5 + 2 * 9,
        "touchpoints": 20,
        "identities": 29,
    }
    told = where(rows["tickets"], ticket_id="11071")
    assert sorted(only(told, "known_at", "priority", "solved_at"), key=str) == [
        ("2020-08-28 18:06:36", "normal", None),
        ("2020-09-30 11:01:27", "medium", None),
        ("2020-10-15 11:01:27", "high", None),
        ("2020-11-02 11:01:27", "urgent", None),
        ("2020-11-14 11:01:27", "urgent", "2020-11-14 11:01:27"),
    ]
