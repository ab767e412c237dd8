"""Tables that no vendor made: proposed from the names of their columns, and written as an adapter like any other."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from holdfast.features.history.tables import TABLES, Column, Table
from holdfast.features.landed.files import RawTable, literal, quoted
from holdfast.features.mapping.adapter import shipped
from holdfast.features.mapping.mapfile import toml
from holdfast.features.mapping.own_output import is_own_field
from holdfast.features.mapping.paths import plain, spellings
from holdfast.features.mapping.recognise import LISTED, bare_name, lies_with

MAIL, WEBSITE = "mail", "website"  # no canonical columns: they help to find the account
OVERWRITTEN = {"accounts": ("lifecycle",), "subscriptions": ("status",)}
_NAMED, _FEWEST = 3, 0.3
_OBJECT = "rows"
_WORDS = {
    "status": {
        "active": ("active", "aktiv", "live", "current", "laufend"),
        "trialing": ("trialing", "trial", "test", "testphase"),
        "canceled": ("canceled", "cancelled", "churned", "expired", "ended", "gekündigt", "beendet", "abgelaufen"),
        "paused": ("paused", "pausiert", "on hold"),
        "past_due": ("past_due", "past due", "overdue", "überfällig"),
    }
}


@dataclass(frozen=True)
class Proposal:
    """What a table may be read as.

    Attributes
    ----------
    columns
        By canonical column (or `MAIL`, `WEBSITE`) the landed one.
    named
        Whether the name of the table says so too.
    left
        Columns that look canonical and are left out, with why.
    once
        Whether rows that are alike in everything are one: events timed to the second that came twice.
    """

    table: RawTable
    canonical: str
    columns: Mapping[str, str]
    ground: str
    named: bool
    left: Mapping[str, str]
    once: bool = False


@cache
def _spelled() -> Mapping[str, Mapping[str, Any]]:
    text = (files("holdfast.features.mapping") / "spellings.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def propose(table: RawTable) -> Proposal | None:
    """Propose the canonical table that a landed table fits best, or none.

    A column that is overwritten without a date (a status, a lifecycle) is told; it counts from the first capture on.
    """
    fits = [fit for name in _spelled() if (fit := _fit(table, name)) is not None]
    if not fits:
        return None
    _, proposal = max(fits, key=lambda one: (one[0], one[1].canonical))
    return proposal


def _fit(table: RawTable, canonical: str) -> tuple[float, Proposal] | None:
    said = _spelled()[canonical]
    columns = _found(table, canonical, said["columns"])
    if not all(any(name in columns for name in needed) for needed in said["needs"]):
        return None
    named = bare_name(table.stem, "holdfast") in {canonical, *map(plain, said["names"])} or any(
        len(word) > 4 and plain(word) in plain(table.stem) for word in said["names"]
    )
    if (
        not named
        and LISTED.issuperset(map(plain, columns.values()))
        and any(lies_with(table, vendor) for vendor in shipped())
    ):
        return None  # a vendor has many lists of things that have a name
    theirs = [name for name in table.columns if not is_own_field(name)]
    explained = len(columns) / max(len(theirs), 1)
    if not named and explained < _FEWEST:
        return None
    left = _overwritten(canonical, columns)
    ground = f"{len(columns)} of {len(theirs)} columns read like {canonical}" + ", named so" * named
    return _NAMED * named + explained + len(columns) / 10, Proposal(table, canonical, columns, ground, named, left)


def _found(table: RawTable, canonical: str, spelled: Mapping[str, list[str]]) -> dict[str, str]:
    landed = spellings([name for name in table.columns if not is_own_field(name)])
    found: dict[str, str] = {}
    for name in dict.fromkeys([*TABLES[canonical].columns, *spelled]):
        for spelling in (name, *spelled.get(name, ())):
            column = landed.get(plain(spelling))
            if column is not None and column not in found.values():
                found[name] = column
                break
    return found


def _overwritten(canonical: str, columns: Mapping[str, str]) -> dict[str, str]:
    if "valid_from" in columns and "known_at" in columns:
        return {}
    why = "it is overwritten without a date, so that nobody can say what it held in the past"
    return {columns[name]: why for name in OVERWRITTEN.get(canonical, ()) if name in columns}


def adapter_text(proposal: Proposal) -> str:
    """Write the adapter of a proposal: its objects in TOML, its SELECT, and who is who."""
    return "\n".join([*_head(proposal), *_select(proposal), *_identities(proposal)]) + "\n"


def _kind(canonical: str, name: str) -> str:
    column = TABLES[canonical].columns.get(name)
    return "text" if column is None else column.kind


def _head(proposal: Proposal) -> Iterator[str]:
    yield "/*"
    yield f"title = {_toml(proposal.table.name)}"
    yield 'keeps = "what it says"'
    yield 'loses = "what was overwritten"'
    yield f"[objects.{_OBJECT}]"
    yield f"names = [{_toml(proposal.table.stem)}]"
    yield f"needs = [{', '.join(map(_toml, proposal.columns))}]"
    if _versioned(proposal):
        yield f"key = [{', '.join(map(_toml, _key(proposal)))}]"
    for name, column in proposal.columns.items():
        yield f"{_kind(proposal.canonical, name)}.{name} = [{_toml(column)}]"
    yield "*/"


def _toml(text: str) -> str:
    return toml(text).replace("*/", "*\\u002f")  # the end of a comment in SQL


def _versioned(proposal: Proposal) -> bool:
    """Tell a state whose rows can be told apart, and that is not dated by itself: versions of it may be captured."""
    table = TABLES[proposal.canonical]
    return table.shape == "state" and set(table.entity) <= set(proposal.columns) and "known_at" not in proposal.columns


def _key(proposal: Proposal) -> list[str]:
    dated = ["valid_from"] if "valid_from" in proposal.columns else []
    return [*TABLES[proposal.canonical].entity, *dated]


def _select(proposal: Proposal) -> Iterator[str]:
    table = TABLES[proposal.canonical]
    yield f"-- table: {proposal.canonical}"
    names = [name for name in proposal.columns if name in table.columns]
    if not _versioned(proposal):
        yield from _rows(proposal, [_column(table, table.columns[name]) for name in names], "")
        return
    lost = OVERWRITTEN.get(proposal.canonical, ())
    key = ", ".join(_key(proposal))
    yield "-- what was there from the start, without what is overwritten"
    yield from _rows(
        proposal,
        [_column(table, table.columns[name]) for name in names if name not in lost],
        f"QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY _from NULLS FIRST, _seen) = 1",
    )
    yield "UNION ALL BY NAME"
    yield "-- what was captured since, whole"
    known = ["_from AS known_at", "'history' AS known_basis", "_deleted AS deleted"]
    since = [] if "valid_from" in names else ["_from AS valid_from"]
    own = [_column(table, table.columns[name]) for name in names]
    yield from _rows(proposal, [*own, *since, *known], "AND _from IS NOT NULL")


def _rows(proposal: Proposal, columns: Sequence[str], rest: str) -> Iterator[str]:
    table, lines = TABLES[proposal.canonical], list(columns)
    if table.name == "usage" and "kind" not in proposal.columns:
        lines.append("kinds.kind" if "event" in proposal.columns else "'feature' AS kind")
    if MAIL in proposal.columns and "person_id" not in table.columns:
        lines.append(f"{MAIL} AS _email")
    if "person_id" not in proposal.columns and MAIL in proposal.columns and "person_id" in table.columns:
        lines.append(f"{MAIL} AS person_id")
    if proposal.once:
        lines.append("count(*) AS _copies")
    yield "SELECT"
    yield ",\n".join(f"  {line}" for line in lines)
    yield f"FROM {_OBJECT}"
    if "kinds.kind" in lines:
        yield f"LEFT JOIN (SELECT event, usage_kind(event) AS kind FROM {_OBJECT} GROUP BY event) kinds USING (event)"
    yield f"WHERE {_there(proposal)} {rest}".rstrip()
    if proposal.once:
        yield "GROUP BY ALL"


def _there(proposal: Proposal) -> str:
    """Leave out rows that are empty but for decoration, such as a sum at the foot of a sheet."""
    who = [name for name in ("account_id", "person_id", MAIL) if name in proposal.columns]
    return f"coalesce({', '.join([*who, 'NULL'])}) IS NOT NULL"


def _mail(proposal: Proposal) -> str | None:
    if MAIL in proposal.columns:
        return MAIL
    if "person_id" in proposal.columns:
        return "CASE WHEN person_id LIKE '%_@_%._%' THEN person_id END"
    return None


def _column(table: Table, column: Column) -> str:
    name = quoted(column.name)
    if column.name == "satisfaction":
        return f"rating_share({name}, max({name}) OVER ()) AS {name}"
    if column.name == "known_at" and table.name == "touchpoints":  # a meeting in the calendar has not been held
        return "CASE WHEN known_at < occurred_at THEN occurred_at ELSE known_at END AS known_at"
    if not column.words:
        return name
    return (
        f"CASE {' '.join(_words(table, column))} ELSE {name} END AS {name}"  # any other word is counted when it is run
    )


def _words(table: Table, column: Column) -> Iterator[str]:
    said = _WORDS.get(column.name, {}) if table.name == "subscriptions" else {}
    for word in column.words:
        listed = ", ".join(literal(one) for one in dict.fromkeys((word, *said.get(word, ()))))
        yield f"WHEN lower(trim({quoted(column.name)})) IN ({listed}) THEN {literal(word)}"


def _identities(proposal: Proposal) -> Iterator[str]:
    columns = proposal.columns
    yield "-- table: identities"
    selects = []
    if "account_id" in columns:
        site = f"site_domain({WEBSITE})" if WEBSITE in columns else "NULL"
        name = "name" if "name" in columns else "account_id"
        selects.append(
            f"SELECT DISTINCT 'account' AS kind, account_id AS source_key, NULL AS account_key, {site} AS domain,"
            f" NULL AS email, {name} AS name FROM {_OBJECT} WHERE account_id IS NOT NULL"
        )
    person = "person_id" if "person_id" in columns else MAIL if MAIL in columns else None
    if person is not None and "person_id" in TABLES[proposal.canonical].columns:
        known = [name for name in (person, "account_id", MAIL) if name in columns]
        account = "account_id" if "account_id" in columns else "NULL"
        people = f"SELECT DISTINCT {', '.join(dict.fromkeys(known))} FROM {_OBJECT} WHERE {person} IS NOT NULL"
        selects.append(
            f"SELECT 'person' AS kind, {person} AS source_key, {account} AS account_key, NULL AS domain,"
            f" {_mail(proposal)} AS email, NULL AS name FROM ({people})"
        )
    yield "\nUNION ALL\n".join(selects)
