"""Stripe's tables as canonical rows, worked by hand: the layouts of connectors, and what the Dashboard exports."""

# ruff: noqa: E501  (files and rows are easier to compare one to a line)

from __future__ import annotations

import json
import os
from pathlib import Path

import pandas as pd
import pytest

from tests.mapped_rows import landed, mapped, of

FIVETRAN = {
    "customer.csv": (
        "id,_fivetran_synced,created,email,name,currency,address_country,livemode,is_deleted,metadata\n"
        'cus_a,2025-03-01 06:00:00,2024-01-10 09:00:00,ap@alder.example,Alder,eur,DE,true,false,"{""account_id"":""A-1"",""salesforce_id"":""001A""}"\n'
        "cus_b,2025-03-01 06:00:00,2024-05-01 09:00:00,x@birch.example,Birch,eur,,true,true,{}\n"
        "cus_t,2025-03-01 06:00:00,2024-05-01 09:00:00,t@test.example,Test,eur,,false,false,{}\n"
    ),
    "subscription_history.csv": (
        "id,_fivetran_synced,_fivetran_active,customer_id,status,created,start_date,trial_start,trial_end,cancel_at,cancel_at_period_end,canceled_at,ended_at,current_period_start,current_period_end,livemode\n"
        "sub_1,2024-06-01 06:00:00,false,cus_a,active,2024-01-10 10:00:00,2024-01-10 10:00:00,2024-01-10 10:00:00,2024-01-24 10:00:00,,false,,,2024-05-24 10:00:00,2024-06-24 10:00:00,true\n"
        "sub_1,2024-09-02 06:00:00,false,cus_a,active,2024-01-10 10:00:00,2024-01-10 10:00:00,2024-01-10 10:00:00,2024-01-24 10:00:00,2024-09-24 10:00:00,true,2024-09-01 12:00:00,,2024-08-24 10:00:00,2024-09-24 10:00:00,true\n"
        "sub_1,2024-09-25 06:00:00,true,cus_a,canceled,2024-01-10 10:00:00,2024-01-10 10:00:00,2024-01-10 10:00:00,2024-01-24 10:00:00,2024-09-24 10:00:00,true,2024-09-01 12:00:00,2024-09-24 10:00:00,2024-08-24 10:00:00,2024-09-24 10:00:00,true\n"
    ),
    "subscription_item.csv": (
        "id,_fivetran_synced,created,plan_id,quantity,subscription_id\n"
        "si_1,2024-06-01 06:00:00,2024-01-10 10:00:00,team,10,sub_1\n"
        "si_1,2024-08-01 06:00:00,2024-01-10 10:00:00,team,7,sub_1\n"
    ),
    "plan.csv": "id,_fivetran_synced,amount,billing_scheme,created,currency,interval,interval_count,nickname,product_id,usage_type\nteam,2024-06-01,36000,per_unit,2023-01-01,eur,year,1,,prod_1,licensed\n",
    "product.csv": "id,_fivetran_synced,name,created,updated\nprod_1,2024-06-01,Team,2023-01-01,2023-01-01\n",
    "invoice.csv": (
        "id,_fivetran_synced,customer_id,subscription_id,status,currency,total,amount_due,amount_paid,attempt_count,collection_method,created,status_transitions_finalized_at,status_transitions_paid_at,status_transitions_marked_uncollectible_at,status_transitions_voided_at,due_date,period_end,livemode\n"
        "in_1,2024-09-01 00:00:00,cus_a,sub_1,paid,eur,300000,300000,300000,3,charge_automatically,2024-01-24 10:00:00,2024-01-24 11:00:00,2024-02-01 08:00:00,,,,2024-01-24 10:00:00,true\n"
        "in_2,2024-09-01 00:00:00,cus_a,sub_1,uncollectible,jpy,5000,5000,0,4,send_invoice,2024-03-01 00:00:00,2024-03-01 01:00:00,,2024-05-01 00:00:00,,2024-03-31 00:00:00,,true\n"
        "in_3,2024-09-01 00:00:00,cus_a,sub_1,draft,eur,100,100,0,0,send_invoice,2024-08-31 00:00:00,,,,,,,true\n"
    ),
    "charge.csv": (
        "id,_fivetran_synced,invoice_id,created,status,paid\n"
        "ch_1,2024-09-01 00:00:00,in_1,2024-01-24 11:05:00,failed,false\n"
        "ch_2,2024-09-01 00:00:00,in_1,2024-01-28 11:05:00,failed,false\n"
        "ch_3,2024-09-01 00:00:00,in_1,2024-02-01 08:00:00,succeeded,true\n"
    ),
}


def without(rows: list[dict], *names: str) -> list[dict]:
    return [{key: value for key, value in row.items() if key not in ("source_id", *names)} for row in rows]


def brief(rows: list[dict], *names: str) -> list[tuple]:
    return [tuple(row.get(name) for name in names) for row in rows]


@pytest.fixture(scope="module")
def fivetran(tmp_path_factory):
    return of(tmp_path_factory.mktemp("fivetran"), "stripe", FIVETRAN)


def test_fivetran_customers_are_bare_until_they_were_seen(fivetran):
    found = fivetran
    a, b = ({"account_id": one, "deleted": False} for one in ("cus_a", "cus_b"))
    created = {"known_basis": "created"}
    seen = {
        "known_at": "2025-03-01 06:00:00",
        "known_basis": "snapshot",
        "valid_from": "2025-03-01 06:00:00",
        "currency": "EUR",
    }
    assert without(found["accounts"], "attrs") == [
        a | created | {"known_at": "2024-01-10 09:00:00", "valid_from": "2024-01-10 09:00:00"},
        a | seen | {"name": "Alder", "country": "DE"},
        b | created | {"known_at": "2024-05-01 09:00:00", "valid_from": "2024-05-01 09:00:00"},
        b | seen | {"name": "Birch", "deleted": True},
    ]
    assert {
        "kind": "account",
        "source_key": "cus_a",
        "external_id": "A-1",
        "crm_id": "001A",
        "email": "ap@alder.example",
        "name": "Alder",
    } in found["identities"]


def test_fivetran_subscriptions_are_rebuilt_from_versions_and_from_what_stripe_dates(fivetran):
    rows = fivetran["subscriptions"]
    sub = {"account_id": "cus_a", "subscription_id": "sub_1", "deleted": False}
    plan = {"plan": "Team", "currency": "EUR", "billing_months": 12.0, "term_months": 12.0}
    june = {"term_start": "2024-05-24 10:00:00", "term_end": "2024-06-24 10:00:00"}
    august = {"term_start": "2024-08-24 10:00:00", "term_end": "2024-09-24 10:00:00"}
    leaving = {"cancel_requested_at": "2024-09-01 12:00:00", "ends_at": "2024-09-24 10:00:00", "auto_renew": False}
    ten, seven = {"seats": 10.0, "mrr": 300.0}, {"seats": 7.0, "mrr": 210.0}  # 360.00 a seat and year

    def at(time: str, basis: str, status: str) -> dict:
        return sub | {"known_at": time, "valid_from": time, "known_basis": basis, "status": status}

    assert without(rows) == [
        at("2024-01-10 10:00:00", "created", "trialing"),
        at("2024-01-24 10:00:00", "assumed", "active"),
        at("2024-06-01 06:00:00", "snapshot", "active") | plan | june | ten | {"auto_renew": True},
        at("2024-08-01 06:00:00", "snapshot", "active") | plan | june | seven | {"auto_renew": True},
        at("2024-09-01 12:00:00", "event", "active") | plan | june | seven | leaving,
        at("2024-09-02 06:00:00", "snapshot", "active") | plan | august | seven | leaving,
        at("2024-09-24 10:00:00", "event", "canceled") | plan | august | seven | leaving,
        at("2024-09-25 06:00:00", "snapshot", "canceled") | plan | august | seven | leaving,
    ]


def test_fivetran_invoices_are_dated_by_stripe_and_failures_by_charges(fivetran):
    rows = fivetran["invoices"]
    one = {
        "account_id": "cus_a",
        "invoice_id": "in_1",
        "subscription_id": "sub_1",
        "issued_at": "2024-01-24 11:00:00",
        "due_at": "2024-01-24 11:00:00",
        "amount": 3000.0,
        "currency": "EUR",
        "paid_at": "2024-02-01 08:00:00",
        "amount_paid": 3000.0,
        "deleted": False,
    }
    two = {
        "account_id": "cus_a",
        "invoice_id": "in_2",
        "subscription_id": "sub_1",
        "issued_at": "2024-03-01 01:00:00",
        "due_at": "2024-03-31",
        "amount": 5000.0,
        "currency": "JPY",
        "written_off_at": "2024-05-01",
        "deleted": False,
    }
    assert without(rows) == [
        one | {"known_at": "2024-01-24 10:00:00", "known_basis": "created"},
        one | {"known_at": "2024-01-24 11:05:00", "known_basis": "event", "failed_attempts": 1.0},
        one | {"known_at": "2024-01-28 11:05:00", "known_basis": "event", "failed_attempts": 2.0},
        one | {"known_at": "2024-02-01 08:00:00", "known_basis": "event", "failed_attempts": 2.0},
        one | {"known_at": "2024-09-01", "known_basis": "snapshot", "failed_attempts": 2.0},
        two | {"known_at": "2024-03-01", "known_basis": "created"},
        two | {"known_at": "2024-09-01", "known_basis": "snapshot", "failed_attempts": 4.0, "amount_paid": 0.0},
    ]


def test_an_invoice_without_its_dates_is_known_when_it_is_assumed_to_be(tmp_path):
    bare = (
        "id,_fivetran_synced,customer_id,status,currency,total,amount_due,amount_paid,attempt_count,paid,due_date,period_end\n"
        "in_1,2024-09-01 00:00:00,cus_a,paid,usd,1000,1000,1000,1,true,,2024-02-01 00:00:00\n"
        "in_2,2024-09-01 00:00:00,cus_a,open,usd,2000,2000,0,2,false,2024-04-01 00:00:00,\n"
        "in_3,2024-09-01 00:00:00,cus_a,open,usd,3000,3000,0,0,false,,2024-12-01 00:00:00\n"
    )
    rows = of(tmp_path, "stripe", {"invoice.csv": bare})["invoices"]
    assert brief(
        rows, "invoice_id", "known_at", "known_basis", "issued_at", "due_at", "paid_at", "failed_attempts"
    ) == [
        ("in_1", "2024-02-01", "assumed", "2024-02-01", None, None, None),
        ("in_1", "2024-09-01", "snapshot", "2024-02-01", None, "2024-09-01", 0.0),
        ("in_2", "2024-04-01", "assumed", "2024-04-01", "2024-04-01", None, None),
        ("in_2", "2024-09-01", "snapshot", "2024-04-01", "2024-04-01", None, 2.0),
        (
            "in_3",
            "2024-09-01",
            "snapshot",
            "2024-09-01",
            None,
            None,
            0.0,
        ),  # a period that ends later was invoiced by then
    ]


DASHBOARD = {
    "customers.csv": "id,Description,Email,Name,Created (UTC),Delinquent,Currency,account_id (metadata)\ncus_a,,ap@alder.example,Alder,2024-01-10 09:00,false,eur,A-1\n",
    "subscriptions.csv": (
        "id,Customer ID,Customer Description,Customer Email,Plan,Product,Quantity,Currency,Interval,Amount,Status,Created (UTC),Start (UTC),Current Period Start (UTC),Current Period End (UTC),Trial Start (UTC),Trial End (UTC),Canceled At (UTC),Ended At (UTC),Cancellation Reason\n"
        "sub_1,cus_a,,ap@alder.example,price_1,Team,4,eur,month,25.50,active,2024-01-10 10:00,2024-01-10 10:00,2024-05-10 10:00,2024-06-10 10:00,,,,,\n"
        "sub_2,cus_a,,ap@alder.example,price_2,Solo,1,eur,year,1200.00,canceled,2023-01-10 10:00,2023-01-10 10:00,2023-01-10 10:00,2024-01-10 10:00,,,2023-11-01 08:00,2023-11-01 08:00,payment_failed\n"
    ),
    "invoices.csv": (
        "id,Customer,Customer Name,Amount Due,Amount Paid,Paid,Billing,Currency,Date (UTC),Finalized At (UTC),Due Date (UTC),Paid At (UTC),Number,Subscription,Total,Status\n"
        "in_1,cus_a,Alder,102.00,102.00,true,charge_automatically,eur,2024-05-10 10:00,2024-05-10 11:00,,2024-05-10 11:01,A-1,sub_1,102.00,paid\n"
        "in_2,cus_a,Alder,900.00,0.00,false,send_invoice,jpy,2024-05-11 10:00,2024-05-11 11:00,2024-05-25 00:00,,A-2,sub_1,900,open\n"
    ),
}


def test_exports_of_the_dashboard_are_in_major_units(tmp_path):
    found = of(tmp_path, "stripe", DASHBOARD, exported_at="2024-06-01")
    assert brief(
        found["subscriptions"],
        "subscription_id",
        "known_at",
        "known_basis",
        "status",
        "plan",
        "seats",
        "mrr",
        "cancel_requested_at",
        "ends_at",
        "cancel_reason",
    ) == [
        ("sub_1", "2024-01-10 10:00:00", "created", "active", None, None, None, None, None, None),
        ("sub_1", "2024-06-01", "snapshot", "active", "Team", 4.0, 102.0, None, None, None),
        ("sub_2", "2023-01-10 10:00:00", "created", "active", None, None, None, None, None, None),
        (
            "sub_2",
            "2023-11-01 08:00:00",
            "event",
            "canceled",
            None,
            None,
            None,
            "2023-11-01 08:00:00",
            "2023-11-01 08:00:00",
            "payment_failed",
        ),
        (
            "sub_2",
            "2024-06-01",
            "snapshot",
            "canceled",
            "Solo",
            1.0,
            100.0,
            "2023-11-01 08:00:00",
            "2023-11-01 08:00:00",
            "payment_failed",
        ),
    ]
    assert {row["_email"] for row in found["subscriptions"]} == {"ap@alder.example"}
    assert brief(found["invoices"], "invoice_id", "known_at", "amount", "issued_at", "due_at", "paid_at") == [
        ("in_1", "2024-05-10 10:00:00", 102.0, "2024-05-10 11:00:00", "2024-05-10 11:00:00", "2024-05-10 11:01:00"),
        ("in_1", "2024-06-01", 102.0, "2024-05-10 11:00:00", "2024-05-10 11:00:00", "2024-05-10 11:01:00"),
        ("in_2", "2024-05-11 10:00:00", 900.0, "2024-05-11 11:00:00", "2024-05-25", None),
        ("in_2", "2024-06-01", 900.0, "2024-05-11 11:00:00", "2024-05-25", None),
    ]
    assert brief(found["accounts"], "account_id", "known_at", "name") == [
        ("cus_a", "2024-01-10 09:00:00", None),
        ("cus_a", "2024-06-01", "Alder"),
    ]
    assert {row.get("external_id") for row in found["identities"]} == {"A-1", None}


def test_without_a_time_of_export_only_what_is_dated_is_told(tmp_path):
    found = of(tmp_path, "stripe", DASHBOARD)
    assert {row["known_basis"] for name in ("accounts", "subscriptions", "invoices") for row in found[name]} == {
        "created",
        "event",
    }
    assert not [row for row in found["subscriptions"] if "seats" in row or "mrr" in row]


def unix(day: str) -> int:
    return int(pd.Timestamp(day, tz="UTC").timestamp())


def subscription(**changed) -> dict:
    price = {
        "id": "price_1",
        "unit_amount": 2000,
        "currency": "usd",
        "nickname": "Team",
        "product": "prod_1",
        "type": "recurring",
        "billing_scheme": "per_unit",
        "recurring": {"interval": "month", "interval_count": 3, "usage_type": "licensed"},
    }
    item = {
        "id": "si_1",
        "quantity": 6,
        "price": price,
        "current_period_start": unix("2024-04-01"),
        "current_period_end": unix("2024-07-01"),
    }
    usual = {
        "id": "sub_1",
        "object": "subscription",
        "customer": "cus_a",
        "status": "active",
        "created": unix("2024-01-01"),
        "start_date": unix("2023-07-01"),
        "trial_end": None,
        "canceled_at": None,
        "ended_at": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "livemode": True,
    }
    return usual | {"items": {"object": "list", "data": [item]}} | changed


def test_airbyte_nests_items_and_counts_seconds(tmp_path):
    metered = {
        "id": "si_2",
        "quantity": None,
        "price": {
            "id": "price_2",
            "unit_amount": 5,
            "currency": "usd",
            "nickname": "Calls",
            "recurring": {"interval": "month", "interval_count": 1, "usage_type": "metered"},
        },
    }
    tiers = {
        "id": "si_3",
        "quantity": 2,
        "price": {
            "id": "price_3",
            "unit_amount": None,
            "currency": "usd",
            "billing_scheme": "tiered",
            "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"},
        },
    }
    licensed = subscription()["items"]["data"]
    data = [
        subscription(),
        subscription(id="sub_2", items={"data": [*licensed, metered]}),
        subscription(id="sub_3", items={"data": [*licensed, tiers]}),
        subscription(id="sub_4", status="incomplete_expired", ended_at=unix("2024-01-02")),
    ]
    lines = "\n".join(
        json.dumps({"_airbyte_raw_id": str(n), "_airbyte_extracted_at": "2024-06-01T00:00:00Z", "_airbyte_data": one})
        for n, one in enumerate(data)
    )
    rows = of(tmp_path, "stripe", {"subscriptions.jsonl": lines})["subscriptions"]
    names = (
        "subscription_id",
        "known_at",
        "valid_from",
        "status",
        "plan",
        "seats",
        "mrr",
        "billing_months",
        "term_end",
    )
    assert brief(rows, *names) == [
        ("sub_1", "2024-01-01", "2023-07-01", "active", None, None, None, None, None),  # it was backdated
        ("sub_1", "2024-06-01", "2024-06-01", "active", "Team", 6.0, 40.0, 3.0, "2024-07-01"),
        ("sub_2", "2024-01-01", "2023-07-01", "active", None, None, None, None, None),
        ("sub_2", "2024-06-01", "2024-06-01", "active", "Calls + Team", 6.0, 40.0, 3.0, "2024-07-01"),
        ("sub_3", "2024-01-01", "2023-07-01", "active", None, None, None, None, None),
        ("sub_3", "2024-06-01", "2024-06-01", "active", "Team + price_3", 8.0, None, 3.0, "2024-07-01"),
        ("sub_4", "2024-01-01", "2023-07-01", "draft", None, None, None, None, None),  # never paid, so never a customer
        ("sub_4", "2024-06-01", "2024-06-01", "draft", "Team", 6.0, 40.0, 3.0, "2024-07-01"),
    ]


def test_dlt_lays_items_in_a_table_of_their_own(tmp_path):
    files = {
        "subscriptions.csv": (
            "id,customer,status,created,livemode,_dlt_load_id,_dlt_id\n"
            "sub_1,cus_a,active,2024-01-01T00:00:00Z,true,1714521600.0,r1\n"
            "sub_1,cus_a,past_due,2024-01-01T00:00:00Z,true,1717200000.0,r2\n"
        ),
        "subscriptions__items__data.csv": (
            "id,quantity,price__id,price__unit_amount,price__currency,price__recurring__interval,price__recurring__interval_count,_dlt_id,_dlt_parent_id,_dlt_list_idx\n"
            "si_1,2,price_1,1000,usd,month,1,i1,r1,0\n"
            "si_2,1,price_2,500,usd,month,1,i2,r1,1\n"
            "si_1,3,price_1,1000,usd,month,1,i3,r2,0\n"
        ),
    }
    rows = of(tmp_path, "stripe", files)["subscriptions"]
    assert brief(rows, "known_at", "status", "seats", "mrr", "plan") == [
        ("2024-01-01", "active", None, None, None),
        ("2024-05-01", "active", 3.0, 25.0, "price_1 + price_2"),
        ("2024-06-01", "past_due", 3.0, 30.0, "price_1"),  # an item that is no longer listed is gone
    ]


def test_events_are_versions(tmp_path):
    later = subscription(
        cancel_at_period_end=True,
        canceled_at=unix("2024-05-20"),
        cancel_at=unix("2024-07-01"),
        cancellation_details={"reason": "cancellation_requested", "feedback": "too_expensive"},
    )
    events = [
        {
            "id": "evt_1",
            "type": "customer.subscription.updated",
            "created": unix("2024-05-10"),
            "data": {"object": subscription(status="past_due")},
        },
        {
            "id": "evt_2",
            "type": "customer.subscription.updated",
            "created": unix("2024-05-20"),
            "data": {"object": later},
        },
        {
            "id": "evt_3",
            "type": "customer.deleted",
            "created": unix("2024-08-01"),
            "data": {"object": {"id": "cus_a", "deleted": True}},
        },
    ]
    customers = [
        {"id": "cus_a", "created": unix("2024-01-01"), "email": "a@alder.example", "name": "Alder", "livemode": True}
    ]
    found = of(tmp_path, "stripe", {"events.json": events, "customers.json": customers})
    names = ("known_at", "known_basis", "status", "seats", "cancel_requested_at", "ends_at", "cancel_reason")
    assert brief(found["subscriptions"], *names) == [
        ("2024-01-01", "created", "active", None, None, None, None),
        ("2024-05-10", "history", "past_due", 6.0, None, None, None),
        ("2024-05-20", "history", "active", 6.0, "2024-05-20", "2024-07-01", "cancellation_requested: too_expensive"),
    ]
    assert brief(found["accounts"], "known_at", "known_basis", "deleted") == [
        ("2024-01-01", "created", False),
        ("2024-08-01", "event", True),
    ]


def test_a_state_of_today_tells_nothing_of_the_past_but_dates(tmp_path):
    """Whatever is overwritten may be anything: rows known before it was seen stay as they are."""
    changes = {
        "status": "past_due",
        "cancel_at_period_end": True,
        "cancel_at": unix("2025-01-01"),
        "items": {"data": []},
        "current_period_end": unix("2025-01-01"),
    }
    rows = []
    for name, changed in (("one", {}), ("other", changes)):
        exported = of(
            tmp_path / name, "stripe", {"subscriptions.json": [subscription(**changed)]}, exported_at="2024-06-01"
        )
        rows.append([row for row in exported["subscriptions"] if row["known_at"] < "2024-06-01"])
    assert rows[0] == rows[1]
    assert len(rows[0]) == 1


def test_the_landed_samples(tmp_path):
    place = Path(os.environ.get("HOLDFAST_LANDED", Path(__file__).parents[3] / "shared" / "landed")) / "stripe"
    if not place.is_dir():
        pytest.skip(f"no samples of landed tables at {place}")
    source = landed(place, tmp_path / "scratch", "stripe")
    assert {
        one.object: one.table.stem for one in source.landed if one.object in ("customer", "item", "invoice", "charge")
    } == {
        "customer": "customer_data",
        "item": "subscription_item_data",
        "invoice": "invoice_data",
        "charge": "charge_data",
    }
    found = mapped(source, tmp_path / "work")
    assert len(found["accounts"]) == 24  # 12 customers, each at its creation and when it was seen
    assert brief(found["subscriptions"], "subscription_id", "known_at", "status", "seats", "mrr") == [
        ("sdgfs4536", "2021-02-18 14:16:37", "active", None, None),
        ("sdgfs4536", "2021-02-19 14:16:37", "canceled", None, None),  # it ends after it was seen, as samples do
        ("sdgfs4536", "2025-08-26 14:30:00", "canceled", 1.0, 1500.0),
        ("sfjytkyu876", "2021-02-18 14:16:37", "active", None, None),
        ("sfjytkyu876", "2021-02-19 14:16:37", "canceled", None, None),
        ("sfjytkyu876", "2025-08-26 14:30:00", "canceled", 2.0, 3000.0),
    ]
    assert brief(found["invoices"], "invoice_id", "amount", "failed_attempts") == [
        ("ab1111", 10.0, 0.0)
    ]  # the other is of test mode
