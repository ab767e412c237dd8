"""HubSpot: companies, contacts, deals, engagements and tickets, from Fivetran, Airbyte, dlt, the API and the CSV export."""

# ruff: noqa: E501  (tables as they land)

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.adapting import canonical, landed, only, where

Made = dict[str, list[dict[str, Any]]]

FIVETRAN: dict[str, object] = {
    "company.csv": """
id,is_deleted,_fivetran_synced,property_name,property_domain,property_createdate,property_industry,property_lifecyclestage,property_hubspot_owner_id,property_numberofemployees,property_account_id
500,false,2025-06-01 00:00:00,Acme,www.acme.example,2024-01-01 08:00:00,SOFTWARE,customer,9,120,A-1
501,false,2025-06-01 00:00:00,Umbrella,umbrella.example,2024-02-01 08:00:00,PHARMA,customer,,,
502,true,2025-06-01 00:00:00,Gone,,2024-03-01 08:00:00,,lead,,,""",
    "company_property_history.csv": """
company_id,timestamp,_fivetran_synced,source,source_id,name,value
500,2024-01-01 08:00:00,2024-01-02 00:00:00,CRM,,name,Acme
500,2024-01-01 08:00:00,2024-01-02 00:00:00,CRM,,lifecyclestage,lead
500,2024-05-01 08:00:00,2024-05-02 00:00:00,CRM,,lifecyclestage,customer
500,2024-05-01 08:00:00,2024-05-02 00:00:00,CRM,,hubspot_owner_id,8
500,2024-06-01 08:00:00,2024-06-02 00:00:00,CRM,,hubspot_owner_id,
500,2024-06-02 08:00:00,2024-06-03 00:00:00,CRM,,num_notes,4""",
    "owner.csv": "owner_id,_fivetran_synced,email,active_user_id\n8,2025-06-01 00:00:00,cs@vendor.example,1\n9,2025-06-01 00:00:00,am@vendor.example,2",
    "contact.csv": """
id,_fivetran_deleted,_fivetran_synced,property_email,property_firstname,property_lastname,property_createdate,property_jobtitle,property_associatedcompanyid,property_hs_buying_role
700,false,2025-06-01 00:00:00,ann@acme.example,Ann,Bee,2024-01-05 08:00:00,CTO,500,
701,false,2025-06-01 00:00:00,bob@umbrella.example,Bob,,2024-02-05 08:00:00,Clerk,501,CHAMPION""",
    "contact_property_history.csv": """
contact_id,timestamp,_fivetran_synced,source,name,value,source_id
700,2024-01-05 08:00:00,2024-01-06 00:00:00,CRM,associatedcompanyid,500,
700,2024-03-01 08:00:00,2024-03-02 00:00:00,CRM,hs_buying_role,EXECUTIVE_SPONSOR;INFLUENCER,
700,2024-09-01 08:00:00,2024-09-02 00:00:00,CRM,hs_buying_role,,""",
    "deal.csv": """
deal_id,is_deleted,_fivetran_synced,deal_pipeline_id,deal_pipeline_stage_id,property_dealname,property_amount,property_closedate,property_createdate,property_dealtype
60,false,2025-06-01 00:00:00,default,won,Acme seats,1200.5,2024-04-30 00:00:00,2024-04-01 09:00:00,existingbusiness
61,false,2025-06-01 00:00:00,r1,open,Umbrella 2025,5000,2025-12-31 00:00:00,2025-01-01 09:00:00,""",
    "deal_stage.csv": """
_fivetran_start,deal_id,_fivetran_active,_fivetran_end,_fivetran_synced,date_entered,source,source_id,value
2024-04-01 09:00:00,60,FALSE,2024-04-20 09:00:00,2024-04-02 00:00:00,2024-04-01 09:00:00,x,y,open
2024-04-20 09:00:00,60,TRUE,2050-01-01 00:00:00,2024-04-21 00:00:00,2024-04-20 09:00:00,x,y,won""",
    "deal_property_history.csv": """
deal_id,timestamp,_fivetran_synced,source,name,source_id,value
60,2024-04-01 09:00:00,2024-04-02 00:00:00,CRM,dealtype,,existingbusiness
60,2024-04-10 09:00:00,2024-04-11 00:00:00,CRM,amount,,1200.5""",
    "deal_pipeline.csv": "pipeline_id,_fivetran_deleted,active,label\ndefault,FALSE,TRUE,Sales\nr1,FALSE,TRUE,Renewals",
    "deal_pipeline_stage.csv": """
_fivetran_deleted,active,closed_won,is_closed,display_order,probability,stage_id,label,pipeline_id
FALSE,TRUE,FALSE,FALSE,1,0.4,open,Proposal,default
FALSE,TRUE,TRUE,TRUE,2,1.0,won,Signed,default""",
    "deal_company.csv": "company_id,deal_id,type_id,category\n501,60,341,HUBSPOT_DEFINED\n500,60,5,HUBSPOT_DEFINED\n501,61,5,HUBSPOT_DEFINED",
}


@pytest.fixture(scope="module")
def fivetran(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return canonical("hubspot", FIVETRAN, tmp_path_factory.mktemp("hubspot"))


def by_time(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (row["known_at"], row["source_id"]))


def test_the_history_of_properties_becomes_versions_of_a_company(fivetran: Made) -> None:
    def version(when: str, micros: int, basis: str, **rest: object) -> dict[str, object]:
        clocks = {"known_at": when, "valid_from": when, "known_basis": basis}
        return {"source_id": f"500:{micros}", "account_id": "500", "name": "Acme"} | clocks | rest

    assert by_time(where(fivetran["accounts"], account_id="500")) == [
        version("2024-01-01 08:00", 1704096000000000, "history", lifecycle="lead"),
        version("2024-05-01 08:00", 1714550400000000, "history", lifecycle="customer", owner="cs@vendor.example"),
        version("2024-06-01 08:00", 1717228800000000, "history", lifecycle="customer"),
        version(
            "2025-06-01 00:00",
            1748736000000000,
            "snapshot",
            lifecycle="customer",
            owner="am@vendor.example",
            industry="SOFTWARE",
            employees=120.0,
        ),
    ]


def test_without_history_the_stage_of_life_is_known_only_when_loaded(fivetran: Made) -> None:
    umbrella = by_time(where(fivetran["accounts"], account_id="501"))
    assert only(umbrella, "known_at", "known_basis", "name", "lifecycle", "industry") == [
        ("2024-02-01 08:00", "created", "Umbrella", None, None),
        ("2025-06-01 00:00", "snapshot", "Umbrella", "customer", "PHARMA"),
    ]
    assert only(by_time(where(fivetran["accounts"], account_id="502")), "known_at", "deleted") == [
        ("2024-03-01 08:00", None),
        ("2025-06-01 00:00", True),
    ]


def test_a_sponsor_comes_and_goes(fivetran: Made) -> None:
    ann = {"account_id": "500", "person_id": "700", "_email": "ann@acme.example"}
    assert by_time(where(fivetran["people"], person_id="700")) == [
        ann
        | {"source_id": "700:contact:1704441600000000", "role": "contact", "known_at": "2024-01-05 08:00"}
        | {"known_basis": "history", "valid_from": "2024-01-05 08:00", "valid_to": "2025-06-01 00:00"},
        ann
        | {"source_id": "700:exec_sponsor:1709280000000000", "role": "exec_sponsor", "known_at": "2024-03-01 08:00"}
        | {"known_basis": "history", "valid_from": "2024-03-01 08:00", "valid_to": "2024-09-01 08:00"},
        ann
        | {"source_id": "700:contact:1748736000000000", "role": "contact", "known_at": "2025-06-01 00:00"}
        | {"known_basis": "snapshot", "valid_from": "2025-06-01 00:00", "title": "CTO"},
    ]
    assert only(
        by_time(where(fivetran["people"], person_id="701")), "role", "known_at", "known_basis", "account_id"
    ) == [
        ("contact", "2024-02-05 08:00", "created", "501"),
        ("champion", "2025-06-01 00:00", "snapshot", "501"),
        ("contact", "2025-06-01 00:00", "snapshot", "501"),
    ]


def test_deals_are_versions_by_stage_and_amount(fivetran: Made) -> None:
    def version(when: str, micros: int, basis: str, **rest: object) -> dict[str, object]:
        clocks = {"known_at": when, "valid_from": when, "known_basis": basis}
        same = {"deal_id": "60", "account_id": "500", "kind": "expansion"}
        return same | {"source_id": f"60:{micros}"} | clocks | rest

    won = {"stage": "Signed", "is_closed": True, "is_won": True, "amount": 1200.5, "probability": 1.0}
    assert by_time(where(fivetran["deals"], deal_id="60")) == [
        version("2024-04-01 09:00", 1711962000000000, "history", stage="Proposal", probability=0.4),
        version("2024-04-10 09:00", 1712739600000000, "history", stage="Proposal", probability=0.4, amount=1200.5),
        version("2024-04-20 09:00", 1713603600000000, "history", **won),
        version("2025-06-01 00:00", 1748736000000000, "snapshot", close_date="2024-04-30 00:00", **won),
    ]
    assert only(
        by_time(where(fivetran["deals"], deal_id="61")), "known_at", "known_basis", "kind", "stage", "amount"
    ) == [
        ("2025-01-01 09:00", "created", "renewal", None, None),
        ("2025-06-01 00:00", "snapshot", "renewal", "Proposal", 5000.0),
    ]


def test_who_is_who(fivetran: Made) -> None:
    acme = {"kind": "account", "source_key": "500", "external_id": "A-1", "domain": "acme.example", "name": "Acme"}
    ann = {"kind": "person", "source_key": "700", "account_key": "500", "email": "ann@acme.example", "name": "Ann Bee"}
    assert acme in fivetran["identities"]
    assert ann in fivetran["identities"]


MEETINGS = """
engagement_id,_fivetran_deleted,_fivetran_synced,property_hs_createdate,property_hs_lastmodifieddate,property_hs_meeting_start_time,property_hs_meeting_end_time,property_hs_meeting_title,property_hs_meeting_outcome,property_hubspot_owner_id,type
1,false,2025-06-01 00:00:00,2025-01-01 09:00:00,2025-01-20 18:00:00,2025-01-20 14:00:00,2025-01-20 15:00:00,QBR Q4,COMPLETED,8,MEETING
2,false,2025-06-01 00:00:00,2025-02-01 09:00:00,2025-02-02 09:00:00,2025-02-10 14:00:00,2025-02-10 14:30:00,Check in,NO_SHOW,8,MEETING
3,false,2025-06-01 00:00:00,2025-03-10 09:00:00,2025-03-10 09:00:00,2025-03-01 14:00:00,2025-03-01 14:30:00,Logged late,COMPLETED,8,MEETING
4,false,2025-06-01 00:00:00,2025-05-20 09:00:00,2025-05-20 09:00:00,2025-07-01 14:00:00,2025-07-01 14:30:00,Business Review,SCHEDULED,8,MEETING
5,false,2025-06-01 00:00:00,2025-04-01 09:00:00,2025-04-01 09:00:00,2025-04-02 14:00:00,2025-04-02 14:30:00,Nobody noted,,8,MEETING"""
ENGAGEMENTS: dict[str, object] = {
    "engagement_meeting.csv": MEETINGS,
    "engagement_company.csv": "company_id,engagement_id,engagement_type\n500,1,MEETING\n500,10,CALL\n500,20,EMAIL",
    "engagement_contact.csv": "contact_id,engagement_id,engagement_type\n700,1,MEETING\n700,21,EMAIL",
    "owner.csv": "owner_id,email,active_user_id\n8,cs@vendor.example,1",
    "engagement_call.csv": """
engagement_id,_fivetran_deleted,_fivetran_synced,property_hs_createdate,property_hs_timestamp,property_hs_call_direction,property_hs_call_status,property_hs_call_duration,property_hs_call_title,type
10,false,2025-06-01 00:00:00,2025-01-15 10:00:00,2025-01-02 10:00:00,INBOUND,COMPLETED,600000,Question,CALL""",
    "engagement_email.csv": """
engagement_id,_fivetran_deleted,_fivetran_synced,property_hs_createdate,property_hs_timestamp,property_hs_email_subject,property_hs_email_text,property_hs_email_direction,property_hs_email_thread_id,type
20,false,2025-06-01 00:00:00,2025-01-03 10:00:00,2025-01-03 10:00:00,Hello,How are you,EMAIL,t1,EMAIL
21,false,2025-06-01 00:00:00,2025-01-03 12:00:00,2025-01-03 12:00:00,Re: Hello,Fine,INCOMING_EMAIL,t1,EMAIL""",
    "engagement_task.csv": """
engagement_id,_fivetran_deleted,_fivetran_synced,property_hs_createdate,property_hs_timestamp,property_hs_task_type,property_hs_task_status,property_hs_task_completion_date,property_hs_task_subject,type
30,false,2025-06-01 00:00:00,2025-01-04 10:00:00,2025-01-08 10:00:00,TODO,COMPLETED,2025-01-07 10:00:00,Save plan,TASK""",
    "engagement_note.csv": """
engagement_id,_fivetran_deleted,_fivetran_synced,property_hs_createdate,property_hs_timestamp,property_hs_note_body,type
40,false,2025-06-01 00:00:00,2025-01-05 10:00:00,2024-12-05 10:00:00,<p>They are <b>upset</b></p>,NOTE""",
}


def test_a_review_is_agreed_held_and_noted(tmp_path: Path) -> None:
    rows = canonical("hubspot", ENGAGEMENTS, tmp_path)["touchpoints"]
    review = {"source_id": "engagement:1", "account_id": "500", "person_id": "700", "kind": "review"}
    review |= {"subtype": "meeting", "owner": "cs@vendor.example", "duration_min": 60.0, "text": "QBR Q4"}
    review |= {"scheduled_at": "2025-01-20 14:00"}
    created, history = {"known_basis": "created"}, {"known_basis": "history"}
    assert by_time(where(rows, source_id="engagement:1")) == [
        review | created | {"known_at": "2025-01-01 09:00", "occurred_at": "2025-01-01 09:00", "status": "scheduled"},
        review | created | {"known_at": "2025-01-20 14:00", "occurred_at": "2025-01-20 14:00"},
        review | history | {"known_at": "2025-01-20 18:00", "occurred_at": "2025-01-20 14:00", "status": "held"},
    ]
    told = only(by_time(where(rows, subtype="meeting")), "source_id", "known_at", "occurred_at", "kind", "status")
    assert [row for row in told if row[0] != "engagement:1"] == [
        ("engagement:2", "2025-02-01 09:00", "2025-02-01 09:00", "meeting", "scheduled"),
        ("engagement:2", "2025-02-10 14:00", "2025-02-10 14:00", "meeting", "no_show"),
        ("engagement:3", "2025-03-10 09:00", "2025-03-01 14:00", "meeting", "held"),
        ("engagement:5", "2025-04-01 09:00", "2025-04-01 09:00", "meeting", "scheduled"),
        ("engagement:5", "2025-04-02 14:00", "2025-04-02 14:00", "meeting", None),
        ("engagement:4", "2025-05-20 09:00", "2025-05-20 09:00", "review", "scheduled"),
    ]


def test_calls_mails_tasks_and_notes(tmp_path: Path) -> None:
    rows = canonical("hubspot", ENGAGEMENTS, tmp_path)["touchpoints"]
    created = {"known_basis": "created"}
    call = {"source_id": "engagement:10", "account_id": "500", "kind": "call", "subtype": "call", "direction": "in"}
    assert where(rows, kind="call") == [
        call
        | created
        | {"known_at": "2025-01-15 10:00", "occurred_at": "2025-01-02 10:00"}
        | {"status": "held", "duration_min": 10.0, "text": "Question"}
    ]
    mails = where(rows, subtype="email")
    assert only(mails, "account_id", "person_id", "kind", "direction", "occurred_at", "replied_at", "text") == [
        ("500", None, "outreach", "out", "2025-01-03 10:00", "2025-01-03 12:00", "Hello: How are you"),
        (None, "700", "message", "in", "2025-01-03 12:00", None, "Re: Hello: Fine"),
    ]
    tasks = by_time(where(rows, kind="action"))
    assert only(tasks, "known_at", "known_basis", "occurred_at", "status", "scheduled_at", "subtype") == [
        ("2025-01-04 10:00", "created", "2025-01-04 10:00", "scheduled", "2025-01-08 10:00", "todo"),
        ("2025-01-07 10:00", "event", "2025-01-07 10:00", "done", "2025-01-08 10:00", "todo"),
    ]
    assert only(where(rows, kind="note"), "known_at", "occurred_at", "text") == [
        ("2025-01-05 10:00", "2024-12-05 10:00", "They are upset")
    ]


def test_the_old_table_of_meetings_knows_only_when_they_began(tmp_path: Path) -> None:
    text = "engagement_id,_fivetran_synced,end_time,start_time,meeting_outcome,body,title\n1,2020-07-09 11:04:22,2019-09-26 14:30:00,2019-09-26 13:00:00,COMPLETED,b,t"
    rows = canonical("hubspot", {"engagement_meeting.csv": text}, tmp_path)["touchpoints"]
    assert only(by_time(rows), "known_at", "known_basis", "occurred_at", "status", "duration_min") == [
        ("2019-09-26 13:00", "assumed", "2019-09-26 13:00", None, 90.0),
        ("2020-07-09 11:04:22", "snapshot", "2019-09-26 13:00", "held", 90.0),
    ]


TICKETS: dict[str, object] = {
    "ticket.csv": """
_fivetran_synced,id,is_deleted,property_closed_date,property_createdate,property_first_agent_reply_date,property_hs_pipeline_stage,property_hs_ticket_category,property_hs_ticket_priority,property_subject,property_content,property_source_type
2025-06-01 00:00:00,80,FALSE,2025-01-05 10:00:00,2025-01-01 10:00:00,2025-01-01 12:00:00,4,BILLING,HIGH,Invoice,Wrong sum,EMAIL
2025-06-01 00:00:00,81,FALSE,2025-01-01 10:00:00,2025-01-02 10:00:00,,4,,LOW,Moved,Imported,""",
    "ticket_company.csv": "_fivetran_synced,ticket_id,company_id,category\n2025-06-01 00:00:00,80,500,HUBSPOT_DEFINED",
    "ticket_contact.csv": "_fivetran_synced,ticket_id,contact_id,category\n2025-06-01 00:00:00,80,700,HUBSPOT_DEFINED",
    "ticket_property_history.csv": """
_fivetran_synced,ticket_id,name,source,source_id,timestamp_instant,value,_fivetran_start,_fivetran_end
2025-06-01 00:00:00,80,hs_pipeline_stage,CRM,,2025-01-01 10:00:00,1,2025-01-01 10:00:00,9999-12-31 23:59:59
2025-06-01 00:00:00,80,hs_ticket_priority,CRM,,2025-01-01 10:00:00,LOW,2025-01-01 10:00:00,9999-12-31 23:59:59
2025-06-01 00:00:00,80,hs_pipeline_stage,CRM,,2025-01-03 10:00:00,4,2025-01-03 10:00:00,9999-12-31 23:59:59
2025-06-01 00:00:00,80,hs_pipeline_stage,CRM,,2025-01-04 10:00:00,2,2025-01-04 10:00:00,9999-12-31 23:59:59
2025-06-01 00:00:00,80,hs_pipeline_stage,CRM,,2025-01-05 10:00:00,4,2025-01-05 10:00:00,9999-12-31 23:59:59""",
    "ticket_pipeline_stage.csv": "stage_id,active,is_closed,label,pipeline_id,ticket_state\n1,TRUE,FALSE,New,0,OPEN\n2,TRUE,FALSE,Waiting,0,OPEN\n4,TRUE,TRUE,Closed,0,CLOSED",
}


def test_tickets_are_closed_and_opened_again(tmp_path: Path) -> None:
    rows = canonical("hubspot", TICKETS, tmp_path)["tickets"]
    first = {"source_id": "80:1735725600000000", "ticket_id": "80", "account_id": "500", "person_id": "700"}
    first |= {"known_at": "2025-01-01 10:00", "known_basis": "history", "opened_at": "2025-01-01 10:00"}
    first |= {"first_reply_at": "2025-01-01 12:00", "reopens": 0, "priority": "low", "channel": "email"}
    told = by_time(where(rows, ticket_id="80"))
    assert told[0] == first | {"subject": "Invoice", "body": "Wrong sum"}
    assert only(told, "known_at", "known_basis", "solved_at", "reopens", "priority", "category") == [
        ("2025-01-01 10:00", "history", None, 0, "low", None),
        ("2025-01-03 10:00", "history", "2025-01-03 10:00", 0, "low", None),
        ("2025-01-04 10:00", "history", None, 1, "low", None),
        ("2025-01-05 10:00", "history", "2025-01-05 10:00", 1, "low", None),
        ("2025-06-01 00:00", "snapshot", "2025-01-05 10:00", 1, "high", "BILLING"),
    ]
    closed_before_it_was_created = by_time(where(rows, ticket_id="81"))
    assert only(closed_before_it_was_created, "known_at", "solved_at", "priority", "account_id") == [
        ("2025-01-02 10:00", "2025-01-02 10:00", None, None),
        ("2025-06-01 00:00", "2025-01-02 10:00", "low", None),
    ]


def test_the_csv_exports_of_the_product(tmp_path: Path) -> None:
    files: dict[str, object] = {
        "hubspot-crm-exports-all-companies-2025-06-01.csv": """
"Record ID","Company name","Company owner","Create Date","Company Domain Name","Country/Region","Industry","Lifecycle Stage","Number of Employees"
500,Acme,Eve Vendor,2024-01-01 08:00,acme.example,Germany,Computer Software,Customer,120""",
        "hubspot-crm-exports-all-deals-2025-06-01.csv": """
"Record ID","Deal Name","Deal Stage",Pipeline,"Close Date","Create Date",Amount,"Deal Type","Associated Company IDs"
60,Acme renewal,Closed Won (Sales),Sales,2024-04-30 00:00,2024-04-01 09:00,1200.5,Existing Business,500;501
62,Acme first,Closed Lost,Sales,2024-04-30 00:00,2024-04-01 09:00,300,New Business,500""",
        "hubspot-crm-exports-all-contacts-2025-06-01.csv": """
"Record ID","First Name","Last Name",Email,"Create Date","Job Title","Associated Company IDs","Buying Role"
700,Ann,Bee,ann@acme.example,2024-01-05 08:00,CTO,500,Decision Maker""",
    }
    rows = canonical("hubspot", files, tmp_path, "2025-06-01T00:00:00Z")
    assert only(by_time(rows["accounts"]), "known_at", "known_basis", "name", "lifecycle", "employees", "country") == [
        ("2024-01-01 08:00", "created", "Acme", None, None, None),
        ("2025-06-01 00:00", "snapshot", "Acme", "Customer", 120.0, "Germany"),
    ]
    assert only(
        by_time(rows["deals"]), "deal_id", "known_at", "account_id", "kind", "is_closed", "is_won", "amount"
    ) == [
        ("60", "2024-04-01 09:00", "500", "renewal", None, None, None),
        ("62", "2024-04-01 09:00", "500", "new", None, None, None),
        ("60", "2025-06-01 00:00", "500", "renewal", True, True, 1200.5),
        ("62", "2025-06-01 00:00", "500", "new", True, None, 300.0),
    ]
    assert only(by_time(rows["people"]), "known_at", "role", "title", "account_id") == [
        ("2024-01-05 08:00", "contact", None, "500"),
        ("2025-06-01 00:00", "contact", "CTO", "500"),
        ("2025-06-01 00:00", "economic_buyer", None, "500"),
    ]


def test_the_pages_of_the_api_with_the_history_of_properties(tmp_path: Path) -> None:
    company = {
        "id": "500",
        "properties": {
            "name": "Acme",
            "domain": "acme.example",
            "createdate": "2024-01-01T08:00:00Z",
            "lifecyclestage": "customer",
        },
        "propertiesWithHistory": {
            "name": [{"value": "Acme", "timestamp": "2024-01-01T08:00:00Z", "sourceType": "CRM_UI"}],
            "lifecyclestage": [
                {"value": "customer", "timestamp": "2024-05-01T08:00:00Z", "sourceType": "CRM_UI"},
                {"value": "lead", "timestamp": "2024-01-01T08:00:00Z", "sourceType": "CRM_UI"},
            ],
        },
        "createdAt": "2024-01-01T08:00:00Z",
        "updatedAt": "2025-05-01T08:00:00Z",
        "archived": False,
    }
    meeting = {
        "id": "1",
        "properties": {
            "hs_meeting_title": "Sync",
            "hs_meeting_start_time": "2025-01-20T14:00:00Z",
            "hs_createdate": "2025-01-21T09:00:00Z",
            "hs_meeting_outcome": "CANCELED",
        },
        "associations": {"companies": {"results": [{"id": "500", "type": "meeting_event_to_company"}]}},
    }
    files: dict[str, object] = {
        "companies.json": {"results": [company], "paging": {"next": {"after": "1"}}},
        "meetings.json": {"results": [meeting]},
    }
    rows = canonical("hubspot", files, tmp_path, "2025-06-01T00:00:00Z")
    assert only(by_time(rows["accounts"]), "known_at", "known_basis", "name", "lifecycle") == [
        ("2024-01-01 08:00", "history", "Acme", "lead"),
        ("2024-05-01 08:00", "history", "Acme", "customer"),
    ]
    assert only(by_time(rows["touchpoints"]), "account_id", "known_at", "occurred_at", "status") == [
        ("500", "2025-01-21 09:00", "2025-01-20 14:00", None),
        ("500", "2025-06-01 00:00", "2025-01-20 14:00", "cancelled"),
    ]


def test_the_engagements_of_airbyte(tmp_path: Path) -> None:
    row = {
        "id": "1",
        "type": "MEETING",
        "createdAt": 1735722000000,
        "lastUpdated": 1737396000000,
        "timestamp": 1737381600000,
        "associations": {"companyIds": [500], "contactIds": [700]},
        "metadata": {
            "title": "QBR",
            "startTime": 1737381600000,
            "endTime": 1737385200000,
            "meetingOutcome": "COMPLETED",
        },
        "_airbyte_extracted_at": "2025-06-01T00:00:00Z",
    }
    rows = canonical("hubspot", {"hubspot/engagements.json": [row]}, tmp_path)["touchpoints"]
    assert only(by_time(rows), "account_id", "person_id", "kind", "known_at", "status") == [
        ("500", "700", "review", "2025-01-01 09:00", "scheduled"),
        ("500", "700", "review", "2025-01-20 14:00", None),
        ("500", "700", "review", "2025-01-20 18:00", "held"),
    ]


@pytest.mark.parametrize("layout", ["airbyte", "dlt"])
def test_companies_of_airbyte_and_dlt(layout: str, tmp_path: Path) -> None:
    dlt = "id,name,domain,createdate,industry,hs_lastmodifieddate,_dlt_load_id,_dlt_id\n500,Acme,acme.example,2024-01-01T08:00:00Z,SOFTWARE,2024-02-01T08:00:00Z,1748736000.5,x"
    airbyte = "id,properties_name,properties_domain,properties_createdate,properties_industry,createdAt,_airbyte_extracted_at\n500,Acme,acme.example,2024-01-01T08:00:00Z,SOFTWARE,2024-01-01T08:00:00Z,2025-06-01T00:00:00.5Z"
    rows = canonical("hubspot", {"companies.csv": dlt if layout == "dlt" else airbyte}, tmp_path)
    assert only(by_time(rows["accounts"]), "account_id", "known_at", "known_basis", "name", "industry") == [
        ("500", "2024-01-01 08:00", "created", "Acme", None),
        ("500", "2025-06-01 00:00:00.500000", "snapshot", "Acme", "SOFTWARE"),
    ]


def test_the_sample_files_of_fivetran(tmp_path: Path) -> None:
    rows = canonical("hubspot", landed("hubspot"), tmp_path)
    assert len(where(rows["touchpoints"], kind="meeting")) == 100
    assert len({row["ticket_id"] for row in rows["tickets"]}) == 25
    assert all(row["opened_at"] <= row.get("solved_at", "9999") for row in rows["tickets"])
