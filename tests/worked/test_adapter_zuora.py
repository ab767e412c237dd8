"""Zuora's tables as canonical rows, worked by hand: all versions of a subscription, and payments against invoices."""

# ruff: noqa: E501  (files and rows are easier to compare one to a line)

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.mapped_rows import landed, mapped, of

SYNCED = "2025-06-01 00:00:00"
FIVETRAN = {
    "zuora_account_data.csv": f"id,_fivetran_deleted,_fivetran_synced,account_number,name,crm_id,currency,bill_to_contact_id,created_date,updated_date,status\nacc1,false,{SYNCED},A1,Alder,001A,eur,con1,2023-01-01 08:00:00,2024-01-01 08:00:00,Active\n",
    "zuora_contact_data.csv": f"id,_fivetran_deleted,_fivetran_synced,account_id,first_name,last_name,work_email,country,created_date,updated_date\ncon1,false,{SYNCED},acc1,Pia,Pohl,pia@alder.example,Germany,2023-01-01 08:00:00,2023-01-01 08:00:00\n",
    "zuora_subscription_data.csv": (
        "id,_fivetran_deleted,_fivetran_synced,account_id,original_id,version,status,created_date,updated_date,contract_effective_date,subscription_start_date,term_start_date,term_end_date,term_type,current_term,current_term_period_type,initial_term,initial_term_period_type,auto_renew,cancelled_date,cancel_reason,subscription_version_amendment_id\n"
        f"v1,false,{SYNCED},acc1,v1,1,Expired,2023-01-10 00:00:00,2024-06-01 00:00:00,2023-02-01,2023-02-01,2023-02-01,2024-02-01,TERMED,12,Month,12,Month,true,,,\n"
        f"v2,false,{SYNCED},acc1,v1,2,Expired,2023-08-05 00:00:00,2024-06-01 00:00:00,2023-02-01,2023-02-01,2023-02-01,2024-02-01,TERMED,12,Month,12,Month,true,,,am2\n"
        f"v3,false,{SYNCED},acc1,v1,3,Cancelled,2023-11-20 00:00:00,2024-06-01 00:00:00,2023-02-01,2023-02-01,2023-02-01,2024-02-01,TERMED,12,Month,12,Month,false,2024-02-01,too expensive,am3\n"
        f"w1,false,{SYNCED},acc1,w1,1,Active,2024-01-01 00:00:00,2024-01-01 00:00:00,2024-01-01,2024-01-01,2024-01-01,2025-01-01,TERMED,1,Year,1,Year,false,,,\n"
    ),
    "zuora_amendment_data.csv": f"id,_fivetran_deleted,_fivetran_synced,type,subscription_id,contract_effective_date,created_date\nam2,false,{SYNCED},UpdateProduct,v1,2023-08-01,2023-08-05 00:00:00\nam3,false,{SYNCED},Cancellation,v2,2024-02-01,2023-11-20 00:00:00\n",
    "zuora_rate_plan_data.csv": f"id,_fivetran_deleted,_fivetran_synced,subscription_id,name\nrp1,false,{SYNCED},v1,Team\nrp2,false,{SYNCED},v2,Team\nrp3,false,{SYNCED},v3,Team\nrp4,false,{SYNCED},w1,Solo\n",
    "zuora_rate_plan_charge_data.csv": (
        "id,_fivetran_deleted,_fivetran_synced,subscription_id,rate_plan_id,charge_type,charge_model,mrr,transaction_currency,quantity,billing_period,effective_start_date,effective_end_date,created_date\n"
        f"c1a,false,{SYNCED},v1,rp1,Recurring,Per Unit Pricing,100,EUR,10,Month,2023-02-01,2023-10-01,2023-01-10 00:00:00\n"
        f"c1b,false,{SYNCED},v1,rp1,Recurring,Per Unit Pricing,150,EUR,15,Month,2023-10-01,2024-02-01,2023-01-10 00:00:00\n"
        f"c1s,false,{SYNCED},v1,rp1,OneTime,Flat Fee Pricing,0,EUR,1,,2023-02-01,2023-02-02,2023-01-10 00:00:00\n"
        f"c2a,false,{SYNCED},v2,rp2,Recurring,Per Unit Pricing,80,EUR,8,Month,2023-02-01,2024-02-01,2023-08-05 00:00:00\n"
        f"c3a,false,{SYNCED},v3,rp3,Recurring,Per Unit Pricing,80,EUR,8,Month,2023-02-01,2024-02-01,2023-11-20 00:00:00\n"
        f"d1a,false,{SYNCED},,rp4,Recurring,Flat Fee Pricing,50,EUR,1,Annual,2024-01-01,2025-01-01,2024-01-01 00:00:00\n"
    ),
    "zuora_invoice_data.csv": (
        "id,_fivetran_deleted,_fivetran_synced,account_id,invoice_number,amount,balance,transaction_currency,status,reversed,invoice_date,due_date,posted_date,created_date,updated_date\n"
        f"i1,false,{SYNCED},acc1,INV1,300.00,0,EUR,Posted,false,2023-02-01,2023-03-03,2023-02-02 09:00:00,2023-02-01 09:00:00,2023-03-20 00:00:00\n"
        f"i2,false,{SYNCED},acc1,INV2,300.00,300.00,EUR,Draft,false,2023-05-01,2023-06-01,,2023-05-01 09:00:00,2023-05-01 09:00:00\n"
        f"i3,false,{SYNCED},acc1,INV3,90.00,40.00,,Posted,true,2023-06-01,2023-07-01,2023-06-01 09:00:00,2023-06-01 09:00:00,2023-06-20 00:00:00\n"
    ),
    "zuora_invoice_item_data.csv": f"id,_fivetran_deleted,_fivetran_synced,invoice_id,subscription_id\nii1,false,{SYNCED},i1,v1\nii2,false,{SYNCED},i1,v2\n",
    "zuora_invoice_payment_data.csv": f"id,_fivetran_deleted,_fivetran_synced,invoice_id,payment_id,amount,refund_amount,created_date\nip0,false,{SYNCED},i1,p0,300.00,0,2023-02-10 00:00:00\nip1,false,{SYNCED},i1,p1,100.00,0,2023-02-20 00:00:00\nip2,false,{SYNCED},i1,p2,200.00,0,2023-03-10 00:00:00\n",
    "zuora_payment_data.csv": f"id,_fivetran_deleted,_fivetran_synced,account_id,status,effective_date,created_date\np0,false,{SYNCED},acc1,Error,2023-02-10,2023-02-10 00:00:00\np1,false,{SYNCED},acc1,Processed,2023-02-20,2023-02-20 00:00:00\np2,false,{SYNCED},acc1,Processed,2023-03-09,2023-03-10 12:00:00\n",
}


@pytest.fixture(scope="module")
def fivetran(tmp_path_factory):
    return of(tmp_path_factory.mktemp("fivetran"), "zuora", FIVETRAN)


def brief(rows: list[dict], *names: str) -> list[tuple]:
    return [tuple(row.get(name) for name in names) for row in rows]


def test_accounts_lead_to_the_crm(fivetran):
    assert [{k: v for k, v in row.items() if k != "source_id"} for row in fivetran["accounts"]] == [
        {
            "account_id": "acc1",
            "known_at": "2023-01-01 08:00:00",
            "known_basis": "created",
            "valid_from": "2023-01-01 08:00:00",
            "deleted": False,
        },
        {
            "account_id": "acc1",
            "known_at": "2024-01-01 08:00:00",
            "known_basis": "history",
            "valid_from": "2024-01-01 08:00:00",
            "name": "Alder",
            "country": "Germany",
            "currency": "EUR",
            "deleted": False,
        },
    ]
    assert {
        "kind": "account",
        "source_key": "acc1",
        "external_id": "A1",
        "crm_id": "001A",
        "name": "Alder",
    } in fivetran["identities"]
    assert {
        "kind": "person",
        "source_key": "con1",
        "account_key": "acc1",
        "email": "pia@alder.example",
        "name": "Pia Pohl",
    } in fivetran["identities"]
    assert brief(fivetran["people"], "person_id", "account_id", "role", "known_at") == [
        ("con1", "acc1", "contact", "2023-01-01 08:00:00")
    ]


def test_every_version_is_known_when_it_was_made_and_holds_when_it_takes_effect(fivetran):
    rows = sorted(
        fivetran["subscriptions"], key=lambda row: (row["subscription_id"], row["known_at"], row["valid_from"])
    )
    assert brief(
        rows,
        "subscription_id",
        "known_at",
        "valid_from",
        "status",
        "mrr",
        "seats",
        "plan",
        "term_months",
        "cancel_requested_at",
        "ends_at",
        "cancel_reason",
    ) == [
        ("v1", "2023-01-10", "2023-02-01", "active", 100.0, 10.0, "Team", 12.0, None, None, None),
        (
            "v1",
            "2023-01-10",
            "2023-10-01",
            "active",
            150.0,
            15.0,
            "Team",
            12.0,
            None,
            None,
            None,
        ),  # a ramp, known from the start
        ("v1", "2023-08-05", "2023-08-01", "active", 80.0, 8.0, "Team", 12.0, None, None, None),
        (
            "v1",
            "2023-08-05",
            "2023-10-01",
            "active",
            80.0,
            8.0,
            "Team",
            12.0,
            None,
            None,
            None,
        ),  # which the amendment takes back
        (
            "v1",
            "2023-11-20",
            "2023-11-20",
            "active",
            80.0,
            8.0,
            "Team",
            12.0,
            "2023-11-20",
            "2024-02-01",
            "too expensive",
        ),
        (
            "v1",
            "2023-11-20",
            "2024-02-01",
            "canceled",
            None,
            None,
            "Team",
            12.0,
            "2023-11-20",
            "2024-02-01",
            "too expensive",
        ),
        ("w1", "2024-01-01", "2024-01-01", "active", 50.0, None, "Solo", 12.0, None, None, None),
        (
            "w1",
            "2025-01-01",
            "2025-01-01",
            "canceled",
            None,
            None,
            "Solo",
            12.0,
            None,
            "2025-01-01",
            None,
        ),  # not renewed
    ]
    assert {row.get("currency") for row in rows} == {"EUR"}
    assert {row["known_basis"] for row in rows} == {"history"}


def test_an_invoice_is_paid_when_its_payments_reach_its_amount(fivetran):
    assert brief(
        fivetran["invoices"],
        "invoice_id",
        "known_at",
        "known_basis",
        "issued_at",
        "due_at",
        "amount",
        "currency",
        "subscription_id",
        "paid_at",
        "amount_paid",
        "failed_attempts",
        "voided_at",
    ) == [
        (
            "i1",
            "2023-02-02 09:00:00",
            "created",
            "2023-02-01",
            "2023-03-03",
            300.0,
            "EUR",
            "v1",
            "2023-03-10 12:00:00",
            300.0,
            None,
            None,
        ),
        (
            "i1",
            "2023-02-10",
            "event",
            "2023-02-01",
            "2023-03-03",
            300.0,
            "EUR",
            "v1",
            "2023-03-10 12:00:00",
            300.0,
            1.0,
            None,
        ),
        (
            "i1",
            "2023-03-20",
            "history",
            "2023-02-01",
            "2023-03-03",
            300.0,
            "EUR",
            "v1",
            "2023-03-10 12:00:00",
            300.0,
            1.0,
            None,
        ),
        ("i3", "2023-06-01 09:00:00", "created", "2023-06-01", "2023-07-01", 90.0, "EUR", None, None, None, None, None),
        ("i3", "2023-06-20", "history", "2023-06-01", "2023-07-01", 90.0, "EUR", None, None, 50.0, None, "2023-06-20"),
    ]


def test_the_export_of_a_data_source_is_read_by_its_labels(tmp_path):
    files = {
        "Subscription.csv": "Subscription.Id,Subscription.Version,Subscription.OriginalId,Subscription.Status,Subscription.CreatedDate,Subscription.ContractEffectiveDate,Subscription.TermType,Subscription.TermEndDate,Subscription.AutoRenew,Account.Id\nv1,1,v1,Active,2023-01-10T00:00:00+0000,2023-02-01,EVERGREEN,,false,acc1\n",
        "RatePlanCharge.csv": "RatePlanCharge.Id,RatePlanCharge.ChargeType,RatePlanCharge.ChargeModel,RatePlanCharge.MRR,RatePlanCharge.Quantity,RatePlanCharge.EffectiveStartDate,RatePlanCharge.EffectiveEndDate,Subscription.Id,Account.Currency\nc1,Recurring,Per Unit Pricing,70.5,7,2023-02-01,,v1,USD\n",
    }
    rows = of(tmp_path, "zuora", files)["subscriptions"]
    assert brief(rows, "account_id", "known_at", "valid_from", "status", "mrr", "currency", "seats", "term_months") == [
        ("acc1", "2023-01-10", "2023-02-01", "active", 70.5, "USD", 7.0, 0.0)
    ]


def test_the_landed_samples(tmp_path):
    place = Path(os.environ.get("HOLDFAST_LANDED", Path(__file__).parents[3] / "shared" / "landed")) / "zuora"
    if not place.is_dir():
        pytest.skip(f"no samples of landed tables at {place}")
    found = mapped(landed(place, tmp_path / "scratch", "zuora"), tmp_path / "work")
    assert {name: len(rows) for name, rows in found.items() if name != "identities"} == {
        "accounts": 9,
        "people": 5,
        "subscriptions": 7,
        "invoices": 10,
    }
    assert {
        (row["term_months"], row["status"])
        for row in found["subscriptions"]
        if row["subscription_id"].startswith("8ad0877b")
    } == {(36.0, "draft")}
    assert {row["amount"] for row in found["invoices"]} >= {70.36}
