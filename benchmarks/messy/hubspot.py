"""HubSpot: what its pages export as CSV, in the time zone of the portal; the deals went through a German Excel."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks.messy.company import Company, bare

ZONE = "Europe/Berlin"
TWIN = "9099000001"  # a customer that was entered a second time
_IN_EXCEL = {"sep": ";", "decimal": ",", "encoding": "cp1252", "errors": "replace", "lineterminator": "\r\n"}
_ROLES = {"exec_sponsor": "Executive Sponsor", "champion": "Champion"}
_OUTCOMES = {"held": "Completed", "no_show": "No Show", "cancelled": "Canceled", "scheduled": "Scheduled"}
_DEALS = {"renewal": "Renewal", "expansion": "Expansion", "new": "New", "contraction": "Downgrade"}


def write_hubspot(folder: Path, company: Company) -> None:
    """Write companies, contacts, deals, meetings and calls."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in {
        "companies": companies(company),
        "contacts": contacts(company),
        "meetings": meetings(company),
        "calls": calls(company),
    }.items():
        frame.to_csv(folder / f"{name}.csv", index=False, encoding="utf-8-sig")
    deals(company).to_csv(folder / "deals.csv", index=False, **_IN_EXCEL)


def without_domain(company: Company) -> pd.Index:
    """Name the accounts whose company record has no domain."""
    return company.stayed[5::37]


def companies(company: Company) -> pd.DataFrame:
    """Give the companies; some without a domain or the own customer id, one of them twice."""
    known, now = company.accounts, company.last("accounts").set_index("account_id").reindex(company.accounts.index)
    created = company.tables["accounts"].groupby("account_id")["valid_from"].min().reindex(known.index)
    numbered = pd.Series(range(len(known)), known.index) % 5 > 0
    frame = pd.DataFrame(
        {
            "Record ID": known["hubspot"],
            "Company name": known["name"],
            "Company Domain Name": known["domain"].where(~known.index.isin(without_domain(company)), ""),
            "Company owner": now["owner"],
            "Create Date": _local(created),
            "Last Modified Date": _local(now["known_at"]),
            "Country/Region": now["country"],
            "Industry": now["industry"],
            "Number of Employees": now["employees"],
            "Lifecycle Stage": known["left"].map({True: "Former customer", False: "Customer"}),
            "Customer tier": now["segment"],
            "Customer ID": pd.Series(known.index, known.index).where(numbered, ""),
        }
    )
    twin = frame.loc[[company.stayed[2]]].assign(**{"Record ID": TWIN, "Company Domain Name": "", "Customer ID": ""})
    twin["Company name"] = twin["Company name"].map(bare)
    return pd.concat([frame, twin], ignore_index=True)


def contacts(company: Company) -> pd.DataFrame:
    """Give the contacts: sponsors, champions, and a few users of each customer."""
    people = company.people[company.people["role"].isin(list(_ROLES)) | (company.people["place"] < 3)]
    known = company.accounts.loc[people["account_id"]]
    shouted = pd.Series(range(len(people)), people.index) % 11 == 4
    return pd.DataFrame(
        {
            "Record ID": people["hubspot"].to_numpy(),
            "First Name": people["first"].to_numpy(),
            "Last Name": people["last"].to_numpy(),
            "Email": people["email"].where(~shouted, people["email"].str.upper()).to_numpy(),
            "Job Title": people["title"].to_numpy(),
            "Buying Role": people["role"].map(_ROLES).fillna("").to_numpy(),
            "Create Date": _local(people["since"]).to_numpy(),
            "Associated Company": known["name"].to_numpy(),
            "Associated Company IDs (Primary)": known["hubspot"].to_numpy(),
        }
    )


def deals(company: Company) -> pd.DataFrame:
    """Give the deals as they stand today."""
    now = company.last("deals").reset_index(drop=True)
    known = company.accounts.loc[now["account_id"]].reset_index(drop=True)
    opened = now["deal_id"].map(company.tables["deals"].groupby("deal_id")["known_at"].min())
    kind = now["kind"].map(_DEALS)
    business = {"New": "New Business", "Downgrade": "Downgrade"}
    return pd.DataFrame(
        {
            "Record ID": [str(30_000_000_000 + int(one[1:])) for one in now["deal_id"]],
            "Deal Name": kind + " " + known["name"],
            "Deal Stage": now["stage"].str.title(),
            "Pipeline": kind.eq("Renewal").map({True: "Renewals", False: "Sales Pipeline"}),
            "Deal Type": kind.map(business).fillna("Existing Business"),
            "Amount": now["amount"],
            "Currency": now["currency"],
            "Deal probability": now["probability"],
            "Close Date": now["close_date"].dt.strftime("%d.%m.%Y"),
            "Create Date": opened.dt.tz_convert(ZONE).dt.strftime("%d.%m.%Y %H:%M"),
            "Last Modified Date": now["known_at"].dt.tz_convert(ZONE).dt.strftime("%d.%m.%Y %H:%M"),
            "Associated Company": known["name"],
            "Associated Company IDs (Primary)": known["hubspot"],
        }
    )


def meetings(company: Company) -> pd.DataFrame:
    """Give the reviews, most of them written down days later."""
    rows = company.last("touchpoints")
    rows = rows[rows["kind"] == "review"].reset_index(drop=True)
    known = company.accounts.loc[rows["account_id"]].reset_index(drop=True)
    return pd.DataFrame(
        {
            "Record ID": [str(71_000_000 + one) for one in range(len(rows))],
            "Meeting name": "QBR " + known["name"],
            "Meeting start time": _local(rows["scheduled_at"]),
            "Meeting end time": _local(rows["scheduled_at"] + pd.Timedelta(minutes=45)),
            "Meeting outcome": rows["status"].map(_OUTCOMES),
            "Create Date": _local(rows["known_at"]),
            "Last Modified Date": _local(rows["known_at"]),
            "Associated Company IDs": known["hubspot"],
        }
    )


def calls(company: Company) -> pd.DataFrame:
    """Give the calls."""
    rows = company.last("touchpoints")
    rows = rows[rows["kind"].isin(["call", "expansion"])].reset_index(drop=True)
    known = company.accounts.loc[rows["account_id"]].reset_index(drop=True)
    return pd.DataFrame(
        {
            "Record ID": [str(72_000_000 + one) for one in range(len(rows))],
            "Call title": "Call with " + known["name"],
            "Call outcome": "Connected",
            "Call direction": "INBOUND",
            "Call duration": 600_000,
            "Activity date": _local(rows["occurred_at"]),
            "Create Date": _local(rows["known_at"]),
            "Associated Company IDs": known["hubspot"],
        }
    )


def _local(times: pd.Series) -> pd.Series:
    text: pd.Series = times.dt.tz_convert(ZONE).dt.strftime("%Y-%m-%d %H:%M")
    return text.fillna("")
