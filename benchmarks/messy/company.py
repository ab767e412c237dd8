"""The company behind the exports: some of the simulated accounts, with a domain, people and keys in every system."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from holdfast.features.simulate import simulate_frames

ACCOUNTS, MONTHS, EXITS = 300, 14, 25
END = "2026-01-01"
YEN, YEN_ACCOUNTS = 160, 3

_LEGAL = ("GmbH", "Inc", "Ltd", "SAS", "B.V.", "AG", "S.A.", "LLC", "Cie")
_CITIES = ("Berlin", "Leeds", "Lyon", "Graz", "Utrecht", "Boston", "Kiel", "Ulm", "Nantes", "Linz", "Bern", "Essen")
_FIRST = (
    "Anna", "Ben", "Clara", "David", "Emma", "Felix", "Greta", "Henrik", "Ida", "Jonas",
    "Klara", "Lukas", "Maja", "Nils", "Olga", "Paul", "Rosa", "Simon", "Tilda", "Viktor",
)  # fmt: skip
_LAST = (
    "Adler", "Brandt", "Cordes", "Dietz", "Ebert", "Franke", "Gruber", "Hansen", "Imhof", "Jansen",
    "Keller", "Lorenz", "Maurer", "Neumann", "Ott", "Pohl", "Richter", "Sander", "Thoma", "Wirth",
)  # fmt: skip


@dataclass(frozen=True)
class Company:
    """What all exports are drawn from.

    Attributes
    ----------
    tables
        The canonical tables of the simulator, as they were known at the end.
    accounts
        By account: ``name, domain, left`` and the keys ``hubspot, stripe, zendesk``.
    people
        By person: ``account_id, first, last, email, title, role, since`` and the keys ``hubspot, zendesk``.
    """

    tables: Mapping[str, pd.DataFrame]
    accounts: pd.DataFrame
    people: pd.DataFrame
    seed: int

    @cached_property
    def stayed(self) -> pd.Index:
        """The accounts that did not leave; whatever is spoilt on purpose is spoilt there."""
        return self.accounts.index[~self.accounts["left"]]

    def random(self, purpose: int) -> np.random.Generator:
        """Give the random numbers of one export."""
        return np.random.default_rng([self.seed, purpose])

    def last(self, table: str) -> pd.DataFrame:
        """Give what a system shows on the day of the export: the last version of every row."""
        key = {"accounts": "account_id", "subscriptions": "subscription_id", "deals": "deal_id"}.get(table, "source_id")
        return self.tables[table].sort_values("known_at", kind="stable").drop_duplicates(key, keep="last")


def draw(seed: int = 0, accounts: int = ACCOUNTS, months: int = MONTHS, exits: int = EXITS) -> Company:
    """Draw a company in which so many accounts left."""
    tables = selected(seed, accounts, months, exits)
    known = _accounts(tables)
    tables = _in_yen(tables, set(known.index[~known["left"]][:: max(len(known) // 5, 1)][:YEN_ACCOUNTS]))
    return Company(tables, known, _people(tables, known), seed)


def selected(
    seed: int = 0, accounts: int = ACCOUNTS, months: int = MONTHS, exits: int = EXITS
) -> dict[str, pd.DataFrame]:
    """Simulate a larger company and keep some of those that left, with as many that stayed as are wanted."""
    tables, _ = simulate_frames(accounts=2 * accounts, seed=seed, months=months, end=END)
    left = tables["churn"].sort_values("known_at")["account_id"]
    left = left.iloc[:: max(len(left) // exits, 1)].head(exits)
    stayed = tables["accounts"]["account_id"].drop_duplicates()
    stayed = stayed[~stayed.isin(tables["churn"]["account_id"])].head(accounts - len(left))
    kept = set(left) | set(stayed)
    return {name: frame[frame["account_id"].isin(kept)] for name, frame in tables.items()}


def bare(name: str) -> str:
    """Give a name without its legal form.

    Examples
    --------
    >>> bare("Greenport Foods B.V."), bare("NA")
    ('Greenport Foods', 'NA')
    """
    for form in _LEGAL:
        name = name.removesuffix(f" {form}")
    return name


def _accounts(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    latest = tables["accounts"].drop_duplicates("account_id", keep="last")
    known = latest.set_index("account_id").sort_index()[["name"]]
    known["name"] = _apart(list(known["name"]))
    known["domain"] = [_domain(name, place) for place, name in enumerate(known["name"])]
    known["left"] = known.index.isin(tables["churn"]["account_id"])
    place = range(len(known))
    known["hubspot"] = [str(9_014_000_000 + 7_919 * one) for one in place]
    known["stripe"] = [f"cus_{_letters(one)}" for one in place]
    known["zendesk"] = [str(360_001_200_000 + 613 * one) for one in place]
    return known


def _apart(names: list[str]) -> list[str]:
    """Tell companies of the same name apart by their city, as their contracts do."""
    seen: dict[str, int] = {}
    told = []
    for name in names:
        stem = bare(name)
        count = seen[stem.lower()] = seen.get(stem.lower(), -1) + 1
        city = f" {_CITIES[(count - 1) % len(_CITIES)]}" if count else ""
        told.append(stem + city + name[len(stem) :])
    return told


def _domain(name: str, place: int) -> str:
    plain = unicodedata.normalize("NFKD", bare(name)).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return f"{slug}.example" if len(slug) > 4 else f"firma{place}.example"


def _letters(number: int) -> str:
    """Give an id as billing systems make them.

    Examples
    --------
    >>> len({_letters(one) for one in range(1000)}), len(_letters(0))
    (1000, 14)
    """
    alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
    value, text = (number + 1) * 6_364_136_223_846_793_005 % 2**80, ""
    for _ in range(14):
        value, digit = divmod(value, len(alphabet))
        text += alphabet[digit]
    return text


def _people(tables: Mapping[str, pd.DataFrame], accounts: pd.DataFrame) -> pd.DataFrame:
    """Name everybody who has a role, used the product or wrote a ticket."""
    roles = tables["people"].drop_duplicates("person_id")
    rows = pd.concat(
        [
            roles.rename(columns={"valid_from": "since"}),
            tables["usage"].rename(columns={"occurred_at": "since"}).assign(role="user", title="Analyst"),
            tables["tickets"].rename(columns={"opened_at": "since"}).assign(role="user", title="Analyst"),
        ]
    )[["person_id", "account_id", "role", "title", "since"]].drop_duplicates("person_id")
    rows = rows.sort_values(["account_id", "person_id"], ignore_index=True)
    place = rows.groupby("account_id").cumcount().to_numpy()
    start = rows["account_id"].map({name: 7 * at for at, name in enumerate(accounts.index)}).to_numpy()
    rows["first"] = [_FIRST[one % len(_FIRST)] for one in place + start]
    rows["last"] = [
        _LAST[(one // len(_FIRST) + at) % len(_LAST)] + ("" if one < 400 else f"-{one // 400}")
        for one, at in zip(place, start, strict=True)
    ]
    domain = rows["account_id"].map(accounts["domain"])
    rows["email"] = rows["first"].str.lower() + "." + rows["last"].str.lower() + "@" + domain
    rows["place"] = place
    rows["hubspot"] = [str(51_000_000 + 17 * one) for one in range(len(rows))]
    rows["zendesk"] = [str(370_002_000_000 + 29 * one) for one in range(len(rows))]
    return _with_a_private_address(rows, accounts).set_index("person_id")


def _with_a_private_address(people: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """Let one contact of a customer that stayed write from a free mail provider."""
    who = people.index[people["account_id"] == accounts.index[~accounts["left"]][1]][0]
    people.loc[who, "email"] = f"{people.loc[who, 'first'].lower()}.{people.loc[who, 'last'].lower()}@gmail.com"
    return people


def _in_yen(tables: Mapping[str, pd.DataFrame], accounts: set[str]) -> dict[str, pd.DataFrame]:
    """Bill some accounts in a currency that has no smaller unit."""
    changed = dict(tables)
    for name, columns in {"subscriptions": ["mrr"], "invoices": ["amount", "amount_paid"], "deals": ["amount"]}.items():
        frame = tables[name].copy()
        there = frame["account_id"].isin(accounts)
        frame.loc[there, columns] = (frame.loc[there, columns] * YEN).round()
        frame.loc[there, "currency"] = "JPY"
        changed[name] = frame
    return changed
