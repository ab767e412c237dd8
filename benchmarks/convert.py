"""Readers of public data sets: one function per set, from its folder to canonical tables."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

Tables = dict[str, pd.DataFrame]

__all__ = ["Tables", "cdnow", "fightchurn", "online_retail", "ravenstack"]


def online_retail(folder: Path) -> Tables:
    """Read orders of a wholesaler.

    An order is an invoice, which carries its value; and a visit, written as a login, with one feature row per article
    (the feature is the article, the count its quantity). Returns are usage of another name, and no activity.
    """
    lines = pd.read_parquet(folder / "online_retail.parquet").drop_duplicates().dropna(subset=["CustomerID"])
    lines = lines.assign(
        account_id=lines["CustomerID"].astype("int64").astype(str), value=lines["Quantity"] * lines["UnitPrice"]
    )
    returned = lines["InvoiceNo"].str.startswith("C")
    bought = lines[~returned & (lines["Quantity"] > 0)]
    orders = bought.groupby("InvoiceNo", as_index=False).agg(
        account_id=("account_id", "first"), at=("InvoiceDate", "first"), amount=("value", "sum")
    )
    visits = _usage(orders["account_id"], orders["at"], "order", "order-" + orders["InvoiceNo"], kind="login")
    buyers = bought.groupby("account_id", as_index=False).agg(country=("Country", "first"))
    returns = _articles(lines[returned & lines["account_id"].isin(buyers["account_id"])], "return")
    return {
        "accounts": buyers,
        "invoices": _invoices(orders["account_id"], orders["at"], orders["InvoiceNo"], orders["amount"], "GBP"),
        "usage": pd.concat([visits, _articles(bought, "article"), returns], ignore_index=True),
    }


def cdnow(folder: Path) -> Tables:
    """Read purchases of compact discs: an invoice with its value, a visit, and the number of discs.

    A date alone is the day of the purchase; it belongs to the past of a cutoff at its midnight.
    """
    bought = pd.read_parquet(folder / "cdnow_master.parquet")
    account, number = bought["id"].astype(str), pd.Series(range(1, len(bought) + 1)).astype(str)
    discs = _usage(account, bought["date"], "disc", "discs-" + number, feature="disc", count=bought["n"])
    visits = _usage(account, bought["date"], "purchase", "purchase-" + number, kind="login")
    return {
        "accounts": pd.DataFrame({"account_id": account.unique()}),
        "invoices": _invoices(account, bought["date"], "P" + number, bought["amt"], "USD"),
        "usage": pd.concat([visits, discs], ignore_index=True),
    }


def fightchurn(folder: Path) -> Tables:
    """Read a simulated company of the fight-churn project: accounts, one subscription per product, daily usage.

    A billing period is a version of its subscription, known on its first day. Nothing says that it renews by itself, so
    its end without a successor is the exit. A day's usage is known on the next day.
    """
    accounts = pd.read_csv(folder / "accounts.csv", dtype={"account_id": str}, keep_default_na=False)
    periods = pd.read_csv(folder / "subscriptions.csv", dtype={"account_id": str})
    events = pd.read_parquet(folder / "events_daily.parquet", columns=["account_id", "date", "event_type", "n_events"])
    name = events["event_type"].astype(str)
    day = events["date"]
    number = pd.Series(range(len(events))).astype(str)
    return {
        "accounts": accounts.assign(valid_from=accounts["start_date"], segment=accounts["channel"])[
            ["account_id", "valid_from", "segment", "country"]
        ],
        "subscriptions": _periods(periods),
        "usage": _usage(
            events["account_id"].astype(str), day, name, number, feature=name, count=events["n_events"]
        ).assign(known_at=_utc(day + pd.Timedelta(days=1))),
    }


def ravenstack(folder: Path) -> Tables:
    """Read a synthetic company in five tables, as they are: its flags and its list of exits disagree.

    The list of exits rules. An account holds many subscriptions at once; one that ended gets a closing version.
    """

    def read(name: str) -> pd.DataFrame:
        return pd.read_csv(folder / f"ravenstack_{name}.csv")

    accounts, exits, tickets = read("accounts"), read("churn_events"), read("support_tickets")
    subscriptions, use = read("subscriptions"), read("feature_usage")
    again = use.groupby("usage_id").cumcount()
    use_id = use["usage_id"].where(again == 0, use["usage_id"] + "-" + (again + 1).astype(str))
    owner = use["subscription_id"].map(subscriptions.set_index("subscription_id")["account_id"])
    usage = _usage(
        owner, _german(use["usage_date"]), "feature_use", use_id, feature=use["feature_name"], count=use["usage_count"]
    )
    return {
        "accounts": pd.DataFrame(
            {
                "account_id": accounts["account_id"],
                "valid_from": _utc(_german(accounts["signup_date"])),
                "name": accounts["account_name"],
                "segment": accounts["plan_tier"],
                "industry": accounts["industry"],
                "country": accounts["country"],
            }
        ),
        "subscriptions": _ravenstack_subscriptions(subscriptions),
        "usage": usage.assign(advanced=use["is_beta_feature"], duration_min=use["usage_duration_secs"] / 60),
        "tickets": _ravenstack_tickets(tickets),
        "churn": pd.DataFrame(
            {
                "account_id": exits["account_id"],
                "source_id": exits["churn_event_id"],
                "notice_at": _utc(_german(exits["churn_date"])),
                "reason": exits["reason_code"],
            }
        ),
    }


def _ravenstack_subscriptions(rows: pd.DataFrame) -> pd.DataFrame:
    start, end = _german(rows["start_date"]), _german(rows["end_date"])
    opened = pd.DataFrame(
        {
            "account_id": rows["account_id"],
            "subscription_id": rows["subscription_id"],
            "valid_from": _utc(start),
            "status": rows["is_trial"].map({True: "trialing", False: "active"}),
            "plan": rows["plan_tier"],
            "mrr": rows["mrr_amount"].astype(float),
            "currency": "USD",
            "seats": rows["seats"],
            "billing_months": rows["billing_frequency"].map({"monthly": 1, "annual": 12}),
            "auto_renew": rows["auto_renew_flag"],
        }
    )
    closed = opened.assign(valid_from=_utc(end.where(end > start, start + pd.Timedelta(days=1))), status="canceled")
    return pd.concat([opened, closed[end.notna()]], ignore_index=True)


def _ravenstack_tickets(rows: pd.DataFrame) -> pd.DataFrame:
    opened, closed = _german(rows["submitted_at"]), _german(rows["closed_at"])
    rated = rows["satisfaction_score"].notna()
    return pd.DataFrame(
        {
            "account_id": rows["account_id"],
            "ticket_id": rows["ticket_id"],
            "opened_at": _utc(opened),
            "first_reply_at": _utc(opened + pd.to_timedelta(rows["first_response_time_minutes"], unit="min")),
            "solved_at": _utc(closed),
            "priority": rows["priority"],
            "category": rows["escalation_flag"].map({True: "escalation", False: "request"}),
            "satisfaction": (rows["satisfaction_score"] - 1) / 4,
            "satisfaction_at": _utc(closed.where(rated)),
        }
    )


def _periods(rows: pd.DataFrame) -> pd.DataFrame:
    begins, ends = _utc(pd.to_datetime(rows["start_date"])), _utc(pd.to_datetime(rows["end_date"]))
    seats = rows["quantity"].where(rows["units"] == "users")
    return pd.DataFrame(
        {
            "account_id": rows["account_id"],
            "subscription_id": rows["account_id"] + "/" + rows["product"],
            "valid_from": begins,
            "valid_to": ends,
            "known_at": begins,
            "known_basis": "created",
            "status": "active",
            "plan": rows["product"],
            "mrr": rows["mrr"],
            "currency": "USD",
            "billing_months": rows["bill_period_months"],
            "term_start": begins,
            "term_end": ends,
            "term_months": rows["bill_period_months"],
            "notice_days": 0,
        }
        | ({"seats": seats} if seats.notna().any() else {})
    )


def _articles(lines: pd.DataFrame, event: str) -> pd.DataFrame:
    each = lines.groupby(["InvoiceNo", "StockCode"], as_index=False).agg(
        account_id=("account_id", "first"), at=("InvoiceDate", "first"), count=("Quantity", "sum")
    )
    number = event + "-" + each["InvoiceNo"] + "-" + each["StockCode"]
    return _usage(each["account_id"], each["at"], event, number, feature=each["StockCode"], count=each["count"].abs())


def _usage(
    account: pd.Series,
    at: pd.Series,
    event: pd.Series | str,
    source_id: pd.Series,
    *,
    kind: str = "feature",
    feature: pd.Series | str | None = None,
    count: pd.Series | float = 1.0,
) -> pd.DataFrame:
    columns = {
        "source": "usage", "source_id": source_id.to_numpy(), "account_id": account.to_numpy(),
        "known_at": _utc(at).array, "known_basis": "event", "occurred_at": _utc(at).array, "event": event,
        "kind": kind, "feature": feature, "count": count,
    }  # fmt: skip
    plain = {name: one.to_numpy() if isinstance(one, pd.Series) else one for name, one in columns.items()}
    return pd.DataFrame(plain).astype({"event": "str", "feature": "str", "count": "float64"})


def _invoices(account: pd.Series, at: pd.Series, number: pd.Series, amount: pd.Series, currency: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "account_id": account, "invoice_id": number, "issued_at": _utc(at), "known_at": _utc(at),
            "known_basis": "event", "amount": amount, "currency": currency,
        }
    )  # fmt: skip


def _german(dates: pd.Series) -> pd.Series:
    """Read DD-MM-YYYY, with or without HH:MM."""
    return pd.to_datetime(dates.str.slice(0, 10), format="%d-%m-%Y") + pd.to_timedelta(
        dates.str.slice(11).where(dates.str.len() > 10, "00:00") + ":00"
    )


def _utc(times: pd.Series) -> pd.Series:
    instants: pd.Series = times.dt.tz_localize("UTC").dt.as_unit("us")
    return instants
