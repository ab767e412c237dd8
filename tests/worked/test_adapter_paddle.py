"""Paddle's records as canonical rows, worked by hand: lists of today, and the event log."""

# ruff: noqa: E501  (files and rows are easier to compare one to a line)

from __future__ import annotations

from tests.mapped_rows import of


def brief(rows: list[dict], *names: str) -> list[tuple]:
    return [tuple(row.get(name) for name in names) for row in rows]


def price(amount: str, currency: str = "EUR", interval: str = "month", frequency: int = 1) -> dict:
    return {
        "id": f"pri_{amount}",
        "name": "Team",
        "unit_price": {"amount": amount, "currency_code": currency},
        "billing_cycle": {"interval": interval, "frequency": frequency},
    }


def subscription(**changed) -> dict:
    usual = {
        "id": "sub_1",
        "status": "active",
        "customer_id": "ctm_1",
        "currency_code": "EUR",
        "created_at": "2024-01-01T00:00:00Z",
        "updated_at": "2024-03-01T00:00:00Z",
        "started_at": "2024-01-01T00:00:00Z",
        "paused_at": None,
        "canceled_at": None,
        "scheduled_change": None,
        "collection_mode": "automatic",
        "current_billing_period": {"starts_at": "2024-02-15T00:00:00Z", "ends_at": "2025-02-15T00:00:00Z"},
        "billing_cycle": {"interval": "year", "frequency": 1},
        "items": [
            {
                "status": "active",
                "quantity": 10,
                "recurring": True,
                "price": price("24000", interval="year"),
                "product": {"name": "Team"},
            },
            {
                "status": "active",
                "quantity": 1,
                "recurring": False,
                "price": price("99900") | {"billing_cycle": None},
                "product": {"name": "Setup"},
            },
        ],
    }
    return usual | changed


CUSTOMERS = [
    {
        "id": "ctm_1",
        "name": None,
        "email": "pay@alder.example",
        "status": "active",
        "created_at": "2024-01-01T00:00:00Z",
        "updated_at": "2024-02-01T00:00:00Z",
        "custom_data": {"account_id": "A-1", "hubspot_id": "77"},
    }
]
BUSINESSES = [
    {
        "id": "biz_1",
        "customer_id": "ctm_1",
        "name": "Alder GmbH",
        "company_number": "HRB 1",
        "created_at": "2024-01-01T00:00:00Z",
    }
]


def test_customers_take_the_name_of_their_business(tmp_path):
    found = of(tmp_path, "paddle", {"customers.json": CUSTOMERS, "businesses.json": BUSINESSES})
    assert brief(found["accounts"], "account_id", "known_at", "known_basis", "name") == [
        ("ctm_1", "2024-01-01", "created", None),
        ("ctm_1", "2024-02-01", "history", "Alder GmbH"),
    ]
    assert {
        "kind": "account",
        "source_key": "ctm_1",
        "external_id": "A-1",
        "crm_id": "77",
        "email": "pay@alder.example",
    } in found["identities"]


def test_a_subscription_of_today_counts_from_its_last_change(tmp_path):
    leaving = subscription(
        id="sub_2", scheduled_change={"action": "cancel", "effective_at": "2025-02-15T00:00:00Z", "resume_at": None}
    )
    gone = subscription(
        id="sub_3", status="canceled", canceled_at="2024-02-20T00:00:00Z", paused_at="2024-02-01T00:00:00Z"
    )
    rows = of(tmp_path, "paddle", {"subscriptions.json": [subscription(), leaving, gone]}, exported_at="2024-06-01")[
        "subscriptions"
    ]
    full = ("Team", 10.0, 200.0, 12.0)  # ten seats of 240.00 a year; a single fee is no part of it
    bare = (None, None, None, None)
    assert brief(
        rows,
        "subscription_id",
        "known_at",
        "known_basis",
        "status",
        "cancel_requested_at",
        "ends_at",
        "plan",
        "seats",
        "mrr",
        "billing_months",
    ) == [
        ("sub_1", "2024-01-01", "created", "active", None, None, *bare),
        ("sub_1", "2024-03-01", "history", "active", None, None, *full),
        ("sub_2", "2024-01-01", "created", "active", None, None, *bare),
        ("sub_2", "2024-03-01", "history", "active", "2024-03-01", "2025-02-15", *full),
        ("sub_3", "2024-01-01", "created", "active", None, None, *bare),
        ("sub_3", "2024-02-01", "event", "paused", None, None, *bare),
        ("sub_3", "2024-02-20", "event", "canceled", "2024-02-20", "2024-02-20", *bare),
        ("sub_3", "2024-03-01", "history", "canceled", "2024-02-20", "2024-02-20", *full),
    ]


def test_the_event_log_gives_every_state(tmp_path):
    plan = {"action": "cancel", "effective_at": "2024-05-01T00:00:00Z"}
    steps = [
        ("2024-01-01T00:00:00Z", subscription(status="trialing", started_at=None)),
        ("2024-01-15T00:00:00Z", subscription()),
        ("2024-03-10T00:00:00Z", subscription(scheduled_change=plan)),
        ("2024-03-12T00:00:00Z", subscription(scheduled_change=None)),
        ("2024-04-01T00:00:00Z", subscription(scheduled_change=plan)),
        ("2024-05-01T00:00:00Z", subscription(status="canceled", canceled_at="2024-05-01T00:00:00Z")),
    ]
    events = [
        {"event_id": f"evt_{n}", "event_type": "subscription.updated", "occurred_at": at, "data": data}
        for n, (at, data) in enumerate(steps)
    ]
    rows = of(tmp_path, "paddle", {"events.json": events})["subscriptions"]
    assert brief(rows, "known_at", "known_basis", "status", "seats", "mrr", "cancel_requested_at", "ends_at") == [
        ("2024-01-01", "history", "trialing", 10.0, 200.0, None, None),
        ("2024-01-15", "history", "active", 10.0, 200.0, None, None),
        ("2024-03-10", "history", "active", 10.0, 200.0, "2024-03-10", "2024-05-01"),
        ("2024-03-12", "history", "active", 10.0, 200.0, None, None),
        ("2024-04-01", "history", "active", 10.0, 200.0, "2024-04-01", "2024-05-01"),
        ("2024-05-01", "history", "canceled", 10.0, 200.0, "2024-04-01", "2024-05-01"),
    ]


def test_transactions_are_invoices_in_major_units_with_each_attempt_dated(tmp_path):
    def transaction(name: str, **changed) -> dict:
        totals = {"total": "11900", "grand_total": "11900", "currency_code": "EUR"}
        usual = {
            "id": name,
            "status": "completed",
            "customer_id": "ctm_1",
            "subscription_id": "sub_1",
            "currency_code": "EUR",
            "collection_mode": "automatic",
            "created_at": "2024-02-01T00:00:00Z",
            "updated_at": "2024-02-09T00:00:00Z",
            "billed_at": "2024-02-01T01:00:00Z",
            "details": {"totals": totals},
            "payments": [],
            "billing_details": None,
        }
        return usual | changed

    attempts = [
        {"payment_attempt_id": "a1", "status": "error", "created_at": "2024-02-01T02:00:00Z", "captured_at": None},
        {
            "payment_attempt_id": "a2",
            "status": "captured",
            "created_at": "2024-02-05T00:00:00Z",
            "captured_at": "2024-02-05T00:00:01Z",
        },
    ]
    yen = {"totals": {"total": "5000", "currency_code": "JPY"}}
    terms = {"payment_terms": {"interval": "day", "frequency": 14}}
    files = [
        transaction("txn_1", payments=attempts),
        transaction(
            "txn_2",
            status="billed",
            currency_code="JPY",
            details=yen,
            collection_mode="manual",
            billing_details=terms,
            updated_at="2024-02-01T00:00:00Z",
        ),
        transaction("txn_3", status="canceled"),
        transaction("txn_4", status="draft", billed_at=None),
    ]
    rows = of(tmp_path, "paddle", {"transactions.json": files})["invoices"]
    assert brief(
        rows,
        "invoice_id",
        "known_at",
        "known_basis",
        "issued_at",
        "due_at",
        "amount",
        "currency",
        "paid_at",
        "amount_paid",
        "failed_attempts",
        "voided_at",
    ) == [
        (
            "txn_1",
            "2024-02-01",
            "created",
            "2024-02-01 01:00:00",
            "2024-02-01 01:00:00",
            119.0,
            "EUR",
            "2024-02-05 00:00:01",
            119.0,
            None,
            None,
        ),
        (
            "txn_1",
            "2024-02-01 02:00:00",
            "event",
            "2024-02-01 01:00:00",
            "2024-02-01 01:00:00",
            119.0,
            "EUR",
            "2024-02-05 00:00:01",
            119.0,
            1.0,
            None,
        ),
        (
            "txn_1",
            "2024-02-09",
            "history",
            "2024-02-01 01:00:00",
            "2024-02-01 01:00:00",
            119.0,
            "EUR",
            "2024-02-05 00:00:01",
            119.0,
            1.0,
            None,
        ),
        (
            "txn_2",
            "2024-02-01",
            "created",
            "2024-02-01 01:00:00",
            "2024-02-15 01:00:00",
            5000.0,
            "JPY",
            None,
            None,
            None,
            None,
        ),
        (
            "txn_3",
            "2024-02-01",
            "created",
            "2024-02-01 01:00:00",
            "2024-02-01 01:00:00",
            119.0,
            "EUR",
            None,
            None,
            None,
            None,
        ),
        (
            "txn_3",
            "2024-02-09",
            "history",
            "2024-02-01 01:00:00",
            "2024-02-01 01:00:00",
            119.0,
            "EUR",
            None,
            None,
            None,
            "2024-02-09",
        ),
    ]


def test_airbyte_and_dlt_lay_it_out_otherwise_and_say_the_same(tmp_path):
    import json

    raw = json.dumps(
        {"_airbyte_raw_id": "1", "_airbyte_extracted_at": "2024-06-01T00:00:00Z", "_airbyte_data": subscription()}
    )
    dlt = {
        "subscriptions.csv": "id,status,customer_id,currency_code,created_at,updated_at,started_at,billing_cycle__interval,billing_cycle__frequency,current_billing_period__starts_at,current_billing_period__ends_at,_dlt_load_id,_dlt_id\nsub_1,active,ctm_1,EUR,2024-01-01T00:00:00Z,2024-03-01T00:00:00Z,2024-01-01T00:00:00Z,year,1,2024-02-15T00:00:00Z,2025-02-15T00:00:00Z,1717200000.0,r1\n",
        "subscriptions__items.csv": "status,quantity,recurring,price__id,price__unit_price__amount,price__unit_price__currency_code,price__billing_cycle__interval,price__billing_cycle__frequency,product__name,_dlt_parent_id,_dlt_id,_dlt_list_idx\nactive,10,true,pri_1,24000,EUR,year,1,Team,r1,c1,0\n",
    }
    one = of(tmp_path / "airbyte", "paddle", {"subscriptions.jsonl": raw})["subscriptions"]
    other = of(tmp_path / "dlt", "paddle", dlt)["subscriptions"]
    assert one == other
    assert brief(one, "known_at", "seats", "mrr") == [("2024-01-01", None, None), ("2024-03-01", 10.0, 200.0)]
