"""Salesforce's objects as canonical rows, worked by hand: history mode, records of today, and exports with their own names."""

# ruff: noqa: E501  (files and rows are easier to compare one to a line)

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.mapped_rows import landed, mapped, of

A, B, OLD, OLDER = "001A00000000001AAA", "001B00000000001AAA", "001C00000000001AAA", "001D00000000001AAA"

FIVETRAN = {
    "sf_account_history.csv": (
        "id,_fivetran_start,_fivetran_end,_fivetran_active,_fivetran_synced,name,website,type,industry,number_of_employees,billing_country,owner_id,parent_id,master_record_id,is_deleted,created_date\n"
        f"{A},2024-01-05 08:00:00,2024-06-01 08:00:00,false,2024-06-01 09:00:00,Alder,https://www.alder.example/de,Prospect,Software,40,DE,005U,,,false,2024-01-05 08:00:00\n"
        f"{A},2024-06-01 08:00:00,9999-12-31 23:59:59,true,2024-06-01 09:00:00,Alder,https://www.alder.example/de,Customer,Software,55,DE,005U,{OLD},,false,2024-01-05 08:00:00\n"
        f"{B},2024-03-01 08:00:00,9999-12-31 23:59:59,true,2024-06-01 09:00:00,Birch,birch.example,Customer,,,,005X,,,false,2024-02-01 08:00:00\n"
        f"{OLD},2024-04-01 08:00:00,9999-12-31 23:59:59,true,2024-06-01 09:00:00,Birch Ltd,,,,,,,,{B},true,2024-01-01 08:00:00\n"
        f"{OLDER},2024-04-01 08:00:00,9999-12-31 23:59:59,true,2024-06-01 09:00:00,B Ltd,,,,,,,,{OLD},true,2024-01-01 08:00:00\n"
    ),
    "sf_user.csv": "id,_fivetran_synced,name,username\n005U,2024-06-01,Uma,uma@us.example\n",
    "sf_contact_history.csv": (
        "id,_fivetran_start,_fivetran_active,account_id,email,name,title,created_date,is_deleted,executive_sponsor_c,no_longer_at_company_c\n"
        f"003P,2024-02-01 00:00:00,false,{A},pia@alder.example,Pia,CFO,2024-02-01 00:00:00,false,false,false\n"
        f"003P,2024-04-01 00:00:00,false,{A},pia@alder.example,Pia,CFO,2024-02-01 00:00:00,false,true,false\n"
        f"003P,2024-07-01 00:00:00,true,{OLD},pia@birch.example,Pia,CEO,2024-02-01 00:00:00,false,false,false\n"
        f"003Q,2024-05-01 00:00:00,true,{B},quinn@birch.example,Quinn,,2024-02-02 00:00:00,false,false,true\n"
    ),
    "sf_opportunity_history.csv": (
        "id,_fivetran_start,_fivetran_active,account_id,type,stage_name,is_closed,is_won,amount,close_date,probability,created_date,is_deleted,budget_status_c\n"
        f"006O,2024-03-10 00:00:00,false,{A},Existing Customer - Upgrade,Proposal,false,false,12000,2024-09-30,40,2024-03-01 00:00:00,false,Confirmed\n"
        f"006O,2024-08-10 00:00:00,true,{A},Existing Customer - Upgrade,Closed Won,true,true,15000,2024-08-10,100,2024-03-01 00:00:00,false,Confirmed\n"
    ),
}


@pytest.fixture(scope="module")
def fivetran(tmp_path_factory):
    return of(tmp_path_factory.mktemp("fivetran"), "salesforce", FIVETRAN)


def without(rows: list[dict], *names: str) -> list[dict]:
    return [{key: value for key, value in row.items() if key not in ("source_id", *names)} for row in rows]


def brief(rows: list[dict], *names: str) -> list[tuple]:
    return [tuple(row.get(name) for name in names) for row in rows]


def test_accounts_in_history_mode_are_versions_and_merged_ones_live_on_in_another(fivetran):
    alder = {
        "account_id": A,
        "known_basis": "history",
        "name": "Alder",
        "industry": "Software",
        "country": "DE",
        "owner": "Uma",
        "deleted": False,
    }
    assert without(fivetran["accounts"]) == [
        alder
        | {
            "known_at": "2024-01-05 08:00:00",
            "valid_from": "2024-01-05 08:00:00",
            "lifecycle": "Prospect",
            "employees": 40.0,
        },
        alder
        | {
            "known_at": "2024-06-01 08:00:00",
            "valid_from": "2024-06-01 08:00:00",
            "lifecycle": "Customer",
            "employees": 55.0,
            "parent_account_id": B,
        },
        {
            "account_id": B,
            "known_basis": "created",
            "known_at": "2024-02-01 08:00:00",
            "valid_from": "2024-02-01 08:00:00",
            "deleted": False,
        },
        {
            "account_id": B,
            "known_basis": "history",
            "known_at": "2024-03-01 08:00:00",
            "valid_from": "2024-03-01 08:00:00",
            "name": "Birch",
            "owner": "005X",
            "lifecycle": "Customer",
            "deleted": False,
        },
    ]
    accounts = [row for row in fivetran["identities"] if row["kind"] == "account"]
    assert {row["crm_id"] for row in accounts if row["source_key"] == B} == {
        B,
        OLD,
        OLDER,
        B[:15],
        OLD[:15],
        OLDER[:15],
    }
    assert {row["domain"] for row in accounts if row["source_key"] == A} == {"alder.example"}


def test_people_hold_roles_until_they_lose_them_or_leave(fivetran):
    assert brief(
        fivetran["people"], "account_id", "person_id", "role", "known_at", "known_basis", "title", "deleted"
    ) == [
        (A, "003P", "contact", "2024-02-01", "history", "CFO", False),
        (A, "003P", "contact", "2024-04-01", "history", "CFO", False),
        (A, "003P", "contact", "2024-07-01", "history", None, True),
        (B, "003P", "contact", "2024-07-01", "history", "CEO", False),
        (A, "003P", "exec_sponsor", "2024-04-01", "history", "CFO", False),
        (A, "003P", "exec_sponsor", "2024-07-01", "history", None, True),
        (B, "003Q", "contact", "2024-02-02", "created", None, False),
        (B, "003Q", "contact", "2024-05-01", "history", None, True),
    ]
    assert {
        "kind": "person",
        "source_key": "003P",
        "account_key": B,
        "email": "pia@birch.example",
        "name": "Pia",
    } in fivetran["identities"]
    assert {row["account_key"] for row in fivetran["identities"] if row["source_key"] == "003P"} == {B}


def test_deals_are_bare_at_creation_and_then_versions(fivetran):
    deal = {"account_id": A, "deal_id": "006O", "deleted": False}
    told = deal | {"known_basis": "history", "kind": "expansion", "budget_status": "dedicated"}
    assert without(fivetran["deals"]) == [
        deal
        | {
            "known_at": "2024-03-01",
            "valid_from": "2024-03-01",
            "known_basis": "created",
            "kind": "other",
            "is_closed": False,
            "is_won": False,
        },
        told
        | {
            "known_at": "2024-03-10",
            "valid_from": "2024-03-10",
            "stage": "Proposal",
            "is_closed": False,
            "is_won": False,
            "amount": 12000.0,
            "close_date": "2024-09-30",
            "probability": 0.4,
        },
        told
        | {
            "known_at": "2024-08-10",
            "valid_from": "2024-08-10",
            "stage": "Closed Won",
            "is_closed": True,
            "is_won": True,
            "amount": 15000.0,
            "close_date": "2024-08-10",
            "probability": 1.0,
        },
    ]


API = {
    "Account.json": [
        {
            "Id": A,
            "Name": "Alder",
            "Website": "alder.example",
            "IsDeleted": False,
            "LastModifiedDate": "2024-02-01T00:00:00.000+0000",
        }
    ],
    "Opportunity.json": [
        {
            "Id": "006O",
            "AccountId": A,
            "StageName": "Won",
            "IsClosed": True,
            "IsWon": True,
            "Amount": 9000,
            "CloseDate": "2024-05-01",
            "Type": "Renewal",
            "CreatedDate": "2024-01-02T00:00:00.000+0000",
            "SystemModstamp": "2024-05-01T12:00:00.000+0000",
        }
    ],
    "OpportunityHistory.json": [
        {
            "Id": "008a",
            "OpportunityId": "006O",
            "StageName": "Talks",
            "Amount": 7000,
            "CloseDate": "2024-04-01",
            "Probability": 20,
            "ForecastCategory": "Pipeline",
            "CreatedDate": "2024-01-03T00:00:00.000+0000",
        },
        {
            "Id": "008b",
            "OpportunityId": "006O",
            "StageName": "Won",
            "Amount": 9000,
            "CloseDate": "2024-05-01",
            "Probability": 100,
            "ForecastCategory": "Closed",
            "CreatedDate": "2024-05-01T11:00:00.000+0000",
        },
    ],
    "OpportunityContactRole.json": [
        {
            "Id": "00Ka",
            "OpportunityId": "006O",
            "ContactId": "003P",
            "Role": "Executive Sponsor",
            "CreatedDate": "2024-01-04T00:00:00.000+0000",
            "SystemModstamp": "2024-01-06T00:00:00.000+0000",
        }
    ],
    "Event.json": [
        {
            "Id": "00Ua",
            "AccountId": B,
            "WhatId": "006O",
            "WhoId": "003P",
            "Subject": "QBR Q1",
            "StartDateTime": "2024-03-20T09:00:00.000+0000",
            "DurationInMinutes": 60,
            "Description": "they are unhappy",
            "No_Show__c": True,
            "CreatedDate": "2024-03-01T00:00:00.000+0000",
            "SystemModstamp": "2024-03-21T00:00:00.000+0000",
        },
        {
            "Id": "00Ub",
            "AccountId": A,
            "Subject": "Kick-off meeting",
            "StartDateTime": "2024-02-01T09:00:00.000+0000",
            "No_Show__c": False,
            "CreatedDate": "2024-02-15T00:00:00.000+0000",
            "SystemModstamp": "2024-02-15T00:00:00.000+0000",
        },
        {
            "Id": "00Uc",
            "AccountId": A,
            "Subject": "Demo",
            "StartDateTime": "2025-02-01T09:00:00.000+0000",
            "No_Show__c": False,
            "CreatedDate": "2024-04-15T00:00:00.000+0000",
            "SystemModstamp": "2024-04-16T00:00:00.000+0000",
        },
        {
            "Id": "00Ud",
            "AccountId": A,
            "Subject": "QBR Q1",
            "StartDateTime": "2024-03-20T09:00:00.000+0000",
            "IsChild": True,
            "CreatedDate": "2024-03-01T00:00:00.000+0000",
            "SystemModstamp": "2024-03-21T00:00:00.000+0000",
        },
    ],
    "Task.json": [
        {
            "Id": "00Ta",
            "AccountId": A,
            "WhoId": "003P",
            "Subject": "Call about price",
            "TaskSubtype": "Call",
            "CallType": "Outbound",
            "CallDurationInSeconds": 300,
            "Status": "Completed",
            "IsClosed": True,
            "ActivityDate": "2024-03-01",
            "CompletedDateTime": "2024-03-15T00:00:00.000+0000",
            "CreatedDate": "2024-03-15T00:00:00.000+0000",
            "SystemModstamp": "2024-03-15T00:00:00.000+0000",
        },
        {
            "Id": "00Tb",
            "AccountId": A,
            "Subject": "Send the plan",
            "TaskSubtype": "Task",
            "Status": "Completed",
            "IsClosed": True,
            "ActivityDate": "2024-04-10",
            "CompletedDateTime": "2024-04-09T00:00:00.000+0000",
            "CreatedDate": "2024-04-01T00:00:00.000+0000",
            "SystemModstamp": "2024-04-20T00:00:00.000+0000",
            "Description": "sent",
        },
        {
            "Id": "00Tc",
            "Subject": "Old",
            "TaskSubtype": "Email",
            "Status": "Deferred",
            "IsClosed": False,
            "WhoId": "003P",
            "CreatedDate": "2024-04-01T00:00:00.000+0000",
            "SystemModstamp": "2024-04-02T00:00:00.000+0000",
            "IsDeleted": True,
        },
    ],
    "Contact.json": [
        {
            "Id": "003P",
            "AccountId": A,
            "FirstName": "Pia",
            "LastName": "Pohl",
            "Email": "pia@alder.example",
            "CreatedDate": "2024-01-01T00:00:00.000+0000",
            "SystemModstamp": "2024-01-10T00:00:00.000+0000",
        }
    ],
    "Contract.json": [
        {
            "Id": "800a",
            "AccountId": A,
            "Status": "Activated",
            "StartDate": "2024-01-15",
            "EndDate": "2025-01-14",
            "ContractTerm": 12,
            "ActivatedDate": "2024-01-10T00:00:00.000+0000",
            "CreatedDate": "2024-01-05T00:00:00.000+0000",
            "SystemModstamp": "2024-01-10T00:00:05.000+0000",
        },
        {
            "Id": "800b",
            "AccountId": A,
            "Status": "Draft",
            "StartDate": None,
            "EndDate": None,
            "ContractTerm": None,
            "ActivatedDate": None,
            "CreatedDate": "2025-03-01T00:00:00.000+0000",
            "SystemModstamp": "2025-03-01T00:00:00.000+0000",
        },
    ],
    "SBQQ__Subscription__c.json": [
        {
            "Id": "a0a",
            "SBQQ__Contract__c": "800a",
            "SBQQ__ProductName__c": "Team",
            "SBQQ__Quantity__c": 20,
            "SBQQ__NetPrice__c": 240,
            "SBQQ__StartDate__c": "2024-01-15",
            "SBQQ__EndDate__c": "2025-01-14",
            "CreatedDate": "2024-01-10T00:00:00.000+0000",
            "SystemModstamp": "2024-01-10T00:00:00.000+0000",
        },
        {
            "Id": "a0b",
            "SBQQ__Contract__c": "800a",
            "SBQQ__ProductName__c": "Extra",
            "SBQQ__Quantity__c": 5,
            "SBQQ__NetPrice__c": 60,
            "SBQQ__StartDate__c": "2024-07-15",
            "SBQQ__EndDate__c": "2025-01-14",
            "CreatedDate": "2024-07-15T00:00:00.000+0000",
            "SystemModstamp": "2024-07-15T00:00:00.000+0000",
        },
    ],
    "Case.json": [
        {
            "Id": "500a",
            "CaseNumber": "1",
            "AccountId": A,
            "ContactId": "003P",
            "Subject": "Down",
            "Description": "<p>It is down</p>",
            "Status": "Closed",
            "Priority": "High",
            "Origin": "Email",
            "Type": "Problem",
            "CSAT__c": 4,
            "ClosedDate": "2024-02-03T00:00:00.000+0000",
            "CreatedDate": "2024-02-01T00:00:00.000+0000",
            "SystemModstamp": "2024-02-10T00:00:00.000+0000",
        }
    ],
}


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    return of(tmp_path_factory.mktemp("api"), "salesforce", API)


def test_an_account_without_its_creation_is_assumed_from_its_oldest_record(api):
    assert brief(api["accounts"], "account_id", "known_at", "known_basis", "name") == [
        (A, "2024-01-01", "assumed", None),  # the contact was created then
        (A, "2024-02-01", "history", "Alder"),  # last changed then, whenever it was loaded
    ]


def test_stages_of_the_past_come_from_opportunity_history(api):
    assert brief(
        api["deals"], "known_at", "known_basis", "kind", "stage", "is_closed", "is_won", "amount", "close_date"
    ) == [
        ("2024-01-02", "created", "other", None, False, False, None, None),
        ("2024-01-03", "history", "other", "Talks", False, False, 7000.0, "2024-04-01"),
        ("2024-05-01 11:00:00", "history", "other", "Won", True, True, 9000.0, "2024-05-01"),
        ("2024-05-01 12:00:00", "history", "renewal", "Won", True, True, 9000.0, "2024-05-01"),
    ]


def test_meetings_are_planned_then_happen_and_what_came_of_them_is_known_when_it_was_written(api):
    events = [row for row in api["touchpoints"] if row["source_id"].startswith("00U")]
    assert brief(
        events,
        "source_id",
        "known_at",
        "known_basis",
        "occurred_at",
        "kind",
        "status",
        "scheduled_at",
        "account_id",
        "text",
    ) == [
        ("00Ua", "2024-03-01", "created", "2024-03-01", "review", "scheduled", None, A, None),
        (
            "00Ua",
            "2024-03-20 09:00:00",
            "created",
            "2024-03-20 09:00:00",
            "review",
            "held",
            "2024-03-20 09:00:00",
            A,
            None,
        ),
        (
            "00Ua",
            "2024-03-21",
            "history",
            "2024-03-20 09:00:00",
            "review",
            "no_show",
            "2024-03-20 09:00:00",
            A,
            "they are unhappy",
        ),
        (
            "00Ub",
            "2024-02-15",
            "created",
            "2024-02-01 09:00:00",
            "meeting",
            "held",
            "2024-02-01 09:00:00",
            A,
            None,
        ),  # noted two weeks late
        ("00Uc", "2024-04-15", "created", "2024-04-15", "meeting", "scheduled", None, A, None),
        ("00Uc", "2024-04-16", "history", "2024-04-16", "meeting", "scheduled", "2025-02-01 09:00:00", A, None),
    ]


def test_tasks_are_known_when_they_were_noted_never_on_their_own_date(api):
    tasks = [row for row in api["touchpoints"] if row["source_id"].startswith("00T")]
    assert brief(
        tasks,
        "source_id",
        "known_at",
        "occurred_at",
        "kind",
        "direction",
        "status",
        "scheduled_at",
        "duration_min",
        "text",
        "deleted",
    ) == [
        ("00Ta", "2024-03-15", "2024-03-01", "call", "out", "done", "2024-03-01", 5.0, None, False),
        ("00Tb", "2024-04-01", "2024-04-01", "action", None, "scheduled", None, None, None, False),
        ("00Tb", "2024-04-09", "2024-04-09", "action", None, "done", "2024-04-10", None, None, False),
        ("00Tb", "2024-04-20", "2024-04-09", "action", None, "done", "2024-04-10", None, "sent", False),
        ("00Tc", "2024-04-01", "2024-04-01", "outreach", None, "scheduled", None, None, None, False),
        ("00Tc", "2024-04-02", "2024-04-01", "outreach", None, "cancelled", None, None, None, True),
    ]
    assert {row["account_id"] for row in tasks} == {A}  # that of the contact, where a task names none


def test_contracts_with_the_lines_of_cpq_are_subscriptions(api):
    names = (
        "subscription_id",
        "known_at",
        "known_basis",
        "status",
        "plan",
        "seats",
        "mrr",
        "term_start",
        "ends_at",
        "term_months",
    )
    assert brief(api["subscriptions"], *names) == [
        ("800a", "2024-01-05", "created", "draft", None, None, None, None, None, None),
        ("800a", "2024-01-10", "event", "active", None, None, None, None, None, None),
        ("800a", "2024-01-10 00:00:05", "history", "active", "Team", 20.0, 400.0, "2024-01-15", None, 12.0),
        ("800a", "2024-07-15", "history", "active", "Extra + Team", 25.0, 450.0, "2024-01-15", None, 12.0),
        ("800a", "2025-01-15", "assumed", "canceled", None, None, None, "2024-01-15", "2025-01-14", 12.0),
        ("800b", "2025-03-01", "history", "draft", None, None, None, None, None, None),
    ]


def test_cases_are_tickets_whose_priority_counts_from_their_last_change(api):
    case = {
        "account_id": A,
        "person_id": "003P",
        "ticket_id": "500a",
        "opened_at": "2024-02-01",
        "solved_at": "2024-02-03",
        "channel": "email",
        "subject": "Down",
        "body": "It is down",
        "deleted": False,
    }
    assert without(api["tickets"]) == [
        case | {"known_at": "2024-02-01", "known_basis": "created"},
        case
        | {
            "known_at": "2024-02-10",
            "known_basis": "history",
            "priority": "high",
            "category": "Problem",
            "satisfaction": 0.75,
            "satisfaction_at": "2024-02-10",
        },
    ]


def test_roles_in_an_opportunity_are_roles_in_its_account(api):
    assert brief(api["people"], "person_id", "role", "account_id", "known_at", "known_basis") == [
        ("003P", "contact", A, "2024-01-01", "created"),
        ("003P", "contact", A, "2024-01-10", "history"),
        ("003P", "exec_sponsor", A, "2024-01-06", "history"),
    ]


def test_a_report_exported_as_csv_is_read_by_its_labels(tmp_path):
    files = {
        "sf opportunities.csv": f'"Opportunity ID","Opportunity Name","Account ID","Stage","Amount","Close Date","Probability (%)","Created Date","Type","Closed","Won"\n"006O","Renew","{A}","Proposal","12000","9/30/2024","40","3/21/2024","Renewal","0","0"\n',
        "sf accounts.csv": f'"Account ID","Account Name","Website","Industry","Created Date"\n"{A}","Alder","alder.example","Software","1/31/2024"\n',
    }
    found = of(tmp_path, "salesforce", files, exported_at="2024-06-01")
    assert brief(found["deals"], "known_at", "known_basis", "kind", "stage", "amount", "close_date", "is_closed") == [
        ("2024-03-21", "created", "other", None, None, None, False),
        ("2024-06-01", "snapshot", "renewal", "Proposal", 12000.0, "2024-09-30", False),
    ]
    assert brief(found["accounts"], "known_at", "name", "industry") == [
        ("2024-01-31", None, None),
        ("2024-06-01", "Alder", "Software"),
    ]


def test_the_landed_samples(tmp_path):
    place = Path(os.environ.get("HOLDFAST_LANDED", Path(__file__).parents[3] / "shared" / "landed")) / "salesforce"
    if not place.is_dir():
        pytest.skip(f"no samples of landed tables at {place}")
    found = mapped(landed(place, tmp_path / "scratch", "salesforce"), tmp_path / "work")
    assert len({row["account_id"] for row in found["accounts"]}) == 10
    assert len({row["deal_id"] for row in found["deals"]}) == 10
    assert len(found["touchpoints"]) == 20
    assert {row["known_at"] for row in found["touchpoints"]} == {"2019-11-11 17:23:34"}
    assert len({row["person_id"] for row in found["people"]}) == 3  # the fourth contact has no account
