"""Stripe: customers and subscriptions as the dashboard exports them, invoices as pages of the API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.messy.company import END, Company

STRANGER = "cus_Zq8sTmW4kXb2Ve"  # pays, and nothing says for whom
_PAGE = 1000
_NO_CENTS = ("JPY",)


def write_stripe(folder: Path, company: Company) -> None:
    """Write the three exports."""
    folder.mkdir(parents=True, exist_ok=True)
    customers(company).to_csv(folder / "customers.csv", index=False)
    subscriptions(company).to_csv(folder / "subscriptions.csv", index=False)
    with (folder / "invoices.json").open("w", encoding="utf-8") as file:
        for page in pages(list(invoices(company)), "/v1/invoices"):
            file.write(json.dumps(page, separators=(",", ":")) + "\n")


def customers(company: Company) -> pd.DataFrame:
    """Give the customers; only two thirds carry the id of the CRM, and one is known by a private address alone."""
    known = company.accounts
    created = company.tables["subscriptions"].groupby("account_id")["valid_from"].min().reindex(known.index)
    tagged = pd.Series(range(len(known)), known.index) % 3 > 0
    paid = company.last("invoices").groupby("account_id")["amount_paid"].sum().reindex(known.index)
    billed = company.last("invoices").groupby("account_id").size().reindex(known.index, fill_value=0)
    frame = pd.DataFrame(
        {
            "id": known["stripe"],
            "Description": "",
            "Email": "rechnung@" + known["domain"],
            "Name": known["name"],
            "Created (UTC)": _utc(created),
            "Delinquent": "false",
            "Plan": company.last("subscriptions").set_index("account_id")["plan"].reindex(known.index),
            "Total Spend": paid.round(2),
            "Payment Count": billed,
            "Refunded Volume": "0.00",
            "Dispute Losses": "0.00",
            "hubspot_id (metadata)": known["hubspot"].where(tagged, ""),
        }
    )
    stranger = {
        "id": STRANGER, "Email": "k.wolff@gmail.com", "Name": "K. Wolff", "Created (UTC)": "2025-05-06 09:12",
        "Delinquent": "false", "Plan": "Starter", "Total Spend": 0, "Payment Count": 0,
    }  # fmt: skip
    return pd.concat([frame, pd.DataFrame([stranger])], ignore_index=True)


def subscriptions(company: Company) -> pd.DataFrame:
    """Give every subscription as it is today: nothing of its past but the dates that Stripe keeps."""
    versions = company.tables["subscriptions"]
    now = company.last("subscriptions").sort_values("subscription_id")
    known = company.accounts.loc[now["account_id"]].reset_index(drop=True)
    now = now.reset_index(drop=True)
    yearly = now["billing_months"] == 12
    ended = now["status"] == "canceled"
    started = now["subscription_id"].map(versions.groupby("subscription_id")["valid_from"].min())
    asked = now["cancel_requested_at"].where(now["cancel_requested_at"].notna(), now["ends_at"].where(ended))
    months = now["billing_months"].where(yearly, 1)
    start, end = _period(now, months.to_numpy())
    unit = (now["mrr"] / now["seats"] * months).round(2)
    return pd.DataFrame(
        {
            "id": [_subscription(one) for one in now["subscription_id"]],
            "Customer ID": known["stripe"],
            "Customer Description": "",
            "Customer Email": "rechnung@" + known["domain"],
            "Customer Name": known["name"],
            "Plan": "price_" + now["plan"].str.lower() + yearly.map({True: "_yearly", False: "_monthly"}),
            "Product": now["plan"],
            "Quantity": now["seats"].astype(int),
            "Currency": now["currency"].str.lower(),
            "Interval": yearly.map({True: "year", False: "month"}),
            "Amount": unit.map("{:.2f}".format),
            "Status": ended.map({True: "canceled", False: "active"}),
            "Created (UTC)": _utc(started),
            "Start (UTC)": _utc(started),
            "Current Period Start (UTC)": _utc(start),
            "Current Period End (UTC)": _utc(end),
            "Trial Start (UTC)": "",
            "Trial End (UTC)": "",
            "Canceled At (UTC)": _utc(asked),
            "Cancel At Period End": (asked.notna() & ~ended).map({True: "true", False: "false"}),
            "Ended At (UTC)": _utc(now["ends_at"].where(ended)),
            "Cancellation Reason": asked.notna().map({True: "cancellation_requested", False: ""}),
        }
    )


def invoices(company: Company) -> Iterator[dict[str, Any]]:
    """Give the invoices as the API lists them, the newest first; amounts in the smallest unit, times in seconds."""
    known = company.accounts
    for row in company.last("invoices").sort_values("issued_at", ascending=False, kind="stable").itertuples():
        paid = pd.notna(row.paid_at)
        total, issued = _minor(row.amount, row.currency), int(row.issued_at.timestamp())
        yield {
            "id": f"in_1{row.invoice_id:0>12}",
            "object": "invoice",
            "amount_due": total,
            "amount_paid": total if paid else 0,
            "amount_remaining": 0 if paid else total,
            "attempt_count": int(row.failed_attempts) + paid,
            "collection_method": "send_invoice",
            "created": issued,
            "currency": row.currency.lower(),
            "customer": known.at[row.account_id, "stripe"],
            "customer_email": f"rechnung@{known.at[row.account_id, 'domain']}",
            "due_date": int(row.due_at.timestamp()),
            "livemode": True,
            "number": f"HF-{row.invoice_id[1:]:0>6}",
            "status": "paid" if paid else "open",
            "status_transitions": {
                "finalized_at": issued,
                "marked_uncollectible_at": None,
                "paid_at": int(row.paid_at.timestamp()) if paid else None,
                "voided_at": None,
            },
            "subscription": _subscription(row.subscription_id),
            "total": total,
        }


def pages(rows: list[dict[str, Any]], url: str) -> Iterator[dict[str, Any]]:
    """Lay rows out in the pages of a list."""
    for start in range(0, len(rows), _PAGE):
        more = start + _PAGE < len(rows)
        yield {"object": "list", "data": rows[start : start + _PAGE], "has_more": more, "url": url}


def _period(now: pd.DataFrame, months: Any) -> tuple[pd.Series, pd.Series]:
    """Give the period that runs at the end of the history, or that ran when the subscription ended."""
    until = now["ends_at"].where(now["status"] == "canceled", pd.Timestamp(END, tz="UTC"))
    days = pd.Series(pd.to_timedelta((months * 30.4375).round(), unit="D"))
    passed = ((until - now["term_start"]).clip(lower=pd.Timedelta(0)) // days).astype(float)
    start = now["term_start"] + passed * days
    return start, start + days


def _subscription(number: str) -> str:
    return f"sub_1{number:0>12}"


def _minor(amount: float, currency: str) -> int:
    return round(amount * (1 if currency in _NO_CENTS else 100))


def _utc(times: pd.Series) -> pd.Series:
    text: pd.Series = times.dt.strftime("%Y-%m-%d %H:%M:%S")
    return text.fillna("")
