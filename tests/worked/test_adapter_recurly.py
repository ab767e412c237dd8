"""Recurly's records as canonical rows, worked by hand: tables of history, lists of today, and the exports of its site."""

# ruff: noqa: E501  (files and rows are easier to compare one to a line)

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from holdfast.features.landed.files import discover
from holdfast.features.mapping.adapter import shipped
from holdfast.features.mapping.proposing import draft
from holdfast.features.mapping.recognise import recognise
from holdfast.serving.command import run
from tests.mapped_rows import landed, mapped, of, write

SYNCED = "2025-06-01 00:00:00"
ACCOUNTS = (
    "_fivetran_synced,id,created_at,updated_at,deleted_at,code,state,account_first_name,account_last_name,email,company,account_country,parent_account_id\n"
    f"{SYNCED},acc1,2023-01-01 08:00:00,2023-02-01 08:00:00,,A-1,active,Pia,Pohl,pay@alder.example,,,\n"
    f"{SYNCED},acc1,2023-01-01 08:00:00,2024-02-01 08:00:00,,A-1,active,Pia,Pohl,pay@alder.example,Alder GmbH,,acc9\n"
    f"{SYNCED},acc1,2023-01-01 08:00:00,2025-02-01 08:00:00,2025-02-01 08:00:00,A-1,inactive,Pia,Pohl,pay@alder.example,Alder GmbH,,acc9\n"
    f"{SYNCED},acc2,2023-05-01 00:00:00,2023-05-01 00:00:00,,B-2,active,,,b@birch.example,Birch Ltd,GB,\n"
)
BILLING = (
    "_fivetran_synced,id,account_id,billing_country,valid,created_at,updated_at\n"
    f"{SYNCED},bi1,acc1,DE,true,2023-01-02 00:00:00,2023-01-02 00:00:00\n"
    f"{SYNCED},bi1,acc1,AT,true,2023-01-02 00:00:00,2024-06-01 00:00:00\n"
    f"{SYNCED},bi2,acc2,IE,true,2023-01-02 00:00:00,2023-01-02 00:00:00\n"
)
PLANS = (
    "_fivetran_synced,id,code,name,state,interval_unit,interval_length,total_billing_cycles,created_at,updated_at\n"
    f"{SYNCED},pl_m,team-m,Team,active,months,1,,2022-01-01 00:00:00,2022-01-01 00:00:00\n"
    f"{SYNCED},pl_y,team-y,Team yearly,active,months,12,2,2022-01-01 00:00:00,2022-01-01 00:00:00\n"
    f"{SYNCED},pl_d,team-d,Days,active,days,73,,2022-01-01 00:00:00,2022-01-01 00:00:00\n"
)
COLUMNS = [
    "_fivetran_synced",
    "id",
    "uuid",
    "account_id",
    "plan_id",
    "state",
    "created_at",
    "updated_at",
    "activated_at",
    "canceled_at",
    "expires_at",
    "trial_started_at",
    "trial_ends_at",
    "current_period_started_at",
    "current_period_ends_at",
    "current_term_started_at",
    "current_term_ends_at",
    "total_billing_cycles",
    "auto_renew",
    "currency",
    "unit_amount",
    "quantity",
    "add_ons_total",
    "subtotal",
    "expiration_reason",
    "paused_at",
]


def table(*rows: dict, columns: list[str] = COLUMNS) -> str:
    """Write rows as CSV; what a row does not say is empty."""
    usual = {"_fivetran_synced": SYNCED, "currency": "EUR", "auto_renew": "true"}
    lines = [",".join(str((usual | row).get(name, "")) for name in columns) for row in rows]
    return "\n".join([",".join(columns), *lines]) + "\n"


def monthly(**told) -> dict:
    """Ten seats of 20 and add-ons of 40 a month."""
    usual = {
        "id": "s1", "account_id": "acc1", "plan_id": "pl_m", "state": "active", "created_at": "2023-01-10", "activated_at": "2023-01-10", "updated_at": "2023-01-10",
        "unit_amount": 20.0, "quantity": 10, "add_ons_total": 40.0, "current_period_started_at": "2023-01-10", "current_period_ends_at": "2023-02-10",
        "current_term_started_at": "2023-01-10", "current_term_ends_at": "2023-02-10", "total_billing_cycles": 1,
    }  # fmt: skip
    return usual | told


CHANGES = "_fivetran_synced,id,subscription_id,plan_id,unit_amount,quantity,activate_at,activated,created_at,updated_at,deleted_at\n"


def brief(rows: list[dict], *names: str) -> list[tuple]:
    return [tuple(row.get(name) for name in names) for row in rows]


def subscriptions(folder: Path, *rows: dict, **more: str) -> list[dict]:
    files = {"subscription_history_data.csv": table(*rows), "plan_history_data.csv": PLANS}
    return of(folder, "recurly", files | {f"{name}_data.csv": text for name, text in more.items()})["subscriptions"]


def test_every_version_of_an_account_is_known_when_recurly_wrote_it(tmp_path):
    found = of(tmp_path, "recurly", {"account_history_data.csv": ACCOUNTS, "billing_info_history_data.csv": BILLING})
    assert brief(
        found["accounts"], "account_id", "known_at", "known_basis", "name", "country", "parent_account_id", "deleted"
    ) == [
        ("acc1", "2023-01-01 08:00:00", "created", None, None, None, False),
        ("acc1", "2023-02-01 08:00:00", "history", "Pia Pohl", "DE", None, False),  # the country of its billing info
        ("acc1", "2024-02-01 08:00:00", "history", "Alder GmbH", "DE", "acc9", False),
        ("acc1", "2024-06-01", "history", "Alder GmbH", "AT", "acc9", False),
        ("acc1", "2025-02-01 08:00:00", "history", "Alder GmbH", "AT", "acc9", True),  # closed
        ("acc2", "2023-05-01", "history", "Birch Ltd", "GB", None, False),
    ]
    alder = {"kind": "account", "source_key": "acc1", "external_id": "A-1", "email": "pay@alder.example"}
    assert alder | {"name": "Alder GmbH"} in found["identities"]
    assert alder | {"name": "Pia Pohl"} in found["identities"]


def test_versions_of_a_subscription_say_price_seats_and_term_as_they_were(tmp_path):
    yearly = {
        "plan_id": "pl_y",
        "unit_amount": 220.0,
        "quantity": 12,
        "add_ons_total": 360.0,
        "total_billing_cycles": 2,
    }
    yearly |= {"current_period_started_at": "2023-06-01", "current_period_ends_at": "2024-06-01"}
    yearly |= {"current_term_started_at": "2023-06-01", "current_term_ends_at": "2025-06-01"}
    rows = subscriptions(
        tmp_path,
        monthly(updated_at="2023-06-01", **yearly),  # in no order
        monthly(),
        monthly(updated_at="2023-04-15", quantity=15),
    )
    names = (
        "known_at",
        "known_basis",
        "status",
        "plan",
        "mrr",
        "seats",
        "billing_months",
        "term_months",
        "term_end",
        "auto_renew",
    )
    assert brief(rows, *names) == [
        ("2023-01-10", "history", "active", "Team", 240.0, 10.0, 1.0, 1.0, "2023-02-10", True),  # 10 x 20 + 40
        ("2023-04-15", "history", "active", "Team", 340.0, 15.0, 1.0, 1.0, "2023-02-10", True),
        ("2023-06-01", "history", "active", "Team yearly", 250.0, 12.0, 12.0, 24.0, "2025-06-01", True),  # (12 x 220 + 360) / 12
    ]  # fmt: skip
    assert {row["currency"] for row in rows} == {"EUR"}
    assert all(row["valid_from"] == row["known_at"] for row in rows)


def test_a_request_to_cancel_ends_later_and_may_be_taken_back(tmp_path):
    rows = subscriptions(
        tmp_path,
        monthly(),
        monthly(updated_at="2023-01-20", state="canceled", canceled_at="2023-01-20", expires_at="2023-02-10"),
        monthly(updated_at="2023-01-25"),
        monthly(updated_at="2023-03-01", state="canceled", canceled_at="2023-03-01", expires_at="2023-03-10"),
        monthly(updated_at="2023-03-10", state="expired", canceled_at="2023-03-01", expires_at="2023-03-10", expiration_reason="canceled"),
    )  # fmt: skip
    assert brief(rows, "known_at", "status", "cancel_requested_at", "ends_at", "cancel_reason", "auto_renew") == [
        ("2023-01-10", "active", None, None, None, True),
        ("2023-01-20", "active", "2023-01-20", "2023-02-10", None, False),
        ("2023-01-25", "active", None, None, None, True),
        ("2023-03-01", "active", "2023-03-01", "2023-03-10", None, False),
        ("2023-03-10", "canceled", "2023-03-01", "2023-03-10", "canceled", False),
    ]
    assert {row["mrr"] for row in rows} == {240.0}


LIFE = (
    monthly(),
    monthly(updated_at="2023-01-20", state="canceled", canceled_at="2023-01-20", expires_at="2023-02-10"),
    monthly(updated_at="2023-01-25", quantity=12, add_ons_total=""),
    monthly(updated_at="2023-02-05", state="paused", paused_at="2023-02-10"),
    monthly(updated_at="2023-03-01", state="canceled", canceled_at="2023-03-01", expires_at="2023-03-10"),
    monthly(updated_at="2023-03-10", state="expired", canceled_at="2023-03-01", expires_at="2023-03-10", expiration_reason="canceled"),
)  # fmt: skip


@pytest.mark.parametrize("versions", range(1, len(LIFE)))
def test_a_later_version_changes_nothing_of_what_was_known_before(versions, tmp_path):
    changes = CHANGES + f"{SYNCED},c1,s1,pl_m,20,12,2023-01-25,true,2023-01-24,2023-01-25,\n"
    now, later = LIFE[versions - 1]["updated_at"], LIFE[::-1]
    then = subscriptions(tmp_path / "then", *LIFE[:versions])
    rows = subscriptions(tmp_path / "later", *later, subscription_change_history=changes)
    assert [row for row in rows if row["known_at"] <= now] == then


def test_an_end_for_want_of_payment_is_told_apart_by_its_reason(tmp_path):
    gone = {"state": "expired", "updated_at": "2023-05-01", "expires_at": "2023-05-01"}
    rows = subscriptions(
        tmp_path,
        monthly(),
        monthly(**gone, expiration_reason="nonpayment"),
        monthly(id="s2"),
        monthly(id="s2", **gone, canceled_at="2023-04-10", expiration_reason="canceled"),
        monthly(id="s3"),
        monthly(id="s3", **gone, auto_renew="false", expiration_reason="non_renewing"),
    )
    names = ("subscription_id", "known_at", "status", "cancel_requested_at", "ends_at", "cancel_reason")
    assert brief(rows, *names) == [
        ("s1", "2023-01-10", "active", None, None, None),
        ("s1", "2023-05-01", "canceled", "2023-05-01", "2023-05-01", "nonpayment"),  # nobody asked
        ("s2", "2023-01-10", "active", None, None, None),
        ("s2", "2023-04-10", "active", "2023-04-10", None, None),  # its end was not known by then
        ("s2", "2023-05-01", "canceled", "2023-04-10", "2023-05-01", "canceled"),
        ("s3", "2023-01-10", "active", None, None, None),
        ("s3", "2023-05-01", "canceled", "2023-05-01", "2023-05-01", "non_renewing"),
    ]


def test_of_a_list_of_today_only_what_recurly_dates_reaches_back(tmp_path):
    def listed(name: str, **told) -> dict:
        usual = {
            "id": name, "object": "subscription", "uuid": f"u-{name}", "account": {"id": "acc1", "code": "A-1", "email": "pay@alder.example"},
            "plan": {"id": "pl_m", "code": "team-m", "name": "Team"}, "state": "active", "created_at": "2023-01-10T00:00:00Z", "updated_at": "2024-03-01T00:00:00Z",
            "activated_at": "2023-01-10T00:00:00Z", "canceled_at": None, "expires_at": None, "trial_started_at": None, "trial_ends_at": None, "paused_at": None,
            "current_period_started_at": "2024-03-01T00:00:00Z", "current_period_ends_at": "2024-04-01T00:00:00Z", "current_term_started_at": None, "current_term_ends_at": None,
            "unit_amount": 20.0, "quantity": 10, "add_ons_total": 40.0, "subtotal": 240.0, "total": 285.6, "currency": "EUR", "auto_renew": True, "add_ons": [], "expiration_reason": None,
        }  # fmt: skip
        return usual | told

    trial = {"trial_started_at": "2023-01-10T00:00:00Z", "trial_ends_at": "2023-01-24T00:00:00Z"}
    files = {
        "subscriptions.json": [
            listed("s1", **trial),
            listed("s2", state="paused", paused_at="2024-02-01T00:00:00Z"),
            listed("s3", state="canceled", canceled_at="2024-03-01T00:00:00Z", expires_at="2024-04-01T00:00:00Z"),
            listed("s4", state="expired", canceled_at="2024-03-10T00:00:00Z", expires_at="2024-04-01T00:00:00Z", updated_at="2024-04-01T00:00:00Z"),
            listed("s5", state="future", activated_at=None, updated_at="2023-01-10T00:00:00Z"),
            listed("s6", state="failed", activated_at=None, updated_at="2023-01-10T00:00:01Z"),
            listed("s7", activated_at="2023-02-01T00:00:00Z"),
            listed("s8", state="expired", expires_at="2023-01-24T00:00:00Z", expiration_reason="nonpayment_trial", updated_at="2023-01-24T00:00:00Z", **trial),
        ],
        "plans.json": [{"id": "pl_m", "code": "team-m", "name": "Team", "interval_unit": "months", "interval_length": 1}],
    }  # fmt: skip
    rows = of(tmp_path, "recurly", files, exported_at="2024-06-01")["subscriptions"]
    bare, full = (None, None), (240.0, 10.0)  # taxes are no part of it
    names = ("subscription_id", "known_at", "known_basis", "status", "cancel_requested_at", "ends_at", "mrr", "seats")
    assert brief(rows, *names) == [
        ("s1", "2023-01-10", "created", "trialing", None, None, *bare),
        ("s1", "2023-01-24", "assumed", "active", None, None, *bare),
        ("s1", "2024-03-01", "history", "active", None, None, *full),
        ("s2", "2023-01-10", "created", "active", None, None, *bare),
        ("s2", "2024-03-01", "history", "paused", None, None, *full),  # paused_at may be when it was asked for
        ("s3", "2023-01-10", "created", "active", None, None, *bare),
        ("s3", "2024-03-01", "history", "active", "2024-03-01", "2024-04-01", *full),
        ("s4", "2023-01-10", "created", "active", None, None, *bare),
        ("s4", "2024-03-10", "event", "active", "2024-03-10", "2024-04-01", *bare),  # with its period, as was known then
        ("s4", "2024-04-01", "history", "canceled", "2024-03-10", "2024-04-01", *full),
        ("s5", "2023-01-10", "history", "draft", None, None, *full),
        ("s6", "2023-01-10", "created", "draft", None, None, *bare),
        ("s6", "2023-01-10 00:00:01", "history", "draft", None, None, *full),
        ("s7", "2023-01-10", "created", "draft", None, None, *bare),
        ("s7", "2023-02-01", "event", "active", None, None, *bare),
        ("s7", "2024-03-01", "history", "active", None, None, *full),
        ("s8", "2023-01-10", "created", "trialing", None, None, *bare),
        ("s8", "2023-01-24", "history", "canceled", "2023-01-24", "2023-01-24", *full),
    ]  # fmt: skip
    assert {row["_email"] for row in rows} == {"pay@alder.example"}


def test_a_subscription_that_ended_before_it_was_last_seen_ended_on_its_day(tmp_path):
    late = {"state": "expired", "updated_at": "2023-09-01", "canceled_at": "2023-03-01", "expires_at": "2023-03-10"}
    rows = subscriptions(tmp_path, monthly(), monthly(**late, expiration_reason="canceled"))
    assert brief(rows, "known_at", "known_basis", "status", "cancel_requested_at", "ends_at", "mrr") == [
        ("2023-01-10", "history", "active", None, None, 240.0),
        ("2023-03-01", "event", "active", "2023-03-01", None, 240.0),
        ("2023-03-10", "event", "canceled", "2023-03-01", "2023-03-10", 240.0),
        ("2023-09-01", "history", "canceled", "2023-03-01", "2023-03-10", 240.0),
    ]


def test_changes_that_took_effect_tell_the_price_before_a_list_of_today(tmp_path):
    changes = CHANGES + (
        f"{SYNCED},c1,s1,pl_m,20,5,2023-03-10,true,2023-03-01,2023-03-10,\n"
        f"{SYNCED},c2,s1,pl_y,180,10,2023-06-10,true,2023-06-01,2023-06-10,\n"
        f"{SYNCED},c3,s1,pl_m,20,99,2023-07-10,false,2023-07-01,2023-07-01,\n"  # planned
        f"{SYNCED},c4,s1,pl_m,20,77,2023-08-10,true,2023-08-01,2023-08-10,2023-08-02\n"  # withdrawn
        f"{SYNCED},c5,s1,pl_m,20,66,2023-12-31,true,2023-12-01,2024-02-01,\n"  # the list of today is later
    )
    rows = subscriptions(
        tmp_path, monthly(updated_at="2024-01-10", add_ons_total=""), subscription_change_history=changes
    )
    assert brief(rows, "known_at", "known_basis", "plan", "seats", "mrr", "currency") == [
        ("2023-01-10", "created", None, None, None, None),
        ("2023-03-10", "event", "Team", 5.0, 100.0, "EUR"),
        ("2023-06-10", "event", "Team yearly", 10.0, 150.0, "EUR"),
        ("2024-01-10", "history", "Team", 10.0, 200.0, "EUR"),
    ]


def test_a_change_that_a_version_tells_itself_adds_nothing(tmp_path):
    changes = CHANGES + f"{SYNCED},c1,s1,pl_m,20,15,2023-04-15,true,2023-04-01,2023-04-15 00:00:05,\n"
    rows = subscriptions(
        tmp_path, monthly(), monthly(updated_at="2023-04-15", quantity=15), subscription_change_history=changes
    )
    assert brief(rows, "known_at", "seats") == [("2023-01-10", 10.0), ("2023-04-15", 15.0)]


def test_add_ons_count_from_when_they_were_there_where_their_total_is_not_told(tmp_path):
    add_ons = (
        "_fivetran_synced,id,subscription_id,plan_add_on_id,quantity,unit_amount,add_on_type,created_at,updated_at,expired_at\n"
        f"{SYNCED},a1,s1,ao_a1,2,30,fixed,2023-01-10,2023-01-10,\n"
        f"{SYNCED},a1,s1,ao_a1,2,30,fixed,2023-01-10,2023-05-01,2023-05-01\n"
        f"{SYNCED},a2,s1,ao_a2,1,15,fixed,2023-03-01,2023-03-01,\n"
        f"{SYNCED},a3,s1,ao_a3,1,0.05,usage,2023-01-10,2023-01-10,\n"
        f"{SYNCED},a4,s2,ao_a4,1,,fixed,2023-01-10,2023-01-10,\n"  # in tiers
    )
    dates = ("2023-01-10", "2023-04-01", "2023-06-01")
    rows = subscriptions(
        tmp_path,
        *(monthly(updated_at=at, add_ons_total="") for at in dates),
        monthly(id="s2", add_ons_total=""),
        subscription_add_on_history=add_ons,
    )
    assert brief(rows, "subscription_id", "known_at", "mrr") == [
        ("s1", "2023-01-10", 260.0),  # 200 + 2 x 30
        ("s1", "2023-04-01", 275.0),
        ("s1", "2023-06-01", 215.0),
        ("s2", "2023-01-10", None),
    ]


def test_a_month_of_mrr_follows_the_interval_of_the_plan_or_else_the_period(tmp_path):
    def period(start: str, end: str) -> dict:
        return {"current_period_started_at": start, "current_period_ends_at": end, "add_ons_total": 0}

    unknown = {"plan_id": "pl_?", "unit_amount": 1200, "quantity": 1}
    rows = subscriptions(
        tmp_path,
        monthly(id="days", plan_id="pl_d", unit_amount=146, quantity=1, add_ons_total=0),
        monthly(id="month", **unknown, **period("2023-01-31", "2023-02-28")),
        monthly(id="quarter", **unknown, **period("2023-01-10", "2023-04-10")),
        monthly(id="year", **unknown, **period("2024-01-10", "2025-01-10")),
        monthly(id="ten_days", **unknown, **period("2023-01-10", "2023-01-20")),
        monthly(id="trial", **unknown, **period("2023-01-10", "2023-01-20"), trial_started_at="2023-01-10", trial_ends_at="2023-01-20"),
        monthly(id="nothing", **unknown, **period("", "")),
    )  # fmt: skip
    assert dict(brief(rows, "subscription_id", "mrr")) == {
        "days": 60.8333,  # 146 in 73 days: 730 a year
        "month": 1200.0,
        "quarter": 400.0,
        "year": 100.0,
        "ten_days": 3650.0,  # 36.5 periods a year
        "trial": None,
        "nothing": None,
    }
    assert dict(brief(rows, "subscription_id", "status"))["trial"] == "trialing"


INVOICES = "_fivetran_synced,id,account_id,number,type,origin,state,collection_method,net_terms,currency,total,balance,paid,created_at,updated_at,due_at,closed_at\n"
TRANSACTIONS = (
    "_fivetran_synced,id,invoice_id,account_id,type,origin,status,success,amount,currency,created_at,collected_at\n"
)


def test_invoices_are_paid_written_off_or_voided_and_every_failed_attempt_is_dated(tmp_path):
    files = {
        "invoice_history_data.csv": INVOICES
        + (
            f"{SYNCED},i1,acc1,1001,charge,renewal,past_due,automatic,0,EUR,240,240,0,2023-02-10,2023-02-10 00:00:05,2023-02-10,\n"
            f"{SYNCED},i1,acc1,1001,charge,renewal,paid,automatic,0,EUR,240,0,240,2023-02-10,2023-02-17 09:00:00,2023-02-10,2023-02-17 09:00:00\n"
            f"{SYNCED},i2,acc1,1002,charge,renewal,failed,manual,30,USD,500,0,100,2023-03-01,2023-05-01,,2023-05-01\n"
            f"{SYNCED},i3,acc1,1003,charge,purchase,voided,automatic,0,JPY,9000,0,0,2023-04-01,2023-04-03,2023-04-01,\n"
            f"{SYNCED},i4,acc1,1004,credit,refund,closed,automatic,0,EUR,-50,0,0,2023-04-01,2023-04-01,,2023-04-01\n"
            f"{SYNCED},i5,acc1,1005,legacy,refund,paid,automatic,0,EUR,-20,0,-20,2023-04-01,2023-04-01,,2023-04-01\n"
        ),
        "transaction_data.csv": TRANSACTIONS
        + (
            f"{SYNCED},t0,i1,acc1,verify,recurring,declined,false,0,EUR,2023-02-09,2023-02-09\n"
            f"{SYNCED},t1,i1,acc1,purchase,recurring,declined,false,240,EUR,2023-02-10,\n"
            f"{SYNCED},t2,i1,acc1,purchase,recurring,error,false,240,EUR,2023-02-13,\n"
            f"{SYNCED},t3,i1,acc1,purchase,recurring,success,true,240,EUR,2023-02-17,2023-02-17\n"
            f"{SYNCED},t4,i1,acc1,refund,recurring,declined,false,240,EUR,2023-02-18,\n"
        ),
        "invoice_subscription_history_data.csv": "invoice_id,subscription_id,invoice_updated_at,_fivetran_synced\n"
        f"i1,s1,2023-02-10,{SYNCED}\ni1,s1,2023-02-17,{SYNCED}\ni2,s1,2023-03-01,{SYNCED}\ni2,s2,2023-03-01,{SYNCED}\n",
    }
    rows = of(tmp_path, "recurly", files)["invoices"]
    names = ("invoice_id", "known_at", "known_basis", "due_at", "amount", "currency", "subscription_id", "paid_at", "amount_paid", "failed_attempts", "written_off_at", "voided_at")  # fmt: skip
    one = ("2023-02-10", 240.0, "EUR", "s1")
    paid = ("2023-02-17 09:00:00", 240.0)
    assert brief(rows, *names) == [
        ("i1", "2023-02-10", "event", *one, *paid, 1.0, None, None),
        ("i1", "2023-02-10 00:00:05", "history", *one, None, 0.0, 1.0, None, None),
        ("i1", "2023-02-13", "event", *one, *paid, 2.0, None, None),
        ("i1", "2023-02-17 09:00:00", "history", *one, *paid, 2.0, None, None),
        ("i2", "2023-03-01", "created", "2023-03-31", 500.0, "USD", None, None, None, None, "2023-05-01", None),
        ("i2", "2023-05-01", "history", "2023-03-31", 500.0, "USD", None, None, 100.0, None, "2023-05-01", None),
        ("i3", "2023-04-01", "created", "2023-04-01", 9000.0, "JPY", None, None, None, None, None, None),
        ("i3", "2023-04-03", "history", "2023-04-01", 9000.0, "JPY", None, None, 0.0, None, None, "2023-04-03"),
    ]


def test_a_payment_that_was_noted_by_hand_is_not_known_before_it_was_noted(tmp_path):
    files = {
        "invoices.json": [
            {"id": "i1", "account": {"id": "acc1"}, "type": "charge", "state": "paid", "collection_method": "manual", "net_terms": 14, "currency": "EUR", "total": 100.0, "balance": 0.0, "paid": 100.0,
             "created_at": "2023-01-01T00:00:00Z", "updated_at": "2023-02-01T00:00:00Z", "closed_at": None, "subscription_ids": ["s1"],
             "transactions": [{"id": "t1", "type": "purchase", "status": "success", "created_at": "2023-01-20T00:00:00Z", "collected_at": "2023-01-12T00:00:00Z"}]}
        ]
    }  # fmt: skip
    rows = of(tmp_path, "recurly", files)["invoices"]
    assert brief(rows, "known_at", "issued_at", "due_at", "paid_at", "amount_paid", "subscription_id") == [
        ("2023-01-01", "2023-01-01", "2023-01-15", "2023-01-20", 100.0, "s1"),
        ("2023-02-01", "2023-01-01", "2023-01-15", "2023-01-20", 100.0, "s1"),
    ]


def test_notes_on_an_account_are_touchpoints_once(tmp_path):
    notes = (
        "account_id,account_updated_at,id,_fivetran_synced,created_at,message,object,user_email,user_id\n"
        "acc1,2023-08-20,n1,2023-08-30,2023-03-18 09:51:52,<b>Asked</b> for a discount,account_note,csm@us.example,u1\n"
        "acc1,2023-07-20,n1,2023-08-11,2023-03-18 09:51:52,<b>Asked</b> for a discount,account_note,csm@us.example,u1\n"
    )
    found = of(tmp_path, "recurly", {"account_note_history_data.csv": notes})["touchpoints"]
    assert found == [
        {
            "source_id": "note:n1",
            "account_id": "acc1",
            "known_at": "2023-03-18 09:51:52",
            "known_basis": "created",
            "occurred_at": "2023-03-18 09:51:52",
            "kind": "note",
            "subtype": "account_note",
            "owner": "csm@us.example",
            "text": "Asked for a discount",
        }
    ]


def test_the_export_of_subscription_history_gives_every_version(tmp_path):
    head = (
        "subscription_uuid,version_uuid,account_code,subscription_activated_at,subscription_expires_at,subscription_state,version_started_at,version_ended_at,version_state,plan_code,plan_name,subscription_currency,"
        "version_plan_interval_unit,version_plan_interval_length,version_total_billing_cycles,version_subscription_quantity,version_subscription_unit_amount,version_add_ons_total,version_total_recurring_amount,version_in_trial,version_auto_renew\n"
    )
    same = "bronze,Bronze,GBP,months,3,1"
    files = {
        "recurly_subscriptions_history.csv": head
        + f"u1,v1,A-1,2023-01-10 00:00:00 UTC,,active,2023-01-10 00:00:00 UTC,2023-01-24 00:00:00 UTC,inactive,{same},2,300,0,600,Y,Y\n"
        f"u1,v2,A-1,2023-01-10 00:00:00 UTC,,active,2023-01-24 00:00:00 UTC,2023-05-01 00:00:00 UTC,inactive,{same},2,300,0,600,N,Y\n"
        f"u1,v3,A-1,2023-01-10 00:00:00 UTC,2023-07-10 00:00:00 UTC,canceled,2023-05-01 00:00:00 UTC,2023-06-01 00:00:00 UTC,inactive,{same},2,300,90,690,N,N\n"
        f"u1,v4,A-1,2023-01-10 00:00:00 UTC,2023-07-10 00:00:00 UTC,canceled,2023-06-01 00:00:00 UTC,,active,{same},3,300,90,990,N,N\n"
    }
    rows = of(tmp_path, "recurly", files)["subscriptions"]
    names = (
        "account_id",
        "known_at",
        "status",
        "plan",
        "mrr",
        "currency",
        "seats",
        "cancel_requested_at",
        "ends_at",
        "auto_renew",
    )
    assert brief(rows, *names) == [
        ("A-1", "2023-01-10", "trialing", "Bronze", 200.0, "GBP", 2.0, None, None, True),
        ("A-1", "2023-01-24", "active", "Bronze", 200.0, "GBP", 2.0, None, None, True),
        ("A-1", "2023-05-01", "active", "Bronze", 230.0, "GBP", 2.0, "2023-05-01", "2023-07-10", False),
        ("A-1", "2023-06-01", "active", "Bronze", 330.0, "GBP", 3.0, "2023-05-01", "2023-07-10", False),  # asked once
    ]  # fmt: skip


def test_the_exports_of_the_site_lead_to_accounts_by_their_code(tmp_path):
    files = {
        "accounts.csv": "account_code,account_email,account_company_name,account_first_name,account_created_at,account_state,account_country,modified_at,account_api_id\nA-1,pay@alder.example,Alder GmbH,Pia,2023-01-01 00:00:00 UTC,inactive,DE,2023-02-01 00:00:00 UTC,x1\n",
        "subscriptions_churned.csv": "uuid,account_code,email,plan_code,state,auto_renew,currency,quantity,unit_amount,add_on_amount,total_recurring_amount,current_period_started_at,current_period_ends_at,activated_at,modified_at,canceled_at,expires_at,plan_name,expiration_reason\nu1,A-1,pay@alder.example,basic,expired,TRUE,USD,2,99,15,213,2023-03-10 00:00:00 UTC,2023-04-10 00:00:00 UTC,2023-01-10 00:00:00 UTC,2023-04-10 00:00:00 UTC,,2023-04-10 00:00:00 UTC,Basic,Non-payment\n",
        "invoices_summary.csv": "id,invoice_number,billed_date,due_on,closed_at,status,net_terms,collection_method,account_code,currency,invoice_total,modified_at,invoice_type,invoice_doc_type,invoice_balance\nv1,1291,2023-03-10 00:00:00 UTC,,,past_due,net-30,manual,A-1,USD,213,2023-04-09 00:00:00 UTC,renewal,charge,213\nv2,1292,2023-03-11 00:00:00 UTC,,,open,on-receipt,automatic,A-1,USD,-10,2023-03-11 00:00:00 UTC,credit,credit,-10\n",
        "transactions.csv": "account_code,name,transaction_id,type,origin,amount,currency,date,status,invoice_id,subscription_id,modified_at,collected_at\nA-1,Pia,t1,purchase,recurring,213,USD,2023-03-09 16:00:00 PST,declined,v1,u1,2023-03-11 17:00:00 PDT,\n",
    }
    found = of(tmp_path, "recurly", files)
    assert brief(found["accounts"], "account_id", "known_at", "name", "country", "deleted") == [
        ("A-1", "2023-01-01", None, None, False),
        ("A-1", "2023-02-01", "Alder GmbH", "DE", False),  # account_state is a part of its address
    ]
    assert brief(found["subscriptions"], "account_id", "subscription_id", "known_at", "status", "plan", "mrr", "seats", "cancel_reason") == [
        ("A-1", "u1", "2023-01-10", "active", None, None, None, None),
        ("A-1", "u1", "2023-04-10", "canceled", "Basic", 213.0, 2.0, "Non-payment"),
    ]  # fmt: skip
    assert brief(found["invoices"], "account_id", "invoice_id", "known_at", "due_at", "amount", "failed_attempts") == [
        ("A-1", "v1", "2023-03-10", "2023-04-09", 213.0, None),
        ("A-1", "v1", "2023-03-12", "2023-04-09", 213.0, 1.0),  # declined by then
        ("A-1", "v1", "2023-04-09", "2023-04-09", 213.0, 1.0),
    ]


@pytest.mark.parametrize(
    "gone",
    [
        "plan_history_data.csv",
        "updated_at",
        "created_at",
        "add_ons_total",
        "_fivetran_synced",
        "current_period_ends_at",
    ],
)
def test_what_did_not_land_is_missing_and_the_rest_is_read(gone, tmp_path):
    columns = [name for name in COLUMNS if name != gone]
    files = {
        "subscription_history_data.csv": table(monthly(updated_at="2023-03-01"), columns=columns),
        "plan_history_data.csv": PLANS,
    }
    files.pop(gone, None)
    rows = of(tmp_path, "recurly", files, exported_at="2024-01-01")["subscriptions"]
    known, basis = {"updated_at": ("2025-06-01", "snapshot")}.get(gone, ("2023-03-01", "history"))
    last = rows[-1]
    assert (last["known_at"], last["known_basis"], last["seats"]) == (known, basis, 10.0)
    assert last["mrr"] == (200.0 if gone == "add_ons_total" else 240.0)
    assert [row["known_at"] for row in rows[:-1]] == ["2023-01-10"]


def test_files_without_rows_give_no_rows(tmp_path):
    heads = {
        "account_history": ACCOUNTS,
        "subscription_history": table(),
        "plan_history": PLANS,
        "invoice_history": INVOICES,
        "transaction": TRANSACTIONS,
        "subscription_change_history": CHANGES,
    }
    found = of(tmp_path, "recurly", {f"{name}_data.csv": text.split("\n")[0] + "\n" for name, text in heads.items()})
    assert not any(found.values())


def test_airbyte_dlt_and_fivetran_lay_it_out_otherwise_and_say_the_same(tmp_path):
    plan = {"id": "pl_m", "code": "team-m", "name": "Team"}
    times = {
        "created_at": "2023-01-10T00:00:00Z",
        "activated_at": "2023-01-10T00:00:00Z",
        "updated_at": "2024-03-01T00:00:00Z",
    }
    one = {
        "id": "s1",
        "account": {"id": "acc1"},
        "plan": plan,
        "state": "active",
        **times,
        "unit_amount": 20.0,
        "quantity": 10,
        "currency": "EUR",
        "auto_renew": True,
    }
    one["add_ons"] = [
        {
            "id": "a1",
            "subscription_id": "s1",
            "quantity": 2,
            "unit_amount": 30.0,
            "created_at": times["created_at"],
            "updated_at": times["created_at"],
        }
    ]
    plans = json.dumps(
        {
            "_airbyte_raw_id": "2",
            "_airbyte_extracted_at": "2024-06-01T00:00:00Z",
            "_airbyte_data": plan | {"interval_unit": "months", "interval_length": 1},
        }
    )
    airbyte = {
        "subscriptions.jsonl": json.dumps(
            {"_airbyte_raw_id": "1", "_airbyte_extracted_at": "2024-06-01T00:00:00Z", "_airbyte_data": one}
        ),
        "plans.jsonl": plans,
    }
    dlt = {
        "subscriptions.csv": "id,account__id,plan__id,plan__name,state,created_at,activated_at,updated_at,unit_amount,quantity,currency,auto_renew,_dlt_load_id,_dlt_id\ns1,acc1,pl_m,Team,active,2023-01-10T00:00:00Z,2023-01-10T00:00:00Z,2024-03-01T00:00:00Z,20,10,EUR,true,1717200000.0,r1\n",
        "subscriptions__add_ons.csv": "id,subscription_id,add_on__id,quantity,unit_amount,created_at,updated_at,_dlt_parent_id,_dlt_id,_dlt_list_idx\na1,s1,ao_1,2,30,2023-01-10T00:00:00Z,2023-01-10T00:00:00Z,r1,c1,0\n",
        "plans.csv": "id,code,name,interval_unit,interval_length,_dlt_load_id,_dlt_id\npl_m,team-m,Team,months,1,1717200000.0,p1\n",
    }
    fivetran = {
        "subscription_history_data.csv": table(
            monthly(
                updated_at="2024-03-01",
                add_ons_total="",
                current_term_started_at="",
                current_term_ends_at="",
                current_period_started_at="",
                current_period_ends_at="",
            )
        ),
        "subscription_add_on_history_data.csv": f"_fivetran_synced,id,subscription_id,plan_add_on_id,quantity,unit_amount,created_at,updated_at,expired_at\n{SYNCED},a1,s1,ao_1,2,30,2023-01-10,2023-01-10,\n",
        "plan_history_data.csv": PLANS,
    }
    made = [
        of(tmp_path / str(n), "recurly", files)["subscriptions"] for n, files in enumerate((airbyte, dlt, fivetran))
    ]
    assert made[0] == made[1] == made[2]
    assert brief(made[0], "known_at", "seats", "mrr") == [("2023-01-10", None, None), ("2024-03-01", 10.0, 260.0)]


SIDE = {
    "coupon_redemption_history": "id,updated_at,account_id,coupon_id,created_at,currency,discounted,removed_at,state",
    "credit_payment_history": "id,updated_at,account_id,applied_to_invoice_id,uuid,action,currency,amount,created_at,voided_at",
    "account_balance_history": "account_id,account_updated_at,currency,amount,past_due",
    "coupon_discount": "coupon_id,fivetran_id,amount,currency,percentage,type",
    "plan_currency_history": "plan_id,plan_updated_at,currency,setup_fees,unit_amount",
    "invoice_coupon_redemption_history": "coupon_redemption_id,invoice_id,invoice_updated_at",
    "transaction_subscription": "subscription_id,transaction_id",
    "shipping_address_history": "id,account_id,email,first_name,company,created_at,updated_at",
    "coupons": "id,code,name,state,created_at",
}


def test_what_recurly_keeps_beside_its_customers_is_left_out_with_a_word(tmp_path):
    lines = {name: f"{head}\n{','.join('1' for _ in head.split(','))}\n" for name, head in SIDE.items()}
    place = write(
        tmp_path / "recurly", {f"{name}.csv": text for name, text in lines.items()} | {"account_history.csv": ACCOUNTS}
    )
    tables, _ = discover([place], tmp_path / "scratch")
    made = draft(tables, [str(place)], tmp_path / "scratch")
    assert {Path(name).name for name in made.mapping.left} == set(SIDE)
    assert {"Recurly keeps it beside its customers: it is no list of them"} == set(made.mapping.left.values())
    assert [entry.name for entry in made.mapping.entries] == ["recurly"]


def test_its_tables_are_known_without_a_name_of_the_vendor(tmp_path):
    place = write(
        tmp_path / "exports",
        {
            "subscription_history.csv": table(monthly()),
            "invoice_history.csv": INVOICES
            + f"{SYNCED},i1,acc1,1,charge,renewal,paid,automatic,0,EUR,1,0,1,2023-02-10,2023-02-10,2023-02-10,2023-02-10\n",
        },
    )
    tables, _ = discover([place], tmp_path / "scratch")
    assert {(one.vendor, one.object) for one in recognise(tables, shipped())} == {
        ("recurly", "subscription"),
        ("recurly", "invoice"),
    }


def test_tables_of_history_are_not_captured_and_lists_of_today_are(tmp_path, capsys):
    plans = [{"id": "pl_m", "code": "team-m", "name": "Team", "interval_unit": "months", "interval_length": 1}]
    files = {
        "account_history_data.csv": ACCOUNTS,
        "subscription_history_data.csv": table(monthly(), monthly(updated_at="2023-04-15")),
    }
    place = write(tmp_path / "in" / "recurly", files | {"plans.json": plans})
    assert run(["map", str(place.parent), "--yes", "--out", str(tmp_path / "work")]) == 0
    capsys.readouterr()
    assert run(["capture", str(tmp_path / "work")]) == 0
    told = capsys.readouterr().out
    assert "plans at" in told
    assert "history" not in told


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("accounts", "id,code,name,company,country,created_at"),
        ("notes", "id,account_id,message,created_at,author"),
        ("account_notes", "id,account_id,message,created_at"),
        ("invoices", "id,account_id,status,total,currency,created_at,due_at,paid"),
        ("transactions", "id,invoice_id,status,type,created_at,amount"),
        ("countries", "id,account_id,country"),
        ("links", "invoice_id,subscription_id"),
        ("subscription_items", "id,subscription_id,quantity,unit_amount,created_at"),
        ("plans", "id,name,interval,interval_count"),
    ],
)
def test_lists_of_your_own_are_not_taken_for_recurlys(name, columns, tmp_path):
    place = write(tmp_path / "exports", {f"{name}.csv": f"{columns}\n{','.join('1' for _ in columns.split(','))}\n"})
    tables, _ = discover([place], tmp_path / "scratch")
    assert recognise(tables, {"recurly": shipped()["recurly"]}) == []


def test_the_api_tells_the_id_in_the_crm_in_a_list_of_custom_fields_and_who_wrote_a_note(tmp_path):
    account = {
        "id": "acc1",
        "code": "A-1",
        "email": "pay@alder.example",
        "company": "Alder GmbH",
        "state": "closed",
        "created_at": "2023-01-01T00:00:00Z",
        "updated_at": "2024-01-01T00:00:00Z",
    }
    account |= {
        "address": {"country": None},
        "billing_info": {"address": {"country": "DE"}},
        "custom_fields": [{"name": "tier", "value": "gold"}, {"name": "Salesforce_Account_ID", "value": "001A"}],
    }
    note = {
        "id": "n1",
        "object": "account_note",
        "account_id": "acc1",
        "message": "Called.",
        "created_at": "2023-06-01T00:00:00Z",
        "user": {"id": "u1", "email": "csm@us.example"},
    }
    found = of(tmp_path, "recurly", {"accounts.json": [account], "account_notes.json": [note]})
    assert brief(found["accounts"], "known_at", "country", "deleted") == [
        ("2023-01-01", None, False),
        ("2024-01-01", "DE", True),
    ]
    assert {one.get("crm_id") for one in found["identities"]} == {"001A", None}
    assert brief(found["touchpoints"], "owner", "text") == [("csm@us.example", "Called.")]


@pytest.fixture
def samples() -> Path:
    place = Path(os.environ.get("HOLDFAST_LANDED", Path(__file__).parents[3] / "shared" / "landed")) / "recurly"
    if not place.is_dir():
        pytest.skip(f"no samples of landed tables at {place}")
    return place


def test_the_landed_samples(samples, tmp_path):
    found = mapped(landed(samples, tmp_path / "scratch", "recurly"), tmp_path / "work")
    assert {name: len(rows) for name, rows in found.items() if name != "identities"} == {
        "accounts": 7,
        "subscriptions": 10,
        "invoices": 8,
        "touchpoints": 1,
    }
    last = {row["subscription_id"]: row for row in found["subscriptions"]}  # rows come in the order of their instants
    assert sorted((row["mrr"], row["status"]) for row in last.values()) == [
        (99.0, "active"),
        (99.0, "canceled"),
        (99.0, "canceled"),
        (5596.0, "active"),  # 2,999 and two add-ons, 599 and twice 999
    ]


def test_of_the_landed_samples_nothing_is_taken_for_what_it_is_not(samples, tmp_path):
    tables, _ = discover([samples], tmp_path / "scratch")
    made = draft(tables, [str(samples)], tmp_path / "scratch")
    assert set(made.mapping.tables) == {"accounts", "invoices", "subscriptions", "touchpoints"}
    assert {entry.name for entry in made.mapping.entries} == {"recurly"}
    assert len(made.mapping.left) == 7
