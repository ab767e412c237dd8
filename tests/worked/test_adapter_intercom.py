"""Intercom: conversations and their parts, companies and contacts, from Fivetran, Airbyte and the API."""

# ruff: noqa: E501  (tables as they land)

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.adapting import canonical, landed, only, where

Made = dict[str, list[dict[str, Any]]]

FIVETRAN: dict[str, object] = {
    "company_history.csv": """
id,updated_at,_fivetran_synced,company_id,created_at,industry,monthly_spend,plan_name,session_count,size,user_count,website,name,_fivetran_active,_fivetran_start,_fivetran_end
c1,2025-01-01 08:00:00,2025-06-01 00:00:00,A-1,2025-01-01 08:00:00,,0,,0,,1,https://www.acme.example/x,Acme,false,2025-01-01 08:00:00,2025-01-01 08:00:00
c1,2025-02-01 08:00:00,2025-06-01 00:00:00,A-1,2025-01-01 08:00:00,Software,0,,0,40,1,https://www.acme.example/x,Acme,false,2025-02-01 08:00:00,2025-02-01 08:00:00
c1,2025-03-01 08:00:00,2025-06-01 00:00:00,A-1,2025-01-01 08:00:00,Software,0,,9,40,1,https://www.acme.example/x,Acme,true,2025-03-01 08:00:00,2025-03-01 08:00:00""",
    "contact_history.csv": """
id,updated_at,_fivetran_active,_fivetran_synced,created_at,external_id,role,signed_up_at,custom_job_title,email,name,_fivetran_start,_fivetran_end
p1,2025-01-02 08:00:00,false,2025-06-01 00:00:00,2025-01-02 08:00:00,77,lead,2043-01-01 00:00:00,,ann@acme.example,Ann,2025-01-02 08:00:00,2025-01-02 08:00:00
p1,2025-01-05 08:00:00,true,2025-06-01 00:00:00,2025-01-02 08:00:00,77,user,2043-01-01 00:00:00,CTO,ann@acme.example,Ann,2025-01-05 08:00:00,2025-01-05 08:00:00
p2,2025-01-09 08:00:00,true,2025-06-01 00:00:00,2025-01-03 08:00:00,,user,,,bob@umbrella.example,Bob,2025-01-09 08:00:00,2025-01-09 08:00:00""",
    "contact_company_history.csv": "company_id,contact_id,contact_updated_at,_fivetran_synced,_fivetran_active,_fivetran_start,_fivetran_end\nc1,p1,2025-01-02 08:00:00,2025-06-01 00:00:00,true,2025-01-02 08:00:00,2025-01-02 08:00:00",
    "conversation_history.csv": """
id,updated_at,_fivetran_synced,conversation_rating_created_at,conversation_rating_value,created_at,first_contact_reply_created_at,priority,source_author_id,source_author_type,source_type,state,source_body,source_subject,_fivetran_start,_fivetran_end,_fivetran_active
1,2025-02-10 09:00:00,2025-06-01 00:00:00,,,2025-02-10 09:00:00,2025-02-10 09:00:00,not_priority,p1,user,email,open,<p>It <b>fails</b></p>,Export,2025-02-10 09:00:00,2025-02-10 09:00:00,false
1,2025-02-12 09:00:00,2025-06-01 00:00:00,2025-02-13 09:00:00,4,2025-02-10 09:00:00,2025-02-10 09:00:00,priority,p1,user,email,closed,<p>It <b>fails</b></p>,Export,2025-02-12 10:00:00,2025-02-12 10:00:00,true
2,2025-02-20 09:00:00,2025-06-01 00:00:00,,,2025-02-20 08:00:00,,not_priority,900,admin,email,open,News,,2025-02-20 09:00:00,2025-02-20 09:00:00,true
3,2025-03-02 09:00:00,2025-06-01 00:00:00,,,2025-03-01 08:00:00,,not_priority,p2,user,conversation,closed,Hi,,2025-03-02 09:00:00,2025-03-02 09:00:00,true""",
    "conversation_contact_history.csv": "contact_id,conversation_id,conversation_updated_at,_fivetran_synced\np1,2,2025-02-20 09:00:00,2025-06-01 00:00:00",
    "conversation_part_history.csv": """
id,updated_at,_fivetran_synced,author_id,author_type,conversation_id,created_at,part_type,body,_fivetran_start,_fivetran_end,_fivetran_active
11,2025-02-10 09:01:00,2025-06-01 00:00:00,bot1,bot,1,2025-02-10 09:01:00,comment,We answer soon,2025-02-10 09:01:00,2025-02-10 09:01:00,true
12,2025-02-10 09:30:00,2025-06-01 00:00:00,900,admin,1,2025-02-10 09:30:00,note,Known bug,2025-02-10 09:30:00,2025-02-10 09:30:00,true
13,2025-02-10 10:00:00,2025-06-01 00:00:00,900,admin,1,2025-02-10 10:00:00,comment,<p>Try again</p>,2025-02-10 10:00:00,2025-02-10 10:00:00,false
13,2025-02-10 10:05:00,2025-06-01 00:00:00,900,admin,1,2025-02-10 10:00:00,comment,<p>Try again now</p>,2025-02-10 10:05:00,2025-02-10 10:05:00,true
14,2025-02-11 09:00:00,2025-06-01 00:00:00,900,admin,1,2025-02-11 09:00:00,close,,2025-02-11 09:00:00,2025-02-11 09:00:00,true
15,2025-02-11 12:00:00,2025-06-01 00:00:00,p1,user,1,2025-02-11 12:00:00,comment,Still fails,2025-02-11 12:00:00,2025-02-11 12:00:00,true
16,2025-02-12 09:00:00,2025-06-01 00:00:00,900,admin,1,2025-02-12 09:00:00,close,,2025-02-12 09:00:00,2025-02-12 09:00:00,true
21,2025-02-21 08:00:00,2025-06-01 00:00:00,p1,user,2,2025-02-21 08:00:00,comment,Nice,2025-02-21 08:00:00,2025-02-21 08:00:00,true""",
}


@pytest.fixture(scope="module")
def fivetran(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return canonical("intercom", FIVETRAN, tmp_path_factory.mktemp("intercom"))


def by_time(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (row["known_at"], row["source_id"]))


def test_a_conversation_is_closed_opened_by_an_answer_and_closed(fivetran: Made) -> None:
    def version(when: str, micros: int, **rest: object) -> dict[str, object]:
        same = {"ticket_id": "1", "account_id": "c1", "person_id": "p1", "_email": "ann@acme.example"}
        same |= {"opened_at": "2025-02-10 09:00", "first_reply_at": "2025-02-10 10:00", "channel": "email"}
        same |= {"subject": "Export", "body": "It fails", "satisfaction": 0.75, "satisfaction_at": "2025-02-13 09:00"}
        return same | {"source_id": f"1:{micros}", "known_at": when, "known_basis": "history"} | rest

    plain, urgent = {"priority": "not_priority"}, {"priority": "priority"}
    assert by_time(where(fivetran["tickets"], ticket_id="1")) == [
        version("2025-02-10 09:00", 1739178000000000, reopens=0, **plain),
        version("2025-02-11 09:00", 1739264400000000, reopens=0, solved_at="2025-02-11 09:00", **plain),
        version("2025-02-11 12:00", 1739275200000000, reopens=1, **plain),
        version("2025-02-12 09:00", 1739350800000000, reopens=1, solved_at="2025-02-12 09:00", **plain),
        version("2025-02-12 10:00", 1739354400000000, reopens=1, solved_at="2025-02-12 09:00", **urgent),
    ]


def test_without_parts_it_is_closed_when_a_version_says_so(fivetran: Made) -> None:
    told = by_time(where(fivetran["tickets"], ticket_id="3"))
    assert only(told, "known_at", "known_basis", "solved_at", "_email", "account_id", "priority") == [
        ("2025-03-01 08:00", "created", None, "bob@umbrella.example", None, None),
        ("2025-03-02 09:00", "history", "2025-03-02 09:00", "bob@umbrella.example", None, "not_priority"),
    ]


def test_what_we_send_out_ourselves_is_outreach_and_no_ticket(fivetran: Made) -> None:
    assert not where(fivetran["tickets"], ticket_id="2")
    when = {"known_at": "2025-02-20 08:00", "occurred_at": "2025-02-20 08:00", "known_basis": "event"}
    who = {"account_id": "c1", "person_id": "p1", "_email": "ann@acme.example", "owner": "900"}
    assert where(fivetran["touchpoints"], kind="outreach") == [
        when
        | who
        | {"source_id": "conversation:2", "kind": "outreach", "subtype": "conversation", "direction": "out"}
        | {"ref_id": "2", "replied_at": "2025-02-21 08:00", "text": "News"}
    ]


def test_messages_are_what_people_said(fivetran: Made) -> None:
    said = by_time(where(fivetran["touchpoints"], kind="message"))
    assert only(said, "source_id", "known_at", "direction", "person_id", "owner", "account_id", "text") == [
        ("conversation:1", "2025-02-10 09:00", "in", "p1", None, "c1", "It fails"),
        ("part:13", "2025-02-10 10:00", "out", "p1", "900", "c1", "Try again now"),
        ("part:15", "2025-02-11 12:00", "in", "p1", None, "c1", "Still fails"),
        ("part:21", "2025-02-21 08:00", "in", "p1", None, "c1", "Nice"),
        ("conversation:3", "2025-03-01 08:00", "in", "p2", None, None, "Hi"),
    ]


def test_versions_that_end_when_they_start_hold_until_the_next(fivetran: Made) -> None:
    same = {"account_id": "c1", "name": "Acme", "known_basis": "history"}
    january, february = "2025-01-01 08:00", "2025-02-01 08:00"
    assert by_time(fivetran["accounts"]) == [
        same | {"source_id": "c1:1735718400000000", "known_at": january, "valid_from": january},
        same
        | {"source_id": "c1:1738396800000000", "known_at": february, "valid_from": february}
        | {"industry": "Software", "employees": 40.0},
    ]
    people = by_time(fivetran["people"])
    assert only(people, "person_id", "role", "known_at", "known_basis", "valid_to", "title", "account_id") == [
        ("p1", "contact", "2025-01-02 08:00", "history", "2025-01-05 08:00", None, "c1"),
        ("p2", "user", "2025-01-03 08:00", "created", None, None, None),
        ("p1", "user", "2025-01-05 08:00", "history", None, "CTO", "c1"),
    ]
    acme = {"kind": "account", "source_key": "c1", "external_id": "A-1", "domain": "acme.example", "name": "Acme"}
    ann = {"kind": "person", "source_key": "p1", "account_key": "c1", "external_id": "77"}
    assert acme in fivetran["identities"]
    assert ann | {"email": "ann@acme.example", "name": "Ann"} in fivetran["identities"]


CONVERSATION = {
    "type": "conversation",
    "id": "1",
    "created_at": 1739178000,
    "updated_at": 1739354400,
    "title": "Export",
    "state": "closed",
    "priority": "priority",
    "source": {"type": "email", "subject": "", "body": "<p>It fails</p>", "author": {"type": "user", "id": "p1"}},
    "contacts": {"type": "contact.list", "contacts": [{"type": "contact", "id": "p1"}]},
    "conversation_rating": {"rating": 1, "remark": "no", "created_at": 1739440800},
    "statistics": {"first_admin_reply_at": 1739181600, "last_close_at": 1739350800, "count_reopens": 1},
}


def test_the_pages_of_the_api(tmp_path: Path) -> None:
    parts = [
        {
            "id": "13",
            "part_type": "comment",
            "body": "<p>Try again</p>",
            "created_at": 1739181600,
            "author": {"type": "admin", "id": "900"},
        },
        {
            "id": "16",
            "part_type": "close",
            "body": None,
            "created_at": 1739350800,
            "author": {"type": "admin", "id": "900"},
        },
    ]
    whole = CONVERSATION | {"conversation_parts": {"type": "conversation_part.list", "conversation_parts": parts}}
    contact = {"id": "p1", "role": "user", "email": "ann@acme.example", "external_id": "77", "created_at": 1735804800}
    contact |= {"companies": {"type": "list", "data": [{"type": "company", "id": "c1"}]}}
    files: dict[str, object] = {
        "conversations.json": {"type": "conversation.list", "conversations": [whole], "pages": {"page": 1}},
        "contacts.json": {"type": "list", "data": [contact], "total_count": 1},
    }
    made = canonical("intercom", files, tmp_path, "2025-06-01T00:00:00Z")
    told = only(
        by_time(made["tickets"]), "known_at", "known_basis", "account_id", "first_reply_at", "solved_at", "priority"
    )
    assert told == [
        ("2025-02-10 09:00", "created", "c1", "2025-02-10 10:00", None, None),
        ("2025-02-12 09:00", "history", "c1", "2025-02-10 10:00", "2025-02-12 09:00", None),
        ("2025-06-01 00:00", "snapshot", "c1", "2025-02-10 10:00", "2025-02-12 09:00", "priority"),
    ]
    assert {(row["satisfaction"], row["satisfaction_at"]) for row in made["tickets"]} == {(0.0, "2025-02-13 10:00")}
    assert only(by_time(made["touchpoints"]), "source_id", "direction", "person_id", "text") == [
        ("conversation:1", "in", "p1", "It fails"),
        ("part:13", "out", "p1", "Try again"),
    ]


def test_conversations_of_airbyte_without_parts_give_their_own_dates(tmp_path: Path) -> None:
    row = CONVERSATION | {"_airbyte_extracted_at": "2025-06-01T00:00:00Z"}
    made = canonical("intercom", {"intercom/conversations.json": [row]}, tmp_path)["tickets"]
    same = {"ticket_id": "1", "person_id": "p1", "opened_at": "2025-02-10 09:00", "first_reply_at": "2025-02-10 10:00"}
    same |= {"solved_at": "2025-02-12 09:00", "channel": "email", "subject": "Export", "body": "It fails"}
    same |= {"satisfaction": 0.0, "satisfaction_at": "2025-02-13 10:00"}
    assert by_time(made) == [
        same | {"source_id": "1:1739178000000000", "known_at": "2025-02-10 09:00", "known_basis": "created"},
        same
        | {"source_id": "1:1748736000000000", "known_at": "2025-06-01 00:00", "known_basis": "snapshot"}
        | {"priority": "priority", "reopens": 1.0},
    ]


def test_companies_of_dlt(tmp_path: Path) -> None:
    text = "id,company_id,name,plan__name,user_count,created_at,website,_dlt_load_id,_dlt_id\nc1,A-1,Acme,Pro,3,1735718400,acme.example,1748736000.5,x"
    made = canonical("intercom", {"intercom/companies.csv": text}, tmp_path)
    assert only(made["accounts"], "account_id", "known_at", "known_basis", "name") == [
        ("c1", "2025-01-01 08:00", "created", "Acme")
    ]
    assert only(made["identities"], "external_id", "domain") == [("A-1", "acme.example")]


def test_the_sample_files_of_fivetran(tmp_path: Path) -> None:
    made = canonical("intercom", landed("intercom"), tmp_path)
    told = by_time(where(made["tickets"], ticket_id="156643300001311"))
    assert only(told, "known_at", "known_basis", "solved_at") == [
        ("2020-10-28 23:59:37", "created", None),
        ("2020-10-29 00:26:06", "history", None),
        ("2020-11-02 14:17:59", "history", "2020-11-02 14:17:59"),
    ]
    assert len({row["account_id"] for row in made["accounts"]}) == 9
