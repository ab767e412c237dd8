"""Zendesk: organizations, users, tickets and ratings, as its API hands them out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.messy.company import Company

STRANGER = "370999000001"  # asks from a private address, for no organization
_STRANGER_MAIL = "ratlos@gmx.de"
_AGENT, _PAGE = 370_000_000_007, 1000
_CHANNELS = {"email": "email", "chat": "chat", "phone": "voice"}


def write_zendesk(folder: Path, company: Company) -> None:
    """Write one file per list, in pages."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in {
        "organizations": list(organizations(company)),
        "users": list(users(company)),
        "tickets": list(tickets(company)),
        "satisfaction_ratings": list(ratings(company)),
    }.items():
        with (folder / f"{name}.json").open("w", encoding="utf-8") as file:
            for page in _pages(name, rows):
                file.write(json.dumps(page, ensure_ascii=False, separators=(",", ":")) + "\n")


def organizations(company: Company) -> Iterator[dict[str, Any]]:
    """Give the organizations; every other one carries your own customer id, most of them a domain."""
    created = company.tables["accounts"].groupby("account_id")["valid_from"].min()
    for place, (key, one) in enumerate(company.accounts.iterrows()):
        yield {
            "id": int(one["zendesk"]),
            "url": f"https://holdfast.zendesk.com/api/v2/organizations/{one['zendesk']}.json",
            "name": one["name"],
            "shared_tickets": False,
            "shared_comments": False,
            "external_id": key if place % 2 else None,
            "created_at": _iso(created[key]),
            "updated_at": _iso(created[key]),
            "domain_names": [one["domain"]] if place % 7 else [],
            "details": "",
            "tags": [],
            "organization_fields": {},
        }


def users(company: Company) -> Iterator[dict[str, Any]]:
    """Give those who wrote tickets, one of ours, and one whom nobody knows."""
    known = company.accounts
    wrote = company.people.loc[company.people.index.isin(company.tables["tickets"]["person_id"])]
    first = company.tables["tickets"].groupby("person_id")["opened_at"].min()
    yield _user(str(_AGENT), "Sam Support", "sam@support.holdfast.example", "agent", None, "2023-01-09T08:00:00Z")
    for key, one in wrote.iterrows():
        organization = int(known.at[one["account_id"], "zendesk"]) if one["place"] % 9 else None
        name = f"{one['first']} {one['last']}"
        yield _user(one["zendesk"], name, one["email"], "end-user", organization, _iso(first[key]))
    yield _user(STRANGER, "Ratlos", _STRANGER_MAIL, "end-user", None, "2025-02-03T10:00:00Z")


def _user(key: str, name: str, email: str, role: str, organization: int | None, created: str) -> dict[str, Any]:
    return {
        "id": int(key), "url": f"https://holdfast.zendesk.com/api/v2/users/{key}.json", "name": name, "email": email,
        "created_at": created, "updated_at": created, "time_zone": "Berlin", "role": role, "active": True,
        "organization_id": organization, "external_id": None, "tags": [], "suspended": False,
    }  # fmt: skip


def tickets(company: Company) -> Iterator[dict[str, Any]]:
    """Give the tickets as they stand today; some without an organization, one solved before it was opened."""
    rows = company.last("tickets").sort_values("opened_at", kind="stable")
    early = rows.index[rows["solved_at"].notna()][10]
    for place, row in enumerate(rows.itertuples()):
        person = company.people.loc[row.person_id]
        organization = (
            int(company.accounts.at[row.account_id, "zendesk"]) if place % 40 and person["place"] % 9 else None
        )
        done = pd.notna(row.solved_at)
        solved = row.opened_at - pd.Timedelta(hours=3) if row.Index == early else row.solved_at
        yield _ticket(
            100 + place,
            row,
            int(person["zendesk"]),
            organization,
            ("closed" if place % 2 else "solved") if done else "open",
            _iso(solved) if done else None,
        )
    opened = pd.Timestamp("2025-02-03T10:00:00Z")
    stray = rows.iloc[0].to_dict() | {
        "opened_at": opened,
        "first_reply_at": pd.NaT,
        "solved_at": pd.NaT,
        "satisfaction": None,
    }
    yield _ticket(100 + len(rows), pd.Series(stray), int(STRANGER), None, "open", None)


def _ticket(
    key: int, row: Any, requester: int, organization: int | None, status: str, solved: str | None
) -> dict[str, Any]:
    answered = pd.notna(row.first_reply_at)
    last = max(one for one in (row.opened_at, row.first_reply_at, row.solved_at) if pd.notna(one))
    minutes = round((row.first_reply_at - row.opened_at).total_seconds() / 60) if answered else None
    score = "offered" if pd.isna(row.satisfaction) else "good" if row.satisfaction else "bad"
    return {
        "id": key,
        "url": f"https://holdfast.zendesk.com/api/v2/tickets/{key}.json",
        "external_id": None,
        "via": {"channel": _CHANNELS[row.channel], "source": {"from": {}, "to": {}, "rel": None}},
        "created_at": _iso(row.opened_at),
        "updated_at": _iso(last),
        "generated_timestamp": int(last.timestamp()) + 1,
        "type": "question",
        "subject": row.subject,
        "description": row.body,
        "priority": row.priority,
        "status": status,
        "requester_id": requester,
        "submitter_id": requester,
        "assignee_id": _AGENT,
        "organization_id": organization,
        "tags": [row.category],
        "satisfaction_rating": {"score": score},
        "metric_set": {
            "reopens": int(row.reopens),
            "replies": 1 if answered else 0,
            "reply_time_in_minutes": {"calendar": minutes, "business": minutes},
            "solved_at": solved,
        },
    }


def ratings(company: Company) -> Iterator[dict[str, Any]]:
    """Give the ratings, which say when they were given."""
    rows = company.last("tickets").sort_values("opened_at", kind="stable").reset_index(drop=True)
    for place, row in rows[rows["satisfaction"].notna()].iterrows():
        yield {
            "id": 62_000 + int(str(place)),
            "ticket_id": 100 + int(str(place)),
            "requester_id": int(company.people.at[row["person_id"], "zendesk"]),
            "score": "good" if row["satisfaction"] else "bad",
            "comment": None,
            "created_at": _iso(row["satisfaction_at"]),
            "updated_at": _iso(row["satisfaction_at"]),
        }


def _pages(name: str, rows: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for start in range(0, len(rows), _PAGE):
        more = start + _PAGE < len(rows)
        url = f"https://holdfast.zendesk.com/api/v2/{name}.json?page={start // _PAGE + 2}" if more else None
        yield {name: rows[start : start + _PAGE], "next_page": url, "previous_page": None, "count": len(rows)}


def _iso(time: pd.Timestamp) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
