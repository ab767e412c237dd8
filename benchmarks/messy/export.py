"""All exports of the company together, and the truth about whose every key is."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks.messy import hubspot, lost, product, stripe, zendesk
from benchmarks.messy.company import Company, draw
from benchmarks.messy.hubspot import write_hubspot
from benchmarks.messy.lost import write_lost
from benchmarks.messy.product import write_events
from benchmarks.messy.stripe import write_stripe
from benchmarks.messy.zendesk import write_zendesk


def write_messy(folder: Path, company: Company | None = None) -> list[Path]:
    """Write every export to a folder; give what was written. The truth is written nowhere."""
    company = company or draw()
    folder.mkdir(parents=True, exist_ok=True)
    write_stripe(folder / "stripe", company)
    write_hubspot(folder / "hubspot", company)
    write_zendesk(folder / "zendesk", company)
    write_events(folder / "events", company)
    write_lost(folder / "Kündigungen.xlsx", company)
    return sorted(path for path in folder.rglob("*") if path.is_file())


def truth(company: Company) -> pd.DataFrame:
    """Tell whose every key is.

    Returns
    -------
    pandas.DataFrame
        ``system, kind, key, account_id``; the last is missing for keys that were planted to lead nowhere.
    """
    known, people = company.accounts, company.people
    twin = company.stayed[2]
    wrote, used = (people.index.isin(company.tables[name]["person_id"]) for name in ("tickets", "usage"))
    parts = [
        _keys(system, "account", known[system], pd.Series(known.index, known.index))
        for system in ("hubspot", "stripe", "zendesk")
    ]
    parts += [
        _keys("hubspot", "person", hubspot.contacts(company)["Record ID"], people.set_index("hubspot")["account_id"]),
        _keys("zendesk", "person", people.loc[wrote, "zendesk"], people.set_index("zendesk")["account_id"]),
        _keys("events", "person", people.loc[used, "email"], people.set_index("email")["account_id"]),
        pd.DataFrame(
            [("hubspot", "account", hubspot.TWIN, twin), ("stripe", "account", stripe.STRANGER, None)]
            + [("zendesk", "person", zendesk.STRANGER, None)]
            + [("events", "person", who, None) for who in product.STRANGERS]
            + [("lost", "account", line.kunde.strip(), line.account_id) for line in lost.lines(company)],
            columns=["system", "kind", "key", "account_id"],
        ),
    ]
    return pd.concat(parts, ignore_index=True).drop_duplicates(["system", "kind", "key"])


def _keys(system: str, kind: str, keys: pd.Series, accounts: pd.Series) -> pd.DataFrame:
    """Pair keys with accounts; accounts are found by the key, or lie beside it."""
    found = keys.map(accounts) if kind == "person" else accounts
    return pd.DataFrame({"system": system, "kind": kind, "key": keys.to_numpy(), "account_id": found.to_numpy()})
