"""Stripe, as a declaration for dlt's ``rest_api`` source.

The lists of Stripe have no filter by change. So customers and subscriptions are read whole each time; invoices from 90
days before the last pull on, and every older one that was neither paid nor void by its id; events as they come.

What the interface cannot give: states that were overwritten before the first pull and are older than the 30 days for
which events are kept; states that came and went between two pulls, but in the events; that a customer or a draft was
deleted (its last state stays, the event tells it); a credit note on an invoice that was paid more than 90 days ago;
more than the first lines of an invoice or items of a subscription (finding HF066). Links that open an invoice without a
password, new in every answer, are left out. The version of the interface is pinned, so that columns do not move.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from holdfast.features.pull.service import Reach, Service, Unsettled

_LAG = timedelta(days=90)
_TYPES = ("customer.created", "customer.updated", "customer.deleted", "customer.subscription.*", "invoice.*")


def _config(address: str, given: Mapping[str, str], reach: Reach, unsettled: Sequence[str]) -> dict[str, Any]:
    import dlt

    older = dlt.resource([[{"id": one} for one in unsettled]], name="unsettled", selected=False)
    events = {"created[gte]": reach.since("events", timedelta(days=1)), "types[]": [*_TYPES]}
    one_by_one = {
        "path": "invoices/{resources.unsettled.id}",
        "paginator": "single_page",
        "data_selector": "$",
        "params": {"limit": None},
        "response_actions": [{"status_code": 404, "action": "ignore"}],
    }
    return {
        "client": {
            "base_url": f"{address}/v1",
            "headers": {"Stripe-Version": "2024-06-20"},
            "auth": {"type": "bearer", "token": given["HOLDFAST_STRIPE_KEY"]},
            "paginator": {
                "type": "cursor",
                "cursor_path": "data[-1].id",
                "cursor_param": "starting_after",
                "has_more_path": "has_more",
            },
        },
        "resource_defaults": {"endpoint": {"data_selector": "data", "params": {"limit": 100}}},
        "resources": [
            {"name": "customers", "endpoint": {"path": "customers"}},
            {"name": "subscriptions", "endpoint": {"path": "subscriptions", "params": {"status": "all"}}},
            {"name": "invoices", "endpoint": {"params": {"created[gte]": reach.since("invoices", _LAG)}}},
            older,
            {"name": "older_invoices", "table_name": "invoices", "endpoint": one_by_one},
            {"name": "events", "endpoint": {"params": events}},
        ],
    }


STRIPE = Service(
    name="stripe",
    secrets=("HOLDFAST_STRIPE_KEY",),
    help="HOLDFAST_STRIPE_KEY must be a key that may read customers, subscriptions, invoices and events",
    base_url=lambda: "https://api.stripe.com",
    config=_config,
    left_out=("hosted_invoice_url", "invoice_pdf"),
    unsettled=Unsettled("invoices", ("draft", "open", "uncollectible"), _LAG),
    kept=timedelta(days=30),
)
